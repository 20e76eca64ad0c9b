"""A web server that a test holds up: beside its directory,

../hold-start  it listens only when that file is gone
../hold-stop   asked to end, it ends only when that file is gone

GET / says what it was given. With MESSAGE=broken it writes why and ends with 3.
"""

import http.server
import json
import os
import signal
import sys
import threading
import time


def while_there(name):
    while os.path.exists(os.path.join("..", name)):
        time.sleep(0.02)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({name: os.environ[name] for name in ("MESSAGE", "KEY")}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if os.environ["MESSAGE"] == "broken":
    print("no such luck: the message is broken", file=sys.stderr, flush=True)
    sys.exit(3)
while_there("hold-start")
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)


def stop(*_):
    def end():
        while_there("hold-stop")
        server.shutdown()

    threading.Thread(target=end).start()


signal.signal(signal.SIGTERM, stop)
server.serve_forever()

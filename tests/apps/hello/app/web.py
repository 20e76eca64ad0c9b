"""A small web server that says who it is, for whole-system tests.

GET /         who answers: its pid, its port and its MESSAGE
GET /slow     the same, after a fifth of a second
GET /healthz  200

On SIGTERM it finishes what it has begun and ends with 0.
"""

import http.server
import json
import os
import signal
import sys
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(0.2)
        body = json.dumps(
            {
                "pid": os.getpid(),
                "port": os.environ["PORT"],
                "message": os.environ.get("MESSAGE", ""),
            }
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if stopping.is_set():
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *args):
        print(form % args, flush=True)


stopping = threading.Event()
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.daemon_threads = False


def stop(*_):
    stopping.set()
    threading.Thread(target=server.shutdown).start()


signal.signal(signal.SIGTERM, stop)
print("listening on", os.environ["PORT"], flush=True)
server.serve_forever()
server.server_close()
print("stopped", flush=True)
sys.exit(0)

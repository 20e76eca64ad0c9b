"""The API: answers GET /api/greeting.

It listens where HOST and PORT say, takes its settings from its environment, and ends well when it is told
to: on SIGTERM it takes no new request, finishes those it has and ends with 0.
"""

import http.server
import json
import os
import signal
import threading


class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/api/greeting":
            self.answer(200, {"greeting": os.environ["GREETING"], "copy": os.getpid()})
        elif self.path == "/healthz":
            self.answer(200, {})
        else:
            self.answer(404, {"error": f"there is nothing at {self.path}"})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, text, *values):
        if self.path != "/healthz":
            print(text % values, flush=True)


server = http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Api)
server.daemon_threads = False  # What was begun is finished.
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"listening on port {server.server_port}", flush=True)
server.serve_forever()
server.server_close()

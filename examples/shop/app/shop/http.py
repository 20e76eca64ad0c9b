"""An HTTP server on the standard library that can be replaced without dropping a request.

When it is told to stop it
1. says so: probes are answered 503, and every answer carries `Connection: close`;
2. takes in the connections that the kernel has already accepted, then closes the door;
3. finishes the requests under way, waits a moment for a last one on each open connection, and closes it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import select
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, NamedTuple
from urllib.parse import urlsplit

log = logging.getLogger("shop")

IDLE_SECONDS = 120  # an open connection without a request; longer than proxies keep them
LAST_WORD_SECONDS = 0.25  # for a request that was sent while we began to stop
DISCARD_BYTES = 16 << 20  # of a body that nobody reads, so that the client hears the answer


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, **details: Any):
        super().__init__(message)
        self.status = status
        self.answer = {"error": message, **details}


class Answer(NamedTuple):
    status: int
    body: Any  # bytes as they are, anything else as JSON
    headers: dict[str, str] = {}


class Request:
    """A request, as the functions that answer it see it."""

    def __init__(self, handler: Handler, method: str, path: str):
        self._handler = handler
        self.method = method
        self.path = path
        self.headers = handler.headers

    def body(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes of it."""
        length = self._handler.body_left
        if length > limit:
            raise Refused(413, f"The body has {length:,} bytes; at most {limit:,} are taken.", limit=limit)
        body = self._handler.rfile.read(length)
        self._handler.body_left = 0
        if len(body) != length:
            self._handler.close_connection = True
            raise Refused(400, f"The body ended after {len(body):,} of {length:,} bytes.")
        return body

    def json(self, limit: int = 64 << 10) -> dict[str, Any]:
        """The body as a JSON object."""
        # Another site's form cannot send this type, so it cannot place orders in a visitor's name.
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, "Send the body as application/json.")
        try:
            value = json.loads(self.body(limit))
        except (ValueError, RecursionError) as error:
            raise Refused(400, f"The body is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise Refused(400, "The body must be a JSON object.")
        return value


Route = Callable[..., Answer]


class Server(ThreadingHTTPServer):
    """Answers on an address, one thread a connection, by a table of `(method, path pattern, function)`."""

    daemon_threads = True  # those that outstay the grace end with the process
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        routes: list[tuple[str, str, Route]],
        headers: dict[str, str] | None = None,
        host: str = "127.0.0.1",
    ):
        self.routes = [(method, re.compile(pattern), answer) for method, pattern, answer in routes]
        self.headers = headers or {}
        self.draining = False
        # Every idle connection also waits for this pipe, whose other end is closed to wake them all.
        self.wake, self._wake_writer = os.pipe()
        self._open = 0
        self._changed = threading.Condition()
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        # The base class would look up our name in the DNS.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def drain(self, grace: float) -> bool:
        """Stops as this module says. False if requests were still under way after `grace` seconds."""
        self.draining = True
        self.shutdown()
        self._accept_waiting()
        self.socket.close()
        os.close(self._wake_writer)
        deadline = time.monotonic() + grace
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, deadline - time.monotonic())

    def _accept_waiting(self) -> None:
        self.socket.setblocking(False)
        while select.select([self.socket], [], [], 0)[0]:
            try:
                connection, address = self.socket.accept()
            except OSError:
                return
            connection.setblocking(True)
            self.process_request(connection, address)

    # One more connection is open from here, in the accepting thread, so that `drain` cannot miss it.
    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open += 1
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("connection lost", exc_info=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    timeout = 30  # seconds between two bytes of one request
    wbufsize = -1  # headers and body leave together
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        if not self._wait_for_request():
            self.close_connection = True
            return
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError, socket.timeout):
            self.close_connection = True  # the client left

    def _wait_for_request(self) -> bool:
        """Waits until the client begins a request. False when it will not, or we are stopping."""
        if self._has_begun():
            return True
        waiting = select.poll()
        waiting.register(self.connection, select.POLLIN)
        if not self.server.draining:
            waiting.register(self.server.wake, select.POLLIN)
            ready = [fd for fd, _ in waiting.poll(IDLE_SECONDS * 1000)]
            if self.connection.fileno() in ready or not ready:
                return bool(ready)
            waiting.unregister(self.server.wake)
        return bool(waiting.poll(LAST_WORD_SECONDS * 1000))

    def _has_begun(self) -> bool:
        # Bytes of the next request may have come with the last one.
        self.connection.settimeout(0)
        try:
            return bool(self.rfile.peek(1))
        except OSError:
            return True  # reading will say what is wrong
        finally:
            self.connection.settimeout(self.timeout)

    def answer(self) -> None:
        started = time.monotonic()
        path = urlsplit(self.path).path
        self.body_left = 0
        try:
            self.body_left = self._body_length()
            answer = self._route(path)
        except Refused as refused:
            answer = Answer(refused.status, refused.answer)
        except (ConnectionError, TimeoutError, socket.timeout):
            self.close_connection = True
            return
        except Exception:
            log.exception("request failed", extra={"fields": {"method": self.command, "path": path}})
            answer = Answer(500, {"error": "The shop made a mistake. It is in its log."})
        self._discard_body()
        self._send(answer)
        level = logging.DEBUG if path == "/healthz" else logging.INFO
        milliseconds = round((time.monotonic() - started) * 1000, 1)
        log.log(
            level,
            "request",
            extra={"fields": {"method": self.command, "path": path, "status": answer.status, "ms": milliseconds}},
        )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def _route(self, path: str) -> Answer:
        method = "GET" if self.command == "HEAD" else self.command
        allowed = []
        for known, pattern, function in self.server.routes:
            match = pattern.fullmatch(path)
            if match and known == method:
                return function(Request(self, method, path), **match.groupdict())
            if match:
                allowed.append(known)
        if allowed:
            raise Refused(405, f"{path} takes {' and '.join(allowed)}, not {method}.")
        raise Refused(404, f"There is no {path}.")

    def _body_length(self) -> int:
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise Refused(411, "Say how long the body is, with Content-Length.")
        if len(lengths) > 1 or not all(re.fullmatch("[0-9]{1,15}", length) for length in lengths):
            self.close_connection = True
            raise Refused(400, "Content-Length is not one number.")
        return int(lengths[0]) if lengths else 0

    def _discard_body(self) -> None:
        if self.body_left > DISCARD_BYTES:
            self.close_connection = True
            return
        while self.body_left:
            block = self.rfile.read(min(self.body_left, 64 << 10))
            if not block:
                self.close_connection = True
                return
            self.body_left -= len(block)

    def _send(self, answer: Answer) -> None:
        headers = {"Content-Type": "application/json", **self.server.headers, **answer.headers}
        body = answer.body if isinstance(answer.body, bytes) else (json.dumps(answer.body) + "\n").encode()
        self.send_response_only(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.server.draining or self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        # Called by the base class for what is hardly HTTP; it must not answer in HTML.
        self.command = getattr(self, "command", None) or "GET"
        self.close_connection = True
        self._send(Answer(int(code), {"error": message or "This is not a request we understand."}))
        self.wfile.flush()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass  # `answer` writes the log

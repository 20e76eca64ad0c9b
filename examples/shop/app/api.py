"""The shop's API: products, orders, receipts. Start reading at ROUTES, at the end of `Shop`.

Listens on $HOST:$PORT. On SIGTERM it finishes what it has begun and ends with 0.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import sys
import threading
import time

from shop import bucket, cache, database, log, mail_queue, orders, settings
from shop.http import Answer, Refused, Request, Server
from shop.visitors import Visitor, Visitors

GRACE_SECONDS = 20
MOST_RECEIPT_BYTES = 5 << 20

# What a receipt may be, by its first bytes: what the client calls it proves nothing.
RECEIPT_TYPES = [
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("application/pdf", re.compile(rb"%PDF-")),
]


class Shop:
    """What answers the requests: the four things around the API, and one method for each route."""

    def __init__(self) -> None:
        database_url, redis_url, emails, session_key = settings.required(
            "DATABASE_URL", "REDIS_URL", "EMAILS", "SESSION_KEY"
        )
        self.pool = database.Pool(database.connector(database_url, "api"))
        self.cache = cache.Cache(cache.connect(redis_url))
        self.bucket = bucket.Bucket()
        self.mails = mail_queue.Sender(mail_queue.Queue(emails), "api")
        self.visitors = Visitors(session_key)
        self.started = time.time()
        self.server: Server | None = None

    def products(self, request: Request) -> Answer:
        products = self.pool.transaction(
            lambda connection: database.rows(
                connection, "SELECT sku, name, description, price_cents FROM products ORDER BY position"
            )
        )
        return Answer(200, {"products": products, "currency": "EUR"})

    def place_order(self, request: Request) -> Answer:
        visitor = self._visitor(request)
        key = request.headers.get("Idempotency-Key")
        if key is not None and not re.fullmatch("[!-~]{8,100}", key):
            raise Refused(400, "Idempotency-Key must have 8 to 100 printable ASCII characters.")
        try:
            draft = orders.read_draft(request.json())
            number, mail = self.pool.transaction(
                lambda connection: orders.place(connection, draft, visitor.id, key),
            )
        except orders.Invalid as invalid:
            raise Refused(422, str(invalid), fields=invalid.problems) from None
        if mail is not None:
            self.mails.send(mail)
            self.cache.orders_changed()
        answer = {"order": orders.shown(self._find(number), visitor.id)}
        headers = {"Location": f"/api/orders/{number}", **self._remember(visitor)}
        return Answer(200 if mail is None else 201, answer, headers)

    def recent_orders(self, request: Request) -> Answer:
        visitor = self._visitor(request)
        # What is kept in the cache is the same for everybody; what each may see of it is decided here.
        recent, where = self.cache.recent_orders(lambda: self.pool.transaction(orders.recent))
        answer = {"orders": [orders.shown(order, visitor.id) for order in recent]}
        return Answer(200, answer, {"X-Cache": where})

    def one_order(self, request: Request, number: str) -> Answer:
        return Answer(200, {"order": orders.shown(self._find(int(number)), self._visitor(request).id)})

    def put_receipt(self, request: Request, number: str) -> Answer:
        visitor = self._visitor(request)
        order = self._own(int(number), visitor)
        body = request.body(MOST_RECEIPT_BYTES)
        kind = next((name for name, start in RECEIPT_TYPES if start.match(body)), None)
        if kind is None:
            raise Refused(415, "A receipt is a PNG, JPEG, GIF or WebP picture, or a PDF.")
        # Named by its content: the same file sent twice is one object, and no object ever changes.
        key = f"receipts/{order['id']}/{hashlib.sha256(body).hexdigest()}"
        self.bucket.put(key, body, kind)
        self.pool.transaction(
            lambda connection: connection.run(
                "UPDATE orders SET receipt_key = :key, receipt_type = :kind, receipt_bytes = :size WHERE id = :id",
                key=key,
                kind=kind,
                size=len(body),
                id=order["id"],
            )
        )
        self.cache.orders_changed()
        location = f"/api/orders/{order['id']}/receipt"
        return Answer(201, {"order": orders.shown(self._find(order["id"]), visitor.id)}, {"Location": location})

    def get_receipt(self, request: Request, number: str) -> Answer:
        order = self._own(int(number), self._visitor(request))
        stored = self.pool.transaction(
            lambda connection: database.row(
                connection, "SELECT receipt_key, receipt_type FROM orders WHERE id = :id", id=order["id"]
            )
        )
        body = self.bucket.get(stored["receipt_key"]) if stored and stored["receipt_key"] else None
        if body is None:
            raise Refused(404, f"Order {number} has no receipt.")
        headers = {
            "Content-Type": stored["receipt_type"],
            # A customer's file is looked at, never run.
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Content-Disposition": "inline" if stored["receipt_type"].startswith("image/") else "attachment",
        }
        return Answer(200, body, headers)

    def session(self, request: Request) -> Answer:
        visitor = self._visitor(request)
        answer = {"visitor": visitor.id[:6], "new": visitor.new, "expires": visitor.expires}
        return Answer(200, answer, self._remember(visitor))

    def latest_report(self, request: Request) -> Answer:
        report = self.pool.transaction(
            lambda connection: database.row(
                connection,
                """
                SELECT to_char_utc(made_at) AS made_at, orders, revenue_cents, mails_waiting
                FROM reports ORDER BY reports.made_at DESC LIMIT 1
                """,
            )
        )
        return Answer(200, {"report": report})

    def about(self, request: Request) -> Answer:
        """Which copy answered."""
        about = {
            "program": "api",
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "port": self.server.server_port if self.server else None,
            "log_level": os.environ.get("LOG_LEVEL", "info"),
            "seconds_up": round(time.time() - self.started, 1),
        }
        return Answer(200, about)

    def health(self, request: Request) -> Answer:
        """Whether this copy should be sent requests."""
        if self.server and self.server.draining:
            raise Refused(503, "stopping")
        self.pool.check()
        return Answer(200, {"ok": True})

    def _visitor(self, request: Request) -> Visitor:
        return self.visitors.of(request.headers.get("Cookie", ""))

    def _remember(self, visitor: Visitor) -> dict[str, str]:
        return {"Set-Cookie": self.visitors.cookie(visitor)} if visitor.new else {}

    def _find(self, number: int) -> dict:
        order = self.pool.transaction(lambda connection: orders.find(connection, number))
        if order is None:
            raise Refused(404, f"There is no order {number}.")
        return order

    def _own(self, number: int, visitor: Visitor) -> dict:
        order = self._find(number)
        if order["visitor"] != visitor.id:
            raise Refused(403, f"Order {number} is somebody else's.")
        return order

    def routes(self) -> list:
        order = "/api/orders/(?P<number>[0-9]{1,15})"
        table = [
            ("GET", "/api/products", self.products),
            ("POST", "/api/orders", self.place_order),
            ("GET", "/api/orders", self.recent_orders),
            ("GET", order, self.one_order),
            ("POST", order + "/receipt", self.put_receipt),
            ("GET", order + "/receipt", self.get_receipt),
            ("GET", "/api/session", self.session),
            ("GET", "/api/reports/latest", self.latest_report),
            ("GET", "/api/about", self.about),
            ("GET", "/healthz", self.health),
        ]
        return [(method, pattern, answered(function)) for method, pattern, function in table]


def answered(function):
    """The function, with what is away around us told to the client as such."""

    def answer(request: Request, **matched: str) -> Answer:
        try:
            return function(request, **matched)
        except database.Unavailable as error:
            away, reason = "database", str(error)
        except bucket.Unavailable as error:
            away, reason = "bucket", str(error)
        # Why is for us: it may name addresses.
        logger.warning(f"{away} unavailable", **log.fields(path=request.path, reason=reason))
        return Answer(503, {"error": f"The shop's {away} does not answer. Try again."}, {"Retry-After": "1"})

    return answer


def main() -> int:
    shop = Shop()
    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())

    host, port = settings.required("HOST", "PORT")
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Copy": f"{os.getpid()}"}
    try:
        shop.server = Server(int(port), shop.routes(), headers, host)
    except (OSError, ValueError, OverflowError) as error:
        sys.exit(f"cannot listen on {host}:{port} (HOST, PORT): {error}")
    shop.server.start()
    logger.info("listening", **log.fields(port=shop.server.server_port, pid=os.getpid()))

    stop.wait()
    logger.info("stopping")
    finished = shop.server.drain(GRACE_SECONDS)
    shop.mails.close(seconds=2)
    shop.pool.close()
    logger.info("stopped") if finished else logger.error("stopped with requests under way")
    return 0 if finished else 1


if __name__ == "__main__":
    logger = log.start("api")
    sys.exit(main())

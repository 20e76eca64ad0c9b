"""Who is asking: a visitor is known by a signed cookie, without an account and without a table.

Every copy of the API holds the same key, so a cookie made by one is good for all of them, also
after they were replaced.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import NamedTuple

COOKIE = "shop_visitor"
DAYS = 30


class Visitor(NamedTuple):
    id: str
    expires: int  # seconds since 1970
    new: bool  # the answer must set the cookie


class Visitors:
    def __init__(self, key: str):
        self._key = hashlib.sha256(b"shop visitors\0" + key.encode()).digest()

    def of(self, cookie_header: str) -> Visitor:
        """The visitor whom the request's cookies name, or else a new one."""
        for cookie in cookie_header.split(";"):
            name, _, value = cookie.strip().partition("=")
            visitor = self._read(value) if name == COOKIE else None
            if visitor:
                return visitor
        return Visitor(secrets.token_urlsafe(12), int(time.time()) + DAYS * 86400, new=True)

    def cookie(self, visitor: Visitor) -> str:
        """What `Set-Cookie` must say for this visitor."""
        value = f"{visitor.id}.{visitor.expires}"
        return f"{COOKIE}={value}.{self._sign(value)}; Path=/; Max-Age={DAYS * 86400}; HttpOnly; SameSite=Lax"

    def _read(self, cookie: str) -> Visitor | None:
        value, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(value).encode()):
            return None
        # Signed by us, so it has the form we gave it.
        id, _, expires = value.partition(".")
        if int(expires) < time.time():
            return None
        return Visitor(id, int(expires), new=False)

    def _sign(self, value: str) -> str:
        digest = hmac.new(self._key, value.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

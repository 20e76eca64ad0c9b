"""Redis, for the list of recent orders. Without Redis the shop is slower, and that is all."""

from __future__ import annotations

import json
import logging
from typing import Any, Callable

log = logging.getLogger("shop")

# Each change of an order starts a new generation, and a list is kept under the generation that was
# current before the database was asked. So a list that was read just before a change, and comes to
# be stored just after it, is stored where nobody looks any more.
GENERATION = "orders:generation"
SECONDS = 30


def connect(url: str) -> Any:
    """A client for `redis://:password@host:port`. Opens connections when it needs them."""
    import redis

    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, health_check_interval=15)


class Cache:
    def __init__(self, client: Any):
        self._client = client

    def recent_orders(self, read: Callable[[], list]) -> tuple[list, str]:
        """The list from the cache (`hit`), or else what `read` returns (`miss`; `off` without Redis)."""
        try:
            generation = self._client.get(GENERATION) or b"0"
            key = b"orders:recent:" + generation
            kept = self._client.get(key)
        except Exception as error:
            log.warning("cache not read", extra={"fields": {"reason": str(error)}})
            return read(), "off"
        if kept is not None:
            return json.loads(kept), "hit"
        orders = read()
        try:
            self._client.set(key, json.dumps(orders), ex=SECONDS)
        except Exception as error:
            log.warning("cache not written", extra={"fields": {"reason": str(error)}})
        return orders, "miss"

    def orders_changed(self) -> None:
        """To be called after each commit that changes an order or its mail."""
        try:
            self._client.incr(GENERATION)
        except Exception as error:
            # The old list is seen for at most SECONDS more.
            log.warning("cache not invalidated", extra={"fields": {"reason": str(error)}})

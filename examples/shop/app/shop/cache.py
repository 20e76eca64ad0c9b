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
        self._away = False

    def recent_orders(self, read: Callable[[], list]) -> tuple[list, str]:
        """The list from the cache (`hit`), or else what `read` returns (`miss`; `off` without Redis)."""
        answered, generation = self._ask("get", GENERATION)
        key = b"orders:recent:" + (generation or b"0")
        kept = None
        if answered:
            answered, kept = self._ask("get", key)
        if kept is not None:
            return json.loads(kept), "hit"
        orders = read()
        if answered:
            answered, _ = self._ask("set", key, json.dumps(orders), ex=SECONDS)
        return orders, "miss" if answered else "off"

    def orders_changed(self) -> None:
        """To be called after each commit that changes an order or its mail."""
        # When this fails, the old list may be seen for SECONDS more: that is what they are for.
        self._ask("incr", GENERATION)

    def _ask(self, command: str, *arguments: Any, **options: Any) -> tuple[bool, Any]:
        """Whether Redis answered, and what."""
        try:
            answer = getattr(self._client, command)(*arguments, **options)
        except Exception as error:
            if not self._away:  # one line when it goes and one when it is back, not one a request
                log.warning("cache unavailable", extra={"fields": {"reason": str(error)}})
            self._away = True
            return False, None
        if self._away:
            log.info("cache is back")
            self._away = False
        return True, answer

"""The queue of mails to send: a stream of NATS JetStream.

What the queue carries is a number only: the mail itself stands in the table `mails`, written in
the transaction that stores the order. A message lost is a mail late, never a mail missing, because
the mailer also looks into the table now and then.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from typing import Any
from urllib.parse import unquote, urlsplit

log = logging.getLogger("shop")


class Queue:
    """Where the queue is: `nats://user:password@host:port/STREAM`."""

    def __init__(self, url: str):
        parts = urlsplit(url)
        self.stream = parts.path.strip("/")
        self._server = f"nats://{parts.hostname}:{parts.port or 4222}"
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")

    async def connect(self, program: str) -> Any:
        """A connection that comes back by itself when the server does."""
        import nats

        told: set[str] = set()

        async def lost() -> None:
            log.warning("queue connection lost")

        async def back() -> None:
            told.clear()
            log.info("queue connection is back")

        async def failed(error: Exception) -> None:
            # One line for each reason, not one for each attempt.
            reason = str(error) or type(error).__name__
            if reason not in told:
                told.add(reason)
                log.warning("queue not reached; trying on", extra={"fields": {"reason": reason}})

        return await nats.connect(
            self._server,
            user=self._user,
            password=self._password,
            name=program,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,
            ping_interval=20,
            disconnected_cb=lost,
            reconnected_cb=back,
            error_cb=failed,
        )


class Sender:
    """Sends from ordinary threads: the asynchronous client lives in a thread of its own."""

    def __init__(self, queue: Queue, program: str):
        self._queue = queue
        self._program = program
        self._connecting: Any = None
        self._under_way: set[Future] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="queue", daemon=True).start()

    def send(self, mail: int) -> None:
        """Queues the mail of this number, soon. Does not wait, and does not fail."""
        future = asyncio.run_coroutine_threadsafe(self._send(mail), self._loop)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)

    def close(self, seconds: float) -> None:
        """Waits for what is under way, at most so long."""
        for future in list(self._under_way):
            try:
                future.result(timeout=seconds)
            except Exception:
                return

    async def _send(self, mail: int) -> None:
        try:
            await asyncio.wait_for(self._publish(mail), timeout=10)
        except Exception as error:
            log.warning(
                "mail not queued; the mailer will find it in the table",
                extra={"fields": {"mail": mail, "reason": str(error) or type(error).__name__}},
            )

    async def _publish(self, mail: int) -> None:
        connection = await self._connect()
        # The id makes a message that is sent twice arrive once.
        await connection.jetstream().publish(
            self._queue.stream, str(mail).encode(), timeout=5, headers={"Nats-Msg-Id": f"mail-{mail}"}
        )
        log.debug("mail queued", extra={"fields": {"mail": mail}})

    async def _connect(self) -> Any:
        # One attempt at a time, shared by all who wait for it. A connection that the server refused
        # for good is closed, and made anew.
        task = self._connecting
        if task is None or (task.done() and (task.exception() is not None or task.result().is_closed)):
            task = self._connecting = asyncio.ensure_future(self._queue.connect(self._program))
        return await asyncio.shield(task)

"""Sends the mails that the queue names: each once, in whatever order things die.

There is no mail server in this example. Sending is one line in the log, and the text stays in the
table `mails`; `deliver` is the place to put a real one.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from shop import cache, database, log, mail_queue, settings

AT_ONCE = 10
PATIENCE_SECONDS = 30  # a mail that waits longer was lost on its way to the queue


def send(pool: database.Pool, number: int) -> bool:
    """Sends mail `number` and marks it as sent. False if it was sent before, or is being sent."""

    def work(connection) -> bool:
        # Locked until the commit: a message that comes twice finds the mail taken, or sent.
        mail = database.row(
            connection,
            """
            SELECT m.id, o.id AS number, o.email, o.name, o.total_cents
            FROM mails m JOIN orders o ON o.id = m.order_id
            WHERE m.id = :mail AND m.state = 'queued'
            FOR UPDATE OF m SKIP LOCKED
            """,
            mail=number,
        )
        if mail is None:
            return False
        lines = database.rows(
            connection,
            """
            SELECT l.quantity, p.name, l.quantity * l.price_cents AS cents
            FROM order_lines l JOIN products p USING (sku)
            WHERE l.order_id = :order ORDER BY p.position
            """,
            order=mail["number"],
        )
        body = write(mail, lines)
        deliver(mail["email"], f"Your order {mail['number']}", body)
        connection.run(
            "UPDATE mails SET state = 'sent', sent_at = now(), body = :body WHERE id = :mail",
            body=body,
            mail=number,
        )
        return True

    return pool.transaction(work)


def write(order: dict, lines: list[dict]) -> str:
    """The text of the mail."""
    listed = "\n".join(f"  {line['quantity']:>3} × {line['name']:<20} {euros(line['cents']):>10}" for line in lines)
    return (
        f"Dear {order['name'] or 'customer'},\n\n"
        f"thank you for your order {order['number']}:\n\n{listed}\n\n"
        f"  {'Total':<26} {euros(order['total_cents']):>10}\n\n"
        "It leaves our workshop tomorrow.\n"
    )


def euros(cents: int) -> str:
    return f"€ {cents // 100:,}.{cents % 100:02}"


def deliver(recipient: str, subject: str, body: str) -> None:
    logger.info("mail sent", **log.fields(to=recipient, subject=subject, characters=len(body)))


def overdue(pool: database.Pool) -> list[int]:
    """The mails that should have come through the queue by now."""
    found = pool.transaction(
        lambda connection: database.rows(
            connection,
            """
            SELECT id FROM mails
            WHERE state = 'queued' AND queued_at < now() - make_interval(secs => :patience)
            ORDER BY queued_at LIMIT 100
            """,
            patience=PATIENCE_SECONDS,
        )
    )
    return [mail["id"] for mail in found]


class Mailer:
    def __init__(self) -> None:
        database_url, redis_url, emails = settings.required("DATABASE_URL", "REDIS_URL", "EMAILS")
        self.pool = database.Pool(database.connector(database_url, "mailer"), size=2)
        self.cache = cache.Cache(cache.connect(redis_url))
        self.queue = mail_queue.Queue(emails)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; then finishes the mail under way."""
        connection = await unless(stop, self.queue.connect("mailer"))
        if connection is None:
            return
        messages = await connection.jetstream().pull_subscribe_bind(self.queue.stream, self.queue.stream)
        logger.info("waiting for mails", **log.fields(stream=self.queue.stream))
        now = asyncio.get_running_loop().time
        swept_at = 0.0
        while not stop.is_set():
            # What comes while the wait is broken off comes again, to whoever asks next.
            for message in await unless(stop, self.fetch(messages)) or []:
                if not stop.is_set():
                    await self.take(message)
            if not stop.is_set() and now() - swept_at > PATIENCE_SECONDS:
                swept_at = now()
                await self.sweep()
        await connection.close()
        self.pool.close()

    async def fetch(self, messages) -> list:
        """The next messages; none, after a while, when there are none or the queue is away."""
        import nats.errors

        try:
            return await messages.fetch(AT_ONCE, timeout=10)
        except (asyncio.TimeoutError, nats.errors.TimeoutError):
            return []
        except nats.errors.ConnectionClosedError:
            raise  # the server refused us for good: a new start may have newer credentials
        except Exception as error:
            logger.warning("queue not read", **log.fields(reason=str(error) or type(error).__name__))
            await asyncio.sleep(1)
            return []

    async def take(self, message) -> None:
        try:
            number = int(message.data)
        except ValueError:
            logger.error("not the number of a mail", **log.fields(message=repr(message.data[:100])))
            await message.term()
            return
        try:
            await self.send(number)
            await message.ack()  # only now: a mailer that dies before this gets the message again
        except Exception as error:
            attempt = message.metadata.num_delivered
            logger.warning("mail not sent", **log.fields(mail=number, attempt=attempt, reason=str(error)))
            await message.nak(delay=min(2**attempt, 60))

    async def sweep(self) -> None:
        try:
            for number in await asyncio.to_thread(overdue, self.pool):
                logger.info("mail found in the table, not in the queue", **log.fields(mail=number))
                await self.send(number)
        except Exception as error:
            logger.warning("overdue mails not sent", **log.fields(reason=str(error)))

    async def send(self, number: int) -> None:
        if await asyncio.to_thread(send, self.pool, number):
            await asyncio.to_thread(self.cache.orders_changed)


async def unless(stop: asyncio.Event, waited_for):
    """What `waited_for` gives; None if `stop` comes first."""
    task, stopped = asyncio.ensure_future(waited_for), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return None


async def main() -> None:
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    try:
        await Mailer().run(stop)
    except Exception as error:
        sys.exit(f"the mailer cannot go on: {error or type(error).__name__}")
    logger.info("stopped")


if __name__ == "__main__":
    logger = log.start("mailer")
    asyncio.run(main())

"""PostgreSQL: a small pool of connections that outlives the server's restarts."""

from __future__ import annotations

import queue
import struct
import threading
import time
from typing import Any, Callable, Iterator, TypeVar
from urllib.parse import unquote, urlsplit

T = TypeVar("T")


class Unavailable(Exception):
    """The database cannot be asked now. Later it may: nothing was changed."""


class Pool:
    """At most `size` connections, opened when they are first needed.

    Work is given as a function of a connection. When the server goes away under it, the work is
    done again on a new connection until `patience` seconds have gone by; so it must have no other
    effect than what it asks of the connection.
    """

    def __init__(self, connect: Callable[[], Any], size: int = 5, patience: float = 10.0):
        self._connect = connect
        self._patience = patience
        self._free = threading.BoundedSemaphore(size)
        self._idle: queue.LifoQueue = queue.LifoQueue()
        self._check_lock = threading.Lock()
        self._checked_at = float("-inf")
        self._check_error: Unavailable | None = None

    def transaction(self, work: Callable[[Any], T]) -> T:
        """Does the work in one transaction, all of it or nothing, and returns what it returned."""
        deadline = time.monotonic() + self._patience
        if not self._free.acquire(timeout=self._patience):
            raise Unavailable("all connections are busy")
        try:
            while True:
                connection = None
                try:
                    connection = self._take()
                    connection.run("START TRANSACTION")
                    result = work(connection)
                except Exception as error:
                    if not is_connection_lost(error):
                        self._give_back_after_rollback(connection)
                        raise
                    close_quietly(connection)
                    if time.monotonic() >= deadline:
                        raise Unavailable(describe(error)) from error
                    time.sleep(0.1)
                    continue
                self._commit(connection)
                return result
        finally:
            self._free.release()

    def check(self) -> None:
        """Raises Unavailable unless the database answers. Asks it at most once a second."""
        with self._check_lock:
            now = time.monotonic()
            if now - self._checked_at >= 1.0:
                self._check_error = self._ask()
                self._checked_at = time.monotonic()
            error = self._check_error
        if error is not None:
            raise error

    def close(self) -> None:
        """Closes the connections that nobody uses."""
        for connection in self._drain():
            close_quietly(connection)

    def _ask(self) -> Unavailable | None:
        # Outside the limit of the pool: a busy pool is not a broken one. At most one a second.
        for attempt in ("with a pooled connection", "with a new one"):
            connection = None
            try:
                connection = self._take()
                connection.run("SELECT 1")
            except Exception as error:
                close_quietly(connection)
                self.close()  # the others of that age are no better
                if not is_connection_lost(error) or attempt == "with a new one":
                    return Unavailable(describe(error))
            else:
                self._idle.put(connection)
                return None
        return None

    def _take(self) -> Any:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            pass
        try:
            return self._connect()
        except Exception as error:
            # Whatever the server says to a newcomer (starting up, no such role yet) may pass.
            raise ConnectionError(describe(error)) from error

    def _commit(self, connection: Any) -> None:
        # Not done again: when the connection is lost here, nobody knows whether it was committed.
        try:
            connection.run("COMMIT")
        except Exception as error:
            if not is_connection_lost(error):
                self._give_back_after_rollback(connection)
                raise
            close_quietly(connection)
            raise Unavailable("the database went away while it was storing this; it may be stored or not") from error
        self._idle.put(connection)

    def _give_back_after_rollback(self, connection: Any) -> None:
        if connection is None:
            return
        try:
            connection.run("ROLLBACK")
        except Exception:
            close_quietly(connection)
        else:
            self._idle.put(connection)

    def _drain(self) -> Iterator[Any]:
        while True:
            try:
                yield self._idle.get_nowait()
            except queue.Empty:
                return


def connector(url: str, program: str) -> Callable[[], Any]:
    """Opens connections to the database at `postgres://user:password@host:port/database`."""
    from pg8000.native import Connection

    parts = urlsplit(url)

    def connect() -> Connection:
        return Connection(
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            host=parts.hostname,
            port=parts.port or 5432,
            database=unquote(parts.path.lstrip("/")),
            application_name=program,
            timeout=10,
        )

    return connect


def rows(connection: Any, sql: str, **values: Any) -> list[dict[str, Any]]:
    """Asks `sql`, with `values` for its `:names`; each row by the names of its columns."""
    found = connection.run(sql, **values)
    names = [column["name"] for column in connection.columns or []]
    return [dict(zip(names, row)) for row in found or []]


def row(connection: Any, sql: str, **values: Any) -> dict[str, Any] | None:
    """The first row, if there is one."""
    found = rows(connection, sql, **values)
    return found[0] if found else None


def is_connection_lost(error: Exception) -> bool:
    """Whether this is about the connection or the server as such, not about what it was asked."""
    if isinstance(error, (OSError, struct.error)):
        return True
    kind = type(error).__name__
    if kind == "InterfaceError":
        return True
    if kind == "DatabaseError" and error.args and isinstance(error.args[0], dict):
        code = error.args[0].get("C", "")
        # 08: connection; 57P: shut down, crashed, starting up; 53300: too many connections.
        return code.startswith(("08", "57P")) or code == "53300"
    return False


def describe(error: Exception) -> str:
    if error.args and isinstance(error.args[0], dict):
        return str(error.args[0].get("M", error))
    return str(error) or type(error).__name__


def close_quietly(connection: Any) -> None:
    try:
        if connection is not None:
            connection.close()
    except Exception:
        pass  # it is gone, which is what was wanted

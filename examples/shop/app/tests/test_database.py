import unittest

from shop.database import Pool, Unavailable


class Server:
    """A server that can go away; `log` is what it was asked."""

    def __init__(self):
        self.log = []
        self.connections = 0
        self.fail = {}  # statement -> errors to raise, in order

    def connect(self):
        self._may_fail("connect")
        self.connections += 1
        return Connection(self)

    def _may_fail(self, what):
        if self.fail.get(what):
            raise self.fail[what].pop(0)


class Connection:
    def __init__(self, server):
        self.server = server

    def run(self, sql):
        self.server.log.append(sql)
        self.server._may_fail(sql)

    def close(self):
        self.server.log.append("closed")


def gone():
    return ConnectionResetError("gone")


class PoolTest(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.pool = Pool(self.server.connect, size=1, patience=0.5)

    def work(self, connection):
        connection.run("work")
        return "done"

    def test_connections_are_used_again(self):
        for _ in range(3):
            self.assertEqual(self.pool.transaction(self.work), "done")
        self.assertEqual(self.server.connections, 1)
        self.assertEqual(self.server.log, ["START TRANSACTION", "work", "COMMIT"] * 3)

    def test_a_lost_connection_is_replaced_and_the_work_done_again(self):
        self.server.fail = {"work": [gone()]}
        self.assertEqual(self.pool.transaction(self.work), "done")
        self.assertEqual(self.server.log, ["START TRANSACTION", "work", "closed", "START TRANSACTION", "work", "COMMIT"])

    def test_a_server_that_is_starting_is_waited_for(self):
        self.server.fail = {"connect": [Exception("the database system is starting up")] * 2}
        self.assertEqual(self.pool.transaction(self.work), "done")

    def test_patience_ends(self):
        self.server.fail = {"connect": [gone()] * 100}
        with self.assertRaisesRegex(Unavailable, "gone"):
            self.pool.transaction(self.work)

    def test_a_commit_is_never_done_twice(self):
        self.server.fail = {"COMMIT": [gone()]}
        with self.assertRaisesRegex(Unavailable, "may be stored or not"):
            self.pool.transaction(self.work)
        self.assertEqual(self.server.log.count("work"), 1)

    def test_a_mistake_in_the_work_is_rolled_back_and_told(self):
        def mistaken(connection):
            raise KeyError("no such thing")

        with self.assertRaises(KeyError):
            self.pool.transaction(mistaken)
        self.assertEqual(self.server.log, ["START TRANSACTION", "ROLLBACK"])
        self.assertEqual(self.pool.transaction(self.work), "done")
        self.assertEqual(self.server.connections, 1)

    def test_a_busy_pool_says_so(self):
        def asks_for_another(connection):
            with self.assertRaisesRegex(Unavailable, "busy"):
                self.pool.transaction(self.work)

        self.pool.transaction(asks_for_another)

    def test_the_check_asks_once_a_second_and_survives_old_connections(self):
        self.pool.transaction(self.work)
        self.server.fail = {"SELECT 1": [gone()]}
        for _ in range(5):
            self.pool.check()
        self.assertEqual(self.server.log.count("SELECT 1"), 2)

    def test_the_check_fails_with_the_server(self):
        self.server.fail = {"connect": [gone()] * 2}
        for _ in range(2):
            with self.assertRaisesRegex(Unavailable, "gone"):
                self.pool.check()

import unittest

from shop.cache import Cache


class Kept:
    """As much of Redis as the cache asks for."""

    def __init__(self):
        self.values = {}

    def get(self, key):
        return self.values.get(key)

    def set(self, key, value, ex):
        self.values[key] = value

    def incr(self, key):
        self.values[key] = b"%d" % (int(self.values.get(key, b"0")) + 1)


class Away:
    def __getattr__(self, command):
        raise ConnectionError("connection refused")


class CacheTest(unittest.TestCase):
    def setUp(self):
        self.cache = Cache(Kept())
        self.orders = [1]

    def read(self):
        return list(self.orders)

    def test_the_second_look_hits_and_a_change_misses(self):
        self.assertEqual(self.cache.recent_orders(self.read), ([1], "miss"))
        self.assertEqual(self.cache.recent_orders(self.read), ([1], "hit"))
        self.orders.append(2)
        self.cache.orders_changed()
        self.assertEqual(self.cache.recent_orders(self.read), ([1, 2], "miss"))

    def test_a_list_read_before_a_change_and_stored_after_it_is_not_found(self):
        def read_while_it_changes():
            found = self.read()
            self.orders.append(2)
            self.cache.orders_changed()
            return found

        self.assertEqual(self.cache.recent_orders(read_while_it_changes), ([1], "miss"))
        self.assertEqual(self.cache.recent_orders(self.read), ([1, 2], "miss"))

    def test_without_redis_the_database_is_asked(self):
        cache = Cache(Away())
        with self.assertLogs("shop", "WARNING") as logged:
            self.assertEqual(cache.recent_orders(self.read), ([1], "off"))
            cache.orders_changed()
        self.assertEqual(len(logged.records), 1)

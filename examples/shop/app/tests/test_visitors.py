import unittest
from unittest import mock

from shop.visitors import COOKIE, DAYS, Visitors


def sent_back(set_cookie):
    return set_cookie.partition(";")[0]


class VisitorsTest(unittest.TestCase):
    def setUp(self):
        self.visitors = Visitors("key")
        self.jane = self.visitors.of("")
        self.cookie = sent_back(self.visitors.cookie(self.jane))

    def test_somebody_without_a_cookie_is_new(self):
        self.assertTrue(self.jane.new)
        self.assertNotEqual(self.jane.id, self.visitors.of("").id)

    def test_another_copy_with_the_same_key_knows_the_visitor(self):
        again = Visitors("key").of(f"theme=dark; {self.cookie}; a=b")
        self.assertEqual(again, self.jane._replace(new=False))

    def test_another_key_does_not(self):
        self.assertTrue(Visitors("another key").of(self.cookie).new)

    def test_a_changed_cookie_is_nobodys(self):
        value = self.cookie.partition("=")[2]
        id, expires, signature = value.split(".")
        for forged in ["", ".", "..", "ä.1.ö", f"{id}x.{expires}.{signature}", f"{id}.{int(expires) + 1}.{signature}"]:
            with self.subTest(forged):
                self.assertTrue(self.visitors.of(f"{COOKIE}={forged}").new)

    def test_an_old_cookie_has_ended(self):
        with mock.patch("time.time", return_value=self.jane.expires + 1):
            self.assertTrue(self.visitors.of(self.cookie).new)
        with mock.patch("time.time", return_value=self.jane.expires - DAYS * 86400):
            self.assertFalse(self.visitors.of(self.cookie).new)

import unittest

from shop import orders

GOOD = {"email": " jane@example.com ", "name": "Jane", "lines": [{"sku": "pen", "quantity": 2}]}


class ReadDraft(unittest.TestCase):
    def problems(self, **changed):
        with self.assertRaises(orders.Invalid) as raised:
            orders.read_draft({**GOOD, **changed})
        return set(raised.exception.problems)

    def test_a_good_order_is_read(self):
        draft = orders.read_draft(GOOD)
        self.assertEqual(draft, orders.Draft("jane@example.com", "Jane", {"pen": 2}))

    def test_a_name_may_be_left_out(self):
        draft = orders.read_draft({key: value for key, value in GOOD.items() if key != "name"})
        self.assertEqual(draft.name, "")

    def test_addresses_that_are_none(self):
        for email in ["", "jane", "jane@", "jane@host", "a b@example.com", "a@b@example.com", 7, None, "j\n@example.com"]:
            with self.subTest(email):
                self.assertEqual(self.problems(email=email), {"email"})

    def test_text_that_cannot_be_stored_is_refused(self):
        for name in ["a\0b", "half a pair: \ud800", "two\nlines", "x" * 81, ["Jane"]]:
            with self.subTest(repr(name)):
                self.assertEqual(self.problems(name=name), {"name"})

    def test_lines_that_are_none(self):
        one = {"sku": "pen", "quantity": 1}
        for lines in [
            None,
            [],
            {},
            [one] * 2,
            [dict(one, sku=f"sku{n}") for n in range(21)],
            ["pen"],
            [{"sku": "pen"}],
            [dict(one, quantity=0)],
            [dict(one, quantity=100)],
            [dict(one, quantity=1.5)],
            [dict(one, quantity=True)],
            [dict(one, quantity="1")],
            [dict(one, sku=["pen"])],
        ]:
            with self.subTest(repr(lines)):
                self.assertEqual(self.problems(lines=lines), {"lines"})

    def test_all_problems_are_told_at_once(self):
        self.assertEqual(self.problems(email="", name=0, lines=[]), {"email", "name", "lines"})


class Shown(unittest.TestCase):
    ORDER = {
        "id": 1001,
        "visitor": "jane",
        "email": "jane@example.com",
        "name": "Jane",
        "placed_at": "2026-01-01T00:00:00.000Z",
        "lines": [],
        "total_cents": 100,
        "mail_state": "sent",
        "mail_sent_at": "2026-01-01T00:00:01.000Z",
        "receipt_type": "image/png",
        "receipt_bytes": 10,
    }

    def test_the_owner_sees_all_of_it(self):
        shown = orders.shown(self.ORDER, "jane")
        self.assertTrue(shown["mine"])
        self.assertEqual(shown["email"], "jane@example.com")
        self.assertEqual(shown["receipt"]["url"], "/api/orders/1001/receipt")

    def test_others_see_neither_who_nor_the_receipt(self):
        shown = orders.shown(self.ORDER, "joe")
        self.assertFalse(shown["mine"])
        self.assertEqual((shown["email"], shown["name"], shown["receipt"]), ("j…@example.com", "", None))
        self.assertNotIn("visitor", shown)

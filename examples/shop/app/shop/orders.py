"""Orders: what is taken for one, and how it is stored and read. Knows SQL, and no HTTP."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from shop.database import row, rows

MOST_LINES = 20
MOST_OF_ONE = 99


class Invalid(Exception):
    """An order that cannot be taken: what is wrong, field by field, in words for who filled it in."""

    def __init__(self, problems: dict[str, str]):
        super().__init__("; ".join(problems.values()))
        self.problems = problems


class Draft(NamedTuple):
    """An order as it was asked for; its products may not exist."""

    email: str
    name: str
    quantities: dict[str, int]  # by SKU


def read_draft(asked: dict[str, Any]) -> Draft:
    """Reads `{"email": …, "name": …, "lines": [{"sku": …, "quantity": …}]}`, or raises Invalid."""
    problems = {}

    email = text(asked.get("email"))
    if not email or len(email) > 254 or not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", email):
        problems["email"] = "Give an e-mail address, such as you@example.com."

    name = text(asked.get("name", ""))
    if name is None or len(name) > 80:
        problems["name"] = "A name has at most 80 characters."

    quantities: dict[str, int] = {}
    lines = asked.get("lines")
    if not isinstance(lines, list) or not 1 <= len(lines) <= MOST_LINES:
        problems["lines"] = f"Choose between 1 and {MOST_LINES} products."
        lines = []
    for line in lines:
        sku = text(line.get("sku")) if isinstance(line, dict) else None
        quantity = line.get("quantity") if isinstance(line, dict) else None
        if not sku or type(quantity) is not int or not 1 <= quantity <= MOST_OF_ONE:
            problems["lines"] = f"Each line needs a sku and a quantity from 1 to {MOST_OF_ONE}."
        elif sku in quantities:
            problems["lines"] = f"{sku} stands in two lines; put it in one."
        else:
            quantities[sku] = quantity

    if problems:
        raise Invalid(problems)
    return Draft(email, name or "", quantities)


def text(value: Any) -> str | None:
    """The value, trimmed, if it is text that can be stored and shown on one line."""
    if not isinstance(value, str):
        return None
    value = value.strip()
    # Neither control characters nor halves of a surrogate pair, which JSON can hold but PostgreSQL can't.
    return value if all(character.isprintable() for character in value) else None


def place(connection: Any, draft: Draft, visitor: str, key: str | None) -> tuple[int, int | None]:
    """Stores an order, its lines and the mail it owes. Returns the order's number and the mail's.

    An order that this visitor has placed before with the same `key` is returned as it is, without a
    mail: so a browser that got no answer may ask again.
    """
    prices = {
        product["sku"]: product["price_cents"]
        for product in rows(
            connection,
            "SELECT sku, price_cents FROM products WHERE sku = ANY(:skus)",
            skus=list(draft.quantities),
        )
    }
    unknown = sorted(set(draft.quantities) - set(prices))
    if unknown:
        raise Invalid({"lines": f"We do not sell {', '.join(unknown)}."})

    order = row(
        connection,
        """
        INSERT INTO orders (visitor, idempotency_key, email, name, total_cents)
        VALUES (:visitor, :key, :email, :name, :total)
        ON CONFLICT (visitor, idempotency_key) DO NOTHING
        RETURNING id
        """,
        visitor=visitor,
        key=key,
        email=draft.email,
        name=draft.name,
        total=sum(prices[sku] * quantity for sku, quantity in draft.quantities.items()),
    )
    if order is None:
        before = row(
            connection,
            "SELECT id FROM orders WHERE visitor = :visitor AND idempotency_key = :key",
            visitor=visitor,
            key=key,
        )
        assert before is not None
        return before["id"], None

    for sku, quantity in draft.quantities.items():
        connection.run(
            "INSERT INTO order_lines (order_id, sku, quantity, price_cents) VALUES (:order, :sku, :quantity, :price)",
            order=order["id"],
            sku=sku,
            quantity=quantity,
            price=prices[sku],
        )
    mail = row(connection, "INSERT INTO mails (order_id) VALUES (:order) RETURNING id", order=order["id"])
    assert mail is not None
    return order["id"], mail["id"]


SELECT_ORDERS = """
    SELECT o.id, o.visitor, o.email, o.name, o.total_cents, to_char_utc(o.placed_at) AS placed_at,
           o.receipt_type, o.receipt_bytes,
           m.state AS mail_state, to_char_utc(m.sent_at) AS mail_sent_at,
           (SELECT json_agg(json_build_object('sku', l.sku, 'name', p.name, 'quantity', l.quantity,
                                              'price_cents', l.price_cents) ORDER BY p.position)
            FROM order_lines l JOIN products p USING (sku)
            WHERE l.order_id = o.id) AS lines
    FROM orders o JOIN mails m ON m.order_id = o.id
"""


def recent(connection: Any, count: int = 20) -> list[dict[str, Any]]:
    """The newest orders, each with its owner: for `shown`, not yet for anybody's eyes."""
    return rows(connection, SELECT_ORDERS + "ORDER BY o.id DESC LIMIT :count", count=count)


def find(connection: Any, number: int) -> dict[str, Any] | None:
    """One order, with its owner, as in `recent`."""
    return row(connection, SELECT_ORDERS + "WHERE o.id = :number", number=number)


def shown(order: dict[str, Any], visitor: str) -> dict[str, Any]:
    """An order as this visitor may see it: others' addresses are masked, others' receipts not named."""
    mine = order["visitor"] == visitor
    receipt = None
    if mine and order["receipt_type"]:
        receipt = {
            "url": f"/api/orders/{order['id']}/receipt",
            "type": order["receipt_type"],
            "bytes": order["receipt_bytes"],
        }
    return {
        "id": order["id"],
        "mine": mine,
        "email": order["email"] if mine else masked(order["email"]),
        "name": order["name"] if mine else "",
        "placed_at": order["placed_at"],
        "lines": order["lines"],
        "total_cents": order["total_cents"],
        "mail": {"state": order["mail_state"], "sent_at": order["mail_sent_at"]},
        "receipt": receipt,
    }


def masked(email: str) -> str:
    """`jane@example.com` as `j…@example.com`."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"

"""Totals so far: a row in the table `reports`, and the same as a file in the bucket."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone

from shop import bucket, database, log, settings


def main() -> None:
    pool = database.Pool(database.connector(settings.required("DATABASE_URL")[0], "report"), size=1, patience=30)
    made_at = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    totals = pool.transaction(count)
    key = made_at.strftime("reports/%Y-%m-%d/%H-%M.json")
    # The file first: a row always has its file. Run twice in a minute, it writes the same two again.
    document = {"made_at": made_at.isoformat(), **totals}
    bucket.Bucket().put(key, json.dumps(document, indent=2).encode(), "application/json")
    pool.transaction(lambda connection: store(connection, made_at, totals, key))
    pool.close()
    logger.info("report made", **log.fields(key=key, orders=totals["orders"], revenue_cents=totals["revenue_cents"]))


def count(connection) -> dict:
    totals = database.row(
        connection,
        """
        SELECT (SELECT count(*) FROM orders) AS orders,
               (SELECT coalesce(sum(total_cents), 0)::bigint FROM orders) AS revenue_cents,
               (SELECT count(*) FROM mails WHERE state = 'queued') AS mails_waiting
        """,
    )
    totals["products"] = database.rows(
        connection,
        """
        SELECT p.sku, coalesce(sum(l.quantity), 0)::bigint AS sold
        FROM products p LEFT JOIN order_lines l USING (sku)
        GROUP BY p.sku, p.position ORDER BY p.position
        """,
    )
    return totals


def store(connection, made_at: datetime, totals: dict, key: str) -> None:
    connection.run(
        """
        INSERT INTO reports (made_at, orders, revenue_cents, mails_waiting, object_key)
        VALUES (:made_at, :orders, :revenue, :waiting, :key)
        ON CONFLICT (made_at) DO UPDATE
        SET orders = excluded.orders, revenue_cents = excluded.revenue_cents, mails_waiting = excluded.mails_waiting
        """,
        made_at=made_at,
        orders=totals["orders"],
        revenue=totals["revenue_cents"],
        waiting=totals["mails_waiting"],
        key=key,
    )


if __name__ == "__main__":
    logger = log.start("report")
    try:
        main()
    except (database.Unavailable, bucket.Unavailable) as error:
        sys.exit(f"no report: {error}")

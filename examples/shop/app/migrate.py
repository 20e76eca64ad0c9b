"""Brings the database up to date: runs the files of migrations/ that have not run yet, in order.

Safe to run at any time, and twice at once. A file runs whole or not at all, and only once; a file
that has run may not be changed.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from shop import database, log, settings

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
OURS = 7_330_121  # the advisory lock of these migrations: any number, always the same


def main() -> int:
    pool = database.Pool(database.connector(settings.required("DATABASE_URL")[0], "migrate"), size=1, patience=60)
    files = sorted(MIGRATIONS.glob("[0-9]*.sql"))
    ran = sum(pool.transaction(lambda connection: run(connection, file)) for file in files)
    pool.close()
    logger.info("up to date", **log.fields(files=len(files), ran=ran))
    return 0


def run(connection, file: Path) -> bool:
    """Runs one file, unless it has run."""
    sql = file.read_text(encoding="utf-8")
    digest = hashlib.sha256(sql.encode()).hexdigest()
    connection.run("SELECT pg_advisory_xact_lock(:lock)", lock=OURS)  # until the commit
    connection.run(
        """
        CREATE TABLE IF NOT EXISTS migrations (
            file   text PRIMARY KEY,
            sha256 text NOT NULL,
            ran_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    before = database.row(connection, "SELECT sha256 FROM migrations WHERE file = :file", file=file.name)
    if before is not None:
        if before["sha256"] != digest:
            raise SystemExit(f"{file.name} was changed after it ran. Put it back, and write a new file instead.")
        return False
    connection.run(sql)
    connection.run("INSERT INTO migrations (file, sha256) VALUES (:file, :digest)", file=file.name, digest=digest)
    logger.info("ran", **log.fields(file=file.name))
    return True


if __name__ == "__main__":
    logger = log.start("migrate")
    try:
        sys.exit(main())
    except database.Unavailable as error:
        sys.exit(f"the database did not answer for a minute: {error}")

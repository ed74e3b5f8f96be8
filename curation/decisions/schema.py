"""The tables of the database, their version, and their migration, with a backup before it."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from curation.decisions import database as databases
from curation.decisions.database import FAILURES, Database, reason
from curation.errors import CurationError
from curation.files import sync_folder

VERSION = 2
"""The schema that this program reads and writes."""

metadata = sa.MetaData()

about = sa.Table(
    "curation_about",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""schema: the version. store: an id that journal and database share. epoch: changed by repairs.
lost: numbers of events, as JSON, of which a repair found no whole copy."""

events = sa.Table(
    "curation_events",
    metadata,
    sa.Column(
        "seq",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("op_id", sa.String, nullable=False, unique=True),
    sa.Column("example_id", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("annotator", sa.String, nullable=False),
    sa.Column("content_hash", sa.String, nullable=False),
    sa.Column("base_revision", sa.BigInteger, nullable=False),
    sa.Column("batch", sa.String, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("recorded", sa.Double, nullable=False),
    sa.Column("sum", sa.String, nullable=False),
)
"""One row per event; value is JSON, sum is the journal's checksum of the event."""

leases = sa.Table(
    "curation_leases",
    metadata,
    sa.Column("example_id", sa.String, primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("page", sa.String, nullable=False),
    sa.Column("until", sa.Double, nullable=False),
    sqlite_with_rowid=False,
)
"""One row per example and person that it waits for; until: UTC seconds by the database's clock.

With SQLite this table is in a file of its own, which `Leases` makes.
"""


def _add_leases(connection: sa.Connection) -> None:
    if connection.dialect.name != "sqlite":
        leases.create(connection)


MIGRATIONS: dict[int, Callable[[sa.Connection], None]] = {2: _add_leases}
"""Version → function that migrates the version before it, inside one transaction."""


def version(connection: sa.Connection) -> int:
    """Return the version of a database's schema; 0 for a new database."""
    if not sa.inspect(connection).has_table(about.name):
        return 0
    return int(get(connection, "schema") or 0)


def get(connection: sa.Connection, name: str) -> str | None:
    """Return a value of the table `about` by its name."""
    return connection.scalar(sa.select(about.c.value).where(about.c.name == name))


def put(connection: sa.Connection, name: str, value: str) -> None:
    """Write a value of the table `about` under its name."""
    connection.execute(about.delete().where(about.c.name == name))
    connection.execute(about.insert().values(name=name, value=value))


def bring_up(database: Database, store: str) -> None:
    """Create the tables, or migrate them to this program's version, in one transaction.

    store: id for a new database. Several programs may call this at once; one of them does the work.
    Raises CurationError for a later version than this program's, or when the backup before a
    migration is not whole; everything is then as before.
    """
    with database.reading() as connection:
        if version(connection) == VERSION:
            return
    with database.writing() as connection:
        current = version(connection)
        if current > VERSION:
            raise CurationError(
                f"These decisions were written by a later program (schema {current}, this one knows "
                f"{VERSION}); update this program."
            )
        if current == 0:
            metadata.create_all(connection, tables=[about, events])
            _add_leases(connection)
            put(connection, "store", store or uuid.uuid4().hex)
            put(connection, "epoch", uuid.uuid4().hex)
        elif current < VERSION:
            _backup_before(database, connection, current)
            databases.reached("backed up")
            for step in range(current + 1, VERSION + 1):
                MIGRATIONS[step](connection)
        put(connection, "schema", str(VERSION))
        databases.reached("migrated")
        connection.commit()


def _backup_before(database: Database, connection: sa.Connection, current: int) -> None:
    """Make a checked copy of the database beside it; on PostgreSQL, a copy of the table."""
    if database.path is not None:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        name = f"{database.path.name}.schema-{current}-{moment}.backup"
        backup(database, database.path.with_name(name))
        return
    copy = f"{events.name}_schema_{current}"
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {copy}")
    connection.exec_driver_sql(f"CREATE TABLE {copy} AS TABLE {events.name}")
    counts = [
        connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()
        for name in (copy, events.name)
    ]
    if counts[0] != counts[1]:
        raise CurationError("The backup before the change of schema is not whole; nothing changed.")


def backup(database: Database, target: Path) -> None:
    """Copy a SQLite database to another file through its backup interface, and check the copy.

    Other programs may use the database meanwhile. Raises CurationError when the copy cannot be made
    or is not whole, and on PostgreSQL, which has its own tools.
    """
    if database.path is None:
        raise CurationError("A PostgreSQL database is backed up with pg_dump.")
    count = f"SELECT count(*) FROM {events.name}"
    try:
        with (
            closing(sqlite3.connect(database.path, timeout=database.patience)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            copy.execute("PRAGMA synchronous=EXTRA")
            expected = source.execute(count).fetchone()[0]
            source.backup(copy)
            whole = copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            whole = whole and copy.execute(count).fetchone()[0] >= expected  # only ever appended
    except FAILURES as error:
        target.unlink(missing_ok=True)
        raise CurationError(f"The backup could not be made: {reason(error)}.") from error
    if not whole:
        raise CurationError("The backup is not whole; nothing was changed.")
    sync_folder(target.parent)

"""Further versions of the schema of decisions, for programs that are killed while they migrate."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from curation.decisions import schema


def add_migrations(count: int) -> None:
    """Give this program further schema versions, each with a table of its own."""
    first = schema.VERSION + 1
    for version in range(first, first + count):
        schema.MIGRATIONS[version] = _with_table(version)
    schema.VERSION += count


def _with_table(version: int) -> Callable[[sa.Connection], None]:
    def migrate(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"CREATE TABLE soak_{version} (number INTEGER)")
        connection.exec_driver_sql(
            f"INSERT INTO soak_{version} SELECT count(*) FROM curation_events"
        )

    return migrate

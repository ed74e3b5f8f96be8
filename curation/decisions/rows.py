"""Events as rows of the database."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa

from curation.decisions import schema
from curation.decisions.event import FIELDS, Event, checksum
from curation.errors import CurationError

COLUMNS = [schema.events.c[name] for name in FIELDS]
"""Columns that hold the fields of an event."""


def row_of(event: Event) -> dict[str, Any]:
    """Return the event as a row of the database."""
    return {
        **event.to_dict(),
        "value": orjson.dumps(event.value).decode(),
        "sum": checksum(event.body()),
    }


def event_of(row: dict[str, Any]) -> Event:
    """Return the event of a row; raises CurationError when the row is damaged."""
    try:
        return Event(**{**row, "value": orjson.loads(row["value"])})
    except (ValueError, TypeError):
        raise CurationError(
            f"Decision {row['seq']} is damaged in the database; run `curate doctor`."
        ) from None


def newest_place(connection: sa.Connection) -> tuple[int, str] | None:
    """Return number and op_id of the newest event; None while there is none."""
    query = sa.select(schema.events.c.seq, schema.events.c.op_id)
    row = connection.execute(query.order_by(schema.events.c.seq.desc()).limit(1)).first()
    return None if row is None else (row.seq, row.op_id)

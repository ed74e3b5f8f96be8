"""Decisions as a table: one row for each example, with the answer that counts.

Lists are JSON text, and so are the turns of an edit. In CSV a leading apostrophe is doubled, and one
stands before a text that a spreadsheet would read as a formula, so that every text comes back.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa

from curation.errors import CurationError
from curation.interchange.answers import Answer, Record
from curation.sources.columnar import bounded

COLUMNS = (
    *("id", "verdict", "label", "tags", "rating", "notes", "reason", "answers"),
    *("who", "when", "edited", "suggested"),
)
HOLDS = ("verdict", "label", "rating", "tags", "notes", "reason", "answers", "edit", "when")

MOST = 1024 * 2**20
"""Bytes of the values of a Parquet file, each written out."""

_MARKED = re.compile(r"^'(?=['=+\-@\t\r＝＋－＠])")
"""An apostrophe that a CSV file has before another one, or before the sign of a formula."""


def frame_of(records: Iterable[Record], apostrophes: bool = False) -> pd.DataFrame:
    """Return the table of records with one answer each; apostrophes: for CSV, see the module."""
    rows = [_row(record, record.answers[0]) for record in records]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    texts = frame.columns.drop("rating")
    frame = frame.astype(dict.fromkeys(texts, "str") | {"rating": "float64"})
    if apostrophes:
        for name in texts:
            frame[name] = frame[name].map(lambda t: f"'{t}" if t.startswith("'") else t)
    return frame


def _row(record: Record, answer: Answer) -> dict[str, Any]:
    return {
        "id": record.id,
        "verdict": answer.verdict,
        "label": answer.label,
        "tags": _json(list(answer.tags)),
        "rating": answer.rating,
        "notes": _json(list(answer.notes)),
        "reason": answer.reason,
        "answers": _json(dict(answer.answers)),
        "who": answer.who,
        "when": datetime.fromtimestamp(answer.when, UTC).isoformat(timespec="milliseconds"),
        "edited": _json(answer.edit),
        "suggested": answer.suggested,
    }


def _json(value: Any) -> str:
    return orjson.dumps(value).decode() if value else ""


def read(content: bytes, suffix: str) -> list[Record]:
    """Return the records of a table: .csv, .jsonl or .parquet.

    A list may also be written with commas. Raises CurationError for a row that cannot be read.
    """
    rows = rows_of(content, suffix)
    if rows and "id" not in rows[0]:
        raise CurationError("A table of decisions needs the column id.")
    return [_record(number, row) for number, row in enumerate(rows, 1)]


def rows_of(content: bytes, suffix: str) -> list[Mapping[str, Any]]:
    """Return the rows of a table: .csv, .parquet, or JSON Lines.

    Raises CurationError for a broken CSV, and for a Parquet file that unpacks to more than MOST.
    """
    if suffix == ".csv":
        return _csv_rows(content)
    if suffix == ".parquet":
        batches = bounded(pa.BufferReader(content), MOST)
        return [row for batch in batches for row in batch.to_pylist()]
    return [orjson.loads(line) for line in content.split(b"\n") if line.strip()]


def _csv_rows(content: bytes) -> list[Mapping[str, Any]]:
    csv.field_size_limit(2**31 - 1)  # an edit may hold any number of characters
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    try:
        return [
            {k: _MARKED.sub("", v) if isinstance(v, str) else v for k, v in row.items()}
            for row in csv.DictReader(text)
        ]
    except csv.Error as error:
        raise CurationError(f"This CSV file cannot be read: {error}.") from None


def _record(number: int, row: Mapping[str, Any]) -> Record:
    try:
        when = row.get("when")
        rating = row.get("rating")
        answer = Answer(
            who=str(row.get("who") or ""),
            when=datetime.fromisoformat(when).timestamp() if when else 0.0,
            verdict=str(row.get("verdict") or ""),
            label=str(row.get("label") or ""),
            rating=float(rating) if rating not in (None, "") else None,
            tags=tuple(_list(row.get("tags"))),
            notes=tuple(_list(row.get("notes"), commas=False)),
            reason=str(row.get("reason") or ""),
            answers=_object(row.get("answers")),
            edit=_parsed(row.get("edited")),
        )
    except (ValueError, TypeError) as error:
        raise CurationError(f"Row {number} of the table cannot be read: {error}.") from None
    return Record(str(row["id"]), "", "", (answer,))


def _parsed(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) and value else value or None


def _object(value: Any) -> dict[str, Any]:
    answers = _parsed(value) or {}
    if not isinstance(answers, dict):
        raise ValueError('answers is {"question": answer, …}')
    return answers


def _list(value: Any, commas: bool = True) -> list[str]:
    """Return a list from JSON text, from a list, or from text with commas."""
    if not isinstance(value, str):
        return [str(part) for part in value or ()]
    if value.startswith("["):
        return [str(part) for part in orjson.loads(value)]
    parts = value.split(",") if commas else [value]
    return [part.strip() for part in parts if part.strip()]

"""Decisions in the formats of other annotation tools, and as a table; both ways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import pandas as pd
import pyarrow as pa

from curation.decisions import State
from curation.errors import CurationError
from curation.interchange import argilla, doccano, label_studio, prodigy, table
from curation.interchange.answers import Record, lost, merged_of, records_of
from curation.interchange.reading import Preview, decisions_of
from curation.questions import Question


class Format(Protocol):
    """A tool's format: its module. HOLDS: the fields of an answer that it has a place for."""

    TITLE: str
    HOLDS: tuple[str, ...]
    SUFFIX: str

    def write(self, records: Iterable[Record]) -> bytes:
        """Return records as a file."""

    def read(self, content: bytes) -> list[Record]:
        """Return the records of a file."""


FORMATS: dict[str, Format] = {
    "argilla": argilla,
    "label-studio": label_studio,
    "prodigy": prodigy,
    "doccano": doccano,
}
"""Name on the command line → format."""


def format_of(name: str) -> Format:
    """Return a format by its name; raises CurationError for an unknown one."""
    if name not in FORMATS:
        raise CurationError(f"There is no format {name!r}; there are: {', '.join(FORMATS)}.")
    return FORMATS[name]


def written(state: State, rows: pd.DataFrame, name: str) -> tuple[bytes, int, str]:
    """Return people's answers as a file of a tool, their number, and a sentence about what is lost."""
    form = format_of(name)
    records = records_of(state, rows)
    kept_records = [
        Record(r.id, r.prompt, r.response, answers)
        for r in records
        if (answers := tuple(a for a in r.answers if not a.holding(form.HOLDS).empty))
    ]
    number = sum(len(record.answers) for record in kept_records)
    return form.write(kept_records), number, lost(records, form.HOLDS, form.TITLE)


def loss(state: State, rows: pd.DataFrame, name: str) -> str:
    """Return a sentence about what a tool's format has no place for; empty for nothing."""
    form = format_of(name)
    return lost(records_of(state, rows), form.HOLDS, form.TITLE)


def table_of(state: State, rows: pd.DataFrame, csv: bool = False) -> pd.DataFrame:
    """Return the decisions that count as a table, one row for each example; csv: with apostrophes."""
    return table.frame_of(merged_of(state, rows), csv)


def preview(
    content: bytes,
    rows: pd.DataFrame,
    state: State,
    annotator: str,
    name: str = "",
    suffix: str = "",
    questions: Sequence[Question] = (),
) -> Preview:
    """Return the decisions that a file makes: of a tool's format, or else a table by its suffix.

    questions: of the project, which the answers must fit. Raises CurationError for a file of another form.
    """
    with of_form(format_of(name).TITLE if name else "a table of decisions"):
        records = format_of(name).read(content) if name else table.read(content, suffix)
    return decisions_of(records, rows, state, annotator, questions, merged=not name)


@contextmanager
def of_form(title: str) -> Iterator[None]:
    """Raise CurationError for what a reader raises about a file of another form than `title`."""
    try:
        yield
    except CurationError:
        raise
    except (AttributeError, TypeError, KeyError, ValueError, pa.ArrowException):
        raise CurationError(f"This is no file of {title}.") from None

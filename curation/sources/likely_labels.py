"""Columns beside conversations that look like labels, for a person to name."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable

import orjson

from curation.formats.columns import kind
from curation.formats.names import SQUEEZED, squeezed

NAMES = frozenset(SQUEEZED["label"]) - {"accept", "annotation", "target"}
"""Names that a column of labels has; those that often mean an answer or a verdict are no sign."""

ROWS = 20_000
"""Rows that are looked at."""

LONGEST = 100
"""Letters of a label, and of its column's name, at most."""

MOST = 500
"""Labels that can be told apart."""


def likely_labels(metadata: Iterable[str], *, repeated: bool = True) -> dict[str, int]:
    """Return the columns that may be labels → the number of their values in the first ROWS rows.

    metadata: a JSON object or "" for each row. Scores, truth values and long texts are no labels, nor
    are values of which, with `repeated`, most stand in one row only.
    """
    values, rows, others = dict[str, set[str]](), dict[str, int](), set[str]()
    names = dict[str, bool]()
    for text in itertools.islice(metadata, ROWS):
        for name, value in (orjson.loads(text) if text else {}).items():
            if name not in names:
                names[name] = (
                    len(name) <= LONGEST and name.isprintable() and squeezed(name) in NAMES
                )
            if not names[name] or value in (None, "", []):
                continue
            if not _is_label(value):
                others.add(name)
            values.setdefault(name, set()).add(str(value))
            rows[name] = rows.get(name, 0) + 1
    return {
        name: len(different)
        for name, different in values.items()
        if name not in others
        and 2 <= len(different) <= MOST
        and (not repeated or 2 * len(different) <= rows[name])
    }


def _is_label(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST and kind(value) in "td"
    if isinstance(value, list):
        return all(isinstance(v, str) and len(v) <= LONGEST for v in value)
    return type(value) is int


def plain_columns(metadata: Iterable[str]) -> list[str]:
    """Return a sentence for each such column, which says how it becomes the label."""
    return [
        f"The column “{name}” has {count} values and was kept as a plain column. If it is the label, "
        f"import the file again with --map {shlex.quote(f'label={name}')}, or take it as the label on "
        "the Load page."
        for name, count in likely_labels(metadata).items()
    ]

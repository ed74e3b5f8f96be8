"""An example as a record again: the original record with the changes of the example only."""

from __future__ import annotations

from typing import Any

import orjson

from curation.formats.base import Record
from curation.formats.beside import label_column, written
from curation.formats.conversion import convert, digest_of
from curation.formats.recognition import get


def write(
    format: str, messages: str, label: str | None, metadata: str = "", shape: str = ""
) -> Record:
    """Return an example as a record of a format; an unchanged example gives exactly its record.

    The unchanged parts of a changed example are as they were.
    """
    form, hints = get(format), orjson.loads(shape) if shape else {}
    turns = orjson.loads(messages)
    if "record" in hints:
        record: Record = hints["record"]
        if hints["said"] == digest_of(messages) and hints["label"] == label:
            return record
        read = {"mapping": hints.get("mapping"), "table": hints.get("table", False)}
        before = convert(record, format=format, **read)
        apart = "labelled" in hints
        old = form.write(before.turns, None if apart else hints["label"], hints)
        new = form.write(turns, None if apart else label, hints)
        patched: Record = _patched(record, old, new)
        if patched is not None:
            relabelled = hints["label"] != label
            return {**patched, **label_column(label, hints)} if relabelled else patched
    kept = orjson.loads(metadata) if metadata else {}
    whole = {**kept, **written(form, turns, label, hints)}
    order = hints.get("order")
    if order is None:
        return {
            k: v for k, v in whole.items() if v not in ("", []) or k not in ("system", "history")
        }
    added = [k for k in whole if k not in order and whole[k] not in ("", [])]
    return {k: whole[k] for k in [*order, *added] if k in whole}


_APART: Any = None
"""The result for a change that does not fit, because the record holds the value in another form."""


def _patched(value: Any, before: Any, after: Any) -> Any:
    """A value with the changes from `before`, its canonical form, to `after`; None if none fits."""
    if before == after:
        return value
    if isinstance(value, dict) and isinstance(before, dict) and isinstance(after, dict):
        return _patched_object(value, before, after)
    if isinstance(value, list) and isinstance(before, list) and isinstance(after, list):
        if len(value) == len(before) == len(after):
            pairs = zip(value, before, after, strict=True)
            parts = [(_patched(v, b, a), a) for v, b, a in pairs]
            return [a if part is _APART else part for part, a in parts]
    return after if value == before else _APART


def _patched_object(value: Record, before: Record, after: Record) -> Record | None:
    if before.keys() != after.keys():
        return None
    patched = dict(value)
    for key in before:
        if before[key] != after[key]:
            if key not in value:
                return None
            if (part := _patched(value[key], before[key], after[key])) is _APART:
                return None
            patched[key] = part
    return patched

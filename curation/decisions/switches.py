"""Undo and redo: which events somebody who presses the button means."""

from __future__ import annotations

from typing import Any

from curation.decisions.event import SWITCHES
from curation.decisions.fold import Fold


def target(
    known: Fold, kind: str, annotator: str, op_id: str | None, batch: str | None
) -> dict[str, str] | None:
    """What an undo or redo is about; None when it would change nothing."""
    if op_id is not None or batch is not None:
        value = {"op_id": op_id} if op_id is not None else {"batch": batch or ""}
        changes = any(known.is_on(op) == (kind == "undo") for op in known.named(value))
        return value if changes else None
    return (_last_done if kind == "undo" else _last_undone)(known, annotator)


def _last_done(known: Fold, annotator: str) -> dict[str, str] | None:
    for event in known.newest_first(annotator):
        if event.kind not in SWITCHES and known.is_on(event.op_id):
            batch = event.batch.partition("/")[0]  # of an import, all of it
            return {"batch": batch} if batch else {"op_id": event.op_id}
    return None


def _last_undone(known: Fold, annotator: str) -> dict[str, str] | None:
    """The newest undo that was not done again, unless its author decided something else since."""
    redone: list[Any] = []
    for event in known.newest_first(annotator):
        if event.kind == "redo":
            redone.append(event.value)
        elif event.kind == "undo" and event.value in redone:
            redone.remove(event.value)
        elif event.kind == "undo":
            if any(not known.is_on(op) for op in known.named(event.value)):
                return dict(event.value)
        elif not redone:
            return None
    return None

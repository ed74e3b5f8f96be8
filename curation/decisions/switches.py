"""Undo and redo: the events that a press of the button switches."""

from __future__ import annotations

from typing import Any

from curation.decisions.event import SWITCHES
from curation.decisions.fold import Fold


def switch_target(
    fold: Fold, kind: str, annotator: str, op_id: str | None, batch: str | None
) -> dict[str, str] | None:
    """Return the value of an undo or redo; None when it would change nothing."""
    if op_id is not None or batch is not None:
        value = {"op_id": op_id} if op_id is not None else {"batch": batch or ""}
        changes = any(fold.is_on(op) == (kind == "undo") for op in fold.op_ids_of(value))
        return value if changes else None
    return (_last_done if kind == "undo" else _last_undone)(fold, annotator)


def _last_done(fold: Fold, annotator: str) -> dict[str, str] | None:
    for event in fold.newest_first(annotator):
        if event.kind not in SWITCHES and fold.is_on(event.op_id):
            batch = event.batch.partition("/")[0]  # an import is undone whole
            return {"batch": batch} if batch else {"op_id": event.op_id}
    return None


def _last_undone(fold: Fold, annotator: str) -> dict[str, str] | None:
    """Return the newest undo without a redo; None if its author decided something else since."""
    redone: list[Any] = []
    for event in fold.newest_first(annotator):
        if event.kind == "redo":
            redone.append(event.value)
        elif event.kind == "undo" and event.value in redone:
            redone.remove(event.value)
        elif event.kind == "undo":
            if any(not fold.is_on(op) for op in fold.op_ids_of(event.value)):
                return dict(event.value)
        elif not redone:
            return None
    return None

"""Answers of a page with a list: each is one decision about the item that was painted, or an undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from curation.decisions import Decision
from curation.project import Project
from curation.ui import answers as of_pages
from curation.ui.answers import Answer, Read, Written


def write(
    project: Project,
    answers: Sequence[Any],
    reader: Callable[[], Callable[[Answer], Decision]],
    kind: str = "",
) -> Written:
    """Save the answers of a list; see `curation.ui.answers`.

    An answer is {op, by, revision, time} and what `reader` reads, or {op, by, undo}. undo: the op id
    of the answer that is taken back; empty for the person's newest decision of `kind`, or their last
    action for "".
    """

    def with_undo() -> Read:
        decision_of = reader()

        def read(answer: Answer) -> list[Decision]:
            if "undo" in answer:
                return [_undo(answer, kind)]
            decision = decision_of(answer)
            decision.check()
            return [decision]

        return read

    return of_pages.write(project, answers, with_undo)


def _undo(answer: Answer, kind: str) -> Decision:
    """Return the undo of the answer that an undo names, or of the newest of a kind."""
    op_id, named = str(answer["op"]), str(answer["undo"])
    target = {"op_id": named} if named else {"of_kind": kind}
    return Decision("", "undo", target, str(answer["by"]).strip(), op_id=op_id)

"""Answers of a page with a list as decisions, each under its name and about the item that was painted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation import roles
from curation.decisions import Decision
from curation.decisions.fold import Fold
from curation.errors import CurationError
from curation.project import Project

Answer = Mapping[str, Any]


class Refused(Exception):
    """An answer that can never be saved; its text says why."""


@dataclass
class Written:
    """Outcome of saving answers.

    saved: op ids on disk. refused: op id → reason of those that never will be. back: the example
    that the newest undo brought back, and undone: its op id. trouble: a sentence.
    """

    saved: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    back: str = ""
    undone: str = ""
    trouble: str = ""


def write(
    project: Project,
    answers: Sequence[Any],
    decision_of: Callable[[Project, Answer], Decision],
    kind: str = "",
) -> Written:
    """Save answers in their order; one that is sent again adds nothing.

    An answer is {op, by, revision, time} and what `decision_of` reads, or {op, by, undo}. by: the
    name under which it was given; an answer without one is refused. undo: the op id of the answer
    that is taken back; empty for the person's newest decision of `kind`, or of any kind for "".
    After an answer that could not be saved no other is tried, so the order stays.
    """
    written = Written()
    for answer in answers:
        op = str(answer.get("op", "")) if isinstance(answer, Mapping) else ""
        try:
            if not str(answer.get("by") or "").strip():
                raise Refused("This answer has no name; type your name first.")
            roles.need_name(str(answer["by"]).strip())
            if "undo" in answer:
                _undo(project, answer, kind, written)
            else:
                project.decisions.append([decision_of(project, answer)])
            written.saved.append(op)
        except Refused as error:
            written.refused[op] = str(error)
        except (AttributeError, KeyError, TypeError, ValueError):
            written.refused[op] = "This answer cannot be read."
        except CurationError as error:
            written.trouble = str(error)
            break
    return written


def decision(answer: Answer, example_id: str, kind: str, value: Any) -> Decision:
    """Return a decision about an example with the name, the time and the op id of an answer."""
    op = str(answer["op"])
    return Decision(
        example_id=example_id,
        kind=kind,
        value=value,
        annotator=str(answer["by"]).strip(),
        content_hash=example_id.split("-")[0],
        base_revision=int(answer["revision"]),
        op_id=op,
        batch=op,
        time=float(answer["time"]),
    )


def _undo(project: Project, answer: Answer, kind: str, written: Written) -> None:
    """Take back the answer that an undo names, or the newest, and note whose example it was."""
    store, op, annotator = project.decisions, str(answer["op"]), str(answer["by"]).strip()
    newest = store.read(lambda fold: _newest(fold, annotator, kind)) if kind else None
    event = store.undo(annotator, op_id=str(answer["undo"]) or newest, own_op_id=op)
    if event is not None:
        written.back, written.undone = event.example_id, op


def _newest(fold: Fold, annotator: str, kind: str) -> str:
    """Return the op id of a person's newest decision of a kind that counts; empty for none."""
    events = fold.newest_first(annotator)
    return next((e.op_id for e in events if e.kind == kind and fold.is_on(e.op_id)), "")

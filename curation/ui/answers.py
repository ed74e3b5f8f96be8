"""Answers that a page sends: each is saved once and in order, refused, or waits in the browser.

Guarantee: an answer is refused, and then forgotten by the browser, only where no later try could save
it. A database that is away, a missing role and a login that ended are trouble, and the answers wait.
So everything that may be otherwise later is read before an answer is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation import roles
from curation.decisions import Decision
from curation.decisions.event import SWITCHES
from curation.decisions.outcome import Appended
from curation.errors import CurationError, NotAllowed
from curation.project import Project

Answer = Mapping[str, Any]

Read = Callable[[Answer], list[Decision]]
"""Makes the decisions of an answer; raises CurationError for one that can never be saved.

An undo or redo stands alone; its value is what the store's function of that name takes.
"""

UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Errors that an answer of another form raises where it is read."""

Notices = list[tuple[str, str]]


@dataclass
class Written:
    """Outcome of saving a list of answers.

    saved: op_ids on disk. refused: op_id → reason why it can never be saved. trouble: reason why
    the others could not be saved now. notices: (example, sentence) for the person who answered.
    back: the example that the newest undo brought back, and undone: the undo's op_id.
    """

    saved: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    notices: Notices = field(default_factory=list)
    back: str = ""
    undone: str = ""


def write(
    project: Project,
    answers: Sequence[Any],
    reader: Callable[[], Read],
    notices: Callable[[Appended], Notices] = lambda outcome: [],
) -> Written:
    """Append a page's answers in their order and return which are on disk.

    An answer is {op, by, …}; one that is sent again adds nothing, and one that was given under the name
    of somebody else waits for its author. After an answer that could not be saved no other is tried,
    so the order stays. reader: reads what answers are read with, also after an undo, and returns the
    function that reads one; only that function may refuse. notices: of decisions that were appended.
    """
    done = Written()
    waiting: list[tuple[str, list[Decision]]] = []

    def append() -> None:
        if waiting:
            outcome = project.decisions.append([d for _, decisions in waiting for d in decisions])
            done.saved += [op for op, _ in waiting]
            waiting.clear()
            done.notices += notices(outcome)

    try:
        if answers:
            roles.need(project.path, roles.ANNOTATOR)
            read = reader()
        for answer in answers:
            op = str(answer.get("op") or "") if isinstance(answer, Mapping) else ""
            try:
                roles.need_name(_author(answer))
                decisions = read(answer)
            except NotAllowed as error:
                done.trouble = str(error)
            except (CurationError, *UNREADABLE) as error:
                if _is_saved(project, op):  # the example or the question may have changed since
                    done.saved.append(op)
                else:
                    done.refused[op] = (
                        str(error)
                        if isinstance(error, CurationError)
                        else "This answer cannot be read."
                    )
            else:
                if decisions[0].kind not in SWITCHES:
                    waiting.append((op, decisions))
                    continue
                append()
                _switch(project, decisions[0], done)
                read = reader()
        append()
    except CurationError as error:
        done.trouble = str(error)
    return done


def _is_saved(project: Project, op_id: str) -> bool:
    return bool(op_id) and project.decisions.read(lambda fold: op_id in fold)


def decision(answer: Answer, example_id: str, kind: str, value: Any) -> Decision:
    """Return a decision with the name, the time, the revision and the op_id of an answer."""
    op = str(answer["op"])
    return Decision(
        example_id=example_id,
        kind=kind,
        value=value,
        annotator=_author(answer),
        content_hash=example_id.split("-")[0],
        base_revision=int(answer["revision"]),
        op_id=op,
        batch=op if kind not in SWITCHES else "",
        time=float(answer["time"]),
    )


def _author(answer: Answer) -> str:
    """Return the name under which an answer was given; raises CurationError without one."""
    if not (name := str(answer.get("by") or "").strip()):
        raise CurationError("This answer has no name; type your name first.")
    return name


def _switch(project: Project, decision: Decision, done: Written) -> None:
    """Undo or redo the action that an answer names."""
    change = project.decisions.undo if decision.kind == "undo" else project.decisions.redo
    event = change(decision.annotator, own_op_id=decision.op_id, **decision.value)
    done.saved.append(decision.op_id)
    if event is not None:
        done.back, done.undone = event.example_id, decision.op_id

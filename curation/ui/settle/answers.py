"""Settled answers as decisions, each for the example that was painted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.decisions import Decision, State
from curation.decisions.fold import Fold
from curation.errors import CurationError
from curation.looking.disputes import value_of
from curation.project import Project


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


def write(project: Project, answers: Sequence[Any]) -> Written:
    """Save answers in their order; one that is sent again adds nothing.

    An answer is {op, by, example, question, answer, revision, time}, or {op, by, undo}: an undo takes
    back the settled answer with that op id, or without one the newest of the person's. by: the name
    under which it was given. An answer without a name is refused.
    """
    done = Written()
    for answer in answers:
        op = str(answer.get("op", "")) if isinstance(answer, Mapping) else ""
        try:
            annotator = str(answer.get("by") or "").strip()
            if not annotator:
                done.refused[op] = "This answer has no name; type your name first."
                continue
            if "undo" in answer:
                _undo(project, str(answer["undo"]), op, annotator, done)
            else:
                project.decisions.append([decision_of(project, answer, annotator)])
            done.saved.append(op)
        except KeyError:
            done.refused[op] = "Nobody gives this answer any more; look at the example again."
        except (AttributeError, TypeError, ValueError):
            done.refused[op] = "This answer cannot be read."
        except CurationError as error:
            done.trouble = str(error)
            break
    return done


def decision_of(project: Project, answer: Mapping[str, Any], annotator: str) -> Decision:
    """The decision that settles an example; raises KeyError for an answer that nobody gave."""
    example, question = str(answer["example"]), str(answer["question"])
    people = project.people() or State()
    value = value_of(people, example, question, str(answer["answer"]))
    return Decision(
        example_id=example,
        kind="settle",
        value={"question": question, "value": value},
        annotator=annotator,
        content_hash=example.split("-")[0],
        base_revision=int(answer["revision"]),
        op_id=str(answer["op"]),
        batch=str(answer["op"]),
        time=float(answer["time"]),
    )


def _undo(project: Project, target: str, op: str, annotator: str, done: Written) -> None:
    store = project.decisions
    target = target or store.read(lambda fold: _newest(fold, annotator))
    if not target:
        return
    store.undo(annotator, op_id=target, own_op_id=op)
    settled = store.read(lambda fold: fold.get(target))
    if settled is not None:
        done.back, done.undone = settled.example_id, op


def _newest(fold: Fold, annotator: str) -> str:
    """Return the op id of a person's newest settled answer that counts; empty for none."""
    events = fold.newest_first(annotator)
    return next((e.op_id for e in events if e.kind == "settle" and fold.is_on(e.op_id)), "")

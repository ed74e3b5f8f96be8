"""Answers about pairs of copies as decisions, each for the pair that was painted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.decisions import Decision
from curation.errors import CurationError
from curation.project import Project


@dataclass
class Written:
    """Outcome of saving answers: op ids on disk, op id → reason of those that never will be, trouble."""

    saved: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    trouble: str = ""


def write(project: Project, answers: Sequence[Any], annotator: str) -> Written:
    """Save answers in their order; one that is sent again adds nothing.

    An answer is {op, choice, left, right, conflict, revision, time}; see `decision_of`.
    """
    done = Written()
    for answer in answers:
        op = str(answer.get("op", "")) if isinstance(answer, Mapping) else ""
        try:
            if answer["choice"] == "undo":
                project.decisions.undo(_name(annotator), own_op_id=op)
            else:
                project.decisions.append([decision_of(answer, annotator)])
            done.saved.append(op)
        except (KeyError, TypeError, ValueError):
            done.refused[op] = "This answer cannot be read."
        except CurationError as error:
            done.trouble = str(error)
            break
    return done


def decision_of(answer: Mapping[str, Any], annotator: str) -> Decision:
    """The decision of an answer about two copies, or about two that contradict each other.

    left, right: of copies that one stays for the group, of a contradiction the other is dropped. both:
    they are no duplicates. Raises CurationError without a name, ValueError for another choice.
    """
    sides = {"left": str(answer["left"]), "right": str(answer["right"])}
    choice = answer["choice"]
    if choice not in (*sides, "both"):
        raise ValueError(choice)
    example, kind, value = sides["left"], "apart", sides["right"] if choice == "both" else None
    if choice in sides:
        other = "right" if choice == "left" else "left"
        example, kind = (sides[other], "drop") if answer["conflict"] else (sides[choice], "prefer")
    return Decision(
        example_id=example,
        kind=kind,
        value=value,
        annotator=_name(annotator),
        content_hash=example.split("-")[0],
        base_revision=int(answer["revision"]),
        op_id=str(answer["op"]),
        batch=str(answer["op"]),
        time=float(answer["time"]),
    )


def _name(annotator: str) -> str:
    if not annotator:
        raise CurationError("Type your name on the left first; decisions are saved under it.")
    return annotator

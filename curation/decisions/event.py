"""What a person said of an example, and what became of it once it was written down."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from curation.errors import CurationError

KINDS = (
    "keep",
    "drop",
    "edit",
    "label",
    "tag",
    "untag",
    "rate",
    "note",
    "flag",
    "unflag",
    "skip",
    "undo",
    "redo",
)


@dataclass(frozen=True)
class Decision:
    """One thing a person said of one example.

    value: turns for an edit, a label or tag as text, a number for rate, a reason for flag; for undo
    and redo {"op_id": …} or {"batch": …}. content_hash: of the example as it was on screen.
    base_revision: the newest event of the example that was on screen. op_id: made when the card is
    drawn; sending it again adds nothing. batch: groups what one click did. time: UTC seconds.
    """

    example_id: str
    kind: str
    value: Any = None
    annotator: str = ""
    content_hash: str = ""
    base_revision: int = 0
    op_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    batch: str = ""
    time: float = field(default_factory=lambda: round(time.time(), 3))

    def check(self) -> None:
        """Raise CurationError when kind and value do not fit."""
        if self.kind not in KINDS:
            raise CurationError(
                f"There is no decision {self.kind!r}; known are: {', '.join(KINDS)}."
            )
        if self.kind in ("label", "tag", "untag", "note", "flag", "unflag") and not isinstance(
            self.value, str
        ):
            raise CurationError(f"A {self.kind} needs a text as its value, not {self.value!r}.")
        if self.kind == "rate" and (
            isinstance(self.value, bool) or not isinstance(self.value, int | float)
        ):
            raise CurationError(f"A rate needs a number as its value, not {self.value!r}.")
        if self.kind == "edit":
            turns = self.value if isinstance(self.value, list) else None
            if turns is None or not all(
                isinstance(t, dict)
                and isinstance(t.get("role"), str)
                and isinstance(t.get("content", ""), str | None)
                for t in turns
            ):
                raise CurationError(
                    "An edit needs a list of turns with role and content as its value."
                )


@dataclass(frozen=True)
class Event(Decision):
    """A decision that was written down: `seq` numbers all events of a project without a gap."""

    seq: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The event as a JSON object."""
        return asdict(self)


def read_decisions(
    text: str, annotator: str, known: Collection[str]
) -> tuple[list[Decision], list[str]]:
    """Decisions from JSON Lines of {id, kind, value}, and a sentence for each line that is none."""
    found, problems = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = orjson.loads(line)
            example = entry["id"]
            if example not in known:
                raise CurationError(f"there is no example {example!r}.")
            decision = Decision(
                example,
                entry["kind"],
                entry.get("value"),
                entry.get("annotator") or annotator,
                content_hash=example.split("-")[0],
                **({"op_id": entry["op_id"]} if entry.get("op_id") else {}),
            )
            decision.check()
            found.append(decision)
        except CurationError as error:
            problems.append(f"line {number}: {error}")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            problems.append(f"line {number}: this is not a JSON object with id and kind.")
    return found, problems

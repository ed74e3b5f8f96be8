"""Outcomes of an append: saved, certainly not saved, or not known."""

from __future__ import annotations

from dataclasses import dataclass

from curation.decisions.event import Event
from curation.errors import CurationError


@dataclass(frozen=True)
class Appended:
    """The result of an append.

    appended, ignored: numbers of new decisions, and of decisions that were already there. conflicts:
    new events that overrule a decision of somebody else that was not on the screen; they count.
    last: number of the newest event afterwards.
    """

    appended: int
    ignored: int
    conflicts: list[Event]
    last: int


class NotSaved(CurationError):
    """Nothing was saved: neither the database nor the journal has the decisions."""

    def __init__(self, why: str) -> None:
        super().__init__(f"Nothing was saved: {why}.")


class NotKnown(CurationError):
    """A commit was interrupted, with unknown result; sending the same decisions again is harmless."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"It is not known whether this was saved ({why}); save again, nothing is saved twice."
        )

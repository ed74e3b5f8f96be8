"""What became of an append: done, certainly not done, or not known."""

from __future__ import annotations

from dataclasses import dataclass

from curation.decisions.event import Event
from curation.errors import CurationError


@dataclass(frozen=True)
class Appended:
    """What an append did.

    appended, ignored: how many were new, and how many were there already. conflicts: the new events
    that overrule somebody else's, made after what was on this one's screen; they are kept all the
    same. last: the newest event's number after it.
    """

    appended: int
    ignored: int
    conflicts: list[Event]
    last: int


class NotSaved(CurationError):
    """Nothing was saved, and that is certain: neither the database nor the journal has it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"Nothing was saved: {why}.")


class NotKnown(CurationError):
    """Contact was lost in the middle of a commit; sending the same decisions again is harmless."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"It is not known whether this was saved ({why}); save again, nothing is saved twice."
        )

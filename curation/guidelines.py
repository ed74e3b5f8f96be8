"""The guidelines of a project: a text beside the card, and its versions.

The text is the file guidelines.md of the project folder. Each version is an event of the log of
decisions, written when the text is saved in the app, or when a card first shows a file that somebody
changed elsewhere. So the order of the log tells which version was on screen when an answer was given,
and no answer carries a field for it. Accepted cost: a version that no card showed leaves no trace.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curation import files, lock
from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.decisions import DecisionStore, State

FILE = "guidelines.md"

MOST = 100_000
"""Characters of the guidelines."""


@dataclass(frozen=True)
class Version:
    """A version of the guidelines: its mark, the seconds since 1970 of its event, and who saved it.

    who: empty for a file that was changed outside the app.
    """

    mark: str
    time: float
    who: str
    seq: int


def read_guidelines(folder: Path) -> str:
    """Return the guidelines; empty without any. Raises CurationError where they cannot be read."""
    path = folder / FILE
    try:
        text = path.read_text("utf-8").replace("\x00", "\ufffd").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise CurationError(f"{path} cannot be read as text: {error}.") from None
    if len(text) > MOST:
        raise CurationError(f"{path} has {len(text):,} characters; at most {MOST:,} are shown.")
    return text


class GuidelinesConflict(CurationError):
    """Somebody else saved the guidelines since they were read; `theirs` is the mark of that version."""

    def __init__(self, theirs: str) -> None:
        super().__init__(
            "Somebody else saved the guidelines since you opened them. Nothing was saved: show their "
            "version, or save once more to put yours in its place."
        )
        self.theirs = theirs


def write_guidelines(
    folder: Path, store: DecisionStore, text: str, who: str, base: str | None = None
) -> None:
    """Write the guidelines, and their version into the log; raises CurationError for a longer text.

    base: mark of the version that the text was made from; raises GuidelinesConflict when the saved
    one is another by now.
    """
    if len(text) > MOST:
        raise CurationError(f"The guidelines have {len(text):,} characters; at most {MOST:,} fit.")
    with lock.locked(folder / ".guidelines.lock"):
        present = mark_of(read_guidelines(folder))
        if base not in (None, present):
            raise GuidelinesConflict(present)
        files.write_text(folder / FILE, f"{text.strip()}\n")
    note(store, read_guidelines(folder), who)


def newest(people: State | None) -> str:
    """Return the text of the newest version in the log; empty without any."""
    events = () if people is None else tuple(people.guidelines.values())
    return str(events[0].value) if events else ""


def note(store: DecisionStore, text: str, who: str = "") -> None:
    """Append a version to the log, unless it is the newest; two writers at once append it once."""
    from curation.decisions import Decision
    from curation.decisions.event import GUIDELINES

    people = store.state()
    if text == newest(people):
        return
    former = people.revisions.get(GUIDELINES, 0)
    op_id = f"{GUIDELINES}-{former}-{mark_of(text)}"
    store.append([Decision(GUIDELINES, "guideline", text, who, op_id=op_id)])


def versions(store: DecisionStore) -> list[Version]:
    """Return the versions of the guidelines, oldest first."""
    from curation.decisions.event import GUIDELINES

    return [
        Version(mark_of(event.value), event.recorded, event.annotator, event.seq)
        for event in store.events(example_id=GUIDELINES)
        if event.kind == "guideline"
    ]


def mark_of(text: str) -> str:
    """Return the mark of a version: eight hexadecimal digits that depend on the text alone."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]

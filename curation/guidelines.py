"""The guidelines of a project: a text beside the card, and its versions.

The text is the file guidelines.md of the project folder. Each version is an event of the log of
decisions, written when the text is saved in the app, or when a card first shows a file that somebody
changed elsewhere. So the order of the log tells which version was on screen when an answer was given,
and no answer carries a field for it. Accepted cost: a version that no card showed leaves no trace,
unless a save in the app took its place.

Several folders may share one log. So a folder remembers the mark of its file that it gave to the log
last: a file that is still the same gives way to a newer version of the log.
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curation import files, lock, roles
from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.decisions import DecisionStore, State

FILE = "guidelines.md"
_NOTED = ".guidelines.mark"

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


def present_guidelines(folder: Path, people: State | None) -> str:
    """Return the guidelines of now: a file that was changed elsewhere, else the log's newest version.

    Raises CurationError where the file cannot be read.
    """
    text = read_guidelines(folder)
    return newest(people) if _is_noted(folder, text) else text


def write_guidelines(
    folder: Path, store: DecisionStore, text: str, who: str, base: str | None = None
) -> None:
    """Write the guidelines, and their version into the log; raises CurationError for a longer text.

    base: mark of the version that the text was made from; raises GuidelinesConflict when the present
    one is another. A file that was changed elsewhere becomes a version before its place is taken.
    """
    roles.need(folder, roles.OWNER)
    if len(text) > MOST:
        raise CurationError(f"The guidelines have {len(text):,} characters; at most {MOST:,} fit.")
    with _locked(folder):
        present = mark_of(present_guidelines(folder, store.state()))
        if base not in (None, present):
            raise GuidelinesConflict(present)
        _note_file(folder, store)
        files.write_text(folder / FILE, f"{text.strip()}\n")
        _note_file(folder, store, who, is_new=True)


def shown_guidelines(folder: Path, store: DecisionStore, people: State | None) -> str:
    """Return the guidelines that a card shows: always the newest version of the log.

    A file that was changed elsewhere becomes that version. Raises CurationError where it cannot be
    read, or the log not be written.
    """
    if _is_noted(folder, read_guidelines(folder)):
        return newest(people)
    with _locked(folder), roles.by_program():
        return _note_file(folder, store)


def _note_file(folder: Path, store: DecisionStore, who: str = "", is_new: bool = False) -> str:
    """Make the file a version of the log if it is `is_new` or not noted yet, and return its text."""
    text = read_guidelines(folder)
    if is_new or not _is_noted(folder, text):
        note(store, text, who)
        files.write_text(folder / _NOTED, mark_of(text))
    return text


def _is_noted(folder: Path, text: str) -> bool:
    """Whether a text is the one that this folder gave to the log last; at first it is empty."""
    try:
        return (folder / _NOTED).read_text("utf-8") == mark_of(text)
    except (OSError, UnicodeDecodeError):
        return not text


def _locked(folder: Path) -> AbstractContextManager[None]:
    return lock.locked(folder / ".guidelines.lock")


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

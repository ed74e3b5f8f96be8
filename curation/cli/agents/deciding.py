"""The tools that decide on examples: each call is one batch of decisions with the agent's name.

Guarantee: a call saves all of its decisions or none, and its batch begins with BATCH. A decision on a
version that is not the newest is saved like a person's, and the answer names the conflict.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import orjson

from curation.cli.agents.folders import Folders
from curation.cli.agents.look import Look
from curation.cli.agents.shown import text_digest, untrusted
from curation.decisions import Decision, Event
from curation.decisions.event import with_reason
from curation.decisions.receipt import meanwhile
from curation.errors import CurationError
from curation.looking.queues import REVIEW

BATCH = "mcp:"
"""Beginning of the batch of an agent's decisions."""

MOST = 200
"""Most decisions of one call."""

Kind = Literal["keep", "drop", "edit", "label", "tag", "untag", "rate", "note", "flag", "unflag"]


@dataclass
class Choice:
    """One decision of a call.

    id, mark: as `rows`, `search` or `example` showed them. value: of a label, tag or note its text, of
    a rating a number, of a flag what for (review if nothing is given), of an edit a list of {"turn": 1,
    "content": "the whole new text"}. reason: kept as a note beside the decision.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    id: str
    mark: str
    kind: Kind
    value: str | float | list[dict[str, Any]] | None = None
    reason: str = ""


class Deciding:
    """The tools that write decisions.

    name: the agent's, under which people see and filter its decisions.
    """

    def __init__(self, folders: Folders, name: str) -> None:
        self._folders = folders
        self._name = name

    def decide(self, project: str, decisions: list[Choice], request: str = "") -> dict[str, Any]:
        """Save decisions on examples under your name, all or none, as one batch that one undo takes back.

        Each decision hands back the `mark` that the example was shown with. Where somebody else decided
        or changed the text since, yours is saved too and `conflicts` says so: look again, and undo if
        it is wrong. At most 200 decisions. request: a name of your own for this call, 8 to 64 letters
        and digits; sent again with the same decisions it adds nothing, and `undone` counts those of them
        that were taken back. With other decisions it is another call.
        """
        if not 1 <= len(decisions) <= MOST:
            raise CurationError(f"Give 1 to {MOST} decisions, not {len(decisions):,}.")
        look = Look(self._folders.project(project))
        batch = self._batch(request, decisions)
        changed = dict[str, str]()
        fresh = list[Decision]()
        for number, choice in enumerate(decisions):
            revision, digest = _read_mark(choice)
            row = look.dataset.row(choice.id)
            if digest != text_digest(row):
                changed[choice.id] = "Its text or label has changed since it was shown to you."
            fresh += self._of(choice, look, revision, f"{batch}:{number}", batch)
        for decision in fresh:
            decision.check()
        outcome = look.project.decisions.append(fresh)
        off = look.project.decisions.state().undone
        conflicts = changed | _sentences(
            meanwhile(look.project.decisions, outcome.conflicts), changed
        )
        return untrusted(
            batch=batch,
            saved=outcome.appended,
            saved_before=outcome.ignored,
            undone=sum(decision.op_id in off for decision in fresh),
            conflicts=[{"id": id, "text": text} for id, text in conflicts.items()],
        )

    def undo(self, project: str, batch: str = "") -> dict[str, Any]:
        """Take back a batch of your own decisions; without its name the last one that counts."""
        opened = self._folders.project(project)
        if opened.people() is None:
            raise CurationError("There is nothing to undo: nobody has decided anything.")
        own = [e for e in opened.decisions.events() if e.annotator == self._name]
        mine = [e for e in own if e.batch.startswith(BATCH) and batch in ("", e.batch)]
        if not mine:
            what = (
                f"no decisions of yours in a batch {batch!r}" if batch else "no decisions of yours"
            )
            raise CurationError(f"There are {what}; only your own can be undone. See `decisions`.")
        off = opened.decisions.state().undone
        counting = [e for e in mine if e.op_id not in off]
        if not counting:
            raise CurationError("All of that was taken back already.")
        chosen = counting[-1].batch
        opened.decisions.undo(self._name, batch=chosen)
        return {"batch": chosen, "taken_back": sum(e.batch == chosen for e in counting)}

    def _batch(self, request: str, decisions: list[Choice]) -> str:
        """Return the name of a call's batch: the same for the same agent, request and decisions.

        Raises CurationError for a request of another form.
        """
        if not request:
            return f"{BATCH}{uuid.uuid4().hex}"
        if re.fullmatch(r"[A-Za-z0-9-]{8,64}", request) is None:
            raise CurationError("A request is 8 to 64 letters, digits and hyphens, or nothing.")
        parts = [self._name, *decisions]
        content = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
        return f"{BATCH}{hashlib.blake2b(content, digest_size=8).hexdigest()}-{request}"

    def _of(
        self, choice: Choice, look: Look, revision: int, op_id: str, batch: str
    ) -> list[Decision]:
        """Return the decision of a choice, and the note with its reason."""
        value: Any = choice.value
        if choice.kind == "edit":
            value = _edited(look, choice)
        elif choice.kind in ("flag", "unflag"):
            value = value or REVIEW

        decision = Decision(
            example_id=choice.id,
            kind=choice.kind,
            value=value,
            annotator=self._name,
            content_hash=choice.id.split("-")[0],
            base_revision=revision,
            op_id=op_id,
            batch=batch,
        )
        return with_reason(decision, "" if choice.kind == "note" else choice.reason)


def _read_mark(choice: Choice) -> tuple[int, str]:
    """Return the revision and the text's digest of a mark; raises CurationError for another text."""
    parts = re.fullmatch(r"(\d{1,18})-([0-9a-f]{12})", choice.mark)
    if parts is None:
        raise CurationError(
            f"{choice.mark!r} is no mark of {choice.id}: hand back the mark that `rows`, `search` or "
            "`example` showed with it."
        )
    return int(parts[1]), parts[2]


def _edited(look: Look, choice: Choice) -> list[dict[str, Any]]:
    """Return the turns of an example with the new texts of an edit.

    Raises CurationError for a turn that is not there, and for a value of another form.
    """
    turns: list[dict[str, Any]] = orjson.loads(str(look.dataset.row(choice.id)["messages"]))
    changes = choice.value if isinstance(choice.value, list) else []
    for change in changes:
        turn, content = change.get("turn"), change.get("content")
        if change.keys() != {"turn", "content"} or not isinstance(content, str):
            changes = []
            break
        if not isinstance(turn, int) or not 0 <= turn < len(turns):
            raise CurationError(f"{choice.id} has turns 0 to {len(turns) - 1}, not {turn!r}.")
        turns[turn]["content"] = content
    if not changes:
        raise CurationError(
            'The value of an edit is a list of {"turn": 1, "content": "the whole new text"}.'
        )
    return turns


def _sentences(meant: Iterable[tuple[Event, str]], before: dict[str, str]) -> dict[str, str]:
    """Return example → sentence on its conflicts, behind a sentence that it has already."""
    return {
        event.example_id: f"{before[event.example_id]} {text}"
        if event.example_id in before
        else text
        for event, text in meant
    }

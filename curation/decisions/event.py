"""What a person said of an example, and what became of it once it was written down."""

from __future__ import annotations

import hashlib
import json
import math
import time
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

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

_BARE_KINDS = ("keep", "drop", "skip")
SWITCHES = ("undo", "redo")
"""Kinds that say something of other events, not of an example."""

IMPORT = "import"
"""How the batch of an import begins: `import:NAME:…`, with who imported it."""

_TEXT_KINDS = ("label", "tag", "untag", "note", "flag", "unflag")
_NAMING_KINDS = ("label", "tag")


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing a person said of one example.

    value: turns for an edit, a label or tag as text, a number for rate, a reason for flag; for undo
    and redo {"op_id": …} or {"batch": …}. content_hash: of the example as it was on screen, before
    edits. base_revision: the newest event of the example that was on screen; 0 for none. op_id: made
    when the card is drawn; sending it again adds nothing. batch: groups what one click did, so that
    it can be undone as one. time: UTC seconds, by the clock of who made it; order never depends on
    it.
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
        """Raise CurationError when kind and value do not fit, or a field cannot be stored."""
        if self.kind not in KINDS:
            raise CurationError(
                f"There is no decision {self.kind!r}; known are: {', '.join(KINDS)}."
            )
        self._check_fields()
        if self.kind in _TEXT_KINDS and not isinstance(self.value, str):
            raise CurationError(f"A {self.kind} needs a text as its value, not {self.value!r}.")
        if self.kind in _NAMING_KINDS and not self.value.strip():
            raise CurationError(f"A {self.kind} needs a name that is not empty.")
        if self.kind == "rate" and not _is_number(self.value):
            raise CurationError(f"A rate needs a number as its value, not {self.value!r}.")
        if self.kind == "edit" and not _is_conversation(self.value):
            raise CurationError("An edit needs a list of turns with role and content as its value.")
        if self.kind in _BARE_KINDS and self.value is not None:
            raise CurationError(f"A {self.kind} takes no value; a note can say why.")
        if self.kind in SWITCHES and not _is_target(self.value):
            raise CurationError(
                f'An {self.kind} needs {{"op_id": …}} or {{"batch": …}} as its value.'
            )
        _check_json(self.value)

    def _check_fields(self) -> None:
        for name in ("example_id", "op_id", "annotator", "content_hash", "batch"):
            text = getattr(self, name)
            if not isinstance(text, str) or "\x00" in text or not _is_unicode(text):
                raise CurationError(f"A decision's {name} must be a plain text, not {text!r}.")
            if not text and name in ("example_id", "op_id"):
                raise CurationError(f"A decision needs an {name}.")
        if isinstance(self.base_revision, bool) or not isinstance(self.base_revision, int):
            raise CurationError(
                f"A decision's base_revision must be a whole number, not {self.base_revision!r}."
            )
        if not 0 <= self.base_revision < 2**63:
            raise CurationError("A decision's base_revision must be the number of an event.")
        if not _is_number(self.time):
            raise CurationError(f"A decision's time must be a number, not {self.time!r}.")


@dataclass(frozen=True, slots=True)
class Event(Decision):
    """A decision that was written down.

    seq: numbers all events of a project without a gap, and is their order. recorded: when it was
    written down, UTC seconds by the clock of the machine that wrote it.
    """

    seq: int = 0
    recorded: float = 0.0

    @classmethod
    def of(cls, decision: Decision, seq: int, recorded: float) -> Event:
        """The event that writing a decision down makes; later changes to its value do not show."""
        said = {name: getattr(decision, name) for name in Decision.__slots__}
        said["time"] = float(said["time"])
        if not isinstance(said["value"], str | int | float | None):
            said["value"] = orjson.loads(orjson.dumps(said["value"]))
        return cls(**said, seq=seq, recorded=recorded)

    def to_dict(self) -> dict[str, Any]:
        """The event as a JSON object, its fields in a fixed order."""
        return {name: getattr(self, name) for name in FIELDS}

    def body(self) -> bytes:
        """The event as the one JSON text that its checksum is made of."""
        return orjson.dumps(self.to_dict())


FIELDS = (*Decision.__slots__, *Event.__slots__)
"""Names of an event's fields, in their order."""


def checksum(body: bytes) -> str:
    """Sixteen hexadecimal digits that tell whether a body is as it was written."""
    return hashlib.blake2b(body, digest_size=8).hexdigest()


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**63


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(turn, dict)
        and isinstance(turn.get("role"), str)
        and isinstance(turn.get("content", ""), str | None)
        for turn in value
    )


def _is_target(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) == 1
        and all(k in ("op_id", "batch") and isinstance(v, str) and v for k, v in value.items())
    )


def _check_json(value: Any) -> None:
    """Raise CurationError for what would come back from disk as something else."""
    try:
        orjson.dumps(value)
        if isinstance(value, float | list | dict):
            json.dumps(value, allow_nan=False)  # orjson would turn a NaN into null
    except (TypeError, ValueError, RecursionError) as error:
        raise CurationError(
            f"A decision's value must be JSON, with whole characters and finite numbers: {error}."
        ) from error


def together(
    said: Sequence[tuple[str, str, Any]], annotator: str, op: str, base: int
) -> list[Decision]:
    """Decisions of kind, example and value each, as one act: undone together, counted once.

    op: the id of the act. base: the newest decision that whoever decides has seen.
    """
    return [
        Decision(
            example_id=example,
            kind=kind,
            value=value,
            annotator=annotator,
            op_id=f"{op}:{n}",
            batch=op,
            content_hash=example.split("-")[0],
            base_revision=base,
        )
        for n, (kind, example, value) in enumerate(said)
    ]


class DecisionLines(NamedTuple):
    """Decisions of a file; a sentence for each line that is none; edits whose text it withholds."""

    decisions: list[Decision]
    problems: list[str]
    withheld: int


def read_decisions(text: str, annotator: str, known: Collection[str]) -> DecisionLines:
    """Read JSON Lines of {id, kind, value}.

    Events that this program printed are read as they are, undo and redo too, also of examples that
    are not here. All of a text is one batch, which `annotator` can undo. A line with an `op_id` that
    is known is passed over when it is appended; a line without one is decided anew each time.
    """
    decisions, problems, withheld = [], [], 0
    batch = f"{IMPORT}:{quote(annotator, safe='', errors='replace')}:{uuid.uuid4().hex[:12]}"
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = orjson.loads(line)
            if entry.get("withheld") is True:  # by a delivery, of a row that is not in it
                withheld += 1
                continue
            decision = _read(entry, annotator, known, batch)
            decision.check()
            decisions.append(decision)
        except CurationError as error:
            problems.append(f"line {number}: {error}")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            problems.append(f"line {number}: this is not a JSON object with id and kind.")
    return DecisionLines(decisions, problems, withheld)


def _read(entry: dict[str, Any], annotator: str, known: Collection[str], batch: str) -> Decision:
    """The decision of one line of a file."""
    example = entry["id"] if "id" in entry else entry["example_id"]
    printed = bool(entry.get("op_id"))  # by this program, or by one that knows what it does
    if example not in known and not printed:
        raise CurationError(f"there is no example {example!r}.")
    fields: dict[str, Any] = {
        "annotator": annotator if entry.get("annotator") is None else entry["annotator"],
        "content_hash": entry.get("content_hash") or str(example).split("-")[0],
        "batch": f"{batch}/{entry['batch']}" if entry.get("batch") else batch,
    }
    for name in ("op_id", "time"):
        if entry.get(name):
            fields[name] = entry[name]
    return Decision(example, entry["kind"], entry.get("value"), **fields)

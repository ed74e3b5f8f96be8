"""Decisions of people about examples, and events: decisions that were written down."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import orjson

from curation.decisions.values import check_json, is_conversation, is_number, is_target, is_unicode
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
    "apart",
    "prefer",
    "answer",
    "guideline",
    "settle",
    "suggested",
    "gold",
    "check",
    "undo",
    "redo",
)

BARE_KINDS = ("keep", "drop", "skip", "prefer")
SWITCHES = ("undo", "redo")
"""Kinds that switch other events off and on."""

QUESTIONS = {"keep": "verdict", "drop": "verdict", "label": "label", "rate": "rating"}
"""Kinds of decisions that answer a fixed question, and the question; `answer` names its own."""

GUIDELINES = "guidelines"
"""The id in place of an example's in events of the kind guideline, which are about the project."""

_QUESTION = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")

REASON = ":reason"
"""Ending of the op_id of a note that holds the reason of a decision.

The op_id before it is the decision's. Both share a batch, so that one undo takes both.
"""

SETTLING = ("settle", "gold", "check")
"""Kinds that hold an answer to any question: the final one, the right one, one that is checked."""

SUGGESTED = ":suggested"
"""Ending of the op_id of the event that holds the suggestion beside an answer, as REASON."""

ANSWERING = ("keep", "drop", "label", "edit")
"""Kinds of decisions with which a person has answered an example, so that it waits for others."""

IMPORT = "import"
"""First part of the batch of an import: `import:NAME:…`, where NAME is the person who imported."""

RETURN = "return"
"""First part of the batch of a return to a moment: `return:NUMBER:…`, of the last event that stays."""

_TEXT_KINDS = ("label", "tag", "untag", "note", "flag", "unflag", "apart", "guideline")
_NAMING_KINDS = ("label", "tag", "apart")


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of a person about one example.

    value: turns for an edit, a label or tag as text, a number for rate, a reason for flag, the id of
    the example that this one is no duplicate of for apart; {"question": …, "value": …} for answer,
    and for SETTLING; the fields SUGGESTION for suggested, which stands
    beside an answer; the whole text for guideline; for undo and redo {"op_id": …} or {"batch": …}.
    prefer: of copies this example stays. content_hash: hash of the example on screen, before edits.
    base_revision: number of the newest event of the example that was on screen; 0 for none. op_id:
    id made when the card is drawn; a second decision with the same id is ignored. batch: name shared
    by the decisions of one click, which are undone together. time: UTC seconds by the clock of the
    person's machine; order never depends on it.
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
                f"There is no decision {self.kind!r}; choose one of: {', '.join(KINDS)}."
            )
        self._check_fields()
        if self.kind in _TEXT_KINDS and not isinstance(self.value, str):
            what = "the id of another example" if self.kind in ("apart", "prefer") else "a text"
            raise CurationError(f"The value of {self.kind!r} is {what}, not {self.value!r}.")
        if self.kind in _NAMING_KINDS and not self.value.strip():
            raise CurationError(f"A {self.kind} needs a name that is not empty.")
        if self.kind == "apart" and self.value == self.example_id:
            raise CurationError("An example cannot be apart from itself; name another one.")
        if self.kind in _CHECKS:
            _CHECKS[self.kind](self)
        if self.kind == "guideline" and self.example_id != GUIDELINES:
            raise CurationError(f"A guideline is about the project; its id is {GUIDELINES!r}.")
        if self.kind == "rate" and not is_number(self.value):
            raise CurationError(f"A rate needs a number as its value, not {self.value!r}.")
        if self.kind == "edit" and not is_conversation(self.value):
            raise CurationError("An edit needs a list of turns with role and content as its value.")
        if self.kind in BARE_KINDS and self.value is not None:
            raise CurationError(f"A {self.kind} takes no value; write the reason in a note.")
        if self.kind in SWITCHES and not is_target(self.value):
            raise CurationError(
                f'An {self.kind} needs {{"op_id": …}} or {{"batch": …}} as its value.'
            )
        check_json(self.value)

    def settles(self) -> Self:
        """Return the answer of one of SETTLING as a decision of its author.

        Raises CurationError for a value that is no answer.
        """
        if not isinstance(self.value, dict) or self.value.keys() != {"question", "value"}:
            form = '{"question": …, "value": …}'
            raise CurationError(f"A {self.kind} needs {form} as its value.")
        question, value = self.value["question"], self.value["value"]
        kinds = [kind for kind, name in QUESTIONS.items() if name == question]
        if not kinds:
            return replace(self, kind="answer")
        if kinds[0] not in BARE_KINDS:
            return replace(self, kind=kinds[0], value=value)
        if value not in kinds:
            raise CurationError(f"A {question} is one of: {', '.join(kinds)}; not {value!r}.")
        return replace(self, kind=value, value=None)

    def _check_fields(self) -> None:
        for name in ("example_id", "op_id", "annotator", "content_hash", "batch"):
            text = getattr(self, name)
            if not isinstance(text, str) or "\x00" in text or not is_unicode(text):
                raise CurationError(f"A decision's {name} must be a plain text, not {text!r}.")
            if not text and name in ("example_id", "op_id"):
                raise CurationError(f"A decision needs an {name}.")
        if isinstance(self.base_revision, bool) or not isinstance(self.base_revision, int):
            raise CurationError(
                f"A decision's base_revision must be a whole number, not {self.base_revision!r}."
            )
        if not 0 <= self.base_revision < 2**63:
            raise CurationError("A decision's base_revision must be the number of an event.")
        if not is_number(self.time):
            raise CurationError(f"A decision's time must be a number, not {self.time!r}.")


@dataclass(frozen=True, slots=True)
class Event(Decision):
    """A decision that was written down.

    seq: number of the event; a project's events are numbered in order, without a gap. recorded: UTC
    seconds of the writing, by the clock of the machine that wrote it.
    """

    seq: int = 0
    recorded: float = 0.0

    @classmethod
    def of(cls, decision: Decision, seq: int, recorded: float) -> Event:
        """Make the event of a decision, with a copy of its value."""
        fields = {name: getattr(decision, name) for name in Decision.__slots__}
        fields["time"] = float(fields["time"])
        if not isinstance(fields["value"], str | int | float | None):
            fields["value"] = orjson.loads(orjson.dumps(fields["value"]))
        return cls(**fields, seq=seq, recorded=recorded)

    def to_dict(self) -> dict[str, Any]:
        """Return the event as a JSON object, its fields in a fixed order."""
        return {name: getattr(self, name) for name in FIELDS}

    def body(self) -> bytes:
        """Return the event as the JSON text that its checksum is made of."""
        return orjson.dumps(self.to_dict())


FIELDS = (*Decision.__slots__, *Event.__slots__)
"""Names of an event's fields, in their order."""


def checksum(body: bytes) -> str:
    """Return the checksum of a body: sixteen hexadecimal digits."""
    return hashlib.blake2b(body, digest_size=8).hexdigest()


def is_question_name(name: Any) -> bool:
    """Return whether a text can name a question that the lead defines."""
    matches = isinstance(name, str) and _QUESTION.fullmatch(name) is not None
    return matches and name.lower() not in QUESTIONS.values()


def question_of(decision: Decision) -> str:
    """Return the question that a decision answers; empty for none."""
    if decision.kind == "answer":
        return str(decision.value["question"])
    return QUESTIONS.get(decision.kind, "")


def answer_text(value: Any) -> str:
    """Return an answer as text: equal answers are equal texts.

    Several options are joined by commas in alphabetical order; an answer in parts is JSON.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(int(value) if float(value).is_integer() else value)
    if isinstance(value, list) and all(isinstance(option, str) for option in value):
        return ",".join(sorted(value))
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _check_answer(event: Decision) -> None:
    """Raise CurationError for a value that is not {"question": NAME, "value": …}."""
    value = event.value
    if not isinstance(value, dict) or value.keys() != {"question", "value"}:
        raise CurationError('An answer needs {"question": …, "value": …} as its value.')
    if not is_question_name(value["question"]):
        raise CurationError(
            "A question's name is a letter, then letters, digits and _, at most 40; "
            f"{', '.join(sorted({*QUESTIONS.values()}))} are taken; not {value['question']!r}."
        )
    answer = value["value"]
    if not (isinstance(answer, str | list | dict) or is_number(answer)):
        raise CurationError(
            f"The value of an answer is a text, a number or a list, not {answer!r}."
        )


def checked(decisions: Iterable[Decision]) -> list[Decision]:
    """Return decisions as a list; raises CurationError for the first that does not fit."""
    result = list(decisions)
    for decision in result:
        decision.check()
    return result


def is_reason(event: Decision) -> bool:
    """Return whether a decision is the note that holds the reason of another one."""
    return event.kind == "note" and event.op_id.endswith(REASON)


SUGGESTION = ("question", "value", "source", "score", "shown")
"""Fields of the value of a suggested; shown: whether the person saw it before the answer."""


def _check_suggested(event: Decision) -> None:
    """Raise CurationError for an event that is no suggestion beside an answer."""
    fields, value = set(SUGGESTION), event.value
    if not event.op_id.endswith(SUGGESTED):
        raise CurationError("A suggested stands beside an answer; its op_id is OP_ID:suggested.")
    if not isinstance(value, dict) or value.keys() != fields:
        raise CurationError(f"A suggested needs {', '.join(sorted(fields))} as its value.")
    if value["question"] not in QUESTIONS.values() and not is_question_name(value["question"]):
        raise CurationError(f"A suggestion answers a question, not {value['question']!r}.")
    score = value["score"]
    if not isinstance(value["source"], str) or not isinstance(value["shown"], bool):
        raise CurationError("A suggestion has a source, a text, and was shown or not.")
    if score is not None and not is_number(score):
        raise CurationError(f"The score of a suggestion is a number, not {score!r}.")


_CHECKS: dict[str, Callable[[Decision], None]] = {
    "answer": _check_answer,
    **dict.fromkeys(SETTLING, lambda decision: decision.settles().check()),
    "suggested": _check_suggested,
}
"""Kind → check of its value and its op_id."""


def beside(event: Decision) -> bool:
    """Return whether an event only says more about another one: its reason, or what was suggested."""
    return event.kind == "suggested" or is_reason(event)


def with_reason(decision: Decision, reason: str) -> list[Decision]:
    """Return a decision and the note that holds its reason; only the decision for an empty reason."""
    if not (reason := reason.strip()):
        return [decision]
    op_id = f"{decision.op_id}{REASON}"
    return [decision, replace(decision, kind="note", value=reason, op_id=op_id)]


def as_one_act(
    choices: Sequence[tuple[str, str, Any]], annotator: str, op: str, base: int, reason: str = ""
) -> list[Decision]:
    """Make decisions of one act, which are undone together, from (kind, example, value) each.

    op: id of the act. base: number of the newest event that the person has seen. reason: of all of
    them, in a note beside each.
    """
    decisions = [
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
        for n, (kind, example, value) in enumerate(choices)
    ]
    return [part for decision in decisions for part in with_reason(decision, reason)]

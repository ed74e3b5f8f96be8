"""Answers of people about examples, as other annotation tools hold them: one answer for each person.

Every format of this package is written from these and read into these.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
import pandas as pd

from curation.decisions import Decision, Event, State
from curation.decisions.event import (
    IMPORT,
    answer_text,
    is_question_name,
    is_reason,
    question_of,
    with_reason,
)
from curation.errors import CurationError

Turns = list[dict[str, Any]]

SEPARATOR = "\n\n"
"""Text between prompt and response where a format has one text."""


@dataclass(frozen=True)
class Answer:
    """What one person answered about one example.

    who: "" where a file does not say. when: UTC seconds, 0 for unknown. verdict: keep or drop. reason:
    of the verdict, or else of the edit or label. rating: None for none. answers: question of the
    lead's → value. edit: the turns as the person left them, only in a table.
    """

    who: str = ""
    when: float = 0.0
    verdict: str = ""
    label: str = ""
    rating: float | None = None
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    edit: Turns | None = None

    def holding(self, names: Iterable[str]) -> Answer:
        """Return the answer with only some of its fields; a reason needs a decision."""
        empty = {f.name for f in fields(Answer)} - {"who", *names}
        defaults = Answer()
        part = replace(self, **{name: getattr(defaults, name) for name in empty})
        reasoned = part.verdict or part.label or part.edit is not None
        return part if reasoned else replace(part, reason="")

    @property
    def empty(self) -> bool:
        """Whether nothing was answered."""
        return replace(self, who="", when=0.0) == Answer()


@dataclass(frozen=True)
class Record:
    """An example with its answers. id: "" where a file does not say which example it is."""

    id: str
    prompt: str
    response: str
    answers: tuple[Answer, ...]

    @property
    def text(self) -> str:
        """The prompt and the response as one text."""
        return self.prompt + (SEPARATOR + self.response if self.response else "")


PARTS = {
    "verdict": "verdict",
    "label": "label",
    "rating": "rating",
    "tags": "tag",
    "notes": "note",
    "reason": "reason",
    "answers": "answer to other questions",
    "edit": "edit",
    "when": "time",
}
"""Field of an answer → its word for people."""


def records_of(state: State, rows: pd.DataFrame) -> list[Record]:
    """Return each example of `rows` that somebody answered about, with each person's own answers."""
    by_example: dict[str, dict[str, list[Event]]] = {}
    for event in _events(state):
        by_example.setdefault(event.example_id, {}).setdefault(event.annotator, []).append(event)
    return [
        _record(i, rows, [_answer(state, who, events) for who, events in sorted(people.items())])
        for i, people in sorted(by_example.items())
        if i in rows.index
    ]


def merged_of(state: State, rows: pd.DataFrame) -> list[Record]:
    """Return each example of `rows` with the one answer that counts; who gave its newest part."""
    newest: dict[str, list[Event]] = {}
    for event in _counting(state):
        newest.setdefault(event.example_id, []).append(event)
    records = []
    for example, events in sorted(newest.items()):
        if example in rows.index:
            who = max(events, key=lambda event: event.seq).annotator
            records.append(_record(example, rows, [_answer(state, who, events)]))
    return records


def _record(example: str, rows: pd.DataFrame, answers: Sequence[Answer]) -> Record:
    prompt, response = rows.at[example, "prompt"], rows.at[example, "response"]
    return Record(example, _text(prompt), _text(response), tuple(answers))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _events(state: State) -> Iterator[Event]:
    """Yield the opinions, tags, notes and edits of every person, without reasons."""
    for opinions in state.opinions.values():
        yield from opinions
    for tags in state.tags.values():
        yield from tags.values()
    for notes in state.notes.values():
        yield from (note for note in notes if not is_reason(note))
    yield from state.edits.values()


def _counting(state: State) -> Iterator[Event]:
    """Yield the decisions that count, without reasons."""
    for table in (state.verdicts, state.labels, state.ratings, state.edits):
        yield from table.values()
    for nested in (state.tags, state.answers):
        for inner in nested.values():
            yield from inner.values()
    for notes in state.notes.values():
        yield from (note for note in notes if not is_reason(note))


def _answer(state: State, who: str, events: Sequence[Event]) -> Answer:
    """Return the answer that some events of one example are."""
    by_kind: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: event.seq):
        by_kind.setdefault(event.kind, []).append(event)
    one = {kind: same[-1] for kind, same in by_kind.items()}
    verdicts = [one[kind] for kind in ("keep", "drop") if kind in one]
    reasoned = [*verdicts, *(one[kind] for kind in ("edit", "label") if kind in one)]
    return Answer(
        who=who,
        when=max(event.time for event in events),
        verdict=verdicts[0].kind if verdicts else "",
        label=one["label"].value if "label" in one else "",
        rating=one["rate"].value if "rate" in one else None,
        tags=tuple(sorted(event.value for event in by_kind.get("tag", ()))),
        notes=tuple(event.value for event in by_kind.get("note", ())),
        reason=next((reason for e in reasoned if (reason := state.reason(e))), ""),
        answers={question_of(e): e.value["value"] for e in by_kind.get("answer", ())},
        edit=one["edit"].value if "edit" in one else None,
    )


def lost(records: Iterable[Record], holds: Iterable[str], title: str) -> str:
    """Return how much of some records a format has no place for, in a sentence; "" for nothing."""
    numbers = dict.fromkeys((name for name in PARTS if name not in holds), 0)
    for record in records:
        for answer in record.answers:
            for name in numbers:
                value = getattr(answer, name)
                if isinstance(value, tuple | dict):
                    numbers[name] += len(value)
                elif name == "rating":
                    numbers[name] += value is not None
                else:
                    numbers[name] += bool(value)
    parts = [
        f"{number:,} {PARTS[name]}{'s' if number != 1 else ''}"
        for name, number in numbers.items()
        if number
    ]
    return f"{title} has no place for {', '.join(parts)}." if parts else ""


# --- reading --------------------------------------------------------------------------------


class Preview(NamedTuple):
    """Decisions that records make.

    examples: number of known examples with a decision. unknown: number of records of examples that
    the project does not have.
    """

    decisions: list[Decision]
    examples: int
    unknown: int


def decisions_of(
    records: Iterable[Record],
    rows: pd.DataFrame,
    state: State,
    annotator: str,
    merged: bool = False,
) -> Preview:
    """Return what records say that the state does not, as one act of `annotator`.

    A record without a known id is attached by its texts. An answer that its person has given already
    makes no decision; merged: nor does one that counts already, whoever gave it. An empty field
    takes nothing back. Raises CurationError for an answer that cannot be a decision.
    """
    batch = f"{IMPORT}:{quote(annotator, safe='', errors='replace')}:{uuid.uuid4().hex[:12]}"
    find, unknown = _finder(rows), 0
    answers: list[tuple[str, Answer]] = []
    for record in records:
        example = find(record)
        if example is None:
            unknown += 1
        else:
            answers += [(example, a) for a in record.answers if not a.empty]
    answers.sort(key=lambda pair: pair[1].when)  # the newest answer of a file counts
    decisions: list[Decision] = []
    current = _current(state, merged)
    for example, answer in answers:
        who = answer.who or annotator
        reason = answer.reason
        for kind, value in _choices(answer):
            if (example, "" if merged else who, kind, _key(value)) in current:
                continue
            decision = Decision(example, kind, value, who, example.split("-")[0], batch=batch)
            if answer.when:
                decision = replace(decision, time=answer.when)
            parts = with_reason(decision, reason if kind not in ("tag", "note") else "")
            reason = "" if len(parts) > 1 else reason
            for part in parts:
                part.check()
            decisions += parts
    return Preview(decisions, len({d.example_id for d in decisions}), unknown)


def _choices(answer: Answer) -> Iterator[tuple[str, Any]]:
    """Yield the kind and value of each decision of an answer."""
    if answer.verdict:
        if answer.verdict not in ("keep", "drop"):
            raise CurationError(f"A verdict is keep or drop, not {answer.verdict!r}.")
        yield answer.verdict, None
    if answer.edit is not None:
        yield "edit", answer.edit
    if answer.label:
        yield "label", answer.label
    if answer.rating is not None:
        yield "rate", answer.rating
    for question, value in answer.answers.items():
        if is_question_name(question):
            yield "answer", {"question": question, "value": value}
    yield from (("tag", tag) for tag in answer.tags)
    yield from (("note", note) for note in answer.notes)


def _key(value: Any) -> bytes:
    """Return a value as text; equal numbers are equal texts."""
    if isinstance(value, int | float):
        return answer_text(value).encode()
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _current(state: State, merged: bool) -> set[tuple[str, str, str, bytes]]:
    """Return (example, person, kind, value) of each decision that counts or is a person's own."""
    events = _counting(state) if merged else _events(state)
    return {(e.example_id, "" if merged else e.annotator, e.kind, _key(e.value)) for e in events}


def _finder(rows: pd.DataFrame) -> Callable[[Record], str | None]:
    """Return a function that names the example of a record: by its id, else by its texts."""
    by_text: dict[str, str] = {}

    def find(record: Record) -> str | None:
        if record.id:
            return record.id if record.id in rows.index else None
        if not by_text:
            texts = zip(
                rows.index, rows["prompt"].fillna(""), rows["response"].fillna(""), strict=True
            )
            for example, prompt, response in texts:
                by_text.setdefault(Record("", prompt, response, ()).text, str(example))
                by_text.setdefault(prompt, str(example))
        return by_text.get(record.text)

    return find

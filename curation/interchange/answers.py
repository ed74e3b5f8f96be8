"""Answers of people about examples, as other annotation tools hold them: one answer for each person.

Every format of this package is written from these and read into these; `reading` makes decisions of
them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pandas as pd

from curation.decisions import Event, State
from curation.decisions.event import is_question_name, is_reason, question_of
from curation.decisions.suggested import beside_answer, suggestion_words
from curation.report import ANSWERS

Turns = list[dict[str, Any]]

SEPARATOR = "\n\n"
"""Text between prompt and response where a format has one text."""

JOINT = "\n\n"
"""Text between several notes where a format has one text."""


@dataclass(frozen=True)
class Answer:
    """The answers of one person about one example.

    who: "" where a file does not say. when: UTC seconds, 0 for unknown. verdict: keep or drop. reason:
    of the verdict, or else of the edit or label. rating: None for none. answers: question of the
    lead's → value. edit: the turns as the person left them, only in a table. suggested: what became
    of each suggestion that was shown, in words, only in a table that is written.
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
    suggested: str = ""

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
class Guess:
    """The answer of a model to a question, as a file has it. score: None where it does not say."""

    question: str
    value: Any
    source: str = ""
    score: float | None = None


@dataclass(frozen=True)
class Record:
    """An example with its answers. id: "" where a file does not say which example it is.

    guesses: answers of models beside those of people.
    """

    id: str
    prompt: str
    response: str
    answers: tuple[Answer, ...]
    guesses: tuple[Guess, ...] = ()

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
    for event in own_events(state):
        by_example.setdefault(event.example_id, {}).setdefault(event.annotator, []).append(event)
    texts = _texts(rows, by_example)
    return [
        Record(
            i,
            *texts[i],
            tuple(_answer(state, who, events) for who, events in sorted(people.items())),
        )
        for i, people in sorted(by_example.items())
        if i in texts
    ]


def merged_of(state: State, rows: pd.DataFrame) -> list[Record]:
    """Return each example of `rows` with the one answer that counts; who gave its newest part."""
    newest: dict[str, list[Event]] = {}
    for event in counting_events(state):
        newest.setdefault(event.example_id, []).append(event)
    texts, records = _texts(rows, newest), []
    for example, events in sorted(newest.items()):
        if example in texts:
            who = max(events, key=lambda event: event.seq).annotator
            records.append(Record(example, *texts[example], (_answer(state, who, events),)))
    return records


def _texts(rows: pd.DataFrame, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the prompt and the response of those examples that `rows` has, by id."""
    own = rows.loc[[i for i in ids if i in rows.index], ["prompt", "response"]]
    pairs = zip(own["prompt"], own["response"], strict=True)
    return {i: (_text(p), _text(r)) for i, (p, r) in zip(own.index, pairs, strict=True)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def own_events(state: State) -> Iterator[Event]:
    """Yield the opinions, tags, notes and edits of every person, without reasons."""
    for opinions in state.opinions.values():
        yield from opinions
    for tags in state.tags.values():
        yield from tags.values()
    for notes in state.notes.values():
        yield from (note for note in notes if not is_reason(note))
    yield from state.edits.values()


def counting_events(state: State) -> Iterator[Event]:
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
        suggested="; ".join(
            f"{question_of(event)}: {words}"
            for event in [*reasoned, *by_kind.get("rate", ())[-1:], *by_kind.get("answer", ())]
            if question_of(event)
            and (words := suggestion_words(event, beside_answer(state, event)))
        ),
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


def named_answers(values: Mapping[str, Any], fixed: Container[str]) -> dict[str, Any]:
    """Return the answers to the lead's questions among the values of a tool, by question.

    A value is named `answers.NAME`, so that a question may have the name of a `fixed` field; in files
    of elsewhere any other name is a question's.
    """
    plain = {name: value for name, value in values.items() if name not in fixed}
    own = {n.removeprefix(ANSWERS): v for n, v in values.items() if n.startswith(ANSWERS)}
    return {name: value for name, value in (plain | own).items() if is_question_name(name)}

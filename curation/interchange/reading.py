"""Records of a file as decisions: which examples they are about, and what of them is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
import pandas as pd

from curation.decisions import Decision, State
from curation.decisions.event import QUESTIONS, answer_text, is_question_name, with_reason
from curation.decisions.subjects import import_batch
from curation.errors import CurationError
from curation.interchange.answers import JOINT, Answer, Record, counting_events, own_events
from curation.questions import Question

Slot = tuple[str, str, str]
"""An example, a person, and what a decision is about."""


class Preview(NamedTuple):
    """Decisions that records make.

    examples: number of known examples with a decision. unknown: number of records of no one example:
    of none that the project has, without a text, or of a text that several have. older: number of
    answers that are older than the same person's own. unfit: number of answers that do not fit
    their question. untimed: number of the decisions on a question whose time no file gives.
    """

    decisions: list[Decision]
    examples: int
    unknown: int
    older: int = 0
    unfit: int = 0
    untimed: int = 0

    def remarks(self) -> list[str]:
        """Return a sentence about each kind of answer that was left out, or has no time."""
        remarks = {
            "Records of no example of this project, without a text, or of a text that several have": (
                self.unknown
            ),
            "Answers left out, because the same person's own is newer": self.older,
            "Answers left out, because they do not fit their question": self.unfit,
            "Answers without a time, which count as the newest": self.untimed,
        }
        return [f"{text}: {number:,}." for text, number in remarks.items() if number]


def decisions_of(
    records: Iterable[Record],
    rows: pd.DataFrame,
    state: State,
    annotator: str,
    questions: Sequence[Question] = (),
    merged: bool = False,
) -> Preview:
    """Return what records say that the state does not, as one act of `annotator`.

    A record without a known id is attached by its texts. An answer that its person has given already
    makes no decision, nor does one older than that person's own; merged: nor does one that counts
    already, whoever gave it. An empty field takes nothing back. An answer to one of `questions` that
    does not fit it is left out. Raises CurationError for an answer that cannot be a decision.
    """
    batch = import_batch(annotator)
    answers, unknown = _attached(records, rows)
    older, unfit, untimed = 0, 0, 0
    decisions: list[Decision] = []
    by_name = {question.name: question for question in questions}
    current, times = _current(state, merged), _times(state)
    for example, answer in answers:
        who = answer.who or annotator
        reason, copies = answer.reason, Counter[str]()
        for kind, value in _choices(answer):
            slot = example, "" if merged else who, _subject(kind, value)
            if kind == "note":  # a person may write the same note twice
                copies[value] += 1
                slot = (*slot[:2], f"{slot[2]}:{copies[value]}")
            meanings = list(_readings(kind, value))
            if any(current.get(slot) == _key(kind, meaning) for meaning in meanings):
                continue
            if answer.when and answer.when < times.get((example, who, slot[2]), 0.0):
                older += 1
                continue
            if kind == "answer" and (question := by_name.get(slot[2])):
                meanings = [m for m in meanings if question.is_fit(m["value"])]
            if not meanings:
                unfit += 1
                continue
            value = meanings[0]
            current[slot] = _key(kind, value)
            decision = Decision(example, kind, value, who, example.split("-")[0], batch=batch)
            if answer.when:
                decision = replace(decision, time=answer.when)
            elif kind not in ("tag", "note"):
                untimed += 1
            parts = with_reason(decision, reason if kind not in ("tag", "note") else "")
            reason = "" if len(parts) > 1 else reason
            for part in parts:
                part.check()
            decisions += parts
    examples = len({decision.example_id for decision in decisions})
    return Preview(decisions, examples, unknown, older, unfit, untimed)


def _attached(
    records: Iterable[Record], rows: pd.DataFrame
) -> tuple[list[tuple[str, Answer]], int]:
    """Return answers with their examples, the newest last, and the number of records of no example."""
    find, unknown = finder(rows), 0
    answers: list[tuple[str, Answer]] = []
    for record in records:
        example = find(record)
        if example is None:
            unknown += 1
        else:
            answers += [(example, answer) for answer in record.answers if not answer.empty]
    return sorted(answers, key=lambda pair: pair[1].when), unknown


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


def _readings(kind: str, value: Any) -> Iterator[Any]:
    """Yield what the value of a decision may mean; see `readings`."""
    if kind != "answer":
        yield value
        return
    for answer in readings(value["value"]):
        yield {"question": value["question"], "value": answer}


def readings(answer: Any) -> Iterator[Any]:
    """Yield what an answer to a question may mean: as it stands, and as a tool writes it.

    A tool may give one option as a list of it, or a list of one as its element, and a number or an
    answer in parts as JSON text.
    """
    yield answer
    if isinstance(answer, list) and len(answer) == 1:
        yield answer[0]
    if isinstance(answer, str):
        yield [answer]
        try:
            yield orjson.loads(answer)
        except orjson.JSONDecodeError:
            pass


def _subject(kind: str, value: Any) -> str:
    """Return what a decision is about: a question, the edit, or a tag or note itself."""
    if kind == "answer":
        return str(value["question"])
    if kind in ("tag", "note"):
        return f"{kind}:{value}"
    return QUESTIONS.get(kind, f"{kind}:")  # no name of a question has a colon


def _key(kind: str, value: Any) -> bytes:
    """Return a decision as text; equal numbers are equal texts."""
    if kind == "answer":
        value = value["value"]
    if isinstance(value, int | float):
        return f"{kind} {answer_text(value)}".encode()
    return kind.encode() + orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _current(state: State, merged: bool) -> dict[Slot, bytes]:
    """Return each decision that counts, or is a person's own; of notes also several as one text."""
    current: dict[Slot, bytes] = {}
    notes: dict[tuple[str, str], list[str]] = {}
    for event in counting_events(state) if merged else own_events(state):
        example, who = event.example_id, "" if merged else event.annotator
        if event.kind == "note":
            notes.setdefault((example, who), []).append(event.value)
        else:
            subject = _subject(event.kind, event.value)
            current[example, who, subject] = _key(event.kind, event.value)
    for (example, who), texts in notes.items():
        copies = Counter[str]()
        joined = [JOINT.join(texts[:number]) for number in range(2, len(texts) + 1)]
        for text in (*texts, *joined):
            copies[text] += 1
            subject = f"{_subject('note', text)}:{copies[text]}"
            current[example, who, subject] = _key("note", text)
    return current


def _times(state: State) -> dict[Slot, float]:
    """Return the time of each person's own answers and edits, in whole milliseconds as files have."""
    events = [event for opinions in state.opinions.values() for event in opinions]
    return {
        (e.example_id, e.annotator, _subject(e.kind, e.value)): int(e.time * 1000) / 1000
        for e in (*events, *state.edits.values())
    }


def finder(rows: pd.DataFrame) -> Callable[[Record], str | None]:
    """Return a function that names the example of a record: by its id, else by its texts.

    A text that is empty, or that several examples have, names none.
    """
    by_text: dict[str, str | None] = {}

    def find(record: Record) -> str | None:
        if record.id:
            return record.id if record.id in rows.index else None
        if not by_text:
            texts = zip(
                rows.index, rows["prompt"].fillna(""), rows["response"].fillna(""), strict=True
            )
            for example, prompt, response in texts:
                for text in {Record("", prompt, response, ()).text, prompt}:
                    by_text[text] = None if text in by_text else str(example)
            by_text[""] = None
        return by_text.get(record.text)

    return find

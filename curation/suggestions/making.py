"""Suggestions made of what others said: a file, a column of the data, and a light model of people's answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from curation.columns import as_numbers
from curation.dataset import Dataset
from curation.decisions.answers import FIXED
from curation.decisions.event import question_of
from curation.errors import CurationError
from curation.interchange import format_of, of_form
from curation.interchange.answers import Guess, Record
from curation.interchange.reading import finder, readings
from curation.interchange.table import rows_of
from curation.looking import light_model
from curation.looking.search import embedded_by
from curation.questions import Question
from curation.report import ANSWERS
from curation.suggestions.table import Suggestion, content_of, is_fit, misfit
from curation.text.folding import one_line

if TYPE_CHECKING:
    from curation.decisions.state import State

LEARNED = "learned"
"""Source of the suggestions of the light model."""

NAMED = 100
"""Values that are named where they are left out."""

_LONGEST = 200
"""Characters that are shown of a value or a text that is left out."""

LEARNABLE = ("choice", "rating")
"""Kinds of the lead's questions that the light model can learn."""


class LeftOut(NamedTuple):
    """A value that makes no suggestion. about: the id or the text of its example, as a file has it."""

    about: str
    question: str
    value: str
    why: str


class Made(NamedTuple):
    """Suggestions, and what was left out or is to be known.

    unknown: number of records of no example, or of a text that several have. unfit: number of
    values that do not answer their question. remark: a sentence on the source, or none. left_out: the
    first NAMED values that were left out.
    """

    rows: list[Suggestion]
    unknown: int = 0
    unfit: int = 0
    remark: str = ""
    left_out: tuple[LeftOut, ...] = ()

    def sentences(self) -> list[str]:
        """Return a sentence about the number of suggestions, and one about each that was left out."""
        examples = len({row.example for row in self.rows})
        sources = ", ".join(dict.fromkeys(row.source for row in self.rows))
        lines = [
            f"{len(self.rows):,} suggestions on {examples:,} examples"
            + (f" by {sources}." if sources else ".")
        ]
        return [*lines, *self.remarks()]

    def remarks(self) -> list[str]:
        """Return a sentence about each kind of suggestion that was left out, and the remark."""
        lines = list[str]()
        if self.unknown:
            lines.append(
                f"Left out, because they are about no one example of this project: {self.unknown:,}."
            )
        if self.unfit:
            lines.append(f"Left out, because they do not fit their question: {self.unfit:,}.")
        return [*lines, *([self.remark] if self.remark else [])]


def checked_question(question: str, questions: Mapping[str, Question]) -> str:
    """Return the name of a question; raises CurationError for one that the project does not have."""
    name = question.removeprefix(ANSWERS)
    if name not in FIXED and name not in questions:
        raise CurationError(
            f"There is no question {question!r}; there are: {', '.join([*FIXED, *questions])}."
        )
    return name


def records_of(content: bytes, suffix: str, format: str = "", question: str = "") -> list[Record]:
    """Read suggestions from a table or another tool's file.

    A table (.csv, .jsonl, .parquet) has a row for each: id, or prompt and response; question, value;
    score and source where it has them. question: of rows without one. format: argilla or
    label-studio, whose files hold suggestions beside answers. Raises CurationError for another form.
    """
    with of_form(format_of(format).TITLE if format else "a table of suggestions"):
        if format:
            return format_of(format).read(content)
        return [_record(row, question) for row in rows_of(content, suffix)]


def _record(row: Mapping[str, Any], question: str) -> Record:
    name = str(row.get("question") or question)
    if "value" not in row or not name:
        raise CurationError("A table of suggestions needs the columns id, question and value.")
    guess = Guess(
        name.removeprefix(ANSWERS), row["value"], str(row.get("source") or ""), row.get("score")
    )
    id, prompt, response = (str(row.get(part) or "") for part in ("id", "prompt", "response"))
    return Record(id, prompt, response, (), (guess,))


def of_records(
    records: Iterable[Record], dataset: Dataset, questions: Mapping[str, Question], source: str
) -> Made:
    """Make suggestions of the guesses in records; source: of those that name none."""
    find, text_of = finder(dataset.rows), _content_in(dataset)
    rows, left_out, unknown, unfit = list[Suggestion](), list[LeftOut](), 0, 0
    for record in records:
        example = find(record)
        if example is None:
            unknown += bool(record.guesses)
            why = "no example has this id" if record.id else "no one example has this text"
            left_out += [
                _left_out(record, guess, why) for guess in record.guesses[: NAMED - len(left_out)]
            ]
            continue
        for guess in record.guesses:
            fitting = [v for v in readings(guess.value) if is_fit(guess.question, v, questions)]
            if not fitting:
                unfit += 1
                if len(left_out) < NAMED:
                    why = misfit(guess.question, guess.value, questions)
                    left_out.append(_left_out(record, guess, why))
                continue
            score = _number(guess.score)
            rows.append(
                Suggestion(
                    example,
                    guess.question,
                    fitting[0],
                    guess.source or source,
                    score,
                    text_of(example),
                )
            )
    return Made(rows, unknown, unfit, left_out=tuple(left_out))


def _left_out(record: Record, guess: Guess, why: str) -> LeftOut:
    about, question, value = (
        one_line(text, _LONGEST)
        for text in (record.id or record.text, guess.question, str(guess.value))
    )
    return LeftOut(about, question, value, why)


def of_column(
    dataset: Dataset,
    column: str,
    question: str,
    questions: Mapping[str, Question],
    score: str = "",
    source: str = "",
    rows: np.ndarray | None = None,
) -> Made:
    """Make suggestions of a column of the data; rows without a value get none.

    score: a column of numbers, the surer the higher. rows: True for each row to take. Raises
    CurationError for a column that is not in the data.
    """
    values = _column(dataset, column)
    scores = as_numbers(_column(dataset, score)).to_dict() if score else {}
    text_of, result, unfit = _content_in(dataset), list[Suggestion](), 0
    values = values[values.notna() if rows is None else values.notna() & rows]
    for example, value in zip(values.index, values.tolist(), strict=True):
        fitting = [v for v in readings(value) if is_fit(question, v, questions)]
        if not fitting:
            unfit += 1
            continue
        number = _number(scores.get(example))
        result.append(
            Suggestion(
                str(example), question, fitting[0], source or column, number, text_of(str(example))
            )
        )
    return Made(result, unfit=unfit)


def _column(dataset: Dataset, name: str) -> pd.Series:
    values = dataset.column(name)
    if values is None:
        raise CurationError(f"There is no column {name!r} in the data; run the step that makes it.")
    return values


def of_answers(
    dataset: Dataset, people: State | None, question: str, questions: Mapping[str, Question]
) -> Made:
    """Make suggestions by a light model of people's answers, for the examples that nobody answered.

    Raises CurationError without vectors, for a question that cannot be learned, and while too few
    answers are there.
    """
    embedded_by(dataset.steps)
    vectors = dataset.vectors
    assert vectors is not None  # there is an embed step
    lead = questions.get(question)
    if question == "rating" or (lead and lead.kind not in LEARNABLE):
        raise CurationError(
            "The light model learns verdict, label and questions with one option or a rating; "
            f"not {question}."
        )
    index = dataset.rows.index
    answers = light_model.answers_to(question, index, vectors, people)
    if not light_model.can_learn(answers):
        raise CurationError(
            f"The light model needs {light_model.STEP} answers to {question}, of two kinds or more; "
            f"there are {len(answers):,}."
        )
    model = light_model.remembered(vectors, light_model.latest(answers))
    waiting = light_model.has_vector(vectors) & ~index.isin(
        [example for example, name in answered(people) if name == question]
    )
    positions, ids = np.flatnonzero(waiting), index[waiting].astype(str).tolist()
    probabilities = model.probabilities(vectors[positions])
    text_of, best = _content_in(dataset), probabilities.argmax(axis=1)
    classes = [int(name) if lead and lead.kind == "rating" else name for name in model.classes]
    rows = [
        Suggestion(
            example,
            question,
            classes[k],
            LEARNED,
            round(float(probabilities[n, k]), 4),
            text_of(example),
        )
        for n, (example, k) in enumerate(zip(ids, best.tolist(), strict=True))
    ]
    return Made(rows, remark=model.trust.sentence())


def answered(people: State | None) -> set[tuple[str, str]]:
    """Return the examples and questions that somebody answered."""
    opinions: Mapping[str, Sequence[Any]] = {} if people is None else people.opinions
    return {
        (example, question_of(event)) for example, events in opinions.items() for event in events
    }


def _content_in(dataset: Dataset) -> Callable[[str], str]:
    """Return a function that gives the digest of an example's text."""
    rejected = dataset.rows.get("rejected")
    texts = dict(zip(dataset.rows.index, dataset.rows["messages"], strict=True))
    others = {} if rejected is None else rejected.dropna().to_dict()
    return lambda example: content_of(texts[example], others.get(example))


def _number(value: Any) -> float | None:
    """Return a score as a number; None for what is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None

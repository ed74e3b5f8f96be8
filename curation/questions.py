"""The questions that a lead defines: their kinds, their settings, and which answers fit.

They stand as tables `[[questions]]` in project.toml, in the order in which they are asked. A question
that is removed keeps its answers, because these are events of the log.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from curation.decisions.event import is_question_name
from curation.errors import CurationError
from curation.settings import change_settings, read_settings

KINDS = {
    "choice": ("One option", "One of some options, as a class or a reason."),
    "choices": ("Several options", "Any number of some options, also none."),
    "rating": ("Rating", "A whole number on a scale."),
    "text": ("Text", "Free text."),
    "ranking": ("Ranking", "Which of the two answers of a preference pair is better."),
    "turns": ("Each answer", "One option for each turn of the assistant."),
    "spans": ("Stretches of text", "Stretches of a turn, each with one option."),
}
"""Kind → its title, and its answer in a sentence."""

WITH_OPTIONS = ("choice", "choices", "turns", "spans")
SHORT = ("choice", "choices", "rating", "ranking")
"""Kinds whose answers are a few words or a number."""

RANKS = {
    "preferred": "The answer that the data prefers is better.",
    "rejected": "The answer that the data rejects is better.",
    "tie": "Both are equally good.",
    "bad": "Both are bad.",
}
"""The answers to a ranking, each in a sentence."""

WHEN = {"always": "of every example", "drop": "after a drop"}
"""When a question is asked, in words."""

MOST_OPTIONS = 9
"""Options of a question: a digit chooses each."""

LONGEST_NAME = 40
"""Characters of the name of a question."""

MOST_QUESTIONS = 20
LONGEST = 5_000
"""Characters of an answer in free text."""

FARTHEST = 5_000_000
"""Code points from a turn's begin beyond which no stretch ends: more than a turn has."""


@dataclass(frozen=True)
class Question:
    """A question about an example.

    name: of its column, `answers.NAME`. kind: a key of KINDS. title: its words for people; the name
    where it is empty. options: the possible answers of the kinds WITH_OPTIONS. required: a card is
    kept or dropped only after an answer. guideline: a sentence beside it. when: a key of WHEN. lowest,
    highest: ends of a rating's scale, 1 to 9. low, high: words for these ends. Raises CurationError
    for a value that does not fit.
    """

    name: str
    kind: str
    title: str = ""
    options: tuple[str, ...] = ()
    required: bool = False
    guideline: str = ""
    when: str = "always"
    lowest: int = 1
    highest: int = 5
    low: str = ""
    high: str = ""

    def __post_init__(self) -> None:
        if not is_question_name(self.name):
            raise CurationError(
                f"A question cannot be named {self.name!r}: a name is a letter, then letters, digits "
                f"and _, at most {LONGEST_NAME}; verdict, label and rating are taken."
            )
        for name in ("kind", "title", "guideline", "when", "low", "high"):
            if not isinstance(getattr(self, name), str):
                raise self._wrong(name, "is a text in quotes")
        for name, words in (("kind", KINDS), ("when", WHEN)):
            if getattr(self, name) not in words:
                raise self._wrong(name, f"is one of {', '.join(words)}")
        if not isinstance(self.required, bool):
            raise self._wrong("required", "is true or false")
        self._check_options()
        for name in ("lowest", "highest"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 9:
                raise self._wrong(name, "is a whole number from 1 to 9")
        if self.lowest >= self.highest:
            raise self._wrong("highest", f"is above lowest, which is {self.lowest}")
        if self.when == "drop" and self.kind in ("turns", "spans", "ranking"):
            raise self._wrong("when", f"is always for the kind {self.kind}")

    def _check_options(self) -> None:
        if isinstance(self.options, str) or not isinstance(self.options, Sequence):
            raise self._wrong("options", "is a list of texts")
        options = tuple(self.options)
        object.__setattr__(self, "options", options)
        if self.kind not in WITH_OPTIONS:
            if options:
                raise self._wrong("options", f"is left out for the kind {self.kind}")
            return
        if not 1 <= len(options) <= MOST_OPTIONS:
            raise self._wrong(
                "options", f"is a list of 1 to {MOST_OPTIONS} texts, a digit for each"
            )
        for option in options:
            if not isinstance(option, str) or not option.strip() or "\n" in option:
                raise self._wrong("options", "is a list of texts of one line each")
            if self.kind in SHORT and "," in option:
                raise self._wrong(
                    "options", "has no comma in a text, because commas part several answers"
                )
        if len(set(options)) < len(options):
            raise self._wrong("options", "has each text once")

    def _wrong(self, setting: str, rule: str) -> CurationError:
        value = getattr(self, setting)
        shown = list(value) if isinstance(value, tuple) else value
        return CurationError(f"Question {self.name}: {setting} {rule}, not {shown!r}.")

    @property
    def words(self) -> str:
        """The question as people read it."""
        return self.title or self.name.replace("_", " ")

    def is_fit(self, value: Any) -> bool:
        """Return whether an answer fits this question as it is now."""
        return _FITS[self.kind](self, value)

    def check(self, value: Any) -> None:
        """Raise CurationError for an answer that does not fit this question."""
        if not self.is_fit(value):
            raise CurationError(f"{value!r} is no answer to the question {self.words!r}.")

    def keys(self, example_id: str) -> dict[str, str] | None:
        """Return the digit that gives each answer on an example's card; None where none gives a whole one."""
        if self.kind not in ("choice", "ranking"):
            return None
        answers = list(self.options or RANKS)
        if self.kind == "ranking" and is_turned(example_id):
            answers[:2] = answers[1], answers[0]
        return {answer: str(digit) for digit, answer in enumerate(answers, 1)}

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults, by name."""
        stated = asdict(self) | {"options": list(self.options)}
        defaults = {
            f.name: f.default if f.default is not MISSING else None for f in fields(self)
        } | {"options": []}
        return {name: value for name, value in stated.items() if value != defaults[name]}


def is_turned(example_id: str) -> bool:
    """Return whether the card of a preference pair shows the answer that the data rejects first.

    It is fixed for an example, so that sides tell nothing.
    """
    return example_id[:16][-1:] in {*"89abcdef"}


def name_from(words: str, taken: Collection[str] = ()) -> str:
    """Return a name for a question from its words: ASCII letters, digits and _.

    Accents are left out, and so is what is no ASCII letter. taken: names that the result differs from,
    whatever the case of their letters.
    """
    plain = unicodedata.normalize("NFKD", words.casefold()).encode("ascii", "ignore").decode()
    parts = "_".join(re.findall(r"[a-z0-9]+", plain)).lstrip("_0123456789")
    base = parts[:LONGEST_NAME].rstrip("_") or "question"
    lower = {name.lower() for name in taken}
    numbers = (f"_{number}" for number in count(2))
    names = (f"{base[: LONGEST_NAME - len(end)]}{end}" for end in chain([""], numbers))
    return next(name for name in names if name not in lower and is_question_name(name))


def _fits_choices(question: Question, value: Any) -> bool:
    return (
        isinstance(value, list)
        and all(isinstance(option, str) and option in question.options for option in value)
        and len(set(value)) == len(value)
    )


def _is_place(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _fits_rating(question: Question, value: Any) -> bool:
    return _is_place(value) and question.lowest <= value <= question.highest


def _fits_turns(question: Question, value: Any) -> bool:
    return isinstance(value, dict) and all(
        str(turn).isdecimal() and isinstance(option, str) and option in question.options
        for turn, option in value.items()
    )


def _fits_spans(question: Question, value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(span, dict)
        and span.keys() == {"turn", "start", "end", "option"}
        and all(_is_place(span[name]) for name in ("turn", "start", "end"))
        and span["start"] < span["end"] <= FARTHEST
        and isinstance(span["option"], str)
        and span["option"] in question.options
        for span in value
    )


_FITS: dict[str, Callable[[Question, Any], bool]] = {
    "choice": lambda question, value: isinstance(value, str) and value in question.options,
    "choices": _fits_choices,
    "rating": _fits_rating,
    "text": lambda question, value: isinstance(value, str) and len(value) <= LONGEST,
    "ranking": lambda question, value: isinstance(value, str) and value in RANKS,
    "turns": _fits_turns,
    "spans": _fits_spans,
}


def read_questions(folder: Path) -> tuple[Question, ...]:
    """Read the questions of a project; raises CurationError for settings that do not fit."""
    stated = read_settings(folder).get("questions", [])
    if not isinstance(stated, list) or not all(isinstance(entry, Mapping) for entry in stated):
        raise CurationError("project.toml: questions are tables, each headed [[questions]].")
    names = [field.name for field in fields(Question)]
    questions = []
    for number, entry in enumerate(stated, 1):
        if wrong := [name for name in entry if name not in names]:
            raise CurationError(
                f"project.toml: question {number} has no setting {wrong[0]!r}; "
                f"it has {', '.join(names)}."
            )
        if missing := [name for name in ("name", "kind") if name not in entry]:
            raise CurationError(f"project.toml: question {number} needs a {missing[0]}.")
        questions.append(Question(**entry))
    return checked(questions)


def checked(questions: Sequence[Question]) -> tuple[Question, ...]:
    """Return questions that can stand together; raises CurationError for those that cannot."""
    if len(questions) > MOST_QUESTIONS:
        raise CurationError(f"A project has at most {MOST_QUESTIONS} questions.")
    names = [question.name.lower() for question in questions]
    if twice := [name for name in names if names.count(name) > 1]:
        raise CurationError(f"Two questions are named {twice[0]!r}; each has a name of its own.")
    return tuple(questions)


def check_answer(questions: Mapping[str, Question], kind: str, value: Any) -> None:
    """Raise CurationError for a decision that answers or settles a question with what does not fit.

    An answer to a question that was removed meanwhile fits.
    """
    if kind in ("answer", "settle") and value["question"] in questions:
        questions[value["question"]].check(value["value"])


def write_questions(folder: Path, questions: Sequence[Question]) -> None:
    """Write the questions of a project; the rest of project.toml stays as it is."""
    change_questions(folder, lambda _: questions)


def change_questions(
    folder: Path, change: Callable[[tuple[Question, ...]], Sequence[Question]]
) -> None:
    """Write the questions that a function makes of those of now; nobody else writes any meanwhile.

    Raises CurationError for questions that cannot be read, cannot stand together or cannot be written.
    """

    def tables() -> list[dict[str, Any]]:
        return [question.to_dict() for question in checked(change(read_questions(folder)))]

    change_settings(folder, "questions", tables)


class QuestionConflict(CurationError):
    """Somebody else changed or removed a question since it was opened.

    theirs: the question as it is now; None for one that was removed.
    """

    def __init__(self, theirs: Question | None) -> None:
        super().__init__(
            "Somebody else changed this question since you opened it. Nothing was saved: close it to "
            "see their version, or save once more to put yours in its place."
            if theirs
            else "Somebody else removed this question since you opened it. Nothing was saved: close "
            "it, or save once more to ask it again."
        )
        self.theirs = theirs


def save_question(folder: Path, question: Question, base: Question | None) -> None:
    """Save a question in the place of `base`, from which it was made; None for a new one.

    Raises QuestionConflict when the saved one is another by now.
    """

    def change(questions: Sequence[Question]) -> Sequence[Question]:
        theirs = next((q for q in questions if base and q.name == base.name), None)
        if theirs != base:
            raise QuestionConflict(theirs)
        return put(questions, question, base.name if base else "")

    change_questions(folder, change)


def put(questions: Sequence[Question], question: Question, former: str = "") -> list[Question]:
    """Return the questions with one added at the end, or in the place of the one named `former`."""
    if not former:
        return [*questions, question]
    return [question if other.name == former else other for other in questions]


def moved(questions: Sequence[Question], name: str, by: int) -> list[Question]:
    """Return the questions with one moved by some places, within the ends.

    Raises CurationError when it was removed.
    """
    question = named(questions, name)
    rest = without(questions, name)
    rest.insert(max(0, min(questions.index(question) + by, len(rest))), question)
    return rest


def without(questions: Sequence[Question], name: str) -> list[Question]:
    """Return the questions but the one with a name; raises CurationError when it was removed."""
    named(questions, name)
    return [question for question in questions if question.name != name]


def named(questions: Sequence[Question], name: str) -> Question:
    """Return the question with a name; raises CurationError when it was removed."""
    chosen = [question for question in questions if question.name == name]
    if not chosen:
        raise CurationError(f"There is no question {name!r} any more; reload the page.")
    return chosen[0]


def with_kind(question: Question, kind: str) -> Question:
    """Return a question with another kind, without the settings that do not fit it."""
    return replace(question, kind=kind, options=question.options if kind in WITH_OPTIONS else ())

"""Suggested answers: the values of a suggestion, and those that fit an example as it is now."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from curation.decisions.values import is_number
from curation.questions import LONGEST, RANKS, Question


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggested answer to a question about an example.

    question: verdict, label, rating or the name of one of the lead's. value: as a decision has it;
    keep or drop for a verdict. source: the model or file that it comes from. score: how sure the
    source is, higher is surer; None where it does not say. content: of `content_of`, the text that
    it is about.
    """

    example: str
    question: str
    value: Any
    source: str
    score: float | None
    content: str


def content_of(messages: str, rejected: Any = None) -> str:
    """Return a digest of an example's text: its messages and its rejected answer, as JSON."""
    text = f"{messages}\0{rejected if isinstance(rejected, str) else ''}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def is_fit(question: str, value: Any, questions: Mapping[str, Question]) -> bool:
    """Return whether a value answers a question; questions: the lead's, by name."""
    if question == "verdict":
        return value in ("keep", "drop")
    if question == "label":
        return isinstance(value, str) and bool(value.strip())
    if question == "rating":
        return is_number(value)
    return question in questions and questions[question].is_fit(value)


def misfit(question: str, value: Any, questions: Mapping[str, Question]) -> str:
    """Return in words why a value does not answer a question; "" where it does."""
    if is_fit(question, value, questions):
        return ""
    if question in _FIXED:
        return f"a {question} is {_FIXED[question]}"
    if question not in questions:
        return "the project has no such question"
    lead = questions[question]
    if lead.kind == "rating":
        return f"it is a whole number from {lead.lowest} to {lead.highest}"
    options = RANKS if lead.kind == "ranking" else lead.options
    return (
        f"its options are {', '.join(options)}"
        if options
        else f"it is a text of at most {LONGEST:,}"
    )


_FIXED = {"verdict": "keep or drop", "label": "a text", "rating": "a number"}
"""Question that every project has → its answer in words."""


class Table:
    """Suggestions by example and question; of several about one, the one that stands last is shown."""

    def __init__(self, rows: Iterable[Suggestion] = ()) -> None:
        self.rows = tuple(rows)
        self._by_example: dict[str, dict[str, Suggestion]] = {}
        for row in self.rows:
            self._by_example.setdefault(row.example, {})[row.question] = row

    def __len__(self) -> int:
        return len(self.rows)

    def about(
        self, example: str, content: str, questions: Mapping[str, Question]
    ) -> list[Suggestion]:
        """Return the suggestions about an example with that content which fit its questions now."""
        return [
            row
            for row in self._by_example.get(example, {}).values()
            if row.content == content and is_fit(row.question, row.value, questions)
        ]

    @cached_property
    def counts(self) -> dict[tuple[str, str], int]:
        """Source and question → the number of suggestions, in the order of the file."""
        return dict(Counter((row.source, row.question) for row in self.rows))

    @cached_property
    def scores(self) -> dict[str, float]:
        """Example → the lowest score of its suggestions; examples without a score are left out."""
        scores: dict[str, float] = {}
        for example, by_question in self._by_example.items():
            given = [row.score for row in by_question.values() if row.score is not None]
            if given:
                scores[example] = min(given)
        return scores

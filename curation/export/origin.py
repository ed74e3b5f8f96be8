"""The origin of a delivery: files, recipe, and the people who decided.

Guarantee: with pseudonyms, no file of a delivery holds a person's name, apart from what people wrote
themselves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import pandas as pd

from curation.carry import CARRIED
from curation.decisions.answers import behind
from curation.export.parts import WORDS
from curation.numbered import replaced
from curation.personal.redaction import redacted_json

_TABLES = ("verdicts", "edits", "labels", "ratings")
_NESTED = ("tags", "flags", "answers")


REFUSED = ("source", "row", "offset", "field", "code", "message", "raw")
"""Columns of lines that an import refused."""


@dataclass(frozen=True)
class Origin:
    """The origin of a delivery.

    name: the project's name. imports: reports of the files read. recipe: its YAML. people: the
    state of people's decisions; None without any. encoders: model → backend that computed its
    vectors. bases: name → SHA-256 of results of earlier runs that operations kept. imported: id →
    turns of the example as they were read. rejected: the lines that the import refused, see
    `Project.rejected`. proof: what training on the choice showed, see
    `curation.export.proof`; None where nobody trained. references: the reference sets that steps
    read, each with name, sha256 and rows. about: purpose, licence and contact, as far as somebody
    stated them.
    """

    name: str
    imports: Sequence[Mapping[str, Any]]
    recipe: str
    people: Any = None
    encoders: Mapping[str, str] = field(default_factory=dict)
    bases: Mapping[str, str] = field(default_factory=dict)
    imported: pd.Series = field(default_factory=lambda: pd.Series(dtype="str"))
    rejected: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(REFUSED)))
    proof: Mapping[str, Any] | None = None
    references: Sequence[dict[str, Any]] = ()
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class People:
    """People's decisions, under their names or under pseudonyms.

    events: (example id, event) of those that count, in an order that depends only on them. names:
    a person's name → the name in the delivery. ratings: example → the rating that counts. answers:
    example → question → the answer that counts.
    """

    events: tuple[tuple[str, Any], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    ratings: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, state: Any, pseudonyms: bool) -> People:
        """Make the decisions of a state."""
        if state is None:
            return cls()
        events = tuple(_events(state))
        first: dict[str, int] = {}
        for _, event in events:
            first[event.annotator] = min(event.seq, first.get(event.annotator, event.seq))
        order = sorted(first, key=lambda name: first[name])
        names = {n: f"annotator {i}" if pseudonyms else n for i, n in enumerate(order, 1)}
        people = cls(names=names)
        ratings = {example: event.value for example, event in state.ratings.items()}
        answers = {
            example: {question: event.value["value"] for question, event in by.items()}
            for example, by in state.answers.items()
        }
        if pseudonyms:
            events = tuple((i, people._renamed(e)) for i, e in events)
        return cls(events, names, ratings, answers)

    @cached_property
    def pseudonyms(self) -> bool:
        """Whether the delivery calls people otherwise than they are called."""
        return any(name != other for name, other in self.names.items())

    def _renamed(self, event: Any) -> Any:
        """Return an event with the names of the delivery, also those in a carried note."""
        value = event.value
        if event.kind == "note" and value.startswith(CARRIED):
            value = self.text(value, r"(?<=by )|(?<=[:;] )(?=[^;]*: )")
        return replace(event, annotator=self.names[event.annotator], value=value)

    def text(self, reason: str, before: str = "(?<=by )") -> str:
        """Return a sentence of a receipt with the names of the delivery.

        before: regular expression of the text before a name.
        """
        if not self.pseudonyms:
            return reason
        name = self._name
        several = rf"(?:{before}){name}(?:(?:, | and ){name})*"  # of those whose answers are alike
        return re.sub(
            several,
            lambda m: re.sub(name, lambda one: self.names[one.group()], m.group()),
            reason,
        )

    @cached_property
    def _name(self) -> str:
        """A regular expression of a person's name."""
        names = sorted((n for n in self.names if n), key=len, reverse=True)
        return rf"(?:{'|'.join(re.escape(name) for name in names) or '(?!)'})(?!\w)"

    def counts(self) -> dict[str, dict[str, int]]:
        """Map person → kind of decision → number of those that count."""
        table: dict[str, Counter[str]] = {}
        for _, event in self.events:
            table.setdefault(event.annotator, Counter())[event.kind] += 1
        return {name: dict(sorted(table[name].items())) for name in sorted(table)}

    @cached_property
    def words(self) -> Mapping[str, Mapping[str, str]]:
        """Map id → tags and flags joined by commas, rating, notes, one a line, and answers.

        answers: JSON of question → answer, because the questions differ from project to project.
        """
        kinds = {"tag": ("tags", ","), "flag": ("flags", ","), "note": ("note", "\n")}
        words: dict[str, dict[str, str]] = {
            example: {"rating": f"{rating:g}"} for example, rating in self.ratings.items()
        }
        for example, event in self.events:
            if event.kind in kinds:
                column, between = kinds[event.kind]
                mine = words.setdefault(example, {})
                mine[column] = between.join(filter(None, [mine.get(column), event.value]))
        for example, given in self.answers.items():
            text = orjson.dumps(given, option=orjson.OPT_SORT_KEYS).decode()
            words.setdefault(example, {})["answers"] = text
        return words

    def table(self, index: pd.Index) -> pd.DataFrame:
        """Return one row per example: decided_by, and a column for each of WORDS; "" for none."""
        places = np.flatnonzero(index.isin(self._touched))
        ids = index[places].tolist()
        columns = {"decided_by": [", ".join(self._deciders.get(i, ())) for i in ids]}
        columns |= {name: [self.words.get(i, {}).get(name, "") for i in ids] for name in WORDS}
        table = pd.DataFrame("", index=index, columns=list(columns), dtype="str")
        return table.assign(
            **{
                name: replaced(table[name], places, pd.Series(values, dtype="str"))
                for name, values in columns.items()
            }
        )

    def counted_words(self, index: pd.Index) -> dict[str, int]:
        """Map each of WORDS → examples of an index that have it, without those that none has."""
        some = index[index.isin(list(self.words))]
        counts = Counter(name for i in some for name, text in self.words[i].items() if text)
        return {name: counts[name] for name in WORDS if counts[name]}

    @cached_property
    def _deciders(self) -> Mapping[str, Sequence[str]]:
        """Map id → kinds of decisions, each with its person."""
        by: dict[str, list[str]] = {}
        for example, event in self.events:
            what = f"{event.kind} by {event.annotator}"
            if what not in by.setdefault(example, []):
                by[example].append(what)
        return by

    @cached_property
    def _touched(self) -> list[str]:
        """The ids of all examples that somebody decided about."""
        return list({**self._deciders, **self.words})

    def lines(self, delivered: pd.Index, redacted: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Yield every decision as a record; an edit's text only where its example is delivered.

        redacted: kinds of personal data that stand as placeholders in the text of an edit.
        """
        inside = set(delivered[delivered.isin({example for example, _ in self.events})])
        for example, event in self.events:
            hidden = event.kind == "edit" and example not in inside
            value = None if hidden else event.value
            if redacted and event.kind == "edit" and not hidden:
                value = orjson.loads(redacted_json(orjson.dumps(value).decode(), redacted))
            yield {
                **({"withheld": True} if hidden else {}),
                "op_id": event.op_id,
                "id": example,
                "kind": event.kind,
                "value": value,
                "annotator": event.annotator,
                "time": event.time,
            }


def _events(state: Any) -> Iterator[tuple[str, Any]]:
    """Yield every decision that counts, with its example's id."""
    for name in _TABLES:
        for example, event in sorted(getattr(state, name).items()):
            yield from ((example, e) for e in behind(event))
    for name in _NESTED:
        table = getattr(state, name)
        for example in sorted(table):
            for value in sorted(table[example]):
                yield from ((example, e) for e in behind(table[example][value]))
    for example in sorted(state.notes):
        yield from ((example, note) for note in state.notes[example])

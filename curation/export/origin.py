"""Where a delivery comes from: files, recipe, and the people who decided."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from curation.carry import CARRIED
from curation.export.parts import WORDS

_TABLES = ("verdicts", "edits", "labels", "ratings")
_NESTED = ("tags", "flags")


@dataclass(frozen=True)
class Origin:
    """What a delivery says of where it came from.

    name: of the project. imports: the reports of the files read. recipe: its YAML. people: the
    state of people's decisions, if there are any. encoders: model → the backend that
    computed its vectors. bases: what operations kept to from earlier runs, as SHA-256 by name. imported: the
    turns of each example as they were read, by id.
    """

    name: str
    imports: Sequence[Mapping[str, Any]]
    recipe: str
    people: Any = None
    encoders: Mapping[str, str] = field(default_factory=dict)
    bases: Mapping[str, str] = field(default_factory=dict)
    imported: pd.Series = field(default_factory=lambda: pd.Series(dtype="str"))


@dataclass(frozen=True)
class People:
    """What people decided, under their names or under pseudonyms.

    events: those that count, with the ids of their examples, in an order that depends on nothing
    else. names: each person's name → what it is called in the delivery.
    """

    events: tuple[tuple[str, Any], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, state: Any, pseudonyms: bool) -> People:
        """Everything that a state says."""
        if state is None:
            return cls()
        events = tuple(_events(state))
        first: dict[str, int] = {}
        for _, event in events:
            first[event.annotator] = min(event.seq, first.get(event.annotator, event.seq))
        order = sorted(first, key=lambda name: first[name])
        names = {n: f"annotator {i}" if pseudonyms else n for i, n in enumerate(order, 1)}
        people = cls(names=names)
        return cls(tuple((i, people._renamed(e)) for i, e in events), names)

    def _renamed(self, event: Any) -> Any:
        """An event of the person's name in the delivery, also where its note tells of others."""
        value = event.value
        if event.kind == "note" and value.startswith(CARRIED):
            value = self.text(value, r"(?<=by )|(?<=[:;] )(?=[^;]*: )")
        return replace(event, annotator=self.names[event.annotator], value=value)

    def text(self, reason: str, before: str = "(?<=by )") -> str:
        """A sentence of a receipt with people's names as they are called in the delivery.

        before: the regular expression of what stands before a name.
        """
        if all(name == other for name, other in self.names.items()):
            return reason
        known = sorted((n for n in self.names if n), key=len, reverse=True)
        pattern = "|".join(re.escape(name) for name in known) or r"(?!)"
        return re.sub(rf"(?:{before})(?:{pattern})(?!\w)", lambda m: self.names[m.group()], reason)

    def counts(self) -> dict[str, dict[str, int]]:
        """Person → kind of decision → how many that count."""
        table: dict[str, Counter[str]] = {}
        for _, event in self.events:
            table.setdefault(event.annotator, Counter())[event.kind] += 1
        return {name: dict(sorted(table[name].items())) for name in sorted(table)}

    def words(self) -> dict[str, dict[str, str]]:
        """Id → tags and flags by commas, rating, and notes with a line each."""
        kinds = {"tag": ("tags", ","), "flag": ("flags", ","), "note": ("note", "\n")}
        said: dict[str, dict[str, str]] = {}
        for example, event in self.events:
            if event.kind == "rate":
                said.setdefault(example, {})["rating"] = f"{event.value:g}"
            elif event.kind in kinds:
                column, between = kinds[event.kind]
                mine = said.setdefault(example, {})
                mine[column] = between.join(filter(None, [mine.get(column), event.value]))
        return said

    def table(self, index: pd.Index) -> pd.DataFrame:
        """One row per example: decided_by, and a column for each of WORDS; "" for nothing."""
        by: dict[str, list[str]] = {}
        for example, event in self.events:
            what = f"{event.kind} by {event.annotator}"
            if what not in by.setdefault(example, []):
                by[example].append(what)
        words = self.words()
        columns = {"decided_by": [", ".join(by.get(i, ())) for i in index]}
        columns |= {name: [words.get(i, {}).get(name, "") for i in index] for name in WORDS}
        return pd.DataFrame(columns, index=index, dtype="str")

    def lines(self, delivered: pd.Index) -> Iterator[dict[str, Any]]:
        """Every decision as a record; the text of an edit only where the example is delivered."""
        inside = set(delivered)
        for example, event in self.events:
            hidden = event.kind == "edit" and example not in inside
            yield {
                **({"withheld": True} if hidden else {}),
                "op_id": event.op_id,
                "id": example,
                "kind": event.kind,
                "value": None if hidden else event.value,
                "annotator": event.annotator,
                "time": event.time,
            }


def _events(state: Any) -> Iterator[tuple[str, Any]]:
    """Every decision that counts, with its example."""
    for name in _TABLES:
        yield from sorted(getattr(state, name).items())
    for name in _NESTED:
        table = getattr(state, name)
        for example in sorted(table):
            yield from ((example, table[example][value]) for value in sorted(table[example]))
    for example in sorted(state.notes):
        yield from ((example, note) for note in state.notes[example])

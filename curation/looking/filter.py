"""Filters over the rows of a dataset: typed conditions with a form in text, never SQL or code.

A condition has the text that the Browse page shows:

    kept                          dropped
    language=de                   topic=cooking|sport         label!="a | b"
    rating>=4                     rating<=5                   quality=0.2..0.8|missing
    dropped_by=missing            tags=hard                   tags!=hard|odd
    id=3f2a91|c04b

`|` separates alternatives, all conditions of a filter must hold, and `!=` is the opposite of `=`.
Of an id its beginning is enough, where no other has it. `missing` means rows without a value. A text
in double quotes, as in JSON, may hold any sign.

Guarantee: `parse` reads back the text of every condition, and the command line, the pages and a
delivery's manifest use the same text, quoted for a shell.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.columns import as_numbers, holds, is_number, unknown_values
from curation.dataset import BASE_COLUMNS, Dataset
from curation.errors import CurationError
from curation.looking import search
from curation.looking.columns import categories, is_list, numbers, words_of

Range = tuple[float, float]
"""Least and greatest number, both included."""

MISSING = "missing"

ID = "id"
"""The name of the rows' ids in a condition."""

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_CONDITION = re.compile(rf"\s*({_QUOTED}|[^=<>!]+?)\s*(!=|>=|<=|=)(.*)", re.DOTALL)
_ALTERNATIVE = re.compile(rf"\s*({_QUOTED}|[^|]*?)\s*(\||$)", re.DOTALL)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})?\.\.({_NUMBER})?")


@dataclass(frozen=True)
class Condition:
    """A condition on a column: one of some values, or a number within bounds.

    values: accepted texts; "" means a missing value. negated: the other rows are meant.
    """

    column: str
    values: tuple[str, ...] = ()
    bounds: Range | None = None
    negated: bool = False

    def mask(self, dataset: Dataset) -> np.ndarray:
        """Return True for each row that meets it; all rows where the column is missing."""
        if self.column == ID:
            return np.asarray(_have_ids(dataset.rows.index, self.values) != self.negated)
        values = dataset.column(self.column)
        if values is None:
            return np.ones(len(dataset), dtype=bool)
        if is_list(values):
            accepted, empty = set(self.values), "" in self.values
            met = words_of(values).map(lambda w: bool(accepted & w) or (empty and not w))
            return np.asarray(met.to_numpy(dtype=bool) != self.negated)
        chosen = holds(values, self.values)
        if self.bounds is not None or ("" in self.values and self.column in numbers(dataset)):
            sizes = as_numbers(values).to_numpy()
            if self.bounds is not None:
                chosen = chosen | ((sizes >= self.bounds[0]) & (sizes <= self.bounds[1]))
            if "" in self.values:
                chosen = chosen | np.isnan(sizes)
        return np.asarray(chosen != self.negated)

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition; raises CurationError when the text is not a condition."""
        if text.strip() in ("kept", "dropped"):
            return cls("dropped_by", ("",), negated=text.strip() == "dropped")
        parts = _CONDITION.fullmatch(text)
        if parts is None:
            raise CurationError(
                f"{text!r} is no filter. Write kept, dropped or COLUMN=VALUE, as language=de, "
                "topic=cooking|sport, rating>=4, rating=4..5, quality=missing or tags!=hard."
            )
        column, sign, rest = parts.groups()
        column = _plain(column, text)
        if sign in (">=", "<="):
            return cls._compared(column, sign, rest, text)
        values, bounds = list[str](), None
        for piece in _alternatives(rest, text):
            between = _RANGE.fullmatch(piece)
            if between is None:
                values.append("" if piece == MISSING else _plain(piece, text))
            elif bounds is None:
                low, high = between.groups()
                bounds = float(low or "-inf"), float(high or "inf")
            else:
                raise CurationError(f"{text!r} has two ranges; a filter has one at most.")
        return cls(column, tuple(values), bounds, sign == "!=")

    @classmethod
    def _compared(cls, column: str, sign: str, rest: str, text: str) -> Condition:
        number, *others = _alternatives(rest, text)
        if re.fullmatch(_NUMBER, number) is None or others not in ([], [MISSING]):
            raise CurationError(
                f"{text!r} is no filter: after {sign} stands a number, and {MISSING} at most."
            )
        size = float(number)
        bounds = (size, math.inf) if sign == ">=" else (-math.inf, size)
        return cls(column, ("",) if others else (), bounds)

    def __str__(self) -> str:
        """Return the condition as `parse` reads it."""
        if self == Condition("dropped_by", ("",), negated=self.negated):
            return "dropped" if self.negated else "kept"
        odd = re.search(r'[=<>!"]', self.column) or self.column != self.column.strip()
        column = json.dumps(self.column, ensure_ascii=False) if odd else self.column
        pieces, sign = [_quoted(value) if value else MISSING for value in self.values], "="
        if self.bounds is not None:
            low, high = ("" if math.isinf(b) else _digits(b) for b in self.bounds)
            few = self.values in ((), ("",)) and not self.negated
            one_sided = few and bool(low) != bool(high)
            pieces.insert(0, low + high if one_sided else f"{low}..{high}")
            sign = (">=" if low else "<=") if one_sided else "="
        return f"{column}{'!=' if self.negated else sign}{'|'.join(pieces)}"

    def problems(self, dataset: Dataset) -> list[str]:
        """Return a sentence for each name that the dataset does not have, with similar names."""
        if self.column == ID:
            return [problem for text in self.values if (problem := _id_problem(dataset, text))]
        values = dataset.column(self.column)
        if values is None:
            names = [*categories(dataset), *numbers(dataset), *dataset.scores, *BASE_COLUMNS]
            names = list(dict.fromkeys(names))
            near = difflib.get_close_matches(self.column, names, n=3, cutoff=0.5)
            what, some = ("near to it", near) if near else ("there are", names[:12])
            return [f"There is no column {self.column!r}; {what}: {', '.join(some)}."]
        if self.bounds is not None and not is_number(values):
            return [f"{self.column!r} holds no numbers, so it has no range; write {self.column}=…"]
        if is_list(values):
            values = words_of(values).explode()
        return unknown_values(values, [value for value in self.values if value], self.column)


def full_id(dataset: Dataset, text: str) -> str:
    """Return the id with this beginning; raises CurationError when several or none have it."""
    if problem := _id_problem(dataset, text):
        raise CurationError(problem)
    ids = dataset.rows.index
    return text if text in ids else str(ids[ids.str.startswith(text)][0])


def _have_ids(ids: pd.Index, texts: Sequence[str]) -> np.ndarray:
    """Return True for each id that is one of some texts, or begins with one that is no id itself."""
    beginnings = tuple(text for text in texts if text and text not in ids)
    begins = ids.str.startswith(beginnings) if beginnings else np.zeros(len(ids), dtype=bool)
    return np.asarray(ids.isin(list(texts)) | begins, dtype=bool)


def _id_problem(dataset: Dataset, text: str) -> str:
    """Return why a text names no row, or empty; an id that others begin with names its own row."""
    ids = dataset.rows.index
    matches = [text] if text in ids else ids[ids.str.startswith(text)].tolist()
    if not text or not matches:
        return f"There is no example whose id begins with {text!r}."
    some = ", ".join(matches[:4]) + (" …" if len(matches) > 4 else "")
    many = f"{len(matches):,} ids begin with {text!r}: {some}; give more of it."
    return many if len(matches) > 1 else ""


def _alternatives(rest: str, text: str) -> list[str]:
    """Return the texts between the signs `|`; raises CurationError where one is empty."""
    pieces, start = list[str](), 0
    while True:
        piece = _ALTERNATIVE.match(rest, start)
        if piece is None or not piece[1]:
            raise CurationError(
                f"{text!r} is no filter: a value is missing. For rows without a value write {MISSING}."
            )
        pieces.append(piece[1])
        start = piece.end()
        if not piece[2]:
            return pieces


def _plain(piece: str, text: str) -> str:
    if not piece.startswith('"'):
        return piece
    try:
        return str(json.loads(piece))
    except ValueError:
        raise CurationError(f"{text!r} is no filter: {piece} is no text in quotes.") from None


def _quoted(value: str) -> str:
    """Return a value as it is written in a condition, in quotes where it needs them."""
    odd = "|" in value or value.startswith('"') or value != value.strip()
    if odd or value == MISSING or _RANGE.fullmatch(value):
        return json.dumps(value, ensure_ascii=False)
    return value


def _digits(number: float) -> str:
    """Return the shortest text that reads back as the same number: 4, 0.1, 0.30000000000000004."""
    short = f"{number:.15g}"
    return short if float(short) == number else repr(number)


@dataclass(frozen=True)
class Filter:
    """Conditions that must all hold, and words as in `curation.looking.search.words`."""

    conditions: tuple[Condition, ...] = ()
    words: str = ""

    @classmethod
    def parse(cls, texts: Iterable[str], words: str = "") -> Filter:
        """Read conditions; raises CurationError for a text that is not a condition."""
        return cls(tuple(Condition.parse(text) for text in texts), words)

    def options(self) -> list[str]:
        """Return its conditions and its words as options of the command line, quoted for a shell."""
        conditions = [f"--filter {shlex.quote(str(condition))}" for condition in self.conditions]
        words = [f"--words {shlex.quote(self.words)}"] if self.words.strip() else []
        return [*conditions, *words]

    def __bool__(self) -> bool:
        """Return whether it has a condition or words."""
        return bool(self.conditions or self.words.strip())

    def mask(self, dataset: Dataset) -> np.ndarray:
        """Return True for each row that meets every condition."""
        chosen = np.ones(len(dataset), dtype=bool)
        for condition in self.conditions:
            chosen &= condition.mask(dataset)
        if self.words.strip() and chosen.any():
            rows = dataset.rows.loc[chosen, list(search.COLUMNS)]
            chosen[chosen] = search.matches(rows, self.words)
        return chosen

    def checked(self, dataset: Dataset) -> np.ndarray:
        """Return the mask; raises CurationError for a column or value that the dataset lacks."""
        problems = [p for condition in self.conditions for p in condition.problems(dataset)]
        if problems:
            raise CurationError(" ".join(problems))
        return self.mask(dataset)

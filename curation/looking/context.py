"""The rows and the tokens of answers that a context length cuts, as the step `chat_tokens` counts.

A trainer reads the first tokens of a conversation, as many as its context holds, and cuts the others.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.shapes import COLUMN, shapes

COLUMNS = ("tokens", "answer_tokens", "answer_places")
"""Columns of the step `chat_tokens`."""

LENGTHS = (512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768)
"""Context lengths that are offered."""

_SPAN = re.compile(r"(\d+)-(\d+)")


@dataclass(frozen=True)
class Cut:
    """The rows and tokens that a context length cuts.

    rows: that have a count. cut: those longer than `length`. emptied: those of which no token of an
    answer is left. answer_tokens, lost: tokens of answers, and those that are cut.
    """

    length: int
    rows: int
    cut: int
    emptied: int
    answer_tokens: int
    lost: int

    @property
    def share(self) -> float:
        """The share of the rows that is cut."""
        return self.cut / max(1, self.rows)

    @property
    def share_lost(self) -> float:
        """The share of the tokens of answers that is cut."""
        return self.lost / max(1, self.answer_tokens)

    @property
    def sentence(self) -> str:
        """The cut in one sentence."""
        if not self.cut:
            return f"All {self.rows:,} examples fit into {self.length:,} tokens."
        text = (
            f"{self.length:,} tokens cut {self.cut:,} of {self.rows:,} examples "
            f"({percent(self.share)}) and {self.lost:,} tokens of answers "
            f"({percent(self.share_lost)})"
        )
        return (
            f"{text}; of {self.emptied:,} examples no answer is left."
            if self.emptied
            else f"{text}."
        )


def percent(share: float) -> str:
    """A share in per cent, with a digit more where it is small."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.1f} %"


@dataclass(frozen=True)
class Contexts:
    """The lengths of conversations in tokens, and the places of their answers.

    tokens: of each row, (rows,). starts, ends: first token of each answer and the one after its
    last. owners: the row of each answer. rows without a count: `uncounted`.
    """

    tokens: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    owners: np.ndarray
    uncounted: int = 0

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Contexts | None:
        """Read the columns of `chat_tokens`; None where they are missing or hold no count."""
        if not set(COLUMNS) <= set(rows.columns):
            return None
        counted = rows[list(COLUMNS)][rows["tokens"].notna().to_numpy()]
        if not len(counted):
            return None
        ends, spans = array("q"), array("q")
        for text in counted["answer_places"].fillna("").to_numpy(dtype=object):
            numbers = [int(number) for span in _SPAN.findall(text) for number in span]
            ends.extend(numbers)
            spans.append(len(numbers) // 2)
        first, last = np.array(ends, dtype="int64").reshape(-1, 2).T
        owners = np.repeat(np.arange(len(spans)), spans)
        tokens = counted["tokens"].to_numpy(dtype="int64")
        return cls(tokens, first, last + 1, owners, len(rows) - len(tokens))

    @classmethod
    def from_counts(
        cls, tokens: np.ndarray, places: Sequence[Sequence[tuple[int, int]]], total: int
    ) -> Contexts:
        """Make them of counts, (rows,), and of the places of each row's answers."""
        flat = np.array([span for spans in places for span in spans], dtype="int64").reshape(-1, 2)
        owners = np.repeat(np.arange(len(places)), [len(spans) for spans in places])
        return cls(tokens, flat[:, 0], flat[:, 1], owners, total - len(tokens))

    def cut(self, length: int) -> Cut:
        """Count what a context length cuts."""
        return self._cut(length, np.ones(len(self.tokens), dtype=bool))

    def _cut(self, length: int, part: np.ndarray) -> Cut:
        inside = part[self.owners]
        sizes = (self.ends - self.starts)[inside]
        left = np.clip(length - self.starts, 0, self.ends - self.starts)[inside]
        whole = np.bincount(self.owners[inside], sizes, minlength=len(part))
        remaining = np.bincount(self.owners[inside], left, minlength=len(part))
        return Cut(
            length,
            rows=int(part.sum()),
            cut=int((self.tokens[part] > length).sum()),
            emptied=int(((whole > 0) & (remaining == 0)).sum()),
            answer_tokens=int(sizes.sum()),
            lost=int((sizes - left).sum()),
        )

    def by(self, groups: pd.Series, length: int, top: int = 12) -> pd.DataFrame:
        """Return a line for each group that loses tokens, the greatest loss first.

        groups: name of each counted row's group, in the order of the rows. Columns: rows, cut,
        share, lost, share lost.
        """
        names = groups.fillna("").astype(str).replace("", "none").to_numpy()
        lines = {name: self._cut(length, names == name) for name in np.unique(names)}
        table = pd.DataFrame(
            {
                "rows": {n: c.rows for n, c in lines.items()},
                "cut": {n: c.cut for n, c in lines.items()},
                "share": {n: c.share for n, c in lines.items()},
                "lost": {n: c.lost for n, c in lines.items()},
                "share lost": {n: c.share_lost for n, c in lines.items()},
            }
        )
        table = table[table["cut"] > 0].sort_values(["lost", "cut"], ascending=False, kind="stable")
        return table.head(top)

    def lengths(self) -> dict[str, int]:
        """Return the least, middle, 95th in a hundred, and greatest number of tokens, and the sum."""
        quantiles = (
            np.quantile(self.tokens, [0, 0.5, 0.95, 1], method="higher").astype(int).tolist()
        )
        names = ("least", "median", "p95", "most")
        return {**dict(zip(names, quantiles, strict=True)), "total": int(self.tokens.sum())}

    def histogram(self, bins: int = 40) -> list[tuple[float, float, int]]:
        """Return bars of the lengths on a logarithmic scale: from, to, rows."""
        positive = np.maximum(self.tokens, 1)
        low, high = int(positive.min()), int(positive.max()) + 1
        edges = np.unique(np.round(np.geomspace(low, high, bins + 1)))
        counts, edges = np.histogram(positive, bins=edges)
        return [
            (float(a), float(b), int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False)
        ]


GROUPS = ("conversation", "topic", "source", "language")
"""Columns by which losses are told apart, as far as they are there."""


def grouped(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Map the name of each grouping → the group of every counted row; kinds of conversation first."""
    part = rows[rows["tokens"].notna().to_numpy()]
    part = part.assign(**{COLUMN: shapes(part)})
    return {name: part[name] for name in GROUPS if name in part}

"""Groups of copies at any threshold, beside each other, for a person who chooses it by looking.

Guarantee: a cut here is the one that the step makes with that threshold and today's decisions.
Accepted: the rows are those that the step saw in the last run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from typing import Any, Literal

import numpy as np
import pandas as pd
from rapidfuzz.distance import Indel

from curation.alike import Compared, Kept, exactly, nearly, similarly
from curation.alike.compared import FLOOR
from curation.alike.keys import SIDES, columns_of
from curation.alike.preference import apart_pairs, people_first, preference
from curation.cache import Cache
from curation.dataset import Dataset, load_messages
from curation.embedding.neighbours import without_gaps
from curation.engine.supply import Supply
from curation.looking.thresholds import Bars, Numbers, answered
from curation.operations.duplicates import compared_within
from curation.recipe import Recipe
from curation.report import StepReport

STEPS = ("drop_near_duplicates", "drop_similar", "drop_exact_duplicates")
"""Steps that drop copies, the first to look at first."""

LOWEST = {"drop_near_duplicates": FLOOR, "drop_similar": 0.85}
"""Thresholds down to which a page cuts; equal texts have none."""

LOWEST_OF_NEAREST = 0.5
"""The same where only each other's nearest are pairs, which are few at any threshold."""

Pieces = list[tuple[str, bool]]
"""A text in pieces, each with whether the other text lacks it."""

Turn = tuple[str, Pieces]
"""A role and what it says."""

Order = Literal["largest", "least", "conflicts"]

_SPACELESS = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORDS = re.compile(rf"[{_SPACELESS}]|[^\W{_SPACELESS}]+|\s+|[^\w\s]")

SHOWN = ("messages", "label", "source", "source_row")
"""Columns of a row that a page shows."""

READ = (*SIDES, "source", "source_row", "problems", "tokens_unknown")
"""Columns that are read to compare rows and to choose the one that stays."""

LONGEST = 6_000
"""Characters of a side that are shown and compared word by word."""


@dataclass(frozen=True)
class Cut:
    """The groups at one threshold.

    dropped: rows. groups: their number. pairs: (pairs, 2) positions, the kept row first, in the order
    that was wished. similarity: of each pair; NaN for a conflict. sizes: rows of the pair's group.
    """

    dropped: int
    groups: int
    conflicts: int
    pairs: np.ndarray
    similarity: np.ndarray
    sizes: np.ndarray


@dataclass(frozen=True)
class Copies:
    """The rows of a step that drops copies, compared once.

    name: the step's in its recipe. threshold: the step's; 1 for equal texts. order: positions, the
    best to keep first by the step's parameters. people: decisions now. ids: of the compared rows, to which
    all positions refer. rows: of the dataset, with the columns that are shown. places: of the ids there.
    """

    name: str
    use: str
    threshold: float
    ids: pd.Index
    rows: pd.DataFrame
    places: np.ndarray
    compared: Compared
    order: np.ndarray
    params: dict[str, Any]
    people: Any = None

    @cached_property
    def _apart(self) -> np.ndarray:
        return apart_pairs(self.ids, self.people)

    @cached_property
    def _preferred(self) -> np.ndarray:
        """A mask of the rows that a person prefers."""
        preferred = {} if self.people is None else self.people.preferred
        return np.asarray(self.ids.isin(list(preferred)))

    @property
    def flags(self) -> bool:
        """Whether the step names copies and keeps them."""
        return bool(self.params.get("action") == "flag")

    @property
    def lowest(self) -> float | None:
        """The threshold down to which a cut takes moments; None where there is none to choose."""
        return _lowest(self.use, self.params, self.threshold)

    def cut(self, threshold: float, order: Order) -> Cut:
        """The groups at a threshold, and pairs to look at: those not decided yet, in an order."""
        ranked = people_first(self.order, self.ids, self.people)
        kept = self.compared.cut(ranked, threshold, self._apart)
        by_answer = self.params.get("by") != "prompt"
        conflict = self.compared.conflicts(kept, threshold, by_answer)
        copies = np.flatnonzero(kept.leader != np.arange(len(kept.leader)))
        heads, sizes = np.unique(kept.leader[copies], return_counts=True)
        if order == "conflicts":
            pairs = self._conflicting(conflict)
            similarity, groups = np.full(len(pairs), np.nan), conflict[pairs[:, 0]]
            of_group = np.bincount(conflict[conflict >= 0], minlength=len(conflict))
        else:
            pairs, similarity = self._copied(kept, copies, sizes, order)
            groups, of_group = pairs[:, 0], np.bincount(kept.leader)
        in_conflict = int((conflict >= 0).sum())
        return Cut(len(copies), len(heads), in_conflict, pairs, similarity, of_group[groups])

    def bars(self, threshold: float) -> Bars | None:
        """Similarities of copies to the rows that stay, down to the lowest threshold, and which are dropped.

        None for equal texts, and where there is no copy.
        """
        if self.lowest is None:
            return None
        similarity = np.sort(self.cut(self.lowest, "least").similarity).astype(float)
        numbers = Numbers("similarity", similarity, 0, None, None, True)
        return numbers.bars(None, float(np.nextafter(threshold, 0)))

    def _copied(
        self, kept: Kept, copies: np.ndarray, sizes: np.ndarray, order: Order
    ) -> tuple[np.ndarray, np.ndarray]:
        """Kept rows and their copies, without the groups that somebody decided, and similarities."""
        copies = copies[~self._preferred[kept.leader[copies]]]
        heads, near = kept.leader[copies], kept.similarity[copies]
        size = np.bincount(kept.leader, minlength=len(kept.leader))[heads]
        by = (near, heads, -size) if order == "largest" else (heads, near)
        place = np.lexsort(by)
        return np.stack([heads, copies], axis=1)[place], near[place]

    def _conflicting(self, conflict: np.ndarray) -> np.ndarray:
        """The first row of each group that is answered otherwise, with each other of the group."""
        others = np.flatnonzero((conflict >= 0) & (conflict != np.arange(len(conflict))))
        verdicts = {} if self.people is None else self.people.verdicts
        dropped = self.ids.isin([i for i, event in verdicts.items() if event.kind == "drop"])
        others = others[~dropped[others] & ~dropped[conflict[others]]]
        pairs = np.stack([conflict[others], others], axis=1)
        apart = set(map(tuple, self._apart.tolist()))
        pairs = pairs[
            np.array([pair not in apart for pair in map(tuple, pairs.tolist())], dtype=bool)
        ]
        size = np.bincount(conflict[conflict >= 0], minlength=len(conflict))[pairs[:, 0]]
        return np.asarray(pairs[np.lexsort((pairs[:, 0], -size))])

    def shown(self, pair: Sequence[int]) -> dict[str, Any]:
        """Two rows as a page paints them: ids, and the turns in pieces, those that differ marked."""
        left, right = (self.rows.iloc[int(self.places[position])] for position in pair)
        turns = [load_messages(str(row["messages"])) for row in (left, right)]
        sides: tuple[list[Turn], list[Turn]] = ([], [])
        for pair_of_turns in zip_longest(*turns):
            texts = [(turn.content or "")[:LONGEST] if turn else "" for turn in pair_of_turns]
            for side, turn, pieces in zip(sides, pair_of_turns, differing(*texts), strict=True):
                if turn is not None:
                    side.append((turn.role, pieces))
        return {
            name: {
                "id": str(row.name),
                "turns": part,
                "label": row["label"] if isinstance(row["label"], str) else "",
                "source": f"{row['source']}, row {row['source_row']:,}",
            }
            for name, row, part in zip(("left", "right"), (left, right), sides, strict=True)
        }


def differing(one: str, other: str) -> tuple[Pieces, Pieces]:
    """Both texts in pieces, each with whether the other text lacks it; words are compared.

    Of Chinese and Japanese, which have no spaces, single signs are compared. What both have is a longest
    common subsequence, found in a time that no text can stretch; white space alone between two words
    that differ counts as differing, so that it does not tear a changed phrase apart.
    """
    words = [_WORDS.findall(text) for text in (one, other)]
    runs = [
        (
            change.tag != "equal",
            "".join(words[0][change.src_start : change.src_end]),
            "".join(words[1][change.dest_start : change.dest_end]),
        )
        for change in Indel.opcodes(*words)
    ]
    pieces: tuple[Pieces, Pieces] = ([], [])
    for number, (differs, *texts) in enumerate(runs):
        differs = differs or (texts[0].isspace() and 0 < number < len(runs) - 1)
        for side, text in zip(pieces, texts, strict=True):
            if text and side and side[-1][1] == differs:
                side[-1] = (side[-1][0] + text, differs)
            elif text:
                side.append((text, differs))
    return pieces


def steps_of(dataset: Dataset, recipe: Recipe) -> list[StepReport]:
    """The steps of a run that drop copies and stand in the recipe, by STEPS."""
    reports = [r for r in dataset.steps if r.use in STEPS and r.name in recipe.names]
    return sorted(reports, key=lambda report: STEPS.index(report.use))


def copies_of(dataset: Dataset, report: StepReport, cache: Cache) -> Copies:
    """The rows that a step saw, compared as the step compares them."""
    params, use = dict(report.params), report.use
    named = [params[name] for name in ("best_by", "within") if params.get(name)]
    numbers = answered(dataset, report)
    places = numbers[dataset.rows.index.take(numbers).argsort()]
    own = dataset.with_columns(named, columns_of(dataset.rows, dict.fromkeys((*READ, *named))))
    rows = own.iloc[places]
    threshold = float(params.get("similarity", 1.0))

    def compare(rows: pd.DataFrame) -> Compared:
        supply = Supply(rows, dataset=dataset, cache=cache)
        if use == "drop_exact_duplicates":
            by, fold, signs = params["by"], params["normalise"], params["punctuation"]
            return exactly(rows, by, fold, signs, supply.work)
        if use == "drop_near_duplicates":
            return nearly(rows, params["by"], threshold, supply.work)
        within = compared_within(rows, params["within"])
        vectors: Any = without_gaps(supply.vectors)
        lowest = _lowest(use, params, threshold)
        neighbours, how = supply.neighbours, params["compare"]
        return similarly(vectors, neighbours, within, how, lowest or threshold)

    compared, again = compare(rows), list[Compared]()

    def more(*question: Any) -> Any:
        """Compare more rows, which few cuts need: for them the texts are read again, and not kept."""
        if not again:
            again.append(compare(own.iloc[places]))
        assert again[0].more is not None
        return again[0].more(*question)

    if compared.more is not None:
        compared = replace(compared, more=more)
    order = preference(rows, params["keep"], params["best_by"], params["best"])
    shown = dataset.rows[list(SHOWN)]
    return Copies(report.name, use, threshold, rows.index, shown, places, compared, order, params)


def _lowest(use: str, params: dict[str, Any], threshold: float) -> float | None:
    if use not in LOWEST:
        return None
    nearest = params.get("compare") == "nearest"
    return min(LOWEST_OF_NEAREST if nearest else LOWEST[use], threshold)

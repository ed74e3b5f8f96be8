"""Leaks between splits: equal prompts, groups and conversations, and copies by words and by meaning.

Guarantee: `leak_safe` is said only when every row was compared by the rules that the step `split` keeps
rows together by: up to MANY_ROWS rows exactly, and above by the search of `split`, whose recall is said
beside it. What the split compared by words is not compared again where that shows that no pair has two
sides. Accepted cost: the time of an exact search over all pairs of so many rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from curation.alike.keys import ASKED, asked_keys, columns_of, numbers_of
from curation.alike.likeness import KINDS, LEAK, OtherNumbers, Sample, likenesses
from curation.alike.near_cells import MANY_ROWS, NearCells
from curation.alike.pairs import NO_PAIRS, Pairs, gathered, joined
from curation.alike.sets import numbered
from curation.alike.work import AT_ONCE, Arrays, Work
from curation.dataset import Progress, part_of, silent
from curation.footprint import give_back
from curation.operations.split import conversations
from curation.text.folding import one_line
from curation.vectors import Vectors

LISTED = 100
"""Pairs that are listed."""

SHOWN = 300
"""Characters of a prompt that are listed with a pair."""

BLOCK = 1_024
"""Held-out rows that are compared at once."""

NEIGHBOURS = 5
"""Nearest rows of other splits that are looked at for one that differs in more than numbers."""

NEARLY = 0.05
"""Below the threshold: the nearest pair is sought so far below it where not all rows are compared."""

HELD = 200_000
"""Near pairs that are held at once; then the nearest of each row stays, for a row may have thousands."""

SAME = "same_prompt"
"""The kind of pairs with an equal prompt."""


def leaks(
    rows: pd.DataFrame,
    vectors: Vectors | np.ndarray | None,
    threshold: float = LEAK,
    progress: Progress = silent,
    work: Work = AT_ONCE,
    places: np.ndarray | None = None,
) -> dict[str, Any]:
    """Find what stands in more than one split: equal prompts, groups, conversations, and copies.

    places: of the rows that are compared; all unless given. Their texts are read as they are needed.
    vectors: of these, NaN where a row was not embedded. `leak_safe` is true only when
    nothing is shared, no pair is a copy and every row was compared; otherwise `text` says what is
    wrong and what to do. `kinds`: kind → examples of validation and test with such a pair. `pairs`:
    of all kinds, the most similar first, at most `LISTED`, with ids, splits and prompts. `sample`:
    among more than MANY_ROWS rows, what the search for near meanings was tried on, see `Sample`, and `search` in words;
    `nearest` is then the nearest of the pairs that it compared, None for none that is nearly as near.
    `leak_ratio`: see `leak_ratio`.
    """
    places = np.arange(len(rows)) if places is None else places
    codes, split_names = pd.factorize(rows["split"].iloc[places].fillna("train").astype(str))
    if len(split_names) < 2:
        return {
            "checked": False,
            "leak_safe": False,
            "text": "There is one split only; nothing to check.",
        }
    keys = work.of_rows(asked_keys, rows[list(ASKED)].iloc[places])
    prompts = numbers_of(keys["folded"])
    grouped = columns_of(rows, ("metadata", "duplicate_group"))
    shared = _shared_keys(grouped.iloc[places], prompts, codes)
    give_back(len(places))  # what the keys were made of
    compared = _Across(
        rows["prompt"], places, codes, np.asarray(split_names, dtype=object)[codes], keys
    )
    compared.add(SAME, _equal_prompts(prompts, codes))
    out = compared.names != "train"
    words = part_of(progress, 0, 2)
    for kind, pairs in likenesses(rows, (), codes, out, words, keys, work, places):
        compared.add(kind, pairs)
    result: dict[str, Any] = {"checked": True, **shared, "threshold": threshold}
    sentences = []
    if any(shared.values()):
        sentences.append(
            f"{shared['same_prompt']:,} prompts, {shared['same_group']:,} duplicate groups and "
            f"{shared['same_conversation']:,} source conversations stand in more than one split."
        )
    blind = 0
    if vectors is None:
        result["nearest"] = None
    else:
        vectors = Vectors.of(vectors)
        numbers, part = OtherNumbers(rows, keys, places), part_of(progress, 1, 2)
        if len(places) > MANY_ROWS:
            nearest, sample = _nearest_in_cells(codes, out, vectors, threshold, numbers, part)
            result["sample"] = sample._asdict()
            result["search"] = (
                "Pairs of nearly the same meaning were sought by a search that compares not all: "
                f"{sample.words}. The nearest pair is the nearest that was found."
            )
        else:
            nearest = _nearest(compared.names, vectors, numbers, part)
        result["nearest"] = compared.entry("meaning", nearest, 0) if len(nearest.first) else None
        near = nearest.similarity.round(4) >= threshold
        compared.add("meaning", nearest.where(near))
        result["above_threshold"] = int(near.sum())
        result["leak_ratio"] = leak_ratio(compared.names, vectors)
        blind = int((~vectors.present).sum())
    result["not_embedded"] = blind if vectors is not None else len(places)
    result["kinds"] = counts = compared.counts()
    result["pairs"] = compared.listed()
    missed = ", its search missed one" * ("sample" in result)
    if copies := [f"{n:,} {KINDS[kind]}" for kind, n in counts.items() if kind in KINDS]:
        sentences.append(
            f"Examples of validation or test with a copy in another split: {', '.join(copies)} "
            f"(cosine of {threshold:g} or more). Look at the pairs; the step split keeps them "
            f"together unless its similarity is higher{missed} or its splits are given."
        )
    if vectors is None:
        sentences.append(
            "Without embeddings only words, groups and conversations were compared; add the step embed "
            "to have meanings compared too."
        )
    if blind:
        sentences.append(f"{blind:,} examples have no embedding and were not compared.")
    return {**result, "leak_safe": not sentences, "text": " ".join(sentences)}


def leak_ratio(names: np.ndarray, vectors: Vectors | np.ndarray) -> dict[str, float] | None:
    """Return DataSAIL's scaled leakage of a split, and that of random splits of the same sizes.

    L(π) = Σ s(x, x′) over pairs in different splits / Σ s(x, x′) over all pairs, with s = (1 + cosine)
    / 2, of the embedded rows. Of random splits it is the mean over all of them, which is the share of
    pairs in different splits. Both are exact: sums of vectors give the sums over pairs. None for
    fewer than two rows, and for rows without any likeness. Joeres et al. 2025.
    """
    vectors = Vectors.of(vectors)
    rows, sums, own = int(vectors.present.sum()), list[tuple[int, np.ndarray]](), 0.0
    if rows < 2:
        return None
    for name in np.unique(names):
        mine, total = np.flatnonzero(vectors.present & (names == name)), np.zeros(vectors.shape[1])
        for start in range(0, len(mine), BLOCK):
            data = vectors[mine[start : start + BLOCK]].astype(np.float64)
            total += data.sum(axis=0)
            own += float(np.square(data).sum())
        sums.append((len(mine), total))
    inside = sum(count**2 + float(total @ total) for count, total in sums)
    whole = rows**2 + float(np.square(np.sum([total for _, total in sums], axis=0)).sum())
    own += rows
    pairs = whole - own
    if pairs <= 1e-9 * rows**2:
        return None
    chance = (rows**2 - sum(count**2 for count, _ in sums)) / (rows**2 - rows)
    return {"split": round((whole - inside) / pairs, 4), "random": round(chance, 4)}


def listed_pairs(leaks: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pairs of a report for a table: likeness, similarity, splits, one and other (prompts)."""
    words = {SAME: "the same prompt", **KINDS}
    return [
        {
            "likeness": words[pair["kind"]],
            "similarity": pair["similarity"],
            "splits": " and ".join(pair["splits"]),
            "one": pair["prompts"][0],
            "other": pair["prompts"][1],
        }
        for pair in leaks.get("pairs", ())
        if "prompts" in pair
    ]


def _shared_keys(rows: pd.DataFrame, prompts: np.ndarray, codes: np.ndarray) -> dict[str, int]:
    """Count the prompts, duplicate groups and conversations that stand in more than one split.

    prompts: a number for each, equal for equal folded ones, −1 for an empty one. codes: the number of each row's split.
    """
    groups = rows["duplicate_group"] if "duplicate_group" in rows else None
    return {
        "same_prompt": _in_several_splits(prompts, codes),
        "same_group": 0 if groups is None else _in_several_splits(_numbers(groups), codes),
        "same_conversation": sum(
            _in_several_splits(_numbers(ids), codes)
            for ids in conversations(rows["metadata"]).values()
        ),
    }


def _numbers(keys: pd.Series) -> np.ndarray:
    """A number for each key, −1 for a missing or empty one."""
    return pd.factorize(keys.mask(keys.isna() | (keys == "")))[0]


def _in_several_splits(numbers: np.ndarray, codes: np.ndarray) -> int:
    """Count the numbers from 0 that stand in more than one split."""
    splits = int(codes.max()) + 1
    filled = numbers >= 0
    distinct = np.unique(numbers[filled].astype(np.int64) * splits + codes[filled])
    return int((np.unique(distinct // splits, return_counts=True)[1] > 1).sum())


def _equal_prompts(prompts: np.ndarray, codes: np.ndarray) -> Pairs:
    """A pair for each row whose prompt stands in another split: with the first one of each."""
    filled, pairs = prompts >= 0, [np.zeros((0, 2), dtype=np.int64)]
    for split in range(int(codes.max()) + 1):
        mine, others = (np.flatnonzero(filled & part) for part in (codes == split, codes != split))
        first = np.full(int(prompts.max()) + 1, -1, dtype=np.int64)
        first[prompts[mine[::-1]]] = mine[::-1]  # of equal prompts the last one written stays
        partners = first[prompts[others]]
        pairs.append(np.stack([others, partners], axis=1)[partners >= 0])
    ends = np.concatenate(pairs)
    ends = ends[np.lexsort([ends[:, 1], ends[:, 0]])]
    return Pairs(ends.min(axis=1), ends.max(axis=1), np.ones(len(ends)))


class _Listed(NamedTuple):
    """A pair of rows in two splits."""

    similarity: float
    kind: str
    first: int
    second: int


class _Across:
    """Pairs of rows in different splits, by kind."""

    def __init__(
        self,
        prompts: pd.Series,
        places: np.ndarray,
        codes: np.ndarray,
        names: np.ndarray,
        keys: Arrays,
    ) -> None:
        self.names, self.codes, self._prompts, self._places = names, codes, prompts, places
        self._texts = {
            "prompt_words": numbered(*keys["prompts"].T),
            "words": numbered(*keys["prompts"].T, *keys["answers"].T),
        }
        self._members = dict[str, np.ndarray]()
        self._pairs = dict[tuple[int, int], _Listed]()

    def add(self, kind: str, pairs: Pairs) -> None:
        """Add pairs of a kind; a pair that has one already keeps it."""
        members = self._members.setdefault(kind, np.zeros(len(self.names), dtype=bool))
        order = np.argsort(-pairs.similarity, kind="stable")
        new = 0
        for similarity, i, j in zip(*(v[order].tolist() for v in pairs[::-1]), strict=True):
            i, j = min(i, j), max(i, j)
            if (i, j) in self._pairs and self._pairs[i, j].kind != kind:
                continue
            members[[i, j]] = True
            if new < LISTED:
                new += (i, j) not in self._pairs
                self._pairs.setdefault((i, j), _Listed(similarity, kind, i, j))

    def counts(self) -> dict[str, int]:
        """The number of examples of validation and test with a pair of each kind, equal ones included."""
        counts = dict[str, int]()
        for kind, members in self._members.items():
            if kind in self._texts:  # only the first of equal texts was compared
                own = self._texts[kind] * len(self.names) + self.codes
                members = np.isin(own, own[members])
            if count := int((members & (self.names != "train")).sum()):
                counts[kind] = count
        return counts

    def listed(self) -> list[dict[str, Any]]:
        """The most similar pairs, at most LISTED."""
        pairs = sorted(self._pairs.values(), key=lambda p: (-round(p.similarity, 4), p[2:]))
        return [self._entry(pair) for pair in pairs[:LISTED]]

    def entry(self, kind: str, pairs: Pairs, number: int) -> dict[str, Any]:
        """One of some pairs, for a manifest."""
        similarity, i, j = (float(v[number]) for v in pairs[::-1])
        return self._entry(_Listed(similarity, kind, int(min(i, j)), int(max(i, j))))

    def _entry(self, pair: _Listed) -> dict[str, Any]:
        ends = [pair.first, pair.second]
        prompts = self._prompts.iloc[self._places[ends]].fillna("")
        return {
            "kind": pair.kind,
            "similarity": round(pair.similarity, 4),
            "ids": [str(name) for name in prompts.index],
            "splits": [str(self.names[i]) for i in ends],
            "prompts": [one_line(prompt, SHOWN) for prompt in prompts],
        }


def _nearest_in_cells(
    codes: np.ndarray,
    out: np.ndarray,
    vectors: Vectors,
    threshold: float,
    other_numbers: OtherNumbers,
    progress: Progress,
) -> tuple[Pairs, Sample]:
    """The pairs of `_nearest` that reach a threshold, of those that a search in cells finds; its sample.

    Where none reaches it, the most similar pair that was compared, if it is nearly as similar.
    """
    cells = NearCells(vectors, threshold, progress)

    def near() -> Iterator[Pairs]:
        best = threshold - NEARLY
        for pairs in cells.pairs(out, lambda i, j: codes[i] != codes[j], best, progress):
            pairs = pairs.where(pairs.similarity.round(4) >= min(threshold, best))
            pairs = pairs.where(~other_numbers(pairs.first, pairs.second))
            best = max(best, float(pairs.similarity.max(initial=0)))
            yield pairs

    nearest = NO_PAIRS
    for pairs in gathered(near(), HELD):
        nearest = _nearest_of(joined([nearest, pairs]), out)
    return nearest, cells.sample


def _nearest_of(pairs: Pairs, out: np.ndarray) -> Pairs:
    """The nearest other of each row of a mask, of some pairs, the most similar first."""
    first, second, similarity = pairs
    ends = np.concatenate([first, second]), np.concatenate([second, first])
    similarity = np.tile(similarity, 2)
    order = np.lexsort([ends[1], ends[0], -similarity.round(4)])
    order = order[out[ends[0][order]]]
    order = order[np.sort(np.unique(ends[0][order], return_index=True)[1])]
    return Pairs(ends[0][order], ends[1][order], similarity[order])


def _nearest(
    names: np.ndarray, vectors: Vectors, other_numbers: OtherNumbers, progress: Progress
) -> Pairs:
    """The nearest row of another split for each held-out row, the most similar first.

    A row whose prompt differs in numbers alone is passed over. Exact: the search passes over all rows
    once for every block of held-out rows.
    """
    parts = [Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))]
    parts += _nearest_blocks(names, vectors, other_numbers, progress)
    first, second, similarity = (np.concatenate(v) for v in zip(*parts, strict=True))
    order = np.lexsort([second, first, -similarity.round(4)])
    return Pairs(first[order], second[order], np.minimum(similarity[order], 1.0))


def _nearest_blocks(
    names: np.ndarray, vectors: Vectors, other_numbers: OtherNumbers, progress: Progress
) -> Iterator[Pairs]:
    import faiss

    embedded = vectors.present
    total, done = int((embedded & (names != "train")).sum()), 0
    for name in sorted(set(names) - {"train"}):
        mine, others = (np.flatnonzero(part & embedded) for part in (names == name, names != name))
        if not len(others):
            continue
        data, count, dot = vectors[others], min(NEIGHBOURS, len(others)), faiss.METRIC_INNER_PRODUCT
        for start in range(0, len(mine), BLOCK):
            block = mine[start : start + BLOCK]
            cosines, near = faiss.knn(vectors[block], data, count, metric=dot)
            ends = np.repeat(block[:, None], near.shape[1], axis=1), others[near]
            counted = ~other_numbers(ends[0].ravel(), ends[1].ravel()).reshape(near.shape)
            best, row = counted.argmax(axis=1), np.arange(len(block))
            clear = counted.any(axis=1)
            yield Pairs(block[clear], ends[1][row, best][clear], cosines[row, best][clear])
            if near.shape[1] < len(others):
                some = block[~clear]
                yield from _beyond(some, vectors[some], others, data, other_numbers)
            done += len(block)
            progress(done / total, f"Leaks: {done:,} of {total:,} compared")


def _beyond(
    some: np.ndarray,
    mine: np.ndarray,
    others: np.ndarray,
    data: np.ndarray,
    other_numbers: OtherNumbers,
) -> Iterator[Pairs]:
    """The nearest others of rows whose first neighbours differ in numbers alone."""
    for position, vector in zip(some.tolist(), mine, strict=True):
        cosines = data @ vector
        counted = ~other_numbers(np.full(len(others), position), others)
        if counted.any():
            best = int(np.where(counted, cosines, -np.inf).argmax())
            yield Pairs(np.array([position]), others[[best]], cosines[[best]])

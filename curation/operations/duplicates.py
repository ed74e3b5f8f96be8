"""Duplicates: exact after folding, and near by MinHash."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd

from curation.dataset import Progress
from curation.errors import CurationError
from curation.registry import Range, filter

if TYPE_CHECKING:
    from scipy.cluster.hierarchy import DisjointSet

By = Literal["prompt_and_response", "prompt", "response"]
Keep = Literal["first", "longest"]

WORDS, CHARACTERS = 5, 6
"""Length of a shingle: five words; six characters where words are not set apart by spaces."""

_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
_UNIT = re.compile(r"[^\W_]+|(?<=\w)[+#]+|(?:(?<=[\w)])|(?<=[\w)] ))[-+*/^=<>%×÷·−](?=\s*[\d(])")
"""Words, and the signs that tell 3 + 4 from 3 − 4, and C++ from C."""
_PRIME = np.uint64((1 << 61) - 1)


def _texts(rows: pd.DataFrame, by: str) -> list[str]:
    prompt, response = rows["prompt"].fillna(""), rows["response"].fillna("")
    if by == "prompt":
        return prompt.tolist()
    if by == "response":  # a labelled text has no response: its text stands for itself
        return [r or p for p, r in zip(prompt, response, strict=True)]
    return [f"{p}\n\n{r}" for p, r in zip(prompt, response, strict=True)]


def folded(text: str) -> str:
    """Text without what does not change its meaning: width, case, white space, punctuation.

    Signs between numbers count, and punctuation does where nothing else is left.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_UNIT.findall(plain) or plain.split())


def _order(rows: pd.DataFrame, keep: str) -> np.ndarray:
    """Positions of rows from the one most worth keeping to the least; the same for any order of rows."""
    size = (rows["prompt"].fillna("").str.len() + rows["response"].fillna("").str.len()).to_numpy()
    place = [
        rows.index.to_numpy().astype(str),
        rows["source_row"].to_numpy(),
        rows["source"].astype(str).to_numpy(),
    ]
    return np.lexsort([*place, -size] if keep == "longest" else place)


def _answer(rows: pd.DataFrame, leader: np.ndarray, similarity: np.ndarray) -> pd.DataFrame:
    """Groups as columns: `leader[i]` is the position of the row kept for row i."""
    ids = rows.index.to_numpy()
    own = np.arange(len(rows))
    gone = leader != own
    grouped = np.isin(own, leader[gone]) | gone
    labels = rows["label"].to_numpy()
    reasons = []
    for i in own:
        if not gone[i]:
            reasons.append("")
            continue
        text = f"duplicate of {ids[leader[i]]} (similarity {similarity[i]:.2f})"
        mine, theirs = labels[i], labels[leader[i]]
        if isinstance(mine, str) and isinstance(theirs, str) and mine != theirs:
            text += f"; but the labels disagree: {mine} here, {theirs} there"
        reasons.append(text)
    return pd.DataFrame(
        {
            "keep": ~gone,
            "reason": pd.Series(reasons, dtype="str").to_numpy(),
            "duplicate_group": pd.Series(
                np.where(grouped, ids[leader], None), dtype="str"
            ).to_numpy(),
            "duplicate_of": pd.Series(np.where(gone, ids[leader], None), dtype="str").to_numpy(),
            "similarity": np.where(gone, similarity, np.nan),
        },
        index=rows.index,
    ).astype({"reason": "str", "duplicate_group": "str", "duplicate_of": "str"})


_MAKES = ("duplicate_group", "duplicate_of", "similarity")


@filter("Exact duplicates", makes=_MAKES)
def drop_exact_duplicates(
    rows: pd.DataFrame,
    *,
    by: Annotated[By, "which text has to be the same"] = "prompt_and_response",
    normalise: Annotated[bool, "case, width, white space and punctuation do not count"] = True,
    keep: Annotated[Keep, "which of a group stays"] = "first",
) -> pd.DataFrame:
    """Drop rows whose text stands there already.

    Records the group's kept row in `duplicate_group` for all its rows, and in `duplicate_of` for
    those dropped.
    """
    prompts = [
        folded(t) if normalise else t
        for t in _texts(rows, by if by != "prompt_and_response" else "prompt")
    ]
    keys: Sequence[object] = prompts
    if by == "prompt_and_response":
        answers = [folded(t) if normalise else t for t in rows["response"].fillna("")]
        keys = list(zip(prompts, answers, strict=True))
    leader = np.arange(len(rows))
    first: dict[object, int] = {}
    for i in _order(rows, keep):
        leader[i] = first.setdefault(keys[i], int(i))
    return _answer(rows, leader, np.ones(len(rows)))


def shingles(text: str) -> np.ndarray:
    """Hashes of a text's shingles, sorted and distinct, uint64.

    Words in folded text; characters where the script sets no spaces. A text shorter than one
    shingle is one shingle.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    if len(_UNSPACED.findall(plain[:2_000])) * 4 > len(plain[:2_000]):
        units: list[str] = [c for c in plain if not c.isspace()]
        length = CHARACTERS
    else:
        units, length = _UNIT.findall(plain), WORDS
    if not units:
        units = [plain.strip()]
    codes = np.fromiter((_code(u) for u in units), dtype=np.uint64, count=len(units))
    length = min(length, len(codes))
    rolled = np.zeros(len(codes) - length + 1, dtype=np.uint64)
    for i in range(length):
        rolled = rolled * np.uint64(0x9E3779B97F4A7C15) + codes[i : i + len(rolled)]
    return np.unique(_mixed(rolled))


_codes: dict[str, int] = {}


def _code(unit: str) -> int:
    """A stable hash of a word; Python's own differs from process to process."""
    found = _codes.get(unit)
    if found is None:
        if len(_codes) > 2_000_000:
            _codes.clear()
        digest = hashlib.blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        found = _codes[unit] = int.from_bytes(digest, "little")
    return found


def _mixed(values: np.ndarray) -> np.ndarray:
    values = values ^ (values >> np.uint64(31))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(values ^ (values >> np.uint64(29)))


def bands_for(similarity: float) -> tuple[int, int]:
    """Bands and rows of the signature for a threshold.

    14 bands of 8 rows (threshold about 0.72) from 0.8 on; below, as many bands of fewer rows as
    find a pair at the threshold with a probability of at least 0.95.
    """
    if similarity >= 0.8:
        return 14, 8
    for rows in (6, 5, 4, 3, 2, 1):
        bands = int(np.ceil(np.log(0.05) / np.log1p(-(similarity**rows))))
        if bands * rows <= 160:
            return bands, rows
    return 60, 1


def signatures(sets: Sequence[np.ndarray], count: int, block: int = 4_000) -> np.ndarray:
    """MinHash signatures, (sets, count) uint32 (Broder 1997), with fixed permutations."""
    rng = np.random.default_rng(20_260_101)
    multiply = rng.integers(1, 2**63, count, dtype=np.uint64) | np.uint64(1)
    add = rng.integers(0, 2**63, count, dtype=np.uint64)
    result = np.empty((len(sets), count), dtype=np.uint32)
    for at in range(0, len(sets), block):
        part = sets[at : at + block]
        flat = np.concatenate(part)
        starts = np.cumsum([0, *(len(s) for s in part[:-1])])
        for j in range(count):
            hashed = (flat * multiply[j] + add[j]) >> np.uint64(32)
            result[at : at + len(part), j] = np.minimum.reduceat(hashed, starts)
    return result


def jaccard(one: np.ndarray, two: np.ndarray) -> float:
    """Shared part of two sorted sets of distinct hashes: intersection over union."""
    shared = len(np.intersect1d(one, two, assume_unique=True))
    return shared / (len(one) + len(two) - shared)


@filter("Near duplicates", makes=_MAKES, slow=True)
def drop_near_duplicates(
    rows: pd.DataFrame,
    progress: Progress,
    *,
    similarity: Annotated[
        float, "Jaccard similarity from which two texts are the same", Range(0.3, 1.0, 0.01)
    ] = 0.8,
    by: Annotated[By, "which text is compared"] = "prompt_and_response",
    keep: Annotated[Keep, "which of a group stays"] = "first",
) -> pd.DataFrame:
    """Drop rows that are nearly the same as one that is kept.

    MinHash over shingles of five words (six characters in Chinese, Japanese and Thai) proposes
    pairs; a pair counts when the Jaccard similarity of its shingles reaches the threshold. Groups are
    joined by union-find, so each row of a group is near at least one other. `similarity` is that
    to the kept row. Deterministic, whatever the order of rows.
    """
    from scipy.cluster.hierarchy import DisjointSet

    texts = _texts(rows, by)
    if len(rows) == 0:
        return _answer(rows, np.arange(0), np.ones(0))
    sets = []
    for i, text in enumerate(texts):
        sets.append(shingles(text))
        if i % 5_000 == 0:
            progress(0.5 * i / len(texts), f"{i:,} of {len(texts):,} texts")
    bands, width = bands_for(similarity)
    marks = signatures(sets, bands * width)
    progress(0.7, "comparing candidates")
    groups = DisjointSet(range(len(rows)))
    pairs = _Pairs(len(rows))
    for band in range(bands):
        part = np.ascontiguousarray(marks[:, band * width : (band + 1) * width])
        keys = part.view(np.dtype((np.void, part.dtype.itemsize * width))).reshape(-1)
        order = np.argsort(keys, kind="stable")
        same = keys[order[1:]] == keys[order[:-1]]
        runs = np.split(order, np.flatnonzero(~same) + 1)
        for run in runs:
            if len(run) > 1:
                _join([int(i) for i in run], sets, similarity, groups, pairs)
        progress(0.7 + 0.25 * (band + 1) / bands, f"band {band + 1} of {bands}")
    leader = np.arange(len(rows))
    first: dict[int, int] = {}
    for i in _order(rows, keep):
        leader[i] = first.setdefault(groups[int(i)], int(i))
    closeness = np.ones(len(rows))
    for gone in np.flatnonzero(leader != np.arange(len(rows))):
        closeness[gone] = jaccard(sets[gone], sets[leader[gone]])
    return _answer(rows, leader, closeness)


def _join(
    run: Sequence[int],
    sets: Sequence[np.ndarray],
    threshold: float,
    groups: DisjointSet,
    pairs: _Pairs,
) -> None:
    """Verify the pairs of one bucket that are not yet of one group, and join those that are near.

    A bucket of thousands is one text over and over; there each is compared with some members of
    each group found in it, which is enough to join it.
    """
    heads: dict[int, list[int]] = {}
    for i in run:
        mine = groups[i]
        for head, members in list(heads.items()):
            if head == mine:
                continue
            for j in members:
                if pairs.fresh(i, j) and jaccard(sets[i], sets[j]) >= threshold:
                    groups.merge(i, j)
                    break
        fresh: dict[int, list[int]] = {}
        for members in heads.values():
            for j in members:
                fresh.setdefault(groups[j], []).append(j)
        fresh.setdefault(groups[i], []).append(i)
        heads = {h: m[:50] for h, m in fresh.items()} if len(run) > 100 else fresh


class _Pairs:
    """Counts pairs that are compared, and remembers the latest, for near texts share many bands."""

    MOST = 50_000_000
    REMEMBERED = 5_000_000

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._count = 0
        self._seen: set[int] = set()

    def fresh(self, i: int, j: int) -> bool:
        """Whether the pair has yet to be compared; raises CurationError when there are too many."""
        pair = min(i, j) * self._rows + max(i, j)
        if pair in self._seen:
            return False
        if len(self._seen) >= self.REMEMBERED:  # forgetting costs a second look, not memory
            self._seen.clear()
        self._seen.add(pair)
        self._count += 1
        if self._count > self.MOST:
            raise CurationError("there are too many near pairs to compare; raise the similarity.")
        return True

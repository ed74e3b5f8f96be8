"""Examples compared: what a trainer sees of them, in two sides, and how much of it is the same.

The asked side is everything before the last assistant turn: system text, turns with their roles, calls
and tools. The answered side is the last assistant turn with its calls and reasoning, the answer that
was refused, and the label. A text that nobody answers is asked, and its label is its answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pandas as pd

from curation.dataset import Progress
from curation.text.folding import caseless, folded
from curation.text.scripts import is_unspaced
from curation.text.words import units

WORDS, CHARACTERS = 5, 6
"""Length of a shingle: five words; six characters where words are not set apart by spaces."""

MEDIA = ("images", "image", "videos", "video", "audios", "audio")
"""Metadata that a trainer sees beside the turns."""

MOST = 100
"""Kept rows that one shingle proposes for a comparison, and that one row is compared with."""

Part = tuple[str, str]
"""A role, or a role and a key of a turn, and the text that stands there."""


@dataclass(frozen=True)
class Example:
    """The two sides of an example, each a list of parts."""

    asked: tuple[Part, ...]
    answered: tuple[Part, ...]


def examples(rows: pd.DataFrame) -> list[Example]:
    """What a trainer sees of each row."""
    empty = [""] * len(rows)
    columns = [
        rows[name].fillna("").tolist() if name in rows else empty
        for name in ("messages", "label", "tools", "rejected", "metadata")
    ]
    return [_example(*values) for values in zip(*columns, strict=True)]


def _example(messages: str, label: str, tools: str, rejected: str, metadata: str) -> Example:
    turns = orjson.loads(messages)
    last = max((i for i, t in enumerate(turns) if t["role"] == "assistant"), default=len(turns))
    numbers: dict[str, str] = {}
    parts = [list(_parts(turn, numbers)) for turn in turns]
    asked = [part for turn in parts[:last] for part in turn]
    answered = [part for turn in parts[last:] for part in turn]
    if tools:
        asked.append(("tools", tools))
    if metadata:
        asked += _media(metadata)
    if rejected:
        answered.append(("rejected", rejected))
    if label:
        answered.append(("label", label))
    return Example(tuple(asked), tuple(answered))


def _parts(turn: dict[str, Any], numbers: dict[str, str]) -> list[Part]:
    role = str(turn["role"])
    parts = [(role, turn["content"] or "")]
    for key in sorted(turn.keys() - {"role", "content"}):
        value = turn[key]
        if key in ("tool_calls", "tool_call_id"):
            value = _numbered(value, numbers)
        if value not in (None, "", [], {}):
            text = value if isinstance(value, str) else _json(value)
            parts.append((f"{role}.{key}", text))
    return parts


def _numbered(value: Any, numbers: dict[str, str]) -> Any:
    """Calls with numbers in place of their ids, which are drawn at random and say nothing."""
    if isinstance(value, str):
        return numbers.setdefault(value, str(len(numbers)))
    if not isinstance(value, list):
        return value
    return [
        {**call, "id": numbers.setdefault(str(call["id"]), str(len(numbers)))}
        if isinstance(call, dict) and call.get("id")
        else call
        for call in value
    ]


def _media(metadata: str) -> list[Part]:
    if not any(name in metadata for name in ("image", "video", "audio")):
        return []
    columns = orjson.loads(metadata)
    return [(name, _json(columns[name])) for name in MEDIA if columns.get(name)]


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


# --- equal ----------------------------------------------------------------------------------


def same(parts: Sequence[Part], fold: bool, punctuation: bool) -> str:
    """A digest that is the same for equal parts, folded or not; empty for parts without text."""
    texts = [
        (role, text if not fold or _is_code(role) else folded(text, punctuation))
        for role, text in parts
    ]
    if not any(text for _, text in texts):
        return ""
    return hashlib.blake2b(
        "\0".join(f"{role}\1{text}" for role, text in texts).encode("utf-8", "surrogatepass"),
        digest_size=16,
    ).hexdigest()


def _is_code(role: str) -> bool:
    """Whether a part is read by a machine: descriptions of tools, and calls with their arguments."""
    return role == "tools" or role.endswith(".tool_calls")


# --- nearly equal ---------------------------------------------------------------------------


def shingles(text: str) -> np.ndarray:
    """Hashes of a text's shingles, sorted and distinct, uint64; none for a text without any sign.

    Words and signs of folded text; characters where the script sets no spaces. A text shorter than
    one shingle is one shingle.
    """
    plain = caseless(text)
    if not plain.isascii() and is_unspaced(plain):
        pieces: list[str] = [c for c in plain if not c.isspace()]
        length = CHARACTERS
    else:
        pieces, length = units(plain), WORDS
    if not pieces:
        pieces = plain.split()
    if not pieces:
        return np.zeros(0, dtype=np.uint64)
    codes = np.array(list(map(_codes.__getitem__, pieces)), dtype=np.uint64)
    if len(_codes) > 2_000_000:
        _codes.clear()
    length = min(length, len(codes))
    rolled = np.zeros(len(codes) - length + 1, dtype=np.uint64)
    for i in range(length):
        rolled = rolled * np.uint64(0x9E3779B97F4A7C15) + codes[i : i + len(rolled)]
    hashed = np.sort(_mixed(rolled))
    return np.asarray(hashed[np.concatenate([[True], hashed[1:] != hashed[:-1]])])


class _Codes(dict[str, int]):
    """A stable hash of each word; Python's own differs from process to process."""

    def __missing__(self, unit: str) -> int:
        digest = hashlib.blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        code = int.from_bytes(digest, "little")
        if len(unit) < 100:
            self[unit] = code
        return code


_codes = _Codes()


def _mixed(values: np.ndarray) -> np.ndarray:
    values = values ^ (values >> np.uint64(31))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(values ^ (values >> np.uint64(29)))


def side(parts: Sequence[Part]) -> np.ndarray:
    """The shingles of one side of an example."""
    return shingles("\n".join(text for _, text in parts))


def jaccard(one: np.ndarray, two: np.ndarray) -> float:
    """Shared part of two sorted sets of distinct hashes: intersection over union; 1 for two empty."""
    if not len(one) or not len(two):
        return float(len(one) == len(two))
    shared = len(np.intersect1d(one, two, assume_unique=True))
    return shared / (len(one) + len(two) - shared)


def candidates(
    sets: Sequence[np.ndarray], threshold: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each set the shingles by which sets near to it are found, and in how many sets each stands.

    A pair whose Jaccard similarity reaches t shares one of the n − ⌈t·n⌉ + 1 rarest shingles of each
    (prefix filtering, Chaudhuri et al. 2006), so that nothing is missed. Shingles of one set only
    propose nobody and are left out.
    """
    sizes = np.array([len(s) for s in sets], dtype=np.int64)
    if not sizes.sum():
        return [np.zeros(0, dtype=np.int64) for _ in sets], [np.zeros(0) for _ in sets]
    flat = np.concatenate([s for s in sets if len(s)])
    distinct, number, counts = np.unique(flat, return_inverse=True, return_counts=True)
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[np.lexsort((distinct, counts))] = np.arange(len(distinct))
    owner = np.repeat(np.arange(len(sets)), sizes)
    place = rank[number]
    order = np.lexsort((place, owner))
    starts = np.cumsum(sizes) - sizes
    at = np.arange(len(flat)) - np.repeat(starts, sizes)
    # What a product misses by rounding must not cost a shingle: 0.7 · 10 is 7, not 7.000000000000001.
    prefix = sizes - np.ceil(threshold * sizes - 1e-9).astype(np.int64) + 1
    chosen = (at < np.repeat(prefix, sizes)) & (counts[number[order]] > 1)
    ends = np.cumsum(np.bincount(owner[chosen], minlength=len(sets)))
    proposals = np.split(place[order][chosen], ends[:-1])
    return proposals, np.split(counts[number], np.cumsum(sizes)[:-1])


@dataclass(frozen=True)
class Side:
    """One side of an example as a sorted set of shingles, and in how many examples each stands."""

    shingles: np.ndarray
    common: np.ndarray

    def fills_otherwise(self, other: Side) -> bool:
        """Whether the two fill one template with different words.

        What they share stands in three rows or more, and what sets them apart is much rarer on both
        sides. Of copies that were edited one lacks what most others have, and is no such case.
        """
        mine, theirs = (_within(a.shingles, b.shingles) for a, b in ((self, other), (other, self)))
        if mine.all() or theirs.all() or not mine.any():
            return False
        usual = float(np.median(self.common[mine]))
        apart = self.common[~mine], other.common[~theirs]
        return usual >= 3 and all(np.mean(part < usual * RARER) >= MOSTLY for part in apart)


RARER, MOSTLY = 2 / 3, 0.8
"""A slot's words stand in fewer rows than two thirds of those that share the template; most of them."""

CHECKED = 8
"""Kept rows, the nearest first, for which it is asked whether they only share a template."""


@dataclass
class Nearest:
    """Which kept row each row is nearly the same as.

    leader: positions, (rows,); a row's own where it is kept. similarity: to the leader. rivals: pairs
    of kept rows that are asked nearly the same and labelled otherwise. cut: rows that resemble more
    kept rows than they were compared with.
    """

    leader: np.ndarray
    similarity: np.ndarray
    rivals: list[tuple[int, int]]
    cut: int


def nearest_kept(
    sides: Sequence[Sequence[np.ndarray]],
    order: Sequence[int] | np.ndarray,
    threshold: float,
    progress: Progress,
    labelled: np.ndarray | None = None,
) -> Nearest:
    """Drop, in an order of preference, each row that is near a row that is kept.

    sides: one or two lists of sorted sets, one set a row; two rows are near when every side reaches
    the threshold and none fills a template otherwise. labelled: rows whose second side is a label,
    which does not help to find a pair. A row resembling more than MOST kept rows is compared with
    those that share most of its rarest shingles, so that time grows with the rows and not with
    their square.
    """
    rows = len(sides[0])
    near = Nearest(np.arange(rows), np.ones(rows), [], 0)
    copies = _copies(sides, order)
    distinct = [int(i) for i in order if copies[i] == i]
    of_label = [labelled is not None and bool(labelled[i]) for i in distinct]
    sets = [
        _joined([s[i] for s in sides], alone) for i, alone in zip(distinct, of_label, strict=True)
    ]
    proposals, common = candidates(sets, threshold)
    postings: dict[int, list[int]] = {}
    kept: dict[int, list[Side]] = {}
    for done, i in enumerate(distinct):
        if done % 5_000 == 0:
            progress(done / rows, f"{done:,} of {rows:,} compared")
        mine = proposals[done].tolist()
        own = _counted([s[i] for s in sides], common[done])
        found, cut = _proposed(mine, postings)
        near.cut += cut
        best, score = _best(own, [kept[j] for j in found], threshold)
        if best >= 0:
            near.leader[i], near.similarity[i] = found[best], score
            continue
        if of_label[done]:
            near.rivals += [(i, j) for j in _alike(own[0], kept, found, threshold)]
        if mine:
            kept[i] = own
        for shingle in mine:
            known = postings.setdefault(shingle, [])
            if len(known) < MOST:
                known.append(i)
    near.leader = near.leader[copies]
    near.similarity = near.similarity[copies]
    return near


def _copies(sides: Sequence[Sequence[np.ndarray]], order: Sequence[int] | np.ndarray) -> np.ndarray:
    """For each row the first one, in that order, with the very same sets."""
    first: dict[bytes, int] = {}
    copies = np.arange(len(sides[0]))
    for i in (int(i) for i in order):
        if len(sides) == 1 and not len(sides[0][i]):  # it says nothing on the compared side
            continue
        whole = hashlib.blake2b(b"\0".join(s[i].tobytes() for s in sides), digest_size=16).digest()
        copies[i] = first.setdefault(whole, i)
    return copies


def _counted(sets: Sequence[np.ndarray], common: np.ndarray) -> list[Side]:
    """The sides of a row; of a label alone it is not known where else it stands."""
    counted, at = [], 0
    for s in sets:
        counts = common[at : at + len(s)]
        counted.append(Side(s, counts if len(counts) == len(s) else np.ones(len(s))))
        at += len(s)
    return counted


def _joined(sets: Sequence[np.ndarray], first_only: bool) -> np.ndarray:
    """The sets of all sides as one, in which a shingle of one side is none of another's."""
    if len(sets) == 1 or first_only:
        return sets[0]
    return np.concatenate([s ^ np.uint64(k * 0x5851F42D4C957F2D) for k, s in enumerate(sets)])


def _proposed(shingles_: Sequence[int], postings: dict[int, list[int]]) -> tuple[list[int], bool]:
    """Kept rows that share some of the shingles, and whether there were more than are compared."""
    lists = [postings[s] for s in shingles_ if s in postings]
    if not lists:
        return [], False
    if len(lists) == 1:
        return lists[0], len(lists[0]) >= MOST
    full = any(len(p) >= MOST for p in lists)
    found, hits = np.unique(np.concatenate([np.array(p) for p in lists]), return_counts=True)
    if len(found) > MOST:
        found = np.sort(found[np.argsort(-hits, kind="stable")[:MOST]])
        full = True
    return found.tolist(), full


def _best(
    own: Sequence[Side], others: Sequence[Sequence[Side]], threshold: float
) -> tuple[int, float]:
    """Which of the others is nearest on its less similar side, and that similarity; -1 for none."""
    if not others:
        return -1, 0.0
    least = np.minimum.reduce(
        [_similarities(a.shingles, [o[k].shingles for o in others]) for k, a in enumerate(own)]
    )
    for at in np.argsort(-least, kind="stable")[:CHECKED].tolist():
        if least[at] < threshold:
            break
        if not any(a.fills_otherwise(b) for a, b in zip(own, others[at], strict=True)):
            return at, float(least[at])
    return -1, 0.0


def _alike(
    own: Side, kept: dict[int, list[Side]], found: Sequence[int], threshold: float
) -> list[int]:
    """Those of some kept rows that are asked nearly the same."""
    others = [kept[j][0] for j in found]
    similar = _similarities(own.shingles, [o.shingles for o in others]) >= threshold
    chosen = [k for k in np.flatnonzero(similar).tolist() if not own.fills_otherwise(others[k])]
    return [found[k] for k in chosen]


def _within(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """True for each element of a sorted set that another one holds."""
    if not len(other):
        return np.zeros(len(own), dtype=bool)
    return np.asarray(other[np.minimum(np.searchsorted(other, own), len(other) - 1)] == own)


def _similarities(own: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """The Jaccard similarity of one set to each of some others."""
    if len(others) < 4 or not len(own):
        return np.array([jaccard(own, other) for other in others])
    sizes = np.array([len(other) for other in others])
    total = np.concatenate([[0], np.cumsum(_within(np.concatenate(others), own))])
    ends = np.cumsum(sizes)
    shared = total[ends] - total[ends - sizes]
    return np.asarray(shared / (len(own) + sizes - shared))

"""Train, validation and test, without leaks.

Guarantee: rows that belong together are never in two splits, unless a column of given splits says so.
Accepted: a split may differ from its share, because groups are placed whole.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd

from curation import registry
from curation.columns import FileColumns, as_numbers, as_text
from curation.errors import RecipeError
from curation.registry import SEEDS, Column, Range
from curation.text.folding import folded

Share = Annotated[float, "share of the examples", Range(0, 0.9, 0.01)]
NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "development"),
    "test": ("test", "testing", "eval", "evaluation", "holdout"),
}
"""The names that files use for each split."""

BINS, FEW = 10, 20
"""Parts into which a column of more than FEW different numbers is cut to stratify by it."""

_SPLIT_OF = {name: split for split, names in NAMES.items() for name in names}
WIDEST = 0.2
"""Largest share of the rows that a value of a column `group` may have; above it, it is a category."""

_ID = "id|ids|uuid|guid|key|hash|idx"
_TALK = "conversation|conv|convo|dialog|dialogue|chat|thread|session|talk|discussion|interaction"
_WHOLE = (
    "source|document|doc|article|page|passage|book|paper|story|episode|ticket|issue|tree|parent|"
    "group|question|problem|prompt"
)
_TOGETHER = re.compile(
    r"(?:(?:source|parent|original|orig|root|message|msg)_)?"
    rf"(?:(?:{_TALK})(?:_?(?:{_ID}|no|num|number|index|name))?|(?:{_WHOLE})_?(?:{_ID}))|group"
)
"""Names of columns in which rows of one conversation or document have one value; `_` joins words."""


def _shares_leave_some(params: Mapping[str, Any]) -> None:
    held_out = params["validation"] + params["test"]
    if held_out > 1 - 1e-9:
        raise RecipeError(
            f"split: validation and test take {held_out:.0%} of the examples, which leaves none to "
            "train on; together they must be less than 1"
        )


def _notes(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Say what was kept together, how given splits were read, and which shares were not met."""
    notes = []
    placed = answer["split"].to_numpy()
    if params["together"] is None and (names := list(conversations(rows["metadata"]))):
        notes.append(f"Rows of one {' or one '.join(names)} stay on one side.")
    given = np.full(len(rows), "")
    if params["given"]:
        given = given_splits(rows[params["given"]])
        notes += _given_notes(rows, params, given)
    for name in ("test", "validation"):
        in_split, free = placed == name, given == ""
        expected, count = round(params[name] * int(free.sum())), int((in_split & free).sum())
        if count < expected / 2:
            notes.append(
                f"{name} got {count:,} of {expected:,} examples: the groups that stay together are "
                "too large for it."
            )
    return notes


def _given_notes(rows: pd.DataFrame, params: Mapping[str, Any], given: np.ndarray) -> list[str]:
    texts = as_text(rows[params["given"]])
    unreadable = texts[(given == "") & (texts != "").to_numpy()]
    counts = [f"{int((given == name).sum()):,} {name}" for name in NAMES]
    free = int((given == "").sum())
    notes = [f"Given: {', '.join(counts)}; {free:,} without a split were assigned."]
    if len(unreadable):
        shown = ", ".join(map(repr, unreadable.value_counts().index[:5]))
        notes.append(
            f"{len(unreadable):,} examples have a {params['given']} that is no split's name ({shown})."
        )
    group = leak_groups(rows, params["together"])
    is_given = given != ""
    sides = pd.Series(given[is_given]).groupby(group[is_given]).nunique()
    if straddling := int((sides > 1).sum()):
        notes.append(
            f"{straddling:,} prompts, conversations or groups of duplicates stand in more than one "
            "of the given splits: that is a leak, and it was left as it is."
        )
    return notes


@registry.split("Train, validation, test", agrees=_shares_leave_some, notes=_notes)
def split(
    rows: pd.DataFrame,
    *,
    validation: Share = 0.05,
    test: Share = 0.05,
    stratify: Annotated[
        Column | None, "keep the shares of this column's values alike in every split"
    ] = None,
    given: Annotated[
        Column | None,
        "keep the splits that this column names, such as split; source reads them from the names "
        "of the files; only rows without one are assigned",
    ] = None,
    together: Annotated[
        Column | None,
        "rows with the same value stay on one side; without it, columns with names such as "
        "conversation_id or source_id are used",
    ] = None,
    seed: Annotated[int, "another seed, another split", Range(0, SEEDS - 1)] = 0,
) -> np.ndarray:
    """Place each example in train, validation or test; what belongs together stays together.

    What it does:
        Duplicate groups, equal prompts (folded), and rows of one source conversation never straddle
        two splits, unless a column of given splits says so. A group's place is a hash of its
        members' least id and the seed. Each split gets its share of the whole, and of each stratum
        as much as whole rows allow: the rest goes to the strata with the largest remainders. A
        group goes to the split that fits its strata best. Rows of one group with given rows follow
        them.
    Why:
        A test that holds copies of what was trained on measures memory.
    Example:
        with: {validation: 0, test: 0.34}
        {prompt: Name a planet., response: Saturn.} → train
        {prompt: Name a planet., response: Neptune.} → train
        {prompt: Name a star., response: Sirius.} → test
    Measured precision:
        GPTeacher's toolformer set, 7,671 rows without exact duplicates: no prompt stands in two
        splits, by chance 50 do. Validation and test get their 384 rows each.
    Source:
        Largest remainders (Hamilton); groups and strata as in scikit-learn's StratifiedGroupKFold.
    """
    group = leak_groups(rows, together)
    placed = np.full(len(rows), "train", dtype=object)
    free = np.ones(len(rows), dtype=bool)
    if given:
        names = given_splits(rows[given])
        placed, free = _with_followers(names, group)
    strata = _strata(rows[stratify]) if stratify else np.zeros(len(rows), dtype=int)
    units = _units(np.flatnonzero(free), group, strata, rows.index.astype(str).tolist(), seed)
    for unit, name in _assignments(units, {"test": test, "validation": validation}):
        placed[unit.rows] = name
    return placed


def given_splits(values: pd.Series) -> np.ndarray:
    """train, validation or test for each row whose value names it, as in `val` or `train_sft`.

    Only the last part of a path counts. "" for a value that names no split, or more than one.
    """
    texts = as_text(values)
    read = {text: _read_split(text) for text in texts.unique()}
    return texts.map(read).to_numpy(dtype=str)


def _read_split(text: str) -> str:
    last = re.split(r"[/\\]", text.strip())[-1]
    words = re.split(r"[^a-z]+", last.casefold())
    named = {_SPLIT_OF[word] for word in words if word in _SPLIT_OF}
    return named.pop() if len(named) == 1 else ""


def _with_followers(names: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Given splits, extended to rows of the same groups; and a mask of the rows that are left."""
    placed = np.where(names == "", "train", names).astype(object)
    free = names == ""
    # A group with several given splits goes to train, where a leak does least harm.
    for name in NAMES:
        of_group = np.unique(group[names == name])
        follow = free & np.isin(group, of_group)
        placed[follow] = name
        free = free & ~follow
    return placed, free


def conversations(metadata: pd.Series) -> dict[str, pd.Series]:
    """The columns of the files whose names mark rows of one conversation or document, by name.

    Left out: a column with one value only or with no value twice, and a `group` of few values.
    """
    own, named = FileColumns(metadata), dict[str, pd.Series]()
    for name in own.kinds:
        if _TOGETHER.fullmatch(words := _words(name)):
            values = own.read(name)
            counts = values.value_counts()
            wide = words == "group" and counts.iloc[0] > WIDEST * len(metadata)
            if 1 < len(counts) < counts.sum() and not wide:
                named[name] = values
    return named


def _words(name: str) -> str:
    """A column's name in small letters, its words joined by low lines: conversationId, Chat-ID."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold()).strip(
        "_"
    )


def leak_groups(rows: pd.DataFrame, together: str | None = None) -> np.ndarray:
    """The number of the group, for each row, that must stay in one split.

    A group joins equal prompts (folded), duplicate groups, and rows of one conversation; `together`
    names the column of conversations.
    """
    if len(rows) == 0:
        return np.zeros(0, dtype=int)
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    first, second = [np.zeros(0, dtype=int)], [np.zeros(0, dtype=int)]
    for values in _keys(rows, together):
        codes = pd.factorize(values.where(values != ""))[0]
        with_value = np.flatnonzero(codes >= 0)
        _, first_of, group = np.unique(codes[with_value], return_index=True, return_inverse=True)
        first.append(with_value)
        second.append(with_value[first_of][group])
    pairs = (np.concatenate(first), np.concatenate(second))
    links = coo_matrix((np.ones(len(pairs[0]), dtype=bool), pairs), shape=(len(rows), len(rows)))
    return np.asarray(connected_components(links, directed=False)[1])


def _keys(rows: pd.DataFrame, together: str | None) -> Iterator[pd.Series]:
    """Columns whose equal values mean that rows belong together; "" for none."""
    yield rows["prompt"].fillna("").map(lambda prompt: folded(prompt, False))
    if "duplicate_group" in rows:
        yield rows["duplicate_group"].fillna("").astype("str")
    if together:
        yield as_text(rows[together])
    else:
        yield from map(as_text, conversations(rows["metadata"]).values())


def _strata(values: pd.Series) -> np.ndarray:
    """The number of each row's stratum; a column of many numbers is cut into ten equal parts."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > FEW:
        numbers = as_numbers(values)
        edges = np.unique(numbers.dropna().quantile(np.linspace(0, 1, BINS + 1)[1:-1]))
        return np.where(numbers.isna(), -1, np.searchsorted(edges, numbers, side="right"))
    return np.asarray(pd.factorize(as_text(values), sort=True)[0])


class _Unit(NamedTuple):
    """Rows that are placed together, their number in each stratum, and their random draw."""

    rows: list[int]
    counts: Mapping[int, int]
    draw: bytes


def _units(
    positions: np.ndarray, group: np.ndarray, strata: np.ndarray, ids: Sequence[str], seed: int
) -> list[_Unit]:
    """The groups of the rows at some positions."""
    members: dict[int, list[int]] = {}
    for position, number in zip(positions.tolist(), group[positions].tolist(), strict=True):
        members.setdefault(number, []).append(position)
    of_row = strata.tolist()
    units = []
    for rows in members.values():
        least = min(ids[row] for row in rows)
        draw = hashlib.blake2b(f"{seed}\x00{least}".encode(), digest_size=8).digest()
        units.append(_Unit(rows, Counter(of_row[row] for row in rows), draw))
    return units


def _assignments(
    units: Sequence[_Unit], shares: Mapping[str, float]
) -> Iterator[tuple[_Unit, str]]:
    """Units with the split that they go to; the other units stay in train.

    Each split is filled in the order of the draws: first with units that fit its places in their
    strata, then, up to its share of the whole, with units that exceed these places by the least.
    """
    sizes: dict[int, int] = {}
    for unit in units:
        for stratum, count in unit.counts.items():
            sizes[stratum] = sizes.get(stratum, 0) + count
    total = sum(sizes.values())
    left = sorted(units, key=lambda unit: unit.draw)
    due = dict.fromkeys(sizes, 0.0)
    for name, share in shares.items():
        due = {stratum: due[stratum] + share * size for stratum, size in sizes.items()}
        rows = round(share * total)
        places = _places(rows, share, sizes, due, left)
        taken = _filled(left, places, rows)
        for unit in taken:
            for stratum, count in unit.counts.items():
                due[stratum] -= count
            yield unit, name
        taken_ids = set(map(id, taken))
        left = [unit for unit in left if id(unit) not in taken_ids]


def _places(
    rows: int,
    share: float,
    sizes: Mapping[int, int],
    due: Mapping[int, float],
    left: Sequence[_Unit],
) -> dict[int, int]:
    """Number of places of each stratum, by largest remainders.

    due: places that a stratum should have so far, so that one that was rounded up before comes later.
    Ties are broken by the draws of the units that are left.
    """
    places = {stratum: int(share * size + 1e-9) for stratum, size in sizes.items()}
    first_unit: dict[int, int] = {}
    for n, unit in enumerate(left):
        for stratum in unit.counts:
            first_unit.setdefault(stratum, n)
    order = sorted(
        (s for s in sizes if s in first_unit),
        key=lambda s: (-round(due[s] - places[s], 9), first_unit[s]),
    )
    for stratum in order[: max(0, rows - sum(places.values()))]:
        places[stratum] += 1
    return places


def _filled(units: Sequence[_Unit], places: dict[int, int], size: int) -> list[_Unit]:
    """The units that fill a split; size: the number of its rows."""
    taken = list[_Unit]()

    def excess(unit: _Unit) -> int:
        return sum(max(0, count - max(0, places[s])) for s, count in unit.counts.items())

    def take(unit: _Unit) -> None:
        nonlocal size
        taken.append(unit)
        size -= len(unit.rows)
        for stratum, count in unit.counts.items():
            places[stratum] -= count

    rest = list[tuple[int, int]]()
    for n, unit in enumerate(units):
        if len(unit.rows) <= size and excess(unit) == 0:
            take(unit)
        else:
            rest.append((0, n))
    rest = [(excess(units[n]), n) for _, n in rest if len(units[n].rows) <= size]
    heapq.heapify(rest)
    while rest and size > 0:  # excess only grows as places are taken, so the least is the least
        former, n = heapq.heappop(rest)
        if len(units[n].rows) > size:
            continue
        current = excess(units[n])
        if current == former:
            take(units[n])
        else:
            heapq.heappush(rest, (current, n))
    return taken

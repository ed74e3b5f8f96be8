"""Train, validation and test, without leaks."""

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
"""A split and what files call it."""

BINS, FEW = 10, 20
"""Parts into which a column of more than FEW different numbers is cut to stratify by it."""

_SPLIT_OF = {name: split for split, names in NAMES.items() for name in names}
WIDEST = 0.2
"""Share of the rows that one value of a column called `group` may have to be a group in this sense."""

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
"""Names of columns that say which rows are parts of one thing, words joined by low lines."""


def _shares_leave_some(params: Mapping[str, Any]) -> None:
    held_out = params["validation"] + params["test"]
    if held_out > 1 - 1e-9:
        raise RecipeError(
            f"split: validation and test take {held_out:.0%} of the examples, which leaves none to "
            "train on; together they must be less than 1"
        )


def _what_was_placed(
    params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame
) -> list[str]:
    """What was kept together, how given splits were read, and shares that could not be met."""
    notes = []
    placed = answer["split"].to_numpy()
    if params["together"] is None and (names := list(conversations(rows["metadata"]))):
        notes.append(f"Rows of one {' or one '.join(names)} stay on one side.")
    given = np.full(len(rows), "")
    if params["given"]:
        given = given_splits(rows[params["given"]])
        notes += _about_given(rows, params, given)
    for name in ("test", "validation"):
        mine, free = placed == name, given == ""
        want, got = round(params[name] * int(free.sum())), int((mine & free).sum())
        if got < want / 2:
            notes.append(
                f"{name} got {got:,} of {want:,} examples: what belongs together is too much for it."
            )
    return notes


def _about_given(rows: pd.DataFrame, params: Mapping[str, Any], given: np.ndarray) -> list[str]:
    texts = as_text(rows[params["given"]])
    strange = texts[(given == "") & (texts != "").to_numpy()]
    counts = [f"{int((given == name).sum()):,} {name}" for name in NAMES]
    free = int((given == "").sum())
    notes = [f"Given: {', '.join(counts)}; {free:,} without a split were assigned."]
    if len(strange):
        shown = ", ".join(map(repr, strange.value_counts().index[:5]))
        notes.append(
            f"{len(strange):,} examples have a {params['given']} that is no split's name ({shown})."
        )
    group = belonging(rows, params["together"])
    known = given != ""
    sides = pd.Series(given[known]).groupby(group[known]).nunique()
    if straddling := int((sides > 1).sum()):
        notes.append(
            f"{straddling:,} prompts, conversations or groups of duplicates stand in more than one "
            "of the given splits: that is a leak, and it was left as it is."
        )
    return notes


@registry.split("Train, validation, test", agrees=_shares_leave_some, notes=_what_was_placed)
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
        "rows with the same value stay on one side; without it, columns that are called like "
        "conversation_id or source_id are found",
    ] = None,
    seed: Annotated[int, "another seed, another split", Range(0, SEEDS - 1)] = 0,
) -> np.ndarray:
    """Place each example in train, validation or test; what belongs together stays together.

    What it does:
        Duplicate groups, equal prompts (folded), and rows of one source conversation never straddle
        two splits, unless a column of given splits says so. A group's place is a hash of its
        members' least id and the seed. Each split gets its share of the whole, and of each stratum
        as much as whole rows allow: what is left over goes to the strata with the largest
        remainders. A group goes where it fits its strata best. Rows that hang together with given
        ones follow them.
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
    group = belonging(rows, together)
    placed = np.full(len(rows), "train", dtype=object)
    free = np.ones(len(rows), dtype=bool)
    if given:
        names = given_splits(rows[given])
        placed, free = _following(names, group)
    strata = _strata(rows[stratify]) if stratify else np.zeros(len(rows), dtype=int)
    units = _units(np.flatnonzero(free), group, strata, rows.index.astype(str).tolist(), seed)
    for unit, name in _dealt(units, {"test": test, "validation": validation}):
        placed[unit.rows] = name
    return placed


def given_splits(values: pd.Series) -> np.ndarray:
    """train, validation or test for each row whose value names it, as in `val` or `train_sft`.

    Of a path the last part counts. "" for what names none, or more than one.
    """
    texts = as_text(values)
    read = {text: _read_split(text) for text in texts.unique()}
    return texts.map(read).to_numpy(dtype=str)


def _read_split(text: str) -> str:
    last = re.split(r"[/\\]", text.strip())[-1]
    words = re.split(r"[^a-z]+", last.casefold())
    named = {_SPLIT_OF[word] for word in words if word in _SPLIT_OF}
    return named.pop() if len(named) == 1 else ""


def _following(names: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Given splits, with the rows that hang together with given ones; and which rows are left."""
    placed = np.where(names == "", "train", names).astype(object)
    free = names == ""
    for name in NAMES:  # what hangs together with several goes to train, which it may leak into
        of_group = np.unique(group[names == name])
        follow = free & np.isin(group, of_group)
        placed[follow] = name
        free = free & ~follow
    return placed, free


def conversations(metadata: pd.Series) -> dict[str, pd.Series]:
    """The columns of the files that say by their name which rows are parts of one thing.

    One whose every value is the same, or stands once, says nothing; nor does a `group` of few.
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


def belonging(rows: pd.DataFrame, together: str | None = None) -> np.ndarray:
    """For each row the number of the group that must not straddle two splits.

    Equal prompts (folded), duplicate groups, and rows of one conversation; `together` names the
    column that says which those are.
    """
    if len(rows) == 0:
        return np.zeros(0, dtype=int)
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    first, second = [np.zeros(0, dtype=int)], [np.zeros(0, dtype=int)]
    for values in _keys(rows, together):
        codes = pd.factorize(values.where(values != ""))[0]
        known = np.flatnonzero(codes >= 0)
        _, where, which = np.unique(codes[known], return_index=True, return_inverse=True)
        first.append(known)
        second.append(known[where][which])
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
    """A number for each row's stratum; a column of many numbers is cut into ten equal parts."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > FEW:
        numbers = as_numbers(values)
        edges = np.unique(numbers.dropna().quantile(np.linspace(0, 1, BINS + 1)[1:-1]))
        return np.where(numbers.isna(), -1, np.searchsorted(edges, numbers, side="right"))
    return np.asarray(pd.factorize(as_text(values), sort=True)[0])


class _Unit(NamedTuple):
    """Rows that are placed together: how many of each stratum, and their draw."""

    rows: list[int]
    counts: Mapping[int, int]
    draw: bytes


def _units(
    places: np.ndarray, group: np.ndarray, strata: np.ndarray, ids: Sequence[str], seed: int
) -> list[_Unit]:
    """The groups among the rows at some places."""
    members: dict[int, list[int]] = {}
    for place, number in zip(places.tolist(), group[places].tolist(), strict=True):
        members.setdefault(number, []).append(place)
    of_row = strata.tolist()
    units = []
    for rows in members.values():
        least = min(ids[row] for row in rows)
        draw = hashlib.blake2b(f"{seed}\x00{least}".encode(), digest_size=8).digest()
        units.append(_Unit(rows, Counter(of_row[row] for row in rows), draw))
    return units


def _dealt(units: Sequence[_Unit], shares: Mapping[str, float]) -> Iterator[tuple[_Unit, str]]:
    """Units with the split they go to; those that are left stay where they are.

    Each split is filled in the order of the draws: first with units that its places in their strata
    hold, then, up to its share of the whole, with those that exceed these by the least.
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
        want = round(share * total)
        places = _places(want, share, sizes, due, left)
        taken = _filled(left, places, want)
        for unit in taken:
            for stratum, count in unit.counts.items():
                due[stratum] -= count
            yield unit, name
        gone = set(map(id, taken))
        left = [unit for unit in left if id(unit) not in gone]


def _places(
    want: int,
    share: float,
    sizes: Mapping[int, int],
    due: Mapping[int, float],
    left: Sequence[_Unit],
) -> dict[int, int]:
    """How many places each stratum gets, by largest remainders.

    due: what it has to get by now, so that one that was rounded up before comes later. Ties go by
    the draws of what is left.
    """
    places = {stratum: int(share * size + 1e-9) for stratum, size in sizes.items()}
    turn: dict[int, int] = {}
    for n, unit in enumerate(left):
        for stratum in unit.counts:
            turn.setdefault(stratum, n)
    order = sorted(
        (s for s in sizes if s in turn), key=lambda s: (-round(due[s] - places[s], 9), turn[s])
    )
    for stratum in order[: max(0, want - sum(places.values()))]:
        places[stratum] += 1
    return places


def _filled(units: Sequence[_Unit], places: dict[int, int], want: int) -> list[_Unit]:
    """The units that fill a split."""
    taken = list[_Unit]()

    def excess(unit: _Unit) -> int:
        return sum(max(0, count - max(0, places[s])) for s, count in unit.counts.items())

    def take(unit: _Unit) -> None:
        nonlocal want
        taken.append(unit)
        want -= len(unit.rows)
        for stratum, count in unit.counts.items():
            places[stratum] -= count

    rest = list[tuple[int, int]]()
    for n, unit in enumerate(units):
        if len(unit.rows) <= want and excess(unit) == 0:
            take(unit)
        else:
            rest.append((0, n))
    rest = [(excess(units[n]), n) for _, n in rest if len(units[n].rows) <= want]
    heapq.heapify(rest)
    while rest and want > 0:  # excess only grows as places are taken, so the least is the least
        known, n = heapq.heappop(rest)
        if len(units[n].rows) > want:
            continue
        now = excess(units[n])
        if now == known:
            take(units[n])
        else:
            heapq.heappush(rest, (now, n))
    return taken

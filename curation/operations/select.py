"""Selection of the examples to train on, under a budget."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from curation.columns import as_numbers, as_text
from curation.dataset import Progress
from curation.errors import CurationError
from curation.registry import SEEDS, Column, Numbers, Range, select
from curation.selection import coverage_graph, greedy, places

Neighbours = Callable[..., tuple[np.ndarray, np.ndarray]]
NEIGHBOURS = 50
"""Rows that one row can cover; a dense graph of 50,000 rows would take 10 GB."""

Budget = Annotated[int, "how many examples to choose", Range(1, None)]
Shares = Literal["equal", "root", "proportional"]
_QUALITY = Numbers("quality")
_TOKENS = Numbers("response_tokens")


def _pinned(rows: pd.DataFrame, budget: int) -> np.ndarray:
    """Positions of rows that a person kept; raises CurationError when the budget is too large."""
    if budget > len(rows):
        raise CurationError(
            f"The budget is {budget:,} examples but only {len(rows):,} are kept; lower the budget or loosen a filter."
        )
    return (
        np.flatnonzero(rows["pinned"].fillna(False).astype(bool))
        if "pinned" in rows
        else np.zeros(0, dtype=int)
    )


def _ranked(
    rows: pd.DataFrame, order: np.ndarray, budget: int, why: Callable[[int], str]
) -> pd.DataFrame:
    """The choice by an order of preference: pinned rows first, then that order, up to the budget."""
    pinned = _pinned(rows, budget)
    by_person = set(pinned.tolist())
    rest = order[~np.isin(order, pinned)]
    chosen = np.concatenate([pinned, rest])[: max(budget, len(pinned))]
    keep, rank = np.zeros(len(rows), dtype=bool), np.full(len(rows), np.nan)
    keep[chosen] = True
    rank[chosen] = np.arange(1, len(chosen) + 1)
    reasons = [
        ("kept by a person" if i in by_person else why(i)) if keep[i] else "not within the budget"
        for i in range(len(rows))
    ]
    return pd.DataFrame(
        {"keep": keep, "reason": pd.Series(reasons, dtype="str").to_numpy(), "rank": rank},
        index=rows.index,
    )


def _limits(lines: list[str], balance: str | None) -> dict[str, int]:
    """Value → count from lines of `value = count`; raises CurationError for any other line."""
    if lines and balance is None:
        raise CurationError(
            "Quotas need a column to balance by, such as topic; name it as balance."
        )
    limits = dict[str, int]()
    for line in lines:
        name, sign, count = (part.strip() for part in line.rpartition("="))
        if not sign or not count.isdecimal():
            raise CurationError(
                f"The quota {line!r} is not a value, an equals sign and a whole number, as in "
                "cooking = 40."
            )
        if name in limits:
            raise CurationError(f"There are two quotas for {name!r}; leave one of them out.")
        limits[name] = int(count)
    return limits


def _awarded(
    values: pd.Series, pinned: np.ndarray, budget: int, quotas: list[str], shares: Shares
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Distribute a budget among the values of a column, which is called by its name.

    Returns the values, the number of each row's value, and the number of the value that gets each
    place that no pinned row has. Raises CurationError for a quota of a value that no row has.
    """
    limits = _limits(quotas, str(values.name))
    names, numbers, sizes = np.unique(
        as_text(values).to_numpy(dtype=str), return_inverse=True, return_counts=True
    )
    unknown = [name for name in limits if name not in names]
    if unknown:
        shown = ", ".join(repr(str(name)) for name in names[:8]) + (" …" if len(names) > 8 else "")
        raise CurationError(
            f"A quota names {unknown[0]!r}, which no kept example has as its {values.name}; there are: "
            f"{shown}. Correct the quotas or leave this one out."
        )
    own = np.bincount(numbers[pinned], minlength=len(names))
    # Rows that a person kept may exceed a quota and the budget: then their value gets no more.
    room = [min(n, limits.get(name, n)) for name, n in zip(names, sizes.tolist(), strict=True)]
    power = {"equal": 0.0, "root": 0.5, "proportional": 1.0}[shares]
    return names, numbers, places((sizes**power).tolist(), room, budget, own.tolist())


def _within_groups(
    neighbours: Neighbours,
    numbers: np.ndarray,
    awarded: list[int],
    pinned: np.ndarray,
    values: np.ndarray,
    quality: float,
    progress: Progress,
) -> list[int]:
    """Positions in the order of choice: the pinned ones, then one for each place of a group.

    numbers: the group of each row. awarded: the group of each place. A gain counts the rows of the
    group alone: by the rows of others, those with a wrong label would gain the most.
    """
    counts, chosen = np.bincount(awarded, minlength=numbers.max() + 1), []
    for n, count in enumerate(counts):
        members = np.flatnonzero(numbers == n)
        graph = coverage_graph(*neighbours(min(NEIGHBOURS, len(members) - 1), members))
        first = np.flatnonzero(np.isin(members, pinned))
        size = len(first) + int(count)
        order = greedy(graph, size, values[members], quality, list(first)).order
        chosen.append(iter(members[order[len(first) :]].tolist()))
        progress((n + 1) / len(counts), f"{n + 1} of {len(counts)} groups")
    return [*map(int, pinned), *(next(chosen[n]) for n in awarded)]


@select("Quality × diversity", makes=("rank", "gain", "covered_by"), slow=True)
def select_diverse(
    rows: pd.DataFrame,
    vectors: np.ndarray,
    neighbours: Neighbours,
    progress: Progress,
    *,
    budget: Budget = 1_000,
    score: Annotated[
        Numbers,
        "the number that says how good an example is; quality is by Answer checks: long, varied "
        "answers in which nothing is wrong",
    ] = _QUALITY,
    quality: Annotated[
        float, "0: only diversity counts; 1: only the score", Range(0, 1, 0.05)
    ] = 0.5,
    balance: Annotated[
        Column | None, "give each value of this column an equal share, as far as it goes"
    ] = None,
    quotas: Annotated[
        list[str],
        "with balance: how many of a value at most, as `cooking = 40`; others share the rest",
    ] = [],  # noqa: B006 - read only, and a form shows it as a list
) -> pd.DataFrame:
    """Choose examples that are good and, together, near to everything that is kept.

    What it does:
        Takes, one after the other, the example with the greatest (1 − quality) · gain in facility
        location + quality · score, both standardised, on the graph of the 50 nearest neighbours.
        With `balance` each value has its own graph and its share of the places. Rows that a person
        kept come first and count. Records rank, gain, and for rows that were not chosen the chosen
        row that covers them. Raises CurationError for a budget above what is kept, and for quotas
        that cannot be read or name a value that no row has.
    Why:
        A small set teaches as much as a large one when nothing in it is bad and little is left out.
    Example:
        with: {budget: 2, quality: 0}
        {prompt: "How do I bake bread at home?", quality: 0.5} → dropped
        {prompt: "Which planet has rings?", quality: 0.5} → dropped
        {prompt: Give me a recipe for a loaf of bread., quality: 0.5} → kept
        {prompt: "What are the rings of Saturn made of?", quality: 0.5} → kept
    Measured precision:
        500 of 5,000 rows of Alpaca, static vectors: with `quality: 0` the mean similarity of a row
        to its nearest chosen is 0.772, of ten random choices 0.731 to 0.738. With the default of
        0.5 it is 0.732, no better than chance, and the mean quality rises from 0.65 to 0.99: choose
        less quality where coverage matters. Models trained on the choice were not measured.
    Source:
        QDIT (Bukharin et al. 2023); facility location by greedy choice (Nemhauser et al. 1978).
    """
    pinned = _pinned(rows, budget)
    ids = rows.index.to_numpy()
    graph = coverage_graph(*neighbours(min(NEIGHBOURS, len(rows) - 1)))
    values = as_numbers(rows[score]).to_numpy()
    if balance is None:
        _limits(quotas, None)
        size = max(budget, len(pinned))
        chosen = greedy(graph, size, values, quality, list(pinned), progress=progress)
    else:
        groups = rows[balance].rename(balance)
        _, numbers, awarded = _awarded(groups, pinned, budget, quotas, "equal")
        order = _within_groups(neighbours, numbers, awarded, pinned, values, quality, progress)
        chosen = greedy(graph, len(order), values, quality, order)
    keep = np.zeros(len(rows), dtype=bool)
    keep[chosen.order] = True
    rank, gain = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    rank[chosen.order] = np.arange(1, len(chosen.order) + 1)
    gain[chosen.order] = chosen.gains
    covers = np.bincount(chosen.best[chosen.best >= 0], minlength=len(rows))
    by_person = set(pinned.tolist())
    reasons, covered_by = [], []
    for i in range(len(rows)):
        nearest = chosen.best[i]
        if keep[i]:
            who = (
                "kept by a person"
                if i in by_person
                else f"rank {int(rank[i]):,}, {score} {values[i]:.2f}"
            )
            reasons.append(
                f"{who}, stands for {covers[i]:,} example{'s' if covers[i] != 1 else ''}"
            )
        elif nearest >= 0:
            reasons.append(f"covered by {ids[nearest]} (similarity {chosen.similarity[i]:.2f})")
        else:
            reasons.append("not within the budget; nothing chosen is near it")
        covered_by.append(ids[nearest] if not keep[i] and nearest >= 0 else None)
    return pd.DataFrame(
        {
            "keep": keep,
            "reason": pd.Series(reasons, dtype="str").to_numpy(),
            "rank": rank,
            "gain": gain,
            "covered_by": pd.Series(covered_by, dtype="str").to_numpy(),
        },
        index=rows.index,
    ).astype({"reason": "str", "covered_by": "str"})


@select("Random", makes=("rank",))
def select_random(
    rows: pd.DataFrame,
    *,
    budget: Budget = 1_000,
    seed: Annotated[int, "another seed, another sample", Range(0, SEEDS - 1)] = 0,
) -> pd.DataFrame:
    """Choose examples by chance: the baseline that every other method has to beat.

    What it does:
        Each example's place is a hash of seed and id, so rows that come or go change no other row's
        place. Rows that a person kept come first and count. Raises CurationError for a budget above
        what is kept.
    Why:
        A method that is no better than chance is not worth its time.
    Example:
        with: {budget: 1, seed: 0}
        {prompt: Name a planet., response: Saturn.} → dropped
        {prompt: Name a star., response: Sirius.} → kept
    Measured precision:
        500 of 5,000 rows of Alpaca, static vectors: the mean similarity of a row to its nearest
        chosen is 0.737, of ten other random choices 0.731 to 0.738.
    Source:
        A uniform draw without replacement, by BLAKE2b.
    """
    return _ranked(rows, _by_chance(rows.index, seed), budget, lambda i: "drawn by chance")


def _by_chance(ids: pd.Index, seed: int) -> np.ndarray:
    """Positions by a hash of seed and id."""
    draws = [hashlib.blake2b(f"{seed}\x00{i}".encode(), digest_size=8).digest() for i in ids]
    return np.array(sorted(range(len(ids)), key=lambda i: draws[i]), dtype=int)


def _balancing(rows: pd.DataFrame) -> str:
    """The first of label, topic and source that has two values; source where none has."""
    several = (c for c in ("label", "topic") if c in rows and rows[c].nunique(dropna=False) > 1)
    return next(several, "source")


def _notes(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Name the column that the choice is balanced by, where nobody named one."""
    if params["by"]:
        return []
    return [
        f"The choice is balanced by {_balancing(rows)}: the first of label, topic and source with "
        "two values."
    ]


@select("Random, balanced", makes=("rank",), notes=_notes)
def select_balanced(
    rows: pd.DataFrame,
    *,
    budget: Budget = 1_000,
    by: Annotated[
        Column | None,
        "the column whose values share the places; empty for the first of label, topic and source "
        "with two values",
    ] = None,
    shares: Annotated[
        Shares,
        "a value's places: equal, by the root of its examples, or in proportion to them",
    ] = "root",
    quotas: Annotated[
        list[str], "how many of a value at most, as `cooking = 40`; others share the rest"
    ] = [],  # noqa: B006 - read only, and a form shows it as a list
    seed: Annotated[int, "another seed, another sample", Range(0, SEEDS - 1)] = 0,
) -> pd.DataFrame:
    """Choose examples by chance, with a fair share for each value of a column.

    What it does:
        Awards the places one after the other to the value that is furthest below its share, and
        draws the example by a hash of seed and id. What a small value cannot take goes to the
        others. Ranks are in that order, so half of a choice is the choice of half the budget.
        Rows that a person kept come first and count. Raises CurationError for a budget above what
        is kept, and for quotas that cannot be read or name a value that no row has.
    Why:
        A plain draw repeats the imbalance of the data: rare labels and topics get few examples.
    Example:
        with: {budget: 2}
        {prompt: Shares fell., label: business} → dropped
        {prompt: Oil rose., label: business} → dropped
        {prompt: The bank opens., label: business} → kept
        {prompt: The striker scored., label: sports} → kept
    Measured precision:
        500 rows of AG News, THUCNews titles and 30 intents of CLINC with planted faults (benchmarks,
        lift): beside a plain random choice +0.163, +0.132 and +0.075 of macro-F1 after
        drop_wrong_labels, and without it +0.005, +0.025 and +0.016 (five or six seeds): balance alone
        draws the wrong rows of rare labels.
    Source:
        Places by the method of Webster and Sainte-Laguë.
    """
    pinned = _pinned(rows, budget)
    column = by or _balancing(rows)
    values = rows[column].rename(column)
    names, numbers, awarded = _awarded(values, pinned, budget, quotas, shares)
    drawn = _by_chance(rows.index, seed)
    drawn = drawn[~np.isin(drawn, pinned)]
    queues = [iter(drawn[numbers[drawn] == n]) for n in range(len(names))]
    order = np.array([next(queues[n]) for n in awarded], dtype=int)
    return _ranked(
        rows,
        order,
        budget,
        lambda i: f"drawn by chance, {column} is {names[numbers[i]] or 'missing'}",
    )


@select("Highest score", makes=("rank",))
def select_highest(
    rows: pd.DataFrame,
    *,
    budget: Budget = 1_000,
    score: Annotated[
        Numbers, "the number that is to be high; response_tokens for the longest"
    ] = _TOKENS,
) -> pd.DataFrame:
    """Choose the examples with the highest score; by tokens of the response, the longest.

    What it does:
        Sorts by the score, unmeasured rows last and equal ones by their ids. Rows that a person
        kept come first and count. Raises CurationError for a budget above what is kept.
    Why:
        The longest answers are a baseline that many scorers fail to beat.
    Example:
        with: {budget: 1}
        {response_tokens: 40} → kept
        {response_tokens: 12} → dropped
    Measured precision:
        500 of 5,000 rows of Alpaca by tokens of the response, static vectors: the mean similarity
        of a row to its nearest chosen is 0.729, of ten random choices 0.731 to 0.738: length costs
        a little coverage.
    Source:
        Zhao et al. 2024, "Long is more for alignment".
    """
    values = as_numbers(rows[score]).fillna(-np.inf).to_numpy()
    order = np.lexsort([rows.index.to_numpy().astype(str), -values])
    return _ranked(rows, order, budget, lambda i: f"{score} = {values[i]:.4g}")

"""Train, validation and test, without leaks.

Guarantee: rows that belong together are never in two splits, unless a column of given splits says so.
Accepted: a split may differ from its share, because groups are placed whole. Among more than MANY_ROWS
rows a few pairs of near meaning in ten thousand may be missed; the note has the share by a sample.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd

from curation import registry
from curation.alike.keys import ASKED, asked_keys, numbers_of
from curation.alike.likeness import LEAK, Sample, likenesses_so_far
from curation.alike.near_cells import MANY_ROWS, NearCells
from curation.alike.near_vectors import all_near_pairs, neighbour_pairs, vector_pairs
from curation.alike.pairs import Groups, Pairs
from curation.alike.work import AT_ONCE, Work
from curation.allocation import assignments, least_of, units_of
from curation.columns import FileColumns, as_numbers, as_text
from curation.dataset import Progress, silent
from curation.embedding.neighbours import EXACT_ROWS
from curation.errors import RecipeError
from curation.registry import SEEDS, Column, Range
from curation.vectors import Vectors

Neighbours = Callable[..., tuple[np.ndarray, np.ndarray]]
Share = Annotated[float, "share of the examples", Range(0, 0.9, 0.01)]
NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "development"),
    "test": ("test", "testing", "eval", "evaluation", "holdout"),
}
"""The names that files use for each split."""

BINS, FEW = 10, 20
"""Parts into which a column of more than FEW different numbers is cut to stratify by it."""

FEW_SHARE, FEW_PAIRS = 0.05, 4_000_000_000
"""Share of the rows up to which rows that are new are each compared with all others, and the most pairs
that are compared so."""

_SPLIT_OF = {name: split for split, names in NAMES.items() for name in names}
MARGIN = 1e-4
"""Taken off the threshold for meanings, so that no rounding puts a pair above that of the leak check."""

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
    notes += _group_notes(answer["split_group"].dropna())
    if sample := answer.attrs.get("sample"):
        notes.append(
            f"Rows of nearly the same meaning were sought in cells: {Sample(*sample).words}."
        )
    if params["together"] is None and (names := list(conversations(rows["metadata"]))):
        notes.append(f"Rows of one {' or one '.join(names)} stay on one side.")
    given = np.full(len(rows), "")
    if params["given"]:
        given = given_splits(rows[params["given"]])
        notes += _given_notes(rows, params, given, answer)
    for name in ("test", "validation"):
        in_split, free = placed == name, given == ""
        expected, count = round(params[name] * int(free.sum())), int((in_split & free).sum())
        if count < expected / 2:
            notes.append(
                f"{name} got {count:,} of {expected:,} examples: the groups that stay together are "
                "too large for it."
            )
    return notes


def _group_notes(group: pd.Series) -> list[str]:
    """Say how many rows stay together with others, and how large the largest group is."""
    if group.empty:
        return []
    sizes = group.value_counts()
    return [
        f"{len(group):,} examples stay together with others, in {len(sizes):,} "
        f"group{'s' * (len(sizes) > 1)}; the largest has {int(sizes.iloc[0]):,}."
    ]


def _given_notes(
    rows: pd.DataFrame, params: Mapping[str, Any], given: np.ndarray, answer: pd.DataFrame
) -> list[str]:
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
    group, is_given = answer["split_group"].to_numpy(), given != ""
    sides = pd.Series(given[is_given]).groupby(group[is_given]).nunique()
    if straddling := int((sides > 1).sum()):
        notes.append(
            f"{straddling:,} prompts, conversations or groups of copies stand in more than one "
            "of the given splits: that is a leak, and it was left as it is."
        )
    return notes


@registry.split(
    "Train, validation, test",
    makes=("split_group",),
    agrees=_shares_leave_some,
    notes=_notes,
    texts=("prompt", "response", "metadata"),
)
def split(
    rows: pd.DataFrame,
    vectors: np.ndarray | Vectors | None = None,
    neighbours: Neighbours | None = None,
    progress: Progress = silent,
    work: Work = AT_ONCE,
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
    copies: Annotated[bool, "examples of nearly the same words or meaning stay on one side"] = True,
    similarity: Annotated[
        float,
        "cosine from which two examples mean the same; the leak check's own threshold",
        Range(0.5, 1.0, 0.01),
    ] = LEAK,
    seed: Annotated[int, "another seed, another split", Range(0, SEEDS - 1)] = 0,
) -> pd.DataFrame:
    """Place each example in train, validation or test; what belongs together stays together.

    What it does:
        Duplicate groups, equal prompts (folded), equal answers without a prompt, rows of one source
        conversation, and with `copies` examples of nearly the same words or meaning never straddle
        two splits, unless a column of given splits says so. Words: a Jaccard similarity of 0.8 of
        the prompts or of the whole examples (0.9 of the characters of short ones). Meaning: with
        embeddings, a cosine of `similarity`; above 300,000 rows by a search that finds at least
        99.9 % of such pairs in a sample (the note says how many), below by comparing all. Prompts
        that differ in numbers alone are not copies.
        Pairs join into groups, and `split_group` names a group by its least id. A group's place is
        a hash of that id and the seed. Each split gets its share of the whole, and of each stratum
        as much as whole rows
        allow: the rest goes to the strata with the largest remainders. A group goes to the split
        that fits its strata best. Rows of one group with given rows follow them.
    Why:
        A test that holds copies of what was trained on measures memory.
    Example:
        with: {validation: 0, test: 0.34}
        {prompt: Name a planet., response: Saturn.} → train
        {prompt: Name a planet., response: Neptune.} → train
        {prompt: Name a star., response: Sirius.} → test
    Measured precision:
        GPTeacher's toolformer set, 7,671 rows without exact duplicates: no prompt stands in two
        splits, by chance 50 do. Validation and test get their 384 rows each (without `copies`).
        By words, Dolly's 2,000 rows have 40 in groups of at most 6; without `copies` 3 rows of
        validation and test have a copy in another split, with them none. By words and meaning
        LIMA's 1,029 have no group, a mixed pool of 2,543 has 23 rows in groups of at most 5, and
        all 52,002 of Alpaca have 355 in groups of at most 19; the default leak check finds all three
        splits leak-safe. Pairs of prompts among Alpaca's 52,002 make groups of at most 5.
    Source:
        Largest remainders (Hamilton); groups and strata as in scikit-learn's StratifiedGroupKFold.
    """
    group, sample = leak_groups(
        rows,
        together,
        vectors,
        neighbours,
        similarity=similarity - MARGIN,
        copies=copies,
        progress=progress,
        work=work,
    )
    placed = np.full(len(rows), "train", dtype=object)
    free = np.ones(len(rows), dtype=bool)
    if given:
        names = given_splits(rows[given])
        placed, free = _with_followers(names, group)
    strata = _strata(rows[stratify]) if stratify else np.zeros(len(rows), dtype=int)
    ids, rest = np.asarray(rows.index.astype(str), dtype=object), np.flatnonzero(free)
    units = units_of(group[rest], strata[rest], ids[rest], seed)
    for some, name in assignments(units, {"test": test, "validation": validation}):
        placed[rest[some]] = name
    together_with = pd.Series(_names(group, ids), index=rows.index, dtype="str")
    answer = pd.DataFrame({"split": placed, "split_group": together_with}, rows.index)
    if sample.rows:
        answer.attrs["sample"] = list(sample)
    return answer


def _names(group: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The least id of each row's group; None for a row that is alone."""
    _, codes, sizes = np.unique(group, return_inverse=True, return_counts=True)
    names = np.full(len(ids), None, dtype=object)
    some = np.flatnonzero(sizes[codes] > 1)
    names[some] = ids[least_of(codes, ids)[codes[some]]]
    return names


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


def leak_groups(
    rows: pd.DataFrame,
    together: str | None = None,
    vectors: np.ndarray | Vectors | None = None,
    neighbours: Neighbours | None = None,
    *,
    similarity: float = LEAK,
    copies: bool = True,
    progress: Progress = silent,
    work: Work = AT_ONCE,
) -> tuple[np.ndarray, Sample]:
    """The number of the group, for each row, that must stay in one split; and what a search was tried on.

    A group joins equal prompts (folded), equal answers without a prompt, duplicate groups, and rows
    of one conversation; `together` names the column of conversations. With `copies` it joins those
    by words, and those by meaning from a cosine of `similarity`; see `curation.alike.likeness`.
    Among more than MANY_ROWS these are sought in cells, and the sample says how many are found.
    """
    if len(rows) == 0:
        return np.zeros(0, dtype=int), Sample()
    groups, sample = Groups(len(rows)), Sample()
    keys = work.of_rows(asked_keys, rows[list(ASKED)])
    groups.join_equal(numbers_of(keys["folded"]))
    groups.join_equal(numbers_of(keys["bare"]))  # such an answer is the whole example
    for values in _named(rows, together):
        groups.join_equal(pd.factorize(values.where(values != ""))[0])
    if copies:
        vectors = vectors if neighbours is not None else None

        def alike(looked: np.ndarray) -> tuple[Iterable[Pairs], Sample]:
            assert vectors is not None and neighbours is not None
            return _near_vectors(Vectors.of(vectors), neighbours, similarity, looked, progress)

        near = likenesses_so_far(rows, keys, vectors, alike, similarity, progress, work)
        for pairs, tried in near:
            groups.join(pairs.first, pairs.second)
            sample = sample.with_those(tried)
    return groups.labels, sample


def _near_vectors(
    vectors: Vectors,
    neighbours: Neighbours,
    threshold: float,
    looked: np.ndarray,
    progress: Progress,
) -> tuple[Iterable[Pairs], Sample]:
    """The pairs of rows whose cosine reaches a threshold, at least one of each among those looked at."""
    some, rows = np.flatnonzero(looked & vectors.present), len(vectors)
    if len(some) < FEW_SHARE * rows and len(some) * rows <= FEW_PAIRS:
        return vector_pairs(vectors, threshold, np.arange(rows), some, progress), Sample()
    if rows > MANY_ROWS:
        cells = NearCells(vectors, threshold, progress)
        return cells.pairs(looked, progress=progress), cells.sample
    if rows <= EXACT_ROWS:
        pairs = neighbour_pairs(vectors, neighbours, threshold)
    else:  # the leak check compares exactly, so a neighbour that was missed would be a leak
        pairs = all_near_pairs(vectors[:], threshold, progress)
    return (near.where(looked[near.first] | looked[near.second]) for near in pairs), Sample()


def _named(rows: pd.DataFrame, together: str | None) -> Iterator[pd.Series]:
    """Columns whose equal values mean that rows belong together; "" for none."""
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

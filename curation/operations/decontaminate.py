"""Examples that hold rows of a benchmark or of another reference set.

Guarantee: every row of the sets is compared with every example. Accepted: a paraphrase that shares
no run of words is found by its embedding only, and one with other numbers is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from curation.alike import AT_ONCE, Work
from curation.alike.contamination import GRAM, Overlaps, overlaps, words_of
from curation.alike.numbers import numbers
from curation.dataset import Progress, part_of
from curation.embedding.neighbours import nearest_in
from curation.errors import CurationError
from curation.registry import Range, ReferenceNames, filter
from curation.targets import BETWEEN, Side, Target, row_name, row_of, side_of

Embedder = Callable[..., np.ndarray]

CANDIDATES = 5
"""Nearest rows of a set whose numbers are compared with an example's."""

_TITLES = {"prompt": "the prompt", "response": "the answer", "both": "the example"}


def _notes(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Say how many examples hold a row of which set, and that meanings were not compared."""
    notes, sets = [], answer.attrs.get("sets", [])
    holders = answer["contaminated_by"]
    for name in sets:
        count = int(row_of(holders, name).notna().sum())
        notes.append(f"{count:,} example{'s hold' if count != 1 else ' holds'} a row of {name}.")
    if answer.attrs.get("by_words"):
        notes.append("Without embeddings only words were compared; add embed before this step.")
    return notes


@filter(
    "Benchmark contamination",
    makes=("contaminated_by", "contamination"),
    slow=True,
    notes=_notes,
    texts=("prompt", "response"),
)
def decontaminate(
    rows: pd.DataFrame,
    targets: Callable[[Sequence[str]], list[Target]],
    embedder: Embedder | None,
    progress: Progress,
    work: Work = AT_ONCE,
    *,
    sets: Annotated[
        ReferenceNames, "names of reference sets, such as a benchmark; none means all of them"
    ] = [],  # type: ignore[assignment] # noqa: B006 - never changed
    sides: Annotated[
        list[Side], "what is compared with the same side of the set's rows; answers may be restyled"
    ] = ["prompt"],  # noqa: B006 - never changed
    overlap: Annotated[
        float,
        "share of a set's row, in runs of 8 words that the example has too, from which it is a copy",
        Range(0.1, 1.0, 0.05),
    ] = 0.4,
    run: Annotated[
        int, "words in a row that both have, from which it is a copy", Range(GRAM.words, 200)
    ] = 13,
    similarity: Annotated[
        float | None,
        "cosine of the embeddings from which it is a copy in other words; nothing compares only words",
        Range(0.5, 1.0, 0.01),
    ] = 0.9,
    action: Annotated[
        Literal["drop", "flag"], "drop them, or keep them and name the row they hold"
    ] = "drop",
) -> pd.DataFrame:
    """Find examples that hold a row of a benchmark, and drop or flag them.

    What it does:
        Compares each example with every row of the reference sets, on each of the `sides`. It is a
        copy where both share a run of 13 words, or where two fifths of the row's words stand in runs
        of 8 that the example has too (21 and 13 characters in scripts without spaces). Runs that more
        than 10 rows of the set share do not count, and an answer below 8 words is not compared.
        With embeddings it is a copy too where the cosine reaches `similarity` and both hold the
        same numbers. The reason names set, row and measure of the strongest; `contaminated_by` the row of each set.
    Why:
        A model that was trained on a benchmark's questions is measured on its memory.
    Example:
        with: {}
        {prompt: "Name a planet with rings, please.", response: Saturn.} → kept
        {prompt: How many eggs do four hens lay in a week if each of them lays one every day} → dropped
    Measured precision:
        60 of GSM8K's test questions, planted with restyled answers among 4,940 rows of Alpaca and
        GSM8K's training set: by words of prompts it finds 50, 30 of 30 in a longer prompt, with
        other names or with the question first, 8 of 10 with synonyms, 7 of 10 with all three and 5
        of 10 with other names and numbers. Of all 7,473 training questions it names 4, which are
        twins of test questions, and of 20,000 of Alpaca none. A cosine of 0.9 adds 2 of those with
        synonyms, and no alarm among 600 training questions (benchmarks, contamination).
    Source:
        Runs of 13 words: GPT-3 (Brown et al. 2020). A share of the words in runs of 8: Tülu 3
        (Lambert et al. 2024), with a half. Embeddings, because rewordings escape runs: Yang et al. 2023.
    """
    if not sides:
        raise CurationError(
            "decontaminate: no side is named, so nothing would be compared; name prompt, response or both"
        )
    chosen = targets(sets)
    reasons, holders = dict[int, str](), dict[int, dict[str, str]]()
    strength, strongest = np.zeros(len(rows)), dict[tuple[int, str], float]()
    steps = [(target, side) for target in chosen for side in dict.fromkeys(sides)]
    for n, (target, side) in enumerate(steps):
        part = part_of(progress, n, len(steps))
        part(0.0, target.name)
        own, others = side_of(rows, side), side_of(target.examples, side)
        least = GRAM.words if side == "response" else 1
        copies = overlaps(own, others.tolist(), part, least=least, work=work)
        hits = _by_words(copies, overlap, run, _TITLES[side])
        if embedder is not None and similarity is not None:
            both = ((own, rows, work), (others, target.examples, AT_ONCE))
            near = _by_meaning(*both, embedder, side, similarity, least)
            hits = {**near, **hits}
        for position, (other, measure, value) in hits.items():
            name = row_name(target.name, target.examples["source_row"].iloc[other])
            if value > strongest.get((position, target.name), 0.0):
                strongest[position, target.name] = value
                holders.setdefault(position, {})[target.name] = name
            if value > strength[position]:
                strength[position] = value
                reasons[position] = f"{measure} {name}"
    clean = strength == 0
    named = np.full(len(rows), None, dtype=object)
    for position, names in holders.items():
        named[position] = BETWEEN.join(names.values())
    why = np.full(len(rows), "", dtype=object)
    why[list(reasons)] = list(reasons.values())
    columns = pd.DataFrame(
        {
            "keep": clean | (action == "flag"),
            "reason": pd.Series(why, index=rows.index, dtype="str"),
            "contaminated_by": pd.Series(named, index=rows.index, dtype="str"),
            "contamination": np.where(clean, np.nan, strength),
        },
        index=rows.index,
    )
    columns.attrs["sets"] = [target.name for target in chosen]
    columns.attrs["by_words"] = embedder is None and similarity is not None
    return columns


Hits = dict[int, tuple[int, str, float]]
"""Position of an example → position of the set's row, the measure in words, and its value."""


def _by_words(copies: Overlaps, overlap: float, run: int, title: str) -> Hits:
    hits: Hits = {}
    for i in np.flatnonzero((copies.share >= overlap - 1e-9) | (copies.run >= run)).tolist():
        share = float(copies.share[i])
        measure = (
            f"{title} holds {share:.0%} of"
            if share >= overlap - 1e-9
            else f"{title} holds a run of {copies.run[i]} words of"
        )
        hits[i] = (int(copies.nearest[i]), measure, share)
    return hits


Read = tuple[pd.Series, pd.DataFrame, Work]
"""Texts of one side, their rows, and what reads them."""


def _by_meaning(
    examples: Read,
    references: Read,
    embedder: Embedder,
    side: Side,
    similarity: float,
    least: int,
) -> Hits:
    """Texts near to a reference text by their embeddings and with the same numbers."""
    (own, rows, _), (others, of_set, _) = examples, references
    ours, theirs = (_long_enough(texts, least, work) for texts, _, work in (examples, references))
    if not len(ours) or not len(theirs):
        return {}
    vectors = embedder(rows.iloc[ours], side), embedder(of_set.iloc[theirs], side)
    nearest, cosines = nearest_in(*vectors, CANDIDATES)
    hits: Hits = {}
    for i in np.flatnonzero(cosines[:, 0] >= similarity).tolist():
        position = int(ours[i])
        for j, cosine in zip(theirs[nearest[i]].tolist(), cosines[i].tolist(), strict=True):
            if cosine >= similarity and numbers(own.iloc[position]) == numbers(others.iloc[j]):
                measure = f"{_TITLES[side]} means nearly the same ({cosine:.2f}) as"
                hits[position] = (j, measure, cosine)
                break
    return hits


def _long_enough(texts: pd.Series, least: int, work: Work) -> np.ndarray:
    """The positions of the texts with so many words."""
    frame = pd.DataFrame({"text": texts.reset_index(drop=True)})
    units = [arrays["units"] for arrays in work.in_batches(words_of, frame)]
    return np.flatnonzero(np.concatenate(units) >= least)

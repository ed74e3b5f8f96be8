"""Rows that stand, nearly word for word, in a reference set: another training set, a benchmark, last year's.

Guarantee: no row whose similarity to one of the set reaches the threshold is missed. Accepted: two texts
that differ in nothing but numbers are no copies, as where a template is filled anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from curation.alike.numbers import Templates
from curation.alike.pairs import Index, Pairs, joined
from curation.alike.shingles import SHINGLE, grams, shingle_sets
from curation.dataset import Progress, part_of
from curation.errors import CurationError
from curation.registry import Range, ReferenceNames, filter
from curation.targets import Side, Target, row_name, side_of

BLOCK = 10_000
"""Rows that are compared at once."""


def _notes(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Say how many rows stand in which set."""
    counts, short = answer.attrs.get("counts", {}), answer.attrs.get("short", 0)
    notes = [
        f"{count:,} example{'s stand' if count != 1 else ' stands'} in {name}."
        for name, count in counts.items()
    ]
    if short:
        notes.append(
            f"{short:,} example{'s have' if short != 1 else ' has'} fewer than {SHINGLE.words} words "
            f"({SHINGLE.characters} characters without spaces): of these only equal ones are copies."
        )
    return notes


@filter(
    "Near duplicates of another set",
    makes=("known_as", "known_similarity"),
    slow=True,
    notes=_notes,
)
def drop_known(
    rows: pd.DataFrame,
    targets: Callable[[Sequence[str]], list[Target]],
    progress: Progress,
    *,
    sets: Annotated[
        ReferenceNames, "names of reference sets, such as an older training set; none means all"
    ] = [],  # type: ignore[assignment] # noqa: B006 - never changed
    sides: Annotated[
        list[Side], "what is compared with the same side of the set's rows; one side is enough"
    ] = ["both"],  # noqa: B006 - never changed
    similarity: Annotated[
        float, "Jaccard similarity from which a row is one of the set's", Range(0.3, 1.0, 0.01)
    ] = 0.8,
    action: Annotated[
        Literal["drop", "flag"], "drop them, or keep them and name the row that they repeat"
    ] = "drop",
) -> pd.DataFrame:
    """Drop rows that are nearly the same as a row of another set.

    What it does:
        Compares each example with every row of the reference sets, on each of the `sides`, by their
        shingles of five words and signs (six characters in scripts without spaces). `both` is prompt
        and answer as one text; for a set of questions alone name `prompt`. Texts that differ in
        nothing but numbers are no copies. `known_as` names the nearest row of the sets,
        `known_similarity` says how near it is. Rows of one's own data are compared by
        `drop_near_duplicates`, meanings and quotations by `decontaminate`.
    Why:
        What an earlier training set holds already costs time and weighs double; two sets from one
        source share more than their names say.
    Example:
        with: {sides: [prompt]}
        {prompt: Name a planet with rings., response: Saturn.} → kept
        {prompt: How many eggs do four hens lay in a week if each of them lays one every day} → dropped
    Measured precision:
        Against Alpaca's 52,002 rows: of 3,111 rows that others chose from it all, equal; of LIMA's 1,029
        and 2,000 of Dolly's none; of LLaMA-Factory's 999 in Alpaca's style 64, 49 of them equal. Of the
        other 15 some have the prompt alone in common, where the answer is a few words; nobody judged
        them all. The pairs are those of comparing all with all (benchmarks, duplicates).
    Source:
        Prefix filtering (Chaudhuri et al. 2006), which misses no pair.
    """
    if not sides:
        raise CurationError(
            "drop_known: no side is named, so nothing would be compared; name prompt, response or both"
        )
    best, names = np.zeros(len(rows)), np.full(len(rows), None, dtype=object)
    chosen = targets(sets)
    steps = [(target, side) for target in chosen for side in dict.fromkeys(sides)]
    short = np.ones(len(rows), dtype=bool)
    of_set = {target.name: np.zeros(len(rows), dtype=bool) for target in chosen}
    for n, (target, side) in enumerate(steps):
        own, others = side_of(rows, side).tolist(), side_of(target.examples, side).tolist()
        short &= np.array([_is_short(text) for text in own], dtype=bool)
        pairs = copies_in(own, others, similarity, part_of(progress, n, len(steps)))
        of_set[target.name][pairs.first] = True
        nearer = pairs.where(pairs.similarity > best[pairs.first])
        best[nearer.first] = nearer.similarity
        numbers = target.examples["source_row"].to_numpy()[nearer.second]
        names[nearer.first] = [row_name(target.name, number) for number in numbers.tolist()]
    reasons = [
        "" if name is None else f"duplicate of {name} (similarity {near:.2f})"
        for name, near in zip(names, best.tolist(), strict=True)
    ]
    answer = pd.DataFrame(
        {
            "keep": (best == 0) | (action == "flag"),
            "reason": pd.Series(reasons, index=rows.index, dtype="str"),
            "known_as": pd.Series(names, index=rows.index, dtype="str"),
            "known_similarity": np.where(best == 0, np.nan, best),
        },
        index=rows.index,
    )
    answer.attrs["counts"] = {name: int(mask.sum()) for name, mask in of_set.items()}
    answer.attrs["short"] = int(short.sum()) if steps else 0
    return answer


def _is_short(text: str) -> bool:
    """Whether a text, which is not empty, is shorter than one shingle."""
    if len(text) > 200 or not text.strip():
        return False
    parts = grams(text, SHINGLE)
    return parts.units < (SHINGLE.words if parts.spaced else SHINGLE.characters)


def copies_in(
    texts: Sequence[str], others: Sequence[str], threshold: float, progress: Progress
) -> Pairs:
    """The texts (first) that are copies of one of some others, each with the most similar (second).

    Of several that are as similar it is the first. An empty text is a copy of none.
    """
    index, near = Index(shingle_sets(others), threshold), []
    for start in range(0, len(texts), BLOCK):
        progress(start / len(texts), f"{start:,} of {len(texts):,} compared by words")
        for pairs in index.pairs_with(shingle_sets(texts[start : start + BLOCK])):
            first = pairs.first + start
            used, places = np.unique(
                np.concatenate([first, -1 - pairs.second]), return_inverse=True
            )
            read = [texts[i] if i >= 0 else others[-1 - i] for i in used.tolist()]
            near.append(
                Pairs(first, pairs.second, pairs.similarity).where(
                    ~Templates(read).differ(*np.split(places, 2))
                )
            )
    pairs = joined(near)
    order = np.lexsort((pairs.second, -pairs.similarity, pairs.first))
    _, nearest = np.unique(pairs.first[order], return_index=True)
    return Pairs(*(values[order[nearest]] for values in pairs))

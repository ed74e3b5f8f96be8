"""Selection by what the chosen examples cover together, alone or with a score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd

from curation.choosing.budget import (
    Balance,
    Budget,
    Pool,
    Quotas,
    Rules,
    SharesOf,
    Units,
    shortfall,
)
from curation.choosing.clusters import k_means
from curation.choosing.distances import k_center
from curation.choosing.facility import Neighbours, facility_location
from curation.choosing.information import information
from curation.columns import as_numbers, as_text
from curation.dataset import Progress
from curation.embedding.neighbours import without_gaps
from curation.operations.select_chance import Seed
from curation.registry import Column, Numbers, Range, select
from curation.vectors import BLOCK, Many, Vectors

_QUALITY = Numbers("quality")
_MAKES = ("rank", "gain", "covered_by", "stands_for")


def _unread(params: Mapping[str, Any]) -> tuple[str, ...]:
    """The score, where it counts for nothing."""
    return ("score",) if params["quality"] == 0 else ()


@select("Quality × diversity", makes=_MAKES, slow=True, notes=shortfall, unread=_unread)
def select_diverse(
    rows: pd.DataFrame,
    vectors: Vectors,
    neighbours: Neighbours,
    progress: Progress,
    *,
    budget: Budget = 1_000,
    unit: Units = "examples",
    score: Annotated[
        Numbers,
        "the number that says how good an example is; quality is by Answer checks: how little is "
        "wrong with the answer",
    ] = _QUALITY,
    quality: Annotated[
        float, "0: only diversity counts; 1: only the score", Range(0, 1, 0.05)
    ] = 0.25,
    balance: Balance = None,
    shares: SharesOf = "equal",
    quotas: Quotas = [],  # noqa: B006 - read only, and a form shows it as a list
) -> pd.DataFrame:
    """Choose examples that are good and, together, near to everything that is kept.

    What it does:
        Takes, one after the other, the example with the greatest (1 − quality) · log gain in
        facility location + quality · score, the score standardised, on the graph of the 50 nearest
        neighbours: a product, so that the score does not outweigh gains that shrink.
        With `balance` each value has its own graph and its share of the places. Rows that a person
        kept come first and count. Records rank, gain, and for rows that were not chosen the nearest
        chosen one from a cosine of 0.7. Raises CurationError for a budget above what is kept, and
        for quotas that cannot be read or name a value that no row has.
    Why:
        A small set teaches as much as a large one when nothing in it is bad and little is left out.
    Example:
        with: {budget: 2, quality: 0}
        {prompt: "How do I bake bread at home?"} → dropped
        {prompt: "Which planet has rings?"} → dropped
        {prompt: Give me a recipe for a loaf of bread.} → kept
        {prompt: "What are the rings of Saturn made of?"} → kept
    Measured precision:
        500 of 5,000 rows of Alpaca, static vectors: the mean similarity of a row to its nearest
        chosen is 0.772 with the score of Answer checks and any `quality` below 1, of ten random
        choices 0.733 to 0.737; with `quality: 0` 12 of the 500 have a problem, with the default
        none. With the tokens of the answer as score, which vary more, it is 0.765 by default and
        0.750 at 0.5, and the mean tokens rise from 71 to 137 and 166. Models trained on the choice:
        see benchmarks/README.md, lift.
    Source:
        QDIT (Bukharin et al. 2023), with a product for its weighted sum; facility location by
        greedy choice (Nemhauser et al. 1978).
    """
    values = as_numbers(rows[score]).to_numpy() if quality else None
    pool = Pool(rows, Rules(budget, unit, balance, shares, quotas), without_gaps(vectors), progress)
    chosen = pool.choose(facility_location(neighbours, values, quality))
    return pool.answer(chosen, pool.ranked(chosen, score, values))


@select("Information (MIG)", makes=_MAKES, slow=True, notes=shortfall)
def select_informative(
    rows: pd.DataFrame,
    vectors: Vectors,
    progress: Progress,
    *,
    budget: Budget = 1_000,
    unit: Units = "examples",
    score: Annotated[
        Numbers | None, "the number that says how good an example is; empty where all are equal"
    ] = _QUALITY,
    labels: Annotated[
        Column | None,
        "a column of labels, several separated by commas, such as tags; empty for fine clusters",
    ] = None,
    balance: Balance = None,
    shares: SharesOf = "equal",
    quotas: Quotas = [],  # noqa: B006 - read only, and a form shows it as a list
    seed: Seed = 0,
) -> pd.DataFrame:
    """Choose examples that are good and whose labels, or near ones, few chosen examples have.

    What it does:
        Gives each example the label of its cluster, or those of a column. An example informs about
        its labels in proportion to its score, and about labels whose centres have a cosine of 0.9
        or more with them. Takes, one after the other, the example that adds most to Σ φ(x) over the
        labels, φ(x) = x to the power 0.8: what much is known of counts less. There are four times
        as many clusters as the root of the number of examples, 4,096 at most. An example without a
        label informs about nothing and comes last. A score below 0 counts as 0, a missing one as
        the mean. Rows that a person kept come first and count. Raises CurationError for a budget
        above what is kept, and for quotas that cannot be read.
    Why:
        Its authors trained on 50,000 of 939,000 examples: it was better than chance where two
        well-known methods were not.
    Example:
        with: {budget: 2, labels: topic}
        {prompt: Bake bread., quality: 0.9, topic: cooking} → kept
        {prompt: Bake a cake., quality: 0.8, topic: cooking} → dropped
        {prompt: Name a planet., quality: 0.7, topic: space} → kept
    Measured precision:
        Exact: the list is that of the definition, each score computed anew for each pick.
    Source:
        MIG (Chen et al. 2025), by lazy evaluation (Minoux 1978).
    """
    embedded = without_gaps(vectors)
    values = np.ones(len(rows)) if score is None else as_numbers(rows[score]).to_numpy()
    pool = Pool(rows, Rules(budget, unit, balance, shares, quotas), embedded, progress)
    if labels is None:
        count = min(4_096, round(4 * len(rows) ** 0.5))
        centres, numbers = k_means(embedded, count, seed)
        own: list[tuple[int, ...]] = [(number,) for number in numbers.tolist()]
    else:
        own, centres = _labels(rows[labels], embedded)
    chosen = pool.choose(information(own, centres, values))
    return pool.answer(chosen, pool.ranked(chosen, score, None if score is None else values))


def _labels(column: pd.Series, vectors: Many) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """The numbers of each row's labels, and the unit mean of the vectors of each label's rows."""
    texts = [
        sorted({word.strip() for word in text.split(",") if word.strip()})
        for text in as_text(column)
    ]
    numbers = {name: i for i, name in enumerate(sorted({n for names in texts for n in names}))}
    own = [tuple(numbers[name] for name in names) for names in texts]
    centres = np.zeros((len(numbers), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(own), BLOCK):
        block = vectors[start : start + BLOCK]
        for labels, vector in zip(own[start : start + BLOCK], block, strict=True):
            centres[list(labels)] += vector
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    return own, np.asarray(centres / np.maximum(lengths, 1e-12), dtype=np.float32)


@select("Farthest apart (k-center)", makes=_MAKES, slow=True, notes=shortfall)
def select_k_center(
    rows: pd.DataFrame,
    vectors: Vectors,
    progress: Progress,
    *,
    budget: Budget = 1_000,
    unit: Units = "examples",
    balance: Balance = None,
    shares: SharesOf = "equal",
    quotas: Quotas = [],  # noqa: B006 - read only, and a form shows it as a list
) -> pd.DataFrame:
    """Choose examples that are far from each other, so that no example is far from all of them.

    What it does:
        Takes the most typical example, and then again and again the one that is farthest from all
        that were taken: no example is more than twice as far from a chosen one as with the best
        choice. Its time grows with examples × budget. The gain is the distance to the nearest
        example taken before. Rows that a person kept come first and count; rows without an
        embedding come last. Raises CurationError for a budget above what is kept, and for quotas
        that cannot be read.
    Why:
        It leaves no corner of the data out. For the same reason it takes outliers: clean first.
    Example:
        with: {budget: 2}
        {prompt: "How do I bake bread at home?"} → kept
        {prompt: "How do I bake rye bread at home?"} → dropped
        {prompt: "What are the rings of Saturn made of?"} → kept
    Measured precision:
        Exact: the greatest distance is at most twice the least possible. Not measured: models
        trained on the choice.
    Source:
        Farthest-first traversal (Gonzalez 1985).
    """
    embedded = without_gaps(vectors)
    pool = Pool(rows, Rules(budget, unit, balance, shares, quotas), embedded, progress)
    chosen = pool.choose(k_center(embedded))
    return pool.answer(chosen, pool.ranked(chosen))

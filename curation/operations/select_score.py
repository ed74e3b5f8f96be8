"""Selection by a score: the highest, the highest that are distinct, and the highest of each cluster."""

from __future__ import annotations

from typing import Annotated, Literal

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
    worth,
)
from curation.choosing.clusters import k_means
from curation.choosing.distances import distinct
from curation.choosing.facility import standardised
from curation.choosing.preference import Groups, in_order, in_shares
from curation.columns import as_numbers
from curation.dataset import Progress
from curation.embedding.neighbours import without_gaps
from curation.operations.select_chance import Seed, by_chance
from curation.registry import Numbers, Range, select
from curation.vectors import Vectors

_QUALITY = Numbers("quality")
_TOKENS = Numbers("response_tokens")


def highest_first(values: np.ndarray, ids: pd.Index) -> np.ndarray:
    """Positions by a score, the highest first; missing ones last, equal ones by their ids."""
    numbers = np.where(np.isnan(values), -np.inf, values)
    return np.lexsort([ids.to_numpy().astype(str), -numbers])


@select("Highest score", makes=("rank",), notes=shortfall)
def select_highest(
    rows: pd.DataFrame,
    *,
    budget: Budget = 1_000,
    unit: Units = "examples",
    score: Annotated[
        Numbers, "the number that is to be high; response_tokens for the longest"
    ] = _TOKENS,
    balance: Balance = None,
    shares: SharesOf = "equal",
    quotas: Quotas = [],  # noqa: B006 - read only, and a form shows it as a list
) -> pd.DataFrame:
    """Choose the examples with the highest score; by tokens of the response, the longest.

    What it does:
        Sorts by the score, unmeasured rows last and equal ones by their ids. Rows that a person
        kept come first and count. Raises CurationError for a budget above what is kept, and for
        quotas that cannot be read.
    Why:
        The longest answers are a baseline that many scorers fail to beat.
    Example:
        with: {budget: 1}
        {response_tokens: 40} → kept
        {response_tokens: 12} → dropped
    Measured precision:
        500 of 5,000 rows of Alpaca by tokens of the response, static vectors: the mean similarity
        of a row to its nearest chosen is 0.729, of ten random choices 0.731 to 0.738: length costs
        a little coverage. The published 1,000 longest answers of Alpaca: 906 are the same by the
        tokens of WordPiece, 933 by words between spaces, 858 by characters, and 997 by words and
        punctuation marks as NLTK's word_tokenize splits sentences into them, which is what its
        authors seem to have counted; the other three lie at the cut.
    Source:
        Zhao et al. 2024, "Long is more for alignment".
    """
    values = as_numbers(rows[score]).to_numpy()
    pool = Pool(rows, Rules(budget, unit, balance, shares, quotas))
    chosen = pool.choose(in_order(highest_first(values, rows.index)))
    return pool.answer(
        chosen, lambda i: f"no {score}" if np.isnan(values[i]) else f"{score} = {values[i]:.4g}"
    )


@select("Distinct, best first", makes=("rank", "gain", "covered_by", "stands_for"), notes=shortfall)
def select_distinct(
    rows: pd.DataFrame,
    vectors: Vectors,
    progress: Progress,
    *,
    budget: Budget = 1_000,
    unit: Units = "examples",
    score: Annotated[Numbers, "the number that says how good an example is"] = _QUALITY,
    most: Annotated[
        float,
        "an example is passed over when its cosine to one already chosen is above this",
        Range(-1, 1, 0.01),
    ] = 0.9,
    balance: Balance = None,
    shares: SharesOf = "equal",
    quotas: Quotas = [],  # noqa: B006 - read only, and a form shows it as a list
) -> pd.DataFrame:
    """Choose the highest scores, without examples that are near to one already chosen.

    What it does:
        Goes through the examples by score, equal ones by their ids, and takes each whose largest
        cosine to those already taken is not above `most`. Where distinct examples run out it chooses
        fewer than the budget, and a note says how many. The gain is the distance to the nearest
        example taken before. Rows that a person kept come first and count. With `balance` each
        value is filtered by itself. Raises CurationError for a budget above what is kept, and for
        quotas that cannot be read.
    Why:
        The best examples by most scores are alike, and the second of two alike teaches little.
    Example:
        with: {budget: 2}
        {prompt: "How do I bake bread at home?", quality: 0.9} → kept
        {prompt: "How do I bake bread at home??", quality: 0.8} → dropped
        {prompt: "What are the rings of Saturn made of?", quality: 0.5} → kept
    Measured precision:
        Exact: at 0.9 the list is that of the authors' filter, which passes a row over above the
        threshold and takes one that is at it. Not measured: models trained on it.
    Source:
        DEITA (Liu et al. 2024), its filter by representation.
    """
    values = as_numbers(rows[score]).to_numpy()
    embedded = without_gaps(vectors)
    pool = Pool(rows, Rules(budget, unit, balance, shares, quotas), embedded, progress)
    chosen = pool.choose(distinct(embedded, values, most))
    return pool.answer(chosen, lambda i: worth(score, values[i]))


@select("Best of each cluster", makes=("rank", "covered_by", "stands_for"), notes=shortfall)
def select_by_cluster(
    rows: pd.DataFrame,
    vectors: Vectors,
    progress: Progress,
    *,
    budget: Budget = 1_000,
    unit: Units = "examples",
    score: Annotated[
        Numbers | None, "the number that says how good an example is; empty for chance"
    ] = _QUALITY,
    inside: Annotated[
        Literal["best", "drawn"],
        "in a cluster: the best score first, or drawn with chances that grow with the score",
    ] = "best",
    of_clusters: Annotated[
        Literal["equal", "root", "proportional"],
        "a cluster's share: equal, by the root of its examples, or in proportion to them",
    ] = "root",
    clusters: Annotated[
        int, "how many clusters; 0 for the root of the number of examples", Range(0, 10_000)
    ] = 0,
    balance: Balance = None,
    shares: SharesOf = "equal",
    quotas: Quotas = [],  # noqa: B006 - read only, and a form shows it as a list
    seed: Seed = 0,
) -> pd.DataFrame:
    """Choose the best examples of each cluster of similar ones, so that every cluster has its share.

    What it does:
        Sorts the examples into clusters by spherical k-means. Each place goes to the cluster that
        is furthest below its share, and there to the example of the highest score or one drawn by
        the softmax of the standardised score. What a small cluster cannot take goes to the others.
        The number of clusters is that of the data and not of the budget, so a larger budget only
        adds examples. Rows that a person kept come first and count. Raises CurationError for a
        budget above what is kept, and for quotas that cannot be read.
    Why:
        It is quick at any size, and the baseline that any method with a graph has to beat.
    Example:
        with: {budget: 2, clusters: 2}
        {prompt: "How do I bake bread at home?", quality: 0.9} → kept
        {prompt: "How long do I bake bread at home?", quality: 0.8} → dropped
        {prompt: "What are the rings of Saturn made of?", quality: 0.5} → kept
        {prompt: "Which planets have rings like Saturn?", quality: 0.3} → dropped
    Measured precision:
        Not measured: models trained on the choice.
    Source:
        CaR (Ge et al. 2024); kMQ (Yu et al. 2024).
    """
    embedded = without_gaps(vectors)
    values = None if score is None else as_numbers(rows[score]).to_numpy()
    count = clusters or round(len(rows) ** 0.5)
    pool = Pool(rows, Rules(budget, unit, balance, shares, quotas), embedded, progress)
    if values is None:
        order = by_chance(rows.index, seed)
    elif inside == "best":
        order = highest_first(values, rows.index)
    else:
        order = _drawn(values, rows.index, seed)
    numbers = k_means(embedded, count, seed)[1]
    powers = {"equal": 0.0, "root": 0.5, "proportional": 1.0}
    groups = Groups.of(numbers, powers[of_clusters], pool.costs)
    chosen = pool.choose(in_shares(groups, in_order(order)))
    sizes = np.bincount(numbers)
    answer = pool.answer(
        chosen,
        lambda i: (
            f"of a cluster of {sizes[numbers[i]]:,}"
            + ("" if values is None else f", {worth(score, values[i])}")
        ),
    )
    return answer.drop(columns="gain")


def _drawn(values: np.ndarray, ids: pd.Index, seed: int) -> np.ndarray:
    """Positions drawn without replacement by the softmax of a standardised score (Gumbel's way)."""
    place = np.empty(len(ids))
    place[by_chance(ids, seed)] = np.arange(len(ids))
    noise = -np.log(-np.log((place + 0.5) / max(len(ids), 1)))
    return np.argsort(-(standardised(values) + noise), kind="stable")

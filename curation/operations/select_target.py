"""Selection of examples that are like those of reference sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
)
from curation.choosing.towards import in_turns
from curation.dataset import Progress
from curation.embedding.neighbours import without_gaps
from curation.registry import ReferenceNames, select
from curation.targets import Target
from curation.vectors import Vectors


@select(
    "Like a reference set, in turns",
    makes=("rank", "gain", "covered_by", "stands_for"),
    slow=True,
    notes=shortfall,
)
def select_like(
    rows: pd.DataFrame,
    vectors: Vectors,
    embedder: Callable[..., np.ndarray],
    targets: Callable[[Sequence[str]], list[Target]],
    progress: Progress,
    *,
    budget: Budget = 1_000,
    unit: Units = "examples",
    like: Annotated[
        ReferenceNames, "reference sets of the project; each has a turn; none for all of them"
    ] = ReferenceNames([]),  # noqa: B008 - read only, and a form shows it as a list
    side: Annotated[
        Literal["", "prompt", "response", "both"],
        "what of a reference set is embedded; empty for what the recipe embeds of the examples",
    ] = "",
    balance: Balance = None,
    shares: SharesOf = "equal",
    quotas: Quotas = [],  # noqa: B006 - read only, and a form shows it as a list
) -> pd.DataFrame:
    """Choose the examples nearest to those of reference sets, one reference example after the other.

    What it does:
        Goes through the examples of a reference set and takes for each the nearest one that is not
        taken; after the last it begins anew. Of several reference sets each has every turn in
        order, so that all get the same number of examples. They are embedded as the recipe embeds.
        The gain is the cosine to the reference example. Rows that a person kept come first and
        count. Another content of a reference set is another result. Raises CurationError without a
        reference set, for a budget above what is kept, and for quotas that cannot be read.
    Why:
        Aimed selection is what independent studies find to help: with the gradients or states of
        a large model 2 points over a random choice, with a small encoder as here 1.0, and between
        −0.2 and 2.2. It helps most at 2,500 to 5,000 examples. One narrow target harms what it
        does not hold: name several.
    Example:
        with: {budget: 2}
        {prompt: "How long do I boil an egg?"} → kept
        {prompt: "Give me a rule for eggs and hens."} → kept
        {prompt: "Who wrote a book about Saturn?"} → dropped
    Measured precision:
        Exact: the list is that of the definition. Models trained on the choice were not measured
        here; the figures above are those of the studies.
    Source:
        RDS+ (Ivison et al. 2025), round robin; figures from arXiv 2602.14696.
    """
    chosen_sets = targets(like)
    embedded = without_gaps(vectors)
    pool = Pool(rows, Rules(budget, unit, balance, shares, quotas), embedded, progress)
    parts = [np.asarray(without_gaps(embedder(target.examples, side))) for target in chosen_sets]
    chosen = pool.choose(in_turns(embedded, parts))
    gains = dict(zip(chosen.order.tolist(), chosen.gains.tolist(), strict=True))
    names = ", ".join(target.name for target in chosen_sets)
    return pool.answer(chosen, lambda i: f"like {names} (similarity {gains[i]:.2f})")

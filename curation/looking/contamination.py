"""Examples that hold rows of a reference set, as the step for contamination named them."""

from __future__ import annotations

import pandas as pd

from curation.dataset import Dataset
from curation.targets import row_of

STEP = "decontaminate"
"""The operation whose findings are shown."""

COLUMNS = ("measure", "fate", "asked", "prompt")


def contaminated(dataset: Dataset, name: str, examples: pd.DataFrame) -> pd.DataFrame | None:
    """Return the examples that hold a row of the set of that name, indexed by id; the strongest first.

    examples: rows of the reference set. Columns: measure (the reason), fate (kept or dropped now), asked
    and prompt (of the set's row and of the example). None where no step looked into this set.
    """
    reports = [report for report in dataset.steps if report.use == STEP]
    named = [r for r in reports if not r.params["sets"] or name in r.params["sets"]]
    if not named:
        return None
    delta = named[-1].delta
    hits = delta[row_of(delta["contaminated_by"], name).notna()]
    hits = hits.sort_values("contamination", ascending=False, kind="stable")
    rows = row_of(hits["contaminated_by"], name).astype(int)
    prompts = examples.drop_duplicates("source_row").set_index("source_row")["prompt"]
    dropped = dataset.rows["dropped_by"].reindex(hits.index).notna()
    table = pd.DataFrame(
        {
            "measure": hits["reason"],
            "fate": dropped.map({True: "✕ dropped", False: "✓ kept"}),
            "asked": prompts.reindex(rows).to_numpy(),
            "prompt": dataset.rows["prompt"].reindex(hits.index),
        },
        index=hits.index,
    )
    return table[list(COLUMNS)]

"""The rows that a delivery offers to its formats, and why other kept rows are left out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curation.dataset import ATTENTION, Dataset
from curation.decisions.state import State
from curation.errors import CurationError
from curation.export.fitting import parts_of, rows_at
from curation.looking.filter import Filter
from curation.overlay import with_decisions
from curation.text.tokens import has_token, may_hold_token
from curation.text.web import ABOUT_HTML

SPLITS = ("train", "validation", "test")

TEMPLATE = "template_tokens"
"""Code of rows whose text holds tokens that end a turn in a chat template."""

FILTERED = "filter"
"""Code of rows that do not meet the filter of a delivery."""

EVERYTHING = Filter()

_READ = ("attention", "prompt", "messages", "rejected", "label", "tools")


def offered(
    dataset: Dataset,
    allow_attention: bool = False,
    only: Filter = EVERYTHING,
    people: State | None = None,
) -> tuple[np.ndarray, pd.Series]:
    """Return the places of the rows that formats get, and why other kept rows are left out.

    Places are of the dataset's rows, in the order of their sources. The series holds codes, or "",
    of every kept row in this order. Raises CurationError when no row is left, or the filter names a
    missing column or value.
    """
    rows = dataset.rows
    kept = np.flatnonzero(rows["dropped_by"].isna())
    order = rows[["source", "source_row"]].iloc[kept].reset_index(drop=True)
    kept = kept[order.sort_values(["source", "source_row"], kind="stable").index.to_numpy()]
    why = pd.Series("", index=rows.index[kept], dtype="str")
    if not allow_attention:
        parts = (left_out(rows_at(rows[list(_READ)], part)) for part in parts_of(kept))
        why = pd.concat([why.iloc[:0], *parts])
    if only:
        mask = np.asarray(only.checked(with_decisions(dataset, people)), dtype=bool)
        why = why.mask(~mask[kept], FILTERED)
    places = kept[(why == "").to_numpy()]
    if not len(places):
        raise CurationError(
            "Nothing is kept that could be exported; loosen a filter or allow what needs attention."
        )
    return places, why


def left_out(rows: pd.DataFrame) -> pd.Series:
    """Return the codes, joined by commas, for which an export leaves a row out; "" for none."""
    codes = rows["attention"].fillna("").astype("str")
    names = ("messages", "rejected", "label", "tools")
    tokens = np.logical_or.reduce([may_hold_token(rows[name]) for name in names])
    texts = (pd.Series(rows[name].array[tokens]).fillna("") for name in ("prompt", *names))
    tokens[tokens] = [
        has_token(*others, html=bool(ABOUT_HTML.search(prompt)))
        for prompt, *others in zip(*texts, strict=True)
    ]
    return codes.mask(tokens, (codes + f",{TEMPLATE}").str.lstrip(","))


def counted(why: pd.Series) -> dict[str, int]:
    """Map each reason for being left out, in words, → kept rows."""
    titles = {
        **ATTENTION,
        TEMPLATE: "its text holds tokens of a chat template",
        FILTERED: "it does not meet the filter of this delivery",
    }
    codes = why[why != ""].str.split(",").explode()
    return {titles.get(str(c), str(c)): int(n) for c, n in codes.value_counts().items()}

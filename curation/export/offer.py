"""The rows that a delivery offers to its formats, and why other kept rows are left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from curation.dataset import ATTENTION, Dataset
from curation.decisions.state import State
from curation.errors import CurationError
from curation.export.fitting import rows_at
from curation.looking.filter import Filter
from curation.overlay import with_decisions
from curation.text.tokens import has_token, may_hold_token
from curation.text.web import ABOUT_HTML

SPLITS = ("train", "validation", "test")

TEMPLATE = "template_tokens"
"""Code of rows whose text holds tokens that end a turn in a chat template."""

FILTERED = "filter"
"""Code of rows that do not meet the filter of a delivery."""

UNLISTED = "not_listed"
"""Code of rows that are not among the ids of a delivery."""

LOOKED_AT = 10_000
"""Rows whose texts are looked through together."""

NAMED = 5
"""Unknown ids that an error names."""

EVERYTHING = Filter()

_READ = ("attention", "prompt", "messages", "rejected", "label", "tools")


def offered(
    dataset: Dataset,
    allow_attention: bool = False,
    only: Filter = EVERYTHING,
    people: State | None = None,
    ids: Collection[str] | None = None,
) -> tuple[np.ndarray, pd.Series]:
    """Return the places of the rows that formats get, and why other kept rows are left out.

    Places are of the dataset's rows, in the order of their sources. The series holds codes, or "",
    of every kept row in this order, by place. ids: of the only rows that are wanted. Raises CurationError when
    no row is left, an id is unknown, or the filter names a missing column or value.
    """
    rows = dataset.rows
    kept = np.flatnonzero(rows["dropped_by"].isna())
    order = rows[["source", "source_row"]].iloc[kept].reset_index(drop=True)
    kept = kept[order.sort_values(["source", "source_row"], kind="stable").index.to_numpy()]
    codes = np.full(len(kept), "", dtype=object)
    if ids is not None:
        codes[~listed(rows.index, ids)[kept]] = UNLISTED
    if only:
        mask = np.asarray(only.checked(with_decisions(dataset, people)), dtype=bool)
        codes[~mask[kept]] = FILTERED
    if not allow_attention:
        offer = np.flatnonzero(codes == "")
        for part, own in codes_of(rows, kept[offer]):
            codes[offer[part]] = own
    places = kept[codes == ""]
    if ids is not None and (codes == UNLISTED).all():
        raise CurationError(
            f"None of the {len(set(ids)):,} listed examples is kept; a decision to keep brings one back."
        )
    if not len(places):
        raise CurationError(
            "Nothing is kept that could be exported; loosen a filter or allow what needs attention."
        )
    return places, pd.Series(codes, index=kept, dtype="str")


def listed(index: pd.Index, ids: Collection[str]) -> np.ndarray:
    """Return whether each row is among some ids, (rows,); raises CurationError for unknown ids."""
    chosen = np.asarray(index.isin(list(ids)), dtype=bool)
    unknown = sorted(set(ids).difference(index[chosen]))
    if unknown:
        some = ", ".join(unknown[:NAMED]) + (", …" if len(unknown) > NAMED else "")
        raise CurationError(
            f"{len(unknown):,} of the {len(set(ids)):,} listed ids are of no example here: {some}. "
            "An id is what stands in the column id of `curate rows`, whole."
        )
    return chosen


def codes_of(rows: pd.DataFrame, places: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the codes of `left_out` of the rows at some places, part by part, each with its slice."""
    read = rows[list(_READ)]
    for start in range(0, len(places), LOOKED_AT):
        part = slice(start, start + LOOKED_AT)
        yield part, left_out(rows_at(read, places[part])).to_numpy(dtype=object)


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
        UNLISTED: "it is not among the listed ids",
    }
    codes = why[why != ""].str.split(",").explode()
    return {titles.get(str(c), str(c)): int(n) for c, n in codes.value_counts().items()}

"""Browse: find examples by words and columns, open one, see its receipt."""

from __future__ import annotations

import streamlit as st

from curation.dataset import Dataset
from curation.looking.columns import numbers, ordered
from curation.looking.masks import SHOWN, Positions, listed
from curation.looking.result import SearchResult, positions
from curation.project import Project
from curation.ui import (
    actions,
    cards,
    concepts,
    filters,
    search,
    search_result,
    shell,
    state,
    tables,
)
from curation.ui.actions import DROP, EDIT, KEEP, REVIEW
from curation.ui.text import markdown

LIKE = search.like("browse")

# Columns that are shown beside the text, where they say anything.
COLUMNS = (
    "source",
    "language",
    "topic",
    "quality",
    "response_tokens",
    "split",
    "label",
    "tags",
)


def draw_example(project: Project, example_id: str, hits: SearchResult | None = None) -> None:
    """One example: conversation on the left, receipt on the right."""
    view = project.view()
    if example_id not in view.dataset.rows.index:
        st.caption("This example is not in the dataset any more.")
        return
    row = view.dataset.rows.loc[example_id]
    with st.container(border=True):
        cards.fate(row)
        concepts.mark_buttons(project, "browse", example_id)
        left, right = st.columns([3, 2], gap="large")
        with left:
            cards.conversation(row["messages"], hits.query if hits else "")
        with right:
            st.caption(f"`{example_id}` · {markdown(row['source'])}, row {row['source_row']}")
            actions.for_one(project, (KEEP, DROP, REVIEW, EDIT, LIKE), example_id, "browse")
            cards.receipt(project.explain(example_id, view.dataset))


def draw_table(
    dataset: Dataset, at: Positions, hits: SearchResult | None, order: str, key: str
) -> str | None:
    """The first of the rows that were found; the id of the one that was clicked."""
    asked = [order] * bool(order) + filters.picked("browse")
    part = dataset.with_columns(asked, dataset.rows.iloc[at[:SHOWN]].copy())
    before = search_result.beside(part, at[:SHOWN], hits)
    shown = [c for c in COLUMNS if c in part and part[c].notna().any()]
    shown = list(dict.fromkeys([*asked, *shown]))
    height = 300 if hits is not None and hits.tag else 420  # the buttons to mark stay in sight
    return tables.examples(
        part, f"browse-table-{key}", before=before, after=shown, tallest=height, total=len(at)
    )


def draw() -> None:
    """The page."""
    shell.header(
        "Browse",
        "Find examples by words, by meaning or by likeness; open one to read it and its receipt.",
    )
    project, view = state.need_view()
    shell.stale(view)
    rows = view.dataset.rows
    top = st.container()  # drawn last: what is found depends on the filter
    left, right = st.columns([11, 3])
    with left:
        wanted = filters.filters(view.dataset, "browse").mask(view.dataset)
    with top:
        hits = search.controls(project, view, "browse", wanted)
    order = right.selectbox(
        "Sort by",
        ["", *numbers(view.dataset)],
        key="browse-sort" if hits is None else "browse-sort-found",
        persist_state="session",
        format_func=lambda c: (
            c.replace("_", " ") or ("as imported" if hits is None else "best first")
        ),
        label_visibility="collapsed",
        icon=":material/sort:",
    )
    at = ordered(view.dataset, positions(hits, wanted), str(order or ""))
    st.caption(f"**{len(at):,}** of {len(rows):,} examples")
    concepts.open_next(project, "browse", rows.index[at])
    key = listed(at)
    if concepts.concept_of("browse"):
        key += view.fingerprint
    picked = draw_table(view.dataset, at, hits, str(order or ""), key)
    if 0 < len(at) < len(rows):
        with st.expander(f"Act on all {len(at):,}", icon=":material/done_all:"):
            actions.for_many(project, list(rows.index[at]), "browse-all")
    if picked:
        state.OPEN.set(project, picked)
    if opened := state.OPEN.get(project):
        draw_example(project, opened, hits)


draw()

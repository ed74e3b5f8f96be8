"""Browse: find examples by words and columns, open one, see its receipt."""

from __future__ import annotations

import streamlit as st

from curation.dataset import Dataset
from curation.looking.columns import numbers, ordered, titles, with_titles
from curation.looking.masks import SHOWN, Ids, Positions, listed
from curation.looking.result import SearchResult, positions
from curation.project import Project
from curation.ui import (
    actions,
    cards,
    concepts,
    filters,
    queues,
    search,
    search_result,
    shell,
    state,
    tables,
)
from curation.ui.actions import DROP, EDIT, KEEP, REVIEW
from curation.ui.text import markdown

LIKE = search.like("browse")

# Columns that are shown beside the text, where they have values.
COLUMNS = "source language topic quality response_tokens split label tags".split()


def draw_example(project: Project, example_id: str, result: SearchResult | None) -> None:
    """Draw one example: conversation on the left, receipt on the right."""
    dataset = project.view().dataset
    if example_id not in dataset.rows.index:
        st.caption("This example is not in the dataset any more.")
        return
    row = dataset.row(example_id)
    with st.container(border=True):
        cards.fate(row, titles(dataset))
        concepts.mark_buttons(project, "browse", example_id)
        left, right = st.columns([3, 2], gap="large")
        with left:
            cards.conversation(row["messages"], result.query if result else "")
        with right:
            st.caption(f"`{example_id}` · {markdown(row['source'])}, row {row['source_row']}")
            actions.for_one(project, (KEEP, DROP, REVIEW, EDIT, LIKE), example_id, "browse")
            cards.receipt(project.explain(example_id, dataset))


def draw_table(
    dataset: Dataset, places: Positions, result: SearchResult | None, order: str, key: str
) -> str | None:
    """The first of the rows at some positions; the id of the one that was clicked."""
    chosen = [order] * bool(order) + filters.picked("browse")
    part = dataset.with_columns(chosen, dataset.rows.iloc[places[:SHOWN]].copy())
    before = search_result.beside(part, places[:SHOWN], result)
    one_source = dataset.rows["source"].nunique() == 1
    usual = [
        name
        for name in COLUMNS
        if name in part and part[name].notna().any() and not (name == "source" and one_source)
    ]
    after = list(dict.fromkeys([*chosen, *usual]))
    tallest = (
        300 if result is not None and result.tag else 420
    )  # so that the buttons that mark stay in sight
    part = with_titles(dataset, part)
    return tables.examples(
        part, f"browse-table-{key}", before=before, after=after, tallest=tallest, total=len(places)
    )


def draw() -> None:
    """The page."""
    shell.header(
        "Browse",
        "Find examples by words, meaning or similarity. Open one to read it and its history.",
    )
    project, view = state.need_view()
    shell.stale(project, view)
    rows = view.dataset.rows
    top = st.container()  # drawn last: the search result depends on the filter
    left, right = st.columns([11, 3])
    with left:
        chosen = filters.filters(view.dataset, "browse")
        meets = chosen.mask(view.dataset)
    with top:
        result = search.controls(project, view, "browse", meets)
    order = right.selectbox(
        "Sort by",
        ["", *numbers(view.dataset)],
        key="browse-sort" if result is None else "browse-sort-found",
        persist_state="session",
        format_func=lambda name: (
            name.replace("_", " ") or ("as imported" if result is None else "best first")
        ),
        label_visibility="collapsed",
        icon=":material/sort:",
    )
    places = ordered(view.dataset, positions(result, meets), str(order or ""))
    queues.draw_count(project, view.dataset, places, chosen, result, "browse")
    ids = Ids(rows.index, places)
    concepts.open_next(project, "browse", ids)
    key = listed(places)
    if concepts.concept_of("browse"):
        key += view.fingerprint
    picked = draw_table(view.dataset, places, result, str(order or ""), key)
    if 0 < len(places) < len(rows):
        with st.expander(f"Act on all {len(places):,}", icon=":material/done_all:"):
            actions.for_many(project, ids, "browse-all")
    if picked:
        state.OPEN.set(project, picked)
    if opened := state.OPEN.get(project):
        draw_example(project, opened, result)


draw()

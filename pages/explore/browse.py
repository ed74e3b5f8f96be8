"""Browse: find examples by words and columns, open one, see its receipt."""

from __future__ import annotations

import streamlit as st

from curation.project import Project
from curation.ui import actions, cards, frame, state, tables
from curation.ui.text import markdown


def draw_example(project: Project, example_id: str) -> None:
    """One example: conversation on the left, receipt on the right."""
    view = project.view()
    if example_id not in view.dataset.rows.index:
        st.caption("This example is not in the dataset any more.")
        return
    row = view.dataset.rows.loc[example_id]
    with st.container(border=True):
        cards.fate(row)
        left, right = st.columns([3, 2], gap="large")
        with left:
            cards.conversation(row["messages"])
        with right:
            st.caption(f"`{example_id}` · {markdown(row['source'])}, row {row['source_row']}")
            op = actions.new_op()
            with st.container(horizontal=True):
                st.button(
                    "Keep",
                    icon=":material/check:",
                    key=f"keep-{example_id}",
                    on_click=actions.decide,
                    args=(project, "keep", (example_id,), None, f"{op}k"),
                )
                st.button(
                    "Drop",
                    icon=":material/close:",
                    key=f"drop-{example_id}",
                    on_click=actions.decide,
                    args=(project, "drop", (example_id,), None, f"{op}d"),
                )
                st.button(
                    "Review",
                    icon=":material/flag:",
                    key=f"flag-{example_id}",
                    on_click=actions.decide,
                    args=(project, "flag", (example_id,), "review", f"{op}f"),
                )
                st.button(
                    "Edit",
                    icon=":material/edit:",
                    key=f"edit-{example_id}",
                    on_click=go_edit,
                    args=(example_id,),
                )
            cards.receipt(project.explain(example_id, view.dataset))
            if st.session_state.pop("go-annotate", False):
                st.switch_page("pages/review/annotate.py")


def go_edit(example_id: str) -> None:
    """Open an example on the Annotate page."""
    state.open_example(example_id)
    st.session_state["queue"] = "This example"
    st.session_state["go-annotate"] = True


def draw() -> None:
    """The page."""
    frame.header(
        "Browse", "Find examples by words and columns; open one to read it and its receipt."
    )
    project, view = state.need_view()
    frame.stale(view)
    rows = view.dataset.rows
    wanted = tables.filters(rows, "browse")
    order = st.selectbox(
        "Sort by",
        ["as imported", *tables.numbers(rows)],
        key="browse-sort",
        width=260,
        persist_state="session",
        format_func=lambda c: c.replace("_", " "),
        label_visibility="collapsed",
        icon=":material/sort:",
    )
    found = rows[wanted.mask(rows)]
    if order != "as imported":
        found = found.sort_values(order, ascending=False, kind="stable")
    st.caption(f"**{len(found):,}** of {len(rows):,} examples")
    scores = [
        c
        for c in (
            "source",
            "language",
            "topic",
            "quality",
            "response_tokens",
            "split",
            "label",
            "tags",
        )
        if c in rows
    ]
    shown = [c for c in scores if found[c].notna().any()]
    if order != "as imported" and order not in shown:
        shown.insert(0, order)
    picked = tables.pick(found, "browse-table", shown)
    if len(found) < len(rows) and len(found):
        with st.expander(f"Act on all {len(found):,}", icon=":material/done_all:"):
            actions.bulk_buttons(project, list(found.index), "browse-all")
    if picked or state.opened_example():
        if picked:
            state.open_example(picked)
        draw_example(project, picked or str(state.opened_example()))


draw()

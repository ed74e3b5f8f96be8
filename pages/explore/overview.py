"""Overview: how much there is, what was taken away, and what it is about."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from curation.looking.counts import Counts, Progress, by_source
from curation.project import Project, View
from curation.ui import charts, shell, state


def draw_counts(project: Project, view: View) -> None:
    """The numbers that are asked for first."""
    counts = Counts.of(view.dataset, project.imports, project.people())
    box = partial(charts.number, height="stretch")
    with st.container(horizontal=True):
        box("Examples", f"{counts.examples:,}")
        box("Kept", f"{counts.kept:,}", f"{counts.kept / max(1, counts.examples):.1%}")
        box("Dropped", f"{counts.dropped:,}")
        box(
            "Need attention",
            f"{counts.attention:,}",
            help="They load, but a trainer cannot use them as they stand; "
            "exports leave them out unless allowed.",
        )
        box("Refused on import", f"{counts.refused:,}")
        box("Decided by people", f"{counts.decided:,}")


def draw_where(dataset_rows: pd.DataFrame) -> None:
    """What came from which file, and what became of it."""
    table = by_source(dataset_rows)
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height="content" if len(table) < 12 else 420,
        column_config={
            "share kept": st.column_config.ProgressColumn(
                format="percent", min_value=0.0, max_value=1.0
            ),
        },
    )


def draw_progress(project: Project, total: int) -> None:
    """How far the labelling is, and who did it."""
    progress = Progress.of(project.people(), total)
    if progress is None:
        st.caption("Nobody decided anything yet.")
        st.page_link(
            "pages/review/annotate.py",
            label="Start on the Annotate page",
            icon=":material/rate_review:",
        )
        return
    st.progress(
        progress.share,
        text=f"{progress.decided:,} of {total:,} examples looked at by a person",
    )
    left, right = st.columns(2)
    with left:
        st.dataframe(progress.by_annotator, hide_index=True, width="stretch", height="content")
    with right:
        charts.counts(progress.verdicts, key="verdicts")


def draw_measures(view: View) -> None:
    """Lengths, languages and topics of what is kept."""
    kept = view.dataset.kept
    columns = st.columns(2, gap="large")
    for i, (column, title) in enumerate(
        [
            ("response_tokens", "Length of the response, in tokens"),
            ("prompt_tokens", "Length of the prompt, in tokens"),
            ("language", "Languages"),
            ("label", "Labels"),
            ("quality", "Quality"),
            ("split", "Splits"),
        ]
    ):
        if column not in kept or kept[column].isna().all():
            continue
        with columns[i % 2]:
            st.subheader(title, anchor=False)
            charts.distribution(kept[column], column, key=f"measure-{column}")
    if "topic" in kept:
        st.subheader("Topics", anchor=False)
        charts.counts(kept["topic"], top=24, key="topics")


def draw() -> None:
    """The page."""
    project, view = state.need_view()
    shell.header("Overview", "How much there is, what each step took away, and what it is about.")
    shell.stale(view)
    draw_counts(project, view)
    part = st.segmented_control(
        "Part",
        ["Funnel", "Measures", "Files", "Review"],
        default="Funnel",
        key="overview-part",
        label_visibility="collapsed",
        persist_state="session",
    )
    if part == "Measures":
        draw_measures(view)
    elif part == "Files":
        draw_where(view.dataset.rows)
    elif part == "Review":
        draw_progress(project, len(view.dataset))
    else:
        if view.dataset.steps:
            left, right = st.columns([3, 2], gap="large")
            with left:
                charts.funnel(view.dataset, key="funnel")
            with right:
                if "topic" in view.dataset.kept:
                    st.caption("The largest topics of what is kept")
                    charts.counts(view.dataset.kept["topic"], top=14, key="funnel-topics")
        else:
            st.caption("Run the recipe to see what it takes away.")


draw()

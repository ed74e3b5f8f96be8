"""How far people are: examples looked at, by whom, and what they said."""

from __future__ import annotations

import streamlit as st

from curation.looking.counts import Progress
from curation.project import Project
from curation.ui import charts, tables
from curation.ui.tables import Column


def draw(project: Project, total: int) -> None:
    """The share of `total` examples, and who decided how many."""
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
        columns = (Column("annotator"), Column("examples", kind="count"))
        tables.draw(progress.by_annotator, columns)
    with right:
        charts.counts(progress.verdicts, key="verdicts")

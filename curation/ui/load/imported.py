"""The imported files and the sum of their lines, which shows that no line was lost."""

from __future__ import annotations

import streamlit as st

from curation.import_summary import COUNTS, ImportSummary, line_sum
from curation.project import Project
from curation.ui import tables, unread
from curation.ui.tables import Column
from curation.ui.text import markdown

TITLES = {"rejected": "refused"}
"""Count → its word for people, where that is another."""

COLUMNS = (
    Column("file"),
    *(Column(count, TITLES.get(count, ""), "count") for count in (*COUNTS, "repaired")),
    Column("formats"),
    Column("encodings", "encoding"),
)
"""A file and the counts of its lines."""


def draw(project: Project) -> None:
    """A table of the files, the sum of their lines, and what a person should know of each."""
    summary = ImportSummary.of(project.imports)
    if not summary.files:
        st.caption("Nothing was imported yet.")
        return
    tables.draw(summary.table(), COLUMNS)
    st.caption(f"**{line_sum(summary.counts)}**")
    for name, note in summary.notes:
        st.caption(f":material/info: {markdown(name)}: {markdown(note, 300)}")
    if summary.counts["examples"]:
        unread.draw(project, project.examples.rows, str(project.source_digest))

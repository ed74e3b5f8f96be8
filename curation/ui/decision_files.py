"""Decisions as a file on the History page: a download, and an upload that is saved as one act."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from curation.decisions import Decision, State
from curation.errors import CurationError
from curation.export.tables import write_frame
from curation.interchange import FORMATS, loss, preview, table_of, written
from curation.interchange.reading import Preview
from curation.project import Project
from curation.questions import read_questions
from curation.text.counted import counted
from curation.ui import downloads, state
from curation.ui.actions import NAMELESS
from curation.ui.text import markdown

TABLE = "Table (CSV)"


def draw(project: Project, people: State) -> None:
    """Draw the download of a project's decisions, and the upload of decisions made elsewhere."""
    names = {TABLE: "", **{form.TITLE: name for name, form in FORMATS.items()}}
    with st.expander("Decisions as a file", icon=":material/swap_vert:"):
        title = st.selectbox("Format", list(names), key="files-format")
        name = names[str(title)]
        _download(project, people, name)
        sent = st.file_uploader(
            "Decisions made elsewhere, in this format",
            type=["csv", "jsonl", "json", "parquet"],
            key="files-upload",
        )
        if sent is not None:
            _upload(project, people, name, sent.getvalue(), Path(sent.name).suffix)


def _download(project: Project, people: State, name: str) -> None:
    """Draw the button that makes the file when it is pressed."""
    rows = project.examples.rows

    def content() -> bytes:
        if name:
            return written(people, rows, name)[0]
        with tempfile.TemporaryDirectory() as folder:
            to = Path(folder) / "decisions.csv"
            write_frame(table_of(people, rows, csv=True), to)
            return to.read_bytes()

    suffix = FORMATS[name].SUFFIX if name else ".csv"
    downloads.draw(
        "Download", content, f"{project.path.name}-decisions{suffix}", key="files-download"
    )
    if name and (sentence := loss(people, rows, name)):
        st.caption(sentence)


def _upload(project: Project, people: State, name: str, content: bytes, suffix: str) -> None:
    """Draw what an uploaded file would decide, and the button that saves it."""
    who = state.annotator()
    if not who:
        st.caption(NAMELESS)
        return
    try:
        result: Preview = preview(
            content,
            project.examples.rows,
            people,
            who,
            name,
            suffix,
            read_questions(project.path),
        )
    except CurationError as error:
        st.error(markdown(error, 300), icon=":material/error:")
        return
    decisions = counted(len(result.decisions), "new decision")
    st.markdown(f"**{decisions}** on **{counted(result.examples, 'example')}**.")
    for remark in result.remarks():
        st.caption(remark)
    st.button(
        "Save as one act",
        type="primary",
        icon=":material/save:",
        key="files-save",
        disabled=not result.decisions,
        on_click=_save,
        args=(project, result.decisions),
    )


def _save(project: Project, decisions: list[Decision]) -> None:
    with state.flashing_errors():
        state.present(project)
        saved = project.decisions.append(decisions)
        state.flash(f"Saved {counted(saved.appended, 'decision')}. Undo takes this back")

"""The upload of a file of answers, for suggestions and for gold items: what of it fits, before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from curation.dataset import Dataset
from curation.decisions.answers import FIXED
from curation.errors import CurationError
from curation.project import Project, View
from curation.questions import Question, read_questions
from curation.suggestions.making import NAMED, LeftOut, Made, of_records, records_of
from curation.ui import tables
from curation.ui.slots import Slot
from curation.ui.tables import Column
from curation.ui.text import markdown

MOST_MB = 50
"""Megabytes of a file; the command takes larger ones."""

SHOWN = 50
"""Answers that are shown before they are saved."""

FITTING = (Column("example"), Column("question"), Column("value", kind="excerpt"))
LEFT_OUT = (
    Column("about", "example", "excerpt"),
    Column("question"),
    Column("value", kind="excerpt"),
    Column("why", "left out, because", width="large"),
)


def button(project: Project, key: str) -> None:
    """Draw the button that opens the field for a file, and closes it."""
    opens = not is_open(project, key)
    st.button(
        "From a file…" if opens else "Close the file",
        key=f"{key}-from-file",
        icon=":material/upload_file:" if opens else ":material/close:",
        on_click=_open(key).set,
        args=(project, opens),
    )


def is_open(project: Project, key: str) -> bool:
    """Whether the field for a file is open."""
    return _open(key).get(project)


def close(project: Project, key: str) -> None:
    """Close the field, as a part of the callback that saved the answers."""
    _open(key).set(project, False)


def _open(key: str) -> Slot[bool]:
    return Slot(f"answer-file-{key}", False)


def chosen(
    project: Project, view: View, key: str, format: str = "", source: str = ""
) -> Made | None:
    """Draw the field for a file and what of it fits the project, and return that; None before.

    format: of another tool, see `making.records_of`. source: of answers that name none; without it the
    file's name.
    """
    by_name = {question.name: question for question in read_questions(project.path)}
    question = None
    if not format:
        question = st.selectbox(
            "Question of rows without one",
            [*FIXED, *by_name],
            index=None,
            key=f"{key}-file-question",
            placeholder="each row names its question",
        )
    sent = st.file_uploader(
        f"A file of another tool, up to {MOST_MB} MB"
        if format
        else f"A table of id, question and value, up to {MOST_MB} MB",
        type=["json", "jsonl"] if format else ["csv", "jsonl", "parquet"],
        max_upload_size=MOST_MB,
        key=f"{key}-file",
    )
    if sent is None:
        return None
    name = Path(sent.name)
    words = (name.suffix.lower(), format, question or "", source.strip() or name.stem)
    try:
        if sent.size > MOST_MB * 2**20:
            raise CurationError(f"The file is larger than {MOST_MB} MB; use the command for it.")
        result = _made(
            sent.file_id, view.fingerprint, words, by_name, sent.getvalue(), view.dataset
        )
    except CurationError as error:
        st.error(markdown(error, 400), icon=":material/error:")
        return None
    _preview(result, key)
    return result


@st.cache_resource(max_entries=2, show_spinner="Reading the file …")
def _made(
    file: str,
    fingerprint: str,
    words: tuple[str, str, str, str],
    questions: Mapping[str, Question],
    _content: bytes,
    _dataset: Dataset,
) -> Made:
    suffix, format, question, source = words
    return of_records(records_of(_content, suffix, format, question), _dataset, questions, source)


def _preview(result: Made, key: str) -> None:
    """Draw what of a file fits, and why the rest does not."""
    number, left_out = len(result.rows), result.unknown + result.unfit
    st.markdown(f"**{number:,}** of {number + left_out:,} answers fit an example of this project.")
    if number:
        rows: list[Any] = [(r.example, r.question, str(r.value)) for r in result.rows[:SHOWN]]
        frame = pd.DataFrame(rows, columns=[column.name for column in FITTING])
        tables.draw(frame, FITTING, key=f"{key}-fitting", tallest=180)
        if number > SHOWN:
            st.caption(f"The first {SHOWN}.")
    if left_out:
        frame = pd.DataFrame(result.left_out, columns=LeftOut._fields)
        tables.draw(frame, LEFT_OUT, key=f"{key}-left-out", tallest=180)
        if left_out > NAMED:
            st.caption(f"The first {NAMED} of {left_out:,} that are left out.")

"""The controls of a search: by words, by meaning, by similar examples, by a concept."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from curation.dataset import Dataset
from curation.errors import CurationError
from curation.looking import search
from curation.looking.masks import Mask, Scores
from curation.looking.result import SearchResult
from curation.looking.search import Hits
from curation.looking.searched import Texts
from curation.project import Project, View
from curation.ui import concepts, state
from curation.ui.actions import Act
from curation.ui.budget import remembered
from curation.ui.search_result import limits
from curation.ui.slots import set_widget, widget_value
from curation.ui.text import markdown, short

MODES = {
    "Words": ":material/search:",
    "Meaning": ":material/psychology:",
    "Like this": ":material/join_inner:",
    "Concept": ":material/rule:",
}


def controls(project: Project, view: View, key: str, among: Mask) -> SearchResult | None:
    """Draw the controls and return the result; None while nothing is searched.

    key: of the page, so that two pages may have different searches. among: True for the rows that
    are searched.
    """
    left, middle, right = st.columns([10, 10, 3], vertical_alignment="center")
    with left:
        mode = st.segmented_control(
            "Search",
            list(MODES),
            default="Words",
            format_func=lambda m: f"{MODES[m]} {m}",
            key=f"{key}-mode",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
            on_change=_switched,
            args=(project, key),
        )
    draw = {"Words": _by_words, "Meaning": _by_meaning, "Like this": _by_likeness}
    try:
        if mode == "Concept":
            return concepts.controls(project, view, key, among, middle, right)
        return draw[str(mode)](project, view, key, among, middle, right)
    except CurationError as error:
        st.info(markdown(error, 400), icon=":material/search_off:")
        return None


def _switched(project: Project, key: str) -> None:
    """Copy the typed text, or the open example, into another mode of search."""
    mode, opened = widget_value(f"{key}-mode"), state.OPEN.get(project)
    fields = {"Words": f"{key}-words", "Meaning": f"{key}-meaning"}
    if mode in fields and not widget_value(fields[mode]):
        texts = (widget_value(field) for field in fields.values())
        set_widget(fields[mode], next(filter(None, texts), ""))
    if mode == "Like this" and not widget_value(f"{key}-like") and opened:
        set_widget(f"{key}-like", [opened])


def _text(place: Any, key: str, placeholder: str) -> str:
    text = place.text_input(
        "Search for",
        key=key,
        placeholder=placeholder,
        label_visibility="collapsed",
        persist_state="session",
    )
    return str(text or "").strip()


# --- by words, by meaning, like these -------------------------------------------------------


def _by_words(
    project: Project, view: View, key: str, among: Mask, middle: Any, right: Any
) -> SearchResult | None:
    query = _text(middle, f"{key}-words", 'all of these words, "a phrase", -without')
    if not query:
        return None
    rows = view.dataset.rows
    hits = _words(str(project.path), view.fingerprint, query, rows)
    inside = among[hits.positions]
    return SearchResult("Words", hits.positions[inside], hits.scores[inside], len(rows), query)


@remembered(32)
def _words(path: str, fingerprint: str, query: str, _rows: pd.DataFrame) -> Hits:
    return search.words(_rows, query, _texts(path, fingerprint, _rows))


@remembered(2)
def _texts(path: str, fingerprint: str, _rows: pd.DataFrame) -> list[Texts]:
    return search.texts_of(_rows)


def _by_meaning(
    project: Project, view: View, key: str, among: Mask, middle: Any, right: Any
) -> SearchResult | None:
    text = _text(middle, f"{key}-meaning", "describe the topic in your own words")
    top, least = limits(right, f"{key}-meaning", "similarity")
    search.embedded_by(view.dataset.steps)
    if not text:
        return None
    with middle, st.spinner("Searching by meaning …"):
        scores = _meaning(str(project.path), view.fingerprint, text, project, view.dataset)
    return SearchResult.above("Meaning", search.best(scores, top, among), least, len(view.dataset))


@remembered(8)
def _meaning(
    path: str, fingerprint: str, text: str, _project: Project, _dataset: Dataset
) -> Scores:
    assert _dataset.vectors is not None  # there is an embed step
    vector = search.query_vector(text, _dataset.steps, _project.vectors)
    return search.similarity(_dataset.vectors, vector)


def _by_likeness(
    project: Project, view: View, key: str, among: Mask, middle: Any, right: Any
) -> SearchResult | None:
    rows = view.dataset.rows
    name, opened = f"{key}-like", state.OPEN.get(project)
    chosen = [i for i in widget_value(name, []) if i in rows.index]
    set_widget(name, chosen)
    offered = [*chosen, *([opened] if opened in rows.index and opened not in chosen else [])]
    middle.multiselect(
        "Examples",
        offered,
        key=name,
        format_func=lambda i: short(rows.at[i, "prompt"], 60),
        placeholder="open an example and press “Like this”",
        label_visibility="collapsed",
    )
    top, least = limits(right, name, "similarity")
    search.embedded_by(view.dataset.steps)
    if not chosen:
        return None
    scores = _likeness(str(project.path), view.fingerprint, tuple(chosen), view.dataset)
    return SearchResult.above("Like this", search.best(scores, top, among), least, len(rows))


@remembered(8)
def _likeness(path: str, fingerprint: str, ids: tuple[str, ...], _dataset: Dataset) -> Scores:
    assert _dataset.vectors is not None  # there is an embed step
    places = _dataset.rows.index.get_indexer(pd.Index(ids))
    return search.likeness(_dataset.vectors, places)


def like(key: str) -> Act:
    """The act that searches for examples similar to one and to those chosen before."""

    def add(project: Project, example_id: str) -> None:
        set_widget(f"{key}-mode", "Like this")
        chosen = widget_value(f"{key}-like", [])
        if example_id not in chosen:
            set_widget(f"{key}-like", [*chosen, example_id])

    about = "Search for similar examples."
    return Act("Like this", ":material/join_inner:", about, run=add)

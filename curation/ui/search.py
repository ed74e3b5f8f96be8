"""The row of controls that finds examples: by words, by meaning, like these, by a concept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from curation import search
from curation.cache import key as digest
from curation.dataset import Dataset
from curation.errors import CurationError, RecipeConflict
from curation.operations.concept import Marks, average_precision, marked, probability
from curation.project import Project, View
from curation.recipe import Step
from curation.search import TOP, Hits
from curation.ui import actions, state
from curation.ui.text import markdown, short

MODES = {
    "Words": ":material/search:",
    "Meaning": ":material/psychology:",
    "Like this": ":material/join_inner:",
    "Concept": ":material/rule:",
}
NUMBERS = {"Meaning": "similarity", "Like this": "similarity", "Concept": "probability"}
"""Mode → what its number is called; words have none that says anything to a reader."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found among the rows of a view.

    positions: of rows, best first. scores: beside them. rows: how many there are in all. query: the
    words to light up. tag: the concept. name: of the column that shows the scores; none for words.
    """

    mode: str
    positions: np.ndarray
    scores: np.ndarray
    rows: int
    query: str = ""
    tag: str = ""

    @property
    def name(self) -> str:
        """What the scores are called: similarity or probability; empty where they only rank."""
        return NUMBERS.get(self.mode, "")

    @property
    def mask(self) -> np.ndarray:
        """True for each row that was found."""
        chosen = np.zeros(self.rows, dtype=bool)
        chosen[self.positions] = True
        return chosen

    @property
    def column(self) -> np.ndarray:
        """The score of each row; NaN where it was not found."""
        values = np.full(self.rows, np.nan)
        values[self.positions] = self.scores
        return values


def controls(project: Project, view: View, key: str) -> Found | None:
    """Draw the row of controls; None while nothing is looked for.

    key: of the place, so that two pages may look for different things.
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
            args=(key,),
        )
    draw = {"Words": _by_words, "Meaning": _by_meaning, "Like this": _by_likeness}
    try:
        if mode == "Concept":
            return _by_concept(project, view, key, middle, right)
        return draw[str(mode)](project, view, key, middle, right)
    except CurationError as error:
        st.info(markdown(error, 400), icon=":material/search_off:")
        return None


def _switched(key: str) -> None:
    """Take along what was typed, or the example that is open, into another way to search."""
    said, mode = st.session_state, st.session_state.get(f"{key}-mode")
    texts = {"Words": f"{key}-words", "Meaning": f"{key}-meaning"}
    if mode in texts and not said.get(texts[mode]):
        said[texts[mode]] = next((said[t] for t in texts.values() if said.get(t)), "")
    if mode == "Like this" and not said.get(f"{key}-like") and (opened := state.opened_example()):
        said[f"{key}-like"] = [opened]


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


def _by_words(project: Project, view: View, key: str, middle: Any, right: Any) -> Found | None:
    query = _text(middle, f"{key}-words", 'all of these words, "a phrase", -without')
    if not query:
        return None
    rows = view.dataset.rows
    hits = _words(str(project.path), view.fingerprint, query, rows)
    return Found("Words", hits.positions, hits.scores, len(rows), query)


@st.cache_resource(max_entries=32, show_spinner=False)
def _words(path: str, fingerprint: str, query: str, _rows: pd.DataFrame) -> Hits:
    return search.words(_rows, query)


def _by_meaning(project: Project, view: View, key: str, middle: Any, right: Any) -> Found | None:
    text = _text(middle, f"{key}-meaning", "say in your own words what it is about")
    top, least = _limits(right, f"{key}-meaning", "similarity")
    search.embedded_by(view.dataset.steps)
    if not text:
        return None
    hits = _meaning(str(project.path), view.fingerprint, text, top, project, view.dataset)
    return _above("Meaning", hits, least, len(view.dataset))


@st.cache_resource(max_entries=32, show_spinner="Looking for what means alike …")
def _meaning(
    path: str, fingerprint: str, text: str, top: int, _project: Project, _dataset: Dataset
) -> Hits:
    assert _dataset.vectors is not None  # there is an embed step
    vector = search.query_vector(text, _dataset.steps, _project.vectors)
    return search.meaning(_dataset.vectors, vector, top)


def _by_likeness(project: Project, view: View, key: str, middle: Any, right: Any) -> Found | None:
    rows = view.dataset.rows
    name, opened = f"{key}-like", state.opened_example()
    chosen = [i for i in st.session_state.get(name, []) if i in rows.index]
    st.session_state[name] = chosen
    offered = [*chosen, *([opened] if opened in rows.index and opened not in chosen else [])]
    with middle.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.multiselect(
            "Examples",
            offered,
            key=name,
            format_func=lambda i: short(rows.at[i, "prompt"], 60),
            placeholder="open an example in the table, then add it",
            label_visibility="collapsed",
        )
        st.button(
            "Add",
            icon=":material/add:",
            key=f"{name}-add",
            disabled=opened not in offered or opened in chosen,
            help="Add the example that is open.",
            on_click=add_example,
            args=(key, opened),
        )
    top, least = _limits(right, name, "similarity")
    search.embedded_by(view.dataset.steps)
    if not chosen:
        return None
    hits = _likeness(str(project.path), view.fingerprint, tuple(chosen), top, view.dataset)
    return _above("Like this", hits, least, len(rows))


@st.cache_resource(max_entries=32, show_spinner=False)
def _likeness(
    path: str, fingerprint: str, ids: tuple[str, ...], top: int, _dataset: Dataset
) -> Hits:
    assert _dataset.vectors is not None  # there is an embed step
    return search.like(_dataset.vectors, _dataset.rows.index.get_indexer(pd.Index(ids)), top)


def add_example(key: str, example_id: str | None) -> None:
    """Search for what is like an example, beside those that are given already."""
    st.session_state[f"{key}-mode"] = "Like this"
    known = st.session_state.get(f"{key}-like", [])
    if example_id and example_id not in known:
        st.session_state[f"{key}-like"] = [*known, example_id]


def _limits(place: Any, key: str, what: str) -> tuple[int, float]:
    """How many at most, and how similar or probable at least."""
    top = int(st.session_state.get(f"{key}-top", TOP))
    least = float(st.session_state.get(f"{key}-least", 0.0))
    with place.popover(f"Best {top:,}" + (f", ≥ {least:.2f}" if least else ""), width="stretch"):
        st.number_input(
            "At most",
            1,
            100_000,
            value=TOP,
            step=100,
            key=f"{key}-top",
            persist_state="session",
        )
        st.slider(
            f"Least {what}",
            0.0,
            1.0,
            value=0.0,
            step=0.01,
            key=f"{key}-least",
            persist_state="session",
        )
    return top, least


def _above(mode: str, hits: Hits, least: float, rows: int, tag: str = "") -> Found:
    """What was found and is similar enough; zero asks nothing, for a cosine may be below it."""
    enough = hits.scores >= least if least > 0 else np.ones(len(hits), dtype=bool)
    return Found(mode, hits.positions[enough], hits.scores[enough], rows, tag=tag)


# --- a concept ------------------------------------------------------------------------------


def concept_of(key: str) -> str:
    """The concept that is being marked at a place; empty while there is none."""
    if st.session_state.get(f"{key}-mode") != "Concept":
        return ""
    return str(st.session_state.get(f"{key}-concept") or "").strip()


def _against(tag: str) -> str:
    return f"not {tag}"


def _by_concept(project: Project, view: View, key: str, middle: Any, right: Any) -> Found | None:
    people = project.people()
    tags = {t for said in people.tags.values() for t in said} if people is not None else set()
    tag = concept_of(key)
    middle.selectbox(
        "Concept",
        sorted({t for t in tags if not (t.startswith("not ") and t[4:] in tags)} | {tag} - {""}),
        index=None,
        key=f"{key}-concept",
        placeholder="name a concept, or choose a tag",
        accept_new_options=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    top, least = _limits(right, f"{key}-concept", "probability")
    search.embedded_by(view.dataset.steps)
    if not tag:
        st.caption(
            "A concept is a tag: name it, mark some examples as yes and some as no, and all others "
            "are ranked by how likely they belong to it."
        )
        return None
    said = marked(people, (tag, _against(tag)))
    place = st.container(horizontal=True, vertical_alignment="center")
    if not said[tag]:
        place.caption(
            "Nothing is marked yet. Open an example below that belongs to it and press “Yes, it "
            "is”: the others are then ranked. Words or Meaning help to find the first."
        )
        return None
    about = digest(said)
    hits, precision = _ranked(
        str(project.path), view.fingerprint, tag, about, view.dataset, people, top
    )
    counts = f"**{len(said[tag]):,}** yes · **{len(said[_against(tag)]):,}** no"
    place.caption(counts + _quality(precision, len(said[_against(tag)])))
    _offer_step(project, tag, place, key)
    return _above("Concept", hits, least, len(view.dataset), tag)


def _quality(precision: float | None, no: int) -> str:
    if precision is None:
        few = "; until there are ten no, random others count as no" if no < 10 else ""
        return f" · mark five of each to see how well they are told apart{few}"
    return f" · told apart with an average precision of {precision:.2f}, cross-validated"


@st.cache_resource(max_entries=16, show_spinner="Learning from the marks …")
def _ranked(
    path: str,
    fingerprint: str,
    tag: str,
    about: str,
    _dataset: Dataset,
    _people: Any,
    top: int,
) -> tuple[Hits, float | None]:
    """The examples most likely to belong to a concept, and how well the marks are told apart."""
    assert _dataset.vectors is not None  # there is an embed step
    order = np.argsort(_dataset.rows.index.to_numpy().astype(str), kind="stable")
    marks = Marks.of(_dataset.rows.index[order], _people, tag)
    vectors = _dataset.vectors[order]
    scores = np.empty(len(order))
    scores[order] = probability(vectors, marks)
    best = np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")
    best = best[: min(top, int((~np.isnan(scores)).sum()))]
    return Hits(best, scores[best]), average_precision(vectors, marks)


def _offer_step(project: Project, tag: str, place: Any, key: str) -> None:
    recipe = project.recipe
    if any(s.use == "concept" and s.params.get("tag") == tag for s in recipe):
        place.caption(":material/check: a score of the recipe")
        return
    place.button(
        "Make it a score of the recipe",
        icon=":material/playlist_add:",
        key=f"{key}-concept-step",
        on_click=_add_step,
        args=(project, tag, recipe.revision),
    )


def _add_step(project: Project, tag: str, base: str) -> None:
    """Put the concept at the end of what the recipe measures."""
    try:
        project.save_recipe(project.recipe + Step("concept", tag=tag), base)
    except RecipeConflict:
        state.flash("Somebody else changed the recipe meanwhile; try again.", ":material/error:")
    except CurationError as error:
        state.flash(f"Not added: {error}", ":material/error:")
    else:
        state.flash("Added to the recipe; run it to have the score.")


def mark_buttons(
    project: Project, key: str, example_id: str, rows: pd.DataFrame, found: Found | None
) -> None:
    """Yes and no for an example, while a concept is being marked; the next one then opens."""
    tag = concept_of(key)
    if not tag:
        return
    people = project.people()
    said = () if people is None else people.of(example_id).tags
    following, op = _following(rows, found, people, example_id), actions.new_op()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{markdown(tag, 60)}?**", width="content")
        for label, icon, own, other in (
            ("Yes, it is", ":material/thumb_up:", tag, _against(tag)),
            ("No, it is not", ":material/thumb_down:", _against(tag), tag),
        ):
            st.button(
                label,
                icon=icon,
                key=f"{key}-{label[:2].strip(',')}-{example_id}",
                type="primary" if own in said else "secondary",
                help="It is marked so; press again to take the mark away." if own in said else None,
                on_click=mark,
                args=(project, example_id, own, other, said, op, following),
            )


def _following(rows: pd.DataFrame, found: Found | None, people: Any, example_id: str) -> str | None:
    """The best example that nobody has marked yet."""
    if found is None or found.mode != "Concept":
        return None
    done = {example_id, *(i for ids in marked(people, _both(found.tag)).values() for i in ids)}
    return next((str(i) for i in rows.index[found.positions] if i not in done), None)


def _both(tag: str) -> tuple[str, str]:
    return tag, _against(tag)


def mark(
    project: Project,
    example_id: str,
    own: str,
    other: str,
    said: Sequence[str],
    op: str,
    following: str | None = None,
) -> None:
    """Tag an example as yes or no, and not as the other; a second time takes the tag away."""
    if own in said:
        actions.decide(project, "untag", (example_id,), own, op)
        return
    decisions = [("tag", example_id, own)]
    if other in said:
        decisions.append(("untag", example_id, other))
    if actions.decide_together(project, decisions, op) and following:
        state.open_example(following)

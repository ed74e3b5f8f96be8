"""Marks examples as belonging to a concept or not, and ranks the others by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from curation.cache import key as digest
from curation.dataset import Dataset
from curation.errors import CurationError, RecipeConflict
from curation.looking import search
from curation.looking.concepts import ranked, taken
from curation.looking.masks import Mask, Scores
from curation.looking.result import SearchResult
from curation.operations.concept import marked
from curation.project import Project, View
from curation.recipe import Step
from curation.ui import actions, state
from curation.ui.actions import TAG, UNTAG
from curation.ui.budget import remembered
from curation.ui.search_result import limits
from curation.ui.slots import Slot, widget_value
from curation.ui.text import markdown


def concept_of(key: str) -> str:
    """The concept that is being marked on a page; empty while there is none."""
    if widget_value(f"{key}-mode") != "Concept":
        return ""
    return str(widget_value(f"{key}-concept") or "").strip()


def _against(tag: str) -> str:
    return f"not {tag}"


def controls(
    project: Project, view: View, key: str, among: Mask, middle: Any, right: Any
) -> SearchResult | None:
    """Draw the choice of a concept and its marks; return the examples most likely to belong to it.

    key, among: as in `curation.ui.search.controls`. middle, right: the places for its widgets.
    """
    people = project.people()
    tags = (
        {t for of_example in people.tags.values() for t in of_example}
        if people is not None
        else set()
    )
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
    top, least = limits(right, f"{key}-concept", "probability")
    search.embedded_by(view.dataset.steps)
    if not tag:
        st.caption(
            "A concept is a tag. Name it and mark some examples as yes and some as no. All others "
            "are then ranked by how likely they belong to it."
        )
        return None
    marks = marked(people, (tag, _against(tag)))
    place = st.container(horizontal=True, vertical_alignment="center")
    if not marks[tag]:
        place.caption(
            "Nothing is marked yet. Open an example that belongs to it and press “Yes, it is”. The "
            "others are then ranked. To find a first example, search by words or meaning, or draw "
            "around a region of the map."
        )
        return None
    about = digest(marks)
    with middle, st.spinner("Learning from the marks …"):
        scores, precision = _ranked(
            str(project.path), view.fingerprint, tag, about, view.dataset, people
        )
    unsure = place.toggle(
        "Least sure first",
        key=f"{key}-unsure",
        persist_state="session",
        help="Lists the examples with a probability near one half first. Marking these teaches the "
        "model most.",
    )
    hits = taken(scores, top, among, unsure=unsure)
    counts = f"**{len(marks[tag]):,}** yes · **{len(marks[_against(tag)]):,}** no"
    place.caption(counts + _quality(precision, len(marks[_against(tag)])))
    _offer_step(project, tag, place, key)
    return SearchResult.above("Concept", hits, least, len(view.dataset), tag)


def _quality(precision: float | None, no: int) -> str:
    if precision is None:
        few = "; below ten no, random others count as no" if no < 10 else ""
        return f" · mark five of each to see how good the ranking is{few}"
    return f" · average precision {precision:.2f}, cross-validated"


@remembered(6)
def _ranked(
    path: str, fingerprint: str, tag: str, about: str, _dataset: Dataset, _people: Any
) -> tuple[Scores, float | None]:
    """Probabilities that examples belong to a concept, and the precision on the marks."""
    return ranked(_dataset, _people, tag)


def _offer_step(project: Project, tag: str, place: Any, key: str) -> None:
    recipe = project.recipe
    if any(s.use == "concept" and s.params.get("tag") == tag for s in recipe):
        place.caption(":material/check: the recipe measures it")
        return
    place.button(
        "Add this score to the recipe",
        icon=":material/playlist_add:",
        key=f"{key}-concept-step",
        on_click=_add_step,
        args=(project, tag, recipe.revision),
    )


def _add_step(project: Project, tag: str, base: str) -> None:
    """Add the concept after the other steps that measure."""
    try:
        project.save_recipe(project.recipe + Step("concept", tag=tag), base)
    except RecipeConflict:
        state.flash("Somebody else changed the recipe meanwhile. Try again.", ":material/error:")
    except CurationError as error:
        state.flash(f"Not added: {error}", ":material/error:")
    else:
        state.flash("Added to the recipe. Run it to get the score.")


def mark_buttons(project: Project, key: str, example_id: str) -> None:
    """Draw Yes and No for an example, while a concept is being marked."""
    tag = concept_of(key)
    if not tag:
        return
    people = project.people()
    tags = () if people is None else people.of(example_id).tags
    op, base = actions.new_op(), actions.newest_decision(project)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{markdown(tag, 60)}?**", width="content")
        for label, letter, icon, own, other in (
            ("Yes, it is", "y", ":material/thumb_up:", tag, _against(tag)),
            ("No, it is not", "n", ":material/thumb_down:", _against(tag), tag),
        ):
            st.button(
                label,
                shortcut=letter,
                icon=icon,
                key=f"{key}-{label[:2].strip(',')}-{example_id}",
                type="primary" if own in tags else "secondary",
                help="It has this mark. Press again to remove it." if own in tags else None,
                on_click=mark,
                args=(project, key, example_id, own, other, tags, op, base),
            )


def mark(
    project: Project,
    key: str,
    example_id: str,
    own: str,
    other: str,
    tags: Sequence[str],
    op: str,
    base: int,
) -> None:
    """Tag an example as yes or no and remove the other tag; a second time removes the tag."""
    if own in tags:
        decisions = [(UNTAG, example_id, own)]
    else:
        decisions = [(TAG, example_id, own)]
        if other in tags:
            decisions.append((UNTAG, example_id, other))
    if actions.save(project, decisions, op, base):
        just_marked(key).set(project, own not in tags)


def just_marked(key: str) -> Slot[bool | None]:
    """True after an example was marked on the drawn page, False after a mark was removed."""
    return Slot(f"{key}-marked", None)


def open_next(project: Project, key: str, ids: Iterable[str]) -> None:
    """Open the first unmarked example of a list after a mark."""
    if not just_marked(key).take(project):
        return
    tag = concept_of(key)
    done = {
        i
        for ids_of_tag in marked(project.people(), (tag, _against(tag))).values()
        for i in ids_of_tag
    }
    following = (i for i in map(str, ids) if i not in done)
    state.OPEN.set(project, next(following, state.OPEN.get(project)))

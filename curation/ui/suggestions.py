"""The panel of suggestions on the Team page: their sources, a light model's, and whether they sway people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from curation.decisions import State
from curation.errors import CurationError
from curation.looking.bias import FEWEST, Bias, answers_beside, biases
from curation.project import Project, View
from curation.questions import Question
from curation.review import change_review, read_review
from curation.suggestions import Suggestions
from curation.text.counted import counted
from curation.ui import state, tables
from curation.ui.slots import widget_value
from curation.ui.tables import Column
from curation.ui.text import markdown

SOURCES = (
    Column("source", width=170),
    Column("question", width=110),
    Column("suggestions", kind="count"),
    Column("shown", "shown before answers", "count"),
    Column("accepted", kind="count"),
    Column("changed", kind="count"),
    Column("with", "agree, shown", "percent"),
    Column("without", "agree, hidden", "percent"),
    Column(
        "held", "hidden from", "count", help="Answers to examples whose suggestion was held back"
    ),
)


def draw(project: Project, view: View, people: State | None, questions: Sequence[Question]) -> None:
    """Draw the panel; its title never changes, or it would be drawn anew, and closed."""
    with st.expander("Suggestions", icon=":material/lightbulb:"):
        try:
            counts = Suggestions(project.path).table().counts
        except CurationError as error:
            st.error(markdown(error, 400), icon=":material/error:")
            return
        results = _measured(str(project.path), people)
        if counts or results:
            tables.draw(_table(counts, results), SOURCES, key="suggestions-sources", tallest=280)
            for result in results:
                name = f"**{markdown(result.source, 80)}**, {markdown(result.question, 60)}"
                st.markdown(f"{name}: {markdown(result.sentence(), 500)}")
            if counts and not results:
                st.caption("Nobody has answered beside a suggestion yet.")
        else:
            st.caption(
                "No suggestions yet. A model's answers from a file come by `curate suggest --from FILE`; "
                "a light model can learn from people's answers here. The card shows them, A accepts them."
            )
        if not state.owns(project):
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _learn(project, view, people, questions)
            _held_back(project)
            _remove(project, sorted({source for source, _ in counts}))


@st.cache_resource(max_entries=4, show_spinner=False)
def _remembered(path: str) -> dict[str, Any]:
    """The newest measurement of a project, and the answers that it is about."""
    return {}


def _measured(path: str, people: State | None) -> list[Bias]:
    """The effect of each source, measured anew when somebody answered beside a suggestion."""
    if people is None or not people.suggested:
        return []
    newest = _remembered(path)
    source = people.suggested, people.opinions
    if newest.get("source") is None or any(
        a is not b for a, b in zip(newest["source"], source, strict=True)
    ):
        newest.update(results=biases(answers_beside(people)), source=source)
    results: list[Bias] = newest["results"]
    return results


def _table(counts: Mapping[tuple[str, str], int], results: Sequence[Bias]) -> pd.DataFrame:
    by_name = {(result.source, result.question): result for result in results}
    lines = []
    for source, question in dict.fromkeys([*counts, *by_name]):
        line: dict[str, Any] = {
            "source": source,
            "question": question,
            "suggestions": counts.get((source, question), 0),
        }
        if result := by_name.get((source, question)):
            line |= {"shown": result.shown.answers, "accepted": result.accepted}
            line |= {"changed": result.changed, "held": result.hidden.answers}
            line |= {"with": result.shown.share, "without": result.hidden.share}
        lines.append({column.name: None for column in SOURCES} | line)
    return pd.DataFrame(lines)


def _learn(
    project: Project, view: View, people: State | None, questions: Sequence[Question]
) -> None:
    """Draw the choice of a question and the button that makes suggestions by the light model."""
    from curation.suggestions.making import LEARNABLE

    names = ["label", "verdict", *(one.name for one in questions if one.kind in LEARNABLE)]
    with st.popover("Learn from answers…", icon=":material/model_training:"):
        st.write(
            "A light model learns from people's answers to a question, and suggests an answer where "
            "nobody has given one. It needs the step embed, and ten answers of two kinds."
        )
        name = st.selectbox("Question", names, key="suggestions-question")
        if st.button("Suggest", type="primary", key="suggestions-learn"):
            _suggest(project, view, people, str(name), questions)


def _suggest(
    project: Project, view: View, people: State | None, name: str, questions: Sequence[Question]
) -> None:
    from curation.suggestions.making import answered, of_answers

    try:
        state.present(project)
        with st.spinner("Learning …"):
            by_name = {one.name: one for one in questions}
            result = of_answers(view.dataset, people, name, by_name)
            Suggestions(project.path).put(result.rows, answered(people))
    except CurationError as error:
        st.error(markdown(error, 400), icon=":material/error:")
        return
    st.success(markdown(" ".join(result.sentences()), 500), icon=":material/check:")


def _held_back(project: Project) -> None:
    """Draw the share of the examples that are shown without suggestions."""
    with st.popover("Held back", icon=":material/visibility_off:"), st.form("held", border=False):
        st.number_input(
            "Examples shown without suggestions, in per cent",
            0,
            100,
            value=round(read_review(project.path).held_back * 100),
            key="suggestions-held-back",
            help="The same examples for everybody. They tell whether suggestions sway people; with "
            f"fewer than {FEWEST} answered ones it cannot be told.",
        )
        st.form_submit_button("Save", type="primary", on_click=_save_held_back, args=(project,))


def _save_held_back(project: Project) -> None:
    with state.flashing_errors():
        percent = widget_value("suggestions-held-back")
        if percent != round(read_review(project.path).held_back * 100):
            change_review(project.path, held_back=percent / 100)
        state.flash("Saved. Cards follow at once.")


def _remove(project: Project, sources: Sequence[str]) -> None:
    if not sources:
        return
    with st.popover("Remove…", icon=":material/delete:"):
        source = st.selectbox("Source", sources, key="suggestions-source")
        st.write("Its suggestions are shown no more. Answers, and what was beside them, stay.")
        st.button(
            "Remove them",
            type="primary",
            key="suggestions-remove",
            on_click=_removed,
            args=(project, source),
        )


def _removed(project: Project, source: str) -> None:
    with state.flashing_errors():
        state.present(project)
        number = Suggestions(project.path).remove(source)
        state.flash(f"{counted(number, 'suggestion is', 'suggestions are')} removed")

"""The panel of suggestions on the Team page: their sources, a light model's, and whether they sway people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from curation.decisions import State
from curation.errors import CurationError
from curation.interchange import FORMATS
from curation.looking.bias import FEWEST, Bias, answers_beside, biases
from curation.project import Project, View
from curation.questions import Question
from curation.suggestions import Suggestion, Suggestions
from curation.text.counted import counted
from curation.ui import answer_file, form, state, tables
from curation.ui.tables import Column
from curation.ui.text import markdown

WITH_SUGGESTIONS = ("argilla", "label-studio")
"""Formats whose files hold suggestions beside answers."""

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
                "No suggestions yet. They come from a file of a model's answers, or from a light model that "
                "learns from people's. The card shows them, A accepts them."
            )
        if not state.owns(project):
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            answer_file.button(project, "suggestions")
            _learn(project, view, people, questions)
            form.share(
                project,
                "held_back",
                "Examples shown without suggestions, in per cent",
                title="Held back",
                icon=":material/visibility_off:",
                about="The same examples for everybody. They tell whether suggestions sway people; "
                f"with fewer than {FEWEST} answered ones it cannot be told.",
                saved="Saved. Cards follow at once.",
            )
            _remove(project, sorted({source for source, _ in counts}))
        if answer_file.is_open(project, "suggestions"):
            _from_file(project, view)


def _measured(path: str, people: State | None) -> list[Bias]:
    """The effect of each source, measured anew when somebody answered beside a suggestion."""
    if people is None or not people.suggested:
        return []
    newest = state.newest(path, "suggestions")
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


def _from_file(project: Project, view: View) -> None:
    """Draw the upload of suggestions, which shows what of it fits and saves it by one button."""
    with st.container(border=True):
        titles = {"Table": "", **{FORMATS[name].TITLE: name for name in WITH_SUGGESTIONS}}
        left, right = st.columns(2)
        format = titles[str(left.selectbox("Written by", list(titles), key="suggestions-format"))]
        source = right.text_input(
            "Source of rows that name none",
            key="suggestions-file-source",
            max_chars=80,
            placeholder="the file's name",
        )
        result = answer_file.chosen(project, view, "suggestions", format, source or "")
        if result is not None:
            st.button(
                f"Save {counted(len(result.rows), 'suggestion')}",
                type="primary",
                key="suggestions-attach",
                disabled=not result.rows,
                on_click=_attach,
                args=(project, result.rows),
            )


def _attach(project: Project, rows: Sequence[Suggestion]) -> None:
    from curation.suggestions.making import answered

    with state.flashing_errors():
        state.present(project)
        number = Suggestions(project.path).put(rows, answered(project.people()))
        answer_file.close(project, "suggestions")
        state.flash(
            f"{counted(number, 'suggestion is', 'suggestions are')} saved. Cards follow at once"
        )


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

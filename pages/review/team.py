"""Team: whether people agree, and how far they are."""

from __future__ import annotations

import streamlit as st

from curation.ui import question_form, shell, state, team


def draw() -> None:
    """The page."""
    shell.header("Team", "Whether people agree, and how far they are.")
    project, view = state.need_view()
    questions = question_form.draw(project)
    people = project.people()
    if people is None or not people.opinions:
        st.info(
            "Nobody has kept, dropped, labelled or rated an example yet. "
            "Begin on the Annotate page.",
            icon=":material/groups:",
        )
        return
    opinions, results = team.measured(str(project.path), people.last, questions, people)
    team.draw_numbers(opinions, results, len(view.dataset))
    if not results:
        return
    by_question = {result.question: result for result in results}
    place = st.container(horizontal=True, gap="large")  # wraps where the window is narrow
    question = place.segmented_control(
        "Question",
        list(by_question),
        default=results[0].question,
        key="team-question",
        required=True,
        persist_state="session",
    )
    part = place.segmented_control(
        "Show",
        list(team.PARTS),
        default="People",
        key="team-part",
        required=True,
        persist_state="session",
    )
    chosen = by_question.get(str(question), results[0])
    st.markdown(team.sentence(chosen))
    team.PARTS[str(part)](team.Scene(project, view, opinions, chosen))


draw()

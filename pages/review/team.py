"""Team: whether people agree, and how far they are."""

from __future__ import annotations

import streamlit as st

from curation.text.counted import counted
from curation.ui import (
    gold,
    question_form,
    review_form,
    roles_form,
    shell,
    state,
    suggestions,
    team,
)


def draw() -> None:
    """The page."""
    shell.header("Team", "Whether people agree, and how far they are.")
    roles_form.draw(state.need_project())
    project, view = state.need_view()
    questions = question_form.draw(project)
    people = project.people()
    suggestions.draw(project, view, people, questions)
    gold.draw(project, view, people)
    review_form.draw(project, view, people)
    if people is None or not people.opinions:
        st.info(
            "Nobody has kept, dropped, labelled or rated an example yet. "
            "Begin on the Annotate page.",
            icon=":material/groups:",
        )
        return
    newest, changed = team.measured(str(project.path), people, questions)
    if not newest.results:
        st.info("All answers are without a name, so nobody can agree.", icon=":material/groups:")
        return
    by_question = {result.question: result for result in newest.results}
    place = st.container(horizontal=True, gap="small")  # wraps where the window is narrow
    question = place.segmented_control(
        "Question",
        list(by_question),
        default=newest.results[0].question,
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
    team.draw_policy(project, place)
    if part != team.DISAGREEMENTS:  # there the example has all the room
        team.draw_numbers(newest.opinions, newest.results, view.dataset.rows.index, people)
    chosen = by_question.get(str(question), newest.results[0])
    st.markdown(team.sentence(chosen))
    if changed:
        st.caption(f"Measured before the answers to {counted(changed, 'example')} changed.")
    team.PARTS[str(part)](team.Scene(project, view, newest.opinions, chosen))


draw()

"""Acts: one click, for one example or for many, is one undoable decision of a named person."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from curation.decisions import Decision
from curation.project import Project
from tests.test_pages import button


def page() -> None:
    from curation.ui import actions, state

    chosen = state.need_project()
    ids = list(chosen.examples.rows.index[:3])
    acts = (actions.KEEP, actions.DROP, actions.REVIEW)
    if actions.for_one(chosen, acts, ids[0], "one"):
        state.flash("clicked")
    actions.for_many(chosen, ids, "many")


def opened(who: str = "Ann") -> AppTest:
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["annotator"] = who
    return app.run()


def flashes(app: AppTest) -> list[str]:
    return [text for text, _ in app.session_state["flashes"]]


DECISIONS = [("Keep", "keep", None), ("Drop", "drop", None), ("Review", "flag", "review")]


@pytest.mark.parametrize("label, kind, value", DECISIONS)
def test_a_click_decides_about_one_example(project, label, kind, value):
    app = opened()
    earlier = project.decisions.append([Decision("x", "tag", "y", "Bob")]).appended
    button(app, label).click().run()
    assert not app.exception and flashes(app)[-1] == "clicked"
    event = project.decisions.events()[-1]
    assert (event.kind, event.value, event.annotator) == (kind, value, "Ann")
    assert event.example_id == project.examples.rows.index[0]
    assert event.base_revision == 0 < earlier, "Bob's decision came after the button was drawn"
    assert event.content_hash == event.example_id.split("-")[0]


@pytest.mark.parametrize("label, kind, value", DECISIONS)
def test_many_are_asked_about_first_and_decided_as_one(project, label, kind, value):
    app = opened()
    button(app, f"Yes, {label.lower()} 3").click().run()
    assert not app.exception and flashes(app)[-1].endswith("3 examples")
    events = project.decisions.events()
    assert [(e.kind, e.value) for e in events] == [(kind, value)] * 3
    assert len({e.batch for e in events}) == 1 and len({e.op_id for e in events}) == 3


def test_every_drawing_of_a_button_for_many_is_an_act_of_its_own(project):
    app = opened()
    for _ in range(2):
        button(app, "Yes, drop 3").click().run()
        assert flashes(app)[-1] == "Dropped 3 examples"
    events = project.decisions.events()
    assert len(events) == 6 and len({e.batch for e in events}) == 2
    project.decisions.undo("Ann")
    assert len(project.people().verdicts) == 3, "the first act still stands"


def test_what_somebody_else_decided_since_the_drawing_is_reported(project):
    app = opened()
    earlier = project.decisions.append([Decision("x", "tag", "y", "Bob")]).last
    app.run()
    chosen = project.examples.rows.index[1]
    project.decisions.append([Decision(chosen, "keep", annotator="Bob")])
    button(app, "Yes, drop 3").click().run()
    assert flashes(app) == [
        "Somebody else also decided 1 of these meanwhile; both decisions are kept.",
        "Dropped 3 examples",
    ]
    assert {e.base_revision for e in project.decisions.events()[-3:]} == {earlier}


def test_a_word_is_said_of_many(project):
    app = opened()
    assert button(app, "Tag 3").disabled
    app.text_input(key="many-tag").set_value(" maths ").run()
    button(app, "Tag 3").click().run()
    assert flashes(app)[-1] == "Tagged 3 examples “maths”"
    assert {(e.kind, e.value) for e in project.decisions.events()} == {("tag", "maths")}


def test_nobody_decides_without_a_name(project: Project):
    app = opened("")
    button(app, "Keep").click().run()
    assert "Type your name" in flashes(app)[0] and project.decisions.events() == []
    assert not [b for b in app.button if b.label.startswith(("Yes", "Tag", "Label"))]

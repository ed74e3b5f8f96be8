"""The panel of questions on the Team page: added, refused, changed, ordered and removed without a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st

from curation.decisions import Decision
from curation.guidelines import newest, read_guidelines, write_guidelines
from curation.questions import Question, read_questions, write_questions
from curation.ui.text import markdown
from tests.test_pages import button, opened

pytestmark = pytest.mark.usefixtures("main_module")


def field(app, title: str):
    fields = [*app.text_input, *app.text_area, *app.selectbox, *app.toggle, *app.number_input]
    return next(widget for widget in fields if widget.label == title)


def names(project) -> list[str]:
    return [question.name for question in read_questions(project.path)]


def test_a_lead_adds_changes_orders_and_removes_questions(project):
    app = opened("team")
    button(app, "Add a question").click().run()
    field(app, "Question").input("Is it <b>safe</b>?")
    field(app, "Short name").input("two words")
    button(app, "Save the question").click().run()
    assert "cannot be named" in app.error[0].value and names(project) == []
    field(app, "Short name").input("safe")
    field(app, "Options, one a line").input("yes\n\n no ")
    field(app, "Required").set_value(True)
    button(app, "Save the question").click().run()
    safe = Question("safe", "choice", "Is it <b>safe</b>?", ("yes", "no"), required=True)
    assert read_questions(project.path) == (safe,)
    assert not [m for m in app.markdown if "<b>safe" in m.value], "a title is no markup"
    button(app, "Add a question").click().run()
    field(app, "Kind").select("rating").run()
    field(app, "Short name").input("help")
    field(app, "To").set_value(7)
    button(app, "Save the question").click().run()
    assert read_questions(project.path)[1] == Question("help", "rating", highest=7)
    app.button(key="question-help-up").click().run()
    assert names(project) == ["help", "safe"]
    app.button(key="question-safe-edit").click().run()
    assert field(app, "Short name").disabled
    field(app, "Kind").select("text").run()
    button(app, "Save the question").click().run()
    assert read_questions(project.path)[1].kind == "text"
    example = project.examples.rows.index[0]
    answer = {"question": "safe", "value": "quite"}
    project.decisions.append([Decision(example, "answer", answer, "Bob")])
    app.button(key="question-safe-remove").click().run()
    assert names(project) == ["help"] and "safe" in project.people().answers[example]
    assert not app.exception


def test_a_question_without_a_name_gets_one_from_its_words(project):
    app = opened("team")
    example = project.examples.rows.index[0]
    answer = {"question": "Is_it_safe", "value": "yes"}  # of a question that was removed
    project.decisions.append([Decision(example, "answer", answer, "Bob")])
    for title in ("", "Is it safe?", "Is it safe?", "安全？", "Label"):
        button(app, "Add a question").click().run()
        field(app, "Question").input(title)
        button(app, "Save the question").click().run()
        if not title:
            assert "A question needs words" in app.error[0].value
            button(app, "Close").click().run()
    assert names(project) == ["is_it_safe_2", "is_it_safe_3", "question", "label_2"]
    assert not app.exception and not app.error


def test_guidelines_are_saved_with_the_name_of_who_did_and_their_browser_s_time(
    project, monkeypatch
):
    app = opened("team")
    field(app, "Guidelines, shown beside the card as they are typed").input("Be kind.")
    button(app, "Save the guidelines").click().run()
    assert read_guidelines(project.path) == "Be kind." == newest(project.people())
    assert project.decisions.events()[-1].annotator == "Ann"
    recorded = datetime.fromtimestamp(project.decisions.events()[-1].time, UTC)
    for zone, hours in (("Asia/Tokyo", 9), ("Etc/GMT+12", -12)):
        monkeypatch.setattr(type(st.context), "timezone", zone)
        local = f"{recorded + timedelta(hours=hours):%Y-%m-%d %H:%M}"
        versions = [c.value for c in app.run().caption if c.value.startswith("Version 1")]
        assert versions == [markdown(f"Version 1 · {local} · by Ann")]


def test_wrong_settings_are_a_sentence_in_place_of_the_panel(project):
    write_questions(project.path, [Question("x", "text")])
    settings = project.path / "project.toml"
    settings.write_text(settings.read_text("utf-8").replace('"text"', '"sort"'), "utf-8")
    app = opened("team")
    assert "kind is one of choice" in app.error[0].value and not app.exception


GUIDELINES = "Guidelines, shown beside the card as they are typed"


def test_another_lead_s_work_is_neither_lost_nor_put_over_what_is_typed(project):
    write_questions(project.path, [Question("x", "text"), Question("y", "text")])
    app = opened("team")
    app.button(key="question-x-edit").click().run()
    field(app, "Question").input("Mine").run()
    write_questions(project.path, [Question("x", "text", "Theirs")])
    button(app, "Save the question").click().run()
    assert "changed this question" in app.error[0].value
    assert field(app, "Question").value == "Mine"
    assert read_questions(project.path)[0].title == "Theirs"
    write_questions(project.path, [])
    button(app, "Save the question").click().run()
    assert "removed this question" in app.error[0].value and names(project) == []
    assert field(app, "Question").value == "Mine"
    button(app, "Save the question").click().run()
    assert read_questions(project.path) == (Question("x", "text", "Mine"),)

    field(app, GUIDELINES).input("Mine").run()
    write_guidelines(project.path, project.decisions, "Theirs", "Bob")
    app.run()
    assert field(app, GUIDELINES).value == "Mine"
    button(app, "Save the guidelines").click().run()
    assert "saved the guidelines since" in app.error[0].value
    assert field(app, GUIDELINES).value == "Mine" and read_guidelines(project.path) == "Theirs"
    button(app, "Save the guidelines").click().run()
    assert read_guidelines(project.path) == "Mine" and not app.error
    write_guidelines(project.path, project.decisions, "Newer", "Bob")
    app.run()
    assert field(app, GUIDELINES).value == "Newer", "nothing was typed"

    write_questions(project.path, [])
    app.button(key="question-x-remove").click().run()
    assert not app.exception

"""Suggestions and gold items from a file on the Team page: what fits is shown, and one button saves it."""

from __future__ import annotations

import orjson
import pytest
from streamlit.testing.v1 import AppTest

from curation import Project, roles
from curation.questions import write_questions
from curation.roles import ANNOTATOR, OWNER, READER
from curation.suggestions import Suggestions
from curation.suggestions.making import NAMED, of_records, records_of
from curation.ui import answer_file
from tests.drawn import opened
from tests.test_card import QUESTIONS
from tests.test_roles import ANN, acting
from tests.test_suggestions import LEAD, ids_of

pytestmark = pytest.mark.usefixtures("main_module")

HOSTILE = "[me](https://evil.example) <b>x</b>"


@pytest.fixture
def project(make_project, monkeypatch) -> Project:
    project = make_project(QUESTIONS)
    write_questions(project.path, list(LEAD.values()))
    monkeypatch.setenv("CURATION_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    return project


def team() -> AppTest:
    return opened("team", who="Lea")


def table(project: Project) -> bytes:
    """A table of two answers that fit, and one each of all that does not."""
    one, two, *_ = ids_of(project)
    lines = [
        {"id": one, "question": "tone", "value": "warm"},
        {"id": two, "value": "keep"},
        {"id": HOSTILE, "question": "tone", "value": "warm"},
        {"id": one, "question": "tone", "value": HOSTILE},
        {"id": one, "question": "help", "value": 9},
        {"id": one, "question": "mood", "value": "fine"},
        {"id": one, "value": "maybe"},
        {"prompt": "No such text", "value": "keep"},
    ]
    return b"\n".join(map(orjson.dumps, lines))


def button(app: AppTest, key: str):
    return next(b for b in app.button if b.key == key)


def sent(app: AppTest, panel: str, content: bytes, name: str = "judge.jsonl") -> None:
    """Choose the question of rows without one, and upload a file."""
    button(app, f"{panel}-from-file").click().run()
    app.selectbox(key=f"{panel}-file-question").set_value("verdict")
    app.file_uploader(key=f"{panel}-file").set_value((name, content, "")).run()
    assert not app.exception, app.exception[0].message


WHYS = [
    "no example has this id",
    "its options are warm, cold",
    "it is a whole number from 1 to 5",
    "the project has no such question",
    "a verdict is keep or drop",
    "no one example has this text",
]


def test_suggestions_of_a_file_are_shown_with_what_is_left_out_and_saved_by_one_button(project):
    app, (one, two, *_) = team(), ids_of(project)
    assert not [b for b in app.button if b.key == "suggestions-attach"]
    sent(app, "suggestions", table(project))
    assert any("**2** of 8 answers fit" in m.value for m in app.markdown)
    left_out = next(d.value for d in app.dataframe if "why" in d.value)
    assert left_out["why"].tolist() == WHYS
    assert left_out["about"][0] == left_out["value"][1] == HOSTILE, "in a table, as text"
    assert not any("evil" in m.value for m in [*app.markdown, *app.caption])
    assert not Suggestions(project.path).table().rows, "before the button nothing is saved"
    button(app, "suggestions-attach").click().run()
    rows = Suggestions(project.path).table().rows
    assert [(r.example, r.question, r.value, r.source) for r in rows] == [
        (one, "tone", "warm", "judge"),
        (two, "verdict", "keep", "judge"),
    ]
    assert not [b for b in app.button if b.key == "suggestions-attach"], "the field is empty again"


def test_right_answers_of_a_file_become_gold_items_once(project):
    app, (one, two, *_) = team(), ids_of(project)
    sent(app, "gold", table(project))
    assert "2 answers" in button(app, "gold-attach").label
    button(app, "gold-attach").click().run()
    people = Project.open(project.path).people()
    assert people.gold[one]["tone"].value["value"] == "warm"
    assert people.gold[two]["verdict"].annotator == "Lea"
    app = team()
    sent(app, "gold", table(project))
    assert button(app, "gold-attach").disabled
    assert any("2 of them are gold already" in c.value for c in app.caption)


@pytest.mark.parametrize(
    "content, sentence",
    [(b"{", "no file of"), (b"{}\n", "columns id"), (b"\xff\xfe", "no file of")],
)
def test_a_file_of_another_form_is_a_sentence(project, content, sentence):
    app = team()
    sent(app, "gold", content)
    assert any(sentence in error.value for error in app.error)


def test_a_file_that_is_too_large_is_not_read(project, monkeypatch):
    monkeypatch.setattr(answer_file, "MOST_MB", 1)
    app = team()
    sent(app, "gold", table(project) + b"\n" * 2**20)
    assert any("larger than 1 MB" in error.value for error in app.error)


def test_only_so_many_are_named_that_are_left_out(project):
    lines = [{"id": f"gone{n}", "question": "tone", "value": "warm"} for n in range(NAMED + 30)]
    records = records_of(b"\n".join(map(orjson.dumps, lines)), ".jsonl")
    result = of_records(records, project.view().dataset, LEAD, "file")
    assert len(result.left_out) == NAMED and result.unknown == NAMED + 30


@pytest.mark.parametrize("role", [ANNOTATOR, READER])
def test_the_panel_of_gold_items_and_the_fields_for_files_are_for_owners_alone(project, role):
    with acting(ANN):
        for given, panels in ((OWNER, 2), (role, 0)):
            with roles.by_program():
                roles.give_role(project.path, ANN.email, given)
            app = team()
            assert ("Gold items" in [e.label for e in app.expander]) == (given == OWNER)
            assert sum("from-file" in str(b.key) for b in app.button) == panels

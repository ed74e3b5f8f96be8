"""A name in another spelling than a known one: said and offered, never merged."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from curation.decisions import Decision
from curation.namesakes import namesake
from tests.conftest import ROOT
from tests.test_cli import run


@pytest.fixture
def project(project):
    """Answers by Ann Lee, by Zoë and, in a file that Ann Lee imported, by Bob."""
    ids = list(project.examples.rows.index)
    batch = "import:Carl:x"
    project.decisions.append(
        [
            Decision(ids[0], "keep", annotator="Ann Lee"),
            Decision(ids[1], "keep", annotator="Zo\u00eb"),
            Decision(ids[2], "keep", annotator="Bob", batch=batch),
        ]
    )
    return project


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ann lee", "Ann Lee"),
        ("ANN  LEE ", "Ann Lee"),
        ("AnnLee", "Ann Lee"),
        ("\uff21\uff4e\uff4e\u3000\uff2c\uff45\uff45", "Ann Lee"),
        ("Ann\u200b Lee", "Ann Lee"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("bob", "Bob"),
        ("carl", "Carl"),
        ("Ann Lee", ""),
        (" Ann Lee ", ""),
        ("Ann", ""),
        ("Zoe", ""),
        ("", ""),
    ],
)
def test_a_known_name_in_another_spelling(project, typed, name):
    assert namesake(project, typed) == name


def test_a_name_under_which_somebody_decided_is_a_person_of_its_own(project):
    other = Decision(project.examples.rows.index[3], "drop", annotator="ann lee")
    project.decisions.append([other])
    assert namesake(project, "ann lee") == "" == namesake(project, "Ann Lee")
    assert namesake(project, "ANN LEE") == "Ann Lee"


def test_a_project_without_decisions_is_not_given_any(make_project):
    project = make_project([{"prompt": "Hm?", "completion": "Hm."}])
    assert namesake(project, "Ann") == ""
    assert not list(project.path.glob("decisions*"))


@pytest.mark.usefixtures("main_module")
def test_the_app_offers_the_known_name_and_takes_it_only_after_a_click(project):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.text_input(key="annotator").set_value("ann  lee").run()
    question = app.button(key="go-on-as").label.replace("\\", "")
    assert question == "Ann Lee has answered here before. Go on as Ann Lee?"
    assert app.text_input(key="annotator").value == "ann  lee"
    app.button(key="go-on-as").click().run()
    assert app.text_input(key="annotator").value == "Ann Lee"
    assert "go-on-as" not in [button.key for button in app.button]


@pytest.mark.parametrize(
    "words",
    [
        ["decide", "--filter", "kept", "--kind", "keep"],
        ["carry"],
        ["gold", "--settled"],
        ["history", "--return-to", "1"],
        ["queue"],
    ],
    ids=lambda words: words[0],
)
def test_a_command_asks_the_same_on_stderr(project, words):
    question = (
        "Ann Lee has answered here before. Go on as Ann Lee? Then give --annotator 'Ann Lee'."
    )
    for name, lines in (("ann lee", [question]), ("Ann Lee", [])):
        command, *rest = words
        status, _, errors = run(command, project.path, *rest, "--annotator", name)
        assert status == 0
        assert [line for line in errors.splitlines() if "before" in line] == lines

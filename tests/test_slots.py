"""Values of a browser session: each project has its own."""

from __future__ import annotations

import shutil

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from curation.project import Project
from curation.ui import state
from curation.ui.slots import Slot
from tests.conftest import ROOT


@pytest.fixture
def projects(tmp_path, monkeypatch) -> list[Project]:
    monkeypatch.setattr(st, "session_state", {})
    return [Project.create(tmp_path / name) for name in ("first", "second")]


def test_a_slot_keeps_a_value_for_each_project(projects):
    first, second = projects
    slot, other = Slot("step", 0), Slot("conflict", 0)
    slot.set(first, 3)
    assert slot.get(first) == 3 and slot.get(second) == 0 and other.get(first) == 0
    slot.set(second, 5)
    assert slot.get(first) == 3 and slot.get(second) == 5


def test_what_is_taken_is_gone(projects):
    first, second = projects
    slot = Slot("edited", "")
    slot.set(first, "a")
    slot.set(second, "b")
    assert slot.take(first) == "a" and slot.take(first) == "" and slot.get(second) == "b"


def test_another_project_shows_nothing_that_was_open_in_the_one_before(
    example_project, tmp_path, monkeypatch
):
    home = tmp_path / "projects"
    for name in ("first", "second"):  # with the same examples, so that the ids are the same too
        shutil.copytree(example_project, home / name)
    monkeypatch.setenv("CURATION_WORKSPACE", str(home))
    app = AppTest.from_file(str(ROOT / "pages/explore/browse.py"), default_timeout=120)
    app.query_params["project"] = "first"
    example = str(Project.open(home / "first").examples.rows.index[0])
    app.session_state[state.OPEN.key(Project.open(home / "first"))] = example
    app.run()
    assert not app.exception and f"`{example}`" in " ".join(c.value for c in app.caption)
    app.query_params["project"] = "second"
    app.run()
    assert not app.exception and "`" not in " ".join(c.value for c in app.caption)
    app.query_params["project"] = "first"
    app.run()
    assert f"`{example}`" in " ".join(c.value for c in app.caption), "it is open where it was"

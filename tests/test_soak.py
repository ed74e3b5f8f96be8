"""The soak in small: kills at every named point lose nothing, and what is lost would be seen."""

from __future__ import annotations

import random
import re
import sys
from itertools import islice
from types import ModuleType

import pytest

from benchmarks import _soak_kills as kills
from benchmarks._soak_check import Result, differences, examine
from benchmarks._soak_people import Annotator, Outbox, Pace
from benchmarks._soak_server import points
from benchmarks.soak import rate
from curation import Project
from curation.decisions import schema
from curation.ui.card.answers import write
from tests.conftest import ROOT
from tests.postgres import Postgres, Unavailable

EVERY = ["journaled", *(point for point in points() if point != "journaled")]
"""Each named point once; `agreed` comes after a crash that leaves copies that differ."""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder, and a memory of allowed databases of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # A new process imports the main module again, which a test of pages has put in its place.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    return tmp_path


def flawless(tally: kills.Tally, turns: list[str]) -> None:
    result = tally.result
    assert (result.lost, result.doubled, result.wrong) == (0, 0, [])
    assert result.acknowledged == tally.result.acknowledged > 0
    assert tally.kills.total() == len(turns)
    assert tally.kills + tally.missed >= kills.Counter(turns) - kills.Counter([kills.ANY])


def test_kills_at_every_point_lose_and_double_nothing(home):
    turns = [*EVERY, kills.ANY, kills.ANY]
    flawless(kills.kill_often(home / "p", turns, people=4), turns)


def test_kills_of_a_server_and_of_its_database_lose_and_double_nothing(home):
    try:
        postgres = Postgres()
    except Unavailable as error:
        pytest.skip(str(error))
    try:
        turns = [kills.BACKEND, "journaled", "agreed", kills.ANY, kills.DATABASE, "migrated"]
        flawless(kills.kill_often(home / "p", turns, people=4, postgres=postgres), turns)
    finally:
        postgres.stop()


def test_a_plan_has_every_point_and_prepares_those_that_need_it():
    for postgres in (False, True):
        turns = list(islice(kills.plan(postgres, random.Random(1)), 60))
        more = {kills.BACKEND, kills.DATABASE} if postgres else set()
        assert set(turns) == {*points(), kills.ANY, *more}
        before = [turns[n - 1] for n, point in enumerate(turns) if point == "agreed"]
        assert set(before) == {"journaled"}


# --- what is wrong is seen ----------------------------------------------------------------------


@pytest.fixture
def boxes() -> list[Outbox]:
    """Two people with 60 answers each, all acknowledged."""
    people = [Annotator(name, 0, Pace(0)) for name in ("p0", "p1")]
    for one in people:
        for _ in range(60):
            one.answer()
        one.box.acknowledged = [answer["op"] for answer in one.box.answers]
        one.box.unsaved = []
    return [one.box for one in people]


@pytest.fixture
def project(tmp_path) -> Project:
    return Project.create(tmp_path / "p")


def saved(project: Project, *lists) -> None:
    for answers in lists:
        done = write(project, answers)
        assert len(done.saved) == len(answers)


def test_whole_work_has_no_fault(project, boxes):
    saved(project, boxes[0].answers, boxes[1].answers, boxes[0].answers)
    assert examine(project, boxes) == Result(acknowledged=120)
    kinds = {answer["kind"] for box in boxes for answer in box.answers}
    assert kinds > {"undo", "redo", "edit", "untag", "note"}, "the model was put to the test"


def test_a_lost_answer_is_seen_in_both_copies(project, boxes):
    lost = boxes[1].answers[-1]["op"]
    saved(project, boxes[0].answers, boxes[1].answers[:-1])
    result = examine(project, boxes)
    assert (result.lost, result.doubled) == (2, 0)
    assert result.wrong[:2] == [f"database: {lost} is lost", f"journal: {lost} is lost"]


def test_a_decision_that_nobody_made_is_seen(project, boxes):
    stray = {**boxes[0].answers[0], "op": "p0:again"}
    saved(project, boxes[0].answers, boxes[1].answers, [stray])
    result = examine(project, boxes)
    assert result.lost == 0 and result.doubled >= 2
    assert "database: p0:again stands 1 times" in result.wrong


def test_a_doubled_line_of_the_journal_is_seen(project, boxes):
    saved(project, boxes[0].answers, boxes[1].answers)
    journal = project.decisions.journal
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines, lines[-1]]))
    assert examine(project, boxes).doubled == 1


def test_another_order_is_seen(project, boxes):
    saved(project, boxes[1].answers, boxes[0].answers[30:], boxes[0].answers[:30])
    wrong = examine(project, boxes).wrong
    assert "p0: the order of the decisions is not that of the answers" in wrong


def test_another_state_is_seen(project, boxes):
    saved(project, boxes[0].answers, boxes[1].answers)
    state = project.decisions.state()
    assert differences(state, boxes) == []
    for answer in boxes[0].answers:
        if answer["kind"] == "rate" and answer["example"].startswith("p0."):
            answer["value"] += 1
    assert [text.partition(" of ")[0] for text in differences(state, boxes)] == [
        "p0: ratings",
        "p0: opinions",
    ]


def test_answers_that_were_never_taken_or_were_refused_are_seen(project, boxes):
    saved(project, boxes[0].answers, boxes[1].answers)
    boxes[0].unsaved = boxes[0].answers[:2]
    boxes[1].refused = {"p1:op3": "This answer cannot be read."}
    assert examine(project, boxes).wrong == [
        "p0: 2 answers were never taken",
        "p1: p1:op3 was refused: This answer cannot be read.",
    ]


def test_answers_of_a_closed_tab_are_saved_whole_or_not(project, boxes):
    last = next(a for a in reversed(boxes[1].answers) if a["kind"] == "rate")
    rest = [a for a in boxes[1].answers if a is not last]
    boxes[1].acknowledged.remove(last["op"])
    boxes[1].abandoned = {last["op"]}
    saved(project, boxes[0].answers, rest)
    assert examine(project, boxes) == Result(acknowledged=119), "not saved"
    half = next(a for a in rest if a["reason"])
    boxes[1].acknowledged.remove(half["op"])
    boxes[1].abandoned.add(half["op"])
    with project.decisions.alone() as connection:
        events = schema.events
        connection.execute(events.delete().where(events.c.op_id == half["op"]))
        connection.commit()
    assert (
        f"database: {half['op']} was saved in part"
        in examine(Project.open(project.path), boxes).wrong
    )


def test_a_rate_has_the_upper_bound_of_its_interval():
    text = rate("lost", 0, 3_000_000)
    assert text == "lost 0: 0 per million, with 95 % certainty below 1"
    assert rate("lost", 2, 1_000_000).startswith("lost 2: 2 per million")
    assert rate("lost", 0, 0) == "lost 0 of 0"


def test_every_test_that_the_guide_names_is_there():
    text = (ROOT / "docs" / "guide" / "kept.md").read_text("utf-8")
    names = set(re.findall(r"`(test_\w+)`", text))
    code = "".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    assert len(names) > 15
    assert [name for name in names if not re.search(rf"^(def )?{name}\b", code, re.M)] == []

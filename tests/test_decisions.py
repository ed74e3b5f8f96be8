"""The store of decisions: what is appended, what it says together, and that both databases agree."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from dataclasses import fields
from pathlib import Path

import orjson
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from curation.dataset import Message, dump_messages
from curation.decisions import (
    KINDS,
    Consensus,
    Decision,
    DecisionStore,
    Event,
    State,
    as_one_act,
    check,
    read_decisions,
)
from curation.decisions import schema as schemas
from curation.decisions.consensus import POLICIES, consensus, fit_point, rates
from curation.decisions.event import REASON, with_reason
from curation.decisions.fold import fold
from curation.decisions.receipt import meanwhile
from curation.decisions.subjects import content_number
from curation.errors import CurationError, MissingExtra
from tests.conftest import ROOT
from tests.postgres import Postgres, Unavailable, new_schema

TURNS = [{"role": "user", "content": "Name a planet."}, {"role": "assistant", "content": "Mars."}]


@pytest.fixture(scope="session")
def postgres_server():
    """The URL of a PostgreSQL of our own on a socket in a temporary folder."""
    try:
        server = Postgres("-c", "fsync=off")
    except Unavailable as error:
        pytest.skip(str(error))
    yield server.url
    server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """The addresses of a store and its journal, on each database."""
    where: str | Path = tmp_path / "decisions.db"
    if request.param == "postgres":
        where = new_schema(request.getfixturevalue("postgres_server"))
    return where, tmp_path / "decisions.journal.jsonl"


@pytest.fixture
def store(place):
    """An empty store on each database."""
    opened = DecisionStore(place[0], journal=place[1], patience=10)
    yield opened
    opened.close()


@pytest.fixture
def local(tmp_path):
    """An empty store on SQLite."""
    opened = DecisionStore(tmp_path / "decisions.db", journal=tmp_path / "journal.jsonl")
    yield opened
    opened.close()


def reopened(place) -> DecisionStore:
    return DecisionStore(place[0], journal=place[1], patience=10)


def fields_of(decision: Decision) -> dict:
    return {f.name: getattr(decision, f.name) for f in fields(Decision)}


def about(question: str, value) -> dict:
    return {"question": question, "value": value}


def values(table) -> dict:
    return {example: event.value for example, event in table.items()}


# --- what goes in comes out -------------------------------------------------------------------

ONE_OF_EACH = [
    Decision("a", "keep", annotator="Ann", content_hash="00ff", base_revision=0),
    Decision("b", "drop", annotator="Bob", batch="x"),
    Decision("a", "edit", TURNS, "Ann"),
    Decision("a", "label", "naïve \x00 \u2028 光", "Zoë"),
    Decision("a", "tag", "maths", "Ann"),
    Decision("a", "tag", "hard", "Ann"),
    Decision("a", "untag", "maths", "Bob"),
    Decision("c", "rate", 4.5, "Ann"),
    Decision("c", "note", "Ask again\nlater", "Ann"),
    Decision("c", "note", "Done", "Bob"),
    Decision("c", "flag", "review", "Ann"),
    Decision("c", "unflag", "review", "Bob"),
    Decision("d", "skip", annotator="Bob"),
    Decision("a", "answer", {"question": "tone", "value": "warm"}, "Ann"),
    Decision("c", "answer", {"question": "faults", "value": ["long", "cold"]}, "Bob"),
    Decision("guidelines", "guideline", "Keep what helps.", "Ann"),
]


def test_events_come_back_as_they_were_given(place, store):
    done = store.append(ONE_OF_EACH)
    assert (done.appended, done.ignored, done.last) == (16, 0, 16)
    for again in (store, reopened(place)):
        events = again.events()
        assert [e.seq for e in events] == list(range(1, 17))
        for event, decision in zip(events, ONE_OF_EACH, strict=True):
            assert all(getattr(event, n) == getattr(decision, n) for n in Decision.__slots__)
            assert event.recorded > 0
        assert again.events(since=3, until=5) == events[3:5]
        assert again.events(example_id="c") == [*events[7:12], events[14]]
        assert again.last() == 16
        assert check(again) == []
    again.close()


def test_state_says_the_newest_word(store):
    store.append(ONE_OF_EACH)
    state = store.state()
    assert {i: e.kind for i, e in state.verdicts.items()} == {"a": "keep", "b": "drop"}
    assert values(state.edits) == {"a": TURNS}
    assert values(state.ratings) == {"c": 4.5}
    assert {i: set(t) for i, t in state.tags.items()} == {"a": {"hard"}}
    assert state.flags == {}
    assert [n.value for n in state.notes["c"]] == ["Ask again\nlater", "Done"]
    assert set(state.skips) == {"d"}
    assert {q: e.value["value"] for q, e in state.answers["a"].items()} == {"tone": "warm"}
    assert values(state.guidelines) == {"guidelines": "Keep what helps."}
    about = state.of("a")
    assert (about.revision, about.tags, about.verdict.annotator) == (14, ("hard",), "Ann")
    assert state.of("nobody said anything").revision == 0
    assert about.summary() == [
        "kept by Ann",
        "labelled naïve \x00 \u2028 光 by Zoë",
        "edited by Ann",
        "tone: warm by Ann",
        "tagged hard",
    ]


def test_tables_of_the_state(store):
    store.append(ONE_OF_EACH)
    frame = store.state().frame()
    assert list(frame.index) == ["a", "b", "c"] and frame.index.name == "id"
    assert list(frame["verdict"]) == ["keep", "drop", ""]
    assert list(frame["tags"]) == ["hard", "", ""]
    assert list(frame["edited"]) == [True, False, False]
    ratings = frame["rating_by_people"]
    assert ratings["c"] == 4.5 and pd.isna(ratings["a"])
    assert frame.loc["c", "notes"] == "Ask again\nlater · Done"
    assert frame.loc["a", "decided_by"] == "Ann"
    assert frame.loc["a", "decided_at"] == ONE_OF_EACH[13].time
    answered = store.state().frame(store.state().answer_columns)
    assert list(answered.columns) == ["answers.faults", "answers.tone"]
    assert list(answered["answers.tone"]) == ["warm", "", ""]
    assert list(answered["answers.faults"]) == ["", "", "cold,long"]
    edits = store.state().edits_frame()
    assert edits.loc["a", "messages"] == dump_messages(
        [Message("user", "Name a planet."), Message("assistant", "Mars.")]
    )
    assert edits.loc["a", "reason"] == "edited by Ann, labelled naïve \x00 \u2028 光 by Zoë"
    verdicts = store.state().verdicts_frame()
    assert list(verdicts["keep"]) == [True, False]
    assert list(verdicts["reason"]) == ["kept by Ann", "dropped by Bob"]
    frame["verdict"] = "changed"
    assert list(store.state().frame()["verdict"]) == ["keep", "drop", ""]


def test_each_person_has_an_own_latest_opinion(local):
    answers = [
        ("a", "keep", None, "Ann"),
        ("a", "drop", None, "Bob"),
        ("a", "label", "cars", "Bob"),
        ("a", "keep", None, "Bob"),
        ("a", "skip", None, "Ann"),
        ("b", "rate", 4, "Ann"),
        ("b", "rate", 4.0, "Bob"),
        ("b", "rate", 2.5, "Cyd"),
    ]
    local.append([Decision(i, kind, value, who) for i, kind, value, who in answers])
    columns = ["example", "question", "who", "value"]
    table = local.state().opinions_frame()
    assert table[columns].to_numpy().tolist() == [
        ["a", "label", "Bob", "cars"],
        ["a", "verdict", "Ann", "keep"],
        ["a", "verdict", "Bob", "keep"],
        ["b", "rating", "Ann", "4"],
        ["b", "rating", "Bob", "4"],
        ["b", "rating", "Cyd", "2.5"],
    ]
    former = local.events(example_id="a")[3]
    local.undo("Bob", op_id=former.op_id)
    assert local.state().opinions_frame()["value"].tolist() == [
        "cars",
        "keep",
        "drop",
        "4",
        "4",
        "2.5",
    ]
    assert (table["value"] == ["cars", "keep", "keep", "4", "4", "2.5"]).all()


def test_an_empty_store_has_empty_tables(local):
    state = local.state()
    assert state.last == 0
    for frame in (state.frame(), state.edits_frame(), state.verdicts_frame()):
        assert len(frame) == 0 and frame.index.name == "id"
    assert state.verdicts_frame()["keep"].dtype == bool
    assert State().fingerprint() == state.fingerprint()


def test_the_past_can_be_asked_for(store):
    store.append(ONE_OF_EACH)
    assert store.state(0).frame().empty
    assert set(store.state(1).verdicts) == {"a"}
    assert set(store.state(6).tags["a"]) == {"maths", "hard"}
    assert store.state(6).last == 6 and store.state(6) is store.state(6)
    assert store.state(99) is store.state()


def test_a_state_handed_out_never_changes(local):
    local.append([Decision("a", "tag", "x", "Ann"), Decision("a", "note", "n", "Ann")])
    before = local.state()
    shown = (dict(before.tags["a"]), before.notes["a"], dict(before.revisions), before.last)
    local.append([Decision("a", "tag", "y", "Ann"), Decision("a", "note", "m", "Ann")])
    local.undo("Ann")
    local.append([Decision("b", "keep", annotator="Ann")])
    assert (dict(before.tags["a"]), before.notes["a"], dict(before.revisions), before.last) == shown
    assert not before.undone and not before.verdicts


def test_what_the_caller_changes_later_does_not_show(local):
    turns = [{"role": "user", "content": "Hello"}]
    local.append([Decision("a", "edit", turns, "Ann")])
    turns[0]["content"] = "Goodbye"
    assert local.state().edits["a"].value == [{"role": "user", "content": "Hello"}]


# --- sending again ----------------------------------------------------------------------------


def test_sending_again_adds_nothing(place, store):
    decisions = [Decision(str(n), "keep", annotator="Ann") for n in range(1200)]
    assert store.append(decisions).appended == 1200
    more = [Decision("new", "drop", annotator="Ann")]
    done = store.append([*decisions, *more, *more])
    assert (done.appended, done.ignored, done.last) == (1, 1201, 1201)
    again = reopened(place)
    assert again.append(decisions).ignored == 1200
    assert again.last() == 1201
    again.close()


def test_appending_nothing_is_fine(store):
    done = store.append([])
    assert (done.appended, done.ignored, done.conflicts, done.last) == (0, 0, [], 0)


# --- undo and redo ----------------------------------------------------------------------------


def test_undo_takes_back_one_after_the_other_and_redo_brings_them_again(store):
    store.append([Decision("a", "label", "first", "Ann")])
    store.append([Decision("a", "label", "other", "Bob")])
    store.append([Decision("a", "label", "last", "Ann")])
    shown = []
    for step in (store.undo, store.undo, store.undo, store.redo, store.redo, store.redo):
        event = step("Ann")
        label = store.state().labels.get("a")
        shown.append((event and event.kind, label.value if label else None))
    assert shown == [
        ("undo", "other"),
        ("undo", "other"),
        (None, "other"),
        ("redo", "other"),
        ("redo", "last"),
        (None, "last"),
    ]
    assert store.state().of("a").revision == 7
    assert store.undo("Carl") is None


def test_after_a_new_decision_there_is_nothing_to_redo(local):
    local.append([Decision("a", "keep", annotator="Ann")])
    local.undo("Ann")
    local.append([Decision("b", "keep", annotator="Ann")])
    assert local.redo("Ann") is None
    assert set(local.state().verdicts) == {"b"}


def test_a_bulk_action_is_undone_as_one(store):
    store.append([Decision("e7", "drop", annotator="Bob")])
    store.append([Decision(f"e{n}", "keep", None, "Ann", batch="bulk") for n in range(100)])
    assert len(store.state().verdicts) == 100
    event = store.undo("Ann")
    assert event.value == {"batch": "bulk"}
    assert {i: e.annotator for i, e in store.state().verdicts.items()} == {"e7": "Bob"}
    assert store.state().of("e50").revision == event.seq
    assert store.events(example_id="e50")[-1] == event
    assert store.undo("Ann") is None
    assert store.redo("Carl", batch="bulk").kind == "redo"
    assert len(store.state().verdicts) == 100
    one = store.events(example_id="e3")[0].op_id
    assert store.undo("Ann", op_id=one).value == {"op_id": one}
    assert store.undo("Ann", op_id=one) is None
    assert "e3" not in store.state().verdicts


def test_an_undo_can_be_undone(store):
    store.append([Decision("a", "keep", annotator="Ann")])
    first = store.undo("Ann")
    second = store.undo("Ann", op_id=first.op_id)
    assert set(store.state().verdicts) == {"a"} and store.state().undone == {first.op_id}
    store.undo("Ann", op_id=second.op_id)
    assert not store.state().verdicts


def test_an_undo_sent_twice_undoes_one_thing(store):
    store.append([Decision("a", "keep", annotator="Ann"), Decision("b", "keep", annotator="Ann")])
    first = store.undo("Ann", own_op_id="button 1")
    assert store.undo("Ann", own_op_id="button 1") == first
    assert set(store.state().verdicts) == {"a"}


def test_clicks_at_once_undo_different_things(store):
    store.append([Decision(str(n), "keep", annotator="Ann") for n in range(20)])
    threads = [threading.Thread(target=store.undo, args=("Ann",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.state().verdicts == {}


def test_an_answer_is_its_own_for_each_question_and_an_undo_brings_back_the_former(store):
    for who, question, value in [
        ("Ann", "tone", "warm"),
        ("Bob", "tone", "cold"),
        ("Ann", "clear", 4.0),
        ("Ann", "tone", "dull"),
    ]:
        store.append([Decision("a", "answer", about(question, value), who)])
    store.undo("Ann")
    state = store.state()
    assert {q: e.value["value"] for q, e in state.answers["a"].items()} == {
        "clear": 4,
        "tone": "cold",
    }
    columns = ["example", "question", "who", "value"]
    assert state.opinions_frame()[columns].to_numpy().tolist() == [
        ["a", "clear", "Ann", "4"],
        ["a", "tone", "Ann", "warm"],
        ["a", "tone", "Bob", "cold"],
    ]
    frame = state.frame(state.answer_columns)
    assert frame.loc["a"].tolist() == [4.0, "cold"] and frame["answers.clear"].dtype == float
    assert store.state(2).answers != state.answers and store.state(3).answers == state.answers


def test_an_undo_leaves_the_guidelines_alone(local):
    local.append([Decision("a", "keep", annotator="Ann")])
    local.append([Decision("guidelines", "guideline", "Be kind.", "Ann")])
    assert local.undo("Ann").example_id == "a"
    assert local.undo("Ann") is None
    assert local.state().guidelines["guidelines"].value == "Be kind."
    assert local.state().frame().empty, "guidelines are no example"


# --- two people, one example ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "mine", "conflict"),
    [
        (("keep", None), ("drop", None), True),
        (("keep", None), ("label", "x"), False),
        (("label", "x"), ("label", "y"), True),
        (("edit", TURNS), ("edit", []), True),
        (("rate", 1), ("rate", 5), True),
        (("tag", "x"), ("untag", "x"), True),
        (("tag", "x"), ("tag", "y"), False),
        (("flag", "review"), ("unflag", "review"), True),
        (("note", "x"), ("note", "y"), False),
        (("skip", None), ("skip", None), False),
        (("answer", about("tone", "x")), ("answer", about("tone", "y")), True),
        (("answer", about("tone", "x")), ("answer", about("tone", "x")), False),
        (("answer", about("tone", "x")), ("answer", about("faults", "y")), False),
    ],
)
def test_overruling_what_was_not_on_screen_is_told(local, theirs, mine, conflict):
    local.append([Decision("a", *theirs, annotator="Bob"), Decision("b", *theirs, annotator="Bob")])
    done = local.append([Decision("a", *mine, annotator="Ann")])
    assert [e.example_id for e in done.conflicts] == (["a"] if conflict else [])
    assert done.appended == 1 and len(local.events()) == 3
    saved = local.append([Decision("b", *mine, annotator="Ann", base_revision=2)])
    assert saved.conflicts == []


def test_the_sentence_on_a_conflict_names_whose_decision_was_replaced(local):
    local.append([Decision("a", "keep", annotator="Bob"), Decision("a", "label", "x", "Cem")])
    local.append([Decision("a", "drop", annotator="Cem"), Decision("b", "keep")])
    mine = [Decision(i, kind, None, "Ann") for i, kind in (("a", "keep"), ("b", "drop"))]
    conflicts = local.append(mine).conflicts
    sentence = "decided this example meanwhile; both decisions are kept."
    expected = [f"Cem {sentence}", f"somebody else {sentence}"]
    assert [text for _, text in meanwhile(local, conflicts)] == expected
    local.undo("Ann")
    assert [text for _, text in meanwhile(local, conflicts)] == expected


def test_the_same_answer_is_no_conflict(local):
    local.append([Decision("a", "keep", annotator="Bob"), Decision("b", "label", "x", "Bob")])
    mine = [Decision("a", "keep", annotator="Ann"), Decision("b", "label", "x", "Ann")]
    assert local.append(mine).conflicts == []


def test_what_one_saw_in_another_tab_is_no_conflict(local):
    local.append([Decision("a", "keep", annotator="Bob")])
    local.append([Decision("a", "drop", annotator="Ann", base_revision=1)])  # Bob's was on screen
    assert local.append([Decision("a", "label", "x", "Ann"), Decision("a", "keep", None, "Ann")])
    assert local.append([Decision("a", "drop", annotator="Ann")]).conflicts == []


def test_an_undo_in_between_is_no_conflict_and_a_redo_is_one(local):
    local.append([Decision("a", "keep", annotator="Bob")])
    shown = local.state().of("a").revision
    local.undo("Bob"), local.redo("Bob")
    later = Decision("a", "drop", annotator="Ann", base_revision=shown)
    assert local.append([later]).conflicts == [], "what stands there was on the screen"
    local.undo("Ann"), local.undo("Bob")
    shown = local.state().of("a").revision
    local.redo("Bob")
    again = Decision("a", "drop", annotator="Ann", base_revision=shown)
    assert len(local.append([again]).conflicts) == 1, "nothing was on the screen"


def test_no_conflict_with_oneself_nor_with_what_was_undone(store):
    store.append([Decision("a", "keep", annotator="Ann"), Decision("b", "keep", annotator="Bob")])
    store.undo("Bob")
    decisions = [Decision("a", "drop", annotator="Ann"), Decision("b", "drop", annotator="Ann")]
    assert store.append(decisions).conflicts == []


def test_somebody_elses_answer_between_ones_own_is_a_conflict(store):
    store.append([Decision("a", "label", "x", "Ann"), Decision("a", "label", "y", "Bob")])
    done = store.append([Decision("a", "label", "z", "Ann", base_revision=1)])
    assert [e.value for e in done.conflicts] == ["z"]
    assert store.state().labels["a"].value == "z"


# --- fingerprints -----------------------------------------------------------------------------


def test_equal_decisions_have_equal_fingerprints_however_they_came_about(local, tmp_path):
    other = DecisionStore(tmp_path / "other.db")
    local.append([Decision("a", "keep", annotator="Ann"), Decision("b", "edit", TURNS, "Bob")])
    other.append([Decision("b", "edit", TURNS, "Bob"), Decision("c", "drop", annotator="Ann")])
    other.undo("Ann")
    other.append([Decision("a", "drop", annotator="Ann"), Decision("a", "keep", annotator="Ann")])
    assert local.state().fingerprint() == other.state().fingerprint()
    before = local.state().fingerprint(["edit"])
    local.append([Decision("a", "drop", annotator="Ann")])
    assert local.state().fingerprint(["edit"]) == before
    assert local.state().fingerprint() != other.state().fingerprint()
    changed = [TURNS[0], {"role": "assistant", "content": "Venus."}]
    local.append([Decision("b", "edit", changed, "Bob")])
    assert local.state().fingerprint(["edit"]) != before
    other.close()


@pytest.mark.parametrize(
    ("decision", "changes_rows"),
    [
        (Decision("a", "keep"), True),
        (Decision("a", "drop"), True),
        (Decision("a", "edit", [{"role": "user", "content": "Hi."}]), True),
        (Decision("a", "label", "x"), True),
        (Decision("a", "tag", "x"), False),
        (Decision("a", "flag", "x"), False),
        (Decision("a", "rate", 0), False),
        (Decision("a", "note", ""), False),
        (Decision("a", "skip"), False),
        (Decision("a", "answer", about("tone", 0)), False),
    ],
)
def test_every_kind_counts_in_its_fingerprint(local, decision, changes_rows):
    empty = local.state().fingerprint(KINDS)
    local.append([decision])
    assert local.state().fingerprint([decision.kind]) != empty
    assert (local.state().fingerprint() != empty) is changes_rows


def test_a_reason_stands_beside_its_decision_and_goes_with_it(local):
    local.append(
        as_one_act([("drop", "a", None), ("drop", "b", None)], "Ann", "x", 0, " too short ")
    )
    local.append([Decision("a", "note", "look again", "Bob")])
    state = local.state()
    assert list(state.verdicts_frame()["reason"]) == ["dropped by Ann: too short"] * 2
    frame = state.frame()
    assert list(frame["reason_by_people"]) == ["too short", "too short"]
    assert list(frame["notes"]) == ["look again", ""]
    local.append(with_reason(Decision("a", "edit", TURNS, "Bob", op_id="e"), "a typo"))
    assert local.state().edits_frame().at["a", "reason"] == "edited by Bob: a typo"
    assert local.state().reasons("a") == "too short · a typo"
    local.append([Decision("b", "drop", annotator="Bob")])
    assert local.state().verdicts_frame().at["b", "reason"] == "dropped by Bob", "not Ann's reason"
    local.undo("Ann")
    assert local.state().reasons("a") == "a typo"
    assert [n.value for n in local.state().notes["a"]] == ["look again", "a typo"]
    local.redo("Ann")
    assert local.state().reasons("a") == "too short · a typo"


def test_a_reason_counts_in_the_fingerprint_of_its_decision_only(local):
    kinds = ("keep", "drop"), ("edit", "label"), ("tag",)
    local.append([Decision("a", "drop", annotator="Ann", op_id="d", batch="d")])
    before = [local.state().fingerprint(k) for k in kinds]
    local.append([Decision("a", "note", "short", "Ann", op_id=f"d{REASON}", batch="d")])
    after = [local.state().fingerprint(k) for k in kinds]
    assert [a == b for a, b in zip(after, before, strict=True)] == [False, True, True]
    local.undo("Ann", op_id=f"d{REASON}")
    assert [local.state().fingerprint(k) for k in kinds] == before
    local.append([Decision("b", "note", "of nothing", "Ann", op_id=f"zzz{REASON}")])
    assert [local.state().fingerprint(k) for k in kinds] == before


def test_a_former_reason_is_not_that_of_a_decision_made_again(local):
    local.append(with_reason(Decision("a", "drop", annotator="Ann", op_id="d"), "r1"))
    with_it = local.state()
    local.append([Decision("a", "keep", annotator="Ann"), Decision("a", "drop", annotator="Ann")])
    without = local.state()
    assert list(with_it.verdicts_frame()["reason"]) == ["dropped by Ann: r1"]
    assert list(without.verdicts_frame()["reason"]) == ["dropped by Ann"]
    assert without.fingerprint() != with_it.fingerprint()
    assert without.changed_examples(with_it, KINDS) == {"a"}


reasoned = st.one_of(
    st.tuples(
        st.sampled_from(["keep", "drop", "edit", "label", "settle"]),
        st.sampled_from("AB"),
        st.sampled_from(["", "", "r1", "r2"]),
    ),
    st.tuples(st.just("undo"), st.integers(0, 9), st.booleans()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(reasoned, max_size=9), st.sampled_from(POLICIES))
def test_equal_fingerprints_mean_equal_results(history, policy):
    """What pages show of a moment is what they show of any other moment with its fingerprint."""
    decisions: list[Decision] = []
    for n, (kind, who, what) in enumerate(history):
        if kind == "undo":
            target = f"{who}{REASON}" if what else f"{who}"
            decisions.append(Decision("x", "undo", {"op_id": target}, "A", op_id=f"{n}"))
            continue
        value = {"edit": TURNS, "label": "u", "settle": about("verdict", "drop")}.get(kind)
        decisions += with_reason(Decision("x", kind, value, who, op_id=f"{n}"), what)
    events = [Event(seq=n, **fields_of(d)) for n, d in enumerate(decisions, 1)]
    states = [consensus(fold(events[:n]), policy) for n in range(len(events) + 1)]
    for kinds, frame in ((("keep", "drop"), "verdicts_frame"), (("edit", "label"), "edits_frame")):
        shown = [(s.fingerprint(kinds), getattr(s, frame)().to_json()) for s in states]
        prints = {fingerprint for fingerprint, _ in shown}
        assert len(prints) == len({text for _, text in shown}) == len(set(shown))


def test_a_line_of_a_file_may_have_a_reason(local):
    taken_in(local, '{"id": "a", "kind": "drop", "reason": "spam"}\n{"id": "b", "kind": "keep"}')
    assert local.state().reasons("a") == "spam" and not local.state().notes.get("b")
    local.undo("Ann")
    assert not local.state().verdicts and not local.state().notes


def test_an_example_is_changed_when_a_decision_of_the_kind_counts_that_did_not_before(local):
    local.append([Decision("a", "keep", annotator="Ann"), Decision("b", "tag", "x", "Ann")])
    before = local.state()
    assert before.changed_examples(None, KINDS) == {"a", "b"}
    assert before.changed_examples(None, ["keep", "drop"]) == {"a"}
    local.append([Decision("a", "drop", annotator="Bo"), Decision("b", "label", "y", "Bo")])
    local.append([Decision("c", "tag", "x", "Bo")])
    after = local.state()
    assert after.changed_examples(before, KINDS) == {"a", "b", "c"}
    assert after.changed_examples(before, ["keep", "drop"]) == {"a"}
    assert after.changed_examples(before, ["tag"]) == {"c"}
    local.undo("Bo")
    assert local.state().changed_examples(after, KINDS) == {"c"}
    assert local.state().changed_examples(before, ["tag"]) == set()


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        Decision("a", "answer", "warm"),
        Decision("a", "answer", {"question": "tone"}),
        Decision("a", "answer", about("two words", "x")),
        Decision("a", "answer", about("label", "x")),
        Decision("a", "answer", about("tone", None)),
        Decision("a", "answer", about("tone", True)),
        Decision("a", "answer", about("tone", float("nan"))),
        Decision("a", "answer", {**about("tone", "x"), "more": 1}),
        Decision("a", "guideline", "of one example"),
        Decision("a", "maybe"),
        Decision("a", "label", None),
        Decision("a", "label", 3),
        Decision("a", "label", " "),
        Decision("a", "tag", ""),
        Decision("a", "rate", "five"),
        Decision("a", "rate", True),
        Decision("a", "rate", float("nan")),
        Decision("a", "rate", 10**400),
        Decision("a", "edit", "text"),
        Decision("a", "edit", [{"content": "no role"}]),
        Decision("a", "edit", [{"role": "user", "content": "half \ud800"}]),
        Decision("a", "edit", [{"role": "user", "content": "x", "weight": float("inf")}]),
        Decision("a", "edit", [{"role": "user", "content": "x", "id": 2**70}]),
        Decision("a", "note", "half \ud800"),
        Decision("a", "undo", "x"),
        Decision("a", "undo", {"op_id": ""}),
        Decision("a", "redo", {"op_id": "x", "batch": "y"}),
        Decision("", "keep"),
        Decision("a", "keep", op_id=""),
        Decision("a", "keep", annotator="half \ud800"),
        Decision("a\x00", "keep"),
        Decision("a", "keep", annotator=None),
        Decision("a", "keep", base_revision=-1),
        Decision("a", "keep", base_revision=1.5),
        Decision("a", "keep", time=float("nan")),
        Decision("a", "keep", {"what": object()}),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_saved(local, wrong):
    with pytest.raises(CurationError) as caught:
        local.append([Decision("b", "keep"), wrong])
    assert str(caught.value).endswith(".")
    assert local.last() == 0


def test_the_search_for_cycles_passes_over_a_page_of_events(place, store, monkeypatch):
    monkeypatch.setattr("curation.decisions.store.PAGE", 3)
    store.append([Decision(f"e{n}", "keep", annotator="Ann") for n in range(7)])
    before = gc.get_freeze_count()
    opened = reopened(place)
    assert len(opened.state().verdicts) == 7
    assert gc.get_freeze_count() > before + 7
    opened.close()


def test_decisions_from_a_file():
    lines = [
        {"id": "a", "kind": "keep"},
        {"id": "a-2", "kind": "label", "value": "x", "annotator": "Bob", "op_id": "7"},
        {"id": "zzz", "kind": "keep"},
        {"id": "a", "kind": "rate", "value": "x"},
        {"id": "a", "kind": "keep", "value": "it is good"},
        ["no object"],
    ]
    text = "\ufeff" + "\n".join(orjson.dumps(line).decode() for line in lines) + "\n\nnot json"
    decisions, problems, *_ = read_decisions(text, "Ann", {"a", "a-2"})
    assert [(d.example_id, d.annotator, d.content_hash) for d in decisions] == [
        ("a", "Ann", "a"),
        ("a-2", "Bob", "a"),
    ]
    assert [p.split(":")[0] for p in problems] == [
        "line 3",
        "line 4",
        "line 5",
        "line 6",
        "line 8",
    ]


def taken_in(store: DecisionStore, text: str, who: str = "Ann"):
    decisions, problems, *_ = read_decisions(text, who, {"a", "b", "c", "d"})
    assert problems == []
    return store.append(decisions)


def test_a_withheld_line_is_counted_and_decides_nothing():
    lines = [
        {"id": "a", "kind": "edit", "withheld": True, "op_id": "1"},
        {"id": "a", "kind": "keep", "withheld": False, "op_id": "2"},
    ]
    text = "\n".join(orjson.dumps(line).decode() for line in lines)
    lines = read_decisions(text, "Ann", {"a"})
    assert ([d.op_id for d in lines.decisions], lines.problems, lines.withheld) == (["2"], [], 1)


def test_a_later_decision_of_a_file_counts_and_one_sent_again_does_not(local):
    drop, keep = '{"id": "a", "kind": "drop"}', '{"id": "a", "kind": "keep"}'
    for text, kind in [(drop, "drop"), (keep, "keep"), (drop, "drop")]:
        assert taken_in(local, text).appended == 1
        assert local.state().verdicts["a"].kind == kind
    named = '{"id": "a", "kind": "keep", "op_id": "sent"}'
    assert [taken_in(local, named).appended, taken_in(local, named).ignored] == [1, 1]


def test_an_import_is_one_act_of_its_importer(local):
    local.append([Decision("d", "keep", annotator="Ann")])
    lines = [f'{{"id": "{i}", "kind": "drop", "annotator": "Bob"}}' for i in "abc"]
    taken_in(local, "\n".join(lines), "Ann: a/b")
    assert local.undo("Bob") is None, "it was not Bob who did this"
    local.undo("Ann: a/b")
    assert set(local.state().verdicts) == {"d"}
    local.redo("Ann: a/b")
    assert {e.annotator for i, e in local.state().verdicts.items() if i != "d"} == {"Bob"}


def printed(store: DecisionStore) -> str:
    return "\n".join(orjson.dumps(e.to_dict()).decode() for e in store.events())


def test_what_is_printed_can_be_read_again_elsewhere(local, tmp_path):
    local.append([Decision(i, "drop", None, "Bob", batch="bulk") for i in "abc"])
    local.append([Decision("a", "edit", TURNS, "Zoë")])
    local.undo("Bob")
    local.append([Decision("gone", "keep", annotator="Bob"), Decision("d", "keep", None, "Bob")])
    local.undo("Bob")
    text = printed(local)
    other = DecisionStore(tmp_path / "other.db", journal=tmp_path / "other.jsonl")
    assert taken_in(other, text, "Ann").conflicts == []
    assert taken_in(other, text, "Ann").appended == 0, "once more adds nothing"
    for name in ("verdicts", "edits"):
        mine, theirs = getattr(local.state(), name), getattr(other.state(), name)
        assert values(mine) == values(theirs)
        assert {i: e.annotator for i, e in mine.items()} == {
            i: e.annotator for i, e in theirs.items()
        }
    local.undo("Bob", batch="bulk"), local.redo("Bob", batch="bulk")  # said of a batch by name
    assert taken_in(other, printed(local), "Ann").appended == 1
    assert values(other.state().verdicts) == values(local.state().verdicts)
    again = taken_in(local, printed(other), "Ann")
    assert again.appended == 0
    other.undo("Ann"), other.undo("Ann")
    assert not other.state().verdicts and not other.state().edits
    other.close()


def test_addresses_that_are_none():
    for where in ("mysql://host/db", "sqlite://", "://", ":memory:"):
        with pytest.raises(CurationError):
            DecisionStore(where)


def test_a_missing_driver_names_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"curation\[postgres\]"):
        DecisionStore("postgresql://nobody@localhost/nothing")


def test_a_closed_store_refuses(local):
    local.append([Decision("a", "keep")])
    local.close()
    with pytest.raises(CurationError, match="Nothing was saved"):
        local.append([Decision("b", "keep")])


# --- many at once -----------------------------------------------------------------------------


def test_many_threads_append_and_read_at_once(place, store):
    wrong: list[object] = []

    def work(name: str) -> None:
        for n in range(20):
            done = store.append([Decision(f"e{n}", "label", name, name) for _ in range(3)])
            if done.appended != 3 or store.state().last < done.last:
                wrong.append(done)

    threads = [threading.Thread(target=work, args=(f"p{n}",)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [e.seq for e in store.events()] == list(range(1, 961))
    again = reopened(place)
    assert again.events() == store.events() and check(again) == []
    assert again.state() == store.state()
    again.close()


APPENDER = """
import sys
from pathlib import Path
from curation.decisions import Decision, DecisionStore
where, journal, name, count = sys.argv[1:]
where = where if "://" in where else Path(where)
store = DecisionStore(where, journal=Path(journal))
for n in range(int(count)):
    op = f"{name}-{n}"
    done = store.append([Decision(f"e{n}", "keep", annotator=name, op_id=op)])
    assert done.appended == 1
    print(op, flush=True)
"""


def appender(place, name: str, count: int) -> subprocess.Popen:
    words = [sys.executable, "-c", APPENDER, str(place[0]), str(place[1]), name, str(count)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_several_processes_write_to_one_store(place, store):
    store.append([Decision("first", "keep", annotator="me")])
    others = [appender(place, f"p{n}", 60) for n in range(3)]
    mine = 1
    while any(p.poll() is None for p in others) and mine < 500:
        store.append([Decision(f"m{mine}", "keep", annotator="me")])
        mine += 1
    for process in others:
        out, _ = process.communicate(timeout=50)
        assert process.returncode == 0 and len(out.split()) == 60
    events = store.events()
    assert [e.seq for e in events] == list(range(1, mine + 181))
    assert len({e.op_id for e in events}) == len(events)
    assert check(store) == []


# --- a state machine against plain dictionaries -----------------------------------------------


def switches(events: list[Event]) -> dict[str, bool]:
    """Whether each event counts, worked out the slow way."""
    on: dict[str, bool] = {}
    kind = {e.op_id: e.kind for e in events}
    targets: dict[str, list[str]] = {}

    def switch(op: str, switch_on: bool) -> None:
        if on[op] == switch_on:
            return
        on[op] = switch_on
        switch_all(targets.get(op, []), switch_on == (kind[op] == "redo"))

    def switch_all(ops: list[str], switch_on: bool) -> None:
        for op in ops if switch_on else reversed(ops):  # what was done last is taken back first
            switch(op, switch_on)

    for n, event in enumerate(events):
        if event.kind in ("undo", "redo"):
            (field, name), *_ = event.value.items()
            targets[event.op_id] = [e.op_id for e in events[:n] if getattr(e, field) == name]
            switch_all(targets[event.op_id], event.kind == "redo")
        on[event.op_id] = True
    return on


SINGLE = {
    "verdicts": ("keep", "drop"),
    "edits": ("edit",),
    "labels": ("label",),
    "ratings": ("rate",),
    "skips": ("skip",),
    "preferred": ("prefer",),
}


def by_number(event: Event) -> int:
    return event.seq


def model(events: list[Event]) -> dict:
    """The state that events give, in plain dictionaries."""
    on = switches(events)
    effective = [e for e in events if on[e.op_id] and e.kind not in ("undo", "redo")]
    expected: dict = {"undone": {op for op, is_on in on.items() if not is_on}, "notes": {}}
    for name, kinds in SINGLE.items():
        expected[name] = {e.example_id: e for e in effective if e.kind in kinds}
    for name, (put, take) in {
        "tags": ("tag", "untag"),
        "flags": ("flag", "unflag"),
        "apart": ("apart", ""),
        "settled": ("settle", ""),
    }.items():
        newest = {
            (e.example_id, e.value["question"] if e.kind == "settle" else e.value): e
            for e in effective
            if e.kind in (put, take)
        }
        expected[name] = {}
        for (example, value), e in newest.items():
            if e.kind == put:
                expected[name].setdefault(example, {})[value] = e
    questions = {"verdict": ("keep", "drop"), "label": ("label",), "rating": ("rate",)}
    own = {
        (e.example_id, e.annotator, question): e
        for e in effective
        for question, kinds in questions.items()
        if e.kind in kinds
    }
    expected["answers"] = {}
    for e in effective:
        if e.kind == "answer":
            name = e.value["question"]
            own.pop((e.example_id, e.annotator, f"lead's {name}"), None)
            own[e.example_id, e.annotator, f"lead's {name}"] = e
            expected["answers"].setdefault(e.example_id, {})[name] = e
    expected["opinions"] = {
        example: tuple(sorted((e for e in own.values() if e.example_id == example), key=by_number))
        for example in {e.example_id for e in own.values()}
    }
    expected["disagreement"] = unlike(own)
    expected["answered"] = {}
    for e in effective:
        names = expected["answered"].get(e.example_id, ())
        if e.kind in ("keep", "drop", "label", "edit") and e.annotator not in names:
            expected["answered"][e.example_id] = (*names, e.annotator)
        if e.kind == "note":
            expected["notes"][e.example_id] = (*expected["notes"].get(e.example_id, ()), e)
    return expected


def unlike(own: dict) -> dict[str, float]:
    """Share of unequal pairs of answers, counted pair by pair; own: (example, who, question) → event."""
    pairs: dict[str, list[bool]] = {}
    for (example, who, question), event in own.items():
        for (other, whose, subject), opposite in own.items():
            if example == other and question == subject in KINDS_OF and who < whose:
                same = (event.kind, event.value) == (opposite.kind, opposite.value)
                pairs.setdefault(example, []).append(not same)
    return {example: sum(unequal) / len(unequal) for example, unequal in pairs.items()}


KINDS_OF = {"verdict": ("keep", "drop"), "label": ("label",), "rating": ("rate",)}
TABLE_OF = {"verdict": "verdicts", "label": "labels", "rating": "ratings"}


def given_to(opinions, question: str) -> list:
    """The answers of opinions to a question: (kind, value), or the value for one of the lead's."""
    if question in KINDS_OF:
        return [(e.kind, e.value) for e in opinions if e.kind in KINDS_OF[question]]
    lead = [e.value for e in opinions if e.kind == "answer"]
    return [value["value"] for value in lead if value["question"] == question]


def winner_of(given: list, question: str):
    """The median of numbers, or the answer given most often; None for a tie."""
    values = [answer[1] if question in KINDS_OF else answer for answer in given]
    if all(isinstance(value, int) for value in values):
        ordered = sorted(values)
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        return ("rate", middle) if question == "rating" else middle
    texts = [repr(answer) for answer in given]
    most = max(texts.count(text) for text in texts)
    winners = {text for text in texts if texts.count(text) == most}
    return given[texts.index(min(winners))] if len(winners) == 1 else None


def counted(events: list[Event], policy: str) -> dict:
    """The answers that count by a policy, in plain dictionaries, and the ties.

    Table → example → (kind, value); of the lead's questions (question, example) → value.
    """
    plain, ties, lead = model(events), set(), {}
    tables = {t: {i: (e.kind, e.value) for i, e in plain[t].items()} for t in TABLE_OF.values()}
    for example, answers in plain["answers"].items():
        lead |= {(question, example): e.value["value"] for question, e in answers.items()}
    for example, opinions in plain["opinions"].items() if policy != "latest" else ():
        for question in ("verdict", "label", "rating", "tone", "faults"):
            given = given_to(opinions, question)
            if len(given) < 2:
                continue
            winner = winner_of(given, question)
            if winner is not None and question in TABLE_OF:
                tables[TABLE_OF[question]][example] = winner
            elif winner is not None:
                lead[question, example] = winner
            elif question in TABLE_OF and question not in plain["settled"].get(example, {}):
                del tables[TABLE_OF[question]][example]
                ties.add((example, question))
    for example, settled in plain["settled"].items():
        for question, event in settled.items():
            value = event.value["value"]
            if question == "verdict":
                tables["verdicts"][example] = value, None
            elif question in TABLE_OF:
                tables[TABLE_OF[question]][example] = KINDS_OF[question][0], value
            else:
                lead[question, example] = value
    return {**tables, "ties": ties, "lead": lead}


people, examples, words = (st.sampled_from(s) for s in ("ABC", "xyz", "uv"))
statements = st.one_of(
    st.sampled_from([("keep", None), ("drop", None), ("skip", None), ("edit", TURNS)]),
    st.tuples(st.sampled_from(["label", "tag", "untag", "note", "flag", "unflag"]), words),
    st.tuples(st.just("rate"), st.integers(1, 5)),
    st.sampled_from([("prefer", None), ("apart", "v"), ("apart", "w")]),
    st.builds(
        lambda question, value: ("answer", about(question, value)),
        st.sampled_from(["tone", "faults"]),
        st.sampled_from(["u", 3, ["u", "v"], {"1": "u"}]),
    ),
    st.builds(lambda value: ("settle", about("verdict", value)), st.sampled_from(["keep", "drop"])),
    st.builds(lambda value: ("settle", about("label", value)), words),
    st.builds(lambda value: ("settle", about("tone", value)), words),
    st.builds(lambda value: ("settle", about("rating", value)), st.integers(1, 5)),
)


def marks_of(state: State) -> dict[str, int]:
    """The marks of a state, added up anew over its tables."""
    marks = dict.fromkeys(state.marks, 0)
    single = (state.verdicts, state.edits, state.labels, state.ratings, state.skips)
    single = (*single, state.preferred, state.guidelines)
    events = [e for table in single for e in table.values()]
    for table in (state.tags, state.flags, state.apart, state.settled, state.answers):
        events += [e for by in table.values() for e in by.values()]
    for event in [*events, *(note for notes in state.notes.values() for note in notes)]:
        number = content_number(event, state.notes.get(event.example_id, ()))
        marks[event.kind] = (marks[event.kind] + number) % 2**256
    return {
        kind: mark or state.marks[kind] * (kind == "disagreement") for kind, mark in marks.items()
    }


class StoreMachine(RuleBasedStateMachine):
    """Appends, undoes, redoes, opens again, and compares with the model after every step."""

    ops = Bundle("ops")
    batches = Bundle("batches")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="decisions-"))
        self.events: list[Event] = []
        self.store = self.open()

    def open(self) -> DecisionStore:
        store = DecisionStore(self.folder / "d.db", journal=self.folder / "d.jsonl")
        self.consensus = Consensus(store)
        return store

    def appended(self, decisions: list[Decision]) -> list[str]:
        op_ids = {e.op_id for e in self.events}
        done = self.store.append(decisions)
        fresh = [d for d in decisions if d.op_id not in op_ids]
        assert (done.appended, done.ignored) == (len(fresh), len(decisions) - len(fresh))
        self.take(fresh)
        return [d.op_id for d in decisions]

    def take(self, fresh: list[Decision]) -> None:
        new = self.store.events(since=len(self.events))
        assert [(e.op_id, e.kind, e.value) for e in new] == [
            (d.op_id, d.kind, d.value) for d in fresh
        ]
        self.events += new

    @rule(
        target=ops, who=people, example=examples, what=statements, batch=st.sampled_from(["", "k"])
    )
    def append(self, who, example, what, batch):
        return self.appended([Decision(example, *what, annotator=who, batch=batch)])[0]

    @rule(target=ops, who=people, example=examples, what=statements, reason=words)
    def append_with_reason(self, who, example, what, reason):
        return self.appended(with_reason(Decision(example, *what, annotator=who), reason))[-1]

    @rule(target=batches, who=people, what=statements)
    def append_bulk(self, who, what):
        name = uuid.uuid4().hex
        self.appended([Decision(i, *what, annotator=who, batch=name) for i in "xyz"])
        return name

    @rule(op=ops)
    def send_again(self, op):
        self.appended([next(e for e in self.events if e.op_id == op)])

    @rule(target=ops, who=people, op=ops, kind=st.sampled_from(["undo", "redo"]))
    def append_a_switch(self, who, op, kind):
        batch = "k" if kind == "undo" else ""
        return self.appended([Decision("x", kind, {"op_id": op}, who, batch=batch)])[0]

    def switched(self, kind, before, event):
        after = model([*self.events, *([event] if event else [])])
        changed = before["undone"] != after["undone"]
        assert changed == (event is not None)
        self.take([event] if event else [])
        return event

    @rule(who=people, kind=st.sampled_from(["undo", "redo"]))
    def switch_last(self, who, kind):
        before = model(self.events)
        event = getattr(self.store, kind)(who)
        if event is not None:
            self.switched(kind, before, event)
        elif kind == "undo":
            on = [e for e in self.events if e.annotator == who and e.op_id not in before["undone"]]
            assert all(e.kind in ("undo", "redo") for e in on)

    @rule(who=people, kind=st.sampled_from(["undo", "redo"]), op=ops)
    def switch_one(self, who, kind, op):
        before = model(self.events)
        self.switched(kind, before, getattr(self.store, kind)(who, op_id=op))

    @rule(
        who=people, kind=st.sampled_from(["undo", "redo"]), batch=st.one_of(batches, st.just("k"))
    )
    def switch_batch(self, who, kind, batch):
        before = model(self.events)
        event = getattr(self.store, kind)(who, batch=batch)
        if event is not None:
            self.take([event])
        else:
            off = [e.op_id in before["undone"] for e in self.events if e.batch == batch]
            assert all(off) if kind == "undo" else not any(off)

    @rule()
    def open_again(self):
        self.store.close()
        self.store = self.open()
        assert check(self.store) == []

    @rule(data=st.data())
    def look_back(self, data):
        seq = data.draw(st.integers(0, len(self.events)))
        self.compare(self.store.state(seq), self.events[:seq])

    @invariant()
    def agrees(self):
        self.compare(self.store.state(), self.events)

    def compare(self, state: State, events: list[Event]) -> None:
        for name, expected in model(events).items():
            assert getattr(state, name) == expected, name
        assert state.last == len(events)

    @rule(policy=st.sampled_from(POLICIES), data=st.data())
    def count(self, policy, data):
        """Every policy says what the plain model says, now and at any earlier moment."""
        self.compare_counted(self.consensus.state(policy), self.events, policy)
        seq = data.draw(st.integers(0, len(self.events)))
        self.compare_counted(self.consensus.state(policy, seq), self.events[:seq], policy)

    def compare_counted(self, state: State, events: list[Event], policy: str) -> None:
        models = rates(fold(events[: fit_point(len(events))])) if policy == "dawid-skene" else {}
        fresh = consensus(fold(events), policy, models)
        assert state == fresh, "kept up to date, it is what counting all anew gives"
        assert state.marks == marks_of(state)
        if policy == "dawid-skene" and any(models.values()):
            return  # compared with a published example in tests/test_consensus.py
        expected = counted(events, policy)
        for name in TABLE_OF.values():
            got = {i: (e.kind, e.value) for i, e in getattr(state, name).items()}
            assert got == expected[name], name
        assert {(i, q) for i, qs in state.unsettled.items() for q in qs} == expected["ties"]
        assert expected["lead"] == {
            (q, i): e.value["value"] for i, by in state.answers.items() for q, e in by.items()
        }

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)


StoreMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_the_store_agrees_with_a_plain_dictionary = StoreMachine.TestCase


def test_a_later_schema_is_refused(place, store):
    with store.alone() as connection:
        schemas.put(connection, "schema", "99")
        connection.commit()
    with pytest.raises(CurationError, match="later program"):
        reopened(place)

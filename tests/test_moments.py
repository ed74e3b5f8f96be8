"""Moments of the past: a return makes the state as it was then, and one undo takes it back."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decisions import Decision, DecisionStore, as_one_act, schema
from curation.decisions.consensus import Consensus
from curation.decisions.event import SWITCHES
from curation.decisions.fold import fold
from curation.decisions.moments import TABLES, changes_since, moment_at, moment_words, return_to
from curation.errors import CurationError

TURNS = [{"role": "user", "content": "Name a planet."}, {"role": "assistant", "content": "Mars."}]


@pytest.fixture
def store(tmp_path):
    opened = DecisionStore(tmp_path / "decisions.db", journal=tmp_path / "journal.jsonl")
    yield opened
    opened.close()


def view(state) -> dict:
    """Everything that a state shows of the examples."""
    tables = {name: dict(getattr(state, name)) for name in (*TABLES, "skips")}
    return {**tables, "marks": {k: v for k, v in state.marks.items() if v}}


people, examples, words = (st.sampled_from(s) for s in ("AB", "xyz", "uv"))
statements = st.one_of(
    st.sampled_from([("keep", None), ("drop", None), ("skip", None), ("edit", TURNS)]),
    st.tuples(st.sampled_from(["label", "tag", "untag", "note", "flag", "unflag"]), words),
    st.tuples(st.just("rate"), st.integers(1, 5)),
    st.sampled_from([("prefer", None), ("apart", "v")]),
    st.tuples(st.just("answer"), st.builds(lambda n: {"question": "tone", "value": n}, words)),
)
acts = st.one_of(
    st.tuples(st.just("one"), people, examples, statements, st.sampled_from(["", "k", "m/k"])),
    st.tuples(st.just("many"), people, statements, st.sampled_from(["", "too short"])),
    st.tuples(st.sampled_from(SWITCHES), people),
    st.tuples(st.sampled_from(SWITCHES), people, st.integers(1, 30)),
    st.tuples(st.sampled_from(SWITCHES), people, st.sampled_from(["k", "m"])),
    st.tuples(st.just("return"), people, st.integers(0, 30)),
)


def do(store: DecisionStore, act: tuple) -> None:
    """Do one act of a history; an act that names an event that is not there does nothing."""
    kind, who, *more = act
    if kind == "one":
        example, (what, value), batch = more
        store.append([Decision(example, what, value, who, batch=batch)])
    elif kind == "many":
        (what, value), reason = more
        op = f"bulk{store.last()}"
        store.append(as_one_act([(what, i, value) for i in "xyz"], who, op, 0, reason))
    elif kind == "return":
        if more[0] <= store.last():
            return_to(store, changes_since(store, more[0]), who)
    elif not more:
        getattr(store, kind)(who)
    elif isinstance(more[0], str):
        getattr(store, kind)(who, batch=more[0])
    elif more[0] <= store.last():
        getattr(store, kind)(who, op_id=store.events()[more[0] - 1].op_id)


@settings(max_examples=60, deadline=None)
@given(st.lists(acts, max_size=25), st.data())
def test_a_return_makes_the_state_of_then_and_one_undo_that_of_now(history, data):
    with tempfile.TemporaryDirectory() as folder:
        store = DecisionStore(Path(folder) / "d.db")
        for act in history:
            do(store, act)
        seq = data.draw(st.integers(0, store.last()))
        then, now = view(store.state(seq)), view(store.state())
        before = store.events()
        changes = changes_since(store, seq)
        expected = {i for t in TABLES for i in "xyz" if then[t].get(i) != now[t].get(i)}
        assert set(changes.examples) == expected
        result = return_to(store, changes, "C")
        assert view(store.state()) == then
        assert store.events()[: len(before)] == before, "nothing is removed"
        if result.appended:
            store.undo("C")
            assert view(store.state()) == now
            store.redo("C")
            assert view(store.state()) == then
            store.undo("C")
            assert view(store.state()) == now
            assert store.undo("C") is None
        else:
            assert then == now
        store.close()


def test_what_of_whom_goes_is_counted_and_listed_first(store):
    store.append([Decision("a", "keep", annotator="Ann")])
    store.append(as_one_act([("drop", i, None) for i in "bcd"], "Bob", "bulk", 0, "spam"))
    store.undo("Ann")
    store.append([Decision("e", "label", "x", "Ann")])
    changes = changes_since(store, 1)
    assert changes.by_person() == {"Bob": 3, "Ann": 1}
    assert [e.example_id for e in changes.on] == ["a"]
    assert changes.examples[0] == "e" and set(changes.examples) == set("abcde")
    assert changes.sentence() == (
        "Decisions that count no more: 3 of Bob, 1 of Ann. Decisions that count again: 1."
    )
    result = return_to(store, changes, "Cy", "op")
    assert result.appended == 3, "one for the whole batch, one for the label, one redo"
    assert {e.batch for e in store.events(since=changes.last)} == {"return:1:op"}
    assert return_to(store, changes, "Cy", "op").appended == 0, "a second click adds nothing"
    assert sorted(store.state().verdicts) == ["a"]


def test_examples_differ_by_the_decisions_that_count(store):
    desk = {"question": "desk", "value": "billing"}
    other = {"question": "desk", "value": "returns"}
    store.append([Decision(i, "answer", desk, who) for i in "ab" for who in ("Ann", "Bob")])
    store.append([Decision("a", "answer", other, "Cyd"), Decision("a", "settle", other, "Lea")])
    store.append([Decision("b", "keep", annotator="Ann")])
    counted = partial(Consensus(store).state, "majority")
    changes = changes_since(store, 4, counted)
    assert changes.examples == ("b", "a") == changes_since(store, 4).examples
    then, now = counted(4), counted(changes.last)
    assert then.of("a").summary() == ["desk: billing by Ann and Bob (2 of 2)"]
    assert now.of("a").summary() == ["desk: settled as returns by Lea"]
    assert (moment_words(then)["answered"], moment_words(now)["settled"]) == (2, 1)


def test_a_fit_that_moves_an_answer_is_a_difference_though_nobody_decided_about_it(store):
    store.append([Decision("tie", kind, None, who) for kind, who in (("keep", "A"), ("drop", "B"))])
    store.append([Decision(f"x{n}", "keep", None, who) for n in range(40) for who in "ACD"])
    store.append([Decision(f"x{n}", "drop", None, "B") for n in range(40)])
    counted = partial(Consensus(store).state, "dawid-skene")
    assert counted(2).unsettled == {"tie": ("verdict",)}
    assert counted(store.last()).verdicts["tie"].kind == "keep"
    assert "tie" in changes_since(store, 2, counted).examples
    assert "tie" not in changes_since(store, 2).examples


def test_a_return_is_refused_when_somebody_decided_meanwhile(store):
    store.append([Decision("a", "keep", annotator="Ann")])
    changes = changes_since(store, 0)
    store.append([Decision("b", "keep", annotator="Bob")])
    with pytest.raises(CurationError, match="decided since"):
        return_to(store, changes, "Ann")
    assert store.last() == 2 and set(store.state().verdicts) == {"a", "b"}
    with pytest.raises(CurationError, match="no event 3"):
        changes_since(store, 3)
    with pytest.raises(CurationError, match="name"):
        return_to(store, changes_since(store, 0), " ")
    assert store.append([Decision("c", "keep", annotator="Ann")]).appended == 1, "still usable"


def test_undo_after_a_return_goes_on_with_what_was_before(store):
    for example in "abc":
        store.append([Decision(example, "keep", annotator="Ann")])
    return_to(store, changes_since(store, 1), "Ann")
    assert sorted(store.state().verdicts) == ["a"]
    assert store.redo("Ann") is None, "a return is an act, not an undo to repeat"
    store.undo("Ann")
    assert sorted(store.state().verdicts) == ["a", "b", "c"]
    store.undo("Ann")
    assert sorted(store.state().verdicts) == ["a", "b"]
    store.redo("Ann"), store.redo("Ann")
    assert sorted(store.state().verdicts) == ["a"]


def test_a_batch_undone_in_part_keeps_its_part_after_return_and_undo(store):
    store.append([Decision(i, "drop", annotator="Ann", op_id=i, batch="b") for i in "xyz"])
    store.undo("Ann", op_id="y")
    return_to(store, changes_since(store, 0), "Bob")
    assert not store.state().verdicts
    store.undo("Bob")
    assert set(store.state().verdicts) == {"x", "z"}


def test_a_time_names_the_newest_event_up_to_it(store):
    store.append([Decision("a", "keep"), Decision("b", "keep")])
    events = [replace(e, recorded=float(10 * e.seq)) for e in store.events()]
    assert [moment_at(events, t) for t in (9.9, 10.0, 15.0, 99.0)] == [0, 1, 1, 2]


def test_a_decision_is_saved_while_a_past_moment_is_folded(store, monkeypatch):
    """A save that waited for the fold would not be over before the fold is."""
    store.append([Decision("x", "keep"), Decision("y", "keep"), Decision("z", "keep")])
    saved = []

    def slow(events):
        save = threading.Thread(target=store.append, args=([Decision("x", "drop")],), daemon=True)
        save.start()
        save.join(10)
        saved.append(not save.is_alive())
        return fold(events)

    monkeypatch.setattr("curation.decisions.store.fold", slow)
    assert store.state(2).verdicts.keys() == {"x", "y"}
    assert saved == [True]
    assert store.state(2) is store.state(2) and saved == [True]


def test_a_moment_that_a_repair_overtook_is_not_remembered(store, monkeypatch):
    store.append([Decision("x", "keep"), Decision("y", "keep")])

    def overtaken(events):
        monkeypatch.setattr("curation.decisions.store.fold", fold)
        with store.alone() as connection:
            schema.put(connection, "epoch", "another")
            connection.commit()
        store.last()
        return fold(events)

    monkeypatch.setattr("curation.decisions.store.fold", overtaken)
    before = store.state(1)
    assert store.state(1) is not before

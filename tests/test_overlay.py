"""Layers: after any decisions and undos a view shows what a fresh replay would."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from curation import Project, Step, registry
from curation.cache import Memory
from curation.decisions import Decision
from curation.decisions.event import Event
from curation.decisions.fold import fold
from curation.overlay import Source, over, with_decisions
from curation.recipe import Recipe
from curation.replay import Replay
from curation.report import PEOPLE_COLUMNS
from tests.conftest import make_dataset

PAIRS = [(f"Question {n} of the day?", f"answer {n} is long enough") for n in range(6)]


def neat(batch):
    """Make every text end with a full stop."""
    return [text if text.endswith(".") else f"{text}." for text in batch["text"]]


def early(batch):
    """Keep the rows that do not come last."""
    return batch["source_row"] < 6


def odd(rows):
    """Choose the rows with an odd number, and those that a person keeps."""
    pinned = rows["pinned"].fillna(False).astype(bool) if "pinned" in rows else False
    return (rows["source_row"] % 2 == 1) | pinned


def thirds(rows):
    """Put every third row into the test set."""
    return np.where(rows["source_row"] % 3 == 0, "test", "train")


@pytest.fixture(autouse=True, scope="module")
def operations() -> Iterator[None]:
    registry.operations()
    before = dict(registry._operations)
    registry.clean("Neat")(neat)
    registry.filter("Early", needs=("source_row",))(early)
    registry.select("Odd")(odd)
    registry.split("Thirds")(thirds)
    yield
    registry._operations.clear()
    registry._operations.update(before)


RECIPE = Recipe((Step("neat"), Step("early"), Step("thirds")))
CHOOSING = Recipe((Step("neat"), Step("early"), Step("odd")))
SOURCE = Source("source", make_dataset(PAIRS))
IDS = list(SOURCE.dataset.rows.index)


def turns(answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": "Asked anew?"}, {"role": "assistant", "content": answer}]


SAID = st.one_of(
    st.sampled_from([("keep", None), ("drop", None), ("tag", "x")]),
    st.tuples(st.just("edit"), st.sampled_from(["one", "two"]).map(turns)),
    st.tuples(st.just("label"), st.sampled_from(["u", "v"])),
)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(IDS), SAID, st.sampled_from("AB")),
        st.tuples(st.sampled_from(["undo", "redo"]), st.integers(0, 9)),
    ),
    max_size=14,
)


def events_of(acts) -> list[Event]:
    """The events of acts: what people say, and what they take back of what was said before."""
    events: list[Event] = []
    for n, act in enumerate(acts, 1):
        if act[0] == "say":
            _, example, (kind, value), who = act
            decision = Decision(example, kind, value, who, op_id=f"op{n}")
        elif not events:
            continue
        else:
            target = events[act[1] % len(events)]
            decision = Decision(
                target.example_id, act[0], {"op_id": target.op_id}, "A", op_id=f"op{n}"
            )
        events.append(Event.of(decision, len(events) + 1, 0.0))
    return events


class Forgets:
    """A cache that remembers nothing."""

    def get(self, name, *, plain=True):
        return None

    def put(self, name, table) -> None: ...

    def prune(self) -> None: ...


def replayed(events: list[Event], recipe: Recipe = RECIPE):
    return Replay(SOURCE, Forgets(), people=fold(events)).run(recipe)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(acts=ACTS, share=st.floats(0, 1), later=st.floats(0, 1))
def test_after_any_decisions_a_view_shows_what_a_fresh_replay_would(acts, share, later):
    events = events_of(acts)
    ran = replayed(events[: round(share * len(events))])
    memory = Memory()
    over(SOURCE, ran, fold(events[: round(later * len(events))]), memory)  # a view in between
    shown, _ = over(SOURCE, ran, fold(events), memory)
    fresh = replayed(events)
    columns = ["messages", "prompt", "response", "label", "attention", "dropped_by"]
    pd.testing.assert_frame_equal(shown.rows[columns], fresh.rows[columns])
    counts = [(s.name, s.title, s.kept_in, s.kept_out, s.dropped, s.changed) for s in shown.steps]
    assert counts == [
        (s.name, s.title, s.kept_in, s.kept_out, s.dropped, s.changed) for s in fresh.steps
    ]
    for example in IDS:
        laid_over, anew = (
            [e for e in dataset.explain(example) if e["step"] != "thirds"]  # of whom was kept
            for dataset in (shown, fresh)
        )
        assert laid_over == anew


def test_a_selection_leaves_out_nothing_that_was_kept_since_and_chooses_what_it_chose():
    even, chosen = IDS[1], IDS[2]
    keep = Event.of(Decision(even, "keep", None, "Ann", op_id="1"), 1, 0.0)
    drop = Event.of(Decision(chosen, "drop", None, "Ann", op_id="2"), 2, 0.0)
    ran = replayed([], CHOOSING)
    assert ran.rows["dropped_by"].loc[[even, chosen]].tolist()[0] == "odd"
    shown, _ = over(SOURCE, ran, fold([keep, drop]), Memory())
    assert pd.isna(shown.rows.at[even, "dropped_by"])
    assert shown.rows.at[chosen, "dropped_by"] == "people"
    back, _ = over(SOURCE, replayed([keep, drop], CHOOSING), None, Memory())
    assert pd.isna(back.rows.at[chosen, "dropped_by"])


def test_the_receipt_holds_both_texts_of_an_edit_and_who_overruled_whom():
    last, first = IDS[5], IDS[0]
    decisions = [("keep", last, None), ("drop", first, None), ("edit", first, turns("new"))]
    events = [
        Event.of(Decision(i, kind, value, "Ann", op_id=f"{n}"), n, 0.0)
        for n, (kind, i, value) in enumerate(decisions, 1)
    ]
    shown = replayed(events)
    events_of = {e["what"]: e for e in shown.explain(last) if e["step"] == "people"}
    assert events_of["kept"]["text"] == "kept by Ann, although early dropped it"
    (change,) = [e for e in shown.explain(first) if e["title"] == "Edits and labels"]
    assert orjson.loads(change["before"])[1]["content"] == "answer 0 is long enough."
    assert orjson.loads(change["after"])[1]["content"] == "new"


def test_what_people_said_stands_in_columns(dataset):
    one, other = dataset.rows.index[:2]
    decisions = [
        Decision(one, "tag", "maths", "Ann"),
        Decision(one, "rate", 4, "Ann"),
        Decision(one, "note", "Look again", "Ben"),
        Decision(other, "flag", "review", "Ben"),
    ]
    people = fold(Event.of(d, n, 0.0) for n, d in enumerate(decisions, 1))
    rows = with_decisions(dataset, people).rows
    assert set(PEOPLE_COLUMNS) <= set(rows)
    assert rows.loc[one, ["tags", "rating_by_people", "notes"]].tolist() == [
        "maths",
        4.0,
        "Look again",
    ]
    assert rows.at[other, "flags"] == "review" and pd.isna(rows.at[other, "tags"])
    assert with_decisions(dataset, None).rows[list(PEOPLE_COLUMNS)].isna().all(axis=None)


# --- the same through a project -------------------------------------------------------------------


@pytest.fixture
def project(make_project) -> Project:
    return make_project([{"prompt": p, "completion": c} for p, c in PAIRS], *RECIPE.steps)


def test_an_undo_after_a_run_shows_the_text_and_the_counts_of_before(project):
    first, second = project.examples.rows.index[[0, 5]]
    plain = project.run()
    project.decisions.append([Decision(first, "edit", turns("mended"), "Ann")])
    project.decisions.append([Decision(second, "keep", None, "Ann")])
    project.decisions.append([Decision(first, "drop", None, "Ann")])
    ran = project.run()
    assert ran.rows.at[first, "dropped_by"] == "people" and len(ran.kept) == len(plain.kept)
    for _ in range(3):
        project.decisions.undo("Ann")
    shown = project.view()
    assert not shown.current
    assert shown.dataset.rows.at[first, "response"] == plain.rows.at[first, "response"]
    pd.testing.assert_series_equal(shown.dataset.rows["dropped_by"], plain.rows["dropped_by"])
    assert [s.kept_out for s in shown.dataset.steps] == [s.kept_out for s in plain.steps]


def test_the_receipt_says_why_a_trainer_cannot_use_a_row():
    dataset = make_dataset([("Name a lake.", " "), ("Name a river.", "The Rhine.")])
    empty, good = dataset.rows.index
    assert [e["text"] for e in dataset.explain(empty) if e["what"] == "flagged"] == [
        "an answer is empty"
    ]
    assert [e["what"] for e in dataset.explain(good)] == ["read"]


def test_the_receipt_of_a_project_says_what_became_of_each_decision(project):
    first = project.examples.rows.index[0]
    project.decisions.append([Decision(first, "edit", turns("mended"), "Ann")])
    project.decisions.append([Decision(first, "keep", None, "Ann")])
    project.decisions.append([Decision(first, "drop", None, "Ben")])
    project.decisions.append([Decision(first, "label", "x", "Ben")])
    project.decisions.undo("Ben")
    decided = [e for e in project.explain(first) if e["step"] == "decision"]
    assert [(e["what"], e["text"]) for e in decided] == [
        ("edit", "2 turns"),
        ("keep", "overruled by Ben"),
        ("drop", ""),
        ("label", "x, taken back"),
        ("undo", "label x"),
    ]
    assert decided[0]["value"] == turns("mended") and decided[1]["overruled_by"] == "Ben"

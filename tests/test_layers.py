"""Layers, one at a time: what each changes, counts and leaves, with no replay and no project."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation import registry
from curation.cache import Memory
from curation.dataset import Message, dump_messages, load_messages
from curation.decisions import Decision
from curation.decisions.event import Event
from curation.decisions.fold import fold
from curation.overlay import PeopleLayer, Source, interleaved, lay, over
from curation.report import StepReport
from tests.conftest import make_dataset

PAIRS = [("How?", "So."), ("HOW?", "so."), ("how?", "SO."), ("Why?", "Because.")]
DATASET = make_dataset(PAIRS)
IDS = list(DATASET.rows.index)


def layer(ids, kind="filter", name="first", use=None, **columns) -> StepReport:
    delta = pd.DataFrame(columns, index=pd.Index(ids, name="id", dtype="str"))
    return StepReport(name, use or name, name.title(), kind, {}, f"of {name}", delta=delta)


def people_of(*decisions):
    return fold(Event.of(d, n, 0.0) for n, d in enumerate(decisions, 1))


def layers_of(*decisions) -> list[StepReport]:
    """The layers of what people decided, in their order."""
    layers = interleaved([], str, people_of(*decisions))
    return [layer.report("people's") for layer in layers]


def dropped_by(dataset):
    return [None if pd.isna(name) else name for name in dataset.rows["dropped_by"]]


def test_steps_stand_by_phase_and_people_behind_cleaning_and_before_selection():
    phases = {"c": "clean", "m": "measure", "s": "select", "p": "split"}
    people = people_of(Decision(IDS[0], "label", "x", "Ann"), Decision(IDS[1], "keep", None, "Ann"))
    edits, verdicts = "Edits and labels", "Kept and dropped by people"

    def order(people, *last):
        layers = interleaved("spmcm", phases.get, people, *last)
        return [part.title if isinstance(part, PeopleLayer) else part for part in layers]

    assert order(people) == ["c", edits, "m", "m", verdicts, "s", "p"]
    assert order(people, "select") == ["c", edits, "m", "m", verdicts, "s", "p"]
    assert order(people, "measure") == ["c", edits, "m", "m", "s", "p"]
    assert order(people, "clean") == ["c", "m", "m", "s", "p"]
    assert order(None) == ["c", "m", "m", "s", "p"]
    assert order(people_of(Decision(IDS[1], "drop", None, "Ann"))) == list("cmm") + [
        verdicts,
        *"sp",
    ]


def test_a_layer_of_people_is_a_step_of_theirs_whose_mark_follows_what_it_holds():
    keep, label = Decision(IDS[0], "keep", None, "Ann"), Decision(IDS[0], "label", "x", "Ann")
    edits, verdicts = list(interleaved([], str, people_of(keep, label)))
    report = edits.report("mark")
    assert (report.name, report.use, report.kind, report.params) == ("people",) * 3 + ({},)
    assert (report.title, report.fingerprint, report.cached) == ("Edits and labels", "mark", True)
    assert report.delta["label"].tolist() == ["x"] and verdicts.delta["keep"].tolist() == [True]
    (other,) = interleaved([], str, people_of(label))
    assert other.fingerprint == edits.fingerprint != verdicts.fingerprint
    kept, dropped, first, second = (
        next(interleaved([], str, people_of(Decision(IDS[0], kind, value, "Ann")))).fingerprint
        for kind, value in (
            ("keep", None),
            ("drop", None),
            ("edit", [{"role": "user", "content": "How?"}]),
            ("edit", [{"role": "user", "content": "Why?"}]),
        )
    )
    assert kept == verdicts.fingerprint and len({kept, dropped, first, second}) == 4


def test_a_step_drops_what_is_still_kept_and_counts_it():
    once = lay(DATASET, layer(IDS, keep=[False, True, True, True], reason="x"))
    twice = lay(once, layer(IDS, name="second", keep=[False, False, True, True], reason="y"))
    assert dropped_by(twice) == ["first", "second", None, None]
    first, second = twice.steps
    assert (first.kept_in, first.kept_out, first.dropped) == (4, 3, 1)
    assert (second.kept_in, second.kept_out, second.dropped, second.changed) == (3, 2, 1, 0)
    assert second.columns == () and second.before is None and second.overruled is None
    assert dropped_by(DATASET) == [None] * 4, "the layer below is as it was"


def test_a_step_that_saw_no_row_drops_none():
    assert dropped_by(lay(DATASET, layer([], keep=[], reason=[]))) == [None] * 4


def test_changed_text_is_kept_as_it_was_and_what_is_derived_follows():
    texts = DATASET.rows["messages"]
    question, _ = load_messages(texts.iloc[0])
    fresh = [dump_messages([question, Message("assistant", "Thus.")]), texts.iloc[1], None, None]
    laid = lay(DATASET, layer(IDS, kind="clean", messages=pd.Series(fresh, IDS, dtype="str")))
    (report,) = laid.steps
    assert report.changed == 1 and report.before.to_dict() == {IDS[0]: texts.iloc[0]}
    assert laid.rows["response"].tolist() == ["Thus.", "so.", "SO.", "Because."]
    assert report.columns == ()


def test_a_label_takes_the_place_of_the_file_s_own_where_one_is_given():
    dataset = make_dataset(PAIRS, ["a", "b", "c", "d"])
    ids = list(dataset.rows.index)
    labels = pd.Series(["new", None], ids[1:3], dtype="str")
    assert lay(dataset, layer(ids[1:3], label=labels)).rows["label"].tolist() == list("a") + [
        "new",
        "c",
        "d",
    ]


def test_what_a_second_step_did_not_measure_stays_as_the_first_measured_it():
    once = lay(DATASET, layer(IDS, kind="score", length=[1, 2, 3, 4], keep=True, split="test"))
    again = layer(IDS[:2], kind="score", name="again", length=[10.5, None])
    twice = lay(once, again)
    assert twice.rows["length"].tolist() == [10.5, 2, 3, 4]
    assert once.steps[-1].columns == ("length",) and twice.steps[-1].columns == ("length",)
    moved = lay(twice, layer(IDS[:1], kind="split", name="anew", split="train"))
    assert moved.rows["split"].isna().tolist() == [False, True, True, True], "a split is whole"
    assert "keep" not in moved.rows and "reason" not in moved.rows


def test_people_overrule_every_step_and_the_layer_remembers_whom():
    stepped = lay(DATASET, layer(IDS, keep=[False, False, True, True], reason="x"))
    decided = [
        Decision(IDS[0], "keep", None, "Ann"),
        Decision(IDS[1], "drop", None, "Ann"),
        Decision(IDS[2], "drop", None, "Ann"),
        Decision("not-here", "drop", None, "Ann"),
    ]
    (verdicts,) = layers_of(*decided)
    laid = lay(stepped, verdicts)
    assert dropped_by(laid) == [None, "people", "people", None]
    assert laid.rows["pinned"].tolist() == [True, False, False, False]
    report = laid.steps[-1]
    assert report.overruled.to_dict() == {IDS[0]: "first", IDS[1]: "first"}
    assert (report.kept_in, report.kept_out, report.dropped) == (2, 2, 1)
    assert "not-here" not in report.delta.index and set(report.delta.index) == set(IDS[:3])


def exact(ids=IDS, name="drop_exact_duplicates") -> StepReport:
    """The result of drop_exact_duplicates when it keeps the first of the three copies."""
    registry.operations()
    params = registry.operation("drop_exact_duplicates").check({})
    kept_for = pd.Series([None, IDS[0], IDS[0], None], IDS, dtype="str").loc[ids]
    keep = kept_for.isna().tolist()
    kept = {"duplicate_of": kept_for, "duplicate_of_all": kept_for}
    report = layer(ids, name=name, use="drop_exact_duplicates", keep=keep, **kept)
    return StepReport(**{**vars(report), "params": params, "delta": report.delta.assign(reason="")})


def test_the_next_best_copy_comes_back_and_says_why():
    (verdicts,) = layers_of(Decision(IDS[0], "drop", None, "Ann"))
    laid = lay(lay(DATASET, exact()), verdicts)
    assert dropped_by(laid) == ["people", None, "drop_exact_duplicates", None]
    delta = laid.steps[-1].delta
    assert delta.at[IDS[1], "keep"] and delta["keep"].dtype == bool
    assert delta.at[IDS[1], "reason"] == (
        f"comes back: {IDS[0]}, which was kept for it, was dropped by people"
    )
    assert (laid.steps[-1].kept_in, laid.steps[-1].kept_out) == (2, 2)


@pytest.mark.parametrize("before", [False, True])
def test_no_copy_comes_back_that_somebody_else_dropped(before):
    (verdicts,) = layers_of(
        Decision(IDS[0], "drop", None, "Ann"), Decision(IDS[1], "drop", None, "Ann")
    )
    other = layer(IDS, name="other", keep=[True, True, False, True], reason="x")
    steps = [other, exact()] if before else [exact(), other]
    dataset = DATASET
    for step in (*steps, verdicts):
        dataset = lay(dataset, step)
    last = "other" if before else None
    assert dropped_by(dataset) == ["people", "people", last, None]


def test_a_view_of_a_run_knows_what_people_say_now_and_not_what_they_said():
    source = Source("digest", DATASET)
    drop, keep = Decision(IDS[3], "drop", None, "Ann"), Decision(IDS[1], "keep", None, "Ann")
    ran = DATASET
    vectors = np.eye(4, dtype=np.float32)
    for step in (exact(), *layers_of(drop)):
        ran = lay(ran, step)
    ran = ran.replace(vectors=vectors)
    memory: Memory = Memory()
    shown, mark = over(source, ran, people_of(keep), memory)
    assert dropped_by(shown) == [None, None, "drop_exact_duplicates", None]
    assert shown.vectors is ran.vectors and [s.name for s in shown.steps] == [
        "drop_exact_duplicates",
        "people",
    ]
    again, same = over(source, ran, people_of(keep), memory)
    assert same == mark and again.rows is shown.rows, "what is laid once is remembered"
    bare, other = over(source, ran, None, memory)
    assert other != mark and dropped_by(bare)[1] == "drop_exact_duplicates"
    assert over(Source("another", DATASET), ran, None, memory)[1] != other
    assert shown.steps[-1].fingerprint == mark


def test_a_selection_is_laid_without_the_rows_that_somebody_keeps_since():
    chosen = layer(IDS, kind="select", name="chosen", keep=[True, False, False, False], reason="")
    (pinned,) = layers_of(Decision(IDS[1], "keep", None, "Ann"))
    ran = lay(lay(DATASET, pinned), chosen)  # it knew of one, and left it out all the same
    people = people_of(Decision(IDS[1], "keep", None, "Ann"), Decision(IDS[2], "keep", None, "Bo"))
    shown, _ = over(Source("digest", DATASET), ran, people, Memory())
    assert dropped_by(shown) == [None, "chosen", None, "chosen"]

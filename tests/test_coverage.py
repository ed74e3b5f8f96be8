"""A dataset against a reference set: what is within reach, gaps, and what there is too much of."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from curation import Project, Step
from curation.cli.compare import coverage_text
from curation.comparison import compare_with, comparison_key
from curation.dataset import Dataset
from curation.decisions import Decision
from curation.errors import CurationError
from curation.looking import coverage, quotas
from curation.looking.coverage import Compared, compare, usual_reach
from curation.looking.gaps import (
    Excess,
    as_json_lines,
    copies,
    copies_kept,
    gaps,
    over_represented,
    still_dropped,
)
from curation.operations.select_coverage import select_diverse
from curation.report import StepReport
from curation.ui.coverage.numbers import basis
from tests.conftest import ROOT, make_dataset
from tests.drawn import opened
from tests.test_pages import button
from tests.test_selection import choose, pool

SUBJECTS = {
    "bread": "dough oven yeast flour crust",
    "stars": "planet telescope orbit galaxy comet",
    "football": "goal keeper striker league referee",
    "gardens": "tulip spade compost hedge lawn",
    "music": "violin chord rhythm melody choir",
    "ships": "anchor harbour sail rudder captain",
}
PER_SUBJECT = 16


def set_of_subjects() -> tuple[Dataset, np.ndarray]:
    """Six subjects that lie far apart, sixteen texts each, and each row's subject as its topic."""
    rng = np.random.default_rng(4)
    pairs, topics = [], []
    for subject, words in SUBJECTS.items():
        for i in range(PER_SUBJECT):
            chosen = " ".join(rng.choice(words.split(), 3, replace=False))
            pairs.append((f"Number {i} about {subject}: {chosen}?", f"Something on {subject} {i}."))
            topics.append(subject)
    data = make_dataset(pairs)
    centres = np.linalg.qr(rng.normal(size=(12, 12)))[0][: len(SUBJECTS)]
    vectors = np.repeat(centres, PER_SUBJECT, axis=0) + 0.15 * rng.normal(size=(len(pairs), 12))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    rows = data.rows.assign(
        topic=pd.Series(topics, index=data.rows.index, dtype="str"),
        map_x=vectors[:, 0].astype(float),
        map_y=vectors[:, 1].astype(float),
    )
    return Dataset(rows, vectors), vectors


def without(dataset: Dataset, mask: np.ndarray, by: str = "keep_between") -> Dataset:
    dropped = dataset.rows["dropped_by"].mask(mask, by).astype("str")
    return dataset.replace(rows=dataset.rows.assign(dropped_by=dropped))


def report(name: str, kind: str, delta: pd.DataFrame) -> StepReport:
    return StepReport(
        name=name, use=name, title=name, kind=kind, params={}, kept_in=0, kept_out=0, dropped=0,
        changed=0, seconds=0, cached=False, fingerprint="", columns=(),
        delta=delta, before=None,
    )  # fmt: skip


@pytest.mark.parametrize("lost", list(SUBJECTS))
def test_a_dataset_that_lost_one_topic_lists_exactly_that_topic_as_the_gap(lost):
    whole, vectors = set_of_subjects()
    removed = (whole.rows["topic"] == lost).to_numpy()
    part = Dataset(whole.rows[~removed], vectors[~removed])
    compared = compare(part, vectors, list(whole.rows.index))
    (gap,) = gaps(compared, whole.rows["prompt"], compared.about["reach"])
    assert set(gap.missing) == set(whole.rows.index[removed])
    assert lost in gap.name or any(word in gap.name for word in SUBJECTS[lost].split())
    assert compared.within(compared.about["reach"]) == pytest.approx(1 - 1 / len(SUBJECTS))
    assert gap.closing == () and gap.closed == 0, "nothing was dropped that could close it"


def test_a_reference_equal_to_the_dataset_has_no_gap_and_nothing_is_over_represented():
    whole, vectors = set_of_subjects()
    compared = compare(whole, vectors, list(whole.rows.index))
    assert compared.within(compared.about["reach"]) == 1.0
    assert gaps(compared, whole.rows["prompt"], compared.about["reach"]) == []
    assert over_represented(compared, 1.0).empty
    assert (compared.rows["nearest"] == compared.rows.index).all()
    assert np.allclose(compared.rows["map_x"], whole.rows["map_x"], atol=0.35)


def test_dropped_rows_that_would_close_a_gap_are_named_and_before_is_beside_after():
    whole, vectors = set_of_subjects()
    removed = (whole.rows["topic"] == "ships").to_numpy()
    compared = compare(without(whole, removed), vectors, list(whole.rows.index))
    reach = compared.about["reach"]
    assert (compared.within(reach, "before"), compared.last) == (1.0, "kept")
    assert compared.within(reach) == pytest.approx(5 / 6)
    (gap,) = gaps(compared, whole.rows["prompt"], reach)
    assert set(gap.closing) <= set(whole.rows.index[removed]) and gap.closed == PER_SUBJECT
    kept_again = compare(
        without(whole, removed & ~whole.rows.index.isin(gap.closing)),
        vectors,
        list(whole.rows.index),
    )
    assert kept_again.within(reach) == 1.0, "keeping them does close it"


def test_a_selection_is_a_stage_of_its_own_with_chance_beside_it():
    whole, vectors = set_of_subjects()
    filtered = (whole.rows["topic"] == "ships").to_numpy()
    rest = without(whole, filtered)
    chosen = np.isin(np.arange(len(whole)), np.flatnonzero(~filtered)[::PER_SUBJECT])
    cut = without(rest, ~filtered & ~chosen, "select_random")
    delta = pd.DataFrame({"keep": chosen[~filtered]}, index=whole.rows.index[~filtered])
    data = cut.replace(steps=(report("select_random", "select", delta),))
    compared = compare(data, vectors, list(whole.rows.index))
    assert compared.about["stages"] == {"before": 96, "kept": 80, "chosen": 5}
    assert compared.last == "chosen"
    low, high = compared.by_chance(0.8)
    assert 0 < low <= high < 1
    all_of_it = compare(whole, vectors, list(whole.rows.index))
    assert all_of_it.by_chance(0.8) is None, "chance covers the whole as well"
    again = Compared.from_table(compared.to_table())
    assert again.about == compared.about
    assert again.within(0.8, "kept") == compared.within(0.8, "kept")


def test_rows_dropped_before_they_were_embedded_count_in_no_stage():
    whole, vectors = set_of_subjects()
    bare = np.arange(len(whole)) < 10
    vectors = np.where(bare[:, None], np.nan, vectors).astype(np.float32)
    masks = coverage.stages(without(whole, bare).replace(vectors=vectors))
    assert [int(mask.sum()) for mask in masks.values()] == [86, 86]
    with pytest.raises(CurationError, match="Nothing is kept"):
        compare(without(whole, np.ones(len(whole), dtype=bool)), vectors[10:], ["a"] * 86)


def test_what_is_cut_leaves_each_topic_at_the_multiple_of_its_share():
    whole, vectors = set_of_subjects()
    topics = whole.rows["topic"]
    positions = np.flatnonzero((topics == "bread") | (topics == "stars"))[:20]  # 16 bread, 4 stars
    compared = compare(whole, vectors[positions], list(whole.rows.index[positions]))
    over = over_represented(compared, 1.0).set_index("topic")
    assert set(over.index) == set(SUBJECTS) - {"bread", "stars"} and (over["cut"] == 0).all()
    assert np.isinf(over["ratio"]).all()
    cut = over_represented(compared, 1.0, untouched=True).set_index("topic")
    assert (cut["keep"] == 0).all() and cut["cut"].sum() == 64
    table = dict(compared.about)
    few = Compared(compared.rows, {**table, "topics": {"bread": 100, "stars": 300}})
    (line,) = over_represented(few, 1.0).to_dict("records")
    assert (line["topic"], line["keep"], line["cut"]) == ("stars", 25, 275)
    assert line["keep"] / (line["keep"] + 100) == pytest.approx(4 / 20)
    assert line["beyond_chance"]
    close = Compared(compared.rows, {**table, "topics": {"bread": 78, "stars": 22}})
    (line,) = over_represented(close, 1.0).to_dict("records")
    assert not line["beyond_chance"] and line["cut"] == 0, "4 of 20 may as well be 22 %"


def test_the_reach_begins_where_our_own_examples_lie():
    assert usual_reach(np.array([0.6, 0.7, 0.8, 0.9])) == 0.67
    assert usual_reach(np.ones(9)) == coverage.HIGHEST_REACH, "of twins"
    assert usual_reach(np.array([0.2, 0.4, 0.6])) == coverage.LOWEST_REACH, "of a sparse set"
    assert usual_reach(np.zeros(0)) == coverage.LOWEST_REACH


def test_quotas_hold_beside_balance():
    frame, vectors = pool()
    chosen = choose("diverse", frame, vectors, budget=12, balance="topic", quotas=["a = 3"])
    assert frame["topic"][chosen["keep"]].value_counts().to_dict() == {"b": 9, "a": 3}
    none = choose("diverse", frame, vectors, budget=12, balance="topic", quotas=["a=0", "b = 5"])
    assert frame["topic"][none["keep"]].value_counts().to_dict() == {"b": 5}
    pinned_pool, _ = pool(pinned=(0, 4))
    kept = choose("diverse", pinned_pool, vectors, budget=12, balance="topic", quotas=["a = 0"])
    assert pinned_pool["topic"][kept["keep"]].value_counts().to_dict() == {"b": 10, "a": 2}


@pytest.mark.parametrize(
    ("quotas", "balance", "sentence"),
    [
        (["a = 3"], None, "need a column to balance by"),
        (["a: 3"], "topic", "is not a value, = or >=, and a whole number"),
        (["a = -3"], "topic", "is not a value, = or >=, and a whole number"),
        (["a = 3", "a = 4"], "topic", "two quotas for 'a'"),
        (["a >= 3", "a>=4"], "topic", "two quotas for 'a'"),
        (
            ["a = 4", "z >= 3"],
            "topic",
            "names 'z', which no kept example has as its topic; there are: 'a'",
        ),
    ],
)
def test_a_quota_that_cannot_be_used_is_a_sentence(quotas, balance, sentence):
    frame, vectors = pool()
    with pytest.raises(CurationError, match=sentence):
        choose("diverse", frame, vectors, budget=8, balance=balance, quotas=quotas)
    assert "quotas" in select_diverse.__kwdefaults__


def test_prompts_to_write_data_for_are_json_lines_in_the_order_asked_for():
    whole, vectors = set_of_subjects()
    compared = compare(whole, vectors, list(whole.rows.index))
    ids = tuple(whole.rows.index[[3, 1]])
    lines = as_json_lines(compared, whole.rows["prompt"], ids, "bread").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"prompt": whole.rows.at[i, "prompt"], "region": "bread", "similarity": 1.0} for i in ids
    ]


def cuts(last: str) -> tuple[Compared, pd.DataFrame]:
    stages = {"before": 400, "kept": 400, "chosen": 400}
    rows = pd.DataFrame({"kept": 1.0, "chosen": 1.0, "topic": ["bread"] * 16 + ["stars"] * 4})
    stages = {name: n for name, n in stages.items() if name == last or last == "chosen"}
    compared = Compared(rows, {"stages": stages, "topics": {"bread": 100, "stars": 300}})
    return compared, over_represented(compared, 1.0)


def test_cuts_become_a_budget_and_quotas_for_select():
    compared, over = cuts("kept")
    budgets = {"budget": 125, "balance": "topic", "quotas": ["stars = 25"]}
    assert quotas.of_cuts(compared, over) == budgets
    compared, over = cuts("chosen")  # then no other topic may grow either
    assert quotas.of_cuts(compared, over)["quotas"] == ["bread = 100", "stars = 25"]
    excess = Excess.of(compared, over)
    assert (excess.cut, excess.total, excess.left) == (275, 400, 125)
    assert (list(excess.touched["topic"]), len(excess.never), excess.beyond_chance) == (
        ["stars"],
        0,
        1,
    )
    (line,) = over.to_dict("records")
    assert (line["here"], line["keep"], line["cut"]) == (300, 25, 275)


def test_a_quota_takes_the_place_of_the_former_of_its_topic():
    before = {"budget": 9, "balance": "topic", "quotas": ["a = b = 3", "c=1"]}
    after = quotas.with_quota(before, "a = b", 5)
    assert after == {"budget": 9, "balance": "topic", "quotas": ["c=1", "a = b = 5"]}
    labelled = {"budget": 9, "balance": "label", "quotas": ["a = 1"]}
    assert quotas.with_quota(labelled, "c", 2) == {
        "budget": 9,
        "balance": "topic",
        "quotas": ["c = 2"],
    }, "quotas of labels are none of topics"
    assert quotas.with_quota({}, "c", 0) == {"balance": "topic", "quotas": ["c = 0"]}
    assert before["quotas"] == ["a = b = 3", "c=1"]


def test_what_was_compared_is_said_with_what_was_left_out():
    compared = Compared(pd.DataFrame(), {"of": "both", "rows": 9, "stages": {"before": 9}})
    assert basis(compared) == "Compared by prompt and response."
    compared = Compared(pd.DataFrame(), {"of": "prompt", "rows": 1_009, "stages": {"before": 9}})
    assert basis(compared) == (
        "Compared by prompt; 1,000 rows were dropped before embedding and do not count."
    )


def test_what_may_be_a_copy_of_the_reference_stands_beside_it_and_what_was_dropped_is_gone():
    near = {"kept": [0.97, 0.2, 0.99, 0.95], "nearest": ["a", "b", "c", "a"]}
    compared = Compared(pd.DataFrame(near, index=[*"wxyz"]), {"stages": {"before": 9, "kept": 9}})
    copied = copies(compared)
    assert copied["example"].to_dict() == {"y": "c", "w": "a", "z": "a"}
    assert copied["similarity"].is_monotonic_decreasing
    rows = pd.DataFrame({"prompt": ["A?", "B?"], "dropped_by": [None, None]}, index=["a", "b"])
    prompts = pd.Series([*"WXYZ"], index=[*"wxyz"])
    pairs = copies_kept(copied, prompts, rows)
    assert pairs["example"].tolist() == ["a", "a"], "c is no row any more"
    assert pairs["asked"].tolist() == ["W", "Z"] and pairs["prompt"].tolist() == ["A?", "A?"]
    dropped = rows.assign(dropped_by=["people", None])
    assert copies_kept(copied, prompts, dropped).empty


@pytest.mark.parametrize("last, lost", [("chosen", 0.25), ("kept", 0.0)])
def test_what_the_selection_takes_out_of_reach_is_told(last, lost):
    stages = {"before": 9, "kept": 9} | ({"chosen": 4} if last == "chosen" else {})
    rows = pd.DataFrame({"kept": [0.9, 0.8, 0.9, 0.1], "chosen": [0.9, 0.2, 0.9, 0.1]})
    compared = Compared(rows, {"stages": stages})
    assert compared.lost_by_choice(0.5) == pytest.approx(lost)
    assert compared.points_since(0.5, "kept") == pytest.approx(-100 * lost)
    assert compared.count_within(0.5) == 3 - bool(lost)


def test_a_row_that_is_kept_by_now_or_gone_closes_no_gap():
    rows = pd.DataFrame({"dropped_by": ["x", None]}, index=["a", "b"], dtype="str")
    assert still_dropped(rows, ("gone", "b", "a")) == ["a"]


def questions(tmp_path, count=6):
    path = tmp_path / "maths.jsonl"
    records = [
        {"question": f"A train of {i} waggons loses {i - 1}; how many are left?", "answer": "One."}
        for i in range(2, 2 + count)
    ]
    path.write_text("".join(json.dumps(q) + "\n" for q in records), "utf-8")
    return path


def test_a_project_remembers_a_comparison_until_something_changes(project, tmp_path):
    reference, _ = project.references.add(questions(tmp_path))
    first = compare_with(project, reference)
    files = list(reference.results.glob("*.arrow"))
    assert len(files) == 1 and first.about["of"] == "both"
    computed = project.vectors.computed
    assert compare_with(project, reference).rows.equals(first.rows)
    assert project.vectors.computed == computed and list(reference.results.glob("*.arrow")) == files
    prompts = compare_with(project, reference, "prompt")
    assert prompts.about["of"] == "prompt" and not prompts.rows["kept"].equals(first.rows["kept"])
    otherwise = replace(reference, settings={"format": "text", "mapping": {}})
    assert comparison_key(project, otherwise) != comparison_key(project, reference), (
        "read in another way"
    )
    own, _ = project.references.add(project.path, "itself")
    compared = compare_with(project, own)
    assert compared.within(compared.about["reach"]) == 1.0
    assert over_represented(compared, 1.0).empty


def test_a_comparison_is_remembered_under_the_view_it_was_made_of(project, tmp_path, monkeypatch):
    reference, _ = project.references.add(questions(tmp_path))
    project.view()
    before, real, chosen = comparison_key(project, reference), Project.view, []

    def interrupted(self):
        """The view is read; then somebody drops an example that it shows."""
        view = real(self)
        if not chosen:
            chosen.append(str(view.dataset.kept.index[0]))
            self.decisions.append([Decision(chosen[0], "drop", annotator="Ben")])
        return view

    with monkeypatch.context() as patch:
        patch.setattr(Project, "view", interrupted)
        compared = compare_with(project, reference)
    later = compare_with(project, reference)
    assert compared.about["stages"] != later.about["stages"]
    project.decisions.undo("Ben")
    assert comparison_key(project, reference) == before
    assert compare_with(project, reference).about["stages"] == compared.about["stages"]


def test_without_embeddings_a_comparison_is_a_sentence(tmp_path):
    bare = Project.create(tmp_path / "bare")
    bare.add(questions(tmp_path))
    bare.recipe += Step("lengths")
    bare.run()
    reference, _ = bare.references.add(questions(tmp_path))
    with pytest.raises(CurationError, match="add the step Embeddings and run the recipe"):
        compare_with(bare, reference)


def coverage_page() -> AppTest:
    return opened("coverage")


def test_the_page_shows_shares_gaps_and_what_is_too_much(project, tmp_path):
    assert any("There is no reference set yet" in i.value for i in coverage_page().info)
    reference, _ = project.references.add(questions(tmp_path))
    assert any("Not compared yet" in c.value for c in coverage_page().caption)
    compare_with(project, reference)
    app = coverage_page()
    assert {m.label for m in app.metric} >= {"Within reach", "With an embedding", "Gaps"}
    part = next(g for g in app.segmented_control if g.label == "Show")
    part.set_value("Over-represented").run()
    assert not app.exception
    assert button(app, "Send the budgets to Select")
    part.set_value("Copies").run()
    app.slider(key="coverage-copies").set_value(0.8).run()
    assert not app.exception
    before = project.recipe
    app.button(key="coverage-decontaminate").click().run()
    added = [step.params for step in project.recipe.steps if step.use == "decontaminate"]
    assert not app.exception and added == [{"sets": [reference.name]}]
    project.recipe = before
    reach = next(s for s in app.slider if s.label.startswith("Within reach"))
    reach.set_value(0.95)
    part = next(g for g in app.segmented_control if g.label == "Show")
    part.set_value("Gaps").run()
    assert not app.exception
    assert any("out of reach" in m.value for m in app.markdown)


def test_a_reference_that_was_just_added_is_chosen_once(project, tmp_path, monkeypatch):
    monkeypatch.setenv("CURATION_FILES", str(tmp_path))
    project.references.add(questions(tmp_path), "one")
    app = coverage_page()
    more = questions(tmp_path, 5).rename(tmp_path / "two.jsonl")
    next(g for g in app.segmented_control if "Path" in g.options).set_value("Path").run()
    app.text_input(key="reference-path").set_value(str(more)).run()
    app.text_input(key="reference-name").set_value("two").run()
    app.button(key="reference-add").click().run()
    assert not app.exception and not app.session_state["coverage-adding"]
    end = time.time() + 60
    while len(project.references.all()) < 2 and time.time() < end:
        time.sleep(0.2)
    assert app.run().selectbox(key="coverage-target").value == "two"
    app.selectbox(key="coverage-target").select_index(0).run()
    assert app.run().selectbox(key="coverage-target").value == "one"


def test_a_damaged_comparison_computed_afresh_is_found_by_the_same_app(project, tmp_path):
    reference, _ = project.references.add(questions(tmp_path))
    compare_with(project, reference)
    (path,) = reference.results.glob("*.arrow")
    path.write_bytes(path.read_bytes()[:-1])
    assert any("Not compared yet" in c.value for c in coverage_page().caption)
    compare_with(project, reference)
    app = coverage_page()
    assert app.metric and not any("have changed since" in i.value for i in app.info)


def test_a_reference_is_read_once_however_often_the_page_is_drawn(project, tmp_path, monkeypatch):
    reference, _ = project.references.add(questions(tmp_path))
    compare_with(project, reference)
    read, files_read = pd.read_parquet, []

    def counting(source, *args, **kwargs):
        files_read.append(str(getattr(source, "name", source)))
        return read(source, *args, **kwargs)

    monkeypatch.setattr(pd, "read_parquet", counting)
    app = coverage_page()
    next(s for s in app.slider if s.label.startswith("Within reach")).set_value(0.95)
    next(g for g in app.segmented_control if g.label == "Show").set_value("Gaps").run()
    assert not app.exception
    assert sum(name == str(reference.folder / "examples.parquet") for name in files_read) == 1


def test_dropped_rows_are_kept_from_the_page(project, tmp_path):
    dropped = project.view().dataset.dropped
    dropped = dropped[dropped["dropped_by"] == "select_balanced"].head(4)
    path = tmp_path / "wanted.jsonl"
    path.write_text(
        "".join(json.dumps({"prompt": p, "response": r}) + "\n"
                for p, r in zip(dropped["prompt"], dropped["response"], strict=True)),
        "utf-8",
    )  # fmt: skip
    reference, _ = project.references.add(path)
    compare_with(project, reference)
    app = coverage_page()
    next(s for s in app.slider if s.label.startswith("Within reach")).set_value(0.95)
    next(g for g in app.segmented_control if g.label == "Show").set_value("Gaps").run()
    button(app, "Yes, keep").click().run()
    assert not app.exception
    kept = {e.example_id for e in project.decisions.events() if e.kind == "keep"}
    assert kept and kept <= set(project.view().dataset.rows.index)
    assert kept & set(dropped.index)
    assert any("have changed since" in i.value for i in app.info)


def test_budgets_arrive_at_select(project):
    app = AppTest.from_file(str(ROOT / "pages/deliver/select.py"), default_timeout=120)
    topic = project.view().dataset.kept["topic"].iloc[0]
    budgets = {"budget": 200, "balance": "topic", "quotas": [f"{topic} = 3"]}
    app.session_state[f"select-handed-{project.path}"] = budgets
    app.run()
    assert not app.exception
    assert next(n for n in app.number_input if n.label == "Budget").value == 200
    assert next(t for t in app.text_area if t.label == "Quotas").value == f"{topic} = 3"
    assert "quotas" not in project.recipe.to_yaml(), "nothing is changed before it is saved"
    button(app, "Discard").click().run()
    assert next(n for n in app.number_input if n.label == "Budget").value != 200


def test_each_share_names_the_examples_that_it_counts():
    value = {"reference": "Sums", "rows": 4, "reach": 0.62, "by_chance": None, "copies": 0}
    value |= {"within_reach": {"before": 0.75, "kept": 0.5}, "gaps": [], "over_represented": []}
    assert coverage_text(value) == (
        "Sums: 4 rows; share within reach (similarity 0.62 or more) of an example: "
        "75.0% among those with an embedding, 50.0% among those kept"
    )

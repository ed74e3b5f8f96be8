"""A training run: the test set, the arms, the fits, going on after an end, and the verdict."""

from __future__ import annotations

import importlib.machinery
import json
import math
import re
import sys
import types
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from curation import Project, Step, runs
from curation.cli import app
from curation.dataset import silent
from curation.decisions import Decision
from curation.errors import Cancelled, CurationError
from curation.recipe import Recipe
from curation.runs import Run
from curation.training import learners
from curation.training.arms import Arm, recipe_of
from curation.training.holdout import hold_out
from curation.training.learners import Cost, Outcome, Point
from curation.training.plan import Plan, budgets_for, plan_for
from curation.training.pool import Pool, only, replaying_of
from curation.training.run import Bench, execute
from curation.training.verdict import influence, verdict

TOPICS = {
    "food": "bread soup cheese apple pan oven salt butter rice tea".split(),
    "space": "planet star moon orbit rocket comet galaxy telescope sun probe".split(),
    "music": "piano song choir drum violin concert tune opera band harp".split(),
}


def examples(count: int, seed: int = 0, wrong: float = 0.0) -> list[dict[str, str]]:
    """Labelled texts of one topic each; a share of the labels is wrong."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        label = list(TOPICS)[number % 3]
        words = " ".join(rng.choice(TOPICS[label], 6, replace=False))
        text = f"{words} {rng.integers(10**9)}"
        shown = list(TOPICS)[(number + 1) % 3] if rng.random() < wrong else label
        rows.append({"text": text, "label": shown})
    return rows


def project_of(tmp_path, rows, name="p") -> Project:
    path = tmp_path / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project = Project.create(tmp_path / name)
    project.add(path)
    return project


@pytest.fixture
def counting(monkeypatch):
    """A learner that counts words by class, quick and exact; its calls are noted."""
    calls: list[learners.Data] = []

    def count_words(
        data, work, *, rate: float = 1.0, stop: int = 0, broken: bool = False
    ) -> Outcome:
        """Count the words of each class."""
        calls.append(data)
        if stop and len(calls) == stop:
            raise Cancelled
        work.report(Point(step=1, epoch=1.0, train_loss=0.5, validation_loss=math.nan))
        (work.folder / "checkpoint").write_text("x")
        counts = [Counter() for _ in data.classes]
        for text, label in zip(data.train.texts, data.train.labels, strict=True):
            counts[label].update(text.split())
        scores = np.array(
            [[rate + sum(c[w] for w in text.split()) for c in counts] for text in data.test.texts]
        )
        shares = scores / scores.sum(axis=1, keepdims=True) * (np.nan if broken else 1)
        return Outcome(Cost(0.1, 10, 1, 30, 1e3), probabilities=shares, notes=("It only counts.",))

    registered = dict(learners.learners())
    monkeypatch.setattr(learners, "_learners", registered)
    learners.learner("Counting", task="classification", seeded=False)(count_words)
    return calls


def plan(**changes) -> Plan:
    values = {
        "learner": "count_words",
        "arms": ("curated", "random", "everything"),
        "budgets": (60,),
        "seeds": 3,
    }
    return Plan(**{**values, **changes})


def begin(project: Project, chosen: Plan) -> Run:
    return runs.create(project.path, replace(chosen, recipe=project.recipe.to_yaml()).to_json())


def label_and_drop(project: Project, labelled: str, label: str, dropped: str) -> None:
    """A person labels one example and drops another."""
    decisions = [Decision(labelled, "label", label, "Ann"), Decision(dropped, "drop", None, "Ann")]
    project.decisions.append(decisions)


# --- the test set -------------------------------------------------------------------------------


def held_out(project: Project, chosen: Plan):
    replay = replaying_of(project)(project.source(), project.people(), silent)
    decided = replay.run(Recipe(()))
    return hold_out(project.examples.rows, decided.with_columns(["split"]), chosen)


def test_a_test_set_has_its_share_of_each_label_and_no_row_of_the_pool(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    holdout = held_out(project, plan())
    rows = project.examples.rows
    assert len(holdout.test) == 60 and len(holdout.validation) == 30
    assert rows.loc[list(holdout.test), "label"].value_counts().tolist() == [20, 20, 20]
    parts = [*holdout.test, *holdout.validation, *holdout.pool]
    assert len(set(parts)) == len(parts) == 300 and holdout.copies == 0
    assert holdout.classes == ("food", "music", "space")


def test_what_nearly_repeats_a_test_example_is_not_in_the_pool(tmp_path, counting):
    rows = examples(300)
    project = project_of(tmp_path, rows, "first")
    holdout = held_out(project, plan())
    texts = project.examples.rows.loc[list(holdout.test), "prompt"].tolist()
    long = [f"{text} {' '.join(f'word{n}' for n in range(30))}" for text in texts[:10]]
    copies = [{"text": f"{text} indeed", "label": "food"} for text in long]
    originals = [{"text": text, "label": "food"} for text in long]
    both = project_of(tmp_path, rows + originals + copies, "second")
    holdout = held_out(both, plan(test_share=0.3))
    prompts = both.examples.rows["prompt"]
    ids = {prompts[i]: i for i in prompts.index}
    pairs = [
        (ids[one["text"]], ids[two["text"]]) for one, two in zip(originals, copies, strict=True)
    ]
    apart = [pair for pair in pairs if sum(i in holdout.pool for i in pair) == 1]
    taken = {*holdout.test, *holdout.validation}
    assert not [pair for pair in apart if set(pair) & taken]
    assert holdout.copies >= 1 and "taken out of the pool" in holdout.text


def test_people_correct_the_test_set_and_take_rows_out_of_it(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    first = held_out(project, plan())
    one, two = first.test[:2]
    label_and_drop(project, one, "music", two)
    second = held_out(project, plan())
    assert two not in second.test and two not in second.pool
    bench = Bench.of(project, begin(project, plan()))
    assert bench.held_out.loc[one, "label"] == "music"


@pytest.mark.parametrize(
    "rows, sentence",
    [
        ([{"text": f"t {n}", "label": "one"} for n in range(90)], "nothing to tell apart"),
        (examples(60), "below 20"),
        ([{"text": f"t {n}", "label": f"l{n}"} for n in range(90)], "fewer than three each"),
        ([{"prompt": f"p {n}", "response": "r"} for n in range(90)], "has a label"),
    ],
)
def test_a_test_set_that_could_show_nothing_is_refused(tmp_path, counting, rows, sentence):
    with pytest.raises(CurationError, match=sentence):
        held_out(project_of(tmp_path, rows), plan())


def test_labels_beside_answers_are_told_apart_where_a_learner_of_labels_is_named(
    tmp_path, counting
):
    path = tmp_path / "rows.jsonl"
    rows = [{"prompt": r["text"], "response": "Yes.", "topic": r["label"]} for r in examples(300)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project = Project.create(tmp_path / "p")
    project.add(path, mapping={"label": "topic"})
    assert plan_for(project).learner == "small_gpt", "its answers are what is learned first"
    assert plan_for(project).budgets == plan_for(project, "count_words").budgets == budgets_for(210)
    holdout = held_out(project, plan())
    assert holdout.classes == ("food", "music", "space") and len(holdout.test) == 60


def test_a_small_test_set_and_rare_labels_are_warned_of(tmp_path, counting):
    rows = examples(150) + [{"text": f"odd {n}", "label": "rare"} for n in range(4)]
    warnings = " ".join(held_out(project_of(tmp_path, rows), plan()).warnings)
    assert "only large differences" in warnings and "(rare)" in warnings


@pytest.mark.parametrize("own_column", [True, False])
def test_a_given_test_set_is_taken_as_it_is(tmp_path, counting, own_column):
    train, test = examples(200, 1), examples(60, 2)
    if own_column:
        rows = [{**r, "split": "train"} for r in train] + [{**r, "split": "test"} for r in test]
        project = project_of(tmp_path, rows)
    else:
        project = project_of(tmp_path, train, "train")
        path = tmp_path / "test.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in test))
        project.add(path)
    assert plan_for(project, "count_words").test == "given"
    project.recipe += Step("split")
    mine = replace(plan(test="given"), recipe=project.recipe.to_yaml())
    holdout = held_out(project, mine)
    column = "split" if own_column else "source"
    assert f"`given: {column}`" in " ".join(holdout.warnings)
    prompts = project.examples.rows["prompt"]
    assert set(prompts[list(holdout.test)]) == {row["text"] for row in test}
    assert 10 <= len(holdout.validation) <= 30
    mine = replace(mine, recipe=Recipe((Step("split", given=column),)).to_yaml())
    assert "given" not in " ".join(held_out(project, mine).warnings)


def test_without_a_given_test_set_none_is_made_up(tmp_path, counting):
    with pytest.raises(CurationError, match="calls it test"):
        held_out(project_of(tmp_path, examples(200)), plan(test="given"))


# --- arms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("best", "no arm 'best'"),
        ("recipe", "recipe:PATH"),
        ("random:3", "nothing after a colon"),
    ],
)
def test_an_arm_that_is_none_is_refused(text, sentence):
    with pytest.raises(CurationError, match=re.escape(sentence)):
        Arm.parse(text)


def test_arms_have_folders_of_their_own():
    texts = ["recipe:a/b", "recipe:a-b", "recipe:a b", "balanced:topic", "balanced", "random"]
    slugs = [Arm.parse(text).slug for text in texts]
    assert len(set(slugs)) == len(slugs) and all(re.fullmatch(r"\w+", slug) for slug in slugs)


def test_an_arm_is_a_recipe_at_its_budget():
    own = Recipe(
        (
            Step("lengths"),
            Step("keep_between", score="prompt_tokens", low=3),
            Step("select_diverse"),
        )
    ) + Step("split")

    def of(text):
        return recipe_of(Arm.parse(text), own, 7, 2, True)

    assert [s.use for s in of("curated")] == ["lengths", "keep_between", "select_diverse"]
    assert of("curated").selection.arguments["budget"] == 7
    assert [s.use for s in of("kept")] == ["lengths", "keep_between"]
    drawn = of("random").selection.arguments
    assert (drawn["budget"], drawn["seed"], drawn["unit"]) == (7, 2, "examples")
    assert of("longest").selection.arguments["score"] == "prompt_tokens"
    assert of("everything").steps == ()
    without = recipe_of(Arm("curated"), own.with_selection(None), 7, 2, True)
    assert without.selection.use == "select_random"


def pool_of(project: Project, chosen: Plan) -> Pool:
    bench = Bench.of(project, begin(project, chosen))
    return bench.pool


def test_no_arm_can_read_the_test_set(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    run = begin(project, plan())
    execute(project, run)
    holdout = Bench.of(project, run).holdout
    away = {*holdout.test, *holdout.validation}
    for fit in run.fits():
        assert not away & set(run.choice(fit["key"]))
    for data in counting:
        assert not set(data.train.texts) & {*data.test.texts, *data.validation.texts}


def test_arms_that_nobody_chose_know_neither_people_nor_cleaning(tmp_path, counting):
    rows = [{**row, "text": row["text"] + " â€™"} for row in examples(240)]
    project = project_of(tmp_path, rows)
    project.recipe += Step("fix_text")
    pool = pool_of(project, plan())
    edited, dropped = pool.holdout.pool[:2]
    label_and_drop(project, edited, "music", dropped)
    pool = pool_of(project, plan())
    everything = pool.choose(Arm("everything"), None, 0).rows
    kept = pool.choose(Arm("kept"), None, 0).rows
    assert dropped in everything.index and dropped not in kept.index
    assert kept.loc[edited, "label"] == "music"
    assert everything.loc[edited, "label"] == project.examples.rows.loc[edited, "label"]
    assert "â€™" in everything["prompt"].iloc[0] and "â€™" not in kept["prompt"].iloc[0]


def test_seeds_give_other_examples_and_the_same_seed_the_same(tmp_path, counting):
    pool = pool_of(project_of(tmp_path, examples(300)), plan())
    first, again, other = (pool.choose(Arm("random"), 50, seed).rows.index for seed in (0, 0, 1))
    assert (
        len(first) == 50
        and first.equals(again)
        and not first.sort_values().equals(other.sort_values())
    )


def test_an_arm_with_too_few_examples_takes_all_and_says_so(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    project.recipe += Step("lengths")
    project.recipe += Step("keep_between", score="prompt_characters", low=0, high=47)
    choice = pool_of(project, plan()).choose(Arm("curated"), 200, 0)
    assert 0 < len(choice.rows) < 200
    assert f"has {len(choice.rows):,} examples for a budget of 200" in choice.note


def test_equal_tokens_are_spent_by_fewer_long_examples(tmp_path, counting):
    rows = examples(200) + [
        {**row, "text": row["text"] + " word" * 60} for row in examples(200, seed=5)
    ]
    pool = pool_of(project_of(tmp_path, rows), plan(equal="tokens"))
    longest = pool.choose(Arm("longest"), 60, 0).rows
    chance = pool.choose(Arm("random"), 60, 0).rows
    sizes = [rows["prompt"].str.len().sum() for rows in (longest, chance)]
    assert len(longest) < 40 < 45 < len(chance) and max(sizes) < 1.25 * min(sizes)


def test_the_training_rows_of_a_delivery_are_an_arm(tmp_path, counting):
    project = project_of(tmp_path, examples(240))
    project.recipe += Step("select_random", budget=100)
    project.recipe += Step("split", test=0.2, validation=0.0)
    project.export(tmp_path / "out", formats=["csv"])
    arm = f"export:{tmp_path / 'out'}"
    pool = pool_of(project, plan(arms=(arm,)).check())
    choice = pool.choose(Arm.parse(arm), None, 0)
    receipts = pd.read_parquet(tmp_path / "out" / "receipts.parquet").set_index("id")
    assert set(receipts.loc[choice.rows.index, "split"]) == {"train"}
    assert 40 <= len(choice.rows) <= 80 and "are in the pool" in choice.note
    with pytest.raises(CurationError, match="no delivery that can be read"):
        plan(arms=(f"export:{tmp_path}",)).check()
    project.recipe += Step("lengths")
    project.export(tmp_path / "out", formats=["csv"])
    (tmp_path / "out" / "receipts.parquet").write_bytes(b"another")
    with pytest.raises(CurationError, match="not the one that this run began with"):
        pool.choose(Arm.parse(arm), None, 0)


def test_a_source_of_some_rows_has_a_digest_of_its_own(tmp_path):
    source = project_of(tmp_path, examples(30)).source()
    ids = tuple(source.dataset.rows.index)
    one, two = only(source, ids[:10]), only(source, ids[:11])
    assert len({one.digest, two.digest, source.digest}) == 3 and len(one.dataset) == 10


# --- plans --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"arms": ()}, "at least one arm"),
        ({"arms": ("random", " random")}, "named twice"),
        ({"budgets": ()}, "Give a budget"),
        ({"budgets": (1,)}, "at least 2"),
        ({"seeds": 0}, "between 1 and 100"),
        ({"test_share": 0.9}, "test_share must be"),
        ({"settings": {"speed": 1}}, "no parameter 'speed'"),
        ({"learner": "oracle"}, "no learner 'oracle'"),
        ({"learner": "encoder", "settings": {"model": "."}}, "config.json"),
        ({"learner": "causal_lm", "settings": {"model": "."}}, "config.json"),
        ({"equal": "time"}, "equal is examples or tokens"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(counting, changes, sentence):
    with pytest.raises(CurationError, match=sentence):
        plan(**changes).check()


def test_a_plan_survives_its_file(counting):
    own = plan(budgets=(50, 100), settings={"rate": 2.0}).check()
    assert Plan.from_json(json.loads(json.dumps(own.to_json()))) == own
    with pytest.raises(CurationError, match="another version"):
        Plan.from_json({"depth": 3})


def test_budgets_fit_their_pool():
    assert budgets_for(10_000) == (1_000, 2_500, 5_000)
    assert budgets_for(900) == (250, 500)
    assert budgets_for(30) == (15,)


# --- runs ---------------------------------------------------------------------------------------


def test_a_run_writes_every_fit_and_its_verdict(tmp_path, counting):
    project = project_of(tmp_path, examples(300, wrong=0.2))
    run = begin(project, plan(budgets=(30, 90)))
    execute(project, run)
    assert len(run.fits()) == 3 * (2 + 2 + 1)
    fit = next(f for f in run.fits() if f["arm"] == "random" and f["budget"] == 30)
    assert fit["train"] == 30 == len(run.choice(fit["key"])) and "It only counts." in fit["notes"]
    answers = run.answers(fit["key"])
    assert fit["metrics"]["accuracy"] == pytest.approx(
        (answers["label"] == answers["predicted"]).mean()
    )
    assert sum(entry["train"] for entry in fit["metrics"]["classes"]) == 30
    curve = run.curve(fit["key"])
    assert curve["train_loss"].tolist() == [0.5] and curve["validation_loss"].isna().all()
    assert not list(run.path.glob("fits/*/work"))
    assert {row["arm"] for row in run.verdict["arms"]} == {"curated", "random", "everything"}
    assert run.read("receipt.json")["examples"] == project.source_digest


def test_the_same_examples_are_trained_on_once_where_no_seed_matters(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    run = begin(project, plan(arms=("everything", "random")))
    execute(project, run)
    assert len(counting) == 1 + 3 and len(run.fits()) == 6
    keys = [f["key"] for f in run.fits() if f["arm"] == "everything"]
    assert len({run.answers(key).to_json() for key in keys}) == 1


def test_a_run_that_was_ended_goes_on_where_it_was(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    ended = begin(project, plan(arms=("random",), seeds=4, settings={"stop": 3}))
    with pytest.raises(Cancelled):
        execute(project, ended)
    assert len(ended.fits()) == 2
    holdout = ended.holdout
    execute(project, ended)
    whole = begin(project, plan(arms=("random",), seeds=4))
    execute(project, whole)
    assert len(counting) == 3 + 2 + 4 and ended.holdout == holdout
    assert [f["metrics"] for f in ended.fits()] == [f["metrics"] for f in whole.fits()]


def test_a_run_does_not_go_on_with_other_examples(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    run = begin(project, plan())
    execute(project, run)
    (tmp_path / "more.jsonl").write_text(json.dumps({"text": "a new one", "label": "food"}) + "\n")
    project.add(tmp_path / "more.jsonl")
    with pytest.raises(CurationError, match="have changed since this run began"):
        execute(project, run)


def test_a_fit_that_cannot_be_done_is_a_sentence_and_the_others_are_done(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    (tmp_path / "bad.yaml").write_text(
        Recipe((Step("lengths"), Step("keep_between", score="prompt_tokens", low=9_000))).to_yaml()
    )
    arm = f"recipe:{tmp_path / 'bad.yaml'}"
    run = begin(project, plan(arms=(arm, "random"), seeds=2))
    result = execute(project, run)
    failed = [f for f in run.fits() if f.get("error")]
    assert len(failed) == 2 and "nothing is kept" in failed[0]["error"]
    assert "2 fits could not be done" in " ".join(result["warnings"])
    with pytest.raises(CurationError, match="nothing is kept"):
        execute(project, begin(project, plan(arms=(arm,))))


def test_of_two_at_work_on_one_run_the_second_is_refused(tmp_path):
    run = runs.create(tmp_path, {})
    assert not run.at_work
    with run.working():
        assert run.at_work
        with pytest.raises(CurationError, match="at work already"), run.working():
            pass
    assert not run.at_work


def test_people_give_labels_to_train_on_too(tmp_path, counting):
    rows = [
        {"prompt": row["text"], "response": "-", "topic": row["label"]} for row in examples(300)
    ]
    project = project_of(tmp_path, rows)
    ids = project.examples.rows.index
    own = project.examples.column("topic")
    project.decisions.append([Decision(i, "label", own[i], "Ann") for i in ids])
    pool = pool_of(project, plan())
    assert len(pool.choose(Arm("kept"), None, 0).rows) > 180
    with pytest.raises(CurationError, match="nothing is kept"):
        pool.choose(Arm("random"), 60, 0)


def test_people_who_keep_more_than_the_budget_do_not_make_an_arm_larger(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    ids = project.examples.rows.index
    project.decisions.append([Decision(i, "keep", None, "Ann") for i in ids[:200]])
    choice = pool_of(project, plan()).choose(Arm("curated"), 30, 0)
    assert len(choice.rows) == 30 and "People kept more than the budget" in choice.note


def test_a_run_goes_on_with_the_decisions_of_its_beginning(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    run = begin(project, plan(arms=("random", "curated"), seeds=3, settings={"stop": 3}))
    with pytest.raises(Cancelled):
        execute(project, run)
    test = Bench.of(project, run).holdout.test
    project.decisions.append([Decision(i, "label", "a new one", "Ann") for i in test[:20]])
    execute(project, run)
    labels = [run.answers(fit["key"]).loc[list(test), "label"].tolist() for fit in run.fits()]
    assert all(label == labels[0] for label in labels) and "a new one" not in labels[0]


def test_a_recipe_of_a_file_is_the_one_that_the_run_began_with(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    file = tmp_path / "other.yaml"
    file.write_text(Recipe((Step("select_random", budget=60, seed=0),)).to_yaml())
    arm = f"recipe:{file}"
    chosen = replace(plan(arms=(arm,)), recipe=project.recipe.to_yaml()).check()
    pool = pool_of(project, chosen)
    before = pool.choose(Arm.parse(arm), 60, 0).rows.index
    file.write_text(Recipe((Step("lengths"), Step("select_highest", budget=60))).to_yaml())
    again = pool_of(project, Plan.from_json(json.loads(json.dumps(chosen.to_json()))))
    assert again.choose(Arm.parse(arm), 60, 0).rows.index.equals(before)


def test_a_failed_fit_is_tried_again_when_the_run_goes_on(tmp_path, counting, monkeypatch):
    project = project_of(tmp_path, examples(300))
    run = begin(project, plan(arms=("random",), seeds=2))
    whole = Bench.outcome

    def full(self, data, cell, folder, progress):
        raise CurationError("There was not enough memory.")

    monkeypatch.setattr(Bench, "outcome", full)
    with pytest.raises(CurationError, match="not enough memory"):
        execute(project, run)
    monkeypatch.setattr(Bench, "outcome", whole)
    execute(project, run)
    assert len(run.fits()) == 2 and not [fit for fit in run.fits() if fit.get("error")]


def test_answers_that_are_no_numbers_are_a_sentence_in_the_run(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    run = begin(project, plan(arms=("random", "everything"), settings={"broken": True}))
    with pytest.raises(CurationError, match="no numbers"):
        execute(project, run)
    assert len(run.fits()) == 6


@pytest.mark.parametrize(
    "value",
    [
        {"seeds": "3"},
        {"seeds": 2.5},
        {"budgets": ["500"]},
        {"budgets": [500.5]},
        {"test_share": None},
        {"recipe": 3},
        {"arms": "random"},
    ],
)
def test_a_plan_of_odd_types_is_a_sentence(value):
    with pytest.raises(CurationError, match="cannot be"):
        Plan.from_json(value)


def test_a_short_copy_with_another_word_is_found(tmp_path, counting):
    rows = examples(300)
    project = project_of(tmp_path, rows, "first")
    test = held_out(project, plan()).test
    texts = project.examples.rows.loc[list(test), "prompt"]
    copies = [{"text": f"{text} x", "label": "food"} for text in texts]
    both = project_of(tmp_path, rows + copies, "second")
    holdout = held_out(both, plan())
    prompts = both.examples.rows["prompt"]
    taken = set(prompts[[*holdout.test, *holdout.validation]])
    left = set(prompts[list(holdout.pool)])
    near = {f"{text} x" for text in taken} | {text.removesuffix(" x") for text in taken}
    assert len(near & set(prompts)) > 20 and not near & left


def test_runs_are_opened_by_the_beginning_of_their_ids(tmp_path):
    first, second = (runs.create(tmp_path, {"n": n}) for n in (1, 2))
    assert runs.open_run(tmp_path, second.id) == second
    assert {run.id for run in runs.all_runs(tmp_path)} == {first.id, second.id}
    with pytest.raises(CurationError, match="2 runs whose ids begin"):
        runs.open_run(tmp_path, first.id[:8])
    with pytest.raises(CurationError, match="no id of a run"):
        runs.open_run(tmp_path, "../x")
    runs.delete(first)
    assert runs.all_runs(tmp_path) == [second] and not first.path.exists()


def test_a_budget_beyond_the_pool_leaves_no_run_behind(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    done = call("train", project.path, "--learner", "count_words", "--budget", "5000")
    assert done.exit_code == 1 and "more than the 210 examples" in str(done.exception)
    assert not runs.all_runs(project.path)


def test_a_run_goes_on_with_its_own_plan_only(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    run = begin(project, plan())
    done = call("train", project.path, "--run", run.id, "--seeds", "9")
    assert done.exit_code == 2 and "own plan" in done.output


# --- the verdict --------------------------------------------------------------------------------


def fake_run(
    tmp_path,
    values: dict[tuple[str, int | None], list[float]],
    rows: int = 500,
    once: tuple[str, ...] = (),
) -> Run:
    """A run whose fits of each arm and budget are right about a share of the test set."""
    budgets = tuple(sorted({b for _, b in values if b is not None}))
    arms = tuple(dict.fromkeys(arm for arm, _ in values))
    seeds = max(map(len, values.values()))
    run = runs.create(tmp_path, Plan(arms=arms, budgets=budgets, seeds=seeds).to_json())
    run.write("holdout.json", {"task": "classification", "warnings": [], "text": ""})
    labels = np.array(["a", "b"] * (rows // 2))
    for (arm, budget), shares in values.items():
        for seed, share in enumerate(shares):
            rng = np.random.default_rng([seed, len(arm)])
            right = rng.permutation(rows) < share * rows
            predicted = np.where(right, labels, np.where(labels == "a", "b", "a"))
            key = f"{arm}-{budget or 'all'}-{seed}"
            (run.path / "fits" / key).mkdir(parents=True)
            table = pd.DataFrame({"label": labels, "predicted": predicted})
            table.to_parquet(run.path / "fits" / key / "answers.parquet")
            fit = {"arm": arm, "title": arm, "budget": budget, "seed": seed, "train": budget or 900}
            fit["choice"] = f"{arm} {0 if arm in once else seed}"
            metrics = {"macro_f1": share, "accuracy": share}
            cost = {"seconds": 1.0, "flops": 1.0, "tokens": 1, "steps": 1, "parameters": 1}
            run.write(f"fits/{key}/fit.json", {**fit, "metrics": metrics, "cost": cost})
    return run


def test_a_difference_is_called_only_where_it_is_shown(tmp_path):
    values = {
        ("curated", 100): [0.80, 0.81, 0.82, 0.80],
        ("random", 100): [0.60, 0.62, 0.61, 0.60],
        ("balanced", 100): [0.79, 0.82, 0.81, 0.81],
        ("everything", None): [0.97, 0.97, 0.97, 0.97],
    }
    result = verdict(fake_run(tmp_path, values))
    words = {entry["against"]: entry["verdict"] for entry in result["comparisons"]}
    assert words == {
        "random": "better",
        "balanced": "no difference shown",
        "everything": "worse",
    }
    assert result["sentence"].startswith(
        "Curated beats random at 100 examples by 20.0 points of macro-F1 (95 % interval "
    )
    assert "loses to everything at 100 examples by 16.2 points" in result["sentence"]
    assert "shows no difference to random, balanced at 100 examples" in result["sentence"]


def test_an_interval_holds_the_chance_of_the_test_set_too(tmp_path):
    values = {("curated", 100): [0.8, 0.8, 0.8], ("random", 100): [0.76, 0.76, 0.76]}
    small = verdict(fake_run(tmp_path / "s", values, rows=100))["comparisons"][0]
    large = verdict(fake_run(tmp_path / "l", values, rows=20_000))["comparisons"][0]
    assert small["low"] < 0 < large["low"] < 0.04 < large["high"]
    assert small["test_set_error"] == pytest.approx(large["test_set_error"] * 200**0.5, rel=0.35)


@pytest.mark.parametrize("metric", ["macro_f1", "loss"])
def test_the_chance_of_a_test_set_is_what_drawing_others_gives(metric):
    rng = np.random.default_rng(1)
    labels = rng.choice(["a", "b", "c"], 400, p=[0.6, 0.3, 0.1])
    predicted = np.where(rng.random(400) < 0.7, labels, rng.choice(["a", "b", "c", "d"], 400))
    table = pd.DataFrame({"label": labels, "predicted": predicted})
    table["tokens"] = rng.integers(1, 60, 400)
    table["loss"] = table["tokens"] * rng.gamma(3.0, 1.0, 400)

    def value(part: pd.DataFrame) -> float:
        if metric == "loss":
            return part["loss"].sum() / part["tokens"].sum()
        return f1_score(part["label"], part["predicted"], labels=["a", "b", "c"], average="macro")

    draws = [value(table.sample(400, replace=True, random_state=n)) for n in range(500)]
    error = np.sqrt((influence(table, metric) ** 2).sum())
    assert error == pytest.approx(np.std(draws), rel=0.12)
    assert influence(table, metric).sum() == pytest.approx(0, abs=1e-12)


def test_many_comparisons_are_corrected_for(tmp_path):
    values = {("curated", b): [0.80, 0.82, 0.81] for b in range(10, 30)}
    values |= {("random", b): [0.782, 0.790, 0.795] for b in range(10, 30)}
    result = verdict(fake_run(tmp_path, values, rows=20_000))
    assert all(entry["p"] < 0.05 for entry in result["comparisons"][:3])
    assert result["comparisons"][0]["verdict"] == "no difference shown"
    assert "so many are compared at once" in result["sentence"]


def test_one_choice_for_all_seeds_may_be_a_lucky_one(tmp_path):
    """A draw by chance that is called a method is rarely called better or worse than chance."""
    rng = np.random.default_rng(3)
    alarms = []
    for world in range(60):
        draws = rng.normal(0.7, 0.02, 11)
        values = {("curated", 60): [draws[0]] * 10, ("random", 60): list(draws[1:])}
        run = fake_run(tmp_path / str(world), values, rows=2_000, once=("curated",))
        alarms.append(verdict(run)["comparisons"][0]["verdict"] != "no difference shown")
    assert sum(alarms) <= 7  # one in twenty is due, half of them without the spread of chance


def test_without_chance_beside_it_nothing_shows_how_lucky_one_choice_is(tmp_path):
    values = {("curated", 60): [0.8, 0.8, 0.8], ("everything", None): [0.9, 0.9, 0.9]}
    run = fake_run(tmp_path, values, once=("curated", "everything"))
    assert "add random" in " ".join(verdict(run)["warnings"])


def test_an_arm_without_its_whole_budget_is_named_with_what_it_has(tmp_path):
    values = {("curated", 200): [0.9, 0.91, 0.9], ("random", 200): [0.6, 0.61, 0.6]}
    run = fake_run(tmp_path, values)
    for fit in run.fits():
        if fit["arm"] == "curated":
            run.write(f"fits/{fit['key']}/fit.json", {**fit, "train": 24})
    assert "at 200 examples (it has 24) by" in verdict(run)["sentence"]


def test_the_interval_of_an_arm_holds_the_chance_of_the_test_set(tmp_path):
    run = fake_run(tmp_path, {("everything", None): [0.9] * 3, ("random", 9): [0.5, 0.6, 0.5]})
    row = next(row for row in verdict(run)["arms"] if row["arm"] == "everything")
    assert 0.02 < row["high"] - row["low"] < 0.08  # 500 test rows: about ± 0.026


def test_one_arm_alone_is_what_it_reaches(tmp_path):
    sentence = verdict(fake_run(tmp_path, {("everything", None): [0.9]}))["sentence"]
    assert sentence.startswith("Everything reaches 90.0 points of macro-F1 (95 % interval 87.")
    assert "no other arm" in sentence


def test_one_seed_shows_nothing(tmp_path):
    result = verdict(fake_run(tmp_path, {("curated", 9): [0.9], ("random", 9): [0.1]}))
    assert "One seed shows no interval" in result["sentence"]
    assert result["comparisons"][0]["verdict"] == "no difference shown"


def test_a_lower_loss_is_better(tmp_path):
    run = runs.create(tmp_path, Plan(budgets=(10,), arms=("curated", "random")).to_json())
    run.write("holdout.json", {"task": "language_modelling", "warnings": []})
    tokens = np.full(200, 20)
    for arm, loss in (("curated", 2.0), ("random", 2.5)):
        for seed in range(3):
            rng = np.random.default_rng(seed)
            losses = tokens * (loss + rng.normal(0, 0.1, 200))
            key = f"{arm}-10-{seed}"
            (run.path / "fits" / key).mkdir(parents=True)
            table = pd.DataFrame({"loss": losses, "tokens": tokens})
            table.to_parquet(run.path / "fits" / key / "answers.parquet")
            fit = {"arm": arm, "title": arm, "budget": 10, "seed": seed, "train": 10}
            cost = {"seconds": 1.0, "flops": 1.0, "tokens": 1}
            metrics = {"loss": losses.sum() / tokens.sum()}
            run.write(f"fits/{key}/fit.json", {**fit, "metrics": metrics, "cost": cost})
    result = verdict(run)
    assert result["comparisons"][0]["verdict"] == "better"
    assert "by 0.5 nats per token" in result["sentence"].replace("0.50", "0.5")


# --- the command --------------------------------------------------------------------------------


def call(*words):
    result = CliRunner().invoke(app, list(map(str, words)))
    return result


def test_a_run_from_the_command_line(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    options = ["--learner", "count_words", "--set", "rate=2", "--seeds", "2", "--budget", "60"]
    arms = ["--arm", "curated", "--arm", "random"]
    done = call("train", project.path, *options, *arms, "--json")
    assert done.exit_code == 0, done.output
    run = runs.all_runs(project.path)[0]
    assert json.loads(done.stdout)["run"] == run.id and run.plan["settings"] == {
        "rate": 2.0,
        "stop": 0,
        "broken": False,
    }
    again = call("train", project.path, "--run", run.id)
    assert again.exit_code == 0 and len(counting) == 4 - 2  # curated is random here
    shown = call("evaluate", project.path, run.id)
    assert re.search(r"precision +recall +F1 Curated +F1 Random\n", shown.stdout)
    fits = [fit for fit in run.fits() if fit["arm"] == "random"]
    f1 = np.mean([fit["metrics"]["classes"][0]["f1"] for fit in fits])
    assert re.search(rf"^food .* {f1:.3f}$", shown.stdout, re.MULTILINE)
    assert call("runs", project.path, "--note", f"{run.id}=first try").exit_code == 0
    assert "first try" in call("runs", project.path).stdout
    assert call("runs", project.path, "--delete", run.id).exit_code == 0
    assert "no training run yet" in call("runs", project.path).stdout


def test_an_estimate_leaves_nothing_behind(tmp_path, counting):
    project = project_of(tmp_path, examples(300))
    probed = call("train", project.path, "--learner", "count_words", "--estimate", "--json")
    assert probed.exit_code == 0, probed.output
    value = json.loads(probed.stdout)
    assert value["seconds"] > 0 and value["fits"] == len(plan_for(project, "count_words").cells())
    assert not runs.all_runs(project.path)


# --- trackers -----------------------------------------------------------------------------------


def test_curves_are_written_for_tensorboard(tmp_path, counting):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = begin(project_of(tmp_path, examples(300)), plan(arms=("random",), seeds=1))
    execute(Project.open(tmp_path / "p"), run)
    events = EventAccumulator(str(run.path / "tensorboard" / run.fits()[0]["key"]))
    events.Reload()
    assert [event.value for event in events.Scalars("train_loss")] == [0.5]
    assert events.Tags()["scalars"] == ["train_loss"]  # a loss that was not measured is no number


def test_mlflow_gets_a_run_only_where_its_address_is_set(tmp_path, counting, monkeypatch):
    logged = []
    module = types.ModuleType("mlflow")
    module.__spec__ = importlib.machinery.ModuleSpec("mlflow", None)
    module.start_run = lambda run_name: nullcontext(logged.append(run_name))
    module.log_params = logged.append
    module.log_metrics = lambda values, step: logged.append((step, values))
    monkeypatch.setitem(sys.modules, "mlflow", module)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = project_of(tmp_path, examples(300))
    execute(project, begin(project, plan(arms=("random",), seeds=1)))
    assert logged == []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "mlruns"))
    execute(project, begin(project, plan(arms=("random",), seeds=1, settings={"rate": 3.0})))
    assert logged == [
        "random-60-0",
        {"rate": 3.0, "stop": 0, "broken": False},
        (1, {"train_loss": 0.5}),
    ]

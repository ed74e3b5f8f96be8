"""The page Train as Streamlit runs it, over folders of runs: its answer first, then what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from curation import jobs, runs
from curation.project import Project
from curation.recipe import Step
from curation.training import standing
from curation.ui import tables
from curation.ui.train import listing
from tests.conftest import ROOT
from tests.drawn import opened
from tests.training_runs import write_language_run, write_run

pytestmark = pytest.mark.usefixtures("main_module")

CLASSES = ("sports", "world", "business")
HOSTILE = "![x](http://evil.example/a.png) **bold**"


@pytest.fixture
def news(make_project, monkeypatch) -> Project:
    """150 short texts of three classes."""
    rows = [{"text": f"Text {n} of {CLASSES[n % 3]}.", "label": CLASSES[n % 3]} for n in range(150)]
    project = make_project(rows, Step("fix_text"))
    monkeypatch.setenv("CURATION_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    return project


@pytest.fixture
def started(monkeypatch) -> list:
    """The commands that the page starts as jobs, which are only noted."""
    commands = []
    monkeypatch.setattr(jobs, "start", lambda path, command: commands.append(command) or "job-1")
    return commands


def train() -> AppTest:
    return opened("train")


def text_of(app: AppTest) -> str:
    kinds = ("title", "header", "markdown", "caption", "warning", "info", "error", "success")
    return "\n".join(element.value for kind in kinds for element in app.get(kind))


def part(app: AppTest, name: str) -> AppTest:
    chosen = next(g for g in app.segmented_control if name in g.options)
    chosen.set_value(name).run()
    assert not app.exception, app.exception[0].message
    return app


def test_without_a_run_the_form_is_open_and_asks_for_an_estimate_first(news, started):
    app = train()
    assert {"Curated", "Random"} <= {b.label.split("**")[1] for b in app.checkbox}
    assert not [b for b in app.button if b.label.startswith("Train")]
    app.button(key="train-estimate").click().run()
    (command,) = started
    assert command.name == "train" and "--estimate" in command.words
    plan = json.loads((news.path / "cache" / "plan.json").read_text())
    assert plan["learner"] == "logistic" and "random" in plan["arms"]
    assert not app.error


def test_an_estimate_shows_its_time_and_what_does_not_fit_cannot_be_started(
    news, started, monkeypatch
):
    result = {"seconds": 190.0, "fits": 20, "seconds_per_fit": 12.0, "tokens_per_second": 0.0}
    result |= {"memory_mb": 800.0, "warnings": ["The test set is small."], "refused": ""}
    answer = SimpleNamespace(state="done", result=result, error="")
    monkeypatch.setattr(jobs, "status", lambda path, job_id: answer)
    app = train()
    app.button(key="train-estimate").click().run()
    assert app.button(key="train-go").label == "Train, about 3 min"
    assert "800 MB" in text_of(app) and "The test set is small" in text_of(app).replace("\\", "")
    app.button(key="train-go").click().run()
    (run,) = runs.all_runs(news.path)
    assert started[-1].words == (str(news.path), f"--run={run.id}")
    runs.delete(run)
    result["refused"] = "The probe alone took 900 MB of 800 MB."
    app.run()
    assert app.button(key="train-go").disabled
    app.number_input(key="train-seeds").set_value(7).run()
    assert app.button(key="train-estimate"), "another plan needs another estimate"


def test_a_plan_that_cannot_be_run_is_a_sentence_in_place_of_the_button(news, started):
    app = train()
    for box in app.checkbox:
        box.set_value(False)
    app.run()
    assert "at least one arm" in app.error[0].value
    assert not [b for b in app.button if b.key in ("train-go", "train-estimate")]


def test_the_verdict_stands_first_and_every_part_can_be_opened(news):
    run = write_run(news, budgets=(60, 120))
    app = train()
    assert app.header[0].value.replace("\\", "") == run.verdict["sentence"]
    assert app.get("image"), "a chart of all arms"
    assert any("test set is small" in w.value.replace("\\", "") for w in app.warning)
    arms = app.dataframe[0].value
    assert set(arms["title"]) == {"Curated", "Random", "Everything"}
    for name in ("Confusion", "Classes", "Regions", "Map", "What to collect", "Cost"):
        part(app, name)
    assert len(app.dataframe[0].value) == len(run.fits())


def test_a_confusion_shows_its_examples_and_sends_them_to_review(news):
    run = write_run(news)
    app = part(train(), "Confusion")
    fit = run.answers("curated-60-0")
    wrong = fit[fit["label"] != fit["predicted"]].value_counts(["label", "predicted"]).iloc[0]
    yes = next(b for b in app.button if b.label.startswith("Yes, review"))
    assert yes.label == f"Yes, review {wrong}"
    yes.click().run()
    assert not app.exception
    assert len(Project.open(news.path).people().flags) == wrong


def test_the_answers_of_another_fit_can_be_looked_at(news):
    write_run(news)
    app = part(train(), "Classes")
    app.selectbox[0].set_value("random-60-1").run()
    assert not app.exception


def test_many_classes_are_shown_as_pairs(news):
    write_run(news, classes=[f"class {n}" for n in range(150)])
    app = part(train(), "Confusion")
    assert list(app.dataframe[0].value.columns) == ["label", "predicted", "examples", "share"]


def test_ten_arms_at_four_budgets_are_all_drawn(news):
    arms = ["curated", "random", "longest", *(f"balanced:column {n}" for n in range(7))]
    write_run(news, arms=arms, budgets=(10, 20, 40, 80), seeds=1)
    assert len(train().dataframe[0].value) == 40


def test_a_run_that_was_ended_in_the_middle_says_so_and_is_resumed_by_a_click(news, started):
    run = write_run(news, finished=False)
    app = train()
    assert "stopped: 5 of 6 fits done" in app.warning[0].value.replace("\\", "")
    app.button(key="train-resume").click().run()
    assert started[-1].words == (str(news.path), f"--run={run.id}")


def test_a_run_at_work_shows_its_progress_and_cannot_be_deleted(news):
    run = write_run(news, finished=False)
    with run.working():
        app = train()
        assert any("At work: 5 of 6" in p.text for p in app.get("progress"))
        assert "train-resume" not in [b.key for b in app.button]
        app.button(key="train-delete").click().run()
        assert run.path.exists()
    app.button(key="train-delete").click().run()
    assert not run.path.exists() and not app.exception
    assert "train-estimate" in [b.key for b in app.button]


def test_notes_are_saved_and_two_runs_stand_side_by_side(news):
    first, second = write_run(news), write_run(news, arms=("curated", "random"))
    app = train()
    newest, other = runs.all_runs(news.path)
    app.text_area(key=f"train-notes-{newest.id}").set_value(HOSTILE).run()
    assert newest.notes == HOSTILE
    app.selectbox(key=f"train-beside-{newest.id}").set_value(other.id).run()
    assert not app.exception
    assert text_of(app).replace("\\", "").count(first.verdict["sentence"]) == 3
    assert "evil.example/a.png) **" not in text_of(app).replace("\\\\", "")
    assert {first.id, second.id} == {newest.id, other.id}


def test_what_a_run_says_is_text_and_no_markup(news):
    run = write_run(news, classes=(HOSTILE, "b", "c"))
    verdict = run.verdict
    verdict["sentence"] = verdict["arms"][0]["title"] = HOSTILE
    verdict["warnings"] = [HOSTILE]
    run.write("verdict.json", verdict)
    app = train()
    for name in ("Confusion", "Regions", "What to collect", "Classes"):
        assert "![" not in text_of(part(app, name)).replace("\\!\\[", "")


def test_a_run_that_a_later_version_planned_does_not_hide_the_others(news):
    write_run(news)
    newer = write_run(news)
    newer.write("plan.json", {"arms": ["curated"], "unknown": 1})
    table = standing.listing(runs.all_runs(news.path))
    assert "another version" in table.loc[newer.id, "state"]
    app = AppTest.from_file(str(ROOT / "pages" / "deliver" / "train.py"), default_timeout=120)
    app.session_state[listing.CHOSEN.key(news)] = newer.id
    app.run()
    assert not app.exception and "another version" in app.error[0].value
    app.button(key="train-delete").click().run()
    assert not newer.path.exists() and not app.exception


def test_steps_that_find_wrong_labels_are_added_to_the_recipe_by_one_click(news):
    write_run(news)
    app = train()
    app.button(key="train-add-label_quality").click().run()
    uses = [step.use for step in Project.open(news.path).recipe]
    assert uses == ["fix_text", "embed", "label_quality", "drop_wrong_labels"]


def test_a_click_on_a_cell_of_a_matrix_names_its_row_and_column(monkeypatch):
    counts = pd.DataFrame([[3, 1], [0, 2]], index=["a", "b"], columns=["a", "b"])
    cells = {"cells": [(0, "c1")]}
    monkeypatch.setattr(tables.st, "dataframe", lambda *a, **k: {"selection": cells})
    assert tables.matrix(counts, "k") == ("a", "b")
    cells["cells"] = [(1, "name")]
    assert tables.matrix(counts, "k") is None


def test_the_curve_of_the_fit_at_work_is_the_one_shown(news):
    run = write_run(news, finished=False)
    name, curve = standing.newest_curve(run)
    assert name == "Everything, seed 2" and len(curve) == 8
    lines = standing.curve_lines(curve)
    assert lines["training loss"][0] == (10, 1.5)
    assert set(standing.curve_lines(curve.assign(validation_loss=None))) == {"training loss"}


def test_a_run_whose_process_is_killed_is_stopped_and_no_longer_at_work(news):
    run = write_run(news, finished=False)
    code = (
        "import sys, time; from pathlib import Path; from curation.runs import Run\n"
        "with Run(Path(sys.argv[1])).working():\n    print('on', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, run.path], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"on\n"
    at_work = standing.Standing.of(run)
    assert at_work.words.startswith("at work") and not at_work.resumable
    process.kill()
    process.wait()
    assert standing.Standing.of(run).resumable


def test_a_language_model_has_losses_samples_and_its_hardest_answers(news):
    write_language_run(news)
    app = part(train(), "Regions")
    losses = app.dataframe[0].value
    assert losses["loss"].tolist() == [3.0] and losses["before"].tolist() == [4.0]
    assert losses["train"].tolist() == [60]
    app = part(app, "Answers")
    assert [t.value for t in app.text] == ["Why is **the sky** blue?", "a", "b", "Light."]
    assert len(part(app, "Hardest").dataframe[0].value) == 60


def test_rows_with_wrong_labels_go_to_review_from_the_page(news, monkeypatch):
    dataset = news.view().dataset
    suspects = dataset.rows.index[[3, 5]]
    rows = dataset.rows.assign(
        wrong_label=dataset.rows.index.isin(suspects), label_quality=0.5, suggested_label="world"
    )
    view = replace(news.view(), dataset=dataset.replace(rows=rows))
    monkeypatch.setattr(Project, "view", lambda self: view)
    write_run(news)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.session_state["annotator"] = "Ann"
    app.run()
    app.switch_page("pages/deliver/train.py").run()
    assert not app.exception, app.exception[0].message
    assert "2 rows; 0 of them are dropped." in [c.value for c in app.caption]
    next(b for b in app.button if b.key == "train-suspects-go").click().run()
    assert set(Project.open(news.path).people().flags) == set(suspects)
    assert [step.use for step in news.recipe] == ["fix_text"]
    next(b for b in app.button if b.label == "Drop these rows").click().run()
    assert "drop_wrong_labels" in [step.use for step in Project.open(news.path).recipe]

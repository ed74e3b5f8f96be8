"""The whole path of the page Train in a real browser: estimate, train, a killed job, resume, look."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from curation import jobs, runs
from curation.project import Project
from curation.recipe import Recipe, Step
from curation.training.standing import Standing
from tests.app_server import running_app
from tests.test_browser import button, page, settled, shot

__all__ = ["page"]

TOPICS = {
    "bread": "The baker sold {} warm loaves of bread before breakfast.",
    "river": "The river rose by {} centimetres after the rain in the hills.",
    "chess": "She won the game of chess in {} moves with a bishop.",
}


def wait_until(condition, seconds: float = 240):
    """Wait until a condition holds; its last value."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    assert value
    return value


def kill_training(project: Project) -> None:
    """End the training job as the system does when memory is short."""
    job = next(job for job in jobs.all_jobs(project.path) if job.title == "Training run")
    os.killpg(int((project.path / "jobs" / job.id / "pid").read_text()), signal.SIGKILL)


@pytest.fixture
def topics(tmp_path) -> Project:
    """150 short texts of three classes, a few under the wrong one."""
    path = tmp_path / "topics.jsonl"
    names = list(TOPICS)
    lines = [
        {"text": TOPICS[names[n % 3]].format(n), "label": names[(n + (n % 11 == 0)) % 3]}
        for n in range(150)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe = Recipe((Step("fix_text"), Step("select_random", budget=60)))
    project = Project.create(tmp_path / "projects" / "topics", recipe=recipe)
    project.add(path)
    return project


def test_from_an_estimate_to_a_verdict_through_a_killed_job(page, topics):
    with running_app(topics.path.parent) as app:
        page.goto(f"{app.address}/train")
        page.wait_for_selector("h1:has-text('Train')")
        settled(page)
        shot(page, "train-empty")
        button(page, "Estimate the time").click()
        go = button(page, "Train, ")
        go.wait_for(timeout=240_000)
        settled(page)
        shot(page, "train-estimated")
        go.click()
        (run,) = wait_until(lambda: runs.all_runs(topics.path))
        wait_until(run.fits)
        kill_training(topics)
        page.get_by_text("This run is stopped").wait_for(timeout=60_000)
        settled(page)
        shot(page, "train-stopped")
        before = {fit["key"]: (run.path / "fits" / fit["key"]).stat().st_ino for fit in run.fits()}
        assert Standing.of(run).resumable

        button(page, "Resume").click()
        page.locator("h2", has_text="Curated").first.wait_for(timeout=240_000)
        wait_until(lambda: Standing.of(run).finished)
        for key, inode in before.items():
            assert (run.path / "fits" / key).stat().st_ino == inode, "it was not done again"
        page.reload()
        page.get_by_role("img", name="Curated").first.wait_for(timeout=60_000)
        settled(page)
        assert not page.get_by_text("This run is stopped").count()
        shot(page, "train-verdict")

        page.get_by_text("Confusion", exact=True).click()
        page.get_by_text("Rows: the label of the test examples").wait_for(timeout=60_000)
        settled(page)
        shot(page, "train-confusion")
        page.get_by_text("What to collect", exact=True).click()
        page.get_by_text("Test examples that fail").wait_for(timeout=60_000)
        settled(page)
        with page.expect_download() as download:
            button(page, "Report (HTML)").click()
        text = download.value.path().read_text("utf-8")
    assert run.verdict["sentence"] in text and "<script" not in text

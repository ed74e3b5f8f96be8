"""Long work as processes of their own: how a job lives, and how it may end."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest

from curation import Project, Step, commands, jobs
from curation.commands import Command
from curation.errors import Cancelled, CurationError

WORDS = "river mountain bread window garden letter horse winter candle bridge".split()

needs_signals = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


LARGE = 9_000
"""Rows that take seconds: five batches of the engine."""


def make_project(folder: Path, rows: int) -> Project:
    """A project whose recipe counts the tokens of answers of a thousand characters."""
    texts = (
        {
            "prompt": f"What do you know of the {WORDS[i % 10]} number {i}?",
            "completion": f"The {WORDS[i % 7]} stands beside the {WORDS[i % 9]}, {i} steps away. "
            * 20,
        }
        for i in range(rows)
    )
    (folder / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in texts))
    project = Project.create(folder / "p")
    project.add(folder / "rows.jsonl")
    project.recipe += Step("lengths")
    return project


def until(project: Project, job: str, reached, seconds: float = 60) -> jobs.Status:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = jobs.status(project.path, job)
        if reached(status):
            return status
        time.sleep(0.02)
    pytest.fail(f"the job is still {status}")


def at_rest(status: jobs.Status) -> bool:
    return not status.active


def at_work(status: jobs.Status) -> bool:
    return status.share > 0 and "of" in status.text


def run_with(project: Project, engine: str) -> Command:
    """A run on an engine."""
    return Command("run", (str(project.path), f"--engine={engine}"), "Run")


def group(leader: int) -> list[int]:
    """Processes that live in a process group."""
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, number = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(number) == leader and state != "Z":
                pids.append(int(entry.name))
    return pids


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Project:
    return make_project(tmp_path_factory.mktemp("large"), LARGE)


@pytest.fixture
def small(tmp_path) -> Project:
    return make_project(tmp_path, 20)


def test_a_job_runs_says_how_far_it_is_and_what_came_of_it(small):
    job = jobs.start(small.path, commands.run(small.path))
    assert jobs.status(small.path, job).active
    done = until(small, job, at_rest)
    assert (done.state, done.share, done.error) == ("done", 1.0, "")
    assert done.result["kept"] == 20 and done.title == "Run"
    assert [j.id for j in jobs.all_jobs(small.path)] == [job]
    assert Project.open(small.path).view().current


def test_a_job_that_cannot_do_its_work_fails_with_its_sentence(small):
    for command, sentence in [
        (("run", "--recipe=nowhere.yaml"), "nowhere.yaml cannot be read"),
        (("export", f"--to={small.path}"), "which no export made"),
    ]:
        name, option = command
        job = jobs.start(small.path, Command(name, (str(small.path), option), "Work"))
        failed = until(small, job, at_rest)
        assert failed.state == "failed" and sentence in failed.error
        assert "\n" not in failed.error


def test_a_run_is_found_at_work_behind_any_number_of_later_jobs(tmp_path):
    folder = tmp_path / "jobs"
    now = time.time()
    jobs._write(
        folder / "20260101-000000-first", jobs.Status("a", "Run", "running", "run", started=now)
    )
    for n in range(30):
        jobs._write(folder / f"20260102-{n:06}-later", jobs.Status("b", "Export", "done", "export"))
    with pytest.raises(CurationError, match="A run is under way"):
        jobs.start(tmp_path, commands.run(tmp_path))


def test_a_bug_fails_the_job_and_its_trace_is_in_the_log(small):
    jobs._write(small.path / "jobs" / "one", jobs.Status("one", "Run", "starting"))
    with pytest.raises(ZeroDivisionError):
        with jobs.reporting(small.path, "one", lambda share, text: None):
            1 / 0  # noqa: B018
    failed = jobs.status(small.path, "one")
    assert failed.state == "failed" and "This is a bug: ZeroDivisionError" in failed.error
    with pytest.raises(Cancelled):
        with jobs.reporting(small.path, "one", lambda share, text: None):
            raise Cancelled
    assert jobs.status(small.path, "one").state == "cancelled"


@needs_signals
@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_a_cancelled_job_ends_with_its_workers(large, engine):
    job = jobs.start(large.path, run_with(large, engine))
    running = until(large, job, at_work)
    if engine == "processes" and (os.cpu_count() or 1) <= 2:  # with more, five batches are few
        until(large, job, lambda s: len(group(running.pid)) > 1)
    jobs.cancel(large.path, job)
    ended = until(large, job, at_rest, 10)
    assert ended.state == "cancelled" and ended.error.startswith("Cancelled.")
    until(large, job, lambda s: not group(running.pid), 10)
    jobs.cancel(large.path, job)  # once more does nothing
    assert jobs.status(large.path, job).state == "cancelled"


@needs_signals
def test_a_job_is_cancelled_before_it_has_said_anything(large):
    job = jobs.start(large.path, commands.run(large.path))
    jobs.cancel(large.path, job)
    assert until(large, job, at_rest, 10).state == "cancelled"


@needs_signals
def test_a_killed_job_is_lost_with_its_last_words_and_goes_on_when_started_again(large):
    first = jobs.start(large.path, run_with(large, "serial"))
    running = until(large, first, at_work)
    (large.path / "jobs" / first / "log.txt").write_text("reading\nthe machine is on fire\n")
    os.kill(running.pid, signal.SIGKILL)
    lost = until(large, first, at_rest, 10)
    assert lost.state == "lost"
    assert lost.error.endswith(
        "start it again to go on from there. Its last words: the machine is on fire"
    )
    batches = {p.name for p in (large.path / "cache").rglob("*.arrow")}
    assert batches, "what it had finished is kept"
    again = jobs.start(large.path, run_with(large, "serial"))
    done = until(large, again, at_rest)
    assert done.state == "done" and done.result["examples"] == LARGE
    assert batches < {p.name for p in (large.path / "cache").rglob("*.arrow")}


def test_a_job_whose_number_another_process_has_now_is_lost_all_the_same(small):
    folder = small.path / "jobs" / "old"
    jobs._write(folder, jobs.Status("old", "Run", "running", pid=os.getpid(), updated=time.time()))
    (folder / "pid").write_text(str(os.getpid()))
    if sys.platform != "win32":
        assert jobs.status(small.path, "old").state == "lost"


def test_of_two_runs_at_once_one_is_started(small):
    def begin(_) -> str:
        try:
            return jobs.start(small.path, commands.run(small.path))
        except CurationError as error:
            return str(error)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(begin, range(4)))
    assert answers.count("A run is under way; start another when it is done.") == 3
    (job,) = [a for a in answers if not a.startswith("A run")]
    assert until(small, job, at_rest).state == "done"
    again = jobs.start(small.path, commands.run(small.path))
    assert until(small, again, at_rest).state == "done"


def test_a_jobs_folder_that_cannot_be_written_and_an_id_that_is_none_are_sentences(small):
    for name in ("../../etc", "", "a/b"):
        with pytest.raises(CurationError, match="is no id of a job"):
            jobs.status(small.path, name)
    (small.path / "jobs").write_text("a file")
    with pytest.raises(CurationError, match="The job could not be started"):
        jobs.start(small.path, commands.run(small.path))
    assert jobs.all_jobs(small.path) == []


def test_there_is_a_sentence_for_a_job_that_is_none(small):
    with pytest.raises(CurationError, match="no job 'nothing'"):
        jobs.status(small.path, "nothing")
    (small.path / "jobs" / "broken").mkdir(parents=True)
    (small.path / "jobs" / "broken" / "status.json").write_text("{")
    assert jobs.all_jobs(small.path) == []


def test_how_long_it_takes_is_said_from_earlier_runs_only(small):
    seconds, unknown = small.estimate()
    assert (seconds, unknown) == (0.0, ["lengths"]), "what was never run is named, not guessed"
    job = jobs.start(small.path, commands.run(small.path))
    assert until(small, job, at_rest).state == "done"
    assert small.estimate() == (0.0, []), "all of it is remembered"
    rates = json.loads((small.path / "cache" / "timings.json").read_text())
    (small.path / "more.jsonl").write_text('{"prompt": "One more?", "completion": "Yes."}\n')
    small.add(small.path / "more.jsonl")
    seconds, unknown = small.estimate()
    assert unknown == [] and seconds == pytest.approx(rates["lengths"] * 21)

"""The main job on a Ray cluster: python -m benchmarks cluster [ROWS] [--project FOLDER] [--without STEP…].

Ray's nodes have a core each and live in a network namespace of their own, which nothing outside reaches
and which ends with this program; it needs root. Each way is a command in a process of its own on a copy of
the project without stored results: worker processes on all cores, Ray with one core, with two, and with
two while a worker is killed, then a node, which comes back. Vectors are static ones (`way: draft`).
With --only-losses the last of them alone runs, and is held against what FOLDER's own run has stored.

For each step: seconds by the clock, the ratio of one core to two, and the most memory of the command that
is neither shared nor mapped from a file. Last: which stored results are other bytes than those of worker
processes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.scale import DATA, with_params, write_rows
from curation import Project
from curation.recipe import Recipe, replace_params
from curation.recipe_file import DEFAULT_RECIPE
from tests.ray_nodes import enclosed, environment

MADE = {"cache", "basis"}
"""What a copy of a project goes without."""

LOOKS = 0.5
"""Seconds between two looks at a command's memory and results."""

STORE = 512 * 2**20
"""Bytes of the shared memory of a node."""


PROCESSES, ONE, TWO, LOSSES = "processes", "Ray, 1 core", "Ray, 2 cores", "Ray, losses"


class Outcome(NamedTuple):
    """A run: seconds of each step, memory of the command, and digests of all that was stored."""

    seconds: Mapping[str, float]
    whole: float
    processor: float
    peak: float
    anonymous: dict[str, float]
    stored: dict[str, str]
    kept: int


def new_project(rows: int, data: Path, folder: Path) -> Path:
    """A project with so many rows."""
    write_rows(folder / "rows.jsonl", data, rows)
    fresh = Project.create(folder / "new")
    fresh.add(folder / "rows.jsonl")
    return fresh.path


def copied(project: Path, to: Path, without: Sequence[str]) -> Path:
    """A copy of a project's rows with the default recipe, some steps of which are disabled."""
    to.mkdir()
    for path in project.iterdir():
        if path.name not in MADE:
            subprocess.run(["cp", "-a", "--reflink=auto", path, to], check=True)
    opened = Project.open(to)
    recipe = with_params(DEFAULT_RECIPE, "embed", way="draft")
    opened.recipe = Recipe(tuple(replace_params(s, s.params, s.use not in without) for s in recipe))
    return to


def anonymous(pid: int) -> float:
    """GiB of a process that are neither shared nor mapped from a file; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    kib = next((line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")), 0)
    return int(kib) / 2**20


def run(place: Path, words: Sequence[str], watch: Callable[[], None]) -> Outcome:
    """Run the recipe; `watch` is called at every look."""
    looks: list[tuple[float, float]] = []
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        command = [sys.executable, "-m", "curation", "run", str(place), "--json", *words]
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors)
        ended = 0
        while not ended:
            looks.append((time.perf_counter(), anonymous(process.pid)))
            watch()
            time.sleep(LOOKS)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        end = time.perf_counter()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        output.seek(0)
        if status:
            raise SystemExit(f"{errors.read()[-2_000:]}\nThe run ended with {process.returncode}.")
        summary = json.loads(output.read())
    seconds = {step["name"]: float(step["seconds"]) for step in summary["steps"]}
    most, until = dict.fromkeys(seconds, 0.0), end
    for name in reversed(seconds):  # steps follow each other until the end
        own = [size for when, size in looks if until - seconds[name] <= when <= until]
        most[name], until = max(own, default=0.0), until - seconds[name]
    return Outcome(
        seconds,
        end - begin,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 2**20,
        most,
        digests(place),
        summary["kept"],
    )


def digests(place: Path) -> dict[str, str]:
    """Path → digest of every stored result of a project."""
    folders = [place / "cache" / "steps", place / "cache" / "vectors", place / "basis"]
    return {
        path.relative_to(place).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


class Nodes:
    """A head without a core, and nodes with one."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._settings = {"object_store_memory": STORE, "include_dashboard": False}
        self._cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, **self._settings}
        )
        self.address = self._cluster.address
        self.nodes: list[Any] = []

    def add(self) -> None:
        """Add a node with one core."""
        self.nodes.append(self._cluster.add_node(num_cpus=1, **self._settings))

    def kill(self) -> None:
        """Kill the newest node."""
        self._cluster.remove_node(self.nodes.pop(), allow_graceful=False)


class Losses:
    """Kills a worker and then a node in the middle of a run, and brings the node back."""

    def __init__(self, nodes: Nodes, place: Path, usual: Mapping[str, str]) -> None:
        self._nodes, self._steps = nodes, place / "cache" / "steps"
        half = sum(name.startswith("cache/steps") for name in usual) // 2
        self._todo: list[tuple[int, Callable[[], bool]]] = [
            (half // 2, self._worker),
            (half, self._node),
            (half + half // 3, self._back),
        ]
        self.done: list[str] = []

    def __call__(self) -> None:
        """Do what is due by the number of stored results."""
        if self._todo and sum(1 for _ in self._steps.rglob("*.arrow")) >= self._todo[0][0]:
            due = self._todo[0][1]
            if due():
                del self._todo[0]

    def _worker(self) -> bool:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                name = path.read_bytes()
            except OSError:
                continue
            if name.startswith(b"ray::") and b"IDLE" not in name and b"Agent" not in name:
                os.kill(int(path.parent.name), signal.SIGKILL)
                self.done.append(f"killed the worker of {name.rstrip(bytes(1)).decode()}")
                return True
        return False  # none is busy now

    def _node(self) -> bool:
        self._nodes.kill()
        self.done.append("killed a node")
        return True

    def _back(self) -> bool:
        self._nodes.add()
        self.done.append("added a node")
        return True


def show(outcomes: Mapping[str, Outcome]) -> None:
    """Print seconds and memory of each step, a column a way, and the ratio of one core to two."""
    runs = list(outcomes.values())
    seconds = [(step, [run.seconds[step] for run in runs]) for step in runs[0].seconds]
    table("step, seconds", outcomes, [*seconds, ("whole", [run.whole for run in runs])], 1)
    table(
        "processor s of",
        outcomes,
        [("the command and its processes", [r.processor for r in runs])],
        0,
    )
    memory = [(step, [run.anonymous[step] for run in runs]) for step in runs[0].seconds]
    most = ("most, shared and mapped memory too", [run.peak for run in runs])
    table("step, GiB of the command", outcomes, [*memory, most], 2)


def table(
    title: str, ways: Mapping[str, Any], rows: Sequence[tuple[str, list[float]]], digits: int
) -> None:
    """Print rows of numbers, a column a way; of one core to two the ratio, where both were run."""
    print(f"\n| {title} | {' | '.join(ways)} | 1 → 2 cores |\n|---|{'---:|' * (len(ways) + 1)}")
    for name, values in rows:
        of = dict(zip(ways, values, strict=True))
        ratio = f"{of[ONE] / max(0.001, of[TWO]):.2f}" if {ONE, TWO} <= of.keys() else ""
        print(f"| {name} | {' | '.join(f'{value:.{digits}f}' for value in values)} | {ratio} |")


def compare(name: str, outcome: Outcome, usual: Mapping[str, str]) -> None:
    """Print which stored results are other bytes than those of worker processes."""
    both = usual.keys() | outcome.stored.keys()
    other = sorted(n for n in both if usual.get(n) != outcome.stored.get(n))
    print(
        f"{name}: {outcome.kept:,} rows kept, {len(both) - len(other):,} stored results are the same "
        f"bytes as by processes, {len(other)} are not{''.join(f'; {n}' for n in other[:5])}"
    )


def inside(options: argparse.Namespace, folder: Path) -> None:
    """Measure every way, in the namespace."""
    project = options.project or new_project(options.rows, options.data, folder)
    outcomes: dict[str, Outcome] = {}

    def measure(name: str, words: Sequence[str], losses: Callable[..., Any] | None = None) -> None:
        place = copied(project, folder / f"p{len(outcomes)}", options.without)
        watch = losses(place) if losses else lambda: None
        outcomes[name] = run(place, words, watch)
        shutil.rmtree(place)
        print(
            f"{name}: {outcomes[name].whole:.0f} s",
            *getattr(watch, "done", []),
            sep="; ",
            flush=True,
        )

    if options.only_losses:
        usual = digests(project)
    else:
        measure(PROCESSES, ["--engine", "processes"])
        usual = outcomes[PROCESSES].stored
    nodes = Nodes()
    words = ["--engine", "ray", "--address", nodes.address]
    for name in (ONE, TWO):
        nodes.add()
        if not options.only_losses:
            measure(name, words)
    if not options.no_losses:
        measure(LOSSES, words, lambda place: Losses(nodes, place, usual))
    show(outcomes)
    for name, outcome in outcomes.items():
        compare(name, outcome, usual)


def main() -> None:
    """Enter the namespace, and measure there for at most the time that is given."""
    parser = argparse.ArgumentParser(prog="benchmarks cluster")
    parser.add_argument("rows", nargs="?", type=int, default=200_000)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--project", type=Path, help="rows of an imported project, as it is")
    parser.add_argument("--without", nargs="*", default=[], help="steps that are left out")
    parser.add_argument("--no-losses", action="store_true", help="kill nothing")
    parser.add_argument("--only-losses", action="store_true", help="on a FOLDER that was run")
    parser.add_argument("--minutes", type=float, default=120, help="time after which all ends")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options, options.inside)
        return
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    path = os.pathsep.join(
        [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    )
    words = ["-m", "benchmarks.cluster", *sys.argv[1:], "--inside", str(folder)]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    try:
        done = subprocess.run(
            enclosed(sys.executable, *words),
            env=environment(PYTHONPATH=path),
            timeout=60 * options.minutes,
        )
    finally:
        shutil.rmtree(folder)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()

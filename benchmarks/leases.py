"""Fifty people answer at once, with leases: python -m benchmarks leases [--postgres URL]."""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from curation import Project
from curation.decisions import Decision
from curation.looking.queues import Board
from curation.review import Review, read_review, write_review
from curation.settings import allow_database
from curation.ui.card.replies import Place, reply

SERVERS = 3
"""Processes that serve pages; each has its own part of the people."""


def main() -> None:
    """Make a project, let servers answer in it, and check that nobody got too much or too little."""
    parser = argparse.ArgumentParser(prog="benchmarks leases")
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--overlap", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=3.0, help="mean seconds between two answers")
    parser.add_argument("--decided", type=float, default=0.5, help="share decided before")
    parser.add_argument("--postgres", default="", help="URL of a database to use instead of SQLite")
    parser.add_argument("--server", nargs=3, metavar=("PROJECT", "FIRST", "LAST"))
    options = parser.parse_args()
    if options.server:
        folder, first, last = options.server
        print(json.dumps(serve(Path(folder), int(first), int(last), options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        project = make(Path(folder) / "many", options)
        load = os.getloadavg()[0]
        cuts = [options.people * n // SERVERS for n in range(SERVERS + 1)]
        command = [sys.executable, "-m", "benchmarks.leases", *sys.argv[1:], "--server"]
        servers = [
            subprocess.Popen(
                [*command, str(project.path), str(a), str(b)], stdout=subprocess.PIPE, text=True
            )
            for a, b in zip(cuts, cuts[1:], strict=False)
        ]
        most = watch(project, servers, options.overlap)
        results = [json.loads(server.communicate()[0]) for server in servers]
        report(project, results, most, load, options)


def make(path: Path, options: argparse.Namespace) -> Project:
    """Make a project of sums, with a share of them decided by two earlier people."""
    project = Project.create(path)
    lines = path.parent / "sums.jsonl"
    with open(lines, "w", encoding="utf-8") as stream:
        for n in range(options.rows):
            row = {"prompt": f"What is {n} + {n}?", "completion": f"{n} + {n} is {2 * n}."}
            stream.write(json.dumps(row) + "\n")
    project.add(lines)
    write_review(path, Review(overlap=options.overlap))
    if options.postgres:
        settings = path / "project.toml"
        text = settings.read_text("utf-8")
        settings.write_text(text.replace('"sqlite"', json.dumps(options.postgres)), "utf-8")
        allow_database(path)
    ids = project.examples.rows.index[: int(options.rows * options.decided)]
    for who in [f"early {n}" for n in range(options.overlap)]:
        decisions = [Decision(str(i), "keep", annotator=who) for i in ids]
        for start in range(0, len(decisions), 10_000):
            project.decisions.append(decisions[start : start + 10_000])
    return project


def watch(project: Project, servers: list[subprocess.Popen[str]], overlap: int) -> int:
    """Return the most live leases and answers together of one example, while the servers run."""
    most = 0
    while any(server.poll() is None for server in servers):
        leases, state = project.decisions.leases.beside_answers()
        people: dict[str, set[str]] = {}
        for lease in leases:
            people.setdefault(lease.example_id, set()).add(lease.holder)
        together = [len(who.union(state.answered.get(i, ()))) for i, who in people.items()]
        most = max([most, *together])
        time.sleep(2.0)
    return most


def serve(path: Path, first: int, last: int, options: argparse.Namespace) -> dict[str, list[float]]:
    """Answer as some people, each in a thread, and return the seconds of each kind of request."""
    project, board = Project.open(path), Board()
    view = project.view()
    times: dict[str, list[float]] = {"next": [], "save": []}
    ends: list[float] = []
    start = threading.Barrier(last - first + 1)

    def work(number: int) -> None:
        rng = random.Random(number)
        seat = Place(project, "many", view, board, f"person {number}", "s")
        have: dict[str, int] = {}
        ask = {"project": "many", "page": f"page {number}", "queue": "undecided", "sent": 1}
        order = reply(seat, {**ask, "at": "", "have": {}, "answers": []})["order"]
        start.wait()
        end = time.perf_counter() + options.seconds
        time.sleep(rng.random() * options.pause)
        while time.perf_counter() < end:
            answered = order[0]
            decision = Decision(answered, rng.choice(["keep", "drop"]), None, seat.annotator)
            begun = time.perf_counter()
            project.decisions.append([decision])
            saved = time.perf_counter()
            shown = order[1] if len(order) > 1 else ""
            answer = reply(seat, {**ask, "at": shown, "have": have, "answers": []})
            ended = time.perf_counter()
            assert not answer.get("trouble"), answer["trouble"]
            times["save"].append(saved - begun)
            times["next"].append(ended - saved)
            have |= {card["id"]: card["revision"] for card in answer["cards"]}
            order = [*([shown] if shown else []), *answer["order"]]
            time.sleep(rng.expovariate(1 / options.pause))
        ends.append(time.perf_counter())

    threads = [threading.Thread(target=work, args=(n,)) for n in range(first, last)]
    for thread in threads:
        thread.start()
    start.wait()
    for thread in threads:
        thread.join()
    return times


def report(
    project: Project,
    results: list[dict[str, list[float]]],
    most: int,
    load: float,
    options: argparse.Namespace,
) -> None:
    """Print the times, and how many people answered each example."""
    print(
        f"{options.rows:,} rows, {options.people} people in {SERVERS} processes, overlap "
        f"{options.overlap}, {os.cpu_count()} cores, load before {load:.1f}, "
        f"{'PostgreSQL' if options.postgres else 'SQLite'}"
    )
    for kind in ("next", "save"):
        took = sorted(seconds * 1000 for result in results for seconds in result[kind])
        cuts = statistics.quantiles(took, n=100)
        print(
            f"{kind}: {len(took):,}, {len(took) / options.seconds:.1f} a second, p50 {cuts[49]:.1f} "
            f"ms, p99 {cuts[98]:.1f} ms, highest {took[-1]:.1f} ms"
        )
    answered = project.people().answered  # type: ignore[union-attr]
    counts = Counter(len(people) for people in answered.values())
    print(f"most people at one example, live leases and answers: {most}")
    print(f"examples by number of people: {dict(sorted(counts.items()))}")
    leases = project.decisions.leases
    project.decisions.leases.release({lease.page for lease in leases.live()})
    ids = [str(i) for i in project.examples.rows.index]
    overlap = read_review(project.path).people_for
    offered = leases.take("last", "last", ids, len(ids), overlap=overlap, waiting=10 * len(ids))
    waits = sum(len(answered.get(i, ())) < options.overlap for i in ids)
    print(f"offered again when all pages are closed: {len(offered):,} of {waits:,} that wait")


if __name__ == "__main__":
    main()

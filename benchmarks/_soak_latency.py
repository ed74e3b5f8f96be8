"""The time of a save for `benchmarks soak`: 1, 10 and 50 people, also beside an import."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks._soak_check import examine
from benchmarks._soak_kills import People, new_project, running
from benchmarks._soak_people import Outbox, Pace
from benchmarks._soak_server import Life
from tests.app_server import free_port
from tests.postgres import Postgres

SECONDS = 10.0
CROWDS = (1, 10, 50)
HUMAN = Pace(1.0)
"""An answer a second from each person, which is faster than people read."""

FLAT_OUT = Pace(0.0)
ROWS = 1_000_000
LIMIT = 250.0
"""Milliseconds that 99 of 100 saves may take beside an import."""


def measure(folder: Path, postgres: Postgres | None) -> list[str]:
    """Print a line for each crowd on each database; return what is wrong."""
    wrong: list[str] = []
    print(f"\nseconds from an answer to its acknowledgement, load {os.getloadavg()[0]:.1f}")
    print("| database | people | pace | answers | a second | p50 ms | p99 ms | worst ms |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    lines = folder / "rows.jsonl"
    write_rows(lines, ROWS)
    for database in ["SQLite", *(["PostgreSQL"] if postgres else [])]:
        for people, pace, imports in [
            *((count, HUMAN, False) for count in CROWDS),
            (50, FLAT_OUT, False),
            (50, HUMAN, True),
        ]:
            home = folder / f"{database}-{people}-{pace.seconds}-{imports}"
            home.mkdir()
            where = postgres.new_schema() if postgres and database != "SQLite" else "sqlite"
            boxes, seconds, problems = _crowd(home, where, people, pace, lines if imports else None)
            words = f"{1 / pace.seconds:.0f} a second" if pace.seconds else "flat out"
            words += f", {ROWS:,} rows imported meanwhile in {seconds:.0f} s" if imports else ""
            took = _print(database, people, words, boxes, seconds)
            wrong += problems
            if imports and np.percentile(took, 99) > LIMIT:
                wrong.append(f"{database}: 99 of 100 saves took more than {LIMIT:.0f} ms")
    return wrong


def _crowd(
    home: Path, where: str, people: int, pace: Pace, lines: Path | None
) -> tuple[list[Outbox], float, list[str]]:
    """Let a crowd answer for a while, or as long as an import takes; return what is wrong too."""
    project = new_project(home / "project", where)
    life = Life(project.path, free_port())
    wrong = []
    with running(life):
        time.sleep(1)
        crowd = People(people, life.port, pace, home, processes=5)
        begun = time.monotonic()
        if lines is None:
            time.sleep(SECONDS)
        else:
            words = [sys.executable, "-m", "curation", "import", str(project.path), str(lines)]
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode:
                wrong.append(f"the import ended with {done.returncode}: {done.stderr[-300:]}")
        seconds = time.monotonic() - begun
        boxes = crowd.finish()
    result = examine(project, boxes)
    wrong += result.wrong
    wrong += [f"{text} ({n} times)" for box in boxes for text, n in box.troubles.items()]
    project.decisions.close()
    return boxes, seconds, wrong


def _print(
    database: str, people: int, pace: str, boxes: Sequence[Outbox], seconds: float
) -> np.ndarray:
    took = 1000 * np.array([second for box in boxes for second in box.took])
    p50, p99 = np.percentile(took, (50, 99))
    print(
        f"| {database} | {people} | {pace} | {len(took):,} | {len(took) / seconds:,.0f} "
        f"| {p50:.1f} | {p99:.1f} | {took.max():.0f} |",
        flush=True,
    )
    return took


def write_rows(path: Path, count: int) -> None:
    """Write a file of that many small examples."""
    with open(path, "w", encoding="utf-8") as stream:
        for first in range(0, count, 10_000):
            stream.writelines(
                f'{{"prompt": "How much is {n} times three?", "completion": "It is {3 * n}."}}\n'
                for n in range(first, min(first + 10_000, count))
            )

"""The time in which one million JSON lines become examples, beside other readers of the file.

Run `python -m benchmarks.reading [--rows N]`; every reader gets a fresh process, and its time and
peak memory are those of that process and its children together.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import orjson

OPENINGS = (
    "Explain to a neighbour how one",
    "Write three sentences on how people",
    "Give a short plan that helps somebody who must",
    "List what can go wrong when beginners",
    "Describe a quiet morning on which villagers",
)
DEEDS = (
    "mends a bicycle tyre by the roadside",
    "keeps bread fresh through a humid week",
    "reads an old map of the harbour",
    "teaches a child to whistle",
    "moves a beehive across the valley",
    "paints a wooden fence before the rain",
    "sorts letters in a small post office",
)
REASONS = (
    "because the shop closes early and nobody wants to walk home in the dark",
    "since patience costs less than a second attempt",
    "although the instructions on the box say something else entirely",
    "so that the work can be handed to someone new without a long talk",
    "even when the wind turns and the first idea has to be given up",
)

READERS = {
    "curation": """
from pathlib import Path
from curation.sources import parse
rows = parse(Path(path), Path(out)).examples
""",
    "datasets": """
import datasets
datasets.disable_progress_bars()
rows = len(datasets.load_dataset("json", data_files=path, cache_dir=out, split="train"))
""",
    "pandas": """
import pandas
rows = len(pandas.read_json(path, lines=True))
""",
    "polars": """
import polars
rows = polars.read_ndjson(path).height
""",
    "duckdb": """
import duckdb
rows = duckdb.connect().sql(f"create table t as select * from read_ndjson('{path}'); "
                            "select count(*) from t").fetchall()[0][0]
""",
}


def sentence(chance: random.Random) -> str:
    """One sentence made of three parts, with a number so that few are equal."""
    parts = (chance.choice(OPENINGS), chance.choice(DEEDS), chance.choice(REASONS))
    return f"{' '.join(parts)} ({chance.randrange(10**6)})."


def make(path: Path, rows: int) -> None:
    """Write Alpaca-like JSON lines of about 450 bytes, one in three with an input."""
    chance = random.Random(1)
    with open(path, "wb") as sink:
        for number in range(rows):
            record = {
                "instruction": sentence(chance),
                "input": sentence(chance) if number % 3 == 0 else "",
                "output": " ".join(sentence(chance) for _ in range(1 + number % 2)),
            }
            sink.write(orjson.dumps(record) + b"\n")


def family(pid: int) -> list[int]:
    """A process and everything it started."""
    pids = [pid]
    for one in pids:
        try:
            tasks = Path(f"/proc/{one}/task").glob("*/children")
            pids += [int(c) for task in tasks for c in task.read_text().split()]
        except OSError:
            continue
    return pids


def resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def measure(code: str, path: Path) -> tuple[float, float, float, int]:
    """Seconds, processor seconds, peak GiB of the process with its children, and rows."""
    with tempfile.TemporaryDirectory() as out:
        program = f"path, out = {str(path)!r}, {out!r}\n{code}\nprint(rows)"
        begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        worker = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            env={**os.environ, "HF_HOME": out, "HF_HUB_OFFLINE": "1"},
        )
        peak, done = [0], threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                peak[0] = max(peak[0], sum(map(resident, family(worker.pid))))

        watcher = threading.Thread(target=watch)
        watcher.start()
        answer, _ = worker.communicate()
        seconds = time.perf_counter() - begin
        done.set()
        watcher.join()
        if worker.returncode:
            raise SystemExit(f"The reader failed:\n{code}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return seconds, worked, peak[0] / 2**30, int(answer)


def main() -> None:
    """Make the file, time every reader that is installed, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=1, help="the quickest of so many is shown")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        make(path, chosen.rows)
        size = path.stat().st_size / 2**20
        print(f"{chosen.rows:,} JSON lines, {size:,.0f} MiB, {os.cpu_count()} processors\n")
        installed = [name for name in READERS if importlib.util.find_spec(name)]
        figures = {}
        for name in installed:
            runs = [measure(READERS[name], path) for _ in range(chosen.repeats)]
            figures[name] = min(runs)
    base = figures["datasets"][0] if "datasets" in figures else figures["curation"][0]
    print("| reader | rows | seconds | times datasets | processor seconds | peak GiB |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, (seconds, worked, memory, rows) in figures.items():
        ratio = seconds / base
        print(f"| {name} | {rows:,} | {seconds:.1f} | {ratio:.2f} | {worked:.1f} | {memory:.2f} |")


if __name__ == "__main__":
    main()

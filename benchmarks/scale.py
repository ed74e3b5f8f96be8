"""The main job at growing numbers of rows: python -m benchmarks scale [ROWS…] [--data FOLDER].

Each stage is a command in a process of its own, as a user runs it: seconds by the clock and of the
processor, with all processes that it started, and the highest memory of one of them. Vectors are static ones
(`way: draft`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation import Project
from curation.recipe import Recipe, replace_params
from curation.recipe_file import DEFAULT_RECIPE

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ROWS = (10_000, 50_000, 200_000, 1_000_000)

VIEW = """
import sys
from curation import Project
view = Project.open(sys.argv[1]).view()
assert view.current, view.note
"""
"""What the server computes before it can draw a project's first page."""


def write_rows(path: Path, data: Path, rows: int) -> None:
    """Write questions and answers of Alpaca; beyond those that there are, a fifth of each one's words is another's.

    Every fiftieth row is a copy of an earlier one with one word changed.
    """
    draw = random.Random(0)
    records = json.loads((data / "sft/alpaca_en_52k.json").read_text("utf-8"))
    own = [(f"{r['instruction']}\n{r['input']}".strip(), r["output"]) for r in records]
    spoken = [word for _, text in own[:20_000] for word in text.split()]
    written: list[tuple[str, str]] = []
    with open(path, "w", encoding="utf-8") as stream:
        for n in range(rows):
            pair = own[n % len(own)]
            if n >= len(own):
                pair = _mixed(pair[0], spoken, draw), _mixed(pair[1], spoken, draw)
            if n % 50 == 49:
                prompt, answer = draw.choice(written)
                pair = prompt, f"{answer} Indeed."
            if n < 50_000:
                written.append(pair)
            stream.write(json.dumps({"prompt": pair[0], "completion": pair[1]}) + "\n")


def _mixed(text: str, spoken: Sequence[str], draw: random.Random) -> str:
    words = text.split()
    for place in range(draw.randrange(5), len(words), 5):
        words[place] = draw.choice(spoken)
    return " ".join(words)


def stage(rows: int, name: str, *words: str | Path) -> str:
    """Run a command, print a row of the table, and return its output."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        command = [sys.executable, *map(str, words)]
        process = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            errors.seek(0)
            raise SystemExit(errors.read()[-1_000:].decode("utf-8", "replace"))
        spent, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20
        print(f"| {rows:,} | {name} | {seconds:.1f} | {spent:.1f} | {peak:.1f} |", flush=True)
        output.seek(0)
        return output.read().decode()


def with_params(recipe: Recipe, use: str, **params: Any) -> Recipe:
    """Return a recipe with other parameters of a step."""
    steps = (
        replace_params(step, {**step.params, **params}, step.enabled) if step.use == use else step
        for step in recipe
    )
    return Recipe(tuple(steps))


def measure(rows: int, data: Path, folder: Path) -> None:
    """Do the whole job on so many rows, and print its table and the space that it takes."""
    source, place = folder / "rows.jsonl", folder / "job"
    write_rows(source, data, rows)
    project = Project.create(place, recipe=with_params(DEFAULT_RECIPE, "embed", way="draft"))
    curate = ("-m", "curation")
    stage(rows, "import", *curate, "import", place, source)
    for report in json.loads(stage(rows, "run", *curate, "run", place, "--json"))["steps"]:
        print(f"| {rows:,} | · {report['name']} | {report['seconds']:.1f} | | |", flush=True)
    stage(rows, "run, nothing changed", *curate, "run", place)
    project.recipe = with_params(project.recipe, "keep_between", high=500)
    stage(rows, "run, last filter changed", *curate, "run", place)
    stage(rows, "view of the first page", "-c", VIEW, place)
    stage(rows, "export", *curate, "export", place, "--to", folder / "out")
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    print(
        f"| {rows:,} | disk, times the input | {size / source.stat().st_size:.2f} | | |", flush=True
    )


def main() -> None:
    """Measure each number of rows, the smallest first."""
    parser = argparse.ArgumentParser(prog="benchmarks scale")
    parser.add_argument("rows", nargs="*", type=int, default=ROWS)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(
        "\n| rows | stage | seconds | processor s | GiB of one process |\n|---:|---|---:|---:|---:|"
    )
    for rows in options.rows:
        folder = Path(tempfile.mkdtemp())
        try:
            measure(rows, options.data, folder)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()

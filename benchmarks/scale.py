"""The main job at growing numbers of rows: python -m benchmarks scale [ROWS…] [--data FOLDER].

Each stage is a command in a process of its own, as a user runs it: seconds by the clock and of the
processor, with all processes that it started, and the highest memory of one of them. Vectors are static ones
(`way: draft`).

Lines are added to --results (benchmarks/results/scale.json), in the place of former ones for as many rows;
docs/images/scale.svg is drawn from that file, as it is without a measurement by --draw.
`python -m benchmarks paper` reads it too.
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

from benchmarks._scale_picture import draw
from curation import Project
from curation.recipe import Recipe, replace_params
from curation.recipe_file import DEFAULT_RECIPE

HERE = Path(__file__).resolve()
DATA = HERE.parents[2] / "shared" / "data"
RESULTS = HERE.parent / "results" / "scale.json"
PICTURE = HERE.parents[1] / "docs" / "images" / "scale.svg"
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


class Results:
    """The lines of the table: printed, and kept in a file as they come.

    A line has rows and stage, and what was measured of seconds, processor (seconds too), gib, times and bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content: dict[str, Any] = {"lines": []}
        if path.exists():
            self.content = json.loads(path.read_text("utf-8"))

    def begin(self, rows: int) -> None:
        """Forget former lines for as many rows."""
        self.content["cores"] = os.cpu_count()
        self.content["lines"] = [n for n in self.content["lines"] if n["rows"] != rows]

    def add(self, rows: int, stage: str, **figures: float) -> None:
        """Print a line and keep it."""
        figures = {name: round(value, 3) for name, value in figures.items()}
        self.content["lines"].append({"rows": rows, "stage": stage, **figures})
        self.content["lines"].sort(key=lambda line: line["rows"])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(json.dumps(line, ensure_ascii=False) for line in self.content["lines"])
        head = f'{{"cores": {self.content["cores"]}, "lines": ['
        self.path.write_text(f"{head}\n{lines}\n]}}\n", "utf-8")
        cells = [
            f"{figures[name]:.{digits}f}" if name in figures else ""
            for name, digits in (("seconds", 1), ("processor", 1), ("gib", 1), ("times", 2))
        ]
        print(f"| {rows:,} | {stage} | {' | '.join(cells)} |", flush=True)

    def stage(self, rows: int, name: str, *words: str | Path) -> str:
        """Run a command, add its line, and return its output."""
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
            self.add(rows, name, seconds=seconds, processor=spent, gib=peak)
            output.seek(0)
            return output.read().decode()


def with_params(recipe: Recipe, use: str, **params: Any) -> Recipe:
    """Return a recipe with other parameters of a step."""
    steps = (
        replace_params(step, {**step.params, **params}, step.enabled) if step.use == use else step
        for step in recipe
    )
    return Recipe(tuple(steps))


def measure(rows: int, data: Path, folder: Path, results: Results) -> None:
    """Do the whole job on so many rows, and add its lines and the space that it takes."""
    source, place = folder / "rows.jsonl", folder / "job"
    write_rows(source, data, rows)
    size = source.stat().st_size
    project = Project.create(place, recipe=with_params(DEFAULT_RECIPE, "embed", way="draft"))
    curate = ("-m", "curation")
    results.begin(rows)
    results.add(rows, "input", bytes=size)
    results.stage(rows, "import", *curate, "import", place, source)
    steps = json.loads(results.stage(rows, "run", *curate, "run", place, "--json"))["steps"]
    for report in steps:
        results.add(rows, f"· {report['name']}", seconds=report["seconds"])
    results.stage(rows, "run, nothing changed", *curate, "run", place)
    project.recipe = with_params(project.recipe, "keep_between", high=500)
    results.stage(rows, "run, last filter changed", *curate, "run", place)
    results.stage(rows, "view of the first page", "-c", VIEW, place)
    results.stage(rows, "export", *curate, "export", place, "--to", folder / "out")
    taken = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    results.add(rows, "disk, times the input", times=taken / size)


def main() -> None:
    """Measure each number of rows, the smallest first, and draw the picture."""
    parser = argparse.ArgumentParser(prog="benchmarks scale")
    parser.add_argument("rows", nargs="*", type=int, default=ROWS)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--draw", action="store_true", help="measure nothing, draw the picture")
    options = parser.parse_args()
    results = Results(options.results)
    if not options.draw:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
        print("| rows | stage | seconds | processor s | GiB | times |")
        print("|---:|---|---:|---:|---:|---:|")
    for rows in () if options.draw else options.rows:
        folder = Path(tempfile.mkdtemp())
        try:
            measure(rows, options.data, folder, results)
        finally:
            shutil.rmtree(folder)
    options.picture.write_text(draw(results.content["lines"]), "utf-8")


if __name__ == "__main__":
    main()

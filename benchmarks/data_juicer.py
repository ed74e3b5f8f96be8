"""Repair, exact and near copies of Alpaca's rows beside Data-Juicer, with equal settings.

python -m benchmarks data_juicer --python PYTHON [--data FOLDER] [--rows 52002] [NAME…]

PYTHON: an interpreter of its own that has Data-Juicer, since it wants other versions than this project:
`python -m venv DJ && DJ/bin/pip install py-data-juicer`. Both sides read the same JSON lines, repair the text
with ftfy, leave out equal texts and then those of which five-word shingles have a Jaccard similarity of 0.8,
and write the rest as JSON lines; both may use all cores. Each is a command in a fresh process and home:
seconds by the clock and of the processor with all processes that it started, and the highest memory of one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SIMILARITY = 0.8
COPIES = 10
"""Every tenth row is a copy of an earlier one with a word behind it."""

RECIPE = f"""
project_name: beside
dataset_path: rows.jsonl
export_path: out.jsonl
np: {os.cpu_count()}
text_keys: text
use_cache: false
process:
  - fix_unicode_mapper:
  - document_deduplicator:
      lowercase: false
  - document_minhash_deduplicator:
      tokenization: space
      window_size: 5
      lowercase: true
      jaccard_threshold: {SIMILARITY}
      num_permutations: 256
"""

PROGRAM = (
    "from data_juicer.config import init_configs; from data_juicer.core import DefaultExecutor; \
DefaultExecutor(init_configs(['--config', 'recipe.yaml'])).run()"
)

VERSION = "from importlib.metadata import version; print(version('py-data-juicer'))"


def write_rows(path: Path, data: Path, rows: int) -> None:
    """Write prompts and answers of Alpaca as one text each."""
    records = json.loads((data / "sft/alpaca_en_52k.json").read_text("utf-8"))[:rows]
    texts = [f"{r['instruction']}\n{r['input']}\n\n{r['output']}" for r in records]
    for n in range(COPIES - 1, len(texts), COPIES):
        texts[n] = f"{texts[n - COPIES + 1]} Indeed."
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")


def ours(path: Path, out: Path) -> None:
    """Do it with this project's own steps."""
    from curation import Project
    from curation.engine import make_engine
    from curation.recipe import Recipe, Step

    near = Step("drop_near_duplicates", similarity=SIMILARITY)
    recipe = Recipe((Step("fix_text"), Step("drop_exact_duplicates"), near))
    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(Path(folder) / "job", recipe=recipe)
        project.add(path)
        engine = make_engine("auto")
        kept = project.run(engine=engine).kept
        engine.close()
        kept[["prompt", "response"]].to_json(out, orient="records", lines=True, force_ascii=False)


def measured(command: list[str], folder: Path) -> tuple[float, float, float, int]:
    """Seconds by the clock and of the processor, GiB and rows kept of a command in a folder."""
    environment = {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            errors.seek(0)
            raise SystemExit(errors.read()[-2_000:].decode("utf-8", "replace"))
    kept = sum(1 for _ in open(folder / "out.jsonl", "rb"))
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20, kept


def main() -> None:
    """Run each side, and print a table with their ratio."""
    parser = argparse.ArgumentParser(prog="benchmarks data_juicer")
    parser.add_argument("names", nargs="*", default=["ours", "Data-Juicer"])
    parser.add_argument("--python", type=Path, help="an interpreter that has Data-Juicer")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rows", type=int, default=52_002)
    parser.add_argument("--inside", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        ours(*options.inside)
        return
    versions = {"ours": "", "Data-Juicer": ""}
    if options.python:
        versions["Data-Juicer"] = subprocess.run(
            [options.python, "-c", VERSION], capture_output=True, text=True, check=True
        ).stdout.strip()
    print(f"{options.rows:,} rows, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| side | seconds | processor s | times ours | GiB of one process | kept |")
    print("|---|---:|---:|---:|---:|---:|")
    first = 0.0
    for name in options.names:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            write_rows(folder / "rows.jsonl", options.data, options.rows)
            (folder / "recipe.yaml").write_text(RECIPE)
            inside = ["--inside", str(folder / "rows.jsonl"), str(folder / "out.jsonl")]
            own = [sys.executable, "-m", "benchmarks.data_juicer", *inside]
            command = own if name == "ours" else [str(options.python), "-c", PROGRAM]
            seconds, spent, gib, kept = measured(command, folder)
        first = first or spent
        print(
            f"| {name} {versions[name]} | {seconds:.1f} | {spent:.1f} | {spent / first:.2f} | "
            f"{gib:.2f} | {kept:,} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

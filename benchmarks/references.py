"""Seconds and memory of holding a project with embeddings against benchmark files.

python -m benchmarks references PROJECT gsm8k_test.jsonl HumanEval.jsonl.gz

Works on a copy without the reference sets, so that nothing is remembered but the dataset's own vectors.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from curation import Project
from curation.comparison import compare_with
from curation.looking.gaps import gaps, over_represented
from curation.process import peak_rss_mb


def main() -> None:
    """Print a Markdown table: a row for each reference set, first and remembered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(arguments.project, copy, ignore=shutil.ignore_patterns("targets", "jobs"))
        project = Project.open(copy)
        begin = time.perf_counter()
        view = project.view()
        kept = len(view.dataset.kept)
        opened = time.perf_counter() - begin
        print(f"{len(view.dataset):,} rows, {kept:,} kept, {os.cpu_count()} cores")
        print(f"opened in {opened:.1f} s\n")
        print(
            "| reference set | rows | reach | within, before | within, kept | gaps | "
            "added s | first s | not embedding s | remembered s | gaps and topics s | peak GiB |"
        )
        print("|---|" + "---:|" * 11)
        for file in arguments.files:
            print(row(project, file), flush=True)


def row(project: Project, file: Path) -> str:
    """One reference set, timed."""
    spent = [time.perf_counter()]
    reference, _ = project.references.add(file)
    spent.append(time.perf_counter())
    compare_with(project, reference)
    spent.append(time.perf_counter())
    for path in reference.results.glob("*.arrow"):
        path.unlink()
    compared = compare_with(project, reference)
    spent.append(time.perf_counter())
    compare_with(project, reference)
    spent.append(time.perf_counter())
    reach = compared.about["reach"]
    gaps_there = gaps(compared, reference.examples["prompt"], reach)
    over_represented(compared)
    spent.append(time.perf_counter())
    seconds = " | ".join(f"{b - a:.1f}" for a, b in zip(spent, spent[1:], strict=False))
    peak = (peak_rss_mb() or 0) / 1024
    return (
        f"| {file.name} | {reference.rows:,} | {reach:.2f} | {compared.within(reach, 'before'):.1%} | "
        f"{compared.within(reach):.1%} | {len(gaps_there)} | {seconds} | {peak:.1f} |"
    )


if __name__ == "__main__":
    main()

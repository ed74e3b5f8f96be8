"""The precision of a ranking by a few marks, beside similarity; words among a million rows.

python -m benchmarks search ag_news_7600.csv [--rows 2000] [--marks 10] [--draws 10] [--words 1000000]
    [--into DIR]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from curation import Project, Step
from curation.dataset import Dataset
from curation.looking.search import COLUMNS, like, words
from curation.operations.concept import LEAST_AGAINST, Marks, probability


def embedded(file: Path, rows: int, folder: Path) -> Dataset:
    """Labelled examples with vectors of their texts; a folder that is there already is used again."""
    if not (folder / "project.toml").exists():
        project = Project.create(folder)
        project.add(file)
        project.recipe += Step("select_random", budget=rows)
        labels = project.replay().kept
        few = folder / "few.jsonl"
        labels[["prompt", "label"]].rename(columns={"prompt": "text"}).to_json(
            few, orient="records", lines=True
        )
        project = Project.create(folder / "few")
        project.add(few)
        project.recipe += Step("embed", of="prompt")
    return Project.open(folder / "few").replay()


def ranked(
    vectors: np.ndarray, yes: np.ndarray, no: np.ndarray, rows: int
) -> dict[str, np.ndarray]:
    """A score per row by each way to use the marks."""
    marks = Marks(np.isin(np.arange(rows), yes), np.isin(np.arange(rows), no))
    alone = Marks(marks.yes, np.zeros(rows, dtype=bool))
    liked = like(vectors, yes, rows)
    likeness = np.full(rows, -1.0)
    likeness[liked.positions] = liked.scores
    return {
        "like these, the mean of the yes": likeness,
        "concept, the yes only": probability(vectors, alone),
        "concept, yes and no": probability(vectors, marks),
    }


def time_words(rows: pd.DataFrame, count: int) -> None:
    """Print what it takes to find words in so many rows, the given ones over and over."""
    many = pd.concat([rows[list(COLUMNS)]] * (count // len(rows) + 1), ignore_index=True)
    many = many.head(count)
    size = sum(int(many[c].str.len().sum()) for c in COLUMNS) / 1e6
    print(f"\n{len(many):,} rows, {size:.0f} million characters:\n")
    print("| words | found | seconds | processor seconds |")
    print("|---|---:|---:|---:|")
    for query in ("the", "oil prices", '"oil prices" -record', "nothing holds this"):
        begin, busy = time.perf_counter(), time.process_time()
        hits = len(words(many, query))
        spent, busy = time.perf_counter() - begin, time.process_time() - busy
        print(f"| {query} | {hits:,} | {spent:.2f} | {busy:.2f} |")


def main() -> None:
    """Print the mean average precision over classes and draws of the marks, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--marks", type=int, default=10)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--words", type=int, default=1_000_000, help="rows to find words in")
    parser.add_argument("--into", type=Path, help="keep the embedded project for another time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dataset = embedded(arguments.file, arguments.rows, arguments.into or Path(folder) / "p")
    rows = dataset.rows.sort_index()
    vectors = dataset.vectors[dataset.rows.index.get_indexer(rows.index)]
    labels = rows["label"].to_numpy()
    rng = np.random.default_rng(0)
    results: dict[str, list[float]] = {}
    begin, fits = time.perf_counter(), 0
    for label in np.unique(labels):
        of_class = labels == label
        for _ in range(arguments.draws):
            yes = rng.choice(np.flatnonzero(of_class), arguments.marks, replace=False)
            no = rng.choice(np.flatnonzero(~of_class), arguments.marks, replace=False)
            rest = ~np.isin(np.arange(len(rows)), [*yes, *no])
            for method, score in ranked(vectors, yes, no, len(rows)).items():
                precision = average_precision_score(of_class[rest], score[rest])
                results.setdefault(method, []).append(float(precision))
            fits += 2
    spent = time.perf_counter() - begin
    print(
        f"{len(rows):,} texts in {len(np.unique(labels))} classes, {arguments.marks} yes and "
        f"{arguments.marks} no of one class, {len(results[method])} draws; {1000 * spent / fits:.0f} ms "
        f"a ranking; fewer than {LEAST_AGAINST} no: untagged rows stand in.\n"
    )
    print("| way | average precision | worst draw |")
    print("|---|---:|---:|")
    for method, precisions in results.items():
        print(f"| {method} | {np.mean(precisions):.3f} | {np.min(precisions):.3f} |")
    time_words(rows, arguments.words)


if __name__ == "__main__":
    main()

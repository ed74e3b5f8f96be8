"""The article's case: 10,000 Chinese news titles in 10 classes, by an LSTM, an encoder and vectors.

python -m benchmarks article [--data FOLDER] [--out FOLDER] [--only NAME …] [--seed 0]

THUCNews titles, 8,000 to train on, 1,000 for validation and 1,000 for the test, each with equal
shares of the classes. Every learner has its default settings, but for the encoder, which reads 48
tokens, more than a title has, in two epochs of 32 titles a step. The results lie in the folder as
JSON, and are not computed again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from curation.embedding import load_encoder
from curation.training.learners import Data, Part, Point, Work, learner_of
from curation.training.metrics import classification

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "classify"
SIZES = (8_000, 1_000, 1_000)

ARMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "LSTM": ("lstm", {}, ""),
    "MiniLM, fine-tuned, 2 epochs": ("encoder", {"longest": 48, "epochs": 2, "batch": 32}, ""),
    "logistic regression on MiniLM's vectors": ("logistic", {}, "torch-float32"),
    "logistic regression on static vectors": ("logistic", {}, "draft"),
}
"""Title → learner, settings, and the backend of its vectors."""


def titles(folder: Path) -> tuple[list[str], np.ndarray, tuple[str, ...]]:
    """Titles, numbers of their classes, and the names of the classes."""
    lines = (folder / "thucnews_titles_10k.tsv").read_text("utf-8").splitlines()
    rows = [line.rsplit("\t", 1) for line in lines]
    names = tuple((folder / "thucnews_classes.txt").read_text("utf-8").split())
    return [row[0] for row in rows], np.array([int(row[1]) for row in rows]), names


def split(labels: np.ndarray, sizes: tuple[int, ...], seed: int) -> list[np.ndarray]:
    """Rows of each part, with equal shares of the classes."""
    rng = np.random.default_rng(seed)
    parts: list[list[int]] = [[] for _ in sizes]
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        ends = np.cumsum(sizes) * len(rows) // sum(sizes)
        for part, chosen in zip(parts, np.split(rows, ends[:-1]), strict=True):
            part += chosen.tolist()
    return [np.sort(part) for part in parts]


def fit(
    name: str, texts: list[str], labels: np.ndarray, classes: tuple[str, ...], seed: int
) -> dict[str, Any]:
    """Metrics of an arm on the test part, with its minutes."""
    learner, settings, backend = ARMS[name]
    started, processor = time.perf_counter(), time.process_time()
    vectors = load_encoder("", backend).encode(texts) if backend else None

    def part(rows: np.ndarray) -> Part:
        own = None if vectors is None else vectors[rows]
        chosen = tuple(texts[row] for row in rows)
        return Part(tuple(map(str, rows)), chosen, labels=labels[rows], vectors=own)

    def show(point: Point) -> None:
        print(f"  {name}: {point}", flush=True)

    train, validation, test = (part(rows) for rows in split(labels, SIZES, seed))
    with tempfile.TemporaryDirectory() as folder:
        work = Work(seed, Path(folder), report=show)
        outcome = learner_of(learner).fit(Data(train, validation, test, classes), work, **settings)
    assert outcome.probabilities is not None and test.labels is not None
    return {
        **classification(test.labels, outcome.probabilities, classes),
        "minutes": (time.perf_counter() - started) / 60,
        "processor_minutes": (time.process_time() - processor) / 60,
        "parameters": outcome.cost.parameters,
        "notes": list(outcome.notes),
    }


def tables(results: dict[str, dict[str, Any]]) -> str:
    """Both tables in Markdown: the means, and F1 of each class."""
    lines = [
        "| learner | accuracy | precision | recall | macro-F1 | log loss | calibration error | min | "
        "processor min |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, r in results.items():
        shown = [r[n] for n in ("accuracy", "precision", "recall", "macro_f1", "log_loss")]
        figures = [f"{value:.3f}" for value in (*shown, r["calibration"]["error"])]
        minutes = [f"{r[n]:.1f}" for n in ("minutes", "processor_minutes")]
        lines.append(f"| {' | '.join([name, *figures, *minutes])} |")
    names = [c["name"] for c in next(iter(results.values()))["classes"]]
    lines += ["", f"| F1 | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for name, r in results.items():
        figures = [f"{entry['f1']:.2f}" for entry in r["classes"]]
        lines.append(f"| {' | '.join([name, *figures])} |")
    notes = [f"{name}: {note}" for name, r in results.items() for note in r["notes"]]
    return "\n".join([*lines, "", *notes])


def main() -> None:
    """Fit every arm that has no result yet, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks article")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "article")
    parser.add_argument("--only", nargs="*", default=list(ARMS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    texts, labels, classes = titles(options.data)
    print(f"{os.cpu_count()} cores")
    results = {}
    for name in options.only:
        path = options.out / f"{name}-{options.seed}.json"
        if not path.exists():
            result = fit(name, texts, labels, classes, options.seed)
            path.write_text(json.dumps(result), "utf-8")
        results[name] = json.loads(path.read_text("utf-8"))
    print(tables(results))


if __name__ == "__main__":
    main()

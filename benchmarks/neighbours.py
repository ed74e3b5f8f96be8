"""Neighbours of very many rows: nearest-neighbour descent beside an inverted file and beside all pairs.

python -m benchmarks neighbours [--rows N] [--k K] [--vectors FILE.npy] [--copies SHARE] [METHOD…]

Rows are Alpaca's, repeated with some words changed, by static embeddings. Each method runs in a process
of its own, imports and compiling included. Only the descent is run for all rows; the other two look up
4,096 of them, and their search is multiplied, so that a run takes minutes. Processor seconds, since
other work moves the clock.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LOOKED_UP = 4_096
SAMPLE = 2_000


def vectors_of(rows: int) -> np.ndarray:
    """Static embeddings of Alpaca's rows, repeated with some words changed."""
    from benchmarks.map import pairs, reworded
    from curation.embedding import load_encoder

    lines = [orjson.loads(line) for line in reworded(pairs(DATA / "sft/alpaca_en_52k.json"), rows)]
    return load_encoder("", "draft").encode([f"{r['prompt']}\n{r['completion']}" for r in lines])


def recall(data: np.ndarray, rows: np.ndarray, near: np.ndarray) -> float:
    """The share of the true neighbours of some rows that is listed; an equal similarity is as good."""
    import faiss

    k = near.shape[1]
    true = faiss.knn(data[rows], data, k + 1, metric=faiss.METRIC_INNER_PRODUCT)[0][:, -1:]
    similar = np.einsum("rd,rkd->rk", data[rows], data[near])
    return float((similar >= true - 1e-6).mean())


def one_method(method: str, path: Path, k: int) -> dict[str, float | str]:
    """Processor seconds, peak memory above the vectors' and recall of one method."""
    data = np.load(path)
    rows = np.arange(len(data))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    clock, begin = time.perf_counter(), time.process_time()
    from curation.embedding import neighbours

    draw = np.random.default_rng(1)
    if method == "descent":
        neighbours.EXACT_ROWS = 0
        near, _ = neighbours.nearest(data, k)
        seconds = time.process_time() - begin
    else:
        rows = np.sort(draw.choice(len(data), min(len(data), LOOKED_UP), replace=False))
        index, _ = neighbours._index(data, k, method == "exact", lambda *_: None)
        built = time.process_time()
        listed = index.search(data[rows], k + 1)[1]
        seconds = built - begin + (time.process_time() - built) * len(data) / len(rows)
        own = listed == rows[:, None]
        own[~own.any(axis=1), -1] = True
        near = listed[~own].reshape(len(rows), k)
    clock = time.perf_counter() - clock
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    some = np.sort(draw.choice(len(rows), min(len(rows), SAMPLE), replace=False))
    digest = hashlib.blake2b(np.ascontiguousarray(near).tobytes(), digest_size=4).hexdigest()
    figures = {"seconds": round(seconds, 1), "by the clock": round(clock, 1), "GiB": round(peak, 2)}
    return {**figures, "recall": round(recall(data, rows[some], near[some]), 4), "bytes": digest}


METHODS = ("descent", "inverted file", "exact")


def main() -> None:
    """Make the vectors, run the methods and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*")
    parser.add_argument("--rows", type=int, default=208_000)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--vectors", type=Path, help="a file of vectors to take instead")
    parser.add_argument("--copies", type=float, default=0.0, help="share of rows that are equal")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(one_method(chosen.one, chosen.vectors, chosen.k)))
        return
    data = np.load(chosen.vectors)[: chosen.rows] if chosen.vectors else vectors_of(chosen.rows)
    data[: int(chosen.copies * len(data))] = data[0]
    path = Path(tempfile.gettempdir()) / f"neighbours-{len(data)}.npy"
    np.save(path, data)
    print("| method | rows | seconds | by the clock | GiB | recall | bytes |")
    print("|---|---:|---:|---:|---:|---:|---|")
    for method in chosen.methods or METHODS:
        command = [sys.executable, "-m", "benchmarks.neighbours", "--one", method]
        done = subprocess.run(
            [*command, "--vectors", str(path), "--k", str(chosen.k)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        figures = json.loads(done.stdout.splitlines()[-1])
        cells = " | ".join(str(value) for value in figures.values())
        print(f"| {method} | {len(data):,} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

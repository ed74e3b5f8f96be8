"""Planted paraphrases among many rows: which the groups of a split miss, by meaning alone.

python -m benchmarks splits [--rows 250000] [--planted 2000] [--width 384] [--file VECTORS.npy]

The vectors are made by code: points around √rows centres, and for each planted row another at a cosine
of 0.95 to 0.999 to it; with --file they are rows of a saved array, with noise. Counted are the planted
pairs that are not in one group, by which a split is made: by comparing all rows, and with --approximate
by approximate neighbours.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from benchmarks.selectors import points
from curation.alike.near_vectors import all_near_pairs, neighbour_pairs
from curation.alike.pairs import Groups
from curation.embedding.neighbours import nearest

LEAK = 0.95


def planted(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors, and the positions of the pairs, (count, 2)."""
    rows, draw = len(vectors), np.random.default_rng(5)
    pairs = draw.permutation(rows)[: 2 * count].reshape(-1, 2)
    one = vectors[pairs[:, 0]]
    away = draw.standard_normal(one.shape, dtype=np.float32)
    away -= (away * one).sum(axis=1, keepdims=True) * one
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    cosine = draw.uniform(LEAK + 1e-4, 0.999, (count, 1)).astype(np.float32)
    vectors[pairs[:, 1]] = cosine * one + np.sqrt(1 - cosine**2) * away
    return vectors, pairs


def noisy(path: str, rows: int) -> np.ndarray:
    """Rows of a saved array, drawn with replacement, at a cosine of about 0.85 to where they were."""
    some, draw = np.load(path), np.random.default_rng(6)
    vectors = some[draw.integers(0, len(some), rows)]
    vectors += 0.6 / vectors.shape[1] ** 0.5 * draw.standard_normal(vectors.shape, dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors, dtype=np.float32)


def main() -> None:
    """Print how many planted pairs each way misses, and the processor seconds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=250_000)
    parser.add_argument("--planted", type=int, default=2_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--file", help="an array of unit vectors, of which rows are drawn")
    parser.add_argument("--approximate", action="store_true", help="approximate neighbours too")
    args = parser.parse_args()
    vectors = noisy(args.file, args.rows) if args.file else points(args.rows, args.width)[0]
    vectors, pairs = planted(vectors, args.planted)
    ways = {"all near pairs": lambda: all_near_pairs(vectors, LEAK)}
    if args.approximate:
        ways["approximate neighbours"] = lambda: neighbour_pairs(
            vectors, lambda k: nearest(vectors, k), LEAK
        )
    lines = []
    for name, find in ways.items():
        begin, groups, count = time.process_time(), Groups(len(vectors)), 0
        for part in find():
            groups.join(part.first, part.second)
            count += len(part.first)
        label = groups.labels
        apart = int((label[pairs[:, 0]] != label[pairs[:, 1]]).sum())
        seconds = time.process_time() - begin
        lines.append({"way": name, "pairs": count, "planted apart": apart, "seconds": seconds})
        print(pd.DataFrame(lines[-1:]).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()

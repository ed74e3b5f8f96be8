"""Texts per second of each way to embed, beside sentence-transformers' defaults, on the same texts.

python -m benchmarks embedding alpaca_en_52k.json [--texts 512]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from curation import Project
from curation.embedding import bundled_folder
from curation.embedding.ways import ways


def timed(
    encode: Callable[[Sequence[str]], np.ndarray], texts: Sequence[str]
) -> tuple[float, np.ndarray]:
    """Seconds and vectors, after a short warm-up."""
    encode(texts[:16])
    begin = time.perf_counter()
    vectors = encode(texts)
    return time.perf_counter() - begin, vectors


def top(vectors: np.ndarray, k: int = 10) -> np.ndarray:
    """Indices of the k nearest others of each row."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -2)
    return np.argsort(-similarity, axis=1)[:, :k]


def main() -> None:
    """Print a Markdown table with ratios and how much the neighbours agree."""
    from sentence_transformers import SentenceTransformer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--texts", type=int, default=512)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(Path(folder) / "p")
        project.add(arguments.file)
        rows = project.examples.rows.sample(arguments.texts, random_state=0)
        texts = [f"{p}\n\n{r}" for p, r in zip(rows["prompt"], rows["response"], strict=True)]
    model = SentenceTransformer(str(bundled_folder()), device="cpu")
    base, reference = timed(lambda t: model.encode(list(t), normalize_embeddings=True), texts)
    print(f"{len(texts):,} texts, {os.cpu_count()} cores\n")
    print("| way | texts/s | times the defaults | least cosine | same top-10 neighbours |")
    print("|---|---:|---:|---:|---:|")
    print(f"| sentence-transformers, defaults | {len(texts) / base:.0f} | 1.0 | 1 | 100 % |")
    nearest = top(reference)
    for name, make in ways().items():
        seconds, vectors = timed(make(model), texts)
        least = float((vectors * reference).sum(axis=1).min())
        shared = [len(set(a) & set(b)) for a, b in zip(top(vectors), nearest, strict=True)]
        print(
            f"| {name} | {len(texts) / seconds:.0f} | {base / seconds:.1f} | {least:.5f} "
            f"| {np.mean(shared) * 10:.1f} % |"
        )


if __name__ == "__main__":
    main()

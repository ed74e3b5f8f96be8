"""Topics against given labels: adjusted mutual information of ours, k-means, Leiden and BERTopic's.

python -m benchmarks topics [--data FOLDER] [--cache FOLDER]

AG News (7,600 texts, 4 classes) and CLINC150 (7,500 of the training part, 150 intents), all methods on
the same vectors. BERTopic is taken at its defaults: UMAP to 5 dimensions, 15 neighbours, HDBSCAN with
clusters of 10 or more, from `hdbscan` where it is installed, else from scikit-learn. Leiden runs where
`igraph` is installed. The cache keeps vectors and UMAP's for the next time.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from curation.basis import Basis
from curation.dataset import silent
from curation.embedding import load_encoder, nearest
from curation.operations.topics import theme_count, topic_count, topics

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "classify"
ROWS = 7_500
SEEDS = (0, 1, 2)


def ag_news(folder: Path) -> tuple[list[str], np.ndarray]:
    """Titles with texts, and classes."""
    with open(folder / "ag_news_7600.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    return [f"{title} {text}" for _, title, text in rows], np.array([row[0] for row in rows])


def clinc(folder: Path) -> tuple[list[str], np.ndarray]:
    """Questions and intents, drawn at random from the training part."""
    rows = json.loads((folder / "clinc150_full.json").read_text("utf-8"))["train"]
    some = np.sort(np.random.default_rng(0).choice(len(rows), ROWS, replace=False))
    return [rows[i][0] for i in some], np.array([rows[i][1] for i in some])


def remembered(path: Path | None, make: Callable[[], np.ndarray]) -> np.ndarray:
    """An array from a file, or made and written there."""
    if path is not None and path.exists():
        return np.load(path)
    result = make()
    if path is not None:
        np.save(path, result)
    return result


def reduced(vectors: np.ndarray) -> np.ndarray:
    """UMAP's vectors as BERTopic takes them, (rows, 5)."""
    from umap import UMAP

    return UMAP(
        n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=0
    ).fit_transform(vectors)


def k_means(vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    """scikit-learn's, best of three starts."""
    from sklearn.cluster import KMeans

    return KMeans(count, n_init=3, random_state=seed).fit_predict(vectors)


def densities(plane: np.ndarray) -> tuple[str, np.ndarray]:
    """HDBSCAN's clusters, -1 for outliers, and whose HDBSCAN it is."""
    if importlib.util.find_spec("hdbscan"):
        from hdbscan import HDBSCAN

        return "hdbscan", HDBSCAN(min_cluster_size=10).fit_predict(plane)
    from sklearn.cluster import HDBSCAN

    return "scikit-learn", HDBSCAN(min_cluster_size=10, copy=True).fit_predict(plane)


def leiden(indices: np.ndarray, similarities: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Communities of the neighbour graph at the resolution that gives about `count`."""
    import igraph

    rows, k = indices.shape
    edges = np.column_stack([np.repeat(np.arange(rows), k), indices.reshape(-1)])
    graph = igraph.Graph(n=rows, edges=edges)
    graph.es["weight"] = np.maximum(similarities.reshape(-1), 0)
    graph = graph.simplify(combine_edges="max")
    low, high, best = 0.05, 200.0, np.zeros(rows, dtype=int)
    for _ in range(12):
        middle = float(np.sqrt(low * high))
        random.seed(seed)
        communities = graph.community_leiden(
            "modularity", weights="weight", resolution=middle, n_iterations=5
        )
        if abs(len(communities) - count) < abs(best.max() + 1 - count):
            best = np.array(communities.membership)
        low, high = (middle, high) if len(communities) < count else (low, middle)
    return best


def ours(
    vectors: np.ndarray, indices: np.ndarray, texts: list[str], count: int, themes: int, seed: int
) -> pd.DataFrame:
    """The operation's topics and themes."""
    rows = pd.DataFrame({"prompt": texts, "response": [""] * len(texts)}, dtype="str")
    near = lambda k: (indices[:, :k], indices[:, :k])  # noqa: E731
    return topics(rows, vectors, near, Basis(), silent, topics=count, themes=themes, seed=seed)


def tell(method: str, labels: np.ndarray, answers: list[np.ndarray], seconds: float) -> None:
    """One line of the table: the mean over the answers."""
    from sklearn.metrics import adjusted_mutual_info_score

    scores = [adjusted_mutual_info_score(labels, answer) for answer in answers]
    groups = np.mean([len(np.unique(answer)) for answer in answers])
    print(
        f"| {method} | {groups:.0f} | {np.mean(scores):.3f} | {np.ptp(scores):.3f} |"
        f" {seconds / len(answers):.1f} |",
        flush=True,
    )


def timed(make: Callable[[int], np.ndarray]) -> tuple[list[np.ndarray], float]:
    """Answers for all seeds, and the seconds they took."""
    begin = time.perf_counter()
    return [make(seed) for seed in SEEDS], time.perf_counter() - begin


def compare(name: str, texts: list[str], labels: np.ndarray, cache: Path | None) -> None:
    """The table of one dataset."""

    def place(what: str) -> Path | None:
        return cache / f"{name}_{what}.npy" if cache else None

    vectors = remembered(
        place("vectors"), lambda: load_encoder("", "torch-bfloat16").encode(texts)
    ).astype(np.float32)
    begin = time.perf_counter()
    indices, similarities = nearest(vectors, 15)
    print(f"\n{name}: {len(texts):,} texts, neighbours in {time.perf_counter() - begin:.1f} s\n")
    print("| method | groups | AMI | range over 3 seeds | s |\n|---|---:|---:|---:|---:|")
    given = len(np.unique(labels))
    usual = topic_count(len(texts))
    plane = remembered(place("umap5"), lambda: reduced(vectors))
    for count in dict.fromkeys((given, theme_count(usual), usual)):
        tell("k-means", labels, *timed(lambda s, k=count: k_means(vectors, k, s)))
        tell("k-means on UMAP", labels, *timed(lambda s, k=count: k_means(plane, k, s)))
        if importlib.util.find_spec("igraph"):
            one = leiden(indices, similarities, count, 0)
            tell("Leiden", labels, [one], 0.0)
        own, spent = timed(lambda s, k=count: ours(vectors, indices, texts, k, 0, s))
        tell("**topics**", labels, [np.array(table["topic"]) for table in own], spent)
        if count == usual:
            tell("**themes**", labels, [np.array(table["theme"]) for table in own], spent)
    whose, density = densities(plane)
    inside = density >= 0
    tell(f"BERTopic's UMAP + HDBSCAN ({whose})", labels, [density], 0.0)
    left = f"the same, {1 - inside.mean():.0%} outliers left out"
    tell(left, labels[inside], [density[inside]], 0.0)


def main() -> None:
    """Compare on both datasets."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks topics")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{os.cpu_count()} cores")
    for name, read in (("AG News", ag_news), ("CLINC150", clinc)):
        compare(name, *read(options.data), options.cache)


if __name__ == "__main__":
    main()

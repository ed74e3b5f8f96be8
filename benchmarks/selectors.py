"""Ways to choose beside apricot-select and submodlib-py on one graph: value, seconds and memory.

python -m benchmarks selectors [--rows 5000 …] [--share 0.1] [--width 64] [--peers FOLDER]

The vectors are made by code: points around √rows centres of very different sizes. Neighbours are
computed once and are not in the seconds, which are the processor's; above 200,000 rows they are rough: the
50 next rows of the same centre along one direction, with their true cosines. Each operation runs in a
fresh process: "choice" are the seconds of the method, clusters included, and "reasons" those that look
for the chosen row nearest to each other one and write why each was chosen. Memory is the greatest of
that process above what it held with vectors and neighbours loaded. PEERS is a folder with both packages
(`pip install --target FOLDER --no-deps apricot-select submodlib-py`); they are left out above 20,000
rows, where they take minutes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from curation.choosing.budget import Pool
from curation.choosing.facility import Graph, coverage_graph
from curation.dataset import silent
from curation.embedding.neighbours import nearest
from curation.registry import operation

NEAREST = 50
BLOCK = 8_192
PEERS_UP_TO = 20_000
EXACT_UP_TO = 200_000


def points(rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around √rows centres, of which the later have fewer points, and their centres."""
    draw = np.random.default_rng(0)
    count = round(rows**0.5)
    centres = draw.normal(size=(count, width))
    shares = 1 / np.arange(1, count + 1)
    place = draw.choice(count, rows, p=shares / shares.sum())
    vectors = 0.9 * draw.standard_normal((rows, width), dtype=np.float32)
    for start in range(0, rows, BLOCK):
        part = vectors[start : start + BLOCK]
        part += centres[place[start : start + BLOCK]]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors, place


def rough_neighbours(vectors: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The next rows of the same centre along one direction, and their cosines, both (rows, NEAREST)."""
    rows = len(vectors)
    order = np.lexsort([vectors[:, 0], place])
    ordered = vectors[order]  # read from one end to the other, which gathering rows is not
    indices = np.empty((rows, NEAREST), dtype=np.int32)
    similarities = np.empty((rows, NEAREST), dtype=np.float32)
    for step in range(1, NEAREST // 2 + 1):
        cosines = np.einsum("ij,ij->i", ordered[:-step], ordered[step:])
        wrapped = np.einsum("ij,ij->i", ordered[-step:], ordered[:step])
        after = np.concatenate([cosines, wrapped])
        for column, shift, values in (
            (2 * step - 2, -step, after),
            (2 * step - 1, step, np.roll(after, step)),
        ):
            indices[order, column] = np.roll(order, shift)
            similarities[order, column] = values
    return indices, similarities


class Data:
    """Vectors and neighbours in a folder, and rows with a score and a source."""

    def __init__(self, folder: Path) -> None:
        self.vectors = np.load(folder / "vectors.npy")
        self.indices, self.similarities = (
            np.load(folder / f"{name}.npy") for name in ("indices", "similarities")
        )
        draw = np.random.default_rng(1)
        ids = pd.Index([f"{n:016x}" for n in range(len(self.vectors))], dtype="str")
        source = draw.choice(["a", "b", "c"], len(ids), p=[0.7, 0.2, 0.1])
        self.rows = pd.DataFrame({"quality": draw.random(len(ids)), "source": source}, index=ids)

    def neighbours(self, k: int, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All neighbours that there are; all rows are members."""
        return self.indices[:, :k], self.similarities[:, :k]

    @property
    def graph(self) -> Graph:
        """The graph of the neighbours."""
        return coverage_graph(self.indices, self.similarities)


METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "facility location": ("select_diverse", {"quality": 0.0}),
    "facility location × quality": ("select_diverse", {"quality": 0.5}),
    "MIG": ("select_informative", {}),
    "clusters × quality": ("select_by_cluster", {}),
    "distinct (DEITA)": ("select_distinct", {}),
    "k-center": ("select_k_center", {}),
    "random, balanced": ("select_balanced", {}),
}
"""Name → operation and its parameters beside the budget."""


def ours(name: str, data: Data, budget: int) -> tuple[list[int], float]:
    """The rows that an operation chooses, in its order, and the seconds of its reasons."""
    of, params = operation(METHODS[name][0]), METHODS[name][1]
    seconds, answer = 0.0, Pool.answer

    def timed(*args: Any) -> pd.DataFrame:
        nonlocal seconds
        begin = time.process_time()
        frame = answer(*args)
        seconds = time.process_time() - begin
        return frame

    offered = {name: getattr(data, name) for name in ("rows", "vectors", "neighbours")}
    with mock.patch.object(Pool, "answer", timed):
        chosen = of.run(
            *(offered.get(i, silent) for i in of.inputs), **of.check({"budget": budget, **params})
        )
    ranks = chosen["rank"].to_numpy()
    order = np.argsort(ranks, kind="stable")[: int(np.isfinite(ranks).sum())]
    return [int(row) for row in order], seconds


def apricot(data: Data, budget: int) -> list[int]:
    """The choice of apricot-select, lazily, on the sparse graph."""
    from apricot import FacilityLocationSelection
    from scipy.sparse import csr_matrix

    graph = data.graph
    covers = csr_matrix((graph.weights.astype(float), graph.covered, graph.starts))
    selection = FacilityLocationSelection(budget, metric="precomputed", optimizer="lazy")
    return [int(i) for i in selection.fit(covers).ranking]


def submodlib(data: Data, budget: int) -> list[int]:
    """The choice of submodlib-py, lazily, on the same graph as a dense kernel; it reads no sparse one."""
    from scipy.sparse import csc_array
    from submodlib import FacilityLocationFunction

    graph = data.graph
    kernel = csc_array(
        (graph.weights, graph.covered, graph.starts)
    ).toarray()  # row i is covered by column j
    function = FacilityLocationFunction(
        n=len(kernel), mode="dense", sijs=kernel, separate_rep=False
    )
    picks = function.maximize(budget=budget, optimizer="LazyGreedy", show_progress=False)
    return [int(row) for row, _ in picks]


PEERS = {"apricot-select": apricot, "submodlib-py": submodlib}


def value(graph: Graph, chosen: list[int]) -> float:
    """The coverage of all rows by the chosen."""
    reached = np.zeros(len(graph))
    for row in chosen:
        graph.take(row, reached)
    return float(reached.sum())


def one(name: str, folder: Path, budget: int) -> dict[str, Any]:
    """Processor seconds, memory in GiB and the coverage of one method."""
    data = Data(folder)
    before, begin = peak(), time.process_time()
    chosen, reasons = (
        (PEERS[name](data, budget), 0.0) if name in PEERS else ours(name, data, budget)
    )
    seconds, memory = time.process_time() - begin - reasons, peak() - before
    covered = value(data.graph, chosen) if "facility" in name or name in PEERS else None
    figures = {"seconds": seconds, "reasons": reasons, "gib": memory}
    return {**figures, "value": covered, "chosen": len(chosen)}


def peak() -> float:
    """The greatest memory of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Print a table of all methods for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[5_000, 52_002])
    parser.add_argument("--share", type=float, default=0.1, help="the budget, of the rows")
    parser.add_argument("--width", type=int, default=64, help="of the vectors")
    parser.add_argument("--methods", nargs="*", default=[*METHODS, *PEERS])
    parser.add_argument("--peers", type=Path, help="a folder with the peers' packages")
    parser.add_argument("--one", nargs=3, metavar=("METHOD", "FOLDER", "BUDGET"))
    args = parser.parse_args()
    if args.peers:
        sys.path.append(str(args.peers))
    if args.one:
        print(json.dumps(one(args.one[0], Path(args.one[1]), int(args.one[2]))))
        return
    print("| rows | budget | method | choice, s | reasons, s | GiB | coverage beside ours |")
    print("|---:|---:|---|---:|---:|---:|---:|")
    for rows in args.rows:
        with tempfile.TemporaryDirectory() as folder:
            table(Path(folder), rows, max(1, round(rows * args.share)), args)


def table(folder: Path, rows: int, budget: int, args: argparse.Namespace) -> None:
    """Print the lines of one number of rows."""
    vectors, place = points(rows, args.width)
    np.save(folder / "vectors.npy", vectors)
    begin = time.process_time()
    exact = rows <= EXACT_UP_TO
    graph = nearest(vectors, NEAREST) if exact else rough_neighbours(vectors, place)
    for name, values in zip(("indices", "similarities"), graph, strict=True):
        np.save(folder / f"{name}.npy", values)
    print(f"| {rows:,} | | neighbours | {time.process_time() - begin:.1f} | | | |", flush=True)
    best = None
    for name in args.methods:
        if name in PEERS and (not args.peers or rows > PEERS_UP_TO):
            continue
        command = [sys.executable, "-m", "benchmarks", "selectors", "--one", name, str(folder)]
        command += [str(budget), *(["--peers", str(args.peers)] if args.peers else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"| {rows:,} | {budget:,} | {name} | {done.stderr.strip()[-200:]!r} | | | |")
            continue
        figures = json.loads(done.stdout.splitlines()[-1])
        best = figures["value"] if name == "facility location" else best
        ratio = f"{figures['value'] / best:.5f}" if figures["value"] and best else ""
        print(
            f"| {rows:,} | {figures['chosen']:,} | {name} | {figures['seconds']:.2f} | "
            f"{figures['reasons']:.2f} | {figures['gib']:.2f} | {ratio} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

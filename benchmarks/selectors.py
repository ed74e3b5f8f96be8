"""Ways to choose beside apricot-select and submodlib-py on one graph: value, seconds and memory.

python -m benchmarks selectors [--rows 5000 …] [--share 0.1] [--peers FOLDER]

The vectors are made by code: points around √rows centres of very different sizes, 64 wide. Neighbours are
computed once and are not in the seconds, which are the processor's; above 200,000 rows they are rough: the
50 next rows of the same centre along one direction, with their true cosines. Each method runs in a
fresh process; memory is the greatest of that process above what it held with vectors and neighbours
loaded. PEERS is a folder with both packages (`pip install --target FOLDER --no-deps apricot-select
submodlib-py`); they are left out above 20,000 rows, where they take minutes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from curation.choosing.clusters import k_means
from curation.choosing.distances import distinct, k_center
from curation.choosing.facility import Graph, coverage_graph, facility_location
from curation.choosing.information import information
from curation.choosing.preference import Groups, Method, following, in_order, in_shares
from curation.choosing.towards import in_turns
from curation.embedding.neighbours import nearest

WIDTH = 64
NEAREST = 50
PEERS_UP_TO = 20_000
EXACT_UP_TO = 200_000
SLOW_UP_TO = 100_000
"""Rows up to which k-center runs, whose time grows with rows × budget."""


def points(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around √rows centres, of which the later have fewer points, and their centres."""
    draw = np.random.default_rng(0)
    count = round(rows**0.5)
    centres = draw.normal(size=(count, WIDTH))
    shares = 1 / np.arange(1, count + 1)
    place = draw.choice(count, rows, p=shares / shares.sum())
    vectors = centres[place] + 0.9 * draw.normal(size=(rows, WIDTH))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float32), place


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
    """Vectors, neighbours and a score in a folder."""

    def __init__(self, folder: Path) -> None:
        self.vectors = np.load(folder / "vectors.npy")
        self.indices, self.similarities = (
            np.load(folder / f"{name}.npy") for name in ("indices", "similarities")
        )
        self.quality = np.random.default_rng(1).random(len(self.vectors))

    def neighbours(self, k: int, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All neighbours that there are; all rows are members."""
        return self.indices[:, :k], self.similarities[:, :k]

    @property
    def graph(self) -> Graph:
        """The graph of the neighbours."""
        return coverage_graph(self.indices, self.similarities)


def by_cluster(data: Data) -> Method:
    """The best of each cluster."""
    numbers = k_means(data.vectors, round(len(data.vectors) ** 0.5), 0)[1]
    groups = Groups.of(numbers, 0.5, np.ones(len(numbers)))
    return in_shares(groups, in_order(np.argsort(-data.quality)))


def by_information(data: Data) -> Method:
    """MIG over the clusters of `select_informative`."""
    count = min(4_096, round(4 * len(data.vectors) ** 0.5))
    centres, numbers = k_means(data.vectors, count, 0)
    return information([(n,) for n in numbers.tolist()], centres, data.quality)


METHODS: dict[str, Callable[[Data], Method]] = {
    "facility location": lambda data: facility_location(data.neighbours),
    "facility location × quality": lambda data: facility_location(
        data.neighbours, data.quality, 0.5
    ),
    "MIG": by_information,
    "clusters × quality": by_cluster,
    "distinct (DEITA)": lambda data: distinct(data.vectors, data.quality, 0.9),
    "like a target of 1,000": lambda data: in_turns(data.vectors, [points(1_000)[0]]),
    "k-center": lambda data: k_center(data.vectors),
}


def ours(method: Method, rows: int, budget: int) -> list[int]:
    """The first rows that a method prefers."""
    preference = method(np.arange(rows), np.zeros(0, dtype=np.int64))
    chosen, pick = list[int](), following(preference)
    while pick is not None and len(chosen) < budget:
        chosen.append(pick[0])
        pick = following(preference, True) if len(chosen) < budget else None
    return chosen


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
    if name in PEERS:
        chosen = PEERS[name](data, budget)
    else:
        chosen = ours(METHODS[name](data), len(data.vectors), budget)
    seconds, memory = time.process_time() - begin, peak() - before
    covered = value(data.graph, chosen) if "facility" in name or name in PEERS else None
    return {"seconds": seconds, "gib": memory, "value": covered, "chosen": len(chosen)}


def peak() -> float:
    """The greatest memory of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Print a table of all methods for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[5_000, 52_002])
    parser.add_argument("--share", type=float, default=0.1, help="the budget, of the rows")
    parser.add_argument("--methods", nargs="*", default=[*METHODS, *PEERS])
    parser.add_argument("--peers", type=Path, help="a folder with the peers' packages")
    parser.add_argument("--one", nargs=3, metavar=("METHOD", "FOLDER", "BUDGET"))
    args = parser.parse_args()
    if args.peers:
        sys.path.append(str(args.peers))
    if args.one:
        print(json.dumps(one(args.one[0], Path(args.one[1]), int(args.one[2]))))
        return
    print("| rows | budget | method | processor seconds | GiB | coverage beside ours |")
    print("|---:|---:|---|---:|---:|---:|")
    for rows in args.rows:
        with tempfile.TemporaryDirectory() as folder:
            table(Path(folder), rows, max(1, round(rows * args.share)), args)


def table(folder: Path, rows: int, budget: int, args: argparse.Namespace) -> None:
    """Print the lines of one number of rows."""
    vectors, place = points(rows)
    np.save(folder / "vectors.npy", vectors)
    begin = time.process_time()
    exact = rows <= EXACT_UP_TO
    graph = nearest(vectors, NEAREST) if exact else rough_neighbours(vectors, place)
    for name, values in zip(("indices", "similarities"), graph, strict=True):
        np.save(folder / f"{name}.npy", values)
    print(f"| {rows:,} | | neighbours | {time.process_time() - begin:.1f} | | |", flush=True)
    best = None
    for name in args.methods:
        if name in PEERS and (not args.peers or rows > PEERS_UP_TO):
            continue
        if name == "k-center" and rows > SLOW_UP_TO:
            continue
        command = [sys.executable, "-m", "benchmarks", "selectors", "--one", name, str(folder)]
        command += [str(budget), *(["--peers", str(args.peers)] if args.peers else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"| {rows:,} | {budget:,} | {name} | {done.stderr.strip()[-200:]!r} | | |")
            continue
        figures = json.loads(done.stdout.splitlines()[-1])
        best = figures["value"] if name == "facility location" else best
        ratio = f"{figures['value'] / best:.5f}" if figures["value"] and best else ""
        print(
            f"| {rows:,} | {figures['chosen']:,} | {name} | {figures['seconds']:.2f} | "
            f"{figures['gib']:.2f} | {ratio} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

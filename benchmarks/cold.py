"""The main job cold, beside the script a user would write with the libraries' own defaults.

python -m benchmarks cold alpaca_en_52k.json [--peers FOLDER] [--rows N] [NAME…]

--peers: a folder that holds datasketch (`pip install --target FOLDER datasketch`). Each side runs in a fresh
process with an empty home, so that nothing is remembered; seconds by the clock and of the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

Stage = tuple[str, float, float]
"""Name, seconds by the clock, seconds of the processor."""


def plain(path: Path) -> Iterator[str]:
    """The stages of a short script: pandas, ftfy, datasketch, sentence-transformers, umap, scikit-learn."""
    import ftfy
    import pandas as pd
    from bundled import folder
    from datasketch import MinHash, MinHashLSH
    from sentence_transformers import SentenceTransformer
    from sklearn.cluster import KMeans
    from umap import UMAP

    model = SentenceTransformer(folder)
    yield "start"
    table = pd.read_json(path, lines=True)
    for column in ("instruction", "output"):
        table[column] = table[column].map(ftfy.fix_text).str.strip()
    table = table[(table["instruction"] != "") & (table["output"] != "")]
    yield "load and clean"
    table = table.drop_duplicates(["instruction", "input", "output"])
    yield "exact copies"
    index, kept = MinHashLSH(threshold=0.8, num_perm=128), []
    for row, text in enumerate(table["instruction"] + " " + table["output"]):
        words = text.lower().split()
        signature = MinHash(num_perm=128)
        runs = range(max(1, len(words) - 4))
        signature.update_batch([" ".join(words[i : i + 5]).encode() for i in runs])
        if not index.query(signature):
            index.insert(row, signature)
            kept.append(row)
    table = table.iloc[kept]
    yield "near copies"
    texts = (table["instruction"] + "\n" + table["input"] + "\n\n" + table["output"]).tolist()
    vectors = model.encode(texts, show_progress_bar=False)
    yield "embed"
    UMAP().fit_transform(vectors)
    yield "map"
    KMeans(24, random_state=0).fit(vectors)
    yield "topics"


def ours(path: Path) -> Iterator[str]:
    """The stages of a new project's recipe, one step after another."""
    from curation import Project
    from curation.engine import make_engine
    from curation.recipe_file import DEFAULT_RECIPE

    engine = make_engine("auto")
    yield "start"
    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(Path(folder) / "job", recipe=DEFAULT_RECIPE)
        project.add(path)
        yield "load and clean"
        dataset = project.run(engine=engine)
        for report in dataset.steps:
            print(json.dumps(["step", report.name, report.seconds, 0.0]), flush=True)
        engine.close()
        yield "the whole run"


def one(name: str, path: Path) -> None:
    """Print a line for each stage of one side."""
    begin, spent = _clock()
    for stage in {"plain": plain, "ours": ours}[name](path):
        now, used = _clock()
        print(json.dumps(["stage", stage, now - begin, used - spent]), flush=True)
        begin, spent = now, used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(["peak", "GiB", peak, 0.0]), flush=True)


def _clock() -> tuple[float, float]:
    usage = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return time.perf_counter(), sum(u.ru_utime + u.ru_stime for u in usage)


def main() -> None:
    """Run each side in a fresh process and home; print the lines, and a table at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("names", nargs="*", default=["ours", "plain"])
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        one(arguments.names[0], arguments.file)
        return
    records = json.loads(arguments.file.read_text("utf-8"))[: arguments.rows]
    print(
        f"{len(records):,} rows, {os.cpu_count()} cores\n\n| side | what | clock s | processor s |"
    )
    print("|---|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(r) + "\n" for r in records), "utf-8")
        for name in arguments.names:
            home = Path(folder) / name
            home.mkdir()
            _run(name, path, home, arguments.peers)


def _run(name: str, path: Path, home: Path, peers: Path | None) -> None:
    from curation.embedding import bundled_folder

    (home / "bundled.py").write_text(f"folder = {str(bundled_folder())!r}\n")
    folders = [str(Path.cwd()), str(home), *([str(peers)] if peers else [])]
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(folders),
    }
    command = [sys.executable, "-m", "benchmarks.cold", str(path), name, "--inside"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout
    totals = np.zeros(2)
    for line in process.stdout:
        kind, stage, clock, used = json.loads(line)
        totals += [clock, used] if kind == "stage" else [0, 0]
        print(f"| {name} | {kind}: {stage} | {clock:.1f} | {used:.1f} |", flush=True)
    print(f"| {name} | **all** | **{totals[0]:.1f}** | **{totals[1]:.1f}** |", flush=True)
    if process.wait():
        raise SystemExit(f"{name} ended with {process.returncode}")


if __name__ == "__main__":
    main()

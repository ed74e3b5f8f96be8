"""Deliveries of many rows: seconds, and the memory beyond what the dataset itself holds.

All rows stand in one split, so that the leak check has nothing to compare; it is another's figure.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset import BASE_COLUMNS, Dataset, with_derived
from curation.export import Origin, export

CHUNK = 50_000

WORDS = [f"{first}{last}" for first in "bcdfghklmnprstvw" for last in ("ale", "ind", "orm", "ust")]


def write_examples(path: Path, rows: int) -> None:
    """Write a table of examples: chats of two turns of about 400 characters, one in ten with tools."""
    writer = None
    for start in range(0, rows, CHUNK):
        part = table(range(start, min(start + CHUNK, rows)))
        arrow = pa.Table.from_pandas(part)
        writer = writer or pq.ParquetWriter(path, arrow.schema)
        writer.write_table(arrow)
    assert writer is not None
    writer.close()


def table(numbers: range) -> pd.DataFrame:
    """Examples with the given numbers."""
    random = np.random.default_rng(numbers.start)
    texts = [" ".join(chosen) for chosen in random.choice(WORDS, (len(numbers), 60)).tolist()]
    messages = [
        f'[{{"role":"user","content":"Question {n}: {text[:120]}?"}},'
        f'{{"role":"assistant","content":"{text}."}}]'
        for n, text in zip(numbers, texts, strict=True)
    ]
    tool = '[{"type":"function","function":{"name":"look_up"}}]'
    tools = [tool if n % 10 == 0 else "" for n in numbers]
    frame = pd.DataFrame({"messages": messages, "tools": tools}, dtype="str")
    for name in ("rejected", "metadata", "shape", "repairs"):
        frame[name] = pd.Series("", index=frame.index, dtype="str")
    frame["source"] = pd.Series("made.jsonl", index=frame.index, dtype="str")
    frame["format"] = pd.Series("messages", index=frame.index, dtype="str")
    frame["label"] = pd.Series(None, index=frame.index, dtype="str")
    frame["source_row"] = [n + 1 for n in numbers]
    frame["source_offset"] = 0
    dropped = ["keep_between" if n % 7 == 0 else None for n in numbers]
    frame["dropped_by"] = pd.Series(dropped, dtype="str")
    frame["split"] = pd.Series("train", index=frame.index, dtype="str")
    ids = pd.Index([f"{n:016x}" for n in numbers], name="id", dtype="str")
    return with_derived(frame.set_axis(ids))[list(BASE_COLUMNS)]


def memory(field: str) -> float:
    """Megabytes of a field of this process's status; Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


def measure(path: Path, formats: list[str]) -> None:
    """Export the examples of a file, and print what it took."""
    dataset = Dataset(pd.read_parquet(path))
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from now on
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        manifest = export(
            dataset, Origin("made", [], "version: 1\nsteps: []\n"), Path(folder, "out"), formats
        )
        written = sum(entry["bytes"] for entry in manifest["files"])
    seconds, peak = time.perf_counter() - start, memory("VmHWM")
    print(
        f"{len(dataset):>9,} rows  {manifest['delivered']:>9,} delivered  {' '.join(formats):<24}"
        f"{seconds:>7.0f} s  {written / 1e6:>7,.0f} MB written  dataset {before:>6,.0f} MB  "
        f"peak +{peak - before:,.0f} MB"
    )


def main() -> None:
    """Write the examples in one process, and export them in another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", default="trl,hf")
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.file:
        measure(options.file, options.formats.split(","))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "examples.parquet")
        write_examples(path, options.rows)
        command = [sys.executable, "-m", "benchmarks.export", "--file", str(path)]
        subprocess.run([*command, "--formats", options.formats], check=True)


if __name__ == "__main__":
    main()

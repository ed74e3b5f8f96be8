"""Ours beside every tool that a person would take instead: make bench [ROWS=52002] [PEERS=… JUICER=…].

python -m benchmarks peers [--rows N] [--peers FOLDER] [--data-juicer PYTHON] [--data FOLDER] [NAME…]

Runs the benchmarks that hold ours against others, one after the other, and names the versions of all sides:
reading (datasets, pandas, polars, DuckDB), duplicates (datasketch, rensa, SemHash), selectors (apricot),
data_juicer, and cold (the plain script). What is not installed is left out with a line that says so.
FOLDER: `pip install --target FOLDER datasketch rensa semhash`, and for apricot `pip install --target FOLDER
--no-deps apricot-select`. PYTHON: see data_juicer. Their tables hold ratios; the losses are in README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PACKAGES = (
    *("pandas", "datasets", "ftfy", "datasketch", "rensa", "semhash", "apricot-select"),
    *(
        "sentence-transformers",
        "torch",
        "openvino",
        "umap-learn",
        "scikit-learn",
        "polars",
        "duckdb",
    ),
)


def versions(folder: Path | None) -> str:
    """Names and versions of the packages that are installed here or lie in a folder."""
    installed = {name: "" for name in PACKAGES}
    paths = [*sys.path, *([str(folder)] if folder else [])]
    for package in metadata.distributions(path=paths):
        if package.metadata["Name"] in installed:
            installed[package.metadata["Name"]] = package.version
    return ", ".join(f"{name} {version or 'absent'}" for name, version in installed.items())


def commands(options: argparse.Namespace) -> dict[str, list[str] | str]:
    """The words of each benchmark, or the sentence why it is left out."""
    data, rows = ["--data", str(options.data)], ["--rows", str(options.rows)]
    peers = ["--peers", str(options.peers)]
    lacking = "left out: --peers names no folder with the packages"
    small = str(min(options.rows, 5_000))
    return {
        "reading": rows,
        "duplicates": ["peers", *data, *peers, *rows] if options.peers else lacking,
        "selectors": ["--rows", small, *peers] if options.peers else lacking,
        "data_juicer": ["--python", str(options.data_juicer), *data, *rows]
        if options.data_juicer
        else "left out: --data-juicer names no interpreter",
        "cold": [str(options.data / "sft/alpaca_en_52k.json"), *rows, *peers]
        if options.peers
        else lacking,
    }


def main() -> None:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks peers")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--data-juicer", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}\n"
        f"{versions(options.peers)}",
        flush=True,
    )
    failed = []
    for name, words in commands(options).items():
        if options.names and name not in options.names:
            continue
        print(f"\n## {name}\n", flush=True)
        if isinstance(words, str):
            print(words, flush=True)
        elif subprocess.run([sys.executable, "-m", "benchmarks", name, *words]).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"not run to the end: {', '.join(failed)}")


if __name__ == "__main__":
    main()

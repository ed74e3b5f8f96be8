"""Runs one benchmark, or lists them: `python -m benchmarks [NAME [OPTIONS]]`."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def titles() -> dict[str, str]:
    """Benchmarks by name, each with the first line of its docstring."""
    figures = {}
    for path in sorted(FOLDER.glob("*.py")):
        if not path.stem.startswith("_"):
            doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            figures[path.stem] = doc.split("\n")[0]
    return figures


def main() -> None:
    """Run the named benchmark with the remaining arguments, or say which there are."""
    step_titles = titles()
    if len(sys.argv) > 1 and sys.argv[1] in step_titles:
        name = sys.argv.pop(1)
        sys.argv[0] = f"benchmarks.{name}"
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")
        return
    for name, title in step_titles.items():
        print(f"{name:<12} {title}")
    print(
        "\nRun one: python -m benchmarks NAME, or make bench NAME=…; make bench alone runs peers,"
    )
    print("make bench-scale the growth table and its picture.")


if __name__ == "__main__":
    main()

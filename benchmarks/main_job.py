"""The main job from a file to a delivery: seconds of each step, cold and remembered.

    python -m benchmarks main_job alpaca_en_52k.json

There is no peer that does the whole of it; the table says where the time goes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from curation import Project
from curation.engine import make_engine
from curation.recipe_file import DEFAULT_RECIPE


def main() -> None:
    """Import, run twice and export; print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine("auto")
        project = Project.create(Path(folder) / "job", recipe=DEFAULT_RECIPE)
        begin = time.perf_counter()
        (entry,) = project.add(arguments.file)
        imported = time.perf_counter() - begin
        begin = time.perf_counter()
        dataset = project.run(engine=engine)
        cold = time.perf_counter() - begin
        again = Project.open(project.path)
        begin = time.perf_counter()
        again.run(engine=engine)
        remembered = time.perf_counter() - begin
        begin = time.perf_counter()
        again.export(Path(folder) / "out", engine=engine)
        exported = time.perf_counter() - begin
        engine.close()
        print(f"{entry['report']['examples']:,} examples, {os.cpu_count()} cores\n")
        print("| stage | seconds |\n|---|---|")
        print(f"| import | {imported:.1f} |")
        for report in dataset.steps:
            print(f"| {report.name} | {report.seconds:.1f} |")
        print(f"| **the whole run** | **{cold:.1f}** |")
        print(f"| the same again, everything remembered | {remembered:.1f} |")
        print(f"| export (TRL, leak check, card, receipts) | {exported:.1f} |")


if __name__ == "__main__":
    main()

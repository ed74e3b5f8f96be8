"""The report of every file in a folder: lines, examples, refusals, formats, encodings.

python -m benchmarks real_files FOLDER…
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from curation import sources
from curation.errors import CurationError


def counted(counts: dict[str, int]) -> str:
    """Counts by name in one cell of a table."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def main() -> None:
    """Read each file and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    names = ("lines", "examples", "rejected", "blank")
    print(f"| file | {' | '.join(names)} | repaired | formats | encoding |")
    print("|---|" + "---:|" * len(names) + "---|---|---|")
    for folder in parser.parse_args().folders:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = f"{folder.name}/{file.relative_to(folder)}"
            with tempfile.TemporaryDirectory() as out:
                try:
                    report = sources.parse(file, Path(out))
                except CurationError as error:
                    print(f"| {name} | refused: {error} |" + " |" * 6)
                    continue
            assert report.lines == report.examples + report.rejected + report.blank
            cells = [f"{getattr(report, n):,}" for n in names]
            cells += [counted(report.repaired), counted(report.formats)]
            cells += [", ".join(sorted(set(report.encodings.values())))]
            print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

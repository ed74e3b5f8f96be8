"""The main job on paper, for more rows than were measured: core-hours, memory, network and money.

python -m benchmarks paper [--rows 100000000 10000000000] [--results FILE] [--texts-per-second 86]
    [--core-hour 0.05] [--network-gb 0.01] [--machine-gib 64] [--write docs/guide/scale.md]

Reads what `python -m benchmarks scale` wrote for at least two numbers of rows. A row more costs what it cost
between the two largest of them; where all rows are sorted or compared, that grows with the logarithm of
their number as well. A step's core-seconds are its share, by the clock, of those of the whole run.
Bytes that a row needs in memory or sends are counted from what the row's keys and vectors are, see STAGES.
--texts-per-second: of a core, for the embedding model; --core-hour and --network-gb: prices, which are yours
to give. --machine-gib: memory of one machine. --write: put the tables into a page, between its two marks.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scale import RESULTS

WORD = 6
"""Bytes of text for a word and the blank after it, so for a shingle, since one begins at each word."""

KEY = 24
"""Bytes of a row's key of 16 and its number."""

SHINGLE = 8
"""Bytes of the hash of a run of words."""

PREFIX = 0.4
"""Share of a row's shingles that propose it to others at a floor of 0.6 of similarity."""

VECTOR, STATIC = 768, 512
"""Bytes of a vector in half precision: the model's 384 numbers, and a static one's 256."""

MARKS = "<!-- python -m benchmarks paper -->\n", "<!-- end -->\n"
"""Lines of a page between which --write puts the tables."""

PUBLISHED = (("200 GB", 200e9, 640, 11.13), ("5 TB", 5e12, 1_280, 168.10))
"""Data-Juicer's MinHash deduplication by its own documents: text, bytes, cores, minutes."""


@dataclass(frozen=True)
class Stage:
    """A part of the job, and what it needs for each row.

    steps: the lines of the growth table that it adds up; none for the embedding model, which that table
    leaves out. compares: all rows are sorted or compared. in_memory and sent: bytes a row that all machines
    together keep in memory at once, and that cross the network, beside `text` times the row's text. shingled:
    the same for its shingles.
    """

    name: str
    steps: tuple[str, ...]
    compares: bool = False
    in_memory: float = 0
    sent: float = 0
    text: float = 0
    shingled: bool = False

    def bytes_of(self, text: float) -> tuple[float, float]:
        """Bytes held and sent for a row of so many bytes of text."""
        shingles = SHINGLE * text / WORD if self.shingled else 0.0
        moved = 2 * PREFIX * shingles  # with each of them goes the number of the row
        return self.in_memory + shingles, self.sent + self.text * text + moved


STAGES = (
    Stage("read", ("import",), text=2),
    Stage(
        "repair, lengths, language, answers, filters",
        ("fix_text", "lengths", "language", "answer_checks", "drop_bad_answers", "keep_between"),
        text=1,
    ),
    Stage("exact copies", ("drop_exact_duplicates",), compares=True, in_memory=KEY, sent=KEY),
    Stage("near copies", ("drop_near_duplicates",), compares=True, in_memory=KEY, shingled=True),
    Stage("vectors, static", ("embed",), sent=STATIC, text=1),
    Stage("vectors, the model instead", (), sent=VECTOR, text=1),
    Stage("map", ("project_map",), sent=VECTOR + 16),
    Stage("topics", ("topics",), sent=VECTOR + 8),
    Stage("split", ("split",), compares=True, in_memory=KEY, sent=KEY),
    Stage("delivery", ("export",), text=2),
)


class Growth:
    """What was measured, and what it makes of more rows."""

    def __init__(self, content: dict[str, Any], texts_per_second: float) -> None:
        self.cores = int(content["cores"])
        self.rate = texts_per_second
        self.steps = {n["stage"][2:] for n in content["lines"] if n["stage"].startswith("· ")}
        self.lines = {(n["rows"], n["stage"].removeprefix("· ")): n for n in content["lines"]}
        sizes = sorted({rows for rows, stage in self.lines if stage == "input"})
        if len(sizes) < 2:
            raise SystemExit("Two numbers of rows are needed: python -m benchmarks scale")
        self.fewer, self.most = sizes[-2:]

    @property
    def text(self) -> float:
        """Bytes of the input for a row."""
        return float(self.lines[self.most, "input"]["bytes"]) / self.most

    def core_seconds(self, stage: Stage, rows: int) -> float:
        """Seconds of one core for so many rows."""
        if not stage.steps:
            return rows / self.rate
        fewer, most = self._measured(*stage.steps)
        before, after = (
            sum(self._core_seconds(step, size) for step in stage.steps) for size in (fewer, most)
        )
        each = max(0.0, after - before) / (most - fewer)
        more = math.log(rows) / math.log(most) if stage.compares else 1.0
        return max(after, after + each * (rows - most)) * max(1.0, more)

    def _measured(self, *steps: str) -> tuple[int, int]:
        """The two largest numbers of rows for which all of some steps were measured, else for any."""
        sizes = sorted(
            rows
            for rows, stage in self.lines
            if stage == "input" and all((rows, step) in self.lines for step in steps)
        )
        return (sizes[-2], sizes[-1]) if len(sizes) > 1 else (self.fewer, self.most)

    def _core_seconds(self, step: str, rows: int) -> float:
        """What a command took, or a step's share of what the run took, by the clock of its steps."""
        line = self.lines.get((rows, step), {})
        if "processor" in line or not line:
            return float(line.get("processor", 0.0))
        clock = sum(
            n["seconds"] for (r, s), n in self.lines.items() if r == rows and s in self.steps
        )
        return float(self.lines[rows, "run"]["processor"] * line["seconds"] / clock)

    def most_rows(self, stage: str, gib: float) -> float:
        """Rows up to which a command needs no more than so much memory in one process."""
        fewer, most = self._measured(stage)
        before, after = (self.lines[size, stage]["gib"] for size in (fewer, most))
        each = max(1e-12, after - before) / (most - fewer)
        return float(most + (gib - after) / each)


def on_paper(growth: Growth, rows: int, options: argparse.Namespace) -> Iterator[str]:
    """Lines of the table for so many rows."""
    yield f"\n{rows:,} rows, {growth.text * rows / 1e12:,.2f} TB of text\n"
    yield "| stage | core-hours | held in memory, GB | machines for that | over the network, GB | money |"
    yield "|---|---:|---:|---:|---:|---:|"
    total = [0.0, 0.0, 0.0]
    for stage in STAGES:
        hours = growth.core_seconds(stage, rows) / 3_600
        in_memory, sent = (size * rows / 1e9 for size in stage.bytes_of(growth.text))
        money = hours * options.core_hour + sent * options.network_gb
        machines = math.ceil(in_memory * 1e9 / 2**30 / options.machine_gib)
        yield (
            f"| {stage.name} | {hours:,.1f} | {in_memory:,.0f} | {machines or ''} | {sent:,.0f} | "
            f"{money:,.2f} |"
        )
        if stage.steps:
            total = [a + b for a, b in zip(total, (hours, sent, money), strict=True)]
    hours, sent, money = total
    yield f"| **all, with static vectors** | {hours:,.1f} | | | {sent:,.0f} | {money:,.2f} |"


def on_one_machine(growth: Growth, gib: float) -> Iterator[str]:
    """Lines on what no longer fits one machine, the first of it first."""
    limits = {
        f"memory of `curate {name}`": growth.most_rows(name, gib) for name in ("import", "run")
    }
    limits["memory of the app's server"] = growth.most_rows("view of the first page", gib)
    limits["memory of `curate export`"] = growth.most_rows("export", gib)
    for stage in STAGES:
        if each := stage.bytes_of(growth.text)[0]:
            limits[f"keys of {stage.name}, if they were all that is held"] = gib * 2**30 / each
    limits["vectors, if they were all that is held"] = gib * 2**30 / VECTOR
    yield f"\n| on a machine of {gib:g} GiB | fits up to so many rows |\n|---|---:|"
    for name, rows in sorted(limits.items(), key=lambda item: item[1]):
        yield f"| {name} | {float(f'{rows:.2g}'):,.0f} |"


def beside_published(growth: Growth) -> Iterator[str]:
    """Lines that hold near copies on paper against published figures."""
    stage = next(s for s in STAGES if s.shingled)
    yield "\n| MinHash of | cores | minutes | core-hours, published | near copies, on paper |"
    yield "|---|---:|---:|---:|---:|"
    for text, size, cores, minutes in PUBLISHED:
        own = growth.core_seconds(stage, round(size / growth.text)) / 3_600
        yield f"| {text} | {cores:,} | {minutes} | {cores * minutes / 60:,.0f} | {own:,.0f} |"


def main() -> None:
    """Print all tables, and write them into a page."""
    parser = argparse.ArgumentParser(prog="benchmarks paper")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--rows", type=int, nargs="*", default=[10**8, 10**10])
    parser.add_argument("--texts-per-second", type=float, default=86)
    parser.add_argument("--core-hour", type=float, default=0.05)
    parser.add_argument("--network-gb", type=float, default=0.01)
    parser.add_argument("--machine-gib", type=float, default=64)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    growth = Growth(json.loads(options.results.read_text("utf-8")), options.texts_per_second)
    lines = [
        f"Measured at {growth.fewer:,} and {growth.most:,} rows of {growth.text:,.0f} bytes on "
        f"{growth.cores} cores. Prices: {options.core_hour} a core-hour, {options.network_gb} a GB "
        f"sent. The model: {growth.rate:g} texts/s a core.",
        *on_one_machine(growth, options.machine_gib),
        *(line for rows in options.rows for line in on_paper(growth, rows, options)),
        *beside_published(growth),
    ]
    if options.write:
        options.write.write_text(
            between_marks(options.write.read_text("utf-8"), lines), encoding="utf-8"
        )
    print("\n".join(lines))


def between_marks(page: str, lines: list[str]) -> str:
    """The page with these lines between its marks; raises ValueError without them."""
    before, rest = page.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    body = "\n".join(lines)
    return f"{before}{MARKS[0]}\n{body}\n\n{MARKS[1]}{after}"


if __name__ == "__main__":
    main()

"""Files of any kind to examples.

Guarantee: every line is an example, a rejected row or blank. A hostile file ends its own reading
process and nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Lock, Timer
from typing import Any

from curation.dataset import Progress, silent
from curation.errors import FileRefused
from curation.sources.about import not_data
from curation.sources.archive import is_saved_dataset, pack
from curation.sources.encoding import text_encoding
from curation.sources.likely_labels import likely_labels, plain_columns
from curation.sources.limits import Limits
from curation.sources.reading import read

__all__ = [
    "ImportReport",
    "Limits",
    "Preview",
    "Stop",
    "is_saved_dataset",
    "likely_labels",
    "not_data",
    "pack",
    "parse",
    "plain_columns",
    "preview",
    "read",
    "text_encoding",
]

WORKERS = 8
"""Most processes that read one file, where there are as many processors."""


@dataclass(frozen=True)
class ImportReport:
    """The result of reading a file: lines = examples + rejected + blank, always.

    A record over several lines counts as one line; a header counts as blank. repaired: code → rows.
    formats: name → examples. columns: column → role, or `metadata` → rows in which it is not empty.
    encodings: file → encoding. notes: sentences. left_out: file of an archive → the reason why it
    was not read.
    """

    lines: int
    examples: int
    rejected: int
    blank: int
    repaired: dict[str, int]
    formats: dict[str, int]
    columns: dict[str, dict[str, int]]
    encodings: dict[str, str]
    notes: list[str]
    seconds: float
    left_out: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return asdict(self)

    def __add__(self, other: ImportReport) -> ImportReport:
        """Both as one report; seconds are those of the longer."""
        return ImportReport(
            lines=self.lines + other.lines,
            examples=self.examples + other.examples,
            rejected=self.rejected + other.rejected,
            blank=self.blank + other.blank,
            repaired=_sum(self.repaired, other.repaired),
            formats=_sum(self.formats, other.formats),
            columns={
                column: _sum(self.columns.get(column, {}), other.columns.get(column, {}))
                for column in {**self.columns, **other.columns}
            },
            encodings={**self.encodings, **other.encodings},
            notes=list(dict.fromkeys([*self.notes, *other.notes])),
            seconds=max(self.seconds, other.seconds),
            left_out={**self.left_out, **other.left_out},
        )


def _sum(one: dict[str, int], two: dict[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + two.get(key, 0) for key in {**one, **two}}


@dataclass(frozen=True)
class Preview:
    """The beginning of a file.

    formats: name → share of the examples read. examples: messages, label and metadata of the first.
    rejected: row, code and message of the first rejected rows. columns: names that a mapping may
    use. became: column → role, or `metadata` → rows read in which it is not empty.
    """

    formats: dict[str, float] = field(default_factory=dict)
    encoding: str = ""
    delimiter: str = ""
    columns: list[str] = field(default_factory=list)
    became: dict[str, dict[str, int]] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Stop:
    """Ends readings from outside: those that run now, and those that begin later."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ends: list[Callable[[], None]] = []
        self._is_over = False

    def add(self, end: Callable[[], None]) -> None:
        """Take the function that ends a reader."""
        with self._lock:
            self._ends.append(end)
            if self._is_over:
                end()

    def now(self) -> None:
        """End all readers."""
        with self._lock:
            self._is_over = True
            for end in self._ends:
                end()


def parse(
    path: Path,
    out: Path,
    *,
    name: str | None = None,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    label_names: Sequence[str] | None = None,
    encoding: str | None = None,
    limits: Limits | None = None,
    progress: Progress = silent,
    workers: int | None = None,
    stop: Stop | None = None,
) -> ImportReport:
    """Read a file in a process of its own into out/examples.parquet and out/rejected.parquet.

    Both are folders of Parquet files, to be read as one table each: a long file of JSON lines is
    read by several processes (`workers`; the processors, when not given), to the same rows in the
    same order. encoding: a Python codec's name, where the guess is wrong. stop: ends the reading, as a
    crash would. Raises CurationError for
    a file that is refused as a whole, that breaks a limit, or that crashes its reader; nothing but
    `out` is touched.
    """
    for table in ("examples", "rejected"):
        (out / f"{table}.parquet").mkdir(parents=True, exist_ok=True)
    task = _task(path, name, format, mapping, label_names, encoding, limits or Limits())
    count = min(workers or os.cpu_count() or 1, WORKERS)
    with ExitStack() as stack:
        first = _Worker(
            {**task, "what": "parse", "out": str(out.resolve()), "workers": count}, stack, stop
        )
        others = list[_Worker]()
        for line in first.output():
            share, _, text = line.partition(" ")
            if share == "parts":
                others = [
                    _Worker({**first.task, "part": part, "number": number}, stack, stop)
                    for number, part in enumerate(json.loads(text), 1)
                ]
            else:
                progress(float(share), text)
        report = ImportReport(**first.answer())
        for other in others:
            report = report + ImportReport(**other.answer())
    if others and not report.examples:
        report = replace(report, notes=[*report.notes, "There are no examples in it."])
    return report


def preview(
    path: Path,
    *,
    rows: int = 20,
    name: str | None = None,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    label_names: Sequence[str] | None = None,
    encoding: str | None = None,
    limits: Limits | None = None,
) -> Preview:
    """Read the first rows of a file, in a process of its own; raises as `parse` does."""
    task = _task(path, name, format, mapping, label_names, encoding, limits or Limits(seconds=60))
    with ExitStack() as stack:
        worker = _Worker({**task, "what": "preview", "rows": rows}, stack)
        return Preview(**worker.answer())


def _task(
    path: Path,
    name: str | None,
    format: str,
    mapping: Mapping[str, str] | None,
    label_names: Sequence[str] | None,
    encoding: str | None,
    limits: Limits,
) -> dict[str, Any]:
    return {
        "path": str(path.resolve()),
        "name": name or path.name,
        "format": format,
        "mapping": dict(mapping or {}),
        "label_names": list(label_names or []),
        "encoding": encoding or "",
        "limits": asdict(limits),
    }


class _Worker:
    """A process that does one task under its limits. It ends with the `stack`, also after an error."""

    def __init__(self, task: dict[str, Any], stack: ExitStack, stop: Stop | None = None) -> None:
        self.task, self._limits, self._late = task, Limits(**task["limits"]), False
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="curation-"))
        self._answer = Path(folder) / "answer.json"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "curation.sources", str(self._answer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"},
        )
        self._timer = Timer(self._limits.seconds, self._end_late)
        self._timer.daemon = True
        self._timer.start()
        stack.callback(self._end)
        if stop is not None:
            stop.add(self._process.kill)
        assert self._process.stdin
        with suppress(BrokenPipeError):  # the process has ended, and `answer` reports it
            self._process.stdin.write(json.dumps(task))
            self._process.stdin.close()

    def _end_late(self) -> None:
        self._late = True
        self._process.kill()

    def _end(self) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def output(self) -> Iterator[str]:
        """The lines that it writes, until it ends."""
        assert self._process.stdout
        for line in self._process.stdout:
            yield line.rstrip("\n")

    def answer(self) -> Any:
        """Its result; raises CurationError when there is none."""
        for _ in self.output():
            pass
        self._process.wait()
        name = self.task["name"]
        if self._answer.exists():
            answer = json.loads(self._answer.read_text("utf-8"))
            if "error" in answer:
                raise FileRefused(name, answer["error"])
            return answer["result"]
        if self._late:
            raise FileRefused(
                name, f"reading took longer than {self._limits.seconds:,} s (limit seconds)."
            )
        raise FileRefused(
            name,
            f"the file crashed its reader or used more than {self._limits.memory_mb:,} MB "
            "(limit memory_mb); nothing of it was imported.",
        )

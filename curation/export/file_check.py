"""A file of anybody, checked by the rules of the trainer that shall read it, row by row.

Guarantee: the file is read as a stream; memory grows by a few numbers a row. A row that the rules do
not foresee is a problem of its own, never the end of the check.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from curation.chat.tokens import SLICE, ChatTokenizer, as_delivered, load_tokenizer
from curation.dataset import Progress, content_hash, silent
from curation.errors import CurationError
from curation.export.accepted import Entry, accepted, entry_of, fault_of, fault_of_lines
from curation.export.cures import cure
from curation.export.delivery_format import DeliveryFormat, Row
from curation.export.fitting import delivery_formats
from curation.export.parts import NotHeld
from curation.formats import Converted
from curation.incoming import is_project
from curation.looking.context import Contexts, percent
from curation.sources.reading import Fact, Read, Refusal, read
from curation.text.tokens import has_token

NAMED = 20
"""Rows of a code that are named; the others are counted."""

UNCHECKED = ("csv", "original")
"""Formats that no trainer reads, so that they have no rules."""

_SIDE_FILES = (
    *("manifest", "dataset_info", "croissant", "receipts", "ids", "decisions", "recipe"),
    *("dropped", "rejected", "atlas"),
)
_ENDINGS = (".jsonl", ".json", ".parquet", ".csv")

_ONE_TYPE = ("trl", "axolotl", "hf")
"""Beginnings of the formats whose files `datasets` reads, each column as one type."""

_MAIN = ("messages", "prompt", "completion", "text", "chosen", "rejected")
"""Columns that say what kind of training a file is for."""

_TYPES = {str: "text", bool: "yes or no", int: "number", float: "number", list: "list"}
_TYPES |= {dict: "object"}


@dataclass(frozen=True)
class Amount:
    """A number of rows, or a share of them."""

    value: float
    is_share: bool = False

    @classmethod
    def parse(cls, text: str) -> Amount:
        """Read `25` or `1%`; raises CurationError for anything else."""
        number = text.strip().removesuffix("%")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise CurationError(f"{text!r} is no amount: write a number of rows, or a share as 1%.")
        is_share = text.strip().endswith("%")
        return cls(value / 100 if is_share else value, is_share)

    def allows(self, count: int, rows: int) -> bool:
        """Return whether so many of the rows are allowed."""
        return count <= self.value * (rows if self.is_share else 1)

    def __str__(self) -> str:
        return f"{100 * self.value:g} %" if self.is_share else f"{self.value:,.0f}"


@dataclass(frozen=True)
class Tolerances:
    """The tolerances of a check.

    problems: rows that the trainer would refuse. duplicates: rows that stand in the file before;
    None for any number. tokens: context length → rows that may be longer. least: of rows; None for
    what the format asks for.
    """

    problems: Amount = field(default_factory=lambda: Amount(0))
    duplicates: Amount | None = None
    tokens: Mapping[int, Amount] = field(default_factory=dict)
    least: int | None = None

    @staticmethod
    def length_of(text: str) -> tuple[int, Amount]:
        """Read `2048` or `2048:5%`: a context length, and the rows that may be longer."""
        length, _, amount = text.partition(":")
        if not length.strip().isdecimal() or not int(length):
            raise CurationError(f"{text!r} is no length: write 2048, or 2048:5% to let some pass.")
        return int(length), Amount.parse(amount or "0")


@dataclass
class Finding:
    """A reason for which rows are refused: a code, a count of rows, and the first of them."""

    code: str
    rows: int = 0
    first: list[dict[str, Any]] = field(default_factory=list)

    def add(self, file: str, row: int, message: str) -> None:
        """Count a row; row 0 is the file as a whole."""
        self.rows += 1
        if len(self.first) < NAMED:
            self.first.append({"file": file, "row": row, "message": message})

    def to_dict(self) -> dict[str, Any]:
        """The finding as a JSON object."""
        return {
            "code": self.code,
            "rows": self.rows,
            "why": self.first[0]["message"],
            "cure": cure(self.code),
            "first": self.first,
        }


def check_file(
    path: Path,
    format: str,
    tolerances: Tolerances | None = None,
    tokenizer: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Check a file, or the files of a folder, by a format's rules.

    tokenizer: name of the one that counts tokens; None to count none, unless a tolerance asks for
    it. Returns format, files, rows, problems (of each code: rows, why, cure and the first rows),
    duplicates, tokens, failures (each with code, text and cure) and
    passed. Raises CurationError when the path cannot be read, or the format has no rules.
    """
    tolerances = tolerances or Tolerances()
    checked = _format_of(format)
    counting = tokenizer is not None or bool(tolerances.tokens)
    check = _Check(checked, load_tokenizer(tokenizer or "") if counting else None)
    paths = _files(path, format)
    for number, file in enumerate(paths):
        check.read(file, lambda s, text, n=number: progress((n + s) / len(paths), text))  # type: ignore[misc]
    if not check.rows and not check.findings:
        check.note("unreadable", path.name, 0, "there is no row in it")
    return check.result(tolerances)


def _format_of(name: str) -> DeliveryFormat:
    formats = {n: f for n, f in delivery_formats().items() if n not in UNCHECKED}
    if name not in formats:
        raise CurationError(
            f"There are no rules for the format {name!r}; choose one of: {', '.join(formats)}."
        )
    return formats[name]


def _files(path: Path, format: str) -> list[Path]:
    """Return the data files that a path names; raises CurationError where there is none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CurationError(f"There is no file or folder {path}.")
    inner = path / ("data" if format == "hf" else format)
    folder = inner if inner.is_dir() and not is_project(inner) else path
    files = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix in _ENDINGS and file.stem not in _SIDE_FILES and file.is_file()
    ]
    if not files:
        raise CurationError(f"{path} holds no data file ({', '.join(_ENDINGS)}); name a file.")
    return files


class _Check:
    """The state of a check: findings by code, and a few numbers for each row."""

    def __init__(self, format: DeliveryFormat, tokenizer: ChatTokenizer | None) -> None:
        self.format, self.tokenizer = format, tokenizer
        self.findings: dict[str, Finding] = {}
        self.files: list[str] = []
        self.rows = self.bad = 0
        self._hashes, self._lines, self._homes = array("Q"), array("Q"), array("L")
        self._tokens, self._numbers = array("q"), array("Q")
        self._starts, self._ends, self._owners = array("q"), array("q"), array("q")
        self._waiting: list[tuple[int, bool, tuple[Sequence[Row], Any]]] = []
        self._types: dict[str, str] = {}

    def note(self, code: str, file: str, row: int, message: str) -> None:
        """Add a problem of a row, or of a file (row 0)."""
        self.findings.setdefault(code, Finding(code)).add(file, row, message)

    def read(self, file: Path, progress: Progress) -> None:
        """Check every row of a file."""
        self.files.append(file.name)
        entry, faults = entry_of(file) if self.format.name.startswith("llamafactory") else ({}, [])
        for code, message in faults:
            self.note(code, file.name, 0, message)
        size, before = max(1, file.stat().st_size), self.rows
        for result in read(file):
            if isinstance(result, Read):
                row, example, offset = result.raw.row, result.example, result.raw.offset
                problems = [*self._problems(result.raw.value, entry), *_mended(result)]
                if has_token(example.messages, example.rejected):
                    problems.append(("template_tokens", "its text holds tokens of a chat template"))
                self._measure(row, example, bool(problems))
            elif isinstance(result, Refusal):
                row, offset = result.reject.row, result.reject.offset
                problems = self._refused(result, entry)
            else:
                if isinstance(result, Fact) and (fault := fault_of(self.format.name, result.note)):
                    self.note(fault[0], file.name, 0, fault[1])
                continue
            self.rows += 1
            self.bad += bool(problems)
            for code, message in dict(problems).items():
                self.note(code, file.name, row, message)
            if self.rows % 5_000 == 0:
                progress(min(1.0, (offset or 0) / size), f"Checked {self.rows:,} rows")
        self._count()
        if self.format.name == "openai" and "encoding" not in self.findings:
            if fault := fault_of_lines(file, self.rows - before):
                self.note(fault[0], file.name, 0, fault[1])

    def _problems(self, record: Row, entry: Entry) -> list[tuple[str, str]]:
        """Return the codes and sentences of a record."""
        problems = list(self._mixed(record)) if self.format.name.startswith(_ONE_TYPE) else []
        try:
            row = accepted(self.format.name, record, entry)
            problems += [(p.code, p.message) for p in self.format.check([row])]
        except NotHeld as refusal:
            problems.append((refusal.code, str(refusal)))
        except KeyError as error:
            problems.append(("missing_key", f"the key {error.args[0]!r} is missing"))
        except (TypeError, AttributeError, ValueError) as error:
            problems.append(("unexpected_shape", f"a value is of another type ({error})"))
        return problems

    def _mixed(self, record: Row) -> Iterator[tuple[str, str]]:
        """Yield keys that the first row has and this one has not, or whose type differs."""
        columns = " and ".join(key for key in _MAIN if key in record)
        first = self._types.setdefault("", columns)
        if columns != first:
            yield "mixed_columns", f"the row has {columns or 'no column to train on'}, not {first}"
        for path, value in _leaves(record):
            kind = _TYPES.get(type(value), "")
            if kind and self._types.setdefault(path, kind) != kind:
                yield "mixed_types", f"{path} is a {kind} and was a {self._types[path]} before"

    def _refused(self, refusal: Refusal, entry: Entry) -> list[tuple[str, str]]:
        """Return the problems of a row that is no example: those of its record, where it has one."""
        reject = refusal.reject
        if reject.code == "field":
            try:
                return self._problems(orjson.loads(reject.raw), entry)
            except orjson.JSONDecodeError:
                return [("unexpected_shape", reject.message)]
        return [("unreadable", reject.message)]

    def _measure(self, row: int, example: Converted, is_bad: bool) -> None:
        """Remember the numbers of a row, and its conversation until its tokens are counted."""
        digest = content_hash(example.messages, example.label, example.tools, example.rejected)
        self._hashes.append(int(digest[:16], 16))
        self._lines.append(row)
        self._homes.append(len(self.files) - 1)
        if self.tokenizer is not None:
            tools = orjson.loads(example.tools) if example.tools else None
            conversation = as_delivered(example.turns, tools, example.label)
            self._waiting.append((row, is_bad, conversation))
            if len(self._waiting) >= SLICE:
                self._count()

    def _count(self) -> None:
        """Count the tokens of the conversations that wait."""
        if self.tokenizer is None:
            return
        counts = self.tokenizer.counts(conversation for *_, conversation in self._waiting)
        for (row, is_bad, _), count in zip(self._waiting, counts, strict=True):
            if count.tokens is None:
                self.note("unrendered", self.files[-1], row, count.refusal)
                self.bad += not is_bad
                continue
            for start, end in count.places or ():
                self._starts.append(start)
                self._ends.append(end)
                self._owners.append(len(self._tokens))
            self._tokens.append(count.tokens)
            self._numbers.append(row)
        self._waiting.clear()

    def result(self, tolerances: Tolerances) -> dict[str, Any]:
        """Return the outcome as a JSON object."""
        duplicates, tokens = self._duplicates(), self._lengths(tolerances)
        failures = list(self._failures(tolerances, duplicates["rows"]))
        order = sorted(self.findings.values(), key=lambda finding: -finding.rows)
        return {
            "format": self.format.name,
            "files": self.files,
            "rows": self.rows,
            "rows_with_problems": self.bad,
            "problems": [finding.to_dict() for finding in order],
            "duplicates": duplicates,
            **({"tokens": tokens} if tokens else {}),
            "failures": failures,
            "passed": not failures,
        }

    def _duplicates(self) -> dict[str, Any]:
        """Return the number of rows that stand in the files before, and the first of them."""
        hashes = np.frombuffer(self._hashes, dtype=np.uint64) if self._hashes else np.array([])
        order = np.argsort(hashes, kind="stable")
        repeats = np.sort(order[1:][hashes[order][1:] == hashes[order][:-1]])
        first = [
            {"file": self.files[self._homes[n]], "row": self._lines[n]} for n in repeats[:NAMED]
        ]
        return {"rows": len(repeats), "share": len(repeats) / max(1, self.rows), "first": first}

    def _lengths(self, tolerances: Tolerances) -> dict[str, Any]:
        if self.tokenizer is None or not self._tokens:
            return {}
        tokens, starts, ends, owners = (
            np.frombuffer(values, dtype=np.int64) if values else np.array([], dtype=np.int64)
            for values in (self._tokens, self._starts, self._ends, self._owners)
        )
        contexts = Contexts(tokens, starts, ends, owners, self.rows - len(tokens))
        longest = np.argsort(-tokens, kind="stable")[:NAMED]
        return {
            "tokenizer": self.tokenizer.description,
            **contexts.lengths(),
            "cuts": [
                {"length": n, "rows": cut.cut, "share": cut.share, "text": cut.sentence}
                for n in tolerances.tokens or (2_048, 4_096, 8_192)
                for cut in [contexts.cut(n)]
            ],
            "longest": [{"row": self._numbers[n], "tokens": int(tokens[n])} for n in longest],
        }

    def _failures(self, tolerances: Tolerances, duplicates: int) -> Iterator[dict[str, str]]:
        """Yield what the tolerances do not let pass: code, sentence, and what to do."""
        if any(entry["row"] == 0 for f in self.findings.values() for entry in f.first):
            yield _failure("file", "The file as a whole has a problem.")
        if not tolerances.problems.allows(self.bad, self.rows):
            allowed = f"{tolerances.problems} are allowed."
            yield _failure(
                "problems",
                f"{self.bad:,} {'row has' if self.bad == 1 else 'rows have'} problems; {allowed}",
            )
        most = tolerances.duplicates
        if most is not None and not most.allows(duplicates, self.rows):
            share = percent(duplicates / max(1, self.rows))
            text = f"{duplicates:,} rows ({share}) are duplicates; {most} are allowed."
            yield _failure("duplicates", text)
        least = self.format.least if tolerances.least is None else tolerances.least
        if self.rows < least:
            yield _failure(
                "few_rows", f"There are {self.rows:,} rows, and {least:,} are the least."
            )
        lengths = np.frombuffer(self._tokens, dtype=np.int64) if self._tokens else np.array([])
        for length, amount in tolerances.tokens.items():
            longer = int((lengths > length).sum())
            if not amount.allows(longer, self.rows):
                text = f"{longer:,} rows are longer than {length:,} tokens; {amount} are allowed."
                yield _failure("too_long", text)


def _failure(code: str, text: str) -> dict[str, str]:
    return {"code": code, "text": text, "cure": cure(code)}


def _mended(result: Read) -> list[tuple[str, str]]:
    """Return the repairs of a line of text; a table's values need none."""
    if result.raw.offset is None or not result.raw.repairs:
        return []
    return [("repaired", f"the line is no strict JSON ({', '.join(result.raw.repairs)})")]


def _leaves(record: Row) -> Iterator[tuple[str, Any]]:
    """Yield the columns of a record, and the keys of the objects in its lists, by their paths."""
    for key, value in record.items():
        yield key, value
        for item in value if isinstance(value, list) else ():
            yield f"{key}[]", item
            if isinstance(item, dict):
                yield from ((f"{key}[].{inner}", v) for inner, v in item.items())

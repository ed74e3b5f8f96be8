"""The process in which an untrusted file is read."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset import content_hash, derive
from curation.errors import CurationError
from curation.sources.limits import Blank, Limits
from curation.sources.reading import Fact, Read, Refusal, Result, read

ROWS = 20_000
"""Rows held in memory at a time."""

EXAMPLES = pa.schema(
    [
        *(
            (name, pa.large_string())
            for name in ("messages", "label", "prompt", "response", "system", "attention", "source")
        ),
        ("source_row", pa.int64()),
        ("source_offset", pa.int64()),
        *(
            (name, pa.large_string())
            for name in ("format", "metadata", "shape", "repairs", "content_hash")
        ),
    ]
)
REJECTED = pa.schema(
    [
        ("source", pa.large_string()),
        ("row", pa.int64()),
        ("offset", pa.int64()),
        ("field", pa.large_string()),
        ("code", pa.large_string()),
        ("message", pa.large_string()),
        ("raw", pa.large_binary()),
    ]
)


class Sink:
    """Rows of a table, written in groups."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._schema, self._rows = schema, list[tuple[Any, ...]]()

    def add(self, row: tuple[Any, ...]) -> None:
        """Add a row, its values in the order of the schema."""
        self._rows.append(row)
        if len(self._rows) >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if self._rows:
            columns = [
                pa.array(list(c), f.type)
                for c, f in zip(zip(*self._rows, strict=True), self._schema, strict=True)
            ]
            self._writer.write_table(pa.table(columns, schema=self._schema))
            self._rows.clear()

    def close(self) -> None:
        """Write the rest and the footer."""
        self.flush()
        self._writer.close()


def results(task: dict[str, Any]) -> Iterator[Result]:
    """What reading the task's file gives."""
    return read(
        Path(task["path"]),
        name=task["name"],
        format=task["format"],
        mapping=task["mapping"] or None,
        label_names=task["label_names"] or None,
        limits=Limits(**task["limits"]),
    )


def parse(task: dict[str, Any]) -> dict[str, Any]:
    """Write examples.parquet and rejected.parquet, and report."""
    begin, out = time.perf_counter(), Path(task["out"])
    examples, rejected = (
        Sink(out / "examples.parquet", EXAMPLES),
        Sink(out / "rejected.parquet", REJECTED),
    )
    lines = refused = blank = taken = 0
    repaired, formats = Counter[str](), Counter[str]()
    encodings, notes = dict[str, str](), list[str]()
    size, told = max(1, os.path.getsize(task["path"])), 0
    for found in results(task):
        if isinstance(found, Read):
            raw, made = found.raw, found.example
            prompt, response, system, attention = derive(made.messages, made.label)
            examples.add(
                (
                    made.messages,
                    made.label,
                    prompt,
                    response,
                    system,
                    attention,
                    found.source,
                    raw.row,
                    raw.offset,
                    made.format,
                    made.metadata,
                    made.shape,
                    ",".join(raw.repairs),
                    content_hash(made.messages, made.label),
                )
            )
            taken += 1
            lines += 1
            formats[made.format] += 1
            repaired.update(raw.repairs)
            if taken - told >= 5_000:
                told = taken
                share = min(1.0, (raw.offset or 0) / size)
                sys.stdout.write(f"{share:.4f} Reading: {taken:,} examples\n")
                sys.stdout.flush()
        elif isinstance(found, Refusal):
            r = found.reject
            rejected.add((found.source, r.row, r.offset, r.field, r.code, r.message, r.raw))
            refused += 1
            lines += 1
        elif isinstance(found, Blank):
            blank += found.lines
            lines += found.lines
        else:
            _note(found, encodings, notes)
    examples.close()
    rejected.close()
    return {
        "lines": lines,
        "examples": taken,
        "rejected": refused,
        "blank": blank,
        "repaired": dict(repaired),
        "formats": dict(formats),
        "encodings": encodings,
        "notes": notes,
        "seconds": round(time.perf_counter() - begin, 3),
    }


def _note(fact: Fact, encodings: dict[str, str], notes: list[str]) -> None:
    if fact.note.key == "encoding":
        encodings[fact.source] = fact.note.text.removesuffix("-sig")
    elif fact.note.key == "delimiter":
        notes.append(f"The separator is {fact.note.text!r}.")
    else:
        notes.append(fact.note.text)


def preview(task: dict[str, Any]) -> dict[str, Any]:
    """The first examples and refusals, and what is known of the file."""
    formats, columns = Counter[str](), dict[str, None]()
    examples, rejected = list[dict[str, Any]](), list[dict[str, Any]]()
    encodings, notes, delimiter = dict[str, str](), list[str](), ""
    for found in results(task):
        if isinstance(found, Read):
            formats[found.example.format] += 1
            columns.update(dict.fromkeys(found.raw.value))
            made = found.example
            examples.append(
                {"messages": made.messages, "label": made.label, "metadata": made.metadata}
            )
        elif isinstance(found, Refusal):
            r = found.reject
            rejected.append({"row": r.row, "code": r.code, "message": r.message})
            columns.update(dict.fromkeys(_keys(r.raw)) if r.code == "field" else {})
        elif isinstance(found, Fact):
            if found.note.key == "delimiter":
                delimiter = found.note.text
            else:
                _note(found, encodings, notes)
        if len(examples) + len(rejected) >= task["rows"]:
            break
    total = sum(formats.values())
    return {
        "formats": {name: count / total for name, count in formats.most_common()},
        "encoding": next(iter(encodings.values()), ""),
        "delimiter": delimiter,
        "columns": list(columns),
        "examples": examples,
        "rejected": rejected,
        "notes": notes,
    }


def _keys(raw: bytes) -> list[str]:
    try:
        value = json.loads(raw)
    except ValueError:
        return []
    return list(value) if isinstance(value, dict) else []


def main() -> None:
    """Do the task that stands on standard input and write the answer to the named file."""
    task = json.loads(sys.stdin.read())
    memory = Limits(**task["limits"]).memory_mb * 2**20
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    gc.disable()  # rows are trees without cycles; looking for cycles is half of the time
    try:
        answer: dict[str, Any] = {
            "result": {"parse": parse, "preview": preview}[task["what"]](task)
        }
    except CurationError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {
            "error": f"reading it takes more than {task['limits']['memory_mb']:,} MB (limit memory_mb)."
        }
    Path(sys.argv[1]).write_text(json.dumps(answer), "utf-8")


if __name__ == "__main__":
    main()

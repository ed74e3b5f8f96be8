"""The process that reads an untrusted file."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.conversations import without_plain
from curation.dataset import content_hash, derive
from curation.errors import CurationError
from curation.formats import Converted, ConvertedTexts
from curation.process import end_with
from curation.sources.limits import Blank, Limits
from curation.sources.parts import Part, parts
from curation.sources.reading import Fact, Many, Read, Refusal, Result, read_all

ROWS = 20_000
"""Rows held at a time."""
PART = 16 * 2**20
"""Least bytes of JSON lines for a process of their own, which takes a second to start."""

NAMED, MORE = 2_000, "…"
"""Columns that a report counts by name, and the name under which it counts all others."""

REPEATED = ["source", "format", "attention", "repairs", "label", "code", "field"]
"""Columns of few different values, kept as a dictionary."""

EXAMPLES = pa.schema(
    [
        *(
            (name, pa.large_string())
            for name in (
                *("messages", "label", "tools", "rejected"),
                *("prompt", "response", "system", "attention", "source"),
            )
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
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression="lz4",
            use_dictionary=[name for name in REPEATED if name in schema.names],
            write_statistics=False,
        )
        self._schema = schema
        self._rows = list[tuple[Any, ...]]()
        self._columns = [list[Any]() for _ in schema]

    def add(self, row: tuple[Any, ...]) -> None:
        """Add a row, its values in the order of the schema."""
        self._rows.append(row)
        if len(self._rows) >= ROWS:
            self.flush()

    def extend(self, columns: Sequence[Sequence[Any]]) -> None:
        """Add many rows, column by column."""
        rows, self._rows = self._rows, []
        for stored, *fresh in zip(
            self._columns, *([zip(*rows, strict=True)] if rows else []), columns, strict=True
        ):
            for values in fresh:
                stored.extend(values)
        if len(self._columns[0]) >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows in memory."""
        if self._rows:
            self.extend([()] * len(self._schema))
        if self._columns[0]:
            arrays = [
                pa.array(values, field.type)
                for values, field in zip(self._columns, self._schema, strict=True)
            ]
            self._columns = [list[Any]() for _ in self._schema]
            self._writer.write_table(without_plain(pa.table(arrays, schema=self._schema)))

    def close(self) -> None:
        """Write the rest and the footer."""
        self.flush()
        self._writer.close()


def results(task: dict[str, Any], *, together: bool = True) -> Iterator[Result | Many]:
    """The results of reading the task's file."""
    return read_all(
        Path(task["path"]),
        name=task["name"],
        format=task["format"],
        mapping=task["mapping"] or None,
        label_names=task["label_names"] or None,
        encoding=task["encoding"] or None,
        limits=Limits(**task["limits"]),
        part=Part(*task["part"]) if task.get("part") else None,
        together=together,
    )


class Tally:
    """Counts and facts of what was read."""

    def __init__(self) -> None:
        self.lines = self.examples = self.rejected = self.blank = self.undecoded = 0
        self.repaired, self.formats = Counter[str](), Counter[str]()
        self.columns = dict[str, Counter[str]]()
        self.encodings, self.notes = dict[str, str](), dict[str, None]()
        self.left_out = dict[str, str]()
        self.delimiter = ""

    def example(self, example: Converted) -> None:
        """Count an example, and the role of each of its columns."""
        self.examples += 1
        self.formats[example.format] += 1
        for column, role in example.columns.items():
            self._of(column)[role] += 1

    def many(self, examples: ConvertedTexts) -> None:
        """Count many examples."""
        self.examples += len(examples.messages)
        self.formats[examples.format] += len(examples.messages)
        for column, counts in examples.columns.items():
            self._of(column).update(counts)

    def _of(self, column: str) -> Counter[str]:
        if column not in self.columns and len(self.columns) >= NAMED:
            column = MORE
        return self.columns.setdefault(column, Counter())

    def note(self, fact: Fact) -> None:
        """Keep a fact about a file; the same sentence once."""
        if fact.note.key == "encoding":
            self.encodings[fact.source] = fact.note.text
        elif fact.note.key == "delimiter":
            self.delimiter = fact.note.text
            self.notes[f"The separator is {fact.note.text!r}."] = None
        elif fact.note.key == "not_data":
            self.left_out[fact.source] = fact.note.text
        else:
            self.notes[fact.note.text] = None

    def became(self) -> dict[str, dict[str, int]]:
        """Roles of the columns that were not empty: column → role → rows."""
        counted = {c: {r: n for r, n in counts.items() if n} for c, counts in self.columns.items()}
        return {column: counts for column, counts in counted.items() if counts}

    def report(self) -> dict[str, Any]:
        """The tally as a JSON object, without `seconds`."""
        if self.undecoded > 1 and self.undecoded * 20 > self.rejected + self.examples:
            self.notes[
                f"{self.undecoded:,} rows do not fit the encoding; name another if it is wrong."
            ] = None
        return {
            "lines": self.examples + self.rejected + self.blank,
            "examples": self.examples,
            "rejected": self.rejected,
            "blank": self.blank,
            "repaired": dict(self.repaired),
            "formats": dict(self.formats),
            "columns": self.became(),
            "encodings": self.encodings,
            "notes": list(self.notes),
            "left_out": self.left_out,
        }


def parse(task: dict[str, Any]) -> dict[str, Any]:
    """Write the examples and the rejected rows as Parquet, and report.

    Where the file can be read in parts, this process reads the first, and names the others on its
    output in a line that begins with `parts`.
    """
    begin, out = time.perf_counter(), Path(task["out"])
    if not task.get("part") and task["workers"] > 1:
        task = with_parts(task)
    number = task.get("number", 0)
    sinks = [
        Sink(out / f"{name}.parquet" / f"{number}.parquet", schema)
        for name, schema in (("examples", EXAMPLES), ("rejected", REJECTED))
    ]
    tally, reported = Tally(), 0
    first, last = (task["part"][0], task["part"][2]) if task.get("part") else (0, 0)
    size = max(1, (last - first) or size_of(task["path"]))
    for result in results(task):
        offset: int | None = None
        if isinstance(result, Many):
            sinks[0].extend(example_columns(result))
            tally.many(result.examples)
            offset = result.offsets[-1]
        elif isinstance(result, Read):
            sinks[0].add(example_row(result))
            tally.example(result.example)
            tally.repaired.update(result.raw.repairs)
            offset = result.raw.offset
        elif isinstance(result, Refusal):
            sinks[1].add(refusal_row(result))
            tally.rejected += 1
            tally.undecoded += result.reject.code == "not_utf8"
        elif isinstance(result, Blank):
            tally.blank += result.lines
        else:
            tally.note(result)
        if tally.examples - reported >= 5_000:
            reported = tally.examples
            say(
                f"{min(1.0, ((offset or first) - first) / size):.4f} Reading: {reported:,} examples"
            )
    for sink in sinks:
        sink.close()
    return {**tally.report(), "seconds": round(time.perf_counter() - begin, 3)}


def with_parts(task: dict[str, Any]) -> dict[str, Any]:
    """The task of reading the first part, if there are parts; the output names the others."""
    divided = parts(
        Path(task["path"]),
        task["name"],
        Limits(**task["limits"]),
        task["encoding"] or None,
        task["workers"],
        task.get("least", PART),
    )
    if not divided:
        return task
    say("parts " + json.dumps(divided[1:]))
    return {**task, "part": divided[0]}


def say(line: str) -> None:
    """Write a line for the parent process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def size_of(path: str) -> int:
    """Bytes of a file, or of all files of a folder."""
    if os.path.isdir(path):
        return sum(p.stat().st_size for p in Path(path).rglob("*") if p.is_file())
    return os.path.getsize(path)


def example_row(record: Read) -> tuple[Any, ...]:
    """A row of EXAMPLES."""
    raw, example = record.raw, record.example
    return (
        example.messages,
        example.label,
        example.tools,
        example.rejected,
        *derived(example),
        record.source,
        raw.row,
        raw.offset,
        example.format,
        example.metadata,
        example.shape,
        ",".join(raw.repairs),
        content_hash(example.messages, example.label, example.tools, example.rejected),
    )


def refusal_row(refusal: Refusal) -> tuple[Any, ...]:
    """A row of REJECTED."""
    r = refusal.reject
    return refusal.source, r.row, r.offset, r.field, r.code, r.message, r.raw


def example_columns(many: Many) -> list[Sequence[Any]]:
    """The columns of EXAMPLES for many rows, the same as `example_row` gives for each."""
    examples, count = many.examples, len(many.offsets)
    none, nothing = [None] * count, [""] * count
    attention = nothing
    for i, (system, *texts) in enumerate(
        zip(examples.systems, examples.prompts, examples.responses, strict=True)
    ):
        if not all(map(str.strip, texts)) or system and not system.strip():
            attention = attention.copy() if attention is nothing else attention
            attention[i] = derive(examples.messages[i])[3]
    return [
        examples.messages,
        none,
        nothing,
        nothing,
        examples.prompts,
        examples.responses,
        examples.systems,
        attention,
        [many.source] * count,
        range(many.row, many.row + count),
        many.offsets,
        [examples.format] * count,
        examples.metadata,
        examples.shapes,
        nothing,
        [content_hash(messages, None) for messages in examples.messages],
    ]


def derived(example: Converted) -> tuple[str, str, str, str]:
    """The columns that `derive` gives; a plain question and answer is not parsed again."""
    turns = example.turns
    if len(turns) == 2 and turns[0]["role"] == "user" and turns[1]["role"] == "assistant":
        prompt, response = turns[0]["content"] or "", turns[1]["content"] or ""
        if prompt.strip() and response.strip() and len(turns[1]) == 2:
            return prompt, response, "", ""
    return derive(example.messages, example.label, example.rejected)


def preview(task: dict[str, Any]) -> dict[str, Any]:
    """The first examples and rejected rows, and facts about the file."""
    tally, columns = Tally(), dict[str, None]()
    examples, rejected = list[dict[str, Any]](), list[dict[str, Any]]()
    for result in results(task, together=False):
        if isinstance(result, Read):
            example = result.example
            tally.example(example)
            columns.update(dict.fromkeys(result.raw.value))
            examples.append(
                {"messages": example.messages, "label": example.label, "metadata": example.metadata}
            )
        elif isinstance(result, Refusal):
            r = result.reject
            rejected.append({"row": r.row, "code": r.code, "message": r.message})
            columns.update(dict.fromkeys(r.columns))
        elif isinstance(result, Fact):
            tally.note(result)
        if len(examples) + len(rejected) >= task["rows"]:
            break
    total = sum(tally.formats.values())
    return {
        "formats": {name: count / total for name, count in tally.formats.most_common()},
        "encoding": next(iter(tally.encodings.values()), ""),
        "delimiter": tally.delimiter,
        "columns": list(columns),
        "became": tally.became(),
        "examples": examples,
        "rejected": rejected,
        "notes": list(tally.notes),
    }


def main() -> None:
    """Do the task from standard input and write the answer to the named file."""
    end_with(os.getppid())
    task = json.loads(sys.stdin.read())
    memory = Limits(**task["limits"]).memory_mb * 2**20
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    gc.disable()  # rows have no cycles, and the search for cycles takes half of the time
    try:
        answer: dict[str, Any] = {
            "result": {"parse": parse, "preview": preview}[task["what"]](task)
        }
    except CurationError as error:
        answer = {"error": str(error)}
    except MemoryError:
        limit = task["limits"]["memory_mb"]
        answer = {"error": f"reading it takes more than {limit:,} MB (limit memory_mb)."}
    except Exception as error:
        what = f"{type(error).__name__}: {str(error)[:200]}"
        answer = {"error": f"reading it failed, which is a fault of this program ({what})."}
    Path(sys.argv[1]).write_text(json.dumps(answer), "utf-8")


if __name__ == "__main__":
    main()

"""CSV and TSV, Parquet and Arrow: rows with named columns."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from curation.formats.pairs import PROMPTS, RESPONSES
from curation.formats.texts import LABELS, TEXTS
from curation.sources.limits import Blank, Item, Limits, Note, Raw, Refused, Reject
from curation.sources.lines import split_lines

KNOWN = {
    *PROMPTS,
    *RESPONSES,
    *TEXTS,
    *LABELS,
    "id",
    "system",
    "instruction",
    "input",
    "output",
    "score",
    "source",
}
DELIMITERS = ",\t;|"
JOINED = 1_000
"""Lines that one quoted cell may run over before the quote is taken for a slip."""


def sniff(lines: list[str]) -> str:
    """The separator that cuts most lines into the same number of cells, more than one."""
    best, most = ",", 0.0
    for delimiter in DELIMITERS:
        widths = Counter(
            len(_cells(line, delimiter) or []) for line in lines if line.count('"') % 2 == 0
        )
        width, count = max(
            ((w, c) for w, c in widths.items() if w > 1), key=lambda item: item[1], default=(0, 0)
        )
        score = count / max(1, sum(widths.values())) + min(width, 5) / 100
        if width > 1 and score > most:
            best, most = delimiter, score
    return best


def _cells(text: str, delimiter: str) -> list[str] | None:
    """One record's cells; None when its quotes do not add up."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def has_header(first: list[str], rest: list[list[str]]) -> bool:
    """Whether the first row names the columns: known names, or texts unlike what follows."""
    names = [cell.strip().lower() for cell in first]
    if any(name in KNOWN for name in names):
        return True
    if any(not name or len(name) > 40 or _is_number(name) or name.count(" ") > 3 for name in names):
        return False
    if not rest:
        return len(first) > 1
    numeric = any(
        all(_is_number(row[i]) for row in rest if i < len(row)) for i in range(len(first))
    )
    typical = sum(len(cell) for row in rest for cell in row) / max(1, sum(len(row) for row in rest))
    return numeric or (max(map(len, names)) * 2 < typical)


def _is_number(text: str) -> bool:
    try:
        float(text)
        return True
    except ValueError:
        return False


def headerless(rows: list[list[str]]) -> tuple[list[str], str]:
    """Names for columns without a header; the one with few values is the label, the longest the text."""
    width = max(map(len, rows), default=0)
    names = [f"column_{i + 1}" for i in range(width)]
    columns = [[row[i] for row in rows if i < len(row)] for i in range(width)]
    longest = max(range(width), key=lambda i: sum(map(len, columns[i])), default=0)
    few = [
        i
        for i in range(width)
        if i != longest
        and len(set(columns[i])) <= max(2, len(columns[i]) // 2)
        and max(map(len, columns[i]), default=99) <= 40
    ]
    if few and width >= 2:
        names[min(few, key=lambda i: len(set(columns[i])))] = "label"
        names[longest] = "text"
    elif width == 1:
        names = ["text"]
    return names, f"There is no header; the columns were named {', '.join(names)}."


def separated(chunks: Iterable[bytes], limits: Limits) -> Iterator[Item]:
    """One record or reject per record of a CSV; an unbalanced quote costs its own line only."""
    lines = split_lines(chunks, limits)
    ahead: list[tuple[int, int, bytes, bool]] = []
    for line in lines:
        ahead.append(line)
        if len(ahead) >= 400:
            break
    decoded = [line.decode("utf-8", "replace") for _, _, line, _ in ahead if line.strip()]
    if not decoded:
        yield from (Blank() for _ in ahead)
        return
    delimiter = sniff(decoded[:200])
    parsed = [cells for cells in (_cells(text, delimiter) for text in decoded) if cells]
    header: list[str] | None = None
    if parsed and has_header(parsed[0], parsed[1:50]):
        header = [cell.strip() for cell in parsed[0]]
        double = [name for name, count in Counter(header).items() if count > 1]
        if double:
            raise Refused(
                f"the header names {double[0]!r} twice; give each column a name of its own."
            )
        if any(not name for name in header):
            raise Refused(f"column {header.index('') + 1} of the header has no name; name it.")
    names, note = (header, "") if header else headerless(parsed[:300])
    yield Note("delimiter", delimiter)
    if note:
        yield Note("header", note)
    if len(names) > limits.columns:
        raise Refused(
            f"it has {len(names):,} columns, more than {limits.columns:,} (limit columns)."
        )
    yield from _records(_chain(ahead, lines), names, delimiter, header is not None, limits)


def _chain(first: list[Any], rest: Iterator[Any]) -> Iterator[Any]:
    yield from first
    yield from rest


def _records(
    lines: Iterator[tuple[int, int, bytes, bool]],
    names: list[str],
    delimiter: str,
    header: bool,
    limits: Limits,
) -> Iterator[Item]:
    waiting: list[tuple[int, int, bytes, bool]] = []
    row, skip_header = 0, header
    while True:
        if not waiting:
            line = next(lines, None)
            if line is None:
                return
            waiting.append(line)
        number, offset, content, cut = waiting[0]
        if cut or len(content) > limits.row_bytes:
            row += 1
            yield Reject(
                row,
                offset,
                "",
                "row_too_long",
                f"the row is longer than {limits.row_mb:g} MB (limit row_mb).",
                content[:2_000],
            )
            waiting.pop(0)
            continue
        if not content.strip():
            waiting.pop(0)
            yield Blank()
            continue
        taken, text = _joined(waiting, lines, limits)
        cells = _cells(text, delimiter) if text is not None else None
        if skip_header and cells is not None:
            skip_header = False
            del waiting[:taken]
            yield Blank(taken)
            continue
        row += 1
        if taken > 1 and (cells is None or len(cells) != len(names)):
            taken, cells = 1, None  # a slip of a quote: refuse its line, go on with the next
        raw = b"\n".join(line for _, _, line, _ in waiting[:taken])
        del waiting[:taken]
        yield _row(cells, names, row, offset, raw, text is not None, taken)


def _joined(
    waiting: list[tuple[int, int, bytes, bool]],
    lines: Iterator[tuple[int, int, bytes, bool]],
    limits: Limits,
) -> tuple[int, str | None]:
    """How many lines the first record takes, and its text; None when it is not UTF-8."""
    quotes, taken, size = 0, 0, 0
    while True:
        if taken == len(waiting):
            line = next(lines, None) if taken < JOINED and size < limits.row_bytes else None
            if line is None:
                taken = max(1, taken)
                break
            waiting.append(line)
        quotes += waiting[taken][2].count(b'"')
        size += len(waiting[taken][2])
        taken += 1
        if quotes % 2 == 0:
            break
    try:
        return taken, b"\n".join(line for _, _, line, _ in waiting[:taken]).decode("utf-8")
    except UnicodeDecodeError:
        return 1, None


def _row(
    cells: list[str] | None,
    names: list[str],
    row: int,
    offset: int,
    raw: bytes,
    decoded: bool,
    taken: int,
) -> Raw | Reject:
    if not decoded:
        return Reject(
            row, offset, "", "not_utf8", "the row is not UTF-8; save the file as UTF-8.", raw, taken
        )
    if cells is None:
        return Reject(
            row,
            offset,
            "",
            "quotes",
            "a quote is opened and not closed, or stands inside a cell; double it.",
            raw,
            taken,
        )
    if len(cells) != len(names):
        message = f"it has {len(cells)} cells where {len(names)} are expected; quote a cell that holds the separator."
        return Reject(row, offset, "", "ragged", message, raw, taken)
    return Raw(row, offset, dict(zip(names, cells, strict=True)), raw, (), taken)


def columnar(path: Path, kind: str, limits: Limits) -> Iterator[Item]:
    """The rows of a Parquet, Arrow or Feather file, batch by batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if kind == "parquet":
            file = pq.ParquetFile(path)
            schema, batches = file.schema_arrow, file.iter_batches(1_024)
        else:
            schema, batches = _arrow(path)
        double = [name for name, count in Counter(schema.names).items() if count > 1]
        if double:
            raise Refused(f"two columns are called {double[0]!r}; rename one.")
        if len(schema.names) > limits.columns:
            raise Refused(
                f"it has {len(schema.names):,} columns, more than {limits.columns:,} (limit columns)."
            )
        labels = _class_names(schema)
        row = 0
        for batch in batches:
            for value in batch.to_pylist():
                row += 1
                yield _plain_row(value, row, labels)
    except (pa.ArrowException, OSError, ValueError) as error:
        first = str(error).strip().split("\n")[0][:160]
        raise Refused(f"this is not a whole {kind.capitalize()} file: {first}") from None


def _arrow(path: Path) -> tuple[Any, Iterator[Any]]:
    import pyarrow as pa

    source = pa.memory_map(str(path))
    try:
        file = pa.ipc.open_file(source)
        return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))
    except pa.ArrowInvalid:
        source.seek(0)
        stream = pa.ipc.open_stream(source)
        return stream.schema, iter(stream)


def _class_names(schema: Any) -> dict[str, list[str]]:
    """Label names that a Hugging Face dataset wrote beside its columns."""
    import orjson

    try:
        features = orjson.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            n: f["names"]
            for n, f in features.items()
            if isinstance(f, dict) and f.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, orjson.JSONDecodeError):
        return {}


def _plain_row(value: dict[str, Any], row: int, labels: dict[str, list[str]]) -> Raw | Reject:
    repairs: set[str] = set()
    try:
        plain = {k: _plain(v, repairs) for k, v in value.items()}
    except TypeError as error:
        return Reject(
            row,
            None,
            "",
            "value",
            f"a value cannot be read: {error}.",
            repr(value)[:2_000].encode("utf-8", "replace"),
        )
    for name, names in labels.items():
        if isinstance(plain.get(name), int) and 0 <= plain[name] < len(names):
            plain[name] = names[plain[name]]
    return Raw(row, None, plain, b"", tuple(sorted(repairs)))


def _plain(value: Any, repairs: set[str]) -> Any:
    """A column's value as JSON can hold it, nothing rounded."""
    if isinstance(value, float) and not math.isfinite(value):
        repairs.add("not_a_number")
        return None
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else str(value)
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(v, repairs) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v, repairs) for k, v in value.items()}
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise TypeError("binary data that is not text") from None
    raise TypeError(f"a value of type {type(value).__name__}")

"""CSV and TSV: rows of cells under the names of a header."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from curation.formats.names import COLUMNS
from curation.sources.limits import Blank, Item, Limits, Note, Raw, Refused, Reject
from curation.sources.lines import Line, not_utf8, split_lines, too_long

KNOWN = {
    name
    for names in (*COLUMNS.values(), ("id", "score", "split"))
    for name in names
    if len(name) > 1
}
"""Names that mark a first row as a header."""
DELIMITERS = ",\t;|"
AHEAD = 400
"""Lines that are read before the first record is yielded."""
JOINED = 1_000
"""Lines that one quoted cell may take; a quote over more lines counts as a mistake."""
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*", re.IGNORECASE)
_SEPARATOR = re.compile(rb'(?i)\s*"?sep=([!-/:-@\[-`{-~\t ])"?\s*\Z')
_LINE_END = re.compile(r"(\r\n|\r|\n)\Z")


@dataclass(frozen=True)
class Dialect:
    """The separator of cells, and whether quotes hold cells together."""

    delimiter: str = ","
    quotes: bool = True

    def cells(self, text: str) -> list[str] | None:
        """One record's cells; None when its quotes do not match, no cells while one is still open."""
        body = _LINE_END.sub("", text)
        if not self.quotes or '"' not in body:
            return body.split(self.delimiter)
        lines = io.StringIO(body, newline="")
        try:
            rows = list(csv.reader(lines, delimiter=self.delimiter, strict=True))
        except csv.Error as error:
            return [] if "unexpected end of data" in str(error) else None
        return rows[0] if len(rows) == 1 else None

    def records(self, lines: list[str]) -> list[list[str]]:
        """The records of a sample of lines; a line that begins no record has no cells."""
        records, index = list[list[str]](), 0
        while index < len(lines):
            text, taken, cells = lines[index], 1, self.cells(lines[index])
            while cells == [] and index + taken < min(len(lines), index + 50):
                text, taken = text + lines[index + taken], taken + 1
                cells = self.cells(text)
            records.append(cells or [])
            index += taken if cells else 1
        return records

    def fit(self, lines: list[str]) -> tuple[float, int]:
        """The share of records that have the commonest number of cells, and that number."""
        records = self.records(lines)
        width, count = commonest(records)
        return (count / len(records) if width > 1 else 0.0), width


def commonest(records: list[list[str]]) -> tuple[int, int]:
    """The commonest number of cells, if possible more than one, and its count."""
    widths = Counter(map(len, records))
    return max(widths.items(), key=lambda item: (item[0] > 1, item[1], item[0]), default=(0, 0))


def sniff(lines: list[str], *, prose: bool = False) -> Dialect:
    """The dialect that cuts most lines into the same number of cells, more than one.

    In `prose` commas and semicolons belong to sentences, so only tabs or a known header count.
    """
    best, most = Dialect(), 0.0
    for delimiter in DELIMITERS:
        for quotes in (True, False) if delimiter in "\t|" else (True,):
            dialect = Dialect(delimiter, quotes)
            share, width = dialect.fit(lines)
            score = share + min(width, 5) / 100 if width > 1 else 0.0
            if prose and delimiter != "\t" and not has_known(dialect.cells(lines[0]) or []):
                continue
            if score > most and not (prose and share < 0.9):
                best, most = dialect, score
    return best if most or not prose else Dialect("\x00", False)


def has_known(cells: list[str]) -> bool:
    """Whether a cell is a usual name of a column."""
    return any(cell.strip().lower() in KNOWN for cell in cells)


def has_header(first: list[str], rest: list[list[str]], *, prose: bool = False) -> bool:
    """Whether the first row names the columns: known names, or names unlike the rows below."""
    names = [cell.strip().lower() for cell in first]
    if prose and len(first) == 1:
        return names[0] in KNOWN
    if any(len(name) > 40 or _is_number(name) or name.count(" ") > 3 for name in names):
        return False
    if sum(not name for name in names) > 1 and not any(name in KNOWN for name in names):
        return False
    below = [{row[i].strip().lower() for row in rest if i < len(row)} for i in range(len(names))]
    if any(name and name in column for name, column in zip(names, below, strict=True)):
        return False
    if any(name in KNOWN for name in names):
        return True
    if not rest:
        return len(first) > 1
    cells = [[row[i] for row in rest if i < len(row)] for i in range(len(names))]
    if any(column and all(map(_is_number, column)) for column in cells):
        return True
    typical = sum(len(cell) for row in rest for cell in row) / max(1, sum(map(len, rest)))
    if max(map(len, names)) * 2 < typical:
        return True
    return all(map(_is_name, names)) and any(
        sum(not _is_name(cell) for cell in column) > 0.8 * len(column) for column in cells
    )


def _is_name(cell: str) -> bool:
    """Whether a cell may name a column: one or two words without the marks of a sentence."""
    return re.fullmatch(r"\s*[\w#-]+([ ._/-][\w#-]+)?\s*", cell) is not None


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def headerless(records: list[list[str]]) -> list[str]:
    """Names for columns without a header; one with few values is the label, the longest the text."""
    width = commonest(records)[0]
    rows = [row for row in records if len(row) == width]
    names = [f"column_{i + 1}" for i in range(width)]
    columns = [[row[i] for row in rows] for i in range(width)]
    longest = max(range(width), key=lambda i: sum(map(len, columns[i])), default=0)
    few = [
        i
        for i in range(width)
        if i != longest
        and (len(set(columns[i])) <= max(2, len(rows) // 2) or max(map(len, columns[i])) <= 2)
        and max(map(len, columns[i])) <= 40
    ]
    if few and width >= 2:
        names[min(few, key=lambda i: (len(set(columns[i])), sum(map(len, columns[i]))))] = "label"
        names[longest] = "text"
    elif width == 1:
        names = ["text"]
    return names


def separated(
    chunks: Iterable[bytes], limits: Limits, *, prose: bool = False, offset: int = 0
) -> Iterator[Item]:
    """One record or reject per record of a CSV; an unbalanced quote costs its own line only."""
    csv.field_size_limit(max(limits.row_bytes, 131_072))
    lines = split_lines(chunks, limits, 0, offset)
    ahead = list(itertools.islice(lines, AHEAD))
    separator = _separator(ahead)
    if separator:
        yield Blank()
        ahead = ahead[1:]
    filled = [line for line in ahead if line[2].strip()]
    decoded = [
        line.decode("utf-8", "replace")
        for _, _, line, cut in filled
        if not (cut or len(line) > limits.row_bytes)
    ]
    dialect = (
        Dialect(separator or ",") if separator or not decoded else sniff(decoded[:200], prose=prose)
    )
    header, body = _header(decoded, dialect, prose)
    if decoded and filled[0][2].decode("utf-8", "replace") != decoded[0]:
        # The first line was too long for a header.
        header, body = None, [header, *body] if header else body
    if header is None:
        names = headerless(body[:300])
        if decoded:
            yield Note("header", f"There is no header; the columns were named {', '.join(names)}.")
    else:
        names = _named(header, body)
        yield Note("header", f"The first line names the columns: {', '.join(names)[:300]}.")
    if decoded and dialect.delimiter != "\x00":
        yield Note("delimiter", dialect.delimiter)
    if not dialect.quotes and '"' in "".join(decoded):
        yield Note("quotes", "Quotes are part of the text in it; they do not hold cells together.")
    if len(names) > limits.columns:
        raise Refused(
            f"it has {len(names):,} columns, more than {limits.columns:,} (limit columns)."
        )
    table = _Table(itertools.chain(ahead, lines), names, dialect, limits)
    yield from table.items(header is not None)


def _separator(lines: list[Line]) -> str:
    """The separator that a first line `sep=;` names, as Excel writes it; "" without such a line."""
    named = _SEPARATOR.match(lines[0][2]) if lines else None
    return named[1].decode() if named else ""


def _header(
    decoded: list[str], dialect: Dialect, prose: bool
) -> tuple[list[str] | None, list[list[str]]]:
    """The header's cells, or None; and the other records of the sample."""
    first, *rest = dialect.records(decoded) or [[]]
    rest = [cells for cells in rest if cells]
    if first and has_header(first, rest[:50], prose=prose):
        return [cell.strip() for cell in first], rest
    return None, [first, *rest] if first else rest


def _named(header: list[str], rows: list[list[str]]) -> list[str]:
    """The header with a name for an index column; raises Refused for double and missing names."""
    names = list(header)
    double = [name for name, count in Counter(n for n in names if n).items() if count > 1]
    if double:
        raise Refused(f"the header names {double[0]!r} twice; give each column a name of its own.")
    index = [row[0] for row in rows if row]
    if not names[0] and "column_1" not in names and all(map(_is_number, index)):
        names[0] = "column_1"  # pandas writes no name for its index
    if "" in names:
        raise Refused(f"column {names.index('') + 1} of the header has no name; name it.")
    return names


class _Table:
    """The records of a table; lines are joined where a quoted cell contains line breaks."""

    def __init__(
        self, lines: Iterator[Line], names: list[str], dialect: Dialect, limits: Limits
    ) -> None:
        self._lines, self._names, self._dialect, self._limits = lines, names, dialect, limits
        self._waiting: list[Line] = []

    def items(self, header: bool) -> Iterator[Item]:
        """Every record; a header counts as blank."""
        row = 0
        while self._fill(0):
            number, offset, line, cut = self._waiting[0]
            if cut or len(line) > self._limits.row_bytes:
                row += 1
                self._waiting.pop(0)
                yield too_long(row, offset, line.rstrip(b"\r\n"), self._limits)
            elif not line.strip(b" \r\n\x0b\x0c") or not line.strip() and len(self._names) == 1:
                self._waiting.pop(0)
                yield Blank()
            elif header:
                header = False
                taken = self._record()[1]
                del self._waiting[:taken]
                yield Blank(taken)
            else:
                row += 1
                cells, taken, code = self._record()
                raw = b"".join(part for _, _, part, _ in self._waiting[:taken]).rstrip(b"\r\n")
                del self._waiting[:taken]
                yield self._row(cells, code, row, offset, raw, taken)

    def _fill(self, index: int) -> bool:
        """Read lines until so many wait; whether there is one at `index`."""
        while len(self._waiting) <= index:
            line = next(self._lines, None)
            if line is None:
                return False
            self._waiting.append(line)
        return True

    def _record(self) -> tuple[list[str] | None, int, str]:
        """The first record's cells, the lines that it takes, and a code when it is none."""
        try:
            first = self._waiting[0][2].decode("utf-8")
        except UnicodeDecodeError:
            return None, 1, "not_utf8"
        cells = self._dialect.cells(first)
        if cells:
            return cells, 1, "" if len(cells) == len(self._names) else "ragged"
        text, taken = first, 1
        while cells == [] and taken < JOINED and len(text) < self._limits.row_bytes:
            if not self._fill(taken):
                break
            part = self._waiting[taken][2].decode("utf-8", "replace")
            text, taken = text + part, taken + 1
            if '"' in part:
                cells = self._dialect.cells(text)
        if cells and len(cells) == len(self._names) and "\ufffd" not in text[len(first) :]:
            return cells, taken, ""
        return None, 1, "quotes"  # a misplaced quote: reject its line, go on with the next

    def _row(
        self, cells: list[str] | None, code: str, row: int, offset: int, raw: bytes, taken: int
    ) -> Raw | Reject:
        if cells is not None and not code:
            return Raw(row, offset, dict(zip(self._names, cells, strict=True)), raw, (), taken)
        if code == "ragged" and cells is not None:
            message = (
                f"it has {len(cells)} cells where {len(self._names)} are expected; "
                "quote a cell that holds the separator."
            )
        elif code == "quotes":
            message = "a quote is opened and not closed, or stands inside a cell; double it."
        else:
            message = not_utf8(_fault(raw))
        return Reject(row, offset, "", code, message, raw, taken)


def _fault(raw: bytes) -> int:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0

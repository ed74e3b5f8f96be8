"""A file as a stream of examples and rejects, in this process."""

from __future__ import annotations

import codecs
import itertools
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from curation import formats
from curation.dataset import BASE_COLUMNS
from curation.formats import Converted, ConvertedTexts, FieldError
from curation.sources import archive, columnar, document, lines, listing, tables
from curation.sources.about import CARD, is_card, not_data
from curation.sources.limits import (
    Blank,
    Damaged,
    Item,
    Limits,
    NotData,
    Note,
    Raw,
    Refused,
    Reject,
)
from curation.sources.lines import Texts
from curation.sources.opening import (
    SAMPLE,
    Stream,
    encoding_of,
    look,
    text_encoding,
    utf8_chunks,
)

_TABLES = re.compile(r"\.(csv|tsv|tab|psv)\b")
_JSON = re.compile(r"\.(json|jsonl|ndjson)\b")
_YAML = re.compile(r"\.(yaml|yml)\b")
_BINARY = re.compile(r"\.(parquet|arrow|feather)\b")
_OBJECT = re.compile(rb'\s*(?:\[\s*\]\s*\Z|(?:\[\s*)?\{\s*["}])')
"""How JSON begins that no table begins with."""
_MARKUP = (b"<!doctype", b"<html", b"<?xml")
RESERVED = {*BASE_COLUMNS, "id", "content_hash", "imported_as"} - {"tools", "rejected"}
"""Names of our own columns; a file's columns of such names stay in the metadata."""


class Read(NamedTuple):
    """A record that became an example, with the file it stood in."""

    source: str
    raw: Raw
    example: Converted


class Refusal(NamedTuple):
    """A record that did not, with the file it stood in."""

    source: str
    reject: Reject


class Fact(NamedTuple):
    """Something about a whole file: encoding, delimiter, or a note for people."""

    source: str
    note: Note


class Many(NamedTuple):
    """Records one after another that became examples; row: of the first, offsets: of each."""

    source: str
    row: int
    offsets: list[int]
    examples: ConvertedTexts


Result = Read | Refusal | Blank | Fact


class Part(NamedTuple):
    """A piece of a file of JSON lines: its first byte, the lines before it, and its end."""

    offset: int
    before: int
    end: int


def read(path: Path, **options: Any) -> Iterator[Result]:
    """Everything in a file, in order: each line is in an example, a refusal, or blank.

    The options are those of `read_all`, which tells more; raises as it does.
    """
    for result in read_all(path, **options, together=False):
        assert not isinstance(result, Many)
        yield result


def read_all(
    path: Path,
    *,
    name: str | None = None,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    label_names: Sequence[str] | None = None,
    encoding: str | None = None,
    limits: Limits | None = None,
    part: Part | None = None,
    together: bool = True,
) -> Iterator[Result | Many]:
    """The same, with plain records given together where that is quicker.

    encoding: a Python codec's name, where the guess is wrong. part: one of `parts`, for that piece
    alone. Raises Refused when the file as a whole is none, and CurationError for unknown names.
    """
    limits = limits or Limits()
    name = (name or path.name).encode("utf-8", "replace").decode()
    if format != "auto":
        formats.get(format)
    formats.check_mapping(mapping)
    encoding = text_encoding(encoding) if encoding else None
    converter = _Converter(format, mapping or None, label_names or None)
    examples = False
    for source, items in _sources(path, name, limits, encoding, part):
        for item in items:
            if isinstance(item, Texts):
                found: Iterable[Result | Many] = converter.texts(source, item, together)
            else:
                found = (converter.result(source, item),)
            for result in found:
                examples = examples or isinstance(result, Read | Many)
                yield result
            if converter.news:
                yield Fact(source, converter.news.pop())
    if not examples and part is None:
        yield Fact(name, Note("empty", "There are no examples in it."))


class _Converter:
    """Records to examples; `news` holds what there is to say of a file after a record."""

    def __init__(
        self,
        format: str,
        mapping: Mapping[str, str] | None,
        label_names: Sequence[str] | None,
    ) -> None:
        self._format, self._mapping, self._label_names = format, mapping, label_names
        self._reserved = set[str]()
        self.news: list[Note] = []

    def result(self, source: str, item: Item) -> Result:
        """What became of an item."""
        if type(item) is Raw:
            return self._converted(source, item)
        if isinstance(item, Reject):
            return Refusal(source, item)
        if isinstance(item, Note):
            return Fact(source, item)
        assert isinstance(item, Blank)
        return item

    def texts(self, source: str, item: Texts, together: bool) -> Iterator[Result | Many]:
        """The same of many records, in one piece where they are plain."""
        plain = self._format == "auto" and not self._mapping and together
        pair = formats.pair_of(item.columns) if plain else None
        start = 0
        for whole, run in itertools.groupby(item.records, pair.is_whole if pair else _never):
            records = list(run)
            end = start + len(records)
            made = formats.convert_texts(item.columns, records) if whole else None
            if made is not None:
                if made.metadata[0] and not RESERVED.isdisjoint(item.columns):
                    self._tell(item.columns, made.metadata[0])
                yield Many(source, item.row + start, item.offsets[start:end], made)
            else:
                for i, record in enumerate(records, start):
                    raw = Raw(item.row + i, item.offsets[i], record, item.lines[i])
                    yield self._converted(source, raw)
            start = end

    def _converted(self, source: str, item: Raw) -> Read | Refusal:
        try:
            made = formats.convert(
                item.value,
                format=self._format,
                mapping=self._mapping,
                label_names=self._label_names,
                table=item.offset is None,  # no place in a file of text
            )
        except FieldError as error:
            raw = item.raw or orjson.dumps(item.value)
            columns = tuple(item.value)
            reject = Reject(
                item.row, item.offset, error.field, "field", str(error), raw, item.lines, columns
            )
            return Refusal(source, reject)
        if made.metadata and not RESERVED.isdisjoint(item.value):
            self._tell(item.value, made.metadata)
        return Read(source, item, made)

    def _tell(self, columns: Iterable[str], metadata: str) -> None:
        kept = orjson.loads(metadata)
        fresh = sorted(RESERVED.intersection(columns).intersection(kept) - self._reserved)
        if fresh:
            self._reserved.update(fresh)
            names = ", ".join(fresh)
            text = f"Columns of names that are used here already ({names}) are kept as metadata."
            self.news.append(Note("reserved", text))


def _never(record: Mapping[str, str]) -> bool:
    """No record is a pair where the columns are not those of one."""
    return False


def _sources(
    path: Path, name: str, limits: Limits, encoding: str | None, part: Part | None
) -> Iterator[tuple[str, Iterator[Item | Texts]]]:
    def inside(file: Path, inner: str, more: dict[str, Any]) -> Iterator[Item | Texts]:
        return _items(file, inner, limits, encoding, more)

    if part is not None:
        yield name, _piece(path, part, limits)
    elif archive.is_saved_dataset(path):
        with tempfile.TemporaryDirectory(prefix="curation-") as folder:
            packed = archive.pack(path, Path(folder) / "saved.zip")
            yield from archive.members(packed, name, limits, inside)
    else:
        opened = look(path, limits, encoding)
        if opened.kind != "zip":
            yield name, inside(path, name, {})
        elif opened.packed:
            raise Refused("it is a packed zip archive; unpack it once first.")
        else:
            yield from archive.members(path, name, limits, inside)


def _items(
    path: Path, name: str, limits: Limits, encoding: str | None, more: dict[str, Any]
) -> Iterator[Item | Texts]:
    if reason := not_data(name):
        raise NotData(reason)
    opened = look(path, limits, encoding)
    if opened.kind in ("parquet", "arrow"):
        if opened.packed:
            raise Refused(f"a packed {opened.kind.capitalize()} file; unpack it first.")
        yield from columnar.columnar(path, opened.kind, limits, more)
        return
    with closing(opened.stream(limits)) as stream:
        faults = list[Damaged]()
        pieces = _until_fault(stream, faults)
        sample = next(pieces, b"")
        guess, note = (encoding, "") if encoding else encoding_of(sample)
        yield Note("encoding", guess)
        if note:
            yield Note("guess", note)
        head = b"".join(utf8_chunks(_Joined(iter([sample])), guess))
        chunks = utf8_chunks(_Joined(itertools.chain([sample], pieces)), guess)
        yield from _text_items(head, chunks, kind_of(head, name), limits, _mark_size(sample, guess))
        for fault in faults:
            yield Reject(0, None, "", "damaged", str(fault), b"")


def _until_fault(stream: Stream, faults: list[Damaged]) -> Iterator[bytes]:
    """The stream in pieces, up to where it cannot be unpacked; the fault is added to `faults`."""
    try:
        while piece := stream.read(SAMPLE):
            yield piece
    except Damaged as fault:
        faults.append(fault)


def _mark_size(sample: bytes, encoding: str) -> int:
    """Bytes of the byte order mark, so that offsets are those of the file where it is UTF-8."""
    marked = encoding.startswith("utf-8") and sample.startswith(codecs.BOM_UTF8)
    return len(codecs.BOM_UTF8) if marked else 0


def kind_of(head: bytes, name: str) -> str:
    """What a text that begins so is: lines, document, table, yaml or prose; raises Refused for none.

    The name decides only between a table and prose, and for a first line that could be either.
    """
    start, ending = head.lstrip(), "".join(Path(name.lower()).suffixes)
    if start[:9].lower().startswith(_MARKUP):
        raise Refused("this is a web page or XML, not a dataset; save the data itself.")
    tabular = _TABLES.search(ending) is not None
    if _OBJECT.match(head) or start[:1] in (b"{", b"[") and not tabular:
        return "document" if document.is_document(head) else "lines"
    if tabular or not start:
        return "table"
    return "yaml" if _YAML.search(ending) else _kind_of_text(head, ending)


def _kind_of_text(head: bytes, ending: str) -> str:
    if is_card(head):
        raise NotData(CARD)
    first = [line for line in re.split(rb"[\r\n]+", head, maxsplit=50)[:50] if line.strip()]
    objects = sum(line.lstrip().startswith(b"{") for line in first)
    if objects * 2 >= len(first) and objects or _JSON.search(ending) and not _is_header(first[0]):
        return "lines"
    if binary := _BINARY.search(ending):
        raise NotData(
            f"its name says {binary[1].capitalize()}, but it is a text; download it again."
        )
    return "prose" if ".txt" in ending else "table"


def _is_header(line: bytes) -> bool:
    """Whether a line names columns as a table's first line does, one of them known."""
    cells = re.split("[,;|\t]", line.decode("utf-8", "replace"))
    return len(cells) > 1 and tables.has_known([cell.strip(' "') for cell in cells])


def _text_items(
    head: bytes, chunks: Iterator[bytes], kind: str, limits: Limits, offset: int
) -> Iterator[Item | Texts]:
    if kind == "lines" or not head.strip() and len(head) < SAMPLE:
        return lines.json_lines(chunks, limits, 0, offset)
    if kind == "document":
        return document.json_document(chunks, limits, offset)
    if kind == "yaml":
        return listing.yaml_list(chunks, limits)
    return tables.separated(chunks, limits, prose=kind == "prose", offset=offset)


class _Joined:
    """Chunks as something to read from, whatever size is asked for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, size: int, /) -> bytes:
        """The next chunk; empty at the end."""
        return next(self._chunks, b"")

    def close(self) -> None:
        """Leave the chunks to who made them."""


def parts(
    path: Path,
    name: str,
    limits: Limits,
    encoding: str | None,
    count: int,
    least: int,
) -> list[Part]:
    """A plain file of JSON lines in UTF-8 as `count` parts to be read apart; else no parts.

    Parts end with a line and have at least `least` bytes.
    """
    if path.is_dir() or not _is_plain_text(path, limits, encoding):
        return []
    size = path.stat().st_size
    count = min(count, size // least)
    with open(path, "rb") as stream:
        sample = stream.read(SAMPLE)
        guess = text_encoding(encoding) if encoding else encoding_of(sample)[0]
        if count < 2 or not guess.startswith("utf-8") or b"\n" not in sample:
            return []
        mark = _mark_size(sample, guess)
        if kind_of(sample[mark:], name) != "lines":
            return []
        found, before, offset = list[Part](), 0, mark
        for i in range(1, count + 1):
            stream.seek(i * size // count)
            whole = stream.readline(limits.row_bytes).endswith(b"\n")
            if i < count and not whole:
                return []
            end = size if i == count else stream.tell()
            found.append(Part(offset, before, end))
            before += _count_lines(stream, offset, end)
            offset = end
    return found


def _is_plain_text(path: Path, limits: Limits, encoding: str | None) -> bool:
    opened = look(path, limits, encoding)
    return opened.kind == "text" and not opened.packed


def _count_lines(stream: BinaryIO, offset: int, end: int) -> int:
    """Lines between two places of a file, the later of which is the end of one."""
    stream.seek(offset)
    total, last = 0, b""
    while offset < end and (chunk := stream.read(min(4 * SAMPLE, end - offset))):
        total += chunk.count(b"\n")
        if b"\r" in chunk or last == b"\r":
            total += (last + chunk).count(b"\r") - (last == b"\r")
            total -= (last + chunk).count(b"\r\n")
        offset, last = offset + len(chunk), chunk[-1:]
    return total


def _piece(path: Path, part: Part, limits: Limits) -> Iterator[Item | Texts]:
    with open(path, "rb") as stream:
        if part.before == 0:
            yield Note("encoding", "utf-8-sig" if part.offset else "utf-8")
        stream.seek(part.offset)

        def chunks() -> Iterator[bytes]:
            left = part.end - part.offset
            while left and (chunk := stream.read(min(SAMPLE, left))):
                left -= len(chunk)
                yield chunk

        yield from lines.json_lines(chunks(), limits, part.before, part.offset)

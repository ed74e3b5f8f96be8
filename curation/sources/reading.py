"""A file as a stream of examples and rejects, in this process."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from curation import formats
from curation.dataset import BASE_COLUMNS
from curation.formats import Converted, ConvertedTexts, FieldError
from curation.formats.columns import kind
from curation.formats.names import SQUEEZED, squeezed
from curation.sources import archive, columnar, document, lines, listing, tables
from curation.sources.about import not_data
from curation.sources.encoding import (
    SAMPLE,
    Stream,
    encoding_of,
    mark_size,
    text_encoding,
    utf8_chunks,
)
from curation.sources.kinds import kind_of
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
from curation.sources.opening import look
from curation.sources.parts import Part, read_part

RESERVED = {*BASE_COLUMNS, "id", "content_hash", "imported_as"} - {"tools", "rejected"}
"""Names of the project's own columns; a file's columns of these names stay in the metadata."""


class Read(NamedTuple):
    """A record that became an example, with its file."""

    source: str
    raw: Raw
    example: Converted


class Refusal(NamedTuple):
    """A record that became no example, with its file."""

    source: str
    reject: Reject


class Fact(NamedTuple):
    """A fact about a whole file: encoding, delimiter, or a note for people."""

    source: str
    note: Note


class Many(NamedTuple):
    """Consecutive records that became examples; row: of the first, offsets: of each."""

    source: str
    row: int
    offsets: list[int]
    examples: ConvertedTexts


Result = Read | Refusal | Blank | Fact


def read(path: Path, **options: Any) -> Iterator[Result]:
    """Everything in a file, in order: each line is in an example, a refusal, or blank.

    Options and errors are those of `read_all`.
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
    """Everything in a file, in order; plain records come together, because that is faster.

    encoding: a Python codec's name, where the guess is wrong. part: one of `parts`, for that piece
    alone. Raises Refused when the file as a whole cannot be read, and CurationError for unknown
    names.
    """
    limits = limits or Limits()
    name = (name or path.name).encode("utf-8", "replace").decode()
    if format != "auto":
        formats.get(format)
    formats.check_mapping(mapping, format)
    encoding = text_encoding(encoding) if encoding else None
    converter = _Converter(format, mapping or None, label_names or None)
    examples = False
    for source, items in _sources(path, name, limits, encoding, part):
        for item in items:
            if isinstance(item, Texts):
                results: Iterable[Result | Many] = converter.texts(source, item, together)
            else:
                results = (converter.result(source, item),)
            for result in results:
                examples = examples or isinstance(result, Read | Many)
                yield result
            if converter.news:
                yield Fact(source, converter.news.pop())
    if not examples and part is None:
        yield Fact(name, Note("empty", "There are no examples in it."))


class _Converter:
    """Records to examples; `news` holds notes about the file that a record caused."""

    def __init__(
        self,
        format: str,
        mapping: Mapping[str, str] | None,
        label_names: Sequence[str] | None,
    ) -> None:
        self._format, self._mapping, self._label_names = format, mapping, label_names
        self._reserved, self._truth = set((mapping or {}).values()), False
        self.news: list[Note] = []

    def result(self, source: str, item: Item) -> Result:
        """The result of an item."""
        if type(item) is Raw:
            return self._converted(source, item)
        if isinstance(item, Reject):
            return Refusal(source, item)
        if isinstance(item, Note):
            return Fact(source, item)
        assert isinstance(item, Blank)
        return item

    def texts(self, source: str, item: Texts, together: bool) -> Iterator[Result | Many]:
        """The results of many records, in one piece where they are plain."""
        plain = self._format == "auto" and not self._mapping and together
        pair = formats.pair_of(item.columns) if plain else None
        start = 0
        for whole, run in itertools.groupby(item.records, pair.is_whole if pair else _never):
            records = list(run)
            end = start + len(records)
            examples = formats.convert_texts(item.columns, records) if whole else None
            if examples is not None:
                if examples.metadata[0] and not RESERVED.isdisjoint(item.columns):
                    self._note_reserved(item.columns, examples.metadata[0])
                yield Many(source, item.row + start, item.offsets[start:end], examples)
            else:
                for i, record in enumerate(records, start):
                    raw = Raw(item.row + i, item.offsets[i], record, item.lines[i])
                    yield self._converted(source, raw)
            start = end

    def _converted(self, source: str, item: Raw) -> Read | Refusal:
        try:
            example = formats.convert(
                item.value,
                format=self._format,
                mapping=self._mapping,
                label_names=self._label_names,
                table=item.offset is None,  # a table has no offsets
            )
        except FieldError as error:
            raw = item.raw or orjson.dumps(item.value)
            columns = tuple(item.value)
            reject = Reject(
                item.row, item.offset, error.field, "field", str(error), raw, item.lines, columns
            )
            return Refusal(source, reject)
        if example.metadata and not RESERVED.isdisjoint(item.value):
            self._note_reserved(item.value, example.metadata)
        self._note_truth(item.value, example)
        return Read(source, item, example)

    def _note_truth(self, record: Mapping[str, Any], example: Converted) -> None:
        """Say once that a mapped label is a column which by itself says whether an answer is good."""
        column = (self._mapping or {}).get("label", "")
        if self._truth or example.format == "label" or squeezed(column) not in SQUEEZED["good"]:
            return
        if column in record and kind(record[column]) in "bk":
            self._truth = True
            text = (
                f"The column “{column}” holds true or false and is the label, since the mapping names "
                "it. Without that it says whether an answer is good."
            )
            self.news.append(Note("truth", text))

    def _note_reserved(self, columns: Iterable[str], metadata: str) -> None:
        kept = orjson.loads(metadata)
        fresh = sorted(RESERVED.intersection(columns).intersection(kept) - self._reserved)
        if fresh:
            self._reserved.update(fresh)
            names = ", ".join(fresh)
            text = f"Columns of names that are used here already ({names}) are kept as metadata."
            self.news.append(Note("reserved", text))


def _never(record: Mapping[str, str]) -> bool:
    """No record is a pair, because its columns are not those of a pair."""
    return False


def _sources(
    path: Path, name: str, limits: Limits, encoding: str | None, part: Part | None
) -> Iterator[tuple[str, Iterator[Item | Texts]]]:
    def inside(file: Path, inner: str, more: dict[str, Any]) -> Iterator[Item | Texts]:
        return _items(file, inner, limits, encoding, more)

    if part is not None:
        yield name, read_part(path, part, limits)
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
        yield from _text_items(head, chunks, kind_of(head, name), limits, mark_size(sample, guess))
        for fault in faults:
            yield Reject(0, None, "", "damaged", str(fault), b"")


def _until_fault(stream: Stream, faults: list[Damaged]) -> Iterator[bytes]:
    """The stream in pieces, up to where it cannot be unpacked; the fault is added to `faults`."""
    try:
        while piece := stream.read(SAMPLE):
            yield piece
    except Damaged as fault:
        faults.append(fault)


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
    """Chunks as a stream, one a read, whatever the size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, size: int, /) -> bytes:
        """The next chunk; empty at the end."""
        return next(self._chunks, b"")

    def close(self) -> None:
        """Nothing to close: the chunks belong to their maker."""

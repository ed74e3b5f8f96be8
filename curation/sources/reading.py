"""A file as a stream of examples and rejects, in this process."""

from __future__ import annotations

import itertools
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation import formats
from curation.formats import Converted, FieldError
from curation.sources import lines, tables
from curation.sources.limits import Blank, Item, Limits, Note, Raw, Refused, Reject
from curation.sources.opening import SAMPLE, encoding_of, look, utf8_chunks


@dataclass(frozen=True)
class Read:
    """A record that became an example, with where it stood."""

    source: str
    raw: Raw
    example: Converted


@dataclass(frozen=True)
class Refusal:
    """A record that did not, with the file it stood in."""

    source: str
    reject: Reject


@dataclass(frozen=True)
class Fact:
    """Something about a whole file: encoding, delimiter, or a note for people."""

    source: str
    note: Note


Result = Read | Refusal | Blank | Fact


def read(
    path: Path,
    *,
    name: str | None = None,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    label_names: Sequence[str] | None = None,
    limits: Limits | None = None,
) -> Iterator[Result]:
    """Everything in a file, in order: each line is in an example, a refusal, or blank.

    Raises Refused when the file as a whole is none.
    """
    limits, name = limits or Limits(), name or path.name
    if format != "auto":
        formats.get(format)
    for member, items in _members(path, name, limits):
        for item in items:
            if isinstance(item, Note):
                yield Fact(member, item)
            elif isinstance(item, Blank):
                yield item
            elif isinstance(item, Reject):
                yield Refusal(member, item)
            else:
                try:
                    converted = formats.convert(
                        item.value, format=format, mapping=mapping, label_names=label_names
                    )
                    yield Read(member, item, converted)
                except FieldError as error:
                    text = str(error)
                    reject = Reject(
                        item.row,
                        item.offset,
                        error.field,
                        "field",
                        text,
                        item.raw or _dumped(item),
                        item.lines,
                    )
                    yield Refusal(member, reject)


def _dumped(item: Raw) -> bytes:
    import orjson

    return orjson.dumps(item.value)


def _members(path: Path, name: str, limits: Limits) -> Iterator[tuple[str, Iterator[Item]]]:
    opened = look(path, limits)
    if opened.kind != "zip":
        yield name, _items(path, name, limits)
        return
    with zipfile.ZipFile(path) as archive:
        inside = archive.infolist()
        if any(member.filename == "[Content_Types].xml" for member in inside):
            raise Refused("this is an Office document, not a dataset; save the sheet as CSV first.")
        for member in inside:
            if member.is_dir() or member.filename.startswith("__MACOSX/"):
                continue
            yield f"{name}/{Path(member.filename).name}", _member_items(archive, member, limits)


def _member_items(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits
) -> Iterator[Item]:
    """The items of one file in a zip; one that cannot be trusted is refused, the others go on."""
    reason = _suspicious(member, limits)
    if reason is None:
        with tempfile.TemporaryDirectory(prefix="curation-") as folder:
            target = Path(folder) / "member"
            try:
                with archive.open(member) as source, open(target, "wb") as sink:
                    left = member.file_size
                    while chunk := source.read(SAMPLE):
                        left -= len(chunk)
                        if left < 0:
                            raise Refused("it unpacks to more than its directory says.")
                        sink.write(chunk)
                if look(target, limits).kind == "zip":
                    raise Refused("an archive inside an archive is not opened.")
                yield from _items(target, member.filename, limits)
                return
            except (
                Refused,
                zipfile.BadZipFile,
                RuntimeError,
                NotImplementedError,
                OSError,
            ) as error:
                reason = str(error)
    yield Reject(0, None, "", "member", f"{Path(member.filename).name}: {reason}", b"", 1)


def _suspicious(member: zipfile.ZipInfo, limits: Limits) -> str | None:
    parts = Path(member.filename).parts
    if ".." in parts or Path(member.filename).is_absolute():
        return "its name points outside the archive."
    if stat.S_ISLNK(member.external_attr >> 16):
        return "it is a link."
    if member.flag_bits & 1:
        return "it is locked with a password; unlock it first."
    most = max(limits.expansion_after_mb * 2**20, member.compress_size * limits.expansion)
    if member.file_size > most:
        return f"it unpacks to more than {limits.expansion} times its size (limit expansion)."
    return None


def _items(path: Path, name: str, limits: Limits) -> Iterator[Item]:
    opened = look(path, limits)
    if opened.kind in ("parquet", "arrow"):
        if opened.packed:
            raise Refused(f"a packed {opened.kind.capitalize()} file; unpack it first.")
        yield from tables.columnar(path, opened.kind, limits)
        return
    with opened.stream(limits) as stream:
        sample = stream.read(SAMPLE)
        encoding, note = encoding_of(sample)
        yield Note("encoding", encoding)
        if note:
            yield Note("guess", note)
        rest: Iterator[bytes] = iter(lambda: stream.read(SAMPLE), b"")
        chunks = utf8_chunks(_Joined(itertools.chain([sample], rest)), encoding)  # type: ignore[arg-type]
        head = b"".join(itertools.islice(utf8_chunks(_Joined(iter([sample])), encoding), 4))  # type: ignore[arg-type]
        if not head.strip() and len(sample) < SAMPLE:
            yield Note("empty", "There are no examples in it.")
            yield from (Blank() for _ in lines.split_lines([head], limits))
            return
        yield from _text_items(head, chunks, name, limits)


def _text_items(head: bytes, chunks: Iterator[bytes], name: str, limits: Limits) -> Iterator[Item]:
    start = head.lstrip()[:1]
    ending = "".join(Path(name.lower()).suffixes)
    tabular = any(e in ending for e in (".csv", ".tsv", ".tab")) or (
        ".txt" in ending and start not in (b"{", b"[")
    )
    if tabular and start not in (b"{",) or start not in (b"{", b"["):
        if not tabular and (".json" in ending):
            yield from lines.json_lines(chunks, limits)
            return
        if head.lstrip()[:9].lower() in (b"<!doctype", b"<html") or head.lstrip()[:5] in (
            b"<html",
            b"<?xml",
        ):
            raise Refused("this is a web page or XML, not a dataset; save the data itself.")
        yield from tables.separated(chunks, limits)
    elif lines.is_document(head):
        yield from lines.json_document(chunks, limits)
    else:
        yield from lines.json_lines(chunks, limits)


class _Joined:
    """Chunks as something to read from, whatever size is asked for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, size: int = -1) -> bytes:
        """The next chunk; empty at the end."""
        return next(self._chunks, b"")

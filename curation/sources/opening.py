"""From a path to decoded bytes: what kind of file it is by its first bytes, unpacked and decoded."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from curation.sources.limits import Limits, Refused

SAMPLE = 1 << 20
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_FOREIGN = {
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"SQLite format 3": "an SQLite database",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\x80\x04\x95": "a Python pickle",
}
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Opened:
    """A file by what it holds: kind is text, parquet, arrow or zip."""

    kind: str
    packed: str
    path: Path

    def stream(self, limits: Limits) -> BinaryIO:
        """The unpacked bytes; reading beyond the expansion limit raises Refused."""
        raw = open(self.path, "rb")  # noqa: SIM115 - the caller closes it
        if not self.packed:
            return raw
        opened: Any
        if self.packed == "gzip":
            opened = gzip.open(raw)
        elif self.packed == "bz2":
            opened = bz2.open(raw)
        elif self.packed == "xz":
            opened = lzma.open(raw)
        else:
            import zstandard

            opened = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        return cast(
            BinaryIO, io.BufferedReader(_Bounded(opened, self.path.stat().st_size, limits), SAMPLE)
        )


class _Bounded(io.RawIOBase):
    """A stream that refuses to swell past a multiple of its packed size."""

    def __init__(self, stream: Any, packed: int, limits: Limits) -> None:
        self._stream, self._read = stream, 0
        self._most = max(limits.expansion_after_mb * 2**20, packed * limits.expansion)
        self._times = limits.expansion

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
            raise Refused(f"the packed file is damaged: {error}.") from None
        except Exception as error:
            if type(error).__name__ == "ZstdError":
                raise Refused(f"the packed file is damaged: {error}.") from None
            raise
        self._read += len(data)
        if self._read > self._most:
            raise Refused(
                f"it unpacks to more than {self._times} times its size (limit expansion); is it a bomb?"
            )
        buffer[: len(data)] = data
        return len(data)


def look(path: Path, limits: Limits) -> Opened:
    """What a file holds, by its first bytes; raises Refused with a sentence for what is no data."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise Refused("this is not a regular file; give a file or a folder.")
        with open(path, "rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}.") from None
    packed = next((name for magic, name in _PACKED.items() if head.startswith(magic)), "")
    opened = Opened("text", packed, path)
    if packed:
        with opened.stream(limits) as unpacked:
            head = unpacked.read(512)
    if head.startswith(b"PAR1"):
        return Opened("parquet", packed, path)
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return Opened("arrow", packed, path)
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return Opened("zip", packed, path)
    foreign = next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), None)
    if foreign is None and b"\x00" in head and not _mark(head):
        foreign = "a binary file"
    if foreign:
        raise Refused(
            f"this is {foreign}, not a dataset; export it as JSON Lines, JSON, CSV or Parquet first."
        )
    return opened


def _mark(head: bytes) -> str:
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), "")


def encoding_of(sample: bytes) -> tuple[str, str]:
    """The encoding of a text by its first megabyte, and a note when it is a guess.

    Single bad lines in UTF-8 leave it UTF-8: those lines are refused, not the file guessed anew.
    """
    if mark := _mark(sample):
        return mark, "" if mark == "utf-8-sig" else f"The text is {mark.upper()} by its mark."
    cut = sample[: sample.rfind(b"\n") + 1] or sample
    lines = [line for line in cut.split(b"\n") if not line.isascii()]
    bad = sum(not _is_utf8(line) for line in lines)
    if not bad or bad * 2 < len(lines):
        return "utf-8", ""
    if len(lines) == 1 and len(cut.split(b"\n")) > 5:
        return "utf-8", ""
    guess = _guessed(b"\n".join(lines)[:200_000])
    return (
        guess,
        f"The text is not UTF-8; it was read as {guess}, which is a guess. Look at the preview.",
    )


def _guessed(sample: bytes) -> str:
    for name in ("gb18030",):
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            continue
        han = sum("\u4e00" <= c <= "\u9fff" for c in text)
        if han > 0.3 * sum(not c.isascii() for c in text) and han > 3:
            common = sum(
                c
                in "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年"
                for c in text
            )
            if common:
                return name
    from charset_normalizer import from_bytes

    best = from_bytes(
        sample,
        cp_isolation=["cp1252", "latin_1", "shift_jis", "euc_kr", "cp1251", "big5", "gb18030"],
    ).best()
    return best.encoding.replace("_", "-") if best else "cp1252"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False


def utf8_chunks(stream: BinaryIO, encoding: str, size: int = SAMPLE) -> Iterator[bytes]:
    """The stream in UTF-8, in chunks; text in another encoding is decoded on the way."""
    if encoding in ("utf-8", "utf-8-sig"):
        first = True
        while chunk := stream.read(size):
            yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
            first = False
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    while chunk := stream.read(size):
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")

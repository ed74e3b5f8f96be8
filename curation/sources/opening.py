"""From a path to decoded bytes: what kind of file it is by its first bytes, unpacked and decoded."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from curation.errors import CurationError
from curation.sources import about
from curation.sources.limits import Damaged, Limits, NotData, Refused
from curation.text.scripts import han_count

SAMPLE = 1 << 20
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_FOREIGN = {
    b"%PDF": "a PDF",
    b"{\\rtf": "a text with styles (RTF)",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF87a": "a picture",
    b"GIF89a": "a picture",
    b"SQLite format 3": "an SQLite database",
    b"\x7fELF": "a program",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a": "a RAR archive",
    b"PARE": "an encrypted Parquet file",
    b"FEA1": "a Feather file of the first version",
    b"Obj\x01": "an Avro file",
}
_PICKLE = re.compile(rb"\x80[\x02-\x05][\x95}\]c(]")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HAN = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年"
"""Characters of every second Chinese sentence; in text of another encoding they are rare."""
_ESCAPED = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class Opened:
    """A file by what it holds: kind is text, parquet, arrow or zip; packed says how, or ""."""

    kind: str
    packed: str
    path: Path

    def stream(self, limits: Limits) -> Stream:
        """The unpacked bytes; reading raises Refused beyond the expansion limit, Damaged at a fault."""
        raw = open(self.path, "rb")  # noqa: SIM115 - the caller closes it
        return Unpacked(raw, self.packed, limits) if self.packed else raw


class Stream(Protocol):
    """What readers need of a file."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most so many; empty at the end."""

    def close(self) -> None:
        """Close the file."""


class Unpacked:
    """A packed file as a stream that refuses to swell past a multiple of its packed size.

    Everything before a fault comes out; only then `read` raises Damaged.
    """

    def __init__(self, raw: BinaryIO, packed: str, limits: Limits) -> None:
        self._raw, self._limits, self._read = raw, limits, 0
        self._packed = raw.seek(0, io.SEEK_END)
        self._zstd = packed == "zstd"
        self._stream = self._opened(packed)
        self._fault: Damaged | None = None

    def _opened(self, packed: str) -> Any:
        self._raw.seek(0)
        if packed == "gzip":
            return gzip.open(self._raw)
        if packed == "bz2":
            return bz2.open(self._raw)
        if packed == "xz":
            return lzma.open(self._raw)
        import zstandard

        unpacker = zstandard.ZstdDecompressor()
        return unpacker.stream_reader(self._raw, read_across_frames=True, closefd=False)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        self._raw.close()

    def read(self, size: int, /) -> bytes:
        """The next bytes, fewer than asked for only before the end or a fault."""
        if self._fault:
            raise self._fault
        pieces, left = list[bytes](), size
        while left and not self._fault and (piece := self._piece(left)):
            pieces.append(piece)
            left -= len(piece)
        if self._read > self._limits.swollen(self._packed):
            raise Refused(
                f"it unpacks to more than {self._limits.expansion} times its size "
                "(limit expansion); is it a bomb?"
            )
        if not pieces and self._fault:
            raise self._fault
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        """What one call of the decompressor gives; sets the fault where it gives up."""
        try:
            piece = cast(bytes, self._stream.read1(size))
            if not piece and self._zstd and self._ends_early():
                self._fault = Damaged("the packed file is cut; the rest of it could not be read.")
        except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
            piece, self._fault = b"", _damaged(error)
        except Exception as error:
            if type(error).__name__ != "ZstdError":
                raise
            piece, self._fault = b"", _damaged(error)
        self._read += len(piece)
        return piece

    def _ends_early(self) -> bool:
        """Whether the last frame is not whole, of which a Zstandard reader says nothing."""
        import zstandard

        self._zstd = False
        self._raw.seek(0)
        frame, rest = zstandard.ZstdDecompressor().decompressobj(), b""
        while rest or (rest := self._raw.read(4_096)):
            frame.decompress(rest)
            rest = b""
            if frame.eof:
                rest = frame.unused_data or self._raw.read(4_096)
                if not rest:
                    return False
                frame = zstandard.ZstdDecompressor().decompressobj()
        return True


def _damaged(error: Exception) -> Damaged:
    return Damaged(f"the packed file is damaged: {str(error).rstrip('.')}.")


def look(path: Path, limits: Limits, encoding: str | None = None) -> Opened:
    """What a file holds, by its first bytes; raises Refused with a sentence for what is no data.

    A text whose encoding is given may hold any bytes.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Refused("this is not a regular file; give a file or a folder.")
        with open(path, "rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}.") from None
    packed = _packed(head)
    opened = Opened("text", packed, path)
    if packed:
        with closing(opened.stream(limits)) as unpacked:
            head = unpacked.read(512)
        if _packed(head):
            raise Refused("it is packed twice; unpack it once first.")
    if reason := about.pointer(head):
        raise NotData(reason)
    if head.startswith(b"PAR1"):
        return Opened("parquet", packed, path)
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return Opened("arrow", packed, path)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Opened("zip", packed, path)
    if foreign := _foreign(head, encoding):
        raise Refused(
            f"this is {foreign}, not a dataset; export it as JSON Lines, JSON, CSV or Parquet first."
        )
    return opened


def _packed(head: bytes) -> str:
    return next((name for magic, name in _PACKED.items() if head.startswith(magic)), "")


def _foreign(head: bytes, encoding: str | None) -> str | None:
    """What a file is that is no dataset; None for text."""
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            return name
    if _PICKLE.match(head):
        return "a Python pickle"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if encoding or _mark(head) or _wide(head) or b"\x00" not in head:
        return None
    return "a binary file" if len(_CONTROL.findall(head)) * 10 > len(head) else None


def _mark(head: bytes) -> str:
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), "")


def _wide(sample: bytes) -> str:
    """UTF-16 without a mark shows as NUL in every second byte of text that is mostly ASCII."""
    sample = sample[:512]
    if b"\x00" not in sample or len(sample) < 8:
        return ""
    even, odd = sample[::2].count(0) / len(sample), sample[1::2].count(0) / len(sample)
    if odd > 0.3 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.3 and odd < 0.05 else ""


def text_encoding(name: str) -> str:
    """The name of a text encoding as Python knows it; raises CurationError for another."""
    try:
        found = codecs.lookup(name)
        b"text".decode(found.name, "replace")  # `base64` is a codec too, but not of text
        return found.name
    except (LookupError, ValueError):
        raise CurationError(
            f"There is no text encoding {name!r}; common ones are utf-8, utf-16, gb18030, big5, "
            "shift_jis, euc_kr, cp1252 and latin-1."
        ) from None


def encoding_of(sample: bytes) -> tuple[str, str]:
    """The encoding of a text by its first megabyte, and a note when it is a guess.

    Single bad lines in UTF-8 leave it UTF-8: those lines are refused, not the file guessed anew.
    """
    if mark := _mark(sample):
        return mark, "" if mark == "utf-8-sig" else f"The text is {mark.upper()} by its mark."
    if wide := _wide(sample):
        return wide, _guess(wide)
    if sample.isascii() or _mostly_utf8(sample):
        return "utf-8", ""
    lines = [line for line in re.split(rb"[\r\n]", sample) if not line.isascii()]
    guess = _guessed(b"\n".join(lines)[:200_000])
    return guess, _guess(guess)


def _guess(name: str) -> str:
    return (
        f"The text is not UTF-8; it was read as {name}, which is a guess. Look at the preview, "
        "and name the encoding if it is another."
    )


def _mostly_utf8(sample: bytes) -> bool:
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(sample)
    escaped = len(_ESCAPED.findall(text))
    if not escaped:
        return True
    if len(text.encode("utf-8", "surrogateescape")) - len(text) > 2 * escaped:
        return True  # whole sequences of UTF-8 are many; in another encoding they are accidents
    lines = re.split("[\r\n]+", text)
    bad = sum(1 for line in lines if _ESCAPED.search(line))
    return bad <= max(1 if len(lines) > 5 else 0, len(lines) // 100)


def _guessed(sample: bytes) -> str:
    text = sample.decode("gb18030", "replace")
    odd = sum(not c.isascii() for c in text)
    han = han_count(text)
    if han > 0.3 * odd and text.count("\ufffd") * 100 < odd and any(c in _HAN for c in text):
        return "gb18030"
    from charset_normalizer import from_bytes

    best = from_bytes(
        sample,
        cp_isolation=["cp1252", "latin_1", "shift_jis", "euc_kr", "cp1251", "big5", "gb18030"],
    ).best()
    return best.encoding.replace("_", "-") if best else "cp1252"


def _marked(error: UnicodeError) -> tuple[str, int]:
    """What cannot be decoded, as bytes that no UTF-8 holds, so that its line is refused as well."""
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    text = "".join(chr(0xDC00 + byte) if byte > 127 else chr(byte) for byte in bad)
    return text if _ESCAPED.search(text) else f"{text}\udcff", error.end


codecs.register_error("curation-mark", _marked)


def utf8_chunks(stream: Stream, encoding: str, size: int = SAMPLE) -> Iterator[bytes]:
    """The stream in UTF-8, in chunks; text in another encoding is decoded on the way.

    A mark at the beginning is left out. What cannot be decoded comes out as bytes that are no UTF-8.
    """
    first = True
    for chunk in _decoded(stream, encoding, size):
        yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
        first = first and not chunk


def _decoded(stream: Stream, encoding: str, size: int) -> Iterator[bytes]:
    if encoding in ("utf-8", "utf-8-sig"):
        while chunk := stream.read(size):
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(encoding)("curation-mark")
    while chunk := stream.read(size):
        yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", True).encode("utf-8", "surrogateescape")

"""A file opened: its kind by its first bytes, and its bytes unpacked.

Guarantee: a packed file is read up to its fault, and never beyond the limit of its expansion.
Accepted: a file that is packed twice is refused.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import zlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from curation.sources import about
from curation.sources.encoding import Stream, byte_order_mark, utf16_without_mark
from curation.sources.limits import Damaged, Limits, NotData, Refused

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
        """Return the bytes of one call of the decompressor; set the fault where it gives up."""
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
    """Recognise a file by its first bytes; raise Refused with a sentence where it is no data.

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
    """Name a file that is no dataset; None for text."""
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            return name
    if _PICKLE.match(head):
        return "a Python pickle"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if encoding or byte_order_mark(head) or utf16_without_mark(head) or b"\x00" not in head:
        return None
    return "a binary file" if len(_CONTROL.findall(head)) * 10 > len(head) else None

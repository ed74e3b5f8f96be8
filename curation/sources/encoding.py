"""Text encodings: named, recognised or guessed, and texts decoded to UTF-8.

Guarantee: a byte that cannot be decoded rejects its own line and no other. Accepted: without a
mark and outside of UTF-8 the encoding is a guess from the first megabyte, and a note says so.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Protocol

from curation.errors import CurationError
from curation.text.scripts import han_count

SAMPLE = 1 << 20
"""Bytes of a file from which its encoding and kind are recognised."""

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
_BEGINNING = re.compile("[\udcc2-\udcf4]")


class Stream(Protocol):
    """A file as readers use it."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; empty at the end."""

    def close(self) -> None:
        """Close the file."""


def byte_order_mark(head: bytes) -> str:
    """The encoding that a byte order mark names; empty without one."""
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), "")


def utf16_without_mark(sample: bytes) -> str:
    """The kind of UTF-16 of a text without a mark; empty for none.

    Every second byte of a text that is mostly ASCII is then NUL.
    """
    sample = sample[:512]
    if b"\x00" not in sample or len(sample) < 8:
        return ""
    even, odd = sample[::2].count(0) / len(sample), sample[1::2].count(0) / len(sample)
    if odd > 0.3 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.3 and odd < 0.05 else ""


def text_encoding(name: str) -> str:
    """Python's name of a text encoding; raises CurationError for an unknown one."""
    try:
        codec = codecs.lookup(name)
        b"text".decode(codec.name, "replace")  # `base64` is a codec too, but not of text
        return codec.name
    except (LookupError, ValueError):
        raise CurationError(
            f"There is no text encoding {name!r}; common ones are utf-8, utf-16, gb18030, big5, "
            "shift_jis, euc_kr, cp1252 and latin-1."
        ) from None


def encoding_of(sample: bytes) -> tuple[str, str]:
    """The encoding of a text by its first megabyte, and a note when it is a guess.

    A text with a few bad lines is UTF-8 all the same; those lines are rejected.
    """
    if mark := byte_order_mark(sample):
        return mark, "" if mark == "utf-8-sig" else f"The text is {mark.upper()} by its mark."
    if wide := utf16_without_mark(sample):
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
        return True  # UTF-8 has many whole sequences; another encoding has few, by accident
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
    """Undecodable bytes as bytes that are never UTF-8, so that their line is rejected too.

    A byte that could begin a sequence of UTF-8 is followed by 255, which no sequence holds.
    """
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    text = "".join(chr(0xDC00 + byte) if byte > 127 else chr(byte) for byte in bad)
    text = _BEGINNING.sub("\\g<0>\udcff", text)
    return text if _ESCAPED.search(text) else f"{text}\udcff", error.end


codecs.register_error("curation-mark", _marked)


def utf8_chunks(stream: Stream, encoding: str, size: int = SAMPLE) -> Iterator[bytes]:
    """The stream in UTF-8, in chunks; text in another encoding is converted.

    A mark at the beginning is left out. Undecodable bytes come out as bytes that are no UTF-8.
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


def mark_size(sample: bytes, encoding: str) -> int:
    """The length of a UTF-8 byte order mark, which offsets in the file include."""
    marked = encoding.startswith("utf-8") and sample.startswith(codecs.BOM_UTF8)
    return len(codecs.BOM_UTF8) if marked else 0

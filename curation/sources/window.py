"""A text seen piece by piece, and the brackets in it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

SPACE = " \t\r\n\ufeff"
_NO_SPACE = re.compile(f"[^{SPACE}]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|["\[\]{}]', re.DOTALL)
_IN_STRING = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_BRACKET = re.compile(r'["\[\]{}]')


class Window:
    """A growing and shrinking view of a long text: what was used is forgotten.

    at: where reading goes on. offset: the byte of the file that stands there. space: the white
    space before it.
    """

    def __init__(self, chunks: Iterable[bytes], offset: int) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._chunks = iter(chunks)
        self.text, self.at, self.offset, self.ended = "", 0, offset, False
        self.space = "\n"

    def more(self) -> bool:
        """See twice as much, from `at` on, which is then 0; False at the end of the file."""
        if self.ended:
            return False
        pieces = [self.text[self.at :]]
        left = max(1, len(pieces[0]))
        while left > 0 and not self.ended:
            chunk = next(self._chunks, None)
            self.ended = chunk is None
            pieces.append(self._decoder.decode(chunk or b"", self.ended))
            left -= len(pieces[-1])
        self.text, self.at = "".join(pieces), 0
        return True

    def take(self, end: int, raw: bytes | None = None) -> bytes:
        """Go on to a place in `text`; the bytes up to there, unless they are known already."""
        if raw is None:
            raw = self.text[self.at : end].encode("utf-8", "surrogateescape")
        self.at = end
        self.offset += len(raw)
        return raw

    def next(self) -> str:
        """Skip white space; the next character, or "" at the end."""
        if self.at or self.offset:
            self.space = ""
        while True:
            found = _NO_SPACE.search(self.text, self.at)
            end = found.start() if found else len(self.text)
            self.space += self.text[self.at : end]
            self.take(end)
            if found or not self.more():
                return found[0] if found else ""

    def __len__(self) -> int:
        """Characters that are seen and not yet used."""
        return len(self.text) - self.at


class Brackets:
    """Finds the end of an element that is met piece by piece: the bracket that closes its first.

    in_string: whether what was seen so far ends inside a text.
    """

    def __init__(self) -> None:
        self._depth, self.in_string, self._escape = 0, False, False

    def end(self, text: str, at: int, stop: int) -> int | None:
        """The place after the closing bracket, before `stop`; None where it comes later.

        The next piece goes on at `stop`.
        """
        at += self._escape
        self._escape = False
        while at < stop:
            if self.in_string:
                inside = _IN_STRING.match(text, at, stop)
                at = inside.end() if inside else at
                if at < stop:  # a quote that ends it, or half of an escape
                    self.in_string = text[at] != '"'
                    self._escape = self.in_string
                at += 1
                continue
            token = _BRACKET.search(text, at, stop)
            if token is None:
                return None
            at = token.end()
            if token[0] == '"':
                self.in_string = True
            else:
                self._depth += 1 if token[0] in "[{" else -1
                if self._depth == 0:
                    return at
        return None


def balanced(text: str, at: int, stop: int) -> int | None:
    """The place after the bracket that closes the one at `at`, when it comes before `stop`."""
    depth = 0
    for token in _TOKEN.finditer(text, at, stop):
        if token[0] == '"':  # a string without an end
            return None
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
            if depth == 0:
                return token.end()
    return None

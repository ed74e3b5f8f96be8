"""A window on a long text, and the brackets in it."""

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
    """A growing and shrinking view of a long text, which forgets the text before `position`.

    position: of the next character to read, in `text`. offset: of the same character in the file,
    in bytes. space: the white space before it.
    """

    def __init__(self, chunks: Iterable[bytes], offset: int) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._chunks = iter(chunks)
        self.text, self.position, self.offset, self.ended = "", 0, offset, False
        self.space = "\n"

    def more(self) -> bool:
        """Double the view from `position` on, which becomes 0; False at the end of the file."""
        if self.ended:
            return False
        pieces = [self.text[self.position :]]
        left = max(1, len(pieces[0]))
        while left > 0 and not self.ended:
            chunk = next(self._chunks, None)
            self.ended = chunk is None
            pieces.append(self._decoder.decode(chunk or b"", self.ended))
            left -= len(pieces[-1])
        self.text, self.position = "".join(pieces), 0
        return True

    def fill(self, length: int) -> None:
        """Widen the view to a length, or to the end of the file.

        So what is searched in it does not depend on the ends of chunks.
        """
        while len(self) < length:
            if not self.more():
                break

    def take(self, end: int, raw: bytes | None = None) -> bytes:
        """Move `position` to `end` and return the bytes between; raw: these bytes, if they are known."""
        if raw is None:
            raw = self.text[self.position : end].encode("utf-8", "surrogateescape")
        self.position = end
        self.offset += len(raw)
        return raw

    def next(self) -> str:
        """Skip white space and return the next character, "" at the end."""
        if self.position or self.offset:
            self.space = ""
        while True:
            match = _NO_SPACE.search(self.text, self.position)
            end = match.start() if match else len(self.text)
            self.space += self.text[self.position : end]
            self.take(end)
            if match or not self.more():
                return match[0] if match else ""

    def __len__(self) -> int:
        """Characters in view from `position` on."""
        return len(self.text) - self.position


class Brackets:
    """Finds the end of an element that comes in pieces: the bracket that closes its first.

    in_string: whether the pieces so far end inside a string.
    """

    def __init__(self) -> None:
        self._depth, self.in_string, self._escape = 0, False, False

    def end(self, text: str, position: int, stop: int) -> int | None:
        """The position after the closing bracket, if that is before `stop`; else None.

        The next piece begins at `stop`.
        """
        position += self._escape
        self._escape = False
        while position < stop:
            if self.in_string:
                inside = _IN_STRING.match(text, position, stop)
                position = inside.end() if inside else position
                if position < stop:  # a quote that ends it, or half of an escape
                    self.in_string = text[position] != '"'
                    self._escape = self.in_string
                position += 1
                continue
            token = _BRACKET.search(text, position, stop)
            if token is None:
                return None
            position = token.end()
            if token[0] == '"':
                self.in_string = True
            else:
                self._depth += 1 if token[0] in "[{" else -1
                if self._depth == 0:
                    return position
        return None


def balanced(text: str, start: int, stop: int) -> int | None:
    """The position after the bracket that closes the one at `start`, if before `stop`; else None."""
    depth = 0
    for token in _TOKEN.finditer(text, start, stop):
        if token[0] == '"':  # a string without an end
            return None
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
            if depth == 0:
                return token.end()
    return None

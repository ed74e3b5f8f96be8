"""Search for the next record of a JSON document, after one that cannot be read.

Guarantee: however long a broken record is, no more than its beginning is kept. Accepted: the next
record is recognised by brackets, its first key or its indentation, so the record after a broken one
can be lost with it.
"""

from __future__ import annotations

import itertools
import re

from curation.sources.limits import Limits
from curation.sources.lines import SHOWN
from curation.sources.window import SPACE, Brackets, Window, balanced

_FIRST_KEY = re.compile(r'\{\s*("(?:[^"\\]|\\.)*")\s*:')


class Skipping:
    """Moves a window from a broken record to the next one.

    space: the white space before the current element.
    """

    def __init__(self, window: Window, limits: Limits) -> None:
        self._window, self._limits = window, limits
        self.space = ""
        self._opening: re.Pattern[str] | None = None
        """The beginning of records, learnt from the first good one."""
        self._repeats = False
        """Whether a good record contains its own beginning a second time."""

    def learn(self, record: str) -> None:
        """Learn the beginning of records from a good one."""
        if self._opening is None and not self._repeats and (first := _FIRST_KEY.match(record)):
            opening = _opening(first[1])
            self._repeats = len(opening.findall(record)) > 1
            self._opening = None if self._repeats else opening

    def to_next(self) -> bytes:
        """Move to the likely next element; return the bytes passed, or their beginning."""
        window = self._window
        while (end := self._next_element()) is None:
            if len(window) > self._limits.row_bytes:
                return self.to_next_far()
            if not window.more():
                end = len(window.text)
                closing = window.text.rstrip(SPACE)
                if closing.endswith("]") and len(closing) > window.position + 1:
                    end = len(closing) - 1
                break
        raw = window.take(end)
        return raw.rstrip(b" \t\r\n,") or raw

    def to_next_far(self) -> bytes:
        """Move past an element that is longer than a row may be; return its beginning.

        The element ends with its brackets, before a line that begins as it did, or where a record
        begins in the middle of a text, which a quote should have ended.
        """
        window, brackets, shown = self._window, Brackets(), b""
        own_line, after = self._line_start(), 1  # skips the element's own beginning
        while True:
            text, start = window.text, window.position
            line = own_line.search(text, start) if own_line else None
            stop = max(start, len(text) - (0 if window.ended else 1_000))
            stop, end, place = line.start() if line else stop, None, start
            begins = self._opening.finditer(text, start + after) if self._opening else ()
            for begin in itertools.chain((match.start() for match in begins), [stop]):
                begin = min(begin, stop)
                end = brackets.end(text, place, begin)
                place = begin if end is None else end
                if end is not None or begin == stop or brackets.in_string:
                    break
            after = 0 if place > start else after
            shown = (shown + window.take(place))[:SHOWN]
            if end is not None or place < stop or line or not window.more():
                return shown

    def _next_element(self) -> int | None:
        """The end of the current element by its brackets, or the likely beginning of the next one.

        The next element begins with the first key of those before, or on a line of its own that is
        indented like the current one.
        """
        text, start = self._window.text, self._window.position
        if text[start] not in "{[":
            plain = re.compile(r"[,{\[\]]").search(text, start + 1)
            return plain.start() if plain else None
        marks = [self._opening, self._line_start()]
        if self._opening is None and not self._repeats and (own := _FIRST_KEY.match(text, start)):
            marks.append(_opening(own[1]))
        matches = [mark.search(text, start + 1) for mark in marks if mark]
        begins = min((match.start() for match in matches if match), default=None)
        ends = balanced(text, start, len(text) if begins is None else begins)
        return begins if ends is None else ends

    def _line_start(self) -> re.Pattern[str] | None:
        """The beginning of a line indented like the current element, if that begins its line."""
        breaks = max(self.space.rfind("\n"), self.space.rfind("\r"))
        if breaks < 0:
            return None
        return re.compile(r"[\r\n]" + re.escape(self.space[breaks + 1 :]) + r"(?=\{)")


def _opening(key: str) -> re.Pattern[str]:
    """The beginning of an object with this first key, in quotes."""
    return re.compile(r"\{\s*" + re.escape(key) + r"\s*:")

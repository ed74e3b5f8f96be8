"""Helpers of the tests of reading: make a file, open it, and check that no line is lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from curation.dataset import derive
from curation.sources.limits import Blank, Raw, Reject
from curation.sources.reading import Fact, Many, Read, Refusal, read, read_all


@dataclass
class Opened:
    """Everything that a file gave."""

    examples: list[Read] = field(default_factory=list)
    rejected: list[Reject] = field(default_factory=list)
    blank: int = 0
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """The number of lines: examples, refused and blank ones."""
        return len(self.examples) + len(self.rejected) + self.blank

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records that became examples."""
        return [read.raw.value for read in self.examples]

    @property
    def codes(self) -> list[str]:
        """The codes of the refused lines."""
        return [reject.code for reject in self.rejected]

    @property
    def repairs(self) -> list[str]:
        """The repairs, in order."""
        return [code for read in self.examples for code in read.raw.repairs]

    @property
    def answers(self) -> list[str]:
        """The response of each example."""
        return [derive(r.example.messages, r.example.label)[1] for r in self.examples]

    @property
    def attention(self) -> list[str]:
        """The attention codes of each example."""
        return [derive(r.example.messages, r.example.label)[3] for r in self.examples]

    def note(self, key: str) -> str:
        """The notes of one kind, joined."""
        return " ".join(text for k, text in self.notes if k == key)


def opened(path: Path, *, lines: int | None = None, **options: Any) -> Opened:
    """Read a file, hold it to so many lines, and hold the quick way of reading to the same."""
    contents = Opened()
    for result in read(path, **options):
        if isinstance(result, Read):
            contents.examples.append(result)
        elif isinstance(result, Refusal):
            assert result.reject.message, result
            contents.rejected.append(result.reject)
        elif isinstance(result, Blank):
            contents.blank += result.lines
        else:
            assert isinstance(result, Fact)
            contents.notes.append((result.note.key, result.note.text))
    if lines is not None:
        assert contents.lines == lines, contents
    assert said_together(path, **options) == [
        (r.raw.row, r.raw.offset, r.example[:5]) for r in contents.examples
    ]
    return contents


def said_together(path: Path, **options: Any) -> list[tuple[int, int | None, tuple[Any, ...]]]:
    """Rows, offsets and what goes into a dataset, by the way that takes many records at once."""
    rows: list[tuple[int, int | None, tuple[Any, ...]]] = []
    for result in read_all(path, **options):
        if isinstance(result, Read):
            rows.append((result.raw.row, result.raw.offset, result.example[:5]))
        elif isinstance(result, Many):
            examples = result.examples
            for i, offset in enumerate(result.offsets):
                values = (
                    examples.format,
                    examples.messages[i],
                    None,
                    examples.metadata[i],
                    examples.shapes[i],
                )
                rows.append((result.row + i, offset, values))
    return rows


def objects(records: Iterable[Any]) -> bytes:
    """Records as JSON lines."""
    return b"".join(orjson.dumps(record) + b"\n" for record in records)


def physical_lines(items: Iterable[Any]) -> int:
    """Lines that items account for, counting all of a record that runs over several."""
    return sum(item.lines for item in items if isinstance(item, Raw | Reject | Blank))

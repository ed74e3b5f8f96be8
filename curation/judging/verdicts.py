"""The file that remembers verdicts: one line each, on disk before the next is asked for.

Guarantee: a verdict that was paid for is never asked for again, also after a kill or a full disk. A
last line that was cut off is passed over. An answer without grades is no verdict: its row may be asked
again.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curation import lock
from curation.errors import CurationError
from curation.text.slug import column_word


def row_key(prompt: str, response: str) -> str:
    """Equal for examples with the same two texts."""
    text = json.dumps([prompt, response], ensure_ascii=False).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32]


def verdict_file(folder: Path, model: str, rubric: str) -> Path:
    """The file of one model and one rubric's digest."""
    return folder / f"{column_word(model) or 'model'}-{rubric}.jsonl"


def name_in_project(path: Path) -> str:
    """The name of a file of verdicts as a recipe holds it, from the project's folder on."""
    return f"verdicts/{path.name}"


class Verdicts:
    """Grades by row, as a file that only grows.

    failures: for each row the reasons of its answers without grades, one for each try.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._read()

    def _read(self) -> None:
        self.by_row: dict[str, dict[str, float]] = {}
        self.failures: dict[str, list[str]] = {}
        for row, grades, reason in _records(self.path) if self.path.exists() else ():
            self._note(row, grades, reason)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold off every other run that would add to the file; what one added before is read.

        Raises CurationError while another run is at work.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path.with_suffix(".lock"), "w") as held_open:
            if not lock.take(held_open.fileno(), 0.0):
                raise CurationError(
                    "Another run asks this model by this rubric just now; what it pays for would be paid "
                    "for twice. Wait until it has ended."
                )
            self._read()
            yield

    def _note(self, row: str, grades: dict[str, float], reason: str) -> None:
        if grades:
            self.by_row[row] = grades
        else:
            self.failures.setdefault(row, []).append(reason)

    def add(self, row: str, grades: dict[str, float], reason: str = "") -> None:
        """Remember a verdict, on disk before this returns; safe to call from several threads.

        reason: why there are no grades.
        """
        record = {"row": row, "grades": grades, **({"reason": reason} if reason else {})}
        line = json.dumps(record) + "\n"
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as stream:
                if stream.seek(0, os.SEEK_END):
                    stream.seek(-1, os.SEEK_END)
                    line = line if stream.read(1) == b"\n" else f"\n{line}"
                stream.write(line.encode())
                stream.flush()
                os.fsync(stream.fileno())
            self._note(row, grades, reason)


def read_verdicts(path: Path) -> dict[str, dict[str, float]]:
    """Grades by row, without the rows that have none; raises CurationError when the file cannot be read."""
    return {row: grades for row, grades, _ in _records(path) if grades}


def _records(path: Path) -> Iterator[tuple[str, dict[str, float], str]]:
    """The row, grades and reason of each line."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise CurationError(
            f"The verdicts {path.name} cannot be read: {error.strerror}. Put the file into {path.parent}, or "
            "ask for them again with curate judge."
        ) from None
    for line in lines:
        try:
            record = json.loads(line)
            row, reason = str(record["row"]), str(record.get("reason", ""))
            grades = {str(name): float(grade) for name, grade in record["grades"].items()}
        except (ValueError, LookupError, TypeError, AttributeError):
            continue
        yield row, grades, reason

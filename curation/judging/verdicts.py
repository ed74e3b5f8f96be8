"""The file that remembers verdicts: one line each, on disk before the next is asked for.

Guarantee: a verdict that was paid for is never asked for again, also after a kill or a full disk. A
last line that was cut off is passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

from curation.errors import CurationError
from curation.text.slug import column_word


def row_key(prompt: str, response: str) -> str:
    """Equal for examples with the same two texts."""
    text = json.dumps([prompt, response], ensure_ascii=False).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32]


def verdict_file(folder: Path, model: str, rubric: str) -> Path:
    """The file of one model and one rubric's digest."""
    return folder / f"{column_word(model) or 'model'}-{rubric}.jsonl"


class Verdicts:
    """Grades by row, as a file that only grows; a row whose answer had no grades has {}."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self.by_row: dict[str, dict[str, float]] = read_verdicts(path) if path.exists() else {}

    def add(self, row: str, grades: dict[str, float]) -> None:
        """Remember a verdict, on disk before this returns; safe to call from several threads."""
        line = json.dumps({"row": row, "grades": grades}) + "\n"
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as stream:
                if stream.seek(0, os.SEEK_END):
                    stream.seek(-1, os.SEEK_END)
                    line = line if stream.read(1) == b"\n" else f"\n{line}"
                stream.write(line.encode())
                stream.flush()
                os.fsync(stream.fileno())
            self.by_row[row] = grades


def read_verdicts(path: Path) -> dict[str, dict[str, float]]:
    """Grades by row; raises CurationError when the file cannot be read."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise CurationError(
            f"The verdicts {path} cannot be read: {error.strerror}; curate judge writes such a file."
        ) from None
    verdicts = {}
    for line in lines:
        try:
            record = json.loads(line)
            verdicts[str(record["row"])] = {
                str(name): float(grade) for name, grade in record["grades"].items()
            }
        except (ValueError, LookupError, TypeError, AttributeError):
            continue
    return verdicts

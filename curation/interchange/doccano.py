"""doccano's JSON Lines of text classification: one line for each person, with metadata beside.

Source: doccano's export and its tests. doccano gives each person a file of their own; who answered
stands in the metadata, so that one file holds everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from curation.errors import CurationError
from curation.interchange.answers import Answer, Record

TITLE = "doccano"
HOLDS: tuple[str, ...] = ("label", "notes")
SUFFIX = ".jsonl"


def write(records: Iterable[Record]) -> bytes:
    """Return records as JSON Lines."""
    pairs = ((record, answer) for record in records for answer in record.answers)
    return b"".join(
        orjson.dumps(_line(number, record, answer)) + b"\n"
        for number, (record, answer) in enumerate(pairs, 1)
    )


def _line(number: int, record: Record, answer: Answer) -> dict[str, Any]:
    return {
        "id": number,
        "text": record.text,
        "label": [answer.label] if answer.label else [],
        "Comments": list(answer.notes),
        "curation_id": record.id,
        "curation_who": answer.who,
    }


def read(content: bytes) -> list[Record]:
    """Return a record for each line; of several labels the first is the label, all others are tags.

    Raises CurationError for labels of parts of a text, which have no place here.
    """
    return [_record(orjson.loads(line)) for line in content.split(b"\n") if line.strip()]


def _record(line: dict[str, Any]) -> Record:
    labels = line.get("label") or line.get("cats") or []
    labels = [labels] if isinstance(labels, str) else labels
    if not all(isinstance(label, str) for label in labels):
        raise CurationError(
            "These labels mark parts of a text; only labels of whole texts are read."
        )
    comments = line.get("Comments") or line.get("comments") or []
    answer = Answer(
        who=str(line.get("curation_who") or ""),
        label=labels[0] if labels else "",
        tags=tuple(labels[1:]),
        notes=tuple(str(comment) for comment in comments),
    )
    return Record(str(line.get("curation_id") or ""), str(line.get("text") or ""), "", (answer,))

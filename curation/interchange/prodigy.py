"""Prodigy's tasks, as `db-out` prints and `db-in` reads them: one line for each person's answer.

Source: Prodigy's documentation, "Annotation interfaces" (choice, text_input). Our verdict stands in
`answer`: accept keeps, reject drops. A line of elsewhere that was accepted with a chosen option gives
a label and no verdict; of several options all others are tags.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from curation.interchange.answers import JOINT, Answer, Record

TITLE = "Prodigy"
HOLDS: tuple[str, ...] = ("verdict", "label", "notes", "when")
SUFFIX = ".jsonl"
_ANSWERS = {"keep": "accept", "drop": "reject", "": "accept"}


def write(records: Iterable[Record]) -> bytes:
    """Return records as JSON Lines with every label in use as an option."""
    records = list(records)
    labels = sorted({a.label for record in records for a in record.answers if a.label})
    options = [{"id": label, "text": label} for label in labels]
    return b"".join(
        orjson.dumps(_line(record, answer, options)) + b"\n"
        for record in records
        for answer in record.answers
    )


def _line(record: Record, answer: Answer, options: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "text": record.text,
        "options": options,
        "accept": [answer.label] if answer.label else [],
        "answer": _ANSWERS[answer.verdict],
        "user_input": JOINT.join(answer.notes),
        "meta": {"curation_id": record.id, "verdict": answer.verdict},
        "_annotator_id": answer.who,
        "_session_id": answer.who,
        "_timestamp": answer.when,
    }


def read(content: bytes) -> list[Record]:
    """Return a record for each line; a line that was ignored answers nothing."""
    return [_record(orjson.loads(line)) for line in content.split(b"\n") if line.strip()]


def _record(line: dict[str, Any]) -> Record:
    meta = line.get("meta") or {}
    accepted = [str(option) for option in line.get("accept") or []]
    label = str(line.get("label") or "") if isinstance(line.get("label"), str) else ""
    verdict = {"accept": "keep", "reject": "drop"}.get(str(line.get("answer")), "")
    own = str(meta.get("verdict"))
    if own in _ANSWERS and _ANSWERS[own] == line.get("answer"):  # as we wrote it
        verdict = own
    elif verdict == "keep" and (accepted or label):
        verdict = ""
    note = str(line.get("user_input") or "")
    answer = Answer(
        who=str(line.get("_annotator_id") or line.get("_session_id") or ""),
        when=float(line.get("_timestamp") or 0),
        verdict=verdict,
        label=accepted[0] if accepted else label if verdict != "drop" else "",
        tags=tuple(accepted[1:]),
        notes=(note,) if note else (),
    )
    ignored = line.get("answer") == "ignore"
    id = str(meta.get("curation_id") or "")
    return Record(id, str(line.get("text") or ""), "", () if ignored else (answer,))

"""Argilla's records as its SDK writes them to disk: `dataset.records.to_json`.

Source: argilla 2, `Record.to_dict` and `Record.from_dict`. The lead's questions are named
`answers.NAME`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from curation.interchange.answers import JOINT, Answer, Guess, Record, named_answers
from curation.report import ANSWERS

TITLE = "Argilla"
HOLDS: tuple[str, ...] = ("verdict", "label", "rating", "tags", "notes", "reason", "answers")
SUFFIX = ".json"
QUESTIONS = ("verdict", "label", "rating", "tags", "notes", "reason")
_SPACE = uuid.UUID("6f1c0f4e-4a0b-5a3a-9c62-1f6a55f1d0c8")


def write(records: Iterable[Record]) -> bytes:
    """Return records as a JSON list; a person's id is made of the name, which the metadata hold."""
    return orjson.dumps([_entry(record) for record in records], option=orjson.OPT_INDENT_2)


def _entry(record: Record) -> dict[str, Any]:
    responses: dict[str, list[dict[str, Any]]] = {}
    people: dict[str, str] = {}
    for answer in record.answers:
        user = str(uuid.uuid5(_SPACE, answer.who))
        people[user] = answer.who
        values = {name: getattr(answer, name) for name in QUESTIONS}
        values |= {f"{ANSWERS}{name}": value for name, value in answer.answers.items()}
        values["notes"] = JOINT.join(answer.notes)
        for name, value in values.items():
            if value not in ("", None, ()):
                value = list(value) if isinstance(value, tuple) else value
                responses.setdefault(name, []).append({"value": value, "user_id": user})
    return {
        "id": record.id,
        "fields": {"prompt": record.prompt, "response": record.response},
        "metadata": {"curation_id": record.id, "curation_people": orjson.dumps(people).decode()},
        "suggestions": {},
        "responses": responses,
        "vectors": {},
        "status": "completed",
        "_server_id": None,
    }


def read(content: bytes) -> list[Record]:
    """Return the records of a file; a response to an unknown question is kept under its name."""
    return [_record(entry) for entry in orjson.loads(content)]


def _record(entry: dict[str, Any]) -> Record:
    metadata = entry.get("metadata") or {}
    names: dict[str, str] = orjson.loads(metadata.get("curation_people") or "{}")
    by_user: dict[str, dict[str, Any]] = {}
    for question, responses in (entry.get("responses") or {}).items():
        for response in responses:
            user = str(response.get("user_id") or "")
            by_user.setdefault(user, {})[question] = response.get("value")
    texts = entry.get("fields") or {}
    prompt = texts.get("prompt", next((str(text) for text in texts.values()), ""))
    answers = [_answer(names.get(user, user), values) for user, values in by_user.items()]
    id = str(metadata.get("curation_id") or "")
    return Record(
        id, str(prompt), str(texts.get("response") or ""), tuple(answers), tuple(_guesses(entry))
    )


def _guesses(entry: dict[str, Any]) -> Iterator[Guess]:
    """Yield the suggestions of a record; of several scores of one the lowest counts."""
    suggestions = entry.get("suggestions") or {}
    if isinstance(suggestions, list):  # as records of a FeedbackDataset have them
        suggestions = {one["question_name"]: one for one in suggestions}
    for name, one in suggestions.items():
        scores = one.get("score")
        score = min(scores, default=None) if isinstance(scores, list) else scores
        if one.get("value") is not None:
            source = str(one.get("agent") or "")
            yield Guess(name.removeprefix(ANSWERS), one["value"], source, score)


def _answer(who: str, values: dict[str, Any]) -> Answer:
    return Answer(
        who=who,
        verdict=str(values.get("verdict") or ""),
        label=str(values.get("label") or ""),
        rating=values.get("rating"),
        tags=tuple(_list(values.get("tags"))),
        notes=tuple(_list(values.get("notes"))),
        reason=str(values.get("reason") or ""),
        answers=named_answers(values, QUESTIONS),
    )


def _list(value: Any) -> Sequence[str]:
    if not value:
        return ()
    return [value] if isinstance(value, str) else [str(part) for part in value]

"""Label Studio's tasks with annotations, as its JSON export and import have them.

Source: Label Studio's guide, "Task format". A project there needs controls with these names: verdict,
label and tags (Choices), rating (Rating), notes and reason (TextArea), and `answers.NAME` for the
lead's questions, all of `$prompt`. An answer in parts is JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from curation.interchange.answers import Answer, Guess, Record, named_answers
from curation.report import ANSWERS

TITLE = "Label Studio"
HOLDS: tuple[str, ...] = (
    "verdict",
    "label",
    "rating",
    "tags",
    "notes",
    "reason",
    "answers",
    "when",
)
SUFFIX = ".json"
TYPES = {
    "verdict": "choices",
    "label": "choices",
    "tags": "choices",
    "rating": "rating",
    "notes": "textarea",
    "reason": "textarea",
}
_VALUES = {"choices": "choices", "rating": "rating", "textarea": "text", "number": "number"}


def write(records: Iterable[Record]) -> bytes:
    """Return records as a JSON list of tasks; a person is `completed_by` with the name as e-mail."""
    numbers: dict[str, int] = {}
    tasks = []
    for task, record in enumerate(records, 1):
        annotations: list[dict[str, Any]] = []
        for answer in record.answers:
            who = numbers.setdefault(answer.who, len(numbers) + 1)
            time = _iso(answer.when)
            annotations.append(
                {
                    "id": task * 1000 + len(annotations),
                    "completed_by": {"id": who, "email": answer.who, "first_name": answer.who},
                    "result": list(_results(answer)),
                    "was_cancelled": False,
                    "ground_truth": False,
                    "created_at": time,
                    "updated_at": time,
                    "lead_time": None,
                    "task": task,
                }
            )
        tasks.append(
            {
                "id": task,
                "data": {
                    "curation_id": record.id,
                    "prompt": record.prompt,
                    "response": record.response,
                },
                "annotations": annotations,
                "predictions": [],
            }
        )
    return orjson.dumps(tasks, option=orjson.OPT_INDENT_2)


def _results(answer: Answer) -> Iterator[dict[str, Any]]:
    values = {name: (getattr(answer, name), kind) for name, kind in TYPES.items()}
    for name, value in answer.answers.items():
        values[f"{ANSWERS}{name}"] = _control(value)
    for name, (value, kind) in values.items():
        if value in ("", None, ()):
            continue
        listed = value if kind in ("rating", "number") else _list(value)
        yield {
            "id": name,
            "from_name": name,
            "to_name": "prompt",
            "type": kind,
            "origin": "manual",
            "value": {_VALUES[kind]: listed},
        }


def _control(value: Any) -> tuple[Any, str]:
    """Return the answer to a lead's question as a control holds it, and the control's type."""
    if isinstance(value, int | float):
        return value, "number"
    if isinstance(value, str) or all(isinstance(v, str) for v in value) and isinstance(value, list):
        return value, "choices"
    return orjson.dumps(value).decode(), "textarea"


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def read(content: bytes) -> list[Record]:
    """Return the tasks of a file; a cancelled annotation answers nothing."""
    records = []
    for task in orjson.loads(content):
        data = task.get("data") or {}
        prompt = data.get("prompt", data.get("text", ""))
        answers = tuple(
            _answer(annotation)
            for annotation in task.get("annotations") or []
            if not annotation.get("was_cancelled")
        )
        id = str(data.get("curation_id") or "")
        guesses = tuple(g for one in task.get("predictions") or [] for g in _guesses(one))
        records.append(Record(id, str(prompt), str(data.get("response") or ""), answers, guesses))
    return records


def _guesses(prediction: dict[str, Any]) -> Iterator[Guess]:
    """Yield a model's answers; their score is the prediction's."""
    source, score = str(prediction.get("model_version") or ""), prediction.get("score")
    for name, value in _values(prediction).items():
        single = value[0] if isinstance(value, list) and len(value) == 1 else value
        yield Guess(name.removeprefix(ANSWERS), single, source, score)


def _values(annotation: dict[str, Any]) -> dict[str, Any]:
    """Return the values of an annotation's results by the name of their control."""
    values: dict[str, Any] = {}
    for result in annotation.get("result") or []:
        key = _VALUES.get(result.get("type", ""))
        if key is not None and key in (result.get("value") or {}):
            values[str(result.get("from_name"))] = result["value"][key]
    return values


def _answer(annotation: dict[str, Any]) -> Answer:
    by = annotation.get("completed_by")
    who = str(by.get("email") or by.get("id") or "") if isinstance(by, dict) else str(by or "")
    values = _values(annotation)
    own = {name: value for name, value in values.items() if name in TYPES}
    others = named_answers(values, TYPES)
    single = {n: _list(v)[0] if _list(v) else "" for n, v in own.items()}
    time = annotation.get("updated_at") or annotation.get("created_at")
    return Answer(
        who=who,
        when=datetime.fromisoformat(time).timestamp() if time else 0.0,
        verdict=str(single.get("verdict", "")),
        label=str(single.get("label", "")),
        rating=own.get("rating"),
        tags=tuple(map(str, _list(own.get("tags", ())))),
        notes=tuple(map(str, _list(own.get("notes", ())))),
        reason=str(single.get("reason", "")),
        answers={n: v[0] if isinstance(v, list) and len(v) == 1 else v for n, v in others.items()},
    )

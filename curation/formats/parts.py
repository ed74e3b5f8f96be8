"""Parts of a conversation that have columns of their own, as turns and texts."""

from __future__ import annotations

from typing import Any

import orjson

from curation.formats.base import BETWEEN, FieldError, Record, as_text, kind_of, text_of
from curation.formats.columns import Roles
from curation.formats.turns import Turn, read_transcript, read_turns, text_in, turn


def system_turns(record: Record, column: str) -> list[Turn]:
    """Return a system column as a turn; no turn for an empty one."""
    value = record[column]
    if isinstance(value, list | dict):
        text = text_in(map(_as_part, value if isinstance(value, list) else [value]))
    else:
        text = text_of(record, column)
    if text.startswith("SYSTEM:"):
        text = text.removeprefix("SYSTEM:").lstrip(" ")
    return [turn("system", text)] if text else []


def _as_part(value: Any) -> Any:
    """A turn as a part of a content; any other value unchanged."""
    if not isinstance(value, dict) or "text" in value:
        return value
    content = value.get("content", value.get("value"))
    return {"text": text_in(content) if isinstance(content, list) else content}


def history_turns(record: Record, column: str) -> list[Turn]:
    """Return earlier turns; raises FieldError when they cannot be read."""
    value = record[column]
    return read_turns(value, column) if value else []


def side(record: Record, column: str, role: str) -> tuple[list[Turn], bool]:
    """Return a prompt or an answer as turns, and whether the column held turns itself.

    Of several answers it takes the best by their ratings, or else the first. Raises FieldError.
    """
    value = record[column]
    if isinstance(value, list) and all(isinstance(v, str) for v in value) and role == "assistant":
        return [turn(role, _best(value, record))], False
    if isinstance(value, list):
        return read_turns(value, column), True
    if isinstance(value, dict):
        text = _text_in(value)
        return (
            ([turn(role, text)], False) if text is not None else (read_turns(value, column), True)
        )
    text = text_of(record, column)
    spoken = read_transcript(text) if column in ("chosen", "rejected") else None
    return (read_turns(spoken, column), True) if spoken else ([turn(role, text)], False)


def _text_in(value: Record) -> str | None:
    """The text of an object that is no turn; the first of several texts, as in SQuAD."""
    text = value.get("text", value.get("content"))
    if "role" in value or "from" in value:
        return None
    if isinstance(text, list) and all(isinstance(t, str) for t in text):
        return text[0] if text else ""
    return text if isinstance(text, str) else None


def _best(answers: list[str], record: Record) -> str:
    """The answer with the highest rating; the first where there are no ratings."""
    if not answers:
        return ""
    for name in ("ratings", "scores"):
        rated = record.get(name)
        if isinstance(rated, list) and len(rated) == len(answers):
            if all(isinstance(r, int | float) for r in rated):
                return answers[max(range(len(rated)), key=rated.__getitem__)]
    return answers[0]


def given_text(record: Record, column: str) -> str:
    """Return the second part of a prompt; a list of passages with blank lines between them."""
    value = record[column]
    if isinstance(value, list):
        return BETWEEN.join(as_text(v, column) for v in value)
    return text_of(record, column)


def choices_of(value: Any, column: str) -> list[tuple[str, str]]:
    """Return choices as letters and texts; raises FieldError when they cannot be read.

    It reads lists of texts, objects of letters and texts, and objects of two such lists.
    """
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise FieldError(column, f"{column} looks like JSON but is none; mend it.") from None
    if isinstance(value, dict):
        texts, letters = value.get("text"), value.get("label")
        if isinstance(texts, list) and isinstance(letters, list) and len(texts) == len(letters):
            pairs = zip(letters, texts, strict=True)
        else:
            pairs = zip(value.keys(), value.values(), strict=True)
        return [(as_text(letter, column), as_text(text, column)) for letter, text in pairs]
    if not isinstance(value, list):
        raise FieldError(column, f"{column} should be a list but is {kind_of(value)}.")
    texts = [v.get("text") if isinstance(v, dict) else v for v in value]
    return [(_letter(i), as_text(text, column)) for i, text in enumerate(texts)]


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def listed(choices: list[tuple[str, str]]) -> str:
    """Return choices as lines, `A. text`."""
    return "\n".join(f"{letter}. {text}" for letter, text in choices)


def reason(record: Record, roles: Roles, turns: list[Turn]) -> str | None:
    """Put a column of reasoning into the last turn, if it is an answer without; return the column."""
    column = roles.get("reasoning")
    if not column or not turns or turns[-1]["role"] != "assistant":
        return None
    text, last = record[column], turns[-1]
    if isinstance(text, str) and text and "reasoning_content" not in last:
        turns[-1] = turn(**{**last, "reasoning_content": text})
        return column
    return column if text == "" else None


# --- answers that a person marked as good or bad --------------------------------------------


def with_mark(
    record: Record, roles: Roles, turns: list[Turn], used: dict[str, str], shape: dict[str, Any]
) -> tuple[list[Turn], list[Turn]]:
    """Return the turns, and apart from them the answer, if it was marked as bad."""
    column = roles.get("good")
    if not column or not turns or turns[-1]["role"] != "assistant":
        return turns, []
    value = record[column]
    good = value if isinstance(value, bool) else str(value).lower() == "true"
    used[column] = "good"
    shape["mark"] = [column, isinstance(value, bool)]
    return (turns, []) if good else (turns[:-1], turns[-1:])


def written_mark(turns: list[Turn], shape: Any) -> Record:
    """Return the column that tells whether the answer is good, where the record had one."""
    if "mark" not in shape:
        return {}
    column, plain = shape["mark"]
    good = bool(turns) and turns[-1]["role"] == "assistant"
    return {column: good if plain else str(good)}

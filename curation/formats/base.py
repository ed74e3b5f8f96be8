"""What a format is: how sure it is of a record, and how to go from record to turns and back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from curation.errors import CurationError

Record = dict[str, Any]


class FieldError(CurationError):
    """A record of this format has a field that cannot be read; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Example:
    """What a record says in canonical form.

    messages: turns as JSON objects. used: the record's keys that went into it; the others are
    metadata. shape: what `write` needs beside messages, label and metadata.
    """

    messages: list[dict[str, Any]]
    label: str | None = None
    used: Collection[str] = ()
    shape: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """A way to write SFT examples down as records.

    confidence: 0 to 1 from a record's keys and values. read: record → Example, raising FieldError.
    write: messages, label and shape → the keys of the record that were not metadata.
    """

    name: str
    title: str
    confidence: Callable[[Record], float]
    read: Callable[[Record], Example]
    write: Callable[[list[dict[str, Any]], str | None, Mapping[str, Any]], Record]


def text_of(record: Record, key: str) -> str:
    """A field as text; raises FieldError when it is a list, an object or null."""
    value = record[key]
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    raise FieldError(key, f"{key} should be a text but is {_kind(value)}; make it a text.")


def _kind(value: Any) -> str:
    return (
        "a list"
        if isinstance(value, list)
        else "an object"
        if isinstance(value, dict)
        else repr(value)
    )


def turn(role: str, content: str | None, **more: Any) -> dict[str, Any]:
    """A turn in canonical order of keys."""
    return {"role": role, "content": content, **{k: more[k] for k in sorted(more)}}


ROLES = {
    "human": "user",
    "user": "user",
    "prompter": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "system": "system",
    "developer": "system",
    "observation": "tool",
    "tool": "tool",
    "function": "tool",
    "function_call": "assistant",
    "ipython": "tool",
}
"""Names that files give to the four roles."""


def read_turns(value: Any, key: str) -> list[dict[str, Any]]:
    """A list of role/content or from/value objects as turns; raises FieldError naming what is off."""
    if not isinstance(value, list):
        raise FieldError(key, f"{key} should be a list of turns but is {_kind(value)}.")
    turns = []
    for number, entry in enumerate(value, 1):
        if not isinstance(entry, dict):
            raise FieldError(
                key, f"turn {number} of {key} should be an object but is {_kind(entry)}."
            )
        turns.append(_read_turn(entry, f"{key}[{number}]"))
    return turns


def _read_turn(entry: Record, where: str) -> dict[str, Any]:
    role_key = "role" if "role" in entry else "from" if "from" in entry else None
    text_key = next((k for k in ("content", "value", "text") if k in entry), None)
    if role_key is None or (text_key is None and not entry.get("tool_calls")):
        raise FieldError(where, f"{where} needs a role and a content (or from and value).")
    said = entry[role_key]
    if not isinstance(said, str):
        raise FieldError(where, f"the role of {where} should be a text but is {_kind(said)}.")
    content = entry[text_key] if text_key else None
    more = {k: v for k, v in entry.items() if k not in (role_key, text_key)}
    role = ROLES.get(said.strip().lower(), said.strip().lower())
    if isinstance(content, list):
        more["parts"] = content
        texts = [p.get("text", "") if isinstance(p, dict) else str(p) for p in content]
        content = "\n".join(t for t in texts if isinstance(t, str) and t)
    elif content is not None and not isinstance(content, str):
        raise FieldError(where, f"the content of {where} should be a text but is {_kind(content)}.")
    if said == "function_call" and "tool_calls" not in more and content:
        more["tool_calls"] = _call(content)
        content = None
    return turn(role, content, **more)


def _call(text: str) -> list[dict[str, Any]]:
    try:
        value = orjson.loads(text)
        return [
            {
                "type": "function",
                "function": {
                    "name": value["name"],
                    "arguments": orjson.dumps(value["arguments"]).decode(),
                },
            }
        ]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return [{"type": "function", "function": {"name": "", "arguments": text}}]


def write_turns(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turns as role/content objects, content parts put back where they are still what was said."""
    written = []
    for message in messages:
        entry = dict(message)
        parts = entry.pop("parts", None)
        if parts is not None:
            texts = [p.get("text", "") if isinstance(p, dict) else str(p) for p in parts]
            if "\n".join(t for t in texts if isinstance(t, str) and t) == entry["content"]:
                entry["content"] = parts
        written.append(entry)
    return written

"""What a format is: how sure it is of a record, and how to go from record to turns and back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from curation.errors import CurationError

Record = dict[str, Any]

WHICH_COLUMN = "say which column is which."
"""The end of a sentence about a record that a mapping would make an example."""


class FieldError(CurationError):
    """A record of this format has a field that cannot be read; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Example(NamedTuple):
    """What a record says in canonical form.

    messages: turns as JSON objects. used: the record's keys that went into it; the others are
    metadata. shape: what `write` needs beside messages, label and metadata. exact: `write` surely
    gives the record back, so that nobody need try.
    """

    messages: list[dict[str, Any]]
    label: str | None = None
    used: Collection[str] = ()
    shape: Mapping[str, Any] = MappingProxyType({})
    exact: bool = False


class Pair(NamedTuple):
    """Which of a record's texts are the prompt, its second part, and the answer.

    shape: as of an Example, beside the place of the second part.
    """

    prompt: str
    given: str | None
    answer: str
    shape: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Format:
    """A way to write SFT examples down as records.

    confidence: 0 to 1 from a record's keys and values. read: record → Example, raising FieldError.
    write: messages, label and shape → the keys of the record that were not metadata.
    pair: the names of a record that holds texts only → how it is a plain question and answer, or
    None; what `read` says of such a record is then exact and follows from it.
    """

    name: str
    title: str
    confidence: Callable[[Record], float]
    read: Callable[[Record], Example]
    write: Callable[[list[dict[str, Any]], str | None, Mapping[str, Any]], Record]
    pair: Callable[[Collection[str]], Pair | None] = lambda columns: None


BETWEEN = "\n\n"
"""What stands between a prompt and its second part."""


def all_texts(record: Record) -> bool:
    """Whether every value is a text."""
    for value in record.values():
        if type(value) is not str:
            return False
    return True


def text_of(record: Record, key: str) -> str:
    """A field as text, "" for null; raises FieldError when it is a list or an object."""
    value = record[key]
    return "" if value is None else _as_text(value, key)


def _as_text(value: Any, key: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    raise FieldError(key, f"{key} should be a text but is {kind_of(value)}; make it a text.")


def kind_of(value: Any) -> str:
    """What a value is, in two words, or the value itself."""
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else repr(value)[:80]


def turn(role: str, content: str | None, **more: Any) -> dict[str, Any]:
    """A turn in canonical order of keys."""
    if not more:
        return {"role": role, "content": content}
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


def read_turns(value: Any, key: str, *, bare: bool = False) -> list[dict[str, Any]]:
    """A list of role/content or from/value objects as turns; raises FieldError naming what is off.

    Also read: objects of two turns ({"human": …, "assistant": …}), and, where `bare`, a list of
    texts, which take turns beginning with the user; under the key `turns` all are the user's, as in
    MT-Bench.
    """
    if not isinstance(value, list):
        raise FieldError(key, f"{key} should be a list of turns but is {kind_of(value)}.")
    turns = []
    for number, entry in enumerate(value, 1):
        if bare and isinstance(entry, str) and all(isinstance(e, str) for e in value):
            answers = number % 2 == 0 and key != "turns"
            turns.append(turn("assistant" if answers else "user", entry))
        elif not isinstance(entry, dict):
            raise FieldError(
                key, f"turn {number} of {key} should be an object but is {kind_of(entry)}."
            )
        elif "role" not in entry and "from" not in entry and (both := _two_turns(entry)):
            turns += both
        else:
            turns.append(_read_turn(entry, f"{key}[{number}]"))
    return turns


def _two_turns(entry: Record) -> list[dict[str, Any]]:
    """A question and an answer in one object; empty when it is none."""
    for question, answer in (("human", "assistant"), ("user", "assistant"), ("human", "gpt")):
        said = entry.get(question), entry.get(answer)
        if len(entry) == 2 and all(isinstance(text, str) for text in said):
            return [turn("user", said[0]), turn("assistant", said[1])]
    return []


def _read_turn(entry: Record, where: str) -> dict[str, Any]:
    role_key = "role" if "role" in entry else "from" if "from" in entry else None
    text_key = next((k for k in ("content", "value", "text") if k in entry), None)
    if role_key is None or (text_key is None and not entry.get("tool_calls")):
        raise FieldError(where, f"{where} needs a role and a content (or from and value).")
    said = entry[role_key]
    if not isinstance(said, str):
        raise FieldError(where, f"the role of {where} should be a text but is {kind_of(said)}.")
    content = entry[text_key] if text_key else None
    more = {k: v for k, v in entry.items() if k not in (role_key, text_key)}
    _settle(more, where)
    if isinstance(content, list):
        more["parts"] = content
        content = said_in(content)
    elif content is not None and not isinstance(content, str):
        raise FieldError(
            where, f"the content of {where} should be a text but is {kind_of(content)}."
        )
    if said == "function_call" and "tool_calls" not in more and content:
        more["tool_calls"] = _call(content)
        content = None
    known = said.strip().lower()
    return turn(ROLES.get(known, known), content, **more)


def _settle(more: Record, where: str) -> None:
    """Make the names in a turn texts; raises FieldError for what no trainer reads."""
    for key in ("name", "tool_call_id"):
        if more.get(key) is not None:
            more[key] = _as_text(more[key], f"{where}.{key}")
    calls = more.get("tool_calls")
    if calls is not None and not isinstance(calls, str) and not is_calls(calls):
        key = f"{where}.tool_calls"
        what = "a list of something else" if isinstance(calls, list) else kind_of(calls)
        raise FieldError(key, f"{key} should be a list of objects but is {what}.")


def is_calls(value: Any) -> bool:
    """Whether a value can be the calls of a turn: a list of objects."""
    return isinstance(value, list) and all(isinstance(call, dict) for call in value)


def said_in(parts: list[Any]) -> str:
    """The texts of a content in parts, one a line; pictures and sounds say nothing."""
    texts = [part.get("text", "") if isinstance(part, dict) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str) and text)


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
        if isinstance(parts, list) and said_in(parts) == entry["content"]:
            entry["content"] = parts
        written.append(entry)
    return written

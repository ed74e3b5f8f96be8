"""Chats: OpenAI messages (role, content) and ShareGPT conversations (from, value)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from curation.formats.base import Example, Format, Record, read_turns, write_turns

_TO_SHAREGPT = {"user": "human", "assistant": "gpt", "tool": "observation", "system": "system"}


KEYS = ("messages", "conversations", "conversation", "turns", "dialogue", "chat")


def _key(record: Record, style: str) -> str | None:
    """The key of the record's turns, when they are of that style."""
    for key in KEYS:
        value = record.get(key)
        if isinstance(value, list):
            first = next((t for t in value if isinstance(t, dict)), None)
            if first is not None:
                found = "sharegpt" if "from" in first else "messages"
            else:
                found = "sharegpt" if key.startswith("conversation") else "messages"
            return key if found == style else None
        if key in record and value is None and key in ("messages", "conversations"):
            return key if style == ("messages" if key == "messages" else "sharegpt") else None
    return None


def _messages_confidence(record: Record) -> float:
    return 0.95 if _key(record, "messages") else 0.0


def _sharegpt_confidence(record: Record) -> float:
    return 0.95 if _key(record, "sharegpt") else 0.0


def _read_messages(record: Record) -> Example:
    key = _key(record, "messages") or "messages"
    return _read(record, key)


def _read_sharegpt(record: Record) -> Example:
    key = _key(record, "sharegpt") or "conversations"
    return _read(record, key)


def _read(record: Record, key: str) -> Example:
    turns = read_turns(record.get(key), key, bare=True)
    used = [key]
    if (
        isinstance(record.get("system"), str)
        and record["system"]
        and not any(t["role"] == "system" for t in turns)
    ):
        turns.insert(0, {"role": "system", "content": record["system"]})
        used.append("system")
    return Example(turns, None, used, {} if key in ("messages", "conversations") else {"key": key})


def _write_messages(
    messages: list[dict[str, Any]], label: str | None, shape: Mapping[str, Any]
) -> Record:
    return {shape.get("key", "messages"): write_turns(messages)}


def _write_sharegpt(
    messages: list[dict[str, Any]], label: str | None, shape: Mapping[str, Any]
) -> Record:
    turns = []
    for message in write_turns(messages):
        call = None if message["content"] else _only_call(message.get("tool_calls"))
        if call is not None:
            value = {"name": call.get("name", ""), "arguments": _loaded(call.get("arguments", ""))}
            turns.append({"from": "function_call", "value": orjson.dumps(value).decode()})
            continue
        rest = {k: v for k, v in message.items() if k not in ("role", "content")}
        turns.append(
            {
                "from": _TO_SHAREGPT.get(message["role"], message["role"]),
                "value": message["content"],
                **rest,
            }
        )
    return {shape.get("key", "conversations"): turns}


def _only_call(calls: Any) -> dict[str, Any] | None:
    """The function of a turn's first call; None when there is none of that form."""
    first = calls[0] if isinstance(calls, list) and calls else None
    call = first.get("function") if isinstance(first, dict) else None
    return call if isinstance(call, dict) else None


def _loaded(text: Any) -> Any:
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError):
        return text


MESSAGES = Format(
    "messages",
    "OpenAI messages (role, content)",
    _messages_confidence,
    _read_messages,
    _write_messages,
)
SHAREGPT = Format(
    "sharegpt",
    "ShareGPT conversations (from, value)",
    _sharegpt_confidence,
    _read_sharegpt,
    _write_sharegpt,
)

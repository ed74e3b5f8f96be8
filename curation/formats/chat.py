"""Chats: OpenAI messages (role, content) and ShareGPT conversations (from, value)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from curation.formats.base import Example, Format, Record, read_turns, write_turns

_TO_SHAREGPT = {"user": "human", "assistant": "gpt", "tool": "observation", "system": "system"}


def _key(record: Record, style: str) -> str | None:
    for key in ("messages", "conversations", "conversation", "turns", "dialogue", "chat"):
        value = record.get(key)
        if isinstance(value, list):
            first = next((t for t in value if isinstance(t, dict)), None)
            found = "sharegpt" if first is not None and "from" in first else "messages"
            if first is None:
                found = "sharegpt" if key.startswith("conversation") else "messages"
            if found == style:
                return key
        elif key in ("messages", "conversations") and key in record and value is None:
            if style == ("messages" if key == "messages" else "sharegpt"):
                return key
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
    turns = read_turns(record.get(key), key)
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
        calls = message.get("tool_calls")
        if calls and not message["content"]:
            call = calls[0].get("function", {})
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

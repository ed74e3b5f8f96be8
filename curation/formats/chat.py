"""Chats: OpenAI messages (role, content) and ShareGPT conversations (from, value)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from curation.formats.base import Example, FieldError, Format, Plan, Record
from curation.formats.calls import listed_calls
from curation.formats.columns import Resolver, Roles
from curation.formats.names import LOOSE, squeezed
from curation.formats.parts import reason, system_turns, with_mark, written_mark
from curation.formats.turns import Turn, read_turns, texts_of, turn, write_turns

_TO_SHAREGPT = {"user": "human", "assistant": "gpt", "tool": "observation", "system": "system"}
_ALSO = ("system", "response", "reasoning", "good", "tools", "images", "videos", "audios")


def _sure(roles: Roles, resolver: Resolver) -> float:
    column = roles["messages"]
    listed = resolver.kinds[column] == "s" and squeezed(column) in LOOSE
    return 0.45 if listed else 0.98


def chat_column(record: Record, plan: Plan) -> str:
    """Return the column that holds the conversation, the longest of several."""
    if len(plan.chats) > 1:
        return max(plan.chats, key=lambda c: _length(record[c]))
    return plan.roles.get("messages", "messages")


def style(record: Record, plan: Plan) -> str:
    """Return the format of a record's conversation, `messages` or `sharegpt`."""
    column = chat_column(record, plan)
    value = record.get(column)
    first = next((t for t in value if isinstance(t, dict)), None) if type(value) is list else None
    if first is None:
        return "sharegpt" if column.startswith("conversation") else "messages"
    return "sharegpt" if "from" in first else "messages"


def _read(record: Record, plan: Plan) -> Example:
    key = chat_column(record, plan)
    if key not in record:
        raise FieldError(key, f"there is no {key}.")
    if delivered := _is_delivered(record, key):
        record = {**record, key: [_unfolded(entry) for entry in record[key]]}
    turns, roles = read_turns(record[key], key), plan.roles
    used, shape = {key: "messages"}, dict[str, Any]()
    if key not in ("messages", "conversations"):
        shape["key"] = key
    tools = _pop_tools(turns)
    column = roles.get("system")
    if column and not any(t["role"] == "system" for t in turns):
        turns[:0] = system = system_turns(record, column)
        if system or not record[column]:  # else the column could not be read
            used[column] = "system"
        if system:
            shape["system"] = column
    answer = roles.get("response")
    if answer and record[answer] and turns and turns[-1]["role"] == "user":
        if isinstance(record[answer], str):
            turns.append(turn("assistant", record[answer]))
            used[answer] = "response"
    if column := reason(record, roles, turns):
        used[column] = "reasoning"
    _read_lists(turns, roles.get("tools") is not None or tools is not None)
    if delivered:
        return _read_beside(record, Example(turns, None, used, shape=shape, tools=tools))
    turns, rejected = with_mark(record, roles, turns, used, shape)
    return Example(turns, None, used, shape=shape, rejected=rejected, tools=tools)


# --- rows of a Hugging Face folder that was exported before ---------------------------------


def _is_delivered(record: Record, key: str) -> bool:
    """Whether a record is a row of such a folder: its turns hold further keys as JSON text."""
    turns = record[key]
    if key != "messages" or "curation_id" not in record or type(turns) is not list or not turns:
        return False
    return all(isinstance(entry, dict) and "more" in entry for entry in turns)


def _unfolded(entry: Record) -> Record:
    """A turn with its parts and its further keys restored."""
    restored = {k: v for k, v in entry.items() if v is not None}
    if isinstance(more := _loaded(restored.get("more")), dict):
        del restored["more"]
        restored.update(more)
    if isinstance(parts := _loaded(restored.get("parts")), list):
        restored["parts"] = parts
    return restored


def _loaded(text: Any) -> Any:
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None


def _read_beside(record: Record, example: Example) -> Example:
    """An example with the label and the rejected answer from columns beside its turns."""
    used, label, rejected = dict(example.used), record.get("label"), list[Turn]()
    if isinstance(label, str) and label:
        used["label"] = "label"
    else:
        label = None
    if refused := record.get("rejected"):
        rejected, used["rejected"] = read_turns(refused, "rejected"), "rejected"
    return example._replace(label=label, used=used, rejected=rejected)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1


def _pop_tools(turns: list[Turn]) -> Any:
    """Take the tools out of a system turn and return them; a turn that is then empty is deleted."""
    for i, message in enumerate(turns):
        if message["role"] == "system" and (message.get("tools") or message.get("functions")):
            tools = message.pop("tools", None) or message.pop("functions")
            if not message["content"]:
                del turns[i]
            return tools
    return None


def _read_lists(turns: list[Turn], has_tools: bool) -> None:
    """Turn answers that are lists of calls, `[name(key="value")]`, into calls where calls are likely."""
    for i, message in enumerate(turns):
        content = message["content"]
        if not content or content[0] != "[" or not content.rstrip().endswith(")]"):
            continue
        if message["role"] != "assistant" or "tool_calls" in message:
            continue
        calls, system_text = listed_calls(content), texts_of(turns, lambda t: t["role"] == "system")
        followed = i + 1 < len(turns) and turns[i + 1]["role"] == "tool"
        if calls and (
            followed or has_tools or all(call["function"]["name"] in system_text for call in calls)
        ):
            more = {k: v for k, v in message.items() if k not in ("role", "content")}
            turns[i] = turn("assistant", None, **more, tool_calls=calls)


def _without_system(messages: list[Turn], shape: Mapping[str, Any], record: Record) -> list[Turn]:
    """The turns without a system turn that has a column, which is written into the record."""
    column = shape.get("system")
    if column and messages and messages[0]["role"] == "system":
        record[column] = messages[0]["content"]
        return messages[1:]
    return messages


def _write_messages(messages: list[Turn], label: str | None, shape: Mapping[str, Any]) -> Record:
    record: Record = {}
    turns = _without_system(messages, shape, record)
    return {
        shape.get("key", "messages"): write_turns(turns),
        **record,
        **written_mark(messages, shape),
    }


def _write_sharegpt(messages: list[Turn], label: str | None, shape: Mapping[str, Any]) -> Record:
    record: Record = {}
    turns = list[Record]()
    for message in write_turns(_without_system(messages, shape, record)):
        calls = _plain_calls(message)
        rest = {k: v for k, v in message.items() if k not in ("role", "content")}
        if calls is not None:
            del rest["tool_calls"]
            value = calls if len(calls) > 1 else calls[0]
            turns.append({"from": "function_call", "value": orjson.dumps(value).decode(), **rest})
            continue
        role = message["role"]
        turns.append({"from": _TO_SHAREGPT.get(role, role), "value": message["content"], **rest})
    return {
        shape.get("key", "conversations"): turns,
        **record,
        **written_mark(messages, shape),
    }


def _plain_calls(message: Turn) -> list[Any] | None:
    """The functions that a turn calls; None for a turn with text or with ids of calls."""
    calls = message.get("tool_calls")
    if message["content"] or not isinstance(calls, list) or not calls:
        return None
    whole = all(isinstance(c, dict) and c.keys() == {"type", "function"} for c in calls)
    return [call["function"] for call in calls] if whole else None


MESSAGES = Format(
    "messages",
    "OpenAI messages (role, content)",
    ("messages",),
    _ALSO,
    _sure,
    _read,
    _write_messages,
)
SHAREGPT = Format(
    "sharegpt",
    "ShareGPT conversations (from, value)",
    ("messages",),
    _ALSO,
    lambda roles, resolver: _sure(roles, resolver) - 0.001,
    _read,
    _write_sharegpt,
)

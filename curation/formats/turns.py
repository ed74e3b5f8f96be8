"""Turns of a conversation, in one canonical form for the many forms in files, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from curation.formats.base import FieldError, Record, as_text, kind_of
from curation.formats.calls import calls_in_text, read_calls, results_in_text
from curation.formats.columns import exchange_of
from curation.formats.names import CALLERS, CONTENT_KEYS, SPEAKER_KEYS, SPEAKERS, TURN_KEYS, speaker

Turn = dict[str, Any]


def turn(role: str, content: str | None, **more: Any) -> Turn:
    """Return a turn in canonical order of keys."""
    if not more:
        return {"role": role, "content": content}
    return {"role": role, "content": content, **{k: more[k] for k in sorted(more)}}


def read_turns(value: Any, key: str) -> list[Turn]:
    """Return a conversation as turns; raises FieldError that names the fault.

    It reads lists of objects that name a speaker (role/content, from/value and the like) or hold
    a question and its answer; lists of texts, of the user and the assistant in turn (under the key
    `turns` all are the user's, as in MT-Bench); lists of such pairs; objects of columns; JSON text
    of these; transcripts; and the tree of a ChatGPT export.
    """
    value = _listed(value, key)
    texts = bool(value) and type(value[0]) is str and all(isinstance(v, str) for v in value)
    turns = list[Turn]()
    for number, entry in enumerate(value, 1):
        if isinstance(entry, dict):
            if (plain := _plain_turn(entry)) is not None:
                turns.append(plain)
            else:
                _add(turns, entry, f"{key}[{number}]")
        elif isinstance(entry, str) and texts:
            answers = number % 2 == 0 and key != "turns"
            turns.append(turn("assistant" if answers else "user", entry))
        elif isinstance(entry, list) and [type(text) for text in entry] == [str, str]:
            turns += [turn("user", entry[0]), turn("assistant", entry[1])]
        else:
            raise FieldError(
                key, f"turn {number} of {key} should be an object but is {kind_of(entry)}."
            )
    return turns


_PLAIN_SPEAKERS = {name: role for name, role in SPEAKERS.items() if name not in CALLERS}


def _plain_turn(entry: Record) -> Turn | None:
    """A turn of a known speaker and a text without tags, as most are; None for other turns."""
    if len(entry) != 2:
        return None
    name, content = entry.get("role"), entry.get("content")
    if name is None:
        name, content = entry.get("from"), entry.get("value")
    if type(name) is not str or type(content) is not str or "<" in content:
        return None
    role = _PLAIN_SPEAKERS.get(name)
    return None if role is None else {"role": role, "content": content}


def _listed(value: Any, key: str) -> list[Any]:
    """A conversation as a list, from any form."""
    if isinstance(value, str):
        text = value.strip()
        if text[:1] in ("[", "{"):
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError:
                raise FieldError(key, f"{key} looks like JSON but is none; mend it.") from None
        else:
            value = read_transcript(text) or value
    if isinstance(value, dict):
        value = _from_object(value)
    if not isinstance(value, list):
        raise FieldError(key, f"{key} should be a list of turns but is {kind_of(value)}.")
    return value


def _from_object(value: Record) -> Any:
    """Turns of an object: a list in it, columns of equal length, a tree, or the object as one turn."""
    if isinstance(value.get("messages"), list):
        return value["messages"]
    lists = {k: v for k, v in value.items() if isinstance(v, list)}
    if lists and len(lists) == len(value) and len({len(v) for v in lists.values()}) == 1:
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    if value and all(isinstance(n, dict) and "parent" in n for n in value.values()):
        return _branch(value)
    return [value] if any(key in value for key in SPEAKER_KEYS) else value


def _branch(nodes: Mapping[str, Record]) -> list[Record]:
    """The newest branch of a tree of messages, from its root on."""
    parents = {node["parent"] for node in nodes.values() if isinstance(node["parent"], str)}
    leaves = [name for name in nodes if name not in parents]
    branch, name = list[Record](), leaves[-1] if leaves else None
    for _ in nodes:  # ends for a circle of parents too
        node = nodes.get(name) if isinstance(name, str) else None
        if node is None:
            break
        if isinstance(node.get("message"), dict):
            branch.append({k: v for k, v in node["message"].items() if k in ("author", "content")})
        name = node["parent"]
    return [message for message in reversed(branch) if _has_content(message)]


def _has_content(message: Record) -> bool:
    """Whether a message of an export has content; hidden messages have none."""
    content = message.get("content")
    if not isinstance(content, dict):
        return bool(content)
    return bool(
        _text_of_object(content) or isinstance(content.get("parts"), list) and _parts_of(content)
    )


_LABELS = re.compile(
    r"(?:^|\n)[ \t]{0,8}(SYSTEM|USER|HUMAN|ASSISTANT|FUNCTION RESPONSE|System|User|Human|Assistant)"
    r"[ \t]{0,3}:[ \t]?"
)


def read_transcript(text: str) -> list[Record] | None:
    """Return the turns of a text that begins with the name of a speaker and a colon; else None."""
    parts = _LABELS.split(text.strip())
    if parts[0].strip() or len(parts) < 3:
        return None
    return [
        {"role": role.lower(), "content": content.replace("<|endoftext|>", "").strip()}
        for role, content in zip(parts[1::2], parts[2::2], strict=True)
    ]


def _add(turns: list[Turn], entry: Record, where: str) -> None:
    """Add the content of an object to the turns: a turn, several, or more calls of the last one."""
    if not any(key in entry for key in SPEAKER_KEYS) and (keys := exchange_of(entry)):
        rest = {k: v for k, v in entry.items() if k not in keys and v is not None}
        if not rest:
            turns += [turn("user", entry[keys[0]]), turn("assistant", entry[keys[1]])]
            return
    role_key, name = _speaker_of(entry, where)
    read = _read_turn(entry, role_key, name, where)
    last = turns[-1] if turns else None
    calls = read[0].get("tool_calls") if name.strip().lower() in CALLERS else None
    before = last.get("tool_calls", []) if last and last["role"] == "assistant" else None
    alike = all(
        last and last.get(k) == v for k, v in read[0].items() if k not in ("content", "tool_calls")
    )
    if last and alike and isinstance(before, list) and isinstance(calls, list):
        turns[-1] = turn(**{**last, "tool_calls": [*before, *calls]})
    else:
        turns += read


def _speaker_of(entry: Record, where: str) -> tuple[str, str]:
    """The key of the speaker, and the speaker's name; raises FieldError for none."""
    key = next((k for k in SPEAKER_KEYS if entry.get(k) is not None), "type")
    name = entry.get(key)
    if isinstance(name, dict):
        name = name.get("role")
    if name is None or key == "type" and "content" not in entry and "data" not in entry:
        raise FieldError(where, f"{where} needs a role and a content (or from and value).")
    if not isinstance(name, str):
        raise FieldError(where, f"the role of {where} should be a text but is {kind_of(name)}.")
    return key, name


def _read_turn(entry: Record, role_key: str, name: str, where: str) -> list[Turn]:
    if role_key == "type" and isinstance(entry.get("data"), dict):
        entry = {"type": name, **entry["data"]}
    text_key = next((k for k in CONTENT_KEYS if k in entry), None)
    called = any(entry.get(key) for key in ("tool_calls", "function_call"))
    if text_key is None and not called:
        raise FieldError(where, f"{where} needs a role and a content (or from and value).")
    content = entry[text_key] if text_key else None
    more = {k: v for k, v in entry.items() if v is not None and k not in (role_key, text_key)}
    role = speaker(name)
    if len(more) or type(content) is not str:
        _settle(more, where)
    if name.strip().lower() in CALLERS and "tool_calls" not in more and content:
        if type(content) is str and (thought := _THOUGHT.match(content)):
            more.setdefault("reasoning_content", thought.group(1))
            content = content[thought.end() :]
        more["tool_calls"] = read_calls(content) or [_unread(content)]
        return [turn(role, None, **more)]
    turns = list[Turn]()
    if type(content) is not str and content is not None:
        content, turns = _plain(content, role, more, where)
    if type(content) is str and "<" in content:
        return [*turns, *_with_tags(role, content, more)]
    return [*turns, turn(role, content, **more)] if content or more or not turns else turns


_THOUGHT = re.compile(r"\s*+<think>\n?(.*?)\n?</think>\s*+(?=[\[{])", re.S)
"""Reasoning before a call, as LLaMA-Factory reads it."""


def _unread(content: Any) -> Record:
    """A call that cannot be read, as its text; every trainer's check refuses it."""
    text = content if isinstance(content, str) else orjson.dumps(content).decode()
    return {"type": "function", "function": {"name": "", "arguments": text}}


def _with_tags(role: str, content: str, more: Record) -> list[Turn]:
    """A turn whose calls, or whose tool results, are in its text between tags."""
    if role == "assistant" and "tool_calls" not in more and (read := calls_in_text(content)):
        return [turn(role, read[0], **more, tool_calls=read[1])]
    if role in ("user", "tool") and (results := results_in_text(content)) is not None:
        return [turn("tool", result, **more) for result in results]
    return [turn(role, content, **more)]


def _plain(content: Any, role: str, more: Record, where: str) -> tuple[str, list[Turn]]:
    """The text of a content that is no text itself, and the tool results in it as turns."""
    results = list[Turn]()
    if isinstance(content, dict) and role != "tool" and _has_content({"content": content}):
        if parts := _parts_of(content):
            more["parts"] = parts
        return _text_of_object(content), results
    if isinstance(content, list):
        parts = _without_blocks(content, more, results)
        if parts:
            more["parts"] = parts
        return text_in(parts), results
    if role == "tool" and isinstance(content, dict | bool | int | float):
        return orjson.dumps(content).decode(), results
    raise FieldError(where, f"the content of {where} should be a text but is {kind_of(content)}.")


def _text_of_object(content: Record) -> str:
    """The text of a content that is one part, or that has the parts of a ChatGPT export."""
    if isinstance(content.get("parts"), list):
        return text_in(content["parts"])
    return content["text"] if isinstance(content.get("text"), str) else ""


def _parts_of(content: Record) -> list[Any]:
    """The parts of a content with more than text, such as a picture; [] for text only."""
    parts = content.get("parts")
    if isinstance(parts, list):
        return parts if any(isinstance(part, dict) and part for part in parts) else []
    more = any(v for k, v in content.items() if k not in ("text", "type", "content_type"))
    return [content] if more else []


def _without_blocks(content: list[Any], more: Record, results: list[Turn]) -> list[Any]:
    """The parts that are text or media; calls and reasoning go to `more`, results to `results`."""
    parts = list[Any]()
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "tool_use" or isinstance(part, dict) and isinstance(part.get("toolUse"), dict):
            call = part if kind == "tool_use" else part["toolUse"]
            read = read_calls(call)
            if read:
                more["tool_calls"] = [*more.get("tool_calls", []), *read]
                continue
        elif kind == "thinking" and isinstance(part.get("thinking"), str):
            former, thought = more.get("reasoning_content"), part["thinking"]
            if former != thought:
                more["reasoning_content"] = f"{former}\n\n{thought}" if former else thought
            continue
        elif kind == "tool_result" or isinstance(part, dict) and "toolResult" in part:
            result = part if kind == "tool_result" else part["toolResult"]
            if isinstance(result, dict):
                results.append(_result(result))
                continue
        parts.append(part)
    return parts


def _result(block: Record) -> Turn:
    """The result of a tool, from a block within a content."""
    content, more = block.get("content"), Record()
    identity = block.get("tool_use_id", block.get("toolUseId"))
    if isinstance(identity, str):
        more["tool_call_id"] = identity
    if isinstance(content, list):
        texts = [p if not isinstance(p, dict) or "text" in p else _dumped(p) for p in content]
        return turn("tool", text_in(texts), **more)
    return turn("tool", content if isinstance(content, str) else _dumped(content), **more)


def _dumped(value: Any) -> str:
    return "" if value is None else orjson.dumps(value).decode()


def _settle(more: Record, where: str) -> None:
    """Bring the further keys of a turn into canonical form; raises FieldError for unreadable ones."""
    for key in ("name", "tool_call_id"):
        if key in more:
            more[key] = as_text(more[key], f"{where}.{key}")
    for key, aliases in TURN_KEYS.items():
        name = next((a for a in aliases if a in more and _is(key, more[a])), None)
        if name is not None:
            value = more.pop(name)
            more[key] = int(value) if key == "weight" and value in (0, 1) else value
    legacy = more.pop("function_call", None)
    given = more.pop("tool_calls", None) or legacy
    if not given:
        return
    calls = read_calls(given)
    if calls is None and not isinstance(given, str):
        key = f"{where}.tool_calls"
        what = "a list of something else" if isinstance(given, list) else kind_of(given)
        raise FieldError(key, f"{key} should be a list of objects but is {what}.")
    more["tool_calls"] = given if calls is None else calls


def _is(key: str, value: Any) -> bool:
    """Whether a value fits a canonical key."""
    return isinstance(value, bool | int | float) if key == "weight" else isinstance(value, str)


def text_in(parts: Iterable[Any]) -> str:
    """Return the texts of a content in parts, one a line; pictures and sounds have none."""
    texts = [part.get("text", "") if isinstance(part, dict) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def write_turns(messages: list[Turn]) -> list[Record]:
    """Return turns as role/content objects, parts put back where their text is still the content."""
    written = []
    for message in messages:
        entry = dict(message)
        parts = entry.pop("parts", None)
        if isinstance(parts, list) and text_in(parts) == entry["content"]:
            entry["content"] = parts
        written.append(entry)
    return written


def texts_of(turns: Iterable[Turn], where: Callable[[Turn], bool]) -> str:
    """Return the texts of some turns, with blank lines between them."""
    return "\n\n".join(t["content"] or "" for t in turns if where(t))

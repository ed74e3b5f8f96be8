"""Pairs of texts: prompt and completion by their many names, and preference pairs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from curation.formats.base import (
    WHICH_COLUMN,
    Example,
    FieldError,
    Format,
    Pair,
    Record,
    all_texts,
    read_turns,
    text_of,
    turn,
    write_turns,
)

PROMPTS = (
    "prompt",
    "question",
    "query",
    "instruction",
    "input",
    "inputs",
    "problem",
    "user",
    "human",
    "request",
    "q",
    "context",
    "source",
)
RESPONSES = (
    "completion",
    "response",
    "answer",
    "output",
    "outputs",
    "solution",
    "canonical_solution",
    "reply",
    "assistant",
    "gpt",
    "bot",
    "answers",
    "a",
    "targets",
    "target",
)
_VAGUE = ("context", "source", "target")
"""Names that often mean something else; another format is believed first."""


def _pair(record: Record) -> tuple[str, str] | None:
    keys = {str(k).lower(): k for k in record}
    prompt = next((keys[p] for p in PROMPTS if p in keys), None)
    response = next((keys[r] for r in RESPONSES if r in keys and keys[r] != prompt), None)
    return (prompt, response) if prompt is not None and response is not None else None


def _confidence(record: Record) -> float:
    pair = _pair(record)
    if pair is None or "chosen" in record:
        return 0.0
    return 0.6 if any(name.lower() in _VAGUE for name in pair) else 0.9


def _side(record: Record, key: str, role: str) -> tuple[list[dict[str, Any]], bool]:
    value = record[key]
    if isinstance(value, list):
        return read_turns(value, key), True
    if isinstance(value, dict) and ({"role", "content"} & set(value) or "value" in value):
        return read_turns([value], key), True
    return [turn(role, text_of(record, key))], False


def _read(record: Record) -> Example:
    pair = _pair(record)
    if pair is None:
        raise FieldError("prompt", f"there is no pair of a prompt and a response; {WHICH_COLUMN}")
    prompt, response = pair
    before, listed = _side(record, prompt, "user")
    after, also = _side(record, response, "assistant")
    used = [prompt, response]
    if isinstance(record.get("system"), str) and record["system"] and not listed:
        before.insert(0, turn("system", record["system"]))
        used.append("system")
    shape: dict[str, Any] = {}
    if (prompt, response) != ("prompt", "completion"):
        shape["keys"] = [prompt, response]
    if listed or also:
        shape["lists"] = [listed, also]
    exact = "system" not in record and all_texts(record)
    return Example([*before, *after], None, used, shape, exact)


def _write(messages: list[dict[str, Any]], label: str | None, shape: Mapping[str, Any]) -> Record:
    prompt, response = shape.get("keys", ("prompt", "completion"))
    listed, also = shape.get("lists", (False, False))
    last = messages[-1] if messages and messages[-1]["role"] == "assistant" else None
    before = messages[:-1] if last else messages
    record: Record = {}
    if listed:
        record[prompt] = write_turns(before)
    else:
        system = [m for m in before if m["role"] == "system"]
        if system:
            record["system"] = "\n\n".join(m["content"] or "" for m in system)
        record[prompt] = "\n\n".join(m["content"] or "" for m in before if m["role"] != "system")
    answer = last["content"] if last else label or ""
    record[response] = write_turns([last] if last else []) if also else answer
    return record


def _preference_confidence(record: Record) -> float:
    return 0.97 if "chosen" in record and "rejected" in record else 0.0


def _read_preference(record: Record) -> Example:
    if "chosen" not in record:
        raise FieldError("chosen", "a preference pair needs an answer that was chosen.")
    chosen, listed = _side(record, "chosen", "assistant")
    used = ["chosen"]
    before: list[dict[str, Any]] = []
    if not (listed and chosen and chosen[0]["role"] != "assistant"):
        key = next((k for k in ("conversations", "messages", *PROMPTS) if k in record), None)
        if key is None:
            raise FieldError("prompt", "a preference pair needs a prompt.")
        used.append(key)
        before, _ = _side(record, key, "user")
        given = record.get("input") if key == "instruction" else None
        if isinstance(given, str) and given and before:
            before[0]["content"] = f"{before[0]['content'] or ''}\n\n{given}"
            used.append("input")
        if isinstance(record.get("system"), str) and record["system"]:
            before.insert(0, turn("system", record["system"]))
            used.append("system")
    return Example([*before, *chosen], None, used)


def _write_preference(
    messages: list[dict[str, Any]], label: str | None, shape: Mapping[str, Any]
) -> Record:
    last = messages[-1:] if messages and messages[-1]["role"] == "assistant" else []
    before = messages[: len(messages) - len(last)]
    return {"prompt": write_turns(before), "chosen": write_turns(last)}


def _texts(columns: Collection[str]) -> Pair | None:
    pair = _pair(dict.fromkeys(columns, ""))
    if pair is None or "system" in columns:
        return None
    usual = pair == ("prompt", "completion")
    return Pair(pair[0], None, pair[1], {} if usual else {"keys": list(pair)})


COMPLETION = Format("completion", "Prompt and completion", _confidence, _read, _write, _texts)
PREFERENCE = Format(
    "preference",
    "Preference pair (chosen is taken)",
    _preference_confidence,
    _read_preference,
    _write_preference,
)

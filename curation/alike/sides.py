"""An example as a trainer sees it, in two sides, and whether two sides are equal.

The prompt's side is everything before the last assistant turn: system text, turns with their roles,
calls and tools. The answer's side is the last assistant turn with its calls and reasoning, the
rejected answer, and the label. A text without an answer is a prompt, and its label is its answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pandas as pd

from curation.text.folding import folded

MEDIA = ("images", "image", "videos", "video", "audios", "audio")
"""Metadata that a trainer sees beside the turns."""

KEY = 8
"""Bytes of a key of a side, or of a text."""

Part = tuple[str, str]
"""A role, or a role and a key of a turn, and its text."""


@dataclass(frozen=True)
class Example:
    """The two sides of an example, each a list of parts."""

    prompt: tuple[Part, ...]
    answer: tuple[Part, ...]


def examples(rows: pd.DataFrame) -> list[Example]:
    """The two sides of each row, as a trainer sees them."""
    empty = [""] * len(rows)
    columns = [
        rows[name].fillna("").tolist() if name in rows else empty
        for name in ("messages", "label", "tools", "rejected", "metadata")
    ]
    return [_example(*values) for values in zip(*columns, strict=True)]


def answer_of(example: Example) -> tuple[Part, ...]:
    """The side of the answer; for a text without an answer, the text and its label."""
    if any(role == "assistant" for role, _ in example.answer):
        return example.answer
    return (*example.prompt, *example.answer)


def _example(messages: str, label: str, tools: str, rejected: str, metadata: str) -> Example:
    turns = orjson.loads(messages)
    last = max((i for i, t in enumerate(turns) if t["role"] == "assistant"), default=len(turns))
    numbers: dict[str, str] = {}
    parts = [list(_parts(turn, numbers)) for turn in turns]
    prompt = [part for turn in parts[:last] for part in turn]
    answer = [part for turn in parts[last:] for part in turn]
    if tools:
        prompt.append(("tools", tools))
    if metadata:
        prompt += _media(metadata)
    if rejected:
        answer.append(("rejected", rejected))
    if label:
        answer.append(("label", label))
    return Example(tuple(prompt), tuple(answer))


def _parts(turn: dict[str, Any], numbers: dict[str, str]) -> list[Part]:
    role = str(turn["role"])
    parts = [(role, turn["content"] or "")]
    for key in sorted(turn.keys() - {"role", "content"}):
        value = turn[key]
        if key in ("tool_calls", "tool_call_id"):
            value = _numbered(value, numbers)
        if value not in (None, "", [], {}):
            text = value if isinstance(value, str) else _json(value)
            parts.append((f"{role}.{key}", text))
    return parts


def _numbered(value: Any, numbers: dict[str, str]) -> Any:
    """Calls with numbers in place of their ids, which are random."""
    if isinstance(value, str):
        return numbers.setdefault(value, str(len(numbers)))
    if not isinstance(value, list):
        return value
    return [
        {**call, "id": numbers.setdefault(str(call["id"]), str(len(numbers)))}
        if isinstance(call, dict) and call.get("id")
        else call
        for call in value
    ]


def _media(metadata: str) -> list[Part]:
    if not any(name in metadata for name in ("image", "video", "audio")):
        return []
    columns = orjson.loads(metadata)
    return [(name, _json(columns[name])) for name in MEDIA if columns.get(name)]


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def same(parts: Sequence[Part], fold: bool, punctuation: bool) -> bytes:
    """A key that is the same for equal parts, folded or not, KEY bytes; empty for parts without text."""
    texts = [
        (role, text if not fold or _is_code(role) else folded(text, punctuation))
        for role, text in parts
    ]
    if not any(text for _, text in texts):
        return b""
    return hashlib.blake2b(
        "\0".join(f"{role}\1{text}" for role, text in texts).encode("utf-8", "surrogatepass"),
        digest_size=KEY,
    ).digest()


def _is_code(role: str) -> bool:
    """Whether a machine reads a part: descriptions of tools, and calls with their arguments."""
    return role == "tools" or role.endswith(".tool_calls")

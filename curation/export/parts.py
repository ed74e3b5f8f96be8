"""The parts of an example, and the places that a format has for them.

Guarantee: every part of an example is either written or named as lost. An exporter gets only the
parts that its format declares; all others are reported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from curation.chat.calls import has_fine_numbers, without_ids
from curation.formats.base import is_calls
from curation.formats.names import SQUEEZED, squeezed

Row = dict[str, Any]

EVERYTHING = frozenset(
    {
        "name",
        "tool_calls",
        "call_ids",
        "fine_numbers",
        "reasoning_content",
        "weight",
        "weight_of_others",
        "weight_in_parts",
        "media",
        "empty_system",
        "turn:*",
        "tools",
        "rejected",
        "label",
        "column:*",
        "tags",
        "rating",
        "note",
        "flags",
        "answers",
    }
)
"""Codes of all parts of an example beside roles and texts; `turn:*` and `column:*` mean any name."""

TITLES = {
    "name": "names of speakers",
    "tool_calls": "tool calls",
    "call_ids": "ids of tool calls and results",
    "fine_numbers": "decimals beyond the tenth in arguments, which `datasets` cuts off",
    "reasoning_content": "reasoning",
    "weight": "loss masks",
    "weight_of_others": "loss masks of turns that are not answers",
    "weight_in_parts": "loss weights other than 0 and 1",
    "empty_system": "empty system turns",
    "tools": "descriptions of tools",
    "rejected": "rejected answers",
    "label": "labels",
    "tags": "people's tags",
    "rating": "people's ratings",
    "note": "people's notes",
    "flags": "people's flags for review",
    "answers": "people's answers to the lead's questions",
}
"""Code → title for people."""

WORDS = ("tags", "rating", "note", "flags", "answers")
"""Kinds of people's words on an example beside verdicts, edits and labels."""

_MEDIA_COLUMNS = ("image", "images", "video", "videos", "audio", "audios")

_NOTHING: tuple[Any, ...] = (None, "", "[]", "{}", [], {})
"""Empty values of a column; they cannot be lost."""

_APART = ("tools", "rejected")
"""Parts that keep the column that they were read from."""


class NotHeld(Exception):
    """A format cannot hold an example; the code is for counting, the text is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def title(code: str) -> str:
    """Return a part's name for people."""
    kind, _, name = code.partition(":")
    if name:
        return f"{'column' if kind == 'column' else 'turn key'} {name}"
    return TITLES[code]


def holds(places: Collection[str], code: str) -> bool:
    """Return whether these places include one for a part."""
    return code in places or f"{code.partition(':')[0]}:*" in places


def fit(row: Row, places: Collection[str]) -> tuple[Row, set[str]]:
    """Return an example with only the parts that a format has a place for, and the lost codes.

    A format without a place for labels gets the label as the answer to its text. An empty system
    turn is left out. Raises NotHeld for images, audio and files without a place, because a
    conversation without them has another meaning.
    """
    lost = set[str]()

    def stays(code: str) -> bool:
        if holds(places, code):
            return True
        lost.add(code)
        return False

    shown = row if holds(places, "rejected") else {**row, "rejected": []}
    media = media_of(shown)
    if media and not holds(places, "media"):
        raise NotHeld("media", "it holds an image, audio or a file")
    turns = [
        _fit_turn(turn, stays)
        for turn in row["turns"]
        if not _is_empty_system(turn) or stays("empty_system")
    ]
    fitted = {**row, "turns": turns}
    if fitted["label"] is not None and not holds(places, "label"):
        if any(turn["role"] == "assistant" for turn in turns):
            lost.add("label")
        else:
            turns.append({"role": "assistant", "content": fitted["label"]})
        fitted["label"] = None
    for code in ("tools", "rejected", *WORDS):
        if fitted.get(code) and not stays(code):
            fitted[code] = [] if code in ("tools", "rejected") else None
    fitted["rejected"] = [_fit_turn(turn, stays) for turn in fitted["rejected"]]
    apart = {*_read_columns(row), *_media_columns(shown, media)}
    fitted["columns"] = {
        name: value
        for name, value in row["columns"].items()
        if value in _NOTHING or name in apart or stays(f"column:{name}")
    }
    return fitted, lost


def _read_columns(row: Row) -> Iterator[str]:
    """Yield the columns that parts were read from: of each part the first name with a value."""
    filled = {squeezed(name): name for name, v in row["columns"].items() if v not in _NOTHING}
    for part in _APART:
        if row.get(part):
            yield from [filled[name] for name in SQUEEZED[part] if name in filled][:1]


def _media_columns(row: Row, media: Mapping[str, list[Any]]) -> Iterator[str]:
    """Yield columns of media whose references are all among those of the example."""
    for name in (name for name in row["columns"] if name in _MEDIA_COLUMNS):
        shown = media.get(f"{name.rstrip('s')}s", [])
        if all(reference in shown for reference in _listed(row["columns"].get(name))):
            yield name


def _is_empty_system(turn: Row) -> bool:
    return turn["role"] == "system" and not (turn.get("content") or "").strip()


def _fit_turn(turn: Row, stays: Any) -> Row:
    fitted: Row = {}
    for key, value in turn.items():
        if key in ("role", "content"):
            fitted[key] = value
        elif key == "parts":
            if any(_is_media(part) for part in value):
                fitted[key] = _with_current_text(value, turn.get("content") or "")
        elif stays(_code(turn, key)):
            fitted[key] = value
    calls = fitted.get("tool_calls", [])
    if is_calls(calls) and any("id" in call for call in calls) and not stays("call_ids"):
        fitted["tool_calls"] = without_ids(calls)
    if is_calls(calls) and any(map(has_fine_numbers, calls)):
        stays("fine_numbers")
    return fitted


def _with_current_text(parts: list[Any], content: str) -> list[Any]:
    """Return parts with the current text, because cleaning and people change only the content."""
    texts = [part if isinstance(part, str) else part.get("text") for part in parts]
    if "\n".join(text for text in texts if isinstance(text, str) and text) == content:
        return parts
    media = [part for part in parts if _is_media(part)]
    return [*media, {"type": "text", "text": content}] if content else media


def _code(turn: Row, key: str) -> str:
    """Return the code of a key of a turn."""
    if key == "tool_call_id":
        return "call_ids"
    if key != "weight":
        return key if key in EVERYTHING else f"turn:{key}"
    if not isinstance(turn[key], bool | int | float):
        return "turn:weight"
    if turn[key] not in (0, 1):
        return "weight_in_parts"
    return "weight" if turn["role"] == "assistant" else "weight_of_others"


def _is_media(part: Any) -> bool:
    return isinstance(part, dict) and not isinstance(part.get("text"), str)


def media_of(row: Row) -> dict[str, list[Any]]:
    """Return references to images, videos and audio by kind; other parts are under `other`.

    References stand in the parts of a turn, or in a separate column with `<image>` in the text.
    """
    media: dict[str, list[Any]] = {}
    for kind, reference in _media(row):
        media.setdefault(kind, []).append(reference)
    return media


def _media(row: Row) -> Iterator[tuple[str, Any]]:
    turns = [*row["turns"], *row["rejected"]]
    parts = [part for turn in turns for part in turn.get("parts", ()) if _is_media(part)]
    yield from map(_reference, parts)
    named = [] if parts else [name for name in row["columns"] if name in _MEDIA_COLUMNS]
    for name in sorted(named, key=_MEDIA_COLUMNS.index):
        kind = name.rstrip("s")
        if any(f"<{kind}>" in (turn["content"] or "") for turn in turns):
            yield from ((f"{kind}s", reference) for reference in _listed(row["columns"].get(name)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _reference(part: Row) -> tuple[str, Any]:
    """Return the kind of a part and its reference."""
    for kind in ("image", "video", "audio"):
        for key in (kind, f"{kind}_url", "url", "path"):
            value = part.get(key)
            value = value.get("url") if isinstance(value, dict) else value
            if isinstance(value, str) and kind in f"{part.get('type')} {key}":
                return f"{kind}s", value
    return "other", part

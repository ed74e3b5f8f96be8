"""Texts with a label (classification) and plain texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from curation.formats.base import (
    WHICH_COLUMN,
    Example,
    FieldError,
    Format,
    Record,
    all_texts,
    text_of,
    turn,
)

TEXTS = (
    "text",
    "sentence",
    "content",
    "utterance",
    "headline",
    "review",
    "document",
    "body",
    "title",
    "tweet",
    "full_text",
)
LABELS = (
    "label",
    "class",
    "category",
    "intent",
    "labels",
    "target",
    "sentiment",
    "label_name",
    "topic",
)


def _find(record: Record, names: tuple[str, ...]) -> str | None:
    keys = {str(k).lower(): k for k in record}
    return next((keys[n] for n in names if n in keys), None)


def _label_confidence(record: Record) -> float:
    return 0.8 if _find(record, TEXTS) and _find(record, LABELS) else 0.0


def _read_label(record: Record) -> Example:
    text, label = _find(record, TEXTS), _find(record, LABELS)
    if text is None or label is None:
        raise FieldError("label", f"there is no pair of a text and a label; {WHICH_COLUMN}")
    value: str | None = text_of(record, label)
    if value is None or not value.strip():  # not labelled yet; people will
        return Example([turn("user", text_of(record, text))], None, [text])
    shape: dict[str, Any] = {} if (text, label) == ("text", "label") else {"keys": [text, label]}
    if not isinstance(record[label], str):
        shape["number"] = True
    turns = [turn("user", text_of(record, text))]
    return Example(turns, value, [text, label], shape, all_texts(record))


def _write_label(
    messages: list[dict[str, Any]], label: str | None, shape: Mapping[str, Any]
) -> Record:
    text, name = shape.get("keys", ("text", "label"))
    content = "\n\n".join(m["content"] or "" for m in messages)
    if shape.get("number") and label is not None and re.fullmatch("-?[0-9]{1,15}", label):
        return {text: content, name: int(label)}
    return {text: content, name: label}


def _text_confidence(record: Record) -> float:
    return 0.5 if _find(record, TEXTS) and "role" not in record else 0.0  # not a lone turn


def _read_text(record: Record) -> Example:
    text = _find(record, TEXTS)
    if text is None:
        raise FieldError("text", f"there is no text; {WHICH_COLUMN}")
    return Example(
        [turn("assistant", text_of(record, text))],
        None,
        [text],
        {} if text == "text" else {"key": text},
    )


def _write_text(
    messages: list[dict[str, Any]], label: str | None, shape: Mapping[str, Any]
) -> Record:
    return {shape.get("key", "text"): "\n\n".join(m["content"] or "" for m in messages)}


LABEL = Format("label", "Text and label", _label_confidence, _read_label, _write_label)
TEXT = Format("text", "Plain text", _text_confidence, _read_text, _write_text)

"""Texts with a label (classification) and plain texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from curation.formats.base import (
    BETWEEN,
    WHICH_COLUMN,
    Example,
    FieldError,
    Format,
    Plan,
    Record,
    text_of,
)
from curation.formats.columns import Resolver, Roles
from curation.formats.names import TITLES, squeezed
from curation.formats.turns import Turn, turn


def _rejected_by(record: Record, plan: Plan, used: dict[str, str]) -> bool:
    """Whether a person rejected the record."""
    column = plan.roles.get("verdict")
    if column is None:
        return False
    used[column] = "verdict"
    return bool(record[column] == "reject")


def _read_label(record: Record, plan: Plan) -> Example:
    text, label = plan.roles.get("text"), plan.roles.get("label")
    if text is None or label is None:
        raise FieldError("label", f"there is no pair of a text and a label; {WHICH_COLUMN}")
    used = {text: "text"}
    turns, value = [turn("user", text_of(record, text))], label_of(record, label)
    shape: dict[str, Any] = {} if (text, label) == ("text", "label") else {"keys": [text, label]}
    if not value.strip():  # not labelled yet; people will
        return Example(turns, None, used, shape={**shape, "blank": True})
    used[label] = "label"
    if not isinstance(record[label], str):
        shape["number"] = True
    if _rejected_by(record, plan, used):
        return Example(turns, None, used, shape=shape, rejected=[turn("assistant", value)])
    exact = isinstance(record[text], str) and isinstance(record[label], str)
    return Example(turns, value, used, shape=shape, exact=exact and "verdict" not in used.values())


def label_of(record: Record, column: str) -> str:
    """Return a label as text; several are joined, and the ids of options become their texts.

    Raises FieldError for an object, or a list of other values than texts.
    """
    value = record[column]
    if not isinstance(value, list):
        return text_of(record, column)
    labels = [v for v in value if isinstance(v, str)]
    if len(labels) < len(value):
        raise FieldError(column, f"{column} should be a text or a list of texts; make it one.")
    options = record.get("options")
    if squeezed(column) == "accept" and isinstance(options, list):
        names = {o.get("id"): o.get("text") for o in options if isinstance(o, dict)}
        labels = [n if isinstance(n := names.get(label), str) else label for label in labels]
    return ", ".join(labels)


def _write_label(messages: list[Turn], label: str | None, shape: Mapping[str, Any]) -> Record:
    text, name = shape.get("keys", ("text", "label"))
    content = BETWEEN.join(m["content"] or "" for m in messages)
    if label is None and shape.get("blank"):  # the metadata hold the column
        return {text: content}
    if shape.get("number") and label is not None and re.fullmatch("-?[0-9]{1,15}", label):
        return {text: content, name: int(label)}
    return {text: content, name: label}


def _text_sure(roles: Roles, resolver: Resolver) -> float:
    return 0.0 if resolver.has("role") or squeezed(roles["text"]) in TITLES else 0.5


def _read_text(record: Record, plan: Plan) -> Example:
    column = plan.roles.get("text")
    if column is None:
        raise FieldError("text", f"there is no text; {WHICH_COLUMN}")
    text, used = text_of(record, column), {column: "text"}
    shape = {} if column == "text" else {"key": column}
    if _rejected_by(record, plan, used):
        turns = [turn("user", text)]
        return Example(turns, None, used, shape=shape, rejected=[turn("assistant", text)])
    return Example([turn("assistant", text)], None, used, shape=shape)


def _write_text(messages: list[Turn], label: str | None, shape: Mapping[str, Any]) -> Record:
    return {shape.get("key", "text"): BETWEEN.join(m["content"] or "" for m in messages)}


LABEL = Format(
    "label",
    "Text and label",
    ("text", "label"),
    ("verdict",),
    lambda roles, resolver: 0.8,
    _read_label,
    _write_label,
    by_hand=(),
)
TEXT = Format(
    "text",
    "Plain text",
    ("text",),
    ("verdict",),
    _text_sure,
    _read_text,
    _write_text,
    by_hand=(),
)

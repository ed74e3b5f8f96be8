"""A label beside a conversation, in the column that a mapping names.

A text with a label is a format of its own; beside a question and its answer the same names of columns
mean too many things, so that only a person can name the label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from curation.formats.base import Example, Format, Record
from curation.formats.texts import label_of
from curation.formats.turns import Turn


def with_label(record: Record, column: str, example: Example) -> Example:
    """Return an example with its label; where the column is empty or missing, one for people to label.

    A question whose only answer is marked as bad gets no label, which would count as its answer.
    Raises FieldError for a value that is no label.
    """
    value, label = record.get(column), label_of(record, column) if column in record else ""
    shape = {**example.shape, "labelled": [column, _kind(value)]}
    answered = any(turn["role"] == "assistant" for turn in example.messages)
    if not label.strip() or (example.rejected and not answered):
        return example._replace(label=None, shape={**shape, "blank": True})
    exact = example.exact and isinstance(value, str)
    used = {**example.used, column: "label"}
    return example._replace(label=label, used=used, shape=shape, exact=exact)


def _kind(value: Any) -> str:
    """The kind of a column's values, in which a new label is written."""
    if isinstance(value, list):
        return "list"
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, int | float) else "text"


def written(
    form: Format, messages: list[Turn], label: str | None, shape: Mapping[str, Any]
) -> Record:
    """Return an example as the columns of a format, a label beside its conversation included."""
    inside = None if "labelled" in shape else label
    return {**form.write(messages, inside, shape), **label_column(label, shape)}


def label_column(label: str | None, shape: Mapping[str, Any]) -> Record:
    """Return the column of a label beside a conversation, where the record has one."""
    if "labelled" not in shape or (label is None and shape.get("blank")):  # it is in the metadata
        return {}
    column, kind = shape["labelled"]
    return {column: None if label is None else _as_before(label, kind)}


def _as_before(label: str, kind: str) -> Any:
    """A label as a value of the kind that its column has; as a text where it is no such value."""
    if kind == "list":
        return label.split(", ")
    if kind == "truth" and label in ("true", "false"):
        return label == "true"
    if kind == "number" and re.fullmatch(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?", label):
        return orjson.loads(label)
    return label

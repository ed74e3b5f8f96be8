"""A record as an example.

Guarantee: `writing.write` restores the record exactly. Accepted: a record of an unusual shape is kept
whole beside the example, which doubles its size.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from curation.formats.base import WHICH_COLUMN, Example, FieldError, Format, Plan, Record
from curation.formats.beside import with_label, written
from curation.formats.calls import dump_tools, read_tools, without_phantoms
from curation.formats.recognition import get, lacking_of, mapped_roles, plan_of

METADATA = "metadata"
"""The role of a column that is no part of an example."""

_STAYING = frozenset({"tools", "rejected", "images", "videos", "audios"})
"""Roles of columns that also stay in the metadata, as the file wrote them."""

_MEDIA = ("images", "videos", "audios")
_NUMBER = re.compile("-?[0-9]{1,9}")


class Converted(NamedTuple):
    """A record in canonical form: the values of a row of examples.

    turns: `messages` as objects. tools, rejected: as in the columns of a dataset.
    columns: the record's columns that are not empty → the role of each, or METADATA.
    """

    format: str
    messages: str
    label: str | None
    metadata: str
    shape: str
    turns: list[dict[str, Any]]
    tools: str
    rejected: str
    columns: dict[str, str]


def convert(
    record: Record,
    *,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    label_names: Sequence[str] | None = None,
    table: bool = False,
) -> Converted:
    """Return a record as an example; raises FieldError when no format fits or a field is wrong.

    A record that `write` would not restore exactly is kept whole in `shape`, so nothing is lost.
    table: the record is a row of a table, where null stands for an absent key.
    """
    plan = plan_of(record, format, mapped_roles(record, mapping) if mapping else None)
    if not plan.format:
        mapped_roles(record, mapping or {}, all=True)
        if mapping and (lacking := lacking_of(mapping, format)):
            raise FieldError("", lacking)
        lists = [f"{k}={c}" for k, c in (mapping or {}).items() if type(record.get(c)) is list]
        if lists:
            raise FieldError(
                "",
                f"no format is known with {', '.join(lists)}: the column holds a list. Name a list "
                "of turns as messages, or name no column.",
            )
        keys = ", ".join(map(str, list(record)[:8])) or "none"
        raise FieldError("", f"no format is known for the columns {keys}; {WHICH_COLUMN}")
    form = get(plan.format)
    example = form.read(record, plan)
    if (column := plan.roles.get("label")) and "label" in form.by_hand:
        example = with_label(record, column, example)
    label = example.label
    if label is not None and label_names and _NUMBER.fullmatch(label):
        label = _named(label, label_names)
    used = dict(example.used)
    tools = _tools(record, plan, example, used, table)
    without_phantoms([*example.messages, *example.rejected], tools, table)
    rest = _rest(record, plan, used, example.kept)
    messages = orjson.dumps(example.messages).decode()
    shape = dict(example.shape)
    exact = example.exact and rest.keys() <= record.keys()
    if label == example.label and (exact or _is_restored(record, form, example, rest)):
        shape["order"] = list(record)
    else:
        shape.update(record=record, label=label, said=digest_of(messages), table=table)
        if mapping:
            shape["mapping"] = dict(mapping)
    return Converted(
        plan.format,
        messages,
        label,
        orjson.dumps(rest).decode() if rest else "",
        orjson.dumps(shape).decode(),
        example.messages,
        dump_tools(tools),
        orjson.dumps(example.rejected).decode() if example.rejected else "",
        {c: used.get(c, METADATA) for c, v in record.items() if v or v is False or v == 0},
    )


def _tools(
    record: Record, plan: Plan, example: Example, used: dict[str, str], table: bool
) -> list[Any]:
    """The tools of a record, from their column or from within its turns."""
    if column := plan.roles.get("tools"):
        tools, whole = read_tools(record[column], table)
        if tools and whole:  # a column that holds more than tools stays in the metadata
            used[column] = "tools"
        if tools:
            return tools
    return read_tools(example.tools, table)[0] if example.tools else []


def _rest(record: Record, plan: Plan, used: dict[str, str], kept: Any) -> Record:
    """The metadata: columns without another role, and media as a list under one name."""
    rest = {c: v for c, v in record.items() if c not in used or used[c] in _STAYING or c in kept}
    for role in _MEDIA:
        column = plan.roles.get(role)
        if column and column in rest and record[column]:
            used[column], value = role, rest.pop(column)
            rest[role] = value if isinstance(value, list) else [value]
    return rest


def _named(label: str, label_names: Sequence[str]) -> str:
    number = int(label)
    if not 0 <= number < len(label_names):
        raise FieldError(
            "label", f"label {number} has no name; {len(label_names)} names were given."
        )
    return label_names[number]


def digest_of(messages: str) -> str:
    """Return a digest of messages, which shows `write` whether they are unchanged."""
    return hashlib.blake2b(messages.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _is_restored(record: Record, form: Format, example: Example, rest: Record) -> bool:
    """Whether `write` restores the record exactly, order of keys and kind of numbers included."""
    whole = {**rest, **written(form, example.messages, example.label, example.shape)}
    try:
        again = {k: whole[k] for k in record}
    except KeyError:
        return False
    extra = any(whole[k] not in ("", []) for k in whole.keys() - record.keys())
    return not extra and orjson.dumps(again) == orjson.dumps(record)

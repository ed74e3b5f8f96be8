"""Ways of writing SFT examples down, told apart record by record."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from curation.errors import CurationError
from curation.formats.base import Example, FieldError, Format, Record

__all__ = ["Converted", "Example", "FieldError", "Format", "convert", "names", "recognise", "write"]

CANONICAL = {
    "prompt": "prompt",
    "response": "completion",
    "system": "system",
    "instruction": "instruction",
    "input": "input",
    "output": "output",
    "history": "history",
    "messages": "messages",
    "text": "text",
    "label": "label",
}
"""What a mapping may name, and the key that the formats know it by."""


@functools.cache
def _formats() -> dict[str, Format]:
    found = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        found.update({f.name: f for f in vars(module).values() if isinstance(f, Format)})
    return dict(sorted(found.items()))


def names() -> list[str]:
    """Names of the formats that can be read and written."""
    return list(_formats())


def get(name: str) -> Format:
    """The format of that name; raises CurationError with the known names."""
    if name not in _formats():
        raise CurationError(f"There is no format {name!r}; known are: auto, {', '.join(names())}.")
    return _formats()[name]


def recognise(record: Record) -> tuple[str, float]:
    """The likeliest format of a record and how sure that is; ("", 0.0) for none."""
    best = max(_formats().values(), key=lambda f: f.confidence(record))
    sure = best.confidence(record)
    return (best.name, sure) if sure > 0 else ("", 0.0)


@dataclass(frozen=True)
class Converted:
    """A record in canonical form: what goes into a row of examples."""

    format: str
    messages: str
    label: str | None
    metadata: str
    shape: str
    confidence: float


def convert(
    record: Record,
    *,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    label_names: Sequence[str] | None = None,
) -> Converted:
    """A record as an example; raises FieldError when it is of no known format or a field is off.

    What `write` would not give back exactly is kept whole in `shape`, so nothing is ever lost.
    """
    plain = _renamed(record, mapping) if mapping else record
    name, sure = recognise(plain) if format == "auto" else (format, 1.0)
    if not name:
        keys = ", ".join(map(str, list(record)[:8])) or "none"
        raise FieldError(
            "", f"no format is known for the columns {keys}; say which column is which."
        )
    form = get(name)
    example = form.read(plain)
    label = example.label
    if label is not None and label_names and label.lstrip("-").isdigit():
        label = _named(label, label_names)
    rest = {k: v for k, v in plain.items() if k not in example.used}
    shape = dict(example.shape)
    known = _order(plain)
    if mapping or label != example.label or _rejoined(form, example, rest, shape, known) != record:
        shape["record"] = record
        shape["label"] = label
        shape["said"] = example.messages
    elif known:
        shape["order"] = known
    return Converted(
        name,
        orjson.dumps(example.messages).decode(),
        label,
        orjson.dumps(rest).decode() if rest else "",
        orjson.dumps(shape).decode() if shape else "",
        sure,
    )


def _order(record: Record) -> list[str]:
    return list(record)


def _renamed(record: Record, mapping: Mapping[str, str]) -> Record:
    """The record with mapped columns under the names that formats know, and nothing else named so."""
    plain = dict(record)
    for field, column in mapping.items():
        if field not in CANONICAL:
            raise CurationError(f"A mapping knows {', '.join(CANONICAL)}, not {field!r}.")
        if column not in record:
            raise FieldError(
                column, f"there is no column {column!r}; there are: {', '.join(record)}."
            )
        plain.pop(column, None)
    named = {CANONICAL[field]: record[column] for field, column in mapping.items()}
    if "completion" in named and "input" in named and "prompt" in named:
        named = {"instruction": named.pop("prompt"), "output": named.pop("completion"), **named}
    aside = {f"_{k}" if k in named else k: v for k, v in plain.items()}
    return {**named, **aside}


def _named(label: str, label_names: Sequence[str]) -> str:
    number = int(label)
    if not 0 <= number < len(label_names):
        raise FieldError(
            "label", f"label {number} has no name; {len(label_names)} names were given."
        )
    return label_names[number]


def _rejoined(
    form: Format, example: Example, rest: Record, shape: Mapping[str, Any], order: Sequence[str]
) -> Record:
    made = {**rest, **form.write(example.messages, example.label, shape)}
    return {k: made[k] for k in order if k in made} if set(order) <= set(made) else made


def write(
    format: str, messages: str, label: str | None, metadata: str = "", shape: str = ""
) -> Record:
    """An example as a record of a format; exactly the record it was read from, if unchanged."""
    turns = orjson.loads(messages)
    form, known = get(format), orjson.loads(shape) if shape else {}
    if "record" in known and known["said"] == turns and known["label"] == label:
        record: Record = known["record"]
        return record
    made = {**(orjson.loads(metadata) if metadata else {}), **form.write(turns, label, known)}
    order = known.get("order")
    if order is None:
        return {
            k: v for k, v in made.items() if v not in ("", []) or k not in ("system", "history")
        }
    added = [k for k in made if k not in order and made[k] not in ("", [])]
    return {k: made[k] for k in [*order, *added] if k in made}

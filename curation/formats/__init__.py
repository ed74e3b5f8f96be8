"""Ways of writing SFT examples down, told apart record by record."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from curation.errors import CurationError
from curation.formats.base import (
    BETWEEN,
    WHICH_COLUMN,
    Example,
    FieldError,
    Format,
    Pair,
    Record,
    all_texts,
)
from curation.formats.calls import dump_tools, read_tools

__all__ = [
    "Converted",
    "Example",
    "FieldError",
    "Format",
    "check_mapping",
    "convert",
    "names",
    "recognise",
    "write",
]

_NUMBER = re.compile("-?[0-9]{1,9}")

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
    return _of_texts(tuple(record)) if all_texts(record) else _recognise(record)


def _recognise(record: Record) -> tuple[str, float]:
    sure, name = max((f.confidence(record), f.name) for f in _formats().values())
    return (name, sure) if sure > 0 else ("", 0.0)


@functools.lru_cache(4_096)
def _of_texts(columns: tuple[str, ...]) -> tuple[str, float]:
    """The same for a record that holds texts only: its columns' names decide."""
    return _recognise(dict.fromkeys(columns, ""))


class Converted(NamedTuple):
    """A record in canonical form: what goes into a row of examples.

    turns: what `messages` says, as objects. tools, rejected: as in the columns of a dataset.
    """

    format: str
    messages: str
    label: str | None
    metadata: str
    shape: str
    confidence: float
    turns: list[dict[str, Any]]
    tools: str = ""
    rejected: str = ""


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
    named = _mapped(record, mapping) if mapping else record
    name, sure = recognise(named) if format == "auto" else (format, 1.0)
    if not name:
        keys = ", ".join(map(str, list(record)[:8])) or "none"
        raise FieldError("", f"no format is known for the columns {keys}; {WHICH_COLUMN}")
    plain = _with_others(named, record, mapping) if mapping else record
    form = get(name)
    example = form.read(plain)
    label = example.label
    if label is not None and label_names and _NUMBER.fullmatch(label):
        label = _named(label, label_names)
    rest = {k: v for k, v in plain.items() if k not in example.used}
    shape = dict(example.shape)
    changed = mapping or label != example.label
    if changed or not (example.exact or _given_back(record, form, example, rest)):
        shape.update(record=record, label=label, said=example.messages)
    else:
        shape["order"] = list(record)
    return Converted(
        name,
        orjson.dumps(example.messages).decode(),
        label,
        orjson.dumps(rest).decode() if rest else "",
        orjson.dumps(shape).decode(),
        sure,
        example.messages,
        dump_tools(read_tools(plain.get("tools"))),
    )


class ConvertedTexts(NamedTuple):
    """Many records as examples, field by field; each as `convert` would give it."""

    format: str
    messages: list[str]
    prompts: list[str]
    responses: list[str]
    metadata: list[str]
    shapes: list[str]
    tools: list[str]
    rejected: list[str]


def convert_texts(
    columns: tuple[str, ...], records: Sequence[Mapping[str, str]]
) -> ConvertedTexts | None:
    """Records of the same columns, all texts, at once; None where they are not plain pairs.

    This is `convert` at a third of its cost, for the shapes that most large files have.
    """
    name, pair = _pair_of(columns)
    if pair is None:
        return None
    prompts = [record[pair.prompt] for record in records]
    ordered = orjson.dumps({**pair.shape, "order": columns}).decode()
    shapes = [ordered] * len(prompts)
    if pair.given is not None:
        for i, (prompt, record) in enumerate(zip(prompts, records, strict=True)):
            if given := record[pair.given]:
                prompts[i] = f"{prompt}{BETWEEN}{given}"
                shapes[i] = f'{{"at":{len(prompt)},{ordered[1:]}'
    responses = [record[pair.answer] for record in records]
    rest = [c for c in columns if c not in (pair.prompt, pair.given, pair.answer)]
    return ConvertedTexts(
        name,
        [
            orjson.dumps(
                [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
            ).decode()
            for prompt, response in zip(prompts, responses, strict=True)
        ],
        prompts,
        responses,
        [orjson.dumps({c: record[c] for c in rest}).decode() for record in records]
        if rest
        else [""] * len(prompts),
        shapes,
        [dump_tools(read_tools(record["tools"])) for record in records]
        if "tools" in columns
        else [""] * len(prompts),
        [""] * len(prompts),
    )


@functools.lru_cache(4_096)
def _pair_of(columns: tuple[str, ...]) -> tuple[str, Pair | None]:
    name = _of_texts(columns)[0]
    return name, get(name).pair(columns) if name else None


def check_mapping(mapping: Mapping[str, str] | None) -> None:
    """Raise CurationError when a mapping names a field that no format has."""
    for field in mapping or ():
        if field not in CANONICAL:
            raise CurationError(f"A mapping knows {', '.join(CANONICAL)}, not {field!r}.")


def _mapped(record: Record, mapping: Mapping[str, str]) -> Record:
    """The mapped columns under the names that formats know."""
    check_mapping(mapping)
    for column in mapping.values():
        if column not in record:
            raise FieldError(
                column, f"there is no column {column!r}; there are: {', '.join(record)}."
            )
    named = {CANONICAL[field]: record[column] for field, column in mapping.items()}
    if {"prompt", "input", "completion"} <= set(named):
        named = {"instruction": named.pop("prompt"), "output": named.pop("completion"), **named}
    return named


def _with_others(named: Record, record: Record, mapping: Mapping[str, str]) -> Record:
    """The mapped columns and all others, which give way where a name is taken."""
    whole = dict(named)
    for column, value in record.items():
        if column not in mapping.values():
            while column in whole or column in named:
                column = f"_{column}"
            whole[column] = value
    return whole


def _named(label: str, label_names: Sequence[str]) -> str:
    number = int(label)
    if not 0 <= number < len(label_names):
        raise FieldError(
            "label", f"label {number} has no name; {len(label_names)} names were given."
        )
    return label_names[number]


def _given_back(record: Record, form: Format, example: Example, rest: Record) -> bool:
    """Whether `write` gives the record back as it was, to the order of keys and the kind of numbers."""
    made = {**rest, **form.write(example.messages, example.label, example.shape)}
    try:
        again = {k: made[k] for k in record}
    except KeyError:
        return False
    extra = any(made[k] not in ("", []) for k in made.keys() - record.keys())
    return not extra and orjson.dumps(again) == orjson.dumps(record)


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

"""Ways of writing SFT examples down, told apart record by record."""

from __future__ import annotations

import functools
import hashlib
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
    Plan,
    Record,
)
from curation.formats.calls import dump_tools, read_tools, without_phantoms
from curation.formats.chat import style
from curation.formats.columns import Resolver, Roles, kind
from curation.formats.pairs import Pair, plain_pair

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

METADATA = "metadata"
"""The role of a column that no part of an example was made of."""

FIELDS = {
    "prompt": "prompt",
    "response": "response",
    "system": "system",
    "instruction": "prompt",
    "input": "input",
    "output": "response",
    "history": "history",
    "messages": "messages",
    "text": "text",
    "label": "label",
    "choices": "choices",
    "reasoning": "reasoning",
    "tools": "tools",
    "chosen": "chosen",
    "rejected": "rejected",
}
"""What a mapping may name, and the role that it gives to a column."""

_STAYING = frozenset({"tools", "rejected", "images", "videos", "audios"})
"""Roles of columns that stay in the metadata, as the file wrote them."""

_MEDIA = ("images", "videos", "audios")
_NUMBER = re.compile("-?[0-9]{1,9}")


@functools.cache
def _formats() -> dict[str, Format]:
    found = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        found.update({f.name: f for f in vars(module).values() if isinstance(f, Format)})
    return dict(sorted(found.items()))


def names() -> list[str]:
    """Return the names of the formats that can be read and written."""
    return list(_formats())


def get(name: str) -> Format:
    """Return the format of that name; raises CurationError with the known names."""
    if name not in _formats():
        raise CurationError(f"There is no format {name!r}; known are: auto, {', '.join(names())}.")
    return _formats()[name]


def recognise(record: Record) -> tuple[str, float]:
    """Return the likeliest format of a record and how sure that is; ("", 0.0) for none."""
    plan = _plan(record)
    return plan.format, plan.sure


# --- which format, and which column is which ------------------------------------------------


def _plan(record: Record, format: str = "auto", given: Roles | None = None) -> Plan:
    kinds = "".join([kind(value) for value in record.values()])
    plan = _planned(tuple(record), kinds, format, tuple(given.items()) if given else ())
    if plan.format == "messages" and format == "auto":
        return plan._replace(format=style(record, plan))
    return plan


@functools.lru_cache(8_192)
def _planned(
    columns: tuple[str, ...], kinds: str, format: str, given: tuple[tuple[str, str], ...]
) -> Plan:
    """How a record of these columns, which hold these kinds of values, is read."""
    resolver = Resolver(columns, kinds, dict(given))
    forms = list(_formats().values()) if format == "auto" else [get(format)]
    if named := [f for f in forms if {role for role, _ in given} & set(f.needs)]:
        forms = named
    best = max(((*_how_sure(f, resolver), f) for f in forms), key=lambda found: found[0])
    sure, roles, form = best
    if format != "auto":
        sure = 1.0
    if not sure:
        return Plan("", 0.0, {})
    told = {r: c for r, c in resolver.empty.items() if resolver.kinds[c] != "-"}
    also = {r: c for r, c in {**told, **resolver.full}.items() if r in form.also}
    return Plan(form.name, sure, {**also, **roles}, resolver.chats())


def _how_sure(form: Format, resolver: Resolver) -> tuple[float, Roles]:
    """How sure a format is of a record, and the columns of the roles that it needs.

    Columns that hold nothing count little, and none at all in place of the telling one while
    others hold something.
    """
    full, empty = resolver.full, resolver.empty
    roles = {role: full.get(role) or empty.get(role) for role in form.needs}
    known = {role: column for role, column in roles.items() if column is not None}
    if len(known) < len(form.needs):
        return 0.0, known
    sure = form.sure(known, resolver)
    if all(role in full for role in form.needs):
        return sure, known
    return sure * (0.8 if form.needs[0] in full else 0.3), known


def check_mapping(mapping: Mapping[str, str] | None) -> None:
    """Raise CurationError when a mapping names a field that no format has."""
    for field in mapping or ():
        if field not in FIELDS:
            raise CurationError(f"A mapping knows {', '.join(FIELDS)}, not {field!r}.")


def _given(record: Record, mapping: Mapping[str, str]) -> Roles:
    """The roles that a mapping gives; raises FieldError when it names a column that is not there."""
    check_mapping(mapping)
    for column in mapping.values():
        if column not in record:
            raise FieldError(
                column, f"there is no column {column!r}; there are: {', '.join(record)}."
            )
    return {FIELDS[field]: column for field, column in mapping.items()}


# --- a record as an example -----------------------------------------------------------------


class Converted(NamedTuple):
    """A record in canonical form: what goes into a row of examples.

    turns: what `messages` says, as objects. tools, rejected: as in the columns of a dataset.
    columns: the record's columns that hold something → the role that each played, or METADATA.
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
    """Return a record as an example; raises FieldError when no format fits or a field is off.

    What `write` would not give back exactly is kept whole in `shape`, so nothing is ever lost.
    table: the record is a row of a table, in which null says that a key is absent.
    """
    plan = _plan(record, format, _given(record, mapping) if mapping else None)
    if not plan.format:
        keys = ", ".join(map(str, list(record)[:8])) or "none"
        raise FieldError("", f"no format is known for the columns {keys}; {WHICH_COLUMN}")
    form = get(plan.format)
    example = form.read(record, plan)
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
    if label == example.label and (exact or _given_back(record, form, example, rest)):
        shape["order"] = list(record)
    else:
        shape.update(record=record, label=label, said=_digest(messages), table=table)
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
        if tools and whole:  # one that holds something else too is not all used
            used[column] = "tools"
        if tools:
            return tools
    return read_tools(example.tools, table)[0] if example.tools else []


def _rest(record: Record, plan: Plan, used: dict[str, str], kept: Any) -> Record:
    """The metadata: columns that went into nothing else, media as a list under one name."""
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


# --- many records at once -------------------------------------------------------------------


class ConvertedTexts(NamedTuple):
    """Many records as examples, field by field; each as `convert` would give it.

    columns: column → role → in how many of the records it holds something.
    """

    format: str
    messages: list[str]
    prompts: list[str]
    responses: list[str]
    systems: list[str]
    metadata: list[str]
    shapes: list[str]
    columns: dict[str, dict[str, int]]


def pair_of(columns: tuple[str, ...]) -> Pair | None:
    """Return how records of these columns, all texts, are plain pairs; None where they are not."""
    return _pair_of(columns)[1]


@functools.lru_cache(4_096)
def _pair_of(columns: tuple[str, ...]) -> tuple[str, Pair | None]:
    kinds = "t" * len(columns)
    plan = _planned(columns, kinds, "auto", ())
    return plan.format, plain_pair(plan, Resolver(columns, kinds), columns)


def convert_texts(
    columns: tuple[str, ...], records: Sequence[Mapping[str, str]]
) -> ConvertedTexts | None:
    """Return records of the same columns, all texts, at once; None where they are no plain pairs.

    This is `convert` at a fraction of its cost, for the shapes that most large files have. Records
    that lack a prompt or an answer are for `convert`, for another column may play its part.
    """
    name, pair = _pair_of(columns)
    if pair is None or not all(map(pair.is_whole, records)):
        return None
    prompts = [record[pair.prompt] for record in records]
    responses = [record[pair.answer] for record in records]
    none = [""] * len(records)
    ordered = orjson.dumps({**pair.shape, "order": columns}).decode()
    shapes = [ordered] * len(records)
    if pair.input:
        for i, (prompt, record) in enumerate(zip(prompts, records, strict=True)):
            if given := record[pair.input]:
                prompts[i] = f"{prompt}{BETWEEN}{given}"
                shapes[i] = _with_place(len(prompt), pair, columns)
    systems = [record[pair.system] for record in records] if pair.system else none
    reasons = [record[pair.reasoning] for record in records] if pair.reasoning else none
    plain = not (pair.system or pair.reasoning)
    return ConvertedTexts(
        name,
        [
            orjson.dumps(
                [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
            ).decode()
            for prompt, response in zip(prompts, responses, strict=True)
        ]
        if plain
        else [
            orjson.dumps(_turns(*texts)).decode()
            for texts in zip(systems, prompts, responses, reasons, strict=True)
        ],
        prompts,
        responses,
        systems,
        [orjson.dumps({c: record[c] for c in pair.rest}).decode() for record in records]
        if pair.rest
        else none,
        shapes,
        _counted(columns, pair, records),
    )


def _with_place(place: int, pair: Pair, columns: tuple[str, ...]) -> str:
    return orjson.dumps({**pair.shape, "at": place, "order": columns}).decode()


def _turns(system: str, prompt: str, response: str, reasoning: str) -> list[dict[str, Any]]:
    answer = {"role": "assistant", "content": response}
    if reasoning:
        answer["reasoning_content"] = reasoning
    asked = {"role": "user", "content": prompt}
    return [{"role": "system", "content": system}, asked, answer] if system else [asked, answer]


def _counted(
    columns: tuple[str, ...], pair: Pair, records: Sequence[Mapping[str, str]]
) -> dict[str, dict[str, int]]:
    roles = {
        pair.prompt: "prompt",
        pair.answer: "response",
        pair.input: "input",
        pair.system: "system",
        pair.reasoning: "reasoning",
    }
    counts = dict[str, dict[str, int]]()
    for column in columns:
        count = sum([bool(record[column]) for record in records])
        counts[column] = {roles.get(column, METADATA): count}
    return counts


# --- and back -------------------------------------------------------------------------------


def _digest(messages: str) -> str:
    return hashlib.blake2b(messages.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


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
    """Return an example as a record of a format; exactly the record it was, if it is unchanged.

    Of a changed one, the parts that did not change are as they were.
    """
    form, known = get(format), orjson.loads(shape) if shape else {}
    turns = orjson.loads(messages)
    if "record" in known:
        record: Record = known["record"]
        if known["said"] == _digest(messages) and known["label"] == label:
            return record
        read = {"mapping": known.get("mapping"), "table": known.get("table", False)}
        before = convert(record, format=format, **read)
        old = form.write(before.turns, known["label"], known)
        patched: Record = _patched(record, old, form.write(turns, label, known))
        if patched is not None:
            return patched
    made = {**(orjson.loads(metadata) if metadata else {}), **form.write(turns, label, known)}
    order = known.get("order")
    if order is None:
        return {
            k: v for k, v in made.items() if v not in ("", []) or k not in ("system", "history")
        }
    added = [k for k in made if k not in order and made[k] not in ("", [])]
    return {k: made[k] for k in [*order, *added] if k in made}


_APART: Any = None
"""What stands for a change that does not fit: the old value is not written as it was before."""


def _patched(value: Any, before: Any, after: Any) -> Any:
    """A value with the changes from `before` to `after`, which stand for it; None for no fit."""
    if before == after:
        return value
    if isinstance(value, dict) and isinstance(before, dict) and isinstance(after, dict):
        return _patched_object(value, before, after)
    if isinstance(value, list) and isinstance(before, list) and isinstance(after, list):
        if len(value) == len(before) == len(after):
            pairs = zip(value, before, after, strict=True)
            parts = [(_patched(v, b, a), a) for v, b, a in pairs]
            return [a if part is _APART else part for part, a in parts]
    return after if value == before else _APART


def _patched_object(value: Record, before: Record, after: Record) -> Record | None:
    if before.keys() != after.keys():
        return None
    patched = dict(value)
    for key in before:
        if before[key] != after[key]:
            if key not in value:
                return None
            if (part := _patched(value[key], before[key], after[key])) is _APART:
                return None
            patched[key] = part
    return patched

"""The format of a record, and the role of each of its columns."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping

from curation.errors import CurationError
from curation.formats.base import WHICH_COLUMN, FieldError, Format, Plan, Record
from curation.formats.chat import style
from curation.formats.columns import Resolver, Roles, kind

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
"""Fields that a mapping may name, and the role that each gives to a column."""


@functools.cache
def _formats() -> dict[str, Format]:
    package, formats = importlib.import_module("curation.formats"), dict[str, Format]()
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        formats.update({f.name: f for f in vars(module).values() if isinstance(f, Format)})
    return dict(sorted(formats.items()))


def names() -> list[str]:
    """Return the names of the formats that can be read and written."""
    return list(_formats())


def get(name: str) -> Format:
    """Return the format of that name; raises CurationError with the known names."""
    if name not in _formats():
        raise CurationError(f"There is no format {name!r}; known are: auto, {', '.join(names())}.")
    return _formats()[name]


def recognise(record: Record) -> tuple[str, float]:
    """Return the likeliest format of a record and its confidence; ("", 0.0) for none."""
    plan = plan_of(record)
    return plan.format, plan.sure


def plan_of(record: Record, format: str = "auto", given: Roles | None = None) -> Plan:
    """Return how a record is read; a plan without a format where none fits.

    given: roles that a mapping names, to columns that the record may lack. Raises CurationError for an
    unknown format, and for roles that no format has together.
    """
    kinds = "".join([kind(value) for value in record.values()])
    plan = plan_by_kinds(tuple(record), kinds, format, tuple(given.items()) if given else ())
    if plan.format == "messages" and format == "auto":
        return plan._replace(format=style(record, plan))
    return plan


@functools.lru_cache(8_192)
def plan_by_kinds(
    columns: tuple[str, ...], kinds: str, format: str, given: tuple[tuple[str, str], ...]
) -> Plan:
    """Return how a record of these columns, which hold these kinds of values, is read."""
    roles_given = dict(given)
    resolver = Resolver(columns, kinds, {r: c for r, c in given if c in columns})
    forms = _forms_with(tuple(roles_given), format)
    if named := [f for f in forms if roles_given.keys() - {"label"} & set(f.needs)]:
        forms = named
    scored = ((*_confidence(f, resolver), f) for f in forms)
    sure, roles, form = max(scored, key=lambda entry: entry[0])
    if format != "auto":
        sure = 1.0
    if not sure:
        return Plan("", 0.0, {})
    blank = {r: c for r, c in resolver.empty.items() if resolver.kinds[c] != "-"}
    also = {r: c for r, c in {**blank, **resolver.full}.items() if r in form.also}
    also.update({r: c for r, c in given if r in form.by_hand})
    return Plan(form.name, sure, {**also, **roles}, resolver.chats())


@functools.lru_cache(64)
def _forms_with(roles: tuple[str, ...], format: str) -> list[Format]:
    """The formats that have all of these roles; raises CurationError with the roles of the nearest."""
    forms = list(_formats().values()) if format == "auto" else [get(format)]
    fitting = [form for form in forms if set(roles) <= set(form.roles)]
    if fitting or not forms:
        return fitting
    mine = set(roles)
    nearest = max(forms, key=lambda form: len(mine & set(form.roles)) + len(mine & set(form.needs)))
    names = [form.name for form in forms if form.roles == nearest.roles]
    lacking = " and no ".join(role for role in roles if role not in nearest.roles)
    beside = ", ".join(role for role in roles if role in nearest.roles)
    may = ", ".join(r for r in nearest.roles if r in FIELDS and r not in roles)
    raise CurationError(
        f"The format {' or '.join(names)} has no {lacking}: "
        f"{f'beside {beside} ' if beside else ''}a mapping may name {may}."
    )


def lacking_of(mapping: Mapping[str, str], format: str) -> str:
    """Return a sentence on what a mapping lacks that only one format fits; else ""."""
    given = tuple(FIELDS[field] for field in mapping)
    forms = _forms_with(given, format)
    lacking = [role for role in forms[0].needs if role not in given]
    if len(forms) > 1 or not lacking:
        return ""
    return (
        f"only the format {forms[0].name} has {' and '.join(given)}, and it needs "
        f"{' and '.join(lacking)} too; {WHICH_COLUMN}"
    )


def _confidence(form: Format, resolver: Resolver) -> tuple[float, Roles]:
    """A format's confidence in a record, and the columns of the roles that it needs.

    Empty columns count little. An empty column in the most telling role counts least.
    """
    full, empty = resolver.full, resolver.empty
    roles = {role: full.get(role) or empty.get(role) for role in form.needs}
    columns = {role: column for role, column in roles.items() if column is not None}
    if len(columns) < len(form.needs):
        return 0.0, columns
    sure = form.sure(columns, resolver)
    if all(role in full for role in form.needs):
        return sure, columns
    return sure * (0.8 if form.needs[0] in full else 0.3), columns


def check_mapping(mapping: Mapping[str, str] | None, format: str = "auto") -> None:
    """Raise CurationError when a mapping names a field that no format has, or fields of several."""
    for field in mapping or ():
        if field not in FIELDS:
            raise CurationError(f"A mapping knows {', '.join(FIELDS)}, not {field!r}.")
    _forms_with(tuple(FIELDS[field] for field in mapping or ()), format)


def mapped_roles(record: Record, mapping: Mapping[str, str], *, all: bool = False) -> Roles:
    """Return the roles that a mapping gives; raises FieldError when a column of it is missing.

    A label may be missing, as beside a conversation, unless `all` are needed.
    """
    check_mapping(mapping)
    for field, column in mapping.items():
        if column not in record and (all or field != "label"):
            raise FieldError(
                column, f"there is no column {column!r}; there are: {', '.join(record)}."
            )
    return {FIELDS[field]: column for field, column in mapping.items()}

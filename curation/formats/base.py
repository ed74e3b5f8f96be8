"""A format: its confidence in a record, and the conversion from record to turns and back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from curation.errors import CurationError
from curation.formats.columns import Resolver, Roles

Record = dict[str, Any]

WHICH_COLUMN = "say which column is which."
"""The end of a sentence about a record that a mapping would make an example."""

BETWEEN = "\n\n"
"""The separator of a prompt and its second part."""


class FieldError(CurationError):
    """A record of this format has a field that cannot be read; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Plan(NamedTuple):
    """The reading of a record: its format, the confidence in it, and the column of each role.

    chats: columns that may hold the conversation.
    """

    format: str
    sure: float
    roles: Roles
    chats: tuple[str, ...] = ()


class Example(NamedTuple):
    """A record in canonical form.

    messages: turns as JSON objects. used: the record's columns that the example was made from → the
    role of each. kept: those of them that also stay in the metadata, because they hold more. shape:
    what `write` needs beside messages, label and metadata. exact: `write` surely restores the
    record, so that no trial is needed. rejected: turns of the answer that was not preferred. tools:
    tools that were found within the turns.
    """

    messages: list[dict[str, Any]]
    label: str | None = None
    used: Mapping[str, str] = MappingProxyType({})
    kept: Collection[str] = ()
    shape: Mapping[str, Any] = MappingProxyType({})
    exact: bool = False
    rejected: list[dict[str, Any]] = []
    tools: Any = None


@dataclass(frozen=True)
class Format:
    """A kind of record that SFT examples are stored in.

    needs: the required roles, the most typical one first. also: optional roles. sure: confidence, 0
    to 1, from the columns that play the roles. read: a record and its plan → Example; raises
    FieldError. write: messages, label and shape → the columns that were not metadata. by_hand: roles
    that only a mapping gives to a column.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    also: tuple[str, ...]
    sure: Callable[[Roles, Resolver], float]
    read: Callable[[Record, Plan], Example]
    write: Callable[[list[dict[str, Any]], str | None, Mapping[str, Any]], Record]
    by_hand: tuple[str, ...] = ("label",)

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles that a mapping may name for it."""
        return tuple(dict.fromkeys((*self.needs, *self.also, *self.by_hand)))


def text_of(record: Record, key: str) -> str:
    """Return a field as text, "" for null; raises FieldError when it is a list or an object."""
    value = record[key]
    return "" if value is None else as_text(value, key)


def as_text(value: Any, key: str) -> str:
    """Return a text, number or truth value as text; raises FieldError for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    raise FieldError(key, f"{key} should be a text but is {kind_of(value)}; make it a text.")


def kind_of(value: Any) -> str:
    """Return the kind of a value in two words; for a text, number or null the value itself."""
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else repr(value)[:80]


def is_calls(value: Any) -> bool:
    """Whether a value can be the calls of a turn: a list of objects."""
    return isinstance(value, list) and all(isinstance(call, dict) for call in value)

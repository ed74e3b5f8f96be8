"""What a format is: how sure it is of a record, and how to go from record to turns and back."""

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
"""What stands between a prompt and its second part."""


class FieldError(CurationError):
    """A record of this format has a field that cannot be read; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Plan(NamedTuple):
    """How a record is read: its format, how sure that is, and the columns of each role.

    chats: columns that may hold the conversation.
    """

    format: str
    sure: float
    roles: Roles
    chats: tuple[str, ...] = ()


class Example(NamedTuple):
    """What a record says in canonical form.

    messages: turns as JSON objects. used: the record's columns that went into it → the role of
    each. kept: those of them that stay in the metadata too, for they say more. shape: what `write`
    needs beside messages, label and metadata. exact: `write` surely gives the record back, so that
    nobody need try. rejected: turns of the answer that was not preferred. tools: those that stand
    within the turns.
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
    """A way to write SFT examples down as records.

    needs: the roles without which there is no example, the telling one first. also: roles that it
    reads beside them. sure: 0 to 1 from the columns that play the roles. read: a record by a plan
    → Example, raising FieldError. write: messages, label and shape → the columns that were not
    metadata.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    also: tuple[str, ...]
    sure: Callable[[Roles, Resolver], float]
    read: Callable[[Record, Plan], Example]
    write: Callable[[list[dict[str, Any]], str | None, Mapping[str, Any]], Record]


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
    """Return what a value is, in two words, or the value itself."""
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else repr(value)[:80]


def is_calls(value: Any) -> bool:
    """Whether a value can be the calls of a turn: a list of objects."""
    return isinstance(value, list) and all(isinstance(call, dict) for call in value)

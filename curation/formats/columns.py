"""Roles of a record's columns, by their names and the kinds of their values."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from curation.formats.names import (
    COLUMNS,
    LOOSE,
    SECOND_QUESTIONS,
    SQUEEZED,
    is_transcript,
    speaks,
    squeezed,
)

_TEXT = "tjdkv"
_KINDS = {
    "messages": "clsojd",
    "prompt": _TEXT + "nbclo",
    "input": _TEXT + "nbs",
    "response": _TEXT + "nbclso",
    "system": _TEXT + "nclso",
    "history": "clsj",
    "choices": "clsoj",
    "reasoning": _TEXT,
    "tools": "clsoj",
    "chosen": _TEXT + "nbclo",
    "rejected": _TEXT + "nbclso",
    "images": "clsojt",
    "videos": "clsojt",
    "audios": "clsojt",
    "instances": "lc",
    "good": "bk",
    "text": _TEXT + "nb",
    "label": _TEXT + "nbs",
    "verdict": "v",
}
"""Role → the kinds of values that can play it; see `kind`."""

_LIKE = {"e": "t", "z": "ls"}
"""Kinds of empty values → kinds of the same type that are not empty."""

_APART = ("text", "label", "verdict")
"""Roles of formats without question and answer; a column may play one beside another role."""

Roles = dict[str, str]
"""Role → the column that plays it."""

_TRUTH = {"true", "false", "True", "False", "TRUE", "FALSE"}
_VERDICTS = {"accept", "reject", "ignore"}


def kind(value: Any) -> str:
    """Return the kind of a value as one letter.

    "-" null, "e" an empty text, "z" an empty list or object, "t" a text, "k" a text that is true or
    false, "v" one that accepts or rejects, "j" one that looks like JSON, "d" the transcript of a
    dialogue, "c" a list of turns, "s" a list of texts, "l" another list, "o" an object, "b" a truth
    value, "n" a number.
    """
    if type(value) is str:
        return _kind_of_text(value)
    if value is None:
        return "-"
    if isinstance(value, list):
        return _kind_of_list(value) if value else "z"
    if isinstance(value, dict):
        return "o" if value else "z"
    return "b" if isinstance(value, bool) else "n"


def _kind_of_text(value: str) -> str:
    if len(value) < 8:
        if not value:
            return "e"
        if value in _TRUTH:
            return "k"
        if value in _VERDICTS:
            return "v"
    start = value[:24].lstrip()
    if start[:1] in ("[", "{"):
        return "j"
    return "d" if ":" in start and is_transcript(start) else "t"


def _kind_of_list(value: list[Any]) -> str:
    first = next((entry for entry in value if entry is not None), None)
    if isinstance(first, dict):
        return "c" if speaks(first) or exchange_of(first) else "l"
    return "s" if isinstance(first, str) and all(isinstance(v, str) for v in value) else "l"


def exchange_of(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the keys of a question and its answer, both texts, that an object holds; else None."""
    if not 2 <= len(entry) <= 4:
        return None
    return _exchange_keys(tuple(k for k, v in entry.items() if isinstance(v, str)))


@functools.lru_cache(1_024)
def _exchange_keys(keys: tuple[str, ...]) -> tuple[str, str] | None:
    named = _named(keys)
    question, answer = (
        [named[name] for name in SQUEEZED[role] if name in named] for role in ("prompt", "response")
    )
    return (question[0], answer[0]) if question and answer and question[0] != answer[0] else None


def _named(columns: tuple[str, ...]) -> dict[str, str]:
    """Names as they are compared → columns; the first of two equal names."""
    named = dict[str, str]()
    for column in columns:
        named.setdefault(squeezed(column), column)
    return named


class Resolver:
    """The columns of a record by the roles that they play.

    kinds: column → kind of its value. full: roles of columns that are not empty. empty: other roles,
    which an empty column would play by its name. `given` roles are a person's.
    """

    def __init__(self, columns: tuple[str, ...], kinds: str, given: Roles | None = None) -> None:
        self.kinds = dict(zip(columns, kinds, strict=True))
        self.full: Roles = dict(given or {})
        self.empty: Roles = {}
        self._named, self._given = _named(columns), dict(given or {})
        for role in COLUMNS:
            if role not in self.full:
                self._resolve(role)

    def chats(self) -> tuple[str, ...]:
        """Return the columns that may hold the conversation, the likeliest first."""
        given = self._given.get("messages")
        return (given,) if given else tuple(self._fitting("messages"))

    def has_rivals(self, role: str) -> bool:
        """Whether several columns could play a role by their names."""
        taken = self._taken(role)
        return sum(column not in taken for column in self._candidates(role)) > 1

    def has(self, name: str) -> bool:
        """Whether a column has a name."""
        return squeezed(name) in self._named

    def _resolve(self, role: str) -> None:
        taken = self._taken(role)
        for column in self._fitting(role):
            if column not in taken:
                self.full[role] = column
                return
        for column in self._candidates(role):
            what = self.kinds[column]
            alike = any(kind in _KINDS[role] for kind in _LIKE.get(what, ""))
            if column not in taken and (what == "-" or alike):
                self.empty[role] = column
                return

    def _taken(self, role: str) -> set[str]:
        """Columns that play another role and therefore cannot play this one."""
        apart = role in _APART
        taken = {c for r, c in self.full.items() if r != role and (r in _APART) == apart}
        return taken | {c for r, c in self._given.items() if r != role}

    def _fitting(self, role: str) -> Iterator[str]:
        """Candidates whose values are of a kind that the role needs."""
        for column in self._candidates(role):
            what = self.kinds[column]
            if role == "messages" and squeezed(column) in LOOSE:
                fits = what in ("o" if squeezed(column) == "mapping" else "cs")
            elif role == "response" and what == "v":
                # Beside a text without a prompt it is no answer.
                fits = squeezed(self.full.get("prompt", "text")) != "text"
            else:
                fits = what in _KINDS[role]
            if fits:
                yield column

    def _candidates(self, role: str) -> Iterator[str]:
        """Columns whose names fit a role, beside the other columns of the record."""
        names = SQUEEZED[role]
        prompt = squeezed(self.full.get("prompt", self.empty.get("prompt", "")))
        if role == "response" and prompt == "instruction":
            names = ("output", *names)
        elif role == "prompt" and self.has("text"):  # a title comes before its text
            index = names.index("text")
            names = (*names[:index], "title", *names[index:])
        elif role == "input":
            names = tuple(n for n in names if prompt in SECOND_QUESTIONS.get(n, (prompt,)))
        elif role == "label" and not self.has("options"):
            names = tuple(name for name in names if name != "accept")
        elif role == "chosen" and not self._has_rejected():
            names = ()
        without = set[str]()
        if role == "response" and self._has_rejected():
            without.add("chosen")
        if role == ("response" if self.has("multi_label") else "label"):
            without.add("annotation")
        names = tuple(name for name in names if name not in without)
        return (self._named[name] for name in dict.fromkeys(names) if name in self._named)

    def _has_rejected(self) -> bool:
        return any(map(self.has, COLUMNS["rejected"]))

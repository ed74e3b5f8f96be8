"""Parameters of operations: what a form draws, a recipe's check accepts and a page explains.

Guarantee: a checked value has one canonical form, so equal recipes have equal fingerprints.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

from curation.errors import RecipeError

Column = NewType("Column", str)
"""A parameter of this type names a column of the dataset; the engine puts it into the batch."""

Numbers = NewType("Numbers", str)
"""The same for a column of numbers; the engine refuses any other."""

ReferenceNames = NewType("ReferenceNames", list[str])
"""A parameter of this type names reference sets of the project; without a name, all of them."""

ProjectFile = NewType("ProjectFile", str)
"""A parameter of this type names a file inside the project's folder; empty names none.

Such a name holds on every machine, and tells nothing of this one in a recipe that is delivered.
"""

SEEDS = 2**31
"""Seeds that a step may have, from 0."""

LARGEST = 2**53
"""The largest whole number of a parameter: every part of a page can hold those up to it."""


@dataclass(frozen=True)
class Range:
    """Bounds of a number, both included; None is open. `step` is what a form moves by."""

    low: float | None = None
    high: float | None = None
    step: float | None = None

    def __str__(self) -> str:
        low, high = (None if v is None else _plain(v) for v in (self.low, self.high))
        if low is not None and high is not None:
            return f"between {low} and {high}"
        return f"at least {low}" if low is not None else f"at most {high}"


@dataclass(frozen=True)
class Parameter:
    """One keyword-only parameter, with all that a form or a check needs.

    type is one of "integer", "number", "flag", "choice", "column", "list" and "text"; choices
    are what a choice may be, or the items of a list. numeric: a column of numbers. references: a list
    of names of reference sets. file: the name of a file in the project's folder.
    """

    name: str
    type: str
    default: Any
    help: str = ""
    choices: tuple[Any, ...] = ()
    bounds: Range | None = None
    optional: bool = False
    numeric: bool = False
    references: bool = False
    file: bool = False

    def check(self, value: Any) -> Any:
        """The value in its canonical form; raises RecipeError with the accepted values."""
        if value is None and self.optional:
            return None
        if self.type == "flag" and isinstance(value, bool):
            return value
        if self.type == "choice" and value in self.choices:
            return value
        if self.type in ("text", "column") and isinstance(value, str):
            return self._inside(value) if self.file else value
        if self.type == "list" and isinstance(value, list | tuple):
            return self._items([self._text(item) for item in value])
        if self.type in ("integer", "number"):
            return self._number(value)
        accepted = (
            f"one of {', '.join(map(repr, self.choices))}" if self.choices else f"a {self.type}"
        )
        raise RecipeError(f"{self.name} must be {accepted}, not {value!r}")

    def _inside(self, name: str) -> str:
        """The name of a file, which may not lie outside of the project's folder."""
        posix, windows = PurePosixPath(name), PureWindowsPath(name)
        if posix.is_absolute() or windows.anchor or ".." in windows.parts:
            raise RecipeError(
                f"{self.name} must name a file in the project's folder, such as "
                f"{self.name}/{windows.name or 'NAME'}, not {name!r}; copy the file there"
            )
        return name

    def _text(self, item: Any) -> str:
        """An item of a list as text; YAML's own come as they were written."""
        if isinstance(item, bool):
            return "true" if item else "false"
        if not isinstance(item, str | int | float):
            raise RecipeError(f"{self.name} may hold texts, not {item!r}; put it in quotes")
        return str(item)

    def _items(self, items: list[str]) -> list[str]:
        for item in items:
            if self.choices and item not in self.choices:
                choices = ", ".join(map(repr, self.choices))
                raise RecipeError(f"{self.name} may hold {choices}, not {item!r}")
        return items

    def _number(self, value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecipeError(f"{self.name} must be a number, not {value!r}")
        if not abs(value) <= sys.float_info.max:
            raise RecipeError(f"{self.name} must be a finite number, not {value!r}")
        if self.type == "integer" and int(value) != value:
            raise RecipeError(f"{self.name} must be a whole number, not {value!r}")
        low, high = (self.bounds.low, self.bounds.high) if self.bounds else (None, None)
        if (low is not None and value < low) or (high is not None and value > high):
            raise RecipeError(f"{self.name} must be {self.bounds}, not {_plain(value)}")
        if self.type == "integer" and abs(value) > LARGEST:
            limits = Range(-LARGEST, LARGEST)
            raise RecipeError(f"{self.name} must be {limits}, not {_plain(value)}")
        return int(value) if self.type == "integer" else float(value)


def _plain(number: int | float) -> str:
    """A number as people write it."""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.6g}"


def parameter_of(name: str, annotation: Any, default: Any) -> Parameter:
    """A parameter by its annotation and default; raises RecipeError where no form can draw it."""
    help_text, bounds = "", None
    if get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
        help_text = next((e for e in extras if isinstance(e, str)), "")
        bounds = next((e for e in extras if isinstance(e, Range)), None)
    optional = False
    if get_origin(annotation) in (Union, types.UnionType):
        members = [a for a in get_args(annotation) if a is not type(None)]
        optional = len(members) < len(get_args(annotation))
        annotation = members[0]
    kinds = {
        bool: "flag",
        int: "integer",
        float: "number",
        str: "text",
        Column: "column",
        Numbers: "column",
        ProjectFile: "text",
    }
    choices: tuple[Any, ...] = ()
    references = annotation is ReferenceNames
    if references:
        annotation = list[str]
    if get_origin(annotation) is Literal:
        kind, choices = "choice", get_args(annotation)
    elif get_origin(annotation) is list:
        kind, item = "list", get_args(annotation)[0]
        choices = get_args(item) if get_origin(item) is Literal else ()
    elif annotation in kinds:
        kind = kinds[annotation]
    else:
        raise RecipeError(f"parameter {name!r}: {annotation!r} cannot be drawn as a form")
    numeric, file = annotation is Numbers, annotation is ProjectFile
    return Parameter(
        name, kind, default, help_text, choices, bounds, optional, numeric, references, file
    )


def parameters_of(function: Callable[..., Any]) -> tuple[list[str], dict[str, Parameter]]:
    """A function's positional parameters by name, and its keyword-only ones as `Parameter`.

    Raises RecipeError for a keyword-only parameter without a default, or that no form can draw.
    """
    hints = get_type_hints(function, include_extras=True)
    positional, params = [], {}
    for parameter in inspect.signature(function).parameters.values():
        name = parameter.name
        if parameter.kind is not parameter.KEYWORD_ONLY:
            positional.append(name)
        elif parameter.default is parameter.empty:
            raise RecipeError(f"{function.__name__}: parameter {name!r} needs a default")
        else:
            params[name] = parameter_of(name, hints.get(name, str), parameter.default)
    return positional, params


def checked(
    owner: str, parameters: Mapping[str, Parameter], values: Mapping[str, Any]
) -> dict[str, Any]:
    """All values in their canonical form, defaults filled in.

    Raises RecipeError, which names the owner, for an unknown name and for a value out of range.
    """
    unknown = [name for name in values if name not in parameters]
    if unknown:
        names = ", ".join(parameters) or "none"
        raise RecipeError(f"{owner} has no parameter {unknown[0]!r}; it knows: {names}")
    result = {}
    for name, parameter in parameters.items():
        try:
            result[name] = parameter.check(values.get(name, parameter.default))
        except RecipeError as error:
            raise RecipeError(f"{owner}: {error}") from None
    return result

"""Operations: plain functions that a decorator makes known to the engine, the app and the CLI.

The positional parameters of an operation are data that the engine supplies, by name:

    batch       any slice of the rows (the engine may cut them anywhere); a frame with the text
                columns, `dropped_by`, and the columns named by `needs` or by a `Column` parameter.
                For a `clean` operation: one row per turn, with columns `text` and `role`.
    rows        every row that is still kept, all columns, in a stable order (sorted by id)
    vectors     their embeddings, (rows, width) float32, unit length
    neighbours  a function of k and, if not of all rows, of their positions: (indices, cosine
                similarities), both (rows, k), nearest first, the row itself left out; indices are
                places among those positions; shared and remembered
    store       the vector store (see `curation.embedding`)
    decisions   the state of people's decisions
    basis       a table that it keeps to in later runs (see `curation.basis`)
    progress    (share, text) -> None

Keyword-only parameters belong to the user: annotation and default are the form, the check of the
recipe, the command's help and the reference page.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin

from curation.errors import RecipeError
from curation.text.slug import column_word
from curation.versions import code_version

Column = NewType("Column", str)
"""A parameter of this type names a column of the dataset; the engine puts it into the batch."""

Numbers = NewType("Numbers", str)
"""The same for a column of numbers; the engine refuses any other."""

SEEDS = 2**31
"""Seeds that a step may have, from 0."""

LARGEST = 2**53
"""The largest whole number of a parameter: every part of a page can hold those up to it."""

INPUTS = (
    "batch",
    "rows",
    "vectors",
    "neighbours",
    "store",
    "decisions",
    "basis",
    "progress",
)
PHASES = ("clean", "measure", "select", "split")
EVERY_KIND = ("keep", "drop", "edit", "label", "rate", "skip", "tag", "flag", "note")
"""Kinds of decisions that count as people's word on an example; see `curation.decisions`."""
_SUPPLIED_BY = {"neighbours": "curation.embedding.neighbours"}
"""Inputs whose values come from code that may change, and the module of that code."""

_ENGINE = ("curation.engine.batches", "curation.engine.steps")
"""The modules that give an operation its rows and make a delta of its answer."""

Depends = Callable[[Mapping[str, Any], Any, bool], Any]
"""(checked parameters, vector store, decide) → a small JSON value; see `Operation.depends`."""

Reads = Callable[[Mapping[str, Any], Any], Any]
"""(checked parameters, decisions or None) → a small JSON value; see `Operation.reads`."""

Notes = Callable[[Mapping[str, Any], Any, Any], list[str]]
"""(checked parameters, rows that were read, the answer as a frame) → sentences; see `Operation.notes`."""

Agrees = Callable[[Mapping[str, Any]], None]
"""Raises RecipeError for checked parameters that make no sense together."""

KINDS = {
    "clean": "clean",
    "embed": "measure",
    "score": "measure",
    "group": "measure",
    "filter": "measure",
    "select": "select",
    "split": "split",
}
"""Kind of operation → the phase of a recipe in which it may stand."""


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
    """One keyword-only parameter: everything a form or a check has to know about it.

    type is one of "integer", "number", "flag", "choice", "column", "list" and "text"; choices
    are what a choice may be, or the items of a list. numeric: a column of numbers.
    """

    name: str
    type: str
    default: Any
    help: str = ""
    choices: tuple[Any, ...] = ()
    bounds: Range | None = None
    optional: bool = False
    numeric: bool = False

    def check(self, value: Any) -> Any:
        """The value in its canonical form; raises RecipeError with the accepted values."""
        if value is None and self.optional:
            return None
        if self.type == "flag" and isinstance(value, bool):
            return value
        if self.type == "choice" and value in self.choices:
            return value
        if self.type in ("text", "column") and isinstance(value, str):
            return value
        if self.type == "list" and isinstance(value, list | tuple):
            return self._items([self._text(item) for item in value])
        if self.type in ("integer", "number"):
            return self._number(value)
        wanted = (
            f"one of {', '.join(map(repr, self.choices))}" if self.choices else f"a {self.type}"
        )
        raise RecipeError(f"{self.name} must be {wanted}, not {value!r}")

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
                known = ", ".join(map(repr, self.choices))
                raise RecipeError(f"{self.name} may hold {known}, not {item!r}")
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


@dataclass(frozen=True)
class Operation:
    """A named step that a recipe can use; made by the decorators below and nowhere else.

    makes: the columns it adds; `{tag}` in a name stands for what the parameter `tag` says. needs:
    columns it reads beyond the text. slow: too long to wait for inside a page, or a function that
    says so of checked parameters: what people write themselves, such as a pattern, has no bound.
    depends: what else its results depend on, such as a model's weights; called with decide=True it may first make a
    choice that is still open, which can take seconds. reads: what they depend on of people's
    decisions, where these are an input; where it is not said, on all of them. notes: what a person
    should know of its answer, such as a value that no row has. agrees: refuses parameters that make
    no sense together.
    """

    name: str
    kind: str
    title: str
    run: Callable[..., Any]
    makes: tuple[str, ...]
    needs: tuple[str, ...]
    slow: bool | Callable[[Mapping[str, Any]], bool]
    inputs: tuple[str, ...]
    params: Mapping[str, Parameter] = field(hash=False)
    depends: Depends | None = None
    reads: Reads | None = None
    notes: Notes | None = None
    agrees: Agrees | None = None

    @functools.cached_property
    def version(self) -> str:
        """Changes with the code behind it and the engine's, and with the packages it imports."""
        supplied = [_SUPPLIED_BY[name] for name in self.inputs if name in _SUPPLIED_BY]
        return code_version(_source(self.run), supplied, _ENGINE)

    def is_slow(self, params: Mapping[str, Any]) -> bool:
        """Whether a call with these parameters is too long to wait for inside a page."""
        return self.slow(params) if callable(self.slow) else self.slow

    def depends_on(self, params: Mapping[str, Any], store: Any, decide: bool = False) -> Any:
        """What results depend on beside code, parameters and rows, as a small JSON value."""
        return self.depends(params, store, decide) if self.depends else None

    def read_of(self, params: Mapping[str, Any], people: Any) -> Any:
        """What results depend on of people's decisions, as a small JSON value."""
        if "decisions" not in self.inputs:
            return None
        if self.reads is not None:
            return self.reads(params, people)
        return None if people is None else people.fingerprint(EVERY_KIND)

    def columns_made(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns that a call with these parameters adds."""
        words = {name: column_word(str(value)) for name, value in params.items()}
        return tuple(
            name.format_map(words).rstrip("_") if "{" in name else name for name in self.makes
        )

    def can_make(self, column: str) -> bool:
        """Whether some call adds a column of that name."""
        patterns = (re.sub(r"_\\\{\w+\\\}", "(_.+)?", re.escape(name)) for name in self.makes)
        return any(re.fullmatch(pattern, column) for pattern in patterns)

    @property
    def phase(self) -> str:
        """The phase of a recipe it belongs to: clean, measure, select or split."""
        return KINDS[self.kind]

    @property
    def help(self) -> str:
        """The first sentence of the function's docstring."""
        return " ".join((inspect.getdoc(self.run) or "").split("\n\n")[0].split())

    @property
    def details(self) -> str:
        """The rest of the function's docstring."""
        return "\n\n".join((inspect.getdoc(self.run) or "").split("\n\n")[1:])

    @property
    def sections(self) -> dict[str, str]:
        """The sections of the docstring by their titles, such as Why and Source."""
        parts = re.split(r"^(\w[\w ]*):\n", self.details, flags=re.MULTILINE)
        bodies = (inspect.cleandoc(f"\n{body}") for body in parts[2::2])
        return dict(zip(parts[1::2], bodies, strict=True))

    @property
    def batched(self) -> bool:
        """Whether it may be run on any slice of the rows."""
        return self.inputs[0] == "batch"

    def check(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, defaults filled in; raises RecipeError naming the known ones."""
        unknown = [name for name in params if name not in self.params]
        if unknown:
            known = ", ".join(self.params) or "none"
            raise RecipeError(f"{self.name} has no parameter {unknown[0]!r}; it knows: {known}")
        checked = {}
        for name, parameter in self.params.items():
            try:
                checked[name] = parameter.check(params.get(name, parameter.default))
            except RecipeError as error:
                raise RecipeError(f"{self.name}: {error}") from None
        if self.agrees is not None:
            self.agrees(checked)
        return checked

    def numbers_read(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns that have to hold numbers in a call with these parameters."""
        return tuple(params[p.name] for p in self.params.values() if p.numeric and params[p.name])

    def columns_read(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns beyond the text that a call with these parameters reads."""
        named = [params[p.name] for p in self.params.values() if p.type == "column"]
        return tuple(dict.fromkeys([*self.needs, *(name for name in named if name)]))


_operations: dict[str, Operation] = {}
Function = TypeVar("Function", bound=Callable[..., Any])


def _decorator(kind: str) -> Callable[..., Callable[[Function], Function]]:
    def decorate(
        title: str,
        *,
        makes: tuple[str, ...] | None = None,
        needs: tuple[str, ...] = (),
        slow: bool | Callable[[Mapping[str, Any]], bool] = False,
        depends: Depends | None = None,
        reads: Reads | None = None,
        notes: Notes | None = None,
        agrees: Agrees | None = None,
    ) -> Callable[[Function], Function]:
        def register(function: Function) -> Function:
            made = _describe(kind, title, function, makes, needs, slow, depends, reads)
            add(replace(made, notes=notes, agrees=agrees))
            return function

        return register

    decorate.__doc__ = f"Make a function known as a `{kind}` operation under a title."
    return decorate


def add(operation: Operation) -> None:
    """Make an operation known; raises RecipeError when another module already claims the name."""
    other = _operations.get(operation.name)
    if other is not None and other.run.__module__ != operation.run.__module__:
        raise RecipeError(
            f"Two operations are called {operation.name!r}: one in {other.run.__module__}, "
            f"one in {operation.run.__module__}. Rename one of them."
        )
    _operations[operation.name] = operation


def _describe(
    kind: str,
    title: str,
    function: Callable[..., Any],
    makes: tuple[str, ...] | None,
    needs: tuple[str, ...],
    slow: bool | Callable[[Mapping[str, Any]], bool],
    depends: Depends | None,
    reads: Reads | None,
) -> Operation:
    name = function.__name__
    hints = typing.get_type_hints(function, include_extras=True)
    inputs, params = [], {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            if parameter.default is parameter.empty:
                raise RecipeError(f"{name}: parameter {parameter.name!r} needs a default")
            params[parameter.name] = _parameter(
                parameter.name, hints.get(parameter.name, str), parameter.default
            )
        elif parameter.name in INPUTS:
            inputs.append(parameter.name)
        else:
            raise RecipeError(f"{name}: unknown input {parameter.name!r}; known: {INPUTS}")
    if not inputs or inputs[0] not in ("batch", "rows"):
        raise RecipeError(f"{name}: the first parameter must be `batch` or `rows`")
    if makes is None:
        makes = (name,) if kind in ("score", "group") else ()
    return Operation(
        name, kind, title, function, makes, needs, slow, tuple(inputs), params, depends, reads
    )


def _source(function: Callable[..., Any]) -> str:
    """The source of a function's module; of one typed at a prompt, its compiled code."""
    try:
        return inspect.getsource(inspect.getmodule(function) or function)
    except (OSError, TypeError):
        return repr((function.__code__.co_code, function.__code__.co_consts))


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:
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
    }
    choices: tuple[Any, ...] = ()
    if get_origin(annotation) is Literal:
        kind, choices = "choice", get_args(annotation)
    elif get_origin(annotation) is list:
        kind, item = "list", get_args(annotation)[0]
        choices = get_args(item) if get_origin(item) is Literal else ()
    elif annotation in kinds:
        kind = kinds[annotation]
    else:
        raise RecipeError(f"parameter {name!r}: {annotation!r} cannot be drawn as a form")
    numeric = annotation is Numbers
    return Parameter(name, kind, default, help_text, choices, bounds, optional, numeric)


clean = _decorator("clean")
score = _decorator("score")
filter = _decorator("filter")
group = _decorator("group")
embed = _decorator("embed")
select = _decorator("select")
split = _decorator("split")


@functools.cache
def _discover() -> None:
    package = importlib.import_module("curation.operations")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"curation.operations.{module.name}")


def operations() -> dict[str, Operation]:
    """Every known operation by name, in phase order and then by name."""
    _discover()
    order = {kind: i for i, kind in enumerate(KINDS)}
    return dict(sorted(_operations.items(), key=lambda item: (order[item[1].kind], item[0])))


def operation(name: str) -> Operation:
    """The operation of that name; raises RecipeError with the nearest known names."""
    known = operations()
    if name not in known:
        import difflib

        near = difflib.get_close_matches(name, known, n=3) or sorted(known)
        raise RecipeError(f"There is no operation {name!r}; near to it are: {', '.join(near)}")
    return known[name]

"""Operations: plain functions that a decorator registers for the engine, the app and the CLI.

The positional parameters of an operation are data that the engine supplies by name (see `INPUTS`).
Keyword-only parameters belong to the user: annotation and default are the form, the check of the
recipe, the command's help and the reference page.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from curation.errors import RecipeError
from curation.parameters import (
    SEEDS,
    Column,
    Numbers,
    Parameter,
    ProjectFile,
    Range,
    ReferenceNames,
    checked,
    parameters_of,
)
from curation.text.slug import column_word
from curation.versions import code_version

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "INPUTS",
    "KINDS",
    "PHASES",
    "SEEDS",
    "Column",
    "Numbers",
    "Operation",
    "Parameter",
    "ProjectFile",
    "Range",
    "ReferenceNames",
    "add",
    "clean",
    "embed",
    "filter",
    "group",
    "maker_of",
    "operation",
    "operations",
    "score",
    "select",
    "split",
]

INPUTS = {
    "batch": "any slice of the rows, cut anywhere by the engine: a frame with the text columns, "
    "`label`, and the columns named by `needs` or by a `Column` parameter; for a `clean` operation "
    "that makes no columns one row per turn, with columns `text` and `role`",
    "rows": "every row that is still kept, sorted by id: all columns, without the texts that the "
    "operation does not name where it names its `texts`",
    "vectors": "the embeddings of the rows, (rows, width) float32, unit length, in one array; where the "
    "parameter's type is `curation.vectors.Vectors`, they stay where they lie and are read by blocks or "
    "positions; where the parameter may be None, None without embeddings",
    "neighbours": "a function of k and, for some of the rows, of their positions; it returns indices "
    "and cosine similarities, both (rows, k), nearest first, without the row itself; indices count "
    "among those positions",
    "embedder": "a function of a frame with prompt and response, and of a side (prompt, response or "
    "both; as the recipe embeds without one); it returns vectors by the recipe's embed step, "
    "(rows, width) float32; where the parameter may be None, None without embeddings",
    "targets": "a function of names; it returns these reference sets of the project, or all without a "
    "name, each with name, sha256 and `examples`, a frame with prompt and response; the names are a "
    "parameter of type ReferenceNames",
    "folder": "the project's folder, in which the parameters of type ProjectFile name files",
    "store": "the vector store (see `curation.embedding`)",
    "decisions": "the state of people's decisions",
    "work": "computes arrays in slices by the workers, and remembers them (see `curation.alike.work`)",
    "basis": "a table that the operation keeps to in later runs (see `curation.basis`)",
    "progress": "a function of the share that is done and a text",
}
"""The positional parameters that an operation may have, and what the engine supplies for each.

`curation.engine.supply` makes them.
"""
PHASES = ("clean", "measure", "select", "split")

TEXTS = ("messages", "prompt", "response", "system", "tools", "rejected", "metadata", "repairs")
"""Columns of the examples that take memory; see `Operation.texts`."""

EVERY_KIND = (
    "keep",
    "drop",
    "edit",
    "label",
    "rate",
    "skip",
    "tag",
    "flag",
    "note",
    "apart",
    "prefer",
)
"""Kinds of decisions about an example; see `curation.decisions`."""
_SUPPLIED_BY = {"neighbours": "curation.embedding.neighbours"}
"""Inputs whose values come from code that may change, and the module of that code."""

_ENGINE = tuple(f"curation.engine.{name}" for name in ("batches", "steps", "supply", "work"))
"""The modules that give an operation its inputs and make a delta of its answer."""

Depends = Callable[[Mapping[str, Any], Any, int | None], Any]
"""(checked parameters, vector store, rows or None) → a small JSON value; see `Operation.depends`."""

Reads = Callable[[Mapping[str, Any], Any], Any]
"""(checked parameters, decisions or None) → a small JSON value; see `Operation.reads`."""

Notes = Callable[[Mapping[str, Any], Any, Any], list[str]]
"""(checked parameters, rows that were read, the answer as a frame) → sentences; see `Operation.notes`."""

Agrees = Callable[[Mapping[str, Any]], None]
"""Raises RecipeError for checked parameters that make no sense together."""

Unread = Callable[[Mapping[str, Any]], tuple[str, ...]]
"""Checked parameters → names of those whose columns are then not read."""

KINDS = {
    "clean": "clean",
    "embed": "measure",
    "score": "measure",
    "group": "measure",
    "filter": "measure",
    "select": "select",
    "split": "split",
}
"""Kind of operation → its phase of a recipe."""


@dataclass(frozen=True)
class Operation:
    """A named step that a recipe can use; only the decorators below make one.

    makes: the columns it adds; `{tag}` in a name stands for the value of the parameter `tag`. needs:
    columns it reads beyond the text. slow: too long to wait for inside a page, or a function of the
    checked parameters that decides it; a pattern that a person wrote, for example, has no bound.
    depends: what else its results depend on, such as a model's weights; given the number of rows of a
    call about to be made, it may first make a choice that is still open, which can take seconds.
    reads: the part of people's decisions that its results depend on, where decisions are an input;
    without it, all of them. texts: the columns among TEXTS that it reads; None for all, which costs a copy
    of them. notes: sentences for a person about its answer, such as a value that no
    row has. agrees: refuses parameters that make no sense together. spared: inputs that are None
    where the engine has none. unread: the parameters whose columns a call with these parameters does
    not read.
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
    spared: tuple[str, ...] = ()
    unread: Unread | None = None
    texts: tuple[str, ...] | None = None

    @functools.cached_property
    def version(self) -> str:
        """Changes with the code behind it and the engine's, and with the packages it imports."""
        supplied = [_SUPPLIED_BY[name] for name in self.inputs if name in _SUPPLIED_BY]
        return code_version(_source(self.run), supplied, _ENGINE)

    def is_slow(self, params: Mapping[str, Any]) -> bool:
        """Whether a call with these parameters is too long to wait for inside a page."""
        return self.slow(params) if callable(self.slow) else self.slow

    def depends_on(self, params: Mapping[str, Any], store: Any, rows: int | None = None) -> Any:
        """Other things that results depend on, besides code, parameters and rows, as a JSON value.

        rows: how many the call will get, where it is about to be made.
        """
        return self.depends(params, store, rows) if self.depends else None

    def read_of(self, params: Mapping[str, Any], people: Any) -> Any:
        """The part of people's decisions that results depend on, as a small JSON value."""
        if "decisions" not in self.inputs:
            return None
        if self.reads is not None:
            return self.reads(params, people)
        return "" if people is None else people.fingerprint(EVERY_KIND)

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
        """Its phase of a recipe: clean, measure, select or split."""
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
        values = checked(self.name, self.params, params)
        if self.agrees is not None:
            self.agrees(values)
        return values

    def numbers_read(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns that have to hold numbers in a call with these parameters."""
        return tuple(params[p.name] for p in self._columns(params) if p.numeric)

    def references_read(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The reference sets that a call with these parameters names; none of them means all."""
        return tuple(name for p in self.params.values() if p.references for name in params[p.name])

    def files_read(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The files in the project's folder that a call with these parameters names."""
        return tuple(params[p.name] for p in self.params.values() if p.file and params[p.name])

    def columns_read(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns beyond the text that a call with these parameters reads."""
        return tuple(dict.fromkeys([*self.needs, *(params[p.name] for p in self._columns(params))]))

    def without_unread(self, rows: pd.DataFrame, params: Mapping[str, Any]) -> pd.DataFrame:
        """The rows without the texts that a call with these parameters does not read."""
        if self.texts is None:
            return rows
        unread = {*TEXTS} - {*self.texts, *self.columns_read(params)}
        return rows[[name for name in rows if name not in unread]]

    def _columns(self, params: Mapping[str, Any]) -> list[Parameter]:
        """The parameters that name a column which a call reads."""
        unread = self.unread(params) if self.unread else ()
        columns = [p for p in self.params.values() if p.type == "column" and p.name not in unread]
        return [p for p in columns if params[p.name]]


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
        unread: Unread | None = None,
        texts: tuple[str, ...] | None = None,
    ) -> Callable[[Function], Function]:
        def register(function: Function) -> Function:
            described = _describe(kind, title, function, makes, needs, slow, depends, reads)
            add(replace(described, notes=notes, agrees=agrees, unread=unread, texts=texts))
            return function

        return register

    decorate.__doc__ = f"Register a function as a `{kind}` operation under a title."
    return decorate


def add(operation: Operation) -> None:
    """Register an operation; raises RecipeError when another module has registered the name."""
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
    inputs, params = parameters_of(function)
    hints = get_type_hints(function)
    spared = tuple(name for name in inputs if type(None) in get_args(hints.get(name)))
    unknown = [input for input in inputs if input not in INPUTS]
    if unknown:
        raise RecipeError(f"{name}: unknown input {unknown[0]!r}; known: {tuple(INPUTS)}")
    if not inputs or inputs[0] not in ("batch", "rows"):
        raise RecipeError(f"{name}: the first parameter must be `batch` or `rows`")
    if makes is None:
        makes = (name,) if kind in ("score", "group") else ()
    return Operation(
        name,
        kind,
        title,
        function,
        makes,
        needs,
        slow,
        tuple(inputs),
        params,
        depends,
        reads,
        spared=spared,
    )


def _source(function: Callable[..., Any]) -> str:
    """The source of a function's module; the compiled code of a function typed at a prompt."""
    try:
        return inspect.getsource(inspect.getmodule(function) or function)
    except (OSError, TypeError):
        return repr((function.__code__.co_code, function.__code__.co_consts))


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
    """Every operation by name, in phase order and then by name."""
    _discover()
    order = {kind: i for i, kind in enumerate(KINDS)}
    return dict(sorted(_operations.items(), key=lambda item: (order[item[1].kind], item[0])))


def operation(name: str) -> Operation:
    """The operation of that name; raises RecipeError with the nearest known names."""
    by_name = operations()
    if name not in by_name:
        import difflib

        near = difflib.get_close_matches(name, by_name, n=3) or sorted(by_name)
        raise RecipeError(f"There is no operation {name!r}; near to it are: {', '.join(near)}")
    return by_name[name]


def maker_of(column: str) -> Operation | None:
    """The first operation that adds a column of that name without reading one; None for none."""
    makers = (o for o in operations().values() if o.can_make(column) and column not in o.needs)
    return next(makers, None)

"""Versions of the code that results depend on.

Guarantee: a stored result is not used after a change of the code that made it. Accepted cost: any
change of an imported module counts, also one without effect.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).resolve().parent
_SHOWN_ONLY = "curation.ui"
_DISTRIBUTIONS = {
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "fasttext": ("fasttext-predict",),
    "sklearn": ("scikit-learn",),
    "umap": ("umap-learn",),
    "yaml": ("PyYAML",),
}
"""Packages that are installed under another name than they are imported by."""


def code_version(source: str, modules: Iterable[str] = (), alone: Iterable[str] = ()) -> str:
    """Twelve hexadecimal digits for a module's code, all that it imports, and named modules.

    Of this package that is the code of every module imported, directly or not, inside functions
    too; of others the installed version. Comments and docstrings are no code. Nothing is imported
    to find out. alone: named modules whose own imports do not count.
    """
    codes, packages = {"": _code(source)}, set[str]()
    for name in alone:
        codes[name] = _code(_text(name))
    todo = {*modules, *codes[""].imports}
    while todo:
        name = todo.pop()
        path = _path(name)
        if path is None:
            packages.add(name.partition(".")[0])
        elif name not in codes and not f"{name}.".startswith(f"{_SHOWN_ONLY}."):
            codes[name] = _code(path.read_text("utf-8"))
            todo |= codes[name].imports
    digest = hashlib.blake2b(repr(sys.version_info[:2]).encode(), digest_size=6)
    for package in sorted(packages - sys.stdlib_module_names):
        digest.update(f"{package} {_installed(package)}\n".encode())
    for name in sorted(codes):
        digest.update(f"{name}\0{codes[name].digest}\0".encode())
    return digest.hexdigest()


@functools.cache
def module_version(name: str) -> str:
    """The same for a module of this package by its name."""
    return code_version("", [name])


class _Code(NamedTuple):
    """A parsed source: a digest of its statements, and the modules that it imports."""

    digest: str
    imports: frozenset[str]


@functools.lru_cache(maxsize=256)
def _code(source: str) -> _Code:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # compiled code, as text
        return _Code(hashlib.blake2b(source.encode(), digest_size=16).hexdigest(), frozenset())
    imports = frozenset(_imported(tree))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return _Code(hashlib.blake2b(ast.dump(tree).encode(), digest_size=16).hexdigest(), imports)


def _is_text(node: ast.AST) -> bool:
    """Return whether a statement is only a text: a docstring, or one below a name."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _text(name: str) -> str:
    path = _path(name)
    return path.read_text("utf-8") if path else ""


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if _path(inner) else node.module


@functools.cache
def _path(name: str) -> Path | None:
    """The file of a module of this package."""
    top, *inner = name.split(".")
    if top != _ROOT.name:
        return None
    places = (
        _ROOT.joinpath(*inner).with_suffix(".py") if inner else None,
        _ROOT.joinpath(*inner, "__init__.py"),
    )
    return next((place for place in places if place and place.is_file()), None)


@functools.cache
def _installed(package: str) -> str:
    """The installed version of what is imported under that name; empty when it is absent."""
    for name in _DISTRIBUTIONS.get(package, (package,)):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""

"""What a result owes to the code that made it, so that nothing remembered outlives its maker."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
_SHOWN_ONLY = "curation.ui"
_DISTRIBUTIONS = {
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "lingua": ("lingua-language-detector",),
    "sklearn": ("scikit-learn",),
    "umap": ("umap-learn",),
    "yaml": ("PyYAML",),
}
"""Packages that are installed under another name than they are imported by."""


def code_version(source: str, modules: Iterable[str] = ()) -> str:
    """Twelve hexadecimal digits for a module's source, all that it imports, and named modules.

    Of this package that is the source of every module imported, directly or not, inside functions
    too; of others the installed version. Nothing is imported to find out.
    """
    sources, packages = {"": source}, set[str]()
    todo = {*modules, *_imports(source)}
    while todo:
        name = todo.pop()
        path = _path(name)
        if path is None:
            packages.add(name.partition(".")[0])
        elif name not in sources and not f"{name}.".startswith(f"{_SHOWN_ONLY}."):
            sources[name] = path.read_text("utf-8")
            todo |= _imports(sources[name])
    digest = hashlib.blake2b(repr(sys.version_info[:2]).encode(), digest_size=6)
    for package in sorted(packages - sys.stdlib_module_names):
        digest.update(f"{package} {_installed(package)}\n".encode())
    for name in sorted(sources):
        digest.update(f"{name}\0{sources[name]}\0".encode())
    return digest.hexdigest()


@functools.cache
def module_version(name: str) -> str:
    """The same for a module of this package by its name."""
    return code_version("", [name])


@functools.lru_cache(maxsize=256)
def _imports(source: str) -> frozenset[str]:
    return frozenset(_imported(ast.parse(source)))


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

"""Folders of this machine that a delivery must not name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from curation.dataset import Dataset
from curation.export.origin import Origin
from curation.recipe import Recipe, replace_params

MODELS = ("model", "tokenizer")
"""Parameters whose value may be a model's folder."""


def without_folders(dataset: Dataset, origin: Origin) -> tuple[Dataset, Origin]:
    """Return both with each model's folder as its last part; the names of the Hub stay."""
    reports = [replace(report, params=_nameless(report.params)) for report in dataset.steps]
    recipe = Recipe.from_yaml(origin.recipe)
    if any(_folders(step.params) for step in recipe.steps):
        steps = [replace_params(step, _nameless(step.params)) for step in recipe.steps]
        origin = replace(origin, recipe=replace(recipe, steps=tuple(steps)).to_yaml())
    return dataset.replace(steps=tuple(reports)), origin


def _nameless(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters whose folders are their last part."""
    return {**params, **{name: _name(path) for name, path in _folders(params).items()}}


def _folders(params: Mapping[str, Any]) -> dict[str, str]:
    """Map each parameter that names a folder → the folder."""
    return {k: v for k in MODELS if isinstance(v := params.get(k), str) and _is_folder(v)}


def _is_folder(text: str) -> bool:
    """Whether a text is a place on a machine and no name of the Hub (owner/name)."""
    return (
        text.startswith(("~", ".", "\\"))
        or PurePosixPath(text).is_absolute()
        or PureWindowsPath(text).is_absolute()
        or text.count("/") > 1
        or Path(text).is_dir()
    )


def _name(text: str) -> str:
    """The last part of a path."""
    return PureWindowsPath(text).name or text

"""Recipes for kinds of data, each a file of this folder with a title and a sentence."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from pathlib import Path

import yaml

from curation.errors import CurationError
from curation.recipe import Recipe, Step

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Preset:
    """A recipe for a kind of data. name: of its file, and on the command line."""

    name: str
    title: str
    about: str
    recipe: Recipe


@dataclass(frozen=True)
class Change:
    """The steps that one recipe has and another lacks, each in its order."""

    added: tuple[Step, ...]
    removed: tuple[Step, ...]

    @classmethod
    def of(cls, before: Recipe, after: Recipe) -> Change:
        """Steps to add and remove between two recipes; one with other parameters is another step."""
        return cls(_without(after, before), _without(before, after))

    def lines(self) -> list[str]:
        """A line for each step, `- ` before one that goes and `+ ` before one that comes."""
        signs = [*(("-", step) for step in self.removed), *(("+", step) for step in self.added)]
        return [
            f"{sign} {Recipe((step,)).to_yaml().split('- ', 1)[1].strip()}" for sign, step in signs
        ]


def _without(recipe: Recipe, other: Recipe) -> tuple[Step, ...]:
    """The steps of a recipe that another lacks."""
    rest = list(other.steps)
    left = []
    for step in recipe:
        if step in rest:
            rest.remove(step)
        else:
            left.append(step)
    return tuple(left)


@functools.cache
def presets() -> dict[str, Preset]:
    """All presets by name, in the order of their names."""
    return {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.yaml"))}


def _read(path: Path) -> Preset:
    text = path.read_text("utf-8")
    data = yaml.safe_load(text)
    return Preset(path.stem, data["title"], data["about"], Recipe.from_yaml(text, path.name))


def preset(name: str) -> Preset:
    """The preset of that name; raises CurationError with the names there are."""
    names = list(presets())
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"near to it is {near[0]}" if near else f"there are {', '.join(names)}"
        raise CurationError(f"There is no preset {name!r}; {hint}.")
    return presets()[name]

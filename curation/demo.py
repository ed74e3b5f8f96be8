"""The bundled example: a small dataset with planted faults, and the recipe that finds them."""

from __future__ import annotations

from pathlib import Path

from curation.dataset import Progress, silent
from curation.project import Project
from curation.recipe import Recipe

EXAMPLE = Path(__file__).parent / "example"
"""The folder with the example's files."""

FILES = ("instructions.jsonl", "chats.jsonl", "chinese.json", "languages.jsonl", "news.csv")


def make_demo(path: str | Path, progress: Progress = silent) -> Project:
    """Make a project of the example's files, ready to run.

    Raises CurationError when something is at `path` already.
    """
    recipe = Recipe.from_yaml((EXAMPLE / "recipe.yaml").read_text("utf-8"), "the example's recipe")
    project = Project.create(path, name="example", recipe=recipe)
    project.add(*(EXAMPLE / name for name in FILES), progress=progress)
    return project

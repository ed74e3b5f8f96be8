"""The bundled example: a small dataset with planted faults, and the recipe that finds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from curation.cache import read_table
from curation.dataset import Progress, silent
from curation.project import Project
from curation.recipe import Recipe

EXAMPLE = Path(__file__).parent / "example"
"""The folder with the example's files."""

VECTORS = EXAMPLE / "vectors.arrow"
"""The vectors of the example's texts, so that its first run loads no model.

They are those of one encoder, whose name is the table's metadata. Where the run takes another one, as
on a GPU, or meets a text that is not among them, it computes vectors as for any dataset.
"""

FILES = ("instructions.jsonl", "chats.jsonl", "chinese.json", "languages.jsonl", "news.csv")


def make_demo(path: str | Path, progress: Progress = silent) -> Project:
    """Make a project of the example's files, ready to run.

    Raises CurationError when something is at `path` already.
    """
    recipe = Recipe.from_yaml((EXAMPLE / "recipe.yaml").read_text("utf-8"), "the example's recipe")
    project = Project.create(path, name="example", recipe=recipe)
    project.add(*(EXAMPLE / name for name in FILES), progress=progress)
    if (vectors := read_vectors()) is not None:
        project.vectors.add(*vectors)
    return project


def read_vectors() -> tuple[str, np.ndarray, np.ndarray] | None:
    """The encoder's name, the keys of texts and their vectors; None without the file.

    Shapes are those of `VectorStore.all_of`.
    """
    table = read_table(VECTORS)
    if table is None:
        return None
    encoder = table.schema.metadata[b"encoder"].decode()
    vectors = table["vector"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    return encoder, np.array(table["key"].to_pylist(), dtype="S16"), vectors

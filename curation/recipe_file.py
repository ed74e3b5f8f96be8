"""A project's recipe.yaml: what a new one holds, and saving it without overwriting anybody.

Guarantee: a save replaces exactly the recipe that it was made from; of several programs that save at
once, one does. The file is always a whole one.
"""

from __future__ import annotations

from pathlib import Path

from curation import files, lock, roles, schema
from curation.errors import CurationError, RecipeConflict
from curation.recipe import Recipe, Step
from curation.recipe_text import edited, portable

NAME = "recipe.yaml"

DEFAULT_RECIPE = Recipe(
    (
        Step("fix_text"),
        Step("drop_exact_duplicates"),
        Step("lengths"),
        Step("language"),
        Step("answer_checks"),
        Step(
            "drop_bad_answers"
        ),  # before copies are compared, so that a whole one outlives a cut one
        Step("drop_near_duplicates", similarity=0.8, keep="longest"),
        Step("embed"),
        Step("project_map"),
        Step("topics"),
        Step("label_quality"),  # after the map, which shows what these two drop
        Step("drop_wrong_labels"),
        Step("keep_between", score="prompt_tokens", low=1, high=2048),
        Step("split", validation=0.05, test=0.05),
    )
)
"""The recipe of a new project made by the app or the command line: safe for most SFT data.

Examples without labels are not touched by the two steps about labels. With labels these steps gain the
most of all: see benchmarks/README.md, lift.
"""


def begin(folder: Path, recipe: Recipe) -> None:
    """Write the first recipe of a new project, with the schema that its first line names.

    Raises CurationError when it cannot be written.
    """
    files.write_text(folder / schema.NAME, schema.schema_text())
    files.write_text(folder / NAME, schema.MODELINE + recipe.to_yaml())


def text(folder: Path) -> str:
    """The text of recipe.yaml; raises CurationError when it cannot be read. See `portable`."""
    try:
        return portable((folder / NAME).read_text("utf-8"), folder)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise CurationError(f"{NAME} cannot be read: {why}.") from None


def read(folder: Path) -> Recipe:
    """The saved recipe; raises CurationError when it cannot be read, RecipeError when it is none."""
    return Recipe.from_yaml(text(folder), NAME)


def save(folder: Path, recipe: Recipe, base: str) -> None:
    """Save a recipe that was made from the one of the revision `base`.

    Raises RecipeConflict, with both texts, when the saved one has another revision by now, and
    RecipeError when the recipe cannot be run.
    """
    roles.need(folder, roles.OWNER)
    recipe.check()
    with lock.locked(folder / ".recipe.lock"):
        former = text(folder)
        if Recipe.from_yaml(former, NAME).revision != base:
            raise RecipeConflict(former, edited(former, recipe))
        files.write_text(folder / NAME, edited(former, recipe))

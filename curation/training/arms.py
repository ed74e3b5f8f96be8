"""Arms: ways to choose what is trained on, each a recipe.

Guarantee: an arm sees the pool only, in which no example of the test set is. Accepted: `export:PATH`
takes the rows of an earlier delivery that are in the pool, whoever chose them and whatever they saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curation.errors import CurationError
from curation.recipe import Recipe, Step, replace_params
from curation.text.slug import column_word

KINDS: dict[str, tuple[str, str]] = {
    "curated": ("Curated", "what the recipe and people's decisions choose within the budget"),
    "kept": ("All kept", "everything that the recipe and people keep, whatever the budget"),
    "random": ("Random", "as many examples by chance, from everything that was imported"),
    "balanced": (
        "Random, balanced",
        "as many by chance, with equal shares of each label, topic or source",
    ),
    "longest": ("Longest", "as many with the longest answers, or the longest texts"),
    "everything": ("Everything", "all that was imported, whatever the budget"),
    "recipe": ("Recipe", "another saved recipe, with its selection at the budget"),
    "export": ("Delivery", "the training rows of an earlier delivery, whatever the budget"),
}
"""Kind of an arm → its title and what it trains on."""

NEEDS_ARGUMENT = {"recipe": "a file", "export": "the folder of a delivery"}
WITHOUT_BUDGET = frozenset({"kept", "everything", "export"})
DRAWN_ONLY = frozenset({"project_map"})
"""Steps whose columns only a page reads."""

CHOSEN = frozenset({"curated", "kept", "recipe", "export"})
"""Arms that somebody chose: those that are compared with all others."""


@dataclass(frozen=True)
class Arm:
    """An arm by its kind and what follows the colon, as in `balanced:topic`."""

    kind: str
    argument: str = ""

    @classmethod
    def parse(cls, text: str) -> Arm:
        """The arm that a text names; raises CurationError for any other text."""
        kind, _, argument = text.strip().partition(":")
        if kind not in KINDS:
            raise CurationError(
                f"There is no arm {kind!r}; there are: {', '.join(map(_written, KINDS))}."
            )
        if kind in NEEDS_ARGUMENT and not argument:
            raise CurationError(f"The arm {kind} needs {NEEDS_ARGUMENT[kind]}: {kind}:PATH.")
        if argument and kind not in (*NEEDS_ARGUMENT, "balanced"):
            raise CurationError(f"The arm {kind} takes nothing after a colon.")
        return cls(kind, argument)

    @property
    def text(self) -> str:
        """The arm as it is written in a plan."""
        return f"{self.kind}:{self.argument}" if self.argument else self.kind

    @property
    def title(self) -> str:
        """The arm's name on pages and in reports."""
        title = KINDS[self.kind][0]
        if self.kind in NEEDS_ARGUMENT:
            return f"{title} {Path(self.argument).name}"
        return f"{title} by {self.argument}" if self.argument else title

    @property
    def slug(self) -> str:
        """A part of a file's name that is the arm's own."""
        return column_word(self.text)[-80:]  # the digest of what is lost stands at the end

    @property
    def takes_budget(self) -> bool:
        """Whether it chooses as many as a budget says."""
        return self.kind not in WITHOUT_BUDGET

    @property
    def with_people(self) -> bool:
        """Whether people's decisions and the recipe's cleaning count for what it trains on."""
        return self.kind in ("curated", "kept", "recipe")


def recipe_of(
    arm: Arm,
    project: Recipe,
    budget: int,
    seed: int,
    labelled: bool,
) -> Recipe:
    """The recipe by which an arm chooses `budget` examples; an arm without a budget ignores it.

    project: the project's recipe, or the one that the arm names. labelled: whether the task is
    classification. Splits are left out, because the test set is taken out already. A recipe
    without a selection chooses by chance among what it keeps, which shows what its filters are
    worth.
    """
    if arm.kind == "random":
        return Recipe((Step("select_random", budget=budget, seed=seed),))
    if arm.kind == "longest":
        score = "prompt_tokens" if labelled else "response_tokens"
        return Recipe((Step("lengths"), Step("select_highest", budget=budget, score=score)))
    if arm.kind == "balanced":
        measured = () if labelled and arm.argument in ("", "label") else _measuring(project)
        step = Step("select_balanced", budget=budget, seed=seed, shares="equal")
        if arm.argument:
            step = replace_params(step, {**step.params, "by": arm.argument})
        return Recipe((*measured, step))
    if arm.kind in ("everything", "export"):
        return Recipe(())
    filters = filters_of(project)
    if arm.kind == "kept":
        return filters
    enabled = Recipe(tuple(step for step in project.steps if step.enabled))
    return filters + _at_budget(enabled.selection or Step("select_random"), budget, seed)


def _written(kind: str) -> str:
    """The text by which an arm of a kind is named in a plan."""
    argument = {"recipe": ":FILE", "export": ":FOLDER", "balanced": "[:COLUMN]"}
    return kind + argument.get(kind, "")


def filters_of(recipe: Recipe) -> Recipe:
    """A recipe's enabled steps before its selection."""
    return Recipe(
        tuple(
            step
            for step in recipe.steps
            if step.enabled
            and step.operation.phase in ("clean", "measure")
            and step.use not in DRAWN_ONLY
        )
    )


def _measuring(recipe: Recipe) -> tuple[Step, ...]:
    """The steps that add columns and neither drop nor change anything."""
    kinds = ("score", "group", "embed")
    return tuple(s for s in filters_of(recipe) if s.operation.kind in kinds)


def _at_budget(step: Step, budget: int, seed: int) -> Step:
    changes = {"budget": budget}
    if "seed" in step.operation.params:
        changes["seed"] = seed
    return replace_params(step, {**step.params, **changes}, enabled=True)

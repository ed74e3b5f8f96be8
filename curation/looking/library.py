"""The library of operations: found by words, with what each needs, and added with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from curation.recipe import Recipe, Step
from curation.registry import Operation, maker_of, operation, operations

Cost = Literal["quick", "slow"]


def search(words: str) -> list[Operation]:
    """The operations in which every word stands, the best first; all of them without a word.

    Words are looked for in titles, then in the first sentence and the names of columns and
    parameters, then in the rest of the documentation; the beginning of a word is enough.
    """
    sought = words.casefold().translate(_BLANKS).split()
    ranked = [(_rank(o, sought), o) for o in operations().values()]
    return [o for rank, o in sorted(ranked, key=lambda pair: pair[0]) if rank < _NOWHERE]


_NOWHERE = 1_000_000


def _rank(one: Operation, sought: list[str]) -> int:
    """The rank of an operation for searched words: less where they stand nearer the title."""
    names = [one.name, *one.makes, *one.needs, *one.params]
    places = [one.title, f"{one.help} {' '.join(names)}", one.details]
    texts = [f" {' '.join(text.casefold().translate(_BLANKS).split())}" for text in places]
    far = 0
    for word in sought:
        far += next((i for i, text in enumerate(texts) if f" {word}" in text), _NOWHERE)
    return min(far, _NOWHERE)


_BLANKS = {ord(sign): " " for sign in "_-–.,;:()[]{}`'\"/"}
"""Signs between words."""


def missing(recipe: Recipe, step: Step, columns: Collection[str]) -> list[str]:
    """The columns that a step would read and that neither the examples nor a step before it have.

    columns: those that the examples have without any step.
    """
    present = {c for s in recipe if s.enabled for c in s.operation.columns_made(s.arguments)}
    read = step.operation.columns_read(step.arguments)
    return [column for column in read if column not in present and column not in columns]


def needs_vectors(one: Operation) -> bool:
    """Whether it cannot do without embeddings."""
    inputs = {"vectors", "neighbours", "embedder"} & set(one.inputs)
    return bool(inputs - set(one.spared))


def with_needed(recipe: Recipe, step: Step, columns: Collection[str]) -> Recipe:
    """The recipe with the steps that a step needs and that it lacks, so that the step can be added.

    A column that no operation makes is left to the run, which names what there is.
    """
    embeds = any(s.enabled and s.operation.kind == "embed" for s in recipe)
    if needs_vectors(step.operation) and not embeds:
        recipe += Step("embed")
    for column in missing(recipe, step, columns):
        maker = maker_of(column)
        # One of an earlier need may have made it by now.
        if maker is not None and column in missing(recipe, step, columns):
            recipe = with_needed(recipe, Step(maker.name), columns) + Step(maker.name)
    return recipe


def needed(recipe: Recipe, name: str, columns: Collection[str]) -> list[str]:
    """The titles of the steps that would be added with an operation."""
    longer = with_needed(recipe, Step(name), columns)
    added = list(longer.steps)
    for step in recipe:
        added.remove(step)
    return [step.operation.title for step in added]


def reads(name: str) -> list[str]:
    """Columns and embeddings that an operation reads beyond the text."""
    one = operation(name)
    vectors = ["embeddings"] if needs_vectors(one) else []
    return [*vectors, *one.columns_read(one.check({}))]


def seconds(one: Operation, rates: dict[str, float], rows: int) -> float | None:
    """Seconds that it takes for so many rows, by earlier runs on this machine; None before any."""
    return rates[one.name] * rows if one.name in rates else None


def cost(one: Operation) -> Cost:
    """Whether it is a job that takes a while, or nearly nothing, where no run has measured it."""
    return "slow" if one.is_slow(one.check({})) or needs_vectors(one) else "quick"

"""The result of training on a choice, for the manifest and the card of a delivery.

Guarantee: a result that was measured with another recipe or on other examples says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curation.errors import CurationError
from curation.recipe import Recipe
from curation.runs import Run

_ARM = ("title", "budget", "train", "seeds", "mean", "low", "high")
_COMPARISON = ("title", "against_title", "budget", "mean", "low", "high", "n", "p_holm", "verdict")


def proof(runs: Sequence[Run], recipe: Recipe, examples: str) -> dict[str, Any] | None:
    """Return the result of the newest run of this recipe and these examples, else of the newest run.

    runs: newest first. examples: digest of the examples as imported. None where no run has compared
    anything yet. `same_recipe` and `same_examples` say whether the result is about this delivery.
    """
    results = [result for run in runs if (result := _result(run, recipe, examples)) is not None]
    own = (r for r in results if r["same_recipe"] and r["same_examples"])
    return next(own, results[0] if results else None)


def _result(run: Run, recipe: Recipe, examples: str) -> dict[str, Any] | None:
    verdict, receipt = run.verdict, run.read("receipt.json") or {}
    if verdict is None or not verdict["comparisons"]:
        return None
    try:
        plan = run.plan
        same = Recipe.from_yaml(plan["recipe"]).revision == recipe.revision
    except (CurationError, KeyError):
        return None
    return {
        "run": run.id,
        "same_recipe": same,
        "same_examples": receipt.get("examples") == examples,
        "sentence": verdict["sentence"],
        "warnings": verdict["warnings"],
        "learner": plan["learner"],
        "settings": plan["settings"],
        "test_set": (run.holdout or {}).get("text", ""),
        "metric": verdict["metric"],
        "unit": verdict["unit"],
        "scale": verdict["scale"],
        "arms": _chosen(verdict["arms"], _ARM),
        "comparisons": _chosen(verdict["comparisons"], _COMPARISON),
    }


def _chosen(entries: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    return [{name: entry[name] for name in names} for entry in entries]


def limits(result: Mapping[str, Any]) -> str:
    """Return a sentence about what a result is not about; "" where it is about this delivery."""
    others = [
        word
        for name, word in (("same_recipe", "another recipe"), ("same_examples", "other examples"))
        if not result[name]
    ]
    if not others:
        return ""
    return f"This was measured with {' and '.join(others)} than this delivery's."

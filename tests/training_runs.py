"""Folders of training runs with numbers of the right kind, for tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from curation import runs
from curation.project import Project
from curation.runs import Run

TITLES = {
    "curated": "Curated",
    "random": "Random",
    "balanced": "Random, balanced",
    "longest": "Longest",
    "everything": "Everything",
    "kept": "All kept",
}


def write_run(
    project: Project,
    arms: Sequence[str] = ("curated", "random", "everything"),
    budgets: Sequence[int] = (60,),
    seeds: int = 2,
    *,
    classes: Sequence[str] = ("sports", "world", "business"),
    learner: str = "logistic",
    finished: bool = True,
    test: int = 60,
) -> Run:
    """Write a run of a classification, with the project's first rows as its test set.

    finished: without it the last fit and the verdict are absent, as after a power cut.
    """
    rows, rng = project.examples.rows, np.random.default_rng(7)
    plan = {
        "learner": learner,
        "settings": {},
        "arms": list(arms),
        "budgets": list(budgets),
        "seeds": seeds,
        "test": "share",
        "test_share": 0.2,
        "validation_share": 0.1,
        "equal": "examples",
        "split_seed": 0,
        "recipe": project.recipe.to_yaml(),
    }
    run = runs.create(project.path, plan)
    ids, pool = rows.index[:test], rows.index[test:]
    run.write(
        "holdout.json",
        {
            "test": len(ids),
            "validation": 20,
            "pool": len(pool),
            "copies": 3,
            "text": f"{len(ids)} examples to test on were taken out first.",
            "warnings": ["The test set is small: its intervals are wide."],
            "classes": list(classes),
            "task": "classification",
        },
    )
    cells = [
        (arm, None if arm in ("everything", "kept") else budget, seed)
        for seed in range(seeds)
        for arm in arms
        for budget in (budgets if arm not in ("everything", "kept") else (None,))
    ]
    labels = np.array(classes)[rng.integers(len(classes), size=len(ids))]
    scores: dict[tuple[str, int | None], list[float]] = {}
    for number, (arm, budget, seed) in enumerate(cells):
        key = f"{arm.replace(':', '-')}-{budget or 'all'}-{seed}"
        folder = run.path / "fits" / key
        folder.mkdir(parents=True)
        with open(folder / "curve.jsonl", "w") as stream:
            for step in range(1, 9):
                point = {"step": step * 10, "epoch": step / 4, "seconds": step / 2}
                losses = {"train_loss": 1.5 / step, "validation_loss": 1.2 / step + 0.2}
                stream.write(json.dumps({**point, **losses}) + "\n")
        if not finished and number == len(cells) - 1:
            continue
        right = rng.random(len(ids)) < (0.9 if arm == "curated" else 0.75)
        other = np.array(classes)[rng.integers(len(classes), size=len(ids))]
        predicted = np.where(right, labels, other)
        probability = rng.uniform(0.4, 1.0, size=len(ids))
        table = pd.DataFrame(
            {
                "label": labels,
                "predicted": predicted,
                "probability": probability,
                "probability_of_label": np.where(predicted == labels, probability, 0.1),
            },
            index=ids,
        )
        table.to_parquet(folder / "answers.parquet")
        chosen = pool[: budget or len(pool)]
        pd.DataFrame(index=chosen).to_parquet(folder / "choice.parquet")
        accuracy = float((predicted == labels).mean())
        scores.setdefault((arm, budget), []).append(accuracy)
        run.write(
            f"fits/{key}/fit.json",
            {
                "arm": arm,
                "title": TITLES.get(arm, arm),
                "budget": budget,
                "seed": seed,
                "key": key,
                "train": len(chosen),
                "tokens": 40 * len(chosen),
                "metrics": {
                    "accuracy": accuracy,
                    "precision": accuracy,
                    "recall": accuracy,
                    "macro_f1": accuracy,
                    "log_loss": 0.7,
                    "calibration": {"error": 0.08, "bins": []},
                    "classes": [
                        {
                            "name": name,
                            "precision": 0.9 - 0.6 * i / len(classes),
                            "recall": 0.8,
                            "f1": 0.85 - 0.6 * i / len(classes),
                            "support": int((labels == name).sum()),
                            "train": 12 + i,
                        }
                        for i, name in enumerate(classes)
                    ],
                },
                "cost": {
                    "seconds": 1.5,
                    "tokens": 40 * len(chosen),
                    "steps": 80,
                    "parameters": 3_075,
                    "flops": 3.1e9,
                },
                "notes": [],
                "samples": [],
            },
        )
    if finished:
        run.write("verdict.json", _verdict(scores))
    return run


def _verdict(scores: dict[tuple[str, int | None], list[float]]) -> dict:
    entries, comparisons = [], []
    for (arm, budget), values in scores.items():
        mean = float(np.mean(values))
        entries.append(
            {
                "arm": arm,
                "title": TITLES.get(arm, arm),
                "budget": budget,
                "seeds": len(values),
                "train": budget or 500,
                "mean": mean,
                "low": mean - 0.02,
                "high": mean + 0.02,
                "accuracy": mean,
                "precision": mean,
                "recall": mean,
                "calibration_error": 0.08,
                "seconds": 3.0,
                "tokens": 2_400,
            }
        )
        if arm == "random":
            continue
        reference = scores.get(("random", budget))
        if reference is None:
            continue
        gain = mean - float(np.mean(reference))
        word = "no difference shown" if abs(gain) < 0.02 else "better" if gain > 0 else "worse"
        comparisons.append(
            {
                "arm": arm,
                "against": "random",
                "title": TITLES.get(arm, arm),
                "against_title": "Random",
                "budget": budget,
                "mean": gain,
                "low": gain - 0.02,
                "high": gain + 0.02,
                "n": len(values),
                "p": 0.004,
                "p_holm": 0.008,
                "verdict": word,
            }
        )
    return {
        "metric": "macro_f1",
        "higher_is_better": True,
        "unit": "points of macro-F1",
        "scale": 100.0,
        "sentence": "Curated beats random by 12.0 points of macro-F1, 95 % interval 10.0 to 14.0, "
        "2 seeds.",
        "warnings": ["Two seeds say little about the spread."],
        "arms": entries,
        "comparisons": comparisons,
    }


def write_language_run(project: Project, *, seeds: int = 2, test: int = 60) -> Run:
    """Write a run of a language model, with the project's first rows as its test set."""
    run = write_run(project, ("curated", "random"), seeds=seeds, learner="small_gpt", test=test)
    run.write("holdout.json", {**run.read("holdout.json"), "task": "language_modelling"})
    ids, rng = project.examples.rows.index[:test], np.random.default_rng(3)
    tokens = rng.integers(4, 300, size=len(ids))
    for fit in run.fits():
        losses = {"loss": tokens * 3.0, "tokens": tokens, "loss_before": tokens * 4.0}
        table = pd.DataFrame(losses, index=ids)
        table.to_parquet(run.path / "fits" / fit["key"] / "answers.parquet")
        total = int(tokens.sum())
        metrics = {"loss": 3.0, "perplexity": 20.1, "tokens": total, "loss_before": 4.0}
        sample = {"id": str(ids[0]), "prompt": "Why is **the sky** blue?", "reference": "Light."}
        fit = {**fit, "metrics": metrics, "samples": [{**sample, "before": "a", "after": "b"}]}
        run.write(f"fits/{fit['key']}/fit.json", fit)
    about = {"metric": "loss", "higher_is_better": False, "unit": "nats per token", "scale": 1.0}
    run.write("verdict.json", {**run.read("verdict.json"), **about})
    return run

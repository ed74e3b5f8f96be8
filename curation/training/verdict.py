"""The verdict of a run: every arm, and by how much each choice beats what it is compared with.

Differences are positive where the arm is better, whatever the metric. Their intervals cover the
sources of chance: the seeds (which examples were drawn, how the learner began), and which examples
happened to be in the test set, which all seeds share. Where a method gives one choice for all seeds,
the seeds cannot show how lucky it is; the spread of choices by chance stands for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from curation.runs import Run
from curation.training.arms import CHOSEN, Arm
from curation.training.intervals import holm, paired
from curation.training.metrics import influence_on_f1, influence_on_loss, variance_of_test_set

LEVEL = 0.95

METRICS = {
    "classification": ("macro_f1", True, "points of macro-F1", 100.0),
    "language_modelling": ("loss", False, "nats per token", 1.0),
}
"""Task → metric, whether more is better, its unit, and what a difference is multiplied by in words."""

CHANCE = frozenset({"random", "balanced"})
"""Arms that draw by chance."""

FEW = 3
"""Seeds below which the verdict says that they are few."""

Fits = dict[int, dict[str, Any]]
"""Seed → fit."""


def verdict(run: Run) -> dict[str, Any]:
    """Compare the fits that a run has so far; see the page on training for the method."""
    plan, holdout = run.plan, run.holdout or {}
    metric, higher, unit, scale = METRICS[holdout.get("task", "classification")]
    fits = [fit for fit in run.fits() if not fit.get("error")]
    groups: dict[tuple[str, int | None], Fits] = {}
    for arm in plan["arms"]:
        for fit in fits:
            if fit["arm"] == arm and _value(fit, metric) is not None:
                groups.setdefault((arm, fit["budget"]), {})[fit["seed"]] = fit
    judge = _Judge(run, metric, 1.0 if higher else -1.0)
    comparisons = [
        judge.compare(groups, subject, other, budget)
        for subject, other in _pairs(plan["arms"])
        for budget in _budgets(groups, subject, other)
    ]
    adjusted = holm([entry["p"] if entry["p"] is not None else math.nan for entry in comparisons])
    for entry, p in zip(comparisons, adjusted, strict=True):
        entry["p_holm"] = None if math.isnan(p) else float(p)
        entry["verdict"] = _word(entry)
    failed = [fit for fit in run.fits() if fit.get("error")]
    rows = [_arm_row(key, group, metric, judge) for key, group in groups.items()]
    return {
        "metric": metric,
        "higher_is_better": higher,
        "unit": unit,
        "scale": scale,
        "sentence": _sentence(comparisons, unit, scale) or _alone(rows, unit, scale),
        "warnings": [
            *holdout.get("warnings", ()),
            *_warnings(fits, failed, groups, any(entry["undrawn"] for entry in comparisons)),
        ],
        "arms": rows,
        "comparisons": comparisons,
    }


def _value(fit: dict[str, Any], metric: str) -> float | None:
    value = fit["metrics"].get(metric)
    return None if value is None or not math.isfinite(value) else float(value)


def _pairs(arms: Sequence[str]) -> list[tuple[str, str]]:
    """Each arm that somebody chose with each that nobody did, and the first with other choices."""
    subjects = [arm for arm in arms if Arm.parse(arm).kind in CHOSEN] or list(arms[:1])
    baselines = [arm for arm in arms if arm not in subjects]
    pairs = [(subject, baseline) for subject in subjects for baseline in baselines]
    return pairs + [(subjects[0], other) for other in subjects[1:]]


def _budgets(
    groups: dict[tuple[str, int | None], Fits], subject: str, other: str
) -> Sequence[int | None]:
    """The budgets at which two arms can be compared; one without a budget with every budget."""
    own, others = ({budget for arm, budget in groups if arm == name} for name in (subject, other))
    if own == {None} or others == {None}:
        return sorted(budget for budget in own | others if budget is not None) or [None]
    return sorted(budget for budget in own & others if budget is not None)


class _Judge:
    """Compares two arms on the test set of a run."""

    def __init__(self, run: Run, metric: str, sign: float) -> None:
        self._run, self._metric, self._sign = run, metric, sign
        self._influences: dict[str, np.ndarray] = {}

    def compare(
        self,
        groups: dict[tuple[str, int | None], Fits],
        subject: str,
        other: str,
        budget: int | None,
    ) -> dict[str, Any]:
        mine = groups.get((subject, budget)) or groups.get((subject, None), {})
        theirs = groups.get((other, budget)) or groups.get((other, None), {})
        seeds = sorted(mine.keys() & theirs.keys())
        pairs = [(mine[seed], theirs[seed]) for seed in seeds]
        differences = [
            self._sign * (one["metrics"][self._metric] - two["metrics"][self._metric])
            for one, two in pairs
        ]
        shared = self._test_variance(pairs) if pairs else 0.0
        drawn = [self._drawn_once(groups, fits) for fits in (mine, theirs)]
        interval = paired(
            differences,
            level=LEVEL,
            extra_variance=shared,
            draw_variance=sum(variance or 0.0 for variance in drawn),
        )
        return {
            "arm": subject,
            "against": other,
            "title": Arm.parse(subject).title,
            "against_title": Arm.parse(other).title,
            "budget": budget,
            **{name: _json(getattr(interval, name)) for name in ("mean", "low", "high", "p")},
            "n": interval.n,
            "train": [fits[seeds[0]]["train"] if seeds else 0 for fits in (mine, theirs)],
            "undrawn": None in drawn,
            "test_set_error": math.sqrt(shared),
        }

    def _drawn_once(self, groups: dict[tuple[str, int | None], Fits], fits: Fits) -> float | None:
        """The variance of a choice that is one for all seeds; 0 where each seed has its own.

        Nothing shows how lucky one choice is but the spread of chance: that of the draws by chance
        at the same budget stands for it. None where there are no such draws.
        """
        values = list(fits.values())
        if len(values) < 2 or values[0]["budget"] is None:
            return 0.0
        if len({fit.get("choice") for fit in values}) > 1:
            return 0.0
        chance = [
            list(group.values())
            for (arm, budget), group in groups.items()
            if budget == values[0]["budget"] and Arm.parse(arm).kind in CHANCE and len(group) > 1
        ]
        if not chance:
            return None
        spreads = [np.var([f["metrics"][self._metric] for f in g], ddof=1) for g in chance]
        return float(max(spreads))

    def of_arm(self, fits: list[dict[str, Any]]) -> float:
        """The variance of an arm's mean that comes with this test set."""
        return variance_of_test_set([self._influence(fit["key"]) for fit in fits])

    def _test_variance(self, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> float:
        """The variance of the mean difference that comes with this test set."""
        gaps = [self._influence(one["key"]) - self._influence(two["key"]) for one, two in pairs]
        return variance_of_test_set(gaps)

    def _influence(self, key: str) -> np.ndarray:
        if key not in self._influences:
            answers = self._run.answers(key)
            self._influences[key] = influence(answers, self._metric)
        return self._influences[key]


def influence(answers: pd.DataFrame, metric: str) -> np.ndarray:
    """The influence of each test example on a metric, (rows,), in the metric's unit."""
    if metric == "loss":
        return influence_on_loss(answers["loss"].to_numpy(), answers["tokens"].to_numpy())
    return influence_on_f1(answers["label"].to_numpy(), answers["predicted"].to_numpy())


def _json(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _word(entry: dict[str, Any]) -> str:
    """Whether an interval, and the test adjusted for all comparisons, show a difference."""
    if entry["p_holm"] is None or entry["p_holm"] >= 1 - LEVEL:
        return "no difference shown"
    return "better" if entry["mean"] > 0 else "worse"


def _arm_row(
    key: tuple[str, int | None], group: Fits, metric: str, judge: _Judge
) -> dict[str, Any]:
    fits = list(group.values())

    def mean(value: Any) -> float | None:
        numbers = [n for fit in fits if (n := value(fit)) is not None]
        return float(np.mean(numbers)) if numbers else None

    values = [fit["metrics"][metric] for fit in fits]
    chance = judge.of_arm(fits)
    interval = paired(values, level=LEVEL, extra_variance=chance)
    if len(values) == 1:  # the chance of the test set is all that one fit can show
        half = NormalDist().inv_cdf((1 + LEVEL) / 2) * math.sqrt(chance)
        interval = interval._replace(low=interval.mean - half, high=interval.mean + half)
    return {
        "arm": key[0],
        "title": Arm.parse(key[0]).title,
        "budget": key[1],
        "seeds": len(fits),
        "train": round(float(np.mean([fit["train"] for fit in fits]))),
        "mean": interval.mean,
        "low": _json(interval.low),
        "high": _json(interval.high),
        **{
            name: mean(lambda fit, name=name: fit["metrics"].get(name))
            for name in ("accuracy", "precision", "recall", "perplexity", "loss_before")
        },
        "calibration_error": mean(lambda fit: fit["metrics"].get("calibration", {}).get("error")),
        **{name: mean(lambda fit, name=name: fit["cost"][name]) for name in ("seconds", "flops")},
        "tokens": mean(lambda fit: fit["cost"]["tokens"]),
    }


def _warnings(
    fits: list[dict[str, Any]],
    failed: list[dict[str, Any]],
    groups: dict[tuple[str, int | None], Fits],
    undrawn: bool,
) -> list[str]:
    warnings = []
    if undrawn:
        warnings.append(
            "A choice that is the same for all seeds may be a lucky one, and without an arm by chance "
            "nothing shows how lucky: add random."
        )
    if failed:
        reasons = list(dict.fromkeys(f"{fit['title']}: {fit['error']}" for fit in failed))
        warnings.append(f"{len(failed):,} fits could not be done. {' '.join(reasons[:3])}")
    most = max((len(group) for group in groups.values()), default=0)
    if 0 < most < FEW:
        warnings.append(
            f"{most} seed{'s' if most > 1 else ''}: take {FEW} or more before you believe a difference."
        )
    return warnings + list(dict.fromkeys(note for fit in fits for note in fit.get("notes", ())))[:8]


def _sentence(entries: list[dict[str, Any]], unit: str, scale: float) -> str:
    """The comparisons of the first arm, in one or two sentences."""
    tested = [entry for entry in entries if entry["low"] is not None]
    if not tested:
        n = max((entry["n"] for entry in entries), default=0)
        return (
            "One seed shows no interval: nothing can be said about a difference yet." if n else ""
        )
    name, subject = tested[0]["title"], tested[0]["arm"]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in tested:
        if entry["arm"] == subject:
            groups.setdefault((entry["against"], entry["verdict"]), []).append(entry)
    return f"{name} {'; '.join(_clause(group, unit, scale) for group in groups.values())}."


def _alone(rows: list[dict[str, Any]], unit: str, scale: float) -> str:
    """A sentence on the metric of the first arm."""
    if not rows:
        return "There is nothing to compare yet."
    row = rows[0]
    low, high = (_number((row[name] or math.nan) * scale) for name in ("low", "high"))
    return (
        f"{row['title']} reaches {_number(row['mean'] * scale)} {unit} (95 % interval {low} to {high}) "
        f"with {row['train']:,} examples; there is no other arm to compare it with."
    )


def _clause(entries: list[dict[str, Any]], unit: str, scale: float) -> str:
    """A clause on the comparisons with one other arm, at the budgets of one verdict."""
    other = entries[0]["against_title"].lower()
    budgets = [f"{entry['budget']:,}" for entry in entries if entry["budget"] is not None]
    place = f" at {_listed(budgets)} examples" if budgets else ""
    short = [e for e in entries if e["budget"] and e["train"][0] < 0.95 * e["budget"]]
    if short:
        place += f" (it has {_listed([format(e['train'][0], ',') for e in short])})"
    low_high = [
        f"{_number(entry['low'] * scale)} to {_number(entry['high'] * scale)}" for entry in entries
    ]
    plural = "s" if len(entries) > 1 else ""
    interval = f"95 % interval{plural} {_listed(low_high)}, {entries[0]['n']} seeds"
    amount = f"{_listed([_number(abs(e['mean'] * scale)) for e in entries])} {unit}"
    if entries[0]["verdict"] == "better":
        return f"beats {other}{place} by {amount} ({interval})"
    if entries[0]["verdict"] == "worse":
        return f"loses to {other}{place} by {amount} ({interval})"
    outside = any(not entry["low"] <= 0 <= entry["high"] for entry in entries)
    more = "; too little where so many are compared at once" if outside else ""
    return f"shows no difference to {other}{place} ({interval}{more})"


def _listed(texts: list[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]


def _number(value: float) -> str:
    digits = f"{value:.1f}" if abs(value) >= 0.95 else f"{value:.2g}"
    return digits.replace("-", "−")

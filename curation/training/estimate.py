"""The cost of a run, from a short probe: seconds, tokens a second, memory.

The probe does four small fits of the plan's own learner and takes what a step and what a test
example cost from their differences, so that loading a model is counted once a fit and not once a
step. It is a guess from this machine at this moment: another load, another figure.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curation.dataset import Progress, silent
from curation.process import peak_rss_mb
from curation.project import Project
from curation.registry import operation
from curation.runs import Run
from curation.training.arms import Arm
from curation.training.learners import Data, Part, Work
from curation.training.plan import Plan
from curation.training.run import Bench

STEPS = (2, 6, 40)
"""Optimizer steps of a short probe, and of a longer one: the last where steps are quick."""

QUICK = 3.0
"""Seconds of a short probe below which steps are quick."""

TESTED = (8, 40)
"""Test examples of the first and the third probe."""

ROWS = 200
"""Most examples that a probe trains on."""

MEMORY_SHARE = 0.9
"""Share of this machine's memory that a run may need."""


@dataclass(frozen=True)
class Estimate:
    """The seconds, memory and fits of a run.

    seconds: in all. fits: how many. seconds_per_fit: of the dearest. tokens_per_second: in training;
    0 where the learner counts none. memory_mb: most memory of the probe. refused: why the run
    should not be started; empty where it can be.
    """

    seconds: float
    fits: int
    seconds_per_fit: float
    tokens_per_second: float
    memory_mb: float
    warnings: tuple[str, ...]
    refused: str = ""


def estimate(project: Project, plan: Plan, progress: Progress = silent) -> Estimate:
    """Probe a plan; raises CurationError where it cannot be run at all."""
    plan = plan.check()
    with tempfile.TemporaryDirectory(prefix="curation-probe-") as folder:
        run = Run(Path(folder))
        run.write("plan.json", plan.to_json())
        bench = Bench.of(project, run, lambda s, text: progress(0.3 * s, text))
        sizes = _sizes(bench)
        largest = max(sizes, key=lambda entry: entry[1])
        rows = bench.pool.choose(Arm.parse(largest[0]), largest[2], 0).rows
        started = time.monotonic()
        data = bench.data(rows.head(ROWS), lambda s, text: progress(0.3, text))
        read = len(data.train) + len(data.validation) + len(data.test)
        # Embeddings are computed once for all fits; those of the test set show how fast.
        reading = (time.monotonic() - started) / read * len(bench.holdout.pool)
        probe = _Probe(bench, Path(folder), progress)
        cost = probe.cost(data)
    fits = [cost.fit(size, len(bench.holdout.test), plan.settings) for _, size, _ in sizes]
    if not bench.learner.seeded:  # the same examples need no second fit
        fixed = [f for f, (arm, _, _) in zip(fits, sizes, strict=True) if _is_fixed(arm)]
        total = sum(fits) * plan.seeds - sum(fixed) * (plan.seeds - 1)
    else:
        total = sum(fits) * plan.seeds
    choosing, unknown = _choosing(project, bench)
    memory = peak_rss_mb() or 0.0
    return Estimate(
        seconds=total + choosing + reading,
        fits=len(plan.cells()),
        seconds_per_fit=max(fits),
        tokens_per_second=cost.tokens_per_second,
        memory_mb=memory,
        warnings=(*bench.holdout.warnings, *unknown),
        refused=_refusal(memory),
    )


def _choosing(project: Project, bench: Bench) -> tuple[float, list[str]]:
    """Seconds that the arms' recipes take, and a sentence on steps that were never timed here."""
    steps = [step for text in bench.plan.arms for step in bench.pool.missing(Arm.parse(text))]
    once = list(dict.fromkeys(steps))  # arms share what they have in common
    seconds, never = project.history.estimate(once, len(bench.holdout.pool))
    if not never:
        return seconds, []
    titles = ", ".join(operation(name).title for name in never)
    return seconds, [f"Not counted, because they were never run here: {titles}."]


def _sizes(bench: Bench) -> list[tuple[str, int, int | None]]:
    """(arm, rows that it trains on, budget) of one seed's fits."""
    sizes = []
    for cell in bench.plan.cells()[: len(bench.plan.cells()) // bench.plan.seeds]:
        whole = len(bench.holdout.pool)
        sizes.append((cell.arm, min(cell.budget or whole, whole), cell.budget))
    return sizes


def _is_fixed(arm: str) -> bool:
    return Arm.parse(arm).kind in ("kept", "everything", "export", "longest")


@dataclass(frozen=True)
class _Costs:
    """Seconds: of loading, a step, a test example, and an example where a learner has no steps."""

    loading: float
    step: float
    tested: float
    row: float
    tokens_per_second: float

    def fit(self, rows: int, test: int, settings: Mapping[str, Any]) -> float:
        """Seconds of a fit on that many rows."""
        training = self.row * rows
        if "batch" in settings:
            training = self.step * math.ceil(rows / settings["batch"]) * settings.get("epochs", 1)
        return self.loading + training + self.tested * test


class _Probe:
    """A few small fits."""

    def __init__(self, bench: Bench, folder: Path, progress: Progress) -> None:
        self._bench, self._folder, self._progress = bench, folder, progress
        self._number = 0

    def cost(self, data: Data) -> _Costs:
        if "batch" not in self._bench.plan.settings:
            self._fit(data, None, TESTED[1])  # the first one imports
            seconds, _ = self._fit(data, None, TESTED[1])
            return _Costs(0.0, 0.0, 0.0, seconds / len(data.train), 0.0)
        self._fit(data, STEPS[0], TESTED[0])  # the first one imports
        short, _ = self._fit(data, STEPS[0], TESTED[0])
        more = STEPS[2] if short < QUICK else STEPS[1]
        longer, tokens = self._fit(data, more, TESTED[0])
        tested, _ = self._fit(data, STEPS[0], TESTED[1])
        step = max(longer - short, 0.0) / (more - STEPS[0])
        row = max(tested - short, 0.0) / (TESTED[1] - TESTED[0])
        loading = max(short - STEPS[0] * step - TESTED[0] * row, 0.0)
        speed = tokens / (more * step) if step else 0.0
        return _Costs(loading, step, row, 0.0, speed)

    def _fit(self, data: Data, steps: int | None, tested: int) -> tuple[float, int]:
        self._number += 1
        self._progress(0.3 + 0.15 * self._number, f"Probe {self._number}")
        work = self._folder / f"probe-{self._number}"
        work.mkdir()
        settings = dict(self._bench.plan.settings)
        if "samples" in settings:
            settings["samples"] = 0
        part = replace(data, test=_first(data.test, tested), validation=_first(data.validation, 8))
        started = time.monotonic()
        outcome = self._bench.learner.fit(part, Work(0, work, steps), **settings)
        return time.monotonic() - started, outcome.cost.tokens


def _first(part: Part, count: int) -> Part:
    return Part(
        part.ids[:count],
        part.texts[:count],
        None if part.labels is None else part.labels[:count],
        None if part.messages is None else part.messages[:count],
        None if part.tools is None else part.tools[:count],
        None if part.vectors is None else part.vectors[:count],
    )


def _refusal(memory_mb: float) -> str:
    """The reason against a run that takes that much memory; empty where it fits."""
    if not hasattr(os, "sysconf"):
        return ""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
    if memory_mb <= MEMORY_SHARE * machine:
        return ""
    return (
        f"The probe alone took {memory_mb:,.0f} MB of this machine's {machine:,.0f} MB: take a "
        "smaller model, a smaller batch or shorter texts."
    )

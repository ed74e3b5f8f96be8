"""Notes on a project's runs: the last run, and the time of each step.

Accepted cost: they lie in the cache, and losing them costs only time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from curation import files
from curation.errors import CurationError
from curation.recipe import Recipe
from curation.report import StepReport


class History:
    """Notes on runs in a project's cache folder; losing them loses only time."""

    def __init__(self, cache: Path) -> None:
        self._latest = cache / "latest.json"
        self._timings = cache / "timings.json"

    def note(
        self, recipe: Recipe, seq: int, source: str, steps: Sequence[StepReport], policy: str
    ) -> None:
        """Remember a run as the last: its recipe, its last decision, and its source's fingerprint.

        policy: the one that said whose answer counts.

        Where nothing can be written, nothing is remembered: a result needs no note.
        """
        rates = self.rates()
        for report in steps:
            if not report.cached and report.kept_in:
                rates[report.use] = report.seconds / report.kept_in
        latest = {
            "recipe": recipe.to_yaml(),
            "decisions": seq,
            "source": source,
            "policy": policy,
        }
        with suppress(CurationError):
            files.write_text(self._timings, json.dumps(rates, indent=1))
            files.write_text(self._latest, json.dumps(latest))

    def last_run(self, source: str) -> tuple[Recipe, int, str] | None:
        """Recipe, last decision and policy of the last run; None when it was of another source."""
        try:
            latest = json.loads(self._latest.read_text("utf-8"))
            if latest["source"] != source:
                return None
            policy = str(latest.get("policy", "latest"))
            return Recipe.from_yaml(latest["recipe"]), int(latest["decisions"]), policy
        except (OSError, ValueError, KeyError, CurationError):
            return None  # a cache entry that cannot be read is a miss

    @property
    def changed(self) -> float:
        """The end of the last run, in seconds since 1970; 0 before the first."""
        return self._latest.stat().st_mtime if self._latest.exists() else 0.0

    def estimate(self, uses: Sequence[str], rows: int) -> tuple[float, list[str]]:
        """Return the seconds that operations will take on so many rows, and those never timed."""
        rates = self.rates()
        seconds = sum((rates[use] * rows for use in uses if use in rates), 0.0)
        return seconds, [use for use in uses if use not in rates]

    def rates(self) -> dict[str, float]:
        """Map operation → seconds a row, as last measured on this machine."""
        try:
            rates: dict[str, float] = json.loads(self._timings.read_text())
            return rates
        except (OSError, ValueError):
            return {}

"""Callbacks of a Trainer of transformers: a learning curve and a checkpoint.

Import this module inside a function: it needs transformers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from curation.dataset import Progress


class Curve(TrainerCallback):
    """Reports progress and the learning curve; after a resumption, the points before it again.

    report: gets each point as keyword arguments: step, epoch, train_loss, validation_loss, seconds.
    seconds: of training, those of earlier processes included.
    """

    def __init__(self, report: Callable[..., None], progress: Progress) -> None:
        self.report, self.progress = report, progress
        self.seconds = self._earlier = 0.0
        self._started = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Report the points of a checkpoint."""
        self._started = time.monotonic()
        for entry in state.log_history:
            self._report(entry)
            self._earlier = entry.get("seconds", self._earlier)
        self.seconds = self._earlier

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Report progress."""
        step, steps = state.global_step, state.max_steps
        self.progress(step / max(1, steps), f"step {step:,} of {steps:,}")

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Report a point."""
        self.seconds = self._earlier + time.monotonic() - self._started
        state.log_history[-1]["seconds"] = self.seconds
        self._report(state.log_history[-1])

    def _report(self, entry: dict[str, Any]) -> None:
        if "loss" in entry or "eval_loss" in entry:
            self.report(
                step=entry["step"],
                epoch=entry["epoch"],
                train_loss=entry.get("loss", float("nan")),
                validation_loss=entry.get("eval_loss", float("nan")),
                seconds=entry.get("seconds", 0.0),
            )


def last_checkpoint(folder: Path) -> str | None:
    """Return the last checkpoint that was written whole: its state is written after all else."""
    steps = sorted((int(p.name.partition("-")[2]), p) for p in folder.glob("checkpoint-*"))
    for _, path in reversed(steps):
        try:
            json.loads((path / "trainer_state.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        return str(path)
    return None

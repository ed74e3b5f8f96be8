"""Learning curves for TensorBoard and MLflow, beside the run's own files.

Guarantee: nothing leaves this machine unless MLFLOW_TRACKING_URI names a place: a folder or a server
of the person's own choice. TensorBoard's files lie in the run's folder and need its package only.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from curation.training.learners import Point

Tracker = Any
"""A function of a point of the learning curve."""


@contextmanager
def tracking(folder: Path, name: str, settings: Mapping[str, Any]) -> Iterator[list[Tracker]]:
    """The trackers of one fit: none, TensorBoard's, MLflow's, or both.

    folder: where TensorBoard's files go. name: of the fit. settings: what it was begun with.
    """
    with ExitStack() as stack:
        trackers = []
        if importlib.util.find_spec("tensorboard") is not None:
            trackers.append(stack.enter_context(_tensorboard(folder / name)))
        if os.environ.get("MLFLOW_TRACKING_URI") and importlib.util.find_spec("mlflow"):
            trackers.append(stack.enter_context(_mlflow(name, settings)))
        yield trackers


def _numbers(point: Point) -> dict[str, float]:
    losses = {"train_loss": point.train_loss, "validation_loss": point.validation_loss}
    return {name: value for name, value in losses.items() if math.isfinite(value)}


@contextmanager
def _tensorboard(folder: Path) -> Iterator[Tracker]:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:  # type: ignore[no-untyped-call]

        def log(point: Point) -> None:
            for name, value in _numbers(point).items():
                writer.add_scalar(name, value, point.step)  # type: ignore[no-untyped-call]

        yield log


@contextmanager
def _mlflow(name: str, settings: Mapping[str, Any]) -> Iterator[Tracker]:
    import mlflow

    with mlflow.start_run(run_name=name):
        mlflow.log_params(dict(settings))

        def log(point: Point) -> None:
            mlflow.log_metrics(_numbers(point), step=point.step)

        yield log

"""Parts of learners that train by PyTorch: optimizers, class weights, failures, reports.

torch is imported inside functions, so that listing the learners stays fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from curation.errors import CurationError, MissingExtra

if TYPE_CHECKING:
    import torch

Optimizer = Literal["adam", "adamw", "rmsprop"]

UNFAMILIAR = 0.2
"""Share of unknown words or tokens in the test part from which on a note names it."""

ClassWeights = Literal["none", "balanced"]


def optimizer_of(
    name: Optimizer, parameters: Iterable[Any], rate: float, decay: float = 0.0
) -> torch.optim.Optimizer:
    """Return an optimizer at PyTorch's settings.

    parameters: tensors or groups of them. decay: for AdamW it shrinks the weights themselves, for
    the others it is added to the gradient. Adam is fused: on a CPU one step over 4 million
    parameters took 7 ms instead of 68.
    """
    import torch

    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=rate, weight_decay=decay)
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    return kind(parameters, lr=rate, weight_decay=decay, fused=True)


def weights_of_classes(labels: np.ndarray, classes: int, how: ClassWeights) -> torch.Tensor | None:
    """Return the weight of each class in the loss, (classes,) float32; None for equal weights.

    Balanced weights are n / (classes with rows · rows of the class); their mean over rows is 1.
    """
    import torch

    if how == "none":
        return None
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    weights = np.divide(len(labels), present * counts, where=counts > 0, out=np.zeros(classes))
    return torch.tensor(weights, dtype=torch.float32)


def check_loss(loss: float, step: int) -> None:
    """Raise CurationError for a loss that is no number."""
    if not np.isfinite(loss):
        raise CurationError(
            f"The loss was no number at step {step:,}, so training has failed. "
            "Choose a lower rate, such as a tenth of it."
        )


_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


@contextmanager
def computing(seed: int) -> Iterator[None]:
    """Seed PyTorch for a block, and restore its random numbers and threads after it.

    Raises CurationError where the block runs out of memory, and MissingExtra without PyTorch.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtra("PyTorch", "embed") from None
    threads = torch.get_num_threads()
    devices = list(range(torch.cuda.device_count()))
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            yield
    except (RuntimeError, MemoryError) as error:
        text = str(error).lower()
        if not isinstance(error, MemoryError) and not any(part in text for part in _MEMORY):
            raise
        raise CurationError(
            "There was not enough memory for training: choose a smaller batch, shorter texts or a "
            "smaller model."
        ) from error
    finally:
        torch.set_num_threads(threads)

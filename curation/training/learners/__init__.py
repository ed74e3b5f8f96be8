"""Learners: functions that train on some examples and answer for others, registered by a decorator.

A learner is one function of `Data` and `Work`. Its keyword-only parameters belong to the user: their
annotations and defaults are the form in the app, the check of a plan and the command's help, as for
operations.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from curation.dataset import Message, Progress, silent
from curation.errors import CurationError
from curation.lm.models import Kind, checked_folder
from curation.parameters import Parameter, checked, parameters_of

Task = Literal["classification", "language_modelling"]

TASKS: dict[Task, str] = {
    "classification": "Classification: a text gets a label",
    "language_modelling": "Language modelling: a prompt gets an answer",
}
"""Task of a learner → its title."""


@dataclass(frozen=True)
class Part:
    """Examples as a learner reads them; all fields are in one order.

    texts: prompts. labels: (n,) numbers of classes, for classification. messages: conversations
    that end with an answer, for language modelling. tools: schemas of the tools that each of them
    offers, or None. vectors: (n, width) float32, where the learner needs them.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    labels: np.ndarray | None = field(default=None, repr=False)
    messages: tuple[tuple[Message, ...], ...] | None = field(default=None, repr=False)
    tools: tuple[Any, ...] | None = field(default=None, repr=False)
    vectors: np.ndarray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Data:
    """The data of one fit: examples to train on, to stop early by, and to answer for.

    The test part's labels and answers are for measuring only: no learner may choose anything by
    them. classes: names of the classes; empty for language modelling.
    """

    train: Part
    validation: Part
    test: Part
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """A point of a learning curve: losses per example or token, in nats; nan where not measured."""

    step: int
    epoch: float
    train_loss: float = float("nan")
    validation_loss: float = float("nan")
    seconds: float = 0.0


def unheard(point: Point) -> None:
    """Take a point of the curve and do nothing."""


@dataclass(frozen=True)
class Work:
    """Everything a fit needs besides its data and settings.

    folder: for checkpoints; a fit that was ended in the middle finds it again and goes on from the
    last one. steps: the number of optimizer steps, where arms are compared at equal steps; None for
    as many as the epochs give. report: gets each point of the learning curve.
    """

    seed: int
    folder: Path
    steps: int | None = None
    progress: Progress = silent
    report: Callable[[Point], None] = unheard


@dataclass(frozen=True)
class Cost:
    """A receipt of what a fit took.

    seconds: of the clock. tokens: read in training, repeats included. steps: of the optimizer.
    parameters: that were trained. flops: an estimate, 6 · parameters · tokens unless the learner
    knows better.
    """

    seconds: float
    tokens: int
    steps: int
    parameters: int
    flops: float


@dataclass(frozen=True)
class Sample:
    """An answer to a test prompt before and after training, beside the data's own answer."""

    id: str
    prompt: str
    reference: str
    before: str
    after: str


@dataclass(frozen=True)
class Outcome:
    """The answers and the cost of one fit.

    probabilities: (test, classes), for classification. losses, tokens: (test,), the summed negative
    log-likelihood of each answer, in nats, and its number of tokens, for language modelling;
    losses_before: the same before training, where there was a model before. notes: sentences for
    people, such as that half of the text is unknown to the tokenizer.
    """

    cost: Cost
    probabilities: np.ndarray | None = None
    losses: np.ndarray | None = None
    losses_before: np.ndarray | None = None
    tokens: np.ndarray | None = None
    samples: tuple[Sample, ...] = ()
    notes: tuple[str, ...] = ()


Fit = Callable[..., Outcome]
"""(data, work, **settings) → outcome."""


@dataclass(frozen=True)
class Learner:
    """A learner by its name; only the decorator below makes one.

    needs_vectors: whether `Part.vectors` must be there. seeded: whether another seed gives another
    result on the same examples. model: the kind of model that its setting `model` names, if any.
    params: its settings.
    """

    name: str
    title: str
    task: Task
    needs_vectors: bool
    seeded: bool
    model: Kind | None
    fit: Fit = field(repr=False)
    params: Mapping[str, Parameter] = field(hash=False, repr=False)

    @property
    def help(self) -> str:
        """The first sentence of the function's docstring."""
        return " ".join((inspect.getdoc(self.fit) or "").split("\n\n")[0].split())

    def check(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """All settings, defaults filled in.

        Raises RecipeError naming the accepted ones, and CurationError for a folder whose model
        cannot be read safely.
        """
        values = checked(self.name, self.params, settings)
        name = values.get("model", "")
        if self.model and name and Path(name).is_dir():
            checked_folder(Path(name), name, self.model)
        return values


_learners: dict[str, Learner] = {}
Function = TypeVar("Function", bound=Fit)


def learner(
    title: str,
    *,
    task: Task,
    needs_vectors: bool = False,
    seeded: bool = True,
    model: Kind | None = None,
) -> Callable[[Function], Function]:
    """Register a function as a learner under a title."""

    def register(function: Function) -> Function:
        _, params = parameters_of(function)
        name = function.__name__
        _learners[name] = Learner(name, title, task, needs_vectors, seeded, model, function, params)
        return function

    return register


@functools.cache
def _discover() -> None:
    package = importlib.import_module("curation.training.learners")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def learners(task: Task | None = None) -> dict[str, Learner]:
    """Every learner by name, or those of a task, classification first, the quickest first."""
    _discover()
    order = ("logistic", "lstm", "encoder", "small_gpt", "causal_lm")
    names = sorted(_learners, key=lambda n: (order.index(n) if n in order else len(order), n))
    return {n: _learners[n] for n in names if task in (None, _learners[n].task)}


def learner_of(name: str) -> Learner:
    """The learner of a name; raises CurationError naming all."""
    _discover()
    if name not in _learners:
        raise CurationError(f"There is no learner {name!r}; there are: {', '.join(learners())}.")
    return _learners[name]

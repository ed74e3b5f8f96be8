"""The LSTM: words become vectors, a recurrent network reads them, a softmax names the class.

Guarantee: on one machine's CPU the same data, settings and seed give the same answers, also when a
fit was ended in the middle and goes on from its checkpoint, which is written after each epoch. The
vocabulary comes from the train part.

Accepted: everything is learned from the train part alone, so a few hundred examples teach little;
logistic regression on embeddings is better and quicker then.
"""

from __future__ import annotations

import itertools
import math
import pickle
import time
import zipfile
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from curation.cache import key
from curation.embedding.models import device
from curation.files import replacing
from curation.parameters import Range
from curation.training.learners import Cost, Data, Outcome, Part, Point, Work, learner
from curation.training.pytorch import (
    UNFAMILIAR,
    ClassWeights,
    Optimizer,
    check_loss,
    computing,
    optimizer_of,
    weights_of_classes,
)

if TYPE_CHECKING:
    import torch

    from curation.training.recurrent import Vocabulary

THREADS = 4
"""Most threads: the matrices are too small for more."""

ANSWERED = 256
"""Examples answered at once."""

LONGEST_STEP = 1.0
"""Largest norm of a gradient; a longer one is shortened."""


@learner("LSTM, trained from scratch", task="classification")
def lstm(
    data: Data,
    work: Work,
    *,
    optimizer: Annotated[Optimizer, "how the gradient becomes a step"] = "adam",
    rate: Annotated[float, "size of a step", Range(1e-6, 1.0)] = 2e-3,
    epochs: Annotated[int, "most passes over the examples", Range(1, 1000)] = 20,
    batch: Annotated[int, "examples for each step", Range(1, 4096)] = 32,
    width: Annotated[int, "width of the vectors and of each direction", Range(4, 2048)] = 128,
    layers: Annotated[int, "LSTMs on top of each other", Range(1, 8)] = 1,
    dropout: Annotated[float, "share of the values hidden in training", Range(0, 0.9)] = 0.5,
    longest: Annotated[int, "words of a text that are read", Range(1, 4096)] = 256,
    vocabulary: Annotated[int, "most words, and most pairs of words", Range(1, 1_000_000)] = 30_000,
    class_weights: Annotated[
        ClassWeights, "balanced: a rare class counts as much as a frequent one"
    ] = "balanced",
    patience: Annotated[
        int, "epochs without a lower validation loss until it stops; 0 for never", Range(0, 1000)
    ] = 3,
) -> Outcome:
    """Train a bidirectional LSTM on words, or on characters of scripts without spaces.

    Each position is the sum of the vectors of its word and of the pair with the next word. The
    outputs are pooled by maximum and mean, and the loss is the cross-entropy. The weights after the
    epoch with the lowest validation loss are kept. With `work.steps` the training takes exactly as
    many steps and does not stop early. Source: Hochreiter and Schmidhuber, "Long short-term
    memory", 1997.
    """
    settings = (optimizer, rate, epochs, batch, width, layers, dropout, longest, vocabulary)
    identity = key(settings, class_weights, patience, work.seed, work.steps, _content(data))
    with computing(work.seed):
        import torch

        from curation.training.recurrent import Network, Vocabulary

        torch.set_num_threads(min(THREADS, torch.get_num_threads()))
        words = Vocabulary.of(data.train.texts, vocabulary, longest)
        weights = weights_of_classes(_labels(data.train), len(data.classes), class_weights)
        model = Network(words, len(data.classes), width, layers, dropout).to(device())
        training = _Training(
            model,
            optimizer_of(optimizer, model.parameters(), rate),
            None if weights is None else weights.to(device()),
            work,
            identity,
        )
        steps = work.steps or epochs * math.ceil(len(data.train) / batch)
        training.run(data, words, batch, steps, 0 if work.steps else patience)
        test = words.numbers(data.test.texts)
        probabilities = training.logits(test).softmax(dim=1).numpy()
    parameters = sum(p.numel() for p in model.parameters())
    looked_up = model.word.weight.numel() + model.pair.weight.numel()  # read, never multiplied
    state = training.state
    flops = 6.0 * (parameters - looked_up) * state.tokens
    cost = Cost(state.seconds, state.tokens, state.step, parameters, flops)
    return Outcome(cost, probabilities=probabilities, notes=_notes(test))


@dataclass
class _State:
    """The state of a training, all of which is in the checkpoint.

    waited: epochs since the lowest validation loss. best: the weights of that epoch. points: of the
    learning curve, as tuples.
    """

    epoch: int = 0
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    waited: int = 0
    lowest: float = math.inf
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    points: list[tuple[Any, ...]] = field(default_factory=list)


class _Training:
    """A model in training, its optimizer and its state."""

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        weights: torch.Tensor | None,
        work: Work,
        identity: str,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.weights = weights
        self.work = work
        self.identity = identity
        self.state = _State()
        self.path = work.folder / "checkpoint.pt"

    def run(self, data: Data, words: Vocabulary, batch: int, steps: int, patience: int) -> None:
        """Train from the last checkpoint on, and leave the model with its best weights."""
        train, validation = (words.numbers(part.texts) for part in (data.train, data.validation))
        labels, validation_labels = _labels(data.train), _labels(data.validation)
        self._resume()
        for values in self.state.points:
            self.work.report(Point(*values))
        started = time.monotonic() - self.state.seconds
        while self.state.step < steps and not 0 < patience <= self.state.waited:
            loss = self._epoch(train, labels, batch, steps)
            validation_loss = self._loss(validation, validation_labels)
            self._remember(validation_loss)
            self.state.seconds = time.monotonic() - started
            state = self.state
            passes = state.step / math.ceil(len(train) / batch)
            point = Point(state.step, passes, loss, validation_loss, state.seconds)
            state.points.append(astuple(point))
            self._save()
            self.work.report(point)
            shown = validation_loss if validation else loss
            self.work.progress(state.step / steps, f"epoch {state.epoch}, loss {shown:.3f}")
        self.model.load_state_dict(self.state.best)

    def _epoch(
        self, train: list[torch.Tensor], labels: np.ndarray, batch: int, steps: int
    ) -> float:
        """Pass over the examples once, or until the steps are done; the mean loss of an example."""
        import torch

        from curation.training.recurrent import batches

        state, total, examples = self.state, 0.0, 0
        # Each epoch has its own random numbers, so a resumed fit needs no others.
        rng = np.random.default_rng([self.work.seed, state.epoch])
        torch.manual_seed(int(rng.integers(2**62)))
        self.model.train()
        lengths = np.array([len(text) for text in train])
        for rows in itertools.islice(batches(lengths, batch, rng), steps - state.step):
            loss = self._criterion(self._forward(train, rows), labels[rows])
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), LONGEST_STEP)
            self.optimizer.step()
            state.step += 1
            state.tokens += int(lengths[rows].sum())
            total, examples = total + float(loss.detach()) * len(rows), examples + len(rows)
            check_loss(total, state.step)
        state.epoch += 1
        return total / examples

    def _forward(self, numbers: list[torch.Tensor], rows: np.ndarray) -> torch.Tensor:
        from curation.training.recurrent import padded

        texts, lengths = padded(numbers, rows)
        logits: torch.Tensor = self.model(texts.to(device()), lengths)
        return logits

    def _criterion(self, logits: torch.Tensor, labels: np.ndarray) -> torch.Tensor:
        import torch

        targets = torch.as_tensor(labels, device=logits.device)
        weights = None if self.weights is None else self.weights.to(logits.device)
        return torch.nn.functional.cross_entropy(logits, targets, weights)

    def logits(self, numbers: list[torch.Tensor]) -> torch.Tensor:
        """Logits of some texts, (texts, classes), on the CPU."""
        import torch

        self.model.eval()
        order = np.argsort([len(text) for text in numbers], kind="stable")
        parts = []
        with torch.inference_mode():
            for start in range(0, len(order), ANSWERED):
                parts.append(self._forward(numbers, order[start : start + ANSWERED]).cpu())
        result = torch.cat(parts)
        return result[torch.as_tensor(np.argsort(order))]

    def _loss(self, numbers: list[torch.Tensor], labels: np.ndarray) -> float:
        """The mean loss of some texts; nan for none."""
        return float(self._criterion(self.logits(numbers), labels)) if numbers else math.nan

    def _remember(self, loss: float) -> None:
        """Keep the weights unless an earlier epoch's had a lower loss; without losses, the last."""
        state = self.state
        if loss >= state.lowest:
            state.waited += 1
            return
        if not math.isnan(loss):
            state.lowest = loss
        state.waited = 0
        state.best = {name: t.detach().clone() for name, t in self.model.state_dict().items()}

    def _save(self) -> None:
        import torch

        checkpoint = {
            "identity": self.identity,
            "state": vars(self.state),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with replacing(self.path) as scratch, open(scratch, "wb") as stream:
            torch.save(checkpoint, stream)

    def _resume(self) -> None:
        """Take up the checkpoint of the same fit; one that is broken or another's is not used."""
        import torch

        if not zipfile.is_zipfile(self.path):
            return
        try:
            checkpoint = torch.load(self.path, map_location=device(), weights_only=True)
        except (OSError, RuntimeError, pickle.UnpicklingError):
            return
        if checkpoint["identity"] == self.identity:
            self.state = _State(**checkpoint["state"])
            self.model.load_state_dict(checkpoint["model"])
            self.optimizer.load_state_dict(checkpoint["optimizer"])


def _labels(part: Part) -> np.ndarray:
    assert part.labels is not None
    return part.labels


def _content(data: Data) -> list[Any]:
    """All that a training depends on besides its settings."""
    parts = (data.train, data.validation)
    return [data.classes, *((part.texts, _labels(part)) for part in parts)]


def _notes(test: list[torch.Tensor]) -> tuple[str, ...]:
    """A sentence about unknown words, where they are many."""
    from curation.training.recurrent import UNKNOWN

    singles = np.concatenate([text[:, 0].numpy() for text in test])
    share = float((singles == UNKNOWN).mean())
    if share < UNFAMILIAR:
        return ()
    return (
        f"{share:.0%} of the words of the test texts are not in the training texts, so the LSTM "
        "cannot read them; more or other examples would help.",
    )

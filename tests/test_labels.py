"""Wrong labels: confident learning on probabilities, the score and the filter."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from curation.dataset import silent
from curation.label_errors import (
    given_label_by_epoch,
    held_out_probabilities,
    judged,
    stratified_folds,
)
from curation.operations import labels as operation
from curation.operations.labels import drop_wrong_labels, label_quality, training_dynamics
from tests.conftest import make_dataset


def test_published_probabilities_give_the_published_label_errors(shared_data):
    folder = shared_data / "label-errors"
    probabilities = np.load(folder / "20news_test_set_pyx.npy")
    labels = np.load(folder / "20news_test_set_original_labels.npy")
    wrong = judged(probabilities, labels).wrong
    people = json.loads((folder / "20news_mturk.json").read_text("utf-8"))
    confirmed = {row["id"] for row in people if row["mturk"]["given"] < 3}
    assert wrong.sum() == 95
    assert len(confirmed) == 82
    assert wrong[sorted(confirmed)].sum() == 55
    strict = judged(probabilities, labels, strict=True).wrong
    assert 0 < strict.sum() < 95 and not (strict & ~wrong).any()
    assert strict[sorted(confirmed)].sum() / strict.sum() > 55 / 95


def test_judgement_by_hand():
    sure, unsure = [0.9, 0.1], [0.4, 0.6]
    probabilities = np.array([sure, sure, sure, unsure, sure[::-1], sure[::-1], sure[::-1], sure])
    given = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    answer = judged(probabilities, given)
    assert answer.quality.tolist() == [0.9, 0.9, 0.9, 0.4, 0.9, 0.9, 0.9, 0.1]
    assert answer.suggested.tolist() == [0, 0, 0, 1, 1, 1, 1, 0]
    assert answer.wrong.tolist() == [False] * 7 + [True]


def test_every_class_is_spread_over_the_folds_and_a_row_stays_in_its_fold():
    ids, labels = [f"{i:x}" for i in range(60)], np.repeat([0, 1, 2], [40, 15, 5])
    folds = stratified_folds(ids, labels, 5)
    for label, each in ((0, 8), (1, 3), (2, 1)):
        assert np.bincount(folds[labels == label]).tolist() == [each] * 5
    turned = stratified_folds(ids[::-1], labels[::-1], 5)
    assert turned[::-1].tolist() == folds.tolist()


def test_a_rare_class_keeps_its_right_rows():
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], [190, 10])
    vectors = np.eye(40)[labels] + rng.normal(scale=0.2, size=(200, 40))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    folds = stratified_folds([str(i) for i in range(200)], labels, 5)
    probabilities = held_out_probabilities(vectors, labels, folds)
    assert probabilities[labels == 1, 1].mean() > 0.6, "0.39 where each row weighs the same"
    assert not judged(probabilities, labels).wrong.any()


def test_a_row_is_judged_by_models_that_have_not_seen_it():
    drawn = np.random.default_rng(0).normal(size=(60, 20))
    vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    labels = np.arange(60) % 2
    folds = stratified_folds([str(i) for i in range(60)], labels, 5)
    probabilities = held_out_probabilities(vectors, labels, folds)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    right = (probabilities.argmax(axis=1) == labels).mean()
    assert right < 0.75, "noise cannot be foretold; a model that has seen the rows gets all right"


def places(rows: int = 60, wrong: tuple[int, ...] = (3, 8)) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows about two subjects, some with the label of the other one, and their vectors."""
    subject = np.arange(rows) % 2
    vectors = np.eye(8, dtype=np.float32)[subject] + 0.3 * np.random.default_rng(1).random(
        (rows, 8)
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    given = subject.copy()
    given[list(wrong)] = 1 - given[list(wrong)]
    names = np.array(["food", "space"])[given]
    dataset = make_dataset([(f"Text {i}.", "") for i in range(rows)], list(names))
    order = np.argsort(dataset.rows.index.to_numpy().astype(str))
    return dataset.rows.iloc[order], vectors[order].astype(np.float32)


def test_wrong_labels_are_named_with_a_better_one_and_dropped_with_both():
    rows, vectors = places()
    answer = label_quality(rows, vectors, None, silent)
    wrong = answer.index[answer["wrong_label"]]
    assert set(rows.loc[wrong, "prompt"]) == {"Text 3.", "Text 8."}
    assert set(answer["suggested_label"][wrong]) == {"food", "space"}
    assert answer["label_quality"][wrong].max() < 0.5 < answer["label_quality"].median()
    outcome = drop_wrong_labels(rows.join(answer))
    assert set(outcome.index[~outcome["keep"]]) == set(wrong)
    third = rows.index[rows["prompt"] == "Text 3."][0]
    assert outcome["reason"][third] == "labelled 'food', but 'space' fits better"


def test_a_label_that_a_person_gave_is_never_called_wrong():
    rows, vectors = places()
    third = rows.index[rows["prompt"] == "Text 3."][0]
    people = SimpleNamespace(labels={third: None})
    answer = label_quality(rows, vectors, people, silent)
    assert answer["wrong_label"].sum() == 1 and not answer["wrong_label"][third]


def notes(rows: pd.DataFrame, vectors: np.ndarray) -> tuple[pd.DataFrame, list[str]]:
    answer = label_quality(rows, vectors, None, silent)
    return answer, operation._notes({}, rows, answer)


@pytest.mark.parametrize(
    "given, note",
    [
        ([None] * 6, "No example has a label, so nothing was measured."),
        (["a"] * 6, "Fewer than two labels have two examples, so there is nothing to compare."),
        (
            list("aaaabc"),
            "Fewer than two labels have two examples, so there is nothing to compare.",
        ),
        (
            list("abcdef"),
            "Fewer than two labels have two examples, so there is nothing to compare.",
        ),
    ],
)
def test_labels_that_cannot_be_compared_are_not_measured_and_a_sentence_says_so(given, note):
    rows, vectors = places(6, ())
    rows = rows.assign(label=pd.Series(given, index=rows.index, dtype="str"))
    answer, sentences = notes(rows, vectors)
    assert sentences == [note]
    assert answer["label_quality"].isna().all() and answer["wrong_label"].isna().all()
    assert drop_wrong_labels(rows.join(answer))["keep"].all()


def test_a_label_of_a_single_row_is_not_measured_and_the_others_are():
    rows, vectors = places()
    rows = rows.assign(label=rows["label"].where(np.arange(60) != 20, "rare").astype("str"))
    rows.iloc[21, rows.columns.get_loc("label")] = None
    answer, sentences = notes(rows, vectors)
    assert sentences == ["Labels with a single example were not measured: 'rare'."]
    assert np.flatnonzero(answer["label_quality"].isna()).tolist() == [20, 21]


def test_where_many_labels_look_wrong_none_is_dropped_and_a_note_says_so():
    rows, _ = places(10)
    wrong = pd.array([True] * 3 + [False] * 6 + [None], dtype="boolean")
    rows = rows.assign(wrong_label=wrong, suggested_label="other")
    outcome = drop_wrong_labels(rows, most=0.3)
    assert outcome["keep"].all()
    assert operation._spared({"most": 0.3}, rows, outcome) == [
        "33% of the labels look wrong, so none was dropped: the embeddings may not tell the labels "
        "apart. Look at some; if they are wrong, raise “most”."
    ]
    outcome = drop_wrong_labels(rows, most=0.34)
    assert outcome["keep"].tolist() == [False] * 3 + [True] * 7
    assert operation._spared({"most": 0.34}, rows, outcome) == []


def test_too_many_labels_are_not_measured(monkeypatch):
    monkeypatch.setattr(operation, "MOST", 1)
    answer, sentences = notes(*places())
    assert sentences == [
        "There are more than 1 labels, too many to tell apart; nothing was measured."
    ]
    assert answer["label_quality"].isna().all()


def test_the_first_step_of_training_is_the_one_of_adam():
    vectors, labels = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1])
    (once,) = given_label_by_epoch(vectors, labels, 1)
    # The first step of Adam is the rate, whatever the gradient: logits of +0.01 and −0.01. The biases
    # of two opposite errors stay 0.
    assert once == pytest.approx([1 / (1 + np.exp(-0.02))] * 2, abs=1e-4)
    assert (np.diff(given_label_by_epoch(vectors, labels, 20), axis=0) > 0).all()


def test_wrong_labels_are_learnt_last():
    rows, vectors = places()
    answer = training_dynamics(rows, vectors, silent)
    lowest = answer["confidence"].nsmallest(2).index
    assert set(rows.loc[lowest, "prompt"]) == {"Text 3.", "Text 8."}
    assert answer["variability"].between(0, 0.5, inclusive="neither").all()
    more = training_dynamics(rows, vectors, silent, epochs=30)
    assert more["confidence"].drop(lowest).mean() > answer["confidence"].drop(lowest).mean()


def test_dynamics_of_what_has_no_label_are_not_measured():
    rows, vectors = places()
    rows = rows.assign(label=rows["label"].where(np.arange(60) % 4 > 0).astype("str"))
    answer = training_dynamics(rows, vectors, silent)
    assert answer["confidence"].isna().equals(rows["label"].isna())
    bare = rows.assign(label=pd.Series(None, index=rows.index, dtype="str"))
    assert training_dynamics(bare, vectors, silent).isna().all(axis=None)

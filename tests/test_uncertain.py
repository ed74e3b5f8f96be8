"""The uncertain order: a light model learns from answers, says how far to trust it, and spreads a batch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation.dataset import Dataset
from curation.decisions import Decision, DecisionStore
from curation.looking import light_model
from curation.looking.light_model import Answers, Trust, answers_of, fitted, learned_from
from curation.looking.orders import Order
from curation.looking.uncertain import (
    COLD,
    OFFSET,
    by_uncertainty,
    margins,
    typical,
    worth_most,
)
from curation.report import StepReport
from tests.conftest import make_dataset

TOPICS = ("bread", "stars", "rivers")
TEXTS = [f"Tell me about {TOPICS[n % 3]}, part {n}." for n in range(180)]


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def placed(count: int = 180, classes: int = 3, noise: float = 0.5, seed: int = 0):
    """Vectors around one place a class, and the classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    return unit(np.eye(12)[labels] + noise * rng.normal(size=(count, 12))), labels


@pytest.fixture
def store(tmp_path):
    opened = DecisionStore(tmp_path / "decisions.db", journal=tmp_path / "journal.jsonl")
    yield opened
    opened.close()


@pytest.fixture
def dataset() -> Dataset:
    """Texts on three topics with vectors, but the last two have none."""
    vectors, _ = placed()
    vectors[-2], vectors[-1] = np.nan, 0.0
    report = StepReport("embed", "embed", "Embeddings", "embed", {}, "", pd.DataFrame())
    return make_dataset([(text, "…") for text in TEXTS]).replace(vectors=vectors, steps=(report,))


def say(store, dataset, kind, places, by="Ada"):
    ids = dataset.rows.index
    values = [TOPICS[n % 3] if kind == "label" else None for n in places]
    store.append([Decision(ids[n], kind, v, by) for n, v in zip(places, values, strict=True)])
    return store.state()


def order(dataset, people, text="uncertain", among=None):
    positions = np.arange(len(dataset)) if among is None else np.array(among, dtype=np.int64)
    return Order.parse(text).arranged(dataset, positions, people)


# --- the model ------------------------------------------------------------------------------


def test_a_model_learns_again_after_ten_answers_and_later_after_a_tenth():
    counts = [0, 9, 10, 19, 20, 99, 100, 109, 110, 120, 121, 1_000]
    assert [learned_from(n) for n in counts] == [0, 0, 10, 10, 20, 90, 100, 100, 110, 110, 121, 958]


def test_labels_teach_and_verdicts_where_labels_are_of_one_class(store, dataset):
    people = say(store, dataset, "keep", range(6, 12))
    people = say(store, dataset, "drop", range(12, 18))
    answers = answers_of(dataset.rows.index, dataset.vectors, people)
    assert answers.question == "verdict" and list(answers.positions) == list(range(6, 18))
    assert list(answers.values) == ["keep"] * 6 + ["drop"] * 6
    people = say(store, dataset, "label", range(20, 50, 3))  # all of one class
    assert answers_of(dataset.rows.index, dataset.vectors, people).question == "verdict"
    people = say(store, dataset, "label", [*range(0, 12), 178, 179])
    answers = answers_of(dataset.rows.index, dataset.vectors, people)
    assert answers.question == "label" and 178 not in answers.positions
    assert list(answers.positions[:10]) == list(range(20, 50, 3))  # the oldest first


def test_too_few_answers_or_one_class_are_no_answers(store, dataset):
    assert len(answers_of(dataset.rows.index, dataset.vectors, None)) == 0
    people = say(store, dataset, "label", range(9))
    assert len(answers_of(dataset.rows.index, dataset.vectors, people)) == 0
    people = say(store, dataset, "keep", range(40))
    assert len(answers_of(dataset.rows.index, dataset.vectors, people)) == 0


def test_a_model_tells_the_classes_and_how_often_it_is_right():
    vectors, labels = placed(400)
    values = np.array(TOPICS, dtype="O")[labels]
    model = fitted(vectors[:120], Answers("label", np.arange(120), values[:120]))
    p = model.probabilities(vectors[120:])
    assert model.classes == ("bread", "rivers", "stars")
    assert np.allclose(p.sum(axis=1), 1, atol=1e-5)
    guessed = np.array(model.classes, dtype="O")[p.argmax(axis=1)]
    right = (guessed == values[120:]).mean()
    trust = model.trust
    assert trust.low <= right <= trust.high and trust.low < trust.right < trust.high
    assert trust.answers == trust.tested == 120
    assert trust.sentence().startswith(
        f"It has learned from 120 answers. On answers that it had not seen it is right in "
        f"{trust.right:.0%} ({trust.low:.0%} to {trust.high:.0%})."
    )


def test_of_answers_by_chance_a_model_says_that_it_is_no_better():
    vectors, _ = placed(200)
    labels = np.random.default_rng(3).integers(0, 2, 200)
    values = np.array(["keep", "drop"], dtype="O")[labels]
    trust = fitted(vectors, Answers("verdict", np.arange(200), values)).trust
    assert trust.low < 0.5 < trust.high and trust.sure < 10
    assert "sure" not in trust.sentence()


def test_probabilities_are_calibrated():
    """Labels that are wrong in a third of the rows: the model may not be surer than two thirds."""
    vectors, labels = placed(900, classes=2, noise=0.05)
    rng = np.random.default_rng(1)
    labels = np.where(rng.random(900) < 1 / 3, 1 - labels, labels)
    values = np.array(["a", "b"], dtype="O")[labels]
    model = fitted(vectors[:600], Answers("label", np.arange(600), values[:600]))
    p = model.probabilities(vectors[600:])
    hits = (p.argmax(axis=1) == labels[600:]).mean()
    assert abs(p.max(axis=1).mean() - hits) < 0.05
    assert model.temperature != 1.0
    sharp = light_model._weights(vectors[:600], labels[:600], 2) * 10
    logits = light_model._logits(vectors[600:], sharp)
    assert light_model._temperature(logits, labels[600:]) > 5


def test_rare_classes_and_few_answers_end_in_no_error():
    vectors, labels = placed(40, classes=12)
    for count in (2, 12, 13, 29, 40):
        values = labels[:count].astype(str).astype("O")
        model = fitted(vectors[:count], Answers("label", np.arange(count), values))
        assert np.isfinite(model.probabilities(vectors)).all()
        assert np.isfinite(model.trust.right) == (model.trust.tested >= light_model.FEWEST)
    assert Trust(12).sentence() == (
        "It has learned from 12 answers. That is too few to say how often it is right."
    )


def test_a_class_that_a_fold_has_not_seen_is_never_likely():
    weights = light_model._weights(placed(20, 2)[0], np.array([0, 2] * 10), 3)
    p = light_model.softmax(light_model._logits(placed(5)[0], weights))
    assert (p[:, 1] < 1e-6).all() and (p[:, [0, 2]] > 0.01).all()


# --- the draw -------------------------------------------------------------------------------


def test_the_draw_lowers_the_variance_most_step_by_step():
    """The updates by rank one give what an inversion for every row gives."""
    rng = np.random.default_rng(5)
    rows, others, learned = (unit(rng.normal(size=(n, 6))) for n in (40, 70, 9))
    doubt, theirs, answered = (rng.random(n) / 2 for n in (40, 70, 9))
    x, far, given = (np.hstack([v, np.full((len(v), 1), OFFSET)]) for v in (rows, others, learned))
    about = (far * theirs[:, None]).T @ far / len(far)
    information = np.eye(7) / light_model.STRENGTH + (given * answered[:, None]).T @ given
    chosen = []
    for _ in range(12):
        traces = [
            np.trace(np.linalg.inv(information + d * np.outer(r, r)) @ about)
            if n not in chosen
            else 9
            for n, (r, d) in enumerate(zip(x, doubt, strict=True))
        ]
        best = int(np.argmin(traces))
        chosen.append(best)
        information = information + doubt[best] * np.outer(x[best], x[best])
    assert worth_most(rows, doubt, others, theirs, learned, answered, 12).tolist() == chosen


def test_a_batch_holds_no_row_twice_and_copies_only_when_nothing_else_is_left():
    vectors = unit(np.repeat(np.eye(4), 5, axis=0))
    doubt = np.full(20, 0.5)
    drawn = worth_most(vectors, doubt, vectors, doubt, vectors[:0], doubt[:0], 99)
    assert sorted(drawn) == list(range(20))
    assert len({n // 5 for n in drawn[:4].tolist()}) == 4
    near = worth_most(vectors, doubt, vectors, doubt, vectors[:10], doubt[:10], 2)
    assert {n // 5 for n in near.tolist()} == {2, 3}  # nothing like these was answered


def test_doubtful_rows_come_first_and_sure_ones_last():
    rng = np.random.default_rng(2)
    p, vectors = rng.dirichlet([0.2, 0.2, 0.2], 300), unit(rng.normal(size=(300, 8)))
    result = by_uncertainty(vectors, p, vectors[:5], p[:5], 0, batch=20)
    assert sorted(result) == list(range(300))
    assert (np.diff(margins(p)[result[20:]]) >= 0).all()
    assert margins(p)[result[:20]].mean() < margins(p).mean() / 2


def test_an_answer_that_the_model_is_sure_of_teaches_less_about_rows_like_it():
    """Two places are equally doubtful; at one an answer was doubtful too, at the other it was sure."""
    vectors = unit(np.eye(4)[[0, 1] * 10])
    p, learned = np.full((20, 2), 0.5), np.eye(4, dtype=np.float32)[:2]
    for sure in (0, 1):
        its = np.full((2, 2), 0.5)
        its[sure] = 0.999, 0.001
        assert by_uncertainty(vectors, p, learned, its, 0, batch=1)[0] % 2 == sure


def test_typical_rows_that_differ_begin():
    rng = np.random.default_rng(4)
    labels = np.arange(300) % 5
    vectors = unit(np.eye(9)[labels] + 0.02 * rng.normal(size=(300, 9)))
    vectors[7] = unit(np.array([[0, 0, 0, 0, 0, 0, 0, 0, 1.0]]))[0]  # an outlier
    result = typical(vectors, 0)
    assert sorted(result) == list(range(300)) and len(set(labels[result[:5]])) == 5
    assert 7 not in result[:5] and list(result) == list(typical(vectors, 0))
    assert len(typical(vectors[:3], 0)) == 3


# --- the order of a queue -------------------------------------------------------------------


def test_the_order_stays_between_two_models_and_changes_with_the_next(store, dataset):
    cold = order(dataset, None)
    assert cold.remark == COLD and sorted(cold.positions) == list(range(180))
    assert set(cold.positions[-2:]) == {178, 179}
    people = say(store, dataset, "label", range(9))
    assert list(order(dataset, people).positions) == list(cold.positions)
    people = say(store, dataset, "label", [9])
    ten = order(dataset, people)
    assert ten.remark.startswith("It has learned from 10 answers.")
    assert set(ten.positions[168:178]) == set(
        range(10)
    )  # the answered ones, before those without a vector
    assert list(ten.positions[:20]) != list(cold.positions[:20])
    people = say(store, dataset, "label", range(10, 19))
    again = order(dataset, people)
    assert list(again.positions) == list(ten.positions)
    people = say(store, dataset, "label", [19])
    assert list(order(dataset, people).positions[:20]) != list(ten.positions[:20])
    store.undo("Ada")
    assert list(order(dataset, store.state()).positions) == list(ten.positions)


def test_the_order_is_of_the_rows_of_the_queue_alone(store, dataset):
    people = say(store, dataset, "label", range(12))
    few = [150, 20, 31, 179, 4]
    result = order(dataset, people, among=few).positions
    assert sorted(result) == sorted(few) and list(result[-2:]) == [4, 179]
    assert list(order(dataset, people, among=[]).positions) == []
    assert list(order(dataset, None, among=[]).positions) == []


def test_what_lies_between_the_topics_is_asked_first(store, dataset):
    vectors = dataset.vectors[:]
    between = unit(np.array([[1.0, 1, 0, *[0.0] * 9]]))[0]
    vectors[:178] = unit(np.eye(12)[np.arange(178) % 3] + 0.05)
    vectors[100] = between
    data = dataset.replace(vectors=vectors)
    people = say(store, data, "label", range(30))
    assert order(data, people).positions[0] == 100

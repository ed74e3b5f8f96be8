"""The sentences of answers of a fit, by cases made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation.dataset import Dataset
from curation.training import answers as of
from tests.conftest import make_dataset


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "label": ["tea", "tea", "tea", "tea", "bread", "bread", "river"],
            "predicted": ["tea", "bread", "bread", "river", "bread", "tea", "river"],
            "probability": [0.9, 0.6, 0.8, 0.7, 0.9, 0.55, 0.99],
            "probability_of_label": [0.9, 0.3, 0.1, 0.2, 0.9, 0.4, 0.99],
        },
        index=pd.Index(list("abcdefg"), name="id"),
    )


def test_a_confusion_matrix_counts_each_pair_and_has_the_same_classes_on_both_axes(table):
    counts = of.confusion(table)
    assert list(counts.index) == list(counts.columns) == ["tea", "bread", "river"]
    assert counts.to_numpy().tolist() == [[1, 2, 1], [1, 1, 0], [0, 0, 1]]


def test_a_class_that_is_only_predicted_has_a_row_too(table):
    counts = of.confusion(table.assign(predicted="sun"))
    assert counts.shape == (4, 4) and counts["sun"].tolist() == [4, 2, 1, 0]


def test_the_pairs_that_are_confused_come_with_their_share_of_the_label(table):
    pairs = of.confused(table).to_numpy(dtype=object).tolist()
    assert pairs[0] == ["tea", "bread", 2, 0.5]
    assert sorted(pairs[1:]) == [["bread", "tea", 1, 0.5], ["tea", "river", 1, 0.25]]


def test_a_cell_lists_its_examples_the_surest_first(table):
    assert of.cell(table, "tea", "bread") == ["c", "b"]
    assert of.cell(table, "river", "tea") == []


def test_regions_that_fail_with_few_training_examples_come_first(table):
    places = pd.Series(
        ["x", "x", "y", "y", "y", "", "z", "x", "x", "x", "y"],
        index=[*"abcdefg", "t1", "t2", "t3", "t4"],
    )
    regions = of.regions(table, pd.Index(["t1", "t2", "t3", "t4"]), places)
    assert regions.to_dict("records") == [
        {"region": "y", "test": 3, "wrong": 2, "share": pytest.approx(2 / 3), "train": 1},
        {"region": "x", "test": 2, "wrong": 1, "share": 0.5, "train": 3},
        {"region": "z", "test": 1, "wrong": 0, "share": 0.0, "train": 0},
    ]
    sentence = of.region_sentence(regions)
    assert "“y” fails first: 2 of 3 test examples" in sentence
    assert "1 training example lies there" in sentence
    assert of.region_sentence(regions.tail(1)) == ""


def test_many_wrong_answers_among_many_training_examples_come_later():
    table = pd.DataFrame(
        {"label": ["a"] * 5, "predicted": ["b"] * 5, "probability": [0.5] * 5}, index=list("abcde")
    )
    trained = [f"t{n}" for n in range(20)]
    places = pd.Series(["big"] * 3 + ["small"] * 2 + ["big"] * 20, index=[*"abcde", *trained])
    regions = of.regions(table, pd.Index(trained), places)
    assert regions["region"].tolist() == ["small", "big"]


def test_losses_of_a_region_weigh_each_token_equally():
    table = pd.DataFrame(
        {"loss": [10.0, 40.0, 4.0], "loss_before": [20.0, 40.0, 4.0], "tokens": [10, 10, 2]},
        index=list("abc"),
    )
    places = pd.Series(["x", "x", "y"], index=list("abc"))
    first, second = of.losses(table, places).to_dict("records")
    assert second == {
        "region": "y",
        "examples": 1,
        "tokens": 2,
        "loss": 2.0,
        "perplexity": pytest.approx(np.exp(2)),
        "before": 2.0,
    }
    assert (first["region"], first["loss"], first["before"]) == ("x", 2.5, 3.0)
    assert "before" not in of.losses(table.drop(columns="loss_before"), places)


def test_lengths_name_the_tokens_of_each_answer():
    table = pd.DataFrame({"tokens": [1, 2, 3, 40]}, index=list("abcd"))
    assert of.lengths(table)["d"] == "40 tokens"


def test_reliability_pairs_the_mean_probability_with_the_share_that_is_right():
    table = pd.DataFrame(
        {"label": ["x"] * 20, "predicted": ["x"] * 15 + ["y"] * 5, "probability": [0.9] * 20}
    )
    assert of.reliability(table) == [(pytest.approx(0.9), 0.75), (pytest.approx(0.9), 0.75)]


def with_vectors(pairs, labels, vectors) -> Dataset:
    dataset = make_dataset(pairs, labels)
    return Dataset(dataset.rows, np.asarray(vectors, dtype="float32"))


@pytest.fixture
def small():
    """Two test examples, then three to train on; the first is near the third, the second alone."""
    pairs = [(f"text {n}", "") for n in range(5)]
    vectors = [[1, 0], [0, 1], [0.98, 0.2], [0.8, 0.6], [1, 0]]
    dataset = with_vectors(pairs, ["tea", "bread", "tea", "tea", "river"], vectors)
    answers = pd.DataFrame(
        {
            "label": ["tea", "bread"],
            "predicted": ["river", "tea"],
            "probability": [0.6, 0.8],
            "probability_of_label": [0.3, 0.1],
        },
        index=dataset.rows.index[:2],
    )
    return dataset, answers, dataset.rows.index[2:]


def test_neighbours_are_training_examples_only_the_nearest_first(small):
    dataset, answers, choice = small
    near = of.neighbours(dataset, list(answers.index[:1]), choice, 2)
    assert near["nearest_id"].tolist() == [choice[2], choice[0]]
    assert near["rank"].tolist() == [1, 2]
    assert near["nearest_label"].tolist() == ["river", "tea"]
    assert near["similarity"].tolist() == pytest.approx([1.0, 0.98], abs=0.01)


def test_what_to_collect_begins_with_what_no_training_example_is_near(small):
    dataset, answers, choice = small
    table = of.to_collect(dataset, answers, choice)
    assert table["prompt"].tolist() == ["text 1", "text 0"]
    assert table["similarity"].tolist() == pytest.approx([0.6, 1.0], abs=0.01)
    assert len(of.to_collect(dataset, answers, choice, most=1)) == 1


def test_without_vectors_or_with_rows_that_left_the_project_a_table_is_given_still(small):
    dataset, answers, choice = small
    bare = Dataset(dataset.rows)
    assert "similarity" not in of.to_collect(bare, answers, choice)
    assert of.neighbours(dataset, ["gone-0"], choice).empty
    moved = answers.rename(index={answers.index[0]: "gone-0"})
    assert of.to_collect(dataset, moved, choice)["id"].tolist() == [answers.index[1]]

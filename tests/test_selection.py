"""Facility location, quotas and the operations that choose under a budget."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dataset import silent
from curation.embedding import nearest
from curation.errors import CurationError
from curation.operations import select as operation
from curation.operations.select import (
    select_balanced,
    select_diverse,
    select_highest,
    select_random,
)
from curation.recipe import Recipe, Step
from curation.selection import coverage_graph, greedy, places, standardised
from tests.conftest import make_dataset


def unit_vectors(rows: int, seed: int, width: int = 4) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def graph_of(vectors: np.ndarray, k: int = 50):
    return coverage_graph(*nearest(vectors, k))


def facility_location(graph, chosen):
    """The coverage of all rows by a subset: the sum of each row's similarity to its nearest chosen."""
    starts, covered, weight = graph
    reached = np.zeros(len(starts) - 1)
    for j in chosen:
        part = slice(starts[j], starts[j + 1])
        np.maximum.at(reached, covered[part], weight[part])
    return float(reached.sum())


def naive_greedy(graph, budget, quality, alpha, first=()):
    """The definition, word for word: every gain computed anew for every pick."""
    rows = len(graph[0]) - 1
    alone = np.array([facility_location(graph, [j]) for j in range(rows)])
    scale = alone.std() or 1.0
    bonus = alpha * standardised(quality)
    chosen = list(first)
    while len(chosen) < min(budget, rows):
        reached = facility_location(graph, chosen)
        values = {
            j: (1 - alpha) * (facility_location(graph, [*chosen, j]) - reached) / scale + bonus[j]
            for j in range(rows)
            if j not in chosen
        }
        chosen.append(max(values, key=lambda j: (round(values[j], 9), -j)))
    return chosen


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(1, 6), st.integers(0, 10_000))
def test_greedy_is_at_least_63_percent_of_the_best_subset(rows, budget, seed):
    graph = graph_of(unit_vectors(rows, seed))
    budget = min(budget, rows)
    ours = facility_location(graph, greedy(graph, budget).order)
    best = max(facility_location(graph, c) for c in combinations(range(rows), budget))
    assert (1 - 1 / np.e) * best <= ours <= best + 1e-9


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 40),
    st.sampled_from([0, 0.25, 0.5, 0.75, 1]),
    st.integers(0, 10_000),
    st.integers(0, 3),
)
def test_lazy_greedy_takes_the_same_rows_as_naive_greedy(rows, alpha, seed, pinned):
    graph = graph_of(unit_vectors(rows, seed), 6)
    quality = np.random.default_rng(seed).random(rows)
    first = list(range(min(pinned, rows)))
    lazy = greedy(graph, rows // 2 + 1, quality, alpha, first)
    assert lazy.order.tolist() == naive_greedy(graph, rows // 2 + 1, quality, alpha, first)


def test_gains_add_up_to_what_is_covered_and_only_fall():
    graph = graph_of(unit_vectors(60, 7))
    chosen = greedy(graph, 20)
    assert chosen.gains.sum() == pytest.approx(facility_location(graph, chosen.order))
    assert (np.diff(chosen.gains) <= 1e-9).all()
    assert chosen.similarity.sum() == pytest.approx(chosen.gains.sum())
    assert set(chosen.best[chosen.best >= 0]) <= set(chosen.order)


GROUPS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=6)
"""Groups as the greater and the lesser of two numbers: their rows, and those that are pinned."""


@given(GROUPS, st.integers(0, 80), st.sampled_from([0, 0.5, 1]))
def test_places_fill_the_budget_and_stay_within_each_group(groups, budget, power):
    sizes, pinned = [max(pair) for pair in groups], [min(pair) for pair in groups]
    awarded = places([size**power for size in sizes], sizes, budget, pinned)
    counts = np.bincount(awarded, minlength=len(sizes)) + pinned
    assert counts.sum() == max(sum(pinned), min(budget, sum(sizes)))
    assert all(counts <= sizes)
    assert places([size**power for size in sizes], sizes, budget + 1, pinned)[: len(awarded)] == (
        awarded
    )


@given(GROUPS, st.integers(0, 80))
def test_even_places_differ_by_one_at_most_where_there_is_room(groups, budget):
    sizes, pinned = [max(pair) for pair in groups], [min(pair) for pair in groups]
    counts = np.bincount(places([1.0] * len(sizes), sizes, budget, pinned), minlength=len(sizes))
    totals = counts + pinned
    open_ = [t for t, size in zip(totals, sizes, strict=True) if t < size]
    served = [t for t, count in zip(totals, counts, strict=True) if count]
    assert not open_ or not served or max(served) - min(open_) <= 1


def test_places_by_hand():
    assert np.bincount(places([1, 1, 1], [2, 50, 50], 22, [0, 0, 0])).tolist() == [2, 10, 10]
    assert np.bincount(places([10, 5, 1], [100, 25, 1], 16, [0, 0, 0])).tolist() == [10, 5, 1]
    assert np.bincount(places([100, 25, 1], [100, 25, 1], 50, [0, 0, 0])).tolist() == [40, 10]


def pool(rows: int = 40, pinned: tuple[int, ...] = ()) -> tuple[pd.DataFrame, np.ndarray]:
    dataset = make_dataset([(f"Question {i}?", "word " * (i % 9 + 1)) for i in range(rows)])
    frame = dataset.rows.sort_index()
    frame["quality"] = np.random.default_rng(1).random(rows)
    frame["response_tokens"] = frame["response"].str.len()
    frame["topic"] = pd.Series(["a", "b", "b", "b"] * (rows // 4), index=frame.index, dtype="str")
    if pinned:
        frame["pinned"] = pd.Series(np.isin(np.arange(rows), pinned), index=frame.index)
    return frame, unit_vectors(rows, 3)


def choose(name: str, frame: pd.DataFrame, vectors: np.ndarray, **params) -> pd.DataFrame:
    if name == "random":
        return select_random(frame, **params)
    if name == "balanced":
        return select_balanced(frame, **params)
    if name == "highest":
        return select_highest(frame, **params)

    def neighbours(k, positions=slice(None)):
        return nearest(vectors[positions], k)

    return select_diverse(frame, vectors, neighbours, silent, **params)


@pytest.mark.parametrize("name", ["diverse", "random", "highest", "balanced"])
def test_rows_kept_by_a_person_come_first_and_count(name):
    frame, vectors = pool(pinned=(5, 17))
    chosen = choose(name, frame, vectors, budget=10)
    assert chosen["keep"].sum() == 10
    assert chosen["rank"].iloc[[5, 17]].tolist() == [1, 2]
    assert chosen["reason"].iloc[5].startswith("kept by a person")
    assert sorted(chosen["rank"].dropna()) == list(range(1, 11))
    more = choose(name, frame, vectors, budget=1)
    assert more["keep"].tolist() == frame["pinned"].tolist(), "a person overrules the budget"


@pytest.mark.parametrize("name", ["diverse", "random", "highest", "balanced"])
def test_a_budget_above_what_is_kept_is_one_sentence(name):
    frame, vectors = pool()
    with pytest.raises(
        CurationError, match=r"^The budget is 41 .* only 40 are kept; lower [^.]*\.$"
    ):
        choose(name, frame, vectors, budget=41)
    assert choose(name, frame, vectors, budget=40)["keep"].all()


def test_balance_gives_each_value_an_even_share_as_far_as_it_goes():
    frame, vectors = pool()
    chosen = choose("diverse", frame, vectors, budget=28, balance="topic")
    assert chosen["keep"].sum() == 28
    assert frame["topic"][chosen["keep"]].value_counts().to_dict() == {"b": 18, "a": 10}
    pinned = pool(pinned=(0, 4, 8))[0]
    chosen = choose("diverse", pinned, vectors, budget=8, balance="topic")
    assert pinned["topic"][chosen["keep"]].value_counts().to_dict() == {"a": 4, "b": 4}
    most = pool(pinned=(0, 4, 8, 12, 16, 20))[0]
    chosen = choose("diverse", most, vectors, budget=8, balance="topic")
    assert most["topic"][chosen["keep"]].value_counts().to_dict() == {"a": 6, "b": 2}


@settings(max_examples=10, deadline=None)
@given(st.integers(4, 16), st.integers(2, 5), st.integers(0, 10_000))
def test_inside_a_group_the_choice_is_nearly_the_best_for_that_group(rows, budget, seed):
    frame, _ = pool(16)
    groups = np.random.default_rng(seed).integers(0, 2, rows)
    frame = frame.iloc[:rows].assign(topic=np.array(["a", "b"])[groups])
    vectors, budget = unit_vectors(rows, seed), min(budget, rows)
    keep = choose("diverse", frame, vectors, budget=budget, balance="topic", quality=0.0)["keep"]
    assert keep.sum() == budget
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        graph, own = graph_of(vectors[members]), np.flatnonzero(keep.to_numpy()[members])
        best = max(facility_location(graph, c) for c in combinations(range(len(members)), len(own)))
        assert facility_location(graph, own) >= (1 - 1 / np.e) * best - 1e-9


def test_a_label_takes_no_row_that_lies_among_those_of_another_label():
    """One text about food has the label astronomy: among all rows it would cover the most."""
    food, space = np.eye(6)[:2]
    centres = np.array([space] * 6 + [food] * 22)
    vectors = centres + 0.3 * np.random.default_rng(2).random((28, 6))
    vectors[6] = food
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    frame = pool(28)[0].assign(label=["astronomy"] * 7 + ["food"] * 21)
    astronomy = (frame["label"] == "astronomy").to_numpy()
    graph = graph_of(vectors)
    assert max(np.flatnonzero(astronomy), key=lambda j: facility_location(graph, [j])) == 6
    keep = choose("diverse", frame, vectors, budget=2, balance="label", quality=0.0)["keep"]
    assert keep.to_numpy()[:6].sum() == 1 and keep.to_numpy()[7:].sum() == 1


def sizes_of(frame: pd.DataFrame, column: str, **params) -> dict[str, int]:
    """The number of chosen rows of each value."""
    return frame[column][choose("balanced", frame, None, **params)["keep"]].value_counts().to_dict()


def test_shares_are_equal_by_the_root_or_in_proportion():
    frame = pool(40)[0].assign(label=["rare"] * 4 + ["common"] * 36)
    for shares, rare in (("equal", 4), ("root", 3), ("proportional", 1)):
        counts = sizes_of(frame, "label", budget=12, shares=shares)
        assert counts == {"rare": rare, "common": 12 - rare}, shares
    assert sizes_of(frame, "label", budget=12) == {"rare": 3, "common": 9}, (
        "the root is the default"
    )


def test_a_balanced_choice_is_the_beginning_of_a_larger_one():
    frame, _ = pool()
    small, large = (
        choose("balanced", frame, None, budget=budget, by="topic") for budget in (9, 21)
    )
    assert small["rank"].dropna().equals(large["rank"][small["keep"]])
    other = choose("balanced", frame, None, budget=9, by="topic", seed=1)
    assert not other["keep"].equals(small["keep"])


def test_a_column_that_nobody_named_is_label_topic_or_source_and_a_note_says_which():
    frame, _ = pool()
    labelled = frame.assign(label=["x", None] * 20)
    for rows, column in (
        (labelled, "label"),
        (labelled.assign(label="x"), "topic"),
        (frame.assign(label="x", topic="y", source="z"), "source"),
        (frame.drop(columns="topic"), "source"),
    ):
        (note,) = operation._notes({"by": None}, rows, frame)
        assert note.startswith(f"The choice is balanced by {column}: ")
        by_name = choose("balanced", rows, None, budget=10, by=column)
        pd.testing.assert_frame_equal(choose("balanced", rows, None, budget=10), by_name)
    assert operation._notes({"by": "topic"}, frame, frame) == []


def test_balanced_rows_say_their_value_and_respect_quotas():
    frame, _ = pool()
    chosen = choose("balanced", frame, None, budget=20, by="topic", quotas=["b = 12"])
    assert frame["topic"][chosen["keep"]].value_counts().to_dict() == {"b": 12, "a": 8}
    assert set(chosen["reason"]) == {
        "drawn by chance, topic is a",
        "drawn by chance, topic is b",
        "not within the budget",
    }
    with pytest.raises(
        CurationError, match="quota names 'c', which no kept example has as its topic"
    ):
        choose("balanced", frame, None, budget=20, by="topic", quotas=["c = 12"])


def test_quality_alone_takes_the_highest_scores_and_diversity_alone_ignores_them():
    frame, vectors = pool()
    best = choose("diverse", frame, vectors, budget=8, quality=1.0)["keep"]
    assert set(frame.index[best]) == set(frame["quality"].nlargest(8).index)
    plain = choose("diverse", frame, vectors, budget=8, quality=0.0)["keep"]
    other = choose("diverse", frame.assign(quality=1.0), vectors, budget=8, quality=0.0)["keep"]
    assert plain.equals(other) and not plain.equals(best)


def test_a_row_not_chosen_names_the_chosen_row_that_covers_it():
    frame, vectors = pool()
    chosen = choose("diverse", frame, vectors, budget=6, quality=0.0)
    place = {name: i for i, name in enumerate(frame.index)}
    taken = [place[i] for i in frame.index[chosen["keep"]]]
    for name, row in chosen[~chosen["keep"]].iterrows():
        similar = vectors[taken] @ vectors[place[name]]
        if row["covered_by"] == row["covered_by"]:
            assert similar.max() == pytest.approx(
                float(vectors[place[row["covered_by"]]] @ vectors[place[name]]), abs=1e-6
            )
            assert row["covered_by"] in row["reason"]
        else:
            assert similar.max() <= 0


def test_a_random_choice_of_others_does_not_move_when_a_row_goes():
    frame, _ = pool()
    whole = select_random(frame, budget=12)
    lost = frame.index[~whole["keep"]][0]
    assert set(frame.index[whole["keep"]]) == set(
        frame.index.drop(lost)[select_random(frame.drop(lost), budget=12)["keep"]]
    )


def test_missing_scores_are_taken_last():
    frame, vectors = pool()
    frame.iloc[:35, frame.columns.get_loc("quality")] = np.nan
    best = choose("highest", frame, vectors, budget=5, score="quality")
    assert best["keep"].tolist() == [False] * 35 + [True] * 5


def test_a_recipe_has_one_selection_in_the_place_of_every_other():
    recipe = Recipe((Step("lengths"), Step("select_random"), Step("select_highest"), Step("split")))
    assert recipe.selection == Step("select_random")
    changed = recipe.with_selection(Step("select_diverse", budget=3))
    assert [step.use for step in changed] == ["lengths", "select_diverse", "split"]
    assert [step.use for step in recipe.with_selection(None)] == ["lengths", "split"]
    assert Recipe().selection is None

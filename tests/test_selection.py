"""Facility location, quotas and the operations that choose under a budget."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dataset import Dataset, silent
from curation.embedding import nearest
from curation.errors import CurationError
from curation.looking.choice import Choice, beside_random, measures, nearest_chosen
from curation.operations.select import select_diverse, select_highest, select_random
from curation.recipe import Recipe, Step
from curation.report import StepReport
from curation.selection import coverage_graph, greedy, quotas, standardised
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


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 200))
def test_quotas_sum_to_the_budget_and_stay_within_each_group(sizes, budget):
    given_ = quotas(sizes, budget)
    assert sum(given_) == min(budget, sum(sizes))
    assert all(0 <= g <= s for g, s in zip(given_, sizes, strict=True))
    open_ = [g for g, s in zip(given_, sizes, strict=True) if g < s]
    assert not open_ or max(given_) - min(open_) <= 1, "nobody gets two more than an open group"


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=6),
    st.integers(0, 80),
)
def test_quotas_count_what_is_held_already(groups, budget):
    sizes = [max(pair) for pair in groups]
    pinned = [min(pair) for pair in groups]
    shares = quotas(sizes, budget, pinned)
    assert sum(shares) == max(sum(pinned), min(budget, sum(sizes)))
    assert all(h <= n <= s for h, n, s in zip(pinned, shares, sizes, strict=True))


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
    if name == "highest":
        return select_highest(frame, **params)
    return select_diverse(frame, vectors, lambda k: nearest(vectors, k), silent, **params)


@pytest.mark.parametrize("name", ["diverse", "random", "highest"])
def test_rows_kept_by_a_person_come_first_and_count(name):
    frame, vectors = pool(pinned=(5, 17))
    chosen = choose(name, frame, vectors, budget=10)
    assert chosen["keep"].sum() == 10
    assert chosen["rank"].iloc[[5, 17]].tolist() == [1, 2]
    assert chosen["reason"].iloc[5].startswith("kept by a person")
    assert sorted(chosen["rank"].dropna()) == list(range(1, 11))
    more = choose(name, frame, vectors, budget=1)
    assert more["keep"].tolist() == frame["pinned"].tolist(), "a person overrules the budget"


@pytest.mark.parametrize("name", ["diverse", "random", "highest"])
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


def test_coverage_measures_know_a_hand_made_case():
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    table = measures(vectors, vectors[[0, 2]], ["a", "b"])
    assert table["facility_location"] == pytest.approx(0.75)
    assert table["radius"] == pytest.approx(1.0)
    assert table["within_reach"] == pytest.approx(0.75)
    assert table["vendi"] == pytest.approx(2.0), "two directions, each with half of the weight"
    assert table["topic_entropy"] == pytest.approx(1.0)


def test_a_greedy_choice_covers_better_than_any_of_ten_random_ones():
    frame, _ = pool(200)
    centres = unit_vectors(12, 9, 8)
    vectors = centres[np.arange(200) ** 2 % 12] + 0.1 * unit_vectors(200, 2, 8)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chosen = choose("diverse", frame, vectors, budget=12, quality=0.0)["keep"]
    table = beside_random(Dataset(frame, vectors), list(frame.index), list(frame.index[chosen]))
    verdicts = dict(zip(table["measure"], table["verdict"], strict=True))
    assert verdicts["Mean similarity to the nearest chosen"] == "better"
    assert "worse" not in [v for m, v in verdicts.items() if m.startswith("Farthest")]
    assert "Entropy over topics, in bits" in verdicts


def test_the_nearest_chosen_is_found_whatever_the_size_of_blocks(monkeypatch):
    vectors, chosen = unit_vectors(50, 1), unit_vectors(23, 2)
    monkeypatch.setattr("curation.looking.choice.BLOCK", 7)
    assert np.allclose(nearest_chosen(vectors, chosen), (vectors @ chosen.T).max(axis=1))


def test_the_choice_of_a_dataset_names_chosen_pool_reasons_and_shares(dataset):
    ids = dataset.rows.index
    rows = dataset.rows.assign(
        topic=["eggs", "stars", "stars", "eggs", "words", "water", "code", "plants"],
        quality=[1.0, 2, 3, 4, 5, 6, 7, 8],
    )
    delta = pd.DataFrame(
        {
            "keep": [True, False, True, False],
            "reason": ["second", "no", "first", "no"],
            "rank": pd.array([2, None, 1, None], dtype="Int64"),
        },
        index=ids[:4],
    )
    assert Choice.of(dataset) is None
    report = StepReport("pick", "pick", "Pick", "select", {}, "f1", delta)
    choice = Choice.of(Dataset(rows, steps=(report,)))
    assert list(choice.chosen) == [ids[0], ids[2]] and list(choice.pool) == list(ids[:4])
    assert choice.reasons.to_dict() == {ids[2]: "first", ids[0]: "second"}
    assert list(choice.reasons.index) == [ids[2], ids[0]]
    assert choice.medians(rows) == {"Median quality": (2.0, 2.5)}
    shares = choice.topic_shares(rows)
    assert shares.loc["eggs"].to_dict() == {"pool": 0.5, "chosen": 0.5}
    assert set(shares.index) == {"eggs", "stars"}, "topics outside of the pool are not compared"


def test_a_recipe_has_one_selection_in_the_place_of_every_other():
    recipe = Recipe((Step("lengths"), Step("select_random"), Step("select_highest"), Step("split")))
    assert recipe.selection == Step("select_random")
    changed = recipe.with_selection(Step("select_diverse", budget=3))
    assert [step.use for step in changed] == ["lengths", "select_diverse", "split"]
    assert [step.use for step in recipe.with_selection(None)] == ["lengths", "split"]
    assert Recipe().selection is None

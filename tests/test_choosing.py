"""Methods of choosing beside their definitions: every gain anew, every subset, the published loops."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.choosing.clusters import k_means
from curation.choosing.covering import nearest_chosen
from curation.choosing.distances import distinct, k_center, spread_out
from curation.choosing.facility import coverage_graph, facility_location, standardised
from curation.choosing.information import information
from curation.choosing.preference import Groups, following, in_order, in_shares, within_limits
from curation.choosing.towards import in_turns
from curation.embedding import nearest


def unit_vectors(rows: int, seed: int, width: int = 4) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def picks(method, rows: int, budget: int, first=(), refused=()) -> list[tuple[int, float]]:
    """The first rows and gains of a method; some rows are refused."""
    preference = method(np.arange(rows), np.array(sorted(first), dtype=np.int64))
    taken, pick = [], following(preference)
    while pick is not None and len(taken) < budget:
        accepted = pick[0] not in refused
        taken += [pick] if accepted else []
        pick = following(preference, accepted)
    return taken


def order_of(method, rows: int, budget: int, first=(), refused=()) -> list[int]:
    return [row for row, _ in picks(method, rows, budget, first, refused)]


def graph_of(vectors: np.ndarray, k: int = 50):
    return coverage_graph(*nearest(vectors, k))


def of_vectors(vectors: np.ndarray, most: int = 50):
    """The engine's `neighbours`, with at most so many."""
    return lambda k, part=slice(None): nearest(vectors[part], min(k, most))


def facility_value(graph, chosen) -> float:
    """The coverage of all rows by a subset: the sum of each row's similarity to its nearest chosen."""
    reached = np.zeros(len(graph))
    for j in chosen:
        part = slice(graph.starts[j], graph.starts[j + 1])
        np.maximum.at(reached, graph.covered[part], graph.weights[part])
    return float(reached.sum())


def naive_greedy(graph, budget, quality, alpha, first=()):
    """The definition, word for word: every gain computed anew for every pick."""
    rows = len(graph)
    bonus = alpha * standardised(quality)
    chosen = list(first)
    while len(chosen) < min(budget, rows):
        reached = facility_value(graph, chosen)
        values = {
            j: (1 - alpha) * np.log(max(0, facility_value(graph, [*chosen, j]) - reached) + 1e-9)
            + bonus[j]
            for j in range(rows)
            if j not in chosen
        }
        chosen.append(max(values, key=lambda j: (round(values[j], 9), -j)))
    return chosen[len(first) :]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 16), st.integers(1, 8), st.integers(0, 10_000))
def test_facility_location_is_at_least_63_percent_of_the_best_subset(rows, budget, seed):
    vectors, budget = unit_vectors(rows, seed), min(budget, rows)
    similar = np.maximum(vectors @ vectors.T, 0)
    np.fill_diagonal(similar, 1)
    chosen = order_of(facility_location(of_vectors(vectors)), rows, budget)
    ours = float(similar[:, chosen].max(axis=1).sum())
    subsets = np.array(list(combinations(range(rows), budget)))
    best = float(similar[:, subsets].max(axis=2).sum(axis=0).max())
    assert (1 - 1 / np.e) * best <= ours <= best + 1e-6


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 40),
    st.sampled_from([0, 0.25, 0.5, 0.75, 1]),
    st.integers(0, 10_000),
    st.integers(0, 3),
)
def test_lazy_greedy_takes_the_same_rows_as_naive_greedy(rows, alpha, seed, pinned):
    vectors, quality = unit_vectors(rows, seed), np.random.default_rng(seed).random(rows)
    first, count = list(range(min(pinned, rows))), rows // 2 + 1
    method = facility_location(of_vectors(vectors, 6), quality, alpha)
    naive = naive_greedy(graph_of(vectors, 6), count, quality, alpha, first)
    assert order_of(method, rows, max(0, count - len(first)), first) == naive


def test_a_window_of_few_rows_gives_the_same_choice_as_one_of_all(monkeypatch):
    vectors, quality = unit_vectors(150, 12), np.random.default_rng(3).random(150)
    vectors[40:60] = vectors[40]  # ties
    for alpha in (0, 0.4, 1):
        method = facility_location(of_vectors(vectors, 8), quality, alpha)
        whole = picks(method, 150, 150, first=[7], refused={9})
        monkeypatch.setattr("curation.choosing.preference.WINDOW", 3)
        assert picks(method, 150, 150, first=[7], refused={9}) == whole
        monkeypatch.undo()


@pytest.mark.parametrize("alpha", [0, 1])
def test_rows_that_all_tie_are_taken_in_their_order(alpha):
    vectors = np.repeat(unit_vectors(1, 1), 300, axis=0)
    indices = (np.arange(300)[:, None] + np.arange(1, 4)) % 300
    method = facility_location(
        lambda k, part: (indices, np.full((300, 3), 0.5, np.float32)), np.ones(300), alpha
    )
    order = order_of(method, len(vectors), 300)
    assert sorted(order) == list(range(300)) and order[0] == 0


def test_gains_of_facility_location_add_up_to_what_is_covered_and_only_fall():
    vectors = unit_vectors(60, 7)
    taken = picks(facility_location(of_vectors(vectors)), 60, 20)
    gains = np.array([gain for _, gain in taken])
    covered = facility_value(graph_of(vectors), [row for row, _ in taken])
    assert gains.sum() == pytest.approx(covered)
    assert (np.diff(gains) <= 1e-6).all()


def rescanning(labels, centres, quality, budget, first=()):
    """The definition of MIG with dense matrices: every score anew for every pick."""
    cosines = centres.astype(float) @ centres.T.astype(float)
    weights = np.where(cosines >= 0.9, cosines, 0)
    np.fill_diagonal(weights, 1)
    matrix = weights / weights.sum(axis=0)
    own = np.zeros((len(labels), len(centres)))
    for row, numbers in enumerate(labels):
        own[row, list(numbers)] = quality[row] / max(len(numbers), 1)
    y = own @ matrix
    x, chosen = y[list(first)].sum(axis=0), list(first)
    while len(chosen) < budget:
        scores = y @ (0.8 * (x + 1e-6) ** -0.2)
        scores[chosen] = -np.inf
        chosen.append(int(scores.argmax()))
        x = x + y[chosen[-1]]
    return chosen[len(first) :]


@pytest.mark.parametrize("several, first", [(False, ()), (True, ()), (True, (3, 40, 41))])
def test_lazy_mig_gives_the_list_of_the_rescanning_definition(several, first):
    draw = np.random.default_rng(4)
    base = unit_vectors(12, 1, 8)
    centres = base[np.arange(40) % 12] + 0.08 * unit_vectors(40, 2, 8)
    centres = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)
    counts = draw.integers(1, 4, 400) if several else np.ones(400, int)
    labels = [tuple(sorted(draw.choice(40, count, replace=False).tolist())) for count in counts]
    quality = draw.random(400)
    ours = order_of(information(labels, centres, quality), 400, 120, first)
    assert ours == rescanning(labels, centres, quality, 120 + len(first), first)
    assert (centres @ centres.T >= 0.9).sum() > 60, "some labels are near each other"


def test_mig_takes_missing_scores_as_the_mean_and_rows_without_a_label_last():
    labels = [(0,), (0,), (0,), (), (0,)]
    centres = np.eye(2, dtype=np.float32)
    scores = np.array([0.2, np.nan, 0.9, 1.0, -4.0])
    assert order_of(information(labels, centres, scores), 5, 5) in (
        [2, 0, 1, 3, 4],
        [2, 1, 0, 3, 4],
    )


def authors_filter(vectors, scores, threshold, size):
    """The choice of the filter of hkust-nlp/deita with its default batch of one row, in float32.

    The row of the highest score is taken unseen. Each next one is compared with all taken ones, and
    is left out where one cosine is above the threshold; one at the threshold is taken.
    """
    by_score = np.argsort(-scores, kind="stable")
    limit, taken = np.float32(threshold), [int(by_score[0])]
    for row in by_score[1:].tolist():
        if len(taken) >= size:
            break
        if not (vectors[taken] @ vectors[row] > limit).any():
            taken.append(row)
    return taken[:size]


@pytest.mark.parametrize("most", [0.9, 0.3])
def test_the_distinct_choice_is_the_list_of_the_authors_filter(most, monkeypatch):
    vectors, scores = unit_vectors(700, 5, 3), np.random.default_rng(6).random(700)
    theirs = authors_filter(vectors, scores, most, 200)
    assert order_of(distinct(vectors, scores, most), 700, 200) == theirs
    assert most == 0.9 or len(theirs) < 200, "at 0.3 no other row is distinct"
    monkeypatch.setattr("curation.choosing.distances.BLOCK", 7)
    assert order_of(distinct(vectors, scores, most), 700, 200) == theirs


@pytest.mark.parametrize("block", [1, 256])
def test_a_row_at_the_threshold_is_distinct_as_the_authors_filter_has_it(block, monkeypatch):
    monkeypatch.setattr("curation.choosing.distances.BLOCK", block)
    most = np.float32(0.9)
    above = np.nextafter(most, np.float32(1))
    vectors = np.array([[1, 0, 0], [most, 0.4358899, 0], [above, 0, 0.4358898]], np.float32)
    scores = np.array([3.0, 2.0, 1.0])
    assert authors_filter(vectors, scores, 0.9, 3) == [0, 1]
    assert order_of(distinct(vectors, scores, 0.9), 3, 3) == [0, 1]


def farthest_first(vectors, count):
    """Gonzalez' definition with every distance anew."""
    chosen = [int((vectors @ vectors.mean(axis=0)).argmax())]
    while len(chosen) < count:
        near = (vectors @ vectors[chosen].T).max(axis=1)
        near[chosen] = np.inf
        chosen.append(int(near.argmin()))
    return chosen


@pytest.mark.parametrize("block, window", [(256, 2_048), (16, 2_048), (16, 30), (256, 5)])
def test_k_center_takes_the_farthest_row_again_and_again(block, window, monkeypatch):
    monkeypatch.setattr("curation.choosing.distances.BLOCK", block)
    monkeypatch.setattr("curation.choosing.preference.WINDOW", window)
    vectors = unit_vectors(400, 8, 6)
    assert order_of(k_center(vectors), 400, 150) == farthest_first(vectors, 150)
    assert list(spread_out(vectors, 9)) == farthest_first(vectors, 9)


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 11), st.integers(1, 4), st.integers(0, 10_000))
def test_k_center_is_at_most_twice_as_far_as_the_best_choice(rows, budget, seed):
    vectors, budget = unit_vectors(rows, seed, 3).astype(float), min(budget, rows)

    def radius(chosen) -> float:
        apart = np.linalg.norm(vectors[:, None] - vectors[list(chosen)][None], axis=2)
        return float(apart.min(axis=1).max())

    best = min(radius(c) for c in combinations(range(rows), budget))
    assert radius(order_of(k_center(vectors.astype(np.float32)), rows, budget)) <= 2 * best + 1e-5


def test_k_center_takes_rows_without_a_vector_last():
    vectors = unit_vectors(12, 3)
    vectors[[0, 5]] = 0
    assert set(order_of(k_center(vectors), 12, 12)[-2:]) == {0, 5}


def round_robin(vectors, targets, budget):
    """The definition: for each target row in turn the nearest unused row."""
    used, chosen = np.zeros(len(vectors), dtype=bool), []
    for number in range(budget):
        target = targets[number % len(targets)]
        row = target[number // len(targets) % len(target)]
        similar = np.where(used, -np.inf, vectors @ row)
        chosen.append(int(similar.argmax()))
        used[chosen[-1]] = True
    return chosen


def test_like_targets_is_the_round_robin_of_the_nearest_unused_row():
    vectors = unit_vectors(500, 9)
    targets = [unit_vectors(7, 1), unit_vectors(90, 2), unit_vectors(1, 3)]
    method = in_turns(vectors, targets)
    assert order_of(method, 500, 300) == round_robin(vectors, targets, 300)
    assert sorted(order_of(method, 500, 500)) == list(range(500))


def test_equal_rows_are_taken_in_their_order_whatever_the_turn():
    near, far = np.eye(3, dtype=np.float32)[:2]
    # More equal rows than the nearest that are sorted at first; the farther ones stand before them.
    vectors = np.concatenate([[far] * 3, [near] * 100, [far] * 3]).astype(np.float32)
    expected = [*range(3, 103), 0, 1, 2, 103, 104, 105]
    assert order_of(in_turns(vectors, [near[None]]), 106, 106) == expected
    mixed = np.tile(np.stack([near, far]), (80, 1))
    target = np.array([[0.8, 0.6, 0]], dtype=np.float32)
    assert order_of(in_turns(mixed, [target]), 160, 160) == [*range(0, 160, 2), *range(1, 160, 2)]


def test_groups_share_what_is_spent_and_not_the_number_of_rows():
    numbers = np.repeat([0, 1], [6, 60])
    costs = np.repeat([10.0, 1.0], [6, 60])
    groups = Groups.of(numbers, 0.0, costs)
    taken = order_of(in_shares(groups, in_order(np.arange(66))), 66, 33)
    spent = np.bincount(numbers[taken], costs[taken])
    assert spent.tolist() == [30, 30]


def test_the_least_of_a_group_comes_first_and_no_row_more():
    numbers = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    full, none = np.array([4, 4]), np.array([1.0, 1.0])
    groups = Groups(numbers, none, full, np.array([0, 2]), np.ones(8))
    assert order_of(within_limits(groups, in_order(np.arange(8))), 8, 4) == [4, 5, 0, 1]
    pinned = order_of(within_limits(groups, in_order(np.arange(8))), 8, 3, first=[7])
    assert pinned == [4, 0, 1], "a row of a person counts for the least"


def test_a_refused_row_is_passed_over_and_costs_no_turn():
    vectors, target = np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)[:2]
    target = target + 0.1 * np.array([[0, 0, 2, 1], [0, 0, 1, 2]], dtype=np.float32)
    assert order_of(in_turns(vectors, [target]), 4, 4, refused={0}) == [2, 1, 3]
    quality = np.array([0.9, 0.8, 0.7, 0.6])
    labels, centres = [(0,), (0,), (1,), (1,)], np.eye(2, dtype=np.float32)
    assert order_of(information(labels, centres, quality), 4, 3, refused={0}) == [1, 2, 3]
    assert 0 not in order_of(facility_location(of_vectors(vectors)), 4, 4, refused={0})
    assert order_of(distinct(vectors, quality, 0.5), 4, 4, refused={1}) == [0, 2, 3]
    assert 3 not in order_of(k_center(vectors), 4, 4, refused={3})


@pytest.mark.parametrize("flat", [1_024, 6])
def test_clusters_hold_what_lies_together(flat, monkeypatch):
    monkeypatch.setattr("curation.choosing.clusters.FLAT", flat)
    base = unit_vectors(5, 2, 16)
    vectors = base[np.arange(200) % 5] + 0.02 * unit_vectors(200, 3, 16)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    centres, numbers = k_means(vectors, 20, 0)
    assert len(centres) == len(np.unique(numbers)) and 15 <= len(centres) <= 22
    assert (vectors @ centres.T)[np.arange(200), numbers].min() > 0.9, "each is near its own centre"
    groups = {(number, i % 5) for i, number in enumerate(numbers.tolist())}
    assert len(groups) == len(centres), "no cluster holds rows of two bases"
    assert len(k_means(vectors[:3], 20, 0)[0]) == 3
    assert len(k_means(np.repeat(vectors[:1], 30, axis=0), 20, 0)[0]) <= 20, "equal rows"


def test_the_nearest_chosen_row_is_that_of_all_and_in_cells_nearly_so(monkeypatch):
    draw = np.random.default_rng(7)
    vectors = unit_vectors(60, 1, 16)[draw.integers(0, 60, 4_000)] + 0.2 * unit_vectors(
        4_000, 2, 16
    )
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    chosen, rest = np.split(draw.permutation(4_000), [900])
    cosines = vectors[rest] @ vectors[chosen].T
    nearest, cosine = nearest_chosen(vectors, rest, chosen)
    assert (nearest == cosines.argmax(axis=1)).all()
    assert cosine == pytest.approx(cosines.max(axis=1), abs=1e-6)
    monkeypatch.setattr("curation.choosing.covering.EXACT", 0)
    nearest, near = nearest_chosen(vectors, rest, chosen)
    assert near == pytest.approx(cosines[np.arange(3_100), nearest], abs=1e-6)
    assert (near >= cosine - 1e-6).mean() > 0.95
    assert len(nearest_chosen(vectors, rest[:0], chosen)[0]) == 0


GROUPS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=6)
"""Groups as the greater and the lesser of two numbers: their rows, and those that are pinned."""


def awards(weights, sizes, budget, pinned):
    """The group of each place of a budget, in the order of award."""
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.cumsum([0, *sizes[:-1]])
    first = [s + i for s, count in zip(starts, pinned, strict=True) for i in range(count)]
    limits = np.zeros(len(sizes), dtype=int)
    groups = Groups(numbers, np.array(weights), np.array(sizes), limits, np.ones(len(numbers)))
    method = in_shares(groups, in_order(np.arange(len(numbers))))
    return numbers[order_of(method, len(numbers), budget - len(first), first)].tolist()


@settings(deadline=None)
@given(GROUPS, st.integers(0, 80), st.sampled_from([0, 0.5, 1]))
def test_places_fill_the_budget_and_stay_within_each_group(groups, budget, power):
    sizes, pinned = [max(pair) for pair in groups], [min(pair) for pair in groups]
    awarded = awards([size**power for size in sizes], sizes, budget, pinned)
    counts = np.bincount(awarded, minlength=len(sizes)) + pinned
    assert counts.sum() == max(sum(pinned), min(budget, sum(sizes)))
    assert all(counts <= sizes)
    more = awards([size**power for size in sizes], sizes, budget + 1, pinned)
    assert more[: len(awarded)] == awarded


@settings(deadline=None)
@given(GROUPS, st.integers(0, 80))
def test_even_places_differ_by_one_at_most_where_there_is_room(groups, budget):
    sizes, pinned = [max(pair) for pair in groups], [min(pair) for pair in groups]
    counts = np.bincount(awards([1.0] * len(sizes), sizes, budget, pinned), minlength=len(sizes))
    totals = counts + pinned
    open_ = [t for t, size in zip(totals, sizes, strict=True) if t < size]
    served = [t for t, count in zip(totals, counts, strict=True) if count]
    assert not open_ or not served or max(served) - min(open_) <= 1


def test_places_by_hand():
    assert np.bincount(awards([1, 1, 1], [2, 50, 50], 22, [0, 0, 0])).tolist() == [2, 10, 10]
    assert np.bincount(awards([10, 5, 1], [100, 25, 1], 16, [0, 0, 0])).tolist() == [10, 5, 1]
    assert np.bincount(awards([100, 25, 1], [100, 25, 1], 50, [0, 0, 0])).tolist() == [40, 10]

"""Pairs of near vectors among very many rows: a search that may miss some, and says how many."""

from __future__ import annotations

import sys
import tracemalloc
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.alike import near_cells
from curation.alike.likeness import Sample
from curation.alike.near_cells import NearCells
from curation.alike.near_vectors import all_near_pairs
from curation.alike.pairs import Pairs, gathered, joined
from curation.dataset import silent
from curation.embedding import nearest
from curation.export.card import _splits
from curation.export.leaks import _nearest_in_cells, leaks
from curation.export.sentences import ratio_sentence
from curation.operations.split import _notes
from curation.operations.split import split as split_step
from curation.registry import operation
from curation.vectors import Vectors
from tests.conftest import make_dataset


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def scattered(rows, width, seed, near=0.25):
    """Points around a few others, so that many pairs have a cosine of about 0.95."""
    draw = np.random.default_rng(seed)
    centres = unit(draw.normal(size=(max(2, rows // 12), width)))
    own = centres[draw.integers(0, len(centres), rows)]
    return unit(own + near * unit(draw.normal(size=(rows, width))))


def ends(parts):
    pairs = joined(parts)
    listed = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert len(listed) <= 1.01 * len(set(listed)) + 1, "seldom one twice"
    return set(listed)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 90),
    threshold=st.sampled_from([0.5, 0.8, 0.95, 1.0]),
    leading=st.sampled_from([1, 3, 8]),
    many=st.sampled_from([0, 100]),
    cell=st.sampled_from([1, 5, 40]),
    seed=st.integers(0, 99),
)
def test_a_reach_to_half_of_the_farthest_pair_finds_every_pair(
    rows, threshold, leading, many, cell, seed
):
    draw = np.random.default_rng(seed)
    vectors = scattered(rows, 12, seed, 0.4)
    vectors[draw.integers(0, rows)] = vectors[0]
    vectors[draw.integers(0, rows)] = np.nan
    looked, apart = draw.random(rows) < 0.5, draw.integers(0, 2, rows)
    sizes = {"LEADING": leading, "FINE": leading + 2, "CELL": cell, "MANY": many, "ACROSS": 13}
    with patch.multiple(near_cells, REACHES=(1.0,), SLAB=7, AT_ONCE=11, SAMPLE_BLOCK=3, **sizes):
        cells = NearCells(Vectors.of(vectors), threshold)
        every = ends(cells.pairs())
        some = ends(cells.pairs(looked, lambda i, j: apart[i] != apart[j]))
    cosines = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    upper = np.triu(np.ones_like(cosines, dtype=bool), 1)
    sure, allowed = (
        set(zip(*map(np.ndarray.tolist, np.nonzero(upper & (cosines >= least))), strict=True))
        for least in (threshold, threshold - 2e-5)
    )
    assert sure <= every <= allowed
    assert some == {(i, j) for i, j in every if (looked[i] or looked[j]) and apart[i] != apart[j]}
    assert cells.sample.met == cells.sample.pairs and cells.sample.rows > 0 or not sure


def test_the_share_that_is_said_is_the_share_that_is_found(monkeypatch):
    vectors = scattered(1_500, 96, 1)
    truth = ends(all_near_pairs(vectors, 0.95))
    monkeypatch.setattr(near_cells, "CELL", 30)
    monkeypatch.setattr(near_cells, "SAMPLE_PAIRS", 10**9)  # every row is one of the sample
    monkeypatch.setattr(near_cells, "RECALL", 0.0)
    shares = []
    for reach in (0.0, 0.1, 0.3, 0.6):
        monkeypatch.setattr(near_cells, "REACHES", (reach, 1.0))
        cells = NearCells(Vectors.of(vectors), 0.95)
        pairs = ends(cells.pairs())
        assert pairs <= truth
        assert cells.sample == Sample(1_500, 2 * len(truth), 2 * len(pairs)), "each from both ends"
        shares.append(len(pairs) / len(truth))
    assert shares == sorted(shares) and shares[0] < 0.9 and shares[-1] > 0.99


def test_where_a_short_reach_misses_pairs_it_grows_until_enough_are_found(monkeypatch):
    vectors = Vectors.of(scattered(1_500, 96, 1))
    monkeypatch.setattr(near_cells, "CELL", 30)
    truth = ends(all_near_pairs(vectors[:], 0.95))
    for reaches, recall, enough in (
        ((0.0, 0.05, 0.6, 1.0), 0.999, 0.998),
        ((0.0, 0.05, 1.0), 0.999, 1.0),
    ):
        monkeypatch.setattr(near_cells, "REACHES", reaches)
        monkeypatch.setattr(near_cells, "RECALL", recall)
        cells = NearCells(vectors, 0.95)
        assert cells.sample.met >= recall * cells.sample.pairs > 0
        assert len(ends(cells.pairs())) >= enough * len(truth)


def test_no_order_of_the_rows_and_no_row_without_a_vector_changes_the_pairs():
    vectors = scattered(900, 70, 4)
    order = np.random.default_rng(0).permutation(900)
    with patch.multiple(near_cells, CELL=20, REACHES=(0.1, 0.1), RECALL=0.0):
        pairs = ends(NearCells(Vectors.of(vectors), 0.95).pairs())
        moved = Vectors.of(np.vstack([vectors[order], np.full((3, 70), np.nan, np.float32)]))
        again = ends(NearCells(moved, 0.95).pairs())
    assert {tuple(sorted((order[i], order[j]))) for i, j in again} == pairs
    assert pairs < ends(all_near_pairs(vectors, 0.95)), "some are missed by so short a reach"


def test_a_half_as_precise_table_has_the_pairs_of_its_vectors():
    half = scattered(600, 70, 2).astype(np.float16)
    places = np.arange(600, dtype=np.int32)
    places[300:320], places[400] = 7, -1
    vectors = Vectors(half, places)
    with patch.object(near_cells, "CELL", 20):
        assert ends(NearCells(vectors, 0.95).pairs()) == ends(all_near_pairs(vectors[:], 0.95))


def examples(count):
    draw = np.random.default_rng(8)
    letters = draw.choice(list("abcdefghijklmnopqrstuvwxyz"), size=(count, 20))
    names = ["".join(name) for name in letters]
    return make_dataset([(f"Why {name}?", f"{name} is so.") for name in names]).rows


@pytest.fixture
def many(monkeypatch):
    """So few rows that the search in cells is used."""

    def limit(rows):
        for module in (split_step.__module__, leaks.__module__):
            monkeypatch.setattr(sys.modules[module], "MANY_ROWS", rows)
        monkeypatch.setattr(sys.modules[split_step.__module__], "FEW_PAIRS", 0)

    monkeypatch.setattr(near_cells, "CELL", 20)
    return limit


def test_a_split_and_a_leak_check_by_the_search_are_those_of_all_pairs(many):
    rows, vectors = examples(800), scattered(800, 96, 5)
    results = {}
    for name, limit in (("all", 10_000), ("search", 500)):
        many(limit)
        answer = split_step(rows, vectors, lambda k: nearest(vectors, k), validation=0.1, test=0.1)
        notes = _notes(operation("split").check({}), rows, answer)
        assert any("99" in note or "100 %" in note for note in notes) == (name == "search"), notes
        chance = np.random.default_rng(1).choice(["train", "test", "validation"], 800)
        by_chance = leaks(rows.assign(split=chance), vectors)
        results[name] = answer, by_chance, leaks(rows.assign(split=answer["split"]), vectors)
    (one, leaky, safe), (other, sought, quiet) = results["all"], results["search"]
    assert one.equals(other) and one["split_group"].notna().sum() > 400
    sample = sought.pop("sample")
    assert sought.pop("search") and "search" not in leaky
    assert sample["rows"] > 0 and sample["met"] >= 0.999 * sample["pairs"] > 0
    assert leaky.pop("text") == sought.pop("text").replace(", its search missed one", "")
    assert leaky == sought and leaky["above_threshold"] > 50
    assert quiet["leak_safe"] and safe["leak_safe"] and "sample" not in safe
    assert safe["nearest"] == quiet["nearest"] and 0.9 < safe["nearest"]["similarity"] < 0.95


def test_the_share_is_beside_the_verdict(many):
    many(100)
    rows, vectors = examples(300), scattered(300, 96, 6)
    names = np.where(np.arange(300) < 250, "train", "test")
    report = leaks(rows.assign(split=names), vectors)
    sentence = report["search"]
    assert "were sought by a search that compares not all" in sentence
    assert f"of the {report['sample']['pairs']:,} near pairs" in sentence
    assert ratio_sentence(report).startswith(sentence)
    shown = " ".join(
        block.text
        for block in _splits({"leaks": {**report, "leak_safe": True}, "splits": {"train": 300}})
    )
    assert shown.startswith("Leak-safe") and sentence in shown
    apart = leaks(rows.assign(split=names), unit(np.random.default_rng(0).normal(size=(300, 96))))
    assert apart["nearest"] is None and apart["leak_safe"]
    assert "none of 300 sampled rows has a near pair" in apart["search"]
    assert Sample(9, 30_000, 29_999).words.startswith("99.99 % of"), "never rounded up"


def test_small_blocks_become_large_ones_in_their_order() -> None:
    parts = [
        Pairs(np.arange(n), np.arange(n) + 1, np.full(n, float(n))) for n in (0, 2, 3, 1, 9, 0, 4)
    ]
    whole, larger = joined(parts), list(gathered(parts, 5))
    assert [len(block.first) for block in larger] == [5, 10, 4]
    assert all(map(np.array_equal, joined(larger), whole))
    assert [len(block.first) for block in gathered([], 5)] == [0]


def test_prompts_that_differ_in_numbers_alone_are_no_leak_by_the_search_either(many):
    many(10)
    prompts = [
        f"What is the sum of the first {n} whole numbers, counted from one on?" for n in "abc"
    ]
    prompts += [prompts[0].replace(" a ", f" {n} ") for n in range(40, 60)]
    rows = make_dataset([(p, f"It is {n}.") for n, p in enumerate(prompts)]).rows.iloc[3:]
    vectors = np.ones((20, 1), dtype=np.float32)
    report = leaks(rows.assign(split=["train", "test"] * 10), vectors)
    assert report["sample"]["pairs"] > 0 and report["nearest"] is None
    assert report["kinds"] == {} and report["leak_safe"]


def test_of_rows_that_are_all_near_blocks_of_pairs_are_held_and_the_nearest(monkeypatch):
    rows = 2_000
    near = 1 + 0.01 * np.random.default_rng(7).normal(size=(rows, 16))
    vectors, codes = Vectors.of(unit(near)), np.arange(rows) % 2
    few = dict.fromkeys(("SAMPLE_LEAST", "SAMPLE_PAIRS", "SAMPLE_BLOCK"), 9)
    for name, value in {**few, "CELL": rows, "ACROSS": 64, "AT_ONCE": 5_000}.items():
        monkeypatch.setattr(near_cells, name, value)
    everybody = np.arange(rows)
    blocks = NearCells(vectors, 0.95)._close(everybody, everybody, 0.95)
    sizes = [len(i) for i, _ in blocks]
    assert max(sizes) <= 64**2 and sum(sizes) == rows**2

    def pairs_and_peak(most):
        monkeypatch.setattr(sys.modules[leaks.__module__], "HELD", most)
        tracemalloc.start()
        try:
            args = codes, codes == 1, vectors, 0.95, lambda i, _: np.zeros(len(i), bool), silent
            return _nearest_in_cells(*args)[0], tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    (some, least), (every, peak) = pairs_and_peak(20_000), pairs_and_peak(10**9)
    assert len(some.first) == rows / 2 and all(map(np.array_equal, some, every))
    assert least < peak / 5

"""The benchmark of lift: what is planted, what its tables say, and that it goes on where it ended."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import _lift_table as tables
from benchmarks import _planting as planting
from benchmarks import lift
from curation import Recipe
from curation.training.intervals import Interval, paired

WORDS = ["bread", "planet", "river", "engine"]


def corpus(rows: int = 100) -> planting.Texts:
    """Four classes of short texts that differ."""
    texts = [f"A {word} is number {i} of its kind." for word in WORDS for i in range(rows)]
    return planting.Texts(texts, np.repeat(WORDS, rows))


def test_a_third_of_each_class_is_taken_out_and_never_changes():
    test, rest = planting.parted(corpus(90), 1 / 3, 0)
    assert np.unique(test.labels, return_counts=True)[1].tolist() == [30] * 4
    assert not set(test.texts) & set(rest.texts) and len(rest.texts) == 240
    assert planting.parted(corpus(90), 1 / 3, 0)[0].texts == test.texts
    assert planting.parted(corpus(90), 1 / 3, 1)[0].texts != test.texts


def test_classes_get_a_tail_and_chance_says_which():
    sizes = [np.unique(planting.with_tail(corpus(), s).labels, return_counts=True) for s in (0, 1)]
    for _, counts in sizes:
        assert sorted(counts) == [10, 22, 46, 100]
    assert sizes[0][1].tolist() != sizes[1][1].tolist()


def test_faults_are_planted_in_their_shares_and_written_down():
    clean = corpus()
    pool = planting.planted(clean, 3)
    right = dict(zip(clean.texts, clean.labels, strict=True))
    assert (len(pool.texts), pool.copied.sum()) == (460, 60)
    assert (pool.flipped.sum(), pool.garbled.sum()) == (92, 23)
    assert len(set(np.concatenate([pool.labels[pool.copied & ~pool.flipped]]))) <= 3
    for i, text in enumerate(pool.texts):
        origin = text if text in right else f"{text}."
        if pool.garbled[i]:
            assert text not in right
        elif origin in right:
            assert (pool.labels[i] != right[origin]) == pool.flipped[i]
        assert text in right or pool.garbled[i] or pool.copied[i]
    changed = [text not in right for text in pool.texts] & pool.copied & ~pool.garbled
    assert 25 <= changed.sum() <= 30  # half of the copies, but for those that are garbled
    assert planting.planted(clean, 3).texts == pool.texts
    assert planting.planted(clean, 4).texts != pool.texts


def cell(arm, seed, predicted, budget=4, pool="planted", **faults):
    """A score as the benchmark writes it."""
    counts = {"rows": budget or 9, "flipped": 0, "copied": 0, "garbled": 0, **faults}
    about = {"pool": pool, "arm": arm, "budget": budget, "seed": seed}
    return {**about, "plain": predicted, **counts}


LABELS = np.array(list("aabb"))
FLIPPED = 11 / 15
"""Macro-F1 of "0010" against "0011": 4 / 5 for the first class, 2 / 3 for the second."""

CELLS = [
    cell("random", 0, "0110"),
    cell("random", 1, "0010"),
    cell("good", 0, "0011"),
    cell("good", 1, "0011", rows=2),
    cell("half", 0, "0010"),
    cell("half", 1, "0011"),
    cell("everything", 0, "0011", 0, rows=10, flipped=4, copied=2, garbled=1),
    cell("everything", 1, "0011", 0, rows=10, flipped=4, copied=2, garbled=1),
    cell("filter → everything", 0, "0011", 0, rows=5, flipped=1, copied=1, garbled=1),
    cell("filter → everything", 1, "0011", 0, rows=5, flipped=1, copied=1, garbled=1),
    cell(tables.CEILING, 0, "0011"),
    cell(tables.CEILING, 1, "0011"),
    cell("random", 0, "0011", pool="even"),
    cell("random", 1, "0011", pool="even"),
    cell("good", 0, "0011", pool="even"),
    cell("good", 1, "0010", pool="even"),
    cell("filter → random", 0, "0110", pool="permuted"),
    cell("filter → random", 1, "0010", pool="permuted"),
]


@pytest.fixture
def scores() -> tables.Scores:
    """Scores of a few cells by hand: four test rows, two seeds."""
    return tables.Scores(CELLS, LABELS, "plain")


def test_an_arm_is_compared_with_random_over_paired_seeds(scores):
    assert scores.mean("planted", "random", 4) == pytest.approx((0.5 + FLIPPED) / 2)
    interval = scores.lift("planted", "half", 4)
    assert interval.mean == pytest.approx((FLIPPED - 0.5 + 1 - FLIPPED) / 2)
    assert interval.n == 2 and interval.low < interval.mean < interval.high
    # What the choice of the four test rows adds is in it: seeds alone give a narrower one.
    seeds = paired([FLIPPED - 0.5, 1 - FLIPPED])
    assert (interval.df > seeds.df) and interval != seeds
    assert scores.lift("planted", "absent", 4) is None


def test_the_table_has_every_arm_and_says_where_rows_were_too_few(scores):
    lines = tables.lifts(scores, ["random", "good", "everything", "absent"]).splitlines()
    assert lines[2] == "| random: macro-F1 | 0.617 |"
    assert lines[3] == "| random | +.000 ± .000 |"
    assert lines[4].startswith("| good | +.383 ± ") and lines[4].endswith("(3 rows) |")
    assert "(10 rows)" in lines[5] and lines[6] == "| absent | – |"


def test_differences_are_bold_where_holm_leaves_them_below_five_in_a_hundred():
    interval = Interval(0.1234, 0.1, 0.1468, 10, 9.0, 0.001)
    assert tables.shown(interval, 0.01) == "**+.123 ± .023**"
    assert tables.shown(interval, 0.06) == "+.123 ± .023"
    assert tables.shown(interval._replace(mean=-0.1, low=-0.2, high=0.0)) == "-.100 ± .100"
    assert tables.shown(interval._replace(n=1, high=np.nan)) == "+.123 (one seed)"


def test_the_more_arms_a_table_has_the_less_is_bold(scores, monkeypatch):
    interval = Interval(0.1234, 0.1, 0.1468, 10, 9.0, 0.03)
    monkeypatch.setattr(scores, "lift", lambda *place: interval)
    assert tables.lifts(scores, ["good"]).count("**") == 2
    assert tables.lifts(scores, ["good", "half"]).count("**") == 0


def test_the_gap_to_the_ceiling_is_that_between_random_and_clean_rows(scores):
    assert tables.gaps(scores, ["half"]).splitlines()[-1] == "| half | 65% |"
    assert tables.gaps(scores, ["random"]).splitlines()[-1] == "| random | 0% |"


def test_a_filter_is_judged_by_the_faults_and_the_right_rows_that_it_takes(scores):
    line = tables.filtered(CELLS).splitlines()[-1]
    assert line == "| filter → everything | 5 | 75% | 50% | 0% | 33% |"


def test_controls_name_what_they_are_compared_with(scores):
    lines = tables.controls(scores, ["random", "good"], ["filter → random"]).splitlines()[2:]
    assert lines[0].startswith("| clean and even: good | -.133 ± ")
    assert lines[1:] == ["| permuted: filter → random, less random | +.000 ± .000 |"]


def test_every_arm_is_a_recipe_of_the_product():
    for name, arm in lift.ARMS.items():
        steps = [*arm.before, *([arm.select(10, 0)] if arm.select else [])]
        Recipe(tuple(steps)).check()
        assert (arm.select is None) == name.endswith("everything")
    assert {*lift.CONTROLS, *lift.FULL, *lift.PERMUTED} <= lift.ARMS.keys()


def by_words(texts) -> np.ndarray:
    """Vectors of unit length: which of the words a text holds, and a little of its length."""
    rows = [[float(word in text) for word in WORDS] + [0.01 * len(text)] for text in texts]
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_benchmark_that_was_ended_goes_on(tmp_path, monkeypatch):
    test, rest = planting.parted(corpus(30), 1 / 3, 0)
    pool = planting.planted(rest, 0)

    def cells():
        bench = lift.Bench("small", test, rest, by_words, tmp_path, "words")
        replay, about = bench.replay(pool, "planted"), {"seed": 0, "pool": "planted"}
        arms = {name: lift.ARMS[name] for name in ("random", "everything")}
        return [
            cell
            for name, arm in arms.items()
            for cell in bench.cells(replay, pool, arm, {**about, "arm": name}, (10, 1_000))
        ]

    before = cells()
    # More than there is takes everything; the last arm has one score for all budgets.
    assert [c["rows"] for c in before] == [10, 92, 92]
    assert before[1]["weighted"] == before[2]["weighted"]
    assert before[2]["flipped"] == pool.flipped.sum()
    scores = tables.Scores(before, test.labels, "plain")
    assert scores.mean("planted", "random", 1_000) == 1.0
    whole = (tmp_path / "cells.jsonl").read_text("utf-8")
    (tmp_path / "cells.jsonl").write_text(whole[:-9], "utf-8")
    assert cells() == before
    assert (tmp_path / "cells.jsonl").read_text("utf-8") == whole
    monkeypatch.setattr(lift, "trained", None)
    assert cells() == before


def test_rows_of_the_test_set_in_the_pool_are_caught(tmp_path):
    test, rest = planting.parted(corpus(160), 1 / 3, 0)
    bench = lift.Bench("small", test, rest, by_words, tmp_path, "words")
    pool = planting.faultless(planting.some(rest, range(20)))
    assert bench.leak(bench.replay(pool, "clean")) == {"before": 0, "after": lift.HIDDEN}

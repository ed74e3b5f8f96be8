"""A choice beside chance: measures, bands and verdicts; what it starves; its shares and reasons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from curation.dataset import Dataset
from curation.looking import chance, measures
from curation.looking.chance import beside_chance, sizes_up_to
from curation.looking.choice import Choice, both, groups, shares, starved, values_by
from curation.looking.quotas import parameters_of, with_column, with_least
from curation.recipe import Recipe, Step
from curation.registry import operation
from curation.report import StepReport
from curation.shapes import shapes
from tests.conftest import make_dataset


def unit_vectors(rows: int, seed: int, width: int = 8) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def pool(rows: int = 200, **columns) -> Dataset:
    """Examples around twelve centres of very different sizes, each a topic."""
    texts = [(f"question number {i}", f"answer {i} of {i % 7} words") for i in range(rows)]
    frame = make_dataset(texts).rows
    group = np.arange(rows) ** 2 % 12
    topics = pd.Series([f"topic {g}" for g in group], index=frame.index, dtype="str")
    vectors = unit_vectors(12, 9)[group] + 0.1 * unit_vectors(rows, 2)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Dataset(frame.assign(topic=topics, **columns), vectors)


def chosen_by(dataset: Dataset, order, **params) -> Choice:
    """The choice of positions, the first chosen first."""
    ids = dataset.rows.index
    delta = pd.DataFrame({"keep": False, "reason": "no", "rank": np.nan}, index=ids)
    for rank, i in enumerate(order, 1):
        delta.loc[ids[i]] = [True, f"place {rank}", rank]
    report = StepReport("pick", "pick", "Pick", "select", params, "f1", delta)
    choice = Choice.of(dataset.replace(steps=(report,)))
    assert choice is not None
    return choice


def test_coverage_of_a_hand_made_case():
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    curve = measures.coverage_curve(vectors, vectors[[0, 2]], [1, 2])
    assert curve["facility_location"] == pytest.approx([0.5, 0.75])
    assert curve["radius"] == pytest.approx([1.0, 1.0])
    assert curve["within_reach"] == pytest.approx([0.5, 0.75])


def test_the_coverage_curve_is_the_coverage_of_every_prefix(monkeypatch):
    vectors, chosen = unit_vectors(50, 1), unit_vectors(23, 2)
    monkeypatch.setattr(measures, "BLOCK", 7)
    curve = measures.coverage_curve(vectors, chosen, [3, 23])
    for column, size in enumerate((3, 23)):
        near = (vectors @ chosen[:size].T).max(axis=1)
        assert curve["facility_location"][column] == pytest.approx(np.maximum(near, 0).mean())
        assert curve["radius"][column] == pytest.approx(1 - near.min())
        assert curve["within_reach"][column] == pytest.approx((near >= 0.7).mean())


def test_novelsum_equals_its_definition():
    vectors = unit_vectors(60, 3)
    chosen, total = vectors[:20], 0.0
    for i in range(20):
        squared = np.sort(((vectors - vectors[i]) ** 2).sum(axis=1))[1:11]
        distances = np.sort(1 - chosen @ chosen[i])
        weights = 1 / np.arange(1, 21)
        total += squared.mean() ** -0.5 * np.average(distances, weights=weights)
    density = measures.densities(chosen, vectors)
    assert measures.novelsum(chosen, density, np.arange(20)) == pytest.approx(total / 20, abs=1e-5)


def test_novelsum_of_copies_is_low_and_finite():
    vectors = np.repeat(unit_vectors(4, 1), 20, axis=0)
    every = np.arange(40)
    copies = measures.novelsum(vectors[:40], measures.densities(vectors[:40], vectors), every)
    spread = unit_vectors(40, 5)
    other = measures.novelsum(spread, measures.densities(vectors[:40], vectors), every)
    assert 0 <= copies < other < np.inf


def test_the_vendi_score_equals_its_definition_by_the_kernel_of_all_pairs():
    vectors = unit_vectors(50, 4).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(vectors @ vectors.T / 50)
    values = values[values > 1e-12]
    assert measures.vendi(vectors) == pytest.approx(np.exp(-(values * np.log(values)).sum()), 1e-6)
    assert measures.vendi(np.eye(5)) == pytest.approx(5), "five that have nothing in common"


def test_entropy_is_in_bits_and_distinct_pairs_are_a_share():
    assert measures.entropy_bits(["a", "b", "c", "d"]) == pytest.approx(2)
    assert measures.entropy_bits(["a", "a"]) == 0 and measures.entropy_bits([]) == 0
    assert measures.distinct_pairs(["one two three", "one two"]) == pytest.approx(2 / 3)
    assert measures.distinct_pairs(["one", ""]) == 0
    assert measures.distinct_pairs(["一二三"]) == 1, "a character of Chinese is a word"


def test_the_knee_is_where_a_curve_bends():
    sizes = list(range(1, 101))
    bent = np.minimum(np.arange(1, 101) / 20, 1.0)
    assert measures.knee(sizes, bent) == 20
    assert measures.knee(sizes, np.arange(100.0)) is None, "a straight line does not bend"
    assert measures.knee([5], np.array([0.3])) is None


def test_a_choice_that_covers_beats_chance_and_one_corner_loses():
    dataset = pool()
    group = dataset.rows["topic"].to_numpy()
    firsts = [int(np.flatnonzero(group == name)[0]) for name in np.unique(group)]
    good = beside_chance(dataset, chosen_by(dataset, firsts))
    verdicts = dict(zip(good.table["measure"], good.table["verdict"], strict=True))
    assert verdicts[chance.NAMES["facility_location"]].startswith("better than random")
    assert good.counts("random")[0] >= 1
    corner = list(np.flatnonzero(group == group[0])[:12])
    bad = beside_chance(dataset, chosen_by(dataset, corner))
    verdicts = dict(zip(bad.table["measure"], bad.table["verdict"], strict=True))
    for name in ("facility_location", "novelsum", "vendi", "topic_entropy"):
        assert verdicts[chance.NAMES[name]] == "worse than random and balanced", name
    assert bad.counts("random")[1] >= 4 and bad.counts("balanced")[1] >= 4


@pytest.mark.parametrize(
    "directions, order, verdict, counts",
    [
        ([0] * 197 + [1, 2, 3], [0, 197, 198, 199], "better than random and balanced", (1, 0)),
        ([0, 1] * 100, range(0, 40, 2), "worse than random and balanced", (0, 1)),
    ],
)
def test_of_the_farthest_row_less_is_better_in_every_part_of_the_table(
    directions, order, verdict, counts
):
    vectors = np.eye(4, dtype=np.float32)[directions]
    dataset = Dataset(pool().rows.drop(columns="topic"), vectors)
    beside = beside_chance(dataset, chosen_by(dataset, order))
    radius = beside.table[beside.table["measure"] == chance.NAMES["radius"]]
    assert radius["verdict"].tolist() == [verdict]
    only = replace(beside, table=radius)
    assert only.counts("random") == only.counts("balanced") == counts


@pytest.mark.parametrize(
    "value, sign, verdict",
    [
        (5.0, 1, "within chance"),
        (9.0, 1, "better than random and balanced"),
        (9.0, -1, "worse than random and balanced"),
        (1.0, 1, "worse than random and balanced"),
        (7.5, 1, "better than random"),
        (3.5, 1, "worse than balanced"),
        (3.5, -1, "better than balanced"),
    ],
)
def test_a_verdict_is_beyond_all_ten_of_a_band(value, sign, verdict):
    limits = {"random_low": 3, "random_high": 7, "balanced_low": 4, "balanced_high": 8}
    assert chance._verdict({"chosen": value, **limits}, sign) == verdict
    apart = {"random_low": 1, "random_high": 2, "balanced_low": 4, "balanced_high": 8}
    assert chance._verdict({"chosen": 3.0, **apart}, 1) == "better than random, worse than balanced"


def test_the_bands_are_the_random_operations_of_the_same_budget(monkeypatch):
    dataset = pool(60)
    calls = []
    real = chance.operation

    def spy(name):
        run = real(name).run
        return type(
            "Spy",
            (),
            {"run": staticmethod(lambda rows, **p: calls.append((name, p)) or run(rows, **p))},
        )

    monkeypatch.setattr(chance, "operation", spy)
    table = beside_chance(dataset, chosen_by(dataset, range(9))).table
    assert {name for name, _ in calls} == {"select_random", "select_balanced"}
    assert {params["budget"] for _, params in calls} == {9}
    assert len({params["seed"] for _, params in calls}) == chance.DRAWS
    assert (table["random_low"] <= table["random_high"]).all()


def test_curves_end_at_the_whole_choice_and_rise_with_it():
    dataset = pool()
    beside = beside_chance(dataset, chosen_by(dataset, range(40)))
    assert set(beside.curves["measure"]) == {chance.NAMES[name] for name in chance.CURVES}
    coverage = beside.curves[beside.curves["measure"] == chance.NAMES["facility_location"]]
    assert list(coverage["size"]) == sizes_up_to(40) and coverage["size"].iloc[-1] == 40
    assert coverage["chosen"].is_monotonic_increasing
    last = beside.table.set_index("measure").loc[chance.NAMES["facility_location"]]
    assert coverage["chosen"].iloc[-1] == last["chosen"]
    assert beside.knee is None or beside.knee in sizes_up_to(40)
    size, value = coverage["size"].iloc[1], coverage["chosen"].iloc[1]
    bent = replace(beside, knee=int(size))
    assert bent.share_at_knee == pytest.approx(value / coverage["chosen"].iloc[-1])


def test_rows_without_a_vector_and_single_rows_are_no_fault():
    dataset = pool(30)
    vectors = dataset.vectors[:]
    vectors[[0, 5]] = np.nan
    dataset = dataset.replace(vectors=vectors)
    beside = beside_chance(dataset, chosen_by(dataset, [0, 1, 5, 7]))
    assert np.isfinite(beside.table["chosen"]).all()
    one = pool(1)
    assert (beside_chance(one, chosen_by(one, [0])).table["verdict"] == "within chance").all()


def test_coverage_of_a_reference_set_is_one_more_measure():
    dataset = pool(40)
    theirs = {"Sums": dataset.vectors[:10]}
    table = beside_chance(dataset, chosen_by(dataset, range(10)), theirs).table
    assert table.set_index("measure").loc["Sums", "chosen"] == 1.0


def starving(taken: int, size: int = 40) -> tuple[Dataset, Choice]:
    """200 rows, 50 of them in Chinese, of which `taken` are among `size` chosen."""
    languages = ["zh"] * 50 + ["en"] * 150
    dataset = pool(200, language=languages)
    order = [*range(taken), *range(50, 50 + size - taken)]
    return dataset, chosen_by(dataset, order)


@pytest.mark.parametrize("taken, named", [(0, True), (4, True), (5, False), (10, False)])
def test_less_than_half_of_a_fair_share_is_starved(taken, named):
    dataset, choice = starving(taken)
    table = starved(dataset, choice).groups
    line = table[(table["column"] == "language") & (table["value"] == "zh")]
    assert len(line) == named
    if named:
        assert line.iloc[0]["fair"] == 10 and line.iloc[0]["chosen"] == taken
        ids = line.iloc[0]["examples"]
        assert len(ids) == 3 and not set(ids) & set(choice.chosen)
        assert (dataset.rows.loc[ids, "language"] == "zh").all()


def test_a_group_of_which_few_are_expected_is_never_starved():
    dataset, choice = starving(0, size=16)
    assert "zh" not in set(starved(dataset, choice).groups["value"]), "4 would be fair"


def test_a_random_choice_starves_no_more_than_it_says():
    dataset, _ = starving(0)
    counts, promised = [], 0.0
    for seed in range(20):
        drawn = operation("select_random").run(dataset.rows, budget=60, seed=seed)
        choice = chosen_by(dataset, np.flatnonzero(drawn["keep"]))
        result = starved(dataset, choice)
        counts.append(len(result.groups))
        promised = result.by_chance
    assert np.mean(counts) == pytest.approx(promised, abs=0.5)


def test_each_kind_of_conversation_is_told_apart():
    ask, reply = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
    rows = make_dataset([("q", "a")] * 5).rows
    import orjson

    turns = [
        [ask, reply],
        [ask, reply, ask, reply],
        [{"role": "system", "content": "be brief"}, ask, reply],
        [ask, {**reply, "tool_calls": [{"function": {"name": "f"}}]}],
        [{"role": "user", "content": 'say "role":"tool" and "role":"user"'}, reply],
    ]
    rows["messages"] = [orjson.dumps(t).decode() for t in turns]
    rows["system"] = ["", "", "be brief", "", ""]
    kinds = ["one question", "several turns", "system prompt", "tools", "one question"]
    assert list(shapes(rows)) == kinds


def test_tools_and_system_prompts_are_starved_each_by_itself():
    dataset = pool(200)
    systems = pd.Series(["be brief"] * 60 + [""] * 140, index=dataset.rows.index, dtype="str")
    tools = pd.Series(["[]"] * 60 + [""] * 140, index=dataset.rows.index, dtype="str")
    dataset = dataset.replace(rows=dataset.rows.assign(system=systems, tools=tools))
    table = starved(dataset, chosen_by(dataset, range(60, 100))).groups
    assert {"tools", "system prompt"} <= set(table["value"])


def test_shares_before_and_after_are_of_pool_and_choice():
    dataset, choice = starving(10, size=20)
    table = shares(dataset, choice, "language")
    assert table.loc["zh"].to_dict() == {"pool": 0.25, "chosen": 0.5}
    assert list(table.index) == ["en", "zh"], "the pool's largest first"
    assert "language" in groups(dataset) and "conversation" not in groups(dataset)
    assert set(values_by(dataset, "conversation", choice.pool)) == {"one question"}


def test_the_choice_of_a_dataset_has_order_reasons_and_medians():
    dataset = pool(8, quality=[1.0, 2, 3, 4, 5, 6, 7, 8])
    assert Choice.of(dataset) is None
    ids = dataset.rows.index
    for order in ([1, 2, 0], [2, 1, 0], [0, 2, 1]):
        assert list(chosen_by(dataset, order).chosen) == list(ids[order]), "by rank, not by id"
    choice = chosen_by(dataset, [2, 0])
    assert list(choice.chosen) == [ids[2], ids[0]] and list(choice.pool) == list(ids)
    table = choice.reasons(dataset.rows)
    assert list(table["reason"]) == ["place 1", "place 2"]
    assert choice.medians(dataset.rows) == {"Median quality": (2.0, 4.5)}
    assert len(choice.rejected(dataset.rows)) == 6


def test_a_reason_counts_what_a_row_stands_for_and_a_rejected_row_names_who_covers_it():
    dataset = pool(6)
    choice, ids = chosen_by(dataset, [0, 1]), dataset.rows.index
    covered = pd.Series([None, None, ids[0], ids[0], ids[1], None], index=ids, dtype="str")
    stands_for = [2.0, 1.0, *[np.nan] * 4]
    delta = choice.report.delta.assign(covered_by=covered, stands_for=stands_for)
    choice = Choice(choice.chosen, choice.pool, replace(choice.report, delta=delta))
    assert list(choice.reasons(dataset.rows)["stands_for"]) == [2, 1]
    rejected = choice.rejected(dataset.rows)
    assert rejected.index[0] == ids[5] and rejected["covered_by"].iloc[0] == ""
    assert rejected.loc[ids[3], "covered_by"] == ids[0]


def test_two_choices_part_a_pool_in_four():
    dataset = pool(6)
    parts = both(chosen_by(dataset, [0, 1, 2]), chosen_by(dataset, [2, 3]))
    ids = dataset.rows.index
    assert [list(part) for part in parts] == [[*ids[4:]], [ids[2]], [*ids[:2]], [ids[3]]]


@pytest.mark.parametrize("use", ["select_balanced", "select_highest", "select_random"])
def test_a_quota_of_a_starved_group_gives_it_its_share(use):
    dataset, choice = starving(0)
    line = starved(dataset, choice).groups.set_index("value").loc["zh"]
    params = with_least({"budget": 40}, "language", "zh", round(line["fair"]))
    if use == "select_balanced":
        params["by"] = params.pop("balance")
    elif use == "select_highest":
        tokens = np.where(dataset.rows["language"] == "zh", 1, 9)
        dataset = dataset.replace(rows=dataset.rows.assign(response_tokens=tokens))
    params = operation(use).check(params)
    answer = operation(use).run(dataset.rows, **params)
    kept = dataset.rows.loc[answer["keep"], "language"]
    assert (kept == "zh").sum() >= 10 and len(kept) == 40


def test_a_quota_joins_those_of_its_column_and_replaces_those_of_another():
    first = with_least({}, "topic", "stars", 4)
    assert first == {"balance": "topic", "shares": "free", "quotas": ["stars >= 4"]}
    second = with_least(with_least(first, "topic", "eggs", 3), "topic", "stars", 6)
    assert second["quotas"] == ["eggs >= 3", "stars >= 6"]
    other = with_least({**second, "shares": "root"}, "language", "zh", 2)
    assert (other["balance"], other["shares"], other["quotas"]) == ("language", "free", ["zh >= 2"])
    balanced = parameters_of(Step("select_balanced", by="topic", quotas=["stars = 9"]))
    assert with_least(balanced, "topic", "eggs", 3)["quotas"] == ["stars = 9", "eggs >= 3"]
    assert parameters_of(None) == {}


def test_kinds_of_conversation_are_measured_where_a_selection_shares_by_them():
    step = Step("select_random", balance="conversation", shares="free")
    names = [s.use for s in with_column(Recipe((Step("lengths"), step, Step("split"))))]
    assert names == ["lengths", "conversation", "select_random", "split"]
    plain = Recipe((Step("select_random"),))
    assert with_column(plain) == plain
    assert with_column(with_column(Recipe((step,)))) == with_column(Recipe((step,)))

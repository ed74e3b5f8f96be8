"""Operations that choose: budgets, pinned rows, shares, quotas and reasons, for every one registered."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from curation.choosing.budget import COVERS
from curation.dataset import Dataset
from curation.engine.supply import Supply
from curation.errors import CurationError
from curation.operations import select_chance
from curation.operations.select_chance import select_random
from curation.recipe import Recipe, Step
from curation.registry import operation, operations
from tests.conftest import make_dataset
from tests.test_choosing import facility_value, graph_of, unit_vectors

SELECTORS = [o.name for o in operations().values() if o.kind == "select"]


def pool(
    rows: int = 40, pinned: tuple[int, ...] = (), width: int = 4
) -> tuple[pd.DataFrame, np.ndarray]:
    dataset = make_dataset([(f"Question {i}?", "word " * (i % 9 + 1)) for i in range(rows)])
    frame = dataset.rows.sort_index()
    frame["quality"] = np.random.default_rng(1).random(rows)
    frame["response_tokens"] = frame["response"].str.len()
    frame["topic"] = pd.Series(["a", "b", "b", "b"] * (rows // 4), index=frame.index, dtype="str")
    if pinned:
        frame["pinned"] = pd.Series(np.isin(np.arange(rows), pinned), index=frame.index)
    frame["prompt_tokens"] = 3
    return frame, unit_vectors(rows, 3, width)


class Offers(Supply):
    """The engine's inputs, with a reference set of five unit vectors and no encoder."""

    @property
    def embedder(self):
        return lambda rows, of="": unit_vectors(len(rows), 11, self.vectors.shape[1])

    @property
    def targets(self):
        return lambda names: [SimpleNamespace(name="aims", examples=pd.DataFrame(index=range(5)))]


def choose(name: str, frame: pd.DataFrame, vectors: np.ndarray | None = None, **params):
    """The answer of `select_NAME`, or of an operation, for sorted rows and their vectors."""
    of = operation(name if name in SELECTORS else f"select_{name}")
    supply = Offers(frame, dataset=Dataset(frame, vectors))
    return of.run(*(getattr(supply, i) for i in of.inputs), **of.check(params))


every_selector = pytest.mark.parametrize("name", SELECTORS)


@every_selector
def test_rows_kept_by_a_person_come_first_and_count(name):
    frame, vectors = pool(pinned=(5, 17))
    chosen = choose(name, frame, vectors, budget=10)
    assert chosen["keep"].sum() == 10
    assert chosen["rank"].iloc[[5, 17]].tolist() == [1, 2]
    assert chosen["reason"].iloc[5].startswith("kept by a person")
    assert sorted(chosen["rank"].dropna()) == list(range(1, 11))
    more = choose(name, frame, vectors, budget=1)
    assert more["keep"].tolist() == frame["pinned"].tolist(), "a person overrules the budget"


@every_selector
def test_a_budget_above_what_is_kept_is_one_sentence(name):
    frame, vectors = pool()
    with pytest.raises(
        CurationError, match=r"^The budget is 41 .* only 40 are kept; lower [^.]*\.$"
    ):
        choose(name, frame, vectors, budget=41)
    assert choose(name, frame, vectors, budget=40)["keep"].all() or name == "select_distinct"


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
    assert max(np.flatnonzero(astronomy), key=lambda j: facility_value(graph, [j])) == 6
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
        answer = choose("balanced", rows, budget=10)
        (note,) = select_chance._notes({"by": None, "unit": "examples", "budget": 10}, rows, answer)
        assert note.startswith(f"The choice is balanced by {column}: ")
        by_name = choose("balanced", rows, None, budget=10, by=column)
        pd.testing.assert_frame_equal(choose("balanced", rows, None, budget=10), by_name)
    named = {"by": "topic", "unit": "examples", "budget": 10}
    assert select_chance._notes(named, frame, choose("balanced", frame, budget=10)) == []


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


@every_selector
def test_a_row_not_chosen_names_the_nearest_chosen_row_only_above_a_similarity(name):
    frame, vectors = pool(width=2)
    chosen = choose(name, frame, vectors, budget=6)
    if "covered_by" not in chosen:
        assert set(chosen.loc[~chosen["keep"], "reason"]) == {"not within the budget"}
        return
    taken = np.flatnonzero(chosen["keep"])
    similar = vectors @ vectors[taken].T
    for i in np.flatnonzero(~chosen["keep"]):
        row = chosen.iloc[i]
        if similar[i].max() >= COVERS:
            assert row["covered_by"] == frame.index[taken[similar[i].argmax()]]
            assert (
                row["reason"]
                == f"covered by {row['covered_by']} (similarity {similar[i].max():.2f})"
            )
        else:
            assert pd.isna(row["covered_by"]) and "nothing chosen is near it (0.70" in row["reason"]
    counts = chosen["covered_by"].value_counts().reindex(frame.index[taken]).fillna(0)
    assert chosen.loc[chosen["keep"], "stands_for"].tolist() == counts.tolist()
    assert chosen["covered_by"].notna().any()
    assert "gain" not in chosen or chosen["gain"].notna().sum() in (5, 6)


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


@every_selector
def test_a_budget_in_tokens_is_never_exceeded_and_misses_less_than_an_example(name):
    frame, vectors = pool()
    cost = frame["prompt_tokens"] + frame["response_tokens"]
    for budget in (60, 200, 777):
        chosen = choose(name, frame, vectors, budget=budget, unit="tokens")
        assert budget - cost.max() < cost[chosen["keep"]].sum() <= budget
    few, many = (choose(name, frame, vectors, budget=b, unit="tokens") for b in (200, 300))
    assert few["rank"].dropna().equals(many["rank"][few["keep"]])
    whole = int(cost.sum())
    if name != "select_distinct":
        assert choose(name, frame, vectors, budget=whole, unit="tokens")["keep"].all()
    with pytest.raises(
        CurationError, match=rf"is {whole + 1:,} tokens but the 40 kept .* have {whole:,};"
    ):
        choose(name, frame, vectors, budget=whole + 1, unit="tokens")
    with pytest.raises(
        CurationError, match=r"^The first example .* has \d+ tokens and the budget is 1;"
    ):
        choose(name, frame, vectors, budget=1, unit="tokens")
    with pytest.raises(CurationError, match="needs the columns .*: add lengths before it"):
        choose(name, frame.drop(columns="prompt_tokens"), vectors, budget=60, unit="tokens")


@every_selector
def test_a_row_without_a_token_count_is_passed_over_and_counted(name):
    frame, vectors = pool(pinned=(5,))
    frame["prompt_tokens"] = frame["prompt_tokens"].astype("Float64")
    frame.iloc[[5, 8, 9, 10, 30], frame.columns.get_loc("prompt_tokens")] = pd.NA
    cost = frame["prompt_tokens"] + frame["response_tokens"]
    of = operation(name)
    params = of.check({"budget": 500, "unit": "tokens"})
    chosen = choose(name, frame, vectors, budget=500, unit="tokens")
    assert chosen["keep"].iloc[[5, 8, 9, 10, 30]].tolist() == [True, *[False] * 4]
    spent = int(cost[chosen["keep"]].sum())
    assert 500 - cost.max() < spent <= 500, "such a row does not end the choice"
    assert chosen["reason"].iloc[8] == "it has no token count"
    notes = of.notes(params, frame, chosen)
    assert any(note.startswith(f"The choice has {spent} tokens in") for note in notes), notes
    assert "4 examples have no token count and could not be chosen." in notes
    column = {column_of(name): "topic", "shares": "equal"}
    fair = choose(name, frame, vectors, budget=400, unit="tokens", **column)
    by_topic = cost[fair["keep"]].groupby(frame["topic"]).sum()
    assert abs(by_topic["a"] - by_topic["b"]) <= cost.max(), "nor does it spend its group's share"


def test_a_row_is_covered_at_the_stated_similarity_and_not_below():
    frame, _ = pool()
    least = np.float32(COVERS)
    below = np.nextafter(least, np.float32(0))
    vectors = np.zeros((40, 3), dtype=np.float32)
    vectors[0] = [1, 0, 0]
    vectors[1:20] = [least, np.sqrt(1 - least**2), 0]
    vectors[20:] = [below, 0, np.sqrt(1 - below**2)]
    frame["quality"] = [1.0] + [0.0] * 39
    chosen = choose("by_cluster", frame, vectors, budget=1, clusters=1)
    names = chosen["covered_by"].fillna("").tolist()
    assert names == ["", *[frame.index[0]] * 19, *[""] * 20]
    assert chosen["stands_for"].iloc[0] == 19


@every_selector
def test_a_larger_budget_only_adds_to_the_choice_of_a_smaller_one(name):
    frame, vectors = pool(pinned=(5, 17))
    whole = choose(name, frame, vectors, budget=40)["rank"]
    for budget in (3, 11, 30):
        part = choose(name, frame, vectors, budget=budget)["rank"]
        assert part.dropna().equals(whole[whole <= budget])


def column_of(name: str) -> str:
    """The parameter that names the column which shares the budget."""
    return "by" if name == "select_balanced" else "balance"


@every_selector
@pytest.mark.parametrize("shares", ["equal", "root", "proportional", "free"])
def test_quotas_bound_every_value_from_below_and_above(name, shares):
    frame, vectors = pool()
    frame["rating"] = [1, 2, 2, 2, 2, 2, 2, 2] * 5
    params = {column_of(name): "rating", "shares": shares, "quotas": ["1 >= 4", "2 = 9"]}
    chosen = choose(name, frame, vectors, budget=13, **params)
    counts = frame["rating"][chosen["keep"]].value_counts().to_dict()
    assert counts[1] >= 4 and counts[2] <= 9 and sum(counts.values()) == 13 - max(0, 4 - counts[1])
    small = choose(name, frame, vectors, budget=5, **params)
    assert frame["rating"][small["keep"]].tolist().count(1) >= 4, "the least comes first"


@every_selector
def test_equal_shares_are_even_by_any_column(name):
    frame, vectors = pool()
    frame["flag"] = [True, False, False, False] * 10
    params = {column_of(name): "flag", "shares": "equal"}
    chosen = choose(name, frame, vectors, budget=16, **params)
    assert frame["flag"][chosen["keep"]].sum() == 8


@pytest.mark.parametrize(
    "quotas, message",
    [
        (["a"], "quota 'a' is not a value"),
        (["a = many"], "quota 'a = many' is not a value"),
        (["a = 3", "a = 4"], "two quotas for 'a'"),
        (["c >= 3"], "names 'c', which no kept example has as its topic"),
        (["a >= 9", "b >= 9"], "ask for 18 examples at least and the budget is 12"),
    ],
)
def test_quotas_that_cannot_be_kept_are_refused_with_a_sentence(quotas, message):
    frame, _ = pool()
    with pytest.raises(CurationError, match=message):
        choose("balanced", frame, budget=12, by="topic", quotas=quotas)
    with pytest.raises(CurationError, match="Quotas need a column to balance by"):
        choose("random", frame, budget=12, quotas=quotas)


@every_selector
def test_awkward_rows_are_chosen_to_the_number(name):
    frame, vectors = pool(pinned=(2,))
    vectors[10:20] = vectors[10]  # duplicates
    vectors[[0, 7]] = np.nan  # rows that were not embedded
    frame["quality"] = 1.0
    frame.iloc[3, frame.columns.get_loc("quality")] = np.nan
    for budget in (1, 13, 40):
        chosen = choose(name, frame, vectors, budget=budget)
        copies = chosen["keep"].iloc[10:20].sum() if name == "select_distinct" else 1
        assert chosen["keep"].sum() == budget or (budget == 40 and copies == 1)
        assert chosen["keep"].iloc[2] and chosen["rank"].iloc[2] == 1
    pd.testing.assert_frame_equal(chosen, choose(name, frame, vectors, budget=budget))
    one = choose(name, frame.iloc[:1], vectors[:1], budget=1)
    assert one["keep"].all() and one["rank"].tolist() == [1]


def test_a_choice_that_is_short_says_so_and_one_in_tokens_says_how_many():
    frame, vectors = pool()
    vectors[10:20] = vectors[10]
    of = operation("select_distinct")
    params = of.check({"budget": 40})
    (note,) = of.notes(params, frame, choose("distinct", frame, vectors, budget=40))
    assert note.startswith("24 examples were chosen of a budget of 40:")
    params = of.check({"budget": 100, "unit": "tokens"})
    answer = choose("distinct", frame, vectors, budget=100, unit="tokens")
    spent = (frame["prompt_tokens"] + frame["response_tokens"])[answer["keep"]].sum()
    (note,) = of.notes(params, frame, answer)
    assert note.startswith(f"The choice has {spent} tokens in {answer['keep'].sum()} examples;")


def test_without_quality_the_column_is_not_read():
    of = operation("select_diverse")
    assert (
        of.columns_read(of.check({"quality": 0})) == () == of.numbers_read(of.check({"quality": 0}))
    )
    assert of.columns_read(of.check({})) == ("quality",)
    frame, vectors = pool()
    plain = choose("diverse", frame.drop(columns="quality"), vectors, budget=8, quality=0.0)
    assert plain["reason"][plain["keep"]].str.match(r"rank \d, stands for \d+ others?$").all()


@pytest.mark.parametrize("unit, budget", [("examples", 38), ("tokens", 400)])
def test_a_quota_that_the_choice_does_not_meet_is_named(unit, budget):
    frame, vectors = pool(pinned=tuple(range(1, 40, 4)))
    for name in ("diverse", "balanced"):
        of = operation(f"select_{name}")
        column = {column_of(of.name): "topic"}
        params = {"budget": budget, "unit": unit, "shares": "free", "quotas": ["a >= 12"], **column}
        chosen = choose(name, frame, vectors, **params)
        count = int((frame["topic"] == "a")[chosen["keep"]].sum())
        notes = of.notes(of.check(params), frame, chosen)
        text = f"{count} examples of 'a' were chosen, fewer than the 12 that its quota asks for"
        assert any(note.startswith(text) for note in notes), notes
        met = {**params, "quotas": ["a >= 2"]}
        assert not [
            n
            for n in of.notes(of.check(met), frame, choose(name, frame, vectors, **met))
            if "quota" in n
        ]


@every_selector
def test_the_reason_of_a_row_without_a_score_says_so(name):
    frame, vectors = pool()
    frame[["quality", "response_tokens"]] = np.nan
    chosen = choose(name, frame, vectors, budget=7)
    assert not chosen["reason"].str.contains("nan").any()

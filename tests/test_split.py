"""Splits: shares over the whole, given ones kept, and what belongs together on one side."""

from __future__ import annotations

import json
import sys
from collections import Counter
from unittest.mock import patch

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import registry
from curation.alike import jaccard, near_vectors
from curation.alike.pairs import Index
from curation.embedding import nearest
from curation.errors import RecipeError
from curation.export.leaks import leaks
from curation.operations.split import conversations, given_splits, leak_groups
from curation.operations.split import split as split_step
from curation.project import Project
from curation.recipe import Recipe, Step
from curation.text.folding import folded
from tests.conftest import make_dataset


def split(rows, **params):
    """The split of each row, by words unless `copies` is given."""
    return np.array(split_step(rows, **params)["split"], dtype=object)


def rows_with(count, prompt="Question {}?", **columns):
    rows = make_dataset([(prompt.format(n), f"Answer {n}.") for n in range(count)]).rows
    texts = [
        orjson.dumps({name: make(n) for name, make in columns.items()}).decode()
        for n in range(count)
    ]
    return rows.assign(metadata=pd.Series(texts, index=rows.index, dtype="str"))


def labelled(*sizes):
    labels = [f"label{i}" for i, size in enumerate(sizes) for _ in range(size)]
    rows = rows_with(len(labels))
    return rows.assign(label=pd.Series(labels, index=rows.index, dtype="str"))


@pytest.mark.parametrize("seed", range(5))
def test_every_split_gets_its_share_of_the_whole_however_small_the_strata(seed):
    rows = labelled(*[5] * 12)
    placed = split(rows, validation=0.1, test=0.1, stratify="label", seed=seed)
    assert Counter(placed) == {"train": 48, "test": 6, "validation": 6}
    table = pd.crosstab(rows["label"], placed)
    assert table["test"].max() == table["validation"].max() == 1
    assert (table["train"] == 4).all(), "who was rounded up for one split waits for the other"


def test_large_strata_get_their_own_shares_and_small_ones_the_remainders():
    rows = labelled(200, 60, 25, 9, 4, 2)
    placed = split(rows, validation=0.1, test=0.2, stratify="label")
    table = pd.crosstab(rows["label"], placed)
    assert table["test"].sum() == 60 and table["validation"].sum() == 30
    exact = np.array([200, 60, 25, 9, 4, 2])
    assert (abs(table["test"].to_numpy() - 0.2 * exact) <= 1).all()
    assert (abs(table["validation"].to_numpy() - 0.1 * exact) <= 1).all()
    assert len({tuple(split(rows, stratify="label", seed=s)) for s in range(4)}) == 4


def test_a_column_of_many_numbers_is_cut_into_parts():
    rows = rows_with(400).assign(score=np.linspace(0, 1, 400))
    placed = split(rows, validation=0, test=0.1, stratify="score")
    deciles = np.floor(rows["score"].to_numpy()[placed == "test"] * 10).clip(0, 9)
    assert Counter(deciles) == dict.fromkeys(range(10), 4)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=60),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.1, 0.25]),
)
def test_groups_never_straddle_whatever_the_strata(sizes, kinds, share):
    talks = [talk for talk, size in enumerate(sizes) for _ in range(size)]
    rows = rows_with(len(talks), conversation_id=lambda n: talks[n])
    label = pd.Series([f"k{n % kinds}" for n in range(len(rows))], index=rows.index, dtype="str")
    placed = split(rows.assign(label=label), validation=share, test=share, stratify="label")
    sides = pd.DataFrame({"talk": talks, "split": placed}).groupby("talk")["split"].nunique()
    assert (sides == 1).all()
    counts, want = Counter(placed), round(share * len(rows))
    for name in ("validation", "test"):
        assert want - max(sizes) < counts.get(name, 0) <= want or want < max(sizes)


def test_shares_that_leave_nothing_to_train_on_are_refused():
    operation = registry.operation("split")
    for validation, test in ((0.6, 0.6), (0.5, 0.5), (0.9, 0.1)):
        with pytest.raises(RecipeError, match="leaves none to train on"):
            operation.check({"validation": validation, "test": test})
    with pytest.raises(RecipeError, match="line 2: split: validation and test take 120%"):
        Recipe.from_yaml("steps:\n  - split: {validation: 0.6, test: 0.6}\n")
    assert operation.check({"validation": 0.5, "test": 0.49})


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"validation": 0.95}, "validation must be between 0 and 0.9, not 0.95"),
        ({"test": -0.1}, "test must be between 0 and 0.9, not -0.1"),
        ({"seed": 2**31}, "seed must be between 0 and 2,147,483,647, not 2,147,483,648"),
        ({"seed": 2**70}, "seed must be between 0 and 2,147,483,647"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_the_bounds(params, sentence):
    with pytest.raises(RecipeError, match=sentence):
        registry.operation("split").check(params)


@pytest.mark.parametrize("operation", registry.operations().values(), ids=lambda o: o.name)
def test_every_bound_of_every_parameter_is_held_on_both_sides(operation):
    for name, parameter in operation.params.items():
        if parameter.type not in ("integer", "number"):
            continue
        bounds, step = (
            parameter.bounds or registry.Range(),
            1 if parameter.type == "integer" else 0.5,
        )
        for bound, beyond in ((bounds.low, -step), (bounds.high, step)):
            if bound is not None:
                assert parameter.check(bound) == bound
                with pytest.raises(RecipeError, match="must be"):
                    parameter.check(bound + beyond)
        with pytest.raises(RecipeError, match=name):
            parameter.check(2**70 if parameter.type == "integer" else 10**400)


def test_given_splits_are_read_by_their_usual_names():
    names = {
        "train": ["train", "Training", "train_sft", "TRAIN-2", "data/train-00000-of-00001.parquet"],
        "validation": [
            "val",
            "valid",
            "VALIDATION",
            "dev",
            "development",
            "x\\dev.jsonl",
            "validation_matched",
        ],
        "test": ["test", "eval", "Evaluation", "hub/test.jsonl", "holdout", "testing "],
        "": ["", "other", "pretrain", "train_test", "latest", "trainer"],
    }
    for split_name, texts in names.items():
        assert set(given_splits(pd.Series(texts, dtype="str"))) == {split_name}, texts


def test_given_splits_stay_and_only_the_rest_is_assigned(make_project):
    names = ["train", "TEST", "dev", None, "later"]
    records = [
        {"prompt": f"Where is {n}?", "response": "There.", "split": names[n % 5]}
        for n in range(100)
    ]
    records[3] |= {"prompt": "Where is 1?", "response": "Elsewhere."}  # follows a given test row
    project = make_project(records)
    step = Step("split", given="split", validation=0.2, test=0.2)
    result = project.replay(Recipe((step,)))
    rows = result.rows.sort_values("source_row")
    fixed = {"train": "train", "TEST": "test", "dev": "validation"}
    for record, placed in zip(records, rows["split"], strict=True):
        assert fixed.get(record["split"], placed) == placed
    assert rows["split"].iloc[3] == "test"
    free = [p for r, p in zip(records, rows["split"], strict=True) if r["split"] not in fixed]
    assert Counter(free) == {"train": 23, "test": 9, "validation": 8}
    notes = " ".join(result.steps[0].notes)
    assert "20 train, 20 validation, 20 test; 40 without a split were assigned" in notes
    assert "20 examples have a split that is no split's name ('later')" in notes
    assert "leak" not in notes


def test_a_leak_between_given_splits_is_said_and_left(make_project):
    records = [
        {"prompt": "Same?", "response": f"{n}", "split": "train" if n else "test"} for n in range(3)
    ]
    result = make_project(records).replay(Recipe((Step("split", given="split"),)))
    assert Counter(result.rows["split"]) == {"train": 2, "test": 1}
    assert any("1 prompts, conversations or groups" in note for note in result.steps[0].notes)


def test_splits_are_given_by_the_names_of_files_too(tmp_path):
    project = Project.create(tmp_path / "p")
    for name in ("train", "test"):
        file = tmp_path / f"{name}.jsonl"
        file.write_text(json.dumps({"prompt": f"Of {name}?", "response": "Yes."}) + "\n")
        project.add(file)
    rows = project.replay(Recipe((Step("split", given="source"),))).rows
    assert dict(zip(rows["source"], rows["split"], strict=True)) == {
        "train.jsonl": "train",
        "test.jsonl": "test",
    }


@pytest.mark.parametrize(
    "name",
    "conversation conv_id conversationId Dialog-ID chat session_id thread source_id docId "
    "parent_id question_id dialogue_hash original_conversation_id group".split(),
)
def test_rows_of_one_conversation_are_known_by_the_name_of_a_column(name):
    rows = rows_with(60, **{name: lambda n: f"c{n // 3}"})
    assert list(conversations(rows["metadata"])) == [name]
    placed = split(rows, validation=0.1, test=0.1)
    assert Counter(placed) == {"train": 48, "validation": 6, "test": 6}
    assert (pd.Series(placed).groupby(np.arange(60) // 3).nunique() == 1).all()


@pytest.mark.parametrize(
    "name", ["source", "category", "user", "is_conversation", "question_number", "groups"]
)
def test_other_columns_bind_nothing_together(name):
    assert not conversations(rows_with(60, **{name: lambda n: f"c{n // 3}"})["metadata"])


def test_a_conversation_column_that_tells_nothing_apart_binds_nothing():
    for make in (lambda n: 1, lambda n: n, lambda n: None):
        assert not conversations(rows_with(9, conversation_id=make)["metadata"])
    halves = rows_with(40, group=lambda n: "ab"[n % 2])
    assert not conversations(halves["metadata"]), "two halves of an experiment are no groups"


TOGETHER = Step("split", together="writer", validation=0.1, test=0.1)


def written_by(writers):
    return [
        {"prompt": f"Where is {n}?", "response": "There.", "writer": writer}
        for n, writer in enumerate(writers)
    ]


def test_a_column_can_be_named_that_keeps_rows_together(make_project):
    result = make_project(written_by(f"w{n // 5}" for n in range(60)), TOGETHER).replay()
    sides = result.rows["split"].groupby(result.column("writer")).nunique()
    assert (sides == 1).all()
    assert result.steps[0].notes == [
        "60 examples stay together with others, in 12 groups; the largest has 5."
    ]


def test_a_split_that_nothing_is_small_enough_for_stays_empty_and_says_so(make_project):
    result = make_project(written_by(["one"] * 60), TOGETHER).replay()
    assert set(result.rows["split"]) == {"train"}
    assert result.steps[0].notes[0].endswith("in 1 group; the largest has 60.")
    assert result.steps[0].notes[1].startswith("test got 0 of 6 examples: the groups that stay")


def test_chains_of_what_belongs_together_are_one_group():
    rows = rows_with(6, chat_id=lambda n: [1, 1, 2, 2, 3, None][n])
    rows["duplicate_group"] = pd.Series(
        [None, "g", "g", None, None, None], index=rows.index, dtype="str"
    )
    group, _ = leak_groups(rows)
    assert len(set(group[:4])) == 1 and len(set(group)) == 3


def pool(count: int = 400) -> pd.DataFrame:
    rows = make_dataset(
        [(f"Question {i // 2 if i < 60 else i}?", f"Answer {i}.") for i in range(count)]
    ).rows
    metadata = ["" if i % 4 or i < 100 else f'{{"thread_id": {i // 12}}}' for i in range(count)]
    rows["metadata"] = pd.Series(metadata, index=rows.index, dtype="str")
    group = [rows.index[300] if 300 <= i < 306 else None for i in range(count)]
    rows["duplicate_group"] = pd.Series(group, index=rows.index, dtype="str")
    return rows.sort_index()


def test_what_belongs_together_never_straddles_two_splits():
    rows = pool()
    placed = pd.Series(split(rows, validation=0.2, test=0.2), index=rows.index)
    for key in (
        rows["prompt"].map(folded),
        rows["duplicate_group"].dropna(),
        rows["metadata"][rows["metadata"] != ""],
    ):
        assert (placed[key.index].groupby(key).nunique() == 1).all()
    assert rows["duplicate_group"].notna().sum() == 6 and (rows["metadata"] != "").sum() > 50


@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.1), (0.05, 0.2), (0.0, 0.3), (0.0, 0.0)])
def test_shares_are_right_to_the_size_of_a_group(validation, test):
    rows = pool()
    counts = pd.Series(split(rows, validation=validation, test=test)).value_counts()
    assert abs(counts.get("validation", 0) - validation * len(rows)) <= 6
    assert abs(counts.get("test", 0) - test * len(rows)) <= 6


def test_strata_keep_their_shares():
    rows = pool()
    rows["label"] = pd.Series(
        ["rare" if i % 10 == 0 else "common" for i in range(len(rows))], index=rows.index
    )
    rows["duplicate_group"], rows["metadata"] = None, ""
    rows["prompt"] = [f"Question {i}?" for i in range(len(rows))]
    placed = pd.Series(split(rows, validation=0.1, test=0.1, stratify="label"), index=rows.index)
    table = pd.crosstab(rows["label"], placed)
    assert table.loc["rare"].to_dict() == {"test": 4, "train": 32, "validation": 4}


def test_another_seed_is_another_split_and_few_move_when_a_row_comes_or_goes():
    rows = pool()
    whole = pd.Series(split(rows), index=rows.index)
    assert (split(rows) == whole).all() and (split(rows, seed=1) != whole).any()
    fewer = rows.drop(rows.index[:4])
    again = pd.Series(split(fewer), index=fewer.index)
    assert (again != whole[fewer.index]).sum() <= 8, "only those at the edges of a share"


@pytest.mark.parametrize(
    ("seed", "test", "validation"),
    [(0, [2, 5, 9, 19], [0, 3, 7, 17]), (7, [10, 13, 14, 19], [4, 6, 8, 18])],
)
def test_a_seed_gives_the_same_split_in_every_version_of_this_program(seed, test, validation):
    placed = split(rows_with(20), validation=0.2, test=0.2, seed=seed)
    assert np.flatnonzero(placed == "test").tolist() == test
    assert np.flatnonzero(placed == "validation").tolist() == validation


WORDS = "apple boat cloud door engine field garden harbour island jacket kettle lamp meadow".split()


def texts_of(numbers):
    """Sentences of words, some of which differ in a word or a number only."""
    return [
        f"Tell me how the {WORDS[n % 13]} and the {WORDS[n // 13 % 13]} came to the old town by the "
        f"river when the {WORDS[n * 5 % 13]} was new" + f", in {n % 3} sentences" * (n % 2)
        for n in numbers
    ]


@settings(max_examples=25, deadline=None)
@given(
    numbers=st.lists(st.integers(0, 200), min_size=2, max_size=40),
    share=st.sampled_from([0.1, 0.2, 0.3]),
    seed=st.integers(0, 5),
    embedded=st.booleans(),
    bare=st.sampled_from([1, 2, 99]),
)
def test_a_default_split_passes_the_default_check_for_any_rows(
    numbers, share, seed, embedded, bare
):
    rng = np.random.default_rng(len(numbers) + seed)
    # Each so many-th is an answer without a prompt.
    rows = make_dataset(
        [
            (t, f"It did, {n}.") if n % bare else ("", t)
            for n, t in zip(numbers, texts_of(numbers), strict=True)
        ]
    ).rows
    vectors = rng.normal(size=(201, 4))[[n // 3 for n in numbers]].astype(np.float32)
    vectors += rng.normal(scale=0.05, size=vectors.shape)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    params = {"validation": share, "test": share, "seed": seed}
    if embedded:
        answer = split_step(rows, vectors, lambda k: nearest(vectors, k), **params)
    else:
        answer = split_step(rows, **params)
    placed = rows.assign(split=answer["split"])
    report = leaks(placed, vectors if embedded else None)
    if report["checked"]:
        assert report["kinds"] == {} and report["leak_safe"] == embedded, report["text"]
    largest = int(answer["split_group"].value_counts().max()) if answer["split_group"].any() else 1
    for name in ("validation", "test"):
        count, due = int((answer["split"] == name).sum()), round(share * len(rows))
        assert due - largest < count <= due or count == 0, "a share is met within the largest group"
    order = rng.permutation(len(rows))
    if embedded:
        moved = vectors[order]
        again = split_step(rows.iloc[order], moved, lambda k: nearest(moved, k), **params)
    else:
        again = split_step(rows.iloc[order], **params)
    assert (again["split"].reindex(rows.index) == answer["split"]).all(), "any order of rows"


@settings(max_examples=12, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=4, max_size=40),
    kinds=st.integers(1, 4),
    share=st.sampled_from([0.1, 0.2, 0.3]),
)
def test_strata_hold_over_rows_that_stay_together_too(sizes, kinds, share):
    talks = [n for n, size in enumerate(sizes) for _ in range(size)]
    rows = rows_with(len(talks), talk_id=lambda n: talks[n])
    label = pd.Series([f"k{talks[n] % kinds}" for n in range(len(rows))], rows.index, dtype="str")
    placed = split(
        rows.assign(label=label, talk=[f"t{n}" for n in talks]),
        test=share,
        validation=0,
        stratify="label",
        together="talk",
    )
    table = pd.crosstab(label, pd.Series(placed, rows.index)).reindex(columns=["train", "test"])
    off = table["test"].fillna(0) - share * label.value_counts()
    assert (abs(off) < max(sizes) + 1).all(), "within one group of its share"


@settings(max_examples=40, deadline=None)
@given(
    sets=st.lists(st.sets(st.integers(0, 25)), min_size=1, max_size=12),
    others=st.lists(st.sets(st.integers(0, 30)), min_size=1, max_size=12),
    threshold=st.sampled_from([0.5, 0.7, 0.8, 0.9, 1.0]),
)
def test_no_pair_of_sets_that_reaches_the_threshold_is_missed(sets, others, threshold):
    one, two = ([np.array(sorted(s), dtype=np.uint64) for s in part] for part in (others, sets))
    near = {
        (i, j)
        for i, a in enumerate(one)
        for j, b in enumerate(two)
        if len(a) and len(b) and jaccard(a, b) >= threshold - 1e-9
    }
    pairs = [
        pair for p in Index(two, threshold).pairs_with(one) for pair in zip(*p[:2], strict=True)
    ]
    assert sorted(pairs) == sorted(near)


def test_texts_of_one_template_that_differ_in_a_number_need_not_stay_together():
    rows = rows_with(40, "What is the square root of the number {} in decimal notation?")
    assert split_step(rows)["split_group"].isna().all()
    words = rows_with(2, "What is the square root of the number nine in decimal notation, n{}?")
    words["prompt"] = [
        "How tall is the old tower in the middle of the town?",
        "How tall is the old tower in the middle of the towns?",
    ]
    assert split_step(words)["split_group"].nunique() == 1
    assert split_step(words, copies=False)["split_group"].isna().all()


def test_the_margin_below_the_threshold_is_of_a_rounding_and_no_more():
    rows = make_dataset([(f"Why {word}?", f"{word} is so.") for word in WORDS]).rows
    vectors = np.eye(13, 26, dtype=np.float32)
    for one, other, cosine in ((0, 1, 0.95), (2, 3, 0.94995), (4, 5, 0.9495)):
        vectors[other, [one, other]] = cosine, np.sqrt(1 - cosine**2)
    groups = split_step(rows, vectors, lambda k: nearest(vectors, k))["split_group"]
    assert groups.notna().tolist() == [*[True] * 4, *[False] * 9]


@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(2, 90),
    threshold=st.sampled_from([0.5, 0.8, 0.95, 1.0]),
    leading=st.sampled_from([1, 3, 8]),
    many=st.sampled_from([0, 100]),
    cell=st.sampled_from([1, 5, 40]),
    seed=st.integers(0, 99),
)
def test_no_near_pair_of_vectors_is_missed_by_a_look_at_a_few_directions(
    rows, threshold, leading, many, cell, seed
):
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(5, 12))
    vectors = centres[draw.integers(0, 5, rows)] + 0.3 * draw.normal(size=(rows, 12))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    vectors[draw.integers(0, rows)] = vectors[0]
    vectors[draw.integers(0, rows)] = np.nan
    with patch.multiple(near_vectors, LEADING=leading, BLOCK=17, ACROSS=13, MANY=many, CELL=cell):
        pairs = {
            (int(i), int(j))
            for part in near_vectors.all_near_pairs(vectors, threshold)
            for i, j in zip(part.first, part.second, strict=True)
        }
    cosines = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    upper = np.triu(np.ones_like(cosines, dtype=bool), 1)
    sure, allowed = (
        set(zip(*map(np.ndarray.tolist, np.nonzero(upper & (cosines >= least))), strict=True))
        for least in (threshold, threshold - 2e-5)
    )
    assert sure <= pairs <= allowed


def test_a_split_of_more_rows_than_have_exact_neighbours_passes_the_check(monkeypatch):
    monkeypatch.setattr(sys.modules[split_step.__module__], "EXACT_ROWS", 100)
    draw = np.random.default_rng(3)
    vectors = draw.normal(size=(400, 96)).astype(np.float32)
    vectors[200:] = vectors[:200] + 0.02 * draw.normal(size=(200, 96))  # a paraphrase of each
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = ["".join(WORDS[int(digit)] for digit in f"{n:03}") for n in range(400)]
    rows = make_dataset([(f"Why {name}?", f"{name} is so.") for name in names]).rows

    def blind(k):
        """Neighbours that miss every paraphrase."""
        return np.zeros((400, k), np.int32), np.zeros((400, k), np.float32)

    placed = split_step(rows, vectors, blind, validation=0.1, test=0.1)
    groups = placed["split_group"].to_numpy()
    assert (groups[:200] == groups[200:]).all() and placed["split_group"].notna().all()
    report = leaks(rows.assign(split=placed["split"]), vectors)
    assert report["above_threshold"] == 0 and "meaning" not in report["kinds"]


def test_a_group_has_the_name_of_its_least_id():
    rows = rows_with(12, chat_id=lambda n: n % 3)
    for order in (rows.index, rows.index[::-1]):
        groups = split_step(rows.loc[order])["split_group"]
        members = groups.groupby(groups).apply(lambda part: min(part.index))
        assert len(members) == 3 and (members.index == members).all()


def test_equal_answers_without_a_prompt_stay_together():
    story = "The keeper of the old harbour wrote down every boat that came in before the storm."
    pairs = [("", story), ("  ", story.upper()), *((f"Why {word}?", "So.") for word in WORDS)]
    for copies in (True, False):
        answer = split_step(make_dataset(pairs).rows, copies=copies)
        assert answer["split_group"].notna().tolist() == [True, True, *[False] * 13]


def test_no_rows_are_no_split():
    assert len(split(rows_with(3).iloc[:0], given="source", stratify="label")) == 0


def test_what_kept_rows_together_is_said():
    rows = rows_with(30, chat_id=lambda n: n // 3)
    operation = registry.operation("split")
    params = operation.check({"validation": 0.1, "test": 0.1})
    answer = split_step(rows, **params)
    assert operation.notes(params, rows, answer) == [
        "30 examples stay together with others, in 10 groups; the largest has 3.",
        "Rows of one chat_id stay on one side.",
    ]

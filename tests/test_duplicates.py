"""Duplicates: what is the same, what is nearly the same, and what only looks so."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from curation import Step, heirs, overlay
from curation.alike import (
    Nearby,
    Sides,
    by_clusters,
    by_nearest,
    by_neighbours,
    compared,
    cut,
    cutting,
    jaccard,
    near_duplicates,
    near_vectors,
    shingle_sets,
    shingles,
)
from curation.alike import pairs as pairs_module
from curation.alike.beginnings import beginnings
from curation.alike.cutting import classes_of
from curation.alike.pairs import Pairs
from curation.cache import Cache, Memory
from curation.dataset import silent, with_derived
from curation.decisions import Decision, read_decisions
from curation.embedding import nearest
from curation.engine.supply import Supply
from curation.errors import CurationError
from curation.operations.duplicates import (
    drop_exact_duplicates,
    drop_near_duplicates,
    drop_similar,
)
from curation.registry import operation
from curation.report import StepReport, twins
from curation.text.folding import folded
from tests.conftest import make_dataset


def rows_of(pairs, labels=None) -> pd.DataFrame:
    return make_dataset(pairs, labels).rows


def rows_of_turns(*conversations: list[dict], **columns: list[str]) -> pd.DataFrame:
    rows = rows_of([(f"{i}", "") for i in range(len(conversations))])
    texts = [orjson.dumps(turns).decode() for turns in conversations]
    rows["messages"] = pd.Series(texts, index=rows.index, dtype="str")
    for name, values in columns.items():
        rows[name] = pd.Series(values, index=rows.index, dtype="str")
    return with_derived(rows)


def turn(role: str, content: str | None, **more) -> dict:
    return {"role": role, "content": content, **more}


def call(name: str, id: str = "1", **arguments) -> dict:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


# --- the same -------------------------------------------------------------------------------------

SAME = [
    ("How do I boil an egg?", "HOW DO I  BOIL\nAN EGG?"),
    ("Ｈow do I boil １ egg？", "How do I boil 1 egg?"),
    ("cafe\u0301", "café"),
    ("ﬁve  ", "five"),
]
DIFFERENT = [
    ("It is warm 😀", "It is warm 😡"),
    ("Is a > b?", "Is a < b?"),
    ("a && b", "a || b"),
    ("Is `Map` a word?", "Is `map` a word?"),
    ("```\nif x:\n    a()\n    b()\n```", "```\nif x:\n    a()\nb()\n```"),
    ("10² metres", "102 metres"),
    ("20% off", "20 off"),
    ("A ∩ B", "A ∪ B"),
    ("किताब", "कताब"),
    ("ผ้า", "ผา"),
    ("كُتُب", "كَتَبَ"),
    ("Yes!", "Yes?"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_case_width_composition_and_white_space_do_not_count(one, two):
    assert folded(one) == folded(two)
    assert drop_exact_duplicates(rows_of([(one, "x"), (two, "x")]))["keep"].sum() == 1
    assert drop_exact_duplicates(rows_of([(one, "x"), (two, "x")]), normalise=False)["keep"].all()


@pytest.mark.parametrize(("one", "two"), DIFFERENT)
def test_signs_marks_and_code_do(one, two):
    assert folded(one) != folded(two)
    assert drop_exact_duplicates(rows_of([(one, "x"), (two, "x")]))["keep"].all()
    assert drop_exact_duplicates(rows_of([("x", one), ("x", two)]))["keep"].all()


def test_punctuation_counts_unless_it_is_said_otherwise_and_signs_always_do():
    rows = rows_of(
        [("Is it warm?", "Yes."), ("Is it warm", "Yes!"), ("3 + 4", "7"), ("3 - 4", "7")]
    )
    assert drop_exact_duplicates(rows)["keep"].all()
    assert drop_exact_duplicates(rows, punctuation=False)["keep"].tolist() == [1, 0, 1, 1]


PAIR = [turn("user", "Do it."), turn("assistant", "Done.")]
LAMP = turn("assistant", None, tool_calls=[call("lamp", room="hall")])


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (PAIR, [turn("system", "Be brief."), *PAIR]),
        (PAIR, [turn("system", "Do it."), turn("assistant", "Done.")]),
        (
            [turn("user", "One."), turn("assistant", "Two."), *PAIR],
            [turn("user", "One. Two."), turn("assistant", ""), *PAIR],
        ),
        (
            [turn("user", "Light."), LAMP],
            [
                turn("user", "Light."),
                turn("assistant", None, tool_calls=[call("lamp", room="loft")]),
            ],
        ),
        (PAIR, [PAIR[0], {**PAIR[1], "reasoning_content": "First I look."}]),
        (PAIR, [{**PAIR[0], "parts": [{"type": "image", "image": "a.png"}]}, PAIR[1]]),
        (PAIR, [PAIR[0], {**PAIR[1], "weight": 0}]),
    ],
)
def test_everything_that_a_trainer_sees_counts(one, two):
    rows = rows_of_turns(one, two)
    assert drop_exact_duplicates(rows)["keep"].all()
    assert drop_exact_duplicates(rows_of_turns(one, one))["keep"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("tools", ['[{"type":"function"}]', ""]),
        ("rejected", ['[{"role":"assistant","content":"No."}]', ""]),
        ("label", ["yes", "no"]),
        ("metadata", ['{"images":["a.jpg"]}', '{"images":["b.jpg"]}']),
    ],
)
def test_tools_the_refused_answer_the_label_and_images_count(column, values):
    rows = rows_of_turns(PAIR, PAIR, **{column: values})
    assert drop_exact_duplicates(rows)["keep"].all()
    assert drop_near_duplicates(rows, silent)["keep"].all()


def test_ids_of_calls_are_drawn_at_random_and_do_not_count():
    one, two = (
        [
            turn("user", "Light."),
            turn("assistant", None, tool_calls=[call("lamp", id, room="hall")]),
            turn("tool", "ok", tool_call_id=id),
            turn("assistant", "Done."),
        ]
        for id in ("call_a1", "call_b2")
    )
    assert drop_exact_duplicates(rows_of_turns(one, two))["keep"].tolist() == [True, False]


def test_the_receipt_names_the_kept_row_and_how_near_it_is():
    rows = rows_of([("How?", "So."), ("HOW?", "so."), ("Why?", "Because.")])
    delta = drop_exact_duplicates(rows)
    head = rows.index[0]
    assert delta["keep"].tolist() == [True, False, True]
    assert delta["reason"].iloc[1] == f"duplicate of {head} (similarity 1.00)"
    assert delta["duplicate_group"].fillna("").tolist() == [head, head, ""]
    assert delta["duplicate_of"].fillna("").tolist() == ["", head, ""]


def test_the_kept_row_is_the_first_the_longest_or_the_best():
    rows = rows_of([("how?", "so"), ("How?", "So  "), ("HOW?", "SO")])
    rows["quality"] = [0.2, 0.1, 0.7]
    assert drop_exact_duplicates(rows)["keep"].tolist() == [True, False, False]
    assert drop_exact_duplicates(rows, keep="longest")["keep"].tolist() == [False, True, False]
    assert drop_exact_duplicates(rows, best_by="quality")["keep"].tolist() == [False, False, True]
    assert drop_near_duplicates(rows, silent, best_by="quality")["keep"].sum() == 1


# --- asked the same, answered otherwise -----------------------------------------------------------


def groups(delta: pd.DataFrame) -> list[set[int]]:
    places = delta["conflict"].reset_index(drop=True)
    return [set(part.index) for name, part in places.groupby(places) if name]


def test_equal_texts_of_two_labels_both_stay_and_are_a_finding():
    rows = rows_of([("Shares fell.", ""), ("SHARES   FELL.", ""), ("It rained.", "")], list("bsb"))
    for delta in (drop_exact_duplicates(rows), drop_near_duplicates(rows, silent)):
        assert delta["keep"].all() and groups(delta) == [{0, 1}]
        assert delta["conflict"].iloc[2] == ""


def test_nearly_equal_texts_of_two_labels_both_stay_and_are_a_finding():
    text = "the ferry left the quay at nine with all of its cargo and twelve sailors on board today"
    rows = rows_of([(text, ""), (f"{text} again", ""), (f"{text} again", "")], ["a", "b", "b"])
    delta = drop_near_duplicates(rows, silent)
    assert delta["keep"].tolist() == [True, True, False] and groups(delta) == [{0, 1}]


def test_one_prompt_answered_in_two_ways_is_a_finding_and_two_near_answers_are_copies():
    whole = (
        "wrap the plant in paper and lift it out of the pot and shake the dry soil from its roots"
    )
    rows = rows_of([("Repot?", whole), ("Repot?", f"{whole} well"), ("repot?", "Ask a gardener.")])
    assert groups(drop_exact_duplicates(rows)) == [{0, 1, 2}]
    delta = drop_near_duplicates(rows, silent, keep="longest")
    assert delta["keep"].tolist() == [False, True, True] and groups(delta) == [{1, 2}]


def test_rows_dropped_by_prompt_alone_say_that_they_are_answered_otherwise():
    rows = rows_of([("How?", "So."), ("How?", "Not so."), ("How?", "So.")])
    for drop in (drop_exact_duplicates, lambda r, **p: drop_near_duplicates(r, silent, **p)):
        delta = drop(rows, by="prompt")
        assert delta["keep"].tolist() == [True, False, False] and groups(delta) == [{0, 1}]
        assert delta["reason"].iloc[1].endswith("but it is answered otherwise")
        assert not delta["reason"].iloc[2].endswith("otherwise")
    labels = drop_exact_duplicates(rows_of([("a", ""), ("a", "")], ["x", "y"]), by="prompt")
    assert "the labels disagree: y here, x there" in labels["reason"].iloc[1]


def test_the_report_counts_conflicts_and_the_receipt_tells_them():
    rows = rows_of([("a", ""), ("a", ""), ("b", "")], ["x", "y", "x"])
    delta = drop_exact_duplicates(rows)
    report = StepReport("exact", "drop_exact_duplicates", "Exact", "filter", {}, "", delta)
    assert report.conflicts == 2 and report.to_dict()["conflicts"] == 2
    conflicts = [e for e in report.events(rows.index[1]) if e["what"] == "in conflict"]
    assert len(conflicts) == 1 and conflicts[0]["text"].startswith("1 more with the same prompt")
    assert report.events(rows.index[2]) == []
    (note,) = operation("drop_exact_duplicates").notes({}, rows, delta)
    assert note.startswith("2 examples have the same prompt")


# --- nearly the same ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd() -> pd.DataFrame:
    """Some 300 texts, English and Chinese: families of copies with ever more words changed."""
    rng = random.Random(4)
    words_ = [
        f"{a}{b}" for a in ("ra", "lo", "mi", "te", "su", "ka") for b in ("n", "vel", "st", "dor")
    ]
    signs = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"
    pairs = []
    for family in range(30):
        chinese = family % 3 == 0
        text = [rng.choice(signs if chinese else words_) for _ in range(rng.choice([12, 40, 80]))]
        for changed in range(10):
            copy = list(text)
            for _ in range(changed // 2):
                copy[rng.randrange(len(copy))] = rng.choice(signs if chinese else words_)
            pairs.append(("", ("" if chinese else " ").join(copy)))
    return rows_of(pairs)


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
def test_a_row_goes_when_it_is_near_a_kept_one_and_only_then(crowd, threshold, monkeypatch):
    monkeypatch.setattr(near_duplicates, "RARER", 0)  # no templates here
    sets = [shingles(text) for text in crowd["response"]]
    delta = drop_near_duplicates(crowd, silent, similarity=threshold, by="response")
    kept = np.flatnonzero(delta["keep"])
    assert 20 < len(kept) < len(crowd) - 30
    for i, (name, row) in enumerate(delta.iterrows()):
        nearest = max((jaccard(sets[i], sets[j]) for j in kept if j != i), default=0)
        assert (nearest >= threshold) != row["keep"], name
        if not row["keep"]:
            head = crowd.index.get_loc(row["duplicate_of"])
            assert delta["keep"].iloc[head]
            assert row["similarity"] == jaccard(sets[i], sets[head]) == nearest


def test_the_order_of_rows_says_nothing(crowd):
    straight = drop_near_duplicates(crowd, silent)
    order = np.random.default_rng(0).permutation(len(crowd))
    shuffled = drop_near_duplicates(crowd.iloc[order], silent)
    pd.testing.assert_frame_equal(shuffled.sort_index(), straight.sort_index())


def chain(*parts: range) -> list[str]:
    return [" ".join(f"w{i}" for i in part) for part in parts]


def test_the_end_of_a_chain_stays():
    texts = chain(range(0, 60), range(4, 64), range(8, 68))
    one, two, three = (shingles(t) for t in texts)
    assert jaccard(one, two) >= 0.8 <= jaccard(two, three) and jaccard(one, three) < 0.8
    rows = rows_of([("Say it.", t) for t in texts])
    assert drop_near_duplicates(rows, silent)["keep"].tolist() == [True, False, True]


def test_prompt_and_answer_must_both_be_alike():
    long = (
        "Read the note of the passenger and answer with the name of the office that has to read it"
    )
    rows = rows_of([(f"{long}: one", "The harbour"), (f"{long}: two", "The museum")])
    assert drop_near_duplicates(rows, silent)["keep"].all()
    assert drop_near_duplicates(rows, silent, by="prompt")["keep"].tolist() == [True, False]
    rows = rows_of([(f"{long}: one", "The harbour"), (f"{long}: two", "The harbour")])
    assert drop_near_duplicates(rows, silent)["keep"].tolist() == [True, False]


NOTE = (
    "You read what a guest wrote to a small hotel by the sea. Decide which of these it is: praise, "
    "complaint, question or other. Answer with one word, explain nothing, and do not invent a new "
    "kind. If two kinds fit, take the first of the list. The guest wrote: "
)
GUESTS = [
    "the soup was cold",
    "is there a lift",
    "no towels again",
    "lovely staff",
    "my key is lost",
]


def test_one_template_filled_with_different_words_stays_and_its_copies_do_not():
    rows = rows_of([(NOTE + guest, "other") for guest in [*GUESTS, *GUESTS]])
    assert drop_near_duplicates(rows, silent)["keep"].tolist() == [True] * 5 + [False] * 5
    edited = [f"{NOTE.replace('small', 'little')}{guest}" for guest in GUESTS[:2]]
    rows = rows_of([(text, "other") for text in [*(NOTE + g for g in GUESTS), *edited]])
    delta = drop_near_duplicates(rows, silent)
    assert delta["keep"].tolist() == [True] * 5 + [False] * 2
    assert delta["duplicate_of"].tolist()[5:] == rows.index[:2].tolist()


def test_edited_copies_of_one_text_are_no_template():
    words_ = NOTE.split()
    copies = [" ".join([*words_[:i], "indeed", *words_[i + 1 :]]) for i in range(5, 45, 8)]
    rows = rows_of([(text, "other") for text in [NOTE, *copies]])
    assert drop_near_duplicates(rows, silent)["keep"].tolist() == [True] + [False] * len(copies)


def test_a_template_with_many_slots_is_finished_and_the_step_says_what_was_not_compared(
    monkeypatch,
):
    monkeypatch.setattr(near_duplicates, "MOST", 5)
    rng = random.Random(1)
    fill = [" ".join(rng.choice(GUESTS).split()[:1] + [f"room {i}"]) for i in range(60)]
    rows = rows_of([(NOTE + text, "other") for text in [*fill, *fill[:9]]])
    delta = drop_near_duplicates(rows, silent)
    assert delta["keep"].tolist() == [True] * 60 + [False] * 9
    notes = operation("drop_near_duplicates").notes
    assert any("resemble more than 5 kept ones" in note for note in notes({}, rows, delta))
    assert notes({}, rows, drop_near_duplicates(rows.iloc[:3], silent)) == []


def test_a_text_that_stands_thousands_of_times_is_one_group():
    rows = rows_of([("Say hello to the whole wide world.", "Hello, world.")] * 3_000)
    delta = drop_near_duplicates(rows, silent)
    assert delta["keep"].sum() == 1 and delta["duplicate_group"].nunique() == 1


def test_short_and_empty_texts_are_near_only_when_they_are_the_same():
    rows = rows_of(
        [("Yes", ""), ("No", ""), ("yes", ""), ("是", ""), ("否", ""), ("", ""), ("", " ")]
    )
    kept = drop_near_duplicates(rows, silent)["keep"].tolist()
    assert kept[:5] == [True, True, False, True, True] and kept[5:] == [True, False]


def test_one_sign_or_vowel_in_a_short_answer_is_another_answer():
    pairs = [
        ("x?", "x = 5"),
        ("x?", "x = -5"),
        ("?", "A ∩ B"),
        ("?", "A ∪ B"),
        ("अर्थ", "दिन"),
        ("अर्थ", "दान"),
    ]
    assert drop_near_duplicates(rows_of(pairs), silent)["keep"].all()


# --- nearly the same meaning ----------------------------------------------------------------------


def on_a_circle(*degrees: float) -> np.ndarray:
    """Unit vectors by their angles."""
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def neighbours_of(vectors: np.ndarray):
    return lambda k, some=slice(None): nearest(vectors[some], k)


def unit(drawn: np.ndarray) -> np.ndarray:
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("width", [1, 3, 50])
def test_however_few_neighbours_are_known_every_row_near_to_a_kept_one_goes(monkeypatch, width):
    monkeypatch.setattr(near_vectors, "WIDTH", width)
    vectors = unit(np.random.default_rng(4).normal(size=(60, 3)))
    order = np.random.default_rng(5).permutation(60)
    nearby, more = by_neighbours(vectors, neighbours_of(vectors))
    pairs = list(zip(nearby.pairs.first.tolist(), nearby.pairs.second.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs) and all(i < j for i, j in pairs), "each pair once"
    result = cut(nearby, order, 0.9, more=more)
    kept: list[int] = []
    for i in order:
        near = vectors[kept] @ vectors[i]
        goes = bool(kept) and near.max() >= 0.9
        kept += [] if goes else [i]
        assert (result.leader[i] != i) == goes
        if goes:
            assert vectors[result.leader[i]] @ vectors[i] == pytest.approx(result.similarity[i])
            assert result.leader[i] in kept and result.similarity[i] >= 0.9
            assert width < 50 or result.leader[i] == kept[near.argmax()]
    assert 5 < len(kept) < 50


@pytest.mark.parametrize("width", [1, 3])
def test_every_kept_row_that_is_near_to_one_that_goes_is_listed(monkeypatch, width):
    monkeypatch.setattr(near_vectors, "WIDTH", width)
    vectors = unit(np.random.default_rng(4).normal(size=(60, 3)))
    nearby, more = by_neighbours(vectors, neighbours_of(vectors))
    result = cut(nearby, np.arange(60), 0.8, more=more, every=True)
    stays = result.leader == np.arange(60)
    near = ~stays[:, None] & stays & (vectors @ vectors.T >= 0.8)
    assert result.near.tolist() == np.argwhere(near).tolist()
    assert (near.sum(axis=1) > 1).any()


def test_equal_vectors_are_similar_at_a_similarity_of_one():
    vectors = unit(np.random.default_rng(4).normal(size=(20, 384)))
    twice = np.concatenate([vectors, vectors])
    nearby, more = by_neighbours(twice, neighbours_of(twice))
    assert (cut(nearby, np.arange(40), 1.0, more=more).leader[20:] == np.arange(20)).all()


def dropped_similar(rows: pd.DataFrame, vectors: np.ndarray, **params) -> pd.DataFrame:
    return drop_similar(rows, vectors, neighbours_of(vectors), **params)


def similar(rows: pd.DataFrame, vectors: np.ndarray, **params) -> list[bool]:
    return dropped_similar(rows, vectors, **params)["keep"].tolist()


def test_a_row_goes_only_when_a_kept_row_is_that_similar():
    rows, vectors = rows_of([(f"{i}?", "x") for i in range(4)]), on_a_circle(0, 12, 24, 90)
    rows["source_row"] = range(4)
    answer = dropped_similar(rows, vectors, similarity=0.97)
    assert answer["keep"].tolist() == [True, False, True, True], "the third is far from the first"
    first, second, *_ = rows.index
    assert answer["reason"][second] == f"duplicate of {first} (similarity 0.98)"
    assert answer["duplicate_group"].fillna("").tolist() == [first, first, "", ""]
    turned = dropped_similar(rows[::-1], vectors[::-1], similarity=0.97)
    pd.testing.assert_frame_equal(turned[::-1], answer)


def test_of_similar_rows_the_one_that_the_user_wants_stays():
    rows, vectors = rows_of([("a?", "x"), ("b?", "longer")]), on_a_circle(0, 5)
    rows["score"] = [1.0, 2.0]
    assert similar(rows, vectors) == [True, False]
    assert similar(rows, vectors, keep="longest") == [False, True]
    assert similar(rows, vectors, best_by="score") == [False, True]


def test_the_longest_copy_does_not_stay_where_it_is_the_longest_by_a_fault():
    rows, vectors = (
        rows_of(
            [("a?", "x"), ("a?", "whole"), ("a?", "whole <br>"), ("a?", "whole and <br>&nbsp;")]
        ),
        on_a_circle(*[0] * 4),
    )
    rows = rows.assign(source_row=range(4))
    assert similar(rows, vectors, keep="longest") == [False, False, False, True]
    rows["problems"] = [None, "", "html", "html,personal_data"]
    assert similar(rows, vectors, keep="longest") == [False, True, False, False]
    assert similar(rows, vectors, keep="first") == [True, False, False, False]
    rows["score"] = [1.0, 1.0, 1.0, 2.0]
    assert similar(rows, vectors, keep="longest", best_by="score") == [False, False, False, True]


def test_rows_that_a_model_cannot_read_are_compared_with_none():
    rows, vectors = rows_of([(f"{i}?", "x") for i in range(5)]), on_a_circle(*[0] * 5)
    rows = rows.assign(tokens_unknown=[0.0, 0.09, 0.1, 0.6, np.nan], source_row=range(5))
    for compare in ("neighbours", "clusters", "nearest"):
        assert similar(rows, vectors, compare=compare) == [True, False, True, True, False], compare
    rows["topic"] = ["a", "b", "a", "b", rows.index[2]]
    assert similar(rows, vectors, within="topic") == [True] * 5, "a value may look like an id"


@pytest.mark.parametrize("use", ["drop_similar", "drop_near_duplicates", "drop_exact_duplicates"])
def test_copies_are_named_and_stay_where_they_are_only_flagged(make_project, use):
    text = "How do I boil an egg for exactly eight minutes on a gas stove at home?"
    records = [{"prompt": text, "response": "Use a timer."}] * 3 + [
        {"prompt": "Name a planet.", "response": "Saturn."}
    ]
    steps = [Step("embed", way="torch-float32")] if use == "drop_similar" else []
    dataset = make_project(records, *steps, Step(use, action="flag")).run()
    report = dataset.steps[-1]
    assert not len(dataset.dropped) and report.dropped == 0
    named = dataset.rows["duplicate_of"].dropna()
    assert len(named) == 2 and named.nunique() == 1
    assert "2 examples are named as copies and stay" in report.notes[-1]
    event = report.events(named.index[0])[0]
    assert event["what"] == "flagged" and named.iloc[0] in event["text"]
    assert not report.events(named.iloc[0])


def test_similar_rows_with_different_labels_stay_unless_all_are_compared():
    rows, vectors = (
        rows_of([(f"{i}", "") for i in range(4)], ["x", "y", "x", None]),
        on_a_circle(*[0] * 4),
    )
    rows["source_row"] = range(4)
    assert similar(rows, vectors) == [True, True, False, True]
    assert similar(rows, vectors, within=None) == [True, False, False, False]
    answer = dropped_similar(rows, vectors, within=None)
    assert answer["reason"].iloc[1].endswith("; but the labels disagree: y here, x there")
    assert similar(rows.assign(source=["p", "p", "q", "q"]), vectors, within="source") == [
        *[True, False, True, False]
    ]


@pytest.mark.parametrize("count", [1, 4])
def test_clusters_find_the_pairs_inside_them(monkeypatch, count):
    monkeypatch.setattr(near_vectors, "CLUSTER", 60 // count)
    vectors = unit(np.random.default_rng(4).normal(size=(60, 3)))
    nearby = by_clusters(vectors, 0.9)
    pairs = set(zip(nearby.pairs.first.tolist(), nearby.pairs.second.tolist(), strict=True))
    every = {(i, j) for j in range(60) for i in range(j) if vectors[i] @ vectors[j] >= 0.9}
    assert len(pairs) == len(nearby.pairs.first), "each pair once"
    assert pairs == every if count == 1 else len(every) / 2 < len(pairs) < len(every)
    rows = rows_of([(f"{i}?", "x") for i in range(60)])
    answer = dropped_similar(rows, vectors, similarity=0.9, compare="clusters")
    assert (~answer["keep"]).sum() == len({head for head in answer.index[~answer["keep"]]}) > 5


def test_nearest_takes_two_rows_only_where_nothing_lies_between(monkeypatch):
    rng = np.random.default_rng(5)
    vectors = unit(rng.normal(size=(87, 6)))
    vectors[86] = 0
    vectors[80:86] = vectors[[3, 3, 9, 11, 12, 13]]  # equal rows are one row here
    for part in (None, np.arange(87) % 3):
        nearby = by_nearest(vectors, lambda k, some=slice(None): nearest(vectors[some], k), part)
        first = np.unique(nearby.codes, return_index=True)[1]
        same = np.ones((87, 87), bool) if part is None else part[:, None] == part
        cosines = np.where(same, vectors @ vectors.T, -9)[np.ix_(first, first)]
        np.fill_diagonal(cosines, -9)
        best = cosines.argmax(axis=1)
        expected = {
            (i, j)
            for i, j in enumerate(best.tolist())
            if i < j and best[j] == i and cosines[i, j] > -9
        }
        assert set(zip(nearby.pairs.first.tolist(), nearby.pairs.second.tolist(), strict=True)) == (
            expected
        ), part
        assert len(expected) > 10 and np.allclose(
            nearby.pairs.similarity, [cosines[i, j] for i, j in sorted(expected)]
        )
    assert not len(by_nearest(vectors[:1], lambda k: nearest(vectors[:1], k)).pairs.first)
    rows = rows_of([("a?", "x"), ("b?", "x"), ("c?", "x"), ("d?", "x")])
    line = unit(np.array([[1, 0], [1, 0.35], [1, 0.6], [0, 1.0]]))
    assert similar(rows, line, similarity=0.9, compare="neighbours") == [True, False, True, True]
    assert similar(rows, line, similarity=0.9, compare="nearest") == [True, True, False, True]


# --- found once, cut at any threshold ---------------------------------------------------------------


def greedy(pairs: Pairs, order: np.ndarray, threshold: float) -> list[int]:
    """The leader of each row by the definition, a row at a time."""
    near: dict[int, dict[int, float]] = {}
    for i, j, value in zip(*(values.tolist() for values in pairs), strict=True):
        near.setdefault(i, {})[j] = near.setdefault(j, {})[i] = value
    leader, rank = list(range(len(order))), {row: n for n, row in enumerate(order.tolist())}
    kept: list[int] = []
    for i in order.tolist():
        heads = [j for j in kept if near.get(i, {}).get(j, 0) >= threshold]
        leader[i] = min(heads, key=lambda j: (-near[i][j], rank[j]), default=i)
        kept += [i] if leader[i] == i else []
    return leader


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.01, 0.5, 0.9])
def test_a_cut_gives_what_one_row_after_the_other_gives(seed, threshold):
    draw = np.random.default_rng(seed)
    i, j = draw.integers(0, 80, (2, 300))
    _, first = np.unique(np.minimum(i, j) * 80 + np.maximum(i, j), return_index=True)
    i, j = i[first], j[first]
    pairs = Pairs(np.minimum(i, j)[i != j], np.maximum(i, j)[i != j], draw.random((i != j).sum()))
    order = draw.permutation(80)
    kept = cut(Nearby(np.arange(80), pairs, np.zeros(80)), order, threshold)
    assert kept.leader.tolist() == greedy(pairs, order, threshold)


def test_rows_that_are_apart_are_no_pair_also_where_they_are_equal():
    nearby = classes_of(np.array([7, 7, 7, -1, -1, 9]))
    order = np.arange(6)
    assert cut(nearby, order, 1.0).leader.tolist() == [0, 0, 0, 3, 4, 5]
    assert cut(nearby, order, 1.0, np.array([[0, 1]])).leader.tolist() == [0, 1, 0, 3, 4, 5]
    every = np.array([[0, 1], [0, 2], [1, 2]])
    assert cut(nearby, order, 1.0, every).leader.tolist() == [0, 1, 2, 3, 4, 5]
    near = Nearby(np.arange(3), Pairs(*np.array([[0, 0, 1], [1, 2, 2], [0.9] * 3])), np.zeros(3))
    near = Nearby(
        near.codes, Pairs(*(v.astype(int) for v in near.pairs[:2]), near.pairs[2]), near.full
    )
    assert cut(near, np.arange(3), 0.8).leader.tolist() == [0, 0, 0]
    assert cut(near, np.arange(3), 0.8, np.array([[0, 1]])).leader.tolist() == [0, 1, 0]
    assert cut(near, np.arange(3), 0.95).leader.tolist() == [0, 1, 2]


@pytest.mark.parametrize("seed", range(5))
def test_a_row_that_is_apart_is_near_to_all_that_its_equals_are_near_to(seed, monkeypatch):
    draw = np.random.default_rng(seed)
    classes = np.sort(np.append(draw.integers(0, 12, 48), np.arange(12)))
    i, j = np.triu_indices(12, 1)
    some = draw.random(len(i)) < 0.2
    of_classes = Pairs(i[some], j[some], draw.random(some.sum()))
    near = np.eye(12)
    near[of_classes.first, of_classes.second] = of_classes.similarity
    near = np.maximum(near, near.T)
    apart = np.sort(draw.permutation(60)[:40].reshape(-1, 2), axis=1)
    of_rows = near[classes][:, classes]
    of_rows[apart[:, 0], apart[:, 1]] = 0
    i, j = np.nonzero(np.triu(of_rows, 1))
    copied, order = [], draw.permutation(60)

    def joined(parts):
        copied.append(parts)
        return pairs_module.joined(parts)

    monkeypatch.setattr(cutting, "joined", joined)
    kept = cut(Nearby(classes, of_classes, np.zeros(12)), order, 0.4, apart)
    expected = greedy(Pairs(i, j, of_rows[i, j]), order, 0.4)
    stays = np.arange(60)
    assert ((kept.leader == stays) == (np.array(expected) == stays)).all()
    assert len(copied) == 1, "the pairs are copied once, however many decisions there are"


@pytest.fixture(scope="module")
def thousands() -> list[list[np.ndarray]]:
    """The shingles of 3,000 texts, each third one a copy of another with some words changed."""
    draw = random.Random(7)
    vocabulary = [f"w{i}" for i in range(400)]
    texts = [" ".join(draw.choices(vocabulary, k=draw.randint(6, 40))) for _ in range(2_000)]
    for _ in range(1_000):
        words_ = draw.choice(texts).split()
        for _ in range(draw.randint(1, 3)):
            words_[draw.randrange(len(words_))] = draw.choice(vocabulary)
        texts.append(" ".join(words_))
    return shingle_sets(texts)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.9])
def test_pairs_are_those_of_all_pairs_of_3_000_texts(thousands, threshold, monkeypatch):
    monkeypatch.setattr(near_duplicates, "RARER", 0)  # no templates here
    sides = Sides([thousands])
    _, first = np.unique(sides.codes, return_index=True)
    pairs, full = sides.pairs(threshold)
    assert not full.any()
    sets = [thousands[i] for i in first]
    sizes = np.array([len(s) for s in sets])
    _, columns = np.unique(np.concatenate(sets), return_inverse=True)
    ones = csr_matrix((np.ones(len(columns)), columns, np.append(0, np.cumsum(sizes))))
    shared = (ones @ ones.T).tocoo()
    jaccards = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    near = (shared.row < shared.col) & (jaccards >= threshold)
    every = dict(
        zip(zip(shared.row[near], shared.col[near], strict=True), jaccards[near], strict=True)
    )
    assert len(every) > 5
    assert (
        dict(zip(zip(pairs.first, pairs.second, strict=True), pairs.similarity, strict=True))
        == every
    )


@pytest.mark.parametrize("most", [1, 2, 7])
def test_few_comparisons_leave_no_row_that_is_near_to_a_kept_one(crowd, most, monkeypatch):
    monkeypatch.setattr(near_duplicates, "RARER", 0)
    whole = drop_near_duplicates(crowd, silent, similarity=0.6, by="response", keep="longest")
    monkeypatch.setattr(near_duplicates, "MOST", most)
    few = drop_near_duplicates(crowd, silent, similarity=0.6, by="response", keep="longest")
    sets = [shingles(text) for text in crowd["response"]]
    kept = np.flatnonzero(few["keep"])
    assert abs(len(kept) - whole["keep"].sum()) < 10
    if most == 7:
        near = [jaccard(sets[i], sets[j]) for n, i in enumerate(kept) for j in kept[:n]]
        assert max(near) < 0.6


def test_of_many_copies_that_few_are_compared_with_one_stays(monkeypatch):
    words_ = [f"w{i}" for i in range(60)]
    copies = [" ".join([*words_[:30], f"x{i}", *words_[31:]]) for i in range(50)]
    rows = rows_of([("", text) for text in copies])
    monkeypatch.setattr(near_duplicates, "RARER", 0)
    monkeypatch.setattr(near_duplicates, "MOST", 5)
    rows["number"] = np.arange(50)[rows.index.argsort().argsort()]
    for best in ("highest", "lowest"):
        delta = drop_near_duplicates(
            rows, silent, similarity=0.6, by="response", best_by="number", best=best
        )
        assert rows["number"][delta["keep"]].tolist() == [49 if best == "highest" else 0]


def test_kept_rows_of_nearly_one_prompt_and_one_answer_are_no_conflict():
    rivals = Pairs(np.array([0]), np.array([1]), np.array([0.9]))
    kept = cut(classes_of(np.arange(2)), np.arange(2), 0.8)
    for answers, expected in (([5, 5], [-1, -1]), ([5, 6], [0, 0])):
        rows = compared.Compared(
            classes_of(np.arange(2)), np.arange(2), np.array(answers), rivals=rivals
        )
        assert rows.conflicts(kept, 0.8).tolist() == expected
        assert rows.conflicts(kept, 0.95).tolist() == [-1, -1]


def test_another_threshold_reads_no_text_again(crowd, tmp_path, monkeypatch):
    step, cache = operation("drop_near_duplicates"), Cache(tmp_path)
    supply = Supply(crowd, cache=cache)

    def dropped(**params) -> list[bool]:
        return step.run(*supply.of(step), **step.check(params))["keep"].tolist()

    fresh = {
        t: drop_near_duplicates(crowd, silent, similarity=t)["keep"].tolist() for t in (0.7, 0.9)
    }
    assert dropped(similarity=0.8) != fresh[0.7] != fresh[0.9]
    monkeypatch.setattr(compared, "examples", None)  # whoever reads a text again fails
    assert {t: dropped(similarity=t) for t in (0.7, 0.9)} == fresh
    assert sum(dropped(similarity=0.7, keep="longest")) > 0
    with pytest.raises(TypeError):
        dropped(similarity=0.5)
    changed = crowd.assign(messages=crowd["messages"].str.replace("ra", "le"))
    with pytest.raises(TypeError):
        step.run(*Supply(changed, cache=cache).of(step), **step.check({}))


def test_the_oldest_or_the_newest_row_stays_by_a_column_of_dates():
    rows = rows_of([("how?", "so"), ("How?", "So"), ("HOW?", "SO")])
    rows["when"] = pd.Series(
        ["2024-03-01", "2023-12-24T08:00:00Z", None], index=rows.index, dtype="str"
    )
    oldest = drop_exact_duplicates(rows, best_by="when", best="lowest")
    assert oldest["keep"].tolist() == [False, True, False]
    assert drop_exact_duplicates(rows, best_by="when")["keep"].tolist() == [True, False, False]
    with pytest.raises(CurationError, match="'prompt' holds neither numbers nor dates"):
        drop_exact_duplicates(rows, best_by="prompt")


def test_nearly_the_same_prompt_with_another_answer_is_a_conflict_but_other_numbers_are_none():
    prompt = "Tell me in a few words how many people lived on the island of Crete in the year 1900"
    rows = rows_of(
        [
            (prompt, "Some 300,000 people."),
            (f"Please {prompt[0].lower()}{prompt[1:]}", "Nobody knows."),
            (prompt.replace("1900", "1950"), "About 450,000 of them."),
            (prompt, "Some 300,000 people."),
        ]
    )
    delta = drop_near_duplicates(rows, silent)
    assert delta["keep"].tolist() == [True, True, True, False] and groups(delta) == [{0, 1}]


# --- people and copies ----------------------------------------------------------------------------


def test_the_next_best_copy_comes_back_when_a_person_drops_the_kept_one(make_project):
    pairs = [("How?", "So."), ("HOW?", "so."), ("how?", "SO."), ("Why?", "Because.")]
    rows = [{"prompt": prompt, "completion": answer} for prompt, answer in pairs]
    project = make_project(rows, Step("drop_exact_duplicates"))
    ids = list(project.run().rows.sort_values("source_row").index)

    def kept(dataset) -> list[bool]:
        return dataset.rows["dropped_by"].isna().loc[ids].tolist()

    assert kept(project.replay()) == [True, False, False, True]
    project.decisions.append([Decision(ids[0], "drop", annotator="Ann")])
    for dataset in (project.view().dataset, project.run()):
        assert kept(dataset) == [False, True, False, True]
        sentences = [e["text"] for e in dataset.explain(ids[1]) if e["what"] == "kept"]
        assert len(sentences) == 1 and f"comes back: {ids[0]}" in sentences[0]


def test_the_next_best_of_similar_rows_comes_back_too_during_a_run_and_after_it():
    data = make_dataset([(f"{i}?", "x") for i in range(4)])
    data = data.replace(
        rows=data.rows.assign(source_row=range(4)), vectors=on_a_circle(0, 5, 5, 90)
    )
    first, *_ = ids = list(data.rows.index)
    delta = dropped_similar(data.rows, data.vectors[:])
    params = operation("drop_similar").check({})
    step = StepReport("drop_similar", "drop_similar", "", "filter", params, "", delta=delta)
    ran = overlay.lay(data, step)
    assert ran.rows["dropped_by"].isna().tolist() == [True, False, False, True]
    decided = pd.DataFrame(
        {"keep": False, "reason": "dropped"}, index=pd.Index([first], dtype="str")
    )
    people = SimpleNamespace(
        edits_frame=lambda: decided.iloc[:0],
        verdicts_frame=lambda: decided,
        fingerprint=lambda kinds: "",
        apart={},
        preferred={},
    )
    during = overlay.lay(ran, overlay.PeopleLayer("People", "", decided).report(""))
    source = overlay.Source("", data.replace(vectors=None))
    after, _ = overlay.over(source, ran, people, Memory(8))
    for dataset in (during, after):
        assert list(dataset.kept.index) == [ids[1], ids[3]]


def test_copies_are_not_compared_again_for_a_decision_about_another_example(monkeypatch):
    data = make_dataset([("One?", "One."), ("one?", "one."), ("Two?", "Two."), ("Three?", "3.")])
    first, copy, *others = data.rows.index
    delta = drop_exact_duplicates(data.rows)
    exact, runs = operation("drop_exact_duplicates"), []
    step = StepReport(exact.name, exact.name, "", "filter", exact.check({}), "", delta=delta)
    data = overlay.lay(data, step)
    assert list(data.rows.index[data.rows["dropped_by"].notna()]) == [copy]

    def run(rows, *rest, **params):
        runs.append(list(rows["prompt"]))
        return exact.run(rows, *rest, **params)

    monkeypatch.setattr(heirs, "operation", lambda use: replace(exact, run=run))
    monkeypatch.setattr(heirs, "_again", Memory(8))

    def dropped(dataset, *ids: str) -> list[str]:
        decided = pd.DataFrame(
            {"keep": False, "reason": "dropped"}, index=pd.Index(ids, dtype="str")
        )
        rows = overlay.lay(dataset, overlay.PeopleLayer("People", "", decided).report("")).rows
        return list(rows.index[rows["dropped_by"].notna()])

    for other in others:
        assert dropped(data, first, other) == [first, other]
    assert runs == [["one?"]], "the copies are the same, so they are compared once"
    edited = data.replace(rows=data.rows.assign(prompt=data.rows["prompt"] + "!"))
    assert dropped(edited, first) == [first]
    assert runs[1:] == [["one?!"]], "what they say is another text now"


@pytest.mark.parametrize("by", ["prompt", "prompt_and_response"])
def test_texts_that_ask_nothing_are_no_copies_of_each_other(by):
    texts = ["The ferry leaves at noon.", "Bread needs an hour to rise.", "Owls hunt at night."]
    rows = rows_of_turns(*[[turn("assistant", text)] for text in texts])
    assert drop_exact_duplicates(rows, by=by)["keep"].all()
    assert drop_near_duplicates(rows, silent, by=by)["keep"].all()


def test_arguments_of_calls_are_compared_as_they_stand():
    codes = ["if x:\n  y", "IF X:\n  y", "if x:\n      y"]
    rows = rows_of_turns(
        *[
            [turn("user", "Run it."), turn("assistant", None, tool_calls=[call("run", code=code)])]
            for code in codes
        ]
    )
    assert drop_exact_duplicates(rows)["keep"].all()


def test_a_person_says_what_is_no_duplicate_and_which_copy_stays(make_project):
    pairs = [("How?", "So."), ("HOW?", "so."), ("how?", "SO."), ("Why?", "Because.")]
    rows = [{"prompt": prompt, "completion": answer} for prompt, answer in pairs]
    project = make_project(rows, Step("drop_exact_duplicates"), Step("lengths"))
    ids = list(project.run().rows.sort_values("source_row").index)

    def kept() -> list[bool]:
        return project.run().rows["dropped_by"].isna().loc[ids].tolist()

    project.decisions.append([Decision(ids[2], "prefer", annotator="Ann")])
    assert not project.view().current and kept() == [False, False, True, True]
    project.decisions.append([Decision(ids[0], "prefer", annotator="Bob")])
    assert kept() == [True, False, False, True], "the newest word counts"
    project.decisions.undo("Bob")
    project.decisions.append([Decision(ids[1], "apart", ids[2], "Ann")])
    assert kept() == [False, True, True, True]
    exported = "\n".join(orjson.dumps(e.to_dict()).decode() for e in project.decisions.events())
    project.decisions.append([Decision(ids[2], "drop", annotator="Ann")])
    assert kept() == [False, True, False, True], "another row that it is a copy of stays"
    project.decisions.append([Decision(ids[1], "drop", annotator="Ann")])
    assert kept() == [True, False, False, True], "now the next best stays"
    for _ in range(4):
        project.decisions.undo("Ann")
    assert kept() == [True, False, False, True]
    lines = read_decisions(exported.replace('"op_id":"', '"op_id":"again'), "Bob", set(ids))
    assert not lines.problems
    project.decisions.append(lines.decisions)
    project.add(json_lines_file(project, rows))
    assert kept() == [False, True, True, True], "decisions hang on the texts"
    assert "no duplicate of" in str(project.people().of(ids[1]).summary())


def json_lines_file(project, rows: list[dict]):
    path = project.path.parent / "rows.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    return path


def test_two_copies_that_are_apart_both_come_back_for_the_dropped_one(make_project):
    pairs = [("How?", "So."), ("HOW?", "so."), ("how?", "SO."), ("hoW?", "sO.")]
    project = make_project(
        [{"prompt": prompt, "completion": answer} for prompt, answer in pairs],
        Step("drop_exact_duplicates"),
    )
    ids = list(project.run().rows.sort_values("source_row").index)
    project.decisions.append([Decision(ids[1], "apart", ids[2], "Ann"), Decision(ids[0], "drop")])
    assert project.run().rows["dropped_by"].isna().loc[ids].tolist() == [False, True, True, False]


def test_what_comes_back_follows_each_later_word_on_copies_without_a_run(make_project):
    pairs = [("How?", "So."), ("HOW?", "so."), ("how?", "SO."), ("Why?", "Because.")]
    project = make_project(
        [{"prompt": prompt, "completion": answer} for prompt, answer in pairs],
        Step("drop_exact_duplicates"),
    )
    ids = list(project.run().rows.sort_values("source_row").index)

    def kept() -> list[bool]:
        return project.view().dataset.rows["dropped_by"].isna().loc[ids].tolist()

    project.decisions.append([Decision(ids[0], "drop", annotator="Ann")])
    assert kept() == [False, True, False, True]
    project.decisions.append([Decision(ids[2], "prefer", annotator="Ann")])
    assert kept() == [False, False, True, True]
    project.decisions.append([Decision(ids[1], "apart", ids[2], "Ann")])
    assert kept() == [False, True, True, True]
    for _ in range(2):
        project.decisions.undo("Ann")
    assert kept() == [False, True, False, True]


def test_an_example_is_not_apart_from_itself():
    with pytest.raises(CurationError, match="apart from itself"):
        Decision("a", "apart", "a", "Ann").check()


LONG_ANSWER = "Put the egg into boiling water for eight minutes, then cool it under the tap"


def test_an_answer_that_is_the_beginning_of_another_one_is_named_and_stays():
    rows = rows_of(
        [
            (
                "How do I boil an egg?",
                f"{LONG_ANSWER} and peel it with the back of a spoon. Add salt.",
            ),
            ("How do I boil an egg?", f"{LONG_ANSWER.upper()}  and peel it with\nthe back…"),
            ("Boil an egg.", f"{LONG_ANSWER}."),
            ("Boil two eggs.", f"{LONG_ANSWER} "),
            ("Is it hot?", "Yes."),
            (
                "Is it cold?",
                "Yes. It is as cold as the water of the river in January, or colder than that.",
            ),
            ("怎样煮鸡蛋？", "把鸡蛋放进沸水里煮八分钟，再用冷水冲凉，然后剥壳"),
            ("怎么煮蛋？", "把鸡蛋放进沸水里煮八分钟，再用冷水冲凉，然后剥壳，撒一点盐。"),
            ("", ""),
        ]
    )
    answer = drop_near_duplicates(rows, silent, by="prompt_and_response")
    ids = rows.index
    expected = {ids[1]: ids[0], ids[2]: ids[1], ids[3]: ids[1], ids[6]: ids[7]}
    assert answer["keep"].all() and dict(answer["beginning_of"].dropna()) == expected
    notes = operation("drop_near_duplicates").notes({}, rows, answer)
    assert "4 answers are the beginning of another row's answer" in notes[-1]
    assert drop_near_duplicates(rows[:0], silent)["beginning_of"].tolist() == []


@given(st.lists(st.text("aB \n.", min_size=0, max_size=6), max_size=12))
def test_beginnings_are_those_of_comparing_all_with_all(texts):
    texts = [f"{'begin ' * 12}{text}x" for text in texts]
    keys = [" ".join(text.casefold().split()) for text in texts]
    for key, longer in zip(keys, beginnings(texts), strict=True):
        others = [other for other in keys if other != key and other.startswith(key)]
        assert (longer >= 0) == bool(others) and (longer < 0 or keys[longer] == min(others))


def test_a_reason_shows_the_kept_row_and_no_text_of_one_that_is_dropped_by_now():
    long = "word " * 40
    rows = rows_of(
        [(f"{long}\nmore", "x"), ("Name  a\tplanet.\nPlease.", "x"), ("c?", "x"), ("", "x")]
    )
    one, two, three, four = rows.index
    delta = pd.DataFrame(
        {"duplicate_of": [None, one, two, "0123456789abcdef"]}, [one, two, three, four], dtype="str"
    )
    places = [f"; made.jsonl, row {n}" for n in (1, 2)]
    assert twins(rows, delta).tolist() == [
        "",
        f"{places[0]}: {long.strip()[:80]}…",
        f"{places[1]}: Name a planet.",
        "",
    ]
    rows.loc[two, "dropped_by"] = "people"
    assert twins(rows, delta).loc[three] == places[1]
    assert twins(rows, delta, dropped_too=True).loc[three] == f"{places[1]}: Name a planet."
    assert twins(rows, delta[[]]).tolist() == [""] * 4

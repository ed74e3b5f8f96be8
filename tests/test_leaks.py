"""Leaks in a delivery's manifest: shared prompts, groups and conversations, and the nearest pairs."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from curation.alike import likeness
from curation.alike.likeness import likenesses
from curation.alike.pairs import Pairs
from curation.alike.work import Work
from curation.export.leaks import leak_ratio, leaks
from curation.operations.split import leak_groups
from tests.conftest import make_dataset

WORDS = "apple boat cloud door engine field garden harbour island jacket kettle lamp meadow".split()


def placed(pairs, splits, **columns):
    data = make_dataset(pairs)
    return data.rows.assign(split=pd.Series(splits, index=data.rows.index, dtype="str"), **columns)


def test_leak_safe_is_said_only_of_what_was_shown_to_be():
    pairs = [("One?", "Yes."), ("Two?", "No."), ("Three?", "So."), ("Four?", "Oh.")]
    splits = ["train", "train", "validation", "test"]
    apart = np.eye(4, dtype=np.float32)
    rows = placed(pairs, splits)
    assert leaks(rows, apart, 0.95)["leak_safe"] and leaks(rows, apart, 0.95)["text"] == ""
    assert not leaks(rows, None, 0.95)["leak_safe"]
    near = apart.copy()
    near[3] = near[0]
    report = leaks(rows, near, 0.95)
    assert not report["leak_safe"] and report["above_threshold"] == 1
    assert report["nearest"]["similarity"] == 1.0
    assert set(report["nearest"]["splits"]) == {"test", "train"}
    blind = apart.copy()
    blind[1] = np.nan
    assert leaks(rows, blind, 0.95)["not_embedded"] == 1
    assert not leaks(rows, blind, 0.95)["leak_safe"], "a row that was not compared"
    same = placed([*pairs[:3], ("  one ", "Other.")], splits)
    assert leaks(same, apart, 0.95)["same_prompt"] == 1
    grouped = placed(pairs, splits, duplicate_group=["g", None, None, "g"])
    assert leaks(grouped, apart, 0.95)["same_group"] == 1
    alone = placed(pairs, splits, duplicate_group="")
    assert leaks(alone, apart, 0.95)["same_group"] == 0
    talk = placed(
        pairs,
        splits,
        metadata=[f'{{"conversation_id":{n}}}' for n in (7, 8, 9, 7)],
    )
    assert leaks(talk, apart, 0.95)["same_conversation"] == 1
    for wrong in (same, grouped, talk):
        assert not leaks(wrong, apart, 0.95)["leak_safe"]
    one = placed(pairs, ["train"] * 4)
    assert not leaks(one, apart, 0.95)["leak_safe"]


def test_the_pairs_above_the_threshold_are_named_and_what_to_do_is_said():
    angles = np.deg2rad([0, 10, 30, 80, 82, 86])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    splits = ["train", "test", "validation", "validation", "test", "train"]
    rows = placed([(f"Where is the {word}?", "There.") for word in WORDS[:6]], splits)
    report = leaks(rows, vectors, 0.95)
    ids = rows.index.tolist()
    assert report["above_threshold"] == 3 and report["kinds"] == {"meaning": 3}
    assert "3 nearly the same meaning (cosine of 0.95 or more)" in report["text"]
    assert [(set(p["ids"]), sorted(p["splits"])) for p in report["pairs"]] == [
        ({ids[3], ids[4]}, ["test", "validation"]),
        ({ids[0], ids[1]}, ["test", "train"]),
    ], "nearest first, and two that name each other are one pair"
    assert report["nearest"] == report["pairs"][0] and report["threshold"] == 0.95
    assert set(report["nearest"]["prompts"]) == {"Where is the door?", "Where is the engine?"}
    assert leaks(rows, vectors, 1.0)["pairs"] == []


def test_leaks_are_found_whatever_the_size_of_a_block(monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(400, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    splits = rng.choice(["train", "validation", "test"], 400).tolist()
    words = [f"{a}{b}" for a in WORDS for b in (*WORDS, "s")]
    words = [f"{word}{end}" for word in words for end in ("ly", "ness", "ish")][:400]
    rows = placed([(f"{word} or not", f"{word}!") for word in words], splits)
    shares = []
    whole = leaks(rows, vectors, 0.6, lambda share, text: shares.append(share))
    monkeypatch.setattr(sys.modules[leaks.__module__], "BLOCK", 7)
    assert leaks(rows, vectors, 0.6) == whole
    assert shares[-1] == 1.0 and len(whole["pairs"]) == 100 < whole["above_threshold"]
    near = vectors @ vectors.T
    names = np.array(splits)
    near[names[:, None] == names] = -1
    assert whole["nearest"]["similarity"] == pytest.approx(near.max(), abs=1e-4)
    held_out = names != "train"
    assert whole["above_threshold"] == (near[held_out].max(axis=1).round(4) >= 0.6).sum()


def story(n):
    """A text of forty words that shares few runs with any other."""
    rng = np.random.default_rng(n)
    return " ".join(f"{WORDS[w]}{v}" for w, v in rng.integers(0, 13, size=(40, 2)))


def test_fifty_test_rows_in_train_are_all_reported():
    stories = [story(n) for n in range(200)]
    edited = [f"Please answer: {text}" for text in stories[:25]] + stories[25:50]
    rows = placed(
        [(text, "One.") for text in [*stories, *edited]],
        ["test"] * 60 + ["train"] * 190,
    )
    report = leaks(rows, None)
    assert report["kinds"] == {"same_prompt": 25, "prompt_words": 25}
    assert len(report["pairs"]) == 50 and not report["leak_safe"]
    assert {i for pair in report["pairs"] for i in pair["ids"]} == {
        *rows.index[:50],
        *rows.index[200:],
    }


def test_a_template_with_another_number_is_no_leak_unless_the_answer_is_the_same():
    text = "What is the sum of the first {} whole numbers, counted from one on?"
    splits = ["train", "test"]
    near = np.ones((2, 1), dtype=np.float32)
    for answers, kinds in (
        (("Ten.", "Six."), {}),
        (("No idea.", "No idea."), {"meaning": 1}),
    ):
        rows = placed([(text.format(n), a) for n, a in zip((10, 11), answers, strict=True)], splits)
        report = leaks(rows, near)
        assert report["kinds"] == kinds and report["leak_safe"] == (not kinds)


def test_unanswered_prompts_that_differ_in_numbers_are_no_copies_and_others_are_one_kind():
    text = "What is the sum of the first {} whole numbers, counted from one on, and why is it so?"
    numbers = [(text.format(n), "") for n in (10, 11)]
    near = np.ones((2, 1), dtype=np.float32)
    assert leaks(placed(numbers, ["train", "test"]), near)["kinds"] == {}
    words = [(f"{text.format('ten')} {end}", "") for end in ("Now.", "Nows.")]
    assert _kinds(words) == {"prompt_words"}, "a prompt without an answer is compared once"


def test_prompts_that_differ_in_numbers_are_no_copies_by_words_or_meaning_of_the_whole():
    text = "What is the sum of the first {} whole numbers, counted from one on, and why is it so?"
    answer = f"{story(1)} and so {{}}."
    same = Pairs(np.array([0]), np.array([1]), np.array([1.0]))
    numbers = [(text.format(n), answer.format(w)) for n, w in ((10, "on"), (11, "forth"))]
    assert _kinds(numbers, [same]) == set()
    words = [(text.format(n), answer.format(w)) for n, w in (("ten", "on"), ("nine", "forth"))]
    assert _kinds(words, [same]) >= {"words", "meaning"}


def _kinds(examples, alike=()):
    rows = placed(examples, ["train"] * len(examples))
    return {copy.kind for copy in likenesses(rows, alike) if len(copy.pairs.first)}


def test_a_neighbour_beyond_those_that_differ_in_numbers_is_reported():
    prompts = [f"What is {n} plus two?" for n in range(30)]
    rows = placed(
        [(p, f"{n}.") for n, p in enumerate([*prompts, "Add two to it, please."])],
        ["test", *["train"] * 30],
    )
    near = np.ones((31, 1), dtype=np.float32)
    report = leaks(rows, near)
    assert report["kinds"] == {"meaning": 1}
    assert report["pairs"][0]["ids"] == [rows.index[0], rows.index[30]]


def test_the_leak_ratio_is_that_of_its_definition():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(60, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = np.array(["train"] * 40 + ["validation"] * 5 + ["test"] * 15)
    similar = (1 + vectors @ vectors.T) / 2
    np.fill_diagonal(similar, 0)
    across = names[:, None] != names

    def ratio(mask):
        return float(similar[mask].sum() / similar.sum())

    result = leak_ratio(names, vectors.astype(np.float32))
    assert result["split"] == pytest.approx(ratio(across), abs=1e-4)
    draws = [rng.permutation(60) for _ in range(300)]
    chance = np.mean([ratio(across[np.ix_(order, order)]) for order in draws])
    assert result["random"] == pytest.approx(chance, abs=2e-3)


def page() -> None:
    import streamlit as st

    from curation.ui import leak_report

    leak_report.draw(st.session_state["leaks"])


def drawn(report):
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["leaks"] = report
    app.run()
    assert not app.exception, app.exception[0].message
    return app


@pytest.mark.usefixtures("main_module")
def test_the_page_shows_the_pairs_and_never_says_leak_safe_above_the_threshold():
    rows = placed(
        [("What is *a* harbour?", "A."), ("What is *a* harbour?", "B."), ("And a lamp?", "C.")],
        ["train", "test", "train"],
    )
    report = leaks(rows, np.eye(3, dtype=np.float32))
    app = drawn(report)
    assert "1 prompts" in app.warning[0].value and not app.success
    assert "DataSAIL" in app.warning[0].value
    table = app.dataframe[0].value
    assert table["one"].tolist() == table["other"].tolist() == ["What is *a* harbour?"]
    safe = drawn(leaks(rows.iloc[1:], np.eye(2, dtype=np.float32)))
    assert "Leak-safe" in safe.success[0].value and not safe.warning and not safe.dataframe


def test_two_opposite_rows_have_no_leak_ratio():
    names, vectors = np.array(["train", "test"]), np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert leak_ratio(names, vectors) is None
    assert leak_ratio(names, np.array([[1.0, 0.0], [0.0, 1.0]])) == {"split": 1.0, "random": 1.0}


LONG = " ".join(f"{word} beside the {other}" for word in WORDS for other in WORDS[:2])
TEXTS = [
    *(LONG, f"{LONG} now", LONG.replace("meadow beside the boat", "meadow upon the boat")),
    *(
        LONG[::-1],
        "Where is the kettle, and where is the lamp?",
        "Where is the kettle? Where is the lamp?",
    ),
    *(
        "Add 2 to 40 and tell me.",
        "Add 3 to 40 and tell me.",
        "Where is the kettle, or where is the lamp?",
    ),
]


class Remembering(Work):
    """Remembers what the split compared, as the engine does."""

    def __init__(self) -> None:
        self.memory = {}

    def since(self, parts, compute):
        self.memory[str(parts)] = arrays = compute(self.latest(compute.__module__, parts))
        return arrays

    def latest(self, module, parts):
        assert module == "curation.alike.likeness"
        return self.memory.get(str(parts))


EXAMPLES = st.lists(
    st.tuples(st.sampled_from(TEXTS), st.sampled_from(["", *TEXTS]), st.sampled_from("tv")),
    min_size=2,
    max_size=9,
)


@settings(max_examples=30, deadline=None)
@given(EXAMPLES, st.sets(st.integers(0, 8)), st.data())
def test_leaks_are_the_same_whatever_the_split_compared_before(examples, left, data):
    """Some rows are left out of the delivery, and others of the former comparison."""
    splits = [{"t": "train", "v": "validation"}[split] for *_, split in examples]
    rows = placed([(prompt, response) for prompt, response, _ in examples], splits)
    places = np.array([n for n in range(len(rows)) if n not in left], dtype=np.int64)
    before = data.draw(st.sets(st.sampled_from(range(len(rows))), min_size=1))
    work = Remembering()
    leak_groups(rows.iloc[sorted(before)], work=work)
    alone = leaks(rows.iloc[places], None, 0.95) if len(places) else None
    if alone:
        assert leaks(rows, None, 0.95, work=work, places=places) == alone or not alone["checked"]
        assert leaks(rows, None, 0.95, places=places) == alone


def test_what_the_split_compared_and_kept_together_is_not_compared_again(monkeypatch):
    rows = placed(
        [(text, "") for text in TEXTS] + [(f"{WORDS[0]}?", text) for text in TEXTS], "train"
    )
    work, compared = Remembering(), []
    group, _ = leak_groups(rows, work=work)
    rows = rows.assign(split=np.where(group == group[0], "test", "train"))
    expected = leaks(rows, None, 0.95)
    real = likeness.word_copies
    monkeypatch.setattr(likeness, "word_copies", lambda *args: compared.append(args) or real(*args))
    assert leaks(rows, None, 0.95, work=work) == expected and not compared
    assert expected["kinds"] == {} and len(set(group)) > 2
    torn = rows.assign(split=["test", *rows["split"][1:-1], "test"]).assign(
        split=lambda r: np.where(np.arange(len(r)) == 1, "train", r["split"])
    )
    report = leaks(torn, None, 0.95, work=work)
    assert compared and report["kinds"]["prompt_words"] > 0, "a pair that was torn is listed again"
    equal = rows.assign(split=["train", *rows["split"][1:]]).iloc[[0, 1, 0]]
    equal = equal.assign(split=["train", "train", "test"]).set_axis(["a", "b", "c"])
    report = leaks(equal, None, 0.95, work=work)
    assert report == leaks(equal, None, 0.95) and report["kinds"]["prompt_words"] == 1
    more = placed(
        [*zip(rows["prompt"], rows["response"], strict=True), (f"{LONG} then", "")], "train"
    )
    more = more.assign(split=[*rows["split"], "train"])
    compared.clear()
    report = leaks(more, None, 0.95, work=work)
    assert compared and report["kinds"]["prompt_words"] > 0, "a row that is new is compared"

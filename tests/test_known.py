"""Rows that stand nearly word for word in another set."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from curation import Step
from curation.alike import jaccard, shingles
from curation.dataset import silent
from curation.errors import CurationError
from curation.operations import known
from curation.operations.known import drop_known
from curation.recipe import Recipe
from curation.registry import operation
from tests.conftest import make_dataset

LONG = "Tell me in a few plain words how the people of the island bake their bread in winter"
OLD = [
    (LONG, "In clay ovens."),
    ("Name a planet.", "Saturn."),
    (f"{LONG} of 1900", "They did not."),
]


def answer_of(pairs, sets, **params) -> pd.DataFrame:
    """The answer for some pairs; sets: name → its pairs."""
    targets = [
        SimpleNamespace(name=name, examples=make_dataset(rows).rows) for name, rows in sets.items()
    ]
    return drop_known(make_dataset(pairs).rows, lambda names: targets, silent, **params)


def test_a_row_of_another_set_goes_and_its_reason_names_it():
    pairs = [
        (f"Please {LONG[0].lower()}{LONG[1:]}", "In clay ovens."),
        (LONG, "Nobody knows, and nobody has ever asked them about their ovens."),
        ("Name a planet.", "Saturn."),
        ("Name a star.", "Sirius."),
        (f"{LONG} of 1950", "They did not."),
    ]
    answer = answer_of(pairs, {"old": OLD}, similarity=0.7)
    assert answer["keep"].tolist() == [False, True, False, True, True]
    assert answer["known_as"].fillna("").tolist() == ["old: row 1", "", "old: row 2", "", ""]
    near = answer["known_similarity"].iloc[0]
    assert answer["reason"].iloc[0] == f"duplicate of old: row 1 (similarity {near:.2f})"
    assert answer["known_similarity"].iloc[2] == 1 and np.isnan(answer["known_similarity"].iloc[3])
    prompts = answer_of(pairs, {"old": OLD}, similarity=0.7, sides=["prompt"])
    assert prompts["keep"].tolist() == [False, False, False, True, False]
    flagged = answer_of(pairs, {"old": OLD}, similarity=0.7, action="flag")
    assert flagged["keep"].all() and (flagged["known_as"].isna() == answer["known_as"].isna()).all()


def test_of_several_sets_the_nearest_row_is_named_and_each_set_is_counted():
    edited = LONG.replace("winter", "summer")
    answer = answer_of(
        [(LONG, "")], {"far": [(edited, "")], "near": [(LONG, "")]}, sides=["prompt"]
    )
    assert answer["known_as"].tolist() == ["near: row 1"]
    notes = operation("drop_known").notes
    assert notes is not None
    assert notes({}, answer, answer) == ["1 example stands in far.", "1 example stands in near."]


@pytest.mark.parametrize("threshold", [0.3, 0.6, 0.9])
def test_the_copies_are_those_of_all_pairs_and_empty_texts_are_none(threshold, monkeypatch):
    draw = random.Random(3)
    words = [f"w{'abcdefghij'[i]}" for i in range(10)]
    texts = [" ".join(draw.choices(words, k=draw.randint(0, 9))) for _ in range(80)]
    own, others = texts[:50] * 2, [*texts[50:], *texts[:7]]
    monkeypatch.setattr(known, "BLOCK", 17)
    pairs = known.copies_in(own, others, threshold, silent)
    near = np.array(
        [[jaccard(shingles(a), shingles(b)) if a and b else 0 for b in others] for a in own]
    )
    expected = np.flatnonzero(near.max(axis=1) >= threshold)
    assert pairs.first.tolist() == expected.tolist() and 10 < len(expected) < 100
    assert pairs.second.tolist() == near[expected].argmax(axis=1).tolist()
    assert np.allclose(pairs.similarity, near[expected].max(axis=1))


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a failure takes minutes
)
@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_the_rows_that_go_are_those_of_all_pairs_with_all_sets(seed, threshold):
    draw = random.Random(seed)
    words = [f"w{'abcdefghijkl'[i]}" for i in range(12)]
    texts = [" ".join(draw.choices(words, k=draw.randint(0, 12))) for _ in range(60)]
    for text in texts[:30]:
        parts = text.split()
        texts.append(" ".join([*parts[:-1], draw.choice(words)]))
    own, first, second = ([draw.choice(texts) for _ in range(60)] for _ in range(3))
    named = {"first": first, "second": second}
    answer = answer_of(
        [(text, "") for text in own],
        {name: [(text, "") for text in others] for name, others in named.items()},
        sides=["prompt"],
        similarity=threshold,
    )
    parts = {text: shingles(text) for text in texts}
    for text, (_, row) in zip(own, answer.iterrows(), strict=True):
        near = {
            f"{name}: row {n}": jaccard(parts[text], parts[other]) if text and other else 0
            for name, others in named.items()
            for n, other in enumerate(others, 1)
        }
        nearest = max(near, key=near.__getitem__)
        assert row["keep"] == (near[nearest] < threshold)
        if not row["keep"]:
            assert row["known_similarity"] == pytest.approx(near[nearest])
            assert row["known_as"] == nearest


def test_rows_too_short_for_a_shingle_are_counted_in_a_note():
    pairs = [
        ("Name a planet.", "Saturn."),
        ("Name a moon?", "The one that goes round Saturn."),
        (LONG, "Yes."),
        ("什么？", ""),
        ("", ""),
    ]
    notes = operation("drop_known").notes
    for sides, count in (["prompt"], 3), (["both"], 2), (["prompt", "both"], 2):
        answer = answer_of(pairs, {"old": OLD}, sides=sides)
        assert f"{count} example" in notes({}, answer, answer)[-1]
        assert "only equal" in notes({}, answer, answer)[-1]
    long = answer_of([(LONG, "Yes.")], {"old": OLD})
    assert not any("equal" in note for note in notes({}, long, long))


def test_a_recipe_names_the_set(make_project, tmp_path):
    project = make_project([{"prompt": p, "completion": c} for p, c in OLD])
    recipe = Recipe((Step("drop_known", sets=["older"]),))
    with pytest.raises(CurationError, match="older"):
        project.replay(recipe)
    path = tmp_path / "older.jsonl"
    path.write_text('{"prompt": "Name a planet.", "completion": "Saturn."}\n')
    project.references.add(path)
    assert len(project.replay(recipe).kept) == 2
    with pytest.raises(CurationError, match="no side is named"):
        project.replay(Recipe((Step("drop_known", sides=[]),)))

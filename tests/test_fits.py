"""Whether an answer belongs to its prompt: swapped answers are found, and what cannot be told is not."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from curation.dataset import Dataset
from curation.embedding.fits import Sides, best_prompts, fits
from curation.operations.fits import LOW, _misfits, answer_fit
from tests.conftest import make_dataset


def pairs_of_vectors(rows: int, width: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Prompts, and answers that are turned in space and differ a little, as of two kinds of text."""
    draw = np.random.default_rng(1)
    prompts = draw.normal(size=(rows, width))
    turn = np.linalg.qr(draw.normal(size=(width, width)))[0]
    answers = prompts @ turn + 0.3 * draw.normal(size=(rows, width))
    return tuple(
        (part / np.linalg.norm(part, axis=1, keepdims=True)).astype(np.float32)
        for part in (prompts, answers)
    )


def sides_of(prompts: np.ndarray, answers: np.ndarray) -> Sides:
    return Sides(prompts, answers, *np.tile(np.arange(len(prompts)), (2, 1)))


def swapped(rows: int, count: int) -> np.ndarray:
    """Each row's answer, where those of the first rows are each that of the one before."""
    return np.r_[np.roll(np.arange(count), 1), np.arange(count, rows)]


def test_swapped_answers_have_the_lowest_fit_though_answers_lie_elsewhere_than_prompts():
    prompts, answers = pairs_of_vectors(600)
    fit = fits(sides_of(prompts, answers[swapped(600, 30)]))
    assert np.mean(fit[:30] < LOW) >= 0.8
    assert np.mean(fit[30:] < LOW) < 0.02
    cosines = np.einsum("ij,ij->i", prompts, answers)
    assert abs(cosines.mean()) < 0.1, "the plain cosine says nothing here"


def test_few_rows_are_judged_by_the_plain_cosine():
    prompts = pairs_of_vectors(12)[0]
    fit = fits(sides_of(prompts, prompts[swapped(12, 2)]))
    assert (fit[:2] < LOW).all() and (fit[2:] > LOW).all()


def test_the_prompt_that_an_answer_came_from_is_named():
    prompts, answers = pairs_of_vectors(600)
    order = swapped(600, 30)
    best = best_prompts(sides_of(prompts, answers[order]), np.arange(30))
    assert np.mean(best == order[:30]) > 0.8


def test_rows_of_one_answer_are_not_each_others_better_fit():
    prompts, answers = pairs_of_vectors(200)
    labels = np.arange(200) % 2
    sides = Sides(prompts, answers[labels], np.arange(200), np.zeros(200, dtype=int))
    assert np.isnan(fits(sides)).all(), "one answer for all: nothing to compare with"
    assert np.isnan(fits(sides_of(prompts[:1], answers[:1]))).all()


@pytest.fixture
def sums() -> Dataset:
    things = "bread soup chess tennis Saturn Mars cats horses rivers bridges violins drums".split()
    return make_dataset(
        [(f"Tell me about {thing}.", f"{thing} {thing} and more {thing}.") for thing in things]
        + [("Nothing was answered here.", ""), ("", "Nobody had a question.")]
    )


def by_words(rows: pd.DataFrame, side: str) -> np.ndarray:
    """A vector of letters' triples for each text of a side."""
    vectors = np.zeros((len(rows), 512), dtype=np.float32)
    for row, text in zip(vectors, rows[side].str.lower(), strict=True):
        for i in range(len(text) - 2):
            row[sum(31**j * ord(letter) for j, letter in enumerate(text[i : i + 3])) % 512] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_step_names_the_row_of_the_better_prompt_and_leaves_half_rows_unmeasured(sums):
    rows = sums.rows.copy()
    one, two = rows.index[rows["prompt"].str.contains("soup|horses")]
    rows.loc[[one, two], "response"] = rows.loc[[two, one], "response"].to_numpy()
    frame = answer_fit(rows, by_words)
    assert dict(frame["fits_better"].dropna()) == {one: two, two: one}
    half = (rows["prompt"] == "") | (rows["response"] == "")
    assert half.sum() == 2 and frame["fit"].isna().equals(half)
    note = _misfits({}, rows, frame)[0]
    assert (
        "2 of 12 answers" in note
        and "The lowest: " in note
        and {one, two} <= set(re.findall("[0-9a-f]{16}", note))
    )
    assert frame.equals(answer_fit(rows, by_words))


def test_the_note_names_the_five_lowest_and_both_sides_are_embedded_in_one_call(sums):
    calls = []

    def embedder(rows: pd.DataFrame, side: str) -> np.ndarray:
        calls.append(len(rows))
        return by_words(rows, side)

    answer_fit(sums.rows, embedder)
    assert calls == [24], "so that the time that is left is that of both"
    frame = pd.DataFrame({"fit": [0.7, 0.2, 0.1, 0.3, 0.9, 0.4, 0.5, 0.6]}, list("abcdefgh"))
    (note,) = _misfits({}, frame, frame)
    assert (
        "7 of 8" in note and "The lowest: c (0.10), b (0.20), d (0.30), f (0.40), g (0.50)." in note
    )


def test_a_fit_that_says_nothing_of_these_texts_warns():
    frame = pd.DataFrame({"fit": [0.5, 0.9, 0.95]})
    assert "believe none" in _misfits({}, frame, frame)[0]
    assert "No fit could be measured" in _misfits({}, frame, frame * np.nan)[0]

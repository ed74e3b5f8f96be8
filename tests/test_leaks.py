"""Leaks in a delivery's manifest: shared prompts, groups and conversations, and the nearest pairs."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from curation.export.leaks import leaks
from tests.conftest import make_dataset


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
    rows = placed([(f"Question {i}?", f"Answer {i}.") for i in range(6)], splits)
    report = leaks(rows, vectors, 0.95)
    ids = rows.index.tolist()
    assert report["above_threshold"] == 3 and "drop one of each" in report["text"]
    assert [(set(p["ids"]), sorted(p["splits"])) for p in report["pairs"]] == [
        ({ids[3], ids[4]}, ["test", "validation"]),
        ({ids[0], ids[1]}, ["test", "train"]),
    ], "nearest first, and two that name each other are one pair"
    assert report["nearest"] == report["pairs"][0] and report["threshold"] == 0.95
    assert leaks(rows, vectors, 1.0)["pairs"] == []


def test_leaks_are_found_whatever_the_size_of_a_block(monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(400, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    splits = rng.choice(["train", "validation", "test"], 400).tolist()
    rows = placed([(f"Question {i}?", f"Answer {i}.") for i in range(400)], splits)
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

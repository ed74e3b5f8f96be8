"""Columns that are not written out: what they say is what plain columns of the same texts say."""

from __future__ import annotations

import operator
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import unwritten
from curation.cache import Cache
from curation.numbered import from_table, spread, to_table
from curation.unwritten import (
    Picked,
    Unwritten,
    absent,
    column_of,
    laid_over,
    named,
    parts_of,
    picked,
    with_places,
)

FEW = 3
TEXTS = ["tea", "", "Kräutertee 🍵", "coffee"]
values = st.lists(st.sampled_from([*TEXTS, None]), min_size=FEW + 1, max_size=30)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwritten, "FEW", FEW)


def plain(texts: list[str | None]) -> pd.Series:
    return pd.Series(texts, dtype="str")


def column(texts: list[str | None]) -> pd.Series:
    places = [-1 if text is None else TEXTS.index(text) for text in texts]
    result = column_of(picked(pa.array(TEXTS, pa.large_string()), np.array(places)))
    assert isinstance(parts_of(result), Picked)
    return result


@given(values, st.data())
def test_a_column_says_what_a_plain_one_says(texts: list[str | None], data: st.DataObject) -> None:
    mine, theirs = column(texts), plain(texts)
    numbers = st.integers(-1, len(texts) - 1)
    positions = np.array(data.draw(st.lists(numbers, max_size=20)), dtype=np.int64)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))))
    for part in (slice(1, None), slice(None, None, -2), mask, positions):
        pd.testing.assert_series_equal(mine.iloc[part], theirs.iloc[part])
    pd.testing.assert_series_equal(mine.reindex(positions), theirs.reindex(positions))
    assert mine.isna().tolist() == theirs.isna().tolist() and mine.hasnans == theirs.hasnans
    pd.testing.assert_series_equal(mine.fillna("none"), theirs.fillna("none"))
    for other in (*TEXTS, "cocoa"):
        for compared in (operator.eq, operator.ne, operator.lt):
            assert compared(mine, other).tolist() == compared(theirs, other).tolist()
    assert [str(value) for value in mine.array] == [str(value) for value in theirs.array]
    assert [str(mine.iloc[n]) for n in range(-1, len(texts))] == [
        str(theirs.iloc[n]) for n in range(-1, len(texts))
    ]
    assert mine.value_counts().to_dict() == theirs.value_counts().to_dict()
    assert pa.array(mine.array).to_pylist() == texts
    pd.testing.assert_series_equal(pickle.loads(pickle.dumps(mine)), theirs)
    pd.testing.assert_series_equal(pd.concat([mine, theirs]), pd.concat([theirs, theirs]))


@given(values, st.data())
def test_layers_are_those_of_plain_columns(texts: list[str | None], data: st.DataObject) -> None:
    size = len(texts)
    others = data.draw(st.lists(st.sampled_from([*TEXTS, None]), min_size=size, max_size=size))
    numbers = np.array(sorted(data.draw(st.sets(st.integers(0, size - 1)))), dtype=np.int64)
    fresh, old = plain(texts), plain(others)
    expected = fresh.where(fresh.notna(), old)
    for mine in (fresh, column(texts)):
        for theirs in (old, column(others)):
            pd.testing.assert_series_equal(laid_over(mine, theirs), expected)
    expected = fresh.copy()
    expected.iloc[numbers] = "lengths"
    for mine in (fresh, column(texts)):
        pd.testing.assert_series_equal(named(mine, numbers, "lengths"), expected)
        assert mine.isna().tolist() == fresh.isna().tolist() and mine.tolist()[0] is not numbers
    frame = pd.DataFrame({"kind": fresh, "score": np.arange(size) / 2})
    wide = pd.Index([f"row{n}" for n in range(size + 5)], dtype="str")
    places = np.arange(size)[::-1] + 2
    pd.testing.assert_frame_equal(
        spread(frame.assign(kind=column(texts)), places, wide), spread(frame, places, wide)
    )


def test_a_change_leaves_the_former_column_as_it_was() -> None:
    texts: list[str | None] = ["tea", None, "coffee", "", "tea"]
    first = column(texts)
    second = first.copy()
    second.iloc[0] = "cocoa"
    third = named(first, np.array([1]), "cocoa")
    assert first.fillna("none").tolist() == ["tea", "none", "coffee", "", "tea"]
    assert second.tolist()[0] == "cocoa" and third.tolist()[1] == "cocoa"
    assert isinstance(third.array, Unwritten) and first.isna().tolist()[1]


def test_no_text_at_all_and_more_names_than_a_byte_counts() -> None:
    nothing = absent(pd.RangeIndex(6))
    assert nothing.isna().all() and nothing.dtype == "str"
    assert (nothing != "tea").all() and not (nothing == "tea").any()
    result = nothing
    for n in range(300):
        result = named(result, np.array([n % 6]), f"step {n}")
    assert result.tolist() == [f"step {n}" for n in range(294, 300)]


def test_few_texts_are_numbered_and_many_are_not() -> None:
    kinds = plain(["a file", "another file"] * 5_000)
    assert isinstance(parts_of(with_places(kinds)), Picked)
    pd.testing.assert_series_equal(with_places(kinds), kinds)
    for kept in (plain([str(n) for n in range(9_000)]), plain([str(n // 3) for n in range(9_000)])):
        assert with_places(kept) is kept


def test_a_remembered_table_comes_back_numbered_and_equal(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "keep": [True, False] * 10,
            "reason": plain(["", "too short"] * 10),
            "score": np.arange(20) / 4,
            "topic": plain([None, "tea", "tea", "coffee"] * 5),
            "own": plain([f"text {n}" for n in range(20)]),
        }
    )
    frame.attrs["notes"] = ["Two rows are short."]
    cache = Cache(tmp_path)
    for name, numbers in (("00a", np.arange(20)), ("00b", np.arange(20) * 2)):
        cache.put(name, to_table(frame, numbers, 20))
        table = cache.get(name, plain=False)
        assert table is not None
        back, places = from_table(table, 20)
        pd.testing.assert_frame_equal(back, frame)
        assert back.attrs == frame.attrs and places.tolist() == numbers.tolist()
        assert [parts_of(back[c]) is not None for c in ("reason", "topic", "own")] == [
            True,
            True,
            False,
        ]
        as_text = cache.get(name)
        assert as_text is not None and from_table(as_text, 20)[0].equals(frame)

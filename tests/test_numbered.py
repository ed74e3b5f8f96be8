"""Rows by number give what rows by id give, and stored tables come back as they were."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from curation import Project, cache, numbered
from curation.dataset import Dataset
from curation.engine.steps import content_of_column as content
from tests.conftest import make_dataset

IDS = pd.Index([f"{n:016x}" for n in (7, 3, 9, 1, 5)], name="id", dtype="str")
FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 3],
        "part": [1.5, np.nan, 2.5],
        "yes": [True, False, True],
        "word": pd.Series(["a", None, ""], dtype="str").array,
        "perhaps": pd.array([True, None, False], dtype="boolean"),
    },
    index=IDS[[4, 0, 2]],
)
NUMBERS = np.array([4, 0, 2])


def same(left, right):
    pd.testing.assert_frame_equal(left, right, check_index_type=True)


def test_a_frame_is_spread_as_pandas_spreads_it_by_id():
    assert numbered.numbers_of(IDS, FRAME.index).tolist() == [4, 0, 2]
    assert numbered.numbers_of(IDS, pd.Index(["x", IDS[1]])).tolist() == [-1, 1]
    same(numbered.spread(FRAME, NUMBERS, IDS), FRAME.reindex(IDS))
    turned = FRAME.reindex(IDS[::-1])
    same(numbered.spread(turned, np.arange(5)[::-1], IDS), turned.reindex(IDS))
    same(numbered.spread(turned, np.arange(5), IDS), turned.set_axis(IDS))


def test_values_are_replaced_at_their_rows_and_the_column_stays_as_it_was():
    column = pd.Series(list("abcde"), index=IDS, dtype="str")
    values = pd.Series(["E", None], dtype="str", index=IDS[[4, 0]])
    assert numbered.replaced(column, np.array([4, 0]), values).fillna("-").tolist() == list("-bcdE")
    assert column.tolist() == list("abcde")
    assert numbered.replaced(column, NUMBERS[:0], values[:0]) is column


@pytest.mark.parametrize("numbers", [NUMBERS, np.array([2, 1, 0]), np.arange(3)], ids=str)
def test_a_stored_table_has_the_rows_their_numbers_and_the_notes(numbers):
    count = 5 if 4 in numbers else 3
    frame = FRAME.copy()
    frame.attrs["notes"] = ["One row is long."]
    table = numbered.to_table(frame, numbers, count)
    assert "id" not in table.column_names
    assert (numbered.ROW in table.column_names) == (numbers.tolist() != [0, 1, 2])
    back, numbers_back = numbered.from_table(table, count)
    assert numbers_back.tolist() == numbers.tolist() and back.attrs == frame.attrs
    same(back, FRAME.reset_index(drop=True))


EARLIER = np.array([4, 0, 2, 7, 1])


@pytest.mark.parametrize("chosen", [[True] * 5, [False, True, True, False, True]], ids=str)
def test_rows_of_an_earlier_table_are_stored_without_their_numbers(chosen, tmp_path):
    numbers = EARLIER[chosen]
    frame = pd.DataFrame({"size": np.arange(len(numbers))})
    frame.attrs["notes"] = ["One row is long."]
    table = numbered.to_table(frame, numbers, 9)
    earlier = [np.arange(3), EARLIER, np.arange(9)]
    cache.write_table(tmp_path / "rows.arrow", numbered.without_numbers(table, earlier))
    stored = cache.read_table(tmp_path / "rows.arrow")
    assert stored.column_names == ["size"]
    back, numbers_back = numbered.from_table(numbered.with_numbers(stored, earlier), 9)
    assert numbers_back.tolist() == numbers.tolist() and back.attrs == frame.attrs
    same(back, frame)
    others = [[], earlier[:1], [*earlier[:1], EARLIER[::-1]], [*earlier[:1], EARLIER[:4]]]
    assert [numbered.with_numbers(stored, some) for some in others] == [None] * 4


def test_rows_in_no_earlier_order_keep_their_numbers():
    table = numbered.to_table(pd.DataFrame({"size": [1, 2]}), np.array([2, 0]), 9)
    assert numbered.without_numbers(table, [np.arange(9), EARLIER]) is table
    assert numbered.with_numbers(table, []) is table
    assert numbered.with_numbers(None, [EARLIER]) is None


@pytest.mark.parametrize(
    "values, kind",
    [
        ([0.5, None, -0.0, float("inf")], "float"),
        ([0.5, 0.1], "double"),
        ([0.5, 1e300], "double"),
        ([None, None], "float"),
    ],
    ids=str,
)
def test_numbers_are_stored_in_single_precision_where_that_is_all_of_them(values, kind, tmp_path):
    table = pa.table({"n": pa.array(values, pa.float64()), "f": pa.array(values, pa.float32())})
    cache.write_table(tmp_path / "n.arrow", table)
    back = cache.read_table(tmp_path / "n.arrow")
    assert back.schema == table.schema
    assert str(back["n"].to_pylist()) == str(values)  # also of -0.0
    body = pa.py_buffer((tmp_path / "n.arrow").read_bytes()).slice(32)
    assert str(pa.ipc.open_file(body).schema.field("n").type) == kind


def test_the_order_of_ids_is_shared_by_datasets_of_the_same_rows_only():
    dataset = make_dataset([("a", "1"), ("b", "2"), ("c", "3")])
    ids = dataset.rows.index
    assert ids[dataset.kept_numbers].tolist() == sorted(ids)
    scored = dataset.replace(rows=dataset.rows.assign(score=1.0, dropped_by=["x", None, None]))
    assert ids[scored.kept_numbers].tolist() == sorted(ids[1:])
    turned = dataset.replace(rows=dataset.rows[::-1])
    assert turned.rows.index[turned.kept_numbers].tolist() == sorted(ids)
    assert len(Dataset(dataset.rows[:0]).kept_numbers) == 0


def test_equal_columns_have_equal_bytes_wherever_they_are_cut():
    def bytes_of(*values, dtype="str"):
        return b"".join(map(bytes, content(pd.Series(values, dtype=dtype))))

    words = pd.Series(["a", "bc", None, "", "é"] * 3, dtype="str")
    whole = bytes_of("a", "bc", None, "", "é")
    assert b"".join(map(bytes, content(words.iloc[5:10]))) == whole
    joined = pd.concat([words.iloc[3:5], words.iloc[5:8]])
    assert b"".join(map(bytes, content(joined))) == bytes_of("", "é", "a", "bc", None)
    different = [
        whole,
        bytes_of("a", "bc", "", "", "é"),
        bytes_of("ab", "c", None, "", "é"),
        bytes_of("a", "bc", None, "é", ""),
        bytes_of(),
        bytes_of(None),
        bytes_of(""),
        bytes_of(1, None, dtype="Int64"),
        bytes_of(1, 2, dtype="Int64"),
        bytes_of(1.0, np.inf, dtype=float),
        bytes_of(1.0, np.nan, dtype=float),
    ]
    assert len(set(different)) == len(different)


def test_texts_are_joined_in_one_piece_and_nothing_else_changes():
    parts = [FRAME.iloc[[0]], FRAME.iloc[1:]]
    frame = pd.concat(parts)
    frame.attrs["notes"] = ["Two parts."]
    assert isinstance(pa.array(frame["word"].array), pa.ChunkedArray)
    whole = numbered.in_one_piece(frame)
    assert isinstance(pa.array(whole["word"].array), pa.Array) and whole.attrs == frame.attrs
    same(whole, FRAME)


def test_an_opened_project_has_its_texts_in_one_piece(tmp_path):
    project = Project.create(tmp_path / "project")
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"prompt": name, "completion": "x"}))
        project.add(tmp_path / f"{name}.jsonl")
    rows = Project.open(project.path).examples.rows
    for name in rows.columns[rows.dtypes == "str"]:
        texts = pa.array(rows[name].array)
        assert isinstance(texts, pa.Array) or texts.num_chunks == 1, name


@pytest.mark.parametrize("different", [0, 1, 3, 300, 70_000])
def test_a_table_is_read_as_it_was_written(different, tmp_path):
    """Different texts: none, few enough to be numbered in one, two and four bytes, and too many."""
    rows = max(12, different * 4)
    texts = [None if not different or n % 7 == 6 else f"{n % different}" for n in range(rows)]
    table = pa.table(
        {
            "few": pa.array(texts, pa.large_string()),
            "many": pa.array([f"{n}" for n in range(rows)], pa.large_string()),
            "small": pa.array(texts, pa.string()),
            "kinds": pa.array(texts, pa.large_string()).dictionary_encode(),
            "number": np.where(np.arange(rows) % 2, np.nan, np.arange(rows)),
        },
        metadata={"pandas": "{}"},
    )
    in_pieces = pa.concat_tables([table.slice(0, 5), table.slice(5)])
    for some in (table, in_pieces, table.slice(0, 0), table.replace_schema_metadata(None)):
        cache.write_table(tmp_path / "table", some)
        back = cache.read_table(tmp_path / "table")
        assert back.schema.equals(some.schema, check_metadata=True)
        assert all(
            a.equals(b) for a, b in zip(back.drop("number"), some.drop("number"), strict=True)
        )
        assert np.array_equal(back["number"], some["number"], equal_nan=True)


def test_few_different_texts_take_a_byte_a_row_before_packing(tmp_path):
    texts = [
        f"a rather long name of topic {n % 200}"
        for n in np.random.default_rng(0).permutation(20_000)
    ]
    cache.write_table(tmp_path / "few", pa.table({"t": pa.array(texts, pa.large_string())}))
    assert (tmp_path / "few").stat().st_size < 24_000

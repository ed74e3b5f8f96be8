from dataclasses import replace

import numpy as np
import pytest

from curation.vectors import BLOCK, Vectors, some_of

TABLE = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float16)


def drawn(rows: int, file: str = "a") -> Vectors:
    return Vectors(TABLE, np.random.default_rng(1).integers(-1, 50, rows).astype(np.int32), file)


def as_array(vectors: Vectors) -> np.ndarray:
    """The same by the plainest way."""
    rows = [vectors.table[p] if p >= 0 else np.full(8, np.nan) for p in vectors.places]
    return np.array(rows, dtype=np.float32).reshape(-1, 8)


@pytest.mark.parametrize("rows", [0, 1, 7, BLOCK + 3])
def test_some_rows_are_read_as_from_an_array(rows):
    vectors = drawn(rows)
    array = as_array(vectors)
    assert vectors.shape == array.shape and len(vectors) == rows
    mask = np.arange(rows) % 3 == 1
    for part in (slice(None), slice(1, 5), mask, np.flatnonzero(mask)[::-1], np.zeros(0, int)):
        assert vectors[part].dtype == np.float32
        assert np.array_equal(vectors[part], array[part], equal_nan=True)
    if rows:
        assert np.array_equal(vectors[-1], array[-1], equal_nan=True)
    assert (vectors.present == ~np.isnan(array[:, 0])).all()
    assert np.array_equal(np.asarray(vectors), array, equal_nan=True)
    aim = np.arange(8, dtype=np.float32)
    assert np.allclose(vectors @ aim, array @ aim, equal_nan=True)
    assert (vectors @ TABLE.T.astype(np.float32)).shape == (rows, 50)


def test_an_array_with_gaps_becomes_vectors_and_back():
    array = as_array(drawn(300))
    assert np.isnan(array).any()
    assert np.array_equal(Vectors.of(array)[:], array, equal_nan=True)
    assert Vectors.of(np.zeros((3, 0), np.float32))[:].shape == (3, 0)


@pytest.mark.parametrize("file", ["a", "b", ""])
def test_others_take_the_place_of_some(file):
    mine, grown = drawn(20), np.concatenate([TABLE, TABLE + 1])
    others = Vectors(grown, np.array([70, 3, -1], dtype=np.int32), file)
    both = mine.with_others(np.array([4, 9, 2]), others)
    expected = as_array(mine)
    expected[[4, 9, 2]] = as_array(others)
    assert np.array_equal(both[:], expected, equal_nan=True)
    assert both.file == ("a" if file == "a" else "")


def test_rows_stand_at_their_positions_among_more():
    some = drawn(5)
    among = some.among(np.array([9, 0, 3, 7, 1]), 10)
    assert np.array_equal(among[[9, 0, 3, 7, 1]], as_array(some), equal_nan=True)
    assert not among.present[[2, 4, 5, 6, 8]].any()


def test_gaps_read_as_a_number_where_one_is_named():
    vectors = replace(drawn(BLOCK + 9), gap=0.0)
    array = np.nan_to_num(as_array(vectors))
    assert np.array_equal(vectors[:], array)
    some = np.append(np.flatnonzero(~vectors.present), [5, 3])
    assert len(some) > 2 and np.array_equal(vectors.of_rows(some)[:], array[some])
    assert np.array_equal(vectors.each(lambda block: block.sum(axis=1)), array.sum(axis=1))
    assert some_of(array, np.array([3])).tolist() == some_of(vectors, np.array([3]))[:].tolist()

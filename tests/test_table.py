"""Tables with cheap copies, beside dictionaries."""

from __future__ import annotations

import random

import pytest

from curation.decisions import table
from curation.decisions.table import Table


@pytest.mark.parametrize("seed", range(20))
def test_copies_of_a_table_change_apart_and_are_dictionaries(seed, monkeypatch):
    monkeypatch.setattr(table, "MOST", 3)
    rng = random.Random(seed)
    pairs: list[tuple[Table[int], dict[str, int]]] = [(Table(), {})]
    for step in range(300):
        ours, plain = rng.choice(pairs)
        key = str(rng.randrange(12))
        match rng.randrange(4):
            case 0:
                pairs = [*pairs[-5:], (ours.copy(), plain.copy())]
            case 1:
                assert ours.pop(key, None) == plain.pop(key, None)
            case _:
                ours[key] = plain[key] = step
        for ours, plain in pairs:
            assert list(ours.items()) == list(plain.items()), "also the order"
            assert (len(ours), ours == plain) == (len(plain), True)
            assert [ours.get(k, -1) for k in "0123456789"] == [
                plain.get(k, -1) for k in "0123456789"
            ]
            assert [k in ours for k in "0123456789"] == [k in plain for k in "0123456789"]


def test_a_copy_shares_the_large_dictionary_until_much_was_set(monkeypatch):
    monkeypatch.setattr(table, "MOST", 3)
    large = Table({str(n): n for n in range(100)})
    copies = [large]
    for n in range(6):
        copies.append(copies[-1].copy())
        copies[-1][f"late {n}"] = n
    assert [one._base is large._base for one in copies] == [True] * 5 + [False] * 2
    assert copies[0]._base == {str(n): n for n in range(100)}


def test_a_key_that_is_missing_is_an_error():
    empty: Table[int] = Table()
    with pytest.raises(KeyError):
        empty["a"]
    with pytest.raises(KeyError):
        del empty.copy()["a"]

"""What comparisons compute: the same wherever rows are cut, by whatever engine, and whatever was remembered."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation.alike import (
    incidence,
    jaccard,
    keys,
    likeness,
    pairs,
    preference,
    shingle_sets,
    shingles,
)
from curation.alike.keys import digest_of, side_keys
from curation.alike.near_duplicates import Sides
from curation.alike.pairs import Index, Pairs, near_among
from curation.alike.sets import Sets, classes, numbered, vector_keys
from curation.allocation import assignments, units_of
from curation.cache import Cache
from curation.dataset import Dataset
from curation.engine import Processes, work
from curation.engine.supply import Supply
from curation.registry import operation
from tests.conftest import make_dataset
from tests.test_contract import BENCHMARK

WORDS = "apple boat cloud door engine field garden harbour island jacket kettle lamp meadow".split()


def pool(count: int = 60) -> pd.DataFrame:
    """Examples of which some are copies, some nearly so, and some hold a row of the reference set."""
    draw, examples = random.Random(count), []
    for n in range(count):
        prompt = " ".join(draw.choices(WORDS, k=draw.randint(2, 14)))
        answer = " ".join(draw.choices(WORDS, k=draw.randint(1, 30)))
        if examples and n % 3 == 1:
            prompt, answer = draw.choice(examples)
            answer = f"{answer} {draw.choice(WORDS)}" if n % 2 else answer.upper()
        if n % 13 == 5:
            prompt = f"{BENCHMARK.examples['prompt'].iloc[0]} {prompt}"
        examples.append((prompt, answer))
    labels = [draw.choice([None, "a", "b"]) for _ in examples]
    rows = make_dataset(examples).rows
    return rows.assign(label=pd.Series(labels, index=rows.index, dtype="str"))


STEPS = {
    "drop_exact_duplicates": {},
    "drop_near_duplicates": {"similarity": 0.6},
    "split": {"test": 0.2},
    "decontaminate": {"action": "flag", "sides": ["prompt", "response", "both"]},
}


def answered(use: str, rows: pd.DataFrame, cache: Cache | None = None, run=work.one_by_one):
    """The answer of a step on all rows."""
    step = operation(use)
    supply = Supply(rows.sort_index(), dataset=Dataset(rows), cache=cache, run=run)
    offers = {"targets": lambda names: [BENCHMARK]}
    inputs = [
        offers[name] if name in offers else value
        for name, value in zip(step.inputs, supply.of(step), strict=True)
    ]
    return step.run(*inputs, **step.check(STEPS[use]))


@pytest.mark.parametrize("use", STEPS)
def test_the_answer_is_the_same_wherever_the_rows_are_cut(use, tmp_path):
    rows = pool()
    whole = answered(use, rows)
    assert whole.nunique().max() > 1
    for size in (1, 7, 59):
        with patch.object(work, "BATCH_ROWS", size), patch.object(pairs, "BLOCK", size + 1):
            cache = Cache(tmp_path / str(size))
            for _ in ("computed", "remembered"):
                pd.testing.assert_frame_equal(answered(use, rows, cache), whole)


@pytest.mark.alone
def test_workers_give_the_same(tmp_path):
    rows, engine = pool(), Processes(2)
    try:
        with patch.object(work, "BATCH_ROWS", 7):
            for use in STEPS:
                pd.testing.assert_frame_equal(
                    answered(use, rows, run=engine.run), answered(use, rows)
                )
    finally:
        engine.close()


def test_another_filter_repeats_no_batch_and_an_edit_repeats_one(tmp_path):
    rows, cache, read = pool(), Cache(tmp_path), []

    def counted(batches):
        read.extend(batches := list(batches))
        return work.one_by_one(batches)

    def keys_of(whole: pd.DataFrame, kept: pd.DataFrame) -> np.ndarray:
        supply = Supply(kept, dataset=Dataset(whole), cache=cache, run=counted)
        return supply.work.of_rows(
            side_keys, kept[["messages", "label"]], normalise=True, punctuation=True
        )["prompts"]

    with patch.object(work, "BATCH_ROWS", 7):
        whole = keys_of(rows, rows)
        assert len(read) == 9
        some = rows.iloc[[40, 3, 17]]
        assert (keys_of(rows, some) == whole[[40, 3, 17]]).all() and len(read) == 9
        edited = rows.assign(messages=rows["messages"].where(rows.index != rows.index[10], "[]"))
        assert (keys_of(edited, edited) != whole).any(axis=1).nonzero()[0].tolist() == [10]
        assert len(read) == 10


def test_a_digest_is_of_the_texts_and_not_of_how_they_lie_in_memory():
    texts = pd.DataFrame({"a": pd.Series(["one", None, "", "tw", "o", "é"], dtype="str")})
    assert digest_of(texts.iloc[2:]) == digest_of(pd.DataFrame({"a": ["", "tw", "o", "é"]}))
    assert digest_of(pd.concat([texts.iloc[:3], texts.iloc[3:]])) == digest_of(texts)
    others = [
        texts.iloc[:5],
        texts.rename(columns={"a": "b"}),
        texts.replace("tw", "t").replace("o", "wo"),
        texts.iloc[::-1],
        texts.replace("one", "eno"),
    ]
    assert len({digest_of(frame) for frame in [texts, *others]}) == 6
    with patch.object(keys, "BLOCK", 2):
        assert len({digest_of(frame) for frame in [texts, *others]}) == 6
        by_two = digest_of(texts)
    assert by_two == digest_of(texts)


def test_the_longest_conversation_comes_first_wherever_the_blocks_end():
    rows = make_dataset([(f"{i}?", "x" * (3 * i % 7)) for i in range(7)]).rows
    rows = rows.assign(source_row=range(7))
    longest = np.argsort(-rows["messages"].str.len().to_numpy(), kind="stable")
    with patch.object(preference, "BLOCK", 3):
        assert (preference.preference(rows, "longest", None, "highest") == longest).all()
    assert not len(preference.preference(rows.iloc[:0], "longest", None, "highest"))


alike_sets = st.lists(
    st.builds(
        lambda size, others: set(range(size)) ^ others,
        st.integers(3, 24),
        st.sets(st.integers(0, 40), max_size=3),
    ),
    max_size=14,
)
sets_of_hashes = st.lists(st.sets(st.integers(0, 40), max_size=12), max_size=14)


def arrays_of(sets) -> list[np.ndarray]:
    return [np.array(sorted(s), dtype=np.uint64) << np.uint64(40) for s in sets]


@settings(max_examples=250, deadline=None)
@given(sets_of_hashes | alike_sets, st.sampled_from([0.5, 0.7, 0.8, 0.9, 1.0]), st.integers(1, 5))
@example([{*range(9), 30}, {*range(10)}, {8, 9}], 0.8, 5)
@example([{*range(10)}, {*range(9), 30}, {8, 9}], 0.8, 5)
def test_pairs_among_sets_are_those_of_all_pairs(some, threshold, size):
    sets = arrays_of(some)
    near = {
        (i, j)
        for i, a in enumerate(sets)
        for j, b in enumerate(sets[:i])
        if len(a) and len(b) and jaccard(a, b) >= threshold - 1e-9
    }
    with (
        patch.multiple(incidence, PART=size, ROWS=size),
        patch.multiple(pairs, ACROSS=size, HITS=size, CHECKED=size),
    ):
        given_pairs = [
            (int(i), int(j))
            for part in near_among(Sets.of(sets), threshold)
            for i, j in zip(part.first, part.second, strict=True)
        ]
    assert sorted(given_pairs) == sorted(near)


@settings(max_examples=250, deadline=None)
@given(
    sets_of_hashes | alike_sets, sets_of_hashes | alike_sets, st.sampled_from([0.5, 0.8, 0.9, 1.0])
)
def test_pairs_with_other_sets_are_those_of_all_pairs(some, others, threshold):
    sets, more = arrays_of(some), arrays_of(others)
    near = {
        (i, j)
        for i, a in enumerate(more)
        for j, b in enumerate(sets)
        if len(a) and len(b) and jaccard(a, b) >= threshold - 1e-9
    }
    parts = list(Index(sets, threshold).pairs_with(more))
    given_pairs = [pair for p in parts for pair in zip(p.first, p.second, strict=True)]
    assert sorted(given_pairs) == sorted(near)


def edited_sets(count: int) -> list[np.ndarray]:
    """Large sets, each of which is another one with a few or many of its hashes changed."""
    draw, sets = np.random.default_rng(3), [np.arange(600, dtype=np.uint64)]
    for _ in range(count - 1):
        former = sets[draw.integers(len(sets))]
        kept = former[draw.random(len(former)) > draw.choice([0.02, 0.06, 0.3])]
        fresh = draw.integers(0, 3_000, draw.integers(0, 40)).astype(np.uint64)
        sets.append(np.unique(np.concatenate([kept, fresh])))
    return sets


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.9])
def test_outlines_keep_every_near_pair_and_few_others(threshold, monkeypatch):
    monkeypatch.setattr(incidence, "ROWS", 7)
    sets = edited_sets(120)
    whole = incidence.Incidence(Sets.of(sets))
    outlines = incidence.Outlines(whole.matrix, whole.sizes)
    i, j = np.tril_indices(len(sets), -1)
    similarity = np.array([jaccard(sets[a], sets[b]) for a, b in zip(i, j, strict=True)])
    likely = outlines.may_reach(i, outlines, j, threshold)
    near = similarity >= threshold
    assert near.any() and likely[near].all()
    far = similarity < threshold - 0.2
    assert threshold < 0.8 or far.sum() > 1_000 and likely[far].mean() < 0.05


def test_texts_of_copies_are_read_for_many_pairs_at_once(monkeypatch):
    texts = [f"{' '.join(WORDS)} and then the {word} was {n}" for n, word in enumerate(WORDS * 9)]
    some, reads = pairs.Texts(pd.Series(texts)), []
    read = pairs.Texts.read
    monkeypatch.setattr(
        pairs.Texts, "read", lambda self, places: reads.append(places) or read(self, places)
    )
    monkeypatch.setattr(pairs, "HITS", 50)
    copies = pairs.joined(pairs.word_copies(some))
    assert len(copies.first) > 200 and len(reads) <= 4


@settings(max_examples=60, deadline=None)
@given(sets_of_hashes, sets_of_hashes)
def test_examples_of_one_class_have_equal_sets(some, others):
    count = min(len(some), len(others))
    both = [Sets.of(arrays_of(side[:count])) for side in (some, others)]
    codes, first = classes(both)
    keys_of = [(frozenset(a), frozenset(b)) for a, b in zip(some, others, strict=False)][:count]
    numbers: dict = {}
    assert codes.tolist() == [numbers.setdefault(key, len(numbers)) for key in keys_of]
    assert first.tolist() == [keys_of.index(key) for key in numbers]
    alone, _ = classes(both[:1])
    empty = [i for i, s in enumerate(some[:count]) if not s]
    assert len(set(alone[empty].tolist())) == len(empty)
    positions = np.array([i for i in range(count) for _ in range(i % 3)], dtype=np.int64)
    assert [s.tolist() for s in both[0].chosen(positions)] == [
        both[0][i].tolist() for i in positions.tolist()
    ]


def test_a_million_texts_at_once_have_the_shingles_that_each_has_alone():
    texts = [
        "",
        "one",
        "a b c d e f g",
        "我们今天去学校读书写字吧",
        "好",
        "a b c d e f g",
        "+ - <",
        "x" * 500,
    ]
    together = shingle_sets(texts * 3)
    assert [s.tolist() for s in together] == [shingles(text).tolist() for text in texts * 3]
    counts = [len(shingles(text)) for text in texts]
    assert counts == [0, 1, 3, 7, 1, 3, 1, 1]


def test_vectors_have_one_key_where_they_are_one_vector():
    draw = np.random.default_rng(1)
    vectors = draw.normal(size=(50, 7)).astype(np.float32)
    vectors[[3, 9]] = vectors[20]
    vectors[[4, 8]] = np.nan
    swapped = vectors[20].copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    vectors[30] = swapped
    numbers = numbered(*vector_keys(vectors).T)
    assert len(set(numbers.tolist())) == 47
    assert len({numbers[i] for i in (3, 9, 20)}) == len({numbers[i] for i in (4, 8)}) == 1


def test_one_key_of_several_is_equal_where_each_of_them_is():
    one = np.array([[1], [1], [2], [0], [1]], dtype=np.uint64)
    two = np.array([[2], [2], [1], [0], [0]], dtype=np.uint64)
    assert numbered(*keys.one_key([one, two]).T).tolist() == [0, 0, 1, 2, 3]
    assert keys.one_key([one, two]).shape == (5, 1)


SAMPLE = likeness.Sample(3, 2, 1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 15), min_size=1, max_size=12), min_size=1, max_size=5))
def test_pairs_so_far_are_those_of_comparing_all_anew(calls):
    """Each call has other rows, of numbers of which two are near if they differ by two at most."""
    memory: dict = {}

    class Remembering(work.Work):
        def since(self, parts, compute):
            memory[str(parts)] = compute(memory.get(str(parts)))
            return memory[str(parts)]

    calls_made = 0
    for values in calls:
        rows, looked_at = np.array(values), []

        def compare(looked, rows=rows, looked_at=looked_at):
            looked_at.append(looked)
            _, first = np.unique(rows, return_index=True)
            for i in first:
                for j in first:
                    if i < j and abs(rows[i] - rows[j]) <= 2 and (looked[i] or looked[j]):
                        yield Pairs(np.array([i]), np.array([j]), np.array([0.5]))

        columns = np.stack([rows, rows * 3], axis=1).astype(np.uint64)
        compared = set(memory["['so far', 'kind']"]["keys"][:, 0].tolist()) if memory else set()
        near, whole = likeness.so_far(
            "kind", [columns], lambda m, compare=compare: (compare(m), SAMPLE), Remembering()
        )
        calls_made += bool(looked_at)
        assert whole == tuple(calls_made * n for n in SAMPLE), "the samples of all searches"
        answer = {
            frozenset((rows[i], rows[j])) for i, j in zip(near.first, near.second, strict=True)
        }
        assert answer == {frozenset((a, b)) for a in values for b in values if a < b and b - a <= 2}
        # Of equal rows the first alone, or many equal ones would all be pairs of each other.
        fresh = [value not in {*compared, *values[:n]} for n, value in enumerate(values)]
        assert [mask.tolist() for mask in looked_at] == ([fresh] if any(fresh) else [])


def test_a_changed_filter_before_a_split_reads_no_text_again(tmp_path, monkeypatch):
    rows, cache = pool(), Cache(tmp_path)
    step = operation("split")

    def groups(kept: pd.DataFrame, cache: Cache | None = None) -> list:
        supply = Supply(kept.sort_index(), dataset=Dataset(rows), cache=cache)
        answer = step.run(*supply.of(step), **step.check({}))
        return answer["split_group"].fillna("").tolist()

    filters = (rows, rows.iloc[5:40], rows.iloc[::2])
    fresh = [groups(kept) for kept in filters]
    assert len(set(map(str, fresh))) == 3 and all(map(any, fresh))
    groups(rows.iloc[:50], cache)
    assert groups(rows, cache) == fresh[0]
    for name in ("shingle_sets", "character_sets"):
        monkeypatch.setattr(pairs, name, None)  # whoever reads a text again fails
    monkeypatch.setattr(keys, "folded", None)
    assert [groups(kept, cache) for kept in filters] == fresh


def one_by_one(group, strata, ids, seed, shares):
    """Splits filled with one unit after the other."""
    units: dict = {}
    for row, number in enumerate(group):
        units.setdefault(number, []).append(row)

    def draw(rows):
        name = min(ids[row] for row in rows)
        return hashlib.blake2b(f"{seed}\x00{name}".encode(), digest_size=8).digest()

    left = sorted(units.values(), key=draw)
    sizes = Counter(strata[row] for rows in units.values() for row in rows)
    due, placed = dict.fromkeys(sizes, 0.0), ["train"] * len(group)
    for name, share in shares.items():
        due = {s: due[s] + share * size for s, size in sizes.items()}
        size = round(share * len(group))
        places = places_of(left, strata, sizes, due, share, size)
        taken = filled(left, strata, places, size)
        for row in (row for n in taken for row in left[n]):
            placed[row] = name
            due[strata[row]] -= 1
        left = [rows for n, rows in enumerate(left) if n not in taken]
    return placed


def places_of(left, strata, sizes, due, share, size):
    places = {s: int(share * count + 1e-9) for s, count in sizes.items()}
    first: dict = {}
    for n, rows in enumerate(left):
        for row in rows:
            first.setdefault(strata[row], n)
    order = sorted(
        (s for s in sizes if s in first), key=lambda s: (-round(due[s] - places[s], 9), first[s])
    )
    for s in order[: max(0, size - sum(places.values()))]:
        places[s] += 1
    return places


def filled(left, strata, places, size):
    """The numbers of the units that fill a split."""
    taken, rest = [], []

    def excess(n):
        counts = Counter(strata[row] for row in left[n])
        return sum(max(0, c - max(0, places[s])) for s, c in counts.items())

    def take(n):
        taken.append(n)
        for row in left[n]:
            places[strata[row]] -= 1
        return len(left[n])

    for n, rows in enumerate(left):
        if len(rows) <= size and excess(n) == 0:
            size -= take(n)
        else:
            rest.append(n)
    heap = [(excess(n), n) for n in rest if len(left[n]) <= size]
    heapq.heapify(heap)
    while heap and size > 0:
        former, n = heapq.heappop(heap)
        if len(left[n]) > size:
            continue
        if excess(n) > former:
            heapq.heappush(heap, (excess(n), n))
        else:
            size -= take(n)
    return set(taken)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=1, max_size=60),
    st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.5]),
    st.sampled_from([0.0, 0.1, 0.33]),
    st.integers(0, 3),
)
def test_splits_are_filled_as_by_one_unit_after_the_other(rows, test, validation, seed):
    group, strata = (np.array(column) for column in zip(*rows, strict=True))
    alone = group > 5
    group[alone] = 100 + np.flatnonzero(alone)
    ids = np.array([f"id{n * 7 % 61}" for n in range(len(rows))], dtype=object)
    shares = {"test": test, "validation": validation}
    placed = np.full(len(rows), "train", dtype=object)
    for some, name in assignments(units_of(group, strata, ids, seed), shares):
        placed[some] = name
    expected = one_by_one(group.tolist(), strata.tolist(), ids.tolist(), seed, shares)
    assert placed.tolist() == expected


def test_a_template_is_known_where_most_of_its_words_stand_in_one_text_alone():
    """Words of one text alone have no column, and still count as rare ones."""
    frame = "the {} of the old town by the river is open from {} to nine every day of the year"
    words = [f"w{n}" for n in range(30)]
    texts = [frame.format(words[n], words[29 - n]) for n in range(12)]
    pairs_of_texts, _ = Sides([shingle_sets(texts)]).pairs(0.3)
    assert not len(pairs_of_texts.first)

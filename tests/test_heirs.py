"""Copies that come back for a row that a person dropped: against the definition, pair by pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from curation import Step, registry
from curation.alike import jaccard, near_duplicates, near_vectors, shingles, similarly
from curation.dataset import Dataset
from curation.decisions import Decision
from curation.decisions.event import Event
from curation.decisions.fold import fold
from curation.embedding.neighbours import nearest
from curation.engine.supply import Supply
from curation.overlay import interleaved, lay
from curation.report import StepReport
from tests.conftest import make_dataset

ROWS = 9
SETTINGS = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
SOME = st.lists(st.integers(0, ROWS - 1), max_size=4, unique=True)
SIMILAR = 0.97
PAIRS = st.lists(st.tuples(st.integers(0, ROWS - 1), st.integers(0, ROWS - 1)), max_size=4)


def people_of(*decisions: Decision) -> Any:
    return fold([Event.of(decision, n, 0.0) for n, decision in enumerate(decisions, 1)])


def stepped(data: Dataset, use: str, people: Any = None, **params: Any) -> Dataset:
    """The dataset after a step."""
    step = registry.operations()[use]
    arguments = step.check(params)
    rows = data.with_columns(step.columns_read(arguments), data.kept.sort_index())
    supply = Supply(rows, dataset=data, decisions=people)
    delta = step.run(*supply.of(step), **arguments)
    report = StepReport(use, use, use, "filter", arguments, f"of {use}", delta=delta)
    return lay(data, report)


def decided(data: Dataset, people: Any) -> Dataset:
    """The dataset after what people keep and drop."""
    for layer in interleaved([], str, people):
        data = lay(data, layer.report("people's"), people)
    return data


def words_of(ids: list[str], dropped: list[int], kept: list[int], apart: list[Any]) -> Any:
    """People's decisions; a row that is dropped is not kept."""
    apart_words = [Decision(ids[i], "apart", ids[j], "Ann") for i, j in apart if i != j]
    drops = [Decision(ids[i], "drop", None, "Ann") for i in dropped]
    keeps = [Decision(ids[i], "keep", None, "Ann") for i in kept if i not in dropped]
    return apart_words, people_of(*apart_words, *drops, *keeps)


def holds(data: Dataset, before: Dataset, use: str, pair: np.ndarray, kept: list[int]) -> None:
    """Check the rows after people's decisions by the pairs of the step.

    pair: (rows, rows), true where two rows are copies and not apart, in the order of the rows.
    """
    stays = data.rows["dropped_by"].isna().to_numpy()
    stayed = before.rows["dropped_by"].isna().to_numpy()
    pinned = np.isin(np.arange(len(stays)), kept)
    came = stays & ~stayed & ~pinned
    assert not pair[came][:, stays].any(), "a copy came back beside a row that it is a copy of"
    out = (data.rows["dropped_by"] == use).to_numpy()
    assert pair[out][:, stays].any(axis=1).all(), "a row is dropped for no row that stays"


def on_a_circle(degrees: list[int]) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def data_of(count: int = ROWS) -> Dataset:
    data = make_dataset([(f"Question {i}?", f"Answer {i}.") for i in range(count)])
    return data.replace(rows=data.rows.assign(source_row=range(count)))


def found_by(compare: str, ids: list[str], vectors: np.ndarray) -> np.ndarray:
    """The pairs that a step finds among all rows, (rows, rows), by its way to compare."""
    if compare == "neighbours":
        return vectors @ vectors.T >= SIMILAR - 1e-5
    order = np.argsort(ids)
    some = vectors[order]
    neighbours = lambda k, part=slice(None): nearest(some[part], k)  # noqa: E731
    codes, pairs, _ = vars(similarly(some, neighbours, None, compare, SIMILAR).nearby).values()
    near = np.eye(codes.max() + 1, dtype=bool)
    reaches = pairs.similarity >= SIMILAR - 1e-5
    near[pairs.first[reaches], pairs.second[reaches]] = True
    place = codes[np.argsort(order)]
    return (near | near.T)[np.ix_(place, place)]


@SETTINGS
@example(
    degrees=[0, 10, 20, *[90] * 6], dropped=[0], kept=[], apart=[], width=50, compare="neighbours"
)
@example(
    degrees=[12, 14, 10, 25, -1, *[90] * 4],
    dropped=[0],
    kept=[1, 2],
    apart=[],
    width=50,
    compare="neighbours",
)
@example(
    degrees=[0, 10, 20, *[90] * 6], dropped=[0], kept=[1], apart=[], width=50, compare="neighbours"
)
@example(
    degrees=[0, 0, 0, *[90] * 6],
    dropped=[0],
    kept=[],
    apart=[(0, 1)],
    width=50,
    compare="neighbours",
)
@example(
    degrees=[0, 2, 10, 14, 60, 70, 90, 90, 90],
    dropped=[0, 2],
    kept=[],
    apart=[],
    width=50,
    compare="nearest",
)
@example(
    degrees=[0, 0, 0, *[90] * 6],
    dropped=[0],
    kept=[],
    apart=[(0, 1)],
    width=50,
    compare="nearest",
)
@example(
    degrees=[0, 4, 8, 12, 16, 20, 24, 90, 90],
    dropped=[2, 4],
    kept=[],
    apart=[],
    width=50,
    compare="clusters",
)
@given(
    degrees=st.lists(st.integers(0, 14).map(lambda n: 4 * n), min_size=ROWS, max_size=ROWS),
    dropped=SOME,
    kept=SOME,
    apart=PAIRS,
    width=st.sampled_from([2, 50]),
    compare=st.sampled_from(["neighbours", "nearest", "clusters"]),
)
def test_similar_rows_come_back_where_no_row_that_stays_is_similar(
    degrees, dropped, kept, apart, width, compare
):
    data = data_of()
    vectors = on_a_circle(degrees)
    data = data.replace(vectors=vectors)
    before_run, people = words_of(
        list(data.rows.index), dropped, kept, apart if width == 50 else []
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_vectors, "WIDTH", width)
        patch.setattr(near_vectors, "CLUSTER", 3)
        before = stepped(
            data,
            "drop_similar",
            people_of(*before_run),
            similarity=SIMILAR,
            within=None,
            compare=compare,
        )
        after = decided(before, people)
        pair = found_by(compare, list(data.rows.index), vectors)
    np.fill_diagonal(pair, False)
    for i, j in apart if width == 50 else []:
        pair[i, j] = pair[j, i] = False
    holds(after, before, "drop_similar", pair, kept)


WORDS = [f"word{i}" for i in range(24)]


def edited(number: int) -> str:
    """A text of which number's lowest digits in base 3 say which of three words stand at its places."""
    words = list(WORDS)
    for place in range(3):
        words[6 + 6 * place] += "abc"[number // 3**place % 3]
    return " ".join(words)


@SETTINGS
@example(texts=[0, 1, 2, *[13] * 6], dropped=[0], kept=[], apart=[(1, 2)], by="prompt")
@given(
    texts=st.lists(st.integers(0, 26), min_size=ROWS, max_size=ROWS),
    dropped=SOME,
    kept=SOME,
    apart=PAIRS,
    by=st.sampled_from(["prompt", "prompt_and_response"]),
)
def test_near_copies_come_back_where_no_row_that_stays_is_near(texts, dropped, kept, apart, by):
    data = make_dataset([(edited(n), f"Answer {n % 2}.") for n in texts])
    data = data.replace(rows=data.rows.assign(source_row=range(ROWS)))
    before_run, people = words_of(list(data.rows.index), dropped, kept, apart)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "RARER", 0)  # no templates here
        before = stepped(
            data, "drop_near_duplicates", people_of(*before_run), similarity=0.6, by=by
        )
        after = decided(before, people)
    sets = [shingles(edited(n)) for n in texts]
    pair = np.array([[jaccard(a, b) >= 0.6 for a in sets] for b in sets])
    if by != "prompt":
        pair &= np.equal.outer(np.array(texts) % 2, np.array(texts) % 2)
    np.fill_diagonal(pair, False)
    for i, j in apart:
        pair[i, j] = pair[j, i] = False
    holds(after, before, "drop_near_duplicates", pair, kept)


@SETTINGS
@example(texts=[0] * 6 + [1] * 3, dropped=[0], kept=[], apart=[(0, 1)])
@given(
    texts=st.lists(st.integers(0, 3), min_size=ROWS, max_size=ROWS),
    dropped=SOME,
    kept=SOME,
    apart=PAIRS,
)
def test_equal_rows_come_back_where_no_equal_row_stays(texts, dropped, kept, apart):
    data = make_dataset([(f"Question {n}?", "Yes.") for n in texts])
    data = data.replace(rows=data.rows.assign(source_row=range(ROWS)))
    before_run, people = words_of(list(data.rows.index), dropped, kept, apart)
    before = stepped(data, "drop_exact_duplicates", people_of(*before_run))
    after = decided(before, people)
    pair = np.equal.outer(np.array(texts), np.array(texts))
    np.fill_diagonal(pair, False)
    for i, j in apart:
        pair[i, j] = pair[j, i] = False
    holds(after, before, "drop_exact_duplicates", pair, kept)


def test_one_row_comes_back_where_two_steps_dropped_copies_of_the_same():
    data = make_dataset([(edited(0), "Yes."), (edited(0).upper(), "YES."), (edited(1), "Yes.")])
    data = data.replace(rows=data.rows.assign(source_row=range(3)))
    first, equal, near = data.rows.index
    for use in ("drop_exact_duplicates", "drop_near_duplicates"):
        data = stepped(data, use, **({"similarity": 0.6} if "near" in use else {}))
    assert list(data.kept.index) == [first]
    after = decided(data, people_of(Decision(first, "drop", None, "Ann")))
    assert list(after.kept.index) == [equal], "the near copy is a copy of the equal one too"
    both = people_of(*(Decision(i, "drop", None, "Ann") for i in (first, equal)))
    assert list(decided(data, both).kept.index) == [near]


def test_a_row_that_comes_back_stands_for_its_equal_among_the_nearest():
    data = make_dataset(
        [("How?", "So."), ("how?", "so."), ("In what way?", "So."), ("Why?", "No.")]
    )
    data = data.replace(
        rows=data.rows.assign(source_row=range(4)), vectors=on_a_circle([0, 0, 4, 90])
    )
    first, equal, near, other = data.rows.index
    data = stepped(data, "drop_exact_duplicates")
    data = stepped(data, "drop_similar", within=None, compare="nearest")
    assert set(data.kept.index) == {first, other}
    after = decided(data, people_of(Decision(first, "drop", None, "Ann")))
    assert set(after.kept.index) == {equal, other}, "the near one is near to the equal one too"


def test_the_next_best_by_a_column_of_the_file_comes_back(make_project):
    rows = [{"prompt": "How?", "completion": "So.", "grade": grade} for grade in (3, 1, 2)]
    project = make_project(rows, Step("drop_exact_duplicates", best_by="grade"))
    ids = list(project.run().rows.sort_values("source_row").index)
    project.decisions.append([Decision(ids[0], "drop", annotator="Ann")])
    for dataset in (project.view().dataset, project.run()):
        assert list(dataset.kept.index) == [ids[2]]

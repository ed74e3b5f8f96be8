"""Above the limits vectors are read by blocks, with the results of an array."""

from types import SimpleNamespace

import faiss
import numpy as np
import pandas as pd
import pytest

from curation import basis
from curation.alike.near_vectors import similarly
from curation.basis import vector_keys
from curation.cache import Cache
from curation.dataset import Dataset, silent
from curation.embedding import neighbours
from curation.engine.supply import Supply
from curation.registry import operation
from curation.vectors import Vectors

ROWS, WIDTH, LIMIT = 330, 8, 100


class Watched(Vectors):
    """Vectors of which nobody reads more than LIMIT at once."""

    def __getitem__(self, positions):
        part = super().__getitem__(positions)
        assert part.ndim == 1 or len(part) <= LIMIT, f"{len(part)} vectors are read at once"
        return part


class Offers(Supply):
    """The engine's inputs; neighbours are exact and come from elsewhere."""

    @property
    def neighbours(self):
        array = np.nan_to_num(Vectors(self.vectors.table, self.vectors.places)[:])

        def near(k, positions=slice(None)):
            some = array[positions]
            cosines, rows = faiss.knn(some, some, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
            return rows[:, 1:], cosines[:, 1:]

        return near

    @property
    def _absent(self):
        return set()

    @property
    def embedder(self):
        return lambda rows, of="": table()[: len(rows)].astype(np.float32)

    @property
    def targets(self):
        return lambda names: [SimpleNamespace(name="aims", examples=pd.DataFrame(index=range(5)))]


def table() -> np.ndarray:
    vectors = np.random.default_rng(3).normal(size=(ROWS - 30, WIDTH))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def places(gaps: bool = True) -> np.ndarray:
    """Each row's place: in another order than the table, thirty of them twice, and three without one."""
    order = np.random.default_rng(5).permutation(ROWS) % (ROWS - 30)
    return np.where(np.arange(ROWS) % 130 == 7, -1 if gaps else 0, order).astype(np.int32)


def frame() -> pd.DataFrame:
    ids = pd.Index([f"id{n:04}" for n in range(ROWS)], dtype="str")
    words = ["bread", "planet", "letter"]
    texts = pd.Series([f"{words[n % 3]} number {n}" for n in range(ROWS)], ids, dtype="str")
    quality = np.random.default_rng(1).random(ROWS)
    labels = pd.Series([words[n * n % 3] for n in range(ROWS)], ids, dtype="str")
    pinned = pd.Series(np.isin(np.arange(ROWS), (5, 17)), index=ids)
    columns = {
        "pinned": pinned,
        "prompt": texts,
        "response": texts,
        "quality": quality,
        "label": labels,
    }
    return pd.DataFrame(columns, index=ids)


def fit_few(monkeypatch):
    monkeypatch.setattr(basis, "FITTED", LIMIT)
    monkeypatch.setattr("curation.operations.topics.FITTED", LIMIT)
    monkeypatch.setattr("curation.choosing.clusters.SAMPLE", 1)


def read_few(monkeypatch):
    for module in (basis, neighbours):
        monkeypatch.setattr(module, "BLOCK", 32)
    for name in ("clusters", "covering", "distances"):
        monkeypatch.setattr(f"curation.choosing.{name}.BLOCK", 32)
    for name in ("vectors", "label_errors", "operations.map", "operations.select_coverage"):
        monkeypatch.setattr(f"curation.{name}.BLOCK", 32)
    monkeypatch.setattr("curation.choosing.preference.WINDOW", 32)
    monkeypatch.setattr("curation.alike.sets.VECTORS", 32)
    monkeypatch.setattr(neighbours, "WHOLE", 32)
    monkeypatch.setattr(neighbours, "EXACT_ROWS", LIMIT)


def answer(name: str, vectors, kind=Offers, **params) -> pd.DataFrame:
    people = SimpleNamespace(tags={f"id{n:04}": {"ours": 1} for n in range(0, 60, 4)}, labels={})
    data = Dataset(frame(), vectors)
    supply = kind(frame(), dataset=data, decisions=people)
    of = operation(name)
    answer = of.run(*supply.of(of), **of.check(params))
    return answer if isinstance(answer, pd.DataFrame) else pd.DataFrame({name: answer})


CALLS: dict[str, dict] = {
    "project_map": {},
    "topics": {"topics": 4},
    "density": {},
    "concept": {"tag": "ours"},
    "label_quality": {},
    "training_dynamics": {"epochs": 2},
    "select_diverse": {"budget": 40},
    "select_informative": {"budget": 40},
    "select_informative by labels": {"budget": 40, "labels": "label"},
    "select_k_center": {"budget": 40},
    "select_by_cluster": {"budget": 40, "clusters": 9},
    "select_distinct": {"budget": 40},
    "select_like": {"budget": 40},
}


@pytest.mark.parametrize("call", CALLS)
def test_an_operation_reads_by_blocks_what_it_reads_of_an_array(call, monkeypatch):
    name = call.split()[0]
    gaps = not name.startswith(("project_map", "topics", "label", "training"))
    fit_few(monkeypatch)
    whole = answer(name, Vectors(table(), places(gaps))[:], **CALLS[call])
    read_few(monkeypatch)
    by_blocks = answer(name, Watched(table(), places(gaps)), **CALLS[call])
    pd.testing.assert_frame_equal(by_blocks, whole, rtol=1e-5)
    assert len(whole) == ROWS and whole.nunique().max() > 1


@pytest.mark.parametrize("compare", ["neighbours", "nearest"])
def test_rows_of_near_meaning_are_those_of_an_array(compare, monkeypatch):
    vectors = Vectors(table(), places())
    near = Offers(frame(), dataset=Dataset(frame(), vectors)).neighbours
    whole = similarly(np.nan_to_num(vectors[:]), near, None, compare, 0.8).nearby
    monkeypatch.setattr("curation.vectors.BLOCK", 32)
    monkeypatch.setattr("curation.alike.sets.VECTORS", 32)
    watched = Watched(table(), places(), gap=0.0)
    by_blocks = similarly(watched, near, None, compare, 0.8).nearby
    assert (by_blocks.codes == whole.codes).all() and len(whole.pairs.first) > 9
    for one, other in zip(by_blocks.pairs, whole.pairs, strict=True):
        assert (one == other).all()


def test_an_operation_that_names_an_array_gets_one_array(monkeypatch):
    def mine(rows, vectors: np.ndarray):
        return vectors

    def theirs(rows, vectors: Vectors | None):
        return vectors

    supply = Supply(frame(), dataset=Dataset(frame(), Vectors(table(), places())))
    for function, kind in ((mine, np.ndarray), (theirs, Vectors)):
        of = SimpleNamespace(name="of", run=function, inputs=("rows", "vectors"), spared=())
        got = supply.of(of)[1]
        assert isinstance(got, kind)
        assert np.array_equal(got[:], Vectors(table(), places())[:], equal_nan=True)


def test_keys_are_those_of_an_array(monkeypatch):
    vectors = Vectors(table(), places())
    keys = vector_keys(vectors[:])
    monkeypatch.setattr(basis, "BLOCK", 32)
    assert (vector_keys(Watched(table(), places())) == keys).all()
    assert len(set(keys[vectors.present])) == len(np.unique(places()[places() >= 0]))


def test_neighbours_are_remembered_whether_their_vectors_lie_in_an_array_or_not(
    tmp_path, monkeypatch
):
    vectors, cache = Vectors(table(), places()), Cache(tmp_path)
    whole = Supply(frame(), dataset=Dataset(frame(), vectors[:]), cache=cache).neighbours(5)

    def nearest(*_):
        raise AssertionError("they are computed again")

    nearest.__module__ = neighbours.__name__
    monkeypatch.setattr(neighbours, "nearest", nearest)
    monkeypatch.setattr(neighbours, "EXACT_ROWS", LIMIT)
    monkeypatch.setattr("curation.engine.supply.BLOCK", 32)
    watched = Dataset(frame(), Watched(table(), places()))
    by_blocks = Supply(frame(), dataset=watched, cache=cache).neighbours(5)
    for one, other in zip(whole, by_blocks, strict=True):
        assert (one == other).all()


@pytest.mark.parametrize("pairs", [0, 10**9])
def test_the_nearest_among_many_are_those_among_an_array(pairs, monkeypatch):
    read_few(monkeypatch)
    monkeypatch.setattr(neighbours, "EXACT_PAIRS", pairs)
    queries = table()[:40].astype(np.float32)
    kind = Watched if pairs else Vectors  # cells are learnt from as many rows as these
    watched = kind(table(), np.arange(ROWS - 30, dtype=np.int32))
    rows, cosines = neighbours.nearest_in(watched, watched, 9, silent, some=np.arange(40))
    true, exact = faiss.knn(
        queries, table().astype(np.float32), 9, metric=faiss.METRIC_INNER_PRODUCT
    )
    if pairs:
        assert (rows == exact).all()
    assert (rows == exact).mean() > 0.9
    assert np.allclose(cosines[rows == exact], true[rows == exact], atol=1e-6)

"""The bundled model, the vector store, models from folders, and nearest neighbours."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import textwrap
import types

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.cache import Cache, write_table
from curation.dataset import silent
from curation.embedding import (
    NotRemembered,
    VectorStore,
    backends,
    benchmark,
    bundled_folder,
    load_encoder,
    nearest,
    neighbours,
    static,
    tokenizer_of,
    workers,
)
from curation.embedding.models import load_model
from curation.embedding.texts import Listed
from curation.embedding.tokenizer import ModelTokenizer
from curation.engine.batches import run_batch
from curation.errors import CurationError
from curation.files import sha256
from curation.operations.embed import embed
from curation.overlay import Source
from curation.recipe import Recipe, Step
from curation.replay import Replay
from tests.conftest import ROOT, make_dataset
from tests.encoders import TrigramEncoder

TEXTS = [f"Text number {i} about {'rivers' if i % 2 else 'bread'}." for i in range(40)]


def test_the_bundled_weights_are_the_published_ones():
    assert sha256(bundled_folder() / "model.safetensors") == (
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )


def test_the_bundled_model_puts_what_means_alike_together():
    vectors = load_encoder().encode(
        ["How do I bake bread?", "A recipe for a loaf", "The parliament voted on taxes."]
    )
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.4 > vectors[0] @ vectors[2] + 0.2


def test_equal_texts_are_embedded_once_and_remembered(tmp_path):
    store, encoder = VectorStore(tmp_path), TrigramEncoder()
    vectors = store.embed(["one text", "another", "one text", "one text"], encoder)
    assert sorted(encoder.encoded) == ["another", "one text"] and store.computed == 2
    assert (vectors[0] == vectors[2]).all() and (vectors[0] != vectors[1]).any()
    again, later = VectorStore(tmp_path), TrigramEncoder()
    assert (again.embed(["another", "one text"], later) == vectors[[1, 0]]).all()
    assert later.encoded == [] and again.remembered(later) == 2


def test_vectors_are_those_of_the_encoder_in_any_order_and_keep_unit_length(tmp_path):
    encoder = TrigramEncoder()
    expected = encoder.encode(TEXTS)
    store = VectorStore(tmp_path)
    vectors = store.embed(TEXTS, encoder, chunk=7)
    assert np.abs(vectors - expected).max() < 1e-3, "half precision, and each text its own vector"
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-3
    assert (store.embed(TEXTS[::-1], encoder) == vectors[::-1]).all()
    assert store.embed([], encoder).shape == (0, expected.shape[1])


def test_models_do_not_share_vectors(tmp_path):
    one, two = TrigramEncoder(), TrigramEncoder()
    two.name = "trigrams, other weights"
    store = VectorStore(tmp_path)
    store.embed(TEXTS, one)
    store.embed(TEXTS, two)
    assert len(two.encoded) == len(TEXTS)


def test_a_store_that_only_remembers_computes_nothing(tmp_path):
    store, encoder = VectorStore(tmp_path), TrigramEncoder()
    expected = store.embed(TEXTS[:5], encoder)
    encoder.encoded.clear()
    remembering = store.remembering()
    assert (remembering.embed(TEXTS[:5], encoder) == expected).all()
    with pytest.raises(NotRemembered):
        remembering.embed(TEXTS[:6], encoder)
    with pytest.raises(NotRemembered):
        VectorStore(tmp_path, tmp_path / "encoders.json").remembering().encoder()
    assert encoder.encoded == [] and not (tmp_path / "encoders.json").exists()


TITLE = "tiny@0123456789ab"
EARLIER = {
    f"{TITLE}/torch-packed-float32": "c66f2c4a18ea49aa",
    f"{TITLE}/draft-2": "8c777f17c25d5388",
}
"""Encoder → the folder in which the first projects keep its vectors."""


@pytest.mark.parametrize("backend", ["auto", "draft"])
def test_vectors_and_choices_of_the_first_projects_are_still_read(tmp_path, monkeypatch, backend):
    monkeypatch.setattr("curation.embedding.store.title_of", lambda model: TITLE)
    monkeypatch.setattr("curation.embedding.encoder.title_of", lambda model: TITLE)
    measured = {"agreement": 0.25, "texts": 500, "nearest": 10, "against": "x", "design": 2}
    choices = {TITLE: "torch-packed-float32", f"{TITLE}/draft": measured}
    (tmp_path / "encoders.json").write_text(json.dumps(choices))
    store = VectorStore(tmp_path, tmp_path / "encoders.json")
    encoder = store.remembering().encoder("", backend)
    assert encoder.name == store.encoder_name("", backend)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.float16([0.6, 0.8])), 2)
    bread = bytes.fromhex("ee4bc4370d09c2ad226cfacde14cfa81")
    table = pa.table({"key": pa.array([bread], pa.binary(16)), "vector": lists})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    (tmp_path / EARLIER[encoder.name]).mkdir()
    path = tmp_path / EARLIER[encoder.name] / "any.arrow"
    path.write_bytes(hashlib.blake2b(body, digest_size=32).digest() + body)
    assert np.allclose(store.remembering().embed(["bread"], encoder), [[0.6, 0.8]], atol=1e-3)
    assert store.static_agreement() == 0.25
    report = types.SimpleNamespace(kind="embed", params={"way": backend})
    assert (
        store.used([report])
        == {
            "auto": {TITLE: "torch-packed-float32"},
            "draft": {f"{TITLE}/draft": "static vectors, 25% of 10 nearest"},
        }[backend]
    )


CHUNK = 4
KILLED = """
    import os, signal, sys
    from pathlib import Path
    from curation.embedding import VectorStore
    from tests.encoders import TrigramEncoder
    from tests.test_embedding import CHUNK, TEXTS

    class Killed(TrigramEncoder):
        def encode(self, texts):
            if len(self.encoded) >= 3 * CHUNK:  # in the middle of the fourth chunk
                os.kill(os.getpid(), signal.SIGKILL)
            return super().encode(texts)

    VectorStore(Path(sys.argv[1])).embed(TEXTS, Killed(), chunk=CHUNK)
"""


def test_a_killed_run_goes_on_and_computes_at_most_one_chunk_twice(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, check=False)
    assert ended.returncode == -9
    store, encoder = VectorStore(tmp_path), TrigramEncoder()
    assert store.remembered(encoder) == 3 * CHUNK
    vectors = store.embed(TEXTS, encoder, chunk=CHUNK)
    assert len(encoder.encoded) == len(TEXTS) - 3 * CHUNK
    assert (vectors == VectorStore(tmp_path / "other").embed(TEXTS, encoder)).all()


@pytest.mark.parametrize("reopened", [False, True])
def test_a_damaged_vector_is_a_miss_and_is_written_again(tmp_path, reopened):
    encoder = TrigramEncoder()
    store = VectorStore(tmp_path)
    expected = store.embed(TEXTS, encoder, chunk=10)
    (damaged,) = tmp_path.rglob("*.rows")
    data = bytearray(damaged.read_bytes())
    size = len(data) // len(TEXTS)
    for row, byte in ((3, 9), (17, 0), (20, size - 1)):  # in a key, a checksum and a number
        data[row * size + byte] ^= 1
    data[30 * size : 34 * size] = bytes(4 * size)  # as a hole in a file reads
    damaged.write_bytes(data)
    store = VectorStore(tmp_path)
    assert store.remembered(encoder) == 33
    store = VectorStore(tmp_path) if reopened else store
    encoder.encoded.clear()
    assert (store.embed(TEXTS, encoder, chunk=10) == expected).all()
    assert len(encoder.encoded) == 7
    assert VectorStore(tmp_path).remembered(encoder) == 40


@pytest.mark.parametrize("torn", [1, 100, -1])
def test_what_a_kill_left_of_a_row_is_no_row_and_disturbs_no_other(tmp_path, torn):
    encoder, store = TrigramEncoder(), VectorStore(tmp_path)
    store.embed(TEXTS[:30], encoder)
    (path,) = tmp_path.rglob("*.rows")
    size = path.stat().st_size // 30
    with open(path, "ab") as stream:
        stream.write(path.read_bytes()[: torn % size])
    assert VectorStore(tmp_path).remembered(encoder) == 30
    vectors = VectorStore(tmp_path).embed(TEXTS, encoder)
    assert (vectors == VectorStore(tmp_path / "other").embed(TEXTS, encoder)).all()
    assert VectorStore(tmp_path).remembered(encoder) == 40
    assert path.stat().st_size == 40 * size


def test_two_programs_append_to_one_file_and_each_sees_what_the_other_computed(tmp_path):
    encoder, one, two = TrigramEncoder(), VectorStore(tmp_path), VectorStore(tmp_path)
    early = one.vectors_of(Listed(TEXTS[:10]), encoder)
    two.embed(TEXTS[5:20], encoder)
    encoder.encoded.clear()
    vectors = one.embed(TEXTS, encoder, chunk=4)
    assert sorted(encoder.encoded) == sorted(TEXTS[20:])
    assert (two.embed(TEXTS, encoder) == vectors).all() and len(encoder.encoded) == 20
    assert (early[:] == vectors[:10]).all()


def test_the_same_bytes_whether_texts_come_in_parts_or_at_once(tmp_path, monkeypatch):
    texts = [*TEXTS, *TEXTS[:7], "\ud800", ""]
    whole = VectorStore(tmp_path / "one").embed(texts, TrigramEncoder(), chunk=8)
    monkeypatch.setattr("curation.embedding.texts.LOOK", 3)
    assert (VectorStore(tmp_path / "two").embed(texts, TrigramEncoder(), chunk=8) == whole).all()
    one, two = ((tmp_path / name).rglob("*.rows") for name in ("one", "two"))
    assert next(one).read_bytes() == next(two).read_bytes()


def test_files_of_an_earlier_release_are_read_also_where_nothing_can_be_written(
    tmp_path, monkeypatch
):
    encoder = TrigramEncoder()
    expected = VectorStore(tmp_path / "new").embed(TEXTS, encoder)
    folder = tmp_path / "old" / VectorStore(tmp_path)._folder(encoder.name).name
    for number in range(4):
        own = TEXTS[number * 10 : number * 10 + 10]
        values = expected[number * 10 : number * 10 + 10].astype(np.float16)
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in own]
        lists = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        table = pa.table({"key": pa.array(keys, pa.binary(16)), "vector": lists})
        write_table(folder / f"{number}.arrow", table)
    (folder / "0.arrow").write_bytes((folder / "0.arrow").read_bytes()[:-1])

    def refused(*_):
        raise CurationError("This folder cannot be written to.")

    with monkeypatch.context() as patched:
        patched.setattr("curation.embedding.store.appended", refused)
        store = VectorStore(tmp_path / "old").remembering()
        assert (store.embed(TEXTS[10:], encoder) == expected[10:]).all()
        with pytest.raises(NotRemembered):
            store.embed(TEXTS, encoder)
    encoder.encoded.clear()
    assert (VectorStore(tmp_path / "old").embed(TEXTS, encoder) == expected).all()
    assert sorted(encoder.encoded) == sorted(TEXTS[:10]), "the damaged file's texts"
    assert [p.suffix for p in folder.iterdir() if p.suffix != ".lock"] == [".rows"]


def test_a_model_in_a_folder_loads_and_is_named_by_its_weights(tiny_model, tmp_path):
    encoder = load_encoder(str(tiny_model))
    assert re.fullmatch(r"tiny@[0-9a-f]{12}/torch-float32", encoder.name)
    vectors = VectorStore(tmp_path).embed(["the river is long", "bread"], encoder)
    assert vectors.shape == (2, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert vectors[0] @ vectors[1] < 0.999


def test_other_weights_in_the_same_folder_are_another_model(tiny_model, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_model, folder)
    store = VectorStore(tmp_path / "vectors")
    name = store.encoder_name(str(folder), "torch-float32")
    before = store.embed(["the river is long"], load_encoder(str(folder)))
    weights = next(folder.rglob("*.safetensors"))
    data = weights.read_bytes()
    weights.write_bytes(data[:-4_096] + bytes(4_096))
    os.utime(weights, (1, 1))
    assert store.encoder_name(str(folder), "torch-float32") != name
    assert (store.embed(["the river is long"], load_encoder(str(folder))) != before).any()
    shutil.rmtree(folder)
    assert store.encoder_name(str(folder), texts=1) == "absent"


@pytest.mark.parametrize("part", ["1_Pooling/config.json", "modules.json", "tokenizer.json"])
def test_whatever_changes_a_vector_makes_another_model(tiny_model, tmp_path, part):
    folder, twin = tmp_path / "tiny", tmp_path / "twin" / "tiny"
    for copied in (folder, twin):
        shutil.copytree(tiny_model, copied)
    name = load_encoder(str(folder)).name
    assert load_encoder(str(twin)).name == name
    path = folder / part if (folder / part).exists() else next(folder.rglob(part.split("/")[-1]))
    path.write_text(path.read_text() + "\n")
    assert load_encoder(str(folder)).name != name, "two encoders of one name are two"
    (twin / "README.md").write_text("Words about the model change no vector.")
    assert load_encoder(str(twin)).name == name


def test_the_multilingual_model_puts_texts_of_equal_meaning_together_across_languages(tmp_path):
    pairs = [
        ("How do I bake bread at home?", "怎样在家里烤面包？"),
        ("The parliament voted on new taxes.", "Парламент проголосовал за новые налоги."),
        ("My cat sleeps all day long.", "Meine Katze schläft den ganzen Tag."),
    ]
    store = VectorStore(tmp_path / "vectors", tmp_path / "encoders.json")
    encoder = store.encoder("multilingual")
    texts = [text for pair in pairs for text in pair]
    vectors = store.embed(texts, encoder)
    assert vectors.shape == (6, 512) and encoder.name.endswith("/numpy")
    similarity = vectors @ vectors.T - 2 * np.eye(6)
    assert [int(row.argmax()) for row in similarity] == [1, 0, 3, 2, 5, 4]
    assert store.encoder_name("multilingual") == encoder.name
    assert store.used([types.SimpleNamespace(kind="embed", params={"model": "multilingual"})]) == {
        encoder.name.removesuffix("/numpy"): "numpy"
    }
    with pytest.raises(CurationError, match="one way"):
        store.encoder("multilingual", "draft")


def test_the_multilingual_model_reads_all_of_a_long_text_and_any_character():
    encoder, half = load_encoder("multilingual", "numpy"), "The river is wide and cold. " * 300
    texts = [half, half + "日本の経済は成長している。" * 700, "", "\ud800", "🙂"]
    vectors = encoder.encode(texts)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert vectors[0] @ vectors[1] < 0.9, "the end of a long text counts"
    assert np.allclose(encoder.encode(texts[:1])[0], vectors[0], atol=1e-4)
    assert encoder.encode([]).shape == (0, 512)
    tokens = tokenizer_of("multilingual")
    assert tokens.beyond(texts).tolist() == [0] * 5 and tokens.windows(half) == [half]
    assert tokens.ids([""]) == [[]] and tokens.unknown in tokens.ids(["\U000e0041"])[0]


def test_a_model_of_the_hub_is_pinned_to_its_commit_and_its_code_is_never_run(
    tmp_path, monkeypatch
):
    import sentence_transformers

    texts_read = []

    def loaded(model, **options):
        texts_read.append((model, options))
        raise OSError("no network here")

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", loaded)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refs = tmp_path / "models--owner--name" / "refs"
    refs.mkdir(parents=True)
    commit = "0123456789abcdef" * 2
    (refs / "main").write_text(commit)
    encoder = load_encoder("owner/name")
    assert encoder.name.startswith("owner/name@0123456789ab/")
    with pytest.raises(CurationError):
        encoder.encode(["text"])
    ((model, options),) = texts_read
    assert model == "owner/name" and options["revision"] == commit
    assert options["trust_remote_code"] is False
    assert options["model_kwargs"] == {"use_safetensors": True}
    (refs / "main").write_text("f" * 32)
    assert load_encoder("owner/name").name != encoder.name


def test_a_home_that_cannot_be_written_to_stops_no_benchmark(tiny_model, tmp_path, monkeypatch):
    from sentence_transformers import SentenceTransformer

    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(benchmark, "backends", lambda: {"torch-float32": backends._torch_float32})
    model = SentenceTransformer(str(tiny_model), device="cpu")
    results = benchmark.measurements("tiny", model, seconds=0.01)
    assert benchmark.fastest(results) == "torch-float32"


def test_a_model_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(CurationError, match=r"^There is no folder [^\n]*nowhere; name another"):
        load_encoder(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CurationError, match=r"holds no weights as safetensors\.$"):
        load_encoder(str(tmp_path / "empty"))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes(b"not weights")
    (broken / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(CurationError, match=r"^The folder [^\n]*broken holds no sentence-"):
        load_encoder(str(broken)).encode(["text"])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CurationError, match=r"neither a folder here nor to be had"):
        load_encoder("nobody/no-such-model").encode(["text"])


def brute_force(vectors: np.ndarray, k: int) -> np.ndarray:
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -2)
    return -np.sort(-similar, axis=1)[:, :k]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 12), st.integers(0, 1_000))
def test_neighbours_are_the_nearest_and_never_the_row_itself(rows, k, distinct, seed):
    drawn = np.random.default_rng(seed).normal(size=(distinct, 8)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    vectors = drawn[np.arange(rows) % distinct]  # twins, and twins of twins
    indices, similarities = nearest(vectors, k)
    k = min(k, rows - 1)
    assert indices.shape == similarities.shape == (rows, k)
    assert (indices != np.arange(rows)[:, None]).all(), "the row itself is left out"
    assert all(len(set(row)) == k for row in indices.tolist()), "nobody is listed twice"
    assert np.allclose(similarities, brute_force(vectors, k), atol=1e-5)
    own = np.take_along_axis(vectors @ vectors.T, indices.astype(np.int64), axis=1)
    assert np.allclose(own, similarities, atol=1e-5)


@pytest.fixture
def many() -> np.ndarray:
    """3,000 vectors in 20 heaps, 40 of them equal, and one of zeros."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3_000, 16)) + 3 * rng.normal(size=(20, 16))[np.arange(3_000) % 20]
    vectors[:40] = vectors[0]  # twins, more of them than neighbours
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[100] = 0
    return vectors.astype(np.float32)


@pytest.mark.parametrize("missed", [0.01, 0.3])
def test_among_many_rows_most_neighbours_are_found_and_the_share_is_told(many, missed, monkeypatch):
    """missed: the share of neighbours that the descent misses; too many are looked for in cells."""
    monkeypatch.setattr(neighbours, "EXACT_ROWS", 1_000)

    def descended(data, count):
        graph = np.argsort(-(data @ data.T), axis=1, kind="stable")[:, :count]
        draw = np.random.default_rng(1)
        wrong = draw.random(graph.shape) < missed
        return np.where(wrong, draw.permuted(graph[::-1], axis=1), graph)

    monkeypatch.setattr(neighbours, "_descended", descended)
    messages: list[str] = []
    indices, similarities = nearest(many, 10, lambda share, text: messages.append(text))
    assert (indices != np.arange(3_000)[:, None]).all() and (indices >= 0).all()
    own = np.take_along_axis(many @ many.T, indices.astype(np.int64), axis=1)
    assert np.allclose(own, similarities, atol=1e-5)
    assert (np.diff(similarities, axis=1) <= 1e-6).all(), "the nearest first"
    recall = (similarities >= brute_force(many, 10)[:, -1:] - 1e-5).mean()
    assert recall >= 0.97
    assert "true neighbours found in a sample" in messages[-1]
    assert ("cells find" in " ".join(messages)) == (missed == 0.3)


def test_a_vector_whose_cells_are_nearly_empty_is_searched_for_exactly(monkeypatch):
    monkeypatch.setattr(neighbours, "EXACT_PAIRS", 10)
    vectors = np.eye(64, dtype=np.float32)[np.arange(100) % 64]
    indices, similarities = neighbours.nearest_in(vectors, vectors, 61, recall=0.0)
    assert (indices >= 0).all() and all(len(set(row)) == 61 for row in indices.tolist())
    assert np.allclose(similarities[:, 1:], brute_force(vectors, 60), atol=1e-5)


def test_what_is_compiled_for_a_descent_is_kept_for_the_next_process():
    import pynndescent
    from numba.core.caching import FunctionCache

    kept = neighbours._kept_when_compiled()
    metric, candidates = pynndescent.distances.alternative_dot, pynndescent.pynndescent_.init_random
    assert metric in kept and candidates in kept
    name = f"pynndescent {pynndescent.__version__} pynndescent.distances.alternative_dot"
    assert metric._uuid == name, "another process must know it by the same name"
    assert isinstance(candidates._cache, FunctionCache)


def test_a_damaged_compilation_is_made_anew(monkeypatch):
    from numba.core.caching import NullCache

    function, begun = types.SimpleNamespace(_cache=None), []

    class Once:
        def __init__(self, data, **settings):
            begun.append(settings)
            if len(begun) == 1:
                raise EOFError
            self.neighbor_graph = (np.arange(12).reshape(4, 3), None)

    monkeypatch.setattr("pynndescent.NNDescent", Once)
    monkeypatch.setattr(neighbours, "_kept_when_compiled", lambda: [function])
    graph = neighbours._descended(np.eye(4, dtype=np.float32), 2)
    assert graph.tolist() == [[0, 1], [3, 4], [6, 7], [9, 10]] and begun[0] == begun[1]
    assert isinstance(function._cache, NullCache)


def test_a_row_that_a_descent_finds_too_few_neighbours_of_is_searched_for_exactly(monkeypatch):
    monkeypatch.setattr(neighbours, "EXACT_ROWS", 10)
    monkeypatch.setattr(neighbours, "SAMPLE", 50)

    def descended(data, count):
        graph = np.argsort(-(data @ data.T), axis=1, kind="stable")[:, :count]
        graph[::9, -1] = -1
        return graph

    monkeypatch.setattr(neighbours, "_descended", descended)
    vectors = np.random.default_rng(1).normal(size=(100, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    indices, similarities = nearest(vectors, 12)
    assert (indices >= 0).all() and np.allclose(similarities, brute_force(vectors, 12), atol=1e-5)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    static._table.cache_clear()
    yield tmp_path / "cache"
    static._table.cache_clear()


MIXED = [" ".join(["The river is long, and the bread is good."] * n) for n in (1, 30, 3, 9, 2, 12)]


@pytest.mark.parametrize("backend", ["torch-packed-float32", "openvino-packed-float32"])
def test_packed_backends_give_the_model_s_vectors_in_the_order_of_the_texts(backend):
    plain = load_encoder(backend="torch-float32").encode(MIXED)
    packed = load_encoder(backend=backend)
    assert np.allclose(packed.encode(MIXED), plain, atol=1e-5)
    assert np.allclose(packed.encode(MIXED[::-1]), plain[::-1], atol=1e-5)


@pytest.mark.parametrize("backend", [b for b in backends.backends() if "packed" in b])
def test_packed_backends_are_exact_enough_and_give_the_same_bytes_again(backend):
    texts = [f"{text} {i}" for i, text in enumerate(MIXED[2:] * 3)]
    encoder = load_encoder(backend=backend)
    vectors = encoder.encode(texts)
    again = load_encoder(backend=backend)
    again.encode(texts[:5])  # a kernel made for other shapes changes nothing
    assert all((e.encode(texts) == vectors).all() for e in (encoder, again, again))
    plain = load_encoder(backend="torch-float32").encode(texts)
    assert (vectors * plain).sum(axis=1).min() >= benchmark.EXACT_ENOUGH


def test_packs_hold_every_text_once_and_few_tokens():
    packs = list(backends._packs(load_model(), MIXED * 60, tokens=512))
    assert sorted(row for rows, _ in packs for row in rows) == list(range(360))
    assert all(features["input_ids"].numel() <= 512 for _, features in packs)
    assert max(features["input_ids"].shape[1] for _, features in packs) == 256


def test_the_benchmark_leaves_out_what_is_hopeless_and_is_remembered(own_cache, monkeypatch):
    calls = []

    def backend(name, vector):
        def make(model):
            def encode(texts):
                calls.append(name)
                return np.tile(np.float32(vector), (len(texts), 1))

            return encode

        return make

    def broken(model):
        raise RuntimeError("cannot convert")

    offered = {
        "plain": backend("plain", [1, 0]),
        "torch-bfloat16": broken,  # superseded
        "torch-packed-bfloat16": backend("bfloat16", [1, 0]),  # imitated on this machine
        "other": backend("other", [0.6, 0.8]),
        "broken": broken,
    }
    monkeypatch.setattr(benchmark, "backends", lambda: offered)
    monkeypatch.setattr(benchmark, "multiplies_bfloat16", lambda: False)
    monkeypatch.setattr(benchmark, "_seconds", lambda encode, texts: encode(texts) is None or 0.5)
    results = benchmark.measurements("model", None, seconds=0.01)
    assert [r.backend for r in results] == ["plain", "other"]
    assert benchmark.fastest(results) == "plain"
    assert results[1].similarity == pytest.approx(0.6)
    calls.clear()
    assert benchmark.measurements("model", None) == results and calls == []
    monkeypatch.setattr(benchmark, "module_version", lambda name: "other code")
    benchmark.measurements("model", None, seconds=0.01)
    assert calls, "another design of the benchmark is another benchmark"
    monkeypatch.setattr(benchmark, "module_version", lambda name: "slow")
    seconds = iter([0.1, 1.0])
    monkeypatch.setattr(benchmark, "_seconds", lambda encode, texts: next(seconds, 0.1))
    results = benchmark.measurements("model", None, seconds=0.01)
    assert results[1].similarity == 0, "half as fast as the plain backend: given up"


def test_texts_of_the_benchmark_are_as_long_as_instruction_data():
    lengths = np.minimum(254, [len(i) for i in tokenizer_of().ids(benchmark._texts())])
    assert len(lengths) == 64 and lengths.max() >= 240
    assert 50 <= np.median(lengths) <= 70 and 120 <= np.quantile(lengths, 0.9) <= 160


def test_a_tokenizer_counts_with_the_model_s_own_tokenizer():
    texts = ["short", "word " * 300, "中文" * 200, "ab-" * 300, MIXED[1]]
    own = load_model().tokenizer
    whole = [len(ids) for ids in own(texts, truncation=False)["input_ids"]]
    assert tokenizer_of().limit == 256
    assert tokenizer_of().beyond(texts).tolist() == [max(0, n - 256) for n in whole]
    assert max(whole) > 256
    whole_ids = own(texts, truncation=False)["input_ids"]
    assert tokenizer_of().ids(texts) == [ids[1:-1] for ids in whole_ids]


def test_windows_hold_the_whole_text_and_are_short_enough():
    words = [f"word{i}" for i in range(500)]
    for text in (" ".join(words), "中文" * 400, "ab-" * 300):
        pieces = tokenizer_of().windows(text)
        assert len(pieces) > 1 and "".join(pieces).replace(" ", "") == text.replace(" ", "")
        assert (tokenizer_of().beyond(pieces) == 0).all()
    assert [w for p in tokenizer_of().windows(" ".join(words)) for w in p.split()] == words
    assert tokenizer_of().windows("a short text") == ["a short text"]


def test_a_long_blank_text_is_a_window_also_where_blanks_are_tokens():
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({" ": 0, "?": 1}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
    blank = ModelTokenizer(tokenizer, 10)
    assert blank.beyond([" " * 50]).tolist() == [40] and blank.windows(" " * 50) == [" " * 50]


def frame(texts):
    return pd.DataFrame(
        {"prompt": texts, "response": ""}, index=[f"r{i}" for i in range(len(texts))]
    )


class Trigrams(VectorStore):
    def __init__(self, folder):
        super().__init__(folder)
        self.tiny = TrigramEncoder()

    def encoder(self, model="", backend="auto", texts=None):
        return self.tiny


def test_switching_to_windows_embeds_the_long_texts_alone(tmp_path):
    store, rows = Trigrams(tmp_path), frame(["bread", " ".join(f"river{i}" for i in range(200))])
    heads, cut = embed(rows, store, silent)
    assert cut["tokens_cut"].iloc[0] == 0 < cut["tokens_cut"].iloc[1]
    store.tiny.encoded.clear()
    whole, cut = embed(rows, store, silent, long="windows")
    pieces = tokenizer_of().windows(rows["prompt"].iloc[1])
    assert sorted(store.tiny.encoded) == sorted(pieces) and len(pieces) > 1
    assert (cut["tokens_cut"] == 0).all() and (whole[0] == heads[0]).all()
    mean = TrigramEncoder().encode(pieces).mean(axis=0)
    assert np.allclose(whole[1], mean / np.linalg.norm(mean), atol=1e-3)
    assert (embed(rows, store.remembering(), silent, long="windows")[0][:] == whole[:]).all()


def test_what_was_cut_is_a_column_also_when_the_step_is_remembered(tmp_path):
    texts = ["bread", " ".join(f"river{i}" for i in range(200))]
    dataset = make_dataset([(text, "") for text in texts])
    recipe = Recipe((Step("embed"),))
    runs = []
    for _ in range(2):
        replay = Replay(
            Source("x", dataset), Cache(tmp_path / "cache"), Trigrams(tmp_path / "vectors")
        )
        runs.append(replay.run(recipe))
    assert runs[1].steps[-1].cached and not runs[0].steps[-1].cached
    assert runs[0].rows["tokens_cut"].tolist() == runs[1].rows["tokens_cut"].tolist()
    assert sorted(runs[1].rows["tokens_cut"] > 0) == [False, True]
    assert (runs[0].vectors[:] == runs[1].vectors[:]).all()


def test_static_embeddings_are_made_once_and_their_agreement_is_kept(
    tmp_path, own_cache, tiny_model, monkeypatch
):
    model = str(tiny_model)
    store = VectorStore(tmp_path / "vectors", tmp_path / "encoders.json")
    assert store.static_agreement(model) is None
    texts = [f"the river is {'long ' * (i % 7)}{'bread ' * (i % 5)}" for i in range(60)]
    vectors, _ = embed(frame(texts), store, silent, model=model, way="draft")
    assert store.encoder_name(model, "draft") == store.encoder(model, "draft").name
    assert store.encoder_name(model, "draft").endswith(f"/draft-{static.DESIGN}")
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    share = store.static_agreement(model)
    distinct = sorted(set(texts))
    full = load_encoder(model, "torch-float32").encode(distinct)
    own = load_encoder(model, "draft").encode(distinct)
    assert share == pytest.approx(static.agreement(own, full), abs=0.05) and 0 < share <= 1
    assert list(store.choices().values()) == [f"static vectors, {share:.0%} of 10 nearest"]
    embed(frame(texts[:4]), VectorStore(tmp_path / "v2", tmp_path / "encoders.json"), silent,
          model=model, way="draft")  # fmt: skip
    assert store.static_agreement(model) == share, "a few rows measure nothing"
    kept, before = (tmp_path / "encoders.json").read_bytes(), store.computed
    others = [text.replace("river", "mountain") for text in texts]
    embed(frame(others), store, silent, model=model, way="draft")
    assert store.computed - before == len(distinct), "no text by the full model"
    assert (tmp_path / "encoders.json").read_bytes() == kept, "another dataset's texts"
    static._table.cache_clear()
    monkeypatch.setattr(static, "distilled", None)  # made once on this machine
    assert (load_encoder(model, "draft").encode(distinct) == own).all()


def test_a_static_embedding_of_a_text_without_a_known_token_has_a_direction(own_cache, tiny_model):
    vectors = load_encoder(str(tiny_model), "draft").encode(["", "bread"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)


def test_static_embeddings_hold_every_id_that_the_tokenizer_can_give_out(
    own_cache, tiny_model, tmp_path
):
    from tokenizers import Tokenizer

    load_encoder(str(tiny_model), "draft").encode(["bread"])  # keeps a table under the same name
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_model, folder)
    place = str(next(folder.rglob("tokenizer.json")))
    tokenizer = Tokenizer.from_file(place)
    tokenizer.add_special_tokens(["<mask>"])
    tokenizer.save(place)
    (ids,) = tokenizer_of(str(folder)).ids(["bread <mask>"])
    assert ids[-1] == tokenizer.get_vocab_size() - 1
    table = static._table(str(folder), load_encoder(str(folder)).name.split("/")[0])
    assert len(table) == ids[-1] + 1 and not table[-1].any() and table[ids[0]].any()
    masked, plain = load_encoder(str(folder), "draft").encode(["bread <mask>", "bread"])
    assert (masked == plain).all()


def test_agreement_is_the_share_of_common_neighbours():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 16))
    assert static.agreement(vectors, vectors) == 1
    assert static.agreement(rng.normal(size=(200, 16)), vectors, 10) < 0.15


class Afar:
    """An engine whose workers are other processes as far as one can tell: all is pickled.

    afar: whether they may be on other machines.
    """

    name = "afar"

    def __init__(self, afar):
        self.afar, self.sizes, self.params = afar, [], set()

    def run(self, batches):
        for batch in batches:
            self.sizes.append((batch.operation.partition(":")[2], len(batch.rows)))
            self.params |= {*batch.params}
            yield pickle.loads(pickle.dumps(run_batch(pickle.loads(pickle.dumps(batch)))))

    def close(self):
        pass


@pytest.mark.parametrize(
    ("backend", "spread"),
    [("torch-packed-float32", True), ("draft", True), ("torch-float32", False)],
)
def test_workers_afar_embed_parts_to_the_same_bytes(
    tmp_path, own_cache, tiny_model, monkeypatch, backend, spread
):
    texts = [f"the river is {'long ' * (i % 40)}and {i} bread" for i in range(2_500)]
    dataset = make_dataset([(text, "") for text in texts])
    monkeypatch.chdir(tiny_model.parent)  # workers have folders of their own
    loaded, load = [], workers._loaded
    monkeypatch.setattr(workers, "_LOADED", {})
    monkeypatch.setattr(workers, "_loaded", lambda *args: loaded.append(args) or load(*args))
    stored, near, engine = [], Afar(afar=False), Afar(afar=True)
    for place, runner in (("one", near), ("two", engine)):
        store = VectorStore(tmp_path / place, tmp_path / f"{place}.json")
        replay = Replay(
            Source("x", dataset), Cache(tmp_path / "cache" / place), store, engine=runner
        )
        replay.run(Recipe((Step("embed", model=tiny_model.name, way=backend),)))
        files = (tmp_path / place).rglob("*.rows")
        stored.append({file.parent.name: file.read_bytes() for file in files})
        static._table.cache_clear()
    assert stored[0] == stored[1]
    assert near.sizes == [], "one machine's cores are at work without workers"
    assert engine.sizes == ([("encoded", 1_024)] * 2 + [("encoded", 452)] if spread else [])
    assert ("tokens" in engine.params) == (backend == "draft"), "made once, and not by each worker"
    assert [args[0] for args in loaded] == [str(tiny_model)] * spread, (
        "loaded once, by its whole path"
    )

"""The example's vectors, which come with it so that its first run loads no model.

`make example` computes them anew, after the example's texts or the steps before `embed` changed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest

from curation import demo
from curation.cache import write_table
from curation.demo import make_demo, read_vectors
from curation.embedding import VectorStore, load_encoder
from curation.embedding.backends import PACKED, exact
from curation.project import Project
from curation.recipe import Recipe


def computed(folder: Path) -> tuple[str, np.ndarray, np.ndarray]:
    """The encoder's name, keys and vectors of the example, all computed here."""
    with mock.patch.object(demo, "VECTORS", folder / "none"):
        project = make_demo(folder / "example")
    steps = list(project.recipe)
    end = next(n for n, step in enumerate(steps) if step.use == "embed")
    project.recipe = Recipe(tuple(steps[: end + 1]))
    project.run()
    name = load_encoder("", PACKED).name
    return name, *project.vectors.all_of(name)


def test_the_vectors_are_those_that_the_model_computes(tmp_path):
    if exact() != PACKED:
        pytest.skip("a GPU computes them otherwise")
    name, keys, vectors = read_vectors()
    now, keys_now, vectors_now = computed(tmp_path)
    assert now == name and len(keys) > 350
    assert keys.tolist() == keys_now.tolist(), "the example's texts changed: run make example"
    assert vectors.dtype == np.float16 and vectors.shape == vectors_now.shape
    one, two = vectors.astype(np.float32), vectors_now.astype(np.float32)
    cosines = (one * two).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
    assert cosines.min() > 0.999


PROGRAM = """
import sys
from curation.demo import make_demo
from curation.embedding import backends
backends.has_gpu_driver = lambda: False
project = make_demo(sys.argv[1])
dataset = project.run()
assert [s.name for s in dataset.steps if s.kind == "embed"] and dataset.vectors is not None
loaded = {"torch", "sentence_transformers", "transformers", "openvino"} & set(sys.modules)
print(project.vectors.computed, sorted(loaded), len(dataset.kept))
"""


@pytest.fixture(scope="module")
def first_run(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("first") / "example"
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_a_first_run_of_the_example_loads_no_model(first_run):
    assert first_run[1].split() == ["0", "[]", "300"], first_run[1]


class Counting:
    """An encoder of the name of the example's, which notes the texts that it embeds."""

    def __init__(self, name: str) -> None:
        self.name, self.texts = name, list[str]()

    def encode(self, texts: list[str]) -> np.ndarray:
        self.texts += texts
        return np.ones((len(texts), 384), dtype=np.float32)


def test_a_changed_text_of_the_example_is_embedded_anew(first_run):
    project = Project.open(first_run[0])
    rows = project.replay().kept.iloc[:3]
    texts = (rows["prompt"] + "\n\n" + rows["response"]).tolist()
    encoder = Counting(read_vectors()[0])
    project.vectors.embed([*texts, texts[0] + "!"], encoder)
    assert encoder.texts == [texts[0] + "!"]


def test_another_encoder_does_not_take_them(tmp_path):
    name, keys, vectors = read_vectors()
    store = VectorStore(tmp_path)
    store.add(name, keys, vectors)
    assert len(store.all_of(name)[0]) == len(keys)
    assert len(store.all_of(name.replace("float32", "bfloat16"))[0]) == 0


def test_without_its_vectors_the_example_is_made_as_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "VECTORS", tmp_path / "damaged")
    (tmp_path / "damaged").write_bytes(b"no table")
    project = make_demo(tmp_path / "example")
    assert len(project.examples) > 400 and not (project.path / "cache" / "vectors").exists()


def test_where_a_gpu_may_be_torch_says_what_is_there(monkeypatch):
    from curation.embedding import backends

    monkeypatch.setattr(backends, "has_gpu_driver", lambda: True)
    monkeypatch.setattr(backends, "backends", lambda: {"cuda-float32": None, "cuda-bfloat16": None})
    assert exact() == "cuda-float32"
    monkeypatch.setattr(backends, "backends", lambda: {"torch-float32": None, PACKED: None})
    assert exact() == PACKED


def write_vectors(encoder: str, keys: np.ndarray, vectors: np.ndarray) -> None:
    """Write what `read_vectors` reads."""
    columns = {
        "key": pa.array([bytes(key).ljust(16, b"\0") for key in keys], pa.binary(16)),
        "vector": pa.FixedSizeListArray.from_arrays(vectors.reshape(-1), vectors.shape[1]),
    }
    write_table(demo.VECTORS, pa.table(columns, metadata={"encoder": encoder}))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        write_vectors(*computed(Path(scratch)))

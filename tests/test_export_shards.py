"""Large files are continued in others, named by every configuration; what was dropped on request."""

from __future__ import annotations

import io
import json

import orjson
import pandas as pd
import pytest
import yaml

from curation import Step, export
from curation.export.shards import write_shards
from curation.export.trainers import tables
from curation.files import sha256
from tests.conftest import make_dataset
from tests.test_export import turn
from tests.test_export_parts import ORIGIN

PAIRS = [(f"Question {n}, which is long enough?", f"Answer {n}.") for n in range(40)]
FORMATS = ("trl", "axolotl", "llamafactory", "hf", "csv", "openai")


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """A delivery in shards, the same delivery in whole files, and the manifest of the first."""
    folder = tmp_path_factory.mktemp("shards")
    data = make_dataset(PAIRS)
    data.rows["split"] = ["validation" if n % 4 == 0 else "train" for n in range(len(PAIRS))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "GROUP", 8)
        manifest = export.export(data, ORIGIN, folder / "many", FORMATS, shard_bytes=600)
        export.export(data, ORIGIN, folder / "whole", FORMATS)
    return folder / "many", folder / "whole", manifest


def files_of(manifest, name, split):
    entries = (f for f in manifest["files"] if (f["format"], f["split"]) == (name, split))
    return [entry["path"] for entry in entries]


def records(data: bytes, ending: str):
    if ending == ".jsonl":
        return [orjson.loads(line) for line in data.splitlines()]
    if ending == ".json":
        return orjson.loads(data)
    read = pd.read_parquet if ending == ".parquet" else pd.read_csv
    return json.loads(read(io.BytesIO(data)).to_json(orient="records"))


@pytest.mark.parametrize("name", FORMATS)
def test_shards_hold_the_rows_of_the_whole_file_in_its_order(delivered, name):
    many, whole, manifest = delivered
    ending = export.delivery_formats()[name].ending
    for split in ("train", "validation"):
        paths = files_of(manifest, name, split)
        count = len(paths)
        folder = "data" if name == "hf" else name
        assert count > 1
        assert paths == [f"{folder}/{split}-{n:05d}-of-{count:05d}{ending}" for n in range(count)]
        stem = f"{split}-00000-of-00001" if name == "hf" else split
        rows = [row for path in paths for row in records((many / path).read_bytes(), ending)]
        assert rows == records((whole / folder / f"{stem}{ending}").read_bytes(), ending)
        sizes = [(many / path).stat().st_size for path in paths]
        assert all(600 <= size < 1_200 for size in sizes[:-1]) or name == "hf"


def test_the_configurations_name_every_shard(delivered):
    many, _, manifest = delivered
    for split, key in (("train", "datasets"), ("validation", "test_datasets")):
        entries = yaml.safe_load((many / "axolotl/axolotl.yaml").read_text())[key]
        assert [f"axolotl/{e['path']}" for e in entries] == files_of(manifest, "axolotl", split)
    info = json.loads((many / "llamafactory/dataset_info.json").read_text())
    config = yaml.safe_load((many / "llamafactory/train.yaml").read_text())
    for split, key in (("train", "dataset"), ("validation", "eval_dataset")):
        files = [f"llamafactory/{info[name]['file_name']}" for name in config[key].split(",")]
        assert files == files_of(manifest, "llamafactory", split)
    script = (many / "trl/train.py").read_text()
    assert all(path.removeprefix("trl/") in script for path in files_of(manifest, "trl", "train"))


def test_the_folder_and_the_lines_load_as_one(delivered, tmp_path):
    datasets = pytest.importorskip("datasets")
    many, _, manifest = delivered
    loaded = datasets.load_dataset(str(many), cache_dir=str(tmp_path))
    assert {name: len(part) for name, part in loaded.items()} == manifest["splits"]
    files = [str(many / path) for path in files_of(manifest, "trl", "train")]
    rows = datasets.load_dataset(
        "json", data_files=files, split="train", cache_dir=str(tmp_path / "json")
    )
    assert len(rows) == manifest["splits"]["train"]


def test_every_row_of_every_shard_maps_to_its_id(delivered):
    many, _, manifest = delivered
    places = pd.read_parquet(many / "ids.parquet")
    for path in files_of(manifest, "trl", "train"):
        mine = places[places["file"] == path]
        rows = records((many / path).read_bytes(), ".jsonl")
        assert mine["row"].tolist() == list(range(1, len(rows) + 1))
        assert mine["id"].tolist() == [row["curation_id"] for row in rows]


def test_a_rare_key_of_the_last_shard_stands_in_the_first(tmp_path):
    plain = {"messages": [turn("user", "x" * 60)]}
    rare = {"messages": [turn("user", "y", name="Ada")]}
    trl = export.delivery_formats()["trl"]
    shards = write_shards(trl, "train", iter(enumerate([*[plain] * 9, rare])), tmp_path, 300)
    assert [list(shard.places) for shard in shards] == [[0, 9, 1, 2, 3], [4, 5, 6], [7, 8]]
    assert records((tmp_path / shards[0].path).read_bytes(), ".jsonl")[:2] == [plain, rare]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["trl"]


def test_what_was_dropped_or_refused_is_there_on_request(make_project, tmp_path):
    rows = [{"prompt": "One?", "completion": "Yes."}] * 2 + [
        {"prompt": "Two?", "completion": "No."}
    ]
    data = b"".join(orjson.dumps(row) + b"\n" for row in rows) + b"{broken\n"
    project = make_project({"rows.jsonl": data}, Step("drop_exact_duplicates"))
    manifest = project.export(tmp_path / "out", ["trl"], also=["dropped"])
    for name in ("dropped.parquet", "rejected.parquet"):
        (entry,) = [f for f in manifest["files"] if f["path"] == name]
        assert entry["sha256"] == sha256(tmp_path / "out" / name)
    (dropped,) = pd.read_parquet(tmp_path / "out" / "dropped.parquet").to_dict("records")
    assert dropped["step"] == "drop_exact_duplicates" and dropped["source_row"] == 2
    assert "One?" in dropped["messages"] and dropped["reason"]
    (refused,) = pd.read_parquet(tmp_path / "out" / "rejected.parquet").to_dict("records")
    assert (refused["row"], refused["raw"]) == (4, b"{broken") and refused["message"]
    project.export(tmp_path / "out", ["trl"])
    assert not (tmp_path / "out" / "dropped.parquet").exists(), "only on request"

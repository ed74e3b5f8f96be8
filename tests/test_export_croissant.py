"""The description of a delivery is read by the tools it is written for."""

from __future__ import annotations

import json
import logging

import numpy as np
import pandas as pd
import pytest

from curation import export, files
from tests.conftest import make_dataset
from tests.test_export_parts import ORIGIN

PAIRS = [(f"Question {n}?", f"Answer {n}, at last.") for n in range(12)]
FORMATS = ("trl", "trl-completion", "sharegpt", "hf", "csv")


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """A delivery of twelve rows with a map, in two splits and several shards."""
    folder = tmp_path_factory.mktemp("described") / "out"
    data = make_dataset(PAIRS)
    rows = data.rows.assign(
        split=["validation" if n % 4 == 0 else "train" for n in range(len(PAIRS))],
        x=np.arange(12.0),
        y=np.arange(12.0) / 2,
        topic=[f"topic {n % 2}" for n in range(12)],
    )
    angles = np.linspace(0, 3, 12)
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    vectors[3] = np.nan
    data = data.replace(rows=rows, vectors=vectors)
    manifest = export.export(data, ORIGIN, folder, FORMATS, also=["atlas"], shard_bytes=900)
    return folder, manifest, rows


def test_croissant_lists_every_file_with_its_digest(delivered):
    out, manifest, _ = delivered
    about = json.loads((out / "croissant.json").read_text())
    listed = {f["contentUrl"]: f["sha256"] for f in about["distribution"] if "sha256" in f}
    expected = {f["path"]: f["sha256"] for f in manifest["files"] if f["path"] != "croissant.json"}
    assert listed == expected
    assert all(files.sha256(out / path) == digest for path, digest in listed.items())


def test_mlcroissant_finds_no_fault_and_reads_every_row_with_its_split(delivered, monkeypatch):
    mlcroissant = pytest.importorskip("mlcroissant")
    out, manifest, rows = delivered
    monkeypatch.chdir(out)
    about = mlcroissant.Dataset(jsonld="croissant.json")
    assert not about.metadata.ctx.issues.errors
    for name in FORMATS:
        records = list(about.records(name))
        assert len(records) == 12, name
        assert all(answer in str(records) for _, answer in PAIRS), name
        ids = [record[f"{name}/curation_id"].decode() for record in records]
        splits = [record[f"{name}/split"].decode() for record in records]
        assert dict(zip(ids, splits, strict=True)) == rows["split"].to_dict(), name
    logging.getLogger("absl").handlers.clear()


def test_the_table_for_embedding_atlas_has_its_columns(delivered):
    out, _, rows = delivered
    table = pd.read_parquet(out / "atlas.parquet")
    assert table["id"].tolist() == rows.index.tolist()
    assert table["text"][0] == "Question 0?\n\nAnswer 0, at last."
    assert table[["x", "y"]].to_numpy().tolist() == rows[["x", "y"]].to_numpy().tolist()
    assert table["topic"].tolist() == rows["topic"].tolist()
    assert table["neighbors"][3] is None, "it was not embedded"
    near = table["neighbors"][5]
    assert set(near) == {"ids", "distances"} and near["ids"][0] in (4, 6)
    assert 5 not in near["ids"] and 3 not in near["ids"]
    assert (np.diff(near["distances"]) >= 0).all() and near["distances"][0] == pytest.approx(
        1 - np.cos(3 / 11), abs=1e-5
    )


def test_without_a_map_the_table_holds_texts(tmp_path):
    export.export(make_dataset(PAIRS), ORIGIN, tmp_path / "out", ["trl"], also=["atlas"])
    table = pd.read_parquet(tmp_path / "out" / "atlas.parquet")
    assert list(table) == ["id", "text", "label", "split", "source"] and len(table) == 12


def test_an_unknown_table_is_refused_before_the_work(tmp_path):
    with pytest.raises(export.delivery.CurationError, match="no table 'map'; choose from dropped"):
        export.export(make_dataset(PAIRS), ORIGIN, tmp_path / "out", ["trl"], also=["map"])
    assert not (tmp_path / "out").exists()

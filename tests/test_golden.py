"""Every operation on the same few awkward rows gives what its file in tests/golden says.

`make golden` writes the files anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from curation.cache import Cache
from curation.dataset import Dataset
from curation.embedding import VectorStore, nearest
from curation.overlay import Source
from curation.registry import Operation
from curation.replay import Replay
from tests.test_contract import (
    OPERATIONS,
    TinyStore,
    answer,
    before,
    every_operation,
    example_of,
    imported,
    part,
)

FOLDER = Path(__file__).parent / "golden"
DRAWN_BY_DIRECTIONS = 16
"""Rows for what learns a shape: few enough that the map is no UMAP's, whose places differ by machine."""


def plain(value: object) -> object:
    """A cell as JSON has it: numbers in three digits, so that no last digit of a machine counts."""
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else round(float(value), 3) + 0.0
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    return None if value is pd.NA else value


def output(operation: Operation, store: VectorStore, cache: Cache) -> str:
    """The operation's parameters, counts and notes in a line, and a line for each row."""
    params = {
        **({"budget": 12} if "budget" in operation.params else {}),
        **example_of(operation)[0],
    }
    dataset = Replay(Source("pairs", imported()), cache, store).run(before(operation, params))
    if "basis" in operation.inputs:
        dataset = part(dataset, range(DRAWN_BY_DIRECTIONS))
    checked = operation.check(params)
    tags = dict(
        zip(dataset.rows.index, ({"cooking": None}, {}, {"not cooking": None}), strict=False)
    )
    result = answer(
        operation,
        dataset,
        store,
        None,
        checked,
        SimpleNamespace(tags=tags, labels={}, apart={}, preferred={}),
    )
    head = {"step": operation.name, "params": params, "rows": len(dataset)}
    if operation.kind == "embed":
        result = result.assign(nearest=nearest_of(dataset, result.to_numpy()))[["nearest"]]
    if "keep" in result:
        head["kept"] = int(result["keep"].sum())
    if operation.kind == "clean":
        head["changed"] = len(result)
    if operation.notes:
        head["notes"] = operation.notes(checked, dataset.rows, result)
    lines = [head]
    for (i, row), prompt in zip(
        result.iterrows(), dataset.rows.loc[result.index, "prompt"], strict=True
    ):
        lines.append({"id": i, "prompt": prompt[:40], **{k: plain(v) for k, v in row.items()}})
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def nearest_of(dataset: Dataset, vectors: np.ndarray) -> list[str]:
    """The prompt whose vector is nearest to each."""
    indices, _ = nearest(vectors.astype(np.float32), 1)
    return [dataset.rows["prompt"].iloc[i][:40] for i in indices[:, 0]]


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> tuple[VectorStore, Cache]:
    folder = tmp_path_factory.mktemp("golden")
    return TinyStore(folder / "vectors"), Cache(folder / "cache")


@every_operation
def test_it_gives_what_its_golden_file_says(operation, places):
    assert output(operation, *places) == (FOLDER / f"{operation.name}.jsonl").read_text("utf-8"), (
        "if that is meant, run make golden"
    )


def test_no_golden_file_is_left_of_an_operation_that_is_gone():
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == {o.name for o in OPERATIONS}


def write() -> None:
    """Write all golden files anew."""
    with tempfile.TemporaryDirectory() as folder:
        store, cache = TinyStore(Path(folder) / "vectors"), Cache(Path(folder) / "cache")
        for path in FOLDER.glob("*.jsonl"):
            path.unlink()
        for operation in OPERATIONS:
            text = output(operation, store, cache)
            (FOLDER / f"{operation.name}.jsonl").write_text(text, "utf-8")


if __name__ == "__main__":
    write()

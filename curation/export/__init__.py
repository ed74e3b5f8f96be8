"""Deliveries: a folder that is complete or not there, checked, with a receipt for every row."""

from __future__ import annotations

import functools
import hashlib
import importlib
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation import __version__, files
from curation.dataset import ATTENTION, Dataset, Progress, silent
from curation.errors import CurationError
from curation.export.card import card
from curation.export.leaks import leaks
from curation.export.target import Problem, Target, examples

__all__ = ["Origin", "Problem", "Target", "check", "export", "targets"]

SPLITS = ("train", "validation", "test")


@functools.cache
def targets() -> dict[str, Target]:
    """The delivery formats by name."""
    package = importlib.import_module("curation.export.trainers")
    found = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found.update({t.name: t for t in vars(module).values() if isinstance(t, Target)})
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Origin:
    """What a delivery says of where it came from.

    name: of the project. imports: the reports of the files read. recipe: its YAML. people: the
    state of people's decisions, if there are any.
    """

    name: str
    imports: Sequence[Mapping[str, Any]]
    recipe: str
    people: Any = None


def check(out: Path, formats: Sequence[str]) -> None:
    """Raise CurationError when a format is unknown or `out` holds something not made by `export`."""
    unknown = [name for name in formats if name not in targets()]
    if unknown or not formats:
        known = ", ".join(targets())
        raise CurationError(
            f"There is no format {unknown[0]!r}; known are: {known}."
            if unknown
            else f"Name at least one format: {known}."
        )
    if out.exists() and (
        not out.is_dir() or (any(out.iterdir()) and not (out / "manifest.json").is_file())
    ):
        raise CurationError(f"{out} holds something that is not an export; choose another folder.")


def export(
    dataset: Dataset,
    origin: Origin,
    out: Path,
    formats: Sequence[str] = ("trl",),
    *,
    allow_attention: bool = False,
    leak_similarity: float = 0.95,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Write a delivery folder with the given formats and return its manifest.

    Rows that need attention are left out, counted, unless allowed. A folder that an export made is
    replaced; any other that is not empty is refused. Raises CurationError when a format is unknown,
    nothing is kept, a trainer would refuse a row, or the folder cannot be written; nothing is then
    changed.
    """
    check(out, formats)
    kept = dataset.kept.sort_values(["source", "source_row"], kind="stable")
    excluded = {} if allow_attention else _excluded(kept)
    rows = kept if allow_attention else kept[(kept["attention"] == "").to_numpy()]
    if rows.empty:
        raise CurationError(
            "Nothing is kept that could be exported; loosen a filter or allow what needs attention."
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise CurationError(f"{out.parent} cannot be written to: {error.strerror}.") from error
    try:
        manifest = _write(
            dataset, origin, rows, folder, list(formats), excluded, leak_similarity, progress
        )
        _put_in_place(folder, out)
    except OSError as error:
        raise CurationError(f"{out} could not be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return manifest


def _excluded(kept: pd.DataFrame) -> dict[str, int]:
    codes = kept["attention"][kept["attention"] != ""].str.split(",").explode()
    return {ATTENTION.get(str(c), str(c)): int(n) for c, n in codes.value_counts().items()}


def _write(
    dataset: Dataset,
    origin: Origin,
    rows: pd.DataFrame,
    folder: Path,
    formats: list[str],
    excluded: dict[str, int],
    leak_similarity: float,
    progress: Progress,
) -> dict[str, Any]:
    split = rows["split"].fillna("train").astype(str)
    parts = {name: rows[(split == name).to_numpy()] for name in SPLITS if (split == name).any()}
    facts = {"name": origin.name}
    listed: list[dict[str, Any]] = []
    unfit: dict[str, int] = {}
    for n, name in enumerate(formats):
        progress(0.8 + 0.15 * n / len(formats), f"Writing {name}")
        target, written = targets()[name], dict[str, str]()
        for part, frame in parts.items():
            records = [r for r in map(target.row, examples(frame)) if r is not None]
            if len(records) < len(frame):
                unfit[name] = unfit.get(name, 0) + len(frame) - len(records)
            problems = target.check(records)
            serious = [p for p in problems if p.code != "too_few"]
            if serious:
                raise CurationError(
                    f"{target.title} would refuse row {serious[0].row} of {part} "
                    f"({serious[0].code}: {serious[0].message}); "
                    f"{len(serious):,} such problems. Mend or drop those rows, or leave this format out."
                )
            path = _name(target, part)
            _put(folder, path, target.dump(records))
            written[part] = path
            listed.append(
                {
                    **_entry(folder, path),
                    "rows": len(records),
                    "format": name,
                    "split": part,
                    "problems": [p.message for p in problems],
                }
            )
        for path, data in target.extra(written, facts).items():
            _put(folder, path, data)
            listed.append({**_entry(folder, path), "rows": None, "format": name, "split": ""})
    progress(0.95, "Checking for leaks")
    vectors = (
        None
        if dataset.vectors is None
        else dataset.vectors[dataset.rows.index.get_indexer(rows.index)]
    )
    people = origin.people
    manifest: dict[str, Any] = {
        "name": facts["name"],
        "examples": len(dataset),
        "kept": len(dataset.kept),
        "delivered": len(rows),
        "splits": {name: len(frame) for name, frame in parts.items()},
        "excluded": excluded,
        "did_not_fit": unfit,
        "leaks": leaks(rows, vectors, leak_similarity),
        "sources": [
            {
                "name": e["name"],
                "sha256": e["sha256"],
                **{k: e["report"][k] for k in ("lines", "examples", "rejected", "blank")},
            }
            for e in origin.imports
        ],
        "steps": [
            {k: v for k, v in r.to_dict().items() if k not in ("seconds", "cached")}
            for r in dataset.steps
        ],
        "fingerprint": dataset.steps[-1].fingerprint if dataset.steps else "",
        "recipe": origin.recipe,
        "decisions": {
            "events": people.last if people else 0,
            "fingerprint": people.fingerprint() if people else "",
            "by_annotator": people.by_annotator() if people else {},
        },
        "versions": {"curation": __version__, "python": ".".join(map(str, sys.version_info[:2]))},
        "files": listed,
    }
    manifest["_ids"] = list(rows.index)
    _put(folder, "README.md", card(dataset, manifest).encode())
    del manifest["_ids"]
    _put(folder, "recipe.yaml", origin.recipe.encode())
    _receipts(dataset, folder / "receipts.parquet", set(rows.index))
    for path in ("README.md", "recipe.yaml", "receipts.parquet"):
        listed.append({**_entry(folder, path), "rows": None, "format": "", "split": ""})
    _put(folder, "manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    return manifest


def _name(target: Target, part: str) -> str:
    if target.name == "hf":  # the names that load_dataset knows by itself
        return f"data/{part}-00000-of-00001.parquet"
    return f"{target.name}/{part}{target.ending}"


def _put(folder: Path, path: str, data: bytes) -> None:
    files.write_bytes(folder / path, data)


def _entry(folder: Path, path: str) -> dict[str, Any]:
    data = (folder / path).read_bytes()
    return {"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _receipts(dataset: Dataset, path: Path, delivered: set[str]) -> None:
    """One row per source example: where it came from, whether it is here, and if not, why not."""
    rows = dataset.rows
    reasons = pd.Series("", index=rows.index, dtype="str")
    for report in dataset.steps:
        if "reason" in report.delta:
            gone = rows.index[(rows["dropped_by"] == report.name).to_numpy()].intersection(
                report.delta.index
            )
            reasons.loc[gone] = report.delta.loc[gone, "reason"].fillna("")
    table = pd.DataFrame(
        {
            "id": rows.index,
            "source": rows["source"],
            "source_row": rows["source_row"],
            "delivered": [i in delivered for i in rows.index],
            "dropped_by": rows["dropped_by"],
            "reason": reasons,
            "split": rows["split"],
            "attention": rows["attention"],
        }
    )
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path, compression="zstd")


def _put_in_place(folder: Path, out: Path) -> None:
    """Swap the finished folder in; the old one is moved aside first and deleted last."""
    folder.chmod(0o755)
    aside = out.with_name(f".{out.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if out.exists():
        out.rename(aside)
    try:
        folder.rename(out)
    except OSError:
        if aside.exists():
            aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)
    files.sync_folder(out.parent)

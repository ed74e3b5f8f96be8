"""Deliveries: a folder that is complete or not there, checked, with a receipt for every row."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import io
import pkgutil
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
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
from curation.export.trainers.tables import dataset_info
from curation.operations.clean import ABOUT_HTML, SPECIAL_TOKENS

__all__ = ["Origin", "Problem", "Target", "check", "export", "left_out", "targets"]

SPLITS = ("train", "validation", "test")

PACKAGES = (
    "numpy",
    "pandas",
    "scikit-learn",
    "umap-learn",
    "torch",
    "sentence-transformers",
    "faiss-cpu",
    "lingua-language-detector",
    "ftfy",
)
"""What results depend on beside this package."""

DESKTOP = (".DS_Store", "Thumbs.db")
"""Files that desktops leave in folders they show."""


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
    state of people's decisions, if there are any. encoders: model → the way its vectors were
    computed. bases: what operations kept to from earlier runs, as SHA-256 by name.
    """

    name: str
    imports: Sequence[Mapping[str, Any]]
    recipe: str
    people: Any = None
    encoders: Mapping[str, str] = field(default_factory=dict)
    bases: Mapping[str, str] = field(default_factory=dict)


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
    _check_folders(out.resolve())


def _check_folders(out: Path) -> None:
    """Raise CurationError when what the swap would delete is not of an export."""
    for folder in (out, _aside(out)):
        if folder.exists() and not folder.is_dir():
            raise CurationError(f"{folder} is a file; choose another folder.")
        foreign = _foreign(folder)
        if foreign:
            raise CurationError(
                f"{folder} holds {foreign}, which no export made; move it away or choose another "
                "folder."
            )


def _aside(out: Path) -> Path:
    """Where the former delivery stands during the swap."""
    return out.with_name(f".{out.name}.old")


def _foreign(folder: Path) -> str:
    """A file in a folder that is not of an export, hidden or not; "" for none."""
    mine = {"manifest.json"}
    try:
        manifest = orjson.loads((folder / "manifest.json").read_bytes())
        mine |= {entry["path"] for entry in manifest["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        mine.clear()
    files_ = (p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())
    paths = (p.relative_to(folder).as_posix() for p in files_ if p.name not in DESKTOP)
    return next((path for path in paths if path not in mine), "")


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

    Rows that need attention, or hold tokens of a chat template, are left out, counted, unless
    allowed. A folder that an export made is replaced; any other that is not empty is refused.
    Raises CurationError when a format is unknown or can hold nothing of it, nothing is kept, a
    trainer would refuse a row, or the folder cannot be written; nothing is then changed.
    """
    check(out, formats)
    out = out.resolve()
    kept = dataset.kept.sort_values(["source", "source_row"], kind="stable")
    why = left_out(kept) if not allow_attention else pd.Series("", index=kept.index)
    rows = kept[(why == "").to_numpy()]
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
            dataset,
            origin,
            rows,
            why,
            folder,
            list(dict.fromkeys(formats)),
            leak_similarity,
            progress,
        )
        _put_in_place(folder, out)
    except CurationError as error:
        raise CurationError(f"Nothing was delivered to {out}. {error}") from error
    except OSError as error:
        raise CurationError(
            f"Nothing was delivered to {out}; it could not be written: {error.strerror or error}."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return manifest


TEMPLATE = "template_tokens"
"""The code of rows whose text holds what a chat template would read as the end of a turn."""


def left_out(rows: pd.DataFrame) -> pd.Series:
    """Codes, by commas, of why an export leaves a row out unless told otherwise; "" for none."""
    codes = rows["attention"].fillna("").astype("str")
    tokens = [
        bool(SPECIAL_TOKENS.search(text)) and not ABOUT_HTML.search(prompt)
        for text, prompt in zip(rows["messages"], rows["prompt"].fillna(""), strict=True)
    ]
    return codes.mask(np.array(tokens, dtype=bool), (codes + f",{TEMPLATE}").str.lstrip(","))


def _counted(why: pd.Series) -> dict[str, int]:
    titles = {**ATTENTION, TEMPLATE: "its text holds tokens of a chat template"}
    codes = why[why != ""].str.split(",").explode()
    return {titles.get(str(c), str(c)): int(n) for c, n in codes.value_counts().items()}


def _write(
    dataset: Dataset,
    origin: Origin,
    offered: pd.DataFrame,
    why: pd.Series,
    folder: Path,
    formats: list[str],
    leak_similarity: float,
    progress: Progress,
) -> dict[str, Any]:
    split = offered["split"].fillna("train").astype(str)
    parts = {name: offered[(split == name).to_numpy()] for name in SPLITS if (split == name).any()}
    facts = {
        "name": origin.name,
        "slug": re.sub(r"[^\w.-]+", "-", origin.name).strip("-.") or "data",
    }
    listed: list[dict[str, Any]] = []
    holds: dict[str, set[str]] = {}
    for n, name in enumerate(formats):
        progress(0.8 + 0.15 * n / len(formats), f"Writing {name}")
        entries, holds[name] = _write_format(targets()[name], parts, folder, facts)
        listed += entries
    here = offered.index.isin(set().union(*holds.values()))
    rows, split = offered[here], split[here]
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
        "splits": {name: n for name in SPLITS if (n := int((split == name).sum()))},
        "excluded": _counted(why),
        "did_not_fit": {
            name: len(offered) - len(ids) for name, ids in holds.items() if len(ids) < len(offered)
        },
        "leaks": leaks(
            rows, vectors, leak_similarity, lambda share, text: progress(0.95 + 0.05 * share, text)
        ),
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
        "encoders": dict(origin.encoders),
        "bases": dict(origin.bases),
        "versions": _versions(),
        "files": listed,
    }
    hub = {f["split"]: f["path"] for f in listed if f["format"] == "hf"}
    info = dataset_info(folder, hub) if hub else {}
    for path, data in (
        ("README.md", card(dataset, rows, manifest, info).encode()),
        ("recipe.yaml", origin.recipe.encode()),
        ("receipts.parquet", _receipts(dataset, offered, why, holds)),
    ):
        listed.append(_put(folder, path, data))
    _put(folder, "manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    return manifest


def _versions() -> dict[str, str]:
    found = {"curation": __version__, "python": ".".join(map(str, sys.version_info[:2]))}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _write_format(
    target: Target, parts: Mapping[str, pd.DataFrame], folder: Path, facts: dict[str, Any]
) -> tuple[list[dict[str, Any]], set[str]]:
    """The files of one format as the manifest lists them, and the ids of the rows in them."""
    listed, written, ids = [], dict[str, str](), set[str]()
    for part, frame in parts.items():
        made = {e["id"]: record for e in examples(frame) if (record := target.row(e)) is not None}
        records = list(made.values())
        problems = target.check(records)
        if problems:
            raise CurationError(_refusal(target, problems, frame.loc[list(made)]))
        if not records and part == next(iter(parts)):
            what = "training" if part == "train" else part
            raise CurationError(
                f"{target.title} can hold none of the {len(frame):,} {what} examples; "
                "leave this format out."
            )
        if not records:
            continue
        ids.update(made)
        written[part] = _name(target, part)
        few = part == "train" and len(records) < target.least
        warning = f"{target.title} asks for at least {target.least} examples to train on"
        entry = _put(folder, written[part], target.dump(records), len(records), target.name, part)
        listed.append({**entry, "problems": [warning] if few else []})
    extra = target.extra(written, facts) if "train" in written else {}
    listed += [_put(folder, path, data, None, target.name) for path, data in extra.items()]
    return listed, ids


def _refusal(target: Target, problems: Sequence[Problem], rows: pd.DataFrame) -> str:
    first = problems[0]
    row = rows.iloc[first.row - 1]
    return (
        f"{target.title} would refuse example {row.name} ({row['source']}, row {row['source_row']}: "
        f"{first.code}, {first.message}) and {len({p.row for p in problems}) - 1:,} others; mend or "
        "drop them, or leave this format out."
    )


def _name(target: Target, part: str) -> str:
    if target.name == "hf":  # the names that load_dataset knows by itself
        return f"data/{part}-00000-of-00001.parquet"
    return f"{target.name}/{part}{target.ending}"


def _put(
    folder: Path, path: str, data: bytes, rows: int | None = None, format: str = "", split: str = ""
) -> dict[str, Any]:
    """Write a file; what the manifest says of it."""
    files.write_bytes(folder / path, data)
    digest = hashlib.sha256(data).hexdigest()
    about = {"path": path, "bytes": len(data), "sha256": digest}
    return {**about, "rows": rows, "format": format, "split": split}


def _receipts(
    dataset: Dataset, offered: pd.DataFrame, why: pd.Series, holds: Mapping[str, set[str]]
) -> bytes:
    """One row per source example: where it came from, whether it is here, and if not, why not.

    delivered: whether any file holds it. not_in: the formats that could not hold it.
    """
    rows = dataset.rows
    reasons = pd.Series("", index=rows.index, dtype="str")
    for report in dataset.steps:
        if "reason" in report.delta:
            gone = rows.index[(rows["dropped_by"] == report.name).to_numpy()].intersection(
                report.delta.index
            )
            reasons.loc[gone] = report.delta.loc[gone, "reason"].fillna("")
    missing = pd.Series(
        [",".join(name for name, ids in holds.items() if i not in ids) for i in offered.index],
        index=offered.index,
    )
    table = pd.DataFrame(
        {
            "id": rows.index,
            "source": rows["source"],
            "source_row": rows["source_row"],
            "delivered": rows.index.isin(set().union(*holds.values())),
            "dropped_by": rows["dropped_by"],
            "reason": reasons,
            "split": rows["split"],
            "left_out": why.reindex(rows.index, fill_value=""),
            "not_in": missing.reindex(rows.index, fill_value=""),
        }
    )
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), sink, compression="zstd")
    return sink.getvalue()


def _put_in_place(folder: Path, out: Path) -> None:
    """Swap the finished folder in; the old one is moved aside first and deleted last."""
    _check_folders(out)  # again, for something may have been put there since
    folder.chmod(0o755)
    aside = _aside(out)
    if aside.exists() and not out.exists():  # the last swap was cut off half way
        aside.rename(out)
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

"""Datasets of the Hugging Face Hub, as files that are then read like any other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset import Progress, silent
from curation.errors import Cancelled, CurationError, MissingExtra

BATCH = 1_000
"""Rows that are fetched at a time."""


@dataclass(frozen=True)
class Fetched:
    """Where a dataset's splits were written, and the revision that they are of.

    revision: the commit's hash, so that the same can be fetched again; "" for a local folder.
    files: one Parquet file a split; each row names its split, unless it has such a column already.
    """

    id: str
    revision: str
    files: list[Path]


def load(
    id: str,
    out: Path,
    *,
    revision: str | None = None,
    split: str | None = None,
    name: str | None = None,
    progress: Progress = silent,
) -> Fetched:
    """Write the splits of a dataset (`owner/name` on the Hub, or a local folder) into `out`.

    revision: a branch, tag or commit, which is pinned to its commit. split: one alone, as `train`.
    name: the configuration, where there are several. Rows are streamed; no code of the dataset is
    ever run, and pictures and sounds stay references. Raises CurationError when the Hub or the
    dataset cannot be reached, and MissingExtra when `datasets` is not installed.
    """
    try:
        import datasets
    except ImportError:
        raise MissingExtra("Reading from the Hugging Face Hub", "hub") from None
    local = Path(id).is_dir()
    try:
        pinned = "" if local else _pinned(id, revision)
        found = datasets.load_dataset(
            id, name, split=split, streaming=True, revision=pinned or None
        )
        splits = found if isinstance(found, dict) else {split or "train": found}
        files = list[Path]()
        out.mkdir(parents=True, exist_ok=True)
        for part, (split_name, rows) in enumerate(splits.items()):
            files.append(out / f"{_file_name(id)}-{_file_name(split_name)}.parquet")
            count = 0
            for count in _written(_undecoded(rows), split_name, files[-1]):
                progress(part / len(splits), f"Fetching {split_name}: {count:,} rows")
    except (Cancelled, MissingExtra):
        raise
    except Exception as error:  # what `datasets` raises has no common kind
        raise CurationError(_explained(id, error)) from None
    return Fetched(id, pinned, files)


def _pinned(id: str, revision: str | None) -> str:
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", id):
        raise CurationError(f"{id!r} is not the id of a dataset; it should look like owner/name.")
    from huggingface_hub import HfApi

    return str(HfApi().dataset_info(id, revision=revision, timeout=20).sha)


def _undecoded(rows: Any) -> Any:
    """The rows with pictures and sounds as references rather than decoded."""
    import datasets

    for column, feature in (rows.features or {}).items():
        if isinstance(feature, datasets.Image | datasets.Audio | datasets.Video):
            rows = rows.cast_column(column, type(feature)(decode=False))
    return rows


def _written(rows: Any, split: str, path: Path) -> Iterator[int]:
    """Write rows as Parquet and yield their number so far; the names of classes go along."""
    schema = rows.features.arrow_schema if rows.features else None
    writer, count = None, 0
    try:
        for table in rows.with_format("arrow").iter(BATCH):
            if schema is not None:
                table = table.cast(schema)
            if "split" not in table.column_names:
                table = table.append_column(
                    "split", pa.array([split] * len(table), pa.large_string())
                )
            if writer is None:
                table = table.replace_schema_metadata(schema.metadata if schema else None)
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema))
            count += len(table)
            yield count
        if writer is None:
            empty = (schema or pa.schema([])).empty_table()
            pq.write_table(empty, path)
    finally:
        if writer is not None:
            writer.close()


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text.strip("/").rpartition("/")[2]).strip("-.") or "dataset"


_REASONS = {
    "RepositoryNotFoundError": "there is no such dataset, or it is private",
    "DatasetNotFoundError": "there is no such dataset, or it is private",
    "GatedRepoError": "it is open only to who has accepted its terms; log in with `hf auth login`",
    "RevisionNotFoundError": "it has no such revision",
    "DataFilesNotFoundError": "it holds no data files that can be read without running its code",
    "EmptyDatasetError": "it holds no data files",
    "OfflineModeIsEnabled": "the Hugging Face Hub cannot be reached from here",
    "LocalEntryNotFoundError": "the Hugging Face Hub cannot be reached from here",
}


def _explained(id: str, error: Exception) -> str:
    """One sentence on why a dataset could not be had."""
    if isinstance(error, CurationError):
        return str(error)
    kinds = [kind.__name__ for kind in type(error).__mro__]
    first = str(error).strip().split("\n")[0][:200].rstrip(".")
    if any(kind in ("ConnectionError", "TransportError", "TimeoutError") for kind in kinds):
        reason = _REASONS["OfflineModeIsEnabled"]
    else:
        reason = next((_REASONS[kind] for kind in kinds if kind in _REASONS), first)
    advice = ""
    if "cannot be reached" in reason:
        advice = " Download the dataset elsewhere and import its files, or its folder."
    return f"The dataset {id} could not be fetched: {reason}.{advice}"

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
from curation.errors import CurationError, MissingExtra
from curation.text.slug import slug

BATCH = 1_000
"""Rows that are fetched at a time."""


@dataclass(frozen=True)
class Fetched:
    """The files of a dataset's splits, and their revision.

    revision: the commit's hash, so that the same can be fetched again. files: as `write_splits`.
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
    """Write the splits of a dataset of the Hub, by its id `owner/name`, into `out`.

    revision: a branch, tag or commit, which is pinned to its commit. split, name: as for
    `write_splits`. Raises CurationError for another form of id, and when the Hub or the dataset
    cannot be reached, and MissingExtra when `datasets` is not installed.
    """
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", id):
        raise CurationError(f"{id!r} is not the id of a dataset; it should look like owner/name.")
    if Path(id).exists():  # `datasets` would read it instead of asking the Hub
        raise CurationError(f"{id} is a file or folder here; import it by its whole path.")
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise MissingExtra("Reading from the Hugging Face Hub", "hub") from None
    try:
        pinned = str(HfApi().dataset_info(id, revision=revision, timeout=20).sha)
    except Exception as error:  # errors of the Hub's client have no common class
        raise CurationError(_explained(id, error)) from None
    files = write_splits(id, out, revision=pinned, split=split, name=name, progress=progress)
    return Fetched(id, pinned, files)


def write_splits(
    where: str,
    out: Path,
    *,
    revision: str | None = None,
    split: str | None = None,
    name: str | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write a dataset that `datasets` opens by an id or a folder's path, one Parquet file a split.

    split: only this one, such as `train`. name: the configuration, where there are several. Each row
    gets a column `split`, unless it has one. Rows are streamed; no code of the dataset is
    ever run, and pictures and sounds stay references. Raises as `load` does.
    """
    try:
        import datasets
    except ImportError:
        raise MissingExtra("Reading from the Hugging Face Hub", "hub") from None
    try:
        dataset = datasets.load_dataset(where, name, split=split, streaming=True, revision=revision)
        splits = dataset if isinstance(dataset, dict) else {split or "train": dataset}
        files = list[Path]()
        out.mkdir(parents=True, exist_ok=True)
        for part, (split_name, rows) in enumerate(splits.items()):
            files.append(out / f"{_file_name(where)}-{_file_name(split_name)}.parquet")
            count = 0
            for count in _written(_undecoded(rows), split_name, files[-1]):
                progress(part / len(splits), f"Fetching {split_name}: {count:,} rows")
    except MissingExtra:
        raise
    except Exception as error:  # errors of `datasets` have no common class
        raise CurationError(_explained(where, error)) from None
    return files


def _undecoded(rows: Any) -> Any:
    """The rows with pictures and sounds as references rather than decoded."""
    import datasets

    for column, feature in (rows.features or {}).items():
        if isinstance(feature, datasets.Image | datasets.Audio | datasets.Video):
            rows = rows.cast_column(column, type(feature)(decode=False))
    return rows


def _written(rows: Any, split: str, path: Path) -> Iterator[int]:
    """Write rows as Parquet, with the names of classes; yield their number so far."""
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
    return slug(text.strip("/").rpartition("/")[2], "dataset", None)


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
    """A sentence with the reason why a dataset could not be fetched."""
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

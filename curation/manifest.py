"""imports.json: the files that a project read, and the checksums of their tables.

Guarantee: the list of files can be restored from either table, which holds it too. The examples'
table holds it without times and paths, so that equal files give an equal checksum at any time and
place.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation import files
from curation.errors import CurationError

TABLES = ("examples", "rejected")
"""The tables of an import, each in a Parquet file of that name."""

DIFFERENT = ("messages", "prompt", "response", "rejected", "metadata", "id", "content_hash", "raw")
"""Columns whose values nearly all differ, so that a dictionary would only cost."""

LEVEL = 3
"""Zstandard's: texts take an eighth less than at 1, and are read as quickly."""

LISTS = ("imports", "former", "left_out")
"""Lists of the manifest: files read, replaced versions, and name → reason of files left out."""


def path_of(folder: Path) -> Path:
    """Return the path of a project's manifest."""
    return folder / "imports.json"


def read(folder: Path) -> dict[str, Any]:
    """Read the manifest; empty before the first import; raises CurationError when lost or damaged."""
    try:
        manifest: dict[str, Any] = json.loads(path_of(folder).read_text("utf-8"))
        return manifest
    except FileNotFoundError:
        if not any((folder / f"{table}.parquet").exists() for table in TABLES):
            return {}
        reason = "is missing, though the examples are there"
    except (OSError, ValueError) as error:
        reason = f"cannot be read: {error}"
    raise CurationError(
        f"{path_of(folder)} {reason}. `curate doctor {folder}` writes it anew from the examples."
    )


def write(folder: Path, lists: Mapping[str, Any], digests: Mapping[str, str]) -> None:
    """Write the manifest; digests: table → checksum."""
    manifest = {
        **{name: lists[name] for name in LISTS},
        **{f"{table}_sha256": digest for table, digest in digests.items()},
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    files.write_text(path_of(folder), text)


def write_table(folder: Path, table: str, rows: Any, lists: Mapping[str, Any]) -> str:
    """Write one of TABLES, with the lists of the manifest beside its rows; returns its checksum."""
    if "id" in rows:
        rows = rows.assign(
            content_hash=rows["content_hash"].where(rows["content_hash"] != rows["id"])
        )
    arrow = pa.Table.from_pandas(rows, preserve_index=False)
    lists = {name: lists[name] for name in LISTS}  # no checksums, which a rebuilt table would hold
    stored = dict(lists) if table == "rejected" else _lasting(lists)
    beside = {**(arrow.schema.metadata or {}), b"imports": json.dumps(stored).encode()}
    path = folder / f"{table}.parquet"
    numbers = [field.name for field in arrow.schema if pa.types.is_integer(field.type)]
    with files.replacing(path) as temporary:
        pq.write_table(
            arrow.replace_schema_metadata(beside),
            temporary,
            compression="zstd",
            compression_level=LEVEL,
            use_dictionary=[n for n in arrow.column_names if n not in (*numbers, *DIFFERENT)],
            column_encoding=dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
            write_statistics=False,
        )
    return files.sha256(path)


def hashes_of(rows: pd.DataFrame) -> pd.Series:
    """The hash of each example's content, which is written only where the id is another."""
    hashes = rows["content_hash"]
    return hashes.fillna(rows["id"]) if "id" in rows else hashes


def _lasting(lists: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lists without times and paths, which differ from one import to the next."""

    def lasting(entry: Mapping[str, Any]) -> dict[str, Any]:
        mended = str(entry["origin"]).startswith("mended:")
        return {
            **entry,
            "time": 0.0,
            "origin": entry["origin"] if mended else "",
            "report": {**entry["report"], "seconds": 0.0},
        }

    files_ = {name: [lasting(entry) for entry in lists[name]] for name in ("imports", "former")}
    return {**lists, **files_}


def restore(folder: Path) -> Sequence[str]:
    """Write a lost or damaged manifest again from the tables, and return the names of its imports.

    Raises CurationError, and changes nothing, when no table holds the list.
    """
    digests, lists = dict[str, str](), None
    for table in reversed(TABLES):  # the rejects know times and paths too
        path = folder / f"{table}.parquet"
        try:
            beside = pq.read_schema(path).metadata or {}
            lists = lists or json.loads(beside[b"imports"])
            digests[table] = files.sha256(path)
        except (OSError, ValueError, KeyError, pa.ArrowException):
            digests[table] = ""  # it is read again from the copies in source/
    if lists is None:
        raise CurationError(
            f"{path_of(folder).name} is lost and the examples do not name their files; import the "
            f"files again, copies of them are in {folder / 'source'}."
        )
    if path_of(folder).exists():
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path_of(folder).rename(path_of(folder).with_name(f"imports.json.damaged-{moment}"))
    write(folder, lists, digests)
    return [entry["name"] for entry in lists["imports"]]

"""The files of a project's `source/`: imported files byte for byte, and their rows read from them.

Guarantee: a copy is kept under the hash of what was copied, so that it can be verified at any time.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from curation import files
from curation.dataset import Progress, part_of, silent
from curation.errors import CurationError, FileRefused
from curation.incoming import Incoming, shown
from curation.manifest import TABLES

if TYPE_CHECKING:
    from curation.sources import ImportReport

Tables = dict[str, pd.DataFrame]
"""The rows of each of TABLES that reading a file gave."""


def keep(project: Path, file: Incoming) -> tuple[Path, str]:
    """Copy a file into the project under its hash; what is hashed is the copy.

    Raises CurationError when it cannot be read or copied.
    """
    path, folder = file.path, project / "source"
    if not path.is_file():
        raise CurationError(f"{shown(path)} is not a file that can be read.")
    suffix = "".join(re.findall(r"\.[A-Za-z0-9]{1,8}", Path(file.name).name)[-2:])
    try:
        with files.scratch(folder, ".incoming-") as scratch:
            with files.replacing(scratch / "copy") as temporary:
                shutil.copyfile(path, temporary)
            digest = files.sha256(scratch / "copy")
            kept = folder / f"{digest}{suffix}"
            os.replace(scratch / "copy", kept)
    except CurationError as error:
        raise CurationError(
            f"{shown(path)} could not be copied into the project: {error}"
        ) from None
    return kept, digest


def verified(folder: Path, entry: Mapping[str, Any]) -> Path:
    """The copy in `source/` of an imported file; raises CurationError when it is damaged or gone."""
    copy = folder / "source" / str(entry["stored"])
    if not copy.is_file() or files.sha256(copy) != entry["sha256"]:
        raise CurationError(
            f"The copy of {entry['name']} in source/ is damaged or gone; import it again."
        )
    return copy


def has_content_of(folder: Path, entry: Mapping[str, Any], path: Path) -> bool:
    """Whether a file holds the bytes of an import; one of another size is not read."""
    copy = folder / "source" / str(entry["stored"])
    if not path.is_file() or (copy.is_file() and copy.stat().st_size != path.stat().st_size):
        return False
    return bool(files.content_of(path) == entry["sha256"])


def read(
    folder: Path, copy: Path, name: str, settings: Mapping[str, Any], progress: Progress
) -> tuple[Tables, ImportReport]:
    """The examples and rejects of one file, and the report of reading it."""
    from curation import sources

    with files.scratch(folder, ".import-") as scratch:
        report = sources.parse(
            copy,
            scratch,
            name=name,
            format=settings["format"],
            mapping=settings["mapping"],
            label_names=settings["label_names"] or None,
            encoding=settings.get("encoding") or None,
            limits=sources.Limits(**settings.get("limits", {})),
            progress=progress,
        )
        tables = {t: pd.read_parquet(scratch / f"{t}.parquet") for t in TABLES}
    if tables["examples"]["label"].isna().all():
        plain = sources.plain_columns(tables["examples"]["metadata"])
        report = replace(report, notes=[*report.notes, *plain])
    return tables, report


def check_label(
    name: str, settings: Mapping[str, Any], examples: pd.DataFrame, report: ImportReport
) -> None:
    """Raise FileRefused where no row has the column that is mapped as the label; lines mended by hand may."""
    column = settings["mapping"].get("label")
    if column is None or examples.empty or "mends" in settings or examples["label"].notna().any():
        return
    if not any(column in orjson.loads(text) for text in examples["metadata"] if text):
        columns = ", ".join(list(report.columns)[:20])
        raise FileRefused(
            name,
            f"no row has the column {column!r}, which the mapping names as the label; "
            f"there are: {columns}.",
        )


def read_again(
    folder: Path, entries: Sequence[dict[str, Any]], progress: Progress = silent
) -> dict[str, Tables]:
    """Name → rows of imports, from their copies, all of which are verified first."""
    copies = [verified(folder, entry) for entry in entries]
    tables = dict[str, Tables]()
    for i, (entry, copy) in enumerate(zip(entries, copies, strict=True)):
        part = part_of(progress, i, len(entries))
        tables[entry["name"]], _ = read(folder, copy, entry["name"], entry["settings"], part)
    return tables

"""The files of a project's `source/`: imported files byte for byte, and their rows read from them.

Guarantee: a copy is kept under the hash of what was copied, so that it can be verified at any time.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from curation import files
from curation.conversations import whole
from curation.dataset import Progress, part_of, silent
from curation.errors import CurationError, FileRefused
from curation.incoming import Incoming, shown
from curation.manifest import TABLES

if TYPE_CHECKING:
    from curation.sources import ImportReport, Stop

SMALL = 16 * 2**20
"""Bytes of a file below which it is read while others are; a larger one gets all processors."""

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
    folder: Path,
    copy: Path,
    name: str,
    settings: Mapping[str, Any],
    progress: Progress,
    stop: Stop | None = None,
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
            stop=stop,
        )
        tables = {t: whole(pd.read_parquet(scratch / f"{t}.parquet")) for t in TABLES}
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


def read_each(
    folder: Path, copies: Sequence[tuple[Path, str, Mapping[str, Any]]], progress: Progress
) -> Generator[Callable[[], tuple[Tables, ImportReport]]]:
    """Yield for each file a function with the result of `read`; small files are read several at once.

    copies: copy, name and settings of each. A reader is a process that takes half a second to start.
    Close it, so that after an error nothing is still being read.
    """
    from curation.sources import WORKERS, Stop

    stop = Stop()
    with ThreadPoolExecutor(min(os.cpu_count() or 1, WORKERS), "read") as pool:
        ahead = {
            i: pool.submit(read, folder, *one, silent, stop)
            for i, one in enumerate(copies)
            if len(copies) > 1 and _is_small(one[0])
        }
        try:
            for i, one in enumerate(copies):
                part = part_of(progress, i, len(copies))
                if i in ahead:
                    part(0.0, f"Reading {one[1]}")
                    yield ahead[i].result
                else:
                    yield partial(read, folder, *one, part)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            stop.now()


def _is_small(copy: Path) -> bool:
    """Return whether a file is small, and not packed, so that it stays small while it is read."""
    from curation.sources.about import PACKED

    return copy.suffix.lower() not in (*PACKED, ".zip") and copy.stat().st_size < SMALL


def read_again(
    folder: Path, entries: Sequence[dict[str, Any]], progress: Progress = silent
) -> dict[str, Tables]:
    """Name → rows of imports, from their copies, all of which are verified first."""
    unread = [(verified(folder, entry), entry["name"], entry["settings"]) for entry in entries]
    with closing(read_each(folder, unread, progress)) as results:
        return {name: result()[0] for (_, name, _), result in zip(unread, results, strict=True)}

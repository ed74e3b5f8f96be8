"""The files of a project's `source/`: imported files byte for byte, and their rows read from them.

Guarantee: a copy is kept under the hash of what was copied, so that it can be verified at any time. A
large one is packed where that makes it smaller; whoever reads it gets the bytes that were copied, from
here alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
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

ENDING = ".packed.zst"
"""The ending of a packed copy, behind its name."""

LEAST = 2**20
"""Bytes of a file from which its copy is packed; small ones stay for people to look at."""

WORTH = 0.8
"""Share of its bytes that a packed copy may have at most; of a file that is packed already stays more."""

LEVEL = 3
"""Zstandard's: a third of the bytes of a text, at 150 MB a second."""

PIECE = 2**20
"""Bytes that are packed and unpacked at once."""

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
            # A copy that is there already keeps its form, so that there is one of it.
            if not kept.exists() and _pack(scratch / "copy", scratch / "packed"):
                os.replace(scratch / "packed", _packed(kept))
            else:
                os.replace(scratch / "copy", kept)
    except CurationError as error:
        raise CurationError(
            f"{shown(path)} could not be copied into the project: {error}"
        ) from None
    return kept, digest


def _packed(copy: Path) -> Path:
    """The place of a copy that is packed."""
    return copy.with_name(f"{copy.name}{ENDING}")


def _is_packed(copy: Path) -> bool:
    """Whether a copy is there packed, and not plain."""
    return not copy.exists() and _packed(copy).is_file()


def _pack(plain: Path, packed: Path) -> bool:
    """Pack a file where that is worth it, and return whether it is."""
    import zstandard

    from curation.sources import Limits

    size = plain.stat().st_size
    if size < LEAST:
        return False
    with open(plain, "rb") as stream:
        packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        if len(packer.compress(stream.read(PIECE))) > WORTH * min(size, PIECE):
            return False
        stream.seek(0)
        with files.replacing(packed) as temporary, open(temporary, "wb") as sink:
            packer.copy_stream(stream, sink, size=size, read_size=PIECE, write_size=PIECE)
    smaller = packed.stat().st_size
    return smaller <= WORTH * size and size <= Limits().swollen(smaller)  # or it could not be read


def _pieces(copy: Path) -> Iterator[bytes]:
    """Yield the bytes of a copy; raises OSError, or CurationError where it cannot be unpacked."""
    if not _is_packed(copy):
        with open(copy, "rb") as stream:
            while piece := stream.read(PIECE):
                yield piece
        return
    import zstandard

    from curation.sources import Limits

    packed, left = _packed(copy), _size(copy)
    if left is None or left > Limits().swollen(packed.stat().st_size):
        raise CurationError(f"{packed.name} is no packed copy.")
    with open(packed, "rb") as stream:
        try:
            for piece in zstandard.ZstdDecompressor().read_to_iter(stream, write_size=PIECE):
                left -= len(piece)
                if left < 0:
                    break
                yield piece
        except zstandard.ZstdError as error:
            raise CurationError(f"{packed.name} is damaged: {error}.") from None
    if left:
        raise CurationError(f"{packed.name} has not the length that it names.")


def _damaged(name: object) -> CurationError:
    return CurationError(f"The copy of {name} in source/ is damaged or gone; import it again.")


def verified(folder: Path, entry: Mapping[str, Any]) -> Path:
    """The copy in `source/` of an imported file, by which `read` finds it, packed or not.

    Raises CurationError when it is damaged or gone.
    """
    copy, digest = folder / "source" / str(entry["stored"]), hashlib.sha256()
    try:
        for piece in _pieces(copy):
            digest.update(piece)
    except (OSError, CurationError):
        raise _damaged(entry["name"]) from None
    if digest.hexdigest() != entry["sha256"]:
        raise _damaged(entry["name"])
    return copy


def content(folder: Path, entry: Mapping[str, Any]) -> bytes:
    """The bytes of an imported file, verified; raises CurationError when its copy is damaged or gone."""
    return b"".join(_pieces(verified(folder, entry)))


def _plain(copy: Path, place: Path, name: str) -> Path:
    """The copy, or the file in a place that it is unpacked into."""
    if not _is_packed(copy):
        return copy
    try:
        with open(place, "wb") as stream:
            stream.writelines(_pieces(copy))
    except OSError as error:
        raise CurationError(
            f"The copy of {name} could not be unpacked: {error.strerror}."
        ) from None
    except CurationError:
        raise _damaged(name) from None
    return place


def _size(copy: Path) -> int | None:
    """The bytes of what was copied; None for a copy that is gone."""
    import zstandard

    try:
        if not _is_packed(copy):
            return copy.stat().st_size
        with open(_packed(copy), "rb") as stream:
            return int(zstandard.get_frame_parameters(stream.read(64)).content_size)
    except (OSError, zstandard.ZstdError):
        return None


def has_content_of(folder: Path, entry: Mapping[str, Any], path: Path) -> bool:
    """Whether a file holds the bytes of an import; one of another size is not read."""
    size = _size(folder / "source" / str(entry["stored"]))
    if not path.is_file() or (size is not None and size != path.stat().st_size):
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
            _plain(copy, scratch / "copy", name),
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

    size = _size(copy)
    return copy.suffix.lower() not in (*PACKED, ".zip") and size is not None and size < SMALL


def read_again(
    folder: Path, entries: Sequence[dict[str, Any]], progress: Progress = silent
) -> dict[str, Tables]:
    """Name → rows of imports, from their copies, all of which are verified first."""
    unread = [(verified(folder, entry), entry["name"], entry["settings"]) for entry in entries]
    with closing(read_each(folder, unread, progress)) as results:
        return {name: result()[0] for (_, name, _), result in zip(unread, results, strict=True)}

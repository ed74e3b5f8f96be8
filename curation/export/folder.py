"""The delivery folder: written beside its place, and swapped in whole.

Guarantee: a crash at any moment leaves the former delivery or the new one. Where a file system cannot
swap two folders in one step, the former one stands aside for a moment, and the next export brings it
back. Only files that an export wrote are ever deleted. Accepted cost: disk space for two deliveries
during the swap.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from curation import files
from curation.errors import CurationError

DESKTOP = (".DS_Store", "Thumbs.db")
"""Files that desktops write into folders."""


def check_folders(out: Path) -> None:
    """Raise CurationError when the swap would delete a file that no export wrote, or the root."""
    if not out.name:
        raise CurationError(f"{out} is the root of the file system; name a folder below it.")
    for folder in (out, _aside(out)):
        if folder.exists() and not folder.is_dir():
            raise CurationError(f"{folder} is a file; choose another folder.")
        foreign = _foreign(folder)
        if foreign:
            raise CurationError(
                f"{folder} holds {foreign}, which no export made; move it away or choose another "
                "folder."
            )


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Give a folder to write into that replaces `out` at the end, or is removed on an error.

    Raises CurationError when it cannot be made, or `out` then holds a file that no export wrote.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        files.clear_scratch(out.parent)
        with files.scratch(out.parent, ".export-") as folder:
            yield folder
            _put_in_place(folder, out)
    except CurationError as error:
        raise CurationError(f"Nothing was delivered to {out}. {error}") from error
    except OSError as error:
        raise CurationError(
            f"Nothing was delivered to {out}; it could not be written: {error.strerror or error}."
        ) from error


def put_lines(folder: Path, path: str, values: Iterable[Any]) -> dict[str, Any]:
    """Write values as JSON Lines and return the file's entry for the manifest."""
    with files.replacing(folder / path) as temporary, open(temporary, "wb") as stream:
        stream.writelines(orjson.dumps(value) + b"\n" for value in values)
    return entry(folder, path)


def put(folder: Path, path: str, data: bytes, format: str = "") -> dict[str, Any]:
    """Write a file and return its entry for the manifest."""
    files.write_bytes(folder / path, data)
    return entry(folder, path, None, format)


def entry(
    folder: Path, path: str, rows: int | None = None, format: str = "", split: str = ""
) -> dict[str, Any]:
    """Return a written file's entry for the manifest."""
    about = {"path": path, "bytes": (folder / path).stat().st_size}
    about["sha256"] = files.sha256(folder / path)
    return {**about, "rows": rows, "format": format, "split": split}


def _aside(out: Path) -> Path:
    """Return the path of the former delivery during the swap."""
    return out.with_name(f".{out.name}.old")


def _foreign(folder: Path) -> str:
    """Return a file in a folder that no export wrote, hidden or not; "" for none."""
    mine = {"manifest.json"}
    try:
        manifest = orjson.loads((folder / "manifest.json").read_bytes())
        mine |= {entry["path"] for entry in manifest["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        mine.clear()
    inside = (p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())
    paths = (p.relative_to(folder).as_posix() for p in inside if p.name not in DESKTOP)
    return next((path for path in paths if path not in mine), "")


def _put_in_place(folder: Path, out: Path) -> None:
    """Swap the finished folder in, in one step where the file system can."""
    check_folders(out)  # again, because somebody may have written there since
    folder.chmod(0o777 & ~files.UMASK)
    for inner in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        files.sync_folder(inner)
    aside = _aside(out)
    if aside.exists() and not out.exists():  # the last swap was interrupted
        aside.rename(out)
    shutil.rmtree(aside, ignore_errors=True)
    if not out.exists():
        folder.rename(out)
    elif not files.exchange(folder, out):
        _swap_in_two_steps(folder, out)
    files.sync_folder(out.parent)


def _swap_in_two_steps(folder: Path, out: Path) -> None:
    """Move the former folder away, then the finished one to its place."""
    aside = _aside(out)
    out.rename(aside)
    try:
        folder.rename(out)
    except OSError:
        aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)

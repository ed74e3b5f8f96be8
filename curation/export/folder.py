"""The delivery folder: written beside its place, and swapped in whole.

Guarantee: a crash at any moment leaves the former delivery or the new one. Only files that an export
wrote are ever deleted. Accepted cost: disk space for two deliveries during the swap.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from curation import files
from curation.errors import CurationError

DESKTOP = (".DS_Store", "Thumbs.db")
"""Files that desktops write into folders."""


def check_folders(out: Path) -> None:
    """Raise CurationError when the swap would delete a file that no export wrote."""
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
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise CurationError(f"{out.parent} cannot be written to: {error.strerror}.") from error
    try:
        yield folder
        _put_in_place(folder, out)
    except CurationError as error:
        raise CurationError(f"Nothing was delivered to {out}. {error}") from error
    except OSError as error:
        raise CurationError(
            f"Nothing was delivered to {out}; it could not be written: {error.strerror or error}."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(
    folder: Path, path: str, data: bytes, rows: int | None = None, format: str = "", split: str = ""
) -> dict[str, Any]:
    """Write a file and return its entry for the manifest."""
    files.write_bytes(folder / path, data)
    digest = hashlib.sha256(data).hexdigest()
    about = {"path": path, "bytes": len(data), "sha256": digest}
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
    """Swap the finished folder in; the old one is moved away first and deleted last."""
    check_folders(out)  # again, because somebody may have written there since
    folder.chmod(0o777 & ~files.UMASK)
    aside = _aside(out)
    if aside.exists() and not out.exists():  # the last swap was interrupted
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

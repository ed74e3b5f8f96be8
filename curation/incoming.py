"""The files of an import: paths, folders and saved datasets, each file under its own name."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from curation.errors import CurationError

HIDDEN = "it is hidden."
LINK = "it is a link that leads out of the folder."
ODD = "it is not a regular file."
DELIVERED = "it describes a delivery, and holds no examples."
PROJECT = "it is a project; export from it, and import the delivery by its own path."

RECORDS = (
    *("manifest.json", "receipts.parquet", "ids.parquet", "decisions.jsonl", "recipe.yaml"),
    *("dropped.parquet", "rejected.parquet", "atlas.parquet", "croissant.json"),
)
"""Files of a delivery besides its formats; a folder with the first two is a delivery."""
LETTERS = 200
"""Most letters of a path in a sentence."""


class Incoming(NamedTuple):
    """A file to read.

    name: its name for people. origin: its place, by which its next version is recognised; "" for an
    upload, whose place is unknown. listed: whether it is of a folder, where it may be left out.
    """

    path: Path
    name: str
    origin: str = ""
    listed: bool = False


def is_project(folder: Path) -> bool:
    """Whether a folder is a project: its files are its own, and no data for others."""
    return (folder / "project.toml").is_file()


def files_of(given: Sequence[str | Path], scratch: Path) -> tuple[list[Incoming], dict[str, str]]:
    """Return every file of the given paths once, and name → reason of those left out.

    Projects below a given folder are left out, whole.
    Paths with equal ends get the folders above them into their names until the names differ. Saved
    datasets are packed into `scratch`. Raises CurationError for a missing path, and for a project.
    """
    paths = list(dict.fromkeys(Path(os.path.abspath(path)) for path in given))
    incoming, left_out = list[Incoming](), dict[str, str]()
    for i, path in enumerate(paths):
        depth = 1
        while any(o != path and o.parts[-depth:] == path.parts[-depth:] for o in paths):
            depth += 1
        name = shown("/".join(path.parts[-depth:]))
        for file in _files_below(path, name, scratch / str(i)):
            if isinstance(file, Incoming):
                incoming.append(file)
            else:
                left_out.update(file)
    return incoming, left_out


def _files_below(path: Path, name: str, packed: Path) -> Iterator[Incoming | dict[str, str]]:
    """Yield a file, every file of a folder, or a saved dataset; and the files left out."""
    from curation import sources

    if not stat.S_ISDIR(_status(path).st_mode):
        yield Incoming(path, name, origin_of(path))
        return
    if is_project(path):
        raise CurationError(f"{shown(path)} cannot be imported: {PROJECT}")
    if sources.is_saved_dataset(path):
        yield Incoming(sources.pack(path, packed), name, origin_of(path))
        return
    empty = True
    for file, reason in _walk(path, path.resolve()):
        inner = f"{name}/{shown(file.relative_to(path).as_posix())}"
        reason = reason or sources.not_data(inner)
        if reason:
            yield {inner: reason}
        else:
            empty = False
            yield Incoming(file, inner, origin_of(file), listed=True)
    if empty:
        raise CurationError(f"{shown(path)} is a folder without files of data.")


def _walk(folder: Path, root: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file below a folder with its reason for being left out, in a fixed order."""
    delivery = all((folder / name).is_file() for name in RECORDS[:2])
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            yield path, HIDDEN
        elif delivery and path.name in RECORDS:
            yield path, DELIVERED
        elif not path.resolve().is_relative_to(root):
            yield path, LINK
        elif is_project(path) or (path.is_symlink() and _in_project(path.resolve(), root)):
            yield path, PROJECT
        elif path.is_dir() and not path.is_symlink():
            yield from _walk(path, root)
        elif path.is_file():
            yield path, ""
        else:
            yield path, ODD


def _in_project(path: Path, root: Path) -> bool:
    """Whether a path below a folder belongs to a project that is below it too."""
    return any(is_project(root / above) for above in path.relative_to(root).parents[:-1])


def _status(path: Path) -> os.stat_result:
    try:
        return os.stat(path)
    except FileNotFoundError:
        raise CurationError(f"{shown(path)} does not exist.") from None
    except OSError as error:
        raise CurationError(f"{shown(path)} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise CurationError(f"{shown(path)} is not a path: it holds a NUL character.") from None


def origin_of(path: Path) -> str:
    """Return a path as a unique text, for any bytes in its name."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def shown(path: str | Path) -> str:
    """Return a path for people: bytes that are no text are replaced, and long names are cut."""
    text = os.fsencode(path).decode("utf-8", "replace").replace("\0", "\ufffd")
    half = LETTERS // 2
    return text if len(text) <= LETTERS * 5 else f"{text[:half]}…{text[-half:]}"


def former_version(
    file: Incoming, imports: Sequence[Mapping[str, Any]], replace: bool
) -> dict[str, Any] | None:
    """Return the import that a file is a new version of: the one from the same place.

    replace: an import of the same name counts too, from any place.
    """
    for entry in imports:
        if file.origin and entry.get("origin") == file.origin:
            return dict(entry)
    named = (dict(e) for e in imports if replace and e["name"] == file.name)
    return next(named, None)


def free_name(file: Incoming, taken: Collection[str]) -> str:
    """Return the file's name, with folders above it or a number where the name is taken."""
    name = file.name
    parts = shown(file.path).split("/") if file.origin.startswith("/") else []
    for depth in range(name.count("/") + 2, len(parts)):
        if name not in taken:
            break
        name = "/".join(parts[-depth:])
    number = 1
    while name in taken:
        number += 1
        folder, slash, last = file.name.rpartition("/")
        stem, dot, ending = last.partition(".")
        name = f"{folder}{slash}{stem} ({number}){dot}{ending}"
    return name

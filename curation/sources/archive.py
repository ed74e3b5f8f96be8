"""Zip archives, in which each file is a source of its own, and folders as zips."""

from __future__ import annotations

import lzma
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from curation.errors import CurationError
from curation.sources.about import not_data
from curation.sources.encoding import SAMPLE
from curation.sources.limits import Item, Limits, NotData, Note, Refused, Reject
from curation.sources.lines import Texts
from curation.sources.opening import look

MANIFESTS = ("dataset_info.json", "state.json", "dataset_dict.json")
"""Files that `datasets` writes beside the Arrow files of a saved dataset."""
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
    NotImplementedError,
    OSError,
    EOFError,
    ValueError,
)

ReadFile = Callable[[Path, str, dict[str, Any]], Iterator[Item | Texts]]
"""Reads one unpacked file: its path, its name, and fields to add to each record."""


def members(
    path: Path, name: str, limits: Limits, read: ReadFile
) -> Iterator[tuple[str, Iterator[Item | Texts]]]:
    """The name and the items of each file of a zip; raises Refused for an archive without data."""
    try:
        archive = zipfile.ZipFile(path)
        inside = archive.infolist()
    except _DAMAGE as error:
        raise Refused(f"this is not a whole zip archive: {str(error).rstrip('.')}.") from None
    with archive:
        names = {member.filename for member in inside}
        if "[Content_Types].xml" in names or {"mimetype", "content.xml"} <= names:
            raise Refused("this is an Office document, not a dataset; save the sheet as CSV first.")
        size = path.stat().st_size
        if sum(member.file_size for member in inside) > limits.swollen(size):
            raise Refused(
                f"it unpacks to more than {limits.expansion} times its size (limit expansion); "
                "is it a bomb?"
            )
        saved = _is_saved(names)
        for member in inside:
            inner = PurePosixPath(member.filename)
            if member.is_dir() or inner.parts[:1] == ("__MACOSX",):
                continue
            if saved and inner.name in MANIFESTS:
                continue
            source = f"{name}/{member.filename}".encode("utf-8", "replace").decode()
            hidden = inner.name.startswith(".")
            if reason := "it is hidden." if hidden else not_data(inner.name):
                yield source, iter([Note("not_data", reason)])
                continue
            split = {"split": inner.parts[-2]} if saved and _has_splits(names, inner) else {}
            yield source, _items(archive, member, limits, read, split)


def _is_saved(names: set[str]) -> bool:
    return any(PurePosixPath(n).name in ("state.json", "dataset_dict.json") for n in names)


def _has_splits(names: set[str], inner: PurePosixPath) -> bool:
    """Whether a file of a saved dataset lies in the folder of a split."""
    above = inner.parent.parent / "dataset_dict.json"
    return len(inner.parts) > 1 and above.as_posix() in names


def _items(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    limits: Limits,
    read: ReadFile,
    more: dict[str, Any],
) -> Iterator[Item | Texts]:
    """The items of one file in a zip; a file that cannot be trusted is one rejected row."""
    reason = _suspicious(member)
    if reason is None:
        with tempfile.TemporaryDirectory(prefix="curation-") as folder:
            target = Path(folder) / "member"
            try:
                _unpack(archive, member, target)
                if look(target, limits).kind == "zip":
                    raise Refused("an archive inside an archive is not opened.")
                yield from read(target, member.filename, more)
                return
            except NotData as error:
                yield Note("not_data", str(error))
                return
            except (Refused, *_DAMAGE) as error:
                reason = str(error)
    inner = PurePosixPath(member.filename).name.encode("utf-8", "replace").decode()
    yield Reject(0, None, "", "member", f"{inner}: {reason}", b"")


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    left = member.file_size
    with archive.open(member) as source, open(target, "wb") as sink:
        while chunk := source.read(SAMPLE):
            left -= len(chunk)
            if left < 0:
                raise Refused("it unpacks to more than its directory says.")
            sink.write(chunk)


def _suspicious(member: zipfile.ZipInfo) -> str | None:
    inner = PurePosixPath(member.filename.replace("\\", "/"))
    if ".." in inner.parts or inner.is_absolute():
        return "its name points outside the archive."
    if stat.S_ISLNK(member.external_attr >> 16):
        return "it is a link."
    if member.flag_bits & 1:
        return "it is locked with a password; unlock it first."
    return None


def is_saved_dataset(folder: Path) -> bool:
    """Whether a folder was written by `save_to_disk` of Hugging Face datasets."""
    return folder.is_dir() and any(
        (folder / name).is_file() for name in ("state.json", "dataset_dict.json")
    )


def pack(folder: Path, out: Path) -> Path:
    """Write a folder as one zip that `read` takes, the same bytes for the same files.

    Links and hidden files are left out. Raises CurationError when there is nothing to pack.
    """
    files = sorted(
        (p.relative_to(folder).as_posix(), p)
        for p in folder.rglob("*")
        if p.is_file() and not p.is_symlink()
    )
    files = [(name, p) for name, p in files if not any(x.startswith(".") for x in name.split("/"))]
    if not files:
        raise CurationError(f"{folder} is a folder without files.")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(name)  # always dated 1 January 1980
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as sink:
                while chunk := source.read(SAMPLE):
                    sink.write(chunk)
    return out

"""Writing of files. Guarantee: a file is whole or absent, also after a crash."""

from __future__ import annotations

import ctypes
import errno
import functools
import hashlib
import os
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from curation import lock
from curation.errors import CurationError

UMASK = os.umask(0o077)
"""The account's umask at the start: rights that new files do not get."""
os.umask(UMASK)

SCRATCH = (".import-", ".pack-", ".hub-", ".mend-", ".incoming-", ".export-", ".writing-")
"""Beginnings of names of temporary files and folders, which end with their program."""

FRESH = 60.0
"""Seconds in which a program may still be about to lock its new file."""


@contextmanager
def scratch(folder: Path, prefix: str) -> Iterator[Path]:
    """Give a folder below `folder` that is removed when the block ends.

    prefix: one of SCRATCH. A lock file beside it, made before it and removed after it, tells
    `clear_scratch` that its program runs. Raises CurationError when it cannot be made.
    """
    temporary = folder / f"{prefix}{uuid.uuid4().hex[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with lock.locked(_lock_of(temporary)):
            temporary.mkdir()
            yield temporary
    finally:
        _remove(temporary)
        _remove(_lock_of(temporary))


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def clear_scratch(folder: Path, *, below: bool = False) -> int:
    """Remove temporary files of ended programs from a folder, and return their number.

    below: also in all folders below it. A folder that cannot be written to stays as it is.
    """
    removed = 0
    with suppress(OSError):
        for path in list(folder.rglob("*") if below else folder.iterdir()):
            if path.name.startswith(SCRATCH) and not _is_used(path):
                removed += _remove(path)
                _remove(_lock_of(path))
    return removed


def _is_used(path: Path) -> bool:
    """Return whether a program uses a scratch folder or writes a file; True when in doubt."""
    lock_file = _lock_of(path) if path.is_dir() else path
    try:
        with open(lock_file, "rb") as stream:
            if not lock.share(stream.fileno()):
                return True
            age = time.time() - os.fstat(stream.fileno()).st_mtime
    except FileNotFoundError:
        return False  # the lock is there before the folder is
    except OSError:
        return True
    return age < FRESH and (lock_file == path or not lock.OFFERED)


def _remove(path: Path) -> bool:
    """Remove a file or a folder with its content; return whether that worked."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        return True
    except OSError:
        return False


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a path to write to, which is synced and renamed to `path` when the block succeeds.

    durable: False leaves out the sync, for files whose damage is noticed and costs only time.
    Raises CurationError when there is no space left or the folder cannot be written to; the old
    file, if any, is then untouched.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
        with os.fdopen(handle, "rb+") as stream:
            temporary = Path(name)
            with suppress(OSError):  # where files cannot be locked, age alone tells
                lock.take(stream.fileno())
            os.chmod(temporary, 0o666 & ~UMASK)
            yield temporary
            if durable:
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise CurationError(
            f"{path.name} could not be written: {error.strerror or error}."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def path_of(text: str | Path) -> Path:
    """Return a text as a path; raises CurationError for a path that no file can have."""
    try:
        os.lstat(text)
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        shown = str(text).replace("\0", "\\0")
        shown = shown if len(shown) <= 80 else f"{shown[:79]}…"
        why = getattr(error, "strerror", None) or "it holds a character that no path has"
        raise CurationError(f"{shown} cannot be a path: {why}.") from None
    return Path(text)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable; Windows does not offer that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync(stream: IO[bytes]) -> None:
    """Make what was written to a stream durable."""
    stream.flush()
    os.fsync(stream.fileno())


def exchange(one: Path, other: Path) -> bool:
    """Swap two paths in one step; False where the system or the file system cannot."""
    call = _exchanging()
    return call is not None and call(os.fsencode(one), os.fsencode(other)) == 0


@functools.cache
def _exchanging() -> Callable[[bytes, bytes], int] | None:
    """Return the system's call that swaps two paths, None where there is none."""
    library: Any = ctypes.CDLL(None) if os.name == "posix" else None
    if hasattr(library, "renameat2"):  # Linux; -100: the folder one stands in, 2: RENAME_EXCHANGE
        return lambda one, other: int(library.renameat2(-100, one, -100, other, 2))
    if hasattr(library, "renamex_np"):  # macOS; 2: RENAME_SWAP
        return lambda one, other: int(library.renamex_np(one, other, 2))
    return None


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 text file or nothing; see `replacing`."""
    write_bytes(path, text.encode("utf-8"))


def content_of(path: Path) -> str:
    """Return the SHA-256 of a file, kept in memory while its size and time stay.

    Raises OSError for anything but a regular file: a device or a pipe may have no end.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return _content_of(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _content_of(path: Path, size: int, modified: int) -> str:
    return sha256(path)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def machine_folder() -> Path:
    """Return this account's folder for data of all projects; raises RuntimeError without a home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "curation"

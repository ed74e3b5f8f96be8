"""Files that are either whole or not there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.errors import CurationError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; synced and renamed to `path` when the block ends well.

    Raises CurationError when there is no space left or the folder cannot be written to; the old
    file, if any, is then untouched.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        os.chmod(temporary, 0o644)
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise CurationError(
            f"{path.name} could not be written: {error.strerror or error}."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only one in a block that uses `path` so, among all threads and programs; waits.

    The file stays, for removing it would race, and its lock goes with the program, however that
    ends. It must not be nested. Raises CurationError when the file cannot be written to. Where the
    system has no such locks, nobody waits.
    """
    try:
        stream = open(path, "ab")  # noqa: SIM115 - closed below; the block's own errors pass
        try:
            if fcntl is not None:
                fcntl.flock(stream, fcntl.LOCK_EX)
        except BaseException:  # also when interrupted: the stream is ours to close
            stream.close()
            raise
    except OSError as error:
        raise CurationError(f"{path} could not be locked: {error.strerror or error}.") from error
    try:
        yield
    finally:
        if fcntl is not None:
            fcntl.flock(stream, fcntl.LOCK_UN)  # also where a child inherited the open file
        stream.close()


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable; Windows does not offer that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 text file or nothing; see `replacing`."""
    write_bytes(path, text.encode("utf-8"))


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def machine_folder() -> Path:
    """Where this account keeps what holds for all projects; raises RuntimeError without a home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "curation"

"""Locks on files, by which programs on one machine take turns.

Guarantee: among all threads and programs that take the lock of one open file, one holds it at a
time. The system gives it up when the file is closed in every process that has it open, so it never
outlives its holder, however that ends; a child that inherits the open file holds on to it.
Trade-offs: the lock binds only who asks for it; it cannot be nested; it says nothing between
machines that share a folder; and where the system has no such locks (`OFFERED` is False, as on
Windows) nobody waits and nothing counts as held.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.errors import CurationError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

OFFERED = fcntl is not None
"""Whether this system has such locks."""


def take(handle: int, patience: float | None = None) -> bool:
    """Lock an open file, waiting at most `patience` seconds; None waits without end.

    Returns False when somebody else held it all the while. Raises OSError where the file cannot be
    locked.
    """
    if fcntl is None:
        return True
    if patience is None:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return True
    until, pause = time.monotonic() + patience, 0.0005
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, 0.01)


def let_go(handle: int) -> None:
    """Give up a lock that `take` took, also where a child inherited the open file."""
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_UN)


def share(handle: int) -> bool:
    """Hold off everybody who would take the lock until the file is closed; never waits.

    Returns False when somebody holds it. Many may share it at once. Raises OSError where the file
    cannot be locked.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only one in a block that uses `path` as its lock; waits without end.

    The file is made when it is missing, and stays, for removing it would race. Raises CurationError
    when it cannot be written to or locked.
    """
    try:
        stream = open(path, "ab")  # noqa: SIM115 - closed below; the block's own errors pass
        try:
            take(stream.fileno())
        except BaseException:  # also when interrupted: the stream is ours to close
            stream.close()
            raise
    except OSError as error:
        raise CurationError(f"{path} could not be locked: {error.strerror or error}.") from error
    try:
        yield
    finally:
        let_go(stream.fileno())
        stream.close()

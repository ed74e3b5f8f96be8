"""A lock between programs: who may write the journal."""

from __future__ import annotations

import time

try:
    import fcntl
except ImportError:  # no such locks here; the database's own are then the only ones
    fcntl = None  # type: ignore[assignment]


def take(handle: int, patience: float) -> bool:
    """Lock an open file for this program alone, waiting at most `patience` seconds.

    False when somebody else held it all the while. The system lets go of it when the file is closed
    or the program dies.
    """
    if fcntl is None:
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
    """Give up a lock that `take` took."""
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_UN)

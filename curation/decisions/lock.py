"""Locks between programs: who may write the journal, and which app owns a project."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

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


@dataclass
class AppLock:
    """Whether this program is the one app that writes to a project.

    held: it is. holder: otherwise, who is, in a few words for people. The lock is advisory and goes
    with the program, however that ends; use it in a `with` block or call `release`.
    """

    held: bool
    holder: str = ""
    _release: Callable[[], None] = field(default=lambda: None, repr=False)

    def release(self) -> None:
        """Let another app become the one that writes."""
        self._release()
        self.held = False

    def __enter__(self) -> AppLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


_held: dict[Path, AppLock] = {}
_guard = threading.Lock()


def app_lock(project: Path) -> AppLock:
    """Try to become the one app that writes to a project folder; never waits.

    When the lock is not held by this program, the app should be read-only and say who holds it;
    ask again to take over once the other has ended. All sessions of one program share one lock.
    A folder that cannot be written to is held by nobody. Where the system has no such locks,
    everybody holds it.
    """
    folder = project.resolve()
    with _guard:
        known = _held.get(folder)
        if known is not None and known.held:
            return known
        try:
            handle = os.open(folder / "app.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            return AppLock(False, f"nobody: the folder cannot be written to ({error.strerror})")
        if not take(handle, 0):
            holder = os.pread(handle, 200, 0).decode("utf-8", "replace").strip()
            os.close(handle)
            return AppLock(False, holder or "another program")
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        text = f"process {os.getpid()} on {socket.gethostname()}, since {started} UTC\n"
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)
        _held[folder] = AppLock(True, "", lambda: _release(folder, handle))
        return _held[folder]


def _release(folder: Path, handle: int) -> None:
    with _guard:
        if _held.pop(folder, None) is not None:
            os.close(handle)  # the lock goes with it; the file stays, for removing it would race

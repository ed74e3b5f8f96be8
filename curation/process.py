"""A command as a process: standard streams that may be closed, and a certain end by signals.

The first Ctrl-C or SIGTERM raises Cancelled in the main thread, so that what is open is closed. That
alone would not do: native code may swallow the exception, or wait for ever where no Python runs. So
the system also writes each signal to a socket, and a thread that reads it ends the process GRACE
seconds after the first signal, or at once at the second. No finished work is lost by that: every
file is whole or not there, and what was left half done is computed again.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from curation.errors import Cancelled

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

GRACE = 1.2
"""Seconds between the first signal and the end, for closing what is open."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals that end a command."""


@contextmanager
def running(sentence: str = "") -> Iterator[None]:
    """Be a well-behaved command for a block: safe streams, and an end by signals in one sentence.

    An interrupted block ends the process with status 128 and the signal's number, whatever the
    block raises. After a block that was not, SIGINT is ignored. For the main thread of a program whose
    last work the block is. sentence: what is said then; by default that of Cancelled.
    """
    _open_streams()
    end = _End(sentence or str(Cancelled()))
    try:
        with end.listening():
            yield
    finally:
        _flush()


CALLS_PYTHON = frozenset({"torch", "openvino"})
"""Packages whose native code calls Python where an exception aborts the process."""


class _End:
    """The signal that asked this process to end, and the one sentence that is said about it."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._asked = 0
        self._leaving = threading.Lock()
        self._process = os.getpid()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over for a block; end the process after it when one of them came."""
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        hook, sys.unraisablehook = sys.unraisablehook, self._unraisable(sys.unraisablehook)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)
        threading.Thread(target=self._watch, args=(reader,), daemon=True).start()
        try:
            for number in SIGNALS:
                signal.signal(number, self._interrupt)
            _hold(False)  # one that has waited raises Cancelled here
            yield
        finally:
            self.leave_if_asked()
            # The work is done and its status certain: Ctrl-C while Python takes itself down changes
            # neither. What hangs then is ended by SIGTERM.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            sys.unraisablehook = hook
            self._process = 0
            writer.close()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Raise Cancelled in the main thread, once; below CALLS_PYTHON end the process instead."""
        if not self._asked:
            self._asked = number
            if _below_calls_python(frame):
                self.leave_if_asked()
            raise Cancelled

    def _watch(self, reader: socket.socket) -> None:
        """End the process after the first signal, unless it ends by itself; runs in a thread."""
        with reader:
            while data := reader.recv(1):
                if data[0] in SIGNALS:
                    select.select([reader], [], [], GRACE)  # a second signal, or the time is over
                    self._leave(data[0])

    def leave_if_asked(self) -> None:
        """End the process when a signal asked for it."""
        if self._asked:
            for stream in (sys.stdout, sys.stderr):
                with suppress(
                    OSError, ValueError, RuntimeError
                ):  # the last: it is being written to
                    stream.flush()
            self._leave(self._asked)

    def _leave(self, number: int) -> None:
        """Say the sentence and end at once; nothing that hangs in native code can hold it up."""
        if os.getpid() == self._process:
            self._leaving.acquire()  # for good: whoever comes second waits here for the end
            with suppress(OSError):
                if select.select([], [2], [], 0)[1]:  # a full pipe would be waited for
                    start = "\r\033[K" if os.isatty(2) else ""
                    os.write(2, f"{start}{self._sentence}\n".encode())
            os._exit(128 + number)

    def _unraisable(self, otherwise: Any) -> Any:
        """A hook that is silent about Cancelled raised where nobody can catch it, as in `__del__`."""
        return lambda event: None if self._asked else otherwise(event)

    def _forget(self) -> None:
        """Give a forked child the signals' usual meaning: its end is not this program's."""
        if os.getpid() != self._process and self._process:
            signal.set_wakeup_fd(-1)
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)


def _below_calls_python(frame: FrameType | None) -> bool:
    """Whether one of the functions that are being run belongs to a package of CALLS_PYTHON."""
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in CALLS_PYTHON:
            return True
        frame = frame.f_back
    return False


def _hold(block: bool) -> None:
    """Have the signals wait, also in a program that this one becomes; or let them come."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK if block else signal.SIG_UNBLOCK, SIGNALS)


def become(command: Sequence[str]) -> None:
    """Go on as another program, which answers signals once it is `running`."""
    _hold(True)
    os.execv(command[0], list(command))


def end_with(parent: int) -> None:
    """End this process when its parent does, however that ends; for workers.

    Ctrl-C in a terminal reaches workers as well; it is their parent's to answer.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    # On Windows the number of a dead parent stays; there idle workers end by their timeout.
    threading.Thread(target=watch, daemon=True).start()


def _open_streams() -> None:
    """Open closed standard streams to nowhere, and let no character be one that cannot be written.

    A file opened later would else take the number of a closed stream, and receive what is printed.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")


def _flush() -> None:
    """Write what is still held of the output; a reader that has gone is no error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except ValueError:  # closed by now
            continue
        except OSError as error:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if error.errno != errno.EPIPE:
                with suppress(OSError):
                    sys.stderr.write(f"The output could not be written: {error.strerror}.\n")
                sys.exit(1)


def peak_rss_mb() -> float | None:
    """Return the most memory that this process used, in MB; None where the system gives none."""
    if resource is None:
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)

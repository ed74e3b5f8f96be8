"""Pages of cards that are open in this server, so that a closed page gives its examples back."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

GRACE = 10.0
"""Seconds that a page has to come back, after a reload or a short loss of the network."""


class Presence:
    """The pages of one project, each with the session that sent its newest request."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sessions: dict[str, str] = {}
        self._missing: dict[str, float] = {}

    def arrived(self, page: str, session: str) -> None:
        """Note that a page sent a request."""
        with self._lock:
            self._sessions[page] = session
            self._missing.pop(page, None)

    def left(self, session: str) -> None:
        """Note that a session shows something else than its page of cards."""
        with self._lock:
            for page in [p for p, of in self._sessions.items() if of == session]:
                self._missing.setdefault(page, time.monotonic())
                self._sessions[page] = ""

    def closed(self, is_open: Callable[[str], bool], now: float | None = None) -> list[str]:
        """Return the pages whose session has been gone for GRACE seconds; each is returned once."""
        moment = time.monotonic() if now is None else now
        with self._lock:
            for page, session in self._sessions.items():
                if session and is_open(session):
                    self._missing.pop(page, None)
                else:
                    self._missing.setdefault(page, moment)
            pages = [p for p, since in self._missing.items() if since <= moment - GRACE]
            for page in pages:
                del self._sessions[page], self._missing[page]
        return pages

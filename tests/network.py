"""A network between a browser and the app that can be cut: a relay on loopback, in threads."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.app_server import free_port


class Network:
    """A relay to a port of this machine, on a port of its own.

    A cut ends every connection and refuses new ones. While the replies are silenced, requests still
    arrive, and what the server answers is lost with the next cut.
    """

    def __init__(self, server: int) -> None:
        self.server = server
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._audible = threading.Event()
        self._audible.set()
        self._listener: socket.socket | None = None
        self.restore()

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for one in sockets:
            _end(one)

    def restore(self) -> None:
        """Take connections again."""
        self._audible.set()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def silence(self) -> None:
        """Hold back everything that the server sends."""
        self._audible.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                browser, _ = listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.server))
                except OSError:
                    _end(browser)
                    continue
                with self._lock:
                    if listener is not self._listener:  # a cut came between
                        _end(browser)
                        _end(server)
                        return
                    self._sockets |= {browser, server}
                for pair in ((browser, server, None), (server, browser, self._audible)):
                    threading.Thread(target=self._relay, args=pair, daemon=True).start()

    def _relay(
        self, source: socket.socket, target: socket.socket, gate: threading.Event | None
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if gate is not None:
                    gate.wait()
                target.sendall(data)
        _end(source)
        _end(target)
        with self._lock:
            self._sockets -= {source, target}


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()

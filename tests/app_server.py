"""The real app as a process on loopback, for tests that drive a browser."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class App:
    """The app on a port of its own, which it keeps over a restart.

    token: what it asks for; by default it lets everybody in.
    """

    def __init__(self, workspace: Path, files: Path | None = None, token: str = "") -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.workspace = workspace
        self.log = workspace / "server.log"
        self.token = token
        self.more: list[str] = []
        self.environment = {
            **os.environ,
            "CURATION_WORKSPACE": str(workspace),
            "CURATION_TOKEN": token,
            "PYTHONPATH": str(ROOT),
            "STREAMLIT_SERVER_HEADLESS": "true",
        }
        self.environment.pop("CURATION_PROJECT", None)
        if files is not None:
            self.environment["CURATION_FILES"] = str(files)

    def start(self) -> None:
        """Start the server and wait until it answers; its log is shown when it does not."""
        command = [sys.executable, "-m", "curation", "app", "--port", str(self.port)]
        command += ["--address", "127.0.0.1", *([] if self.token else ["--no-token"]), *self.more]
        with open(self.log, "ab") as stream:
            self.server = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=1)
                return
            except OSError:
                time.sleep(0.25)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """End it as a power cut would."""
        self.server.send_signal(signal.SIGKILL)
        self.server.wait(10)

    def stop(self) -> None:
        """End it in good order."""
        self.server.terminate()
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            self.server.kill()


@contextmanager
def running_app(workspace: Path, files: Path | None = None, token: str = "") -> Iterator[App]:
    """The app while the block runs; see `App`."""
    app = App(workspace, files, token)
    try:
        app.start()
        yield app
    finally:
        app.stop()

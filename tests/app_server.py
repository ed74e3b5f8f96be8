"""The real app as a process on loopback, for tests that drive a browser."""

from __future__ import annotations

import os
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


@contextmanager
def running_app(workspace: Path, files: Path | None = None) -> Iterator[str]:
    """The app's address while the block runs; its log is shown when it does not start."""
    port = free_port()
    environment = {**os.environ, "CURATION_WORKSPACE": str(workspace)}
    environment.pop("CURATION_PROJECT", None)
    if files is not None:
        environment["CURATION_FILES"] = str(files)
    log = workspace / "server.log"
    command = [sys.executable, "-m", "curation.ui.server", "app.py", "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true"]
    command += ["--server.fileWatcherType", "none"]
    with open(log, "wb") as stream:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.25)
        else:
            raise AssertionError(log.read_text())
        yield address
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()

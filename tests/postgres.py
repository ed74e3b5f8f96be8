"""A PostgreSQL server of one's own, on a socket in a temporary folder, that can be killed."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa


class Unavailable(Exception):
    """No server can be started on this machine; the message says why."""


def unprivileged() -> dict[str, int]:
    """For subprocess: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            account = pwd.getpwnam(name)
            return {"user": account.pw_uid, "group": account.pw_gid}
    raise Unavailable("PostgreSQL does not run as root, and there is no other user")


class Postgres:
    """A server with an empty cluster.

    options: for the server, such as `-c`, `fsync=off`. Raises Unavailable without an installed
    PostgreSQL or its driver.
    """

    def __init__(self, *options: str) -> None:
        try:
            import psycopg  # noqa: F401
        except ModuleNotFoundError:
            raise Unavailable("the driver for PostgreSQL is not installed") from None
        commands = sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"))
        if not commands:
            raise Unavailable("PostgreSQL is not installed in /usr/lib/postgresql")
        self.programs = Path(commands[-1]).parent
        self.account = unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path is short
        self.folder.chmod(0o755)
        if self.account:
            os.chown(self.folder, self.account["user"], self.account["group"])
        self.options = ["-k", str(self.folder), "-c", "listen_addresses=", *options]
        self.url = f"postgresql://tester@/postgres?host={self.folder}"
        words = ["-D", str(self.data), "-U", "tester", "-A", "trust", "-E", "UTF8", "-N"]
        done = subprocess.run(
            [str(self.programs / "initdb"), *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            **self.account,
        )
        if done.returncode:
            raise Unavailable(f"PostgreSQL could not be started: {done.stderr[-300:]}")
        self.start()

    @property
    def data(self) -> Path:
        """The folder of the cluster."""
        return self.folder / "data"

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        words = [str(self.programs / "postgres"), "-D", str(self.data), *self.options]
        with open(self.folder / "log", "ab") as stream:
            # a child of this process, which collects it: PostgreSQL waits for one that nobody does
            self.server = subprocess.Popen(
                words, cwd=self.folder, stdout=stream, stderr=stream, **self.account
            )
        ready = [str(self.programs / "pg_isready"), "-q", "-h", str(self.folder)]
        for _ in range(600):
            if self.server.poll() is not None:
                break
            if subprocess.run(ready).returncode == 0:
                return
            time.sleep(0.05)
        raise Unavailable(
            f"PostgreSQL could not be started: {(self.folder / 'log').read_text()[-300:]}"
        )

    def children(self) -> list[int]:
        """Return the numbers of the processes that the first one started."""
        main = self.server.pid
        text = Path(f"/proc/{main}/task/{main}/children").read_text()
        return [int(word) for word in text.split()]

    def has_ended(self) -> bool:
        """Return whether the first process ended, as when the one that recovers is killed."""
        with suppress(subprocess.TimeoutExpired):
            self.server.wait(0.5)
        return self.server.returncode is not None

    def kill(self) -> None:
        """End every process of the server as a power cut would."""
        children = self.children()
        self.server.kill()
        self.server.wait()
        for number in children:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        for _ in range(1000):
            if not any(_is_running(number) for number in children):
                return
            time.sleep(0.01)
        raise AssertionError("the processes of PostgreSQL did not end")

    @contextmanager
    def administering(self) -> Iterator[Callable[[str], object]]:
        """Yield a function that runs a statement outside of any transaction."""
        engine = sa.create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection.exec_driver_sql
        engine.dispose()

    def new_schema(self) -> str:
        """Return the URL of an empty corner of the server."""
        return new_schema(self.url)

    def stop(self) -> None:
        """End the server and remove its files."""
        self.server.send_signal(signal.SIGINT)
        try:
            self.server.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_running(number: int) -> bool:
    """Return whether a process exists that is more than an entry nobody collected."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def new_schema(url: str) -> str:
    """Return the URL of an empty corner of a server."""
    name = f"t{uuid.uuid4().hex}"
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    engine.dispose()
    return f"{url}&options=-csearch_path%3D{name}"

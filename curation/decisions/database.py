"""Connections to the database of decisions: SQLite beside the project, or PostgreSQL by URL.

Guarantee: a commit that returned is on disk. Accepted cost: each commit waits for the disk.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from curation.decisions.outcome import NotSaved
from curation.errors import CurationError, MissingExtra

NETWORK_FILE_SYSTEMS = frozenset(
    "9p afs beegfs ceph cifs davfs fuse.davfs2 fuse.glusterfs fuse.rclone fuse.s3fs fuse.sshfs "
    "glusterfs lustre ncpfs nfs nfs4 smb2 smb3 smbfs".split()
)
"""File systems whose locks cannot be trusted; SQLite on them loses data in the end."""

_WRITE_KEY = 5_278_113_004_117
_LEASE_KEY = _WRITE_KEY + 1
"""Keys of the PostgreSQL advisory locks of writers and of leases; the numbers mean nothing."""

_KEPT_JOURNAL = 1 << 20
"""Bytes of SQLite's rollback journal that stay on disk between two commits."""

_REASONS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_BUSY": "another program has kept the database locked; try again",
    "SQLITE_LOCKED": "another program has kept the database locked; try again",
    "SQLITE_READONLY": "the database cannot be written to",
    "SQLITE_CANTOPEN": "the database cannot be opened",
    "SQLITE_IOERR": "the disk reported an error",
    "SQLITE_CORRUPT": "the database is damaged; run `curate doctor` on the project",
    "SQLITE_NOTADB": "the database is damaged; run `curate doctor` on the project",
    "55P03": "another program has kept the database locked; try again",
    "53100": "the database server's disk is full",
    "25006": "the database server takes no changes",
}
"""Beginnings of SQLite's error names, and PostgreSQL's codes → the reason in words."""

FAILURES = (sa.exc.SQLAlchemyError, sqlite3.Error)
"""Exceptions that a database may raise."""


def safe_wal(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite has the fix for corruption in write-ahead mode (3.51.3, 3.50.7, 3.44.6).

    Several connections could meet in a race that damages the file in 3.7.0 to 3.51.2; see
    https://sqlite.org/wal.html, "The WAL-Reset Bug".
    """
    fixed = {(3, 50): (3, 50, 7), (3, 44): (3, 44, 6)}
    return tuple(version) >= fixed.get((version[0], version[1]), (3, 51, 3))


def reached(point: str) -> None:
    """Mark a named point of a write; tests put a function here that ends the process.

    Points in order: begun, agreed, inserted, journaled, committed. A change of schema has: backed
    up, migrated. Taking leases has: leased.
    """


class Database:
    """One database, with connections to read and to write.

    where: a path or a URL. patience: seconds to wait for other programs. lasting: whether a commit
    waits for the disk; without it a power cut may take commits back and damage a SQLite file, while
    a program that is killed does neither. Raises CurationError for an invalid address, a network
    file system, or a missing driver.
    """

    def __init__(self, where: str | Path, patience: float, *, lasting: bool = True) -> None:
        url = _url(where)
        self.where = where
        self.patience = patience
        self.lasting = lasting
        self.path: Path | None = None
        # a stricter isolation level would read the data of before the wait for the lock
        options: dict[str, Any] = {"pool_pre_ping": True, "isolation_level": "READ COMMITTED"}
        if url.get_backend_name() == "sqlite":
            if url.database in (None, "", ":memory:"):
                raise CurationError("Decisions need a file or a server, not memory.")
            self.path = Path(str(url.database)).absolute()
            refuse_network(self.path)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CurationError(f"The decisions cannot be opened: {error.strerror}.") from error
            url = url.set(database=str(self.path))
            options = {"connect_args": {"timeout": patience, "check_same_thread": False}}
        try:
            self.engine = sa.create_engine(url, pool_size=4, max_overflow=64, **options)
        except ModuleNotFoundError as error:
            raise MissingExtra("The driver for PostgreSQL", "postgres") from error
        sa.event.listen(self.engine, "connect", lambda connection, _: self._prepare(connection))
        self._inode = self._stat()

    def _prepare(self, connection: Any) -> None:
        if self.path is not None:
            _prepare_sqlite(connection, self.lasting)
        elif self.lasting:
            _prepare_postgres(connection)

    def _stat(self) -> tuple[int, int] | None:
        try:
            stat = os.stat(self.path) if self.path else None
        except FileNotFoundError:
            return None
        return (stat.st_dev, stat.st_ino) if stat else None

    def reading(self) -> sa.Connection:
        """Open a connection for reading, for a `with` block; reads see whole appends only."""
        return self.engine.connect()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open the only connection that may write, from its first statement on.

        Nothing is written unless the block calls `commit` on it. Raises the database's exceptions.
        """
        with self.engine.connect() as connection:
            if self.path is None:
                wait = f"SET LOCAL lock_timeout = {int(self.patience * 1000)}"
                connection.exec_driver_sql(wait)
                if not self.lasting:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
                key = _WRITE_KEY if self.lasting else _LEASE_KEY
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({key})")
            else:
                _begin_immediate(connection, self.patience)
                self._check_same_file()
            yield connection

    def _check_same_file(self) -> None:
        if self._inode is None:
            self._inode = self._stat()
        if self.is_replaced():
            raise NotSaved("the database was replaced while it was open; restart this program")

    def is_replaced(self) -> bool:
        """Return whether the file is not the one that was opened."""
        return self.path is not None and (self._inode is None or self._stat() != self._inode)

    def remove(self) -> None:
        """Close every connection and remove the file of a SQLite database, where it is still that file."""
        self.close()
        if self.path is not None and not self.is_replaced():
            remove_file(self.path)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _url(where: str | Path) -> sa.URL:
    if isinstance(where, Path) or "://" not in where:
        return sa.URL.create("sqlite", database=str(where))
    try:
        url = sa.make_url(where)
    except sa.exc.ArgumentError:
        raise CurationError("The address of the decisions is not a valid URL.") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise CurationError(
            f"Decisions can live in SQLite or PostgreSQL, not in {url.get_backend_name()}."
        )
    return url


def remove_file(path: Path) -> None:
    """Remove a SQLite database that nobody has open, with its rollback journal."""
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _begin_immediate(connection: sa.Connection, patience: float) -> None:
    """Begin to write; a deferred transaction fails at once when another one writes at the same time.

    Asks every few milliseconds: SQLite itself pauses up to 100 ms between two tries, and whoever came
    later goes first meanwhile.
    """
    until, pause = time.monotonic() + patience, 0.0005
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return
            except sa.exc.OperationalError as error:
                name = getattr(error.orig, "sqlite_errorname", "")
                if name.partition("_")[2] != "BUSY" or time.monotonic() >= until:
                    raise
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={int(patience * 1000)}")


def _prepare_sqlite(connection: Any, lasting: bool) -> None:
    """Set a journal mode and a sync level; lasting: a power cut loses no commit that returned.

    The rollback journal is ended by its header and stays, as a file that is made and removed with
    each commit waits for the disk twice more.
    """
    connection.isolation_level = None  # transactions begin where this module says so
    connection.execute(f"PRAGMA journal_size_limit={_KEPT_JOURNAL}")
    if not lasting:
        connection.execute("PRAGMA journal_mode=persist")
        connection.execute("PRAGMA synchronous=OFF")
        return
    safe_mode = "wal" if safe_wal() else "persist"
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != safe_mode:
        mode = connection.execute(f"PRAGMA journal_mode={safe_mode}").fetchone()[0]
    if mode == "wal" and not safe_wal():
        raise CurationError(
            "The decisions are open in a program with a newer SQLite, in a mode that is not safe "
            f"with this one ({sqlite3.sqlite_version}); close that program first."
        )
    connection.execute(f"PRAGMA synchronous={'FULL' if mode == 'wal' else 'EXTRA'}")


def _prepare_postgres(connection: Any) -> None:
    """Make commits return only when they are on disk, also where the server's default is not to."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            if cursor.fetchone()[0] == "off":
                cursor.execute("SET synchronous_commit TO on")
        connection.commit()
    except Exception as error:  # the driver's own class; SQLAlchemy does not translate it here
        raise sa.exc.DBAPIError("on connecting", None, error) from error


def refuse_network(path: Path, mounts: Path = Path("/proc/mounts")) -> None:
    """Raise CurationError when a path lies on a network file system; works on Linux only."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    place, best, kind = path.resolve(), -1, ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " ").replace("\\011", "\t"))
        # where two mounts have one point, the later hides the earlier
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    if kind in NETWORK_FILE_SYSTEMS:
        raise CurationError(
            f"The project lies on a network file system ({kind}), where decisions are not safe; "
            "move it to a local disk or name a PostgreSQL database in project.toml."
        )


def is_damage(error: BaseException) -> bool:
    """Return whether an error says that the database file is damaged."""
    code = getattr(getattr(error, "orig", None) or error, "sqlite_errorname", None) or ""
    return code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def reason(error: BaseException) -> str:
    """Return the reason of a database error in words, without a full stop."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or ""
    for beginning, words in _REASONS.items():
        if code.startswith(beginning):
            return words
    return str(cause).strip().split("\n")[0].rstrip(".") or type(cause).__name__

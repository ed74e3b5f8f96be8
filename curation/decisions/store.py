"""The database of decisions: append, read, undo; SQLite beside the project or PostgreSQL by URL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from threading import RLock
from typing import Any

import orjson
import sqlalchemy as sa

from curation.decisions import journal as journals
from curation.decisions.event import Decision, Event
from curation.decisions.state import State, family, fold
from curation.errors import CurationError

SCHEMA = 1

metadata = sa.MetaData()
meta = sa.Table(
    "meta", metadata, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.String)
)
table = sa.Table(
    "events",
    metadata,
    sa.Column(
        "seq",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("op_id", sa.String, nullable=False, unique=True),
    sa.Column("example_id", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("annotator", sa.String, nullable=False, index=True),
    sa.Column("content_hash", sa.String, nullable=False),
    sa.Column("base_revision", sa.BigInteger, nullable=False),
    sa.Column("batch", sa.String, nullable=False, index=True),
    sa.Column("time", sa.Float, nullable=False),
)
NAMES = [f.name for f in fields(Event)]


@dataclass(frozen=True)
class Appended:
    """What an append did: new events, repeats that were ignored, events that overrule another's."""

    appended: int
    ignored: int
    conflicts: list[Event]
    last: int


def safe_wal(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:  # type: ignore[assignment]
    """Whether this SQLite has the fix for corruption in write-ahead mode (3.51.3, 3.50.7, 3.44.6)."""
    fixed = {(3, 50): (3, 50, 7), (3, 44): (3, 44, 6)}
    return version >= fixed.get(version[:2], (3, 51, 3))


class DecisionStore:
    """People's decisions of one project; safe to use from many threads and processes.

    Raises CurationError when the database cannot be opened or is from a later program.
    """

    def __init__(self, where: str | Path, *, journal: Path | None = None) -> None:
        self.journal = journal
        self._lock = RLock()
        self._states: dict[int, State] = {}
        self._events: list[Event] = []
        local = isinstance(where, Path) or "://" not in where
        self._sqlite = local or str(where).startswith("sqlite")
        if local:
            _refuse_network(Path(where))
            Path(where).parent.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{Path(where).resolve()}" if local else str(where)
        options: dict[str, Any] = {"connect_args": {"timeout": 30}} if self._sqlite else {}
        self._engine = sa.create_engine(url, **options)
        if self._sqlite:
            sa.event.listen(self._engine, "connect", _prepare)
        try:
            with self._writing() as connection:
                metadata.create_all(connection)
                version = connection.scalar(sa.select(meta.c.value).where(meta.c.name == "schema"))
                if version is None:
                    connection.execute(meta.insert().values(name="schema", value=str(SCHEMA)))
                elif int(version) > SCHEMA:
                    raise CurationError(
                        f"These decisions have schema {version}; this program knows {SCHEMA}."
                    )
        except sa.exc.SQLAlchemyError as error:
            raise CurationError(f"The decisions cannot be opened: {_first_line(error)}") from error

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A connection that holds the only right to write, from its first statement on."""
        with self._lock, self._engine.connect() as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(720113)")
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def append(self, decisions: Iterable[Decision]) -> Appended:
        """Write decisions down, all or none, and return when they are safe on disk.

        An op_id that is there already is ignored. Raises CurationError when nothing was saved.
        """
        given = list(decisions)
        for decision in given:
            decision.check()
        cut_to: int | None = None
        try:
            with self._writing() as connection:
                known = self._known_ops(connection, [d.op_id for d in given])
                before = self._refresh(connection)
                fresh: list[Event] = []
                for d in given:
                    if d.op_id not in known:
                        known.add(d.op_id)
                        seq = before.last + len(fresh) + 1
                        fresh.append(
                            Event(**{n: getattr(d, n) for n in NAMES if n != "seq"}, seq=seq)
                        )
                if fresh and self.journal is not None:
                    cut_to = journals.append(self.journal, fresh)
                if fresh:
                    connection.execute(table.insert(), [_row(e) for e in fresh])
                conflicts = _conflicts(before, fresh)
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            if cut_to is not None and self.journal is not None:
                journals.cut(self.journal, cut_to)
            raise CurationError(f"Nothing was saved: {_first_line(error)}") from error
        return Appended(len(fresh), len(given) - len(fresh), conflicts, before.last + len(fresh))

    def _known_ops(self, connection: sa.Connection, ops: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for at in range(0, len(ops), 500):
            query = sa.select(table.c.op_id).where(table.c.op_id.in_(ops[at : at + 500]))
            found.update(connection.scalars(query))
        return found

    def _refresh(self, connection: sa.Connection) -> State:
        """Read what others appended since, and the state after it."""
        last = self._events[-1].seq if self._events else 0
        query = sa.select(table).where(table.c.seq > last).order_by(table.c.seq)
        self._events += [_event(row) for row in connection.execute(query)]
        return self._folded(len(self._events))

    def _folded(self, count: int) -> State:
        if count not in self._states:
            if len(self._states) > 8:
                self._states.pop(next(iter(self._states)))
            self._states[count] = fold(self._events[:count])
        return self._states[count]

    def events(
        self, *, since: int = 0, until: int | None = None, example_id: str | None = None
    ) -> list[Event]:
        """Events after `since`, up to `until`, oldest first; of one example when asked."""
        with self._lock:
            self._read()
            return [
                e
                for e in self._events
                if e.seq > since
                and (until is None or e.seq <= until)
                and example_id in (None, e.example_id)
            ]

    def _read(self) -> None:
        try:
            with self._engine.connect() as connection:
                newest = connection.scalar(sa.select(sa.func.max(table.c.seq))) or 0
                if newest != (self._events[-1].seq if self._events else 0):
                    self._refresh(connection)
        except sa.exc.SQLAlchemyError as error:
            raise CurationError(f"The decisions cannot be read: {_first_line(error)}") from error

    def last(self) -> int:
        """The newest event's number; 0 while there is none."""
        with self._lock:
            self._read()
            return self._events[-1].seq if self._events else 0

    def state(self, until: int | None = None) -> State:
        """What the events up to `until` say together."""
        with self._lock:
            self._read()
            count = (
                len(self._events) if until is None else sum(e.seq <= until for e in self._events)
            )
            return self._folded(count)

    def undo(
        self, annotator: str, *, op_id: str | None = None, batch: str | None = None
    ) -> Event | None:
        """Take back an event, a batch, or this annotator's last action; None when there is none."""
        target = self._target(annotator, op_id, batch, undone=False)
        return None if target is None else self._append_about(annotator, "undo", target)

    def redo(
        self, annotator: str, *, op_id: str | None = None, batch: str | None = None
    ) -> Event | None:
        """Put forward again what was taken back last; None when nothing was since the last action."""
        target = self._target(annotator, op_id, batch, undone=True)
        return None if target is None else self._append_about(annotator, "redo", target)

    def _target(
        self, annotator: str, op_id: str | None, batch: str | None, undone: bool
    ) -> tuple[str, dict[str, str]] | None:
        state = self.state()
        if undone and op_id is None and batch is None:
            return self._last_undone(annotator, state)
        for event in reversed(self._events):
            if event.kind in ("undo", "redo") or (event.op_id in state.undone) != undone:
                continue
            named = op_id == event.op_id or (batch is not None and batch == event.batch)
            if named or (op_id is None and batch is None and event.annotator == annotator):
                return event.example_id, {
                    "batch": event.batch
                } if event.batch and op_id is None else {"op_id": event.op_id}
        return None

    def _last_undone(self, annotator: str, state: State) -> tuple[str, dict[str, str]] | None:
        """What this annotator's newest undo took back, unless they did something else since."""
        redone: list[Any] = []
        for event in reversed(self._events):
            if event.annotator != annotator:
                continue
            if event.kind == "redo":
                redone.append(event.value)
            elif event.kind == "undo":
                if event.value in redone:
                    redone.remove(event.value)
                else:
                    return event.example_id, event.value
            elif not redone:
                return None
        return None

    def _append_about(self, annotator: str, kind: str, target: tuple[str, dict[str, str]]) -> Event:
        decision = Decision(target[0], kind, target[1], annotator)
        self.append([decision])
        return next(e for e in reversed(self.events()) if e.op_id == decision.op_id)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def replace_all(self, events: Sequence[Event]) -> None:
        """Write the whole table anew; only for repairs."""
        with self._writing() as connection:
            connection.execute(table.delete())
            if events:
                connection.execute(table.insert(), [_row(e) for e in events])
        self._events, self._states = [], {}


def check(store: DecisionStore) -> list[str]:
    """What is wrong between the database and its journal, a sentence each."""
    if store.journal is None:
        return []
    written, broken = journals.read(store.journal)
    here = {e.op_id for e in store.events()}
    there = {e.op_id for e in written}
    findings = [f"{broken} lines of the journal are damaged"] if broken else []
    findings += [f"{len(here - there)} decisions are not in the journal"] if here - there else []
    findings += (
        [f"{len(there - here)} decisions of the journal are not in the database"]
        if there - here
        else []
    )
    return findings


def repair(store: DecisionStore) -> str:
    """Rebuild database and journal each from the other; no event of either is lost.

    A decision that reached the journal but was never acknowledged is taken in: it was made.
    """
    if store.journal is None:
        return "nothing to repair"
    written, _ = journals.read(store.journal)
    here = store.events()
    seen = {e.op_id for e in here}
    late = [e for e in written if e.op_id not in seen]
    taken = {e.seq for e in here}
    restored = [e for e in late if e.seq not in taken]
    moved = [e for e in late if e.seq in taken]
    merged = sorted([*here, *restored], key=lambda e: e.seq) + moved
    events = [Event(**{**e.to_dict(), "seq": n}) for n, e in enumerate(merged, 1)]
    store.replace_all(events)
    journals.write(store.journal, events)
    return f"{len(late)} taken from the journal, {len(events)} in both"


def _conflicts(before: State, fresh: Sequence[Event]) -> list[Event]:
    found = []
    for event in fresh:
        tables = {
            "verdict": before.verdicts,
            "edit": before.edits,
            "label": before.labels,
            "rate": before.ratings,
        }
        other = tables.get(family(event.kind), {}).get(event.example_id)
        if (
            other is not None
            and other.seq > event.base_revision
            and other.annotator != event.annotator
        ):
            found.append(event)
    return found


def _row(event: Event) -> dict[str, Any]:
    return {**event.to_dict(), "value": orjson.dumps(event.value).decode()}


def _event(row: Any) -> Event:
    return Event(**{**row._mapping, "value": orjson.loads(row.value)})


def _prepare(connection: Any, record: Any) -> None:
    """Safe commits first: a power cut costs nothing that was called saved."""
    connection.isolation_level = None  # transactions begin where this module says so
    mode = "WAL" if safe_wal() else "DELETE"
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute(f"PRAGMA synchronous={'FULL' if mode == 'WAL' else 'EXTRA'}")
    connection.execute("PRAGMA busy_timeout=30000")


def _refuse_network(path: Path) -> None:
    """Raise CurationError on a network file system, where SQLite's locks cannot be trusted."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return
    place = str(path.resolve())
    inside = [
        (m, kind) for m, kind in mounts if place == m or place.startswith(m.rstrip("/") + "/")
    ]
    kind = max(inside, key=lambda item: len(item[0]), default=("", ""))[1]
    if kind in ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p"):
        raise CurationError(
            f"The project lies on a network file system ({kind}), where decisions are not safe; move it "
            "to a local disk or name a PostgreSQL database in project.toml."
        )


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0] + "."

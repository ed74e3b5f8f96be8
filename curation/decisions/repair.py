"""Check and repair of database and journal, each from the other.

Guarantee: a repair keeps every event that is whole in either copy. Accepted cost: both copies are
read whole while nobody may write.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from curation.decisions import journal as journals
from curation.decisions import schema
from curation.decisions.database import FAILURES, is_damage, reason, remove_file
from curation.decisions.event import FIELDS, Event, checksum
from curation.decisions.journal import Contents, Journal
from curation.decisions.leases import place_of_leases
from curation.decisions.outcome import NotSaved
from curation.decisions.reconcile import adopt, latest
from curation.decisions.rows import event_of, row_of
from curation.decisions.store import PAGE, DecisionStore
from curation.errors import CurationError
from curation.files import sync_folder, write_bytes


@dataclass(frozen=True)
class Finding:
    """A fault: a code for programs, the number of cases, a sentence for people."""

    code: str
    count: int
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Repaired:
    """The result of a repair; as text, one line for people.

    to_database, to_journal: events that were added to each. mended: rows corrected from the journal.
    renumbered: events that got a new number because theirs was taken. dropped: damaged lines and
    rows without a whole copy; the damaged lines are kept in a file beside the journal.
    """

    to_database: int = 0
    to_journal: int = 0
    mended: int = 0
    renumbered: int = 0
    dropped: int = 0

    def __str__(self) -> str:
        parts = [
            (self.to_database, "taken into the database"),
            (self.to_journal, "written to the journal"),
            (self.mended, "mended in the database"),
            (self.renumbered, "given a new number"),
            (self.dropped, "without a whole copy"),
        ]
        counts = [f"{count:,} {words}" for count, words in parts if count]
        return ", ".join(counts) or "nothing to repair"


@dataclass(frozen=True)
class _Rows:
    """The database as read: whole events, and the values of damaged rows."""

    events: tuple[Event, ...]
    damaged: tuple[dict[str, Any], ...]


def check(store: DecisionStore) -> list[Finding]:
    """Return the faults of database and journal, and their differences; empty for none.

    Reads both whole, while nobody writes. Raises CurationError when one cannot be read at all.
    """
    try:
        with store.alone() as connection:
            pages = _integrity(store, connection)
            rows = _rows(connection)
            lost = _known_lost(connection)
            written = _written(store)
    except FAILURES:
        return [Finding("database", 1, "the database cannot be read")]
    except NotSaved:
        return _check_reading(store)  # a folder that cannot be written to can still be checked
    return [*pages, *_compare(store, rows, written, lost)]


def _check_reading(store: DecisionStore) -> list[Finding]:
    try:
        with store.database.reading() as connection:
            pages, rows = _integrity(store, connection), _rows(connection)
            lost = _known_lost(connection)
    except FAILURES:
        return [Finding("database", 1, "the database cannot be read")]
    return [*pages, *_compare(store, rows, _written(store), lost)]


def _written(store: DecisionStore) -> Contents:
    return Contents((), "", (), b"") if store.journal is None else journals.read(store.journal)


def _compare(
    store: DecisionStore, rows: _Rows, written: Contents, lost: set[int]
) -> Iterator[Finding]:
    """Yield the findings of both copies."""
    if rows.damaged:
        yield _finding("rows", len(rows.damaged), "{} in the database {} damaged")
    numbers = [e.seq for e in rows.events] + [row["seq"] for row in rows.damaged]
    if missing := _gaps(numbers) - lost:
        yield _finding("numbers", len(missing), "{} {} missing: a number was skipped")
    if store.journal is None:
        return
    lines = {e.op_id: e for e in written.events}
    in_database = {e.op_id: e for e in rows.events}
    op_ids = {*in_database, *(row["op_id"] for row in rows.damaged)}
    if written.torn:
        yield Finding("torn", 1, "the end of the journal was cut off")
    if written.damaged:
        count = len(written.damaged)
        what = "line of the journal is" if count == 1 else "lines of the journal are"
        yield Finding("lines", count, f"{count:,} {what} damaged")
    if unwritten := len(op_ids - set(lines)):
        yield _finding("journal", unwritten, "{} {} not in the journal")
    if unknown := len(set(lines) - op_ids):
        yield _finding("database", unknown, "{} of the journal {} not in the database")
    if differing := sum(in_database[op] != lines[op] for op in set(lines) & set(in_database)):
        yield _finding("differing", differing, "{} {} not the same in the journal")


def _finding(code: str, count: int, text: str) -> Finding:
    one = count == 1
    noun = "decision" if one else "decisions"
    return Finding(code, count, text.format(f"{count:,} {noun}", "is" if one else "are"))


def _gaps(numbers: Iterable[int]) -> set[int]:
    """Return the missing numbers below the highest one."""
    present = set(numbers)
    return set(range(1, max(present, default=0) + 1)) - present


def repair(store: DecisionStore) -> Repaired:
    """Make database and journal whole and equal; no event that is whole in either is lost.

    An event that only the journal has is added to the database, also when its saving was never
    confirmed. It keeps its number unless another event has it. The version with a right checksum
    wins where two versions of an event differ; the journal's wins when both are right, because its
    lines are never changed in place. Damaged lines and rows go to a file beside the journal. An
    event without a whole copy is dropped, and its number stays free. A damaged database file is
    rebuilt and the old one kept, see `rebuild`; other programs that have it open must be restarted.
    Raises CurationError, with everything as before, when something cannot be written.
    """
    try:
        with store.alone() as connection:
            if not _integrity(store, connection):
                rows, written = _rows(connection), _written(store)
                events, done = _merge(rows, written, _known_lost(connection))
                _keep_damaged(store.journal, rows, written)
                if store.journal is not None and _differs(written, events):
                    store.rewrite_journal(events)
                _write_differences(connection, rows, events)
                connection.commit()
                store.leases.forget()
                return done
    except FAILURES as error:
        if not is_damage(error):
            raise CurationError(f"Nothing was repaired: {reason(error)}.") from error
    path = store.database.path
    assert path is not None  # only SQLite has a file to be damaged
    store.database.close()
    done = _rebuild(path, store.journal, store.database.patience)
    store.reopen()
    return done


def rebuild(path: Path, journal: Path | None, patience: float = 30.0) -> Repaired:
    """Make a new SQLite file from the readable rows of a damaged one and from the journal.

    It is for a file that a store cannot open. The damaged file stays beside the new one, under its
    name with `.damaged-` and the time. No other program may have it open. Raises CurationError when
    something cannot be written.
    """
    return _rebuild(path.absolute(), journal, patience)


def _rebuild(path: Path, journal: Path | None, patience: float) -> Repaired:
    journal_lock = nullcontext() if journal is None else _holding(journal, patience)
    fresh = path.with_name(f"{path.name}.rebuilt")
    fresh.unlink(missing_ok=True)
    try:
        with journal_lock:
            written = Contents((), "", (), b"") if journal is None else journals.read(journal)
            rows = _readable_rows(path, max((e.seq for e in written.events), default=0))
            events, done = _merge(rows, written, set())
            _keep_damaged(journal, rows, written)
            store = DecisionStore(fresh, patience=patience)
            with store.alone() as connection:
                _write_differences(connection, _Rows((), ()), events)
                if written.store:
                    schema.put(connection, "store", written.store)
                connection.commit()
            store.close()
            moment = _moment()
            remove_file(place_of_leases(path))
            for ending in ("", "-journal", "-wal", "-shm"):
                part = path.with_name(path.name + ending)
                if part.exists():
                    part.rename(part.with_name(f"{path.name}.damaged-{moment}{ending}"))
            fresh.rename(path)
            sync_folder(path.parent)
    except OSError as error:
        raise CurationError(f"The database could not be rebuilt: {error.strerror}.") from error
    return replace(done, to_database=len(events) - len(rows.events))


@contextmanager
def _holding(path: Path, patience: float) -> Iterator[None]:
    journal = Journal(path)
    try:
        with journal.locked(patience):
            yield
    finally:
        journal.close()


def _differs(written: Contents, events: Sequence[Event]) -> bool:
    """Return whether a journal differs from just these events, in their order."""
    return bool(written.damaged or written.torn) or list(written.events) != list(events)


def _readable_rows(path: Path, last: int) -> _Rows:
    """Return the rows of a damaged file that can still be read, each by its own query."""
    rows: list[dict[str, Any]] = []
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        with suppress(sqlite3.Error):
            query = f"SELECT max(seq) FROM {schema.events.name}"
            last = max(last, connection.execute(query).fetchone()[0] or 0)
        for seq in range(1, last + 1):
            with suppress(sqlite3.Error):
                query = f"SELECT * FROM {schema.events.name} WHERE seq = ?"
                rows += [dict(row) for row in connection.execute(query, (seq,))]
    return _sort_out(rows)


def _merge(rows: _Rows, written: Contents, lost: set[int]) -> tuple[list[Event], Repaired]:
    """Return all whole events of both copies, ordered by number, and the counts of a repair.

    lost: numbers that an earlier repair dropped.
    """
    lines = latest(written.events)
    by_op = {e.op_id: e for e in lines}
    mended = 0
    sound = []
    for event in rows.events:
        line = replace(by_op.get(event.op_id, event), seq=event.seq)
        mended += line != event
        sound.append(line)
    rescued = [r for r in rows.damaged if r["op_id"] in by_op]
    sound += [replace(by_op[r["op_id"]], seq=r["seq"]) for r in rescued]
    op_ids, taken = {e.op_id for e in sound}, {e.seq for e in sound}
    absent = [e for e in lines if e.op_id not in op_ids]
    fitting = [e for e in absent if e.seq not in taken]
    clashing = [replace(e, seq=0) for e in absent if e.seq in taken]
    sound = sorted([*sound, *fitting], key=lambda e: e.seq)
    events = [*sound, *adopt(clashing, sound[-1].seq if sound else 0)]
    hopeless = {r["seq"] for r in rows.damaged if r["op_id"] not in by_op}
    return events, Repaired(
        to_database=len(absent),
        to_journal=sum(e.op_id not in by_op for e in events),
        mended=mended + len(rescued),
        renumbered=len(clashing),
        dropped=len((_gaps(e.seq for e in events) | hopeless) - lost),
    )


def _keep_damaged(journal: Path | None, rows: _Rows, written: Contents) -> None:
    """Write damaged lines and rows to a separate file, before anything is changed."""
    pieces = [*written.damaged, *([written.torn] if written.torn else [])]
    pieces += [json.dumps(row, default=repr).encode() for row in rows.damaged]
    if journal is not None and pieces:
        aside = journal.with_name(f"{journal.name}.damaged-{_moment()}")
        write_bytes(aside, b"\n".join(pieces) + b"\n")


def _write_differences(connection: sa.Connection, rows: _Rows, events: Sequence[Event]) -> None:
    """Make the table hold just these events, writing only the rows that differ."""
    in_database = {e.op_id: e for e in rows.events}
    new = [e for e in events if in_database.get(e.op_id) != e]
    wrong = [e.seq for e in new if e.op_id in in_database] + [row["seq"] for row in rows.damaged]
    for seq in wrong:
        connection.execute(schema.events.delete().where(schema.events.c.seq == seq))
    if new:
        connection.execute(schema.events.insert(), [row_of(e) for e in new])
    lost = sorted(_gaps(e.seq for e in events))
    schema.put(connection, "lost", orjson.dumps(lost).decode())
    schema.put(connection, "epoch", uuid.uuid4().hex)  # so that every program reads anew


def _rows(connection: sa.Connection) -> _Rows:
    rows: list[dict[str, Any]] = []
    while True:
        after = schema.events.c.seq > (rows[-1]["seq"] if rows else 0)
        query = sa.select(schema.events).where(after).order_by(schema.events.c.seq).limit(PAGE)
        page = connection.execute(query).all()
        rows += [row._asdict() for row in page]
        if len(page) < PAGE:
            return _sort_out(rows)


def _sort_out(rows: Sequence[dict[str, Any]]) -> _Rows:
    events, damaged = [], []
    for row in rows:
        try:
            event = event_of({name: row[name] for name in FIELDS})
            whole = checksum(event.body()) == row["sum"]
        except (CurationError, TypeError):
            whole = False
        if whole:
            events.append(event)
        else:
            damaged.append(row)
    return _Rows(tuple(events), tuple(damaged))


def _known_lost(connection: sa.Connection) -> set[int]:
    return set(orjson.loads(schema.get(connection, "lost") or "[]"))


def _integrity(store: DecisionStore, connection: sa.Connection) -> list[Finding]:
    if store.database.path is None:
        return []
    answer = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    return (
        [] if answer == "ok" else [Finding("pages", 1, f"the database file is damaged: {answer}")]
    )


def _moment() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())

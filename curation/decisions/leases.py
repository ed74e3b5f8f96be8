"""Leases: an example waits for a person on a page until they answer it or go away.

Guarantee: live leases and the people who answered are together no more than the people who are to
answer an example. A lease is live until a moment of the database's clock; no other clock counts.
Nothing clears expired rows: they count as absent, and the next lease takes their place.

Leases have a lock of their own and never wait for the disk: with SQLite they are in a file beside the
decisions. An answer is committed first and its lease ends afterwards, with the next lease that its
program takes. Whoever takes leases locks them and then reads the answers. So each person is counted
by the lease, by the answer, or by both, which count once.

Accepted cost: leases are taken one after the other. A program that is killed leaves the leases of its
last answers until their pages ask again or the leases expire. A power cut may take leases back; a
person who then gets the same example gives an answer more than needed. A damaged file of leases is
replaced by an empty one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from curation.decisions import database as databases
from curation.decisions import schema
from curation.decisions.database import FAILURES, Database, is_damage, reason
from curation.decisions.event import ANSWERING, Event
from curation.decisions.state import State
from curation.decisions.switches import Guard, everybody
from curation.errors import CurationError

EXPIRES = 600.0
"""Seconds after which a lease that is not renewed expires."""

_AT_ONCE = 500
"""Examples named in one statement."""

_CLOCKS = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "extract(epoch FROM clock_timestamp())::double precision",
}
"""UTC seconds by the database's clock, read when a statement runs."""

_table = schema.leases


class Lease(NamedTuple):
    """A live lease: the slot of an example that a page of a person has, and the seconds left."""

    example_id: str
    slot: int
    holder: str
    page: str
    left: float


class Leases:
    """The leases of a store, on the examples that pages show and hold ready.

    where: the path or URL of the decisions. patience: seconds to wait for other programs. state:
    reads people's decisions as they stand. guard: raises for somebody who takes no lease. The file of
    the leases is made by the first lease.
    """

    def __init__(
        self,
        where: str | Path,
        patience: float,
        state: Callable[[], State],
        guard: Guard = everybody,
    ) -> None:
        self._where = place_of_leases(where) if isinstance(where, Path) else where
        self._patience = patience
        self._state = state
        self._guard = guard
        self._lock = threading.Lock()
        self._database: Database | None = None
        self._ended: list[tuple[str, str]] = []  # (example, holder) of answers, not yet released

    def take(
        self,
        page: str,
        holder: str,
        candidates: Iterable[str],
        count: int,
        *,
        overlap: Callable[[str], int],
        screen: str = "",
        waiting: int,
        again: bool = False,
        mixed: Callable[[list[str]], Iterable[str]] = iter,
    ) -> list[str]:
        """Lease the next examples to a page, and return them, best first.

        candidates: ids of the examples that wait for this person, best first; only as many are read as
        are needed. count: most examples to return. overlap: the number of people who are to answer
        an example. screen: the example on the screen; it is leased too if it is free, and is not
        returned. waiting: the number of examples that wait. A page gets its share of them, so that
        some are left for whoever comes next. again: an example that was answered waits too, for one
        person at a time. mixed: puts other examples among those that are chosen, which are leased where
        they are free.

        An example is free when fewer others than its overlap have answered it or hold it, and this
        person has not answered it and holds it on no other page. Examples that nobody else holds
        come first. What the page held before and does not get now is released; the rest is renewed.
        Raises CurationError when the database cannot be written.
        """
        if check := self._guard():
            check([("lease", holder, set())])
        try:
            with self._alone() as connection:
                ended = len(self._ended)
                leases, over = self._standing(connection)
                state = self._state()
                own, others, stale = _sort_out(leases, page, holder)

                def is_free(example: str) -> bool:
                    people = {lease.holder for lease in others.get(example, ())}
                    answered = () if again else state.answered.get(example, ())
                    if holder in people or holder in answered:
                        return False
                    return len(people.union(answered)) < (1 if again else overlap(example))

                pages = {lease.page for leases in others.values() for lease in leases}
                shown = [screen] if screen and is_free(screen) else []
                share = (waiting - 1) // (len(pages) + 2) + (not screen)
                most = min(count, max(share, 0))
                chosen = _choose(candidates, most, screen, is_free, others)
                chosen = list(islice(filter(is_free, mixed(chosen)), count))
                keep = dict.fromkeys([*shown, *chosen])
                lost = [*over, *stale, *(lease for i, lease in own.items() if i not in keep)]
                fresh = [(i, _free_slot(others.get(i, ()))) for i in keep if i not in own]
                old = any(own[i].left < EXPIRES / 2 for i in keep if i in own)
                if lost or fresh or old:
                    _delete(connection, lost)
                    _renew(connection, page, [i for i in keep if i in own])
                    _insert(connection, page, holder, fresh)
                    databases.reached("leased")
                    connection.commit()
                del self._ended[:ended]
                return chosen
        except FAILURES as error:
            raise CurationError(f"The next examples cannot be leased: {reason(error)}.") from error

    def release(self, pages: Collection[str]) -> None:
        """Give back all leases of pages that were closed; raises CurationError on failure."""
        if not pages:
            return
        self._change(_table.delete().where(_table.c.page.in_(list(pages))))

    def forget(self) -> None:
        """Give back the leases of all pages; raises CurationError on failure."""
        self._change(_table.delete())

    def _change(self, statement: sa.Delete) -> None:
        try:
            with self._alone() as connection:
                connection.execute(statement)
                connection.commit()
        except FAILURES as error:
            raise CurationError(f"Leases cannot be given back: {reason(error)}.") from error

    def live(self) -> list[Lease]:
        """Return the leases that have not expired; raises CurationError on failure."""
        return self.beside_answers()[0]

    def beside_answers(self) -> tuple[list[Lease], State]:
        """Return the leases that have not expired, and people's decisions of the same moment.

        Raises CurationError on failure.
        """
        try:
            with self._alone() as connection:
                return self._standing(connection)[0], self._state()
        except FAILURES as error:
            raise CurationError(f"The leases cannot be read: {reason(error)}.") from error

    def end(self, events: Iterable[Event]) -> None:
        """End the leases of people on the examples that they answered with these events.

        The rows are removed when this program takes leases next.
        """
        self._ended += [(e.example_id, e.annotator) for e in events if e.kind in ANSWERING]

    def close(self) -> None:
        """Remove the leases that answers ended, and close the database."""
        if self._ended and self._database is not None:
            with suppress(CurationError, *FAILURES), self._alone() as connection:
                _delete(connection, self._standing(connection)[1])
                connection.commit()
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        """Open the only connection to the leases; a damaged file is removed."""
        with self._lock:
            try:
                with self._open().writing() as connection:
                    yield connection
            except FAILURES as error:
                if is_damage(error) and self._database is not None:
                    self._database.remove()
                raise

    def _open(self) -> Database:
        """Return the database, opened anew where its file was replaced, and empty where it is damaged."""
        if self._database is None or self._database.is_replaced():
            self._close()
            self._database = Database(self._where, self._patience, lasting=False)
            if not _is_ready(self._database):
                self._database.remove()
                self._database = Database(self._where, self._patience, lasting=False)
                _is_ready(self._database)
        return self._database

    def _standing(self, connection: sa.Connection) -> tuple[list[Lease], list[Lease]]:
        """Return the live leases without those that answers ended, and those."""
        leases, ended = _live(connection), set(self._ended)
        if not ended:
            return leases, []
        over = [(one.example_id, one.holder) in ended for one in leases]
        standing = [one for one, is_over in zip(leases, over, strict=True) if not is_over]
        return standing, [one for one, is_over in zip(leases, over, strict=True) if is_over]


def place_of_leases(decisions: Path) -> Path:
    """Return the file of the leases beside a SQLite database of decisions."""
    return decisions.with_name(f"{decisions.name}.leases")


def _is_ready(database: Database) -> bool:
    """Make the table of a SQLite file; return False for a damaged file."""
    if database.path is None:
        return True
    try:
        with database.writing() as connection:
            whole = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar() == "ok"
            if whole:
                _table.create(connection, checkfirst=True)
                connection.commit()
            return whole
    except FAILURES as error:
        if not is_damage(error):
            raise
        return False


def _live(connection: sa.Connection) -> list[Lease]:
    """Return the leases that have not expired."""
    now = sa.select(_now(connection)).scalar_subquery()  # read once, not for each row
    columns = (_table.c.example_id, _table.c.slot, _table.c.holder, _table.c.page)
    query = sa.select(*columns, _table.c.until - now).where(_table.c.until > now)
    return [Lease._make(row) for row in connection.execute(query).all()]


def _now(connection: sa.Connection) -> sa.ColumnElement[float]:
    return sa.literal_column(_CLOCKS[connection.dialect.name], sa.Double)


def _sort_out(
    leases: Iterable[Lease], page: str, holder: str
) -> tuple[dict[str, Lease], dict[str, list[Lease]], list[Lease]]:
    """Return a page's own leases, those of other pages, and those of its former holder."""
    own: dict[str, Lease] = {}
    others: dict[str, list[Lease]] = {}
    stale = []
    for lease in leases:
        if lease.page != page:
            others.setdefault(lease.example_id, []).append(lease)
        elif lease.holder == holder:
            own[lease.example_id] = lease
        else:
            stale.append(lease)
    return own, others, stale


def _choose(
    candidates: Iterable[str],
    most: int,
    screen: str,
    is_free: Callable[[str], bool],
    held_by_others: Collection[str],
) -> list[str]:
    """Return the first free examples; those that others hold as well come last, in reverse.

    So two people who share a short queue work towards each other.
    """
    chosen: list[str] = []
    shared: list[str] = []
    for example in candidates:
        if len(chosen) >= most:
            break
        if example in held_by_others:
            shared.append(example)
        elif example != screen and is_free(example):
            chosen.append(example)
    late = (example for example in reversed(shared) if example != screen and is_free(example))
    return [*chosen, *islice(late, most - len(chosen))]


def _free_slot(others: Iterable[Lease]) -> int:
    taken = {lease.slot for lease in others}
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)


def _delete(connection: sa.Connection, leases: Iterable[Lease]) -> None:
    keys = [{"example": lease.example_id, "seat": lease.slot} for lease in leases]
    example: sa.BindParameter[str] = sa.bindparam("example")
    seat: sa.BindParameter[int] = sa.bindparam("seat")
    statement = _table.delete().where(_table.c.example_id == example, _table.c.slot == seat)
    if keys:
        connection.execute(statement, keys)


def _renew(connection: sa.Connection, page: str, examples: Sequence[str]) -> None:
    until = _now(connection) + EXPIRES
    for start in range(0, len(examples), _AT_ONCE):
        part = examples[start : start + _AT_ONCE]
        where = (_table.c.page == page, _table.c.example_id.in_(part))
        connection.execute(_table.update().where(*where).values(until=until))


def _insert(
    connection: sa.Connection, page: str, holder: str, slots: Sequence[tuple[str, int]]
) -> None:
    """Write new leases over the expired rows of their slots."""
    if not slots:
        return
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    rows = [{"example_id": i, "slot": slot, "holder": holder, "page": page} for i, slot in slots]
    statement = insert(_table).values(until=_now(connection) + EXPIRES)
    new = {name: statement.excluded[name] for name in ("holder", "page", "until")}
    keys = [_table.c.example_id, _table.c.slot]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)

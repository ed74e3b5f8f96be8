"""Leases: an example waits for a person on a page until they answer it or go away.

Guarantee: live leases and the people who answered are together no more than the people who are to
answer an example. A lease is live until a moment of the database's clock; no other clock counts.
Nothing clears expired rows: they count as absent, and the next lease takes their place.

Accepted cost: leases are taken one after the other, under the lock that also saves answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from curation.decisions import database as databases
from curation.decisions import schema
from curation.decisions.database import FAILURES, reason
from curation.decisions.event import ANSWERING, Event
from curation.decisions.state import State
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

    exact: opens the store's only writing connection, with the state as it stands in the database.
    """

    def __init__(
        self, exact: Callable[[], AbstractContextManager[tuple[sa.Connection, State]]]
    ) -> None:
        self._exact = exact

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
    ) -> list[str]:
        """Lease the next examples to a page, and return them, best first.

        candidates: ids of the examples that wait for this person, best first; only as many are read as
        are needed. count: most examples to return. overlap: the number of people who are to answer
        an example. screen: the example on the screen; it is leased too if it is free, and is not
        returned. waiting: the number of examples that wait. A page gets its share of them, so that
        some are left for whoever comes next. again: an example that was answered waits too, for one
        person at a time.

        An example is free when fewer others than its overlap have answered it or hold it, and this
        person has not answered it and holds it on no other page. Examples that nobody else holds
        come first. What the page held before and does not get now is released; the rest is renewed.
        Raises CurationError when the database cannot be written.
        """
        try:
            with self._exact() as (connection, state):
                own, others, stale = _sort_out(live(connection), page, holder)

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
                keep = dict.fromkeys([*shown, *chosen])
                lost = [*stale, *(lease for i, lease in own.items() if i not in keep)]
                fresh = [(i, _free_slot(others.get(i, ()))) for i in keep if i not in own]
                old = any(own[i].left < EXPIRES / 2 for i in keep if i in own)
                if lost or fresh or old:
                    _delete(connection, page, lost)
                    _renew(connection, page, [i for i in keep if i in own])
                    _insert(connection, page, holder, fresh)
                    databases.reached("leased")
                    connection.commit()
                return chosen
        except FAILURES as error:
            raise CurationError(f"The next examples cannot be leased: {reason(error)}.") from error

    def release(self, pages: Collection[str]) -> None:
        """Give back all leases of pages that were closed; raises CurationError on failure."""
        if not pages:
            return
        try:
            with self._exact() as (connection, _):
                connection.execute(_table.delete().where(_table.c.page.in_(list(pages))))
                connection.commit()
        except FAILURES as error:
            raise CurationError(f"Leases cannot be given back: {reason(error)}.") from error

    def live(self) -> list[Lease]:
        """Return the leases that have not expired; raises CurationError on failure."""
        try:
            with self._exact() as (connection, _):
                return live(connection)
        except FAILURES as error:
            raise CurationError(f"The leases cannot be read: {reason(error)}.") from error


def live(connection: sa.Connection) -> list[Lease]:
    """Return the leases that have not expired."""
    now = _now(connection)
    columns = (_table.c.example_id, _table.c.slot, _table.c.holder, _table.c.page)
    query = sa.select(*columns, _table.c.until - now).where(_table.c.until > now)
    return [Lease._make(row) for row in connection.execute(query).all()]


def release_answered(connection: sa.Connection, events: Sequence[Event]) -> None:
    """Release the leases of people on the examples that they answer with these events."""
    answered: dict[str, list[str]] = {}
    for event in events:
        if event.kind in ANSWERING:
            answered.setdefault(event.annotator, []).append(event.example_id)
    for holder, examples in answered.items():
        for start in range(0, len(examples), _AT_ONCE):
            part = examples[start : start + _AT_ONCE]
            where = (_table.c.holder == holder, _table.c.example_id.in_(part))
            connection.execute(_table.delete().where(*where))


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


def _delete(connection: sa.Connection, page: str, leases: Sequence[Lease]) -> None:
    for start in range(0, len(leases), _AT_ONCE):
        part = [lease.example_id for lease in leases[start : start + _AT_ONCE]]
        where = (_table.c.page == page, _table.c.example_id.in_(part))
        connection.execute(_table.delete().where(*where))


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

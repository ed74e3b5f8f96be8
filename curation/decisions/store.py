"""The store of decisions: append, read, undo; each event in a database and in a journal.

Guarantee: the journal holds everything that the database holds. A write has this order: lock the
journal, begin, make both copies agree, insert, write and sync the journal, commit. An event that is
only in the journal (the program died before the commit) gets into the database with the next write
or the next opening, under its own number. Its writer got no answer; if the writer sends it again,
its op_id is there and nothing is added. When a commit certainly fails, the journal is cut back
before the error is raised.

Accepted cost: a decision may count although its writer never got an answer.
"""

from __future__ import annotations

import gc
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from curation.decisions import database as databases
from curation.decisions import journal as journals
from curation.decisions import schema
from curation.decisions.database import FAILURES, Database, reason
from curation.decisions.event import Decision, Event, checked
from curation.decisions.fold import Fold, fold
from curation.decisions.journal import Journal
from curation.decisions.leases import Leases
from curation.decisions.outcome import Appended, NotKnown, NotSaved
from curation.decisions.reconcile import disagreement, place
from curation.decisions.rows import COLUMNS, event_of, newest_place, row_of
from curation.decisions.state import State
from curation.decisions.switches import Guard, allowed, claims, everybody, switch
from curation.decisions.writer import Request, Writer, number
from curation.errors import CurationError

T = TypeVar("T")

PAGE = 5000
"""Events read at once; a writer waits at most for one page."""

_REMEMBERED = 8
"""Earlier states kept in memory."""


class DecisionStore:
    """People's decisions of one project; safe to use from many threads and processes.

    where: a path for SQLite, or a URL. journal: the file of the second copy, or None for none.
    patience: seconds to wait for other programs. guard: raises to refuse decisions. Creates missing
    files, and adds events that only the journal has. Raises CurationError when the database cannot be
    opened, is damaged, lies on a network file system, is from a later program, or belongs to another
    journal.
    """

    def __init__(
        self,
        where: str | Path,
        *,
        journal: Path | None = None,
        patience: float = 30.0,
        guard: Guard = everybody,
    ) -> None:
        self._guard = guard
        self.journal = journal
        self.database = Database(where, patience)
        self._journal = None if journal is None else Journal(journal)
        self._writing = threading.RLock()  # one writer in this store at a time, repairs included
        self._reading = threading.RLock()  # guards the fold
        self._fold = Fold()
        self._epoch = ""
        self._states: OrderedDict[int, State] = OrderedDict()
        self._writer = Writer(self._write)
        self.leases = Leases(self.database.path or where, patience, self.state, guard)
        self._process = os.getpid()
        try:
            self._open()
        except FAILURES as error:
            self.database.close()
            self._remove_empty()
            raise CurationError(f"The decisions cannot be opened: {reason(error)}.") from error
        except OSError as error:
            self.database.close()
            raise CurationError(f"The decisions cannot be opened: {error.strerror}.") from error
        except CurationError:
            self.database.close()
            raise

    def _remove_empty(self) -> None:
        """Remove an empty file that nothing could be written to, such as on a full disk."""
        path = self.database.path
        with suppress(OSError):
            if path is not None and path.stat().st_size == 0:
                path.unlink()

    def _open(self) -> None:
        theirs = "" if self.journal is None else journals.owner(self.journal)
        schema.bring_up(self.database, theirs)
        with self.database.reading() as connection:
            self._id = schema.get(connection, "store") or ""
            newest = newest_place(connection)
        if self.journal is None:
            return
        if theirs and theirs != self._id:
            if newest is not None:
                raise CurationError(
                    f"The journal {self.journal.name} and the database hold the decisions of "
                    "different projects; correct the address or move the journal away."
                )
            with self.database.writing() as connection:  # an empty database becomes the journal's
                schema.put(connection, "store", theirs)
                connection.commit()
            self._id = theirs
        written = journals.newest(self.journal)
        if (newest or (0, "")) != place(written):
            with suppress(NotSaved):  # reading works without this; the next write does it
                self.agree()

    # --- writing ----------------------------------------------------------------------------

    def append(self, decisions: Iterable[Decision]) -> Appended:
        """Write decisions down, all or none, and return when they are safe on disk.

        A decision whose op_id is already there is ignored. Raises NotSaved when nothing was saved,
        and NotKnown when the contact was lost in a commit; the same decisions can be sent again.
        """
        check, fresh = self._guard(), checked(decisions)
        if check is not None:
            self.read(lambda fold: check(claims(fold, fresh)))
        return self._writer.submit(Request(fresh))

    def undo(
        self,
        annotator: str,
        *,
        op_id: str | None = None,
        batch: str | None = None,
        own_op_id: str | None = None,
        of_kind: str = "",
    ) -> Event | None:
        """Take back an event, a whole batch, or this annotator's last action; None for nothing.

        The last action is that of `switches.last_done`, which of_kind narrows. own_op_id: op_id of the
        undo, made when its button is drawn; a second undo with it is ignored.
        """
        return self._switch("undo", annotator, op_id, batch, own_op_id, of_kind)

    def redo(
        self,
        annotator: str,
        *,
        op_id: str | None = None,
        batch: str | None = None,
        own_op_id: str | None = None,
    ) -> Event | None:
        """Restore an event, a batch, or the last action that this annotator took back.

        Returns None when there is nothing to redo, or they decided something else since. See `undo`.
        """
        return self._switch("redo", annotator, op_id, batch, own_op_id)

    def _switch(
        self,
        kind: str,
        annotator: str,
        op_id: str | None,
        batch: str | None,
        own_op_id: str | None,
        of_kind: str = "",
    ) -> Event | None:
        op_ids = [own_op_id] if own_op_id is not None else []

        def decide(fold: Fold) -> list[Decision]:
            """Choose the target while nobody else writes, so that two clicks undo two actions."""
            decision = switch(fold, kind, annotator, op_id, batch, own_op_id, of_kind)
            op_ids.extend([decision.op_id] if decision else [])
            return [decision] if decision else []

        self.append_by(decide)
        with self._reading:
            return self._fold.get(op_ids[-1]) if op_ids else None

    def append_by(self, choose: Callable[[Fold], list[Decision]]) -> Appended:
        """Append what a function makes of the events so far, while nobody else writes; see `append`."""
        return self._writer.submit(Request(allowed(choose, self._guard())))

    def agree(self) -> None:
        """Make database and journal hold the same events.

        Raises CurationError when one of them cannot be written.
        """
        with self._writing:
            self._write([])

    def _write(self, group: Sequence[Request]) -> list[Appended]:
        """Write a group of requests in one transaction; raises NotSaved when that failed."""
        try:
            with self._writing, self._lock_journal():
                while True:
                    with self.database.writing() as connection:
                        databases.reached("begun")
                        if not self._settle(connection):
                            return self._transact(connection, group)
        except FAILURES as error:
            raise NotSaved(reason(error)) from error

    def _lock_journal(self) -> AbstractContextManager[None]:
        """Lock the journal; every writer takes this lock before the database's and releases it after.

        So nobody writes between a commit that fails and the cut of the journal.
        """
        if self._journal is None:
            return nullcontext()
        return self._journal.locked(self.database.patience)

    @contextmanager
    def alone(self) -> Iterator[sa.Connection]:
        """Lock both copies for a repair; nothing is saved without `commit`."""
        with self._writing, self._lock_journal(), self.database.writing() as connection:
            yield connection

    def rewrite_journal(self, events: Sequence[Event]) -> None:
        """Write the journal again, for a repair inside `alone`; raises CurationError on failure."""
        if self._journal is not None:
            self._journal.rewrite(events, self._id)

    def reopen(self) -> None:
        """Open the database again, after a repair has replaced its file."""
        with self._writing, self._reading:
            where: str | Path = self.database.where
            self.database.close()
            self.database = Database(where, self.database.patience)
            self._open()

    def _settle(self, connection: sa.Connection) -> bool:
        """Add to each copy the events that only the other has; return whether that was committed."""
        with self._reading:
            self._catch_up(connection)
            mine = self._fold.events[-1] if self._fold.events else None
            if self._journal is None or place(self._journal.end()) == place(mine):
                return False
            adopted, owed = disagreement(self._journal, self._fold)
        if adopted:
            connection.execute(schema.events.insert(), [row_of(event) for event in adopted])
        mark = self._journal.append([[e] for e in owed], self._id) if owed else None
        databases.reached("agreed")
        if adopted:
            self._commit(connection, adopted[-1], mark)
            self._take_in(adopted)
        return bool(adopted)

    def _transact(self, connection: sa.Connection, group: Sequence[Request]) -> list[Appended]:
        with self._reading:
            fresh, sent = number(group, self._fold)
        if fresh:
            connection.execute(schema.events.insert(), [row_of(event) for event in fresh])
            databases.reached("inserted")
            groups = [mine for _, mine, _ in sent if mine]
            mark = self._journal.append(groups, self._id) if self._journal else None
            databases.reached("journaled")
            self._commit(connection, fresh[-1], mark)
            databases.reached("committed")
            self._take_in(fresh)
            self.leases.end(fresh)
        with self._reading:
            return [
                Appended(
                    len(mine),
                    count - len(mine),
                    [event for event in mine if self._fold.overrules(event)],
                    last,
                )
                for count, mine, last in sent
            ]

    def _commit(self, connection: sa.Connection, event: Event, mark: int | None) -> None:
        """Commit; when that fails, find out whether the event was saved.

        Raises NotSaved with the journal cut back to `mark`. Raises NotKnown with the journal left as
        it is, because an event that may be in the database has to be in the journal.
        """
        try:
            connection.commit()
        except FAILURES as error:
            with suppress(*FAILURES):
                connection.invalidate()  # releases the lock in any state
            try:
                with self.database.writing() as again:  # waits for the end of the lost transaction
                    query = sa.select(schema.events.c.seq).where(
                        schema.events.c.op_id == event.op_id
                    )
                    if again.scalar(query) is not None:
                        return
                if mark is not None and self._journal is not None:
                    self._journal.cut(mark)
            except (*FAILURES, NotSaved, OSError):
                raise NotKnown(reason(error)) from error
            raise NotSaved(reason(error)) from error

    def _take_in(self, events: Sequence[Event]) -> None:
        with self._reading:
            for event in events:
                self._fold.add(event)

    # --- reading ----------------------------------------------------------------------------

    def events(
        self, *, since: int = 0, until: int | None = None, example_id: str | None = None
    ) -> list[Event]:
        """Return the events after `since`, up to `until`, oldest first.

        example_id: only events of this example, with each undo and redo that touched it. Raises
        CurationError when the database cannot be read.
        """
        with self._reading:
            self._read()
            if example_id is None:
                events = self._fold.after(since)
            else:
                events = [e for e in self._fold.events_of(example_id) if e.seq > since]
        return events if until is None else [e for e in events if e.seq <= until]

    def read(self, look: Callable[[Fold], T], *, anew: bool = True) -> T:
        """Return what a function makes of the events so far; none is added meanwhile.

        anew: whether the database is read for new events first; without that, they are at least
        those of every state that was returned. Raises CurationError when it cannot be read.
        """
        with self._reading:
            if anew:
                self._read()
            return look(self._fold)

    def last(self) -> int:
        """Return the number of the newest event; 0 while there is none."""
        return self.read(lambda fold: fold.last)

    def state(self, until: int | None = None) -> State:
        """Return the state after the events up to `until`; it costs only the new events.

        Raises CurationError when the database cannot be read.
        """
        with self._reading:
            self._read()
            if until is None or until >= self._fold.last:
                return self._remember(self._fold.state())
            events, earlier = self._fold, self._fold.upto(until)
            number = earlier[-1].seq if earlier else 0
            if number in self._states:
                return self._remember(self._states[number])
        state = fold(earlier)  # without the lock, which a save waits for
        with self._reading:
            return self._remember(state) if self._fold is events else state

    def _remember(self, state: State) -> State:
        self._states[state.last] = state
        self._states.move_to_end(state.last)
        while len(self._states) > _REMEMBERED:
            self._states.popitem(last=False)
        return state

    def _read(self) -> None:
        if os.getpid() != self._process:  # connections do not survive a fork
            raise CurationError("The decisions were opened in another process; open them again.")
        try:
            with self.database.reading() as connection:
                self._catch_up(connection)
        except FAILURES as error:
            raise CurationError(f"The decisions cannot be read: {reason(error)}.") from error

    def _catch_up(self, connection: sa.Connection) -> None:
        """Add the events that others appended; read all again after a repair."""
        newest = sa.select(sa.func.max(schema.events.c.seq)).scalar_subquery()
        epoch = sa.select(schema.about.c.value).where(schema.about.c.name == "epoch")
        last, now = connection.execute(sa.select(newest, epoch.scalar_subquery())).one()
        if now != self._epoch or (last or 0) < self._fold.last:
            self._epoch, self._fold = now, Fold()
            self._states.clear()
        while self._fold.last < (last or 0):
            query = sa.select(*COLUMNS).where(schema.events.c.seq > self._fold.last)
            page = query.order_by(schema.events.c.seq).limit(PAGE)
            for row in (rows := connection.execute(page).all()):
                self._fold.add(event_of(row._asdict()))
            if len(rows) == PAGE:
                gc.freeze()  # a search for cycles in 100,000 events stops all requests for 0.2 s

    def close(self) -> None:
        """Finish the running write and close both files; later appends are refused."""
        self._writer.close()
        self.leases.close()
        with self._writing:
            if self._journal is not None:
                self._journal.close()
            self.database.close()

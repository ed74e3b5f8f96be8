"""The store of decisions when things go wrong: killed, cut, full, locked, damaged, migrated."""

# ruff: noqa: F401, F811  (fixtures are imported by name and asked for by name)

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.decisions import (
    Appended,
    Decision,
    DecisionStore,
    NotKnown,
    NotSaved,
    check,
    rebuild,
    repair,
    safe_wal,
)
from curation.decisions import database as databases
from curation.decisions import journal as journals
from curation.decisions import schema as schemas
from curation.decisions.event import Event
from curation.decisions.writer import Request, Writer
from curation.errors import CurationError
from tests.conftest import ROOT
from tests.programs import printed_together, start_program
from tests.test_decisions import (
    appender,
    local,
    new_schema,
    place,
    postgres_server,
    reopened,
    store,
)


def some(count: int, start: int = 0, who: str = "Ann") -> list[Decision]:
    return [
        Decision(f"e{n}", "keep", annotator=who, op_id=f"op{n}")
        for n in range(start, start + count)
    ]


def ops(opened: DecisionStore) -> list[str]:
    return [e.op_id for e in opened.events()]


def in_both(opened: DecisionStore) -> list[Event]:
    """The events, after making sure that the journal has just these."""
    events = opened.events()
    entries = journals.read(opened.journal)
    assert (list(entries.events), entries.damaged, entries.torn) == (events, (), b"")
    return events


def codes(opened: DecisionStore) -> list[str]:
    return [finding.code for finding in check(opened)]


# --- killed -----------------------------------------------------------------------------------


def test_nothing_acknowledged_is_lost_when_killed(place):
    acknowledged: list[str] = []
    for turn in range(4):
        process = appender(place, f"t{turn}", 100_000)
        acknowledged.append(process.stdout.readline().strip())  # it has started
        time.sleep(0.15 + 0.05 * turn)
        process.kill()
        acknowledged += process.communicate()[0].split()
    opened = reopened(place)
    found_ops = ops(opened)
    assert len(acknowledged) > 20 and set(acknowledged) <= set(found_ops)
    assert len(found_ops) == len(set(found_ops)) <= len(acknowledged) + 4
    assert [e.seq for e in in_both(opened)] == list(range(1, len(found_ops) + 1))
    assert check(opened) == []
    opened.close()


CRASH = """
import os, signal, sys
from pathlib import Path
from curation.decisions import Decision, DecisionStore, database
where, journal, point = sys.argv[1:]
where = where if "://" in where else Path(where)
def crash(here):
    if here == point:
        os.kill(os.getpid(), signal.SIGKILL)
database.reached = crash
store = DecisionStore(where, journal=Path(journal))
store.append([Decision(f"n{n}", "keep", op_id=f"new{n}") for n in range(3)])
print("done")
"""


def crash_at(place, point: str) -> None:
    words = [sys.executable, "-c", CRASH, str(place[0]), str(place[1]), point]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("point", ["begun", "inserted", "journaled", "committed"])
def test_a_crash_at_any_point_leaves_all_or_nothing(place, store, point):
    store.append(some(2))
    crash_at(place, point)
    opened = reopened(place)
    new = [op for op in ops(opened) if op.startswith("new")]
    assert len(new) == (3 if point in ("journaled", "committed") else 0)
    assert check(opened) == []
    again = [Decision(f"n{n}", "keep", op_id=f"new{n}") for n in range(3)]
    assert opened.append(again).appended == 3 - len(new)
    assert ops(opened) == ["op0", "op1", "new0", "new1", "new2"] == ops(store)
    in_both(opened)
    opened.close()


def test_a_crash_while_both_copies_are_made_to_agree(place, store):
    store.append(some(2))
    crash_at(place, "journaled")
    crash_at(place, "agreed")
    assert check(store) != []
    store.append(some(1, 2))
    assert ops(store) == ["op0", "op1", "new0", "new1", "new2", "op2"]
    in_both(store)


# --- the end of the journal -------------------------------------------------------------------


def test_a_journal_cut_at_any_byte_is_made_whole_again(local):
    for decision in some(5):
        local.append([decision])
    whole = local.journal.read_bytes()
    for length in range(len(whole) - len(b"\n".join(whole.split(b"\n")[-4:])), len(whole)):
        os.truncate(local.journal, length)
        local.agree()
        assert ops(local) == ["op0", "op1", "op2", "op3", "op4"]
        assert local.journal.read_bytes() == whole, length


def test_nothing_before_the_cut_is_gone_when_only_the_journal_is_left(local, tmp_path):
    for decision in some(2):
        local.append([decision])
    local.append(some(3, 2))  # one act: read back whole or not at all
    local.append(some(1, 5))
    whole = local.journal.read_bytes()
    lines = whole.split(b"\n")
    ends = [sum(len(line) + 1 for line in lines[: n + 1]) - 1 for n in range(len(lines))]
    for length in range(ends[0], len(whole) + 1):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(whole[:length])
        complete = sum(end <= length for end in ends[1:-1])
        complete = 2 if complete in (3, 4) else complete
        assert [e.seq for e in journals.read(path).events] == list(range(1, complete + 1))
        newest = journals.newest(path)
        assert (newest.seq if newest else 0) == complete
        if length % 60 == 0 or length in ends:
            journal = tmp_path / f"{length}.jsonl"
            shutil.copy(path, journal)
            opened = DecisionStore(tmp_path / f"{length}.db", journal=journal)
            opened.append(some(1, 10))
            assert [e.op_id for e in in_both(opened)] == [
                *(f"op{n}" for n in range(complete)),
                "op10",
            ]
            opened.close()


def test_a_long_last_line_is_found(local):
    turns = [{"role": "user", "content": "long " * 60_000}]
    local.append(some(1))
    local.append([Decision("a", "edit", turns, op_id="long")])
    assert journals.newest(local.journal).op_id == "long"
    with open(local.journal, "ab") as stream:
        stream.write(b"torn " * 40_000)
    assert codes(local) == ["torn"]
    local.append(some(1, 1))
    assert [e.op_id for e in in_both(local)] == ["op0", "long", "op1"]


@pytest.fixture
def synced(monkeypatch) -> list[tuple[int, int]]:
    """The inode and the length of each file that was synced, in order."""
    files: list[tuple[int, int]] = []
    sync = os.fsync

    def note(handle: int) -> None:
        sync(handle)
        stat = os.fstat(handle)
        files.append((stat.st_ino, stat.st_size))

    monkeypatch.setattr(os, "fsync", note)
    return files


@pytest.mark.parametrize("end", [b'{"torn', b""])
def test_a_mended_end_is_on_disk_before_the_journal_grows(tmp_path, synced, end):
    path = tmp_path / "journal.jsonl"
    writing = journals.Journal(path)
    events = [Event.of(decision, seq, 1.0) for seq, decision in enumerate(some(2), 1)]
    with writing.locked(1):
        writing.append([events[:1]], "store")
        whole = path.read_bytes()
        path.write_bytes(whole + end if end else whole[:-1])  # torn, or without its line break
        synced.clear()
        assert writing.end() == events[0]
        assert synced == [(path.stat().st_ino, len(whole))] and path.read_bytes() == whole
        writing.append([events[1:]], "store")
        assert synced[1:] == [(path.stat().st_ino, path.stat().st_size)]
    writing.close()


# --- one copy from the other ------------------------------------------------------------------


def test_a_lost_journal_comes_back_from_the_database(place, store):
    store.append(some(5))
    place[1].unlink()
    assert codes(store) == ["journal"]
    assert repair(store).to_journal == 5
    assert check(store) == []
    place[1].unlink()
    store.append(some(1, 5))
    assert len(in_both(store)) == 6
    place[1].unlink()
    opened = reopened(place)
    assert len(in_both(opened)) == 6
    opened.close()


def test_a_lost_database_comes_back_from_the_journal(local, tmp_path):
    local.append(some(3))
    local.undo("Ann")
    before = local.events()
    local.close()
    (tmp_path / "decisions.db").unlink()
    opened = DecisionStore(tmp_path / "decisions.db", journal=local.journal)
    assert opened.events() == before and check(opened) == []
    assert opened.append(some(3)).ignored == 3
    opened.close()


def test_a_database_restored_from_a_backup_catches_up(local, tmp_path):
    local.append(some(3))
    schemas.backup(local.database, tmp_path / "copy.db")
    local.append(some(3, 3))
    opened = DecisionStore(tmp_path / "copy.db", journal=local.journal)
    assert opened.events() == local.events() and check(opened) == []
    opened.close()


def test_decisions_move_to_another_database_with_their_journal(place, tmp_path):
    first = DecisionStore(tmp_path / "first.db", journal=place[1])
    first.append(some(4))
    before = first.events()
    first.close()
    opened = reopened(place)
    assert opened.events() == before
    opened.append(some(1, 4))
    assert [e.seq for e in in_both(opened)] == [1, 2, 3, 4, 5]
    opened.close()


def test_the_journal_of_another_project_is_refused(local, tmp_path):
    local.append(some(1))
    other = DecisionStore(tmp_path / "other.db", journal=tmp_path / "other.jsonl")
    other.append(some(1, 1))
    other.close()
    with pytest.raises(CurationError, match="different projects"):
        DecisionStore(tmp_path / "other.db", journal=local.journal)
    assert len(in_both(local)) == 1


def test_an_empty_database_takes_the_events_and_the_name_of_a_journal(local, tmp_path):
    local.append(some(2))
    DecisionStore(tmp_path / "other.db").close()
    for _ in range(2):  # the second time it is no empty database, and still the journal's own
        opened = DecisionStore(tmp_path / "other.db", journal=local.journal)
        assert opened.events() == local.events() and check(opened) == []
        opened.close()


def test_a_decision_s_time_is_given_in_milliseconds(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.123456)
    assert Decision("a", "keep").time == 1_700_000_000.123


def test_an_event_whose_number_was_taken_gets_a_new_one(place, store):
    store.append(some(3))
    stray = replace(store.events()[2], op_id="stray", example_id="s")
    with open(place[1], "rb+") as stream:  # as when two machines wrote, and one of them died
        kept = b"".join(stream.readlines()[:-1])
    place[1].write_bytes(kept + b"".join(journals._lines([stray])))
    assert codes(store) == ["journal", "database"]
    store.append(some(1, 3))
    assert ops(store) == ["op0", "op1", "op2", "stray", "op3"]
    assert check(store) == []


def test_two_machines_with_a_journal_each_on_one_server(postgres_server, tmp_path):
    url = new_schema(postgres_server)
    one = DecisionStore(url, journal=tmp_path / "one.jsonl")
    two = DecisionStore(url, journal=tmp_path / "two.jsonl")
    for n in range(0, 20, 2):
        one.append(some(1, n))
        two.append(some(1, n + 1))
    assert len(in_both(two)) == 20
    one.agree()
    assert in_both(one) == two.events() and check(one) == check(two) == []
    one.close()
    two.close()


# --- damage -----------------------------------------------------------------------------------


def spoil_line(journal: Path, number: int) -> None:
    lines = journal.read_bytes().split(b"\n")
    lines[number] = lines[number].replace(b'"keep"', b'"drop"')
    journal.write_bytes(b"\n".join(lines))


def test_a_damaged_line_is_written_anew_and_kept_aside(place, store):
    store.append(some(5))
    spoil_line(place[1], 3)
    assert codes(store) == ["lines", "journal"]
    assert str(check(store)[0]) == "1 line of the journal is damaged"
    assert str(repair(store)) == "1 written to the journal"
    assert check(store) == [] and len(in_both(store)) == 5
    aside = list(place[1].parent.glob("*.damaged-*"))
    assert len(aside) == 1 and b'"drop"' in aside[0].read_bytes()
    store.append(some(1, 5))
    assert len(in_both(store)) == 6


def test_what_is_whole_nowhere_leaves_its_number_free(local, tmp_path):
    local.append(some(5))
    local.close()
    (tmp_path / "decisions.db").unlink()
    spoil_line(local.journal, 3)
    opened = DecisionStore(tmp_path / "decisions.db", journal=local.journal)
    assert [e.seq for e in opened.events()] == [1, 2, 4, 5]
    assert codes(opened) == ["numbers", "lines"]
    assert repair(opened).dropped == 1
    assert check(opened) == []
    assert opened.append(some(1, 5)).last == 6
    assert set(opened.state(4).verdicts) == {"e0", "e1", "e3"}
    opened.close()


def test_a_damaged_row_is_mended_from_the_journal(place, store):
    store.append(some(3))
    before = store.events()
    with store.alone() as connection:
        table = schemas.events
        connection.execute(table.update().where(table.c.seq == 2).values(kind="drop"))
        connection.execute(table.update().where(table.c.seq == 3).values(value="{no json"))
        connection.commit()
    assert codes(store) == ["rows"]
    assert repair(store).mended == 2
    assert check(store) == [] and store.events() == before


def test_a_row_that_somebody_changed_well_is_found_and_put_back(local):
    from curation.decisions.rows import row_of

    local.append(some(2))
    before = local.events()
    with local.alone() as connection:
        row = row_of(replace(before[1], kind="drop"))
        connection.execute(schemas.events.update().where(schemas.events.c.seq == 2).values(row))
        connection.commit()
    assert codes(local) == ["differing"]
    assert repair(local).mended == 1
    assert local.events() == before


def test_a_damaged_row_without_a_second_copy_is_kept_aside(local):
    local.append(some(3))
    with local.alone() as connection:
        table = schemas.events
        connection.execute(table.update().where(table.c.seq == 2).values(annotator="Eve"))
        connection.commit()
    spoil_line(local.journal, 2)
    assert codes(local) == ["rows", "lines", "journal"]
    assert repair(local).dropped == 1
    assert check(local) == [] and [e.seq for e in in_both(local)] == [1, 3]
    assert b"Eve" in next(local.journal.parent.glob("*.damaged-*")).read_bytes()


def test_other_programs_read_anew_after_a_repair(local, tmp_path):
    local.append(some(3))
    other = DecisionStore(tmp_path / "decisions.db", journal=local.journal)
    assert other.last() == 3
    with local.alone() as connection:
        connection.execute(schemas.events.delete().where(schemas.events.c.seq == 2))
        connection.commit()
    late = DecisionStore(tmp_path / "decisions.db", journal=local.journal)
    assert ops(late) == ["op0", "op2"] and ops(other) == ["op0", "op1", "op2"]
    repair(local)
    assert ops(late) == ops(other) == ops(local) == ["op0", "op1", "op2"]
    other.close()
    late.close()


def test_a_damaged_file_is_rebuilt_and_kept(local, tmp_path):
    local.append(some(400))
    before = local.events()
    local.database.close()
    path = tmp_path / "decisions.db"
    with open(path, "rb+") as stream:
        stream.seek(6 * 4096)
        stream.write(b"\xff" * 8192)
    found_codes = codes(local)
    assert found_codes and found_codes[0] in ("pages", "database")
    repair(local)
    assert check(local) == [] and local.events() == before
    assert local.append(some(1, 400)).last == 401
    assert list(tmp_path.glob("decisions.db.damaged-*"))


def test_a_file_that_cannot_be_opened_is_rebuilt(local, tmp_path):
    local.append(some(5))
    before = local.events()
    local.close()
    path = tmp_path / "decisions.db"
    path.write_bytes(b"This is not a database. " * 400)
    with pytest.raises(CurationError, match="curate doctor"):
        DecisionStore(path, journal=local.journal)
    assert rebuild(path, local.journal).to_database == 5
    opened = DecisionStore(path, journal=local.journal)
    assert opened.events() == before and check(opened) == []
    opened.close()


# --- refusals of disk and database ------------------------------------------------------------


@contextmanager
def files_no_longer_than(length: int) -> Iterator[None]:
    """As on a full disk: the system refuses to let files grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_saves_nothing_and_says_so(local):
    local.append(some(100))
    for room in (0, 10, 200, 5000, 20_000):
        with (
            files_no_longer_than(local.journal.stat().st_size + room),
            pytest.raises(CurationError, match="Nothing was saved"),
        ):
            local.append(some(100, 100))
        assert len(in_both(local)) == 100
    assert local.append(some(100, 100)).appended == 100
    assert check(local) == []


def test_a_full_disk_under_the_database_alone(tmp_path):
    opened = DecisionStore(tmp_path / "decisions.db")
    opened.append(some(100))
    size = (tmp_path / "decisions.db").stat().st_size
    with (
        files_no_longer_than(size + 4096),
        pytest.raises(CurationError, match="^Nothing was saved: .*\\.$"),
    ):
        opened.append(some(1000, 100))
    assert len(opened.events()) == 100
    assert opened.append(some(1000, 100)).appended == 1000
    assert check(opened) == []
    opened.close()


def test_full_by_sqlites_own_word(local):
    local.append(some(1))
    local.database.close()

    def limit(connection, record):
        connection.execute("PRAGMA max_page_count=8")

    sa.event.listen(local.database.engine, "connect", limit)
    with pytest.raises(NotSaved, match="^Nothing was saved: the disk is full\\.$"):
        local.append(some(1000, 1))
    sa.event.remove(local.database.engine, "connect", limit)
    local.database.close()
    assert len(in_both(local)) == 1


def test_a_database_that_takes_no_changes(local):
    local.append(some(1))
    local.database.close()
    sa.event.listen(
        local.database.engine, "connect", lambda c, r: c.execute("PRAGMA query_only=ON")
    )
    with pytest.raises(NotSaved, match="cannot be written to"):
        local.append(some(1, 1))
    assert len(in_both(local)) == 1


def test_a_locked_database_says_so(place):
    opened = DecisionStore(place[0], journal=place[1], patience=0.2)
    opened.append(some(1))
    with opened.database.writing(), pytest.raises(NotSaved, match="locked"):
        opened.append(some(1, 1))
    assert len(in_both(opened)) == 1
    opened.append(some(1, 1))
    opened.close()


def test_a_locked_journal_says_so(tmp_path):
    opened = DecisionStore(tmp_path / "d.db", journal=tmp_path / "j.jsonl", patience=0.2)
    opened.append(some(1))
    other = journals.Journal(tmp_path / "j.jsonl")
    with other.locked(1), pytest.raises(NotSaved, match="journal"):
        opened.append(some(1, 1))
    assert opened.append(some(1, 1)).last == 2
    other.close()
    opened.close()


def test_a_journal_that_cannot_be_opened(tmp_path):
    opened = DecisionStore(tmp_path / "d.db", journal=tmp_path / "j.jsonl")
    (tmp_path / "j.jsonl").mkdir()
    with pytest.raises(CurationError, match="Nothing was saved"):
        opened.append(some(1))
    assert opened.last() == 0
    opened.close()


class Commits:
    """Makes the next commit fail, before or after it was really done."""

    def __init__(self, monkeypatch) -> None:
        self.real = sa.Connection.commit
        self.plan = ""
        monkeypatch.setattr(sa.Connection, "commit", lambda connection: self(connection))

    def __call__(self, connection) -> None:
        plan, self.plan = self.plan, ""
        if plan == "after":
            self.real(connection)
        if plan:
            raise sa.exc.OperationalError("COMMIT", None, Exception("the line went dead"))
        self.real(connection)


def test_a_commit_that_failed_leaves_nothing(store, monkeypatch):
    store.append(some(1))
    Commits(monkeypatch).plan = "before"
    with pytest.raises(NotSaved, match="the line went dead"):
        store.append(some(2, 1))
    assert len(in_both(store)) == 1
    assert store.append(some(2, 1)).last == 3
    assert check(store) == []


def test_a_commit_whose_answer_was_lost_is_a_commit(store, monkeypatch):
    store.append(some(1))
    Commits(monkeypatch).plan = "after"
    assert store.append(some(2, 1)).appended == 2
    assert len(in_both(store)) == 3


def test_when_nobody_knows_the_person_is_told_to_save_again(store, monkeypatch):
    store.append(some(1))
    Commits(monkeypatch).plan = "before"
    begin = store.database.writing
    calls = []

    @contextmanager
    def once():
        calls.append(1)
        if len(calls) == 2:
            raise sa.exc.OperationalError("BEGIN", None, Exception("no route to host"))
        with begin() as connection:
            yield connection

    monkeypatch.setattr(store.database, "writing", once)
    with pytest.raises(NotKnown, match="save again"):
        store.append(some(2, 1))
    done = store.append(some(2, 1))
    assert (done.appended, done.ignored, done.last) == (0, 2, 3)
    assert len(in_both(store)) == 3 and check(store) == []


def test_a_server_that_ends_the_connection(postgres_server, tmp_path, monkeypatch):
    opened = DecisionStore(new_schema(postgres_server), journal=tmp_path / "j.jsonl", patience=5)
    opened.append(some(1))

    def end_all(point: str = "journaled") -> None:
        if point == "journaled":
            engine = sa.create_engine(postgres_server.replace("l:", "l+psycopg:", 1))
            with engine.connect() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            engine.dispose()

    end_all()
    assert opened.append(some(1, 1)).last == 2  # between appends nobody notices
    monkeypatch.setattr(databases, "reached", end_all)
    with pytest.raises(NotSaved):
        opened.append(some(1, 2))
    monkeypatch.undo()
    assert len(in_both(opened)) == 2
    assert opened.append(some(1, 2)).last == 3
    opened.close()


def test_a_database_replaced_under_an_open_store(local, tmp_path):
    local.append(some(2))
    shutil.copy(tmp_path / "decisions.db", tmp_path / "copy.db")
    os.replace(tmp_path / "copy.db", tmp_path / "decisions.db")
    with pytest.raises(NotSaved, match="restart"):
        local.append(some(1, 2))
    opened = DecisionStore(tmp_path / "decisions.db", journal=local.journal)
    assert len(in_both(opened)) == 2
    opened.close()


def test_a_store_is_not_carried_into_another_process(local, monkeypatch):
    local.append(some(1))
    monkeypatch.setattr(os, "getpid", lambda: -1)
    for use in (lambda: local.append(some(1, 1)), local.state, local.last):
        with pytest.raises(CurationError, match="another process"):
            use()
    monkeypatch.undo()


def test_nobody_fails_for_anothers_sake():
    gate, served = threading.Event(), []

    def write(group: list[Request]) -> list[Appended]:
        gate.wait()
        if any(request.decisions[0].example_id == "bad" for request in group):
            raise NotSaved("one of them is bad")
        served.append(len(group))
        return [Appended(1, 0, [], 1) for _ in group]

    writer = Writer(write)
    results: dict[str, Future] = {}

    def submit(name: str) -> None:
        request = Request([Decision(name, "keep")])
        results[name] = request.done
        with pytest.raises(NotSaved) if name == "bad" else nullcontext():
            writer.submit(request)

    threads = [threading.Thread(target=submit, args=(n,)) for n in ("a", "b", "bad", "c")]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    gate.set()
    for thread in threads:
        thread.join()
    writer.close()
    assert isinstance(results["bad"].exception(), NotSaved)
    assert all(results[n].result().appended == 1 for n in "abc")
    assert sum(served) == 3


# --- schema and setting -----------------------------------------------------------------------


def add_mood(connection: sa.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE curation_events ADD COLUMN mood VARCHAR")


def test_a_migration_takes_a_backup_first(place, store, monkeypatch):
    store.append(some(3))
    before = store.events()
    now = schemas.VERSION
    monkeypatch.setattr(schemas, "VERSION", now + 1)
    monkeypatch.setitem(schemas.MIGRATIONS, now + 1, add_mood)
    opened = reopened(place)
    with opened.database.reading() as connection:
        assert schemas.version(connection) == now + 1
        assert connection.exec_driver_sql("SELECT mood FROM curation_events").all() == [(None,)] * 3
    assert opened.events() == before and check(opened) == []
    monkeypatch.undo()
    if opened.database.path is None:
        with opened.database.reading() as connection:
            copied = f"SELECT count(*) FROM curation_events_schema_{now}"
            assert connection.exec_driver_sql(copied).scalar() == 3
    else:
        copies = list(opened.database.path.parent.glob(f"*.schema-{now}-*.backup"))
        assert len(copies) == 1
        old = DecisionStore(copies[0])
        assert old.events() == before
        old.close()
    opened.close()


def test_each_migration_after_the_present_version_runs_once_in_order(local, monkeypatch):
    steps: list[int] = []
    now = schemas.VERSION
    for step in range(1, now + 3):
        monkeypatch.setitem(schemas.MIGRATIONS, step, lambda _, step=step: steps.append(step))
    monkeypatch.setattr(schemas, "VERSION", now + 2)
    schemas.bring_up(local.database, "")
    assert steps == [now + 1, now + 2]
    schemas.bring_up(local.database, "")
    assert steps == [now + 1, now + 2]


@pytest.mark.parametrize("point", ["backed up", "migrated", "failing"])
def test_a_migration_that_does_not_end_changes_nothing(place, store, monkeypatch, point):
    store.append(some(3))

    def stop(reached: str) -> None:
        if reached == point:
            raise KeyboardInterrupt

    def fail(connection: sa.Connection) -> None:
        add_mood(connection)
        if point == "failing":
            connection.exec_driver_sql("SELECT no_such_column FROM curation_events")

    with monkeypatch.context() as patch:
        patch.setattr(schemas, "VERSION", schemas.VERSION + 1)
        patch.setitem(schemas.MIGRATIONS, schemas.VERSION, fail)
        patch.setattr(databases, "reached", stop)
        with pytest.raises((KeyboardInterrupt, CurationError)):
            reopened(place)
    opened = reopened(place)
    assert len(opened.events()) == 3 and opened.append(some(1, 3)).last == 4
    opened.close()


def test_a_backup_that_is_not_whole_stops_the_migration(local, tmp_path, monkeypatch):
    local.append(some(3))
    monkeypatch.setattr(schemas, "VERSION", schemas.VERSION + 1)
    monkeypatch.setitem(schemas.MIGRATIONS, schemas.VERSION, add_mood)
    real = sqlite3.connect

    class Forgetful:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def backup(self, target):
            self.inner.backup(target.inner)
            target.execute("DELETE FROM curation_events WHERE seq = 2")

    monkeypatch.setattr(schemas.sqlite3, "connect", lambda *a, **k: Forgetful(real(*a, **k)))
    with pytest.raises(CurationError, match="not whole"):
        schemas.bring_up(local.database, "")
    monkeypatch.undo()
    assert local.append(some(1, 3)).last == 4


MIGRATE = """
import sys
from pathlib import Path
from curation.decisions import Decision, DecisionStore, schema
schema.VERSION += 1
schema.MIGRATIONS[schema.VERSION] = lambda c: c.exec_driver_sql("CREATE TABLE only_once (x INTEGER)")
sys.stdin.readline()
store = DecisionStore(Path(sys.argv[1]), journal=Path(sys.argv[2]))
print(store.append([Decision("a", "keep", op_id=sys.argv[3])]).appended)
"""


@pytest.mark.parametrize("existing", [True, False])
def test_eight_processes_create_or_migrate_at_once(tmp_path, existing):
    where, journal = tmp_path / "decisions.db", tmp_path / "journal.jsonl"
    if existing:
        first = DecisionStore(where, journal=journal)
        first.append(some(2))
        first.close()
    code = MIGRATE if existing else MIGRATE.replace("schema.VERSION += 1", "")
    programs = [start_program(code, where, journal, f"p{n}") for n in range(8)]
    assert printed_together(programs) == ["1\n"] * 8
    with closing(sqlite3.connect(where)) as connection:
        count = connection.execute("SELECT count(*) FROM curation_events").fetchone()[0]
        version = connection.execute("SELECT value FROM curation_about WHERE name = 'schema'")
        expected = (10, schemas.VERSION + 1) if existing else (8, schemas.VERSION)
        assert (count, int(version.fetchone()[0])) == expected
    entries = journals.read(journal)
    assert [e.seq for e in entries.events] == list(range(1, count + 1)) and not entries.damaged


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_write_ahead_only_where_it_is_safe(version, safe):
    assert safe_wal(version) is safe


def test_commits_wait_for_the_disk(local, monkeypatch, tmp_path):
    def settings_of(opened: DecisionStore) -> tuple:
        with opened.database.reading() as connection:
            names = ("journal_mode", "synchronous", "busy_timeout")
            return tuple(connection.exec_driver_sql(f"PRAGMA {n}").scalar() for n in names)

    assert settings_of(local) == (("wal", 2, 30000) if safe_wal() else ("persist", 3, 30000))
    monkeypatch.setattr(databases, "safe_wal", lambda: True)
    modern = DecisionStore(tmp_path / "wal.db", journal=tmp_path / "wal.jsonl")
    assert settings_of(modern) == ("wal", 2, 30000)
    modern.append(some(3))
    modern.close()
    monkeypatch.setattr(databases, "safe_wal", lambda: False)
    older = DecisionStore(tmp_path / "wal.db", journal=tmp_path / "wal.jsonl")
    assert settings_of(older) == ("persist", 3, 30000)
    assert len(in_both(older)) == 3
    older.close()


@pytest.mark.parametrize(
    ("kind", "refused"), [("nfs4", True), ("cifs", True), ("9p", True), ("ext4", False)]
)
def test_network_file_systems_are_refused(tmp_path, kind, refused):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\n"
        f"server:/x /srv/shared\\040files {kind} rw 0 0\n"
        "tmpfs /srv/shared\\040files/fast tmpfs rw 0 0\nbroken\n"
    )
    inside = Path("/srv/shared files/project/decisions.db")
    if refused:
        with pytest.raises(CurationError, match=f"network file system \\({kind}\\)"):
            databases.refuse_network(inside, mounts)
    else:
        databases.refuse_network(inside, mounts)
    databases.refuse_network(Path("/srv/shared files/fast/decisions.db"), mounts)
    databases.refuse_network(Path("/srv/shared/decisions.db"), mounts)
    databases.refuse_network(inside, tmp_path / "nothing")


# --- speed ------------------------------------------------------------------------------------


@contextmanager
def counted(store: DecisionStore, what: str) -> Iterator[list[int]]:
    """Count an event of SQLAlchemy on the store's database within the block."""
    met: list[int] = []
    engine = store.database.engine
    listener = lambda *arguments: met.append(1)  # noqa: E731
    sa.event.listen(engine, what, listener)
    try:
        yield met
    finally:
        sa.event.remove(engine, what, listener)


def test_a_thousand_at_once_are_few_statements(store):
    decisions = [Decision(f"e{n}", "tag", "x", "Ann", batch="b") for n in range(5000)]
    with counted(store, "before_cursor_execute") as statements:
        store.append(decisions)
        store.undo("Ann")
        assert not store.state().tags
    assert len(statements) < 100


def test_what_fifty_people_do_at_once_is_saved_in_few_transactions(local):
    def work(name: str) -> None:
        for n in range(20):
            local.append([Decision(f"e{n}", "keep", annotator=name)])
            local.state()

    threads = [threading.Thread(target=work, args=(f"p{n}",)) for n in range(50)]
    with counted(local, "commit") as commits:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(local.events()) == 1000
    assert len(commits) < 500

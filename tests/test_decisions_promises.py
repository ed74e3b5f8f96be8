"""Promises about people's decisions that need a real disk, a real clock or a real server to break."""

# ruff: noqa: F401, F811  (fixtures are imported by name and asked for by name)

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import settings

from curation import Project
from curation.decisions import (
    Consensus,
    Decision,
    DecisionStore,
    NotKnown,
    NotSaved,
    check,
    schema,
)
from curation.decisions import database as databases
from curation.decisions import journal as journals
from curation.errors import CurationError
from curation.ui.card.answers import write
from tests.conftest import ROOT
from tests.postgres import Postgres, Unavailable
from tests.programs import printed_together, start_program
from tests.test_decisions import (
    StoreMachine,
    local,
    new_schema,
    place,
    postgres_server,
    reopened,
    store,
)
from tests.test_decisions_faults import in_both, ops, some

HOUR, YEAR = 3600.0, 365 * 86400.0


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL that may be killed."""
    try:
        server = Postgres("-c", "fsync=off")
    except Unavailable as error:
        pytest.skip(str(error))
    yield server
    server.stop()


# --- the clock --------------------------------------------------------------------------------


def test_neither_an_hour_back_nor_a_year_on_changes_what_counts(place, store, monkeypatch):
    clock = time.time
    store.append([Decision("a", "keep", annotator="Ann"), Decision("b", "label", "tea", "Ann")])
    for shift, verdict in ((-HOUR, "drop"), (YEAR, "keep"), (0.0, "drop"), (-HOUR, "keep")):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda shift=shift: clock() + shift)
            writer = reopened(place)  # a second program, on a machine whose clock is wrong
            writer.append([Decision("a", verdict, annotator="Ann")])
            assert writer.state().verdicts["a"].kind == verdict
            writer.close()
        assert store.state().verdicts["a"].kind == verdict
    event = store.undo("Ann")
    assert event.value == {"op_id": store.events(example_id="a")[-2].op_id}
    assert store.state().verdicts["a"].kind == "drop", "the newest by number, not by time"
    times = [e.recorded for e in store.events()]
    assert times != sorted(times) and max(times) - min(times) > YEAR
    assert [e.seq for e in in_both(store)] == list(range(1, 8))
    assert check(store) == []


# --- the disk ---------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=300k", "small", str(disk)]
    if os.getuid() != 0 or not shutil.which("mount"):
        pytest.skip("a file system can be mounted by root only")
    if subprocess.run(words, capture_output=True).returncode:
        pytest.skip("no file system can be mounted on this machine")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def answers_of(count: int) -> list[dict]:
    return [
        {
            "op": f"op{n}",
            "example": f"e{n}",
            "revision": 0,
            "kind": "note",
            "value": f"Ask again, please. {n} " * 20,
            "by": "Ann",
            "time": 1.0,
        }
        for n in range(count)
    ]


def fill(disk: Path) -> Path:
    """Use up a disk; return the file that does."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as stream, suppress(OSError):
        while stream.write(b"x" * 4096):
            pass
    return ballast


def test_a_full_disk_refuses_in_words_and_work_goes_on_when_there_is_room(small_disk):
    project = Project.create(small_disk / "p")
    first, later = answers_of(3), answers_of(40)[3:]
    assert len(write(project, first).saved) == 3
    ballast = fill(small_disk)
    for _ in range(3):  # the page sends its whole outbox again and again
        refusal = write(project, later)
        assert refusal.saved == [] and not refusal.refused, "the answers stay on the screen"
        assert refusal.trouble.startswith("Nothing was saved: ")
        assert "no space left on device" in refusal.trouble or "disk is full" in refusal.trouble
    assert ops(project.decisions) == [a["op"] for a in first], "what was saved can be read"
    ballast.unlink()
    done = write(project, later)
    assert done.saved == [a["op"] for a in later] and done.trouble == ""
    assert ops(project.decisions) == [a["op"] for a in answers_of(40)]
    assert check(project.decisions) == [] and len(in_both(project.decisions)) == 40
    project.decisions.close()


def test_a_disk_that_fills_up_under_the_work_loses_nothing_that_was_saved(small_disk):
    project = Project.create(small_disk / "p")
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 100_000)
    saved: list[str] = []
    waiting = answers_of(400)
    while not (done := write(project, waiting[:5])).trouble:
        saved += done.saved
        waiting = waiting[5:]
    assert 20 < len(saved) < 400
    project.decisions.close()
    opened = Project.open(project.path)
    assert ops(opened.decisions)[: len(saved)] == saved
    ballast.unlink()
    saved += write(opened, waiting[:20]).saved
    assert ops(opened.decisions) == saved == [a["op"] for a in answers_of(len(saved))]
    assert check(opened.decisions) == []
    opened.decisions.close()


def test_a_full_disk_under_the_journal_beside_a_server(small_disk, postgres_server):
    opened = DecisionStore(new_schema(postgres_server), journal=small_disk / "j.jsonl")
    opened.append(some(3))
    ballast = fill(small_disk)
    with pytest.raises(NotSaved, match="no space left on device"):
        opened.append(some(50, 3))
    assert ops(opened) == ["op0", "op1", "op2"]
    ballast.unlink()
    assert opened.append(some(50, 3)).appended == 50
    assert check(opened) == [] and len(in_both(opened)) == 53
    opened.close()


@contextmanager
def tables_on(disk: Path, server: Postgres) -> Iterator[str]:
    """Let the tables of a corner of a server lie on a disk; yields the URL of the corner."""
    space = disk / "space"
    space.mkdir()
    for folder in (disk, *disk.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o011)  # the server's account has to pass
    if server.account:
        os.chown(space, server.account["user"], server.account["group"])
    url = server.new_schema()
    with server.administering() as run:
        run(f"CREATE TABLESPACE small LOCATION '{space}'")
        run("ALTER ROLE tester SET default_tablespace = small")
    yield url
    with server.administering() as run:
        run("ALTER ROLE tester RESET default_tablespace")
        run(f"DROP SCHEMA {url.rpartition('%3D')[2]} CASCADE")
        run("DROP TABLESPACE small")  # the server could not recover without its disk


def test_a_full_disk_under_the_server(small_disk, postgres, tmp_path):
    with tables_on(small_disk, postgres) as url:
        opened = DecisionStore(url, journal=tmp_path / "j.jsonl")
        opened.append(some(3))
        ballast = fill(small_disk)
        with pytest.raises(NotSaved, match="the database server's disk is full"):
            opened.append(some(2000, 3))
        assert len(in_both(opened)) == 3
        ballast.unlink()
        assert opened.append(some(200, 3)).appended == 200
        assert check(opened) == [] and len(in_both(opened)) == 203
        opened.close()


# --- the end of the journal, on both databases ------------------------------------------------


def test_a_journal_cut_at_any_byte_is_made_whole_from_either_database(place, store):
    for decision in some(4):
        store.append([decision])
    whole = place[1].read_bytes()
    last = len(whole.rstrip(b"\n").rpartition(b"\n")[0]) + 1
    for length in range(last, len(whole)):
        os.truncate(place[1], length)
        store.agree()
        assert place[1].read_bytes() == whole, length
    assert ops(store) == ["op0", "op1", "op2", "op3"] and check(store) == []


# --- programs that end, on both databases -----------------------------------------------------

START = """
import os, signal, sys
from pathlib import Path
from benchmarks._soak_schema import add_migrations
from curation.decisions import Decision, DecisionStore, database
where, journal, migrations, point, op = sys.argv[1:]
def crash(name):
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)
database.reached = crash
add_migrations(int(migrations))
if not point:
    sys.stdin.readline()
store = DecisionStore(where if "://" in where else Path(where), journal=Path(journal))
print(store.append([Decision("a", "keep", op_id=op)]).appended)
"""


def start(place, migrations: int, point: str, op: str) -> subprocess.Popen:
    return start_program(START, *place, migrations, point, op)


def schema_of(opened: DecisionStore) -> int:
    with opened.database.reading() as connection:
        return schema.version(connection)


@pytest.mark.parametrize("point", ["backed up", "migrated"])
def test_a_program_killed_in_a_migration_leaves_the_old_schema(place, store, point):
    store.append(some(3))
    process = start(place, 1, point, "new")
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert schema_of(store) == schema.VERSION, "as before"
    assert ops(store) == ["op0", "op1", "op2"] and check(store) == []
    process = start(place, 1, "", "new")
    assert process.communicate("\n", timeout=120)[0] == "1\n"
    assert schema_of(store) == schema.VERSION + 1
    with store.database.reading() as connection:
        table = f"SELECT number FROM soak_{schema.VERSION + 1}"
        assert connection.exec_driver_sql(table).scalar() == 3


def test_a_program_killed_while_it_makes_the_tables_leaves_nothing_that_hinders(place):
    process = start(place, 0, "migrated", "new")
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    opened = reopened(place)
    assert opened.append(some(2)).appended == 2 and check(opened) == []
    opened.close()


@pytest.mark.parametrize("migrations", [0, 1])
def test_eight_programs_create_or_migrate_at_once_on_either_database(place, migrations):
    if migrations:
        first = reopened(place)
        first.append(some(2))
        first.close()
    programs = [start(place, migrations, "", f"p{n}") for n in range(8)]
    assert printed_together(programs) == ["1\n"] * 8
    events = journals.read(place[1]).events
    assert [e.seq for e in events] == list(range(1, 9 + 2 * migrations))
    database = databases.Database(place[0], 10)
    with database.reading() as connection:
        assert schema.version(connection) == schema.VERSION + migrations
        if migrations:
            rows = connection.exec_driver_sql(f"SELECT number FROM soak_{schema.VERSION + 1}").all()
            assert rows == [(2,)], "one of them migrated"
    database.close()


# --- a server that is killed ------------------------------------------------------------------


@pytest.mark.parametrize("point", ["begun", "inserted", "journaled"])
def test_a_killed_process_of_the_server_loses_nothing(postgres, tmp_path, monkeypatch, point):
    opened = DecisionStore(postgres.new_schema(), journal=tmp_path / "j.jsonl", patience=20)
    opened.append(some(2))
    with opened.database.reading() as connection:
        own = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        backends = [row.pid for row in connection.exec_driver_sql(own)]
    kills: list[str] = []

    def kill(name: str) -> None:
        if name == point and not kills:
            kills.append(name)
            for number in backends:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)

    monkeypatch.setattr(databases, "reached", kill)
    with pytest.raises((NotSaved, NotKnown)):
        opened.append(some(3, 2))
    for _ in range(600):  # the server ends all its processes and starts them again
        with suppress(CurationError):
            opened.append(some(3, 2))
            break
        time.sleep(0.1)
    assert kills == [point]
    assert ops(opened) == ["op0", "op1", "op2", "op3", "op4"]
    assert check(opened) == [] and len(in_both(opened)) == 5
    opened.close()


def test_a_server_that_dies_whole_has_every_decision_afterwards(postgres, tmp_path):
    opened = DecisionStore(postgres.new_schema(), journal=tmp_path / "j.jsonl", patience=20)
    opened.append(some(50))
    postgres.kill()
    with pytest.raises(CurationError, match="Nothing was saved"):
        opened.append(some(3, 50))
    with pytest.raises(CurationError, match="cannot be read"):
        opened.last()
    postgres.start()
    assert opened.append(some(3, 50)).appended == 3
    assert len(in_both(opened)) == 53 and check(opened) == []
    opened.close()


# --- a state machine on a server --------------------------------------------------------------


def test_the_store_on_a_server_agrees_with_a_plain_dictionary(postgres_server):
    class ServerMachine(StoreMachine):
        """The state machine of SQLite, on PostgreSQL."""

        def __init__(self) -> None:
            self.url = new_schema(postgres_server)
            super().__init__()

        def open(self) -> DecisionStore:
            store = DecisionStore(self.url, journal=self.folder / "d.jsonl")
            self.consensus = Consensus(store)
            return store

    case = ServerMachine.TestCase
    case.settings = settings(StoreMachine.TestCase.settings, max_examples=5, stateful_step_count=20)
    case("runTest").runTest()

"""Leases: who gets which example next, on both databases, against a plain model."""

# ruff: noqa: F401, F811  (fixtures are imported by name and asked for by name)

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from curation.decisions import Decision, DecisionStore, check, rebuild, repair
from curation.decisions import database as databases
from curation.decisions import schema as schemas
from curation.decisions.leases import EXPIRES
from curation.errors import CurationError
from tests.conftest import ROOT
from tests.programs import printed_together, start_program
from tests.test_decisions import local, new_schema, place, postgres_server, reopened, store

IDS = [f"e{n}" for n in range(12)]


def take(opened, page, who, ids=IDS, count=4, overlap=1, **more) -> list[str]:
    more = {"waiting": 10_000, **more}
    return opened.leases.take(page, who, ids, count, overlap=lambda _: overlap, **more)


def holders(opened) -> dict[str, set[str]]:
    """Example → the people who hold it."""
    held_by: dict[str, set[str]] = {}
    for lease in opened.leases.live():
        held_by.setdefault(lease.example_id, set()).add(lease.holder)
    return held_by


def move_clock(opened: DecisionStore, seconds: float) -> None:
    """As if the database's clock had gone on: every lease ends that much sooner."""
    table = schemas.leases
    with opened.leases._alone() as connection:
        connection.execute(table.update().values(until=table.c.until - seconds))
        connection.commit()


# --- who gets what ----------------------------------------------------------------------------


def test_each_page_gets_examples_of_its_own_and_keeps_them(store):
    assert take(store, "a", "Ann") == IDS[:4]
    assert take(store, "b", "Bob") == IDS[4:8]
    assert take(store, "a", "Ann") == IDS[:4]
    assert take(store, "a2", "Ann") == IDS[8:], "another page of hers gets others"
    assert take(store, "c", "Cyd") == []


def test_with_overlap_a_person_holds_an_example_once_and_an_answer_ends_only_the_own_lease(local):
    take(local, "a", "Ann", IDS[:2], overlap=2)
    assert take(local, "a2", "Ann", IDS[:3], overlap=2) == ["e2"]
    assert take(local, "b", "Bob", IDS[:2], overlap=2) == ["e1", "e0"]
    local.append([Decision("e0", "keep", annotator="Ann")])
    assert holders(local) == {"e0": {"Bob"}, "e1": {"Ann", "Bob"}, "e2": {"Ann"}}


def test_with_overlap_what_nobody_holds_comes_first_and_the_rest_in_reverse(store):
    assert take(store, "a", "Ann", IDS[:6], overlap=2) == IDS[:4]
    assert take(store, "b", "Bob", IDS[:6], overlap=2) == ["e4", "e5", "e3", "e2"]
    assert take(store, "c", "Cyd", IDS[:6], overlap=2) == ["e5", "e4", "e1", "e0"]
    assert take(store, "d", "Dan", IDS[:6], overlap=2) == []
    assert {len(people) for people in holders(store).values()} == {2}


def test_an_answer_releases_its_lease_and_counts_for_everybody_else(store):
    take(store, "a", "Ann", count=2, overlap=2, screen="e0")
    store.append([Decision("e0", "keep", annotator="Ann"), Decision("e1", "skip", None, "Ann")])
    assert holders(store) == {"e1": {"Ann"}, "e2": {"Ann"}}
    assert "e0" not in take(store, "a", "Ann", overlap=2)
    assert "e0" in take(store, "b", "Bob", count=12, overlap=2)
    store.append([Decision("e0", "drop", annotator="Bob")])
    assert "e0" not in take(store, "c", "Cyd", count=12, overlap=2)
    assert "e0" in take(store, "c", "Cyd", count=12, overlap=3), "more people may be asked later"
    assert "e0" not in take(store, "c", "Cyd", count=12, overlap=1)
    late = store.append([Decision("e0", "label", "x", "Dan")])
    assert late.appended == 1 and store.state().answered["e0"] == ("Ann", "Bob", "Dan")


@pytest.mark.parametrize(
    ("kind", "value", "counts"),
    [
        ("keep", None, True),
        ("drop", None, True),
        ("label", "x", True),
        ("edit", [], True),
        ("skip", None, False),
        ("tag", "x", False),
        ("note", "x", False),
        ("rate", 3, False),
    ],
)
def test_a_verdict_a_label_or_an_edit_is_an_answer(local, kind, value, counts):
    local.append([Decision("e0", kind, value, "Ann")])
    assert ("e0" in take(local, "b", "Bob", count=1)) is not counts


def test_an_edit_that_another_overruled_is_still_an_answer(local):
    local.append([Decision("e0", "edit", [], "Ann"), Decision("e0", "edit", [], "Bob")])
    assert "e0" not in take(local, "a", "Ann", overlap=3)
    local.undo("Ann")
    assert "e0" in take(local, "a", "Ann", overlap=3)
    assert "e0" not in take(local, "b", "Bob", overlap=3)


def test_the_screen_is_leased_and_what_the_page_leaves_is_given_back(store):
    take(store, "a", "Ann", screen="e0")
    assert holders(store).keys() == set(IDS[:5])
    assert take(store, "b", "Bob", screen="e0") == IDS[5:9], "it shows e0 without a lease"
    assert holders(store)["e0"] == {"Ann"}
    take(store, "a", "Ann", IDS[10:], screen="e9")
    assert set(IDS[:5]) & holders(store).keys() == set()
    store.leases.release(["a", "b"])
    assert store.leases.live() == []


def test_a_page_with_another_name_starts_anew(store):
    take(store, "a", "Ann", count=2)
    assert take(store, "a", "Bob", count=2) == IDS[:2]
    assert holders(store) == {"e0": {"Bob"}, "e1": {"Bob"}}


def test_an_example_to_decide_again_is_for_one_at_a_time(store):
    store.append([Decision(i, "keep", annotator="Ann") for i in IDS[:2]])
    assert take(store, "a", "Ann", IDS[:2], again=True, overlap=3) == IDS[:2]
    assert take(store, "b", "Bob", IDS[:2], again=True, overlap=3) == []


def test_a_short_queue_is_shared(store):
    """Each gets a share of what waits, so that somebody who comes later finds something."""
    assert take(store, "a", "Ann", count=40, waiting=12) == IDS[:6]
    assert take(store, "b", "Bob", count=40, waiting=12) == IDS[6:10]
    assert take(store, "c", "Cyd", count=40, waiting=12) == IDS[10:12]
    assert take(store, "a", "Ann", count=40, waiting=12) == IDS[:3]
    assert take(store, "d", "Dan", ["e3"], count=40, waiting=1) == ["e3"], "also the last one"
    assert take(store, "d", "Dan", ["e3"], count=40, waiting=1, screen="e3") == []


def test_only_as_many_candidates_are_read_as_are_needed(local):
    read = []

    def candidates():
        for n in range(100_000):
            read.append(n)
            yield f"e{n}"

    assert len(take(local, "a", "Ann", candidates(), count=40)) == 40
    assert len(read) <= 41
    take(local, "b", "Bob", candidates(), count=40)
    assert len(read) <= 41 + 82


# --- time -------------------------------------------------------------------------------------


def test_a_lease_expires_by_the_clock_of_the_database_and_is_taken_over(store):
    take(store, "a", "Ann")
    assert take(store, "b", "Bob", count=12) == IDS[4:]
    move_clock(store, EXPIRES - 30)
    assert take(store, "a", "Ann", count=12) == IDS[:4]
    move_clock(store, 60)
    assert holders(store).keys() == set(IDS[:4]), "renewed, and those of Bob are free"
    move_clock(store, EXPIRES)
    assert store.leases.live() == []
    assert take(store, "c", "Cyd", count=12) == IDS
    with store.leases._alone() as connection:
        rows = connection.scalar(sa.select(sa.func.count()).select_from(schemas.leases))
    assert rows == len(IDS), "the expired rows were written over"


def test_a_program_s_own_clock_makes_no_difference(store, monkeypatch):
    take(store, "a", "Ann")
    for seconds in (-3600, 3600, 365 * 86_400):
        real = time.time
        monkeypatch.setattr(time, "time", lambda real=real, seconds=seconds: real() + seconds)
        assert take(store, "b", "Bob") == IDS[4:8]
        monkeypatch.undo()
    left = [lease.left for lease in store.leases.live()]
    assert all(EXPIRES - 60 < seconds <= EXPIRES for seconds in left)


def test_nothing_is_written_while_nothing_changes(local):
    take(local, "a", "Ann")
    commits = []
    sa.event.listen(local.leases._database.engine, "commit", lambda _: commits.append(1))
    for _ in range(5):
        take(local, "a", "Ann")
    assert commits == []
    move_clock(local, EXPIRES * 0.6)
    commits.clear()
    take(local, "a", "Ann")
    assert commits == [1], "half of the time is over"


# --- many at once, crashes, other versions ----------------------------------------------------

WORKER = """
import sys
from pathlib import Path
from curation.decisions import Decision, DecisionStore
where, journal, name = sys.argv[1:]
where = where if "://" in where else Path(where)
store = DecisionStore(where, journal=Path(journal))
ids = [f"e{n}" for n in range(60)]
while True:
    state = store.state()
    mine = [i for i in ids if name not in state.answered.get(i, ()) and len(state.answered.get(i, ())) < 2]
    got = store.leases.take(name, name, mine, 5, overlap=lambda _: 2, waiting=len(mine))
    if not got and not mine:
        break
    for example in got[:3]:
        store.append([Decision(example, "keep", annotator=name)])
print("done")
"""


def test_processes_that_answer_at_once_give_no_example_to_a_third(place, store):
    """Two processes or more behind one database: every example gets two answers and no third."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(place[0]), str(place[1]), name],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("Ann", "Bob", "Cyd")
    ]
    for worker in workers:
        assert worker.communicate(timeout=100)[0] == "done\n"
    answered = store.state().answered
    assert Counter(map(len, answered.values())) == {2: 60}
    assert len({who for people in answered.values() for who in people}) == 3
    assert store.leases.live() == [] and check(store) == []


def test_threads_that_take_at_once_get_different_examples(store):
    ids = [f"e{n}" for n in range(200)]
    results: dict[str, list[str]] = {}

    def work(name: str) -> None:
        for _ in range(5):
            results[name] = take(store, name, name, ids, count=10)

    threads = [threading.Thread(target=work, args=(f"p{n}",)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = [i for part in results.values() for i in part]
    assert len(together) == len(set(together)) == 160


CRASH = """
import os, signal, sys
from pathlib import Path
from curation.decisions import Decision, DecisionStore, database
where, journal, point = sys.argv[1:]
where = where if "://" in where else Path(where)
store = DecisionStore(where, journal=Path(journal))
def crash(here):
    if here == point:
        os.kill(os.getpid(), signal.SIGKILL)
database.reached = crash
ids = [f"e{n}" for n in range(12)]
store.leases.take("b", "Bob", ids, 4, overlap=lambda _: 1, waiting=100)
store.append([Decision("e4", "keep", annotator="Bob", op_id="answer")])
"""


@pytest.mark.parametrize("point", ["leased", "inserted", "journaled", "committed"])
def test_a_crash_leaves_a_lease_as_it_was_or_its_answer(place, store, point):
    take(store, "a", "Ann")
    words = [sys.executable, "-c", CRASH, str(place[0]), str(place[1]), point]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    opened = reopened(place)
    leased = {lease.example_id for lease in opened.leases.live() if lease.holder == "Bob"}
    answered = bool(opened.state().answered)
    assert (
        (leased, answered)
        == {
            "leased": (set(), False),
            "inserted": (set(IDS[4:8]), False),
            "journaled": (set(IDS[4:8]), True),  # the answer comes back from the journal
            "committed": (set(IDS[4:8]), True),  # ended by what its page asks for next
        }[point]
    )
    assert check(opened) == []
    opened.close()


@pytest.mark.parametrize("point", ["journaled", "committed"])
def test_a_lease_that_outlives_its_answer_counts_its_person_once(place, store, point):
    """Bob's program dies after his answer and before his lease ends."""
    take(store, "a", "Ann")
    words = [sys.executable, "-c", CRASH, str(place[0]), str(place[1]), point]
    assert subprocess.run(words, cwd=ROOT, timeout=60).returncode == -signal.SIGKILL
    opened = reopened(place)
    both = ["e4", "e5"]
    assert opened.state().answered["e4"] == ("Bob",) and "Bob" in holders(opened)["e4"]
    assert take(opened, "c", "Cyd", both, overlap=1) == []
    assert take(opened, "c", "Cyd", both, overlap=2) == ["e5", "e4"], "Bob is one person"
    assert take(opened, "d", "Dan", both, overlap=2) == []
    assert take(opened, "b", "Bob", both, overlap=3) == ["e5"], (
        "his page asks, and e4 is given back"
    )
    assert holders(opened)["e4"] == {"Cyd"}
    opened.close()


def test_cards_come_while_somebody_saves(store):
    """Leases wait for no writer of answers, and a writer waits for no lease."""
    store.append([Decision("e0", "keep", annotator="Ann")])
    with store.alone() as connection:
        assert take(store, "b", "Bob") == IDS[1:5]
        connection.execute(schemas.about.insert().values(name="x", value="y"))
        assert take(store, "c", "Cyd") == IDS[5:9]
    with store.leases._alone():
        assert store.append([Decision("e1", "keep", annotator="Bob")]).appended == 1
    assert "e1" not in holders(store)


def test_an_answer_ends_its_lease_for_other_programs_with_the_next_cards(place, store):
    take(store, "a", "Ann", count=2)
    other = reopened(place)
    store.append([Decision("e0", "keep", annotator="Ann")])
    assert "e0" not in take(other, "b", "Bob", overlap=1)
    take(store, "c", "Cyd", [], count=0)
    assert "e0" not in holders(other)
    store.append([Decision("e1", "keep", annotator="Ann")])
    store.close()
    assert "e1" not in holders(other), "also with the end of the program"
    other.close()


def test_a_damaged_file_of_leases_gives_way_to_an_empty_one(local, tmp_path):
    """A power cut may leave it so; the decisions are another file."""
    file = tmp_path / "decisions.db.leases"
    local.append([Decision("e0", "keep", annotator="Ann")])
    take(local, "a", "Ann")
    local.close()
    for damaged in (b"no database at all " * 500, file.read_bytes()[:4096] + bytes(8192)):
        file.write_bytes(damaged)
        opened = DecisionStore(tmp_path / "decisions.db", journal=local.journal)
        assert take(opened, "b", "Bob") == IDS[1:5]
        assert holders(opened).keys() == set(IDS[1:5])
        opened.close()
    assert check(opened := DecisionStore(tmp_path / "decisions.db", journal=local.journal)) == []
    take(opened, "b", "Bob")
    content = file.read_bytes()
    with open(file, "r+b") as stream:
        stream.write(b"\xff" * len(content))
    with pytest.raises(CurationError, match="cannot be leased"):
        take(opened, "b", "Bob")
    assert take(opened, "c", "Cyd") == IDS[1:5], "the next request finds a new file"
    opened.close()


def test_a_file_of_leases_that_was_removed_is_made_again(local, tmp_path):
    other = DecisionStore(tmp_path / "decisions.db", journal=local.journal)
    take(local, "a", "Ann"), take(other, "b", "Bob")
    (tmp_path / "decisions.db.leases").unlink()
    assert take(local, "a", "Ann") == IDS[:4]
    assert take(other, "b", "Bob") == IDS[4:8], "both programs use the new file"
    other.close()


def make_version_1(opened: DecisionStore) -> None:
    """Make a database what the program before leases left."""
    with opened.alone() as connection:
        schemas.leases.drop(connection, checkfirst=True)
        schemas.put(connection, "schema", "1")
        connection.commit()


def test_a_database_of_the_version_before_gets_leases_and_keeps_a_backup(place, store):
    store.append([Decision(i, "keep", annotator="Ann") for i in IDS[:3]])
    before = store.events()
    make_version_1(store)
    opened = reopened(place)
    assert opened.events() == before and check(opened) == []
    assert take(opened, "b", "Bob") == IDS[3:7]
    with opened.database.reading() as connection:
        assert schemas.version(connection) == schemas.VERSION == 2
        if opened.database.path is None:
            copied = "SELECT count(*) FROM curation_events_schema_1"
            assert connection.exec_driver_sql(copied).scalar() == 3
    if opened.database.path is not None:
        (copy,) = opened.database.path.parent.glob("*.schema-1-*.backup")
        with closing(sqlite3.connect(copy)) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            count = connection.execute("SELECT count(*) FROM curation_events").fetchone()[0]
        assert count == 3 and "curation_leases" not in tables
    opened.close()


@pytest.mark.parametrize("point", ["backed up", "migrated"])
def test_a_migration_to_leases_that_is_killed_changes_nothing(place, store, point):
    store.append([Decision(i, "keep", annotator="Ann") for i in IDS[:3]])
    make_version_1(store)
    code = CRASH.replace("store = DecisionStore(where, journal=Path(journal))\n", "").replace(
        "ids = [", "store = DecisionStore(where, journal=Path(journal))\nids = ["
    )
    words = [sys.executable, "-c", code, str(place[0]), str(place[1]), point]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with store.database.reading() as connection:
        assert schemas.version(connection) == 1
        assert not sa.inspect(connection).has_table("curation_leases")
    opened = reopened(place)
    assert len(opened.events()) == 3 and take(opened, "b", "Bob") == IDS[3:7]
    opened.close()


OPEN_AND_TAKE = """
import sys
from pathlib import Path
from curation.decisions import DecisionStore
where, journal, name = sys.argv[1:]
where = where if "://" in where else Path(where)
sys.stdin.readline()
store = DecisionStore(where, journal=Path(journal))
ids = [f"e{n}" for n in range(100)]
print(*store.leases.take(name, name, ids, 5, overlap=lambda _: 1, waiting=10_000))
"""


def test_eight_programs_migrate_at_once_and_lease_different_examples(place, store):
    store.append([Decision(i, "keep", annotator="Ann") for i in IDS[:3]])
    make_version_1(store)
    programs = [start_program(OPEN_AND_TAKE, *place, f"p{n}") for n in range(8)]
    ids = [i for text in printed_together(programs) for i in text.split()]
    assert len(ids) == len(set(ids)) == 40


def test_the_program_before_leases_refuses_the_database(place, store, monkeypatch):
    monkeypatch.setattr(schemas, "VERSION", 1)
    with pytest.raises(CurationError, match=r"later program \(schema 2, this one knows 1\)"):
        reopened(place)


def test_leases_are_no_decisions(local, tmp_path):
    """No journal holds them, no check counts them, and a repaired database starts without them."""
    local.append([Decision("e0", "keep", annotator="Ann")])
    journal = local.journal.read_bytes()
    take(local, "b", "Bob")
    assert check(local) == [] and local.journal.read_bytes() == journal
    repair(local)
    assert local.leases.live() == []
    take(local, "b", "Bob")
    local.close()
    rebuild(tmp_path / "decisions.db", local.journal)
    opened = DecisionStore(tmp_path / "decisions.db", journal=local.journal)
    assert opened.leases.live() == [] and len(opened.events()) == 1
    assert take(opened, "c", "Cyd") == IDS[1:5]
    opened.close()


def test_a_database_that_takes_no_changes_says_so(local):
    take(local, "b", "Bob")
    engine = local.leases._database.engine
    engine.dispose()
    sa.event.listen(engine, "connect", lambda c, r: c.execute("PRAGMA query_only=ON"))
    with pytest.raises(CurationError, match="cannot be leased: .* cannot be written to"):
        take(local, "a", "Ann")


# --- a state machine against plain dictionaries -----------------------------------------------

PAGES = {"a1": "Ann", "a2": "Ann", "b": "Bob", "c": "Cyd"}
examples = st.sampled_from(IDS[:5])
pages = st.sampled_from(sorted(PAGES))
names = st.sampled_from(["Ann", "Bob", "Cyd"])


class LeaseMachine(RuleBasedStateMachine):
    """Takes, answers, releases, lets time pass, crashes; compares with plain dictionaries."""

    def __init__(self, where=None) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="leases-"))
        self.where = where() if where else self.folder / "d.db"
        self.store = self.open()
        self.now = 0.0
        self.overlap = 2
        self.highest = 2
        self.leases: dict[tuple[str, str], tuple[str, float]] = {}  # (example, page) → who, until
        self.answers: list[tuple[str, str]] = []  # (who, example) of the events that are on

    def open(self) -> DecisionStore:
        return DecisionStore(self.where, journal=self.folder / "d.jsonl")

    def live(self) -> dict[tuple[str, str], tuple[str, float]]:
        return {key: lease for key, lease in self.leases.items() if lease[1] > self.now}

    def answered(self, example: str) -> set[str]:
        return {who for who, about in self.answers if about == example}

    def is_free(self, example: str, page: str, who: str) -> bool:
        others = {w for (i, p), (w, _) in self.live().items() if i == example and p != page}
        people = others | self.answered(example)
        return who not in people and len(people) < self.overlap

    def expected(self, page: str, who: str, screen: str, count: int) -> tuple[list[str], set[str]]:
        others = {i for i, p in self.live() if p != page}
        free = [i for i in IDS[:5] if i != screen and self.is_free(i, page, who)]
        alone = [i for i in free if i not in others]
        order = [*alone, *reversed([i for i in free if i in others])][:count]
        shown = {screen} if screen and self.is_free(screen, page, who) else set()
        return order, shown | set(order)

    def put(self, page: str, who: str, held_by_page: set[str]) -> None:
        live = self.live()
        old = {i for (i, p), (w, _) in live.items() if p == page and w == who}
        left = [live[i, page][1] - self.now for i in held_by_page & old]
        renewed = held_by_page != old or any(seconds < EXPIRES / 2 for seconds in left)
        stale = {i for (i, p), (w, _) in live.items() if p == page and w != who}
        if renewed or stale:
            self.leases = {key: lease for key, lease in live.items() if key[1] != page}
            self.leases |= {(i, page): (who, self.now + EXPIRES) for i in held_by_page}

    @rule(page=pages, screen=st.one_of(st.just(""), examples), count=st.integers(0, 4))
    def take(self, page, screen, count):
        who = PAGES[page]
        order, keep = self.expected(page, who, screen, count)
        got = take(self.store, page, who, IDS[:5], count, self.overlap, screen=screen)
        assert got == order
        self.put(page, who, keep)

    @rule(page=pages, who=names)
    def take_under_another_name(self, page, who):
        order, keep = self.expected(page, who, "", 2)
        assert take(self.store, page, who, IDS[:5], 2, self.overlap) == order
        self.put(page, who, keep)

    @rule(page=pages)
    def die_while_taking(self, page):
        def die(point: str) -> None:
            if point == "leased":
                raise KeyboardInterrupt

        real, databases.reached = databases.reached, die
        try:
            take(self.store, page, PAGES[page], IDS[:5], 5, self.overlap)
        except KeyboardInterrupt:
            pass
        finally:
            databases.reached = real

    @rule(who=names, example=examples, what=st.sampled_from([("keep", None), ("edit", [])]))
    def answer(self, who, example, what):
        assert self.store.append([Decision(example, *what, annotator=who)]).appended == 1
        self.answers.append((who, example))
        self.leases = {
            (i, p): (w, until)
            for (i, p), (w, until) in self.leases.items()
            if (i, w) != (example, who)
        }

    @rule(who=names)
    def undo(self, who):
        if self.store.undo(who) is not None:
            newest = max(n for n, answer in enumerate(self.answers) if answer[0] == who)
            del self.answers[newest]

    @rule(page=pages)
    def close_the_page(self, page):
        self.store.leases.release([page])
        self.leases = {key: lease for key, lease in self.leases.items() if key[1] != page}

    @rule(seconds=st.sampled_from([250.0, 700.0]))
    def let_time_pass(self, seconds):
        move_clock(self.store, seconds)
        self.now += seconds

    @rule(overlap=st.integers(1, 3))
    def change_the_overlap(self, overlap):
        self.overlap = overlap
        self.highest = max(self.highest, overlap)

    @rule()
    def open_again(self):
        self.store.close()
        self.store = self.open()

    @rule(who=names)
    def everything_is_offered_again_after_a_while(self, who):
        self.let_time_pass(700.0)
        got = take(self.store, "fresh", who, IDS[:5], 5, self.overlap)
        waits = [i for i in IDS[:5] if who not in self.answered(i)]
        assert got == [i for i in waits if len(self.answered(i)) < self.overlap]
        self.put("fresh", who, set(got))

    @invariant()
    def agrees(self):
        leases = self.store.leases.live()
        assert {(one.example_id, one.page): one.holder for one in leases} == {
            key: who for key, (who, _) in self.live().items()
        }
        slots = [(one.example_id, one.slot) for one in leases]
        assert len(slots) == len(set(slots)) and all(slot < self.highest for _, slot in slots)
        for one in leases:
            assert one.holder not in self.answered(one.example_id)

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)


QUICK = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_leases_agree_with_plain_dictionaries():
    run_state_machine_as_test(LeaseMachine, settings=QUICK)


def test_leases_agree_with_plain_dictionaries_on_a_server(postgres_server):
    few = settings(QUICK, max_examples=8, stateful_step_count=25)
    run_state_machine_as_test(
        lambda: LeaseMachine(lambda: new_schema(postgres_server)), settings=few
    )

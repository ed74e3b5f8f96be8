"""Kills of a server while people annotate, for `benchmarks soak`."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from benchmarks._soak_check import Result, doctor, examine
from benchmarks._soak_people import Outbox, Pace, annotate
from benchmarks._soak_schema import add_migrations
from benchmarks._soak_server import RECEIVED, UNANSWERED, Life, points, serve
from curation import Project
from curation import settings as project_settings
from curation.decisions import schema
from tests.app_server import free_port
from tests.postgres import Postgres

ANY = "any moment"
BACKEND, DATABASE = "a process of PostgreSQL", "PostgreSQL"
MIGRATING = ("backed up", "migrated")
LIFE = 0.35
"""Longest time in seconds from the start of a server to a kill at any moment."""

ROUND = 60
"""Kills of one project; a server that starts reads all of its decisions, so long ones are slow."""

OVERDUE = 10.0
"""Seconds after which a server that does not reach its crash point is killed."""

CLOCKS = (0.0, 0.0, -3600.0, 365 * 86400.0)
"""Seconds by which the clock of a server may be wrong."""

BUSY = Pace(0.02, closes=0.1)
"""The pace of people whose server is killed."""

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["benchmarks._soak_server", "benchmarks._soak_people"])


@dataclass
class Tally:
    """The kills of a run by their point, and what was lost.

    missed: crash points that a server did not reach in time. events: decisions in the databases.
    troubles: sentences of the server for answers that it could not save then. broken: connections
    that ended in the middle of a request.
    """

    kills: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    result: Result = field(default_factory=Result)
    events: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another run with this one."""
        for name in ("kills", "missed", "troubles"):
            getattr(self, name).update(getattr(other, name))
        self.result = self.result + other.result
        self.events += other.events
        self.broken += other.broken
        self.seconds += other.seconds
        self.took += other.took


class People:
    """Annotators in processes of their own."""

    def __init__(self, count: int, port: int, pace: Pace, folder: Path, processes: int = 2) -> None:
        self.stop = CONTEXT.Event()
        names = [f"p{n}" for n in range(count)]
        self.files = [folder / f"people-{n}.pickle" for n in range(min(processes, count))]
        self.processes = [
            CONTEXT.Process(
                target=annotate,
                args=(names[n :: len(self.files)], port, pace, self.stop, path),
                daemon=True,  # ends with this process
            )
            for n, path in enumerate(self.files)
        ]
        for process in self.processes:
            process.start()

    def finish(self) -> list[Outbox]:
        """Let everybody send the rest, and return the outboxes."""
        self.stop.set()
        return self.collect()

    def collect(self) -> list[Outbox]:
        """Wait until everybody is done, and return the outboxes."""
        for process in self.processes:
            process.join()
        return [box for path in self.files for box in pickle.loads(path.read_bytes())]

    def working(self) -> bool:
        """Whether somebody is still at work."""
        return any(process.is_alive() for process in self.processes)


@contextmanager
def running(life: Life) -> Iterator[multiprocessing.Process]:
    """Run a server within the block; it is killed at the end."""
    process = CONTEXT.Process(target=serve, args=(life,), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def new_project(folder: Path, where: str = "sqlite") -> Project:
    """Make an empty project whose decisions live in a database."""
    project = Project.create(folder)
    if where != "sqlite":
        path = folder / "project.toml"
        text = path.read_text("utf-8").replace('decisions = "sqlite"', f'decisions = "{where}"')
        path.write_text(text, "utf-8")
        project_settings.allow_database(folder)
    project.decisions.close()
    return Project.open(folder)


def plan(postgres: bool, chance: random.Random) -> Iterator[str]:
    """Yield without end what is killed next: each point in turn, between kills at any moment.

    `agreed` follows `journaled`, because only a crash before the commit leaves copies that differ.
    """
    turns = [*points(), *[ANY] * 5]
    if postgres:
        turns += [BACKEND] * 4 + [DATABASE]
    while True:
        chance.shuffle(turns)
        for point in turns:
            if point == "agreed":
                yield "journaled"
            yield point


def kill_often(
    folder: Path,
    turns: Iterable[str],
    *,
    people: int = 8,
    postgres: Postgres | None = None,
    seed: int = 0,
    until: float = math.inf,
) -> Tally:
    """Kill the server of a new project at each of some points while people annotate; examine it.

    until: moment of `time.monotonic` after which no server is started any more.
    """
    chance, tally, begun = random.Random(seed), Tally(), time.monotonic()
    where = "sqlite" if postgres is None else postgres.new_schema()
    project = new_project(folder, where)
    life = Life(project.path, free_port())
    crowd = People(people, life.port, BUSY, folder.parent)
    for point in turns:
        if time.monotonic() > until:
            break
        life = replace(
            life,
            point=point,
            passing=chance.randrange(1, 8) if point in (RECEIVED, UNANSWERED, "journaled") else 1,
            migrations=life.migrations + (point in MIGRATING),
            clock=chance.choice(CLOCKS),
        )
        _one_life(life, point, tally, chance, postgres)
        if postgres is not None and postgres.has_ended():
            postgres.start()
    with running(replace(life, point="", clock=0.0)):
        boxes = crowd.finish()
    _examine(project, life.migrations, boxes, tally)
    tally.seconds = time.monotonic() - begun
    return tally


def _one_life(
    life: Life, point: str, tally: Tally, chance: random.Random, postgres: Postgres | None
) -> None:
    """Start a server and kill it, or the database behind it."""
    with running(life) as server:
        if point in (ANY, BACKEND, DATABASE):
            server.join(chance.uniform(0.0, LIFE))
            if point != ANY:
                assert postgres is not None
                _kill_postgres(point, postgres, chance)
                server.join(0.3)  # the server goes on, without its database
            tally.kills[point] += 1
            return
        server.join(OVERDUE)
        if server.exitcode == -signal.SIGKILL:
            tally.kills[point] += 1
        elif server.exitcode is None:
            tally.missed[point] += 1
            tally.kills[ANY] += 1
        else:
            tally.result.wrong.append(f"a server ended by itself with {server.exitcode}")


def _kill_postgres(point: str, postgres: Postgres, chance: random.Random) -> None:
    if point == DATABASE:
        postgres.kill()
        postgres.start()
        return
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(chance.choice(postgres.children()), signal.SIGKILL)


def _examine(project: Project, migrations: int, boxes: Sequence[Outbox], tally: Tally) -> None:
    """Examine the project with the schema that its last server left, then with this program's."""
    version = schema.VERSION
    try:
        add_migrations(migrations)
        tally.result = examine(project, boxes) + Result(wrong=tally.result.wrong)
        tally.events = project.decisions.last()
        with project.decisions.alone() as connection:
            for number in range(version + 1, version + 1 + migrations):
                connection.exec_driver_sql(f"DROP TABLE soak_{number}")
            schema.put(connection, "schema", str(version))
            connection.commit()
        project.decisions.close()
    finally:
        schema.VERSION = version
    tally.result.wrong += doctor(project.path)
    for box in boxes:
        tally.troubles.update(box.troubles)
        tally.broken += box.broken
        tally.took += box.took


def whole_team(folder: Path, people: int, answers: int, kills: int, pace: Pace) -> Tally:
    """Kill the server of a team that many times, spread over all of its answers."""
    chance, tally, begun = random.Random(1), Tally(), time.monotonic()
    project = new_project(folder)
    life = Life(project.path, free_port())
    crowd = People(people, life.port, replace(pace, most=answers), folder.parent, processes=5)
    longest = 2 * answers * pace.seconds / (kills + 1)
    while tally.kills.total() < kills and crowd.working():
        with running(life) as server:
            server.join(chance.uniform(0.3, longest))
            tally.kills[ANY] += 1
    with running(life):
        boxes = crowd.collect()
    _examine(project, 0, boxes, tally)
    tally.seconds = time.monotonic() - begun
    return tally


def in_rounds(
    folder: Path, kills: int, until: float, postgres: Postgres | None = None, seed: int = 0
) -> Tally:
    """Kill servers in rounds with a new project each, up to a number of kills or a moment."""
    total, number = Tally(), 0
    turns = plan(postgres is not None, random.Random(seed))
    while total.kills.total() < kills and time.monotonic() < until:
        number += 1
        home = folder / f"round-{number}"
        home.mkdir(parents=True)
        most = min(ROUND, kills - total.kills.total())
        total.add(
            kill_often(
                home / "project",
                islice(turns, most),
                postgres=postgres,
                seed=seed + number,
                until=until,
            )
        )
        if not total.result.wrong:
            shutil.rmtree(home)
    return total

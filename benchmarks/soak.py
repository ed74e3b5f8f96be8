"""Decisions lost in crashes, and the time of a save: python -m benchmarks soak [MINUTES]."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks import _soak_app, _soak_latency, _soak_peers
from benchmarks._soak_check import Result
from benchmarks._soak_kills import CONTEXT, Tally, in_rounds, whole_team
from benchmarks._soak_people import Pace
from benchmarks._soak_server import points
from tests.postgres import Postgres, Unavailable

SHARES = {"kills": 0.35, "postgres": 0.15, "team": 0.0, "app": 0.1, "latency": 0.0}
"""Parts, and the share of the time that each may take; 0 for one that ends by itself."""

KILLS = {"kills": 85, "postgres": 15}
"""Kills a minute of the whole run that are aimed for."""

LANES = min(4, os.cpu_count() or 1)
"""Servers on SQLite that are killed side by side."""


def main() -> None:
    """Run the parts one after the other, print their figures, and end with 1 when one is wrong."""
    parser = argparse.ArgumentParser(prog="benchmarks soak")
    parser.add_argument("minutes", nargs="?", type=float, default=10.0)
    parser.add_argument("--only", choices=SHARES, nargs="+", default=list(SHARES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--peer", choices=_soak_peers.PEERS, help="another tool, instead of this one"
    )
    parser.add_argument("--program", type=Path, help="the command of that tool")
    options = parser.parse_args()
    if options.peer:
        return run_peer(options.peer, options.program, options.minutes, options.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers and files go with it
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        os.environ["XDG_CACHE_HOME"] = f"{name}/cache"  # databases are allowed for this run only
        postgres = _postgres()
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {_versions(postgres)}")
        try:
            for part in options.only:
                folder = Path(name) / part
                folder.mkdir()
                run: Callable[..., list[str]] = globals()[f"run_{part}"]
                wrong += run(folder, options.minutes, postgres, options.seed)
        finally:
            if postgres is not None:
                postgres.stop()
    for sentence in wrong[:40]:
        print(f"WRONG {sentence}")
    sys.exit(bool(wrong))


def _postgres() -> Postgres | None:
    try:
        return Postgres()
    except Unavailable as error:
        print(f"PostgreSQL is left out: {error}")
        return None


def _versions(postgres: Postgres | None) -> str:
    names = [f"SQLite {sqlite3.sqlite_version}"]
    if postgres is not None:
        names.append(f"PostgreSQL {(postgres.data / 'PG_VERSION').read_text().strip()}")
    return ", ".join(names)


def run_kills(folder: Path, minutes: float, postgres: Postgres | None, seed: int) -> list[str]:
    """Kill servers on SQLite."""
    until = time.monotonic() + 60 * minutes * SHARES["kills"]
    kills = math.ceil(KILLS["kills"] * minutes / LANES)
    total, begun = Tally(), time.monotonic()
    with ProcessPoolExecutor(LANES, mp_context=CONTEXT) as lanes:
        runs = [
            lanes.submit(in_rounds, folder / f"{n}", kills, until, None, seed + 1000 * n)
            for n in range(LANES)
        ]
        for run in runs:
            total.add(run.result())
    total.seconds = time.monotonic() - begun
    return report(f"SQLite, {LANES} servers with 8 people each", total)


def run_postgres(folder: Path, minutes: float, postgres: Postgres | None, seed: int) -> list[str]:
    """Kill servers, and the database behind them, on PostgreSQL."""
    if postgres is None:
        return []
    until = time.monotonic() + 60 * minutes * SHARES["postgres"]
    kills = math.ceil(KILLS["postgres"] * minutes)
    return report("PostgreSQL, 8 people", in_rounds(folder, kills, until, postgres, seed))


def run_team(folder: Path, minutes: float, postgres: Postgres | None, seed: int) -> list[str]:
    """Kill the server of 50 people 20 times while they give 2,000 answers each."""
    answers = min(2000, round(200 * minutes))
    tally = whole_team(folder / "project", 50, answers, 20, Pace(0.07))
    return report(f"SQLite, 50 people × {answers:,} answers", tally)


def run_app(folder: Path, minutes: float, postgres: Postgres | None, seed: int) -> list[str]:
    """Kill the real app under people in real browsers."""
    outcome = _soak_app.soak(folder, 60 * minutes * SHARES["app"], seed)
    if outcome is None:
        print("\nThe app is left out: there is no browser; run python -m tests.browser")
        return []
    kills, result = outcome
    print(
        f"\nThe app, {len(_soak_app.NAMES)} browsers: {kills} kills, load {os.getloadavg()[0]:.1f}"
    )
    _losses(result)
    return result.wrong


def run_latency(folder: Path, minutes: float, postgres: Postgres | None, seed: int) -> list[str]:
    """Time saves of 1, 10 and 50 people, also beside an import."""
    return _soak_latency.measure(folder, postgres)


def run_peer(name: str, program: Path, minutes: float, seed: int) -> None:
    """Kill another tool as often as the time allows, and print what it lost."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        peer = _soak_peers.PEERS[name](program.absolute(), Path(folder))
        kills, milliseconds, result = _soak_peers.soak(peer, 1000, 60 * minutes, seed)
    print(f"{name}: {kills} kills, a save {milliseconds:.0f} ms, load {os.getloadavg()[0]:.1f}")
    _losses(result)
    for sentence in result.wrong[:10]:
        print(f"  {sentence}")


def report(title: str, tally: Tally) -> list[str]:
    """Print the figures of a run; return what is wrong."""
    result = tally.result
    print(f"\n{title}: {tally.seconds:.0f} s, load {os.getloadavg()[0]:.1f}")
    print(f"  {tally.kills.total():,} kills")
    _losses(result)
    print(f"  {tally.events:,} decisions; {tally.broken:,} connections broken in a request")
    names = [*points(), *(n for n in tally.kills if n not in points())]
    print("  killed at " + ", ".join(f"{name} {tally.kills[name]}" for name in names))
    if tally.missed:
        print("  not reached: " + ", ".join(f"{k} {n}" for k, n in tally.missed.items()))
    for sentence, count in tally.troubles.most_common(5):
        print(f"  {count:,} × {sentence}")
    return result.wrong


def _losses(result: Result) -> None:
    print(f"  {result.acknowledged:,} answers acknowledged")
    print(f"  {rate('lost', result.lost, result.acknowledged)}")
    print(f"  {rate('doubled', result.doubled, result.acknowledged)}")


def rate(name: str, count: int, total: int) -> str:
    """Return a count per million in words, with the upper bound of its 95 % interval.

    The exact bound of Clopper and Pearson; for a count of 0 it is 3 divided by the total.
    """
    from scipy.stats import beta

    if not total:
        return f"{name} {count} of 0"
    bound = float(beta.ppf(0.95, count + 1, max(total - count, 1)))
    return (
        f"{name} {count}: {1e6 * count / total:.0f} per million, "
        f"with 95 % certainty below {1e6 * bound:.0f}"
    )


if __name__ == "__main__":
    main()

"""Locks on files: one holder at a time, seen by others, gone with the holder."""

from __future__ import annotations

import subprocess
import sys

from curation import lock

HOLD = """
import sys
from pathlib import Path
from curation import lock
with lock.locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_lock_is_for_one_program_and_goes_with_it_however_it_ends(tmp_path):
    path = tmp_path / "a.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder, open(path, "ab") as mine:
        assert holder.stdout.readline() == "held\n"
        assert not lock.take(mine.fileno(), 0.05)
        assert not lock.share(mine.fileno())
        holder.kill()
        holder.wait()
        assert lock.take(mine.fileno(), 0)


def test_a_lock_is_shared_by_many_who_only_look_and_then_nobody_takes_it(tmp_path):
    with open(tmp_path / "a.lock", "ab") as one, open(tmp_path / "a.lock", "ab") as other:
        assert lock.share(one.fileno()) and lock.share(other.fileno())
        with open(tmp_path / "a.lock", "ab") as third:
            assert not lock.take(third.fileno(), 0)
            lock.let_go(one.fileno())
            lock.let_go(other.fileno())
            assert lock.take(third.fileno(), 0)

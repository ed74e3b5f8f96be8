"""A crash at any moment of an export leaves the former delivery or the new one, whole."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from curation import export, files
from curation.export import folder as folders
from tests.conftest import ROOT, make_dataset
from tests.test_export import bytes_of
from tests.test_export_parts import ORIGIN

CHILD = """
import os, shutil, sys
from pathlib import Path
from curation import export, files
from tests.conftest import make_dataset
from tests.test_export import bytes_of
from tests.test_export_parts import ORIGIN

out = Path(sys.argv[1])
watched = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "ctypes.dlsym"}
calls = fatal = 0

def hook(event, arguments):
    global calls
    if fatal and event in watched:
        calls += 1
        if calls == fatal:
            os._exit(1)

def deliver(pairs):
    return export.export(make_dataset(pairs), ORIGIN, out, ["trl"])

files.FRESH = 0  # what a crash leaves is cleared by the next export, not a minute later
sys.addaudithook(hook)
old, new = [("Which, then?", "This.")], [("Which, now?", "That.")] * 3
deliver(new)
after = bytes_of(out)
deliver(old)
before = bytes_of(out)
states = []
while True:
    fatal, child = len(states) + 1, os.fork()
    if not child:
        deliver(new)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    fatal = 0
    states.append("new" if bytes_of(out) == after else "old" if bytes_of(out) == before else "?")
    if status == 0:
        break
    if states[-1] == "new" or len(states) == 20:  # the next export clears what the crash left
        deliver(old)
        assert bytes_of(out) == before and [p.name for p in out.parent.iterdir()] == ["out"]
    for path in out.parent.glob(".*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
print(*states)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing crashes in a process of its own")
def test_a_crash_at_any_call_leaves_the_old_delivery_or_the_new_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    states = done.stdout.split()
    assert set(states) == {"old", "new"}
    assert states == sorted(states, reverse=True), "first the old one, then the new one"
    assert states.count("old") > 20 and states[-1] == "new"


@pytest.mark.parametrize("swaps", [True, False])
def test_a_delivery_is_replaced_where_folders_cannot_be_swapped(tmp_path, monkeypatch, swaps):
    if not swaps:
        monkeypatch.setattr(files, "exchange", lambda one, other: False)
    for answer in ("This.", "That."):
        export.export(make_dataset([("Which?", answer)]), ORIGIN, tmp_path / "out", ["trl"])
        assert answer.encode() in bytes_of(tmp_path / "out")["trl/train.jsonl"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_failed_swap_brings_the_old_folder_back(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "exchange", lambda one, other: False)
    (tmp_path / "out").mkdir()
    with pytest.raises(OSError):
        folders._swap_in_two_steps(tmp_path / "none", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]

"""Reading never needs to write: read-only folders, full disks, and what a damaged file says."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from curation import Project, Step, doctor
from curation.decisions import Decision
from curation.errors import CurationError
from curation.recipe import Recipe
from tests.conftest import PAIRS, ROOT

READ_ONLY = """
import sys
from pathlib import Path
from curation import Project
from curation.doctor import examine
project = Project.open(sys.argv[1])
assert len(project.run().kept) == 6, project.run().dropped["dropped_by"]
assert project.view().current
assert len(project.partial()) == 8
project.export(Path(sys.argv[2]) / "delivery", ["trl"])
print([c["text"] for c in examine(Path(sys.argv[1])) if c["name"] == "decisions"])
try:
    project.decisions.append([])
    project.decisions.undo("Ann")
except Exception as error:
    print(error)
"""


@pytest.fixture
def project() -> Iterator[Project]:
    folder = Path(tempfile.mkdtemp(prefix="reading-", dir="/tmp"))
    folder.chmod(0o755)
    rows = (orjson.dumps({"prompt": p, "completion": c}) + b"\n" for p, c in PAIRS)
    (folder / "pairs.jsonl").write_bytes(b"".join(rows))
    steps = (Step("drop_exact_duplicates"), Step("split", validation=0.3))
    project = Project.create(folder / "p", recipe=Recipe(steps))
    project.add(folder / "pairs.jsonl")
    yield project
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    shutil.rmtree(folder)


def test_a_project_that_cannot_be_written_to_is_run_shown_exported_and_examined(project, tmp_path):
    project.decisions.append([Decision(project.examples.rows.index[1], "drop", annotator="Ann")])
    project.run()
    project.decisions.close()
    subprocess.run(["chmod", "-R", "a-w,a+rX", project.path], check=True)
    words = [sys.executable, "-c", READ_ONLY, str(project.path), str(tmp_path)]
    if os.getuid() == 0:  # whom no mode stops
        words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--", *words]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first == "['1 events, journal equal']" and last.startswith("Nothing was saved")
    assert (tmp_path / "delivery" / "manifest.json").exists()


@contextmanager
def no_room() -> Iterator[None]:
    """As on a full disk: nothing that is written grows."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_first_decision_on_a_full_disk_stops_nothing(project):
    first = Decision(project.examples.rows.index[0], "drop", annotator="Ann")
    with no_room():
        with pytest.raises(CurationError):
            project.decisions.append([first])
        again = Project.open(project.path)
        assert again.people() is None and len(again.examples) == 8
    (project.path / "decisions.db").touch()  # as an earlier program left it
    again = Project.open(project.path)
    assert again.people() is None and again.last_decision() == 0
    assert again.decisions.append([first]).appended == 1
    assert again.people() is not None


def test_a_run_that_cannot_be_remembered_says_so_and_a_replay_needs_no_room(project):
    with no_room():
        assert len(project.replay().kept) == 7
        with pytest.raises(CurationError, match="computed but cannot be shown"):
            Project.open(project.path).run()
    assert len(project.run().kept) == 7 and project.view().current


def test_doctor_rebuilds_a_database_that_cannot_be_opened(project):
    ids = project.examples.rows.index[:3]
    project.decisions.append([Decision(i, "drop", annotator="Ann") for i in ids])
    project.decisions.close()
    (project.path / "decisions.db").write_bytes(b"This is not a database. " * 400)
    (check,) = [c for c in doctor.examine(project.path) if c["name"] == "decisions"]
    assert check["ok"] and "rebuilt: 3 taken into the database" in check["text"]
    again = Project.open(project.path)
    assert set(again.people().verdicts) == set(ids)

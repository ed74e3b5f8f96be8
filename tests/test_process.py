"""The end of a command: at any moment, in one sentence, also with closed streams."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from curation import Project, Recipe, Step
from curation.errors import Cancelled
from tests.conftest import ROOT
from tests.test_jobs import make_project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and descriptors of POSIX")

SENTENCE = f"{Cancelled()}\n"


def started(*command: str, **options) -> subprocess.Popen:
    """Python in a session of its own, its output read as bytes of UTF-8."""
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        start_new_session=True,
        encoding="utf-8",
        errors="surrogateescape",
        env={**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})},
        **options,
    )


def finished(process: subprocess.Popen) -> tuple[int, str, str]:
    """Status, stdout and stderr; a process that does not end fails the test."""
    try:
        out, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        pytest.fail(f"it did not end; it said {out!r} and {err!r}")
    return process.returncode, out, err


def block(body: str, grace: float = 0.3) -> subprocess.Popen:
    """A program whose body, inside `process.running()`, has come to its `ready()`."""
    lines = "\n".join(f"    {line}" for line in body.strip().split("\n"))
    program = (
        "import os, sys, time, threading, ctypes, signal\nfrom curation import process\n"
        f"process.GRACE = {grace}\nready = lambda: print('ready', flush=True)\n"
        f"with process.running():\n{lines}\n"
    )
    process = started("-c", program)
    line = b""
    while not line.endswith(b"\n") and (sign := os.read(process.stdout.fileno(), 1)):
        line += sign  # one by one: what a stream reads ahead is lost to `communicate`
    assert line == b"ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_open_is_closed_and_one_sentence_is_said(number):
    process = block("try:\n    ready()\n    time.sleep(100)\nfinally:\n    print('closed')")
    process.send_signal(number)
    assert finished(process) == (128 + number, "closed\n", SENTENCE)


def test_a_signal_that_came_before_the_command_began_ends_it_too():
    program = (
        "import os, signal\nfrom curation import process\nprocess._hold(True)\n"
        "os.kill(os.getpid(), signal.SIGINT)\nwith process.running():\n    print('never')"
    )
    assert finished(started("-c", program)) == (130, "", SENTENCE)


def test_an_interrupt_after_the_last_line_does_not_change_the_status():
    program = (
        "import os, signal, atexit\nfrom curation import process\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "with process.running():\n    print('done')"
    )
    assert finished(started("-c", program)) == (0, "done\n", "")


SWALLOWED = """
for attempt in range(9):
    try:
        attempt or ready()
        time.sleep(100)
    except BaseException:
        pass
"""
IN_A_DESTRUCTOR = """
class Slow:
    def __del__(self):
        ready()
        time.sleep(100)
Slow()
time.sleep(100)
"""
IN_NATIVE_CODE = """
lock = ctypes.create_string_buffer(128)
ready()
ctypes.CDLL(None).pthread_mutex_lock(lock)
ctypes.CDLL(None).pthread_mutex_lock(lock)
"""
AT_AN_END_THAT_WAITS = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    pool.submit(time.sleep, 100)
    ready()
"""
ANOTHER_ERROR = """
try:
    ready()
    time.sleep(100)
except BaseException:
    raise RuntimeError("conversion failed") from None
"""

WHILE_THE_SENTENCE_IS_WRITTEN = """
write = os.write
os.write = lambda *what: time.sleep(0.5) or write(*what)
try:
    ready()
    time.sleep(100)
finally:
    time.sleep(0.5)
"""
BELOW_NATIVE_CODE_THAT_CALLS_PYTHON = """
torch = {"__name__": "torch.overrides"}
exec("def call(function):\\n try:\\n  function()\\n finally:\\n  print('an exception passed')", torch)
torch["call"](lambda: ready() or time.sleep(100))
"""
UNCLEAN = {
    "swallowed": SWALLOWED,
    "in a destructor": IN_A_DESTRUCTOR,
    "in native code": IN_NATIVE_CODE,
    "at an end that waits": AT_AN_END_THAT_WAITS,
    "another error": ANOTHER_ERROR,
    "while the sentence is written": WHILE_THE_SENTENCE_IS_WRITTEN,
}


@pytest.mark.parametrize("body", UNCLEAN.values(), ids=UNCLEAN)
def test_it_ends_also_where_the_exception_does_not_come_through(body):
    process = block(body)
    process.send_signal(signal.SIGINT)
    assert finished(process) == (130, "", SENTENCE)


def test_no_exception_is_raised_below_native_code_that_calls_python():
    process = block(BELOW_NATIVE_CODE_THAT_CALLS_PYTHON)
    process.send_signal(signal.SIGINT)
    assert finished(process) == (130, "", SENTENCE)


def test_a_second_signal_ends_at_once():
    process = block(SWALLOWED, grace=1000)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert finished(process) == (130, "", SENTENCE)


FORKING = """
ready()
reader, writer = os.pipe()
if not (child := os.fork()):
    defaults = {signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    print(defaults == {signal.SIG_DFL}, signal.set_wakeup_fd(-1), flush=True)
    os.write(writer, b".")
    time.sleep(100)
os.read(reader, 1)
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_inherits_no_handler_and_its_end_is_not_ours():
    process = block(FORKING)
    assert finished(process) == (0, "True -1\n-15\n", "")


def test_a_worker_ends_when_its_parent_is_killed():
    child = (
        "import os, time; from curation.process import end_with\n"
        "end_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(100)"
    )
    body = f"ready()\nimport subprocess\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(100)"
    process = block(body)
    assert int(process.stdout.readline()) != process.pid
    process.kill()
    assert finished(process)[0] == -9, "its output stays open for as long as the worker lives"


MOMENTS = 14


def test_an_embedding_that_is_interrupted_at_any_moment_ends(tmp_path, tiny_model):
    """Also in the conversion and the benchmark of backends, where the exception passes native code."""
    project = make_project(tmp_path, 60)
    project.recipe = Recipe((Step("embed", model=str(tiny_model)),))

    def embedding(name: str) -> subprocess.Popen:
        """A run that nothing was remembered for, so that it converts and measures."""
        folder = shutil.copytree(project.path, tmp_path / name / "p")
        environment = {"XDG_CACHE_HOME": str(tmp_path / name)}
        return started("-m", "curation", "run", str(folder), env=environment)

    def whole(name: str) -> float:
        """The seconds of a run that nobody interrupts."""
        begun, process = time.monotonic(), embedding(name)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        return time.monotonic() - begun

    def interrupted(moment: float) -> None:
        process = embedding(f"{moment:.3f}")
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        status, out, err = finished(process)
        if status != 0:  # else it was done before
            assert (status, out) == (130, ""), err
            assert err.endswith(SENTENCE) and "Traceback" not in err and "ignored" not in err
            assert err.count(SENTENCE) == 1

    with ThreadPoolExecutor(2) as pool:  # two at once, as each waits most of the time
        seconds = max(pool.map(whole, ("one", "two")))
        list(pool.map(interrupted, [seconds * (n + 0.5) / MOMENTS for n in range(MOMENTS)]))


# --- streams -------------------------------------------------------------------------------------


@pytest.fixture
def odd_project(tmp_path):
    """A project of one example from a file whose name and text are not ASCII."""
    source = tmp_path / "grüße ☺.jsonl"
    source.write_text('{"prompt": "Grüße ☺?", "completion": "Zurück ☺."}\n', "utf-8")
    project = Project.create(tmp_path / "p")
    project.add(source)
    return project


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C"},
    ],
    ids=["cp1252", "ascii", "C"],
)
def test_any_encoding_of_the_terminal_will_do(odd_project, tmp_path, environment):
    again = tmp_path / "noch mehr grüße.jsonl"
    again.write_text('{"prompt": "Über was?", "completion": "Über dies."}\n', "utf-8")
    for command in (
        ["import", str(odd_project.path), str(again)],
        ["run", str(odd_project.path)],
        ["rows", str(odd_project.path)],
        ["export", str(odd_project.path), "--to", str(tmp_path / "über")],
    ):
        status, out, err = finished(started("-m", "curation", *command, env=environment))
        assert status == 0 and "Traceback" not in err, (command, err)
        if command[0] == "rows":
            assert out.count('"prompt"') == 2
    names = [entry["name"] for entry in Project.open(odd_project.path).imports]
    assert names == ["grüße ☺.jsonl", "noch mehr grüße.jsonl"]
    manifest = json.loads((tmp_path / "über" / "manifest.json").read_text("utf-8"))
    assert manifest


@pytest.mark.parametrize(
    ("command", "closed"),
    [
        *[("rows {}", closed) for closed in (">&-", "2>&-", "<&- >&- 2>&-")],
        ("run {}/nowhere", ">&- 2>&-"),
    ],
)
def test_a_closed_stream_is_no_error_and_no_file_takes_its_place(odd_project, command, closed):
    line = command.format(odd_project.path)
    done = subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m curation {line} {closed}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == (1 if "nowhere" in line else 0)
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception" not in done.stdout + done.stderr
    assert len(Project.open(odd_project.path).examples) == 1


@pytest.mark.parametrize(
    "command",
    ["operations | head -c 1", "rows {} | head -c 1", "rows {} 2>&1 | true", "run {} 2>&1 | true"],
)
def test_a_reader_that_has_gone_is_no_error(odd_project, command):
    line = f"{sys.executable} -m curation {command.format(odd_project.path)}"
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0 and len(done.stdout) <= 1
    assert "Traceback" not in done.stderr and "Error" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_output_that_does_not_fit_is_one_sentence(odd_project):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "curation", "rows", str(odd_project.path)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "No space left on device" in done.stderr

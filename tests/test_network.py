"""No command, child or fork uses the network unless a person asks for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from curation.cli import COMMANDS
from tests.agents import Lines
from tests.app_server import free_port
from tests.conftest import ROOT

WATCH = """
import os, sys

def local(host):
    host = host.decode() if isinstance(host, bytes) else host
    return not host or host in ("localhost", "::1", "::", "0.0.0.0") or host.startswith("127.")

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        place = arguments[1]
        place = place[0] if isinstance(place, tuple) else ""  # a path or number is this machine's
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        place = arguments[0]
    else:
        return
    if not local(place):
        with open(os.environ["WATCHED"], "a") as log:
            log.write(f"{event} {place!r} by {sys.argv}\\n")
        raise OSError("no network in this test")

sys.addaudithook(watch)
"""
"""Run by Python at its start, in every process that inherits the path; forks inherit the hook."""


@pytest.fixture
def watched(tmp_path):
    """Environment under which what leaves this machine is refused and noted; and the notes."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH)
    notes = tmp_path / "notes.txt"
    notes.write_text("")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "watch"), str(ROOT)]),
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "home" / ".cache"),
        "WATCHED": str(notes),
    }
    for name in ("CI", "TF_BUILD", "JENKINS_URL", "HF_HUB_OFFLINE"):  # where some keep silent
        environment.pop(name, None)
    return environment, notes


def test_the_watch_sees_what_it_should(watched):
    environment, notes = watched
    code = (
        "import os, socket, urllib.request\n"
        "if not os.fork():\n"
        "    try: urllib.request.urlopen('http://example.invalid/')\n"
        "    finally: os._exit(0)\n"
        "os.wait(); socket.create_server(('127.0.0.1', 0)).close()\n"
    )
    subprocess.run([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
    assert notes.read_text().count("example.invalid") == 1
    assert "127.0.0.1" not in notes.read_text()


def test_no_command_reaches_beyond_this_machine(watched, tmp_path, tiny_model):
    environment, notes = watched
    project, recipe = tmp_path / "p", tmp_path / "p" / "recipe.yaml"
    rows = [{"prompt": f"Where is the river {i}?", "completion": "Long way."} for i in range(40)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    steps = [
        *("fix_text: {}", "drop_exact_duplicates: {}", "lengths: {}", "language: {}"),
        "keep_between: {score: response_tokens, low: 1}",
        f"embed: {{model: {tiny_model}, way: openvino-packed-float32}}",
        *("project_map: {}", "topics: {}"),
    ]
    text = "version: 1\nsteps:\n" + "".join(f"  - {step}\n" for step in steps)

    def curate(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "curation", *map(str, command)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        used.add(command[0])
        return done.stdout

    def train() -> None:
        curate("operations")
        curate("schema")
        labelled = [
            {"text": f"{'rain' if i % 2 else 'sun'} {i} today", "label": i % 2} for i in range(200)
        ]
        (tmp_path / "labelled.jsonl").write_text("".join(json.dumps(r) + "\n" for r in labelled))
        curate("new", tmp_path / "weather")
        curate("import", tmp_path / "weather", tmp_path / "labelled.jsonl")
        plan = ("--learner", "logistic", "--arm", "random", "--budget", 20, "--seeds", 1)
        run = json.loads(curate("train", tmp_path / "weather", *plan, "--json"))["run"]
        curate("evaluate", tmp_path / "weather", run)
        curate("runs", tmp_path / "weather")

    def look() -> None:
        curate("search", project, "river", "--meaning")
        curate("explain", project, first)
        curate("topics", project)
        curate("recipe", project, "--preset", "chat")
        curate("precision", project, "keep_between")
        curate("judge", project, "--url", "http://judge.invalid/v1", "--model", "m")  # no --yes
        curate("queue", project)
        curate("queue", project, "hard", "--save", "--order", "uncertain")
        curate("queue", project, "hard")
        curate("reference", project, tmp_path / "rows.jsonl", "--name", "wanted")
        curate("coverage", project, "--reference", "wanted")
        curate("compare", project, "--budget", 10)

    def decide() -> None:
        (tmp_path / "decided.jsonl").write_text(json.dumps({"id": first, "kind": "keep"}) + "\n")
        curate("decide", project, "--from", tmp_path / "decided.jsonl", "--annotator", "Ann")
        curate("suggest", project, "--column", "language", "--question", "label")
        curate("suggestions", project)
        curate("gold", project)
        curate("decisions", project)
        curate("history", project)
        curate("agreement", project)
        curate("review", project, "--overlap", "2")
        curate("export", project, "--to", tmp_path / "out", "--format", "trl", "--format", "hf")
        curate("check", project)
        curate("carry", project)
        curate("doctor", project)

    used = set[str]()
    curate("new", project)
    curate("import", project, tmp_path / "rows.jsonl")
    recipe.write_text(text)
    curate("run", project, "--engine", "serial")
    recipe.write_text(text.replace(", way: openvino-packed-float32", ""))
    curate("run", project)
    benchmark = (
        f"from curation.embedding import encoder; encoder.fastest_backend({str(tiny_model)!r})"
    )
    subprocess.run([sys.executable, "-c", benchmark], env=environment, check=True, timeout=300)
    first = json.loads(curate("rows", project).split("\n")[0])["id"]
    with ThreadPoolExecutor(3) as pool:  # each part needs nothing of the others
        for part in [pool.submit(part) for part in (decide, look, train)]:
            part.result()
    serve(project, environment)
    lines = Lines("--root", tmp_path, "--write", "--as", "helper", env=environment)
    assert lines.call("search", project="p", text="river", by="meaning")["structuredContent"][
        "rows"
    ]
    assert lines.call("run", project="p", wait=50)["structuredContent"]["state"] == "done"
    assert lines.end()[:2] == (0, "")
    used.add("mcp")
    assert used == set(COMMANDS) - {"app", "demo", "push"}, (
        "a demo is a new, an import, a run and an export"
    )
    assert notes.read_text() == ""


def serve(project, environment) -> None:
    """Start the app, fetch a page, and stop it."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "curation", "app", str(project), "--no-token", "--port", str(port)],
        env={**environment, "STREAMLIT_SERVER_HEADLESS": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(240):
        try:
            urllib.request.urlopen(f"http://localhost:{port}/", timeout=5).read()
            break
        except OSError:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.25)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert err.endswith("The app was stopped; what it showed as saved is on disk.\n")

"""The engine on a Ray cluster: the results of one process, lost workers and nodes, and its sentences."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import orjson
import pandas as pd
import pytest
from typer.testing import CliRunner

from curation import Project
from curation.cli import app
from curation.embedding import load_encoder, workers
from curation.engine import Batch, make_engine, on_ray
from curation.engine.batches import BATCH_ROWS
from curation.engine.on_ray import FEW, Ray
from curation.errors import Cancelled, CurationError, MissingExtra
from curation.recipe import Recipe, Step
from curation.recipe_file import DEFAULT_RECIPE
from tests.conftest import ROOT
from tests.ray_nodes import Nodes, enclosed, environment, needs_namespace
from tests.test_network import WATCH

pytestmark = pytest.mark.alone

OPERATIONS = """
import os
import signal
import time
from pathlib import Path

from curation.registry import score


@score("Mortal")
def mortal(batch, *, marks: str = "", lives: int = 0, seconds: float = 0.0, file: str = ""):
    \"\"\"Length of the prompt; the first workers that meet "end" are ended, so many times.\"\"\"
    if "end" in set(batch["prompt"]):
        ended = len(list(Path(marks).glob("ended-*")))
        if ended < lives:
            (Path(marks) / f"ended-{ended}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)
    (Path(marks) / f"done-{batch['prompt'].iloc[0]}").touch()
    if file:
        Path(file).write_text("x" * 100_000)
    return batch["prompt"].str.len()
"""
"""A module of operations, which lies on the path of the nodes."""

DRIVER = """
import json
import sys

import pandas as pd
import their_operations

from curation.cli import app
from curation.engine import Batch, make_engine
from curation.errors import CurationError

address, params, count = json.loads(sys.argv[1])
texts = {"response": "a", "system": "", "label": "", "messages": "[]"}
prompts = ["end" if n == 5 else "a" * n for n in range(count)]
engine = make_engine("ray", address)
try:
    batches = [Batch("mortal", params, pd.DataFrame({"prompt": [p], **texts})) for p in prompts]
    print(json.dumps([int(made["mortal"].iloc[0]) for made in engine.run(batches)]))
except CurationError as error:
    print(error)
finally:
    engine.close()
"""
"""A program that runs so many batches of that operation on a cluster, and prints what comes of it."""

COUNT = 10
LENGTHS = [3 if n == 5 else n for n in range(COUNT)]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ray")
    (folder / "their_operations.py").write_text(OPERATIONS)
    (folder / "driver.py").write_text(DRIVER)
    return folder


@pytest.fixture(scope="module")
def nodes(place):
    """A cluster whose nodes "a" and "b" have one core each."""
    needs_namespace()
    cluster = Nodes(str(place), place / "cluster.log", XDG_CACHE_HOME=str(place / "machine"))
    try:
        for name in "ab":
            cluster.ask(add=name)
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def results(nodes, place, tmp_path):
    """Run the batches on the cluster: lengths, or the sentence that came instead."""

    def run(**params):
        job = json.dumps([nodes.address, {"marks": str(tmp_path), **params}, COUNT])
        done = nodes.run(place / "driver.py", job)
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.splitlines()
        return json.loads(line) if line.startswith("[") else line

    return run


# --- what comes out -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(place) -> Project:
    """A project of four batches, with quick batched steps of a new project's recipe."""
    texts = (
        {
            "prompt": f"Do you know  the river number {n % 6_000}?",
            "completion": f"It flows for {n} miles,\u00a0I think. Bonjour à tous. " * (1 + n % 3),
        }
        for n in range(6_500)
    )
    (place / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in texts))
    fresh = Project.create(place / "p")
    fresh.add(place / "rows.jsonl")
    quick = "fix_text drop_exact_duplicates lengths drop_near_duplicates keep_between"
    fresh.recipe = Recipe(tuple(step for step in DEFAULT_RECIPE if step.use in quick.split()))
    return fresh


def remembered(project: Path) -> dict[str, bytes]:
    """Every stored result of a project, by its name."""
    return {path.name: path.read_bytes() for path in (project / "cache").rglob("*.arrow")}


def test_a_cluster_gives_the_bytes_of_one_process(nodes, project, place, tmp_path):
    shutil.copytree(project.path, tmp_path / "q")
    project.run(engine=make_engine("serial"))
    words = ("-m", "curation", "run", tmp_path / "q", "--engine", "ray", "--address", nodes.address)
    done = nodes.run(*words, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert not any(step["cached"] for step in summary["steps"])
    assert summary["fingerprint"] == project.replay().steps[-1].fingerprint
    assert remembered(tmp_path / "q") == remembered(project.path)
    assert "Ray" not in done.stderr and "ray" not in done.stderr, "Ray itself prints nothing"


def test_batches_of_an_ended_worker_are_done_again(results):
    assert results(lives=2) == LENGTHS


def test_a_batch_that_ends_every_worker_is_a_sentence(results):
    assert results(lives=100).startswith("The worker of a batch was lost 4 times")


def test_a_node_that_is_killed_in_the_middle_costs_no_row(nodes, results, tmp_path):
    nodes.ask(kill="b", when=str(tmp_path / "done-aa"))
    try:
        assert results(seconds=0.3) == LENGTHS
    finally:
        nodes.ask(add="b")


INTERRUPT = """
import signal
import subprocess
import sys
import time
from pathlib import Path

cache = Path(sys.argv[1], "cache")
run = subprocess.Popen([sys.executable, "-m", "curation", "run", *sys.argv[1:]])
while not list(cache.rglob("*.arrow")) and run.poll() is None:
    time.sleep(0.02)
run.send_signal(signal.SIGTERM)  # for which Ray has a function of its own
run.wait()
print(run.returncode)
"""
"""A program that interrupts a run when its first batch is remembered."""


def test_a_cancelled_run_ends_in_a_sentence_and_keeps_what_was_finished(
    nodes, project, place, tmp_path
):
    slow = Project.create(tmp_path / "q")
    text = (place / "rows.jsonl").read_bytes()
    (tmp_path / "rows.jsonl").write_bytes(text * 6)  # Ray sees a signal after up to a second
    slow.add(tmp_path / "rows.jsonl")
    batches = -(-len(slow.examples.rows) // BATCH_ROWS)
    slow.recipe = Recipe(tuple(step for step in DEFAULT_RECIPE if step.use == "language"))
    (place / "interrupt.py").write_text(INTERRUPT)
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    (notes := tmp_path / "notes.txt").write_text("")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    words = (place / "interrupt.py", slow.path, "--engine", "ray", "--address", nodes.address)
    done = nodes.run(*words, PYTHONPATH=path, WATCHED=str(notes))
    assert done.stdout == "143\n", done.stderr
    assert done.stderr.endswith(f"{Cancelled()}\n") and "Traceback" not in done.stderr
    finished = remembered(slow.path)
    assert 1 <= len(finished) < batches
    assert notes.read_text() == "", "nothing beyond this machine was called"
    assert slow.replay().steps[-1].name == "language"
    assert finished.items() <= remembered(slow.path).items()


# --- vectors --------------------------------------------------------------------------------------


def all_bytes(project: Path) -> dict[str, bytes]:
    """Every stored result and vector of a project, by its path."""
    paths = [path for path in (project / "cache").rglob("*") if path.suffix in (".arrow", ".rows")]
    return {str(path.relative_to(project)): path.read_bytes() for path in paths}


def test_vectors_of_a_cluster_are_those_of_one_process_though_a_node_is_killed(
    nodes, project, tiny_model, tmp_path
):
    alone, spread = tmp_path / "one", tmp_path / "many"
    for folder in (alone, spread):
        shutil.copytree(project.path, folder, ignore=shutil.ignore_patterns("cache"))
        ways = ("torch-packed-float32", "draft")
        steps = [Step("embed", model=str(tiny_model), way=backend) for backend in ways]
        Project.open(folder).recipe = Recipe(tuple(steps))
    words = ("-m", "curation", "run", "--json")
    first = nodes.run(*words, alone, "--engine", "serial")
    nodes.ask(kill="b", when=str(spread / "cache" / "vectors"))
    try:
        second = nodes.run(*words, spread, "--engine", "ray", "--address", nodes.address)
    finally:
        nodes.ask(add="b")
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert json.loads(first.stdout)["fingerprint"] == json.loads(second.stdout)["fingerprint"]
    assert all_bytes(spread) == all_bytes(alone)
    assert sum(path.endswith(".rows") for path in all_bytes(alone)) == len(ways)


# --- sentences ------------------------------------------------------------------------------------


def test_a_full_disk_on_a_worker_is_a_sentence(results):
    assert re.fullmatch(
        r"On the Ray worker on [\d.]+: .*could not be read or written: No space left on device\.",
        results(file="/dev/full"),
    )


def test_a_node_with_other_code_is_a_sentence_with_both_versions(nodes, results, place, tmp_path):
    shutil.copytree(ROOT / "curation", tmp_path / "curation")
    with open(tmp_path / "curation" / "engine" / "batches.py", "a") as stream:
        stream.write("\nCHANGED = True\n")
    nodes.ask(add="c", variables={"PYTHONPATH": os.pathsep.join([str(tmp_path), str(place)])})
    try:
        sentence = results()
    finally:
        nodes.ask(kill="c")
    versions = re.findall(r"0\.1\.0 \(code (\w{12})\) (there|here)", sentence)
    assert [where for _, where in versions] == ["there", "here"], sentence
    assert versions[0][0] != versions[1][0]


OTHER = """
import ray

from curation.engine import make_engine

ray.__version__ = "2.0.1"
make_engine("ray", "{}")._connected()
"""


def test_a_cluster_of_another_version_of_ray_is_a_sentence_with_both(nodes):
    done = nodes.run("-c", OTHER.format(nodes.address))
    assert re.search(
        rf"CurationError: The Ray cluster at {nodes.address} was started by other versions: "
        r"Ray: [\d.]+ and Python: ([\d.]+) there, Ray: 2\.0\.1 and Python: \1 here\. ",
        done.stderr,
    ), done.stderr


ABSENT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "curation":
            raise ModuleNotFoundError("No module named 'curation'", name=name)

sys.meta_path.insert(0, Absent())
"""


def test_a_node_without_the_program_is_a_sentence(nodes, results, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(ABSENT)
    nodes.ask(add="d", variables={"PYTHONPATH": str(tmp_path)})
    try:
        sentence = results()
    finally:
        nodes.ask(kill="d")
    assert re.match(
        r"The Ray worker on [\d.]+ does not have this program, or a part of it: No module named",
        sentence,
    )


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=re.escape('pip install "curation[ray]"')):
        make_engine("ray")


def of_worker(params: dict[str, str]) -> str:
    """The sentence that the command shows for a worker that embeds by such parameters."""
    name = f"{workers.__name__}:encoded"
    rows = pd.DataFrame({"text": ["bread"]})
    about = (workers.__name__, name, on_ray._version(name), repr(params))
    answer = on_ray.at_worker("10.0.0.2", *about, pickle.dumps(params), pickle.dumps(rows))
    with pytest.raises(CurationError) as caught:
        on_ray._value(answer, "")
    return str(caught.value)


def test_a_node_without_the_model_or_with_another_is_a_sentence(tiny_model, tmp_path):
    backend = "torch-packed-float32"
    own = {
        "model": str(tiny_model),
        "backend": backend,
        "name": load_encoder(str(tiny_model), backend).name,
    }
    shutil.copytree(tiny_model, other := tmp_path / "tiny")
    (other / "added.txt").write_text("other words")
    theirs = load_encoder(str(other), backend).name
    assert of_worker({**own, "model": str(other)}) == (
        f"On the Ray worker on 10.0.0.2: the embedding model is {theirs}, but {own['name']} where the "
        "command runs. Give every node the same files."
    )
    assert of_worker({**own, "model": str(tmp_path / "none")}) == (
        f"On the Ray worker on 10.0.0.2: There is no folder {tmp_path / 'none'}; name another, or none "
        "for the bundled model."
    )
    assert "cuda-float32, which this machine does not offer" in of_worker(
        {**own, "backend": "cuda-float32", "name": own["name"].replace(backend, "cuda-float32")}
    )


needs_ray = pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="Ray is not installed")


@needs_ray
@pytest.mark.parametrize(
    "address", ["steam", "ray://10.0.0.1:10001", "http://10.0.0.1:8265", "10.0.0.1:", "h:70000"]
)
def test_an_address_of_another_form_is_a_sentence(address):
    with pytest.raises(CurationError, match=f"^{re.escape(repr(address))} is no address of a Ray"):
        Ray(address)


def batches(count: int) -> list[Batch]:
    texts = {"prompt": ["a"], "response": "a", "system": "", "label": "", "messages": "[]"}
    return [Batch("lengths", {}, pd.DataFrame(texts))] * count


@needs_ray
def test_an_address_that_does_not_answer_is_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    engine = Ray(f"127.0.0.1:{port}")
    with pytest.raises(CurationError, match=f"^No Ray cluster answers at 127.0.0.1:{port}: "):
        list(engine.run(batches(FEW)))
    assert len(list(engine.run(batches(FEW - 1)))) == FEW - 1, "few batches need no cluster"


@needs_ray
def test_an_address_needs_the_engine(project):
    done = CliRunner().invoke(app, ["run", str(project.path), "--address", "10.0.0.1:6379"])
    assert done.exit_code == 2 and "--address needs --engine ray" in done.output


@needs_ray
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("OutOfDiskError", "The disk of a node of the Ray cluster is full"),
        ("ObjectStoreFullError", "The shared memory of a node of the Ray cluster is full"),
    ],
)
def test_a_node_without_room_for_ray_is_a_sentence(error, sentence):
    engine = Ray()
    engine._ray = importlib.import_module("ray")
    with pytest.raises(CurationError, match=sentence), engine._in_a_sentence():
        raise getattr(engine._ray.exceptions, error)("objects were not stored")


def test_no_cluster_on_this_machine_is_a_sentence():
    needs_namespace()
    code = "from curation.engine import make_engine; make_engine('ray')._connected()"
    done = subprocess.run(
        enclosed(sys.executable, "-c", code), env=environment(), capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1].endswith(
        "CurationError: No Ray cluster runs on this machine: give --address HOST:PORT, start one by ray "
        "start --head, or take --engine processes."
    )


STRANGE = """
import os
import socket
import subprocess
import sys
from pathlib import Path

from curation.engine import make_engine
from curation.errors import CurationError

ray = [Path(sys.executable).parent / "ray", "start", "--head", "--port", "6379"]
token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789" * 5}
subprocess.run(
    [*ray, "--include-dashboard=false", "--disable-usage-stats"],
    env={**os.environ, **token},
    stdout=subprocess.DEVNULL,
    check=True,
)
silent = socket.create_server(("127.0.0.1", 6380))
for port in (6379, 6380):
    try:
        make_engine("ray", f"127.0.0.1:{port}")._connected()
    except CurationError as error:
        print(error)
"""
"""A program that meets a cluster which asks for a token, and a port which takes connections alone."""


def test_a_missing_token_and_a_port_that_says_nothing_are_sentences():
    needs_namespace()
    hurry = {"RAY_NUM_REDIS_GET_RETRIES": "1", "RAY_py_gcs_connect_timeout_s": "2"}
    done = subprocess.run(
        enclosed(sys.executable, "-c", STRANGE),
        env=environment(**hurry),
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [
        "The Ray cluster at 127.0.0.1:6379 asks for its token: export RAY_AUTH_MODE=token, and put the "
        "token into ~/.ray/auth_token or RAY_AUTH_TOKEN.",
        "No Ray cluster answers at 127.0.0.1:6380: what listens there is not Ray, or is stuck.",
    ], done.stderr

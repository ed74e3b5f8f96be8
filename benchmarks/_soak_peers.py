"""The kills of `benchmarks soak` on other annotation tools, over their own HTTP interfaces.

A person gives one answer after the other; an answer without a reply is given again, as a person
presses again. Nothing of a tool is changed, and no file of its own is written.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from benchmarks._soak_check import Result
from tests.app_server import free_port

TASKS = 4000
PEOPLE = 4
PAUSE = 0.02
"""Seconds between two answers of a person."""

START = 300.0
"""Seconds that a tool may take to start."""

BROKEN = (
    OSError,
    http.client.HTTPException,
    urllib.error.URLError,
    ValueError,
    KeyError,
    TypeError,
)


class Peer:
    """A tool as a process of its own that is started, killed and started again."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder, self.port = program, folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"

    def words(self) -> list[str]:
        """Return the command that starts the tool."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Make tasks, once the tool runs for the first time."""

    def open(self, person: str) -> Callable[[int], None]:
        """Return a function with which a person answers a task; raises one of BROKEN on failure."""
        raise NotImplementedError

    def stored(self) -> Counter[tuple[str, int]]:
        """Return how often the tool has the answer of a person to a task."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the tool and wait until it answers."""
        with open(self.log, "ab") as stream:
            self.server = subprocess.Popen(
                self.words(),
                cwd=self.folder,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                env={**os.environ, **ENVIRONMENT},
            )
        until = time.monotonic() + START
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(self.address, timeout=5)
                return
            except BROKEN:
                time.sleep(0.1)
        raise AssertionError(self.log.read_text("utf-8", "replace")[-2000:])

    def kill(self) -> None:
        """End the tool with all its processes at once."""
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()


ENVIRONMENT = {
    "PYTHONPATH": "",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    "COLLECT_ANALYTICS": "False",
    "LATEST_VERSION_CHECK": "False",
}
"""No call goes home, and Label Studio takes the token of its command line."""


def _json(request: urllib.request.Request, opener: Any = urllib.request) -> Any:
    open_it = opener.urlopen if opener is urllib.request else opener.open
    with open_it(request, timeout=20) as reply:
        return json.loads(reply.read() or b"null")


def _post(url: str, body: Any, **headers: str) -> urllib.request.Request:
    data = json.dumps(body).encode()
    return urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})


class Potato(Peer):
    """Potato: a folder of JSON files."""

    def words(self) -> list[str]:
        """Return the command that starts the tool, after writing its configuration."""
        settings = {
            "annotation_task_name": "soak",
            "task_dir": ".",
            "output_annotation_dir": "out",
            "output_annotation_format": "json",
            "data_files": ["items.json"],
            "item_properties": {"id_key": "id", "text_key": "text"},
            "require_password": False,
            "user_config": {"allow_all_users": True, "users": []},
            "assignment_strategy": "fixed_order",
            "max_annotations_per_user": TASKS,
            "max_annotations_per_item": 100,
            "annotation_schemes": [
                {
                    "annotation_type": "radio",
                    "name": "verdict",
                    "description": "Keep or drop",
                    "labels": ["keep", "drop"],
                }
            ],
        }
        (self.folder / "config.yaml").write_text(json.dumps(settings), "utf-8")
        items = [{"id": f"e{n}", "text": f"How much is {n} times 3?"} for n in range(TASKS)]
        (self.folder / "items.json").write_text(json.dumps(items), "utf-8")
        return [str(self.program), "start", "config.yaml", "-p", str(self.port)]

    def open(self, person: str) -> Callable[[int], None]:
        """Log a person in."""
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        form = urllib.parse.urlencode({"email": person, "action": "login", "pass": ""}).encode()
        opener.open(f"{self.address}/auth", form, timeout=20).read()

        def answer(task: int) -> None:
            body = {
                "instance_id": f"e{task}",
                "schema": "verdict",
                "type": "label",
                "state": [{"name": verdict_of(task), "value": "true"}],
            }
            reply = _json(_post(f"{self.address}/updateinstance", body), opener)
            if reply["status"] != "success":
                raise ValueError(reply)

        return answer

    def stored(self) -> Counter[tuple[str, int]]:
        """Return the answers in the state of each person, which holds one for each task."""
        counts: Counter[tuple[str, int]] = Counter()
        for path in (self.folder / "out").glob("*/user_state.json"):
            values = json.loads(path.read_text("utf-8"))["instance_id_to_label_to_value"]
            for task, labels in values.items():
                number = int(task[1:])
                right = [one for one in labels if one[0]["name"] == verdict_of(number)]
                if right:
                    counts[path.parent.name, number] = len(labels)
        return counts


class LabelStudio(Peer):
    """Label Studio, community edition, on its SQLite."""

    token = "0123456789abcdef0123456789abcdef01234567"

    def words(self) -> list[str]:
        """Return the command that starts the tool."""
        words = f"start --no-browser --port {self.port} --internal-host 127.0.0.1"
        words += f" --data-dir {self.folder / 'data'} --username soak@example.com"
        words += f" --password soak-soak-1 --user-token {self.token}"
        return [str(self.program), *words.split()]

    def _call(self, path: str, body: Any = None) -> Any:
        token = {"Authorization": f"Token {self.token}"}
        if body is None:
            return _json(urllib.request.Request(self.address + path, headers=token))
        return _json(_post(self.address + path, body, **token))

    def prepare(self) -> None:
        """Make a project with its tasks."""
        view = (
            '<View><Text name="t" value="$text"/><Choices name="verdict" toName="t">'
            '<Choice value="keep"/><Choice value="drop"/></Choices></View>'
        )
        project = self._call("/api/projects", {"title": "soak", "label_config": view})["id"]
        tasks = [{"text": f"How much is {n} times three?"} for n in range(TASKS)]
        self._call(f"/api/projects/{project}/import", tasks)
        self.project = project
        page = self._call(f"/api/tasks?project={project}&page_size=1")
        self.first = int(page["tasks"][0]["id"])

    def open(self, person: str) -> Callable[[int], None]:
        """Return a function that answers; the community edition has one token for this harness."""

        def answer(task: int) -> None:
            result = {
                "from_name": "verdict",
                "to_name": "t",
                "type": "choices",
                "id": f"{person}.{task}",
                "value": {"choices": [verdict_of(task)]},
            }
            body = {"result": [result]}
            reply = self._call(f"/api/tasks/{self.first + task}/annotations/", body)
            if not reply["id"]:
                raise ValueError(reply)

        return answer

    def stored(self) -> Counter[tuple[str, int]]:
        """Return the annotations of the database, read while the tool is stopped."""
        import sqlite3

        counts: Counter[tuple[str, int]] = Counter()
        path = next((self.folder / "data").glob("*.sqlite3"))
        connection = sqlite3.connect(path)
        for (text,) in connection.execute("SELECT result FROM task_completion"):
            person, _, task = json.loads(text)[0]["id"].partition(".")
            counts[person, int(task)] += 1
        connection.close()
        return counts


PEERS = {"potato": Potato, "label-studio": LabelStudio}


def verdict_of(task: int) -> str:
    """Return the answer that everybody gives to a task."""
    return "keep" if task % 3 else "drop"


class Person(threading.Thread):
    """One person who answers task after task, each until it is acknowledged."""

    def __init__(self, peer: Peer, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.peer, self.person, self.number, self.halt = peer, f"p{number}", number, stop
        self.acknowledged: list[int] = []
        self.took: list[float] = []
        self.again = 0

    def run(self) -> None:
        """Answer every task that is this person's."""
        answer: Callable[[int], None] | None = None
        for task in range(self.number, TASKS, PEOPLE):
            while not self.halt.is_set():
                try:
                    answer = answer or self.peer.open(self.person)
                    begun = time.perf_counter()
                    answer(task)
                    self.took.append(time.perf_counter() - begun)
                    self.acknowledged.append(task)
                    break
                except BROKEN:
                    answer = None
                    self.again += 1
                    self.halt.wait(0.1)
            self.halt.wait(PAUSE)


def _await_save(crowd: list[Person]) -> None:
    """Wait until somebody's answer is acknowledged: the first after a start may take seconds."""
    before, until = sum(len(p.acknowledged) for p in crowd), time.monotonic() + 60
    while sum(len(p.acknowledged) for p in crowd) == before and time.monotonic() < until:
        time.sleep(0.01)


def soak(peer: Peer, kills: int, seconds: float, seed: int = 0) -> tuple[int, float, Result]:
    """Kill a tool that many times, or for that long, while people answer; then look into its store.

    Returns kills, the median milliseconds of a save, and the result.
    """
    chance, stop = random.Random(seed), threading.Event()
    peer.start()
    peer.prepare()
    crowd = [Person(peer, number, stop) for number in range(PEOPLE)]
    until, done = time.monotonic() + seconds, 0
    for person in crowd:
        person.start()
    while done < kills and time.monotonic() < until and any(p.is_alive() for p in crowd):
        _await_save(crowd)
        time.sleep(chance.uniform(0.0, 3.0))
        peer.kill()
        done += 1
        peer.start()
    time.sleep(2)
    stop.set()
    for person in crowd:
        person.join(30)
    peer.kill()
    counts = peer.stored()
    acknowledged = [(p.person, task) for p in crowd for task in p.acknowledged]
    lost = [key for key in acknowledged if not counts[key]]
    doubled = [key for key, count in counts.items() if count > 1]
    took = sorted(second for p in crowd for second in p.took)
    wrong = [f"{p} to task {n} is lost" for p, n in lost]
    wrong += [f"{p} to task {n} stands {counts[p, n]} times" for p, n in doubled]
    return (
        done,
        1000 * took[len(took) // 2],
        Result(len(acknowledged), len(lost), len(doubled), wrong),
    )

"""A server of answers that can be killed at any moment, for `benchmarks soak`.

It saves answers through the function that replies to the card's page, over one line of JSON a
request on loopback.
"""

from __future__ import annotations

import ast
import os
import signal
import socketserver
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

import curation.decisions
from benchmarks._soak_schema import add_migrations
from curation import Project
from curation.decisions import database as databases
from curation.errors import CurationError
from curation.ui.card.answers import write

EXAMPLES = [f"s{n}" for n in range(40)]
"""Examples about which everybody decides, and which pages lease."""

OVERLAP = 2
"""People who hold one example at most."""

RECEIVED, UNANSWERED = "received", "unanswered"
"""Points of this server: a request was read, and its answers are saved but not yet acknowledged."""


def points() -> list[str]:
    """Return the named points of a save, read from the store's source, and those of this server."""
    named = []
    for path in sorted(Path(curation.decisions.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "reached":
                named.append(ast.literal_eval(node.args[0]))
    return [RECEIVED, *dict.fromkeys(named), UNANSWERED]


@dataclass(frozen=True)
class Life:
    """Settings of a server from its start to its end.

    point: the named point at which it kills itself, when it passes it for the nth time (`passing`).
    migrations: number of further schema versions that this program has. clock: seconds by which the
    machine's clock is wrong. cache: the account's folder for what it allowed.
    """

    project: Path
    port: int
    point: str = ""
    passing: int = 1
    migrations: int = 0
    clock: float = 0.0
    cache: str = field(default_factory=lambda: os.environ.get("XDG_CACHE_HOME", ""))


def serve(life: Life) -> None:
    """Answer requests until killed."""
    reached = _killer(life.point, life.passing)
    databases.reached = reached
    os.environ["XDG_CACHE_HOME"] = life.cache
    if life.clock:
        clock = time.time
        time.time = lambda: clock() + life.clock
    add_migrations(life.migrations)
    project = Project.open(life.project)

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            try:
                for line in self.rfile:
                    reached(RECEIVED)
                    answer = reply(project, orjson.loads(line))
                    reached(UNANSWERED)
                    self.wfile.write(orjson.dumps(answer) + b"\n")
            except ConnectionError:
                pass  # the page went away

    with _Server(("127.0.0.1", life.port), Handler) as server:
        server.serve_forever()


def reply(project: Project, request: dict[str, Any]) -> dict[str, Any]:
    """Save the answers of a page and lease its next examples, as the app's reply does."""
    answer = asdict(write(project, request["answers"]))
    start = int(request["sent"]) // 4 % len(EXAMPLES)
    next_ones = [*EXAMPLES[start:], *EXAMPLES[:start]]
    try:
        project.decisions.leases.take(
            request["page"],
            request["by"],
            next_ones,
            3,
            overlap=lambda example: OVERLAP,
            waiting=len(EXAMPLES),
        )
    except CurationError as error:
        answer["trouble"] = str(error)
    return answer


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def _killer(point: str, passing: int) -> Callable[[str], None]:
    """Return a function that ends the process at a point, with no chance to tidy up."""
    left = passing

    def reached(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached

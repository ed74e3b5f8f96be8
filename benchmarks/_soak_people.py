"""Simulated annotators for `benchmarks soak`: each keeps an outbox as the card's page does.

An answer stays in the outbox until the server acknowledges it and is sent again after each broken
connection. The annotator remembers what was acknowledged; nothing else is trusted afterwards.
"""

from __future__ import annotations

import pickle
import random
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import orjson

from benchmarks._soak_server import EXAMPLES
from curation.ui.card.replies import AHEAD

TURNS = orjson.dumps([{"role": "user", "content": "Name a planet."}]).decode()
KINDS = ("keep", "drop", "label", "tag", "untag", "note", "rate", "edit", "skip", "undo", "redo")
WEIGHTS = (8, 8, 6, 3, 1, 2, 3, 2, 2, 3, 2)
WORDS = ("tea", "bread", "river", "光合作用")
WAIT = 10.0
"""Seconds until a request without a reply is sent again."""

PATIENCE = 60.0
"""Seconds after which an annotator gives up whose last answers nobody takes."""


@dataclass
class Outbox:
    """All that one annotator answered and heard.

    answers: in the order in which they were given. acknowledged: op_ids in the order of the replies.
    took: seconds from each answer to its acknowledgement. troubles: what the server said when it
    could not save, and how often. refused: answers that the server will never take. broken:
    connections that ended in the middle. unsaved: answers without an acknowledgement.
    abandoned: op_ids of answers that went with a closed tab, saved or not.
    """

    name: str
    answers: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    broken: int = 0
    unsaved: list[dict[str, Any]] = field(default_factory=list)
    abandoned: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Pace:
    """The speed of annotators, and their patience.

    seconds: between two answers; 0 for the next one at once. most: answers of one person. closes:
    share of broken connections at which a person closes the tab, with all that is not saved.
    """

    seconds: float
    most: int = 10**9
    closes: float = 0.0


class Annotator:
    """One person who answers, with one connection to the server."""

    def __init__(self, name: str, port: int, pace: Pace) -> None:
        self.box = Outbox(name)
        self.port, self.pace = port, pace
        self.chance = random.Random(name)
        self.on: list[tuple[str, str]] = []  # op_id and example of what counts, to be taken back
        self.off: list[tuple[str, str]] = []
        self.given: dict[str, float] = {}
        self.connection: socket.socket | None = None
        self.rest = b""
        self.sent = self.tab = 0

    def work(self, stop: Event) -> None:
        """Answer until told to stop, then send until everything is acknowledged."""
        begun = time.monotonic() + self.chance.random() * self.pace.seconds  # nobody keeps step
        while not stop.is_set() and len(self.box.answers) < self.pace.most:
            elapsed = time.monotonic() - begun
            due = elapsed / self.pace.seconds if self.pace.seconds else len(self.box.answers) + 1
            room = AHEAD - len(self.box.unsaved)  # a page has no more cards without a reply
            for _ in range(min(8, room, int(due) - len(self.box.answers))):
                self.answer()
            if self.box.unsaved:
                self.exchange()
            elif self.pace.seconds:
                later = (len(self.box.answers) + 1) * self.pace.seconds
                stop.wait(max(0.0, begun + later - time.monotonic()))
        until = time.monotonic() + PATIENCE
        while self.box.unsaved and time.monotonic() < until:
            self.exchange()

    def answer(self) -> None:
        """Put one more answer into the outbox."""
        number, chance = len(self.box.answers), self.chance
        shared = chance.random() < 0.1
        example = chance.choice(EXAMPLES) if shared else f"{self.box.name}.{number // 3}"
        kind, value = chance.choices(KINDS, WEIGHTS)[0], None
        source, target = (self.on, self.off) if kind == "undo" else (self.off, self.on)
        if kind in ("undo", "redo") and source:
            act, example = source.pop()
            target.append((act, example))
            value = {"batch": act}
        elif kind in ("undo", "redo"):
            kind = "keep"
        elif kind == "edit":
            value = {"messages": TURNS, "texts": [[0, "content", f"Name a {chance.random()}."]]}
        elif kind == "rate":
            value = chance.randrange(1, 6)
        elif kind in ("label", "tag", "untag", "note"):
            value = chance.choice(WORDS)
        reason = chance.choice(WORDS) if kind in ("drop", "edit") and chance.random() < 0.3 else ""
        answer = {
            "op": f"{self.box.name}:op{number}",
            "example": example,
            "revision": 0,
            "kind": kind,
            "value": value,
            "reason": reason,
            "by": self.box.name,
            "time": round(time.time(), 3),
            "queue": "review" if chance.random() < 0.15 else "undecided",
        }
        if kind not in ("undo", "redo"):
            self.on.append((answer["op"], example))
        self.box.answers.append(answer)
        self.box.unsaved.append(answer)
        self.given[answer["op"]] = time.perf_counter()

    def exchange(self) -> None:
        """Send the whole outbox and take out what the reply acknowledges."""
        try:
            self.sent += 1
            page = f"{self.box.name}/{self.tab}"
            request = {"page": page, "by": self.box.name, "sent": self.sent}
            reply = self._reply(request | {"answers": self.box.unsaved})
        except (OSError, EOFError):
            if self.connection is not None:
                self.box.broken += 1
                self.connection.close()
                if self.chance.random() < self.pace.closes:
                    self._close_tab()
            self.connection, self.rest = None, b""
            time.sleep(0.005)
            return
        moment = time.perf_counter()
        self.box.acknowledged += reply["saved"]
        self.box.took += [moment - self.given.pop(op) for op in reply["saved"]]
        self.box.refused |= reply["refused"]
        settled = {*reply["saved"], *reply["refused"]}
        self.box.unsaved = [a for a in self.box.unsaved if a["op"] not in settled]
        if reply["trouble"]:
            self.box.troubles[reply["trouble"]] += 1
            time.sleep(0.05)

    def _close_tab(self) -> None:
        """Forget what is not saved; a new tab cannot take back what an old one did."""
        self.box.abandoned |= {answer["op"] for answer in self.box.unsaved}
        self.box.unsaved = []
        self.on, self.off = [], []
        self.tab += 1

    def _reply(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", self.port), WAIT)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.sendall(orjson.dumps(request) + b"\n")
        while b"\n" not in self.rest:
            block = self.connection.recv(1 << 20)
            if not block:
                raise EOFError
            self.rest += block
        line, _, self.rest = self.rest.partition(b"\n")
        return orjson.loads(line)


def annotate(names: list[str], port: int, pace: Pace, stop: Event, result: Path) -> None:
    """Let several annotators work in this process, then write their outboxes to a file."""
    people = [Annotator(name, port, pace) for name in names]
    threads = [threading.Thread(target=one.work, args=(stop,)) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.write_bytes(pickle.dumps([one.box for one in people]))

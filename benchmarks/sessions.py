"""Open sessions of the app for some minutes: python -m benchmarks sessions [ROWS] [--project FOLDER].

The real app on loopback, and people who each have a live connection as a browser has, open pages by chance and
search for words, with pauses. Each minute: pages drawn, seconds by the clock from asking to the end of the drawing,
and the server's memory and processor seconds (Linux). It ends by itself.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from benchmarks.pages import make
from benchmarks.scale import DATA
from tests.app_server import App

PAGES = (
    *("", "map", "browse", "browse", "browse", "clean", "duplicates", "load", "coverage"),
    *("annotate", "team", "history", "select", "export", "train"),
)
"""Addresses of pages; one that stands here more often is opened more often."""

WORDS = ("water temperature", "python function", "the", "poem", "history of science", "recipe")
"""Words that people search for on Browse."""

PAUSES = (5.0, 15.0)
"""Least and most seconds between two acts of a person."""

PATIENCE = 180.0
"""Seconds after which a page that was not drawn is an error."""


class Person(threading.Thread):
    """A person with a connection of their own.

    drawn: for each page its address, when it was asked for, and the seconds until it was drawn. faults: sentences.
    """

    def __init__(self, app: App, project: str, number: int, until: float) -> None:
        super().__init__(daemon=True)
        self._app, self._project, self._until = app, project, until
        self._chance = random.Random(number)
        self.drawn: list[tuple[str, float, float]] = []
        self.faults: list[str] = []

    def run(self) -> None:
        """Open pages until the time is over."""
        place = self._app.address.replace("http", "ws") + "/_stcore/stream"
        try:
            with connect(place, origin=self._app.address, max_size=None) as socket:  # type: ignore[arg-type]
                while time.monotonic() < self._until:
                    page = self._chance.choice(PAGES)
                    fields = self._draw(socket, page, {})
                    name = next((key for key in fields if key.endswith("-browse-words")), "")
                    if name and self._chance.random() < 0.7:
                        time.sleep(self._chance.uniform(1.0, 3.0))
                        self._draw(socket, page, {name: self._chance.choice(WORDS)})
                    pause = self._chance.uniform(*PAUSES)
                    time.sleep(max(0.0, min(pause, self._until - time.monotonic())))
        except (OSError, WebSocketException) as error:
            self.faults.append(f"{type(error).__name__}: {error}")

    def _draw(self, socket: Any, page: str, texts: dict[str, str]) -> set[str]:
        """Have a page drawn with texts in fields; return the fields of text that it has."""
        ask = BackMsg()
        ask.rerun_script.query_string = f"project={self._project}"
        ask.rerun_script.page_name = page
        for name, text in texts.items():
            ask.rerun_script.widget_states.widgets.add(id=name, string_value=text)
        begin, fields, status = time.monotonic(), set[str](), None
        socket.send(ask.SerializeToString())
        while status not in (
            ForwardMsg.FINISHED_SUCCESSFULLY,
            ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
        ):
            message = ForwardMsg.FromString(socket.recv(PATIENCE))
            element = message.delta.new_element
            if message.HasField("script_finished"):
                status = message.script_finished
            elif element.HasField("text_input"):
                fields.add(element.text_input.id)
            elif element.HasField("exception") or (
                element.HasField("alert") and element.alert.format == element.alert.ERROR
            ):
                self.faults.append(f"{page}: {element.exception.message or element.alert.body}")
        self.drawn.append((page or "overview", begin, time.monotonic() - begin))
        return fields


@contextmanager
def served(workspace: Path) -> Iterator[App]:
    """The app while the block runs."""
    app = App(workspace)
    try:
        app.start()
        yield app
    finally:
        app.stop()


def of_server(process: int) -> tuple[float, float, float]:
    """Return GiB of the server's own, the most GiB with files so far, and its processor seconds."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    own, most = (int(fields[name].split()[0]) / 2**20 for name in ("RssAnon", "VmHWM"))
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return own, most, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def measure(project: Path, people: int, minutes: float) -> None:
    """Let people use a project for some minutes, and print each minute and what it comes to."""
    with served(project.parent) as app:
        begin = time.monotonic()
        until = begin + 60 * minutes
        everybody = [Person(app, project.name, number, until) for number in range(people)]
        for person in everybody:
            person.start()
        samples, minute = [(0.0, *of_server(app.server.pid))], 0
        while time.monotonic() < until:
            time.sleep(0.1)
            now = time.monotonic() - begin
            samples.append((now, *of_server(app.server.pid)))
            if now >= 60 * (minute + 1):
                minute += 1
                some = [
                    s
                    for p in everybody
                    for _, asked_for, s in p.drawn
                    if 0 <= asked_for - begin - 60 * (minute - 1) < 60
                ]
                print(
                    f"minute {minute}: {len(some)} pages, {_seconds(some)}; server "
                    f"{samples[-1][1]:.2f} GiB, most {samples[-1][2]:.2f}, {samples[-1][3]:.0f} processor s",
                    flush=True,
                )
        for person in everybody:
            person.join(PATIENCE)
    drawn = [page for person in everybody for page in person.drawn]
    faults = [fault for person in everybody for fault in person.faults]
    print("\n| page | drawn | median s | 95 of 100 | slowest |\n|---|---:|---:|---:|---:|")
    for name in dict.fromkeys(page or "overview" for page in PAGES):
        if some := [seconds for page, _, seconds in drawn if page == name]:
            middle, most = np.quantile(some, [0.5, 0.95])
            print(f"| {name} | {len(some)} | {middle:.2f} | {most:.2f} | {max(some):.2f} |")
    moments, own = (np.array([sample[i] for sample in samples]) for i in (0, 1))
    half = moments >= moments[-1] / 2
    growth = np.polyfit(moments[half] / 60, own[half] * 1024, 1)[0] if half.sum() > 2 else np.nan
    print(
        f"\n{people} people, {minutes:g} minutes: {len(drawn)} pages, {_seconds([s for *_, s in drawn])}; server "
        f"{own.max():.2f} GiB of its own at most, in the second half {own[half].min():.2f} to "
        f"{own[half].max():.2f}, {growth:+.1f} MiB a minute; {len(faults)} faults"
    )
    for fault in dict.fromkeys(faults):
        print(fault)


def _seconds(some: list[float]) -> str:
    if not some:
        return "none drawn"
    middle, most = np.quantile(some, [0.5, 0.95])
    return f"median {middle:.2f} s, 95 of 100 {most:.2f} s"


def main() -> None:
    """Measure open sessions."""
    parser = argparse.ArgumentParser(prog="benchmarks sessions")
    parser.add_argument("rows", nargs="?", type=int, default=200_000)
    parser.add_argument("--project", type=Path, help="A project whose recipe was run.")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if options.project is not None:
        measure(options.project.resolve(), options.people, options.minutes)
        return
    folder = Path(tempfile.mkdtemp())
    try:
        measure(make(options.rows, options.data, folder), options.people, options.minutes)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

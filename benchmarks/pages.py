"""The app's pages at many rows: python -m benchmarks pages [ROWS] [--project FOLDER] [--sessions N].

Each page is drawn as the server draws it, by Streamlit's own test runner, without a browser: processor seconds of
the first drawing and of later ones, in sessions one after the other, and the memory of the process: of its own after
each, the most of its own, and the most with files that it maps (Linux).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from benchmarks.scale import DATA, with_params, write_rows
from curation import Project
from curation.recipe_file import DEFAULT_RECIPE
from curation.settings import identity
from curation.ui import door, server, shell, state
from curation.ui.budget import budget
from curation.ui.card.replies import Place, reply

FIRST = "explore/overview"
"""The page that the app opens with."""

EXAMPLE = "an example"
"""Stands for the id of an example of the project."""

VISITS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Overview": (FIRST, {}),
    "Overview, measures": (FIRST, {"overview-part": "Measures"}),
    "Overview, files": (FIRST, {"overview-part": "Files"}),
    "Map": ("explore/map", {}),
    "Map, by quality": ("explore/map", {"map-colour": "quality"}),
    "Map, what is kept": ("explore/map", {"map-fate": "kept"}),
    "Map, treemap": ("explore/map", {"map-picture": "treemap"}),
    "Browse": ("explore/browse", {}),
    "Browse, by topic": ("explore/browse", {"browse-columns": ["topic"]}),
    "Browse, by length": (
        "explore/browse",
        {"browse-columns": ["response_tokens"], "browse-sort": "quality"},
    ),
    "Browse, two words": ("explore/browse", {"browse-words": "water temperature"}),
    "Browse, a frequent word": ("explore/browse", {"browse-words": "the"}),
    "Browse, an example": ("explore/browse", {"open": EXAMPLE}),
    "Browse, like it": ("explore/browse", {"browse-mode": "Like this", "browse-like": [EXAMPLE]}),
    "Clean": ("prepare/clean", {}),
    "Duplicates": ("prepare/duplicates", {}),
    "Load": ("prepare/load", {}),
    "Coverage": ("explore/coverage", {}),
    "Annotate": ("review/annotate", {}),
    "Annotate, the next cards": ("", {}),
    "Team": ("review/team", {}),
    "History": ("review/history", {}),
    "Select": ("deliver/select", {}),
    "Export": ("deliver/export", {}),
    "Train": ("deliver/train", {}),
}
"""Visits in the order of a walk: title → page, and the values of its widgets."""


def memory() -> tuple[float, float]:
    """Return GiB of this process: its own, and of files that it maps."""
    with open("/proc/self/status", encoding="utf-8") as lines:
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
    own, files = (int(fields[name].split()[0]) / 2**20 for name in ("RssAnon", "RssFile"))
    return own, files


class Watch(threading.Thread):
    """Reads the process's own memory many times a second. most: GiB, the most since it was set to 0."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0

    def run(self) -> None:
        """Read for ever."""
        while True:
            self.most = max(self.most, memory()[0])
            time.sleep(0.02)


def most_since() -> float:
    """Return the most GiB of this process since the last call, its own and of files, and begin anew."""
    with open("/proc/self/status", encoding="utf-8") as lines:
        (most,) = (int(line.split()[1]) / 2**20 for line in lines if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")
    return most


class Walk:
    """Visits to the pages of a project, each timed in processor seconds of the server.

    memory: of each page in the first session, GiB of the process's own after it, the most of its own, and the most
    with files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: dict[str, list[float]] = {title: [] for title in VISITS}
        self.memory: dict[str, tuple[float, float, float]] = {}
        self._spent, self._watch = 0.0, Watch()
        self._watch.start()

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begin = time.process_time()
        try:
            yield
        finally:
            self._spent += time.process_time() - begin

    @contextmanager
    def timed_pages(self) -> Iterator[None]:
        """Time what the app draws, and not what the test runner reads of it."""
        draw = shell.around

        def around(page: Any) -> None:
            with self._timed():
                draw(page)

        shell.around = around
        try:
            yield
        finally:
            shell.around = draw

    @property
    def project(self) -> Project:
        """The project as the server holds it."""
        return state._opened(str(self.path), identity(self.path))

    def session(self, name: str) -> None:
        """Visit every page as a person of that name."""
        for title, (page, values) in VISITS.items():
            self._spent = self._watch.most = 0.0
            most_since()
            if page:
                self._visit(name, page, values)
            else:
                with self._timed():
                    self._cards(name)
            self.seconds[title].append(self._spent)
            self.memory.setdefault(title, (memory()[0], self._watch.most, most_since()))

    def _visit(self, name: str, page: str, values: Mapping[str, Any]) -> None:
        app = AppTest.from_file(str(server.script()), default_timeout=3_600)
        app.session_state["annotator"] = name
        for key, value in values.items():
            if EXAMPLE in value:
                example = str(self.project.view().dataset.rows.index[5])
                key = f"open-example-{self.path}" if key == "open" else key
                value = [example] if isinstance(value, list) else example
            app.session_state[key] = value
        if page != FIRST:
            app.switch_page(f"pages/{page}.py")
        app.run()
        troubles = [*(error.message for error in app.exception), *(e.value for e in app.error)]
        if troubles:
            raise SystemExit(f"{page}: {troubles[0]}")

    def _cards(self, name: str) -> None:
        project = self.project
        view = state.annotated(project, project.view())
        place = Place(project, self.path.name, view, state.board(str(self.path)), name, name)
        answer = reply(place, {"project": self.path.name, "sent": 1, "page": name, "have": {}})
        assert not answer.get("trouble"), answer["trouble"]


def make(rows: int, data: Path, folder: Path) -> Path:
    """Make a project of so many rows by commands of their own, and run its recipe."""
    source, place = folder / "rows.jsonl", folder / "job"
    write_rows(source, data, rows)
    Project.create(place, recipe=with_params(DEFAULT_RECIPE, "embed", way="draft"))
    for words in (("import", place, source), ("run", place)):
        subprocess.run([sys.executable, "-m", "curation", *map(str, words)], check=True)
    return place


def measure(path: Path, sessions: int) -> None:
    """Walk through the pages in some sessions, and print the table."""
    os.environ["CURATION_WORKSPACE"], os.environ["CURATION_PROJECT"] = str(path.parent), str(path)
    door.guarded = True
    walk = Walk(path)
    own, files = memory()
    print(f"Before: {own:.2f} GiB and {files:.2f} of files")
    with walk.timed_pages():
        for number in range(sessions):
            walk.session(f"Person {number}")
            own, files = memory()
            print(
                f"After session {number + 1}: {own:.2f} GiB and {files:.2f} of files; "
                f"results {budget.size() / 2**30:.2f}",
                flush=True,
            )
    print(
        "\n| page | first, processor s | later: median | slowest | GiB after | most own | with files |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for title, (first, *later) in walk.seconds.items():
        middle, slowest = (statistics.median(later), max(later)) if later else (first, first)
        gib = " | ".join(f"{part:.2f}" for part in walk.memory[title])
        print(f"| {title} | {first:.2f} | {middle:.2f} | {slowest:.2f} | {gib} |")
    later = sorted(s for title in VISITS for s in walk.seconds[title][1:])
    if later:
        print(f"\nLater pages, 95 of 100: {later[int(0.95 * (len(later) - 1))]:.2f} s")


def main() -> None:
    """Measure a project's pages."""
    parser = argparse.ArgumentParser(prog="benchmarks pages")
    parser.add_argument("rows", nargs="?", type=int, default=200_000)
    parser.add_argument("--project", type=Path, help="A project whose recipe was run.")
    parser.add_argument("--sessions", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if options.project is not None:
        measure(options.project.resolve(), options.sessions)
        return
    folder = Path(tempfile.mkdtemp())
    try:
        measure(make(options.rows, options.data, folder), options.sessions)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

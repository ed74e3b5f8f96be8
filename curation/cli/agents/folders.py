"""The folders that an agent may reach, the projects in them, and paths below them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.export.deliveries import folder_of
from curation.incoming import shown
from curation.project import Project
from curation.roots import allowed
from curation.settings import identity

DEPTH = 4
"""Levels of folders below a root in which projects are looked for."""

LOOKED_AT = 20_000
"""Most folders that are looked at for projects."""

CURE = "Name a file below the folders that the agent was given by --root."


class Folders:
    """Allowed folders; everything an agent names is looked for below them.

    roots: as given by --root. Raises CurationError for one that is no folder or is hidden.
    """

    def __init__(self, roots: Sequence[str | Path]) -> None:
        self.roots = [Path(os.path.realpath(root)) for root in roots]
        for root in self.roots:
            if not root.is_dir():
                raise CurationError(f"{shown(root)} is no folder; give --root a folder.")
            allowed(str(root), [root], CURE)  # refuses a hidden one
        self._opened: dict[Path, tuple[tuple[Any, ...], Project]] = {}
        self._lock = threading.Lock()

    def path(self, text: str) -> Path:
        """Return an existing path below a root, with links resolved.

        Raises CurationError for any other path, for `..`, and for a hidden part.
        """
        if ".." in Path(text).parts:
            raise CurationError(f"{shown(text)} leads upwards by `..`; write the path without it.")
        return allowed(text, self.roots, CURE)

    def data(self, text: str) -> Path:
        """Return the path of a file or folder of data; see `path`.

        Raises CurationError also for the own files of a project, except its deliveries.
        """
        path = self.path(text)
        home = next((p for p in (path, *path.parents) if (p / "project.toml").is_file()), None)
        if home is not None and not path.is_relative_to(folder_of(home)):
            raise CurationError(
                f"{shown(text)} belongs to the project {home.name}; only its deliveries, in "
                f"{folder_of(home).name}/, are read by path."
            )
        return path

    def projects(self) -> list[str]:
        """Return the names of all projects below the roots: paths relative to a root.

        A project that is itself a root, or whose name is in two roots, has its whole path as its name.
        """
        paths = [(root, path) for root in self.roots for path in _projects_below(root)]
        names = [path.relative_to(root).as_posix() for root, path in paths]
        whole = [name == "." or names.count(name) > 1 for name in names]
        return list(
            dict.fromkeys(
                str(path) if long else name
                for (_, path), name, long in zip(paths, names, whole, strict=True)
            )
        )

    def project(self, name: str) -> Project:
        """Return the open project of a name; raises CurationError when there is none."""
        path = self.path(name)
        if not (path / "project.toml").is_file():
            some = ", ".join(self.projects()[:20])
            raise CurationError(f"{shown(name)} is no project; there are: {some or 'none'}.")
        folder = identity(path)
        with self._lock:
            former = self._opened.get(path)
            if former is None or former[0] != folder:
                self._opened[path] = former = folder, Project.open(path)
        return former[1]


def _projects_below(root: Path) -> Iterator[Path]:
    """Yield project folders, none below another, without hidden folders and links."""
    level, looked_at = [root], 0
    for _ in range(DEPTH + 1):
        deeper = list[Path]()
        for folder in level:
            looked_at += 1
            if looked_at > LOOKED_AT:
                return
            if (folder / "project.toml").is_file():
                yield folder
                continue
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                continue
            deeper += [
                folder / entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            ]
        level = deeper

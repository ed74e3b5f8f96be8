"""project.toml: the settings of a project.

Guarantees: nothing is sent to a database that a project names until this account allowed it. Of
several programs that save settings at once each takes effect on what the others saved.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import urllib.parse
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from curation import files, lock, roles
from curation.errors import CurationError, DatabaseNotAllowed

SCHEMA = 2


def write_settings(folder: Path, name: str) -> None:
    """Write the settings of a new project, with an id that no other has; see `identity`."""
    text = f'name = {json.dumps(name)}\nschema = {SCHEMA}\ndecisions = "sqlite"\n'
    text += f'id = "{uuid.uuid4().hex}"\n'
    files.write_text(folder / "project.toml", text)


def read_settings(folder: Path) -> dict[str, Any]:
    """Read project.toml; raises CurationError when it cannot be read."""
    try:
        return tomllib.loads((folder / "project.toml").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CurationError(f"{folder / 'project.toml'} cannot be read: {error}.") from None


def identity(folder: Path) -> tuple[Any, ...]:
    """Return what tells a project from another in its place; empty where there is none.

    It stays when a setting changes, but for the place of the decisions. The folder's number alone
    would not do, because a system gives the number of a deleted folder to a new one. Raises
    CurationError when project.toml cannot be read.
    """
    try:
        about = folder.stat()
        (folder / "project.toml").stat()
    except OSError:
        return ()
    stated = read_settings(folder)
    return about.st_dev, about.st_ino, str(stated.get("id", "")), str(stated.get("decisions", ""))


def check_settings(folder: Path) -> None:
    """Raise CurationError for a folder that is no project, or one of another version's schema."""
    if not (folder / "project.toml").is_file():
        raise CurationError(
            f"{folder} is not a project: it has no project.toml. "
            f"Make one with `curate new {folder}`."
        )
    schema = read_settings(folder).get("schema")
    if schema != SCHEMA:
        raise CurationError(
            f"{folder} has schema {schema!r}; this program reads {SCHEMA}. "
            "It was made by another version: go on with that one, or make a new project and import "
            "the files that lie in the folder's source/ again. People's decisions stay in the "
            "folder; the version that made it prints them with `curate decisions`."
        )


def has_decisions(folder: Path) -> bool:
    """Return whether there may be decisions; an empty file was made on a full disk."""
    if _named(folder) != "sqlite":
        return True
    try:
        return (folder / "decisions.db").stat().st_size > 0
    except FileNotFoundError:
        return False


def decisions_place(folder: Path) -> Path | str:
    """Return the place of a project's decisions: its own file, or the URL of a database.

    Raises DatabaseNotAllowed for a database that this account has not allowed, because a project may
    come from somebody else.
    """
    where = _named(folder)
    if where == "sqlite":
        return folder / "decisions.db"
    if _allowed().get(str(folder.resolve())) != _digest(where):
        raise DatabaseNotAllowed(folder, _described(where))
    return where


def allow_database(folder: Path) -> None:
    """Remember, outside the project, that this account trusts the database that it names.

    Another database in its place is asked about again. Raises CurationError when nothing can be
    remembered.
    """
    roles.need_host()
    allowed = {**_allowed(), str(folder.resolve()): _digest(_named(folder))}
    try:
        files.write_text(_memory(), json.dumps(allowed, indent=1))
    except RuntimeError:
        raise CurationError("There is no home folder to remember the database in.") from None


def _named(folder: Path) -> str:
    return str(read_settings(folder).get("decisions", "sqlite"))


def _memory() -> Path:
    return files.machine_folder() / "allowed-databases.json"


def _allowed() -> dict[str, str]:
    """Project folder → digest of the address that was allowed, which may hold a password."""
    try:
        return dict(json.loads(_memory().read_text("utf-8")))
    except (OSError, ValueError, TypeError, RuntimeError):
        return {}


def _digest(where: str) -> str:
    return hashlib.sha256(where.encode()).hexdigest()


def _described(where: str) -> str:
    """A database's address in words, without name and password."""
    try:
        parts = urllib.parse.urlsplit(where)
        host = f" on {parts.hostname}" if parts.hostname else ""
    except ValueError:
        return "whose address cannot be read"
    return f"{parts.scheme or 'a file'} {parts.path or where}{host}"


def read_limits(folder: Path) -> dict[str, float]:
    """Limits of reading a file that differ from `curation.sources.Limits`, by name.

    They stand in the table `limits` of project.toml. Raises CurationError for an unknown name, and
    for a value that is no positive number.
    """
    from curation.sources import Limits

    limits: dict[str, float] = dict(read_settings(folder).get("limits", {}))
    names = [field.name for field in fields(Limits)]
    for name, value in limits.items():
        if name not in names or isinstance(value, bool) or not isinstance(value, int | float):
            raise CurationError(
                f"project.toml: limits.{name} = {value!r} is no limit; give a positive number to one "
                f"of: {', '.join(names)}."
            )
        if value <= 0:
            raise CurationError(f"project.toml: limits.{name} must be above 0, not {value!r}.")
    return limits


ABOUT = ("purpose", "licence", "contact")
"""The facts of a card that no column of the dataset holds."""


def read_about(folder: Path) -> dict[str, str]:
    """Return purpose, licence and contact, as far as they are stated, from the table `about`.

    Raises CurationError for a value that is no text.
    """
    about = read_settings(folder).get("about", {})
    wrong = [name for name, value in about.items() if not isinstance(value, str)]
    if wrong:
        raise CurationError(f"project.toml: about.{wrong[0]} must be a text in quotes.")
    return {name: about[name] for name in ABOUT if about.get(name)}


def write_about(folder: Path, about: Mapping[str, str]) -> None:
    """Write those of purpose, licence and contact that are given; an empty text removes one.

    Raises CurationError as `change_settings` does.
    """

    def changed() -> dict[str, str]:
        now = {**read_about(folder), **about}
        return {name: " ".join(now[name].split()) for name in ABOUT if now.get(name, "").strip()}

    change_settings(folder, "about", changed)


def change_settings(
    folder: Path, name: str, make: Callable[[], Mapping[str, Any] | Sequence[Mapping[str, Any]]]
) -> None:
    """Write a table, or a list of tables, of project.toml; without values it is removed.

    make: returns the values, for which it may read the file; nobody else changes it meanwhile. All
    other settings and all lines of comment stay. Raises CurationError, with the file as it was, when
    it cannot be read or written, or when the setting stands in it in another form.
    """
    roles.need(folder, roles.OWNER)
    path = folder / "project.toml"
    with lock.locked(folder / ".settings.lock"):
        settings = read_settings(folder)  # what cannot be read is not written over
        values = make()
        is_table = isinstance(values, Mapping)
        tables = [values] if isinstance(values, Mapping) else list(values)
        head = f"[{name}]" if is_table else f"[[{name}]]"
        text = _with_tables(path.read_text("utf-8"), head, [table for table in tables if table])
        settings.pop(name, None)
        if values:
            settings[name] = values if is_table else tables
        try:
            is_right = tomllib.loads(text) == settings
        except tomllib.TOMLDecodeError:
            is_right = False
        if not is_right:
            raise CurationError(
                f"{path} was not changed: {name} stands in it in a form that this program does not "
                f"write. Write it by hand as lines below the heading {head}, then save again."
            )
        files.write_text(path, text)


def _with_tables(text: str, head: str, tables: Sequence[Mapping[str, Any]]) -> str:
    """The text with tables in the place of the former ones of that head, else at its end."""
    name = re.escape(head.strip("[]"))
    former = re.compile(rf"\s*\[\[?\s*{name}\s*\]\]?\s*(#|$)")
    kept = list[str]()
    place, is_former = None, False
    for line in text.split("\n"):
        start = line.lstrip()[:1]
        if start == "[":
            is_former = former.match(line) is not None
        if is_former and start not in ("", "#"):
            place = len(kept)
        elif start or not is_former:
            kept.append(line)
    place = len(kept) if place is None else place
    fresh = [
        "\n".join([head, *(f"{key} = {_written(value)}" for key, value in table.items())])
        for table in tables
    ]
    parts = ["\n".join(kept[:place]).strip("\n"), *fresh, "\n".join(kept[place:]).strip("\n")]
    return "\n\n".join(part for part in parts if part) + "\n"


def _written(value: str | int | float | bool | list[str]) -> str:
    """A value of TOML; a text is a basic string, in which a control character is an escape."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

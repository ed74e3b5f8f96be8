"""Errors that are written for the person who reads them."""

from __future__ import annotations

from pathlib import Path


class CurationError(Exception):
    """Something could not be done; the text says what happened and what to do about it.

    The app shows the text in one place, the command line prints it and exits with status 1. Any
    other exception is a bug and keeps its trace.
    """


class FileRefused(CurationError):
    """A file as a whole cannot be read; `reason` is the sentence without the file's name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name, self.reason = name, reason


class RecipeError(CurationError):
    """A recipe names something unknown, is out of order, or carries a value out of range."""


class RecipeConflict(CurationError):
    """Somebody else saved the recipe since it was read; both versions are kept on the exception."""

    def __init__(self, theirs: str, yours: str) -> None:
        super().__init__(
            "The recipe was changed by somebody else since you opened it. "
            "Look at both versions and save again."
        )
        self.theirs = theirs
        self.yours = yours


class DatabaseNotAllowed(CurationError):
    """A project names a database that this account was not asked about; `folder` is the project."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(
            f"{folder / 'project.toml'} keeps decisions in a database, {database}. Nothing was sent "
            f"to it. If you know it, allow it once: curate doctor {folder} --allow-database"
        )
        self.folder = folder
        self.database = database


class NotAllowed(CurationError):
    """The role of the person who acts does not allow it; nothing was changed."""


class MissingExtra(CurationError):
    """An optional part is not installed; the text carries the exact command that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} is not installed. Run: pip install "curation[{extra}]"')


class Cancelled(BaseException):
    """The person asked for the work to stop.

    No Exception, so that code which tries one way after another does not take it for a failure.
    """

    def __init__(self) -> None:
        super().__init__("Cancelled. What was finished is kept; run again to go on from there.")

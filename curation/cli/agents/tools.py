"""The tools: which are offered to whom, and the log of the calls that change something."""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from curation.cli.agents.changing import Changing
from curation.cli.agents.deciding import Deciding
from curation.cli.agents.folders import Folders
from curation.cli.agents.reading import Reading
from curation.cli.agents.shown import bounded
from curation.cli.terminal import in_a_sentence
from curation.errors import CurationError

LOG = "agents.jsonl"
"""File of a project with a line for each call of a writing tool, written before the call is done."""


class Offer(NamedTuple):
    """A tool as a method, and whether it only reads."""

    method: Callable[..., dict[str, Any]]
    reads: bool

    @property
    def name(self) -> str:
        """The name by which it is called."""
        return str(self.method.__name__)


def offered(folders: Folders, name: str | None) -> Iterator[Offer]:
    """Yield the tools; name: the agent's, None where it only reads."""
    parts: list[tuple[object, bool]] = [(Reading(folders), True)]
    if name is not None:
        parts += [(Deciding(folders, name), False), (Changing(folders), False)]
    for part, reads in parts:
        for method in vars(type(part)):
            if not method.startswith("_"):
                yield Offer(getattr(part, method), reads)


def called(offer: Offer, folders: Folders, name: str | None) -> Callable[..., dict[str, Any]]:
    """Return a tool that bounds its answers, and that logs its calls if it writes.

    The system's refusals, such as a full disk, become CurationErrors.
    """

    @functools.wraps(offer.method)
    def tool(*args: Any, **arguments: Any) -> dict[str, Any]:
        with in_a_sentence():
            if not offer.reads:
                path = folders.project(str(arguments.get("project", ""))).path
                _note(path, {"agent": name, "tool": offer.name, "arguments": arguments})
            return bounded(offer.method(*args, **arguments))

    return tool


def _note(project: Path, entry: dict[str, Any]) -> None:
    """Append a line to the log of a project; raises CurationError when it cannot be written."""
    line = json.dumps(bounded({"time": round(time.time(), 3), **entry}), ensure_ascii=False)
    try:
        handle = os.open(project / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(handle, f"{line}\n".encode())
        finally:
            os.close(handle)
    except OSError as error:
        raise CurationError(f"{LOG} cannot be written: {error.strerror}.") from error

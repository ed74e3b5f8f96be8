"""Arguments and options that several commands share, and their values."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from curation.engine import Engine, make_engine
from curation.errors import CurationError

ProjectPath = Annotated[Path, typer.Argument(metavar="PROJECT", help="A project folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
JobId = Annotated[str | None, typer.Option("--job", hidden=True)]
EngineName = Annotated[
    str, typer.Option("--engine", help="auto, serial, processes or ray; the results are the same.")
]
RayAddress = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="For --engine ray: a cluster that this machine is a node of, as 10.0.0.1:6379; without it "
        "RAY_ADDRESS, or the one that runs on this machine.",
    ),
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="CONDITION",
        help="Only examples that meet it: kept, dropped, language=de, topic=cooking|sport, rating>=4, "
        "rating=2..5, quality=missing, tags!=hard, id=3f2a|c04b (beginnings of ids); may be given several "
        "times, and all must hold.",
    ),
]
Words = Annotated[
    str, typer.Option("--words", help="Only examples that hold these words, as `curate search`.")
]
Map = Annotated[list[str] | None, typer.Option("--map", help="field=column, as prompt=question.")]
ProjectIfAny = Annotated[Path | None, typer.Argument(metavar="[PROJECT]", help="A project folder.")]


class _PlainFlags:
    """A command whose help shows no type beside a flag, which takes no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's parameters, with `--help`."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""
        return params


class Command(_PlainFlags, TyperCommand):
    """A command of `curate`."""


class Group(_PlainFlags, TyperGroup):
    """`curate` itself."""


def mapping_of(map: list[str] | None) -> dict[str, str]:
    """Read --map as field → column; raises BadParameter for another form."""
    pairs = [item.partition("=") for item in map or []]
    if any(not (field and sign and column) for field, sign, column in pairs):
        raise typer.BadParameter("write --map as field=column, for example --map prompt=question")
    return {field: column for field, _, column in pairs}


def check_one(options: Mapping[str, object], least: int = 0) -> None:
    """Raise BadParameter where several options are given that exclude each other.

    options: name → its value. least: 1 where one of them is needed.
    """
    if not least <= sum(map(bool, options.values())) <= 1:
        *names, last = options
        raise typer.BadParameter(f"give one of {', '.join(names)} and {last}")


@contextmanager
def engine_of(name: str, address: str = "") -> Iterator[Engine]:
    """Give an engine whose workers end with the block.

    Raises BadParameter for an address without the engine that has one.
    """
    if address and name != "ray":
        raise typer.BadParameter("--address needs --engine ray")
    runner = make_engine(name, address, _note)
    try:
        yield runner
    finally:
        runner.close()


def _note(text: str) -> None:
    """Print a sentence on stderr, in the place of the bar, which is drawn again below it."""
    start = "\r\033[K" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{start}{text}\n")


def read_text(path: Path) -> str:
    """A UTF-8 file's content, with or without a mark at its beginning; raises CurationError when it cannot be read."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise CurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise CurationError(f"{path} cannot be read: it is not UTF-8 ({error.reason}).") from None


def read_ids(path: Path) -> tuple[str, ...]:
    """The ids of a file, one a line, each once; raises CurationError when it cannot be read."""
    lines = (line.strip() for line in read_text(path).splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))


def read_bytes(path: Path) -> bytes:
    """A file's content; raises CurationError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CurationError(f"{path} cannot be read: {error.strerror}.") from None

"""The command `curate mcp`: tools for an agent, over the Model Context Protocol."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from curation.errors import CurationError, MissingExtra


def serve(
    root: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="A folder that the agent may reach; may be given several times.",
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Offer the tools that change something, too.")
    ] = False,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The agent's name; --write needs it.")
    ] = "",
) -> None:
    """Offer projects to an agent by the Model Context Protocol, on stdin and stdout; no port is opened.

    Without --write nothing can be changed. Each decision of the agent is one of its name, in a batch
    that one undo takes back.
    """
    if not root:
        raise typer.BadParameter("give --root FOLDER; nothing else can be reached")
    if write and not name.strip():
        raise CurationError("Decisions carry a name: give the agent one by --as NAME.")
    if importlib.util.find_spec("mcp") is None:
        raise MissingExtra("The Model Context Protocol", "mcp")
    from curation.cli.agents.folders import Folders
    from curation.cli.agents.server import make_server

    make_server(Folders(root), name.strip() if write else None).run("stdio")

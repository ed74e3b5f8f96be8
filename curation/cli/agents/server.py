"""The server: which tools are offered, and how errors reach the agent.

Guarantee: the answer to a call is a result, the sentence of a CurationError, a sentence on wrong
arguments, or a reference number whose trace is in the log on stderr.
"""

from __future__ import annotations

import inspect
import logging
import uuid
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import ValidationError

from curation import __version__
from curation.cli.agents.folders import Folders
from curation.cli.agents.shown import UNTRUSTED
from curation.cli.agents.tools import called, offered
from curation.errors import CurationError

log = logging.getLogger(__name__)

READING = (
    "Projects that curate training data for language models. Begin with `projects`, then `summary`. "
    "A recipe of steps says what the machine does; people's decisions come on top. Nothing is ever "
    f"deleted. {UNTRUSTED}"
)
WRITING = (
    "You may decide on examples: each decision carries your name and can be undone. Give a reason. "
    "For a rule about many examples add a step to the recipe instead, then run."
)


class Server(MCPServer[Any]):
    """A server whose errors are sentences."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """Call a tool; raises ToolError with a sentence for whatever goes wrong in it."""
        accepted = {tool.name: tool.input_schema["properties"] for tool in await self.list_tools()}
        unknown = sorted(set(arguments) - set(accepted.get(name, arguments)))
        if unknown:
            names = ", ".join(accepted[name])
            raise ToolError(f"{name} has no argument {unknown[0]!r}; it has: {names or 'none'}.")
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            raise ToolError(sentence(name, error.__cause__ or error)) from None


def sentence(name: str, error: BaseException) -> str:
    """Return what the agent is told of an error in a tool; the trace of a bug goes to the log."""
    if isinstance(error, CurationError | ToolError):
        return str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}."
    reference = uuid.uuid4().hex[:8]
    log.error("%s, reference %s", name, reference, exc_info=error)
    return (
        f"Something went wrong in this program (reference {reference}); nothing is known about "
        "the cause but what the log of the server says under this number."
    )


def make_server(folders: Folders, name: str | None = None) -> Server:
    """Make the server of some folders; name: the agent's, None for one that only reads."""
    tools = [
        Tool.from_function(
            called(offer, folders, name),
            description=inspect.getdoc(offer.method),
            annotations=ToolAnnotations(
                read_only_hint=offer.reads, destructive_hint=False, open_world_hint=False
            ),
        )
        for offer in offered(folders, name)
    ]
    instructions = READING if name is None else f"{READING} {WRITING} Your name is {name!r}."
    return Server(
        "curation",
        version=__version__,
        instructions=instructions,
        tools=tools,
        log_level="WARNING",
        subscriptions=False,
    )

"""An agent as a test plays it: the real client over a child's stdin and stdout, or bare lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anyio.from_thread import start_blocking_portal
from mcp import Client, StdioServerParameters, stdio_client

from tests.conftest import ROOT


def environment(*folders: Path) -> dict[str, str]:
    """Environment of a child that finds the package, and modules of other folders before it."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*folders, ROOT]))}


class Agent:
    """A connected client; calls wait for their answer."""

    def __init__(self, portal: Any, client: Client) -> None:
        self._portal, self._client = portal, client

    @property
    def instructions(self) -> str:
        return self._client.instructions or ""

    def tools(self) -> dict[str, Any]:
        return {tool.name: tool for tool in self._portal.call(self._client.list_tools).tools}

    def answer(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer of a call that works; its text is the same JSON."""
        result = self._portal.call(self._client.call_tool, tool, arguments)
        assert not result.is_error, result.content[0].text
        assert json.loads(result.content[0].text) == result.structured_content
        return result.structured_content

    def refused(self, tool: str, **arguments: Any) -> str:
        """The sentence of a call that does not."""
        result = self._portal.call(self._client.call_tool, tool, arguments)
        assert result.is_error and result.structured_content is None, result
        return result.content[0].text


@contextmanager
def connected(*options: str | Path) -> Iterator[Agent]:
    """An agent of `curate mcp` with these options, as a child process."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "curation", "mcp", *map(str, options)],
        env=environment(),
    )
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(Client(stdio_client(server))) as client:
            yield Agent(portal, client)


class Lines:
    """`curate mcp` spoken to in bare lines, so that a test sees all that it writes and can kill it."""

    def __init__(self, *options: str | Path, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "curation", "mcp", *map(str, options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=env or environment(),
        )
        self._number = 0
        about = {"protocolVersion": "2025-06-18", "capabilities": {}}
        self.ask("initialize", {**about, "clientInfo": {"name": "test", "version": "1"}})
        self._write({"method": "notifications/initialized"})

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def send(self, method: str, params: dict[str, Any]) -> None:
        """Send a request without waiting for its answer."""
        self._number += 1
        self._write({"id": self._number, "method": method, "params": params})

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request; every line that comes is one of the protocol."""
        self.send(method, params)
        assert self.process.stdout
        for line in self.process.stdout:
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            if message.get("id") == self._number:
                return message
        raise AssertionError(self.process.stderr.read() if self.process.stderr else "")

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The result of a tool."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]

    def end(self) -> tuple[int, str, str]:
        """Close its input; its exit status, and what it still wrote."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

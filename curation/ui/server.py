"""Starts the app's server: Streamlit behind a door, with options that hold wherever it is started."""

from __future__ import annotations

import argparse
import errno
import importlib.util
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from curation import process, roles
from curation.errors import CurationError, MissingExtra
from curation.logins import cookie_secret, read_login
from curation.ui import door
from curation.ui.login import Gate
from curation.ui.workspace import may_upload

_log = logging.getLogger(__name__)

OPTIONS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.allowedOrigins": [],
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "global.developmentMode": False,
    "logger.hideWelcomeMessage": True,
    "server.enableAgentApi": False,
    "server.enableCORS": True,
    "server.enableStaticServing": False,
    "server.enableXsrfProtection": True,
    "server.trustedUserHeaders": "{}",
}
"""Settings that protect the person; no settings file may change them. Other settings, such as the
theme, are in `.streamlit/config.toml` beside the app."""


def script() -> Path:
    """The app's first script: in the installed package, or in the checkout above it."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "web", package.parent):
        if (folder / "pages").is_dir() and (folder / "app.py").is_file():
            return folder / "app.py"
    raise CurationError("The web app's pages are missing; install curation again.")


def main() -> None:
    """Run the server until it is stopped."""
    parser = argparse.ArgumentParser(prog="curate app")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--address", default="localhost")
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("--no-token", action="store_true")
    parser.add_argument("--team", type=Path)
    options = parser.parse_args()
    with process.running("The app was stopped; what it showed as saved is on disk."):
        try:
            secrets_, gate = team(options.team) if options.team else ({}, None)
            with_token = not options.no_token and gate is None
            serve(options.port, options.address, options.allow_host, with_token, secrets_, gate)
        except CurationError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(1)


def team(path: Path) -> tuple[dict[str, Any], Gate]:
    """Return Streamlit's secrets and the gate for the logins that a file describes.

    From now on roles are enforced in this process. Raises CurationError as `read_login` does, and
    MissingExtra without Authlib.
    """
    if importlib.util.find_spec("authlib") is None:
        raise MissingExtra("Authlib", "team")
    login, secret = read_login(path), cookie_secret()
    gate = Gate(login, secret, may_upload=may_upload)
    roles.enforce(gate.of_session)
    return {"auth": login.as_secrets(secret)}, gate


def serve(
    port: int,
    address: str,
    hosts: list[str],
    with_token: bool,
    secrets_of_team: dict[str, Any],
    gate: Gate | None,
) -> None:
    """Serve the app; raises CurationError when the address cannot be listened on.

    secrets_of_team, gate: of a team that logs in, see `team`; empty and None for one person.
    """
    import streamlit as st
    import uvicorn
    from starlette.middleware import Middleware
    from streamlit.runtime.pages_manager import PagesManager

    check_free(address, port)
    # A folder called `pages` makes Streamlit take the first visit of a server's life for one of an
    # app with automatic navigation, and greet a link to any page but the first with "not found".
    PagesManager.uses_pages_directory = False
    # Its address lacks the token.
    uvicorn.config.LOGGING_CONFIG["loggers"]["uvicorn.error"]["level"] = "WARNING"
    door.guarded = True
    token, tickets = door.known_token() if with_token else "", set[str]()
    hosts = [address, *hosts, *([gate.login.host] if gate else [])]

    @asynccontextmanager
    async def announced(app: st.App) -> AsyncIterator[None]:
        announce(gate.login.address if gate else address, token, tickets)
        yield

    app = st.App(
        script(),
        secrets=secrets_of_team or None,
        lifespan=announced,
        middleware=[
            Middleware(door.Door, token=token, hosts=hosts, tickets=tickets, gate=gate)  # type: ignore[arg-type]
        ],
        on_script_error=report_fault,
    )
    sys.argv = [str(script())]  # its folder is where Streamlit looks for pages and settings
    app.run(config={**OPTIONS, "server.port": port, "server.address": address})


def check_free(address: str, port: int) -> None:
    """Raise CurationError when nobody can listen there."""
    try:
        with socket.socket() as probe:
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CurationError(
                f"Port {port} is in use, perhaps by this app; name another: curate app --port 8600."
            ) from None
        why = error.strerror or error
        raise CurationError(f"The app cannot listen on {address}:{port}: {why}.") from None
    except OverflowError:
        raise CurationError(f"There is no port {port}; ports go from 0 to 65535.") from None


def announce(address: str, token: str, tickets: set[str]) -> None:
    """Print the app's address with its token, and open a browser where there is a screen.

    address: a name, or the whole address of a team's app. The browser gets a ticket that holds once,
    since other accounts can read what it is started with.
    """
    from streamlit import cli_util, config

    name = "localhost" if address in ("0.0.0.0", "127.0.0.1") else address
    place = f"http://{name}:{config.get_option('server.port')}/"
    if "//" in address:
        place = f"{address}/"
    sys.stdout.write(f"Curation is open at {place}{f'?token={token}' if token else ''}\n")
    sys.stdout.flush()
    if not config.get_option("server.headless"):
        if token:
            tickets.add(ticket := secrets.token_urlsafe(24))
            place += f"?token={ticket}"
        try:
            cli_util.open_browser(place)
        except Exception:  # a screen without a browser
            _log.info("No browser could be opened.")


def report_fault(error: Exception) -> bool:
    """Show an error on a page: its sentence, or for a bug a reference to the trace in the log."""
    import streamlit as st

    from curation.ui.text import markdown

    if isinstance(error, CurationError):
        st.error(markdown(error, 600), icon=":material/error:")
        return True
    reference = secrets.token_hex(3)
    _log.error("Reference %s: %s; its trace stands above.", reference, type(error).__name__)
    with st.container(key="fault"):
        st.error(
            "Something went wrong. This is a fault of the program. The log of `curate app` has the "
            f"details, under the reference **{reference}**.",
            icon=":material/error:",
        )
    return True


if __name__ == "__main__":
    main()

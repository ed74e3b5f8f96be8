"""Additions to the page that Streamlit serves: styles and settings that hold before it draws anything.

A style that comes with a page's content moves what is drawn already. Streamlit has no place for one that
comes earlier, so the door writes it into the page, at its end: there it counts more than Streamlit's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

STYLE = Path(__file__).with_name("style.css")
"""The few lines of style that Streamlit's theme has no setting for."""

SETTINGS = {"HOST_CONFIG": {"blockErrorDialogs": True}}
"""Streamlit's dialog about a lost connection takes every key; `style.css` has a line in its place."""

LAPSED = (b"accept-ranges", b"content-length", b"etag", b"last-modified")
"""Headers that do not hold for a page with additions."""


def additions() -> bytes:
    """Return the lines that are added to the page, as HTML."""
    script = f"window.__streamlit = {json.dumps(SETTINGS)}"
    return f"<style>{STYLE.read_text('utf-8')}</style><script>{script}</script>".encode()


def with_additions(send: Send, lines: bytes) -> Send:
    """Add lines to an answer that is a page; every other answer is passed on as it is."""
    start: Message = {}
    body = bytearray()

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            start.update(message)
            return
        if not start or message["type"] != "http.response.body":
            return await send(message)
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        page = bytes(body).replace(b"</body>", lines + b"</body>", 1)
        kept = [(k, v) for k, v in start["headers"] if k.lower() not in LAPSED]
        length = (b"content-length", str(len(page)).encode())
        await send({**start, "headers": [*kept, length]})
        await send({"type": "http.response.body", "body": page})

    return sending


def _is_page(message: Message) -> bool:
    headers: dict[bytes, bytes] = {k.lower(): v for k, v in message.get("headers", [])}
    return headers.get(b"content-type", b"").startswith(b"text/html")

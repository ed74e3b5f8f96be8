"""Additions to the page that Streamlit serves: styles and settings that hold before it draws anything.

A style that comes with a page's content moves what is drawn already. Streamlit has no place for one that
comes earlier, so the door writes it into the page, at its end: there it counts more than Streamlit's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import streamlit

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

STYLE = Path(__file__).with_name("style.css")
"""The few lines of style that Streamlit's theme has no setting for."""

SETTINGS = {"HOST_CONFIG": {"blockErrorDialogs": True}}
"""Streamlit's dialog about a lost connection takes every key; `style.css` has a line in its place."""

PARTS = """
    BidiComponent Button ButtonGroup Checkbox DownloadButton FileUploader LinkButton MenuButton Metric
    Multiselect NumberInput PageLink Progress Radio Selectbox Slider TextArea TextInput
""".split()
"""Streamlit's widgets, which it loads where one is first drawn, and whose size it does not know before."""

SCRIPT = """
window.__streamlit = SETTINGS;
for (const part of PARTS) import(`./static/js/${part}`);
const page = document.documentElement;
const look = () => page.classList.toggle("untouched", !!document.querySelector("[data-testid=stSkeleton]"));
const watch = new MutationObserver(look);
watch.observe(page, { childList: true, subtree: true });
const touched = () => { watch.disconnect(); page.classList.remove("untouched"); };
for (const act of ["keydown", "pointerdown", "wheel"]) addEventListener(act, touched, { capture: true, once: true });
"""
"""Loads the widgets at once; `style.css` draws a page in order until somebody does something.

The class goes with the last skeleton: a browser does not always look again at what a rule with `:has` hid.
"""

LAPSED = (b"accept-ranges", b"content-length", b"etag", b"last-modified")
"""Headers that do not hold for a page with additions."""


def additions() -> bytes:
    """Return the lines that are added to the page, as HTML."""
    script = SCRIPT.replace("SETTINGS", json.dumps(SETTINGS)).replace("PARTS", json.dumps(parts()))
    return f"<style>{STYLE.read_text('utf-8')}</style><script>{script}</script>".encode()


def parts() -> list[str]:
    """Return the names of the files that hold PARTS in this version of Streamlit."""
    folder = Path(streamlit.__file__).parent / "static" / "static" / "js"
    return [path.name for part in PARTS for path in sorted(folder.glob(f"{part}.*.js"))]


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

"""The door of the web app: it checks token or login and host name, and adds headers to every answer.

Whoever reaches the port acts with the rights of the account that started the app, and on a machine
of several accounts everybody reaches it. So the start address has a token, which the door turns into
a cookie. A request without either is refused: page, upload and live connection. For a team a login
takes the place of the token; see `login`.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from curation import files
from curation.logins import LoginRefused
from curation.ui.additions import additions, with_additions
from curation.ui.login import AUTH, CALLBACK, LOGIN, LOGOUT, Gate

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS = [
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'self'; "
        b"object-src 'none'; base-uri 'self'; form-action 'self'",
    ),
]
"""Sent with every answer: no other site may frame the app, and no page may ask another host."""

UNHEEDED = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
"""Headers of a request for a page: it is written anew, so it is sent whole and as it is."""

OPEN = "/_stcore/health"
"""Answered without a token, so that a supervisor can see whether the app is up."""

CLOSED = ("/_stcore/metrics", "/_stcore/agent")
"""Addresses that Streamlit serves and this app does not need."""

UPLOADS = "/_stcore/upload_file"
"""The address of uploads, which Streamlit keeps in memory."""

FRONT = "/overview"
"""The page at the address without a path; Streamlit finds none under its name."""

NO_TOKEN = (
    "This app belongs to the account that started it. "
    "Open the address that `curate app` printed there; it ends in ?token=…\n"
)
NO_UPLOAD = "You upload nothing as a reader. Ask an owner of a project for another role.\n"
NO_HOST = "The app does not answer under this name; start it with `curate app --allow-host NAME`.\n"

guarded = False
"""Whether this process serves the app through a door; pages draw nothing else."""


def known_token() -> str:
    """CURATION_TOKEN, or the token that this account keeps for itself; made when there is none.

    It stays when the app is started again, so that an open page finds its way back.
    """
    if token := os.environ.get("CURATION_TOKEN"):
        return token
    token = secrets.token_urlsafe(24)
    with suppress(OSError, RuntimeError):  # without a home it holds for this start
        path = files.machine_folder() / "app-token"
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            suppress(FileExistsError),
            open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream,
        ):
            stream.write(token)
        return path.read_text("ascii").strip() or token
    return token


class Door:
    """An ASGI application in front of another one.

    token: asked of everybody; empty for nobody. hosts: names under which the app is reached, besides
    localhost and addresses in numbers, which no foreign page can make its own. gate: the logins of a
    team, in the place of the token.
    """

    def __init__(
        self,
        app: App,
        token: str,
        hosts: Iterable[str],
        tickets: set[str],
        gate: Gate | None = None,
    ) -> None:
        self._gate = gate
        self._app = app
        self._token = token
        self._hosts = {host.lower() for host in hosts} | {"localhost"}
        self._tickets = tickets
        self._additions = additions()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, turn its token into a cookie, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope["path"]
        if not self._is_known(headers.get(b"host", "")):
            return await _refuse(scope, receive, send, 421, NO_HOST)
        if path.startswith(CLOSED):
            return await _refuse(scope, receive, send, 404, "There is nothing here.\n")
        if self._gate and path != OPEN:
            send = _secure(send) if self._gate.login.is_https else send
            if not await self._enters(self._gate, headers, scope, receive, send):
                return None
        if self._token and path != OPEN:
            cookie = f"curation-{(scope.get('server') or ('', 0))[1]}"
            given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            if scope["type"] == "http" and self._opens([v for k, v in given if k == "token"]):
                rest = urlencode([(k, v) for k, v in given if k != "token"])
                location = "/" + quote(path.lstrip("/")) + (f"?{rest}" if rest else "")
                return await _enter(scope, send, location, cookie, self._token)
            sent = _cookies(headers.get(b"cookie", ""), cookie)
            if not any(_same(value, self._token) for value in sent):
                return await _refuse(scope, receive, send, 403, NO_TOKEN)
        if scope["type"] == "http" and path == FRONT:
            query = scope["query_string"].decode("latin-1")
            return await _redirect(send, f"/?{query}" if query else "/")
        send = _with_headers(send)
        if (
            scope["type"] == "http" and path.count("/") == 1
        ):  # a page, or a short answer of another kind
            kept = [(k, v) for k, v in scope["headers"] if k.lower() not in UNHEEDED]
            scope = {**scope, "headers": kept}
            send = with_additions(send, self._additions)
        return await self._app(scope, receive, send)

    async def _enters(
        self, gate: Gate, headers: dict[bytes, str], scope: Scope, receive: Receive, send: Send
    ) -> bool:
        """Whether a request comes from somebody who is logged in; else it is answered here."""
        path, query = scope["path"], scope["query_string"].decode("latin-1")
        cookies = headers.get(b"cookie", "")
        if not gate.is_at_home(headers.get(b"host", "")):
            own = f"Open the app at {gate.login.address} .\n"
            await _refuse(scope, receive, send, 421, own)
        elif scope["type"] == "http" and path == LOGIN:
            location, cookie = gate.begin(query)
            await _redirect(send, location, (b"set-cookie", cookie))
        elif scope["type"] == "http" and path in (AUTH, CALLBACK, LOGOUT):
            if path == LOGOUT:
                gate.end(cookies)
            await self._app(
                scope, receive, _with_headers(_finishing(gate, path, query, cookies, send))
            )
        else:
            try:
                if who := gate.of_cookies(cookies):
                    if not path.startswith(UPLOADS) or gate.may_upload(who):
                        return True
                    await _refuse(scope, receive, send, 403, NO_UPLOAD)
                    return False
                status, refusal = 401, ""
            except LoginRefused as error:
                status, refusal = 403, str(error)
            page = gate.page(path, query, refusal) if scope.get("method") == "GET" else b""
            await _refuse(scope, receive, send, status, page or "Log in first.\n")
        return False

    def _is_known(self, host: str) -> bool:
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        name = name.strip("[]").lower()
        with suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return name in self._hosts

    def _opens(self, tokens: list[str]) -> bool:
        """Whether one is the token, or a ticket, which holds once."""
        for token in tokens:
            if _same(token, self._token):
                return True
            if token in self._tickets:
                self._tickets.discard(token)
                return True
        return False


def _same(given: str, token: str) -> bool:
    return compare_digest(given.encode(), token.encode())


def _cookies(header: str, name: str) -> list[str]:
    """The values under a name, whatever stands beside them: other apps of the host set cookies too."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [value for key, _, value in pairs if key == name]


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in HEADERS}
            others = [(k, v) for k, v in message.get("headers", []) if k.lower() not in own]
            message["headers"] = [*others, *HEADERS]
        await send(message)

    return sending


def _finishing(gate: Gate, path: str, query: str, cookies: str, send: Send) -> Send:
    """Send what Streamlit answers about a login, with a way on where it has none."""
    replaced = False

    async def sending(message: MutableMapping[str, Any]) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start":
            sent = [(bytes(k), bytes(v)) for k, v in message.get("headers", [])]
            status, headers = gate.finished(path, query, cookies, message["status"], sent)
            replaced = headers is not sent
            message = {**message, "status": status, "headers": headers}
        elif replaced:
            if message.get("more_body"):
                return
            message = {"type": "http.response.body", "body": b""}
        await send(message)

    return sending


def _secure(send: Send) -> Send:
    """Let browsers send the cookies of an answer by HTTPS only."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                (k, v + b"; Secure")
                if k.lower() == b"set-cookie" and b"; secure" not in v.lower()
                else (k, v)
                for k, v in message.get("headers", [])
            ]
        await send(message)

    return sending


async def _enter(scope: Scope, send: Send, location: str, cookie: str, token: str) -> None:
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    kept = f"{cookie}={token}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}"
    await _redirect(send, location, (b"set-cookie", kept.encode("latin-1")))


async def _redirect(send: Send, location: str, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"location", location.encode("latin-1")), *more, (b"cache-control", b"no-store")]
    await _with_headers(send)({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(
    scope: Scope, receive: Receive, send: Send, status: int, text: str | bytes
) -> None:
    """Answer with a sentence, or with a page in bytes; a live connection is closed."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    kind = b"text/html" if isinstance(text, bytes) else b"text/plain"
    headers = [(b"content-type", kind + b"; charset=utf-8"), (b"cache-control", b"no-store")]
    start = {"type": "http.response.start", "status": status, "headers": headers}
    await _with_headers(send)(start)
    await send(
        {"type": "http.response.body", "body": text if isinstance(text, bytes) else text.encode()}
    )

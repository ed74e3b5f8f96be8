"""The gate of a team's app: who is logged in, and the page that asks for it.

Nobody sees anything of the app without a login: no page, upload, download or live connection. Streamlit's
own addresses talk to the provider and set a signed cookie; the gate reads that cookie with each request,
and the claims of a live session with each change.
"""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from curation.logins import Login, LoginRefused, identity
from curation.roles import Person

LOGIN = "/login"
"""The address that begins a login and comes back to the page in `after`."""

AUTH = "/auth/login"
LOGOUT = "/auth/logout"
CALLBACK = "/oauth2callback"

AFTER = "curation-after"
"""The cookie with the page that was asked for before the login."""

MESSAGES = {
    "unreachable": "The login provider does not answer. Try again in a moment; if it goes on, tell "
    "whoever runs this server.",
    "failed": "The login did not succeed. Try again; if it fails again, the log of the server says why.",
}
"""Outcome of a login, as it stands in the address → its sentence."""


class Gate:
    """The logins of a running app.

    secret: signs the cookies. clock: returns seconds since 1970. may_upload: whether a person uploads
    files.
    """

    def __init__(
        self,
        login: Login,
        secret: str,
        clock: Callable[[], float] = time.time,
        may_upload: Callable[[Person], bool] = lambda who: who.is_host,
    ) -> None:
        self.login = login
        self.may_upload = may_upload
        self._secret = secret
        self._clock = clock
        self._ended: dict[tuple[str, str, str], float] = {}

    # --- who it is --------------------------------------------------------------------------

    def of_cookies(self, header: str) -> Person | None:
        """Return the person whose login a request carries; None without one.

        Raises LoginRefused for somebody whom the provider knows and this server does not let in.
        """
        claims = self._claims(header)
        return None if claims is None else self._person(claims)

    def of_session(self) -> Person | None:
        """Return the person of the page's session that runs in this thread; None for nobody."""
        import streamlit as st
        from streamlit.runtime.scriptrunner import get_script_run_ctx

        if get_script_run_ctx(suppress_warning=True) is None:
            return None
        claims = st.user.to_dict()
        if not claims.get("is_logged_in"):
            return None
        try:
            return self._person(claims)
        except LoginRefused:
            return None

    def _person(self, claims: Mapping[str, Any]) -> Person | None:
        return None if identity(claims) in self._ended else self.login.person(claims, self._clock())

    def _claims(self, header: str) -> dict[str, Any] | None:
        """Return the claims of a signed cookie of this app, whole or in parts; None without one."""
        from streamlit.auth_util import get_cookie_with_chunks
        from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
        from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

        sent = _cookies(header)

        def one(name: str) -> bytes | None:
            return decode_signed_value(self._secret, name, sent[name]) if name in sent else None

        with suppress(ValueError):
            claims = json.loads(get_cookie_with_chunks(one, USER_COOKIE_NAME) or b"null")
            if isinstance(claims, dict) and claims.get("origin") == self.login.address:
                return claims
        return None

    def end(self, header: str) -> None:
        """End the login that a request carries, in every tab and also for a copy of its cookie.

        The door alone calls this, one request at a time; threads of pages only read what it leaves.
        """
        if claims := self._claims(header):
            now = self._clock()
            kept = {key: until for key, until in self._ended.items() if until > now}
            self._ended = kept | {identity(claims): now + self.login.hours * 3600}

    # --- addresses --------------------------------------------------------------------------

    def is_at_home(self, host: str) -> bool:
        """Whether a request was sent to the address that the settings name."""
        own = urlsplit(self.login.address)
        port = 443 if self.login.is_https else 80
        return host.lower() in (own.netloc.lower(), f"{own.netloc.lower()}:{port}")

    def begin(self, query: str) -> tuple[str, bytes]:
        """Return the address that begins a login, and the cookie that remembers the page for later."""
        from streamlit.auth_util import encode_provider_token

        after = dict(parse_qsl(query)).get("after", "/")
        cookie = f"{AFTER}={quote(after, safe='')}; Path=/; Max-Age=900; HttpOnly; SameSite=Lax"
        return f"{AUTH}?provider={encode_provider_token('default')}", cookie.encode("latin-1")

    def finished(
        self, path: str, query: str, cookies: str, status: int, headers: list[tuple[bytes, bytes]]
    ) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Return status and headers of an answer about a login, with a way on for the person."""
        from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

        if path == AUTH and status >= 400:
            return 303, _location([], "/?login=unreachable")
        names = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
        if path == CALLBACK and names & {"state", "error", "code"}:
            begin = f"{USER_COOKIE_NAME}=".encode()
            values = [v for k, v in headers if k.lower() == b"set-cookie" and v.startswith(begin)]
            if not any(not value.startswith((begin + b'"";', begin + b";")) for value in values):
                return 303, _location(headers, "/?login=failed")
            sent = _cookies(cookies)
            forget = (b"set-cookie", f"{AFTER}=; Path=/; Max-Age=0".encode())
            return 303, [*_location(headers, safe(unquote(sent.get(AFTER, "/")))), forget]
        return status, headers

    def page(self, path: str, query: str, refusal: str = "") -> bytes:
        """Return the page that asks for a login, or that says why a person is not let in."""
        pairs = parse_qsl(query, keep_blank_values=True)
        message = refusal or MESSAGES.get(dict(pairs).get("login", ""), "")
        rest = urlencode([(name, value) for name, value in pairs if name != "login"])
        after = urlencode({"after": path + (f"?{rest}" if rest else "")})
        label, target = (
            ("Use another account", LOGOUT) if refusal else ("Log in", f"{LOGIN}?{after}")
        )
        note = f'<p class="note" role="alert">{html.escape(message)}</p>' if message else ""
        text = PAGE.replace("{note}", note).replace("{label}", label)
        return text.replace("{target}", html.escape(target)).encode()


def _cookies(header: str) -> dict[str, str]:
    """Map the cookies of a request; of several of one name, as other paths have them, the first."""
    pairs = [part.strip().partition("=")[::2] for part in header.split(";")]
    return dict(reversed(pairs))


def safe(address: str) -> str:
    """Return an address of this app, or its first page for one that leads elsewhere."""
    plain = address.isascii() and address.isprintable() and "\\" not in address
    inside = address.startswith("/") and not address.startswith("//")
    return address if plain and inside and not address.startswith((LOGIN, AUTH, LOGOUT)) else "/"


def _location(headers: list[tuple[bytes, bytes]], address: str) -> list[tuple[bytes, bytes]]:
    """Headers of a redirect that keep the cookies of another answer."""
    cookies = [(k, v) for k, v in headers if k.lower() == b"set-cookie"]
    return [*cookies, (b"location", address.encode("latin-1")), (b"cache-control", b"no-store")]


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Log in · Curation</title>
<style>
:root { --text: #0c1314; --quiet: #4b5563; --back: #ffffff; --line: #d1d5db; --go: #0f766e; --on: #ffffff;
  --warn: #92400e; --warn-back: #fef3c7; }
@media (prefers-color-scheme: dark) { :root { --text: #e6eded; --quiet: #b9c4c4; --back: #111718;
  --line: #3b414d; --go: #2fb8a8; --on: #06201d; --warn: #fde68a; --warn-back: #3a2c07; } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back);
  color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { width: min(25rem, 86vw); padding: 2rem; border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .25rem; font-size: 1.5rem; } p { margin: 0 0 1.25rem; color: var(--quiet); }
.note { padding: .6rem .8rem; border-radius: .5rem; color: var(--warn); background: var(--warn-back);
  overflow-wrap: anywhere; }
a { display: block; padding: .65rem 1rem; border-radius: .5rem; text-align: center; font-weight: 600;
  text-decoration: none; color: var(--on); background: var(--go); }
a:focus-visible { outline: 3px solid var(--text); outline-offset: 2px; }
</style></head><body><main><h1>Curation</h1>
<p>Log in to see the projects of your team.</p>{note}<a href="{target}">{label}</a></main></body></html>
"""

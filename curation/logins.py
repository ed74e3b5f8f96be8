"""Logins of a team: the settings of the provider, and the person that a provider's claims name.

The settings stand in a file of the server, never in a project: a project may come from somebody else,
and would name its own provider and its own owners.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curation import files
from curation.errors import CurationError
from curation.roles import Person, checked_address, matches

SKEW = 120.0
"""Seconds by which the clocks of the provider and of this machine may differ."""

SECRET = "CURATION_CLIENT_SECRET"  # noqa: S105 - the name of a variable
"""Environment variable that holds the client's secret, where the file does not."""


class LoginRefused(CurationError):
    """The provider knows the person, and this server does not let them in; the text says why."""


@dataclass(frozen=True)
class Login:
    """The settings of logins, from the table `team` of a file.

    address: of the app as browsers see it, as https://curate.example.org. issuer: the provider's
    address, under which its discovery document lies. owners: addresses of people who own all projects
    of this server. members: addresses, and domains as *@example.org, that may log in; everybody whom
    the provider lets in without any. hours: length of a login. all_verified: whether the provider
    verifies every e-mail address and therefore does not say so. prompt: of the provider's page; see its
    documentation.
    """

    address: str
    issuer: str
    client_id: str
    client_secret: str
    owners: tuple[str, ...]
    members: tuple[str, ...] = ()
    hours: float = 12.0
    all_verified: bool = False
    prompt: str = "select_account"

    @property
    def callback(self) -> str:
        """The address to which the provider sends a browser back; it is registered there."""
        return f"{self.address}/oauth2callback"

    @property
    def host(self) -> str:
        """The name of the app's machine, as browsers see it."""
        return urlsplit(self.address).hostname or ""

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the app by HTTPS."""
        return self.address.startswith("https:")

    def as_secrets(self, cookie_secret: str) -> dict[str, Any]:
        """Return the settings in the form of Streamlit's own."""
        return {
            "redirect_uri": self.callback,
            "cookie_secret": cookie_secret,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "server_metadata_url": f"{self.issuer.rstrip('/')}/.well-known/openid-configuration",
            "client_kwargs": {"scope": "openid email profile", "prompt": self.prompt},
        }

    def person(self, claims: Mapping[str, Any], now: float) -> Person:
        """Return the person of an ID token's claims; raises LoginRefused for one who is not let in.

        claims: of a token whose signature was checked. now: seconds since 1970. Issuer, audience and
        age are checked here too, so that no claim depends on how another library reads the standard.
        """
        audience = claims.get("aud")
        if claims.get("iss") != self.issuer or self.client_id not in (
            audience if isinstance(audience, list) else [audience]
        ):
            raise LoginRefused("This login is for another app. Log in again.")
        if not self._is_fresh(claims.get("iat"), now):
            raise LoginRefused("Your login has ended. Log in again.")
        email = claims.get("email")
        if not isinstance(email, str) or not email:
            raise LoginRefused(
                "The login provider sent no e-mail address. Whoever runs this server can have it sent "
                "with the ID token."
            )
        verified = claims.get("email_verified", self.all_verified)
        if verified is not True and verified != "true":
            raise LoginRefused(
                f"The login provider has not verified the address {email}. Verify it there, then log "
                "in again."
            )
        try:
            address = checked_address(email)
        except CurationError:
            address = "*"
        if "*" in address:
            raise LoginRefused("The login provider sent an e-mail address that cannot be used.")
        is_host = address in self.owners
        if self.members and not is_host and not matches(self.members, address):
            raise LoginRefused(f"{address} may not log in here. Ask whoever runs this server.")
        name = claims.get("name")
        return Person(address, name.strip()[:100] if isinstance(name, str) else "", is_host)

    def _is_fresh(self, issued: Any, now: float) -> bool:
        """Whether a login that began at a time still holds; one of the future is none."""
        if isinstance(issued, bool) or not isinstance(issued, int | float):
            return False
        return -SKEW <= now - issued < self.hours * 3600


def identity(claims: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what tells one login from another: provider, person there, and time."""
    return str(claims.get("iss")), str(claims.get("sub")), str(claims.get("iat"))


# --- the file ---------------------------------------------------------------------------------


def read_login(path: Path) -> Login:
    """Read the table `team` of a file of the server.

    Raises CurationError for a file in a project, for one that other accounts may read or write, for a
    setting that is missing, unknown or does not fit.
    """
    try:
        path = path.resolve(strict=True)
        rights = path.stat().st_mode
        stated = tomllib.loads(path.read_text("utf-8"))["team"]
    except KeyError:
        raise CurationError(f"{path} has no table [team]; see the guide on teams.") from None
    except (OSError, ValueError) as error:
        raise CurationError(f"{path} cannot be read: {error}.") from None
    if any((folder / "project.toml").exists() for folder in path.parents):
        raise CurationError(
            f"{path} lies in a project. A project may come from somebody else, so it does not say who "
            "logs in; keep the file elsewhere."
        )
    if os.name != "nt" and rights & 0o077:
        raise CurationError(
            f"Other accounts of this machine may read {path}, which holds a secret. "
            f"Run: chmod 600 {path}"
        )
    if not isinstance(stated, dict):
        raise CurationError(f"{path}: team is a table, [team].")
    settings = {**stated}
    settings.setdefault("client_secret", os.environ.get(SECRET, ""))
    names = [field.name for field in fields(Login)]
    if wrong := [name for name in settings if name not in names]:
        raise CurationError(f"{path} has no setting {wrong[0]!r}; it has {', '.join(names)}.")
    for name in names[:5]:
        if not settings.get(name):
            raise CurationError(f"{path}: [team] needs {name}; see the guide on teams.")
    checked = {name: _CHECKS[name](path, name, value) for name, value in settings.items()}
    return Login(**checked)


def _wrong(path: Path, name: str, what: str) -> CurationError:
    return CurationError(f"{path}: {name} is {what}.")


def _text(path: Path, name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(path, name, "a text in quotes")
    return value.strip()


def _url(path: Path, name: str, value: Any) -> str:
    """Return an address without a slash at its end; https, but for this machine itself."""
    text = _text(path, name, value)
    try:
        parts = urlsplit(text)
        is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        is_address = bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        is_local = is_address = False
    if not is_address or not (parts.scheme == "https" or (parts.scheme == "http" and is_local)):
        raise _wrong(
            path, name, "an address that begins with https:// (http:// for localhost only)"
        )
    if name == "address" and parts.path not in ("", "/"):
        raise _wrong(path, name, "the address of a host, without a path")
    return text.rstrip("/") if name == "address" else text


def _addresses(path: Path, name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _wrong(path, name, "a list of e-mail addresses in quotes")
    addresses = tuple(checked_address(text) for text in value)
    if name == "owners" and any(address.startswith("*") for address in addresses):
        raise _wrong(path, name, "a list of people, not of domains")
    return addresses


def _hours(path: Path, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 720:
        raise _wrong(path, name, "a number of hours above 0, at most 720")
    return float(value)


def _switch(path: Path, name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(path, name, "true or false")
    return value


_CHECKS: dict[str, Callable[[Path, str, Any], Any]] = {
    **dict.fromkeys(("client_id", "client_secret", "prompt"), _text),
    **dict.fromkeys(("address", "issuer"), _url),
    **dict.fromkeys(("owners", "members"), _addresses),
    "hours": _hours,
    "all_verified": _switch,
}


def cookie_secret() -> str:
    """Return the secret that signs the cookies of logins; made at the first start, for this account only.

    It stays when the app is started again, so that nobody is logged out by that. Two servers behind
    one address share the file. Raises CurationError where it cannot be kept.
    """
    try:
        path = files.machine_folder() / "team-cookie-secret"
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w") as stream:
                stream.write(secrets.token_urlsafe(48))
        if os.name != "nt" and path.stat().st_mode & 0o077:
            raise CurationError(f"Other accounts may read {path}. Run: chmod 600 {path}")
        text = path.read_text("ascii").strip()
    except (OSError, RuntimeError, ValueError) as error:
        raise CurationError(f"The secret of the logins cannot be kept: {error}.") from None
    if len(text) < 32:
        raise CurationError(f"{path} is too short to be a secret; delete it, and start again.")
    return text

"""Roles of people in a project, and the guard that every change of a project passes.

Guarantee: while a server enforces roles, a function that changes a project raises NotAllowed before
its first write unless the role of the person who acts allows it; also when nobody is known to act.
Without a server that enforces them, as at the command line and on a machine of one's own, everything
is the work of the account that runs the program, and nothing is asked.

The roles stand in the file team.toml of the project folder. The people come from a login, which the
server's own settings describe and no project does: a project may come from somebody else.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from curation import files, lock
from curation.errors import CurationError, NotAllowed

FILE = "team.toml"

READER, ANNOTATOR, OWNER = "reader", "annotator", "owner"

ROLES = {
    READER: "looks at everything and changes nothing",
    ANNOTATOR: "keeps, drops, labels, rates and edits examples, and takes back their own answers",
    OWNER: "changes everything: files, recipe, runs, deliveries, questions and roles",
}
"""Role → its meaning; each may do what those before it may."""

_RANK = {role: number for number, role in enumerate(("", *ROLES))}

_ADDRESS = re.compile(r"[^@\s\"\\\x00-\x20*]{1,200}@[^@\s\"\\\x00-\x20*/]{1,200}")

LEADING = ("guideline", "settle", "gold")
"""Kinds of decisions that speak for the project; an owner makes them."""


@dataclass(frozen=True)
class Person:
    """A person who is logged in.

    email: the verified address in lower case, which is also the name that their decisions carry. name:
    the name to show. is_host: whether the server's settings name them as an owner of all projects.
    """

    email: str
    name: str = ""
    is_host: bool = False


_provider: Callable[[], Person | None] | None = None
_by_program: ContextVar[bool] = ContextVar("by_program", default=False)


def enforce(provider: Callable[[], Person | None] | None) -> None:
    """Enforce roles from now on in this process.

    provider: returns the person for whom the calling thread acts, None for nobody. None in its place
    ends the enforcement.
    """
    global _provider
    _provider = provider


@contextmanager
def by_program() -> Iterator[None]:
    """Let the program itself write in a block, whoever looks on, as when it notes a changed file."""
    token = _by_program.set(True)
    try:
        yield
    finally:
        _by_program.reset(token)


def is_enforced() -> bool:
    """Return whether roles are enforced in this process."""
    return _provider is not None


def person() -> Person | None:
    """Return the person who acts; None where nobody is logged in, or roles are not enforced."""
    return None if _provider is None else _provider()


def role(folder: Path) -> str:
    """Return the role of the person who acts in a project; empty for none.

    OWNER where roles are not enforced. A team.toml that cannot be read gives nobody a role but the
    server's owners.
    """
    if _provider is None or _by_program.get():
        return OWNER
    who = _provider()
    return "" if who is None else _role(folder, who)


def _role(folder: Path, who: Person) -> str:
    try:
        return OWNER if who.is_host else role_of(read_team(folder), who.email)
    except CurationError:
        return ""


def is_at_least(folder: Path, who: Person, least: str) -> bool:
    """Return whether a person, who need not be the one who acts, has at least a role in a project."""
    return _RANK[_role(folder, who)] >= _RANK[least]


def need(folder: Path, least: str) -> None:
    """Raise NotAllowed unless the person who acts has at least a role in a project."""
    current = role(folder)
    if _RANK[current] < _RANK[least]:
        raise NotAllowed(_refusal(folder, current, least))


def is_host() -> bool:
    """Return whether the person who acts is an owner of the server; True where roles are not enforced."""
    if _provider is None or _by_program.get():
        return True
    who = _provider()
    return who is not None and who.is_host


def need_host() -> None:
    """Raise NotAllowed unless the person who acts is an owner of the server."""
    if not is_host():
        only = "Only an owner of this server may do this; its settings name them."
        raise NotAllowed(only if person() else _logged_out())


def need_name(name: str) -> None:
    """Raise NotAllowed for an answer under a name that is not the name of the person who acts."""
    if _provider is None:
        return
    who = _provider()
    if who is None:
        raise NotAllowed(_logged_out())
    if name != who.email:
        raise NotAllowed(f"This answer is not by {who.email}, who is logged in; it was not saved.")


def _refusal(folder: Path, current: str, least: str) -> str:
    if person() is None:
        return _logged_out()
    if not current:
        return f"You have no role in the project {folder.name}. Ask one of its owners for one."
    return (
        f"You are {_named(current)} here. Only an owner may do this."
        if least == OWNER
        else (
            f"You are {_named(current)} here. Ask an owner of the project to make you {_named(least)}."
        )
    )


def _logged_out() -> str:
    return (
        "Your login has ended. Reload the page to log in again; answers that are not saved yet stay "
        "in this tab and are sent then."
    )


def _named(role: str) -> str:
    return f"{'a' if role == READER else 'an'} {role}"


# --- decisions --------------------------------------------------------------------------------

Claims = Collection[tuple[str, str, Collection[str]]]
"""Kind and name of each decision, and the names of those whose decisions it changes or takes back."""


def guard(folder: Path) -> Callable[[Claims], None] | None:
    """Return a check of decisions for the person who acts now; it may be called in another thread.

    An annotator decides under their own name and takes back their own decisions. An owner may also
    append decisions of other people, as from a file, and take them back: None is returned. Raises
    NotAllowed for somebody who may not decide at all; the check does for a decision that they may not
    make.
    """
    need(folder, ANNOTATOR)
    who = person()
    if who is None or role(folder) == OWNER:
        return None

    def check(claims: Claims) -> None:
        for kind, name, authors in claims:
            if kind in LEADING:
                raise NotAllowed(_refusal(folder, ANNOTATOR, OWNER))
            if name != who.email:
                raise NotAllowed(f"You are logged in as {who.email}; decide under that name.")
            if any(author != who.email for author in authors):
                raise NotAllowed(
                    "An annotator changes and takes back their own answers only; ask an owner."
                )

    return check


# --- the file ---------------------------------------------------------------------------------


def read_team(folder: Path) -> dict[str, str]:
    """Return the roles of a project, by address or by `*@domain`, in lower case.

    Raises CurationError for a file that cannot be read, and for one with anything else in it.
    """
    path = folder / FILE
    try:
        stated = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise CurationError(f"{path} cannot be read: {error}.") from None
    people = stated.get("people", {})
    if not isinstance(people, dict) or stated.keys() - {"people"}:
        raise CurationError(f"{path} has one table, [people], and nothing else.")
    team = dict[str, str]()
    for address, value in people.items():
        if not isinstance(value, str) or value not in ROLES:
            raise CurationError(f"{path}: the role of {address} is one of {', '.join(ROLES)}.")
        team[checked_address(address)] = value
    return team


def role_of(team: dict[str, str], email: str) -> str:
    """Return the role of an address: its own, else its domain's; empty for none."""
    return team.get(email) or team.get(f"*@{email.rpartition('@')[2]}", "")


def give_role(folder: Path, address: str, role: str) -> None:
    """Give a role to an address or to `*@domain`; an empty role takes it away.

    Raises CurationError for an address or a role that is none, and NotAllowed for anybody but an owner.
    """
    need(folder, OWNER)
    address = checked_address(address)
    if role not in ("", *ROLES):
        raise CurationError(f"A role is one of {', '.join(ROLES)}, not {role!r}.")
    with lock.locked(folder / ".team.lock"):
        team = read_team(folder)
        team.pop(address, None)
        if role:
            team[address] = role
        lines = [f"{json.dumps(name)} = {json.dumps(team[name])}" for name in sorted(team)]
        files.write_text(folder / FILE, "\n".join(["[people]", *lines, ""]))


def checked_address(text: str) -> str:
    """Return an e-mail address or `*@domain` in lower case; raises CurationError for another text.

    A letter beyond ASCII whose small form is in ASCII, as of the sign for kelvin, is refused: it would
    make one person's address another's.
    """
    address = text.strip().lower()
    if (address.isascii() and not text.isascii()) or not _ADDRESS.fullmatch(
        address.removeprefix("*") if address[:2] != "*@" else f"x{address[1:]}"
    ):
        shown = text if len(text) <= 80 else f"{text[:79]}…"
        raise CurationError(f"{shown!r} is no e-mail address, and no domain such as *@example.org.")
    return address


def matches(patterns: Collection[str], email: str) -> bool:
    """Return whether an address is among addresses and domains."""
    return email in patterns or f"*@{email.rpartition('@')[2]}" in patterns

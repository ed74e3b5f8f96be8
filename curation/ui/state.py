"""The state of a browser session: project, example, annotator. The truth is on disk."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from weakref import WeakKeyDictionary

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from curation import errors, roles
from curation.dataset import Dataset
from curation.looking.queues import Board
from curation.overlay import with_decisions
from curation.project import Project, View
from curation.questions import SHORT, read_questions
from curation.recipe_file import DEFAULT_RECIPE
from curation.report import ANSWERS
from curation.settings import identity
from curation.text.slug import slug
from curation.ui.budget import remembered
from curation.ui.presence import Presence
from curation.ui.slots import Slot
from curation.ui.workspace import folders, workspace

if TYPE_CHECKING:
    from curation.decisions import State

_PROJECT, _ANNOTATOR, _SESSION = "project", "annotator", "session"
_COOKIE, _REMEMBERED = "curation-name", "remembered-name"

OPEN = Slot[str | None]("open-example", None)
"""The id of the example that the session looks at."""

MOST_LETTERS = 100
"""Letters of a name that the browser remembers."""


def project_paths() -> list[Path]:
    """Every project of the app; where roles are enforced, those in which the person has a role."""
    return sorted((p for p in folders() if roles.role(p)), key=lambda p: p.name)


def address(path: Path) -> str:
    """A project's word in a page's address: its folder's name; its path where two share the name."""
    alike = [p for p in project_paths() if p.name == path.name]
    return path.name if alike == [path] else str(path)


def _addressed(name: str) -> Path | None:
    """The project that an address names; None when there is none."""
    return next((p for p in project_paths() if name in (str(p), address(p))), None)


_identities: WeakKeyDictionary[Project, tuple[Any, ...]] = WeakKeyDictionary()
"""The identity of each project's folder when it was opened; see `settings.identity`."""


def _spare(project: Project) -> bool:
    """Forget the oldest of a project's datasets that no page needs now; return whether there was one.

    Pages need those of the last run, and about as many with today's decisions or another recipe.
    """
    try:
        steps = len(project.recipe.steps)
    except errors.CurationError:  # it cannot be read now
        return False
    return project.memory.forget_oldest(2 * (steps + 2))


@remembered(16, grows=True, spare=_spare)
def _opened(path: str, folder: tuple[Any, ...]) -> Project:
    project = Project.open(path)
    _identities[project] = folder
    return project


@remembered(64, grows=True)
def board(path: str) -> Board:
    """The queues of a project, which all sessions of this server share."""
    return Board()


@st.cache_resource(max_entries=64, show_spinner=False)
def presence(path: str) -> Presence:
    """The pages of a project's cards that are open in this server."""
    return Presence()


@remembered(8, grows=True)
def newest(path: str, part: str) -> dict[str, Any]:
    """The newest measurement of a part of a project, which all sessions share; empty before the first."""
    return {}


def connection_id() -> str:
    """Streamlit's id of this session, by which it knows whether the browser is connected."""
    context = get_script_run_ctx()
    return "" if context is None else context.session_id


def is_connected(connection: str) -> bool:
    """Whether the browser of a session is connected."""
    return runtime.exists() and runtime.get_instance().is_active_session(connection)


def present(project: Project) -> None:
    """Raise CurationError when an open project was deleted, renamed or replaced.

    Raises NotAllowed for somebody whose login ended, or whose role was taken away: a part of a page
    that is drawn by itself is not in the shell, which else says so.
    """
    roles.need(project.path, roles.READER)
    folder = identity(project.path)
    if not folder or _identities.get(project) != folder:
        raise errors.CurationError(missing_project(project.path.name))


def missing_project(name: str) -> str:
    """The message about a project whose folder is missing or another."""
    return (
        f"The project {name} is not here any more: it was deleted, renamed or replaced. This page "
        "saves nothing to it. Choose a project on the left, or put the folder back and reload."
    )


def current_project() -> Project | None:
    """The project that the address names, else the session's; None while there is none at all.

    Raises CurationError when that project is missing; another is never taken instead.
    """
    chosen = chosen_path()
    if chosen is None:
        return None
    folder = identity(chosen)
    if not folder or not roles.role(chosen):
        raise errors.CurationError(missing_project(chosen.name))
    st.session_state[_PROJECT] = str(chosen)
    if st.query_params.get("project") != address(chosen):
        st.query_params["project"] = address(chosen)
    return _opened(str(chosen), folder)


def chosen_path() -> Path | None:
    """The folder of the page's project, which may be missing or damaged."""
    if named := st.query_params.get("project"):
        return _addressed(named) or workspace() / slug(Path(named).name)
    if chosen := st.session_state.get(_PROJECT):
        return Path(chosen)
    paths = project_paths()
    started = Path(os.environ.get("CURATION_PROJECT", ""))
    return started if started in paths else next(iter(paths), None)


def choose_project(path: Path) -> None:
    """Make a project the session's own."""
    st.session_state[_PROJECT] = str(path)
    st.query_params.from_dict({"project": address(path)})


def make_project(name: str) -> Project:
    """Make a project in the workspace and choose it; raises CurationError when it is there."""
    project = Project.create(workspace() / slug(name), name=name, recipe=DEFAULT_RECIPE)
    choose_project(project.path)
    return project


def need_project() -> Project:
    """The session's project; a page without one says what to do and stops."""
    project = current_project()
    if project is None:
        st.info("There is no project yet. Make one on the Load page.", icon=":material/folder_off:")
        st.page_link("pages/prepare/load.py", label="Load examples", icon=":material/upload_file:")
        st.stop()
    return project


def need_view() -> tuple[Project, View]:
    """The project and what it shows now; a page without examples says what to do and stops."""
    project = need_project()
    try:
        return project, annotated(project, project.view())
    except errors.CurationError as error:
        if project.imports:
            raise
        st.info(str(error), icon=":material/inbox:")
        st.page_link("pages/prepare/load.py", label="Load examples", icon=":material/upload_file:")
        st.stop()


def annotated(project: Project, view: View) -> View:
    """The view with people's verdicts, tags, flags and short answers as columns."""
    people = project.people()
    if people is None:
        return view
    columns = ("verdict", "tags", "flags", *short_answers(project, people))
    of_people = people.fingerprint(("keep", "drop", "tag", "flag", "answer", "disagreement"))
    fingerprint = f"{view.fingerprint}-{of_people}-{','.join(columns)}"
    dataset = _annotated(str(project.path), fingerprint, view.dataset, people, columns)
    return replace(view, dataset=dataset, fingerprint=fingerprint)


@remembered(8)
def _annotated(
    path: str, fingerprint: str, _dataset: Dataset, _people: Any, columns: tuple[str, ...]
) -> Dataset:
    return with_decisions(_dataset, _people, columns)


def short_answers(project: Project, people: State) -> list[str]:
    """The columns of answers that a list of values shows: not those of texts and of stretches."""
    if not people.answer_columns:
        return []
    names = [f"{ANSWERS}{q.name}" for q in read_questions(project.path) if q.kind in SHORT]
    return [name for name in names if name in people.answer_columns]


def session_id() -> str:
    """The session's own id; a server that was started anew has another for the same page."""
    if _SESSION not in st.session_state:
        st.session_state[_SESSION] = uuid.uuid4().hex
    return str(st.session_state[_SESSION])


def annotator() -> str:
    """The annotator's name: the address that they logged in with, else what they typed."""
    if roles.is_enforced():
        who = roles.person()
        return who.email if who else ""
    return str(st.session_state.get(_ANNOTATOR) or "").strip()


def owns(project: Project) -> bool:
    """Whether the person may change everything of a project."""
    return roles.role(project.path) == roles.OWNER


def decides(project: Project) -> bool:
    """Whether the person may decide about examples of a project."""
    return roles.role(project.path) in (roles.ANNOTATOR, roles.OWNER)


def name_given(key: str) -> None:
    """Take the name that was typed into a field, as its form's callback."""
    st.session_state[_ANNOTATOR] = str(st.session_state.get(key) or "").strip()


def take_name(name: str) -> None:
    """Take a name in the place of the one that was typed, as a callback."""
    st.session_state[_ANNOTATOR] = name


def recall_annotator() -> None:
    """Begin a session, also after a reload, with the name that this browser remembers.

    An emptied field keeps the name: after a lost connection the browser may send the field empty,
    and nobody decides without a name.
    """
    if not annotator() and (former := st.session_state.get(_REMEMBERED)):
        st.session_state[_ANNOTATOR] = former
    if _ANNOTATOR not in st.session_state:
        cookie: Any = st.context.cookies.get(_COOKIE)
        name = unquote(cookie)[:MOST_LETTERS] if isinstance(cookie, str) else ""
        st.session_state[_ANNOTATOR] = st.session_state[_REMEMBERED] = name


def remember_annotator() -> None:
    """Have the browser remember the annotator's name after a change."""
    name = annotator()[:MOST_LETTERS]
    if name != st.session_state.get(_REMEMBERED, ""):
        st.session_state[_REMEMBERED] = name
        cookie = f"{_COOKIE}={quote(name, safe='')}; path=/; max-age=31536000; SameSite=Lax"
        # Quoted, the name holds letters, digits, "_.-~" and "%" only: it can end no string. Its field,
        # and no other, loses the focus, or the keys that decide would be typed into it.
        field = f"document.activeElement.closest('.st-key-{_ANNOTATOR}')"
        script = f"document.cookie = '{cookie}'; if ({field}) document.activeElement.blur()"
        st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)


@dataclass(frozen=True)
class MapView:
    """The part of the map of one project that a session looks at.

    shapes: the lassos and boxes that were drawn, as Plotly gives them. part: the rectangle that is
    looked into, None for all. group: a theme or (theme, topic) that was chosen in the treemap.
    marked: an example with a ring about it.
    """

    shapes: Mapping[str, Any] = field(default_factory=dict)
    part: tuple[tuple[float, float], tuple[float, float]] | None = None
    group: tuple[str, ...] = ()
    marked: str = ""


MAP = Slot("map-view", MapView())
"""The session's view of the map."""


def look_at(project: Project, **changes: Any) -> None:
    """Change what the session looks at on the map, as a callback."""
    MAP.set(project, replace(MAP.get(project), **changes))


def dark() -> bool:
    """Whether the session sees the dark theme."""
    return bool(st.context.theme.type == "dark")


def flash(text: str, icon: str = ":material/check:") -> None:
    """Show a message at the next drawing of the page; callbacks run before it."""
    st.session_state.setdefault("flashes", []).append((text, icon))


@contextmanager
def flashing_errors() -> Iterator[None]:
    """Show an error of the block at the next drawing; the block ends there."""
    try:
        yield
    except errors.CurationError as error:
        flash(str(error), ":material/error:")


def flashes() -> list[tuple[str, str]]:
    """The messages to show now; each is shown once."""
    return list(st.session_state.pop("flashes", []))

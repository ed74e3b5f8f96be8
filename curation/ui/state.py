"""What a browser session knows: which project, which row, who. The truth is on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import streamlit as st

from curation import errors
from curation.dataset import Dataset
from curation.overlay import with_said
from curation.project import DEFAULT_RECIPE, Project, View, slug

_PROJECT, _ANNOTATOR, _OPEN = "project", "annotator", "open_example"
_COOKIE, _REMEMBERED = "curation-name", "remembered-name"

OF_A_CARD = ("card", "trail", "editing", "position", "last-act", "undone")
"""What the Annotate page notes about the examples of a project."""

MOST_LETTERS = 100
"""Of a name, so many are remembered by the browser."""


def workspace() -> Path:
    """The folder that holds the projects: CURATION_WORKSPACE, or `projects` beside the app."""
    return Path(os.environ.get("CURATION_WORKSPACE", "projects")).resolve()


def project_paths() -> list[Path]:
    """Every project in the workspace, and the one the app was started with."""
    found = {p.parent for p in workspace().glob("*/project.toml")}
    if started := os.environ.get("CURATION_PROJECT"):
        found.add(Path(started))
    return sorted(found, key=lambda p: p.name)


@st.cache_resource(max_entries=16, show_spinner=False)
def _opened(path: str) -> Project:
    return Project.open(path)


def current_project() -> Project | None:
    """The session's project; None while there is none."""
    chosen = chosen_path()
    if chosen is None:
        return None
    st.session_state[_PROJECT] = str(chosen)
    return _opened(str(chosen))


def chosen_path() -> Path | None:
    """The folder of the session's project, which may be one that cannot be opened."""
    chosen = st.session_state.get(_PROJECT) or os.environ.get("CURATION_PROJECT")
    if chosen and (Path(chosen) / "project.toml").exists():
        return Path(chosen)
    return next(iter(project_paths()), None)


def choose_project(path: Path) -> None:
    """Make a project the session's own and forget what was open in another."""
    st.session_state[_PROJECT] = str(path)
    for name in (_OPEN, *OF_A_CARD):
        st.session_state.pop(name, None)


def make_project(name: str) -> Project:
    """Make a project in the workspace and choose it; raises CurationError when it is there."""
    made = Project.create(workspace() / slug(name), name=name, recipe=DEFAULT_RECIPE)
    choose_project(made.path)
    return made


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
    """The view with what people said beside the scores: verdict, tags and flags."""
    people = project.people()
    if people is None:
        return view
    said = people.fingerprint(("keep", "drop", "tag", "flag"))
    fingerprint = f"{view.fingerprint}-{said}"
    dataset = _annotated(str(project.path), fingerprint, view.dataset, people)
    return replace(view, dataset=dataset, fingerprint=fingerprint)


@st.cache_resource(max_entries=8, show_spinner=False)
def _annotated(path: str, fingerprint: str, _dataset: Dataset, _people: Any) -> Dataset:
    return with_said(_dataset, _people, ("verdict", "tags", "flags"))


def annotator() -> str:
    """Who is at the keyboard; empty until they said so."""
    return str(st.session_state.get(_ANNOTATOR, "")).strip()


def recall_annotator() -> None:
    """Begin a session, which a reload of the page does too, with the name this browser remembers."""
    if _ANNOTATOR not in st.session_state:
        said: Any = st.context.cookies.get(_COOKIE)
        name = unquote(said)[:MOST_LETTERS] if isinstance(said, str) else ""
        st.session_state[_ANNOTATOR] = st.session_state[_REMEMBERED] = name


def remember_annotator() -> None:
    """Have the browser remember who is at the keyboard, where that has changed."""
    name = annotator()[:MOST_LETTERS]
    if name != st.session_state.get(_REMEMBERED, ""):
        st.session_state[_REMEMBERED] = name
        said = f"{_COOKIE}={quote(name, safe='')}; path=/; max-age=31536000; SameSite=Lax"
        # Quoted, the name holds letters, digits, "_.-~" and "%" only: it can end no string. Its field,
        # and no other, loses the focus, or the keys that decide would be typed into it.
        field = f"document.activeElement.closest('.st-key-{_ANNOTATOR}')"
        script = f"document.cookie = '{said}'; if ({field}) document.activeElement.blur()"
        st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)


def open_example(example_id: str | None) -> None:
    """Note which example the session looks at."""
    st.session_state[_OPEN] = example_id


def opened_example() -> str | None:
    """The example the session looks at."""
    found: Any = st.session_state.get(_OPEN)
    return found if isinstance(found, str) else None


@dataclass(frozen=True)
class MapView:
    """What a session looks at on the map of one project.

    shapes: the lassos and boxes that were drawn, as Plotly gives them. part: the rectangle that is
    looked into, None for all. group: a theme or (theme, topic) that was chosen in the treemap.
    marked: an example with a ring about it.
    """

    shapes: Mapping[str, Any] = field(default_factory=dict)
    part: tuple[tuple[float, float], tuple[float, float]] | None = None
    group: tuple[str, ...] = ()
    marked: str = ""


def map_view(project: Project) -> MapView:
    """What the session looks at on the map of a project."""
    found: MapView = st.session_state.get(f"map-view-{project.path}", MapView())
    return found


def look_at(project: Project, **changes: Any) -> None:
    """Change what the session looks at on the map, as a callback."""
    st.session_state[f"map-view-{project.path}"] = replace(map_view(project), **changes)


def dark() -> bool:
    """Whether the session sees the dark theme."""
    return bool(st.context.theme.type == "dark")


def flash(text: str, icon: str = ":material/check:") -> None:
    """Say something at the next drawing of the page: callbacks run before it."""
    st.session_state.setdefault("flashes", []).append((text, icon))


@contextmanager
def flashing_errors() -> Iterator[None]:
    """Say at the next drawing what could not be done in the block, which ends there."""
    try:
        yield
    except errors.CurationError as error:
        flash(str(error), ":material/error:")


def flashes() -> list[tuple[str, str]]:
    """What is to be said now; each is said once."""
    return list(st.session_state.pop("flashes", []))

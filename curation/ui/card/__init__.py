"""The card of the Annotate page: a component that answers keys in the browser.

The browser holds the next examples, paints one, and sends each answer with the id and the revision
of the card that was painted; the server answers with what is on disk. See `replies` for the server's
side and `outbox.js` for the browser's. Scripts and styles are files beside this one, joined here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from curation.errors import CurationError
from curation.project import Project, View
from curation.ui import state
from curation.ui.card.replies import Place, reply
from curation.ui.slots import widget_value

FOLDER = Path(__file__).parent
SCRIPTS = (
    "text.js",
    "turns.js",
    "spans.js",
    "outbox.js",
    "fields.js",
    "keys.js",
    "questions.js",
    "suggested.js",
    "shell.js",
    "page.js",
)
"""Files of the script, in the order in which they are joined into one module."""


def script() -> str:
    """The component's JavaScript, as one module."""
    return "\n".join((FOLDER / name).read_text("utf-8") for name in SCRIPTS)


_mount = st.components.v2.component(
    "curation_card", js=script(), css=(FOLDER / "card.css").read_text("utf-8")
)


def draw(project: Project, view: View) -> None:
    """Draw the page of cards of a project for the session's annotator."""
    _draw(
        Place(
            project=project,
            address=state.address(project.path),
            view=view,
            board=state.board(str(project.path)),
            annotator=state.annotator(),
            session=state.session_id(),
        )
    )


@st.fragment
def _draw(place: Place) -> None:
    """The component; only this part runs again when the browser sends something.

    A request may be handled twice: its answers are saved once, and the rest is reading.
    """
    key = f"card-{place.project.path}"
    sent: Any = widget_value(key) or {}
    request = sent.get("request") or {}
    try:
        state.present(place.project)
        _note_presence(place.project, str(request.get("page") or ""))
        answer = reply(place, request)
    except CurationError as error:
        answer = {**reply(place, None), "to": request.get("sent", 0), "trouble": str(error)}
    _mount(key=key, data=answer, on_request_change=_heard)


def _note_presence(project: Project, page: str) -> None:
    """Note that the page is open, and give back the examples of pages that were closed."""
    pages = state.presence(str(project.path))
    if page:
        pages.arrived(page, state.connection_id())
    if closed := pages.closed(state.is_connected):
        project.decisions.leases.release(closed)


def _heard() -> None:
    """Declare the state that the browser sends; it is read when the fragment is drawn."""

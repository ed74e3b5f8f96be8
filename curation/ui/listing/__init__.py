"""A list whose items are decided one at a time by keys: what pages with such a list share.

The browser holds some items around the one that it paints, and sends each answer under the name and
about the item that were on the screen. A page adds a script with a class that extends `Listing` of
`listing.js`, a style, and the decisions that its answers make; see `answers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from curation import roles
from curation.project import Project
from curation.ui import state
from curation.ui.answers import Written
from curation.ui.card import FOLDER as CARD
from curation.ui.slots import widget_value

FOLDER = Path(__file__).parent

BEHIND = 1
"""Items that the browser holds before the one that it shows."""


class Listing:
    """The component of a page with a list.

    name: of the component, and of its script and style in `folder`. ahead: items that the browser
    holds from the one that it shows on. may: whether the person's role lets them answer.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        ahead: int,
        may: Callable[[Project], bool] = state.decides,
    ) -> None:
        scripts = (
            CARD / "text.js",
            CARD / "outbox.js",
            FOLDER / "listing.js",
            folder / f"{name}.js",
        )
        styles = (FOLDER / "listing.css", folder / f"{name}.css")
        self.name = name
        self.ahead = ahead
        self.may = may
        self._mount = st.components.v2.component(
            f"curation_{name}",
            js="\n".join(path.read_text("utf-8") for path in scripts),
            css="\n".join(path.read_text("utf-8") for path in styles),
        )

    def answers(self, project: Project) -> Sequence[Any]:
        """The answers that the browser sent; they may have been saved before."""
        answers: Sequence[Any] = self._request(project).get("answers", ())
        return answers

    def draw(
        self,
        project: Project,
        listing: str,
        count: int,
        item: Callable[[int], dict[str, Any]],
        written: Written,
        *,
        revision: int,
        empty: str,
        place: int | None = None,
        **more: Any,
    ) -> None:
        """Draw the items around a place, by default the one that the browser is at.

        listing: name of the list; one with another name is shown from its beginning. count: its
        length. item: makes the item of a place, a dict with its "id". revision: number of the newest
        event that is on the screen. empty: sentence for an empty list. more: what the page's own
        script reads.
        """
        request = self._request(project)
        if place is None:
            place = int(request.get("from", 0)) if request.get("listing") == listing else 0
        start = max(0, min(place, count - 1) - BEHIND)
        self._mount(
            key=self._key(project),
            data={
                "items": [item(n) for n in range(start, min(count, start + BEHIND + self.ahead))],
                "start": start,
                "count": count,
                "listing": listing,
                "revision": revision,
                "empty": empty,
                "project": str(project.path),
                "owned": roles.is_enforced(),
                "annotator": state.annotator(),
                "may": self.may(project),
                "to": request.get("sent"),
                "back": f"{written.back} {written.undone}" if written.back else "",
                "saved": written.saved,
                "refused": written.refused,
                "trouble": written.trouble,
                **more,
            },
            on_request_change=_heard,
        )

    def _key(self, project: Project) -> str:
        return f"{self.name}-{project.path}"

    def _request(self, project: Project) -> Mapping[str, Any]:
        sent: Any = widget_value(self._key(project)) or {}
        request: Mapping[str, Any] = sent.get("request") or {}
        return request


def _heard() -> None:
    """Declare the state that the browser sends; it is read when the fragment is drawn."""

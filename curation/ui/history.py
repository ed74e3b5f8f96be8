"""The History page's list: filters, the table of acts, and an act that is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock
from typing import Any

import pandas as pd
import streamlit as st

from curation.decisions import KINDS, Event
from curation.decisions.moments import moment_at
from curation.looking.acts import DONE
from curation.looking.events import Act, Page, Reader, Search
from curation.project import Project
from curation.text.counted import counted
from curation.ui import actions, state, tables
from curation.ui.actions import EDIT, NAMELESS
from curation.ui.slots import Slot
from curation.ui.tables import Column
from curation.ui.text import markdown, short
from curation.ui.times import when, zone

BROWSE = actions.Act(
    "Browse",
    ":material/table_rows:",
    run=lambda project, example: state.OPEN.set(project, example),
    page="pages/explore/browse.py",
)
FATES = {"all": None, "counts": True, "undone or overruled": False}
LISTED = 200
"""Examples or events of an act that are listed."""

ACT = (
    Column("when", width=125),
    Column("who", "person", width=80),
    Column("what", width=230),
    Column("state", width=130),
    Column("example", width=90),
    Column("prompt", kind="excerpt", width=220),
    Column("reason", width=200),
)
PART = (
    Column("example", width=90),
    Column("what", width=150),
    Column("state", width=150),
    Column("prompt", kind="excerpt", width="large"),
)


@dataclass(frozen=True)
class Place:
    """The place of a session: the search of its list, the first numbers of the pages it turned, a moment.

    moment: number of the event after which the state is looked at; None for none.
    """

    search: Search = Search()
    pages: tuple[int, ...] = ()
    moment: int | None = None


PLACE = Slot("history-place", Place())


@dataclass(frozen=True)
class Scene:
    """The values that the parts of the page draw."""

    project: Project
    reader: Reader
    prompts: pd.Series

    def prompt(self, example: str) -> str:
        """Return an example's prompt; a word for one that is not in the data."""
        if example not in self.prompts.index:
            return "(not in the data any more)" if example else ""
        return str(self.prompts[example])


def scene(project: Project) -> Scene:
    """Return the history of a project as it is now."""
    rows = project.examples.rows
    reader = Reader(project.decisions, lambda i: _text(rows["label"].get(i)), project.people())
    return Scene(project, reader, rows["prompt"])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def short_id(example: str) -> str:
    """Return the beginning of an id, for a table."""
    return example[:8]


# --- the list -------------------------------------------------------------------------------


def filters(scene: Scene) -> Search:
    """Draw the filters of the list."""
    first = st.columns([2, 3, 2])
    person = first[0].selectbox(
        "Person", ["", *scene.reader.people()], key="history-person", format_func=_or("everybody")
    )
    kinds = first[1].multiselect(
        "What was done",
        [kind for kind in KINDS if kind not in ("gold", "check")],
        key="history-kinds",
        format_func=lambda kind: DONE.get(kind, kind),
        placeholder="anything",
    )
    example = first[2].text_input("Example", key="history-example", placeholder="an id")
    second = st.columns(4, vertical_alignment="bottom")
    since = second[0].date_input("From", None, key="history-since", format="YYYY-MM-DD")
    until = second[1].date_input("To", None, key="history-until", format="YYYY-MM-DD")
    fate = second[2].selectbox("State", list(FATES), key="history-fate")
    with second[3]:
        _moment_form(scene.project)
    return Search(
        person=person or "",
        kinds=tuple(kinds),
        example=example.strip(),
        since=_midnight(since),
        until=_midnight(until, 1),
        counts=FATES[str(fate)],
    )


def _or(word: str) -> Callable[[str], str]:
    return lambda value: short(value, 60) or word


def _midnight(day: Any, later: int = 0) -> float | None:
    if not isinstance(day, date):
        return None
    return datetime.combine(day + timedelta(days=later), clock(), zone()).timestamp()


def acts(scene: Scene, search: Search) -> Act | None:
    """Draw a page of the acts that a search holds; return the one that was clicked."""
    place = PLACE.get(scene.project)
    if place.search != search:
        place = Place(search, (), place.moment)
        PLACE.set(scene.project, place)
    page = scene.reader.page(search, place.pages[-1] if place.pages else 0)
    if not page.acts:
        st.caption("No act meets these conditions.")
        return None
    frame = pd.DataFrame([_line(scene, act) for act in page.acts])
    key = f"history-acts-{place.pages[-1:]}-{page.acts[0].seq}"
    picked = tables.draw(frame, ACT, key=key, pick=True)
    _turn(scene.project, place, page)
    return page.acts[int(picked)] if picked is not None else None


def _line(scene: Scene, act: Act) -> dict[str, str]:
    return {
        "when": when(act.time),
        "who": act.who or "nobody",
        "what": act.words,
        "example": short_id(act.example) if act.example else counted(act.examples, "example"),
        "prompt": scene.prompt(act.example),
        "reason": act.reason,
        "state": _state(act.fate),
    }


def _state(fate: str) -> str:
    return f"○ {fate}" if fate else "✓ counts"


def _turn(project: Project, place: Place, page: Page) -> None:
    """Draw the buttons that turn the page."""
    if not place.pages and not page.older:
        return
    with st.container(horizontal=True):
        for label, icon, pages, idle in (
            ("Newer", ":material/chevron_left:", place.pages[:-1], not place.pages),
            ("Older", ":material/chevron_right:", (*place.pages, page.older), not page.older),
        ):
            turned = Place(place.search, pages, place.moment)
            st.button(label, icon=icon, disabled=idle, on_click=PLACE.set, args=(project, turned))


# --- an act ---------------------------------------------------------------------------------


def act(scene: Scene, chosen: Act) -> None:
    """Draw an act that was clicked: its undo, its examples, and the moments around it."""
    project = scene.project
    with st.container(border=True):
        who = markdown(chosen.who or "nobody", 60)
        st.markdown(f"**{who}** {markdown(chosen.words, 300)} · {when(chosen.time)}")
        if chosen.reason:
            st.text(f"Reason: {chosen.reason}")
        with st.container(horizontal=True):
            switch_button(project, chosen.target, chosen.undone, chosen.examples, "history-act")
            for label, seq in (("before", chosen.first - 1), ("after", chosen.seq)):
                st.button(
                    f"See the moment {label} it",
                    icon=":material/history:",
                    key=f"history-{label}-{chosen.seq}",
                    on_click=see,
                    args=(project, seq),
                )
        if chosen.example and chosen.example in scene.prompts.index:
            st.caption(markdown(scene.prompt(chosen.example), 300))
            actions.for_one(project, (BROWSE, EDIT), chosen.example, "history")
        elif not chosen.example:
            _parts(scene, chosen)


def _parts(scene: Scene, chosen: Act) -> None:
    """Draw the events of an act; the one that was clicked can be undone alone."""
    events = scene.reader.events(chosen, LISTED)
    rows = [
        {
            "example": short_id(event.example_id),
            "prompt": scene.prompt(event.example_id),
            "what": words,
            "state": _state(fate),
        }
        for event, words, fate in events
    ]
    picked = tables.draw(
        pd.DataFrame(rows), PART, key=f"history-parts-{chosen.seq}", pick=True, tallest=280
    )
    if chosen.seq - chosen.first >= LISTED:
        st.caption(f"The first {LISTED:,} decisions of the act are considered.")
    if picked is not None:
        event: Event = events[int(picked)][0]
        off = event.op_id in scene.reader.state.undone
        with st.container(horizontal=True):
            switch_button(scene.project, {"op_id": event.op_id}, off, 1, "history-part")
        if event.example_id in scene.prompts.index:
            actions.for_one(scene.project, (BROWSE, EDIT), event.example_id, "history-part")


def switch_button(
    project: Project, target: Mapping[str, str], off: bool, examples: int, key: str
) -> None:
    """Draw the button that undoes an act or event, or does it again."""
    kind = "redo" if off else "undo"
    words = {"undo": "Undo", "redo": "Do again"}[kind]
    st.button(
        f"{words} all {examples:,}" if examples > 1 else words,
        icon=f":material/{kind}:",
        key=f"{key}-{kind}",
        disabled=not state.annotator(),
        help=None if state.annotator() else NAMELESS,
        on_click=_switch,
        args=(project, kind, dict(target), actions.new_op()),
    )


def _switch(project: Project, kind: str, target: dict[str, str], op: str) -> None:
    with state.flashing_errors():
        state.present(project)
        change = project.decisions.undo if kind == "undo" else project.decisions.redo
        event = change(state.annotator(), own_op_id=op, **target)
        done = {"undo": "Undone", "redo": "Done again"}[kind]
        state.flash(done if event else "That changes nothing now", f":material/{kind}:")


# --- the way to a moment --------------------------------------------------------------------


def see(project: Project, seq: int | None) -> None:
    """Have the session look at the moment after an event; None for none. As a callback."""
    place = PLACE.get(project)
    PLACE.set(project, Place(place.search, place.pages, seq))


def _moment_form(project: Project) -> None:
    """Draw the fields that choose a moment by its time."""
    with st.popover("Go back…", icon=":material/history:"):
        now = datetime.now(zone())
        day = st.date_input("Day", now.date(), key="history-day", format="YYYY-MM-DD")
        hour = st.time_input("Time", now.time(), key="history-hour", step=60)
        if st.button("See that moment", key="history-see") and isinstance(day, date):
            time = datetime.combine(day, hour, zone()).timestamp()
            see(project, moment_at(project.decisions.events(), time))
            st.rerun()

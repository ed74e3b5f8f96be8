"""The shell around every page: project, annotator, how many are kept, running jobs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import streamlit as st

from curation import commands, jobs, namesakes, roles, settings
from curation.commands import Command
from curation.errors import CurationError, DatabaseNotAllowed
from curation.looking.masks import number_kept
from curation.project import Project, View
from curation.text.counted import counted
from curation.ui import actions, door, state
from curation.ui.budget import budget
from curation.ui.slots import set_widget, widget_value
from curation.ui.text import markdown, short

RECENT = 5
"""Newest jobs of a project that a page looks at."""

ANNOTATE = "annotate"
"""The address of the page of cards."""

CARD_REFRESH = 15.0
"""Seconds after which the sidebar beside the card counts anew; it takes 0.1 s at 50,000 rows."""

ICON = Path(__file__).with_name("icon.svg")
"""The browser tab's icon; one of Streamlit's own names would be fetched from a foreign host."""


def around(page: Any) -> None:
    """Draw the sidebar and the page; an error is one sentence in the place of the page."""
    if not door.guarded:
        st.error("Start the app with `curate app`. Started otherwise, it lets everybody in.")
        st.stop()
    if roles.is_enforced() and roles.person() is None:
        st.error("Your login has ended. What you typed stays in this tab.", icon=":material/lock:")
        st.button("Log in again", type="primary", key="login", on_click=st.login)
        st.stop()
    project = None
    with st.sidebar:
        try:
            project = state.current_project()
            _who_and_where()
            if project is not None:
                _nearly_known(project)
                st.set_page_config(page_title=f"{page.title} · {project.name}")
                if page.url_path == ANNOTATE:  # answers draw the card only, which has its own undo
                    project.people()  # what a fragment raises would not come to the question below
                    st.fragment(_funnel, run_every=CARD_REFRESH)(project)
                else:
                    _funnel(project)
                    _undo(project)
                    state.presence(str(project.path)).left(state.connection_id())
                running = [job for job in jobs.all_jobs(project.path, RECENT) if job.active]
                _jobs(project, bool(running))
        except CurationError as error:
            st.error(markdown(error, 400), icon=":material/error:")
            if isinstance(error, DatabaseNotAllowed):
                allow, folder = settings.allow_database, error.folder
                st.button("Allow this database", on_click=allow, args=(folder,))
            if project is None:
                _who_and_where()
    for text, icon in state.flashes():
        st.toast(markdown(text), icon=icon)
    try:
        page.run()
    except CurationError as error:
        st.error(markdown(error, 600), icon=":material/error:")
    if project is not None:
        budget.tidy(project.path)


def _who_and_where() -> None:
    paths, chosen = state.project_paths(), state.chosen_path()
    if paths:
        # The Load page may have chosen another project, and the chosen one may be deleted.
        set_widget("chosen_project", chosen if chosen in paths else None)
        st.selectbox(
            "Project",
            paths,
            format_func=_name_of,
            key="chosen_project",
            placeholder="choose a project",
            on_change=_switch,
        )
    if roles.is_enforced():
        _logged_in(chosen)
        return
    state.recall_annotator()
    st.text_input(
        "Who are you?",
        key="annotator",
        placeholder="your name",
        persist_state="session",
        help="Your decisions are saved under this name. This browser remembers it.",
    )
    state.remember_annotator()


def _nearly_known(project: Project) -> None:
    """Offer a known name to somebody who typed it in another spelling."""
    if roles.is_enforced() or not (other := namesakes.namesake(project, state.annotator())):
        return
    label = markdown(namesakes.question(short(other, 60)), 200)
    icon = ":material/person:"
    st.button(label, key="go-on-as", icon=icon, on_click=state.take_name, args=(other,))


def _logged_in(chosen: Path | None) -> None:
    """Say who is logged in, with which role, and draw the button that ends the login."""
    if (who := roles.person()) is None:
        return
    role = roles.role(chosen) if chosen else ""
    with st.container(key="who", gap=None):
        st.text(who.name or who.email)
        st.caption(
            " · ".join(part for part in (markdown(who.email if who.name else ""), role) if part)
        )
    st.button(
        "Log out", key="logout", type="tertiary", icon=":material/logout:", on_click=st.logout
    )


def _name_of(path: Path) -> str:
    return path.name


def _switch() -> None:
    if chosen := widget_value("chosen_project"):
        state.choose_project(chosen)


def _funnel(project: Project) -> None:
    state.present(project)
    if not project.imports:
        return
    try:
        view = project.view()
    except DatabaseNotAllowed:
        raise
    except CurationError as error:
        st.warning(markdown(error, 300))
        return
    kept, total = number_kept(view.dataset), len(view.dataset)
    if view.ran:
        st.progress(kept / total if total else 0.0, text=f"**{kept:,}** of {total:,} kept")
    else:
        st.markdown(f"**{total:,}** {'example' if total == 1 else 'examples'}")
    if not view.current:
        run_button(project, "shell-run")


def running(project: Project) -> bool:
    """Whether a run of the recipe is under way."""
    return jobs.at_work(project.path, "run", newest=RECENT)


def run_button(project: Project, key: str) -> None:
    """Draw the button that starts a run, with the time that it is expected to take."""
    if not state.owns(project):
        return
    active = running(project)
    st.button(
        "Running…" if active else "Run the recipe",
        key=key,
        type="primary",
        width="stretch",
        icon=":material/play_arrow:",
        disabled=active,
        on_click=start_run,
        args=(project,),
    )
    if not active:
        st.caption(expected(project))


def expected(project: Project) -> str:
    """The time that a run will take, from the times of earlier runs."""
    try:
        seconds, unknown = project.estimate()
    except CurationError as error:  # a recipe that cannot be read takes no time
        return markdown(error, 300)
    parts = [f"about {_duration(seconds)}"] if seconds >= 1 else []
    if unknown:
        parts.append(f"{counted(len(unknown), 'step')} not timed yet")
    return ", ".join(parts).capitalize() or "A second or two"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def start_run(project: Project) -> None:
    """Start the run as a job of its own, unless one is under way."""
    if running(project):
        state.flash("A run is under way. Start another when it has ended.", ":material/hourglass:")
        return
    start_job(project, commands.run(project.path))


def start_job(project: Project, command: Command) -> bool:
    """Start long work as a job; on an error return False and show it at the next drawing."""
    try:
        jobs.start(project.path, command)
    except (CurationError, OSError) as error:
        state.flash(f"{command.title} could not be started: {error}", ":material/error:")
        return False
    return True


def _undo(project: Project) -> None:
    if not state.annotator() or not state.decides(project):
        return
    buttons = st.container(horizontal=True, gap="xsmall")
    buttons.button(
        "Undo",
        icon=":material/undo:",
        key="shell-undo",
        on_click=actions.undo,
        args=(project,),
        shortcut="Ctrl+Z",
        help="Take back your last action.",
    )
    buttons.button(
        "Redo",
        icon=":material/redo:",
        key="shell-redo",
        on_click=actions.redo,
        args=(project,),
        help="Repeat the action that you undid.",
    )


def _jobs(project: Project, running: bool) -> None:
    """Poll only while something runs; a page at rest sends nothing."""
    st.fragment(_draw_jobs, run_every=1.0 if running else None)(project, running)


def _draw_jobs(project: Project, was_running: bool) -> None:
    state.present(project)
    newest = jobs.all_jobs(project.path, 3)
    recent = [j for j in newest if j.active or time.time() - j.updated < 600]
    for job in recent[:3]:
        draw_job(project, job)
    if was_running and not any(job.active for job in newest):
        if newest and newest[0].state == "done":
            state.flash(f"{newest[0].title}: done")
        st.rerun(scope="app")


def draw_job(project: Project, job: jobs.Status, place: str = "") -> None:
    """Draw one job: its progress, or how it ended. place: makes the keys of a second drawing."""
    title = markdown(job.title)
    if job.active:
        doing = f" · {markdown(job.text, 160)}" if job.text else ""
        st.progress(min(job.share, 1.0), text=f"**{title}**{doing}")
        if not state.owns(project):
            return
        st.button(
            "Cancel",
            key=f"{place}cancel-{job.id}",
            icon=":material/stop:",
            on_click=jobs.cancel,
            args=(project.path, job.id),
        )
    elif job.state == "done":
        st.caption(
            f":material/check_circle: {title} done in {_duration(job.updated - job.started)}"
        )
    elif job.state == "cancelled":
        st.caption(f":material/cancel: {title} cancelled; finished work is kept")
    else:
        st.error(f"**{title}**: {markdown(job.error, 400)}", icon=":material/error:")


def header(title: str, sentence: str) -> None:
    """A page's title and its one sentence."""
    st.title(title, anchor=False)
    st.caption(sentence)


def note_owners(project: Project) -> bool:
    """Say to everybody but owners that the page is to look at; return whether it was said."""
    if state.owns(project):
        return False
    st.caption(":material/lock: Only owners of the project change what is on this page.")
    return True


def stale(project: Project, view: View, note: str = "") -> None:
    """Say that the page shows the last run and what has changed since, with a button that runs it.

    While a run is under way its progress stands in the place of the sentence. note: a sentence
    other than the view's own.
    """
    if view.current:
        return
    if running(project):
        st.fragment(_draw_run, run_every=1.0)(project)
        return
    with st.container(key="stale", horizontal=True, vertical_alignment="center"):
        st.info(markdown(note or view.note, 400), icon=":material/history:")
        if not state.owns(project):
            return
        st.button(
            "Run",
            key="page-run",
            type="primary",
            icon=":material/play_arrow:",
            on_click=start_run,
            args=(project,),
            help=expected(project),
        )


def _draw_run(project: Project) -> None:
    """Draw the run that is under way; the sidebar draws the page again when it has ended."""
    state.present(project)
    job = next(
        (j for j in jobs.all_jobs(project.path, RECENT) if j.active and j.command == "run"), None
    )
    if job is not None:
        draw_job(project, job, "page-")

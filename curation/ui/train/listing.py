"""The runs of a project: which one is shown, its notes, resume, cancel, and delete."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from curation import commands, jobs, runs
from curation.errors import CurationError
from curation.project import Project
from curation.runs import Run
from curation.training import picture
from curation.training.standing import Standing, curve_lines, listing, newest_curve, title
from curation.ui import shell, state, tables
from curation.ui.slots import Slot, widget_value
from curation.ui.tables import Column
from curation.ui.text import markdown
from curation.ui.train import result
from curation.ui.train.scene import ink

CHOSEN = Slot("train-run", "")
"""The id of the run that the session looks at; "" for the newest."""

RUN = (
    Column("begun", width=130),
    Column("state", width=200),
    Column("learner", width=100),
    Column("arms", width=200),
    Column("budgets", width=130),
    Column("seeds", kind="count", width=60),
    Column("verdict", kind="excerpt", width="large"),
    Column("notes", kind="excerpt"),
)
"""A run in the list."""


def chosen(project: Project, every: Sequence[Run]) -> Run:
    """The run that the session looks at, or else the newest."""
    chosen_id = CHOSEN.get(project)
    return next((run for run in every if run.id == chosen_id), every[0])


def job_at_work(project: Project) -> jobs.Status | None:
    """The job of a training run that is at work, if any."""
    newest = jobs.all_jobs(project.path, shell.RECENT)
    return next((job for job in newest if job.active and job.command == "train"), None)


def draw_state(project: Project, run: Run) -> None:
    """Draw how far an unfinished run is, with its curve, and Resume or Cancel."""
    try:
        standing = Standing.of(run)
    except CurationError as error:  # of another version; it can still be deleted
        st.error(markdown(error, 400), icon=":material/error:")
        return
    if standing.finished:
        return
    job = job_at_work(project)
    if job is not None or not standing.resumable:
        st.fragment(_draw_live, run_every=2.0)(project, run)
        return
    left, right = st.columns([5, 1], vertical_alignment="center")
    left.warning(
        f"This run is {standing.words}. What is done is kept.{_last_error(project)}",
        icon=":material/pause_circle:",
    )
    right.button(
        "Resume",
        key="train-resume",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=resume,
        args=(project, run),
    )


def resume(project: Project, run: Run) -> None:
    """Do the missing fits of a run, as a job."""
    shell.start_job(project, commands.train(project.path, run.id))


def _last_error(project: Project) -> str:
    """The error of the last training job; empty where it did not fail."""
    newest = jobs.all_jobs(project.path, shell.RECENT)
    last = next((job for job in newest if job.command == "train"), None)
    if last is None or last.state not in ("failed", "lost"):
        return ""
    return f" The last training job said: {markdown(last.error, 400)}"


def _draw_live(project: Project, run: Run) -> None:
    """Draw progress and the newest learning curve; polled while a run is at work."""
    state.present(project)
    standing, job = Standing.of(run), job_at_work(project)
    if not standing.at_work and job is None:
        st.rerun(scope="app")
    left, right = st.columns([5, 1], vertical_alignment="center")
    text = markdown(job.text, 200) if job is not None else "It was started in a terminal."
    words = standing.words if standing.at_work else "starting"
    share = standing.done / standing.total if job is None else job.share
    left.progress(share, text=f"**{words.capitalize()}** · {text}")
    if job is not None:
        right.button(
            "Cancel",
            key="train-cancel",
            icon=":material/stop:",
            width="stretch",
            on_click=jobs.cancel,
            args=(project.path, job.id),
        )
    name, curve = newest_curve(run)
    if lines := curve_lines(curve):
        alt = f"The loss of {name} so far, over {len(curve)} points."
        chart = picture.lines(lines, "step", "loss, nats", alt, ink(), height=220)
        st.image(chart, width="content", alt=alt)
        st.caption(f"The loss so far: {markdown(name, 80)}")


def draw(project: Project, every: Sequence[Run], run: Run) -> None:
    """Draw the list of runs, and notes, comparison and deletion of the shown one."""
    table = listing(every)
    picked = tables.draw(table, RUN, key=f"train-runs-{len(every)}", pick=True, tallest=260)
    if picked and picked != run.id:
        CHOSEN.set(project, picked)
        st.rerun()
    st.text_area(
        "Notes",
        run.notes,
        key=f"train-notes-{run.id}",
        placeholder="What this run was for, what it taught",
        on_change=_note,
        args=(project, run),
        height=80,
    )
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    others = {other.id: other for other in every if other.id != run.id}
    with left:
        beside = st.selectbox(
            "Compare with",
            list(others),
            index=None,
            key=f"train-beside-{run.id}",
            format_func=lambda run_id: title(others[run_id]),
            placeholder="another run",
            disabled=not others,
        )
    with right.popover("Delete…", icon=":material/delete:", width="stretch"):
        st.markdown(f"Delete the run **{markdown(title(run))}** and all its files?")
        st.button(
            "Yes, delete it",
            key="train-delete",
            type="primary",
            on_click=_delete,
            args=(project, run),
        )
    if beside:
        _draw_pair(run, others[beside])


def _draw_pair(run: Run, other: Run) -> None:
    """Draw two runs side by side."""
    for place, one in zip(st.columns(2, gap="large"), (run, other), strict=True):
        with place:
            st.caption(markdown(title(one)))
            if one.verdict is None:
                st.caption("It has nothing to compare yet.")
                continue
            st.markdown(f"**{markdown(one.verdict['sentence'], 900)}**")
            result.draw_chart(one, wide=False)
            if one.notes:
                st.text(one.notes)


def _note(project: Project, run: Run) -> None:
    """Save the notes that were typed."""
    with state.flashing_errors():
        state.present(project)
        run.write_notes(str(widget_value(f"train-notes-{run.id}", "")))


def _delete(project: Project, run: Run) -> None:
    """Delete a run that nobody works on."""
    with state.flashing_errors():
        state.present(project)
        with run.working():  # refuses while somebody is at work on it
            runs.delete(run)
        CHOSEN.take(project)

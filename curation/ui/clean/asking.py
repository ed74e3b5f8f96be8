"""The panel that asks a judge: what goes where and at what cost, the button, and what came of it."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from curation import commands, forms, jobs, roles
from curation.dataset import Dataset
from curation.errors import CurationError
from curation.judging.endpoint import KEY
from curation.judging.plan import Plan, plan
from curation.judging.rubric import DEFAULT, Rubric, rubric_of
from curation.judging.verdicts import name_in_project, verdict_file
from curation.looking.masks import number_kept
from curation.project import Project, View
from curation.recipe import Recipe
from curation.ui import shell, state
from curation.ui.budget import remembered
from curation.ui.clean import edits
from curation.ui.text import markdown

USUAL = 200
"""Examples that are offered to be judged first."""


def draw(project: Project, recipe: Recipe, position: int) -> None:
    """Draw the form, what it would send, and the last run with the way to use its grades."""
    with st.container(border=True):
        st.header("Ask a judge", anchor=False)
        st.caption(
            "Nothing is sent before you press the button below. Then the prompt and response of each "
            "example go, whole, to this address and nowhere else."
        )
        _draw_last(project, recipe, position)
        where, who = st.columns(2)
        url = where.text_input(
            "Endpoint",
            placeholder="http://localhost:8000/v1",
            key="judge-url",
            persist_state="session",
            help="An OpenAI-compatible server, on this machine or another.",
        ).strip()
        model = who.text_input(
            "Model", placeholder="its name there", key="judge-model", persist_state="session"
        ).strip()
        view = project.view()
        most = number_kept(view.dataset)
        count, sent, answered = st.columns(3)
        rows = count.number_input(
            "Examples", 1, max(1, most), min(USUAL, max(1, most)), key="judge-rows"
        )
        prices = (
            sent.number_input("Price of a million tokens sent", 0.0, key="judge-price-in"),
            answered.number_input("Price of a million answered", 0.0, key="judge-price-out"),
        )
        text = st.text_area(
            "Rubric",
            DEFAULT.text,
            key="judge-rubric",
            persist_state="session",
            help="A criterion a line, with what a high grade means.",
        )
        if not url or not model:
            st.caption("Name an endpoint and a model to see what would be sent.")
            return
        try:
            planned = _planned(project, view, url, model, rubric_of(text), int(rows))
        except CurationError as error:
            st.error(markdown(error, 400), icon=":material/error:")
            return
        _draw_plan(project, planned, url, int(rows), prices)


def _planned(project: Project, view: View, url: str, model: str, rubric: Rubric, rows: int) -> Plan:
    """The run that the form describes, counted anew when rows, form or verdicts have changed."""
    remembered = verdict_file(project.path / "verdicts", model, rubric.digest)
    stamp = remembered.stat().st_size if remembered.exists() else 0
    place = (str(project.path), view.fingerprint, stamp)
    return _counted(*place, url, model, rubric.text, rows, _dataset=view.dataset)


@remembered(4)
def _counted(
    path: str,
    fingerprint: str,
    stamp: int,
    url: str,
    model: str,
    rubric: str,
    rows: int,
    _dataset: Dataset,
) -> Plan:
    return plan(Path(path), _dataset.kept, url, model, rubric_of(rubric), rows)


def _draw_plan(
    project: Project, planned: Plan, url: str, rows: int, prices: tuple[float, float]
) -> None:
    """Draw the size and cost of a run, its first request, and the button that sends it."""
    size = planned.estimate
    key = f"No key: {KEY} is not set."
    if os.environ.get(KEY):
        key = f"The key in {KEY} goes with it."
        if not roles.is_host():
            key = f"No key: the one in {KEY} goes with what an owner of the server starts."
    cost = f", about {size.cost(*prices):,.2f} at these prices" if any(prices) else ""
    remembered = f"; {size.remembered:,} verdicts are remembered" if size.remembered else ""
    if size.requests:
        st.markdown(
            f"**{size.requests:,}** requests to {markdown(planned.address, 200)}, control examples "
            f"included{remembered}. About {_about(size.tokens_in)} tokens there and "
            f"{_about(size.tokens_out)} back{cost}. {key}"
        )
    else:
        st.markdown(f"Nothing to send{remembered}.")
    if st.toggle("Show one of the requests", key="judge-show"):
        st.code("\n\n".join(planned.sample), language=None, wrap_lines=True)
    st.button(
        f"Send {size.requests:,} requests",
        icon=":material/send:",
        key="judge-send",
        type="primary",
        disabled=not size.requests or jobs.at_work(project.path, "judge", newest=shell.RECENT),
        on_click=_send,
        args=(project, planned, url, rows, prices),
    )


def _about(number: int) -> str:
    """A guessed number in two digits."""
    return f"{float(f'{number:.2g}'):,.0f}"


def _send(
    project: Project, planned: Plan, url: str, rows: int, prices: tuple[float, float]
) -> None:
    """Start the run as a job of its own."""
    folder = planned.verdicts.path.parent.relative_to(project.path)
    name, text = f"rubric-{planned.rubric.digest}.txt", planned.rubric.text
    with state.flashing_errors():
        rubric = forms.keep(project.path, str(folder / name), text.encode())
        command = commands.judge(project.path, url, planned.model, rubric, rows, prices)
        shell.start_job(project, command)


def _draw_last(project: Project, recipe: Recipe, position: int) -> None:
    """Draw what the newest run says of its judge, and the button that takes its grades."""
    newest = (job for job in jobs.all_jobs(project.path, shell.RECENT) if job.command == "judge")
    job = next(newest, None)
    if job is None or job.state != "done" or not job.result:
        return
    controls = job.result["controls"]
    sound = controls["right"] == controls["pairs"] and not controls["obeyed"]
    (st.success if sound else st.warning)(
        markdown(controls["sentence"], 600),
        icon=":material/check_circle:" if sound else ":material/warning:",
    )
    for reason, number in job.result["ungraded"].items():
        st.caption(f"{number:,} without a grade: {markdown(reason, 200)}")
    step, name = recipe.steps[position], name_in_project(Path(job.result["verdicts"]))
    if step.arguments["verdicts"] != name and st.button(
        f"Use the grades of {markdown(job.result['model'], 80)}", key="judge-use"
    ):
        edits.change(project, recipe, position, {**step.params, "verdicts": name})

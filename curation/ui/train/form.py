"""The form of a run: learner, arms, budgets, seeds and test set; first an estimate, then the run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from curation import commands, forms, jobs, runs
from curation.errors import CurationError
from curation.export.deliveries import deliveries
from curation.looking.columns import categories
from curation.project import Project, View
from curation.text.counted import counted
from curation.training.arms import KINDS, NEEDS_ARGUMENT
from curation.training.learners import TASKS, Learner, learners
from curation.training.plan import MOST_SEEDS, Plan, plan_for
from curation.ui import form, shell, state, uploads
from curation.ui.slots import Slot
from curation.ui.text import markdown
from curation.ui.train import listing

ESTIMATED = Slot[tuple[str, str]]("train-estimated", ("", ""))
"""The plan that was probed last, as JSON, and the id of the job that probes it."""


def draw(project: Project, view: View) -> None:
    """Draw the choices, the estimate, and the button that starts."""
    learner = _draw_learner(project)
    usual = plan_for(project, learner.name)
    st.caption(f"{TASKS[learner.task]}. {markdown(learner.help, 400)}")
    with st.expander("Settings of the learner", icon=":material/tune:"):
        settings = form.parameters(learner, {}, key=f"train-{learner.name}")
    arms = _draw_arms(project, view, usual)
    plan = _draw_amounts(replace(usual, settings=settings, arms=arms))
    try:
        plan = plan.check()
    except CurationError as error:
        st.error(markdown(error, 400), icon=":material/error:")
        return
    fits = len(plan.cells())
    st.caption(
        f"{counted(fits, 'fit')}: {counted(len(plan.arms), 'arm')}, {counted(len(plan.budgets), 'budget')}, "
        f"{counted(plan.seeds, 'seed')}. "
        "The test set is taken out first, and nothing is chosen by it."
    )
    _draw_start(project, plan)


def _draw_learner(project: Project) -> Learner:
    """Draw the choice of a learner; the one that fits the data comes first."""
    every, usual = learners(), plan_for(project)
    names = sorted(every, key=lambda name: every[name].task != usual.task)
    chosen = st.selectbox(
        "Learner",
        names,
        index=names.index(usual.learner),
        key="train-learner",
        format_func=lambda name: every[name].title,
        persist_state="session",
    )
    return every[str(chosen)]


def _draw_arms(project: Project, view: View, usual: Plan) -> tuple[str, ...]:
    """Draw a box for each way to choose, and fields for those that need a name."""
    st.markdown("**What to compare**")
    plain = [kind for kind in KINDS if kind not in NEEDS_ARGUMENT]
    chosen = list[str]()
    with st.container(gap="xxsmall"):
        for kind in plain:
            title, about = KINDS[kind]
            if st.checkbox(f"**{title}**: {about}", kind in usual.arms, key=f"train-arm-{kind}"):
                chosen.append(kind)
    written = {str(delivery.folder): delivery.name for delivery in deliveries(project.path)}
    fields = iter(st.columns(3))
    if "balanced" in chosen:
        by = next(fields).selectbox(
            "Balance by",
            ["", *(c for c in categories(view.dataset) if c not in ("dropped_by", "split"))],
            key="train-balance",
            format_func=lambda name: name.replace("_", " ") or "label, else topic, else source",
        )
        chosen = [f"balanced:{by}" if by and arm == "balanced" else arm for arm in chosen]
    if written:
        chosen += [
            f"export:{folder}"
            for folder in next(fields).multiselect(
                "Earlier deliveries",
                list(written),
                key="train-exports",
                format_func=lambda folder: written[folder],
            )
        ]
    if (
        path := next(fields)
        .text_input("Another recipe", key="train-recipe", placeholder="path of a recipe.yaml")
        .strip()
    ):
        chosen.append(f"recipe:{uploads.pointed_at(project, path)}")
    return tuple(chosen)


def _draw_amounts(plan: Plan) -> Plan:
    """Draw budgets, seeds, what is equal, and the test set; return the plan with them."""
    left, middle, right = st.columns([3, 2, 3])
    usual = [str(budget) for budget in plan.budgets]
    budgets = left.multiselect(
        "Budgets: examples to train on",
        sorted({*usual, "100", "250", "500", "1000", "2500", "5000"}, key=int),
        default=usual,
        key=f"train-budgets-{plan.task}",
        format_func=lambda text: f"{int(text):,}" if text.isdecimal() else text,
        accept_new_options=True,
        help="Several make a curve; one budget proves little. Type any other number.",
    )
    seeds = middle.number_input(
        "Seeds",
        1,
        MOST_SEEDS,
        plan.seeds,
        key="train-seeds",
        help="Each repeats everything with other draws. Five show a difference of a few points; "
        "ten show a smaller one.",
    )
    equal = right.segmented_control(
        "Equal for all arms",
        ["examples", "tokens"],
        default=plan.equal,
        required=True,
        key=f"train-equal-{plan.task}",
        help="Tokens: arms of long and of short texts get the same work.",
    )
    left, right = st.columns([3, 5], vertical_alignment="bottom")
    test = left.segmented_control(
        "Test set",
        ["share", "given"],
        default=plan.test,
        required=True,
        key="train-test",
        format_func=lambda name: {"share": "a share", "given": "the files' own"}[name],
    )
    share = plan.test_share
    if test == "share":
        share = right.slider("Share of the examples", 0.05, 0.5, share, 0.05, key="train-share")
    return replace(
        plan,
        budgets=_numbers(budgets),
        seeds=int(seeds),
        equal=str(equal),  # type: ignore[arg-type]
        test=str(test),  # type: ignore[arg-type]
        test_share=float(share),
    )


def _numbers(texts: Sequence[str]) -> tuple[int, ...]:
    """Budgets in order; raises CurationError for a text that is no whole number."""
    try:
        return tuple(sorted({int(text.replace(",", "").replace(" ", "")) for text in texts}))
    except ValueError:
        raise CurationError("A budget is a whole number, such as 500.") from None


def _draw_start(project: Project, plan: Plan) -> None:
    """Draw the estimate of this plan, or the button that makes it, and the button that trains."""
    shell.note_owners(project)
    busy = listing.job_at_work(project) is not None
    estimate = _estimate(project, plan)
    for text in estimate["warnings"] if estimate else ():
        st.warning(markdown(text, 400), icon=":material/warning:")
    row = st.container(horizontal=True, vertical_alignment="center")
    if estimate is None:
        row.button(
            "Estimating…" if busy else "Estimate the time",
            key="train-estimate",
            type="primary",
            icon=":material/timer:",
            disabled=busy or not state.owns(project),
            on_click=_probe,
            args=(project, plan),
        )
        row.caption("A few short fits show how long the run will take on this machine.")
        return
    if estimate["refused"]:
        st.error(markdown(estimate["refused"], 400), icon=":material/memory:")
    row.button(
        f"Train, {duration(estimate['seconds'])}",
        key="train-go",
        type="primary",
        icon=":material/play_arrow:",
        disabled=busy or bool(estimate["refused"]) or not state.owns(project),
        on_click=_start,
        args=(project, plan),
    )
    speed = estimate["tokens_per_second"]
    tokens = f", {speed:,.0f} tokens a second" if speed else ""
    row.caption(
        f"The longest fit takes {duration(estimate['seconds_per_fit'])}; "
        f"{estimate['memory_mb']:,.0f} MB of memory{tokens}."
    )


def _estimate(project: Project, plan: Plan) -> dict[str, Any] | None:
    """The estimate of exactly this plan; None before it is there."""
    probed, job_id = ESTIMATED.get(project)
    if probed != _text(plan):
        return None
    job = jobs.status(project.path, job_id)
    if job.state == "failed":
        st.error(markdown(job.error, 600), icon=":material/error:")
    return job.result if job.state == "done" else None


def _text(plan: Plan) -> str:
    return json.dumps(plan.to_json(), ensure_ascii=False, indent=1)


def _probe(project: Project, plan: Plan) -> None:
    """Start the estimate as a job."""
    with state.flashing_errors():
        path = forms.keep(project.path, "cache/plan.json", _text(plan).encode())
        job_id = jobs.start(project.path, commands.estimate(project.path, path))
        ESTIMATED.set(project, (_text(plan), job_id))


def _start(project: Project, plan: Plan) -> None:
    """Make the run's folder and start the run as a job."""
    with state.flashing_errors():
        state.present(project)
        run = runs.create(project.path, plan.to_json())
        if shell.start_job(project, commands.train(project.path, run.id)):
            listing.CHOSEN.set(project, run.id)
        else:
            runs.delete(run)


def duration(seconds: float) -> str:
    """A time in words: under a second, seconds, minutes or hours."""
    if seconds < 1:
        return "under a second"
    if seconds < 90:
        return f"about {seconds:.0f} s"
    if seconds < 5_400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"

"""Select: a budget, a method, and what the choice covers beside chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from curation.dataset import Dataset
from curation.looking.choice import Choice, beside_random
from curation.looking.columns import categories, numbers
from curation.looking.quotas import candidates
from curation.project import Project, View
from curation.recipe import Recipe, Step, replace_params
from curation.registry import Operation, operations
from curation.ui import charts, form, quotas, shell, state
from curation.ui.text import hover, markdown


def methods() -> dict[str, Operation]:
    """The ways to choose, by name."""
    return {o.name: o for o in operations().values() if o.kind == "select"}


def apply(project: Project, recipe: Recipe, base: str) -> None:
    """Save the recipe and run it."""
    with state.flashing_errors():
        project.save_recipe(recipe, base)
        quotas.HANDED.take(project)
        shell.start_run(project)


def draw_handed(project: Project, handed: Mapping[str, Any]) -> None:
    """Say where the values of the form come from, and let them go."""
    line = st.columns([5, 1], vertical_alignment="center")
    line[0].info(
        f"{len(handed['quotas'])} quotas were handed over; nothing is changed before you save.",
        icon=":material/my_location:",
    )
    line[1].button(
        "Let go",
        key="select-let-go",
        width="stretch",
        on_click=quotas.HANDED.take,
        args=(project,),
    )


def _with(current: Step | None, handed: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the selection there is, as far as it is the same, with those handed over."""
    before = dict(current.params) if current and current.use == "select_diverse" else {}
    return {**before, **handed}


def draw_form(project: Project, dataset: Dataset) -> None:
    """Method, budget and parameters."""
    recipe = project.recipe
    known = methods()
    current = recipe.selection
    handed = quotas.HANDED.get(project)
    if handed:
        draw_handed(project, handed)
        current = replace_params(Step("select_diverse"), _with(current, handed))
    titles = {None: "Everything kept", **{n: o.title for n, o in known.items()}}
    picked = st.radio(
        "Method",
        list(titles),
        index=list(titles).index(current.use if current else None),
        key="method",
        format_func=lambda n: titles[n],
        horizontal=True,
    )
    params: dict[str, object] = {}
    if picked is not None:
        chosen = known[picked]
        st.caption(markdown(chosen.help, 400))
        values = dict(current.params) if current and current.use == picked else {}
        params = form.parameters(
            chosen,
            values,
            key=f"select-{picked}" + (f"-{abs(hash(str(handed)))}" if handed else ""),
            columns=[*categories(dataset), *numbers(dataset)],
            numbers=numbers(dataset),
        )
    wanted = recipe.with_selection(picked and replace_params(Step(picked), params))
    pool = int(candidates(dataset).sum())
    budget = params.get("budget", known[picked].params["budget"].default) if picked else pool
    st.caption(f"{pool:,} examples are kept before the selection.")
    if isinstance(budget, int) and budget > pool:
        st.warning(
            f"The budget is {budget:,} examples but only {pool:,} are kept; "
            "lower the budget or loosen a filter."
        )
    st.button(
        "Save and run",
        type="primary",
        icon=":material/play_arrow:",
        key="select-go",
        disabled=wanted == recipe,
        on_click=apply,
        args=(project, wanted, recipe.revision),
    )


@st.cache_data(max_entries=16, show_spinner="Comparing with random subsets …")
def measured(path: str, fingerprint: str, _dataset: Dataset, _choice: Choice) -> pd.DataFrame:
    """Coverage of the chosen rows beside ten random subsets of the same size."""
    return beside_random(_dataset, list(_choice.pool), list(_choice.chosen))


def draw_result(project: Project, view: View) -> None:
    """What was chosen, topic by topic, and how that compares with chance."""
    dataset, choice = view.dataset, Choice.of(view.dataset)
    if choice is None:
        st.caption("Choose a method and run it to see what it takes.")
        return
    with st.container(horizontal=True):
        charts.number("Chosen", f"{len(choice.chosen):,}", f"of {len(choice.pool):,}")
        for title, (chosen, pool) in choice.medians(dataset.rows).items():
            charts.number(title, f"{chosen:.3g}", f"{pool:.3g} in the pool")
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("What it covers beside random", anchor=False)
        if dataset.vectors is None:
            st.caption("Coverage needs embeddings.")
        else:
            fingerprint = f"{view.fingerprint}-{choice.fingerprint}"
            draw_coverage(measured(str(project.path), fingerprint, dataset, choice))
    with right:
        if "topic" in dataset.rows:
            st.subheader("Topics: chosen beside the pool", anchor=False)
            draw_topics(choice.topic_shares(dataset.rows))
    st.subheader("The first chosen, and why", anchor=False)
    reasons = choice.reasons.head(200)
    rows = dataset.rows.loc[reasons.index]
    table = pd.DataFrame(
        {
            "why": reasons,
            "prompt": rows["prompt"].str.slice(0, 160),
            "response": rows["response"].str.slice(0, 160),
        }
    )
    st.dataframe(table, hide_index=True, width="stretch", height=300)


def draw_coverage(table: pd.DataFrame) -> None:
    """Measures of the choice beside those of random choices."""
    worse = table.loc[table["verdict"] == "worse", "measure"]
    if len(worse):
        st.warning(
            f"Worse than all ten random choices by: {'; '.join(worse)}.",
            icon=":material/trending_down:",
        )
    number = st.column_config.NumberColumn(format="%.3f", width=80)
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height="content",
        column_config=dict.fromkeys(("chosen", "random, least", "random, most"), number),
    )
    st.caption(
        "Random: ten subsets of the same size, the least and the most of them. "
        "A method that stays inside the band is no better than chance there."
    )


def draw_topics(shares: pd.DataFrame) -> None:
    """Share of each topic in the pool and among the chosen; the largest of the pool first."""
    topics = len(shares)
    shares = shares.head(14)[::-1]
    places = list(range(len(shares)))
    names = [hover(t, 400) for t in shares.index]
    figure = go.Figure(
        [
            go.Bar(
                y=places,
                x=shares[column],
                orientation="h",
                name=column,
                marker_color=colour,
                customdata=names,
                hovertemplate="%{customdata}: %{x:.1%}",
            )
            for column, colour in (("pool", charts.MUTED), ("chosen", charts.ACCENT))
        ]
    )
    charts.name_bars(figure, shares.index, 36)
    figure.update_layout(
        height=60 + 34 * len(shares),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.06},
    )
    figure.update_xaxes(tickformat=".0%")
    st.plotly_chart(figure, width="stretch", key="select-topics", config={"displayModeBar": False})
    if topics > len(shares):
        st.caption(f"The {len(shares)} largest of {topics:,} topics.")


def draw() -> None:
    """The page."""
    shell.header(
        "Select",
        "Choose a good and diverse part under a budget, and see what it covers beside chance.",
    )
    project, view = state.need_view()
    shell.stale(view)
    with st.container(border=True):
        draw_form(project, view.dataset)
    draw_result(project, view)


draw()

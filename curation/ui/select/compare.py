"""The choice and that of a second method on one map."""

from __future__ import annotations

import streamlit as st

from curation.errors import CurationError
from curation.looking.choice import Choice, both
from curation.recipe import Recipe, Step
from curation.registry import operations
from curation.replay import NotCached
from curation.ui.budget import remembered
from curation.ui.select import figure
from curation.ui.select.scene import Scene
from curation.ui.text import markdown


def draw(scene: Scene) -> None:
    """Draw both choices where the second is remembered or quickly computed."""
    st.header("Beside a second method", anchor=False)
    if "map_x" not in scene.dataset.rows:
        st.caption("This needs a map: add the step Map to the recipe and run it.")
        return
    methods = {o.name: o for o in operations().values() if o.kind == "select"}
    methods.pop(scene.choice.report.use, None)
    name = st.selectbox(
        "Second method",
        list(methods),
        key="select-second",
        index=None,
        placeholder="choose a method of the same budget",
        format_func=lambda name: methods[name].title,
        label_visibility="collapsed",
    )
    if name is None:
        return
    try:
        second = _second(str(scene.project.path), scene.key, name, scene)
    except CurationError as error:
        st.caption(markdown(error, 300))
        return
    if second is None:
        st.caption(
            f"{methods[name].title} takes longer than a page may wait. Run it once as the "
            "selection; after that it is remembered."
        )
        return
    titles = (methods[name].title, scene.choice.report.title)
    parts = both(scene.choice, second)
    named = dict(
        zip(("neither", "both", f"only {titles[1]}", f"only {titles[0]}"), parts, strict=True)
    )
    text = f"{len(parts[1]):,} of {len(scene.choice.chosen):,} are the same."
    st.caption(text)
    chart = figure.on_map(scene.dataset.rows, named)
    st.plotly_chart(
        chart, width="stretch", key="select-map", alt=text, config={"displayModeBar": False}
    )


PATIENCE = 10_000
"""Examples up to which a page waits for a slow method; more are a run of the recipe."""


@remembered(8, spinner="Choosing by the second method …")
def _second(path: str, key: str, name: str, _scene: Scene) -> Choice | None:
    """The choice of another method with the same budget; None where a page may not wait for it.

    Raises CurationError where the method lacks something that it needs.
    """
    params = _scene.choice.report.params
    step = Step(name, **{k: params[k] for k in ("budget", "unit") if k in params})
    recipe = _scene.project.recipe.with_selection(step)
    steps = recipe.steps[: recipe.names.index(name) + 1]
    slow = step.operation.is_slow(step.arguments) and len(_scene.choice.pool) > PATIENCE
    try:
        dataset = _scene.project.replay(
            Recipe(steps), compute=lambda other: other.use == name and not slow
        )
    except NotCached:
        return None
    return Choice.of(dataset)

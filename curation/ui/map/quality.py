"""The quality of the map and its vectors, in sentences for the page."""

from __future__ import annotations

import streamlit as st

from curation.dataset import Dataset
from curation.looking import layout
from curation.looking.masks import Mask
from curation.project import Project, View
from curation.ui import shell, state
from curation.ui.budget import remembered
from curation.ui.text import markdown


def truth(project: Project, view: View, on_map: Mask) -> list[str]:
    """Sentences on how far neighbours on the map are near in meaning; none for a few rows."""
    drawn = next((r.fingerprint for r in view.dataset.steps if "map_x" in r.columns), "")
    some = layout.measured_on(on_map)
    value = _trust(str(project.path), drawn, some, view.dataset, on_map)
    if value is None:
        return []
    return [
        f"Trustworthiness {value:.3f} of 1: how far the 15 nearest on the map are near in "
        f"meaning, measured on {some:,} examples. Long distances on the map mean little."
    ]


@remembered(8, spinner="Measuring …")
def _trust(
    path: str, fingerprint: str, some: int, _dataset: Dataset, _on_map: Mask
) -> float | None:
    return layout.trust(_dataset, _on_map)


def vectors(project: Project, view: View) -> list[str]:
    """Sentences on the vectors of a view and the texts that they cut."""
    steps = [report for report in view.dataset.steps if report.kind == "embed"]
    if not steps:
        return []
    params = steps[-1].params
    model = str(params.get("model") or "")
    name = project.vectors.encoder_name(model, str(params.get("way", "auto")))
    lines = [f"Embedded by {markdown(name)}."]
    if name.rpartition("/")[2].startswith("draft"):
        agreement = project.vectors.static_agreement(model)
        how = "" if agreement is None else f" Of ten nearest, {agreement:.0%} are the full model's."
        lines.append(
            f":material/draft: This is a draft.{how} Set the way of Embeddings to auto for the rest."
        )
    if cut := layout.count_cut(view.dataset.rows):
        lines.append(
            f"{cut:,} texts are longer than the model reads; only their first part counts."
        )
    return lines


def draw(project: Project, view: View, on_map: Mask) -> None:
    """Draw the quality of the map, its vectors, and the button that draws it anew."""
    st.markdown("**Quality of this map**")
    for line in [*truth(project, view, on_map), *vectors(project, view)]:
        st.caption(line)
    st.button(
        "Draw anew",
        key="map-anew",
        icon=":material/restart_alt:",
        help="New examples are placed between their nearest, and nothing else moves. If you draw "
        "anew, all examples shape the map and the topics, and everything may move.",
        on_click=_draw_anew,
        args=(project, project.recipe.revision),
    )


def _draw_anew(project: Project, base: str) -> None:
    """Take the next seed for the map and the topics, so that all examples shape them, and run."""
    with state.flashing_errors():
        project.save_recipe(project.drawn_anew(), base)
        shell.start_run(project)

"""How good the map is and what it rests on, in sentences ready to be drawn."""

from __future__ import annotations

import streamlit as st

from curation.dataset import Dataset
from curation.looking import layout
from curation.looking.masks import Mask
from curation.project import Project, View
from curation.ui import shell, state
from curation.ui.text import markdown


def truth(project: Project, view: View, on_map: Mask) -> list[str]:
    """How far those that lie near each other are near in meaning; nothing for a handful."""
    drawn = next((r.fingerprint for r in view.dataset.steps if "map_x" in r.columns), "")
    some = layout.measured_on(on_map)
    value = _trust(str(project.path), drawn, some, view.dataset, on_map)
    if value is None:
        return []
    return [
        f"Trustworthiness {value:.3f} of 1: how far the 15 nearest on the map are near in "
        f"meaning, measured on {some:,} examples. Distances between far groups mean little."
    ]


@st.cache_resource(max_entries=8, show_spinner="Measuring …")
def _trust(
    path: str, fingerprint: str, some: int, _dataset: Dataset, _on_map: Mask
) -> float | None:
    return layout.trust(_dataset, _on_map)


def vectors(project: Project, view: View) -> list[str]:
    """What the vectors of a view are, and what they leave out."""
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
    rows = view.dataset.rows
    if "tokens_cut" in rows and (cut := int((rows["tokens_cut"].fillna(0) > 0).sum())):
        lines.append(f"{cut:,} texts are longer than the model reads; their first part counts.")
    return lines


def draw(project: Project, view: View, on_map: Mask) -> None:
    """How true the map is, what it rests on, and drawing it anew."""
    st.markdown("**How true is this map?**")
    for line in [*truth(project, view, on_map), *vectors(project, view)]:
        st.caption(line)
    st.button(
        "Draw anew",
        key="map-anew",
        icon=":material/restart_alt:",
        help="New examples are put between their nearest, so that nothing else moves. "
        "Drawing anew lets all of them shape the map and the topics; everything may move.",
        on_click=_draw_anew,
        args=(project, project.recipe.revision),
    )


def _draw_anew(project: Project, base: str) -> None:
    """Take the next seed for what keeps its places, so that all examples shape it, and run."""
    with state.flashing_errors():
        project.save_recipe(project.drawn_anew(), base)
        shell.start_run(project)

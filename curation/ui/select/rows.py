"""Why each row was chosen, and which chosen row covers one that was not."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from curation.ui import state, tables
from curation.ui.budget import remembered
from curation.ui.select.scene import Scene
from curation.ui.slots import set_widget
from curation.ui.tables import Column
from curation.ui.text import markdown

CHOSEN = (
    Column("rank", kind="count", width=60),
    Column("reason", "why", width=240),
    Column("stands_for", kind="count", width=90),
    Column("gain", kind="number", width=80),
    Column("prompt", kind="excerpt"),
    Column("response", kind="excerpt"),
)
"""An example that was chosen."""

REJECTED = (
    Column("reason", "why not", width=320),
    Column("prompt", kind="excerpt"),
    Column("response", kind="excerpt"),
)
"""An example of the pool that was not chosen."""

FIRST = 200
"""Examples that are listed."""

BROWSE = "pages/explore/browse.py"


def draw(scene: Scene) -> None:
    """Draw chosen or other examples with their reasons; a click on one offers its links."""
    st.header("Why these, why not those", anchor=False)
    choice = scene.choice
    counts = {
        "chosen": len(choice.chosen),
        "not chosen": len(choice.pool) - len(choice.chosen),
    }
    which = st.segmented_control(
        "Which",
        list(counts),
        default="chosen",
        key="select-which",
        format_func=lambda name: f"{name} ({counts[name]:,})",
        required=True,
        label_visibility="collapsed",
    )
    chosen = which != "not chosen"
    table = _table(str(scene.project.path), scene.key, chosen, scene)
    columns = CHOSEN if chosen else REJECTED
    picked = tables.draw(table, columns, tallest=320, pick=True, key=f"select-rows-{which}")
    if counts[str(which)] > FIRST:
        st.caption(f"The first {FIRST:,} of {counts[str(which)]:,}. Tick a row to open it.")
    if picked is None:
        return
    line = st.container(horizontal=True, vertical_alignment="center")
    line.markdown(markdown(str(table.loc[picked, "prompt"]), 120))
    _link(scene, picked, "Open it", line)
    row: Any = table.loc[picked]
    if chosen and row.get("stands_for", 0):
        label = f"The {row['stands_for']:,} that it stands for"
        if line.button(label, key="select-stands-for", icon=":material/filter_alt:"):
            set_widget("browse-fate", "all")
            set_widget("browse-columns", ["covered_by"])
            set_widget("browse-covered_by", [picked])
            st.switch_page(BROWSE)
    if not chosen and (covering := str(table.loc[picked, "covered_by"])):
        _link(scene, covering, "Open the chosen one that covers it", line)


def _link(
    scene: Scene, example_id: str, label: str, place: st.delta_generator.DeltaGenerator
) -> None:
    """Draw a button that opens an example in Browse."""
    if place.button(label, key=f"select-open-{label}", icon=":material/open_in_new:"):
        state.OPEN.set(scene.project, example_id)
        st.switch_page(BROWSE)


@remembered(8)
def _table(path: str, key: str, chosen: bool, _scene: Scene) -> pd.DataFrame:
    rows, choice = _scene.dataset.rows, _scene.choice
    return (choice.reasons(rows) if chosen else choice.rejected(rows)).head(FIRST)

"""Quotas that the Map and Coverage pages make for the Select page, where they wait to be saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from curation.looking.quotas import with_quota
from curation.project import Project
from curation.ui import state
from curation.ui.slots import Slot

HANDED = Slot[Mapping[str, Any]]("select-handed", {})
"""Parameters of `select_diverse` with which the Select page opens; empty while none wait."""


def popover(project: Project, part: pd.DataFrame) -> None:
    """A field that lets the choice take no more than so many of a topic; `part` may be chosen."""
    with st.popover("Quota", icon=":material/pie_chart:"):
        sizes = part["topic"].value_counts()
        topic = st.selectbox(
            "Topic",
            sizes.index,
            key="map-quota-topic",
            format_func=lambda t: f"{t} ({sizes[t]:,} here)",
        )
        most = st.number_input("Choose at most", 0, None, value=100, step=10, key="map-quota-most")
        st.button(
            "Hand it to Select",
            key="map-quota-go",
            type="primary",
            on_click=_hand,
            args=(project, str(topic), int(most)),
        )


def _hand(project: Project, topic: str, most: int) -> None:
    """Let the Select page open with a quota of a topic beside those that were set before."""
    now = next((s.params for s in project.recipe.steps if s.use == "select_diverse"), {})
    HANDED.set(project, with_quota(HANDED.get(project) or now, topic, most))
    state.flash(f"At most {most:,} of “{topic}”: the Select page has it, not saved yet.")

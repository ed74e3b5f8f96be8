"""Quotas that the Map and Coverage pages send to the Select page, where a person saves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from curation.looking.columns import counts_of
from curation.looking.quotas import parameters_of, with_quota
from curation.project import Project
from curation.ui import state
from curation.ui.slots import Slot

HANDED = Slot[Mapping[str, Any]]("select-handed", {})
"""Parameters with which the Select page opens; empty for none."""


def popover(project: Project, topics: pd.Series) -> None:
    """Draw a field for the greatest number of chosen examples of a topic; topics: of rows that may be chosen."""
    with st.popover("Quota", icon=":material/pie_chart:"):
        sizes = counts_of(topics)
        topic = st.selectbox(
            "Topic",
            list(sizes),
            key="map-quota-topic",
            format_func=lambda t: f"{t} ({sizes[t]:,})",
        )
        most = st.number_input("Choose at most", 0, None, value=100, step=10, key="map-quota-most")
        st.button(
            "Send to Select",
            key="map-quota-go",
            type="primary",
            on_click=_hand,
            args=(project, str(topic), int(most)),
        )


def _hand(project: Project, topic: str, most: int) -> None:
    """Add a quota of a topic to the parameters with which the Select page opens."""
    params = HANDED.get(project) or parameters_of(project.recipe.selection)
    HANDED.set(project, with_quota(params, topic, most))
    state.flash(
        f"The Select page has the quota: at most {most:,} of “{topic}”. It is not saved yet."
    )

"""The offer to take a column beside conversations as the label."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation import sources
from curation.ui import slots
from curation.ui.text import markdown

OFFERED = 3
"""Columns that are offered."""


def draw_offer(beginning: Any, key: str) -> None:
    """Draw a button for each column that may be the label, where no example has a label yet."""
    if any(example["label"] for example in beginning.examples):
        return
    metadata = (example["metadata"] for example in beginning.examples)
    for column in list(sources.likely_labels(metadata, repeated=False))[:OFFERED]:
        st.button(
            f"Take {markdown(column, 60)} as the label",
            key=f"label-{key}-{column}",
            icon=":material/sell:",
            on_click=_take,
            args=(column, key),
            help="Then wrong labels can be found, and labels be filtered, balanced and learned. "
            "Otherwise it stays a plain column.",
        )


def _take(column: str, key: str) -> None:
    """Choose a column as the label, as if it were chosen among the columns."""
    if not slots.widget_value(f"map-{key}"):
        slots.set_widget(f"map-{key}", True)
    slots.set_widget(f"map-{key}-label", column)

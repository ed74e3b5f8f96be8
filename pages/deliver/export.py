"""Export: the files a trainer reads, checked, with a receipt for every row."""

from __future__ import annotations

import streamlit as st

from curation.export.deliveries import deliveries
from curation.ui import (
    about,
    context,
    delivery,
    delivery_check,
    delivery_form,
    shell,
    state,
    unread,
)


def draw() -> None:
    """The page."""
    shell.header(
        "Export",
        "Files that a trainer reads, checked with its rules, and the history of every row.",
    )
    project, view = state.need_view()
    shell.stale(project, view)
    unread.draw(project, view.dataset.rows, view.fingerprint)
    written = deliveries(project.path)
    if written:
        delivery.draw(project, written)
    with st.expander("Make a delivery", expanded=not written, icon=":material/outbox:"):
        delivery_form.draw(project, view)
    with st.expander("Check before delivery", icon=":material/fact_check:"):
        delivery_check.draw(project, view)
    with st.expander("What a context length cuts", icon=":material/content_cut:"):
        context.draw(project, view)
    with st.expander("Purpose, licence and contact", icon=":material/id_card:"):
        about.draw(project)


draw()

"""Leftovers of an import: files that are no data, and decisions without a row."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation import carry as carrying
from curation.import_summary import ImportSummary
from curation.project import Project
from curation.ui import state, tables
from curation.ui.tables import Column

OFFER = (
    Column("decided", "decision"),
    Column("was", "text before"),
    Column("now", "text now"),
    Column("alike", "similarity", "progress"),
)
"""A decision without a row, beside the most similar row."""


def draw_left_out(project: Project) -> None:
    """Files of folders and archives that are no data, each with the reason."""
    reasons = {**project.left_out, **ImportSummary.of(project.imports).left_out}
    if reasons:
        many = "1 file was" if len(reasons) == 1 else f"{len(reasons):,} files were"
        with st.expander(f"{many} left out", icon=":material/info:"):
            table = pd.DataFrame({"file": list(reasons), "reason": list(reasons.values())})
            tables.draw(table, [Column("file"), Column("reason")])


def draw_without_row(project: Project) -> None:
    """Draw decisions about rows that a changed file no longer has, and similar rows."""
    examples = carrying.without_row(project)
    if not examples:
        return
    what = (
        "1 decided example is" if len(examples) == 1 else f"{len(examples):,} decided examples are"
    )
    st.warning(f"{what} no longer in the data: a file was changed.", icon=":material/link_off:")
    if not st.toggle("Show the most similar rows of the changed file", key="carry-show"):
        return
    offers = carrying.offers(project)
    table = pd.DataFrame(
        [
            {
                "decided": "; ".join(o.decisions),
                "was": o.before,
                "now": o.after,
                "alike": o.likeness,
            }
            for o in offers
        ]
    )
    tables.draw(table, OFFER)
    able = [offer for offer in offers if offer.id]
    st.button(
        f"Carry over {len(able):,}",
        key="carry-go",
        icon=":material/move_down:",
        disabled=not able or not state.annotator(),
        on_click=carry_over,
        args=(project, able),
        help="Decides the new rows in the same way, under your name. You can undo it.",
    )


def carry_over(project: Project, offers: list[carrying.Offer]) -> None:
    """Decide about new rows as about the old ones."""
    with state.flashing_errors():
        count = carrying.carry(project, offers, state.annotator())
        state.flash(f"{count:,} carried over")

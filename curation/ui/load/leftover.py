"""What an import left over: files that are no data, and decisions whose row is gone."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation import carry as carrying
from curation.import_summary import ImportSummary
from curation.project import Project
from curation.ui import state, tables
from curation.ui.tables import Column

OFFER = (
    Column("decided"),
    Column("was"),
    Column("now", "may be now"),
    Column("alike", kind="progress"),
)
"""A decision without a row beside the row that it may be about now."""


def draw_left_out(project: Project) -> None:
    """Files of folders and archives that are no data, each with the reason."""
    reasons = {**project.left_out, **ImportSummary.of(project.imports).left_out}
    if reasons:
        many = "1 file was" if len(reasons) == 1 else f"{len(reasons):,} files were"
        with st.expander(f"{many} left out", icon=":material/info:"):
            table = pd.DataFrame({"file": list(reasons), "reason": list(reasons.values())})
            tables.draw(table, [Column("file"), Column("reason")])


def draw_without_row(project: Project) -> None:
    """Decisions about rows that a corrected file no longer has, and what they may be about now."""
    examples = carrying.without_row(project)
    if not examples:
        return
    what = (
        "1 decided example is" if len(examples) == 1 else f"{len(examples):,} decided examples are"
    )
    st.warning(f"{what} no longer there: its file was changed.", icon=":material/link_off:")
    if not st.toggle("Show the rows that they may be now", key="carry-show"):
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
        f"Carry {len(able):,} over",
        key="carry-go",
        icon=":material/move_down:",
        disabled=not able or not state.annotator(),
        on_click=carry_over,
        args=(project, able),
        help="One action under your name, with a note of where each is from; undo takes it back.",
    )


def carry_over(project: Project, offers: list[carrying.Offer]) -> None:
    """Decide of new rows what was decided of the old ones."""
    with state.flashing_errors():
        count = carrying.carry(project, offers, state.annotator())
        state.flash(f"{count:,} carried over")

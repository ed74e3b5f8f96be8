"""The dataset and the reference set on one map."""

from __future__ import annotations

import streamlit as st

from curation.ui.coverage.comparison import Comparison


def draw(comparison: Comparison) -> None:
    """Both sets on our map."""
    rows = comparison.rows
    if "map_x" not in rows or comparison.compared.rows["map_x"].isna().all():
        st.caption("There is no map: add the step Map to the recipe and run it.")
        return
    ours = rows[rows["map_x"].notna() & rows["dropped_by"].isna()]
    st.plotly_chart(
        comparison.figure(ours),
        key="coverage-map",
        alt=f"{len(ours):,} kept examples and the reference set on one map. The gaps are listed under Gaps.",
        width="stretch",
        config={"scrollZoom": True, "displaylogo": False, "modeBarButtonsToRemove": ["toImage"]},
    )
    st.caption(
        "A row of the reference set is drawn between its nearest examples. A row out of reach has no "
        "similar example near it."
    )

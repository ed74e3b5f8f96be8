"""The cost of each fit: seconds, tokens, steps, parameters, operations."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation.ui import tables
from curation.ui.tables import Column
from curation.ui.train.scene import Scene

FIT = (
    Column("title", "arm", width=190),
    Column("budget", kind="count"),
    Column("seed", kind="count"),
    Column("train", "examples", "count"),
    Column("seconds", kind="number", digits=1),
    Column("tokens", kind="count"),
    Column("steps", kind="count"),
    Column("parameters", kind="count"),
    Column("gigaflops", "GFLOP", "number", digits=1),
)
"""A fit and its receipt."""


def draw(scene: Scene) -> None:
    """Draw a row for each fit."""
    table = pd.DataFrame([{**fit, **fit["cost"], "seed": fit["seed"] + 1} for fit in scene.fits])
    table["gigaflops"] = table["flops"] / 1e9
    tables.draw(table, FIT)
    st.caption(
        "Operations are estimated: six for each trained parameter and token, unless the learner "
        "knows better. Equal fits are computed once and share a receipt."
    )

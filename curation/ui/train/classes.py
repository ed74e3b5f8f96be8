"""Each class: precision, recall, F1, and how many examples it had; and whether probabilities are right."""

from __future__ import annotations

import streamlit as st

from curation.training import answers, picture
from curation.ui import tables
from curation.ui.tables import Column
from curation.ui.train.scene import Scene, ink

CLASS = (
    Column("class"),
    Column("f1", "F1", "number"),
    Column("precision", kind="number"),
    Column("recall", kind="number"),
    Column("train", "trained on", "count"),
    Column("test", "tested on", "count"),
)
"""A class of a fit."""


def draw(scene: Scene) -> None:
    """Draw the classes, the worst first, and the reliability chart."""
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Classes, the worst first", anchor=False)
        tables.draw(answers.per_class(scene.fit), CLASS)
    with right:
        st.header("Are its probabilities right?", anchor=False)
        error = scene.fit["metrics"]["calibration"]["error"]
        alt = f"Probabilities differ from the share that is right by {error * 100:.1f} points on average."
        chart = picture.lines(
            {"this fit": answers.reliability(scene.table)},
            "probability of the predicted label",
            "share that is right",
            alt,
            ink(),
            diagonal=True,
            width=560,
            height=300,
        )
        st.image(chart, width="stretch", alt=alt)
        st.caption(f"{alt} On the dashed line they would be right.")

"""A language model's answers: loss by region and length, samples before and after, the hardest."""

from __future__ import annotations

import streamlit as st

from curation.training import answers
from curation.ui import tables
from curation.ui.tables import Column
from curation.ui.train.regions import choose_column
from curation.ui.train.scene import Scene, draw_examples

REGION = (
    Column("region", width="medium"),
    Column("loss", "loss, nats per token", "number"),
    Column("before", "before training", "number"),
    Column("perplexity", kind="number", digits=2),
    Column("examples", "test examples", "count"),
    Column("train", "training examples", "count"),
    Column("tokens", kind="count"),
)
"""A region of the test set."""


def draw_regions(scene: Scene) -> None:
    """Draw the loss by a column of the data, and by length."""
    left, right = st.columns(2, gap="large")
    with left:
        column = choose_column(scene)
        places = scene.dataset.column(column) if column else None
        if places is not None:
            tables.draw(answers.losses(scene.table, places, scene.choice), REGION)
    with right:
        st.caption("By length of the answer")
        tables.draw(answers.losses(scene.table, answers.lengths(scene.table)), REGION)


def draw_samples(scene: Scene) -> None:
    """Draw sample answers before and after training side by side."""
    samples = scene.fit.get("samples") or []
    if not samples:
        st.caption("This fit wrote no sample answers; its learner has a setting for their number.")
    for sample in samples:
        with st.container(border=True):
            st.text(sample["prompt"])
            columns = st.columns(3)
            titles = {
                "before": "Before training",
                "after": "After training",
                "reference": "In the data",
            }
            for place, (name, title) in zip(columns, titles.items(), strict=True):
                place.caption(title)
                place.text(sample[name] or "nothing")


def draw_hardest(scene: Scene) -> None:
    """Draw the test examples whose answers are least expected."""
    hardest = answers.hardest(scene.table)
    st.caption(
        "Answers that the model expects least: wrong ones, odd ones, and those of subjects that the "
        "training examples lack."
    )
    draw_examples(scene, [str(i) for i in hardest.index], "hardest", hardest[["loss_per_token"]])

"""The confusion of classes: a matrix or a list of pairs, whose cells open the examples."""

from __future__ import annotations

import streamlit as st

from curation.training import answers
from curation.ui import tables
from curation.ui.tables import Column
from curation.ui.text import markdown
from curation.ui.train.scene import Scene, draw_examples

MOST_CLASSES = 20
"""Classes up to which the matrix is drawn; of more, the pairs."""

PAIR = (
    Column("label"),
    Column("predicted", "taken for"),
    Column("examples", kind="count"),
    Column("share", "share of the label", "percent"),
)
"""A label and another that was predicted for it."""


def draw(scene: Scene) -> None:
    """Draw the matrix, or the pairs where there are many classes, and the chosen cell's examples."""
    pairs = answers.confused(scene.table)
    counts = answers.confusion(scene.table)
    as_pairs = len(counts) > MOST_CLASSES
    if pairs.empty:
        st.success("Every test example got its label.", icon=":material/check:")
    key = f"{scene.run.id}-{scene.fit['key']}"
    if as_pairs:
        st.caption(
            f"{len(counts):,} classes; the pairs that are confused, the most frequent first."
        )
        picked = tables.draw(pairs, PAIR, key=f"train-pairs-{key}", pick=True, tallest=320)
        cell = None if picked is None else tuple(pairs.loc[int(picked), ["label", "predicted"]])
    else:
        st.caption(
            "Rows: the label of the test examples. Columns: what was predicted. Click a cell."
        )
        cell = tables.matrix(counts, key=f"train-matrix-{key}")
    if cell is None and len(pairs):
        cell = tuple(pairs.loc[0, ["label", "predicted"]])
    if cell is None:
        return
    label, predicted = map(str, cell)
    ids = answers.cell(scene.table, label, predicted)
    verb = "predicted right" if label == predicted else f"taken for **{markdown(predicted, 80)}**"
    st.markdown(f"{len(ids):,} test examples of **{markdown(label, 80)}**, {verb}")
    columns = scene.table[["predicted", "probability"]]
    draw_examples(scene, ids, "confusion", columns)

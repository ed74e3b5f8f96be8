"""Regions of the data that fail: as a table, on the map, and as a list of what to collect."""

from __future__ import annotations

import streamlit as st

from curation.looking.columns import categories
from curation.training import answers
from curation.ui import downloads, tables
from curation.ui.tables import Column
from curation.ui.text import markdown
from curation.ui.train import figure
from curation.ui.train.scene import Scene, draw_examples

REGION = (
    Column("region", width="medium"),
    Column("share", "wrong", "progress"),
    Column("wrong", "wrong examples", "count"),
    Column("test", "test examples", "count"),
    Column("train", "training examples", "count"),
)
"""A region of the test set."""

COLLECT = (
    Column("prompt", kind="excerpt", width="medium"),
    Column("label"),
    Column("predicted", "taken for"),
    Column("topic"),
    Column("in_topic", "trained on in it", "count"),
    Column("similarity", "similarity", "number", digits=2),
    Column("nearest_label", "nearest label"),
    Column("nearest_prompt", "nearest trained on", "excerpt", width="medium"),
)
"""A failing test example and its nearest training example."""


def choose_column(scene: Scene) -> str:
    """Draw the choice of the column whose values are the regions; "" where there is none."""
    columns = [c for c in categories(scene.dataset) if c not in ("dropped_by", "split")]
    if not columns:
        st.caption("The data has no column to group by; the step Topics makes one.")
        return ""
    first = columns.index("topic") if "topic" in columns else 0
    chosen = st.selectbox(
        "Regions by",
        columns,
        index=first,
        key="train-region",
        format_func=lambda name: name.replace("_", " "),
        width=260,
    )
    return str(chosen)


def draw(scene: Scene) -> None:
    """Draw the regions, those first that fail with few training examples, and one's failures."""
    column = choose_column(scene)
    places = scene.dataset.column(column) if column else None
    if places is None:
        return
    regions = answers.regions(scene.table, scene.choice, places)
    if sentence := answers.region_sentence(regions):
        st.markdown(markdown(sentence, 400))
    key = f"train-regions-{column}-{scene.run.id}-{scene.fit['key']}"
    picked = tables.draw(regions, REGION, key=key, pick=True, tallest=320)
    if picked is None:
        st.caption("Click a region to list its wrong answers.")
        return
    region = str(regions.loc[int(picked), "region"])
    failing = answers.failing(scene.table, places, region)
    st.markdown(f"{len(failing):,} wrong answers in **{markdown(region, 80)}**")
    columns = failing[["predicted", "probability"]]
    draw_examples(scene, [str(i) for i in failing.index], "regions", columns)


def draw_map(scene: Scene) -> None:
    """Draw the test examples on the map, right and wrong."""
    rows = scene.dataset.rows
    if "map_x" not in rows:
        st.caption("There is no map: add the step Map to the recipe and run it.")
        return
    st.plotly_chart(
        figure.figure(rows, scene.table, scene.choice),
        key=f"train-map-{scene.fit['key']}",
        alt="The test examples on the map, those with and those without their label.",
        width="stretch",
        config={"scrollZoom": True, "displaylogo": False, "modeBarButtonsToRemove": ["toImage"]},
    )
    st.caption(
        "Grey: training examples. Rings: test examples that got their label. Crosses: those that did "
        "not. A crowd of crosses without grey between them is a gap in the training examples."
    )


def draw_collect(scene: Scene) -> None:
    """Draw the failing examples with their nearest training examples, and offer them as a file."""
    table = answers.to_collect(scene.dataset, scene.table, scene.choice)
    if table.empty:
        st.success("No test example fails.", icon=":material/check:")
        return
    st.caption(
        "Test examples that fail, those first that no training example is near: collect examples like "
        "them. Where the nearest one is near and has another label, compare the two labels."
    )
    tables.draw(table, COLLECT)
    downloads.draw(
        f"Download {len(table):,} rows (CSV)",
        lambda: table.to_csv(index=False),
        f"collect-{scene.run.id}.csv",
        mime="text/csv",
        key="train-collect",
    )

"""Charts of the kept examples: lengths, languages, labels, quality, splits and topics."""

from __future__ import annotations

import streamlit as st

from curation.dataset import Dataset
from curation.looking.masks import kept_values
from curation.ui import charts

TITLES = {
    "response_tokens": "Length of the response, in tokens",
    "prompt_tokens": "Length of the prompt, in tokens",
    "language": "Languages",
    "label": "Labels",
    "quality": "Quality",
    "split": "Splits",
}
"""Column → title of its chart."""


def draw(dataset: Dataset) -> None:
    """Draw a chart for each column that has a value for a kept example."""
    columns = st.columns(2, gap="large")
    for i, (name, title) in enumerate(TITLES.items()):
        if name not in dataset.rows or (values := kept_values(dataset, name)).isna().all():
            continue
        with columns[i % 2]:
            st.header(title, anchor=False)
            charts.distribution(values, name, key=f"measure-{name}")
    if "topic" in dataset.rows:
        st.header("Topics", anchor=False)
        charts.counts(kept_values(dataset, "topic"), top=24, key="topics")

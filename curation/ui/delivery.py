"""A delivery: whether its splits are apart, which parts are missing, and its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from curation.errors import CurationError
from curation.export import delivery_formats, sentences
from curation.export.deliveries import Delivery, size_text
from curation.export.rendering import rendered
from curation.project import Project
from curation.ui import delivery_push, downloads, leak_report, tables
from curation.ui.tables import Column
from curation.ui.text import markdown

FILE = (Column("path"), Column("split"), Column("rows", kind="count"), Column("size"))
"""A file of a delivery."""


def draw(project: Project, deliveries: Sequence[Delivery]) -> None:
    """Draw one of the deliveries, the first unless another is chosen."""
    delivery = deliveries[0]
    if len(deliveries) > 1:
        delivery = st.selectbox(
            "Delivery", deliveries, format_func=lambda d: d.name, key="delivery"
        )
    try:
        manifest = delivery.manifest
    except CurationError as error:
        st.warning(markdown(str(error), 400), icon=":material/warning:")
        return
    leak_report.draw(manifest["leaks"])
    left, right = st.columns([1, 3], vertical_alignment="center")
    downloads.draw(
        "Download all (zip)",
        delivery.zipped,
        f"{delivery.name}.zip",
        where=left,
        key="zip",
        type="primary",
    )
    splits = ", ".join(f"{rows:,} {markdown(split)}" for split, rows in manifest["splits"].items())
    right.markdown(f"**{markdown(delivery.name)}** · {splits}")
    _draw_not_held(manifest)
    _draw_files(manifest["files"])
    st.caption(f"In the folder {markdown(str(delivery.folder), 300)}")
    with st.expander("Send it to the Hugging Face Hub", icon=":material/cloud_upload:"):
        delivery_push.draw(project, delivery.folder)
    if delivery.card and st.toggle("Show the dataset card", key="card-shown"):
        st.code(delivery.card, language="markdown", wrap_lines=True)


def _draw_not_held(manifest: dict[str, Any]) -> None:
    """Draw the rows that a format refused, the parts it has no place for, and template results."""
    titles = {name: format.title for name, format in delivery_formats().items()}
    lines = sentences.excluded(manifest["excluded"])
    lines += sentences.not_held(manifest["not_in"], manifest["lost"], titles)
    if lines:
        st.markdown("\n".join(f"- {markdown(line, 600)}" for line in lines))
    else:
        st.caption("No format loses anything.")
    for name, entry in manifest["rendering"].items():
        st.caption(f"{markdown(titles.get(name, name))}: {markdown(rendered(entry), 600)}")


def _draw_files(files: list[dict[str, Any]]) -> None:
    """Draw the files with their sizes, and their checksums to copy."""
    table = pd.DataFrame(files)
    table["size"] = [size_text(count) for count in table["bytes"]]
    tables.draw(table, FILE, tallest=480)
    with st.expander("Checksums (SHA-256)"):
        lines = "\n".join(f"{entry['sha256']}  {entry['path']}" for entry in files)
        st.code(lines, language=None)

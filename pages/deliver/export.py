"""Export: the files a trainer reads, checked, with a receipt for every row."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pandas as pd
import streamlit as st

from curation.dataset import Dataset
from curation.export import left_out, targets
from curation.project import Project, View, slug
from curation.ui import frame, state
from curation.ui.text import markdown


def start(project: Project, name: str, formats: tuple[str, ...], allow: bool) -> None:
    """Start the export as a job of its own."""
    out = project.path / "exports" / slug(name)
    command = ["export", str(project.path), "--to", str(out), *(f"--format={f}" for f in formats)]
    frame.start_job(project, "Export", [*command, "--allow-attention"] if allow else command)


@st.cache_data(max_entries=16, show_spinner=False)
def not_ready(path: str, fingerprint: str, _dataset: Dataset) -> int:
    """How many kept examples an export leaves out unless told otherwise."""
    return int((left_out(_dataset.kept) != "").sum())


def draw_form(project: Project, view: View) -> None:
    """What goes into the folder."""
    known = targets()
    formats = st.multiselect(
        "Formats",
        list(known),
        default=["trl"] if "trl" in known else None,
        key="formats",
        format_func=lambda n: known[n].title,
        persist_state="session",
    )
    for name in formats:
        st.caption(f"**{markdown(known[name].title)}** · {markdown(known[name].help, 300)}")
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    name = left.text_input(
        "Name of the delivery", value="delivery", key="export-name", persist_state="session"
    )
    attention = not_ready(str(project.path), view.fingerprint, view.dataset)
    with right:
        allow = st.toggle(
            f"Also the {attention:,} that are not fit to train on",
            key="allow-attention",
            disabled=not attention,
            help="A trainer cannot use them as they stand: an empty answer, two turns of the same "
            "role, tokens of a chat template in the text …",
        )
    ready = len(view.dataset.kept) - (0 if allow else attention)
    if not view.current:
        st.caption("The recipe is run first, because something has changed since the last run.")
    st.button(
        f"Export {ready:,} examples" if view.current else "Run and export",
        type="primary",
        icon=":material/outbox:",
        key="export-go",
        disabled=not formats or not name.strip() or not ready,
        on_click=start,
        args=(project, name.strip(), tuple(formats), allow),
    )


def draw_deliveries(project: Project) -> None:
    """What was delivered so far, newest first."""
    folder = project.path / "exports"
    found = (
        sorted(folder.glob("*/manifest.json"), key=lambda p: p.stat().st_mtime, reverse=True)
        if folder.is_dir()
        else []
    )
    if not found:
        st.caption("Nothing was exported yet.")
        return
    picked = st.selectbox("Delivery", found, format_func=lambda p: p.parent.name, key="delivery")
    manifest = json.loads(Path(picked).read_text("utf-8"))
    with st.container(horizontal=True):
        for split, rows in manifest["splits"].items():
            st.metric(split.capitalize(), f"{rows:,}", border=True)
    leaks = manifest["leaks"]
    nearest = leaks.get("nearest")
    if leaks.get("leak_safe"):
        st.success(
            "Leak-safe: no prompt and no near-duplicate stands in two splits."
            + (
                f" The nearest pair across splits has similarity {nearest['similarity']:.3f}."
                if nearest
                else ""
            ),
            icon=":material/verified:",
        )
    elif leaks:
        st.warning(
            markdown(
                leaks.get("text")
                or "This delivery is not known to be leak-safe; see the manifest.",
                400,
            ),
            icon=":material/leak_add:",
        )
    table = pd.DataFrame(manifest["files"])
    shown = [c for c in ("path", "format", "split", "rows", "bytes", "sha256") if c in table]
    st.dataframe(
        table[shown], hide_index=True, width="stretch", height="content" if len(table) < 14 else 460
    )
    left, right = st.columns([1, 3])
    left.download_button(
        "Download all (zip)",
        lambda: zipped(picked.parent),
        f"{picked.parent.name}.zip",
        key="zip",
        icon=":material/download:",
    )
    right.caption(f"In the folder `{markdown(str(picked.parent), 300)}`")
    card = picked.parent / "README.md"
    if card.exists() and st.toggle("Show the dataset card", key="card-shown"):
        st.code(card.read_text("utf-8"), language="markdown", wrap_lines=True)


def zipped(folder: Path) -> bytes:
    """A folder's files as one zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(path, path.relative_to(folder.parent))
    return buffer.getvalue()


def draw() -> None:
    """The page."""
    frame.header(
        "Export",
        "Files that a trainer reads, checked with its own rules, with a receipt for every row.",
    )
    project, view = state.need_view()
    frame.stale(view)
    with st.container(border=True):
        draw_form(project, view)
    st.subheader("Delivered", anchor=False)
    draw_deliveries(project)


draw()

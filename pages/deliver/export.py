"""Export: the files a trainer reads, checked, with a receipt for every row."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from curation import commands
from curation.dataset import Dataset
from curation.export import delivery_formats, left_out, parts_in, saying, without_place
from curation.export.rendering import rendered
from curation.project import Project, View
from curation.text.slug import slug
from curation.ui import shell, state
from curation.ui.text import markdown

LOOKED_AT = 20_000
"""Examples that are looked at for what a format has no place for, before the export counts all."""


def start(
    project: Project, name: str, formats: tuple[str, ...], allow: bool, pseudonyms: bool
) -> None:
    """Start the export as a job of its own."""
    out = project.path / "exports" / slug(name)
    shell.start_job(project, commands.export(project.path, out, formats, allow, pseudonyms))


@st.cache_data(max_entries=16, show_spinner=False)
def not_ready(path: str, fingerprint: str, _dataset: Dataset) -> int:
    """How many kept examples an export leaves out unless told otherwise."""
    return int((left_out(_dataset.kept) != "").sum())


@st.cache_data(max_entries=16, show_spinner=False)
def parts(path: str, fingerprint: str, _dataset: Dataset) -> dict[str, int]:
    """Parts of the kept examples beside roles and texts, and how many have them."""
    return dict(parts_in(_dataset.kept.head(LOOKED_AT)))


def draw_form(project: Project, view: View) -> None:
    """What goes into the folder."""
    known = delivery_formats()
    formats = st.multiselect(
        "Formats",
        list(known),
        default=["trl"] if "trl" in known else None,
        key="formats",
        format_func=lambda n: known[n].title,
        persist_state="session",
    )
    counts = parts(str(project.path), view.fingerprint, view.dataset)
    for name in formats:
        st.caption(f"**{markdown(known[name].title)}** · {markdown(known[name].help, 300)}")
        if said := saying.lost(known[name].title, without_place(known[name], counts)):
            st.caption(f":material/remove_circle: {markdown(said, 600)}")
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
        pseudonyms = st.toggle(
            "Pseudonyms for people",
            key="pseudonyms",
            help="Manifest, card, receipts and decisions say annotator 1, annotator 2 … "
            "instead of names.",
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
        args=(project, name.strip(), tuple(formats), allow, pseudonyms),
    )


def draw_delivery(found: list[Path]) -> None:
    """A delivery: whether it may be trained on, what it does not hold, and its files."""
    picked = found[0]
    if len(found) > 1:
        picked = st.selectbox(
            "Delivery", found, format_func=lambda p: p.parent.name, key="delivery"
        )
    manifest = json.loads(picked.read_text("utf-8"))
    draw_verdict(manifest)
    left, right = st.columns([1, 3], vertical_alignment="center")
    left.download_button(
        "Download all (zip)",
        lambda: zipped(picked.parent),
        f"{picked.parent.name}.zip",
        key="zip",
        type="primary",
        icon=":material/download:",
    )
    splits = ", ".join(f"{rows:,} {split}" for split, rows in manifest["splits"].items())
    right.markdown(f"**{markdown(picked.parent.name)}** · {splits}")
    draw_not_held(manifest)
    draw_files(manifest["files"])
    st.caption(f"In the folder `{markdown(str(picked.parent), 300)}`")
    card = picked.parent / "README.md"
    if card.exists() and st.toggle("Show the dataset card", key="card-shown"):
        st.code(card.read_text("utf-8"), language="markdown", wrap_lines=True)


def draw_verdict(manifest: dict[str, Any]) -> None:
    """Whether the splits are known to be apart."""
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
    else:
        st.warning(
            markdown(
                leaks.get("text")
                or "This delivery is not known to be leak-safe; see the manifest.",
                400,
            ),
            icon=":material/leak_add:",
        )


def draw_not_held(manifest: dict[str, Any]) -> None:
    """Rows that a format refused, parts that it has no place for, and how templates took it."""
    known = delivery_formats()
    titles = {name: known[name].title if name in known else name for name in manifest["lost"]}
    lines = [f"{n:,} kept examples are left out: {w}" for w, n in manifest["excluded"].items()]
    for name, refusals in manifest["not_in"].items():
        lines += saying.not_in(titles[name], refusals)
    lines += [saying.lost(titles[name], losses) for name, losses in manifest["lost"].items()]
    lines = [line for line in lines if line]
    if lines:
        st.markdown("\n".join(f"- {markdown(line, 600)}" for line in lines))
    else:
        st.caption("Nothing is lost in any of its formats.")
    for name, entry in manifest["rendering"].items():
        st.caption(f"{markdown(titles[name])}: {markdown(rendered(entry), 600)}")


def draw_files(files: list[dict[str, Any]]) -> None:
    """The files with their sizes, and their checksums to copy."""
    table = pd.DataFrame(files)[["path", "split", "rows", "bytes"]]
    table["size"] = [size(n) for n in table.pop("bytes")]
    st.dataframe(
        table, hide_index=True, width="stretch", height="content" if len(table) < 14 else 460
    )
    with st.expander("Checksums (SHA-256)"):
        lines = "\n".join(f"{entry['sha256']}  {entry['path']}" for entry in files)
        st.code(lines, language=None)


def size(count: int) -> str:
    """Bytes in a unit that people read."""
    if count < 1_000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1_000:.0f} KB"
    return f"{count / 1_000_000:,.1f} MB"


def zipped(folder: Path) -> bytes:
    """A folder's files as one zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(path, path.relative_to(folder.parent))
    return buffer.getvalue()


def deliveries(project: Project) -> list[Path]:
    """Manifests of what was delivered so far, newest first."""
    found = (project.path / "exports").glob("*/manifest.json")
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def draw() -> None:
    """The page."""
    shell.header(
        "Export",
        "Files that a trainer reads, checked with its own rules, with a receipt for every row.",
    )
    project, view = state.need_view()
    shell.stale(view)
    found = deliveries(project)
    if found:
        draw_delivery(found)
    with st.expander("Make a delivery", expanded=not found, icon=":material/outbox:"):
        draw_form(project, view)


draw()

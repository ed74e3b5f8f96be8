"""The form that makes a delivery: formats, name, and who is in it."""

from __future__ import annotations

import streamlit as st

from curation import commands
from curation.dataset import Dataset
from curation.export import ALSO, delivery_formats, sentences, without_place
from curation.export.deliveries import folder_of
from curation.export.outlook import Outlook
from curation.project import Project, View
from curation.text.slug import slug
from curation.ui import shell
from curation.ui.budget import remembered
from curation.ui.text import markdown


@remembered(16, spinner="Looking through the examples …")
def _outlook(path: str, fingerprint: str, _dataset: Dataset) -> Outlook:
    """The content of a delivery of this dataset."""
    return Outlook.of(_dataset)


def draw(project: Project, view: View) -> None:
    """Draw the choices for a delivery, and the button that starts the export."""
    outlook = _outlook(str(project.path), view.fingerprint, view.dataset)
    formats = _draw_formats(outlook)
    left, right = st.columns([2, 3], vertical_alignment="center")
    name = left.text_input(
        "Name of the delivery", value="delivery", key="export-name", persist_state="session"
    )
    also = left.pills(
        "Also",
        list(ALSO),
        selection_mode="multi",
        key="export-also",
        format_func=ALSO.__getitem__,
        help="Dropped rows come with their texts and the reasons. The table holds places on the map "
        "and near neighbours.",
    )
    with right:
        allow = st.toggle(
            f"Include {outlook.not_fit:,} examples that need attention",
            key="allow-attention",
            disabled=not outlook.not_fit,
            help="A trainer cannot use them as they are: an answer is empty, two turns have the same "
            "role, the text holds tokens of a chat template …",
        )
        pseudonyms = st.toggle(
            "Pseudonyms for people",
            key="pseudonyms",
            help="Manifest, card, receipts and decisions hold “annotator 1”, “annotator 2” … "
            "instead of names.",
        )
    rows = outlook.rows(allow)
    if not view.current:
        st.caption("The recipe runs first, because something has changed since the last run.")
    st.button(
        f"Export {rows:,} examples" if view.current else "Run and export",
        type="primary",
        icon=":material/outbox:",
        key="export-go",
        disabled=shell.note_owners(project) or not formats or not name.strip() or not rows,
        on_click=_start,
        args=(project, name.strip(), tuple(formats), allow, pseudonyms, tuple(also)),
    )


def _draw_formats(outlook: Outlook) -> list[str]:
    """Draw the choice of formats; each shows its purpose and the parts that it loses."""
    formats = delivery_formats()
    chosen = st.multiselect(
        "Formats",
        list(formats),
        default=["trl"] if "trl" in formats else None,
        key="formats",
        format_func=lambda name: formats[name].title,
        persist_state="session",
    )
    for name in chosen:
        format = formats[name]
        st.caption(f"**{markdown(format.title)}** · {markdown(format.help, 300)}")
        if sentence := sentences.lost(format.title, without_place(format, outlook.parts)):
            st.caption(f":material/remove_circle: {markdown(sentence, 600)}")
    return chosen


def _start(
    project: Project,
    name: str,
    formats: tuple[str, ...],
    allow: bool,
    pseudonyms: bool,
    also: tuple[str, ...],
) -> None:
    """Start the export as a job of its own."""
    out = folder_of(project.path) / slug(name)
    shell.start_job(project, commands.export(project.path, out, formats, allow, pseudonyms, also))

"""Purpose, licence and contact of a dataset, which its card states."""

from __future__ import annotations

import streamlit as st

from curation.export.licences import OTHER, describe
from curation.project import Project
from curation.settings import read_about
from curation.ui import state


def draw(project: Project) -> None:
    """Draw the fields, and keep them in the project."""
    about = read_about(project.path)
    with st.form("about", border=False):
        purpose = st.text_input(
            "Purpose",
            about.get("purpose", ""),
            placeholder="Answers about orders for the support assistant",
        )
        left, right = st.columns(2)
        licence = left.text_input(
            "Licence",
            about.get("licence", ""),
            placeholder="cc-by-4.0",
            help=f"A name that the Hugging Face Hub knows, or “{OTHER} its name”.",
        )
        contact = right.text_input(
            "Contact", about.get("contact", ""), placeholder="data@example.org"
        )
        if st.form_submit_button("Keep for the card", icon=":material/save:"):
            with state.flashing_errors():
                describe(project.path, {"purpose": purpose, "licence": licence, "contact": contact})
                state.flash("Kept; the next delivery's card says so")
            st.rerun()
    if missing := [name for name in ("purpose", "licence", "contact") if not about.get(name)]:
        st.caption(f"The card says “not stated” for: {', '.join(missing)}.")

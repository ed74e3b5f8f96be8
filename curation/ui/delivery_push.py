"""The upload of a delivery to the Hugging Face Hub: what goes, where to, and the button."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from curation import commands, jobs
from curation.export.push import Shipment, is_name
from curation.project import Project
from curation.ui import shell
from curation.ui.text import markdown


def draw(project: Project, folder: Path) -> None:
    """Draw what an upload would send, and the button that sends it."""
    shipment = Shipment.of(folder)
    st.markdown("\n".join(f"- {markdown(line, 600)}" for line in shipment.sentences()))
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    repository = left.text_input(
        "Repository", placeholder="owner/name", key="push-repository", persist_state="session"
    ).strip()
    private = right.toggle("Private", value=True, key="push-private")
    st.button(
        "Send privately" if private else "Publish for everybody",
        icon=":material/cloud_upload:",
        key="push-go",
        disabled=not is_name(repository),
        on_click=_start,
        args=(project, folder, repository, not private),
        help="The token is that of huggingface_hub: HF_TOKEN, or what `hf auth login` stored.",
    )
    for job in jobs.all_jobs(project.path):
        if job.command == "push" and job.state == "done" and job.result:
            st.caption(f"Last sent to {markdown(job.result['address'], 300)}")
            break


def _start(project: Project, folder: Path, repository: str, public: bool) -> None:
    """Start the upload as a job of its own."""
    shell.start_job(project, commands.push(project.path, folder, repository, public))

"""The check before a delivery: what each format refuses and loses, with what to do."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from curation import commands, gold, jobs
from curation.export import delivery_formats, sentences
from curation.export.cures import findings
from curation.project import Project, View
from curation.ui import shell, state, tables
from curation.ui.tables import Column
from curation.ui.text import markdown

FINDING = (
    Column("format", width=210),
    Column("rows", kind="count", width=70),
    Column("code", width=170),
    Column("why", width="medium"),
    Column("cure", "what to do", width="large"),
)


def draw(project: Project, view: View) -> None:
    """Draw the newest check of these examples, and the button that makes one."""
    people = project.people()
    number = len(gold.kept_to_drop(people, view.dataset))
    if people and number and state.owns(project):  # nobody else is told
        st.warning(
            f"{gold.kept_sentence(number, len(people.gold))} The Team page settles them as known.",
            icon=":material/warning:",
        )
    result = _newest(project, view)
    left, right = st.columns([2, 5], vertical_alignment="center")
    left.button(
        "Check every format" if result is None else "Check again",
        icon=":material/fact_check:",
        key="check-go",
        disabled=not state.owns(project),
        on_click=_start,
        args=(project,),
    )
    right.caption("By the rules of each trainer, row by row; nothing is written.")
    if result is None:
        return
    titles = {name: format.title for name, format in delivery_formats().items()}
    st.markdown(markdown(_holds({titles.get(n, n): e["rows"] for n, e in result.items()}), 900))
    lines = [{**line, "format": titles.get(line["format"])} for line in findings(result)]
    if not lines:
        st.success("No format refuses an example.", icon=":material/check:")
        return
    tables.draw(pd.DataFrame(lines), FINDING, key="check-findings")
    losses = [sentences.lost(titles.get(n, n), entry["lost"]) for n, entry in result.items()]
    with st.expander("Parts that a format has no place for"):
        st.markdown("\n".join(f"- {markdown(text, 600)}" for text in losses if text))


def _holds(rows: dict[str, int]) -> str:
    """The formats that would hold most examples, then the others with their numbers."""
    most = max(rows.values())
    full = [title for title, count in rows.items() if count == most]
    less = [f"{title} holds {count:,}" for title, count in rows.items() if count < most]
    lead = f"{len(full)} of {len(rows)} formats would hold {most:,} examples: {', '.join(full)}."
    return " ".join([lead, *([", ".join(less) + "."] if less else [])])


def _start(project: Project) -> None:
    """Start the check of every format as a job."""
    shell.start_job(project, commands.check(project.path))


def _newest(project: Project, view: View) -> dict[str, Any] | None:
    """The result of the newest check of what the view shows; None without one."""
    for job in jobs.all_jobs(project.path):
        result = job.result or {}
        if job.command == "check" and result.get("fingerprint") == view.fingerprint:
            formats: dict[str, Any] = result["formats"]
            return formats
    return None

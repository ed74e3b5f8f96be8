"""The regions of the reference set that are out of reach, and what can be done about each."""

from __future__ import annotations

from functools import partial

import streamlit as st

from curation.looking.columns import with_titles
from curation.looking.gaps import Gap, as_json_lines, gap_frame, still_dropped
from curation.text.slug import slug
from curation.ui import actions, downloads, tables
from curation.ui.actions import KEEP
from curation.ui.coverage.comparison import Comparison
from curation.ui.tables import Column
from curation.ui.text import markdown

GAPS = (
    Column("missing", "out of reach", "count", 85),
    Column("size", "rows", "count", 50, help="Rows of the reference set in the region."),
    Column("name", "region", width=170),
    Column("share", kind="percent", width=60),
    Column("closing", kind="count", width=65, help="Dropped rows near the missing ones."),
)
LISTED = 5  # examples of a gap that are shown side by side
CHARACTERS = 700


def draw(comparison: Comparison) -> None:
    """Draw regions out of reach, and the picked one with its rows beside our nearest examples."""
    gaps, reference = comparison.gaps, comparison.reference
    if not gaps:
        st.success("Every row of the reference set is within reach.", icon=":material/check:")
        return
    left, right = st.columns([6, 7], gap="medium")
    with left:
        key = f"coverage-gaps-{reference.slug}"
        picked = tables.draw(gap_frame(gaps), GAPS, key=key, tallest=560, pick=True)
        every = tuple(i for g in gaps for i in g.missing)
        downloads.draw(
            f"Download all {len(every):,} prompts",
            partial(as_json_lines, comparison.compared, comparison.prompts, every),
            f"{reference.slug}-gaps.jsonl",
            mime="application/x-ndjson",
            help="The prompts out of reach as JSON Lines: a list of topics to write examples for.",
        )
    with right:
        draw_gap(comparison, gaps[int(picked or 0)])


def draw_gap(comparison: Comparison, gap: Gap) -> None:
    """Draw one gap: its actions, and its farthest rows beside our nearest examples."""
    compared, prompts, rows = comparison.compared, comparison.prompts, comparison.rows
    st.markdown(f"**{markdown(gap.name)}** · {len(gap.missing):,} of {gap.size:,} out of reach")
    closing = still_dropped(rows, gap.closing)
    with st.container(horizontal=True):
        downloads.draw(
            f"Download {len(gap.missing):,} prompts",
            partial(as_json_lines, compared, prompts, gap.missing, gap.name),
            f"{comparison.reference.slug}-{slug(gap.name)}.jsonl",
            mime="application/x-ndjson",
            key="gap-download",
        )
        if closing:
            about = f"They would bring {gap.closed:,} of the {len(gap.missing):,} within reach."
            actions.ask(comparison.project, KEEP, closing, "gap-keep", about=about)
    if closing:
        with st.expander(
            f"{len(closing):,} dropped rows are near; they would close {gap.closed:,} of "
            f"{len(gap.missing):,}"
        ):
            tables.examples(with_titles(comparison.view.dataset, rows.loc[closing]), tallest=200)
    else:
        st.caption("No dropped row would close this gap: new examples are needed.")
    heads = st.columns(2)
    heads[0].caption("Prompt of the reference set, farthest first")
    heads[1].caption("The nearest kept example")
    similarities = compared.rows[compared.last]
    for i in gap.missing[:LISTED]:
        pair = st.columns(2)
        with pair[0].container(border=True, height="stretch"):
            draw_text(str(prompts.at[i]))
        ours = compared.rows.at[i, "nearest"]
        with pair[1].container(border=True, height="stretch"):
            st.caption(f"similarity {float(similarities[i]):.2f}")
            if ours in rows.index:
                draw_text(str(rows.at[ours, "prompt"]))
            else:
                st.caption("It is no longer in the project.")


def draw_text(text: str) -> None:
    """Text of an example, as text, not too much of it."""
    st.text(text if len(text) <= CHARACTERS else text[:CHARACTERS].rstrip() + " …")

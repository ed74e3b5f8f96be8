"""Shares of the pool and of the choice, and what the choice starves."""

from __future__ import annotations

import streamlit as st

from curation.looking.choice import FEWEST, GROUPS, groups, shares
from curation.looking.quotas import parameters_of, with_least
from curation.ui import charts, quotas, tables
from curation.ui.select.scene import Scene
from curation.ui.tables import Column
from curation.ui.text import markdown, short

EXAMPLES = (Column("prompt", kind="excerpt"), Column("response", kind="excerpt"))

SHOWN = 6
"""Starved groups that are shown at once."""


def draw(scene: Scene) -> None:
    """Draw the shares of each group before and after the choice."""
    st.header("What goes in, what comes out", anchor=False)
    columns = groups(scene.dataset)
    if not columns:
        st.caption("All examples have the same topic, language, source, label and shape.")
        return
    column = st.segmented_control(
        "Shares by",
        columns,
        default=columns[0],
        key="select-shares-by",
        format_func=GROUPS.__getitem__,
        required=True,
        label_visibility="collapsed",
    )
    if column:
        charts.shares(shares(scene.dataset, scene.choice, column), key=f"select-shares-{column}")


def draw_starved(scene: Scene) -> None:
    """Draw the groups with fewer than half their share, each with examples and a quota."""
    st.header("What the choice starves", anchor=False)
    result = scene.starved()
    lines = result.groups.to_dict("records")
    if not lines:
        st.caption(
            ":material/check: No topic, language, source, label or kind of conversation that would get "
            f"{FEWEST} or more by its share of the pool has fewer than half of them."
        )
        return
    st.caption(
        f"{len(lines):,} groups have fewer than half the examples that their share of the pool would "
        f"give them; a random choice has about {result.by_chance:.1f} such groups."
    )
    for number, line in enumerate(lines[:SHOWN]):
        left, right = st.columns([7, 3], vertical_alignment="center")
        name = f"{GROUPS[line['column']]}: {short(line['value'], 60)}"
        with left.expander(
            f"**{markdown(name)}** · {line['chosen']:,} chosen, {line['fair']:.0f} would be fair, "
            f"{line['pool']:,} in the pool"
        ):
            tables.draw(scene.dataset.rows.loc[line["examples"]], EXAMPLES)
        right.button(
            "Make it a quota",
            key=f"select-quota-{number}",
            icon=":material/pie_chart:",
            width="stretch",
            help="Puts at least its fair number into the form above. Nothing is saved yet.",
            on_click=_hand,
            args=(scene, line["column"], line["value"], round(line["fair"])),
        )
    if len(lines) > SHOWN:
        st.caption(f"and {len(lines) - SHOWN:,} more")


def _hand(scene: Scene, column: str, value: str, least: int) -> None:
    """Give the form a quota: at least so many examples of a group."""
    project = scene.project
    params = quotas.HANDED.get(project) or parameters_of(project.recipe.selection)
    quotas.HANDED.set(project, with_least(params, column, value, least))

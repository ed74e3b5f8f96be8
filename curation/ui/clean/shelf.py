"""The library of operations: a search, and each with what it does, makes, needs and costs."""

from __future__ import annotations

import streamlit as st

from curation.dataset import BASE_COLUMNS, Dataset
from curation.looking import library
from curation.project import Project
from curation.recipe import Recipe
from curation.registry import Operation
from curation.ui.clean import edits
from curation.ui.text import markdown

PHASES = {"clean": "cleans", "measure": "measures", "select": "selects", "split": "splits"}


def draw(project: Project, recipe: Recipe, dataset: Dataset) -> None:
    """Draw the button that opens the library, and the operations that hold the words."""
    with st.popover("Add a step", icon=":material/add:", width="stretch"):
        words = st.text_input(
            "Search",
            key="library-words",
            icon=":material/search:",
            placeholder="title, column or what it does, as in quality, duplicates, e-mail",
            label_visibility="collapsed",
        )
        matching = library.search(words)
        if not matching:
            st.caption("No operation holds these words. Fewer of them may find one.")
        columns = [*BASE_COLUMNS, *dataset.own_names]
        rates = project.history.rates()
        with st.container(height=430, border=False, gap="small"):
            for operation in matching:
                _draw_one(project, recipe, operation, columns, rates, len(dataset))


def _draw_one(
    project: Project,
    recipe: Recipe,
    operation: Operation,
    columns: list[str],
    rates: dict[str, float],
    rows: int,
) -> None:
    """Draw an operation with the button that adds it, and what is added with it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{operation.title}** :gray[· {PHASES[operation.phase]}]", width="stretch")
        st.button(
            "Add",
            key=f"add-{operation.name}",
            help=f"Add {operation.title} at the end of its phase",
            on_click=edits.add,
            args=(project, recipe, operation.name, columns),
        )
    st.caption(markdown(operation.help, 400))
    makes, reads = operation.makes, library.reads(operation.name)
    with_it = library.needed(recipe, operation.name, columns)
    parts = [
        *([f"makes {', '.join(makes)}"] if makes else []),
        *([f"reads {', '.join(reads)}"] if reads else []),
        _cost(operation, rates, rows),
        *([f"added with it: {', '.join(with_it)}"] if with_it else []),
    ]
    st.caption(markdown(" · ".join(parts), 400))


def _cost(operation: Operation, rates: dict[str, float], rows: int) -> str:
    """The time that it takes, in words."""
    seconds = library.seconds(operation, rates, rows)
    if seconds is None:
        return library.cost(operation)
    return f"about {seconds:,.0f} s" if seconds >= 1 else "below 1 s"

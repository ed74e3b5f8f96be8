"""One line on the languages that the embedding model cannot read, and the button that changes it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation.errors import CurationError
from curation.looking.unread import Unread, multilingual, unread_by
from curation.project import Project
from curation.recipe import Recipe
from curation.ui import state
from curation.ui.budget import remembered
from curation.ui.text import markdown


def draw(project: Project, rows: pd.DataFrame, fingerprint: str) -> None:
    """Say what the recipe's model cannot read of the rows; nothing when it reads all.

    fingerprint: of the rows.
    """
    try:
        recipe = project.recipe
    except CurationError:  # said where the recipe is needed
        return
    counted = _counted(str(project.path), fingerprint, recipe.revision, rows, recipe)
    if counted is None or not counted.sentence:
        return
    text, button = st.columns([7, 2], vertical_alignment="center")
    helps = counted.multilingual_helps  # the button then says what to do
    sentence = f"{counted.statement}." if helps else counted.sentence
    text.caption(f":orange[▲] {markdown(sentence, 900)}")
    if helps:
        button.button(
            "Use the multilingual model",
            key="unread-multilingual",
            icon=":material/translate:",
            on_click=_change,
            args=(project, recipe),
            help="Sets the model of Embeddings in the recipe; the next run embeds all texts with it.",
        )


@remembered(16)
def _counted(
    path: str, fingerprint: str, revision: str, _rows: pd.DataFrame, _recipe: Recipe
) -> Unread | None:
    return unread_by(_rows, _recipe)


def _change(project: Project, recipe: Recipe) -> None:
    with state.flashing_errors():
        project.save_recipe(multilingual(recipe), recipe.revision)

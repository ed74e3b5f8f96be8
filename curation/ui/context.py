"""The cuts by a context length: a slider, the sentence, the lengths, and the groups that lose most."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation.dataset import Dataset
from curation.looking.context import COLUMNS, LENGTHS, Contexts, grouped
from curation.looking.masks import kept_values
from curation.project import Project, View
from curation.recipe import Step
from curation.ui import charts, state, tables
from curation.ui.budget import remembered
from curation.ui.tables import Column
from curation.ui.text import markdown, title_of

STEP = "chat_tokens"
"""The step that counts whole conversations."""

LOSSES = (
    Column("group", width=240),
    Column("rows", "examples", "count"),
    Column("cut", kind="count"),
    Column("share", "share cut", "percent", digits=1),
    Column("lost", "tokens of answers lost", "count"),
    Column("share lost", "share lost", "percent", digits=1),
)


@remembered(4)
def _contexts(
    path: str, fingerprint: str, _dataset: Dataset
) -> tuple[Contexts | None, dict[str, pd.Series]]:
    """The lengths of what a dataset keeps, and the groups of its rows."""
    if not set(COLUMNS) <= set(_dataset.rows):  # the kept rows are a copy of all their texts
        return None, {}
    rows = _dataset.kept
    contexts = Contexts.of(rows)
    return contexts, {} if contexts is None else grouped(rows)


def draw(project: Project, view: View) -> None:
    """Draw what a context length cuts, or offer to count the tokens."""
    contexts, groups = _contexts(str(project.path), view.fingerprint, view.dataset)
    if contexts is None:
        _offer(project)
        return
    notes = [note for r in view.dataset.steps if r.use == STEP for note in r.notes]
    st.caption(markdown(" ".join(notes), 600))
    _draw_cut(contexts, groups, kept_values(view.dataset, "tokens"))


@st.fragment
def _draw_cut(contexts: Contexts, groups: dict[str, pd.Series], tokens: pd.Series) -> None:
    """Draw the slider and all that moves with it."""
    length = st.select_slider(
        "Context length, in tokens",
        LENGTHS,
        value=2_048,
        key="context-length",
        format_func=lambda n: f"{n:,}",
        help="A trainer reads the first tokens of a conversation, as many as this, and cuts the rest. "
        "It is max_length in TRL, cutoff_len in LLaMA-Factory, sequence_len in Axolotl.",
    )
    cut = contexts.cut(length)
    (st.warning if cut.cut else st.success)(
        cut.sentence, icon=":material/content_cut:" if cut.cut else ":material/check:"
    )
    charts.histogram(tokens, "tokens of a conversation", [length], key="context-lengths")
    if not cut.cut:
        return
    by = st.segmented_control(
        "Losses by",
        list(groups),
        default=next(iter(groups)),
        key="context-by",
        format_func=title_of,
    )
    if by:
        table = contexts.by(groups[by], length)
        tables.draw(table.rename_axis("group").reset_index(), LOSSES, key="context-losses")


def _offer(project: Project) -> None:
    """Offer to add the step that counts tokens with the chat template."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    name = left.text_input(
        "Tokenizer",
        key="context-tokenizer",
        placeholder="Qwen/Qwen3-0.6B, or a model's folder",
        help="The model that you will train: a folder, or its name on the Hugging Face Hub. Empty for "
        "the bundled WordPiece, which counts roughly.",
    )
    right.button(
        "Count tokens with its chat template",
        icon=":material/straighten:",
        key="context-count",
        on_click=_add,
        args=(project, name),
    )
    st.caption(
        "Tools, calls and the marks of turns count too. Then a slider shows what a context length cuts."
    )


def _add(project: Project, name: str) -> None:
    """Add the step to the recipe, at the end of its phase."""
    with state.flashing_errors():
        recipe = project.recipe
        project.save_recipe(recipe + Step(STEP, tokenizer=name.strip()), recipe.revision)
        state.flash("Added to the recipe; run it to see what a context length cuts")

"""The values that the parts of a result share: the run, the project's rows, and the fit that is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from curation.dataset import Dataset
from curation.looking.columns import titles, with_titles
from curation.project import Project
from curation.runs import Run
from curation.training.answers import fit_words, main_fit
from curation.ui import actions, cards, state, tables
from curation.ui.actions import DROP, EDIT, KEEP, REVIEW
from curation.ui.tables import Column
from curation.ui.text import markdown


@dataclass(frozen=True, eq=False)
class Scene:
    """A run and one of its fits.

    fits: those that were done. fit: the one that is looked at. table: its answers, by id.
    """

    project: Project
    run: Run
    dataset: Dataset
    fits: Sequence[dict[str, Any]]
    fit: dict[str, Any]
    table: pd.DataFrame

    @classmethod
    def of(cls, project: Project, run: Run) -> Scene | None:
        """The scene of a run; None while no fit is done."""
        fits = [fit for fit in run.fits() if not fit.get("error")]
        verdict = run.verdict
        if verdict is None or (fit := main_fit(verdict, fits)) is None:
            return None
        table = run.answers(fit["key"])
        return cls(project, run, project.view().dataset, fits, fit, table)

    @property
    def is_language(self) -> bool:
        """Whether it is about a language model."""
        return "predicted" not in self.table

    @property
    def task(self) -> str:
        """The task, as a part of a widget's key."""
        return "language" if self.is_language else "classification"

    @property
    def choice(self) -> pd.Index:
        """Ids of the examples that the fit was trained on."""
        return self.run.choice(self.fit["key"])

    def with_fit(self) -> Scene:
        """Draw the choice of a fit; return the scene of it."""
        fits = {fit["key"]: fit for fit in self.fits}
        key = st.selectbox(
            "Answers of",
            list(fits),
            index=list(fits).index(self.fit["key"]),
            key=f"train-fit-{self.run.id}",
            format_func=lambda key: fit_words(fits[key]),
            width=460,
        )
        fit = fits[str(key)]
        if fit is self.fit:
            return self
        return replace(self, fit=fit, table=self.run.answers(fit["key"]))


def ink() -> str:
    """The colour of texts in a picture, on a light or a dark page."""
    return "#e6eded" if state.dark() else "#1c2526"


def draw_examples(
    scene: Scene, ids: Sequence[str], key: str, before: pd.DataFrame | None = None
) -> None:
    """Draw test examples with what can be done about all of them, and the one that is open.

    before: columns to show before the texts, by id.
    """
    rows = scene.dataset.rows
    present = [i for i in ids if i in rows.index]
    if missing := len(ids) - len(present):
        st.caption(f"{missing:,} of them are not in the project any more.")
    if not present:
        return
    part = with_titles(scene.dataset, rows.loc[present])
    part = part.drop(columns=[c for c in ("response", "dropped_by") if not any(part[c].fillna(""))])
    first: list[Column] = []
    if before is not None:
        part = part.assign(**{str(name): before[name].reindex(present) for name in before})
        first = [tables.column_for(part[str(name)]) for name in before]
    actions.for_many(scene.project, present, f"train-{key}")
    after = ("topic", "label_quality", "suggested_label")
    picked = tables.examples(part, f"train-{key}-table", before=first, after=after, tallest=300)
    if picked:
        state.OPEN.set(scene.project, picked)
    opened = state.OPEN.get(scene.project)
    if opened in present:
        row = scene.dataset.row(str(opened))
        with st.container(border=True):
            cards.fate(row, titles(scene.dataset))
            st.caption(f"`{opened}` · {markdown(row['source'])}, row {row['source_row']}")
            actions.for_one(scene.project, (KEEP, DROP, REVIEW, EDIT), str(opened), f"train-{key}")
            cards.conversation(row["messages"])

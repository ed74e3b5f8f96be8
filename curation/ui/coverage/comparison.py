"""A comparison of the dataset with a reference set at a threshold, with its cached results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from curation.looking import coverage
from curation.looking.coverage import Compared
from curation.looking.gaps import Gap
from curation.looking.gaps import gaps as gaps_of
from curation.project import Project, View
from curation.reference_sets import ReferenceSet
from curation.ui import state
from curation.ui.budget import remembered
from curation.ui.coverage import figure as figures


@dataclass(frozen=True, eq=False)
class Comparison:
    """A comparison of the dataset with a reference set at a threshold, which all panels share.

    name: of the comparison on disk. prompts: the reference set's, by id. gaps: those with the most
    rows first.
    """

    project: Project
    view: View
    reference: ReferenceSet
    name: str
    compared: Compared
    reach: float
    prompts: pd.Series
    gaps: list[Gap]

    @classmethod
    def of(
        cls,
        project: Project,
        view: View,
        reference: ReferenceSet,
        name: str,
        compared: Compared,
        reach: float,
    ) -> Comparison:
        """The comparison at a threshold."""
        folder = str(reference.folder)
        # The same bytes may have been added again with another reading, hence the time.
        prompts = _prompts(folder, reference.sha256, reference.time, reference)
        gaps = _gaps(folder, name, reach, compared, prompts)
        return cls(project, view, reference, name, compared, reach, prompts, gaps)

    @property
    def rows(self) -> pd.DataFrame:
        """All rows of the dataset."""
        return self.view.dataset.rows

    def figure(self, rows: pd.DataFrame) -> go.Figure:
        """The map of both; rows: of the dataset, those that have a place."""
        key = (str(self.reference.folder), self.name, self.view.fingerprint, self.reach)
        return _figure(*key, state.dark(), rows, self)


def newest(reference: ReferenceSet, name: str) -> tuple[str, Compared] | None:
    """The comparison of that name, else the newest one, with its name."""
    names = coverage.by_age(reference.results)
    for other in sorted(names, key=lambda other: other != name):
        compared = _read(str(reference.results), other)
        if compared is not None:
            return other, compared
        _read.forget(str(reference.results), other)  # it is damaged and may be computed again
    return None


@remembered(8)
def _read(folder: str, name: str) -> Compared | None:
    return coverage.remembered(Path(folder), name)


@remembered(4)
def _prompts(folder: str, sha256: str, added: float, _reference: ReferenceSet) -> pd.Series:
    return _reference.examples["prompt"]


@remembered(24)
def _gaps(
    folder: str, name: str, reach: float, _compared: Compared, _prompts: pd.Series
) -> list[Gap]:
    return gaps_of(_compared, _prompts, reach)


@remembered(8)
def _figure(
    folder: str,
    name: str,
    fingerprint: str,
    reach: float,
    dark: bool,
    _rows: pd.DataFrame,
    _comparison: Comparison,
) -> go.Figure:
    compared, prompts, gaps = _comparison.compared, _comparison.prompts, _comparison.gaps
    return figures.figure(_rows, compared, prompts, gaps, reach, dark=dark)

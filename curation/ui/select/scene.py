"""A selection and its result, as the panels of the page share them."""

from __future__ import annotations

from dataclasses import dataclass

from curation.comparison import remembered_vectors
from curation.dataset import Dataset
from curation.looking.chance import Beside, beside_chance
from curation.looking.choice import Choice, Starved, starved
from curation.project import Project, View
from curation.ui.budget import remembered


@dataclass(frozen=True)
class Scene:
    """A project, its view and the choice in it."""

    project: Project
    view: View
    choice: Choice

    @property
    def dataset(self) -> Dataset:
        """The dataset of the view."""
        return self.view.dataset

    @property
    def key(self) -> str:
        """A text that changes with the choice and with everything measured of its rows."""
        return f"{self.view.fingerprint}-{self.choice.report.fingerprint}"

    def beside(self) -> Beside:
        """The choice beside random ones of the same budget."""
        return _beside(str(self.project.path), self.key, self.project, self.dataset, self.choice)

    def starved(self) -> Starved:
        """The groups that the choice starves."""
        return _starved(str(self.project.path), self.key, self.dataset, self.choice)


@remembered(16, spinner="Comparing with twenty random choices …")
def _beside(path: str, key: str, _project: Project, _dataset: Dataset, _choice: Choice) -> Beside:
    return beside_chance(_dataset, _choice, remembered_vectors(_project, _dataset))


@remembered(16)
def _starved(path: str, key: str, _dataset: Dataset, _choice: Choice) -> Starved:
    return starved(_dataset, _choice)

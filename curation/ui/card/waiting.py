"""The queues of a page of cards: those of every project, and those that people saved."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from curation.dataset import Dataset
from curation.decisions import State
from curation.errors import CurationError
from curation.looking.orders import Scored
from curation.looking.queues import FIRST, NOTHING, QUEUES, Among
from curation.saved_queues import SavedQueue, SavedQueues


class Saved(NamedTuple):
    """The saved queues as a page reads them.

    among: name → its examples. remark: on the order of the present queue, a sentence. fault: why the
    present queue cannot be shown, a sentence; it is then empty.
    """

    among: dict[str, Among]
    remark: str = ""
    fault: str = ""


class Queues:
    """All queues of a project, as they are on disk at this moment."""

    def __init__(self, project: Path) -> None:
        queues, _ = SavedQueues(project).all()
        self._saved: dict[str, SavedQueue] = {one.name: one for one in queues}

    @property
    def titles(self) -> list[list[str]]:
        """Name, title and contents of each queue; those of every project come first."""
        saved = [[one.name, one.name, one.about] for one in self._saved.values()]
        return [*([name, *words] for name, words in QUEUES.items()), *saved]

    def named(self, name: str) -> str:
        """Return a name that an address holds, or the first queue where there is none of that name."""
        return name if name in QUEUES or name in self._saved else FIRST

    def saved(
        self, dataset: Dataset, people: State | None, present: str, suggestions: Scored
    ) -> Saved:
        """Return the examples of the saved queues, those of the present one in order.

        A queue with a fault is left out.
        """
        among, remark, fault = dict[str, Among](), "", ""
        for name, one in self._saved.items():
            try:
                if name == present:
                    positions, remark = one.arranged(dataset, people, suggestions)
                    among[name] = Among(positions, one.decided)
                else:
                    among[name] = one.among(dataset, people)
            except CurationError as error:
                if name == present:
                    among[name], fault = NOTHING, str(error)
        return Saved(among, remark, fault)

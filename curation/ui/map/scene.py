"""The rows and the view of the Map page, which all of its panels share."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from curation.looking import layout
from curation.looking.masks import Mask
from curation.looking.result import SearchResult
from curation.project import Project, View
from curation.ui import state


@dataclass(frozen=True, eq=False)
class Look:
    """The look of the examples on the map.

    tiles: as a treemap instead of a map. colour: the column that colours them. names: whether the
    names of topics are written on the map.
    """

    tiles: bool
    colour: str
    names: bool


@dataclass(frozen=True, eq=False)
class Scene:
    """The rows of a view that the page is about.

    looking: what the session looked at when the page was drawn. on_map: those that have a place.
    filtered: those of them that meet the filter. meets: those of these that lie in the group that
    was chosen in the treemap. result: of the search among them.
    """

    project: Project
    view: View
    look: Look
    looking: state.MapView
    on_map: Mask
    filtered: Mask
    meets: Mask
    result: SearchResult | None

    @property
    def rows(self) -> pd.DataFrame:
        """All rows of the view."""
        return self.view.dataset.rows


@dataclass(frozen=True, eq=False)
class Selection:
    """The rows that the panel beside the map lists.

    title: what they are, after their number. drawn: whether somebody drew around them. result: the
    search that found them.
    """

    mask: Mask
    title: str
    drawn: bool
    result: SearchResult | None

    @classmethod
    def of(cls, scene: Scene) -> Selection | None:
        """The rows of the search, the shape or the filter; None where these are all or none."""
        looking, result = scene.looking, scene.result
        chosen, title = scene.meets, "in this group" if looking.group else "meet the filter"
        everything = not looking.group and bool((chosen == scene.on_map).all())
        if result is not None and (chosen & result.mask).any():
            chosen, title, everything = chosen & result.mask, "in the search result", False
        else:
            result = None
        drawn = bool(looking.shapes) and not scene.look.tiles
        if drawn:
            chosen = chosen & layout.selected(scene.rows, looking.shapes)
            title, everything = (
                "selected" if result is None else "of the search result selected",
                False,
            )
        return cls(chosen, title, drawn, result) if chosen.any() and not everything else None

"""The card of a shared example before a person's own answer: nothing of what others made of it.

The person answers about the text, the label and the fate that the recipe gave, so that each person's
answers are independent. Their own notes, tags, flags and rating are shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pandas as pd

from curation.dataset import Dataset, with_derived
from curation.decisions import State
from curation.decisions.checks import is_check, own_checks
from curation.decisions.state import Summary
from curation.report import PEOPLE, StepReport
from curation.review import Review

FACTS = ("split", "language", "topic", "group")
"""Columns that a card shows beside the verdict, where the dataset has them."""


def unanswered(
    people: State | None, examples: Iterable[str], annotator: str, review: Review
) -> list[str]:
    """Return the examples of several people that somebody touched and this person did not answer.

    A gold item is one of them, also after the person's answer: nothing may tell that it is one.
    """
    state = people or State()
    return [
        i
        for i in examples
        if i in state.revisions
        and annotator not in state.answered.get(i, ())
        and (review.people_for(i) > 1 or is_check(state, i, annotator))
    ]


def as_made(dataset: Dataset, example: str, label: Any) -> pd.Series:
    """Return an example's row as the recipe made it, without what people made of text and fate.

    label: the imported one. Where somebody decided, the FACTS may be of the edited text, or tell by
    the split who was kept; they are left out.
    """
    row = dataset.rows.loc[[example]].assign(label=label)
    layers = [report for report in dataset.steps if example in report.delta.index]
    for report in layers:
        if report.use == PEOPLE:
            row = row.assign(**dict.fromkeys(name for name in FACTS if name in row))
            if report.before is not None and example in report.before.index:
                row = row.assign(messages=report.before[example])
            row = with_derived(row)
    dropped = next((report.name for report in layers if _drops(report, example)), None)
    return row.assign(dropped_by=dropped).iloc[0]


def is_edited(dataset: Dataset, example: str) -> bool:
    """Return whether the recipe judged the text of somebody's edit, so that its reasons tell of that."""
    edits = (r.before for r in dataset.steps if r.use == PEOPLE and r.before is not None)
    return any(example in before.index for before in edits)


def _drops(report: StepReport, example: str) -> bool:
    """Return whether a step of the recipe dropped an example of its delta."""
    return report.use != PEOPLE and "keep" in report.delta and not report.delta.at[example, "keep"]


def own(decided: Summary, people: State, example: str, annotator: str) -> Summary:
    """Return what this person did with an example, of all decisions on it; its revision stays."""
    checks = own_checks(people, example, annotator)
    tags, flags = people.tags.get(example, {}), people.flags.get(example, {})
    ratings = (e for e in people.opinions.get(example, ()) if e.kind == "rate")
    return replace(
        decided,
        verdict=checks.get("verdict"),
        label=checks.get("label"),
        edit=None,
        rating=checks.get("rating") or next((e for e in ratings if e.annotator == annotator), None),
        notes=tuple(note for note in decided.notes if note.annotator == annotator),
        tags=tuple(tag for tag in decided.tags if tags[tag].annotator == annotator),
        flags=tuple(flag for flag in decided.flags if flags[flag].annotator == annotator),
    )

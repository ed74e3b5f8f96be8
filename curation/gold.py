"""Gold items made of settled answers or of a file, and taken back."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pandas as pd

from curation.dataset import Dataset
from curation.errors import CurationError
from curation.looking.masks import is_kept
from curation.project import Project
from curation.suggestions import Suggestion
from curation.text.counted import counted

if TYPE_CHECKING:
    from curation.decisions import Decision, State

Answer = tuple[str, str, object]
"""An example, a question and its right answer."""


def settled(people: State | None) -> list[Answer]:
    """Return the settled answers that are no gold yet."""
    return [
        (example, question, event.value["value"])
        for example, by_question in (people.settled if people else {}).items()
        for question, event in by_question.items()
        if not _is_gold(people, example, question, event.value["value"])
    ]


def of_suggestions(rows: Iterable[Suggestion], people: State | None) -> list[Answer]:
    """Return the answers of a file that are no gold yet."""
    answers = ((row.example, row.question, row.value) for row in rows)
    return [answer for answer in answers if not _is_gold(people, *answer)]


def _is_gold(people: State | None, example: str, question: str, value: object) -> bool:
    event = people.gold.get(example, {}).get(question) if people else None
    return event is not None and event.value["value"] == value


def make(project: Project, answers: Iterable[Answer], annotator: str) -> int:
    """Make gold items, as one act that can be undone, and return the number of right answers.

    Raises CurationError without a name, and NotAllowed for anybody but an owner.
    """
    if not annotator.strip():
        raise CurationError("A gold item carries the name of who knows its answer.")
    return project.decisions.append(_decisions(answers, annotator.strip())).appended


def _decisions(answers: Iterable[Answer], annotator: str, kind: str = "gold") -> Iterator[Decision]:
    from curation.decisions import Decision

    batch = f"gold-{uuid.uuid4().hex}"
    for example, question, value in answers:
        content = {"question": question, "value": value}
        yield Decision(
            example, kind, content, annotator, content_hash=example.split("-")[0], batch=batch
        )


def kept_to_drop(people: State | None, dataset: Dataset) -> list[str]:
    """Return the gold items that are known to be for dropping and that a dataset keeps."""
    gold = people.gold if people else {}
    right = [
        i for i, by in gold.items() if "verdict" in by and by["verdict"].value["value"] == "drop"
    ]
    index = dataset.rows.index
    places = index.get_indexer(pd.Index(right, dtype=index.dtype)) if right else ()
    kept = is_kept(dataset)
    return [i for i, place in zip(right, places, strict=True) if place >= 0 and kept[place]]


def kept_sentence(number: int, items: int) -> str:
    """Return in words that gold items are kept although they are known to be for dropping; "" for none."""
    if not number:
        return ""
    verb = "is" if number == 1 else "are"
    return f"{number:,} of {counted(items, 'gold item')} {verb} known to be for dropping and {verb} kept."


def settle(project: Project, examples: Iterable[str], annotator: str) -> int:
    """Settle that gold items are dropped, as one act that can be undone, and return their number.

    Raises CurationError without a name, and NotAllowed for anybody but an owner.
    """
    if not annotator.strip():
        raise CurationError("A settled answer carries the name of who settled it.")
    answers = ((example, "verdict", "drop") for example in examples)
    return project.decisions.append(_decisions(answers, annotator.strip(), "settle")).appended


def unmake(project: Project, example: str, annotator: str) -> int:
    """Make a gold item an example like any other, and return the number of its right answers.

    Answers that it got as a check decide nothing still. Raises CurationError where it is none.
    """
    people = project.people()
    events = list(people.gold.get(example, {}).values()) if people else []
    if not events:
        raise CurationError(f"{example} is no gold item.")
    if not annotator.strip():
        raise CurationError("Taking back a gold item carries a name.")
    for event in events:
        project.decisions.undo(annotator.strip(), op_id=event.op_id)
    return len(events)

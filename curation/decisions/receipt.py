"""The part of a row's receipt that lists people's decisions about it."""

from __future__ import annotations

import json
from typing import Any

from curation.decisions.fold import overruled
from curation.decisions.state import State
from curation.decisions.store import DecisionStore


def decision_lines(store: DecisionStore, people: State, example_id: str) -> list[dict[str, Any]]:
    """Return a line for each decision about one example up to a state, oldest first.

    Raises CurationError when the database cannot be read.
    """
    events = store.events(example_id=example_id, until=people.last)
    later = overruled(events, people.undone)
    lines = []
    for event in events:
        by = later[event.op_id].annotator if event.op_id in later else ""
        undone = event.op_id in people.undone
        fate = "taken back" if undone else f"overruled by {by}" if by else ""
        lines.append(
            {
                "step": "decision",
                "title": "Decision",
                "what": event.kind,
                "text": ", ".join(t for t in (_in_words(event.value), fate) if t),
                "annotator": event.annotator,
                "time": event.time,
                "value": event.value,
                "undone": undone,
                "overruled_by": by,
            }
        )
    return lines


def _in_words(value: Any) -> str:
    """Return a decision's value in a few words."""
    if value is None:
        return ""
    if isinstance(value, list):
        return f"{len(value)} turns"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

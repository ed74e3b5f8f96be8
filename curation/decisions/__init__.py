"""People's work: appended, durable, undoable, never lost."""

from curation.decisions.event import KINDS, Decision, Event, read_decisions
from curation.decisions.state import State
from curation.decisions.store import Appended, DecisionStore, check, repair

__all__ = [
    "KINDS",
    "Appended",
    "Decision",
    "DecisionStore",
    "Event",
    "State",
    "check",
    "read_decisions",
    "repair",
]

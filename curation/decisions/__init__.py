"""People's work: appended, durable, undoable, never lost."""

from curation.decisions.database import safe_wal
from curation.decisions.event import KINDS, Decision, Event, read_decisions, together
from curation.decisions.outcome import Appended, NotKnown, NotSaved
from curation.decisions.repair import Finding, Repaired, check, rebuild, repair
from curation.decisions.state import State, Summary
from curation.decisions.store import DecisionStore

__all__ = [
    "KINDS",
    "Appended",
    "Decision",
    "DecisionStore",
    "Event",
    "Finding",
    "NotKnown",
    "NotSaved",
    "Repaired",
    "State",
    "Summary",
    "check",
    "read_decisions",
    "rebuild",
    "repair",
    "safe_wal",
    "together",
]

"""People's decisions as an append-only log of events.

Guarantee: every event is on disk twice, in a database and in a journal, before its writer returns.
Accepted cost: one synced write for each group of appends.
"""

from curation.decisions.consensus import Consensus
from curation.decisions.database import safe_wal
from curation.decisions.event import KINDS, Decision, Event, as_one_act
from curation.decisions.lines import read_decisions
from curation.decisions.outcome import Appended, NotKnown, NotSaved
from curation.decisions.repair import Finding, Repaired, check, rebuild, repair
from curation.decisions.state import State, Summary
from curation.decisions.store import DecisionStore

__all__ = [
    "KINDS",
    "Appended",
    "Consensus",
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
    "as_one_act",
]

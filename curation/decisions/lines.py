"""Decisions as lines of a file: reading JSON Lines of {id, kind, value}."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import orjson

from curation.decisions.event import SWITCHES, Decision, with_reason
from curation.decisions.subjects import import_batch
from curation.errors import CurationError


class DecisionLines(NamedTuple):
    """Decisions of a file.

    problems: a sentence for each line that is not a decision. withheld: number of edits whose text
    a delivery left out. asking: op_ids of the undos and redos that somebody wrote, not this program.
    """

    decisions: list[Decision]
    problems: Sequence[str] = ()
    withheld: int = 0
    asking: frozenset[str] = frozenset()


def read_decisions(
    text: str,
    annotator: str,
    example_ids: Collection[str],
    check: Callable[[Decision], None] = Decision.check,
) -> DecisionLines:
    """Read JSON Lines of {id, kind, value}, with a reason where there is one.

    Events that this program printed are read as they are, undo and redo too, also those about
    examples that the project does not have. All decisions of a text are one batch, which `annotator`
    can undo. An append ignores a line whose `op_id` it has; a line without one is a new decision
    each time. check: raises CurationError for a decision that does not fit the project; events that
    this program printed are not asked.
    """
    decisions, problems, withheld, asking = list[Decision](), list[str](), 0, set[str]()
    batch = import_batch(annotator)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = orjson.loads(line)
            if entry.get("withheld") is True:
                withheld += 1  # a delivery leaves out edits of rows it does not hold
                continue
            decision = _read(entry, annotator, example_ids, batch)
            parts = with_reason(decision, entry.get("reason") or "")
            for part in parts:
                part.check()
                if not entry.get("op_id"):
                    check(part)
            decisions += parts
            if decision.kind in SWITCHES and not entry.get("op_id"):
                asking.add(decision.op_id)
        except CurationError as error:
            problems.append(f"line {number}: {error}")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            problems.append(f"line {number}: this is not a JSON object with id and kind.")
    return DecisionLines(decisions, problems, withheld, frozenset(asking))


def _read(
    entry: dict[str, Any], annotator: str, example_ids: Collection[str], batch: str
) -> Decision:
    """Make the decision of one line of a file."""
    example = entry["id"] if "id" in entry else entry["example_id"]
    printed = bool(entry.get("op_id"))  # written by this program
    if example not in example_ids and not printed:
        raise CurationError(f"there is no example {example!r}.")
    fields: dict[str, Any] = {
        "annotator": annotator if entry.get("annotator") is None else entry["annotator"],
        "content_hash": entry.get("content_hash") or str(example).split("-")[0],
        "batch": f"{batch}/{entry['batch']}" if entry.get("batch") else batch,
    }
    for name in ("op_id", "time"):
        if entry.get(name):
            fields[name] = entry[name]
    return Decision(example, entry["kind"], entry.get("value"), **fields)

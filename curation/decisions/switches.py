"""Undo and redo: the events that a press of the button switches.

A return to a moment is one act, as a batch of decisions is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from curation.decisions.event import REASON, SUGGESTED, SWITCHES, Decision, Event, checked
from curation.decisions.fold import Fold
from curation.decisions.subjects import act_of, actor, batch_names, returns

Claim = tuple[str, str, set[str]]
"""Kind and name of a decision, and the names of the people whose events it changes."""

Check = Callable[[list[Claim]], None]
"""Raises for decisions that may not be made."""

Guard = Callable[[], Check | None]
"""Called in the thread of whoever decides: raises, or returns a check, None where all may be made."""


def everybody() -> None:
    """Let everybody decide everything."""


def switch(
    fold: Fold,
    kind: str,
    annotator: str,
    op_id: str | None,
    batch: str | None,
    own_op_id: str | None,
    of_kind: str = "",
) -> Decision | None:
    """Return the undo or redo of an event, a batch or the last action; None for one without effect.

    own_op_id: id of the undo or redo; None is returned where it is there already. of_kind: of the last
    action, as in `last_done`.
    """
    if own_op_id is not None and own_op_id in fold:
        return None
    value = _target(fold, kind, annotator, op_id, batch, of_kind)
    if value is None:
        return None
    first = fold.get(fold.op_ids_of(value)[0])
    assert first is not None
    decision = Decision(first.example_id, kind, value, annotator)
    return decision if own_op_id is None else replace(decision, op_id=own_op_id)


def claims(fold: Fold, decisions: Iterable[Decision]) -> list[Claim]:
    """Return kind and name of each decision, and the names of those whose events it changes.

    Those are the events that it switches, the event that it says more about, and the others of its
    act. What it switches is claimed with its kind too. A batch in the form of an import's names who
    imported.
    """
    claims = list[Claim]()
    acts = dict[str, set[str]]()  # name of a batch → who wrote its events
    for decision in decisions:
        targets = fold.op_ids_of(decision.value) if decision.kind in SWITCHES else ()
        events = [e for op_id in targets if (e := fold.get(op_id))]
        claims += ((kind, decision.annotator, set()) for kind in {e.kind for e in events})
        names = {e.annotator for e in events} | {actor(decision)}
        if main := fold.get(decision.op_id.removesuffix(REASON).removesuffix(SUGGESTED)):
            names.add(main.annotator)
        for name in batch_names(decision.batch):
            if name not in acts:
                joined = fold.op_ids_of({"batch": name})
                acts[name] = {e.annotator for op_id in joined if (e := fold.get(op_id))}
            names |= acts[name]
        claims.append((decision.kind, decision.annotator, names))
    return claims


def allowed(
    choose: Callable[[Fold], list[Decision]], check: Check | None
) -> Callable[[Fold], list[Decision]]:
    """Return a function that makes the same decisions and checks them."""

    def chosen(fold: Fold) -> list[Decision]:
        decisions = checked(choose(fold))
        if check:
            check(claims(fold, decisions))
        return decisions

    return chosen


def effective(
    fold: Fold, decisions: Sequence[Decision], asking: AbstractSet[str]
) -> list[Decision]:
    """Return decisions without each undo and redo that would change nothing when its turn comes.

    asking: op_ids of the undos and redos that may be left out; all others stay.
    """
    earlier = dict[str, bool]()  # op_id → whether it is on, of what these decisions make or switch
    batches = dict[str, list[str]]()
    result = []
    for decision in decisions:
        if decision.op_id in asking:
            value, on = decision.value, decision.kind == "redo"
            ops = {*fold.op_ids_of(value), *batches.get(value.get("batch", ""), ())}
            if value.get("op_id") in earlier:
                ops.add(value["op_id"])
            off = [op for op in ops if earlier.get(op, fold.is_on(op)) != on]
            if not off:
                continue
            earlier |= dict.fromkeys(off, on)
        earlier[decision.op_id] = True
        for name in batch_names(decision.batch):
            batches.setdefault(name, []).append(decision.op_id)
        result.append(decision)
    return result


def last_done(fold: Fold, annotator: str, of_kind: str = "") -> dict[str, str] | None:
    """Return the value of the undo that takes a person's last action back; None where there is none.

    The last action is the act of their newest event that counts: an import whole, and a return to a
    moment too. of_kind: their newest decision of that kind in its place, without the rest of its act.
    """
    for event in fold.newest_first(annotator):
        if of_kind:
            if event.kind == of_kind and fold.is_on(event.op_id):
                return {"op_id": event.op_id}
        elif (event.kind not in SWITCHES or returns(event)) and fold.is_on(event.op_id):
            return act_target(event)
    return None


def act_target(event: Event) -> dict[str, str]:
    """Return the value of an undo or redo of the act that an event belongs to."""
    act = act_of(event)
    return {"batch": act} if act else {"op_id": event.op_id}


def _target(
    fold: Fold, kind: str, annotator: str, op_id: str | None, batch: str | None, of_kind: str
) -> dict[str, str] | None:
    """Return the value of an undo or redo; None when it would change nothing."""
    if op_id is not None or batch is not None:
        value = {"op_id": op_id} if op_id is not None else {"batch": batch or ""}
        changes = any(fold.is_on(op) == (kind == "undo") for op in fold.op_ids_of(value))
        return value if changes else None
    return last_done(fold, annotator, of_kind) if kind == "undo" else _last_undone(fold, annotator)


def _last_undone(fold: Fold, annotator: str) -> dict[str, str] | None:
    """Return the newest undo without a redo; None if its author decided something else since."""
    redone: list[Any] = []
    for event in fold.newest_first(annotator):
        if returns(event):
            if not redone:
                return None
        elif event.kind == "redo":
            redone.append(event.value)
        elif event.kind == "undo" and event.value in redone:
            redone.remove(event.value)
        elif event.kind == "undo":
            if any(not fold.is_on(op) for op in fold.op_ids_of(event.value)):
                return dict(event.value)
        elif not redone:
            return None
    return None

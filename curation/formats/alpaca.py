"""Alpaca: instruction, input, output, and perhaps system and history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.formats.base import Example, FieldError, Format, Record, text_of, turn

BETWEEN = "\n\n"


def _confidence(record: Record) -> float:
    if "instruction" not in record:
        return 0.0
    if "instances" in record:
        return 0.85
    return 1.0 if "output" in record else 0.7 if "response" in record else 0.0


def _read(record: Record) -> Example:
    answer = "output" if "output" in record else "response"
    source, used = record, ["instruction", "input", answer, "system", "history"]
    if "instances" in record and "output" not in record:
        instances = record["instances"]
        if not (isinstance(instances, list) and instances and isinstance(instances[0], dict)):
            raise FieldError("instances", "instances should be a list of {input, output}.")
        source, answer = {**record, **instances[0]}, "output"
        used = ["instruction", "instances"]
    if answer not in source:
        raise FieldError("output", "there is no output.")
    instruction, given = (
        text_of(source, "instruction"),
        text_of(source, "input") if "input" in source else "",
    )
    turns = []
    if source.get("system"):
        turns.append(turn("system", text_of(source, "system")))
    for pair in source.get("history") or []:
        if not (
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(t, str) for t in pair)
        ):
            raise FieldError("history", "history should be a list of pairs of texts.")
        turns += [turn("user", pair[0]), turn("assistant", pair[1])]
    turns.append(turn("user", instruction + BETWEEN + given if given else instruction))
    turns.append(turn("assistant", text_of(source, answer)))
    shape: dict[str, Any] = {"at": len(instruction)} if given else {}
    return Example(turns, None, [k for k in used if k in record], shape)


def _write(messages: list[dict[str, Any]], label: str | None, shape: Mapping[str, Any]) -> Record:
    turns = [m for m in messages if m["role"] != "system"]
    system = BETWEEN.join(m["content"] or "" for m in messages if m["role"] == "system")
    user = next((m["content"] or "" for m in reversed(turns) if m["role"] != "assistant"), "")
    answer = (
        turns[-1]["content"] or "" if turns and turns[-1]["role"] == "assistant" else label or ""
    )
    before = turns[:-2]
    history = [
        [a["content"] or "", b["content"] or ""]
        for a, b in zip(before[::2], before[1::2], strict=False)
    ]
    at = shape.get("at")
    given = ""
    if isinstance(at, int) and user[at : at + len(BETWEEN)] == BETWEEN:
        user, given = user[:at], user[at + len(BETWEEN) :]
    elif at is not None and BETWEEN in user:  # a cleaner moved the border
        user, _, given = user.partition(BETWEEN)
    record: Record = {"instruction": user, "input": given, "output": answer}
    return {**record, "system": system, "history": history}


FORMAT = Format("alpaca", "Alpaca (instruction, input, output)", _confidence, _read, _write)

"""Alpaca: instruction, input, output, and perhaps system and history; Dolly's names for them too."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from curation.formats.base import (
    BETWEEN,
    Example,
    FieldError,
    Format,
    Pair,
    Record,
    all_texts,
    kind_of,
    text_of,
    turn,
)

OUTPUTS = ("output", "response", "completion", "answer", "target")
_USUAL = ("input", "output")


def _keys(record: Record) -> tuple[str, str] | None:
    """The record's names for input and output; None when it has no output."""
    answer = "output"
    if answer not in record:
        answer = next((k for k in OUTPUTS if k in record), "")
    given = "context" if "context" in record and "input" not in record else "input"
    return (given, answer) if answer else None


def _confidence(record: Record) -> float:
    if "instruction" not in record:
        return 0.0
    if "instances" in record:
        return 0.85
    return 1.0 if "output" in record else 0.95 if _keys(record) else 0.0


def _read(record: Record) -> Example:
    if "instruction" not in record:
        raise FieldError("instruction", "there is no instruction.")
    source, used = record, ["instruction", "system", "history"]
    keys = _keys(record)
    if "instances" in record and "output" not in record:
        source = {**record, **_first_instance(record["instances"])}
        keys, used = _keys(source), ["instruction", "instances"]
    if keys is None:
        raise FieldError("output", "there is no output.")
    given_key, answer_key = keys
    turns = []
    if source.get("system"):
        turns.append(turn("system", text_of(source, "system")))
    for question, answer in _history(source):
        turns += [turn("user", question), turn("assistant", answer)]
    instruction = text_of(source, "instruction")
    given = text_of(source, given_key) if given_key in source else ""
    turns.append(turn("user", f"{instruction}{BETWEEN}{given}" if given else instruction))
    turns.append(turn("assistant", text_of(source, answer_key)))
    shape: dict[str, Any] = {"at": len(instruction)} if given else {}
    if keys != _USUAL:
        shape["keys"] = list(keys)
    exact = source is record and "system" not in record and all_texts(record)
    return Example(turns, None, [*used, given_key, answer_key], shape, exact)


def _first_instance(instances: Any) -> Record:
    """The first worked example of a seed task; the others stay in the record."""
    if isinstance(instances, list) and instances and isinstance(instances[0], dict):
        found: Record = instances[0]
        return found
    raise FieldError("instances", "instances should be a list of {input, output}.")


def _history(record: Record) -> list[list[str]]:
    history = record.get("history")
    if not history:
        return []
    pairs = history if isinstance(history, list) else [history]
    for pair in pairs:
        if not isinstance(pair, list) or [type(text) for text in pair] != [str, str]:
            raise FieldError(
                "history", f"history should be a list of pairs of texts, not of {kind_of(pair)}."
            )
    return pairs


def _write(messages: list[dict[str, Any]], label: str | None, shape: Mapping[str, Any]) -> Record:
    given_key, answer_key = shape.get("keys", _USUAL)
    turns = [m for m in messages if m["role"] != "system"]
    system = BETWEEN.join(m["content"] or "" for m in messages if m["role"] == "system")
    answer = label or ""
    if turns and turns[-1]["role"] == "assistant":
        answer = turns.pop()["content"] or ""
    user = (turns.pop()["content"] or "") if turns and turns[-1]["role"] != "assistant" else ""
    history = [
        [a["content"] or "", b["content"] or ""]
        for a, b in zip(turns[::2], turns[1::2], strict=False)
    ]
    at = shape.get("at")
    given = ""
    if isinstance(at, int) and user[at : at + len(BETWEEN)] == BETWEEN:
        user, given = user[:at], user[at + len(BETWEEN) :]
    elif at is not None and BETWEEN in user:  # a cleaner moved the border
        user, _, given = user.partition(BETWEEN)
    record: Record = {"instruction": user, given_key: given, answer_key: answer}
    return {**record, "system": system, "history": history}


def _pair(columns: Collection[str]) -> Pair | None:
    keys = _keys(dict.fromkeys(columns, ""))
    if keys is None or {"system", "history", "instances"} & set(columns):
        return None
    given, answer = keys
    shape = {} if keys == _USUAL else {"keys": list(keys)}
    return Pair("instruction", given if given in columns else None, answer, shape)


FORMAT = Format("alpaca", "Alpaca (instruction, input, output)", _confidence, _read, _write, _pair)

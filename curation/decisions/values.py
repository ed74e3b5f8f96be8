"""Checks of the values of decisions: numbers, texts, conversations, targets of an undo."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

from curation.errors import CurationError


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number that a database can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**63


def is_unicode(text: str) -> bool:
    """Return whether a text has whole characters only."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_conversation(value: Any) -> bool:
    """Return whether a value is a list of turns with role and content."""
    return isinstance(value, list) and all(
        isinstance(turn, dict)
        and isinstance(turn.get("role"), str)
        and isinstance(turn.get("content", ""), str | None)
        for turn in value
    )


def is_target(value: Any) -> bool:
    """Return whether a value names an event or a batch, as undo and redo do."""
    return (
        isinstance(value, dict)
        and len(value) == 1
        and all(k in ("op_id", "batch") and isinstance(v, str) and v for k, v in value.items())
    )


def check_json(value: Any) -> None:
    """Raise CurationError for a value that JSON cannot hold without a change."""
    try:
        orjson.dumps(value)
        if isinstance(value, float | list | dict):
            json.dumps(value, allow_nan=False)  # orjson would turn a NaN into null
    except (TypeError, ValueError, RecursionError) as error:
        raise CurationError(
            f"A decision's value must be JSON, with whole characters and finite numbers: {error}."
        ) from error

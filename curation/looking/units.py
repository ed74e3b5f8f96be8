"""Answers as units that can be compared, and the distance of each two answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pandas as pd

from curation.errors import CurationError
from curation.questions import Question

MEASURED = ("choice", "choices", "rating", "ranking", "turns")
"""Kinds of questions of which a coefficient can be computed; see `curation.questions.KINDS`."""


def units(opinions: pd.DataFrame, question: str | Question, kind: str) -> pd.DataFrame:
    """Return the answers to a question, one a unit, with the unit in the column `example`.

    question: of the lead's, or the name of one of every project's. Answers that were given while the
    question had another kind or other options, and do not fit it now, are left out.
    """
    name = question if isinstance(question, str) else question.name
    rows = opinions[opinions["question"] == name].reset_index(drop=True)
    if isinstance(question, Question):
        fitting = {text: _fits(question, text) for text in rows["value"].unique()}
        rows = rows[rows["value"].map(fitting).astype(bool)].reset_index(drop=True)
    if kind != "turns" or rows.empty:
        return rows
    judged = rows["value"].map(_judged_turns)
    pairs = rows.assign(value=judged.map(lambda turns: list(turns.items()))).explode("value")
    pairs = pairs[pairs["value"].notna()].reset_index(drop=True)
    turns = [f"{i}, turn {v[0]}" for i, v in zip(pairs["example"], pairs["value"], strict=True)]
    return pairs.assign(example=turns, value=[option for _, option in pairs["value"]])


def _fits(question: Question, text: str) -> bool:
    """Return whether an answer, as text, is one to the question as it is now."""
    value: Any = text
    try:
        if question.kind == "choices" or (question.kind == "spans" and not text):
            value = text.split(",") if text else []
        elif question.kind in ("rating", "turns", "spans"):
            value = orjson.loads(text)
        question.check(value)
    except (orjson.JSONDecodeError, CurationError):
        return False
    return True


def _judged_turns(text: str) -> dict[str, str]:
    """Return turn → option of an answer."""
    return {str(turn): str(option) for turn, option in orjson.loads(text).items()}


def distances(classes: list[str], kind: str) -> np.ndarray:
    """Return the distance of each two values: 0 or 1, the squared difference of ratings, or MASI."""
    if kind == "choices":
        sets = [frozenset(text.split(",")) if text else frozenset[str]() for text in classes]
        return np.array([[_masi(a, b) for b in sets] for a in sets])
    if kind == "rating":
        numbers = np.array(classes, dtype=float)
        return np.asarray((numbers[:, None] - numbers[None, :]) ** 2)
    return 1.0 - np.eye(len(classes))


def _masi(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the MASI distance of two sets: 0 for the same, 1 for sets with nothing in common."""
    if first == second:
        return 0.0
    both = first & second
    alike = 2 / 3 if both in (first, second) and both else 1 / 3
    return 1 - alike * len(both) / len(first | second)


def by_example(table: pd.DataFrame) -> pd.DataFrame:
    """Return disagreements about turns by example; a turn's number stands before its answers.

    table: people and answers by unit.
    """
    places = [str(unit).rsplit(", turn ", 1) for unit in table.index]
    answers = [f"turn {p[-1]}: {text}" for p, text in zip(places, table["answers"], strict=True)]
    lines = table.assign(answers=answers).set_axis([p[0] for p in places])
    groups = lines.rename_axis("example").groupby("example", sort=False)
    return pd.DataFrame(
        {"people": groups["people"].max(), "answers": groups["answers"].agg("; ".join)}
    )

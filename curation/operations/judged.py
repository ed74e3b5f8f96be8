"""The grades of a language model that was asked before, as a score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from curation.judging.run import mean_of
from curation.judging.verdicts import read_verdicts, row_key
from curation.registry import ProjectFile, score


def _ungraded(params: Mapping[str, Any], rows: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    missing = int(frame.iloc[:, 0].isna().sum())
    return [f"{missing:,} of {len(frame):,} rows have no grade."] if missing else []


@score("Judged", makes=("judge_{criterion}",), notes=_ungraded)
def judged(
    rows: pd.DataFrame,
    folder: Path,
    *,
    verdicts: Annotated[
        ProjectFile,
        "the file that curate judge wrote, inside the project's folder; without one nothing is scored",
    ] = "",  # type: ignore[assignment]
    criterion: Annotated[str, "one criterion of the rubric; empty for the mean of all"] = "",
) -> np.ndarray:
    """Give each row the grade that a language model gave its texts, 1 to 5.

    What it does:
        Reads the verdicts that `curate judge` has asked for, `verdicts/NAME.jsonl` in the project's
        folder, and sends nothing itself. A row whose
        texts were changed since, or that was never judged, has no grade. It is advice: nothing is
        dropped unless keep_between or a selection names the score.
    Why:
        A large model reads what no rule sees: whether an answer is right, and whether the question
        was worth asking. It also errs, prefers length and its own style, and can be talked to by the
        texts that it grades. Look at what its control examples said first.
    Example:
        with: {verdicts: docs/reference/verdicts.jsonl}
        {prompt: Name a planet., response: Saturn.} → {judge: 4.5}
        {prompt: Name a planet., response: The Moon.} → {judge: 1.5}
    Measured precision:
        Not measured: it depends on the model and the rubric. Each run says how its control examples
        came out.
    Source:
        The rubric's complexity and quality follow DEITA (Liu et al. 2024); graded pairs as a check of
        the judge follow Zheng et al. 2023, "Judging LLM-as-a-judge".
    """
    result = np.full(len(rows), np.nan)
    if not verdicts:
        return result
    grades_by_row = read_verdicts(folder / verdicts)
    sides = (rows[side].fillna("").tolist() for side in ("prompt", "response"))
    for i, text in enumerate(zip(*sides, strict=True)):
        grades = grades_by_row.get(row_key(*text), {})
        grade = grades.get(criterion) if criterion else mean_of(grades)
        result[i] = np.nan if grade is None else grade
    return result

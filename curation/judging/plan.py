"""A run of a judge before it starts: to whom what would be sent, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from curation.errors import CurationError
from curation.judging.endpoint import address_of
from curation.judging.rubric import Rubric
from curation.judging.run import CONTROLS, Estimate, Text, estimate, unjudged
from curation.judging.verdicts import Verdicts, verdict_file


@dataclass(frozen=True)
class Plan:
    """Texts for a judge, and the address and model that would be asked; nothing is sent yet."""

    address: str
    model: str
    rubric: Rubric
    texts: list[Text]
    verdicts: Verdicts
    estimate: Estimate

    @property
    def sample(self) -> list[str]:
        """The turns of a request about a row, one that would be sent where any would be."""
        left = (text for text in unjudged(self.texts, self.verdicts) if text not in CONTROLS)
        text = next(left, self.texts[0])
        return [turn["content"] for turn in self.rubric.messages(*text, "0" * 16)]


def with_answer(kept: pd.DataFrame) -> list[Text]:
    """The prompts and responses of the rows with a response, in the order of their ids.

    An id is a digest of the text, so the first of them are drawn by chance.
    """
    ordered = kept.sort_index()
    sides = (ordered[side].fillna("").tolist() for side in ("prompt", "response"))
    return [pair for pair in zip(*sides, strict=True) if pair[1].strip()]


def plan(
    folder: Path,
    kept: pd.DataFrame,
    url: str,
    model: str,
    rubric: Rubric,
    rows: int | None = None,
) -> Plan:
    """The run that would judge kept rows of a project, or so many of them, drawn by chance.

    folder: of the project. Raises CurationError without an answer among the rows, or for a URL that
    is none.
    """
    address, texts = address_of(url), with_answer(kept)[:rows]
    if not texts:
        raise CurationError("No kept example has an answer, so there is nothing to judge.")
    verdicts = Verdicts(verdict_file(folder / "verdicts", model, rubric.digest))
    return Plan(address, model, rubric, texts, verdicts, estimate(texts, rubric, verdicts))

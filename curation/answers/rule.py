"""A rule that bad answers break, with what reading its hits on published data showed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

ENOUGH = 0.9
"""Measured precision from which a rule drops rows by default, where it was measured."""


class Pair(NamedTuple):
    """A prompt and its answer, with the codes of their languages where these are known."""

    prompt: str
    response: str
    prompt_language: str = ""
    language: str = ""


@dataclass(frozen=True)
class Rule:
    """A fault of answers: its name, its sentence for a reason, and its check.

    named: rows of the published sets that the check named. read: those of them that a person read,
    all or fifty drawn by chance. right: those read that have the fault. about_text: it also holds for
    a text without an answer. cured_by: a step that repairs the fault, so that no row has to go.
    evidence: the signs of a text that show the fault, as a match, where a few signs show it.
    """

    name: str
    text: str
    breaks: Callable[[Pair], bool]
    named: int
    read: int
    right: int
    about_text: bool = False
    cured_by: str = ""
    evidence: Callable[[str], re.Match[str] | None] | None = None

    def reason(self, pair: Pair) -> str:
        """The sentence for a row that breaks it, with the signs that show it and their place."""
        for side, text in (("prompt", pair.prompt), ("answer", pair.response)):
            if self.evidence is not None and (match := self.evidence(text)):
                return (
                    f"{self.text}: {match.group()} at character {match.start() + 1:,} of the {side}"
                )
        return self.text

    @property
    def precision(self) -> float | None:
        """Share of the read hits that have the fault; None where no row was named."""
        return self.right / self.read if self.read else None

    @property
    def drops(self) -> bool:
        """Whether a row that breaks it is dropped by default, and not only named.

        A rule that named no row of the published sets drops too: its precision is not measured, but
        no false alarm was seen.
        """
        return not self.cured_by and (self.precision is None or self.precision >= ENOUGH)

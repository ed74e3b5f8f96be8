"""The settings of a review: the number of people who answer an example, and whose answer counts.

The settings stand in the table `review` of project.toml, where a lead changes them at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.settings import change_settings, read_settings

CONSENSUS = {
    "latest": "The latest answer counts, whoever gave it.",
    "majority": "The answer that most people gave counts; where two are given equally often, none.",
    "dawid-skene": "The likeliest answer counts, by a model of how often each person is right.",
}
"""Policy → its meaning in a sentence."""

MOST_ANSWERS = 20
"""The highest overlap."""


@dataclass(frozen=True)
class Review:
    """The settings of a project's review.

    overlap: people who answer each shared example. share: share of the examples that are shared, 0
    to 1; every other example is answered by one person. consensus: a key of CONSENSUS. held_back:
    share of the examples, 0 to 1, that are shown without their suggestions. gold:
    share of the places of each person's queue that hold a gold item, while there are some. Raises CurationError for
    a value out of its range.
    """

    overlap: int = 1
    share: float = 1.0
    consensus: str = "latest"
    held_back: float = 0.1
    gold: float = 0.05

    def __post_init__(self) -> None:
        whole = isinstance(self.overlap, int) and not isinstance(self.overlap, bool)
        if not whole or not 1 <= self.overlap <= MOST_ANSWERS:
            raise CurationError(
                f"project.toml: review.overlap is a whole number from 1 to {MOST_ANSWERS}, "
                f"not {self.overlap!r}."
            )
        for name in ("share", "held_back", "gold"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value <= 1:
                raise CurationError(
                    f"project.toml: review.{name} is a number from 0 to 1, not {value!r}."
                )
        if self.consensus not in CONSENSUS:
            raise CurationError(
                f"project.toml: review.consensus is one of {', '.join(CONSENSUS)}, "
                f"not {self.consensus!r}."
            )

    def people_for(self, example_id: str) -> int:
        """Return how many people answer an example.

        It depends on the example's id alone, so that everybody shares the same examples, and a
        larger share holds the smaller one.
        """
        return self.overlap if place_of(example_id) < self.share else 1

    def is_held_back(self, example_id: str) -> bool:
        """Return whether an example is shown without its suggestions, for everybody and always."""
        return place_of(example_id, b"held back") < self.held_back


def place_of(example_id: str, purpose: bytes = b"overlap") -> float:
    """Return a number from 0 to 1 that is fixed for an id, and unlike for each purpose."""
    digest = hashlib.blake2b(example_id.encode(), digest_size=8, person=purpose).digest()
    return int.from_bytes(digest) / 2**64


def read_review(folder: Path) -> Review:
    """Read the review settings of a project; raises CurationError for a value that does not fit."""
    stated: Any = read_settings(folder).get("review", {})
    names = [field.name for field in fields(Review)]
    if not isinstance(stated, Mapping) or (wrong := [name for name in stated if name not in names]):
        raise CurationError(
            f"project.toml: review has no setting {wrong[0]!r}; it has {', '.join(names)}."
            if isinstance(stated, Mapping)
            else "project.toml: review is a table, [review]."
        )
    return Review(**stated)


def write_review(folder: Path, review: Review) -> None:
    """Write the review settings of a project; the rest of project.toml stays as it is."""
    change_settings(folder, "review", lambda: asdict(review))


def change_review(folder: Path, **changes: Any) -> None:
    """Write some of the review settings of a project; the others stay as they are by then."""
    change_settings(folder, "review", lambda: asdict(replace(read_review(folder), **changes)))

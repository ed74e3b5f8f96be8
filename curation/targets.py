"""Reference sets as operations read them: chosen by name, and their digests for a fingerprint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import pandas as pd

from curation.errors import CurationError


class Target(Protocol):
    """A reference set: its name, the digest of its bytes, how they were read, and its rows."""

    @property
    def name(self) -> str:
        """Its name in the project."""

    @property
    def slug(self) -> str:
        """The name of its folder."""

    @property
    def sha256(self) -> str:
        """The digest of its bytes."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings with which it was read, such as format and mapping."""

    @property
    def rows(self) -> int:
        """The number of its rows."""

    @property
    def examples(self) -> pd.DataFrame:
        """Its rows, indexed by id, with prompt and response."""


class References(Protocol):
    """The reference sets of a project."""

    def all(self) -> Sequence[Target]:
        """Every reference set, by name."""

    def get(self, name: str) -> Target:
        """The reference set of that name; raises CurationError with the existing names."""


class _None:
    """No reference set at all."""

    def all(self) -> Sequence[Target]:
        return []

    def get(self, name: str) -> Target:
        raise CurationError(f"There is no reference set {name!r}, and no other one either.")


NONE: References = _None()
"""The reference sets of a dataset without a project."""


def chosen(references: References, names: Sequence[str]) -> list[Target]:
    """Return the reference sets of these names, each once, or all of them without a name.

    Raises CurationError for a name that no reference set has, and where there is no reference set.
    """
    targets = [references.get(name) for name in names] or list(references.all())
    if not targets:
        raise CurationError(
            "There is no reference set to compare with: add one on the page Coverage, or with "
            "`curate reference PROJECT PATH`."
        )
    return list({target.slug: target for target in targets}.values())


Side = Literal["prompt", "response", "both"]
"""A side of an example that is compared with the same side of a set's rows."""


def side_of(rows: pd.DataFrame, side: Side) -> pd.Series:
    """Return the texts of one side of rows with prompt and response; both are one text."""
    prompt, response = (rows[name].fillna("") for name in ("prompt", "response"))
    return {"prompt": prompt, "response": response, "both": prompt + "\n\n" + response}[side]


BETWEEN = "; "
"""Between the rows of several sets that one example holds."""


def row_name(name: str, row: int) -> str:
    """Return a row of a reference set in words; see `row_of`."""
    return f"{name}: row {row}"


def row_of(holders: pd.Series, name: str) -> pd.Series:
    """Return the row of a set that each text names, NaN for none; texts are of `row_name`, by BETWEEN."""
    between, beginning = re.escape(BETWEEN), re.escape(row_name(name, 0).removesuffix("0"))
    pattern = rf"(?:^|{between}){beginning}(\d+)(?:$|{between})"
    return pd.to_numeric(holders.astype("str").str.extract(pattern)[0])


def digests(references: References, names: Sequence[str]) -> list[list[Any]]:
    """Return the name, digest and settings of each set of `chosen`; a set that is missing has no more.

    Two lists differ where a step that reads these sets may give another result.
    """
    try:
        targets = chosen(references, names)
    except CurationError:
        return [[name] for name in names]
    return [[target.name, target.sha256, dict(target.settings)] for target in targets]

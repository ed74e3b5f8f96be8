"""project.toml: what holds for a whole project."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from curation import files
from curation.errors import CurationError

SCHEMA = 1


def write_settings(folder: Path, name: str) -> None:
    """Write the settings of a new project."""
    text = f'name = {json.dumps(name)}\nschema = {SCHEMA}\ndecisions = "sqlite"\n'
    files.write_text(folder / "project.toml", text)


def read_settings(folder: Path) -> dict[str, Any]:
    """What project.toml says; raises CurationError when it cannot be read."""
    try:
        return tomllib.loads((folder / "project.toml").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CurationError(f"{folder / 'project.toml'} cannot be read: {error}.") from None


def read_limits(folder: Path) -> dict[str, float]:
    """Limits of reading a file that differ from `curation.sources.Limits`, by name.

    Raises CurationError for a limit that there is none of, or that is no positive number.
    """
    from curation.sources import Limits

    told: dict[str, float] = dict(read_settings(folder).get("limits", {}))
    known = [field.name for field in fields(Limits)]
    for name, value in told.items():
        if name not in known or isinstance(value, bool) or not isinstance(value, int | float):
            raise CurationError(
                f"project.toml: limits.{name} = {value!r} is none; known are, with positive "
                f"numbers: {', '.join(known)}."
            )
        if value <= 0:
            raise CurationError(f"project.toml: limits.{name} must be above 0, not {value!r}.")
    return told

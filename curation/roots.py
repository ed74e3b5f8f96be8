"""Paths that a page or an agent names: only existing ones below allowed folders, none hidden."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from curation.errors import CurationError
from curation.incoming import shown


def allowed(text: str, roots: Sequence[Path], cure: str) -> Path:
    """Return an existing path under one of the roots, with links resolved.

    text: absolute, or relative to a root. roots: resolved folders. cure: the sentence that says how to
    allow another folder. Raises CurationError for any other path, and for one with a hidden part.
    """
    _check_visible(text, Path(text))
    try:
        paths = [Path(os.path.realpath(root / text)) for root in roots]
        inside = [path for path in paths if any(path.is_relative_to(root) for root in roots)]
        present = next((path for path in inside if path.exists()), None)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds a NUL character"
        raise CurationError(f"{shown(text)} is no path that can be read: {reason}.") from None
    if not inside:
        raise CurationError(
            f"{shown(paths[0])} is not under {' or '.join(map(str, roots))}, from where files may "
            f"be read. {cure}"
        )
    for path in inside:
        _check_visible(text, path)
    if present is None:
        raise CurationError(f"{shown(inside[0])} does not exist.")
    return present


def _check_visible(text: str, path: Path) -> None:
    """Raise CurationError where a part of a path, as given or resolved, is hidden."""
    for part in path.parts:
        if part.startswith(".") and part not in (".", ".."):
            raise CurationError(
                f"{shown(text)} leads through {shown(part)}, which is hidden; hidden files are not "
                "read by path. Copy the file elsewhere, or upload it."
            )

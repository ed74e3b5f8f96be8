"""Names that people type: one that is nearly a known name may be the same person's."""

from __future__ import annotations

import unicodedata

from curation.project import Project
from curation.text.folding import caseless


def namesake(project: Project, name: str) -> str:
    """Return the name of somebody who has answered that differs from a name in its spelling only.

    It differs by case, white space, or Unicode's form, as of letters in full width. Empty where the
    name itself is known, and for no such name.
    """
    name = name.strip()
    if not name or project.people() is None:
        return ""
    names = project.decisions.read(lambda fold: fold.people())
    alike = [] if name in names else [n for n in names if n and _plain(n) == _plain(name)]
    return min(alike, default="")


def question(name: str) -> str:
    """Return the question that is put to somebody whose name is nearly a known one."""
    return f"{name} has answered here before. Go on as {name}?"


def _plain(name: str) -> str:
    """Return a name without case, white space, and characters that nobody sees."""
    shown = (c for c in caseless(name) if unicodedata.category(c) not in ("Cf", "Cc"))
    return "".join("".join(shown).split())

"""Names for folders, files and columns, made from names that people gave."""

from __future__ import annotations

import hashlib
import re

LONGEST = 80


def slug(name: str, empty: str = "project", longest: int | None = LONGEST) -> str:
    """A name made safe for a folder or file: letters, digits, dots and hyphens; never hidden.

    empty: the name where nothing is left. longest: characters that stay; None for all, where two
    names that begin alike must not become one.
    """
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:longest] or empty


def column_word(text: str) -> str:
    """A text as part of a column's name: small letters and digits, joined by low lines.

    Where more than spaces is lost, a digest tells the text from others that would look the same.
    """
    plain = re.sub(r"\W+", "_", text.casefold()).strip("_")
    if plain.replace("_", " ") == text:
        return plain
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{plain}_{digest}".lstrip("_")

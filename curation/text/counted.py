"""Numbers with their noun, as sentences for people hold them."""

from __future__ import annotations


def counted(number: int, noun: str, many: str = "") -> str:
    """A number with its noun in the singular or the plural.

    many: the plural, where it is another than the singular with an s.
    """
    return f"{number:,} {noun if number == 1 else many or f'{noun}s'}"

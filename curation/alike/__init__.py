"""Examples compared: their two sides, equal sides, and nearly equal sides."""

from curation.alike.near_duplicates import Nearest, nearest_kept, side
from curation.alike.shingles import jaccard, shingles
from curation.alike.sides import Example, Part, examples, same

__all__ = [
    "Example",
    "Nearest",
    "Part",
    "examples",
    "jaccard",
    "nearest_kept",
    "same",
    "shingles",
    "side",
]

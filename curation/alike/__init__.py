"""Examples compared: their two sides, equal sides, nearly equal sides, and near vectors."""

from curation.alike.near_duplicates import Nearest, nearest_kept, side
from curation.alike.near_vectors import nearest_vectors
from curation.alike.shingles import jaccard, shingles
from curation.alike.sides import Example, Part, examples, same

__all__ = [
    "Example",
    "Nearest",
    "Part",
    "examples",
    "jaccard",
    "nearest_kept",
    "nearest_vectors",
    "same",
    "shingles",
    "side",
]

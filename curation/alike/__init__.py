"""Examples compared: their two sides, equal sides, nearly equal sides, and near vectors."""

from curation.alike.beginnings import beginnings
from curation.alike.compared import By, Compared, exactly, nearly
from curation.alike.cutting import Kept, Nearby, cut
from curation.alike.near_duplicates import Sides
from curation.alike.near_vectors import (
    Compare,
    by_clusters,
    by_nearest,
    by_neighbours,
    parts_of,
    similarly,
)
from curation.alike.shingles import jaccard, shingle_sets, shingles
from curation.alike.sides import Example, Part, examples, same
from curation.alike.work import AT_ONCE, Work

__all__ = [
    "AT_ONCE",
    "By",
    "Compare",
    "Compared",
    "Example",
    "Kept",
    "Nearby",
    "Part",
    "Sides",
    "Work",
    "beginnings",
    "by_clusters",
    "by_nearest",
    "by_neighbours",
    "cut",
    "exactly",
    "examples",
    "jaccard",
    "nearly",
    "parts_of",
    "same",
    "shingle_sets",
    "shingles",
    "similarly",
]

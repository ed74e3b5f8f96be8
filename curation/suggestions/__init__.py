"""Suggestions from models, imports and columns, which people accept or change on the card.

A suggestion is no decision. It stands in a file of its own, and only an answer of a person counts.
"""

from curation.suggestions.store import Suggestions
from curation.suggestions.table import Suggestion, Table, content_of

__all__ = ["Suggestion", "Suggestions", "Table", "content_of"]

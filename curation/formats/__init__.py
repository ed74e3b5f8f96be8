"""Formats of SFT examples, recognised record by record.

A record becomes an example (`convert`, or `convert_texts` for many plain ones) and a record again
(`write`). A format is one `Format` in a module of this package; there is no list to edit.
"""

from curation.formats.base import Example, FieldError, Format
from curation.formats.conversion import METADATA, Converted, convert
from curation.formats.plain import ConvertedTexts, convert_texts, pair_of
from curation.formats.recognition import FIELDS, check_mapping, get, names, recognise
from curation.formats.writing import write

__all__ = [
    "FIELDS",
    "METADATA",
    "Converted",
    "ConvertedTexts",
    "Example",
    "FieldError",
    "Format",
    "check_mapping",
    "convert",
    "convert_texts",
    "get",
    "names",
    "pair_of",
    "recognise",
    "write",
]

"""Deliveries: folders of files for trainers, with a receipt for every row.

Guarantee: a delivery folder is complete or absent. Every row and every part of a row that a format
does not hold is named in the manifest, with a reason.
"""

from __future__ import annotations

from curation.export.delivery import ALSO, check, export, survey
from curation.export.delivery_format import DeliveryFormat, Problem, examples
from curation.export.fitting import check_formats, delivery_formats, parts_in, without_place
from curation.export.offer import left_out
from curation.export.origin import REFUSED, Origin, People
from curation.export.parts import TITLES

__all__ = [
    "ALSO",
    "REFUSED",
    "TITLES",
    "Origin",
    "People",
    "Problem",
    "DeliveryFormat",
    "check",
    "check_formats",
    "examples",
    "export",
    "left_out",
    "parts_in",
    "survey",
    "delivery_formats",
    "without_place",
]

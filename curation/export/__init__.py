"""Deliveries: a folder that is complete or not there, checked, with a receipt for every row."""

from __future__ import annotations

from curation.export.delivery import check, export, left_out, survey
from curation.export.delivery_format import DeliveryFormat, Problem, examples
from curation.export.fitting import check_formats, delivery_formats, parts_in, without_place
from curation.export.origin import Origin, People
from curation.export.parts import TITLES

__all__ = [
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

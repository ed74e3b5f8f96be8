"""Deliveries: a folder that is complete or not there, checked, with a receipt for every row."""

from __future__ import annotations

from curation.export.delivery import check, export, left_out, survey
from curation.export.fitting import check_formats, parts_in, targets, without_place
from curation.export.origin import Origin, People
from curation.export.parts import TITLES
from curation.export.target import Problem, Target, examples

__all__ = [
    "TITLES",
    "Origin",
    "People",
    "Problem",
    "Target",
    "check",
    "check_formats",
    "examples",
    "export",
    "left_out",
    "parts_in",
    "survey",
    "targets",
    "without_place",
]

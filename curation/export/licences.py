"""Licences by the names that the Hugging Face Hub knows, which are SPDX's in small letters."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.settings import write_about

LICENCES = frozenset(
    """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear
    c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0
    cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
    cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl
    ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1
    lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl openrail++ osl-3.0 postgresql ofl-1.1 ncsa
    unlicense zlib pddl lgpl-lr deepfloyd-if-license llama2 gemma unknown other
    """.split()
)
"""Identifiers of the Hub's documentation, "Licenses"."""

OTHER = "other:"
"""The beginning of a licence that the Hub does not know, before its name."""


def checked_licence(text: str) -> str:
    """Return a licence in the Hub's spelling, "" for none.

    Raises CurationError, with the nearest names, for one that the Hub does not know and that does not
    begin with `other:`.
    """
    name = " ".join(text.split())
    if name.lower().startswith(OTHER) and name[len(OTHER) :].strip():
        return f"{OTHER} {name[len(OTHER) :].strip()}"
    if not name or name.lower() in LICENCES:
        return name.lower()
    near = difflib.get_close_matches(name.lower().replace(" ", "-"), LICENCES, n=3, cutoff=0.4)
    hint = f" Near to it: {', '.join(near)}." if near else ""
    raise CurationError(
        f"The Hub knows no licence {name!r}.{hint} Write another licence as “other: its name”."
    )


def licence_head(text: str) -> dict[str, Any]:
    """Return the entries of a card's YAML head for a licence."""
    if text.startswith(OTHER):
        return {"license": "other", "license_name": text.removeprefix(OTHER).strip()}
    return {"license": text or "unknown"}


def describe(project: Path, about: Mapping[str, str]) -> None:
    """Keep those of purpose, licence and contact that are given, the licence in the Hub's spelling.

    Raises CurationError as `checked_licence` and `change_settings` do.
    """
    checked = {"licence": checked_licence(about["licence"])} if "licence" in about else {}
    write_about(project, {**about, **checked})

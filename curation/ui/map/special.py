"""What is special about a selection, in sentences ready to be drawn."""

from __future__ import annotations

import streamlit as st

from curation.dataset import Dataset
from curation.looking.masks import Mask
from curation.looking.special import Fact, Special, special
from curation.ui.text import markdown


@st.cache_resource(max_entries=24, show_spinner=False)
def remembered(
    path: str,
    fingerprint: str,
    about: str,
    _dataset: Dataset,
    _chosen: Mask,
    _rest: Mask,
) -> Special:
    """What sets the chosen rows apart from the rest; `about` is a digest of which they are."""
    return special(_dataset, _chosen, _rest)


def sentences(special: Special) -> list[str]:
    """Its own words, then what differs from elsewhere, as Markdown."""
    words = "Its own words: " + " · ".join(markdown(word) for word in special.words)
    return [*([words] if special.words else []), *map(_sentence, special.facts)]


def _sentence(fact: Fact) -> str:
    name = fact.column.replace("_", " ")
    if not fact.value:
        return f"{name}: median {fact.inside:.3g} here, {fact.outside:.3g} elsewhere"
    shares = f"{fact.inside:.0%} here, {fact.outside:.0%} elsewhere"
    return f"{name} {markdown(fact.value)}: {shares}"

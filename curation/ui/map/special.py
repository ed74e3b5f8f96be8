"""Special words and values of a selection, in sentences for the page."""

from __future__ import annotations

from collections.abc import Mapping

from curation.dataset import Dataset
from curation.looking.masks import Mask
from curation.looking.special import Fact, Special, special
from curation.ui.budget import remembered
from curation.ui.text import markdown, title_of


@remembered(24)
def of_selection(
    path: str,
    fingerprint: str,
    about: str,
    _dataset: Dataset,
    _chosen: Mask,
    _rest: Mask,
) -> Special:
    """The differences of the chosen rows from the rest; about: a digest of the chosen rows."""
    return special(_dataset, _chosen, _rest)


def sentences(special: Special, titles: Mapping[str, str]) -> list[str]:
    """Its own words, then the differences from the other examples, as Markdown.

    titles: value of dropped_by → its words for people.
    """
    words = "Typical words: " + " · ".join(markdown(word) for word in special.words)
    return [
        *([words] if special.words else []),
        *(_sentence(fact, titles) for fact in special.facts),
    ]


def _sentence(fact: Fact, titles: Mapping[str, str]) -> str:
    name = title_of(fact.column)
    if not fact.value:
        return f"{name}: median {fact.inside:.3g} in this part, {fact.outside:.3g} in the rest"
    shares = f"{fact.inside:.0%} of this part, {fact.outside:.0%} of the rest"
    value = titles.get(fact.value, fact.value) if fact.column == "dropped_by" else fact.value
    return f"{name} {markdown(value)}: {shares}"

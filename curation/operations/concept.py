"""A score for a concept that people mark by examples of it and by negative samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from curation.cache import key
from curation.errors import CurationError
from curation.registry import score
from curation.vectors import Many, Vectors

LEAST_AGAINST = 10
"""Negative samples below which untagged rows are added to them."""

WEAK = 50
"""Number of untagged rows that are added."""

STRENGTH = 1.0
"""C of the regression: of 0.1 to 100, among the best with ten yes and ten no, and the most even with the
yes only; see benchmarks/search.py."""


class Tags(Protocol):
    """The part of people's decisions that a concept reads; `curation.decisions.State` has it."""

    @property
    def tags(self) -> Mapping[str, Mapping[str, Any]]:
        """Example → tag → the event that gave it."""


@dataclass(frozen=True)
class Marks:
    """Rows marked as belonging to a concept, or as not: True where they are."""

    yes: np.ndarray
    no: np.ndarray

    @classmethod
    def of(cls, index: pd.Index, decisions: Tags | None, tag: str, against: str = "") -> Marks:
        """The marks of the rows of an index.

        Raises CurationError when `tag` and `against` are the same.
        """
        if tag and tag == against:
            raise CurationError(
                f"the concept {tag!r} is compared with its own tag; name another tag as `against`, "
                f"or leave it empty for {f'not {tag}'!r}."
            )
        yes, no = (
            index.isin(ids) for ids in marked(decisions, (tag, against or f"not {tag}")).values()
        )
        return cls(yes, no)

    def of_embedded(self, embedded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Yes and no among the embedded rows; a row that is marked both ways counts as neither."""
        return self.yes & ~self.no & embedded, self.no & ~self.yes & embedded


def marked(decisions: Tags | None, tags: tuple[str, ...]) -> dict[str, list[str]]:
    """Ids of the examples that bear each of the tags, sorted."""
    ids_by_tag: dict[str, list[str]] = {tag: [] for tag in tags}
    for example, tags_of_example in ({} if decisions is None else decisions.tags).items():
        for tag in tags:
            if tag in tags_of_example:
                ids_by_tag[tag].append(example)
    return {tag: sorted(ids) for tag, ids in ids_by_tag.items()}


def _reads(params: Mapping[str, Any], decisions: Tags | None) -> str:
    tag, against = params["tag"], params["against"] or f"not {params['tag']}"
    return key(*marked(decisions, (tag, against)).values()) if tag else ""


def in_order(index: pd.Index) -> np.ndarray:
    """Positions of the ids of an index, sorted, so that no score depends on the order of the rows."""
    return np.asarray(pc.sort_indices(pa.array(index, pa.large_string())))


def probability(vectors: Many, marks: Marks) -> np.ndarray:
    """The probability that each row belongs to a concept, 0 to 1 in four digits; NaN without a vector.

    Rows are in the order of their ids, which are hashes of their texts. With fewer than LEAST_AGAINST
    negative samples, the first WEAK untagged rows count as no too: a random draw that never changes.
    vectors: (rows, width). Raises CurationError without a yes that has a vector.
    """
    vectors = Vectors.of(vectors)
    embedded = vectors.present
    yes, no = marks.of_embedded(embedded)
    if not yes.any():
        raise CurationError("no example that is embedded is marked as one of them")
    if no.sum() < LEAST_AGAINST:
        no = no.copy()
        no[np.flatnonzero(embedded & ~marks.yes & ~marks.no)[:WEAK]] = True
    result = np.full(len(vectors), np.nan)
    if not no.any():  # there is nothing to tell the concept from
        result[embedded] = 1.0
        return result
    model = _model().fit(vectors[yes | no], yes[yes | no])
    # The last digits depend on how many threads add up.
    some = vectors.of_rows(np.flatnonzero(embedded))
    result[embedded] = np.round(some.each(lambda block: model.predict_proba(block)[:, 1]), 4)
    return result


def _model() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1_000)


def average_precision(vectors: Many, marks: Marks, folds: int = 5) -> float | None:
    """Measure how well a model of some marks ranks the others, yes before no; 1 at best.

    Cross-validated over at most five folds; None with fewer than five of either.
    """
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    yes, no = marks.of_embedded(Vectors.of(vectors).present)
    used = yes | no
    truth = yes[used]
    if min(truth.sum(), (~truth).sum()) < folds:
        return None
    splitter = StratifiedKFold(folds, shuffle=True, random_state=0)
    scores = cross_val_predict(
        _model(), vectors[used], truth, cv=splitter, method="decision_function"
    )
    return float(average_precision_score(truth, scores))


@score("Concept", makes=("concept_{tag}",), reads=_reads, texts=())
def concept(
    rows: pd.DataFrame,
    vectors: Vectors,
    decisions: Tags | None,
    *,
    tag: Annotated[
        str, "the tag of examples that belong to it; without one nothing is scored"
    ] = "",
    against: Annotated[str, 'the tag of examples that do not; empty for "not" and the tag'] = "",
) -> np.ndarray:
    """Score how likely each row belongs to a concept that people marked with a tag.

    What it does:
        Fits a logistic regression to the vectors of the tagged rows, both sides weighing the same.
        The probability is the score. Where fewer than ten kept rows bear the tag against it, a
        fixed random draw of 50 untagged rows counts as no too. Some of these may belong: mark ten
        negative samples for a score that can be trusted. The column is called after the tag, so
        that a recipe can hold several concepts; a digest is added to a tag of more than small
        letters, digits and single spaces. Only these tags matter: other decisions change nothing.
        Raises CurationError when no kept row bears the tag, and when both tags are the same.
    Why:
        People recognise what they want sooner than they can describe it. Ten examples rank all
        others.
    Example:
        with: {tag: cooking}
        {prompt: "How do I bake bread?", tags: [cooking]} → {concept_cooking: 0.6}
        {prompt: "How long do I boil an egg?"} → {concept_cooking: 0.42}
        {prompt: "Which planet has rings?", tags: [not cooking]} → {concept_cooking: 0.39}
    Measured precision:
        2,000 texts of AG News in 4 classes, ten yes and ten no of one class, 40 draws: average
        precision of ranking the rest 0.778. Likeness to the mean of the yes reaches 0.744
        (benchmarks, search).
    Source:
        Logistic regression (scikit-learn) on sentence embeddings; concepts of Lilac (2023).
    """
    if not tag:
        return np.full(len(rows), np.nan)
    order = in_order(rows.index)
    marks = Marks.of(rows.index[order], decisions, tag, against)
    result = np.full(len(rows), np.nan)
    try:
        result[order] = probability(Vectors.of(vectors).of_rows(order), marks)
    except CurationError:
        raise CurationError(
            f"no kept example is tagged {tag!r}; open some on the Browse page, choose Concept, "
            f"name it {tag!r} and press “Yes, it is”, or remove the step."
        ) from None
    return result

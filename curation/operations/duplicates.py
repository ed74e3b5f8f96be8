"""Exact duplicates, near duplicates, similar meanings, and rows of one prompt with different answers.

Guarantee: the result is the same for any order of rows; pairs that a person told apart stay both, and
a row that a person prefers stays for its copies. Accepted: a row that resembles very many kept rows is
compared with the likeliest of them only, and the step says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from curation.alike import (
    AT_ONCE,
    By,
    Compare,
    Compared,
    Kept,
    Work,
    beginnings,
    exactly,
    near_duplicates,
    nearly,
    parts_of,
    similarly,
)
from curation.alike.keys import SIDES
from curation.alike.preference import Best, Keep, apart_pairs, people_first, preference
from curation.columns import as_text
from curation.dataset import Progress
from curation.embedding import UNREADABLE
from curation.embedding.neighbours import without_gaps
from curation.registry import TEXTS, Column, Range, filter
from curation.vectors import Vectors

_LABEL = Column("label")
_MAKES = ("duplicate_group", "duplicate_of", "similarity", "conflict")

_TEXTS = tuple(name for name in SIDES if name in TEXTS)

_PART = "duplicate_part"
"""The column of the parts in which all near pairs are those that were found; see `curation.heirs`."""

BY_PEOPLE = ("apart", "prefer")
"""Kinds of decisions that these steps read."""


def _reads(params: Mapping[str, Any], people: Any) -> str:
    return "" if people is None else str(people.fingerprint(BY_PEOPLE))


Action = Literal["drop", "flag"]
_KEEP = "which of a group stays; longest: of those with the fewest problems by Answer checks"
_ACTION = "drop them, or keep them and name the row that they repeat"


def _notes(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Say how many rows of one prompt differ in their answers, and how many were compared in part."""
    notes, conflicts = [], answer["conflict"][answer["conflict"] != ""]
    if len(conflicts):
        notes.append(
            f"{len(conflicts):,} examples have the same prompt as another and a different answer or "
            "label; the column conflict names their group."
        )
    if cut_rows := answer.attrs.get("cut"):
        notes.append(
            f"{cut_rows:,} examples resemble more than {near_duplicates.MOST} kept ones; each was compared with "
            f"the {near_duplicates.MOST} that share most of its rarest phrases."
        )
    if "beginning_of" in answer and (cut_answers := int(answer["beginning_of"].notna().sum())):
        notes.append(
            f"{cut_answers:,} answers are the beginning of another row's answer, as a cut copy is; they stay, and the "
            "column beginning_of names that row."
        )
    return [*notes, *_flagged(params, answer)]


def _flagged(params: Mapping[str, Any], answer: pd.DataFrame) -> list[str]:
    """Say how many copies stay, where they are only named."""
    copies = int(answer["duplicate_of"].notna().sum()) if params.get("action") == "flag" else 0
    return (
        [f"{copies:,} examples are named as copies and stay; see the column duplicate_of."]
        if copies
        else []
    )


def _similar_notes(
    params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame
) -> list[str]:
    """Say how many rows were not compared, because the model cannot read them."""
    number = int(unreadable(rows).sum())
    left_alone = (
        f"{number:,} of {len(rows):,} examples were not compared: the embedding model does not know "
        f"{UNREADABLE:.0%} or more of their tokens, so their vectors say little. Near duplicates compares their words."
    )
    return [*([left_alone] if number else []), *_flagged(params, answer)]


def unreadable(rows: pd.DataFrame) -> np.ndarray:
    """Rows of whose text the embedding model knows too little for their vectors to mean something."""
    if "tokens_unknown" not in rows:
        return np.zeros(len(rows), dtype=bool)
    return np.asarray(rows["tokens_unknown"].fillna(0.0).to_numpy(dtype=float) >= UNREADABLE)


def compared_within(rows: pd.DataFrame, column: str | None) -> pd.Series | None:
    """A value for each row; only rows with the same are compared by meaning. None compares all.

    A row that the model cannot read has a value of its own.
    """
    alone = unreadable(rows)
    values = None if column is None else as_text(rows[column])
    if not alone.any():
        return values
    values = pd.Series("", index=rows.index) if values is None else values
    return ("_" + values).where(~alone, rows.index.to_series())


@filter("Exact duplicates", makes=_MAKES, notes=_notes, reads=_reads, texts=_TEXTS)
def drop_exact_duplicates(
    rows: pd.DataFrame,
    decisions: Any = None,
    work: Work = AT_ONCE,
    *,
    by: Annotated[By, "what has to be the same"] = "prompt_and_response",
    normalise: Annotated[bool, "case, width and white space outside code do not count"] = True,
    punctuation: Annotated[bool, "punctuation counts; signs such as + and 😀 always do"] = True,
    keep: Annotated[Keep, _KEEP] = "first",
    best_by: Annotated[Column | None, "numbers or dates; the best row by them stays"] = None,
    best: Annotated[Best, "the best by that column: lowest of a date is the oldest"] = "highest",
    action: Annotated[Action, _ACTION] = "drop",
) -> pd.DataFrame:
    """Drop rows that say the same as one that is kept, in everything that a trainer sees.

    What it does:
        Compares the system text, all turns with their roles, calls and reasoning, the tools, the
        images and the label. Case, width and white space do not count outside code.
        `duplicate_group` names the kept row for all rows of a group, `duplicate_of` for those
        dropped. Rows of one prompt that are answered or labelled otherwise stay, and `conflict`
        names their group.
    Why:
        A row that stands twice weighs twice, is learnt by heart, and leaks from train into test.
    Example:
        {prompt: Name a planet., response: Saturn.} → kept
        {prompt: name a  planet., response: saturn.} → dropped
        {prompt: Name a planet., response: Neptune.} → kept
        {prompt: Name a star., response: Sirius.} → kept
    Measured precision:
        Exact by its rule. It drops none of Alpaca's 52,002 rows and LIMA's 1,029, 1 of 2,000 rows
        of Dolly and 2 of 7,673 of GPTeacher's toolformer set.
    Source:
        Lee et al. 2022 on the harm of duplicates; the folding is this project's.
    """
    compared = exactly(rows, by, normalise, punctuation, work)
    order = preference(rows, keep, best_by, best)
    return _columns(rows, compared, order, 1.0, decisions, by, action)


@filter(
    "Near duplicates",
    makes=(*_MAKES, "beginning_of"),
    slow=True,
    notes=_notes,
    reads=_reads,
    texts=(*_TEXTS, "response"),
)
def drop_near_duplicates(
    rows: pd.DataFrame,
    progress: Progress,
    decisions: Any = None,
    work: Work = AT_ONCE,
    *,
    similarity: Annotated[
        float, "Jaccard similarity from which two texts are the same", Range(0.3, 1.0, 0.01)
    ] = 0.8,
    by: Annotated[By, "what has to be alike; prompt_and_response is each of the two"] = (
        "prompt_and_response"
    ),
    keep: Annotated[Keep, _KEEP] = "first",
    best_by: Annotated[Column | None, "numbers or dates; the best row by them stays"] = None,
    best: Annotated[Best, "the best by that column: lowest of a date is the oldest"] = "highest",
    action: Annotated[Action, _ACTION] = "drop",
) -> pd.DataFrame:
    """Drop rows that are nearly the same as one that is kept.

    What it does:
        Compares texts by their shingles of five words and signs (six characters in scripts without
        spaces); prompt and answer must both reach the threshold. A row goes only when it is that
        near to a row that is kept, and `similarity` says how near, on the less similar side. Three
        rows or more that fill one template with different words stay. Texts that are alike and
        labelled otherwise stay, and so do rows of one prompt, or of nearly the same one with the same
        numbers, that are answered otherwise; `conflict` names their group. An answer that is the beginning
        of another row's stays, and `beginning_of` names that row. Pairs down to 0.6 are
        remembered, so that another `similarity` takes moments. The result is the same for any order of rows.
    Why:
        Near copies cost training time, weigh double, and leak from train into test.
    Example:
        {prompt: Tell me how to boil an egg on a gas stove at home.} → kept
        {prompt: Please tell me how to boil an egg on a gas stove at home.} → dropped
        {prompt: Tell me how to fry an egg on a gas stove at home.} → kept
    Measured precision:
        GPTeacher's toolformer set, 7,673 rows: at 0.9 it drops 134 and at 0.7 154, all of which the
        author's own deduplication dropped too. The author dropped 22.6 % and 54.7 % of all: rows of
        one template with other words, which stay here, among them. 4,076 pairs of sentences of the
        MSR paraphrase corpus: at 0.8 all 16 pairs that are alike are paraphrases, at 0.5 190 of 216
        (88.0 %).
    Source:
        Prefix filtering (Chaudhuri et al. 2006), which misses no pair. One exception: a row that
        resembles more than 100 kept rows is compared with the 100 that share most of its rarest
        shingles, and the step says so.
    """
    compared = nearly(rows, by, similarity, work, progress)
    order = preference(rows, keep, best_by, best)
    answer = _columns(rows, compared, order, similarity, decisions, by, action)
    return answer.assign(beginning_of=_beginning_of(rows[answer["keep"]]).reindex(rows.index))


@filter(
    "Similar meanings",
    makes=_MAKES[:3],
    slow=True,
    notes=_similar_notes,
    reads=_reads,
    texts=("messages",),
)
def drop_similar(
    rows: pd.DataFrame,
    vectors: Vectors,
    neighbours: Any,
    decisions: Any = None,
    *,
    similarity: Annotated[
        float, "cosine from which two meanings are the same", Range(0.5, 1.0, 0.01)
    ] = 0.97,
    within: Annotated[
        Column | None,
        "compare only rows with the same value of this column; empty compares all",
    ] = _LABEL,
    compare: Annotated[
        Compare,
        "neighbours finds every pair; nearest only those of which each is the other's nearest; clusters "
        "compares inside groups by k-means, for very many rows",
    ] = "neighbours",
    keep: Annotated[Keep, _KEEP] = "first",
    best_by: Annotated[Column | None, "numbers or dates; the best row by them stays"] = None,
    best: Annotated[Best, "the best by that column: lowest of a date is the oldest"] = "highest",
    action: Annotated[Action, _ACTION] = "drop",
) -> pd.DataFrame:
    """Drop rows that mean nearly the same as one that is kept, also in other words.

    What it does:
        Compares the embeddings. A row goes only when its cosine to a kept row reaches
        `similarity`; the reason names the row and the cosine. Rows with different labels are not
        compared, unless `within` names another column or none. `compare: clusters` looks inside of
        clusters of some 1,000 rows only. `compare: nearest` takes two rows only when each is the
        other's nearest, so that a low `similarity` finds rewordings; many pairs there ask
        different things, so look at them on the Duplicates page and keep both where they do. Rows
        of which the model does not know a tenth of the tokens lie near to each other whatever they
        say: they are left alone, and the step says how many. Needs embeddings.
    Why:
        Rows of one meaning weigh double and take the places of others, though no words repeat.
    Example:
        with: {similarity: 0.9}
        {prompt: "How do I bake bread at home?"} → kept
        {prompt: "How can I bake bread at home?"} → dropped
        {prompt: "How do I boil an egg?"} → kept
    Measured precision:
        4,076 pairs of sentences of the MSR paraphrase corpus, by the bundled model: of the 226 pairs
        at 0.97 and more 96.9 % are paraphrases, of 1,093 at 0.9 88.1 %. 48 prompts and the same in
        other words, among 3,125 of LIMA and Dolly, embedded alone: at 0.65 `nearest` finds 40, with
        202 other pairs to look at, and `neighbours` 41, with 772.
    Source:
        SemDeDup (Abbas et al. 2023), with the nearest neighbours of each row instead of the pairs of
        one cluster; rows that are near to 50 others are compared with all that stay.
    """
    of_column = compared_within(rows, within)
    if _PART in rows:  # all pairs inside the parts are those that were found among more rows
        compare, part = "neighbours", rows[_PART]
        of_column = part if of_column is None else part + of_column
    compared = similarly(without_gaps(vectors), neighbours, of_column, compare, similarity)
    order = preference(rows, keep, best_by, best)
    by: By = "prompt_and_response"
    answer = _columns(rows, compared, order, similarity, decisions, by, action)
    if compare != "neighbours":
        parts = parts_of(compared.nearby)
        answer[_PART] = pd.Series([f"{part} " for part in parts], index=rows.index, dtype="str")
    return answer.drop(columns="conflict")


def _columns(
    rows: pd.DataFrame,
    compared: Compared,
    order: np.ndarray,
    threshold: float,
    decisions: Any,
    by: By,
    action: Action,
) -> pd.DataFrame:
    """The groups of a threshold as columns."""
    order = people_first(order, rows.index, decisions)
    kept = compared.cut(order, threshold, apart_pairs(rows.index, decisions), every=True)
    groups = compared.conflicts(kept, threshold, by != "prompt")
    leader, own = kept.leader, np.arange(len(rows))
    dropped = leader != own
    grouped = np.isin(own, leader[dropped]) | dropped
    ids = rows.index.astype("str").array
    conflict = _at(ids, groups, groups >= 0)
    texts = {
        "reason": _reasons(rows, ids, kept, dropped, groups >= 0),
        "duplicate_group": _at(ids, leader, grouped),
        "duplicate_of": _at(ids, leader, dropped),
        "conflict": conflict.fillna(""),
        "duplicate_of_all": pd.Series(_listed(ids, kept.near), dtype="str"),
    }
    similarity = np.where(dropped, kept.similarity, np.nan)
    answer = pd.DataFrame(
        {"keep": ~dropped | (action == "flag"), **texts, "similarity": similarity}
    )
    answer.index = rows.index
    if kept.cut:
        answer.attrs["cut"] = kept.cut
    return answer


def _at(ids: Any, positions: np.ndarray, some: np.ndarray) -> pd.Series:
    """The ids at some positions, missing where a mask is false."""
    return pd.Series(ids.take(np.where(some, positions, -1), allow_fill=True), dtype="str")


def _reasons(
    rows: pd.DataFrame, ids: Any, kept: Kept, dropped: np.ndarray, otherwise: np.ndarray
) -> pd.Series:
    """Why each row is dropped; empty for one that is not. otherwise: rows that are answered otherwise."""
    places = np.flatnonzero(dropped)
    heads = kept.leader[places]
    labels = [rows["label"].iloc[some].tolist() for some in (places, heads)]
    reasons = np.full(len(rows), "", dtype=object)
    reasons[places] = [
        f"duplicate of {head} (similarity {near:.2f}){_disagreement(label, kept_label, other)}"
        for head, near, label, kept_label, other in zip(
            ids[heads].tolist(),
            kept.similarity[places].tolist(),
            *labels,
            otherwise[places].tolist(),
            strict=True,
        )
    ]
    return pd.Series(reasons, dtype="str")


def _disagreement(label: Any, kept_label: Any, otherwise: bool) -> str:
    if isinstance(label, str) and isinstance(kept_label, str) and label != kept_label:
        return f"; but the labels disagree: {label} here, {kept_label} there"
    return "; but it is answered otherwise" if otherwise else ""


def _beginning_of(rows: pd.DataFrame) -> pd.Series:
    """The id of the row whose answer goes on after that of each of some rows, missing for none."""
    longer = beginnings(rows["response"].fillna("").tolist())
    ids = np.full(len(rows), None, dtype=object)
    ids[longer >= 0] = rows.index.to_numpy()[longer[longer >= 0]]
    return pd.Series(ids, index=rows.index, dtype="str")


def _listed(ids: Any, near: np.ndarray) -> np.ndarray:
    """For each row the ids of all rows that are near to it and stay, by spaces; None for none."""
    lists = np.full(len(ids), None, dtype=object)
    rows, starts = np.unique(near[:, 0], return_index=True)
    named = np.asarray(ids[near[:, 1]], dtype=object)
    for row, others in zip(rows.tolist(), np.split(named, starts[1:]), strict=False):
        lists[row] = " ".join(sorted(others.tolist()))
    return lists

"""Exact duplicates, near duplicates, and rows of one prompt with different answers.

Guarantee: the result is the same for any order of rows. Accepted: a row that resembles very many kept
rows is compared with the likeliest of them only, and the step says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from curation.alike import (
    Example,
    Part,
    examples,
    near_duplicates,
    nearest_kept,
    nearest_vectors,
    same,
    side,
)
from curation.columns import as_text
from curation.dataset import Progress, part_of
from curation.registry import Column, Range, filter

By = Literal["prompt_and_response", "prompt", "response"]
Keep = Literal["first", "longest"]

_LABEL = Column("label")
_MAKES = ("duplicate_group", "duplicate_of", "similarity", "conflict")


def _notes(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Say how many rows of one prompt differ in their answers, and how many were compared in part."""
    notes, conflicts = [], answer["conflict"][answer["conflict"] != ""]
    if len(conflicts):
        notes.append(
            f"{len(conflicts):,} examples have the same prompt as another and a different answer or "
            "label; the column conflict names their group."
        )
    if cut := answer.attrs.get("cut"):
        notes.append(
            f"{cut:,} examples resemble more than {near_duplicates.MOST} kept ones; each was compared with "
            f"the {near_duplicates.MOST} that share most of its rarest phrases."
        )
    return notes


@filter("Exact duplicates", makes=_MAKES, notes=_notes)
def drop_exact_duplicates(
    rows: pd.DataFrame,
    *,
    by: Annotated[By, "what has to be the same"] = "prompt_and_response",
    normalise: Annotated[bool, "case, width and white space outside code do not count"] = True,
    punctuation: Annotated[bool, "punctuation counts; signs such as + and 😀 always do"] = True,
    keep: Annotated[Keep, "which of a group stays"] = "first",
    best_by: Annotated[Column | None, "a number; the row with the highest stays"] = None,
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
    sides = examples(rows)
    prompts = [same(e.prompt, normalise, punctuation) for e in sides]
    answers = [same(e.answer, normalise, punctuation) for e in sides]
    if by == "prompt":
        keys: Sequence[object] = prompts
    elif by == "response":
        keys = [same(_answer(e), normalise, punctuation) for e in sides]
    else:
        keys = list(zip(prompts, answers, strict=True))
    leader = np.arange(len(rows))
    first: dict[object, int] = {}
    for i in _order(rows, keep, best_by):
        if keys[i]:  # a row without text on the compared side equals no other
            leader[i] = first.setdefault(keys[i], int(i))
    conflict = _conflicts(rows, prompts, answers, leader, [])
    return _columns(rows, leader, np.ones(len(rows)), conflict)


@filter("Near duplicates", makes=_MAKES, slow=True, notes=_notes)
def drop_near_duplicates(
    rows: pd.DataFrame,
    progress: Progress,
    *,
    similarity: Annotated[
        float, "Jaccard similarity from which two texts are the same", Range(0.3, 1.0, 0.01)
    ] = 0.8,
    by: Annotated[By, "what has to be alike; prompt_and_response is each of the two"] = (
        "prompt_and_response"
    ),
    keep: Annotated[Keep, "which of a group stays; the longest is seldom a cut one"] = "first",
    best_by: Annotated[Column | None, "a number; the row with the highest stays"] = None,
) -> pd.DataFrame:
    """Drop rows that are nearly the same as one that is kept.

    What it does:
        Compares texts by their shingles of five words and signs (six characters in scripts without
        spaces); prompt and answer must both reach the threshold. A row goes only when it is that
        near to a row that is kept, and `similarity` says how near, on the less similar side. Three
        rows or more that fill one template with different words stay. Texts that are alike and
        labelled otherwise stay, and so do rows of one prompt that are answered otherwise;
        `conflict` names their group. The result is the same for any order of rows.
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
    sides = examples(rows)
    chosen: list[list[np.ndarray]] = [[] for _ in range(2 if by == "prompt_and_response" else 1)]
    for i, example in enumerate(sides):
        for sets, parts in zip(chosen, _compared(example, by), strict=True):
            sets.append(side(parts))
        if i % 5_000 == 0:
            progress(0.5 * i / len(sides), f"{i:,} of {len(sides):,} read")
    labelled = None
    if by == "prompt_and_response":
        labelled = np.array([_only_labelled(e) for e in sides], dtype=bool)
    order = _order(rows, keep, best_by)
    near = nearest_kept(
        chosen, order, similarity, lambda share, text: progress(0.5 + share / 2, text), labelled
    )
    prompts = [same(e.prompt, True, False) for e in sides]
    answers = [same(e.answer, True, False) for e in sides]
    conflict = _conflicts(
        rows, prompts, answers if by == "prompt" else [], near.leader, near.rivals
    )
    columns = _columns(rows, near.leader, near.similarity, conflict)
    if near.cut:
        columns.attrs["cut"] = near.cut
    return columns


@filter("Similar meanings", makes=("duplicate_group", "duplicate_of", "similarity"), slow=True)
def drop_similar(
    rows: pd.DataFrame,
    vectors: np.ndarray,
    progress: Progress,
    *,
    similarity: Annotated[
        float, "cosine from which two meanings are the same", Range(0.5, 1.0, 0.01)
    ] = 0.97,
    within: Annotated[
        Column | None,
        "compare only rows with the same value of this column; empty compares all",
    ] = _LABEL,
    keep: Annotated[Keep, "which of a group stays"] = "first",
    best_by: Annotated[Column | None, "a number; the row with the highest stays"] = None,
) -> pd.DataFrame:
    """Drop rows that mean nearly the same as one that is kept, also in other words.

    What it does:
        Compares the embeddings. A row goes only when its cosine to a kept row reaches
        `similarity`; the reason names the nearest of these and the cosine. Rows with different
        labels are not compared, unless `within` names another column or none. Needs embeddings.
    Why:
        Rows of one meaning weigh double and take the places of others, though no words repeat.
    Example:
        with: {similarity: 0.9}
        {prompt: "How do I bake bread at home?"} → kept
        {prompt: "How can I bake bread at home?"} → dropped
        {prompt: "How do I boil an egg?"} → kept
    Measured precision:
        4,076 pairs of sentences of the MSR paraphrase corpus, by the bundled model: of the 226 pairs
        at 0.97 and more 96.9 % are paraphrases, of 1,093 at 0.9 88.1 %.
    Source:
        SemDeDup (Abbas et al. 2023), with every pair compared instead of those in one cluster.
    """
    order = _order(rows, keep, best_by)
    leader, cosine = np.arange(len(rows)), np.ones(len(rows))
    values = [""] * len(rows) if within is None else as_text(rows[within])
    parts = pd.Series(range(len(rows))).groupby(np.asarray(values)[order]).groups
    for n, places in enumerate(parts.values()):
        part = order[np.asarray(places)]
        ahead, near = nearest_vectors(vectors, part, similarity, part_of(progress, n, len(parts)))
        leader[part], cosine[part] = ahead[part], near[part]
    return _columns(rows, leader, cosine, [""] * len(rows)).drop(columns="conflict")


def _only_labelled(example: Example) -> bool:
    return len(example.answer) == 1 and example.answer[0][0] == "label"


def _answer(example: Example) -> tuple[Part, ...]:
    """The side of the answer; for a text without an answer, the text and its label."""
    if any(role == "assistant" for role, _ in example.answer):
        return example.answer
    return (*example.prompt, *example.answer)


def _compared(example: Example, by: By) -> tuple[tuple[Part, ...], ...]:
    if by == "prompt":
        return (example.prompt,)
    return (_answer(example),) if by == "response" else (example.prompt, example.answer)


def _order(rows: pd.DataFrame, keep: str, best_by: str | None) -> np.ndarray:
    """Positions of the rows, the best to keep first; the order of the rows does not matter."""
    sort_keys: list[np.ndarray] = [
        rows.index.to_numpy().astype(str),
        rows["source_row"].to_numpy(),
        rows["source"].astype(str).to_numpy(),
    ]
    if keep == "longest":
        sort_keys.append(-rows["messages"].str.len().to_numpy())
    if best_by is not None:
        number = pd.to_numeric(rows[best_by], errors="coerce").astype(float)
        sort_keys.append(-number.fillna(-np.inf).to_numpy())
    return np.lexsort(sort_keys)


def _conflicts(
    rows: pd.DataFrame,
    prompts: Sequence[str],
    answers: Sequence[str],
    leader: np.ndarray,
    rivals: Iterable[tuple[int, int]],
) -> list[str]:
    """The least id of the rows with the same prompt and a different answer, for each row; or "".

    answers: digests that tell a dropped row's answer from the kept one's; empty where none can differ.
    """
    from scipy.cluster.hierarchy import DisjointSet

    ids = rows.index.astype(str).tolist()
    pairs = list(rivals)
    first: dict[str, int] = {}
    for i, key in enumerate(prompts):
        head = int(leader[i])
        if head != i:
            if answers and answers[i] != answers[head] and prompts[i]:
                pairs.append((i, head))
        elif key:
            pairs.append((i, first.setdefault(key, i)))
    groups = DisjointSet({i for pair in pairs if pair[0] != pair[1] for i in pair})
    for i, j in pairs:
        if i != j:
            groups.merge(i, j)
    group = {i: min(ids[j] for j in members) for members in groups.subsets() for i in members}
    return [group.get(i, "") for i in range(len(ids))]


def _columns(
    rows: pd.DataFrame,
    leader: np.ndarray,
    similarity: np.ndarray,
    conflict: list[str],
) -> pd.DataFrame:
    """The groups as columns. `leader[i]` is the position of the row that is kept for row i."""
    ids = rows.index.to_numpy()
    own = np.arange(len(rows))
    dropped = leader != own
    grouped = np.isin(own, leader[dropped]) | dropped
    labels = rows["label"].to_numpy()
    reasons = [""] * len(rows)
    for i in np.flatnonzero(dropped):
        head = leader[i]
        reasons[i] = f"duplicate of {ids[head]} (similarity {similarity[i]:.2f})"
        label, kept_label = labels[i], labels[head]
        if isinstance(label, str) and isinstance(kept_label, str) and label != kept_label:
            reasons[i] += f"; but the labels disagree: {label} here, {kept_label} there"
        elif conflict[i]:
            reasons[i] += "; but it is answered otherwise"
    texts = {
        "reason": pd.Series(reasons, dtype="str"),
        "duplicate_group": pd.Series(np.where(grouped, ids[leader], None), dtype="str"),
        "duplicate_of": pd.Series(np.where(dropped, ids[leader], None), dtype="str"),
        "conflict": pd.Series(conflict, dtype="str"),
    }
    return pd.DataFrame(
        {"keep": ~dropped, **texts, "similarity": np.where(dropped, similarity, np.nan)}
    ).set_axis(rows.index)

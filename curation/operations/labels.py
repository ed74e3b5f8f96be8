"""Labels of examples: how they fit their texts, how they are learnt, and a filter of wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import numpy as np
import pandas as pd

from curation.dataset import Progress
from curation.label_errors import (
    given_label_by_epoch,
    held_out_probabilities,
    judged,
    stratified_folds,
)
from curation.registry import Range, filter, score
from curation.vectors import Vectors

MOST = 500
"""Labels that can be told apart. With more the probabilities of 50,000 rows take gigabytes."""


class Labelled(Protocol):
    """The part of people's decisions that is read; `curation.decisions.State` has it."""

    @property
    def labels(self) -> Mapping[str, object]:
        """Example → the newest label that a person gave it."""

    def fingerprint(self, kinds: tuple[str, ...]) -> str:
        """Equal for equal decisions of those kinds."""


def _reads(params: Mapping[str, Any], decisions: Labelled | None) -> str:
    return "" if decisions is None else decisions.fingerprint(("label",))


def _comparable(labels: pd.Series) -> np.ndarray:
    """Return True for rows whose label another row has too, where there are two such labels."""
    sizes = labels.map(labels.value_counts()).fillna(0).to_numpy(dtype=int)
    comparable = sizes >= 2
    count = labels[comparable].nunique()
    return comparable if 2 <= count <= MOST else np.zeros(len(labels), dtype=bool)


def _notes(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Say which labels were not measured, and why."""
    labels = rows["label"].dropna()
    sizes = labels.value_counts()
    single = sorted(sizes.index[sizes == 1])
    if len(labels) == 0:
        return ["No example has a label, so nothing was measured."] if len(rows) else []
    if len(sizes) - len(single) < 2:
        return ["Fewer than two labels have two examples, so there is nothing to compare."]
    if len(sizes) - len(single) > MOST:
        return [f"There are more than {MOST} labels, too many to tell apart; nothing was measured."]
    names = ", ".join(repr(name[:40]) for name in single[:5]) + (" …" if len(single) > 5 else "")
    return [f"Labels with a single example were not measured: {names}."] if single else []


@score(
    "Label quality",
    makes=("label_quality", "suggested_label", "wrong_label"),
    slow=True,
    reads=_reads,
    notes=_notes,
    texts=(),
)
def label_quality(
    rows: pd.DataFrame,
    vectors: Vectors,
    decisions: Labelled | None,
    progress: Progress,
    *,
    folds: Annotated[
        int, "parts of the data; each is judged by a model of all others", Range(2, 20)
    ] = 5,
    strict: Annotated[bool, "name fewer labels, on which two ways to estimate agree"] = False,
) -> pd.DataFrame:
    """Score how well each label fits its text, and name the labels that are probably wrong.

    What it does:
        Fits a logistic regression to the vectors of four fifths of the labelled rows and asks it
        about the last fifth, five times. `label_quality` is the probability of the given label,
        `suggested_label` the most probable one. Confident learning estimates how many labels are
        wrong and names them in `wrong_label`; with `strict` a label has to be among the worst of its
        class as well. A label that a person gave is never called wrong.
        Rows without a label, and labels that a single row has, are not measured. Needs embeddings.
    Why:
        A wrong label teaches the opposite of what is meant, and the methods that look for rare rows
        find wrong ones first.
    Example:
        {prompt: Bake the bread for an hour., label: food} → {wrong_label: false}
        {prompt: Bake the rolls for an hour., label: food} → {wrong_label: false}
        {prompt: Bake the cake for an hour., label: food} → {wrong_label: false}
        {prompt: Bake the pie for an hour., label: space} → {wrong_label: true, suggested_label: food}
        {prompt: The planet has two moons., label: space} → {wrong_label: false}
        {prompt: The planet has nine moons., label: space} → {wrong_label: false}
        {prompt: The planet has a small moon., label: space} → {wrong_label: false}
    Measured precision:
        3,000 texts of each set, a fifth of the labels exchanged by chance. AG News, 4 labels: 73.6 %
        of the named labels are wrong, 89.1 % of the wrong ones are named, and 8.5 % of the others.
        CLINC, 30 labels: 95.2 %, 88.7 % and 1.2 %. Chinese titles (THUCNews, 10 labels), which the
        bundled English model hardly understands: 41.2 %, 77.2 % and 29.4 %. Published probabilities
        of 20 newsgroups: 95 labels are named, among them 55 of the 82 that people called wrong.
    Source:
        Confident learning (Northcutt et al. 2021), by cleanlab.
    """
    quality = np.full(len(rows), np.nan)
    wrong = pd.array([None] * len(rows), dtype="boolean")
    suggested = np.full(len(rows), None, dtype=object)
    measured = _comparable(rows["label"])
    if measured.any():
        ids = rows.index[measured].astype(str).tolist()
        names, labels = np.unique(rows["label"][measured].to_numpy(dtype=str), return_inverse=True)
        fold_numbers = stratified_folds(ids, labels, folds)
        some = Vectors.of(vectors).of_rows(np.flatnonzero(measured))
        probabilities = held_out_probabilities(some, labels, fold_numbers, progress)
        answer = judged(probabilities, labels, strict)
        by_person = np.isin(ids, [] if decisions is None else list(decisions.labels))
        quality[measured] = answer.quality
        suggested[measured] = names[answer.suggested]
        wrong[measured] = answer.wrong & ~by_person
    return pd.DataFrame(
        {
            "label_quality": quality,
            "suggested_label": pd.Series(suggested, index=rows.index, dtype="str"),
            "wrong_label": wrong,
        },
        index=rows.index,
    )


def _share_wrong(rows: pd.DataFrame) -> float:
    """The share of the measured labels that look wrong."""
    wrong = rows["wrong_label"].dropna()
    return float(wrong.mean()) if len(wrong) else 0.0


def _spared(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Say that too many labels look wrong to drop any."""
    if (share := _share_wrong(rows)) <= params["most"]:
        return []
    return [
        f"{share:.0%} of the labels look wrong, so none was dropped: the embeddings may not tell the "
        "labels apart. Look at some; if they are wrong, raise “most”."
    ]


@filter("Drop wrong labels", needs=("wrong_label", "suggested_label"), notes=_spared, texts=())
def drop_wrong_labels(
    rows: pd.DataFrame,
    *,
    most: Annotated[
        float, "drop none where a larger share of the labels looks wrong", Range(0, 1, 0.01)
    ] = 0.28,
) -> pd.DataFrame:
    """Drop rows whose label is probably wrong.

    What it does:
        Reads the columns of Label quality. The reason names the given and the suggested label. A
        label that a person gave stays. Where more than `most` of the labels look wrong nothing is
        dropped and a note says so.
    Why:
        Leaving the row out teaches as much as correcting its label, and needs nobody's time. But
        embeddings that do not understand the language call right labels wrong.
    Example:
        with: {most: 0.5}
        {label: space, suggested_label: food, wrong_label: true} → dropped
        {label: food, suggested_label: food, wrong_label: false} → kept
    Measured precision:
        It drops what label_quality names: of 3,000 texts of AG News 764, of which 562 had a wrong
        label; of CLINC 588, of which 560 had. With 20 % of the labels exchanged 19 to 26 % look
        wrong. Of Chinese titles by the bundled English model 30 % look wrong when none is, and a
        classifier of what is left loses 0.036 of macro-F1: hence the limit of 28 %.
    Source:
        Confident learning (Northcutt et al. 2021), by cleanlab.
    """
    wrong = rows["wrong_label"].fillna(False).to_numpy(dtype=bool)
    if _share_wrong(rows) > most:
        wrong = np.zeros(len(rows), dtype=bool)
    reasons = [
        f"labelled {given!r}, but {suggested!r} fits better"
        for given, suggested in zip(rows["label"], rows["suggested_label"], strict=True)
    ]
    return pd.DataFrame({"keep": ~wrong, "reason": pd.Series(reasons, dtype="str")}).set_axis(
        rows.index
    )


@score("Training dynamics", makes=("confidence", "variability"), slow=True, notes=_notes)
def training_dynamics(
    rows: pd.DataFrame,
    vectors: Vectors,
    progress: Progress,
    *,
    epochs: Annotated[int, "times that the model sees all rows", Range(2, 100)] = 10,
) -> pd.DataFrame:
    """Score how surely and how steadily a small model learns each example's label.

    What it does:
        Trains a softmax layer on the vectors of all labelled rows, by Adam in batches of 32.
        `confidence` is the mean over the epochs of the probability of the given label,
        `variability` its standard deviation. Rows without a label, and labels that a single row
        has, are not measured. Needs embeddings.
    Why:
        Rows of low confidence are hard or have a wrong label. Rows of high variability are those
        from which a model learns while it trains.
    Example:
        {prompt: Bake the bread for an hour., label: food} → {confidence: 0.65}
        {prompt: Bake the rolls for an hour., label: food} → {confidence: 0.64}
        {prompt: Bake the pie for an hour., label: space} → {confidence: 0.54}
        {prompt: The planet has two moons., label: space} → {confidence: 0.76}
        {prompt: The planet has nine moons., label: space} → {confidence: 0.77}
    Measured precision:
        3,000 texts of each set, a fifth of the labels exchanged by chance: low confidence tells wrong
        labels from right ones with a ROC AUC of 0.966 (AG News) and 1.000 (CLINC); `label_quality`
        0.962 and 1.000. Low variability is weaker (0.799 and 0.990).
    Source:
        Dataset Cartography (Swayamdipta et al. 2020), on vectors instead of a whole model.
    """
    confidence, variability = (np.full(len(rows), np.nan) for _ in range(2))
    measured = _comparable(rows["label"])
    if measured.any():
        labels = np.unique(rows["label"][measured].to_numpy(dtype=str), return_inverse=True)[1]
        some = Vectors.of(vectors).of_rows(np.flatnonzero(measured))
        given = given_label_by_epoch(some, labels, epochs, progress)
        confidence[measured], variability[measured] = given.mean(axis=0), given.std(axis=0)
    return pd.DataFrame({"confidence": confidence, "variability": variability}, index=rows.index)

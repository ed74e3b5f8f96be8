"""The test set: taken out first, before anything is chosen, with all that resembles it.

Guarantee: no example of the test or validation set, no copy of one by the words of its prompt (see
`curation.alike.pairs`), and none of its conversation is in the pool that arms choose from.
Accepted: a paraphrase is not recognised as a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from curation.alike.pairs import Texts, word_copies
from curation.dataset import Progress, silent
from curation.errors import CurationError
from curation.operations.split import split
from curation.parameters import Column
from curation.recipe import Recipe
from curation.training.learners import Task
from curation.training.plan import Plan, given_column

LEAST, SMALL = 20, 200
"""A test set below the first number is refused; below the second its intervals are wide."""


@dataclass(frozen=True)
class Holdout:
    """Ids of the test and validation set, and of the pool from which arms choose.

    copies: number of examples that were taken out of the pool because they resemble a test or
    validation example. classes: names of the labels, for classification. warnings: sentences.
    """

    task: Task
    test: tuple[str, ...]
    validation: tuple[str, ...]
    pool: tuple[str, ...]
    copies: int
    classes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def text(self) -> str:
        """A sentence on the sizes of the sets and the copies taken out."""
        copies = (
            "no other example has nearly the same words as one of them"
            if not self.copies
            else f"{self.copies:,} with nearly the same words as one of them were taken out of the pool"
        )
        return (
            f"{len(self.test):,} examples to test on and {len(self.validation):,} to stop by were "
            f"taken out first; {copies}, in which {len(self.pool):,} are left."
        )


def usable(rows: pd.DataFrame, task: Task) -> np.ndarray:
    """A mask of the rows that a learner of a task can read, (rows,)."""
    sound = (rows["attention"].fillna("") == "").to_numpy()
    if task == "classification":
        labelled = (rows["label"].notna() & (rows["label"] != "")).to_numpy()
        texts = (rows["prompt"].fillna("").str.strip() != "").to_numpy()
        return np.asarray(labelled & texts & sound)
    answers = (rows["response"].fillna("").str.strip() != "").to_numpy()
    return np.asarray(answers & sound)


def hold_out(
    imported: pd.DataFrame, decided: pd.DataFrame, plan: Plan, progress: Progress = silent
) -> Holdout:
    """Take a test and a validation set out of the examples.

    imported: the rows as imported, all of them. decided: the same rows with people's decisions; the
    test set has their labels and edits, and no row that they dropped. Raises CurationError where
    what is left could show nothing.
    """
    task = plan.task
    of_imported, of_decided = usable(imported, task), usable(decided, task)
    rows = decided[of_imported | of_decided]
    if rows.empty:
        what = "a label" if task == "classification" else "an answer"
        raise CurationError(f"No example has {what} to learn from; import some first.")
    classes = _classes(rows, task)
    progress(0.1, "Taking the test set out")
    names = pd.Series(_splits(rows, plan), index=rows.index)
    fit_to_ask = rows.index.isin(decided.index[of_decided & decided["dropped_by"].isna()])
    test, validation = (
        rows.index[(names == name).to_numpy() & fit_to_ask] for name in ("test", "validation")
    )
    warnings = [*_checked_size(rows.loc[test], task, classes), *_delivered_test(rows, plan)]
    progress(0.3, "Looking for copies of the test set")
    trained = (names.reindex(imported.index) == "train").to_numpy()
    away = [*test, *validation]
    texts = [*rows.loc[away, "prompt"], *imported.loc[away, "prompt"]]
    either = pd.concat([part.loc[trained, "prompt"] for part in (imported, decided)])
    near = either.index[_copies(either, texts)].unique()
    pool = imported[trained & ~imported.index.isin(near)]
    progress(1.0, "The test set is out")
    if len(pool) < 2:
        raise CurationError("Nothing is left to choose from beside the test set; import more.")
    labels = {*classes, *imported.loc[pool.index, "label"].dropna()} if classes else set()
    return Holdout(
        task,
        tuple(test),
        tuple(validation),
        tuple(pool.index),
        len(near),
        tuple(sorted(map(str, labels))),
        tuple(warnings),
    )


def _classes(rows: pd.DataFrame, task: Task) -> list[str]:
    if task != "classification":
        return []
    classes = sorted(rows["label"].astype(str).unique())
    if len(classes) < 2:
        raise CurationError(
            f"All examples have the label {classes[0]!r}; there is nothing to tell apart."
        )
    if len(classes) > len(rows) / 3:
        raise CurationError(
            f"There are {len(classes):,} labels for {len(rows):,} examples, fewer than three each; "
            "is the column that became the label the right one?"
        )
    return classes


def _splits(rows: pd.DataFrame, plan: Plan) -> np.ndarray:
    """train, validation or test for each row; rows that belong together are in one of them."""
    stratify = Column("label") if plan.task == "classification" else None
    if plan.test == "share":
        return _placed(
            rows,
            validation=plan.validation_share,
            test=plan.test_share,
            stratify=stratify,
            seed=plan.split_seed,
        )
    given = given_column(rows)
    if given is None:
        raise CurationError(
            "No example's file calls it test: there is no given test set. Take a share instead."
        )
    names = _placed(rows, validation=0, test=0, given=Column(given))
    train = names == "train"
    if not (names == "validation").any():
        names[train] = _placed(
            rows[train],
            validation=plan.validation_share,
            test=0,
            stratify=stratify,
            seed=plan.split_seed,
        )
    return names


def _checked_size(test: pd.DataFrame, task: Task, classes: Sequence[str]) -> list[str]:
    if len(test) < LEAST:
        raise CurationError(
            f"The test set would have {len(test):,} examples; below {LEAST} no interval means "
            "anything. Import more, or give it a larger share."
        )
    warnings = []
    if len(test) < SMALL:
        warnings.append(
            f"The test set has {len(test):,} examples: only large differences can be shown by it."
        )
    if task == "classification":
        counts = test["label"].astype(str).value_counts()
        rare = [name for name in classes if counts.get(name, 0) < 5]
        if rare:
            shown = ", ".join(rare[:5]) + (" …" if len(rare) > 5 else "")
            warnings.append(
                f"{len(rare):,} labels have fewer than 5 test examples ({shown}): their recall is a guess."
            )
    return warnings


def _delivered_test(rows: pd.DataFrame, plan: Plan) -> list[str]:
    """A warning where the recipe's own split would put the files' test examples elsewhere."""
    if plan.test != "given":
        return []
    given, steps = given_column(rows), Recipe.from_yaml(plan.recipe).steps
    splits = [step for step in steps if step.enabled and step.operation.kind == "split"]
    if all(step.arguments.get("given") == given for step in splits):
        return []
    return [
        "The recipe's split ignores which examples the files call test, so a delivery would have some of "
        f"them to train on: give that step `given: {given}`."
    ]


def _placed(rows: pd.DataFrame, **params: Any) -> np.ndarray:
    """The split of each row; copies of the test set are taken out of the pool afterwards."""
    return np.array(split(rows, copies=False, **params)["split"], dtype=object)


def _copies(texts: pd.Series, out: Sequence[str]) -> np.ndarray:
    """A mask of the texts that are nearly one of those that were taken out.

    By words, and by characters where a text is so short that one other word changes most shingles.
    """
    every = Texts(pd.Series([*texts.fillna(""), *out], dtype="str"))
    pool = np.arange(len(every)) < len(texts)
    near = np.zeros(len(every), dtype=bool)
    for pairs in word_copies(every, pool, ~pool):
        near[every.codes[pairs.first]] = near[every.codes[pairs.second]] = True
    return np.asarray(near[every.codes[: len(texts)]])

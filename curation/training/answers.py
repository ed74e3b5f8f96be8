"""Tables about the answers of a fit: which classes and regions fail, and what to collect.

Each function takes the answers of one fit, as `Run.answers` gives them, and returns a table. Regions
are the values of any column of the dataset, such as its topics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from curation.columns import as_text
from curation.dataset import Dataset
from curation.embedding.neighbours import nearest_in
from curation.runs import Run
from curation.training.metrics import calibration, length_bins
from curation.training.picture import Dot, Sign

NEAR = 5
"""Training rows that are listed for a failing example."""


def main_fit(verdict: Mapping[str, Any], fits: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the fit that details are shown of: first arm, greatest budget, first seed."""
    order = {
        arm: number for number, arm in enumerate(dict.fromkeys(a["arm"] for a in verdict["arms"]))
    }
    return min(
        fits,
        key=lambda fit: (order.get(fit["arm"], len(order)), -(fit["budget"] or 0), fit["seed"]),
        default=None,
    )


def fit_words(fit: Mapping[str, Any]) -> str:
    """Return a fit's arm, budget and seed in words."""
    budget = "" if fit["budget"] is None else f", {budget_words(fit['budget'])}"
    return f"{fit['title']}{budget}, seed {fit['seed'] + 1}"


def wrong(answers: pd.DataFrame) -> pd.Series:
    """Return True for each test example of a classification whose predicted label is another."""
    return answers["predicted"].astype("str") != answers["label"].astype("str")


def confusion(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the number of test examples by label (rows) and predicted label (columns).

    Both axes have the same classes, the most frequent label first.
    """
    counts = pd.crosstab(answers["label"].astype("str"), answers["predicted"].astype("str"))
    support = answers["label"].astype("str").value_counts()
    names = [*support.index, *(name for name in counts.columns if name not in support.index)]
    return counts.reindex(index=names, columns=names, fill_value=0)


def confused(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of a label and another predicted for it, the most frequent first.

    Columns: label, predicted, examples, share (of the test examples of the label).
    """
    texts = answers[["label", "predicted"]].astype("str")
    support = texts["label"].value_counts()
    pairs = texts[wrong(answers)].value_counts().rename("examples").reset_index()
    pairs["share"] = pairs["examples"] / pairs["label"].map(support)
    return pairs


def cell(answers: pd.DataFrame, label: str, predicted: str) -> list[str]:
    """Return the ids of a cell of the confusion matrix, the surest answer first."""
    inside = (answers["label"].astype("str") == label) & (
        answers["predicted"].astype("str") == predicted
    )
    return [str(i) for i in answers[inside].sort_values("probability", ascending=False).index]


def per_class(fit: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each class of a fit: precision, recall, f1, test and training examples.

    The class with the lowest f1 comes first; classes without test examples come last.
    """
    columns = ["name", "precision", "recall", "f1", "support", "train"]
    table = pd.DataFrame(fit["metrics"].get("classes", []), columns=columns)
    table = table.rename(columns={"name": "class", "support": "test"})
    return table.sort_values("f1", kind="stable", ignore_index=True)


def by_class(run: Run) -> pd.DataFrame:
    """Return each class of a run's fits at their greatest budget, as means over the seeds.

    Columns: test (examples), precision and recall of the first arm, and the F1 of every arm under its
    title. Empty for a language model and before any fit.
    """
    fits = [fit for fit in run.fits() if not fit.get("error") and fit["metrics"].get("classes")]
    columns: dict[str, pd.Series] = {}
    for arm in run.plan["arms"]:
        own = [fit for fit in fits if fit["arm"] == arm]
        greatest = max((fit["budget"] or 0 for fit in own), default=0)
        entries = [
            entry
            for fit in own
            if (fit["budget"] or 0) == greatest
            for entry in fit["metrics"]["classes"]
        ]
        if not entries:
            continue
        means = pd.DataFrame(entries).groupby("name", sort=False).mean()
        if not columns:
            columns = {"test": means["support"]}
            columns |= {name: means[name] for name in ("precision", "recall")}
        columns[f"F1 {own[0]['title']}"] = means["f1"]
    return pd.DataFrame(columns)


def regions(answers: pd.DataFrame, choice: pd.Index, places: pd.Series) -> pd.DataFrame:
    """Return a row for each region with test examples: test, wrong, share (of wrong), train.

    choice: ids that the fit was trained on. places: id → region; those without one are left out.
    Regions where many are wrong for each training example come first.
    """
    table = _by_region(answers, choice, places, wrong(answers).rename("wrong"))
    table = table.rename(columns={"sum": "wrong", "mean": "share"})
    table["wrong"] = table["wrong"].astype("int64")
    worst = (-table["wrong"] / (table["train"] + 1)).sort_values(kind="stable").index
    return table.loc[worst].reset_index(drop=True)


def _by_region(
    answers: pd.DataFrame, choice: pd.Index, places: pd.Series, values: pd.Series
) -> pd.DataFrame:
    """Return region, test, sum and mean of the values, and train, for each region."""
    places = as_text(places)
    region = places.reindex(answers.index).fillna("")
    inside = region != ""
    table = values[inside].astype("float64").groupby(region[inside]).agg(["count", "sum", "mean"])
    trained = places.reindex(choice).value_counts()
    table["train"] = trained.reindex(table.index).fillna(0).astype("int64")
    return table.rename(columns={"count": "test"}).rename_axis("region").reset_index()


def region_sentence(table: pd.DataFrame) -> str:
    """Return what the first region of `regions` shows, in a sentence; "" where nothing is wrong."""
    if table.empty or not table["wrong"].iloc[0]:
        return ""
    row = table.iloc[0]
    train = (
        "1 training example lies"
        if row["train"] == 1
        else f"{row['train']:,} training examples lie"
    )
    return (
        f"The region “{row['region']}” fails first: {row['wrong']:,} of {row['test']:,} test examples "
        f"are wrong, and {train} there."
    )


def failing(answers: pd.DataFrame, places: pd.Series, region: str) -> pd.DataFrame:
    """Return the wrong answers in a region, the surest first."""
    inside = as_text(places).reindex(answers.index) == region
    return answers[wrong(answers) & inside].sort_values("probability", ascending=False)


def losses(
    answers: pd.DataFrame, places: pd.Series, choice: pd.Index | None = None
) -> pd.DataFrame:
    """Return the loss of a language model by region, the highest first.

    Columns: region, examples, tokens, loss (nats per token), perplexity, before (the loss per token
    before training) where it was measured, and train (training examples) where the choice is given.
    places: id → region.
    """
    places = as_text(places)
    region = places.reindex(answers.index).fillna("")
    inside = region != ""
    columns = [c for c in ("loss", "loss_before", "tokens") if c in answers]
    grouped = answers.loc[inside, columns].groupby(region[inside])
    sums = grouped.sum()
    table = pd.DataFrame({"examples": grouped.size(), "tokens": sums["tokens"].astype("int64")})
    table["loss"] = sums["loss"] / sums["tokens"]
    table["perplexity"] = np.exp(table["loss"])
    if "loss_before" in sums:
        table["before"] = sums["loss_before"] / sums["tokens"]
    if choice is not None:
        trained = places.reindex(choice).value_counts()
        table["train"] = trained.reindex(table.index).fillna(0).astype("int64")
    table = table.rename_axis("region").reset_index()
    return table.sort_values("loss", ascending=False, kind="stable", ignore_index=True)


def hardest(answers: pd.DataFrame, count: int = 200) -> pd.DataFrame:
    """Return the answers of a language model with the highest loss per token, the highest first."""
    per_token = (answers["loss"] / answers["tokens"]).rename("loss_per_token")
    return answers.assign(loss_per_token=per_token).nlargest(count, "loss_per_token")


def lengths(answers: pd.DataFrame) -> pd.Series:
    """Return id → bin of the answer's length in tokens, as a region for `losses`."""
    names = [f"{name} tokens" for name in length_bins(answers["tokens"].to_numpy())]
    return pd.Series(names, index=answers.index, dtype="str")


def reliability(answers: pd.DataFrame) -> list[tuple[float, float]]:
    """Return (mean probability, share that is right) of answers of about one probability."""
    correct = (~wrong(answers)).to_numpy()
    bins = calibration(answers["probability"].to_numpy(), correct)["bins"]
    return [(entry["confidence"], entry["accuracy"]) for entry in bins]


def to_collect(
    dataset: Dataset, answers: pd.DataFrame, choice: pd.Index, most: int = 500
) -> pd.DataFrame:
    """Return what would help: each failing test example with its nearest training example.

    Columns: id, prompt, label, predicted, probability (of its label), topic and in_topic (training
    examples of it) where there are topics, and nearest_id, similarity (cosine), nearest_label where
    there are vectors. The least similar come first: what lies near them has to be collected. most:
    rows, those with the least probability of their label.
    """
    failing = answers[wrong(answers)].nsmallest(most, "probability_of_label")
    failing = failing[failing.index.isin(dataset.rows.index)]
    rows = dataset.rows.loc[failing.index]
    table = pd.DataFrame(
        {
            "id": failing.index,
            "prompt": rows["prompt"].to_numpy(),
            "label": failing["label"].to_numpy(),
            "predicted": failing["predicted"].to_numpy(),
            "probability": failing["probability_of_label"].to_numpy(),
        }
    )
    if "topic" in dataset.rows:
        trained = dataset.rows["topic"].reindex(choice).value_counts()
        table["topic"] = rows["topic"].to_numpy()
        table["in_topic"] = table["topic"].map(trained).fillna(0).astype("int64")
    near = neighbours(dataset, list(failing.index), choice, 1)
    if near.empty:
        return table
    table = table.merge(near.drop(columns="rank"), on="id", how="left")
    return table.sort_values("similarity", kind="stable", ignore_index=True)


def neighbours(
    dataset: Dataset, examples: list[str], choice: pd.Index, count: int = NEAR
) -> pd.DataFrame:
    """Return the training examples nearest to each of some examples, by cosine.

    Columns: id, rank (from 1), nearest_id, similarity, nearest_label, nearest_prompt. Empty where
    the dataset has no vectors, or none of the ids is in it.
    """
    columns = ["id", "rank", "nearest_id", "similarity", "nearest_label", "nearest_prompt"]
    rows = dataset.rows
    trained = choice[choice.isin(rows.index)]
    some = [i for i in examples if i in rows.index]
    if dataset.vectors is None or not some or not len(trained):
        return pd.DataFrame(columns=columns)
    train = dataset.vectors[rows.index.get_indexer(trained)]
    test = dataset.vectors[rows.index.get_indexer(pd.Index(some))]
    indices, similarities = nearest_in(test, train, count)
    ids = trained.to_numpy()[indices]
    width = ids.shape[1]
    near = rows.loc[ids.ravel()]
    return pd.DataFrame(
        {
            "id": np.repeat(some, width),
            "rank": np.tile(np.arange(1, width + 1), len(some)),
            "nearest_id": ids.ravel(),
            "similarity": similarities.ravel(),
            "nearest_label": near["label"].to_numpy(),
            "nearest_prompt": near["prompt"].to_numpy(),
        }
    )


def dots(verdict: dict[str, Any]) -> list[tuple[str, list[Dot]]]:
    """Return the arms of a verdict by budget, as rows of `picture.intervals`.

    An arm is better or worse where its comparison with the first reference says so. Numbers are in
    the verdict's unit.
    """
    against = next((c["against"] for c in verdict["comparisons"]), "")
    results = {
        (c["arm"], c["budget"]): c["verdict"]
        for c in verdict["comparisons"]
        if c["against"] == against
    }
    signs: dict[str, Sign] = {"better": "better", "worse": "worse"}
    groups: dict[str, list[Dot]] = {}
    scale = verdict["scale"]
    for entry in by_budget(verdict["arms"]):
        result = results.get((entry["arm"], entry["budget"]), "")
        plain: Sign = "reference" if not result else "same"
        mean, low, high = (_number(entry[name]) * scale for name in ("mean", "low", "high"))
        dot = Dot(entry["title"], mean, low, high, signs.get(result, plain))
        groups.setdefault(budget_words(entry["budget"]), []).append(dot)
    return list(groups.items())


def by_budget(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries of a verdict by budget, the least first, those without a budget last."""
    return sorted(entries, key=lambda entry: (entry["budget"] is None, entry["budget"] or 0))


def axis(verdict: dict[str, Any]) -> str:
    """Return the verdict's unit, and whether more of it is better."""
    return (
        f"{verdict['unit']}" if verdict["higher_is_better"] else f"{verdict['unit']} (less: better)"
    )


def budget_words(budget: int | None) -> str:
    """Return a budget in words."""
    return "Without a budget" if budget is None else f"{budget:,} examples"


def _number(value: float | None) -> float:
    """Return a number of a JSON file, in which None stands for one that is not finite."""
    return math.nan if value is None else float(value)

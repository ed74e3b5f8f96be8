"""Fit of an answer to its prompt, beside other prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from curation.embedding.fits import Sides, best_prompts, fits
from curation.registry import score

LOW = 0.75
"""A fit below it counts as that of an answer to another prompt.

Chosen so that no more than 2 % of the untouched rows of Alpaca, Dolly, LIMA and Alpaca in Chinese are
below it, with five swaps by chance each; benchmarks/README.md has the table of ten others.
"""

LISTED = 5
"""Rows with the lowest fits that the step's note names."""


def _misfits(params: Mapping[str, Any], rows: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    low, measured = int((frame["fit"] < LOW).sum()), int(frame["fit"].notna().sum())
    if not measured:
        return ["No fit could be measured: too few rows have both a prompt and an answer."]
    many = (
        " So many at once mean that the embedding model does not tell these texts apart, or that the "
        "answers hardly depend on the prompts: believe none of them."
    )
    note = (
        f"{low:,} of {measured:,} answers may belong to another prompt: their fit is below {LOW}."
    )
    lowest = frame.loc[frame["fit"] < LOW, "fit"].sort_values(kind="stable").head(LISTED)
    names = ", ".join(f"{name} ({fit:.2f})" for name, fit in lowest.items())
    return [note + (f" The lowest: {names}." if low else "") + (many if low > measured / 5 else "")]


@score("Answer fits prompt", makes=("fit", "fits_better"), slow=True, notes=_misfits)
def answer_fit(rows: pd.DataFrame, embedder: Callable[..., np.ndarray]) -> pd.DataFrame:
    """Score how well each answer fits its own prompt, beside the prompts of other rows.

    What it does:
        Embeds prompts and answers apart, and learns from the other rows how the vector of a prompt
        becomes that of an answer. `fit` is the share of other prompts and answers that fit worse,
        from 0 to 1: a row whose answer was swapped has about 0.5. Of a fit below 0.75 `fits_better`
        holds the id of the row whose prompt the answer fits best, where that is another row. Rows
        with the same prompt or the same answer are not compared, and rows without a prompt or an
        answer have no fit. It drops nothing: the step names the five lowest; look at them, then add
        keep_between. Needs
        embeddings, by a model that reads the language of the texts.
    Why:
        A file joined with an offset of one line, or a response that came back in another order,
        gives whole answers to other questions. No rule about a single text notices that.
    Example:
        {prompt: "How do I bake bread?", response: Knead the dough and bake it in a hot oven.} → {fit: 1.0}
        {prompt: "What are the rings of Saturn?", response: Boil the egg for eight minutes.} → {fit: 0.17}
        {prompt: "How long do I boil an egg?", response: They are ice and dust around the planet Saturn.} → {fit: 0.42}
        {prompt: "Who painted the Mona Lisa?", response: Leonardo da Vinci painted the Mona Lisa.} → {fit: 1.0}
    Measured precision:
        Answers of 5 % of the rows swapped, ten times with other seeds than the threshold was chosen by,
        static vectors (benchmarks fits). Of these 79 % have a fit below 0.75 in 4,998 rows of Alpaca,
        78 % in Dolly and 79 % in LIMA, 71 % in the worst draw; of the untouched rows 1.6, 1.7 and
        1.4 %, 1.8 % in the worst. ROC AUC 0.988, 0.986 and 0.987. `fits_better` names the right row for
        61 % of Dolly's. 1,998 rows of Alpaca in Chinese, by the multilingual model: 78 % and 0.9 %,
        ROC AUC 0.993; by the English one 25.1 % false alarms: it does not read these texts.
    Source:
        Ridge regression towards the identity, cross-fitted, with similarities corrected for hubs
        (CSLS, Conneau et al. 2018, "Word translation without parallel data"); the shares and their
        threshold are this project's.
    """
    prompt, response = (rows[side].fillna("").str.strip() for side in ("prompt", "response"))
    whole = np.flatnonzero((prompt != "") & (response != ""))
    fit, better = np.full(len(rows), np.nan), np.full(len(rows), None, dtype=object)
    if len(whole):
        measured = rows.iloc[whole]
        # Both sides in one call, so that the time that is left is that of both.
        texts = pd.concat([measured["prompt"], measured["response"]], ignore_index=True)
        vectors = embedder(pd.DataFrame({"prompt": texts, "response": ""}), "prompt")
        sides = Sides(
            vectors[: len(whole)],
            vectors[len(whole) :],
            pd.factorize(prompt.iloc[whole])[0],
            pd.factorize(response.iloc[whole])[0],
        )
        fit[whole] = np.round(fits(sides), 4)  # the last digits depend on how many threads add up
        low = np.flatnonzero(fit[whole] < LOW)
        if len(low):
            best = best_prompts(sides, low)
            other = best != low
            better[whole[low[other]]] = measured.index.to_numpy()[best[other]]
    return pd.DataFrame(
        {"fit": fit, "fits_better": pd.Series(better, dtype="str").array}, rows.index
    )

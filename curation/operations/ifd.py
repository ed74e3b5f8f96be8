"""IFD and perplexity of answers: their losses with and without the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from curation.dataset import Progress
from curation.embedding import VectorStore
from curation.errors import CurationError
from curation.lm import models
from curation.lm.causal import CausalReader
from curation.lm.ngrams import NgramReader
from curation.lm.reader import Conversation, Reader, has_answer
from curation.registry import Range, score


def _reader(params: Mapping[str, Any], store: VectorStore) -> Reader:
    if params["by"] == "ngrams":
        return NgramReader()
    return CausalReader(params["model"], params["longest"], store)


def _title(params: Mapping[str, Any], store: object = None, rows: int | None = None) -> str:
    """The name of what reads, with a digest of its files; empty where there is no such model."""
    try:
        return NgramReader.title if params["by"] == "ngrams" else models.title_of(params["model"])
    except CurationError:
        return ""


def _counts(params: Mapping[str, Any], rows: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """Sentences on what read the answers, on those without a score, and on length."""
    by, unit = params["by"], "characters" if params["by"] == "ngrams" else "tokens"
    ifd, cut = frame[f"ifd_{by}"], int((frame[f"cut_{by}"] > 0).sum())
    scored, answered = ifd.notna(), _scorable(rows).to_numpy()
    notes = [f"Read by {_title(params)}; perplexity counts {unit}."]
    if without := int((~answered).sum()):
        notes.append(
            f"{without:,} of {len(frame):,} rows have no score: they have no answer, or two to choose from."
        )
    if lost := int((answered & ~scored.to_numpy()).sum()):
        notes.append(
            f"{lost:,} rows have no score, since their answer lies beyond what is read or the chat "
            "template refuses them."
        )
    if cut:
        notes.append(f"{cut:,} rows were longer than what is read; their rest does not count.")
    if scored.sum() >= 20:
        lengths = rows["response"].fillna("").str.len()[scored.to_numpy()]
        rho = ifd[scored].corr(lengths, method="spearman")
        notes.append(f"Rank correlation of IFD with the length of the answer: {rho:.2f}.")
    return notes


def _scorable(rows: pd.DataFrame) -> pd.Series:
    """Whether each row has an answer, and no second one that was not preferred."""
    return rows["messages"].map(has_answer).astype(bool) & (rows["rejected"].fillna("") == "")


@score(
    "IFD and perplexity",
    makes=("ifd_{by}", "perplexity_{by}", "cut_{by}"),
    needs=("tools", "rejected"),
    slow=True,
    depends=_title,
    notes=_counts,
)
def ifd(
    rows: pd.DataFrame,
    store: VectorStore,
    progress: Progress,
    *,
    by: Annotated[
        Literal["ngrams", "model"], "character n-grams of these rows, or a language model"
    ] = "ngrams",
    model: Annotated[
        str, "a folder, a GGUF or a name on the Hugging Face Hub; empty for SmolLM2-135M-Instruct"
    ] = "",
    longest: Annotated[
        int, "tokens of a conversation that a model reads", Range(16, 131_072)
    ] = 2048,
) -> pd.DataFrame:
    """Score how hard each answer is to foresee, and how much its prompt helps: scores to look at.

    What it does:
        IFD is exp(L(y|x) − L(y)): the mean loss of the answer given its prompt, minus that of the answer
        alone. Near 1 the prompt does not help, above 1 it misleads, near 0 the answer is in
        the prompt. `perplexity` is exp(L(y|x)). `by: model` asks a causal language model, per token,
        with its chat template; answers of all turns count, each with the token that ends it.
        `by: ngrams` needs no model: character n-grams of all other rows read, per character, and the
        prompt adds its own n-grams. That is a measure of copied words and odd spelling, not of
        difficulty. `cut` counts what was beyond the longest length or the model's window.
        A row without an answer, and a pair of a preferred and a rejected one, has no score.
    Why:
        A very high perplexity is text that nobody writes, such as garbled letters; a very low IFD an answer
        that copies its prompt. As a way to choose rows IFD loses to chance in independent
        studies, so no default uses it.
    Example:
        {prompt: Name a river., response: The Rhine is a river.} → {ifd_ngrams: 1.03, perplexity_ngrams: 3.33}
        {prompt: "Which river is long?", response: The Nile is a river.} → {perplexity_ngrams: 3.26}
        {prompt: "Repeat: the Po is a river.", response: The Po is a river.} → {ifd_ngrams: 0.45}
        {prompt: Name a sea., response: hTe reRiv enhiR .} → {perplexity_ngrams: 43.44}
    Measured precision:
        SmolLM2 (benchmarks ifd) takes 2.2 processor seconds a row of Dolly (300 rows), 4.7 of LIMA (100 rows), and
        2.2 GB. Spearman with the length of the answer: IFD 0.70 and 0.69, perplexity −0.02 and −0.10. Of
        the 5 % of Dolly with the highest IFD 60 % are among its longest 5 %, where chance gives 5 %.
        N-grams read 260 rows of Dolly a second (2,000 rows); Spearman of IFD 0.13, of perplexity −0.40.
        Of 100 damaged answers among them, ROC AUC of perplexity is 0.995 for mixed letters, 0.95 for a tenth
        of the letters wrong or wrongly encoded, 0.74 for mixed words; of IFD 0.92 for mixed letters and at
        most 0.61 otherwise.
    Source:
        IFD: Li et al. 2024, "From quantity to quality" (Cherry LLM). N-grams: Witten and Bell 1991, with a
        cache of the prompt as in Kuhn and De Mori 1990.
    """
    columns = [f"ifd_{by}", f"perplexity_{by}", f"cut_{by}"]
    table = pd.DataFrame(np.nan, index=rows.index, columns=columns)
    params = {"by": by, "model": model, "longest": longest}
    scored = np.flatnonzero(_scorable(rows).to_numpy())
    if not len(scored):
        return table
    part = rows.iloc[scored]
    tools = part["tools"].fillna("")
    conversations = [Conversation(*pair) for pair in zip(part["messages"], tools, strict=True)]
    reading = _reader(params, store).read(conversations, progress)
    values = [np.exp(reading.given - reading.alone), np.exp(reading.given), reading.cut]
    table.iloc[scored] = np.column_stack(values)
    return table

"""Texts to vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from curation.dataset import Progress
from curation.embedding import VectorStore
from curation.registry import embed as embeds

Way = Literal[
    "auto",
    "torch-float32",
    "torch-bfloat16",
    "openvino-float32",
    "openvino-bfloat16",
    "cuda-float32",
    "cuda-bfloat16",
]


def _encoder(params: Mapping[str, Any], store: VectorStore, decide: bool) -> str:
    return store.encoder_name(params["model"], params["way"], decide)


@embeds("Embeddings", slow=True, depends=_encoder)
def embed(
    rows: pd.DataFrame,
    store: VectorStore,
    progress: Progress,
    *,
    of: Annotated[Literal["both", "prompt", "response"], "the text that is embedded"] = "both",
    model: Annotated[str, "a folder or Hub name; empty for the bundled all-MiniLM-L6-v2"] = "",
    way: Annotated[Way, "how it is computed; auto tries once and keeps to it"] = "auto",
) -> np.ndarray:
    """Give every example a vector, so that examples that mean alike lie together.

    Both sides by default: prompts alone put "translate this" beside "translate that" whatever it is
    about. Equal texts are embedded once and remembered; the model sees the first 256 tokens.
    The ways to compute a model differ in the last digits only, and by far in speed.
    Raises CurationError when the model is not there.
    """
    prompt, response = rows["prompt"].fillna(""), rows["response"].fillna("")
    texts = {
        "prompt": prompt,
        "response": response.where(response != "", prompt),
        "both": (prompt + "\n\n" + response).where(response != "", prompt),
    }[of].tolist()
    return store.embed(texts, store.encoder(model, way), progress)

"""Lengths of texts, and their share of distinct words."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import orjson
import pandas as pd

from curation.chat import tokens as chat
from curation.errors import CurationError
from curation.files import content_of
from curation.registry import score


def _file(name: str) -> Path:
    """The file of a tokenizer, which exists unless the name is one of the Hub."""
    from curation.embedding import bundled_folder

    place = Path(name) if name else bundled_folder()
    return place / "tokenizer.json" if place.is_dir() else place


def _content(params: Mapping[str, Any], store: object, rows: int | None) -> str:
    """The SHA-256 of the tokenizer's file; empty where there is none."""
    try:
        return content_of(_file(params["tokenizer"]))
    except (OSError, CurationError):
        return ""


@functools.lru_cache(maxsize=4)
def _tokenizer(name: str, content: str) -> Any:
    """A fast tokenizer: of the bundled model, from a folder or file of that content, or the Hub."""
    from tokenizers import Tokenizer

    file = _file(name)
    if file.exists() and not content:
        raise CurationError(f"the tokenizer {name!r} is no file that can be read.")
    try:
        tokenizer = (
            Tokenizer.from_file(str(file)) if file.exists() else Tokenizer.from_pretrained(name)
        )
    except Exception as error:
        raise CurationError(
            f"the tokenizer {name!r} is neither a folder with tokenizer.json nor to be had from the "
            f"Hugging Face Hub now ({type(error).__name__})."
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@score(
    "Lengths",
    makes=("prompt_characters", "response_characters", "prompt_tokens", "response_tokens", "turns"),
    slow=lambda params: bool(params["tokenizer"]),  # a file of any size, or the Hub
    depends=_content,
    texts=("messages", "prompt", "response"),
)
def lengths(
    batch: pd.DataFrame,
    *,
    tokenizer: Annotated[str, "a folder or Hub name; empty for the bundled WordPiece"] = "",
) -> pd.DataFrame:
    """Count characters, tokens and turns.

    What it does:
        Counts the tokens of the chosen tokenizer, without special tokens and never truncated.
    Why:
        Length is the first thing to know of a dataset, it sets what training costs, and it is the
        baseline for every other score.
    Example:
        {prompt: Name a planet., response: Saturn.} → {prompt_characters: 14, turns: 2}
        {prompt: "What is DNA made of?", response: ""} → {response_tokens: 0, turns: 1}
    Measured precision:
        Exact: it counts.
    Source:
        WordPiece of all-MiniLM-L6-v2 (tokenizers, Hugging Face), or any tokenizer that is named.
    """
    encoder = _tokenizer(tokenizer, _content({"tokenizer": tokenizer}, None, False))
    counts = {}
    for side in ("prompt", "response"):
        texts = batch[side].fillna("").tolist()
        counts[f"{side}_characters"] = [len(text) for text in texts]
        encoded = encoder.encode_batch_fast(texts, add_special_tokens=False)
        counts[f"{side}_tokens"] = [len(e.ids) for e in encoded]
    turns = [len(orjson.loads(text)) for text in batch["messages"]]
    names = ("prompt_characters", "response_characters", "prompt_tokens", "response_tokens")
    columns = {name: np.array(counts[name], dtype="int64") for name in names}
    return pd.DataFrame({**columns, "turns": np.array(turns, dtype="int64")}, index=batch.index)


def _refusals(params: Mapping[str, Any], rows: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """Sentences on the tokenizer, and on conversations that its template refuses or hides."""
    tokenizer = chat.load_tokenizer(params["tokenizer"])
    notes = [f"Counted by {tokenizer.description}."]
    refused, hidden = frame["tokens"].isna(), frame["answer_tokens"].isna()
    if refused.any():
        count = next(tokenizer.counts(_conversations(rows[refused.to_numpy()].head(1))))
        notes.append(f"{int(refused.sum()):,} examples have no count: {count.refusal}")
    if hidden_only := int((hidden & ~refused).sum()):
        notes.append(
            f"The template does not show where the answers of {hidden_only:,} examples begin."
        )
    return notes


def _conversations(rows: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    """Yield turns and tools of rows as a delivery gives them to a chat template."""
    labels = rows["label"].astype(object).where(rows["label"].notna(), None)
    for messages, tools, label in zip(rows["messages"], rows["tools"], labels, strict=True):
        yield chat.as_delivered(
            orjson.loads(messages), orjson.loads(tools) if tools else None, label
        )


@score(
    "Tokens with the chat template",
    makes=("tokens", "answer_tokens", "answer_places"),
    needs=("tools",),
    slow=True,  # a template and a tokenizer of somebody else
    depends=lambda params, store, rows: chat.fingerprint(params["tokenizer"]),
    notes=_refusals,
)
def chat_tokens(
    batch: pd.DataFrame,
    *,
    tokenizer: Annotated[str, "a model's folder or Hub name; empty for the bundled WordPiece"] = "",
) -> pd.DataFrame:
    """Count the tokens of the whole conversation as the model reads it, tools and calls included.

    What it does:
        Renders each conversation with the model's own chat template, in the sandbox of
        transformers, and counts the tokens of the text. answer_tokens are those of all answers,
        answer_places their first and last, from 0. A tokenizer without a template gets a plain one,
        each turn as its role, a colon and its text, and a note says so. A conversation that the
        template refuses has no count. A label is the answer to its text. Rejected answers are not
        counted.
    Why:
        A trainer cuts what is longer than its context, and what it cuts is most often the answer.
        Tools and the marks of turns count too: a row with tools can be ten times longer rendered.
    Example:
        {prompt: Name a planet., response: Saturn.} → {tokens: 10, answer_places: 8-9}
        {prompt: Name a planet., response: ""} → {tokens: 6, answer_tokens: 0}
    Measured precision:
        Exact: it counts what transformers renders.
    Source:
        apply_chat_template of transformers (Hugging Face), and the tokenizer that is named.
    """
    counts = list(chat.load_tokenizer(tokenizer).counts(_conversations(batch)))
    return pd.DataFrame(
        {
            "tokens": np.array([_number(c.tokens) for c in counts], dtype="float64"),
            "answer_tokens": np.array(
                [_number(c.places and sum(b - a for a, b in c.places)) for c in counts],
                dtype="float64",
            ),
            "answer_places": pd.Series(
                [
                    None if c.places is None else " ".join(f"{a}-{b - 1}" for a, b in c.places)
                    for c in counts
                ],
                dtype="str",
            ),
        }
    ).set_index(batch.index)


def _number(count: Any) -> float:
    """A count as a number; not a number where there is none."""
    return np.nan if count is None else float(count or 0)


@score("Type–token ratio")
def type_token_ratio(
    batch: pd.DataFrame, *, side: Literal["prompt", "response"] = "response"
) -> np.ndarray:
    """Distinct words per word; low means the text repeats itself.

    What it does:
        Counts runs of letters or digits as words; a Chinese or Japanese character counts as a word.
        A text without words has no ratio.
    Why:
        A text that says one thing again and again has few different words.
    Example:
        {response: the cat and the dog} → {type_token_ratio: 0.8}
        {response: no no no no} → {type_token_ratio: 0.25}
    Measured precision:
        Exact: it counts words. 5,000 answers of Alpaca: Spearman −0.86 with the number of tokens,
        so compare texts of like length.
    Source:
        Templin 1957.
    """
    from curation.text.words import words

    word_lists = [words(text) for text in batch[side].fillna("")]
    return np.array([len(set(w)) / len(w) if w else np.nan for w in word_lists], dtype="float64")

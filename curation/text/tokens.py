"""Tokens of chat templates that were left in a text, where a trainer reads them as control.

One table for all families: ChatML, Llama 2 to 4, Gemma, DeepSeek, Mistral, Harmony, GLM, Cohere, Phi,
Zephyr, Qwen, InternLM, Idefics, Seed, StarCoder, T5. The table leaves out
what people also write themselves: <think>, <tool_call>, <image>, <mask>, [MASK], [ARGS].
"""

from __future__ import annotations

import re

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_ALWAYS = (
    r"<\|[A-Za-z0-9_]{3,40}\|>"  # ChatML, Llama 3, Harmony, Cohere, Phi, GLM, Qwen
    r"|<[|｜][^<>|｜\s]{1,40}(?:[▁ ][^<>|｜\s]{1,40}){0,5}｜>"  # DeepSeek
    r"|<\|(?:turn|channel|tool|tool_call|tool_response|image|audio|think|\"\|)>"  # Gemma 4
    r"|<(?:turn|channel|tool|tool_call|tool_response|image|audio|think)\|>"
    r"|<(?:start|end)_of_(?:turn|image)>|<(?:bos|eos|unk|pad|eod|eop|sop|eoh|eoa)>"
    r"|<(?:BOS|EOS|UNK|PAD)(?:_TOKEN)?>|<(?:EOP|MASK)_TOKEN>|<seed:(?:bos|eos|pad)>"
    r"|<(?:reserved_|SPECIAL_|unused|extra_id_)\d{1,4}>"
    r"|<end_of_utterance>|<fim_(?:prefix|middle|suffix|pad)>"
    r"|\[(?:CALL_ID|IMG_BREAK|IMG_END|BEGIN_AUDIO)\]"
    r"|\[/?INST\]|<</?SYS>>|\[gMASK\]|\[sMASK\]|\[UNUSED_TOKEN_\d{1,4}\]"
    r"|\[/?(?:TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|AVAILABLE_TOOLS|SYSTEM_PROMPT|MODEL_SETTINGS)\]"
)
_SENTENCE = r"</?s>"
"""Begin and end of a sentence for Llama 2 and Mistral, and in HTML a text that is struck through."""

TOKENS = re.compile(f"{_ALWAYS}|{_SENTENCE}")
_OF_RE2 = TOKENS.pattern.replace(r"\d", r"\p{Nd}").replace(r"\s", r"\t\n\v\f\r\x1c-\x20\x{85}\p{Z}")
"""The same for RE2, for which digits and white space are ASCII's alone unless they are named."""

_NO_TAGS = re.compile(_ALWAYS)
_STRUCK = re.compile(r"(?<!\A)<s>(?!\s*\[INST\])[^<]{1,200}</s>(?!\s*\Z)")


_PASSES = 32
"""Most passes over a text in which removing one token forms another."""


def token_in(text: str, html: bool = False) -> str:
    """The first such token of a text; "" for none. A text struck through in HTML has none.

    html: the text is about HTML, where <s> is a tag.
    """
    if "<" not in text and "[" not in text:
        return ""
    if "<s>" in text:
        text = _STRUCK.sub("\n", text.strip())
    token = (_NO_TAGS if html else TOKENS).search(text)
    return token.group() if token else ""


def without_tokens(text: str) -> str:
    """A text without such tokens, also those that removing others forms; struck through text stays."""
    for _ in range(_PASSES):
        if not token_in(text):
            break
        text = _without(text)
    return text


def _without(text: str) -> str:
    inner = text.strip()  # as `token_in` looks at it: a text may begin or end with a token
    struck = set[int]()
    for m in _STRUCK.finditer(inner) if "<s>" in inner else ():
        struck |= {m.start(), m.end() - len("</s>")}
    inner_cut = TOKENS.sub(lambda m: m.group() if m.start() in struck else "", inner)
    start = text.index(inner)
    return text[:start] + inner_cut + text[start + len(inner) :]


def has_token(*texts: str, html: bool = False) -> bool:
    """Whether a token stands in JSON texts of turns, or in plain texts; html as for `token_in`."""
    suspects = (text for text in texts if TOKENS.search(text))
    return any(token_in(leaf, html) for text in suspects for leaf in _leaves(text))


def may_hold_token(texts: pd.Series) -> np.ndarray:
    """Return True for each text with a sequence of TOKENS, (rows,); `has_token` looks closer."""
    array = pa.array(texts.astype("str"), from_pandas=True)
    return np.array(pc.fill_null(pc.match_substring_regex(array, _OF_RE2), False), dtype=bool)


def _leaves(text: str) -> list[str]:
    """Every text within a JSON text; a text that is no JSON is returned itself."""
    try:
        waiting = [orjson.loads(text)]
    except orjson.JSONDecodeError:
        return [text]
    leaves = []
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            leaves.append(value)
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
    return leaves

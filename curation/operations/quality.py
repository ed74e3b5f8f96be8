"""Named rules for faults of SFT answers, and a score of their quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import numpy as np
import orjson
import pandas as pd

from curation import answers
from curation.answers import Pair, repetition
from curation.registry import filter, score

Rule = Literal[
    "empty_answer",
    "placeholder_answer",
    "refusal",
    "truncated_answer",
    "unfinished_answer",
    "repetition_loop",
    "merged_instructions",
    "copies_prompt",
    "garbled",
    "html",
    "special_tokens",
    "unfollowable_url",
    "placeholder_link",
    "personal_data",
    "wrong_language",
]
RULES: tuple[Rule, ...] = get_args(Rule)
"""Names of the rules, in the order in which a reason names them."""

DROPPING = [name for name in RULES if answers.RULES[name].drops]
"""Rules that drop a row by default: precise where that was measured, or without a false alarm."""


@score(
    "Answer checks",
    makes=("problems", "repetition", "quality"),
    needs=("language", "prompt_language"),
)
def answer_checks(batch: pd.DataFrame) -> pd.DataFrame:
    """Name what is wrong with each answer, and score its quality from 0 to 1.

    What it does:
        `problems` lists the rules that an answer breaks, separated by commas. `repetition` is the
        share of the answer that repeats itself. `quality` says how little is wrong: it is
        0.5^n · (1 − repetition), where n is the number of problems. A short answer in which nothing
        is wrong has the quality 1, as a long one has; an empty one has 0. A labelled text has no answer: only the rules
        about text apply to it. A last turn that calls a tool is an answer without text.
    Why:
        Empty, cut, refused and looping answers teach a model to answer so. Length is no part of the
        quality: "Chicago Bulls" may be all that was asked for. Whether an answer is right or good
        it does not say.
    Example:
        {prompt: Name a planet., response: "N/A"} → {problems: placeholder_answer, quality: 0.5}
        {prompt: "What is DNA made of?", response: ""} → {problems: empty_answer, quality: 0.0}
        {prompt: "Who won in 1998?", response: Chicago Bulls} → {problems: "", quality: 1.0}
    Measured precision:
        The rules: see [the reference](answers.md). Personal data: see redact_personal.
        `quality` of 5,000 rows of Alpaca: Spearman −0.03 with tokens, and 1 for
        98 % of the rows. It tells bad rows and does not rank good ones: ROC AUC
        0.504 of a 4.5 or more by Claude (AlpaGasus; tokens alone 0.377), and 0.495 of Cherry's 5 %
        by IFD (tokens alone 0.903).
    Source:
        This project's rules.
    """
    problems, repeats, quality = [], [], []
    columns = ("prompt", "response", "label", "language", "prompt_language", "messages")
    for prompt, response, label, language, prompt_language, messages in zip(
        *(batch[c] for c in columns), strict=True
    ):
        pair = Pair(prompt, response, *map(_code, (prompt_language, language)))
        labelled = isinstance(label, str) and not response
        broken = [
            name
            for name, rule in answers.RULES.items()
            if (rule.about_text or not labelled) and rule.breaks(pair)
        ]
        if "empty_answer" in broken and _calls(messages):
            broken.remove("empty_answer")
        problems.append(",".join(broken))
        repeats.append(repetition(response))
        nothing = "empty_answer" in broken
        quality.append(0.0 if nothing else 0.5 ** len(broken) * (1 - repeats[-1]))
    return pd.DataFrame(
        {
            "problems": pd.Series(problems, index=batch.index, dtype="str"),
            "repetition": np.array(repeats, dtype="float64"),
            "quality": np.array(quality, dtype="float64"),
        },
        index=batch.index,
    )


def _code(language: object) -> str:
    return language if isinstance(language, str) else ""


def _calls(messages: str) -> bool:
    """Whether the last assistant turn calls a tool, which is an answer without text."""
    turns = [turn for turn in orjson.loads(messages) if turn["role"] == "assistant"]
    return bool(turns and (turns[-1].get("tool_calls") or turns[-1].get("function_call")))


def _by_rule(params: Mapping[str, Any], rows: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """One sentence with the number of dropped rows that each rule named."""
    broken = frame.loc[~frame["keep"].astype(bool), "reason"].str.split("; ").explode()
    texts = broken.str.split(": ").str[0]  # without the signs of a row
    counts = [f"{number:,} because {text}" for text, number in texts.value_counts().items()]
    return [f"Dropped: {'; '.join(counts)}."] if counts else []


@filter("Drop bad answers", needs=("problems",), notes=_by_rule, texts=("prompt", "response"))
def drop_bad_answers(
    batch: pd.DataFrame,
    *,
    rules: Annotated[list[Rule], "the rules that drop a row; see Answer checks"] = DROPPING,
) -> pd.DataFrame:
    """Drop rows whose answer breaks one of the chosen rules.

    What it does:
        Reads the column `problems` of Answer checks. The reason names every rule that the answer
        breaks, and of garbled characters which they are and where. By default a rule drops whose
        measured precision is 0.9 or more. So do repetition_loop and special_tokens, which named none
        of the 76,270 answers without planted faults: their precision on published data is not
        measured. What other rules name, and what a cleaner repairs, stays until you add its rule.
    Why:
        Broken answers do harm in training, and dropping them is cheaper than reading them.
    Example:
        {problems: ""} → kept
        {problems: truncated_answer} → dropped
        {problems: unfinished_answer} → kept
    Measured precision:
        Of each rule: [the reference](answers.md), on 76,270 answers of published sets. What volunteers
        changed in 3,252 rows of Alpaca translated by machine, and planted faults: `python -m
        benchmarks faults`.
    Source:
        This project's rules.
    """
    chosen = set[str](rules)
    hits = [
        [p for p in text.split(",") if p in chosen]
        for text in batch["problems"].fillna("").astype(str)
    ]
    texts = (batch[side].fillna("") for side in ("prompt", "response"))
    reasons = [
        "; ".join(answers.RULES[name].reason(Pair(prompt, response)) for name in broken)
        for broken, prompt, response in zip(hits, *texts, strict=True)
    ]
    keep = np.array([not broken for broken in hits], dtype=bool)
    return pd.DataFrame({"keep": keep, "reason": pd.Series(reasons, dtype="str")}).set_axis(
        batch.index
    )

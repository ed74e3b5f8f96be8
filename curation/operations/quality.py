"""Named rules for faults of SFT answers, and a score of their quality."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

import numpy as np
import orjson
import pandas as pd

from curation import answers
from curation.answers import repetition
from curation.registry import filter, score
from curation.text.scripts import script_of
from curation.text.words import words

Rule = Literal[
    "empty_answer",
    "placeholder_answer",
    "refusal",
    "truncated_answer",
    "repetition_loop",
    "merged_instructions",
    "copies_prompt",
    "garbled",
    "html",
    "special_tokens",
    "unfollowable_url",
    "personal_data",
    "wrong_language",
]
RULES: tuple[Rule, ...] = get_args(Rule)
"""Names of the rules, in the order in which a reason names them."""

EXPLAINED: dict[str, str] = {
    **{name: text for name, (text, _) in answers.RULES.items()},
    "wrong_language": "the answer is in another language than the prompt",
}
_TRANSLATES = re.compile(
    r"translat|übersetz|tradui|traduc|перев|翻译|翻譯|訳|language|sprache|langue|idioma|\bsay |\bmean|"
    r"\b(?:english|german|french|spanish|chinese|japanese|russian|italian|latin|portuguese|korean|hindi|"
    r"arabic|deutsch|englisch|französisch|français|anglais|español|inglés)\b|英語|[英法日德中汉俄韩][语文]",
    re.IGNORECASE,
)
_CODE_SIGN = re.compile(r"[{}()=<>;_/&]")
_FUNCTION_WORDS = {
    code: set(text.split())
    for code, text in {
        "en": "the a an of to and is are was in on for with that this it what how why which do does "
        "i you your my we be from by at as not if when they its their or",
        "de": "der die das den dem des ein eine einen und ist sind in im zu mit für auf von wie was "
        "warum nicht man ich du sie er es wir sich bei an als wenn",
        "fr": "le la les l un une des de du et est sont dans en pour avec que qui ne pas on je tu "
        "il elle nous vous sur au aux ce se d pourquoi comment quel quelle plus",
        "es": "el la los las un una de del y es son en para con que qué no se por al lo como cómo "
        "su sus más yo tú cuando",
        "it": "il lo la i gli le un una di del della e è sono in per con che non si da al come "
        "perché più su ma",
        "pt": "o a os as um uma de do da dos das e é são em no na para com que não se por ao como "
        "mais seu sua",
        "nl": "de het een van en is zijn in op voor met dat die niet je ik hij ze wij te aan bij als "
        "hoe wat waarom",
        "sv": "en ett den det och är i på för med som att av inte jag du han hon vi till om hur vad",
    }.items()
}

_DEFAULT: list[Rule] = [
    "empty_answer",
    "placeholder_answer",
    "refusal",
    "truncated_answer",
    "repetition_loop",
    "merged_instructions",
    "copies_prompt",
    "garbled",
    "special_tokens",
    "unfollowable_url",
    "wrong_language",
]


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
        The rules: see drop_bad_answers. Personal data: see redact_personal.
        `quality` of 5,000 rows of Alpaca: Spearman −0.03 with tokens, and 1 for
        98 % of the rows. It tells bad rows and does not rank good ones: ROC AUC
        0.500 of a 4.5 or more by Claude (AlpaGasus; tokens alone 0.377), and 0.497 of Cherry's 5 %
        by IFD (tokens alone 0.903).
    Source:
        This project's rules.
    """
    problems, repeats, quality = [], [], []
    columns = ("prompt", "response", "label", "language", "prompt_language", "messages")
    for prompt, response, label, language, prompt_language, messages in zip(
        *(batch[c] for c in columns), strict=True
    ):
        labelled = isinstance(label, str) and not response
        broken = _problems(prompt, response, labelled)
        if "empty_answer" in broken and _calls(messages):
            broken.remove("empty_answer")
        if not labelled and _another_language(prompt, response, language, prompt_language):
            broken.append("wrong_language")
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


def _problems(prompt: str, response: str, labelled: bool) -> list[str]:
    if labelled:
        about_text = ("garbled", "html", "special_tokens", "personal_data")
        return [name for name in about_text if answers.RULES[name][1](prompt, "")]
    return [name for name, (_, rule) in answers.RULES.items() if rule(prompt, response)]


def _calls(messages: str) -> bool:
    """Whether the last assistant turn calls a tool, which is an answer without text."""
    turns = [turn for turn in orjson.loads(messages) if turn["role"] == "assistant"]
    return bool(turns and (turns[-1].get("tool_calls") or turns[-1].get("function_call")))


def _another_language(
    prompt: str, response: str, language: object, prompt_language: object
) -> bool:
    """Whether prompt and answer are surely in two languages and no translation was requested.

    The function words of a language have to agree where they are known: a list of names or a short
    title is easily taken for another language, a sentence with its own articles and pronouns is not.
    Other languages have to be in another script.
    """
    if not (isinstance(language, str) and isinstance(prompt_language, str)):
        return False
    if not language or not prompt_language or language == prompt_language:
        return False
    if len(words(response)) < 8 or len(words(prompt)) < 4 or _TRANSLATES.search(prompt):
        return False
    if "```" in response or len(_CODE_SIGN.findall(response)) > 0.03 * len(response):
        return False
    scripts_differ = script_of(response) != script_of(prompt)
    return all(
        _speaks(text, own, other) if own in _FUNCTION_WORDS else scripts_differ
        for text, own, other in (
            (response, language, prompt_language),
            (prompt, prompt_language, language),
        )
    )


def _speaks(text: str, language: str, other: str) -> bool:
    """Whether a text holds function words of a language, and more than of the other."""
    text_words = words(text)
    own, others = (
        [w for w in text_words if w in _FUNCTION_WORDS.get(code, ())] for code in (language, other)
    )
    # Names of places and shops repeat the same two or three.
    several = len(set(own)) >= min(3, len(text_words) // 4)
    return several and len(own) > len(others) and len(own) >= 0.1 * len(text_words)


@filter("Drop bad answers", needs=("problems",))
def drop_bad_answers(
    batch: pd.DataFrame,
    *,
    rules: Annotated[list[Rule], "the rules that drop a row; see Answer checks"] = _DEFAULT,
) -> pd.DataFrame:
    """Drop rows whose answer breaks one of the chosen rules.

    What it does:
        Reads the column `problems` of Answer checks. The reason names every rule that the answer
        breaks. HTML and personal data are found but not dropped unless they are added to the rules.
    Why:
        Broken answers do harm in training, and dropping them is cheaper than reading them.
    Example:
        {problems: ""} → kept
        {problems: truncated_answer} → dropped
        {problems: personal_data} → kept
    Measured precision:
        5,000 rows of Alpaca: it drops 74 (1.5 %). Of these Claude had given 10.8 % a 4.5 or more
        (AlpaGasus), of all rows 10.5 %: the two judge different things. 3,252 rows of Alpaca
        translated by machine: it drops 14, of which volunteers had edited or removed 1 (7.1 %), of
        all rows 3.9 %. Precision by people's eyes was not measured.
    Source:
        This project's rules; see answer_checks.
    """
    chosen = set[str](rules)
    hits = [
        [p for p in text.split(",") if p in chosen]
        for text in batch["problems"].fillna("").astype(str)
    ]
    reasons = ["; ".join(EXPLAINED.get(h, h) for h in broken) for broken in hits]
    keep = np.array([not broken for broken in hits], dtype=bool)
    return pd.DataFrame({"keep": keep, "reason": pd.Series(reasons, dtype="str")}).set_axis(
        batch.index
    )

"""Answers in another language than their prompt."""

from __future__ import annotations

import re

from curation.answers.rule import Pair, Rule
from curation.text.scripts import script_of
from curation.text.words import words

_TRANSLATES = re.compile(
    r"translat|übersetz|tradui|traduc|перев|翻译|翻譯|訳|language|sprache|langue|idioma|\bsay |\bmean|"
    r"\b(?:english|german|french|spanish|chinese|japanese|russian|italian|latin|portuguese|korean|hindi|"
    r"arabic|deutsch|englisch|französisch|français|anglais|español|inglés)\b|英語|"
    r"[“「][A-Za-z][A-Za-z ' -]{0,40}[”」][^\n]{0,12}(?:短语|一词|句|单词|词)|[英法日德中汉俄韩][语文]",
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


def is_in_another_language(pair: Pair) -> bool:
    """Tell whether prompt and answer are surely in two languages and no translation was requested.

    The function words of a language have to agree where they are known: a list of names or a short
    title is easily taken for another language, a sentence with its own articles and pronouns is not.
    Other languages have to be in another script.
    """
    prompt, response, prompt_language, language = pair
    if not language or not prompt_language or language == prompt_language:
        return False
    if len(words(response)) < 8 or len(words(prompt)) < 4 or _TRANSLATES.search(prompt):
        return False
    if "```" in response or len(_CODE_SIGN.findall(response)) > 0.03 * len(response):
        return False
    if _is_list_of_names(response):
        return False
    scripts_differ = script_of(response) != script_of(prompt)
    return all(
        _speaks(text, own, other) if own in _FUNCTION_WORDS else scripts_differ
        for text, own, other in (
            (response, language, prompt_language),
            (prompt, prompt_language, language),
        )
    )


def _is_list_of_names(text: str) -> bool:
    """Whether a text has four lines or more, none of them longer than six words."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) >= 4 and all(len(words(line)) <= 6 for line in lines)


def _speaks(text: str, language: str, other: str) -> bool:
    """Whether a text holds function words of a language, and more than of the other."""
    text_words = words(text)
    own, others = (
        [w for w in text_words if w in _FUNCTION_WORDS.get(code, ())] for code in (language, other)
    )
    # Names of places and shops repeat the same two or three.
    several = len(set(own)) >= min(3, len(text_words) // 4)
    return several and len(own) > len(others) and len(own) >= 0.1 * len(text_words)


RULE = Rule(
    "wrong_language",
    "the answer is in another language than the prompt",
    is_in_another_language,
    named=13,
    read=13,
    right=12,
)

"""Rules for SFT answers: what is wrong with a row, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal, get_args

import numpy as np
import pandas as pd

from curation.operations.clean import ABOUT_HTML, CODE, ENTITY, HTML_TAG
from curation.registry import filter, score
from curation.template_tokens import token_in

_UNSPACED = "\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


_PIECE = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]*[^\W_{_UNSPACED}][^\s{_UNSPACED}]*")
"""What white space sets apart, or a character of a script without it; a regular expression is one."""


def words(text: str) -> list[str]:
    """Lower-case words; a Chinese, Japanese or Korean character is a word of its own."""
    return _WORD.findall(text.lower())


_PLACEHOLDER = re.compile(
    r"\s*(?:<\s*no\s*-?_?(?:in|out)put\s*>|no\s?(?:in|out)put\.?|n/?a\.?|null|nil|todo\.?|tbd\.?|"
    r"\.{2,}|…|-+|not applicable\.?|placeholder|\[(?:insert|your) [^\]\n]{0,60}\]|"
    r"无|暂无|略|k\.\s?a\.|output:?|answer:?|response:?|lorem ipsum.*)\s*",
    re.IGNORECASE | re.DOTALL,
)
_NO_INPUT = re.compile(r"<\s*no\s*-?_?(?:in|out)put\s*>|\bno(?:in|out)put\b", re.IGNORECASE)
_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial intelligence|language model|large language|virtual assistant|chatbot)\b"
    r"|\bi(?:'m| am) (?:just |only )?an? (?:ai|artificial intelligence)\b"
    r"|\bi(?:'m| am) (?:very |really |so )?(?:sorry|afraid)\b[^.\n]{0,80}\b"
    r"(?:can(?:'|no|’)?t|cannot|unable|not able|won't)\b"
    r"|^\s*(?:sorry|apologies)[^.\n]{0,60}\b(?:can(?:'|’)?t|cannot|unable|not able)\b"
    r"|^\s*i (?:can(?:'|’)?t|cannot|am unable to|am not able to|won't) "
    r"(?:help|assist|provide|answer|fulfil|comply|do that|create|generate)"
    r"|作为(?:一个|一名)?(?:人工智能|AI|语言模型)|我(?:只)?是(?:一个|一名)?(?:人工智能|AI|语言模型)|^(?:很)?抱歉[，,]?.{0,12}(?:无法|不能)"
    r"|\bals (?:ki|künstliche intelligenz|sprachmodell)\b"
    r"|\ben tant qu['’](?:ia|intelligence artificielle|assistant|modèle)"
    r"|\bcomo (?:una )?(?:ia|inteligencia artificial|modelo de lenguaje)\b",
    re.IGNORECASE | re.MULTILINE,
)
_ASKS_AI = re.compile(
    r"\b(?:ai|artificial intelligence|chatbot|language model|robot|assistant)\b|人工智能|机器人|語言模型|语言模型",
    re.IGNORECASE,
)
_MERGED = re.compile(
    r"\n[\s#/]*(?:\d+\.\s*)?(?:instruction|指令)\s*\d*\s*[:：]|\n\s*##+ ?(?:input|response)\s*[:：]",
    re.IGNORECASE,
)
_ABOUT_URL = re.compile(
    r"\bhtml\b|\bbutton\b|\bdomain\b|\bbroken\b|\bhyperlink|\bregex\b|\burl for\b", re.IGNORECASE
)
_URL_ASK = re.compile(
    r"(?:this|the|following|given|below|linked|attached|article|page|site|website|video|link|document|report)\b[^.\n]{0,80}https?://\S+"
    r"|https?://\S+[^\n]{0,80}(?:article|page|video|link|summar|read|watch|visit)|(?:文章|网页|链接|视频)[^。\n]{0,40}https?://\S+"
    r"|(?:open|read|visit|watch|see|summari[sz]e|look at|according to)\b[^.\n]{0,60}https?://\S+",
    re.IGNORECASE,
)
_ASKS_MARKUP = re.compile(
    r"\bweb|\breact\b|\bcode\b|\bpython\b|\bscript\b|link|\bbold|italic|underline|highlight|\bfont|"
    r"\bformat|\bstyle|\bcolou?r|\bform\b|\btemplate\b|\bgradient\b|\bembed|\banimat|\bcomponent\b",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,18}\b")
_PHONE = re.compile(
    r"(?<![\d.])(?:\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{2,4}(?:[ -]?\d{2,4}){2,4}|\(\d{3}\)[ -]?\d{3}-\d{4}"
    r"|\d{3}-\d{3}-\d{4}|1[3-9]\d-?\d{4}-?\d{4}"
    r"|0\d{2,4}[ /-]\d{5,8})(?![\d.])"
)
_CARD = re.compile(r"(?<![\d.,])(?:\d{4}[ -]?){3}\d{1,7}(?![\d.,]\d|\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
_NOBODYS_EMAIL = re.compile(
    r"@(?:example|e?mail|company|domain|test|yourcompany|website|abc|xyz)\.|"
    r"^(?:info|support|contact|help|sales|admin|offers?|promotions?|no-?reply|newsletter|press|service|"
    r"example|user(?:name)?|your ?name|name|test|abc|x+)@",
    re.IGNORECASE,
)
_NOBODYS_PHONE = re.compile(r"555|^1?123456|4567890$|98765|^1?8(?:00|33|44|55|66|77|88)")
"""Numbers made for films and forms, and those that companies answer for free in North America."""
_GARBLED = re.compile(
    "Ã[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€[™œ\u009d“”˜¢¦\u0080-\u00bf]|Â[\u00a0-\u00bf]|ï»¿|\ufffd|ðŸ|[åäæçèé][\u0080-\u00bf]{2}"
)
_DANGLING = re.compile(
    r"(?:\b(?:the|a|an|and|or|but|of|to|in|with|for|by|as|that|which|is|are|was|because|your|their|its|"
    r"from|into|und|der|die|das|oder|mit|ein|eine|et|le|la|les|de|du|que|el|los|las|con|un|una|y)|"
    r"[，、（(]|[的和与在是把被对从为但而因如])\s*\Z"
)
_ITEM = re.compile(r"\s*(?:[-*•#>|]|\d+[.)]|[A-Za-z][.)]|[IVX]+\.)")
_SENTENCE_END = re.compile(r"(?<=[^\W\dA-Z_][.!?])\s+|(?<=\d[.!?])\s+|(?<=\s[!?])\s+|(?<=[。！？])")
_SIGNS = re.compile(r"[#@=(){}<>\[\]|\\]|://|www\.|\s[-–—―~]\s")
"""What prose that breaks off seldom holds: hashtags, formulas, links, the name after a quotation."""


def _is_card(digits: str) -> bool:
    """Whether a number passes the check of payment cards (Luhn) and has their length; no ISBN."""
    numbers = [int(c) for c in digits if c.isdigit()]
    if not 13 <= len(numbers) <= 19 or len(set(numbers)) < 3 or digits.startswith(("978", "979")):
        return False
    odd, even = numbers[-1::-2], numbers[-2::-2]
    return (sum(odd) + sum(sum(divmod(2 * n, 10)) for n in even)) % 10 == 0


def repetition(text: str) -> float:
    """Share of a text that its longest loop takes up; 0 below 20 words.

    A loop is a phrase that follows itself at least twice. A chorus, or a list whose items begin
    alike, is none: what comes between differs.
    """
    found = _PIECE.findall(text[:20_000].lower())
    if len(found) < 20:
        return 0.0
    last: dict[tuple[str, str, str], int] = {}
    longest = run = period = 0
    for i, gram in enumerate(zip(found, found[1:], found[2:], strict=False)):
        gap = i - last.get(gram, i)
        run = run + 1 if gap and gap == period else 1
        period = gap
        last[gram] = i
        if gap and run + 2 >= 2 * gap:
            longest = max(longest, run + 2 + gap)
    return longest / len(found)


def _truncated(text: str) -> bool:
    """Whether an answer stops in the middle: an open code block, or prose that ends in a sentence."""
    stripped = text.rstrip()
    if stripped.count("```") % 2:
        return True
    last = stripped.rsplit("\n", 1)[-1].strip()
    if len(words(last)) < 6 or _ITEM.match(last):
        return False
    if _DANGLING.search(last):
        return True
    fragment = _SENTENCE_END.split(last)[-1].strip()
    capitals = sum(word[0].isupper() for word in fragment.split())
    return (
        fragment != last
        and fragment[-1:].isalpha()
        and len(words(fragment)) >= 6
        and not _SIGNS.search(fragment)
        and 2 * capitals < max(2, len(fragment.split())) + 1  # not a title
    )


def _copies(prompt: str, response: str) -> bool:
    """Whether an answer says what the prompt said, to the comma, and nothing else."""
    asked, said = (" ".join(text.casefold().split()) for text in (prompt, response))
    return len(words(said)) >= 8 and len(said) >= 0.8 * len(asked) and said in asked


def _personal(text: str) -> bool:
    emails = [m.group() for m in _EMAIL.finditer(text)] if "@" in text else []
    if any(not _NOBODYS_EMAIL.search(e) for e in emails):
        return True
    if not any(c.isdigit() for c in text):
        return False
    numbers = [re.sub(r"\D", "", m.group()) for m in _PHONE.finditer(text)]
    if any(len(n) >= 9 and not _NOBODYS_PHONE.search(n) for n in numbers):
        return True
    return any(_is_card(m.group()) for m in _CARD.finditer(text)) or any(
        _is_iban(m.group()) for m in _IBAN.finditer(text)
    )


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "")
    number = "".join(str(int(c, 36)) for c in plain[4:] + plain[:4])
    return 15 <= len(plain) <= 34 and int(number) % 97 == 1


def _html(prompt: str, text: str) -> bool:
    if (
        ("<" not in text and "&" not in text)
        or ABOUT_HTML.search(prompt)
        or _ASKS_MARKUP.search(prompt)
        or ABOUT_HTML.search(text)
    ):
        return False
    prose = CODE.sub(" ", text)
    return bool(HTML_TAG.search(prose) or ENTITY.search(prose))


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

_RULES: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "empty_answer": ("the answer is empty", lambda p, r: not r.strip()),
    "placeholder_answer": (
        "the answer is a placeholder",
        lambda p, r: (
            bool(r.strip())
            and (bool(_PLACEHOLDER.fullmatch(r)) or len(r) < 200 and bool(_NO_INPUT.search(r)))
        ),
    ),
    "refusal": (
        "the answer refuses, or speaks as an AI",
        lambda p, r: (
            bool(_REFUSAL.search(r[:400])) and not _ASKS_AI.search(p) and not _REFUSAL.search(p)
        ),
    ),
    "truncated_answer": ("the answer stops in the middle", lambda p, r: _truncated(r)),
    "repetition_loop": ("the answer repeats itself", lambda p, r: repetition(r) > 0.3),
    "merged_instructions": (
        "another instruction follows inside the answer",
        lambda p, r: bool(_MERGED.search(r.strip())) and not _MERGED.search(f"\n{p}"),
    ),
    "copies_prompt": ("the answer is a copy of the prompt", _copies),
    "garbled": (
        "characters are garbled",
        lambda p, r: (
            not (p.isascii() and r.isascii()) and bool(_GARBLED.search(p) or _GARBLED.search(r))
        ),
    ),
    "html": ("HTML was left in the text", lambda p, r: _html(p, p) or _html(p, r)),
    "special_tokens": (
        "chat-template tokens stand in the text",
        lambda p, r: any(token_in(text, bool(ABOUT_HTML.search(p))) for text in (p, r)),
    ),
    "unfollowable_url": (
        "the prompt points to a page that nobody can open",
        lambda p, r: "http" in p and bool(_URL_ASK.search(p)) and not _ABOUT_URL.search(p),
    ),
    "personal_data": (
        "an e-mail address, phone, card or account number stands in the text",
        lambda p, r: _personal(p) or _personal(r),
    ),
}
EXPLAINED: dict[str, str] = {
    **{name: text for name, (text, _) in _RULES.items()},
    "wrong_language": "the answer is in another language than the prompt",
}
_TRANSLATES = re.compile(
    r"translat|übersetz|tradui|traduc|перев|翻译|翻譯|訳|language|sprache|langue|idioma|\bsay |\bmean|"
    r"\b(?:english|german|french|spanish|chinese|japanese|russian|italian|latin|portuguese|korean|hindi|"
    r"arabic|deutsch|englisch|französisch|français|anglais|español|inglés)\b|英語|[英法日德中汉俄韩][语文]",
    re.IGNORECASE,
)
_CODE_SIGN = re.compile(r"[{}()=<>;_/&]")
_SCRIPTS = {
    **dict.fromkeys(("bg", "ru", "sr", "uk"), "Cyrillic"),
    **dict.fromkeys(("ar", "fa", "ur"), "Arabic"),
    **dict.fromkeys(("zh", "ja"), "Han"),
    **{code: code for code in ("bn", "el", "he", "hi", "ko", "ta", "te", "th")},
}
"""Scripts of languages; what is not named is written in Latin letters."""

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
    needs=("language", "prompt_language", "response_tokens"),
)
def answer_checks(batch: pd.DataFrame) -> pd.DataFrame:
    """Name what is wrong with each answer, and score its quality from 0 to 1.

    `problems` lists the rules that hit, by commas; `repetition` is the share of the answer that
    repeats itself. `quality` is l · d · 0.5^n: l grows with the answer's tokens and is 0.9 at 64
    (1 − 10^(−tokens/64)), d = min(1, 0.4 + type–token ratio), n is the number of problems. Length is in it
    because it is the baseline that many scorers fail to beat. A labelled text has no answer; only
    the rules about text apply to it and its quality is 1 · 0.5^n.
    """
    problems, repeats, quality = [], [], []
    columns = (
        "prompt",
        "response",
        "label",
        "language",
        "prompt_language",
        "response_tokens",
    )
    for prompt, response, label, told, asked, tokens in zip(
        *(batch[c] for c in columns), strict=True
    ):
        labelled = isinstance(label, str) and not response
        found = _problems(prompt, response, labelled)
        if not labelled and _another_language(prompt, response, told, asked):
            found.append("wrong_language")
        said = words(response[:4_000])
        variety = min(1.0, 0.4 + len(set(said)) / len(said)) if said else 1.0
        length = 1.0 if labelled else 1 - 10 ** (-(0 if tokens != tokens else tokens) / 64)
        problems.append(",".join(found))
        repeats.append(repetition(response))
        quality.append(length * (1.0 if labelled else variety) * 0.5 ** len(found))
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
        return [name for name in about_text if _RULES[name][1](prompt, "")]
    return [name for name, (_, rule) in _RULES.items() if rule(prompt, response)]


def _another_language(prompt: str, response: str, told: object, asked: object) -> bool:
    """Whether prompt and answer are surely of two languages and no translation was asked for.

    In Latin letters function words have to agree: a list of names or a short title is easily
    taken for another language, a sentence with its own articles and pronouns is not.
    """
    if not (isinstance(told, str) and isinstance(asked, str) and told and asked) or told == asked:
        return False
    if len(words(response)) < 8 or len(words(prompt)) < 4 or _TRANSLATES.search(prompt):
        return False
    if "```" in response or len(_CODE_SIGN.findall(response)) > 0.03 * len(response):
        return False
    return _speaks(response, told, asked) and _speaks(prompt, asked, told)


def _speaks(text: str, language: str, other: str) -> bool:
    """Whether a text is surely in a language rather than in the other.

    By its script, or by function words: it has some, and more than of the other language.
    """
    if language in _SCRIPTS or language not in _FUNCTION_WORDS:
        return _SCRIPTS.get(language) != _SCRIPTS.get(other)
    found = words(text)
    mine, theirs = (
        sum(w in _FUNCTION_WORDS.get(code, ()) for w in found) for code in (language, other)
    )
    return mine > theirs and mine >= 0.1 * len(found)


@filter("Drop bad answers", needs=("problems",))
def drop_bad_answers(
    batch: pd.DataFrame,
    *,
    rules: Annotated[list[Rule], "the rules that drop a row; see Answer checks"] = _DEFAULT,
) -> pd.DataFrame:
    """Drop rows whose answer breaks one of the chosen rules.

    The reason names every rule that hit. HTML and personal data are found but not dropped unless
    they are added here.
    """
    chosen = set[str](rules)
    hits = [
        [p for p in text.split(",") if p in chosen]
        for text in batch["problems"].fillna("").astype(str)
    ]
    reasons = ["; ".join(EXPLAINED.get(h, h) for h in found) for found in hits]
    keep = np.array([not found for found in hits], dtype=bool)
    return pd.DataFrame({"keep": keep, "reason": pd.Series(reasons, dtype="str")}).set_axis(
        batch.index
    )

"""Rules for SFT answers: what is wrong with a row, by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Annotated

import numpy as np
import pandas as pd

from curation.operations.clean import _ABOUT_HTML, _CODE, _ENTITY, _SPECIAL, _TAG
from curation.registry import filter, score

_WORD = re.compile(
    r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]+"
)


def words(text: str) -> list[str]:
    """Lower-case words; a Chinese, Japanese or Korean character is a word of its own."""
    return _WORD.findall(text.lower())


_PLACEHOLDER = re.compile(
    r"\s*(?:<\s*no\s*-?_?(?:in|out)put\s*>|no\s?(?:in|out)put\.?|n/?a\.?|none\.?|null|nil|todo\.?|tbd\.?|\.{2,}|…|-+|"
    r"not applicable\.?|nothing\.?|placeholder|\[?(?:insert|your) [^\n]{0,40}\]?|"
    r"无|没有|暂无|略|空|keine|k\.\s?a\.|aucun(?:e)?|"
    r"ninguno|output:?|answer:?|response:?|lorem ipsum.*)\s*",
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
    r"(?:^|\n)\s*(?:#+\s*)?(?:instruction|input|question|prompt|指令|问题|输入)\s*\d*\s*[:：]",
    re.IGNORECASE,
)
_URL_ASK = re.compile(
    r"(?:this|the|following|given|below|linked|attached|article|page|site|website|video|link|document|report)\b[^.\n]{0,80}https?://\S+"
    r"|https?://\S+[^\n]{0,80}(?:article|page|video|link|summar|read|watch|visit)|(?:文章|网页|链接|视频)[^。\n]{0,40}https?://\S+"
    r"|(?:open|read|visit|watch|see|summari[sz]e|look at|according to)\b[^.\n]{0,60}https?://\S+",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,18}\b")
_PHONE = re.compile(
    r"(?<![\d.])(?:\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{2,4}(?:[ -]?\d{2,4}){2,4}|\(\d{3}\)[ -]?\d{3}-\d{4}"
    r"|\d{3}-\d{3}-\d{4}|1[3-9]\d-?\d{4}-?\d{4}"
    r"|0\d{2,4}[ /-]\d{5,8})(?![\d.])"
)
_CARD = re.compile(r"(?<!\d)(?:\d{4}[ -]?){3}\d{1,7}(?!\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
_PLAIN_EMAIL = re.compile(
    r"@(?:example|email|company|domain|mail|test|yourcompany|website|abc|xyz)\.", re.IGNORECASE
)
_GARBLED = re.compile(
    "Ã[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€[™œ\u009d“”˜¢¦\u0080-\u00bf]|Â[\u00a0-\u00bf]|ï»¿|\ufffd|ðŸ|[åäæçèé][\u0080-\u00bf]{2}"
)
_ENDINGS = ".!?…。！？；;:：)]}\"'`”’»」』）】>*_|~%$°✓✅😊/+-=\\"
_DANGLING = re.compile(
    r"(?:\b(?:the|a|an|and|or|but|of|to|in|with|for|by|as|that|which|is|are|was|because|your|their|its|from|into|und|der|die|das|"
    r"oder|mit|ein|eine|et|le|la|les|de|du|que|el|los|las|con|un|una|y)|[,，、（(]|[的和与在是把被对从为但而因如])\s*\Z",
    re.IGNORECASE,
)
_LINES = re.compile(r"[^\n]+")


def _is_card(digits: str) -> bool:
    """Whether a number passes the check of payment cards (Luhn) and has their length."""
    numbers = [int(c) for c in digits if c.isdigit()]
    if not 13 <= len(numbers) <= 19 or len(set(numbers)) < 3:
        return False
    odd, even = numbers[-1::-2], numbers[-2::-2]
    return (sum(odd) + sum(sum(divmod(2 * n, 10)) for n in even)) % 10 == 0


def repetition(text: str) -> float:
    """Share of a text that its most frequent 3-word phrase or line takes up; 0 below 20 words.

    The greater of the share of the top trigram and of lines that repeat an earlier one, after Rae et
    al. 2021 (Gopher).
    """
    found = words(text[:20_000])
    if len(found) < 20:
        return 0.0
    grams = Counter(zip(found, found[1:], found[2:], strict=False))
    top, count = grams.most_common(1)[0]
    share = (
        3 * count / len(found)
        if count >= 4 and len(set(top)) > 1
        else count / len(found)
        if count >= 8
        else 0.0
    )
    lines = [line.strip() for line in _LINES.findall(text) if len(line.strip()) > 20]
    double = sum(map(len, lines)) - sum(map(len, set(lines)))
    return min(1.0, max(share, double / max(1, len(text))))


def _truncated(text: str) -> bool:
    """Whether an answer stops in the middle: an open code block, or prose that ends on a link word."""
    stripped = text.rstrip()
    if stripped.count("```") % 2:
        return True
    if not stripped or "\n" not in stripped and len(words(stripped)) < 6:
        return False
    last = stripped.rsplit("\n", 1)[-1].strip()
    if (
        _DANGLING.search(stripped)
        and not re.match(r"^\W*(?:[-*•]|\d+[.)])", last)
        and len(words(last)) > 3
    ):
        return True
    if stripped[-1] in _ENDINGS or not stripped[-1].isalnum():
        return False
    if re.match(r"^\s*(?:[-*•#>|]|\d+[.)]|[A-Za-z]\))", last) or "=" in last or "(" in last:
        return False
    sentences = len(re.findall(r"[.!?。！？](?:\s|$|[^\s\d])", stripped))
    prose = (
        len(words(last)) >= 12
        and sentences >= 1
        and "\n" not in stripped[-max(40, len(last)) :].rstrip("\n")[: -len(last) or None]
    )
    return (
        prose
        and len(words(last.rsplit(". ", 1)[-1])) >= 3
        and bool(re.search(r"[.!?。！？]", last))
    )


def _copies(prompt: str, response: str) -> bool:
    asked, said = words(prompt), words(response)
    if len(said) < 8 or len(asked) < 8:
        return False
    return said == asked or (
        len(said) >= 0.8 * len(asked) and " ".join(said) in " ".join(asked) and len(said) > 12
    )


def _personal(text: str) -> bool:
    emails = [m.group() for m in _EMAIL.finditer(text)] if "@" in text else []
    if any(not _PLAIN_EMAIL.search(e) for e in emails):
        return True
    if not any(c.isdigit() for c in text):
        return False
    if any(
        "555-" not in m.group() and sum(c.isdigit() for c in m.group()) >= 9
        for m in _PHONE.finditer(text)
    ):
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
        or _ABOUT_HTML.search(prompt)
        or _ABOUT_HTML.search(text)
    ):
        return False
    prose = _CODE.sub(" ", text)
    return bool(_TAG.search(prose) or _ENTITY.search(prose))


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
        lambda p, r: bool(_REFUSAL.search(r[:400])) and not _ASKS_AI.search(p),
    ),
    "truncated_answer": ("the answer stops in the middle", lambda p, r: _truncated(r)),
    "repetition_loop": ("the answer repeats itself", lambda p, r: repetition(r) > 0.3),
    "merged_instructions": (
        "another instruction follows inside the answer",
        lambda p, r: bool(_MERGED.search(r, 10)) and not _MERGED.search(p),
    ),
    "copies_prompt": ("the answer is a copy of the prompt", _copies),
    "garbled": (
        "characters are garbled",
        lambda p, r: (
            not (p.isascii() and r.isascii()) and bool(_GARBLED.search(p) or _GARBLED.search(r))
        ),
    ),
    "html": ("HTML was left in the text", lambda p, r: _html("", p) or _html(p, r)),
    "special_tokens": (
        "chat-template tokens stand in the text",
        lambda p, r: bool(_SPECIAL.search(p) or _SPECIAL.search(r)) and not _ABOUT_HTML.search(p),
    ),
    "unfollowable_url": (
        "the prompt points to a page that nobody can open",
        lambda p, r: "http" in p and bool(_URL_ASK.search(p)),
    ),
    "personal_data": (
        "an e-mail address, phone, card or account number stands in the text",
        lambda p, r: _personal(p) or _personal(r),
    ),
}
RULES = (*_RULES, "wrong_language")
"""Names of the rules, in the order in which a reason names them."""

EXPLAINED = {
    **{name: text for name, (text, _) in _RULES.items()},
    "wrong_language": "the answer is in another language than the prompt",
}
_TRANSLATES = re.compile(
    r"translat|übersetz|tradui|traduc|перев|翻译|翻譯|訳|\bin (?:english|german|french|spanish|chinese|"
    r"japanese|russian|italian|latin|portuguese|korean|hindi|arabic)\b|auf (?:deutsch|englisch|französisch)|"
    r"en (?:français|anglais|español|inglés)|英語|英语|法语|日语|德语|language|"
    r"sprache|langue|idioma|say |mean",
    re.IGNORECASE,
)
_DEFAULT = [
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
    needs=("language", "prompt_language", "language_confidence", "response_tokens"),
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
        "language_confidence",
        "response_tokens",
    )
    for prompt, response, label, told, asked, sure, tokens in zip(
        *(batch[c] for c in columns), strict=True
    ):
        labelled = isinstance(label, str) and not response
        found = _problems(prompt, response, labelled)
        if not labelled and _another_language(prompt, response, told, asked, sure):
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


def _another_language(prompt: str, response: str, told: object, asked: object, sure: float) -> bool:
    """Whether prompt and answer are surely of two languages and no translation was asked for."""
    if not (isinstance(told, str) and isinstance(asked, str) and told and asked) or told == asked:
        return False
    if (
        sure < 0.6
        or len(words(response)) < 8
        or len(words(prompt)) < 4
        or _TRANSLATES.search(prompt)
    ):
        return False
    return "```" not in response and not {told, asked} <= {"nb", "nn", "da", "sv"}


@filter("Drop bad answers", needs=("problems",))
def drop_bad_answers(
    batch: pd.DataFrame,
    *,
    rules: Annotated[list[str], "the rules that drop a row; see Answer checks"] = _DEFAULT,
) -> pd.DataFrame:
    """Drop rows whose answer breaks one of the chosen rules.

    The reason names every rule that hit. HTML and personal data are found but not dropped unless
    they are added here.
    """
    chosen = set(rules)
    hits = [
        [p for p in text.split(",") if p in chosen]
        for text in batch["problems"].fillna("").astype(str)
    ]
    reasons = ["; ".join(EXPLAINED.get(h, h) for h in found) for found in hits]
    keep = np.array([not found for found in hits], dtype=bool)
    return pd.DataFrame({"keep": keep, "reason": pd.Series(reasons, dtype="str")}).set_axis(
        batch.index
    )

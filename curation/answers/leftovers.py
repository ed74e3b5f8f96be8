"""Leftover characters of a wrong encoding, of HTML and of chat templates."""

from __future__ import annotations

import re

from curation.text.markup import prose
from curation.text.tokens import token_in
from curation.text.web import ABOUT_ENCODING, ABOUT_HTML, ENTITY, has_tags

_GARBLED = re.compile(
    "(?<![A-ZÀ-Þ])Ã[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|Ã[\u0080-\u00a1\u00a4\u00a7\u00a9\u00af\u00b1-\u00b6\u00bc-\u00bf]"
    "|â€[™œ\u009d“”˜¢¦\u0080-\u00bf]|(?<![A-ZÀ-Þ])Â[\u00a0-\u00bf]|ï»¿|\ufffd|ðŸ"
    "|[åäæçèé][\u0080-\u009f\u00a1-\u00bf][\u0080-\u00bf]"
)


def is_garbled(prompt: str, response: str) -> bool:
    """Whether prompt or answer holds letters of a wrong encoding, and neither is about encodings."""
    if prompt.isascii() and response.isascii():
        return False
    return bool(
        (_GARBLED.search(prompt) or _GARBLED.search(response))
        and not ABOUT_ENCODING.search(prompt)
        and not ABOUT_ENCODING.search(response)
    )


_ASKS_MARKUP = re.compile(
    r"\bweb|\breact\b|\bcode\b|\bpython\b|\bscript\b|link|\bbold|italic|underline|highlight|\bfont|"
    r"\bformat|\bstyle|\bcolou?r|\bform\b|\btemplate\b|\bgradient\b|\bembed|\banimat|\bcomponent\b",
    re.IGNORECASE,
)


def has_html(prompt: str, response: str) -> bool:
    """Whether tags or entities were left in a text that was not to have any."""
    return any(
        ("<" in text or "&" in text)
        and not ABOUT_HTML.search(text)
        and not ABOUT_HTML.search(prompt)
        and not _ASKS_MARKUP.search(prompt)
        and (has_tags(text) or bool(ENTITY.search(prose(text))))
        for text in (prompt, response)
    )


def has_special_tokens(prompt: str, response: str) -> bool:
    """Whether tokens of a chat template stand in the text."""
    about_html = bool(ABOUT_HTML.search(prompt))
    return any(token_in(text, about_html) for text in (prompt, response))

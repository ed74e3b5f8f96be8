"""Leftover characters of a wrong encoding, of HTML and of chat templates."""

from __future__ import annotations

import re

from curation.answers.rule import Pair, Rule
from curation.text.markup import prose
from curation.text.tokens import token_in
from curation.text.web import ABOUT_ENCODING, ABOUT_HTML, ENTITY, LAYOUT, has_tags, speaks_of_html

_GARBLED = re.compile(
    "(?<![A-ZÀ-Þ])Ã[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|Ã[\u0080-\u00a1\u00a4\u00a7\u00a9\u00af\u00b1-\u00b6\u00bc-\u00bf]"
    "|â€[™œ\u009d“”˜¢¦\u0080-\u00bf]|(?<![A-ZÀ-Þ])Â[\u00a0-\u00bf]|ï»¿|\ufffd|ðŸ"
    "|[åäæçèé][\u0080-\u009f\u00a1-\u00bf][\u0080-\u00bf]"
    # UTF-8 read as Windows-1251 or GBK; GBK read as Latin-1, or as UTF-8 and written again
    "|вЂ[“”™њќ¦\u201c-\u201e]|(?:[ГР][\u0080-\u00bf©Ўў¤Ґ¦§Ёё«¬®°±Ііґµ¶·№єЅѕї]){3}|[a-z]Г[©±јЇ¶¤Ё]"
    "|鈥[檚渃滄攁斺︹]|[a-z][茅茂帽眉盲枚][a-z鈥]|锟斤拷|烫烫烫|(?:[銆锛鐨鍦瀛涓浣犲鏄绗][\u3400-\u9fff€]?){3}"
    "|¡[¯°±ª®\u00ad]|[a-z]¨[¦¹¢]|(?=[\u00c0-\u00ff]{0,7}[\u00a1-\u00bf\u00d7\u00f7])[\u00a1-\u00ff]{8}"
    "|Γ[Çàöé]|├[⌐ñ│┤»ª]"
)


def is_garbled(pair: Pair) -> bool:
    """Tell whether prompt or answer holds letters of a wrong encoding, and neither is about encodings."""
    prompt, response, *_ = pair
    if prompt.isascii() and response.isascii():
        return False
    return bool(
        (_GARBLED.search(prompt) or _GARBLED.search(response))
        and not ABOUT_ENCODING.search(prompt)
        and not ABOUT_ENCODING.search(response)
    )


_ASKS_MARKUP = re.compile(
    r"\breact\b|\bweb\b|\bembed|\btypograph|\bcode\b|\bpython\b|\bscript\b|\bbold|"
    r"\bitalics?\b|\bunderlin|\bhighlight|\bfont\b|"
    r"\b(?:creat|writ|mak|build|built|design|generat|develop|add|insert|embed|implement|convert|format|styl|"
    r"render|display|use|using|animat)\w*\b[^.?!\n]{0,80}\b(?:web|link|hyperlink|form\b|button|template|component|"
    r"site\b|format|styl|colou?r|gradient|animat)|"
    r"(?:创建|编写|写|制作|设计|生成|开发|添加|插入|构建|提供)[^。？！\n]{0,30}(?:网页|网站|页面|链接|表单|按钮|格式)|"
    r"代码|粗体|斜体|标签|样式",
    re.IGNORECASE,
)
"""Requests whose answer may be markup or code."""
_ESCAPED = re.compile(
    r"(?<!&)&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-f]{2,4});", re.IGNORECASE
)
"""Entities that escape a sign. In code of C, &name; is an address."""


def has_html(pair: Pair) -> bool:
    """Tell whether tags or entities were left in a text that was not to have any.

    Code, and texts or prompts about HTML, may hold them. Where the prompt asks for code or layout, tags
    count beside fenced code only, and entities where no tags stand.
    """
    return any(
        ("<" in text or "&" in text)
        and not speaks_of_html(text)
        and not ABOUT_HTML.search(pair.prompt)
        and _left_over(text, _ASKS_MARKUP.search(pair.prompt) is not None)
        for text in pair[:2]
    )


def _left_over(text: str, markup_asked: bool) -> bool:
    outside = prose(text)
    if markup_asked and "```" not in text:
        return not has_tags(text) and _ESCAPED.search(outside) is not None
    entities = _ESCAPED if markup_asked else ENTITY
    return has_tags(text) or bool(entities.search(outside) or LAYOUT.search(outside))


def has_special_tokens(pair: Pair) -> bool:
    """Tell whether tokens of a chat template stand in the text."""
    about_html = bool(ABOUT_HTML.search(pair.prompt))
    return any(token_in(text, about_html) for text in pair[:2])


GARBLED = Rule(
    "garbled",
    "characters are garbled",
    is_garbled,
    named=1,
    read=1,
    right=1,
    about_text=True,
    evidence=_GARBLED.search,
)
HTML = Rule(
    "html",
    "HTML was left in the text",
    has_html,
    named=314,
    read=50,
    right=50,
    about_text=True,
    cured_by="strip_html",
)
TOKENS = Rule(
    "special_tokens",
    "chat-template tokens stand in the text",
    has_special_tokens,
    named=0,
    read=0,
    right=0,
    about_text=True,
)

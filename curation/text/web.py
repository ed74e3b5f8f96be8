"""Traces of the web in texts: tags and entities, and texts that are about HTML or encodings."""

from __future__ import annotations

import re

from curation.text.markup import segments

ENTITY = re.compile(r"(?<!&)&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[A-Za-z][A-Za-z0-9]{1,30});")
"""A character by its name or number, such as &amp;."""

ABOUT_ENCODING = re.compile(
    r"\butf-?8\b|\blatin-?1\b|\biso-?8859|\bcp-?125\d\b|\bwindows-125\d\b|\bmojibake\b|\bunicode\b|"
    r"\b(?:character )?encodings?\b|\bcharset\b|乱码|編碼|编码|文字化け",
    re.IGNORECASE,
)
"""A text that is about encodings, so that odd characters may be meant."""

ABOUT_HTML = re.compile(
    r"\bhtml\b|\bxml\b|\bcss\b|\bjsx\b|<!doctype|\btags?\b|\bweb ?page|\bentit(?:y|ies)\b|"
    r"\bclassName=|</?(?:html|head|body|div|form|input|button|script|style|table|audio|video|img)\b",
    re.IGNORECASE,
)
"""A text that is about HTML, so that tags may be meant."""

LAYOUT = re.compile(
    r"</(?:div|table|tr|td|sup|sub|blockquote|article|section|header|footer|nav|aside|figure|pre|code|small)>|"
    r"<img\s[^<>]{1,200}>|<hr ?/?>",
    re.IGNORECASE,
)
"""Elements of whole pages. They are left over from one, or are the page that somebody asked for."""
_ELEMENT = re.compile(r"</?(?:div|table|audio|video|img)\b", re.IGNORECASE)

_ELEMENTS = "p|br|b|i|u|em|strong|span|font|center|a|ul|ol|li|h[1-6]"
_TAG = re.compile(
    rf"<(/?)({_ELEMENTS})(?=[\s/>])(?:\s{{1,4}}[a-z-]{{1,20}}=[^<>]{{0,200}})?\s{{0,4}}/?>",
    re.IGNORECASE,
)


def speaks_of_html(text: str) -> bool:
    """Whether a text is about HTML, or is a whole page, rather than a piece copied from one."""
    return ABOUT_HTML.search(_ELEMENT.sub(" ", text)) is not None


def has_tags(text: str) -> bool:
    """Whether some tag stands in a text's prose."""
    return any(_tags(piece) for piece, kind in segments(text) if kind != "code")


def without_tags(text: str) -> str:
    """Prose without its tags."""
    pieces, done = [], 0
    for tag in _tags(text):
        pieces.append(text[done : tag.start()])
        done = tag.end()
    return "".join([*pieces, text[done:]])


def _tags(text: str) -> list[re.Match[str]]:
    """Tags of real elements: <b> needs its </b>, and so does a tag right after a word (vector<p>)."""
    tags = list(_TAG.finditer(text))
    opened: dict[str, list[int]] = {}
    paired = set[int]()
    for index, tag in enumerate(tags):
        name = tag.group(2).lower()
        if not tag.group(1):
            opened.setdefault(name, []).append(index)
        elif opened.get(name):
            paired |= {index, opened[name].pop()}
    return [tag for index, tag in enumerate(tags) if index in paired or _stands_alone(text, tag)]


def _stands_alone(text: str, tag: re.Match[str]) -> bool:
    """Whether an unpaired tag counts: a closing one, a line break, a block."""
    if tag.group(1) or tag.group(2).lower() == "br":
        return True
    before = text[tag.start() - 1 : tag.start()] if tag.start() else ""
    glued = before.isalnum() or before in ("_", ":")
    return not glued and tag.group(2).lower() in (
        "p",
        "ul",
        "ol",
        "li",
        *(f"h{n}" for n in range(1, 7)),
    )

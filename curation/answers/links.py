"""Prompts about a page behind a link, which a model cannot open."""

from __future__ import annotations

import re

_URL = re.compile(r"https?://\S{1,2000}")
_ABOUT_URL = re.compile(
    r"\bhtml\b|\bbutton\b|\bdomain\b|\bbroken\b|\bhyperlink|\bregex\b|\burl for\b|\bpython\b|\bjava|\bpars(?:e|ing)\b|"
    r"\bcurl\b|\brequests?\b|\bscript\b|\bfunction\b|\bapi\b|\bhost(?:name)?\b|\bquery string\b|\bcode\b|\bscrap",
    re.IGNORECASE,
)
_CONTENT = re.compile(
    r"\b(?:this|the|following|given|below|linked|attached|article|page|site|website|video|link|document|report|"
    r"summar\w{0,8}|read|watch|visit|open|see|look at|according to)\b|文章|网页|链接|视频",
    re.IGNORECASE,
)
_LINKS = 20
"""Links of a prompt that are read."""


def points_to_a_page(prompt: str, response: str) -> bool:
    """Whether a prompt asks about a page behind a link, which nobody can open."""
    if "http" not in prompt or _ABOUT_URL.search(_URL.sub(" ", prompt)):
        return False
    for count, url in enumerate(_URL.finditer(prompt)):
        around = (
            prompt[max(0, url.start() - 80) : url.start()].rpartition("\n")[2],
            prompt[url.end() : url.end() + 80].partition("\n")[0],
        )
        if any(_CONTENT.search(_URL.sub(" ", text)) for text in around):
            return True
        if count + 1 >= _LINKS:
            break
    return False

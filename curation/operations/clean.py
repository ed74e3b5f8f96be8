"""Cleaners: the same text, less what went wrong on its way here."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Annotated

import pandas as pd

from curation.registry import clean
from curation.template_tokens import without_tokens

CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)
_ZERO_WIDTH = re.compile("[\u200b\u2060\ufeff]")
_ODD_SPACE = re.compile("[\u00a0\u2000-\u200a\u202f\u205f]")
ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[A-Za-z][A-Za-z0-9]{1,30});")
_TRAILING = re.compile(r"[ \t]+(?=\n|\Z)")
_BLANKS = re.compile(r"\n{4,}")
HTML_TAG = re.compile(
    r"</?(?:p|br|b|i|u|em|strong|span|font|center|a|ul|ol|li|h[1-6])(?:\s+[a-z-]+=[^<>]{0,200})?\s*/?>",
    re.IGNORECASE,
)
ABOUT_HTML = re.compile(
    r"\bhtml\b|\bxml\b|\bcss\b|<!doctype|\btags?\b|\bweb ?page|"
    r"</?(?:html|head|body|div|form|input|button|script|style|table|audio|video|img)\b",
    re.IGNORECASE,
)


def _outside_code(text: str, change: re.Pattern[str], by: str) -> str:
    if "`" not in text:
        return change.sub(by, text)
    pieces = CODE.split(text)
    return "".join(p if i % 2 else change.sub(by, p) for i, p in enumerate(pieces))


def _unescaped(text: str) -> str:
    if not ENTITY.search(text) or ABOUT_HTML.search(text):
        return text
    pieces = CODE.split(text)
    return "".join(
        p if i % 2 else ENTITY.sub(lambda m: html.unescape(m.group()), p)
        for i, p in enumerate(pieces)
    )


@clean("Fix text")
def fix_text(
    batch: pd.DataFrame,
    *,
    encoding: Annotated[bool, "repair UTF-8 that was read as something else (donâ€™t)"] = True,
    entities: Annotated[bool, "turn &amp; and the like back into characters, outside code"] = True,
    invisible: Annotated[bool, "remove zero-width characters and byte order marks"] = True,
    spaces: Annotated[
        bool, "odd spaces to plain ones; white space at line ends and blank lines cut"
    ] = True,
) -> list[str]:
    """Repair garbled characters, stray entities, invisible characters and white space.

    Code, indentation, tables, emoji joined by zero-width joiners and the non-joiners of Persian stay
    as they are. Garbled text is found by ftfy (Speer 2019), which acts only on what can hardly be
    meant. Characters are composed (NFC).
    """
    return [_settled(text, encoding, entities, invisible, spaces) for text in batch["text"]]


def _settled(text: str, *chosen: bool) -> str:
    """Repair until nothing changes: what one repair uncovers (`&amp;lt;`) is another's work."""
    for _ in range(10):
        before, text = text, _fixed(text, *chosen)
        if text == before:
            break
    return text


def _fixed(text: str, encoding: bool, entities: bool, invisible: bool, spaces: bool) -> str:
    if encoding and not text.isascii():
        import ftfy

        text = unicodedata.normalize("NFC", ftfy.fix_encoding(text))
    if entities and "&" in text:
        text = _unescaped(text)
    if invisible and not text.isascii():
        text = _ZERO_WIDTH.sub("", text)
    if spaces:
        if not text.isascii():
            text = _ODD_SPACE.sub(" ", text)
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        text = _BLANKS.sub("\n\n", _TRAILING.sub("", text)).strip("\n")
        text = text.rstrip() if not text.startswith("```") else text
    return text


@clean("Strip HTML")
def strip_html(batch: pd.DataFrame) -> list[str]:
    """Remove stray tags such as <p>, <br/> and <b> from prose.

    Code, and texts that are about HTML, stay as they are.
    """
    return [
        _outside_code(text, HTML_TAG, "").strip()
        if "<" in text and not ABOUT_HTML.search(text)
        else text
        for text in batch["text"]
    ]


@clean("Remove special tokens")
def remove_special_tokens(batch: pd.DataFrame) -> list[str]:
    """Remove chat-template tokens such as <|im_end|> and [INST] that were left in the text.

    A trainer would read them as the end of a turn.
    """
    return [without_tokens(text) for text in batch["text"]]

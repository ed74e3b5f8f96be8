"""Cleaners: they repair damage to the prose of a text, and remove tokens of chat templates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated

import pandas as pd
import regex

from curation.registry import clean
from curation.text.markup import Kind, lines, segments
from curation.text.scripts import UNSPACED
from curation.text.tokens import without_tokens
from curation.text.web import ABOUT_ENCODING, ABOUT_HTML, ENTITY, has_tags, without_tags

_ZERO_WIDTH = re.compile(f"[\u2060\ufeff]|(?<![{UNSPACED}])\u200b(?![{UNSPACED}])")
"""Invisible characters without a use. In Thai a zero-width space separates words, so it stays."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufff9-\ufffc]")
"""Control characters without a use in a text, among them the escapes of terminals."""
_LINE_SEPARATOR = re.compile("[\u2028\u2029]")
_ODD_SPACE = re.compile("[\u00a0\u2000-\u200a\u202f\u205f]")
_NEXT_LINE = re.compile("(?<![\x80-\xff])\x85(?![\x80-\xff])")
_ACCENTED = regex.compile(r"\p{L}\p{M}+")


def _in_prose(text: str, change: Callable[[str], str]) -> str:
    """A text with its prose changed; its code and tables stay as they are."""
    return "".join(change(piece) if kind == "prose" else piece for piece, kind in segments(text))


@clean("Fix text", texts=("messages",))
def fix_text(
    batch: pd.DataFrame,
    *,
    encoding: Annotated[bool, "repair UTF-8 that was read as something else (donâ€™t)"] = True,
    entities: Annotated[bool, "turn &amp; and the like back into characters"] = True,
    invisible: Annotated[bool, "remove zero-width and control characters, byte order marks"] = True,
    spaces: Annotated[
        bool, "odd spaces to plain ones; stray spaces at line ends and blank lines cut"
    ] = True,
) -> list[str]:
    """Repair garbled characters, stray entities, invisible characters and white space in prose.

    What it does:
        Repairs UTF-8 that was read in another encoding, turns HTML entities back into characters,
        composes letters with their accents, and removes invisible and control characters and stray
        white space.
        It repeats this until nothing changes. Code (fenced, indented, in backticks), diffs and
        tables stay byte for byte. So do two spaces at a line's end, which are a line break in
        Markdown, tabs at a line's end, the joiners of emoji, Persian and Hindi, the zero-width
        spaces of Thai, and texts about encodings or HTML.
    Why:
        A model learns to write what it reads, garbled characters too. Invisible differences also
        hide duplicates from the steps that compare texts.
    Example:
        "Donâ€™t stir the rice.  " → "Don’t stir the rice."
        "Salt &amp; pepper" → "Salt & pepper"
        "Write `&amp;` for an ampersand." → "Write `&amp;` for an ampersand."
    Measured precision:
        ftfy's 162 test cases, encoding alone: 103 of 113 garbled texts become exactly right, and 48
        of 49 sound ones stay. It changes 11.8 % of Alpaca's 52,002 rows, 48.4 % of LIMA's 1,029 and
        8.2 % of 2,000 rows of Dolly. Whether people want these changes was not measured.
    Source:
        ftfy (Speer 2019) repairs encodings: it changes only sequences that nobody means to write.
        Its curly quotes, ligatures and widths are left out: they are typography, not damage. The
        rules for white space, and of where entities are meant, are this project's.
    """
    return [_settled(text, encoding, entities, invisible, spaces) for text in batch["text"]]


def _settled(text: str, *chosen: bool) -> str:
    """A text repaired until nothing changes; one repair may uncover the next (`&amp;lt;`)."""
    for _ in range(10):
        before, text = text, _fixed(text, *chosen)
        if text == before:
            break
    return text


def _fixed(text: str, encoding: bool, entities: bool, invisible: bool, spaces: bool) -> str:
    odd = not text.isascii()
    if encoding and odd and not ABOUT_ENCODING.search(text):
        text = _in_prose(text, _ungarbled)
    if encoding and odd:
        text = _in_prose(text, _composed)
    if entities and "&" in text and ENTITY.search(text) and not ABOUT_HTML.search(text):
        text = _in_prose(text, lambda piece: ENTITY.sub(_unescaped, piece))
    if invisible and _CONTROL.search(text):
        text = _in_prose(text, _without_controls)
    if invisible and odd:
        text = _in_prose(text, lambda piece: _ZERO_WIDTH.sub("", piece))
    if spaces:
        if odd:
            text = _in_prose(text, lambda piece: _ODD_SPACE.sub(" ", piece))
            text = _in_prose(text, lambda piece: _LINE_SEPARATOR.sub("\n", piece))
        text = _trimmed(text)
    return text


def _ungarbled(text: str) -> str:
    """Prose with mojibake repaired; a line separator (U+0085) among plain letters stays."""
    import ftfy

    if text.isascii():
        return text
    return "\x85".join(ftfy.fix_encoding(piece) for piece in _NEXT_LINE.split(text))


def _unescaped(entity: re.Match[str]) -> str:
    """The character of an entity, also of a name in capitals (P&EACUTE;REZ)."""
    from ftfy.fixes import unescape_html

    return str(unescape_html(entity.group()))


def _without_controls(text: str) -> str:
    """Prose without control characters and without the escapes that colour a terminal."""
    from ftfy.fixes import remove_control_chars, remove_terminal_escapes

    return str(remove_control_chars(remove_terminal_escapes(text)))


def _composed(text: str) -> str:
    """Letters with their accents as one character, where there is one.

    The rest of Unicode's form NFC is left out, as it would also turn signs into letters (Å, Ω).
    """

    def compose(match: regex.Match[str]) -> str:
        whole = match.group()
        shorter = unicodedata.normalize("NFC", whole)
        return shorter if len(shorter) < len(whole) else whole

    return text if text.isascii() else str(_ACCENTED.sub(compose, text))


_TRIMS = re.compile(r" \r?(?:\n|\Z)|\r|\n\n\n\n|\A\n|\n\Z")
"""Matches in every text that `_trimmed` changes."""


def _trimmed(text: str) -> str:
    """A text without stray spaces at the ends of prose lines, and one blank line in place of many.

    Line ends of prose become \\n; blank lines at the beginning and at the end are removed.
    """
    if not _TRIMS.search(text):
        return text
    whole = list(lines(text))
    blank = [not line.strip() for line, _ in whole]
    kept: list[tuple[str, Kind]] = []
    waiting: list[str] = []  # blank lines of prose; three or more become one
    for i, (line, kind) in enumerate(whole):
        if kind == "prose" and blank[i]:
            waiting.append("\n" if line.endswith(("\n", "\r")) else "")
            continue
        if kept:
            kept += [(end, "prose") for end in (waiting if len(waiting) < 3 else waiting[:1])]
        waiting = []
        last = i + 1 == len(whole) or blank[i + 1]
        kept.append((_line(line, last) if kind == "prose" else line, kind))
    if kept and kept[-1][1] == "prose":
        kept[-1] = (kept[-1][0].rstrip(" \n"), "prose")
    return "".join(line for line, _ in kept)


def _line(line: str, last: bool) -> str:
    """A line of prose without stray spaces at its end; last: no more prose follows directly."""
    words = line.rstrip("\r\n")
    end = "\n" if len(words) < len(line) else ""
    bare = words.rstrip(" ")
    hard_break = len(words) - len(bare) >= 2 and not last
    return (words if hard_break or bare.endswith("\t") else bare) + end


@clean("Strip HTML", texts=("messages",))
def strip_html(batch: pd.DataFrame) -> list[str]:
    """Remove stray tags such as <p>, <br/> and <b> from prose.

    What it does:
        Removes the tags of text formatting and keeps the words between them. Code, generics such as
        vector<p>, and texts that are about HTML stay as they are.
    Why:
        Text that was copied from web pages carries tags. A model that reads them answers with tags.
    Example:
        "<p>Sleep <b>well</b>.</p>" → "Sleep well."
        "Declare a vector<p> first." → "Declare a vector<p> first."
        "What does the <b> tag do in HTML?" → "What does the <b> tag do in HTML?"
    Measured precision:
        Not measured for want of labels. It changes 29 of Alpaca's 52,002 rows, 1 of LIMA's 1,029
        and none of 2,000 rows of Dolly.
    Source:
        This project's rules.
    """
    return [
        _in_prose(text, without_tags).lstrip("\n").rstrip()
        if "<" in text and not ABOUT_HTML.search(text) and has_tags(text)
        else text
        for text in batch["text"]
    ]


@clean("Remove special tokens", texts=("messages",))
def remove_special_tokens(batch: pd.DataFrame) -> list[str]:
    """Remove chat-template tokens such as <|im_end|> and [INST] that were left in the text.

    What it does:
        Removes the tokens that separate turns in chat templates, of all model families that the
        project knows. It repeats this until none is left.
    Why:
        A trainer reads such a token as the end of a turn, wherever it stands.
    Example:
        "It reopened in May.<|im_end|>" → "It reopened in May."
        "Put the value into array[i]." → "Put the value into array[i]."
    Measured precision:
        Not measured for want of labels. It changes no row of Alpaca (52,002), LIMA (1,029) or Dolly
        (2,000), where no token was left.
    Source:
        The published chat templates of the models.
    """
    return [without_tokens(text) for text in batch["text"]]

"""Changes by a cleaner: the most changed examples first, both texts with the differing words marked.

Guarantee: the unmarked pieces of both texts are equal, and joined again all pieces are the text, but
for the signs that make white space and invisible characters visible where they differ.
"""

from __future__ import annotations

import difflib
import itertools
import os

import pandas as pd

from curation.dataset import load_messages
from curation.looking.duplicates import Pieces, differing

LONGEST = 3_000
"""Characters of a change that are compared word by word."""

AROUND = 160
"""Characters of an unchanged stretch that are shown beside a change."""

SIGNS = {
    " ": "␣",
    "\n": "⏎\n",
    "\r": "␍",
    "\t": "⇥",
    "\u00a0": "⟨nbsp⟩",
    "\u00ad": "⟨soft hyphen⟩",
    "\u200b": "⟨zero width⟩",
    "\u200d": "⟨joiner⟩",
    "\u2028": "⟨line⟩",
    "\ufeff": "⟨BOM⟩",
}
"""Visible signs for what the eye does not see, where it differs."""

FEW_LINES = 12
"""Changed lines that a receipt shows."""

WIDE = 200
"""Characters of a changed line that a receipt shows."""

_SIGNED = str.maketrans(SIGNS)
_INVISIBLE = str.maketrans({sign: text for sign, text in SIGNS.items() if sign not in " \n"})


def by_amount(examples: pd.DataFrame) -> pd.DataFrame:
    """Changed examples by id, the most changed first: before, after, and changed (characters).

    examples: before and after, as canonical JSON. changed: of the longer text, what stands between
    the common beginning and the common end.
    """
    pairs = zip(examples["before"].astype(str), examples["after"].astype(str), strict=True)
    counted = examples.assign(changed=[_changed(was, now) for was, now in pairs])
    return counted.sort_values("changed", ascending=False, kind="stable")


def _changed(was: str, now: str) -> int:
    head, tail = _common(was, now)
    return max(len(was), len(now)) - head - tail


def _common(was: str, now: str) -> tuple[int, int]:
    """The lengths of the common beginning and of the common end, which do not overlap."""
    head = len(os.path.commonprefix([was, now]))
    rest = was[head:][::-1], now[head:][::-1]
    return head, len(os.path.commonprefix(list(rest)))


def turns(before: str, after: str) -> list[tuple[str, Pieces, Pieces]]:
    """The turns that differ, each with its role and both texts in marked pieces.

    before, after: conversations as canonical JSON; a turn that only one has stands beside nothing.
    """
    both = itertools.zip_longest(load_messages(before), load_messages(after))
    return [
        (role, *marked(was, now))
        for role, was, now in (
            ((new or old).role, (old and old.content) or "", (new and new.content) or "")
            for old, new in both
        )
        if was != now
    ]


def marked(was: str, now: str) -> tuple[Pieces, Pieces]:
    """Two texts in pieces, each with whether the other lacks it; long unchanged stretches are cut.

    Only what stands between the common beginning and the common end is compared word by word, and of
    that at most LONGEST characters.
    """
    head, tail = _common(was, now)
    head = _word_end(was, head)
    tail = len(was) - _word_begin(was, len(was) - tail)
    middles = was[head : len(was) - tail], now[head : len(now) - tail]
    sides = differing(*(text[:LONGEST] for text in middles))
    if max(map(len, middles)) > LONGEST:  # where both are cut they differ for no other reason
        sides = tuple(side[:-1] if side and side[-1][1] else side for side in sides)  # type: ignore[assignment]
    beginning, end = was[:head], was[len(was) - tail :]
    return tuple(  # type: ignore[return-value]
        _shortened(
            [
                *([(beginning, False)] if beginning else []),
                *side,
                *([(" … ", False)] if len(text) > LONGEST else []),
                *([(end, False)] if end else []),
            ]
        )
        for side, text in zip(sides, middles, strict=True)
    )


def _word_end(text: str, place: int) -> int:
    """The beginning of the word that a place stands in, unless it is far."""
    start = place
    while start and place - start < AROUND and text[start - 1].isalnum():
        start -= 1
    return start


def _word_begin(text: str, place: int) -> int:
    """The end of the word that a place stands in, unless it is far."""
    end = place
    while end < len(text) and end - place < AROUND and text[end].isalnum():
        end += 1
    return end


def _shortened(pieces: Pieces) -> Pieces:
    """Pieces with the middles of unchanged stretches cut, and with signs in those that differ."""
    shown: Pieces = []
    for number, (text, differs) in enumerate(pieces):
        if differs:
            shown.append((text.translate(_SIGNED) if _unseen(text) else text, True))
            continue
        first, last = number == 0, number == len(pieces) - 1
        if len(text) > 2 * AROUND + 20:
            left = "" if first else text[:AROUND]
            right = "" if last else text[-AROUND:]
            text = f"{left} … {right}"
        shown.append((text, False))
    return shown


def _unseen(text: str) -> bool:
    """Whether a piece holds nothing but white space, or something invisible."""
    return not text.strip() or any(sign in text for sign in list(SIGNS)[2:])


def changed_lines(before: str, after: str) -> list[str]:
    """The first lines that differ between two conversations, marked with - and +, as a receipt shows them.

    before, after: as canonical JSON. A long line is cut to where it differs. Two lines that differ by
    white space alone, and what the eye does not see, are written with the signs of SIGNS.
    """
    was, now = (
        [f"{m.role}: {line}" for m in load_messages(text) for line in (m.content or "").split("\n")]
        for text in (before, after)
    )
    shown = list[str]()
    for tag, i, end, j, stop in difflib.SequenceMatcher(None, was, now).get_opcodes():
        if tag != "equal":
            both = list(itertools.zip_longest(was[i:end], now[j:stop], fillvalue=""))
            shown += [f"-{_piece(old, new)}" for old, new in both[: end - i]]
            shown += [f"+{_piece(new, old)}" for old, new in both[: stop - j]]
    more = [f"… {len(shown) - FEW_LINES:,} lines more"] if len(shown) > FEW_LINES else []
    return shown[:FEW_LINES] + more


def _piece(line: str, other: str) -> str:
    """The part of a line from shortly before where it differs from another."""
    head = len(os.path.commonprefix([line, other]))
    start = head - AROUND // 2 if head > AROUND else line.index(": ") + 2
    piece, role = line[start : start + WIDE], line[:start] if head <= AROUND else "… "
    if not piece.strip():
        return f"{role}{piece.translate(_SIGNED)}⏎"
    by_space = "".join(line.split()) == "".join(other.split())
    return role + piece.translate(_SIGNED if by_space else _INVISIBLE)

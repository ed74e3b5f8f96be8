"""Character n-grams of the data itself as a reader of conversations, where no model is at hand.

A row is read by what all other rows teach: its own n-grams are taken out of every count (leave one
out). To read an answer after its prompt, the n-grams of its prompt are put back. Longer contexts fall
back on shorter ones by Witten and Bell's rule, since Kneser and Ney's counts of contexts cannot leave
a row out exactly, and for characters both foresee about as well. Characters need no words, so Chinese
and code are read too.

Guarantee: the order of rows changes no result. Accepted: of more than LEARNED characters a sample
teaches, the conversations with the lowest digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import orjson

from curation.dataset import Progress
from curation.lm.reader import Conversation, Reading

ORDER = 5
"""Characters of the longest n-gram."""

LEARNED = 4_000_000
"""Characters that teach at most."""

LONGEST = 20_000
"""Characters that are read of the prompts of a conversation, and of its answers."""

BLOCK = 1_000_000
"""Characters that are read at once."""

_START, _END = 2, 3
"""Code points before and after a text."""

_ODD = np.uint64(0x9E3779B97F4A7C15)

_LENGTHS = np.uint64(2**41)
"""Added to a distance for the same reason."""

_ROWS = np.uint64(2**40)
"""Added to the number of a row, so that none has the code of a character."""


class NgramReader:
    """Character n-grams of all other conversations."""

    title = "character n-grams of the other rows"

    def read(self, conversations: list[Conversation], progress: Progress) -> Reading:
        """Read the answers of conversations after their prompts, and after nothing."""
        pairs = [_sides(conversation) for conversation in conversations]
        taught = _sample([prompt + answer for prompt, answer in pairs])
        counts = _Counts([pairs[i] for i in np.flatnonzero(taught)])
        given, alone = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
        done = 0
        for part in _blocks(pairs):
            text = _Text([pairs[i] for i in part])
            given[part], alone[part] = counts.losses(text, taught[part])
            done += len(part)
            progress(done / len(pairs), f"{done:,} of {len(pairs):,} rows")
        length = np.array([min(len(answer), LONGEST) for _, answer in pairs], dtype=float)
        cut = [sum(max(0, len(side) - LONGEST) for side in pair) for pair in pairs]
        return Reading(given, alone, length, np.array(cut, dtype=float))


def _sides(conversation: Conversation) -> tuple[str, str]:
    """The text of the other roles in a conversation, and the assistant's with its calls."""
    prompt, answer = list[str](), list[str]()
    for turn in orjson.loads(conversation.messages):
        side = answer if turn["role"] == "assistant" else prompt
        side.append(turn["content"] or "")
        if calls := turn.get("tool_calls"):
            side.append(orjson.dumps(calls).decode())
    return "\n".join(filter(None, prompt)), "\n".join(filter(None, answer))


def _sample(texts: list[str]) -> np.ndarray:
    """True for the texts that teach, (texts,)."""
    digests = [hashlib.blake2b(text.encode()).digest() for text in texts]
    order = sorted(range(len(texts)), key=lambda i: digests[i])
    sizes = np.cumsum([min(len(texts[i]), 2 * LONGEST) for i in order])
    taught = np.zeros(len(texts), dtype=bool)
    taught[[i for i, size in zip(order, sizes, strict=True) if size <= LEARNED]] = True
    return taught


def _blocks(pairs: list[tuple[str, str]]) -> Iterator[np.ndarray]:
    """Yield positions of pairs of about BLOCK characters together."""
    part, size = list[int](), 0
    for i, pair in enumerate(pairs):
        part.append(i)
        size += sum(min(len(side), LONGEST) for side in pair)
        if size >= BLOCK:
            yield np.array(part)
            part, size = [], 0
    if part:
        yield np.array(part)


class _Text:
    """Prompts and answers as code points in a row, each with ORDER starts before it and one end.

    places: of the characters that are foreseen, which are all but the starts. row, is_answer: of
    each of these places.
    """

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        starts = chr(_START) * ORDER
        sides = [f"{starts}{side[:LONGEST]}{chr(_END)}" for pair in pairs for side in pair]
        whole = "".join(sides).encode("utf-32-le")
        self.characters = np.frombuffer(whole, dtype=np.uint32)
        side = np.repeat(np.arange(len(sides)), [len(text) for text in sides])
        first = np.flatnonzero(np.diff(side, prepend=-1))
        self.places = np.flatnonzero(np.arange(len(side)) - first[side] >= ORDER)
        self.row, self.is_answer = side[self.places] // 2, side[self.places] % 2 == 1
        self.rows = len(pairs)
        self._mixed = _mix(self.characters.astype(np.uint64))

    def contexts(self, length: int) -> np.ndarray:
        """A 64-bit code of the characters before each place, (places,)."""
        codes = np.zeros(len(self.places), dtype=np.uint64)
        for back in range(1, length + 1):
            factor = _mix(np.array([back], dtype=np.uint64) + _LENGTHS) | np.uint64(1)
            codes += self._mixed[self.places - back] * factor
        return codes

    def grams(self, contexts: np.ndarray) -> np.ndarray:
        """A code of the context and the character of each place, (places,)."""
        return np.asarray(contexts * _ODD + self._mixed[self.places])


class _Level(NamedTuple):
    """Counts of the n-grams of one length.

    grams, contexts: codes, sorted. gram_counts, context_counts: how often they occur. followers: how
    many different characters follow a context.
    """

    grams: np.ndarray
    gram_counts: np.ndarray
    contexts: np.ndarray
    context_counts: np.ndarray
    followers: np.ndarray


class _Counts:
    """Counts of the n-grams of some conversations."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        text = _Text(pairs)
        self._alphabet = len(np.unique(text.characters)) + 1
        self._levels = [_level(text, length) for length in range(ORDER)]

    def losses(self, text: _Text, taught: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean losses of the answers of a text given their prompts and alone, in nats, (rows,) each.

        taught: whether a row is among those that the counts are of.
        """
        given = np.full(int(text.is_answer.sum()), 1 / self._alphabet)
        alone = given.copy()
        for length, level in enumerate(self._levels):
            with_prompt, without = _adjusted(text, taught, length, level)
            given, alone = with_prompt.after(given), without.after(alone)
        rows = text.row[text.is_answer]
        counts = np.bincount(rows, minlength=text.rows)
        sums = [np.bincount(rows, -np.log(p), minlength=text.rows) for p in (given, alone)]
        return sums[0] / counts, sums[1] / counts


class _Evidence(NamedTuple):
    """Counts for each character of the answers: of its n-gram, its context, and followers of that."""

    gram: np.ndarray
    context: np.ndarray
    followers: np.ndarray

    def after(self, shorter: np.ndarray) -> np.ndarray:
        """Probabilities by Witten and Bell's rule, from those of the next shorter context."""
        total = self.context + self.followers
        mixed = (self.gram + self.followers * shorter) / np.maximum(total, 1)
        return np.where(total > 0, mixed, shorter)


def _level(text: _Text, length: int) -> _Level:
    contexts = text.contexts(length)
    grams, first, gram_counts = np.unique(
        text.grams(contexts), return_index=True, return_counts=True
    )
    names, inverse = np.unique(contexts[first], return_inverse=True)
    followers = np.bincount(inverse, minlength=len(names))
    totals = np.bincount(inverse, gram_counts, minlength=len(names))
    return _Level(grams, gram_counts, names, totals, followers)


def _adjusted(
    text: _Text, taught: np.ndarray, length: int, level: _Level
) -> tuple[_Evidence, _Evidence]:
    """Counts without a row's own n-grams, first with those of its prompt and then without."""
    contexts = text.contexts(length)
    salt = _mix(text.row.astype(np.uint64) + _ROWS)
    _, first, pair = np.unique(text.grams(contexts) ^ salt, return_index=True, return_inverse=True)
    prompt = np.bincount(pair, ~text.is_answer, minlength=len(first))
    own = np.bincount(pair, minlength=len(first)) * taught[text.row[first]]
    total = _looked_up(level.grams, level.gram_counts, text.grams(contexts)[first])
    without = total - own
    _, context_first, context_pair = np.unique(
        (contexts ^ salt)[first], return_index=True, return_inverse=True
    )
    names = contexts[first][context_first]
    whole = _looked_up(level.contexts, level.context_counts, names)
    followers = _looked_up(level.contexts, level.followers, names)
    answers = pair[text.is_answer]

    def evidence(counts: np.ndarray) -> _Evidence:
        more = np.bincount(context_pair, counts - total, minlength=len(names))
        other = (counts > 0).astype(float) - (total > 0)
        kinds = np.bincount(context_pair, other, minlength=len(names))
        place = context_pair[answers]
        return _Evidence(counts[answers], (whole + more)[place], (followers + kinds)[place])

    return evidence(without + prompt), evidence(without)


def _looked_up(codes: np.ndarray, counts: np.ndarray, sought: np.ndarray) -> np.ndarray:
    """The counts of codes, 0 for one that is not among the sorted ones."""
    if not len(codes):
        return np.zeros(len(sought))
    places = np.minimum(np.searchsorted(codes, sought), len(codes) - 1)
    return np.where(codes[places] == sought, counts[places], 0).astype(float)


def _mix(values: np.ndarray) -> np.ndarray:
    """Spread numbers over 64 bits (splitmix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        mixed = values * _ODD + _ODD
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))

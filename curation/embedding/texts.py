"""Texts that are embedded or measured: their keys, what they cost, and the parts they are computed in.

Guarantee: no more than LOOK texts lie in memory at once, wherever they come from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

PART = 64_000
"""Characters whose numbers are written together: half a minute of a language model on two cores."""

LOOK = 16_384
"""Texts that are looked at together, of which no more lie in memory."""


class Texts(Protocol):
    """Texts that need not lie in memory at once."""

    def __len__(self) -> int: ...

    def pick(self, positions: Sequence[int]) -> list[str]:
        """The texts at some positions."""


@dataclass(frozen=True)
class Listed:
    """Texts of a list."""

    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)

    def pick(self, positions: Sequence[int]) -> list[str]:
        """The texts at some positions."""
        return [self.texts[i] for i in positions]


def lowest(texts: Texts, count: int) -> list[str]:
    """Some distinct texts: those with the lowest digests, which stay while the texts stay."""
    some = dict[bytes, str]()
    for positions in _parts(len(texts)):
        some |= {_digest(text): text for text in texts.pick(positions)}
        some = dict(sorted(some.items())[:count])
    return list(some.values())


def in_equal_parts(size: int) -> Callable[[list[int], np.ndarray], Iterator[list[int]]]:
    """Parts of so many positions each."""

    def cut(order: list[int], cost: np.ndarray) -> Iterator[list[int]]:
        return (order[start : start + size] for start in range(0, len(order), size))

    return cut


def in_costly_parts(order: list[int], cost: np.ndarray) -> Iterator[list[int]]:
    """Yield parts that cost PART or little more; a costly text is alone."""
    part, sum_of_part = list[int](), 0.0
    for position in order:
        part.append(position)
        sum_of_part += cost[position]
        if sum_of_part >= PART:
            yield part
            part, sum_of_part = [], 0.0
    if part:
        yield part


def keys_and_costs(texts: Texts, most: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The key of each text and the characters that cost time, and 20 for the text itself."""
    keys, cost = np.zeros(len(texts), dtype="S16"), np.zeros(len(texts))
    for positions in _parts(len(texts)):
        part, own = texts.pick(positions), slice(positions.start, positions.stop)
        keys[own] = [_digest(text) for text in part]
        cost[own] = np.minimum([len(text) for text in part], most or np.inf) + 20
    return keys, cost


def _parts(count: int) -> Iterator[range]:
    return (range(start, min(count, start + LOOK)) for start in range(0, count, LOOK))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

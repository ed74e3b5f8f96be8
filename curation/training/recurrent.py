"""The parts of the LSTM: a vocabulary, batches of texts of like length, and the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from curation.text.words import words

PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Numbers of tokens: none, one that the vocabulary lacks, the first that it holds."""

OFTEN = 3
"""Pairs of words must occur this often to be in the vocabulary: rarer ones are learned by heart. On
8,000 titles of THUCNews the validation loss was 1.30 with all pairs, 0.65 from 2 and 0.63 from 3."""

SPREAD = 0.1
"""Standard deviation of new vectors. With PyTorch's 1, each rare word is a large random vector:
0.748 instead of 0.775 of the titles of THUCNews were right."""

POOL = 20
"""Batches whose examples are sorted by length together, so that little is padding."""


@dataclass(frozen=True)
class Vocabulary:
    """Words and pairs of neighbouring words, each with its number; longest: words of a text."""

    words: Mapping[str, int]
    pairs: Mapping[tuple[str, str], int]
    longest: int

    @classmethod
    def of(cls, texts: Iterable[str], most: int, longest: int) -> Vocabulary:
        """The most frequent words and pairs of some texts, `most` of each."""
        singles, pairs = Counter[str](), Counter[tuple[str, str]]()
        for text in texts:
            pieces = words(text)[:longest]
            singles.update(pieces)
            pairs.update(pairwise(pieces))
        often = {pair: count for pair, count in pairs.items() if count >= OFTEN}
        return cls(_numbered(singles, most), _numbered(often, most), longest)

    def numbers(self, texts: Iterable[str]) -> list[torch.Tensor]:
        """For each text (length, 2) int64: the number of each word and of its pair with the next.

        A text without a word is one unknown word.
        """
        result = []
        for text in texts:
            pieces = words(text)[: self.longest] or [""]
            singles = [self.words.get(piece, UNKNOWN) for piece in pieces]
            pairs = [self.pairs.get(pair, UNKNOWN) for pair in pairwise(pieces)]
            result.append(torch.tensor([singles, [*pairs, UNKNOWN]]).T)
        return result


Piece = TypeVar("Piece", str, tuple[str, str])


def _numbered(counts: Mapping[Piece, int], most: int) -> dict[Piece, int]:
    """The most frequent pieces → their numbers; equally frequent ones by the alphabet."""
    ranked = sorted(counts, key=lambda name: (-counts[name], name))[:most]
    return {name: FIRST + i for i, name in enumerate(ranked)}


def batches(lengths: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the rows of each batch of one epoch: random, and of like length within a batch."""
    order = rng.permutation(len(lengths))
    parts = []
    for start in range(0, len(order), POOL * size):
        pool = order[start : start + POOL * size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        parts += [pool[i : i + size] for i in range(0, len(pool), size)]
    for number in rng.permutation(len(parts)):
        yield parts[number]


def padded(numbers: Sequence[torch.Tensor], rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Some texts as one tensor (texts, longest, 2), and their lengths."""
    chosen = [numbers[row] for row in rows]
    return (
        nn.utils.rnn.pad_sequence(chosen, batch_first=True, padding_value=PADDING),
        torch.tensor([len(text) for text in chosen]),
    )


class Network(nn.Module):
    """Vectors of words and pairs, a bidirectional LSTM, maximum and mean of its outputs, logits."""

    def __init__(
        self, vocabulary: Vocabulary, classes: int, width: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.word = _vectors(FIRST + len(vocabulary.words), width)
        self.pair = _vectors(FIRST + len(vocabulary.pairs), width)
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(
            width, width, layers, batch_first=True, bidirectional=True, dropout=between
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * width, classes)

    def forward(self, numbers: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Logits, (texts, classes); lengths: on the CPU."""
        vectors = self.dropout(self.word(numbers[..., 0]) + self.pair(numbers[..., 1]))
        packed = nn.utils.rnn.pack_padded_sequence(
            vectors, lengths, batch_first=True, enforce_sorted=False
        )
        outputs, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        mean = outputs.sum(dim=1) / lengths.to(outputs.device)[:, None]  # padding is 0
        empty = (numbers[..., 0] == PADDING)[..., None]
        most = outputs.masked_fill(empty, -torch.inf).amax(dim=1)
        logits: torch.Tensor = self.head(self.dropout(torch.cat([most, mean], dim=1)))
        return logits


def _vectors(count: int, width: int) -> nn.Embedding:
    """New vectors; those of unknown words and pairs begin as 0, which says nothing."""
    layer = nn.Embedding(count, width, padding_idx=PADDING)
    with torch.no_grad():
        layer.weight.normal_(0.0, SPREAD)
        layer.weight[:FIRST] = 0.0
    return layer

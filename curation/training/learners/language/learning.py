"""A fit of a language model: examples to tokens, training, losses and answers.

Import this module inside a function: it needs torch, transformers and TRL.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from datasets import Dataset

from curation.chat.template import Unrendered
from curation.dataset import Message, part_of
from curation.embedding.backends import multiplies_bfloat16
from curation.embedding.models import device
from curation.errors import CurationError
from curation.lm.conversations import Tokens, tokens_of
from curation.lm.losses import answer_losses
from curation.lm.models import with_template
from curation.training.learners import Data, Outcome, Part, Sample, Work
from curation.training.learners.language import sft
from curation.training.pytorch import computing

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Student:
    """A model to train. title: empty for one that has learned nothing yet."""

    model: Any
    tokenizer: Any
    title: str = ""
    notes: tuple[str, ...] = field(default=())


def learn(
    student: Student,
    data: Data,
    work: Work,
    how: sft.Schooling,
    *,
    answers_only: bool,
    blocks: bool,
    samples: int,
) -> Outcome:
    """Train a model on the train part and answer for the test part.

    answers_only: learn the tokens of answers only. blocks: learn from rows of exactly
    `how.longest` tokens, which begin and end anywhere in the text. Losses are of all answers of
    each test conversation. Raises CurationError where the chat template cannot show which tokens
    are answers, no example has an answer, the loss is no number, or the memory is not enough.
    """
    with computing(work.seed):
        model, tokenizer = student.model.to(device()), with_template(student.tokenizer)
        longest = sys.maxsize if blocks else how.longest  # blocks go on where the last one ended
        train, notes = encoded(tokenizer, data.train, longest, "training")
        train = [row for row in train if row.answer_tokens]
        if not train:
            raise CurationError(
                f"No example to train on has an answer within {how.longest:,} tokens; "
                "allow longer examples."
            )
        validation, _ = encoded(tokenizer, data.validation, how.longest, "validation")
        test, more = encoded(tokenizer, data.test, how.longest, "test")
        sampled = [n for n, row in enumerate(test) if row.answer_tokens][:samples]
        before = _before(student, model, tokenizer, data, test, sampled, how, work)
        rows = _blocks(train, how, work.seed) if blocks else _rows(train, answers_only)
        model, cost = sft.fit(
            model, tokenizer, rows, validation, work, how, part_of(work.progress, 1, 3)
        )
        last = part_of(work.progress, 2, 3)
        with _autocast(how):
            losses = answer_losses(model, test, tokenizer.pad_token_id, last)
            answers = _answers(model, tokenizer, data.test, sampled, how)
    return Outcome(
        cost,
        losses=losses,
        losses_before=before[0] if before else None,
        tokens=np.array([row.answer_tokens for row in test]),
        samples=tuple(
            _sample(data.test, place, before[1][number] if before else "", answers[number])
            for number, place in enumerate(sampled)
        ),
        notes=(*student.notes, *notes, *more),
    )


def encoded(tokenizer: Any, part: Part, longest: int, name: str) -> tuple[list[Tokens], list[str]]:
    """Return the tokens of each example, and sentences about those that are cut or refused.

    An example that the chat template refuses has no tokens. Raises CurationError where it refuses
    all of them.
    """
    rows: list[Tokens] = []
    refusals: list[Unrendered] = []
    for place, messages in enumerate(part.messages or ()):
        try:
            rows.append(tokens_of(tokenizer, messages, longest, _tools(part, place)))
        except Unrendered as error:
            refusals.append(error)
            rows.append(Tokens([], []))
    if refusals and len(refusals) == len(rows):
        raise CurationError(str(refusals[0]))
    notes = []
    if refusals:
        notes.append(f"{len(refusals):,} {name} examples do not fit the model's chat template.")
    if cut := sum(row.cut > 0 for row in rows):
        mute = sum(row.cut > 0 and not row.answer_tokens for row in rows)
        notes.append(
            f"{cut:,} of {len(rows):,} {name} examples were cut at {longest:,} tokens; {mute:,} of "
            "them have no answer left."
        )
    return rows, notes


def _rows(train: Sequence[Tokens], answers_only: bool) -> Dataset:
    labels = [row.labels if answers_only else row.ids for row in train]
    return Dataset.from_dict({"input_ids": [row.ids for row in train], "labels": labels})


def _blocks(train: Sequence[Tokens], how: sft.Schooling, seed: int) -> Dataset:
    """Cut all tokens, in random order of the examples, into blocks of equal length.

    There are as many as whole steps take; the last ones are filled from the beginning again.
    """
    order = np.random.default_rng(seed).permutation(len(train))
    tokens = np.concatenate([train[place].ids for place in order])
    steps = -(-len(tokens) // (how.longest * how.batch))
    blocks = np.resize(tokens, (steps * how.batch, how.longest))
    return Dataset.from_dict({"input_ids": blocks.tolist(), "labels": blocks.tolist()})


def _autocast(how: sft.Schooling) -> Any:
    return torch.autocast(device(), torch.bfloat16, enabled=how.bfloat16)


def _answers(
    model: Any, tokenizer: Any, part: Part, sampled: Sequence[int], how: sft.Schooling
) -> list[str]:
    return [
        sft.answer_to(model, tokenizer, _prompt(part, place), how.longest, _tools(part, place))
        for place in sampled
    ]


def _prompt(part: Part, place: int) -> tuple[Message, ...]:
    assert part.messages is not None
    return part.messages[place][:-1]


def _tools(part: Part, place: int) -> Any:
    return part.tools[place] if part.tools else None


def _sample(part: Part, place: int, before: str, after: str) -> Sample:
    assert part.messages is not None
    reference = part.messages[place][-1].content or ""
    return Sample(part.ids[place], part.texts[place], reference, before, after)


_Before = tuple[np.ndarray, list[str]]

_remembered: dict[str, _Before] = {}
"""Losses and answers before training: of the last model and test part, which all fits of a run share."""


def _before(
    student: Student,
    model: Any,
    tokenizer: Any,
    data: Data,
    test: Sequence[Tokens],
    sampled: Sequence[int],
    how: sft.Schooling,
    work: Work,
) -> _Before | None:
    """Return losses and sample answers before training; None for a model that knows nothing."""
    if not student.title:
        return None
    content = repr((student.title, how.longest, how.bfloat16, sampled, [row.ids for row in test]))
    key = hashlib.sha256(content.encode()).hexdigest()
    if key not in _remembered:
        _remembered.clear()
        first = part_of(work.progress, 0, 3)
        with _autocast(how):
            losses = answer_losses(model, test, tokenizer.pad_token_id, first)
            answers = _answers(model, tokenizer, data.test, sampled, how)
        _remembered[key] = losses, answers
    return _remembered[key]


def is_bfloat16(precision: Precision) -> bool:
    """Whether to compute in bfloat16; "auto" does where the machine multiplies in it."""
    return multiplies_bfloat16() if precision == "auto" else precision == "bfloat16"

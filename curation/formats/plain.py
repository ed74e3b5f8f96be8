"""Many records at once, where they are plain pairs of texts, as in most large files.

Guarantee: the result equals that of `conversion.convert` for each record.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from curation.formats.base import BETWEEN
from curation.formats.columns import Resolver
from curation.formats.conversion import METADATA
from curation.formats.pairs import Pair, plain_pair
from curation.formats.recognition import plan_by_kinds


class ConvertedTexts(NamedTuple):
    """Many records as examples, field by field; each as `convert` would give it.

    columns: column → role → number of records in which the column is not empty.
    """

    format: str
    messages: list[str]
    prompts: list[str]
    responses: list[str]
    systems: list[str]
    metadata: list[str]
    shapes: list[str]
    columns: dict[str, dict[str, int]]


def pair_of(columns: tuple[str, ...]) -> Pair | None:
    """Return the plain pair of records with these columns, all texts; None for other records."""
    return _pair_of(columns)[1]


@functools.lru_cache(4_096)
def _pair_of(columns: tuple[str, ...]) -> tuple[str, Pair | None]:
    kinds = "t" * len(columns)
    plan = plan_by_kinds(columns, kinds, "auto", ())
    return plan.format, plain_pair(plan, Resolver(columns, kinds), columns)


def convert_texts(
    columns: tuple[str, ...], records: Sequence[Mapping[str, str]]
) -> ConvertedTexts | None:
    """Return records of the same columns, all texts, as examples; None unless all are plain pairs.

    The result is that of `convert` at a fraction of its cost, for the shapes of most large files.
    Records that lack a prompt or an answer need `convert`, since another column may play the role.
    """
    name, pair = _pair_of(columns)
    if pair is None or not all(map(pair.is_whole, records)):
        return None
    prompts = [record[pair.prompt] for record in records]
    responses = [record[pair.answer] for record in records]
    none = [""] * len(records)
    ordered = orjson.dumps({**pair.shape, "order": columns}).decode()
    shapes = [ordered] * len(records)
    if pair.input:
        for i, (prompt, record) in enumerate(zip(prompts, records, strict=True)):
            if second := record[pair.input]:
                prompts[i] = f"{prompt}{BETWEEN}{second}"
                shapes[i] = _with_place(len(prompt), pair, columns)
    systems = [record[pair.system] for record in records] if pair.system else none
    reasons = [record[pair.reasoning] for record in records] if pair.reasoning else none
    plain = not (pair.system or pair.reasoning)
    return ConvertedTexts(
        name,
        [
            orjson.dumps(
                [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
            ).decode()
            for prompt, response in zip(prompts, responses, strict=True)
        ]
        if plain
        else [
            orjson.dumps(_turns(*texts)).decode()
            for texts in zip(systems, prompts, responses, reasons, strict=True)
        ],
        prompts,
        responses,
        systems,
        [orjson.dumps({c: record[c] for c in pair.rest}).decode() for record in records]
        if pair.rest
        else none,
        shapes,
        _counted(columns, pair, records),
    )


def _with_place(place: int, pair: Pair, columns: tuple[str, ...]) -> str:
    return orjson.dumps({**pair.shape, "at": place, "order": columns}).decode()


def _turns(system: str, prompt: str, response: str, reasoning: str) -> list[dict[str, Any]]:
    answer = {"role": "assistant", "content": response}
    if reasoning:
        answer["reasoning_content"] = reasoning
    question = {"role": "user", "content": prompt}
    turns = [question, answer]
    return [{"role": "system", "content": system}, *turns] if system else turns


def _counted(
    columns: tuple[str, ...], pair: Pair, records: Sequence[Mapping[str, str]]
) -> dict[str, dict[str, int]]:
    roles = {
        pair.prompt: "prompt",
        pair.answer: "response",
        pair.input: "input",
        pair.system: "system",
        pair.reasoning: "reasoning",
    }
    counts = dict[str, dict[str, int]]()
    for column in columns:
        count = sum([bool(record[column]) for record in records])
        counts[column] = {roles.get(column, METADATA): count}
    return counts

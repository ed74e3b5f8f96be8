"""TRL: conversations and completions for SFTTrainer, answers for DPOTrainer and KTOTrainer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from curation.dataset import ID
from curation.export.delivery_format import (
    DeliveryFormat,
    Extra,
    Problem,
    Row,
    chat,
    chat_turns,
    check_turns,
    jsonl,
    row_problems,
)
from curation.export.parts import NotHeld
from curation.export.preference import pair
from curation.export.rendering import Rendering
from curation.export.trainers.scripts import COMPLETIONS, LABELLED, MESSAGES, PAIRS

PLACES = frozenset({"name", "tool_calls", "call_ids", "reasoning_content", "tools"})


def _preference_row(row: Row) -> Row:
    prompt, chosen, rejected = pair(row)
    record: Row = {
        ID: row["id"],
        "prompt": chat_turns(prompt),
        "chosen": chat_turns(chosen),
        "rejected": chat_turns(rejected),
    }
    return {**record, "tools": orjson.dumps(row["tools"]).decode()} if row["tools"] else record


def _completion_rows(row: Row) -> list[Row]:
    """Make a record of each answer that is to be learned, with the turns before it as its prompt."""
    turns = row["turns"]
    answers = [
        place
        for place, turn in enumerate(turns)
        if turn["role"] == "assistant" and turn.get("weight", 1)
    ]
    if not answers:
        raise NotHeld("no_answer", "none of its turns is an answer to learn")
    if answers == [0]:
        raise NotHeld("no_prompt", "nothing stands before its answer")
    return [_completion(row, turns[:place], turns[place : place + 1]) for place in answers if place]


def _completion(row: Row, prompt: list[Row], completion: list[Row], **more: Any) -> Row:
    sides = {
        name: [{k: v for k, v in turn.items() if k != "weight"} for turn in chat_turns(turns)]
        for name, turns in (("prompt", prompt), ("completion", completion))
    }
    tools = {"tools": orjson.dumps(row["tools"]).decode()} if row["tools"] else {}
    return {ID: row["id"], **sides, **more, **tools}


def _kto_rows(row: Row) -> list[Row]:
    """Make a record of the answer, with the label true, and one of the rejected answer."""
    turns, rejected = row["turns"], row["rejected"]
    if not turns or (turns[-1]["role"] != "assistant" and not rejected):
        raise NotHeld("no_answer", "its last turn is not an answer")
    if turns[-1]["role"] != "assistant":
        return [_completion(row, turns, rejected, label=False)]
    prompt, chosen, _ = pair({**row, "rejected": rejected or turns[-1:]})
    good = _completion(row, prompt, chosen, label=True)
    return [good, _completion(row, prompt, rejected, label=False)] if rejected else [good]


def _check_completions(rows: Iterable[Row]) -> list[Problem]:
    """Return problems of records of {prompt, completion}, whose sides are texts or turns."""
    return check_turns({"messages": _joined(row)} for row in rows)


def _joined(row: Row) -> list[Any]:
    """Return the turns of both sides; a text is a turn of its side's speaker."""
    turns: list[Any] = []
    for name, role in (("prompt", "user"), ("completion", "assistant")):
        side = row[name]
        turns += [{"role": role, "content": side}] if isinstance(side, str) else side
    return turns


def _check_preference(rows: Iterable[Row]) -> list[Problem]:
    return [
        Problem(number, code, message)
        for number, row in enumerate(rows, 1)
        for side in ("chosen", "rejected")
        for code, message in row_problems({"messages": [*row["prompt"], *row[side]]})
    ]


def _script(name: str, script: str) -> Extra:
    """Return the writer of a ready training script, which names the files that it reads."""

    def extra(files: Mapping[str, Sequence[str]], facts: Mapping[str, Any]) -> dict[str, bytes]:
        names = {
            split: [path.rpartition("/")[2] for path in paths] for split, paths in files.items()
        }
        listed = orjson.dumps(names, option=orjson.OPT_INDENT_2).decode()
        return {f"{name}/train.py": script.replace('"FILES"', listed).encode()}

    return extra


FORMAT = DeliveryFormat(
    "trl",
    "TRL (messages)",
    "JSON Lines of {messages}, for SFTTrainer; a label becomes the answer to its text.",
    ".jsonl",
    PLACES,
    chat,
    check_turns,
    jsonl,
    leads=True,
    extra=_script("trl", MESSAGES),
    survey=Rendering,
)
COMPLETION = DeliveryFormat(
    "trl-completion",
    "TRL (prompt and completion)",
    "JSON Lines of {prompt, completion}, a record for each answer; the loss is on completions only.",
    ".jsonl",
    PLACES | {"weight"},
    _completion_rows,
    _check_completions,
    jsonl,
    leads=True,
    extra=_script("trl-completion", COMPLETIONS),
)
KTO = DeliveryFormat(
    "trl-kto",
    "TRL (good and bad answers)",
    "JSON Lines of {prompt, completion, label}, for KTOTrainer; a rejected answer is labelled false.",
    ".jsonl",
    PLACES | {"rejected"},
    _kto_rows,
    _check_completions,
    jsonl,
    leads=True,
    extra=_script("trl-kto", LABELLED),
)
PREFERENCE = DeliveryFormat(
    "trl-preference",
    "TRL (preferences)",
    "JSON Lines of {prompt, chosen, rejected}, for DPOTrainer.",
    ".jsonl",
    PLACES | {"rejected"},
    _preference_row,
    _check_preference,
    jsonl,
    leads=True,
    extra=_script("trl-preference", PAIRS),
)

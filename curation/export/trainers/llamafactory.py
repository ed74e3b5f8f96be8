"""LLaMA-Factory's variant of ShareGPT, for answers and for preferences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import yaml

from curation.export.delivery_format import DeliveryFormat, Extra, Problem, Row, json_array
from curation.export.parts import NotHeld
from curation.export.preference import pair
from curation.export.trainers.sharegpt import (
    PLACES,
    check_sharegpt,
    conversation,
    images_of,
    sharegpt_row,
)

_ODD, _EVEN = ("human", "observation"), ("gpt", "function_call")

TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
"""All tags, because a tag that is left out becomes None instead of its default."""

COLUMNS = {"messages": "conversations", "system": "system", "tools": "tools", "images": "images"}


def _row(row: Row) -> Row:
    images = images_of(row)
    record = sharegpt_row({**row, "turns": [_with_places(turn) for turn in row["turns"]]})
    places = sum(turn["value"].count("<image>") for turn in record["conversations"])
    if images and places != len(images):
        raise NotHeld("image_places", f"{len(images)} images stand beside {places} <image>")
    return {**record, "images": images}


def _with_places(turn: Row) -> Row:
    """Return a turn in parts as text, with `<image>` in the place of an image."""
    if "parts" not in turn:
        return turn
    return {**turn, "content": "\n".join(map(_place, turn["parts"]))}


def _place(part: Any) -> str:
    text = part if isinstance(part, str) else part.get("text")
    return text if isinstance(text, str) else "<image>"


def _check(rows: Iterable[Row]) -> list[Problem]:
    """Return rows that LLaMA-Factory would drop with only a warning, and empty turns."""
    listed = list(rows)
    return [*check_sharegpt(listed), *_order(listed, answers=1)]


def _order(rows: list[Row], answers: int) -> Iterable[Problem]:
    """Yield rows whose turns do not alternate or whose number of turns is wrong."""
    for number, row in enumerate(rows, 1):
        spoken = row["conversations"]
        if any(t["from"] not in (_EVEN if i % 2 else _ODD) for i, t in enumerate(spoken)):
            yield Problem(number, "turn_order", "human and gpt do not take turns")
        elif len(spoken) % 2 == answers:
            yield Problem(number, "odd_turns", "the last turn is not where it should be")


def _preference_row(row: Row) -> Row:
    prompt, chosen, rejected = pair(row)
    if len(chosen) != 1 or len(rejected) != 1:
        raise NotHeld("long_answer", "an answer has more than one turn")
    sides = conversation(chosen) + conversation(rejected)
    record = sharegpt_row({**row, "turns": prompt})
    return {**record, "chosen": sides[0], "rejected": sides[1]}


def _check_preference(rows: Iterable[Row]) -> list[Problem]:
    listed = list(rows)
    problems = [*check_sharegpt(listed), *_order(listed, answers=0)]
    for number, row in enumerate(listed, 1):
        sides = (row["chosen"], row["rejected"])
        if any(side["from"] not in _EVEN or not side["value"].strip() for side in sides):
            problems.append(Problem(number, "missing_content", "a side of the pair says nothing"))
    return problems


def _extra(name: str, settings: dict[str, Any], about: dict[str, Any]) -> Extra:
    def extra(files: Mapping[str, Sequence[str]], facts: Mapping[str, Any]) -> dict[str, bytes]:
        info: dict[str, dict[str, Any]] = {}
        names: dict[str, str] = {}
        for split, paths in files.items():
            numbers = ["", *(f"_{n}" for n in range(2, 1 + len(paths)))]
            entries = [f"{facts['slug']}_{split}{number}" for number in numbers]
            names[split] = ",".join(entries)
            for entry, path in zip(entries, paths, strict=True):
                file = path.rpartition("/")[2]
                info[entry] = {"file_name": file, "formatting": "sharegpt", **about, "tags": TAGS}
        config: dict[str, Any] = {
            "model_name_or_path": "Qwen/Qwen3-0.6B",
            "template": "qwen3",
            **settings,
            "do_train": True,
            "finetuning_type": "lora",
            "dataset_dir": ".",
            "dataset": names["train"],
        }
        if "validation" in names:  # never with val_size, which would split at random
            config["eval_dataset"] = names["validation"]
        config |= {"cutoff_len": 2048, "output_dir": "model"}
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        head = "# Run in this folder; choose a model, and the template that fits it.\n"
        return {
            f"{name}/dataset_info.json": orjson.dumps(info, option=orjson.OPT_INDENT_2) + b"\n",
            f"{name}/train.yaml": (head + text).encode(),
        }

    return extra


LLAMAFACTORY = DeliveryFormat(
    "llamafactory",
    "LLaMA-Factory",
    "ShareGPT with dataset_info.json and a training file; only rows it would not drop.",
    ".json",
    PLACES | {"media"},
    _row,
    _check,
    json_array,
    extra=_extra("llamafactory", {"stage": "sft"}, {"columns": COLUMNS}),
)
PREFERENCE = DeliveryFormat(
    "llamafactory-preference",
    "LLaMA-Factory (preferences)",
    "ShareGPT with a chosen and a rejected answer, for DPO and the like.",
    ".json",
    PLACES | {"rejected"},
    _preference_row,
    _check_preference,
    json_array,
    extra=_extra(
        "llamafactory-preference",
        {"stage": "dpo", "pref_beta": 0.1},
        {
            "ranking": True,
            "columns": {
                **{key: COLUMNS[key] for key in ("messages", "system", "tools")},
                "chosen": "chosen",
                "rejected": "rejected",
            },
        },
    ),
)

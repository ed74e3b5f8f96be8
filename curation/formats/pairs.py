"""Prompts and answers in columns of many names: Alpaca, completions, and preference pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from curation.formats.base import (
    BETWEEN,
    WHICH_COLUMN,
    Example,
    FieldError,
    Format,
    Plan,
    Record,
)
from curation.formats.columns import Resolver, Roles
from curation.formats.names import COLUMNS, VAGUE, squeezed
from curation.formats.parts import (
    choices_of,
    given_text,
    history_turns,
    listed,
    reason,
    side,
    system_turns,
    with_mark,
    written_mark,
)
from curation.formats.turns import Turn, read_turns, texts_of, write_turns

_ALSO = (
    *("input", "system", "history", "choices", "reasoning", "tools"),
    *("images", "videos", "audios"),
)

USUAL: dict[str, Roles] = {
    "alpaca": {
        "prompt": "instruction",
        "input": "input",
        "response": "output",
        "system": "system",
        "history": "history",
    },
    "completion": {"prompt": "prompt", "response": "completion", "system": "system"},
    "preference": {"prompt": "prompt", "response": "chosen", "system": "system"},
}
"""Format → the columns of its roles, where a record's shape does not name others."""


class Pair(NamedTuple):
    """The columns of a plain question and answer in a record of texts; "" for a role without one.

    shape: as of an Example, without the position of the second part. rest: columns of the metadata.
    """

    prompt: str
    answer: str
    input: str
    system: str
    reasoning: str
    shape: Mapping[str, Any]
    rest: tuple[str, ...]

    def is_whole(self, record: Mapping[str, str]) -> bool:
        """Whether a record has both a prompt and an answer; else another column may play the role."""
        return bool(record[self.prompt] and record[self.answer])


_BY_VALUE = (
    *("messages", "chosen", "history", "choices", "tools", "good"),
    *("images", "videos", "audios"),
)
"""Roles that depend on the value of a column; records with such columns are read one by one."""


def plain_pair(plan: Plan, resolver: Resolver, columns: tuple[str, ...]) -> Pair | None:
    """Return how a record of texts is a plain pair; None when values matter too."""
    roles = plan.roles
    if plan.format not in ("alpaca", "completion"):
        return None
    if any(resolver.has(name) for role in _BY_VALUE for name in COLUMNS[role]):
        return None
    if any(resolver.has_rivals(role) for role in ("input", "system", "reasoning")):
        return None
    parts = [roles.get(r, "") for r in ("prompt", "response", "input", "system", "reasoning")]
    if squeezed(parts[0]) == "text":
        return None
    rest = tuple(c for c in columns if c not in parts)
    prompt, answer, given, system, reasoning = parts
    return Pair(prompt, answer, given, system, reasoning, _named(plan.format, roles), rest)


def _named(format: str, roles: Roles) -> dict[str, Any]:
    """The shape that names the columns whose names are not the format's own."""
    usual = USUAL[format]
    named_roles = ("prompt", "input", "response", "system", "history", "reasoning")
    keys = {r: roles[r] for r in named_roles if r in roles and usual.get(r) != roles[r]}
    return {"keys": keys} if keys else {}


def _read(record: Record, plan: Plan) -> Example:
    roles = dict(plan.roles)
    if "prompt" not in roles or "response" not in roles:
        lacking = "prompt" if "prompt" not in roles else "response"
        raise FieldError(lacking, f"there is no column for the {lacking}; {WHICH_COLUMN}")
    before, prompted = side(record, roles["prompt"], "user")
    after, answered = side(record, roles["response"], "assistant")
    used = {roles["prompt"]: "prompt", roles["response"]: "response"}
    shape = _named(plan.format, roles)
    if prompted or answered:
        shape["lists"] = [prompted, answered]
    _add_parts(record, roles, before, after, prompted, used, shape)
    turns = [*_earlier(record, roles, before, used), *before, *after]
    if column := reason(record, roles, turns):
        used[column] = "reasoning"
    turns, rejected = with_mark(record, roles, turns, used, shape)
    several = isinstance(record[roles["response"]], list | dict) and not answered
    names = {*USUAL[plan.format].values(), *shape.get("keys", {}).values()}
    written = record.keys() & names  # these may replace metadata
    exact = not rejected and all(type(record[column]) is str for column in used)
    exact = exact and written <= used.keys()
    return Example(
        turns,
        None,
        used,
        (roles["response"],) if several else (),
        shape,
        exact and not {"history", "choices"} & set(used.values()),
        rejected,
    )


def _add_parts(
    record: Record,
    roles: Roles,
    before: list[Turn],
    after: list[Turn],
    prompted: bool,
    used: dict[str, str],
    shape: dict[str, Any],
) -> None:
    """Add the second part and the choices to a prompt; an answer that is a number becomes its choice."""
    if prompted:
        return
    question = before[0]
    if column := roles.get("input"):
        if given := given_text(record, column):
            shape["at"] = len(question["content"])
            question["content"] = f"{question['content']}{BETWEEN}{given}"
        used[column] = "input"
    if (column := roles.get("choices")) and record[column]:
        choices = choices_of(record[column], column)
        question["content"] = f"{question['content']}{BETWEEN}{listed(choices)}"
        used[column] = "choices"
        number = record[roles["response"]]
        if type(number) is int and 0 <= number < len(choices):
            after[0]["content"] = choices[number][1]


def _earlier(record: Record, roles: Roles, before: list[Turn], used: dict[str, str]) -> list[Turn]:
    """The turns before the prompt: system text and history."""
    turns = list[Turn]()
    if (column := roles.get("history")) and record[column] is not None:
        turns = history_turns(record, column)
        used[column] = "history"
    column = roles.get("system")
    if column and not any(t["role"] == "system" for t in (*turns, *before)):
        system = system_turns(record, column)
        turns = [*system, *turns]
        if system or not record[column]:  # else the column could not be read
            used[column] = "system"
    return turns


def _writer(format: str) -> Any:
    """A function that writes turns into the columns of a format."""

    def write(messages: list[Turn], label: str | None, shape: Mapping[str, Any]) -> Record:
        keys = shape.get("keys", {})
        names = {r: c for r, c in USUAL[format].items() if c not in keys.values()} | keys
        prompted, answered = shape.get("lists", (False, False))
        last = messages[-1] if messages and messages[-1]["role"] == "assistant" else None
        before = messages[:-1] if last else messages
        answer = last["content"] or "" if last else label or ""
        record = _written_prompt(before, names, shape, prompted)
        record[names["response"]] = write_turns([last] if last else []) if answered else answer
        if "reasoning" in names:
            record[names["reasoning"]] = last.get("reasoning_content", "") if last else ""
        return {**record, **written_mark(messages, shape)}

    return write


def _written_prompt(
    before: list[Turn], names: Roles, shape: Mapping[str, Any], prompted: bool
) -> Record:
    """The columns of the turns before the answer."""
    if prompted:
        return {names["prompt"]: write_turns(before)}
    record: Record = {}
    spoken = [t for t in before if t["role"] != "system"]
    system = texts_of(before, lambda t: t["role"] == "system")
    if "history" in names:
        user = spoken.pop()["content"] or "" if spoken and spoken[-1]["role"] == "user" else ""
        pairs = zip(spoken[::2], spoken[1::2], strict=False)
        record[names["history"]] = [[a["content"] or "", b["content"] or ""] for a, b in pairs]
    else:
        user = texts_of(spoken, lambda t: True)
    if "input" in names:
        user, record[names["input"]] = _parted(user, shape.get("at"))
    if system or "system" in names:
        record[names["system"]] = system
    return {names["prompt"]: user, **record}


def _parted(user: str, position: Any) -> tuple[str, str]:
    """A prompt's two parts, cut at the former position, or else at the first blank line."""
    if isinstance(position, int) and user[position : position + len(BETWEEN)] == BETWEEN:
        return user[:position], user[position + len(BETWEEN) :]
    if position is not None and BETWEEN in user:
        first, _, second = user.partition(BETWEEN)
        return first, second
    return user, ""


# --- the formats ----------------------------------------------------------------------------


def _alpaca_sure(roles: Roles, resolver: Resolver) -> float:
    if squeezed(roles["prompt"]) not in ("instruction", "input") or not resolver.has("instruction"):
        return 0.0
    return 0.96 if squeezed(roles["response"]) == "output" else 0.95


def _completion_sure(roles: Roles, resolver: Resolver) -> float:
    vague = {squeezed(roles["prompt"]), squeezed(roles["response"])} & VAGUE
    return 0.6 if vague else 0.9


def _read_seed(record: Record, plan: Plan) -> Example:
    """A task with the first of its worked examples; the others stay in the record."""
    column = plan.roles.get("instances", "instances")
    listed_ = record.get(column)
    first = listed_[0] if isinstance(listed_, list) and listed_ else None
    if "prompt" not in plan.roles:
        raise FieldError("instruction", "there is no instruction.")
    if not isinstance(first, dict) or "output" not in first:
        raise FieldError(column, f"{column} should be a list of {{input, output}}.")
    both = {"input": first.get("input"), "output": first["output"]}
    roles = {"prompt": plan.roles["prompt"], "input": "input", "response": "output"}
    example = _read({**record, **both}, plan._replace(format="alpaca", roles=roles))
    used = {plan.roles["prompt"]: "prompt", column: "response"}
    return example._replace(used=used, exact=False)


def _read_preference(record: Record, plan: Plan) -> Example:
    roles = plan.roles
    if "chosen" not in roles:
        raise FieldError("chosen", "a preference pair needs an answer that was chosen.")
    chosen, listed_ = side(record, roles["chosen"], "assistant")
    used = {roles["chosen"]: "chosen"}
    refused: list[Turn] = []
    if (column := roles.get("rejected")) and record[column]:
        refused, _ = side(record, column, "assistant")
    if listed_ and chosen and chosen[0]["role"] != "assistant":
        shape: dict[str, Any] = {"whole": True}
        if roles["chosen"] != "chosen":
            shape["keys"] = {"response": roles["chosen"]}
        example = _with_system(record, roles, Example(chosen, None, used, shape=shape))
    else:
        example = _read_beside(record, plan)
    used = {**example.used, roles["chosen"]: "chosen"}
    if refused:
        used[roles["rejected"]] = "rejected"
    rejected = _after(refused, [t for t in example.messages if t["role"] != "system"])
    return example._replace(used=used, rejected=rejected)


def _with_system(record: Record, roles: Roles, example: Example) -> Example:
    """An example of a whole conversation, with the system text from a column."""
    turns, used, shape = example.messages, dict(example.used), dict(example.shape)
    column = roles.get("system")
    if column and not any(t["role"] == "system" for t in turns):
        if system := system_turns(record, column):
            turns, shape["system"] = [*system, *turns], column
        if system or not record[column]:
            used[column] = "system"
    return example._replace(messages=turns, used=used, shape=shape)


def _after(refused: list[Turn], turns: list[Turn]) -> list[Turn]:
    """The rejected turns without the turns of the prompt at their beginning."""
    rest = [t for t in refused if t["role"] != "system"]
    if not rest or rest[0]["role"] == "assistant":
        return rest or refused
    count = 0
    for one, other in zip(rest[:-1], turns, strict=False):
        if one != other:
            break
        count += 1
    return rest[count:]


def _read_beside(record: Record, plan: Plan) -> Example:
    """A pair whose prompt has a column of its own, or is a conversation."""
    roles = {**plan.roles, "response": plan.roles["chosen"]}
    roles.pop("good", None)
    if plan.chats and "messages" in plan.roles:
        roles["prompt"] = plan.roles["messages"]
        record = {**record, roles["prompt"]: read_turns(record[roles["prompt"]], roles["prompt"])}
    if "prompt" not in roles:
        raise FieldError("prompt", "a preference pair needs a prompt.")
    example = _read(record, plan._replace(roles=roles))
    return example._replace(exact=False)


def _write_preference(messages: list[Turn], label: str | None, shape: Mapping[str, Any]) -> Record:
    if shape.get("whole"):
        turns = messages[1:] if (system := shape.get("system")) else messages
        column = shape.get("keys", {}).get("response", "chosen")
        record = {system: messages[0]["content"]} if system and messages else {}
        return {column: write_turns(turns), **record}
    written: Record = _writer("preference")(messages, label, shape)
    return written


ALPACA = Format(
    "alpaca",
    "Alpaca (instruction, input, output)",
    ("prompt", "response"),
    (*_ALSO, "good"),
    _alpaca_sure,
    _read,
    _writer("alpaca"),
)
COMPLETION = Format(
    "completion",
    "Prompt and completion",
    ("prompt", "response"),
    (*_ALSO, "good"),
    _completion_sure,
    _read,
    _writer("completion"),
)
SEEDS = Format(
    "seeds",
    "Seed tasks (instruction, instances)",
    ("instances", "prompt"),
    (),
    lambda roles, resolver: 0.85,
    _read_seed,
    _writer("alpaca"),
)
PREFERENCE = Format(
    "preference",
    "Preference pair (chosen and rejected)",
    ("chosen",),
    ("rejected", "prompt", "messages", *_ALSO),
    lambda roles, resolver: 0.99,
    _read_preference,
    _write_preference,
)

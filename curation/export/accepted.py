"""The records that each trainer accepts, in the one form that its rules are written for.

A trainer reads more forms than an export writes: TRL reads texts as well as turns, LLaMA-Factory any
column that dataset_info.json names. Each becomes the record that an export would have written.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from curation.export.parts import NotHeld
from curation.export.trainers.llamafactory import COLUMNS, TAGS
from curation.sources.limits import Note

_FAULTS = {"not_data": "unreadable", "cut": "cut", "key": "nested", "beside": "nested"}
"""Keys of notes on a file → codes: an import reads more kinds of files than a trainer does."""

Row = dict[str, Any]
Entry = Mapping[str, Any]
"""A file's entry in dataset_info.json; empty where there is none."""


def accepted(name: str, record: Row, entry: Entry) -> Row:
    """Return a record of a format in the form of its rules; raises NotHeld for another shape."""
    reader = next((r for word, r in _READERS.items() if name.startswith(word)), None)
    return reader(record, entry) if reader else record


def _missing(record: Row, columns: str) -> NotHeld:
    keys = ", ".join(map(str, list(record)[:6])) or "none"
    return NotHeld("missing_key", f"the row lacks {columns}; its keys are {keys}")


def _sft(record: Row, entry: Entry) -> Row:
    if "messages" in record:
        return record
    if "prompt" in record and "completion" in record:
        return _pair(record, entry)
    if "text" not in record:
        raise _missing(record, "messages, or prompt and completion, or text")
    return {"messages": _turns(record["text"], "assistant")}


def _pair(record: Row, entry: Entry) -> Row:
    if not {"prompt", "completion"} <= record.keys():
        raise _missing(record, "prompt and completion")
    turns = _turns(record["prompt"], "user") + _turns(record["completion"], "assistant")
    return {**record, "messages": turns}


def _judged(record: Row, entry: Entry) -> Row:
    if not isinstance(record.get("label"), bool):
        raise NotHeld("missing_key", "the row lacks label, true or false")
    return _pair(record, entry)


def _preference(record: Row, entry: Entry) -> Row:
    if not {"chosen", "rejected"} <= record.keys():
        raise _missing(record, "chosen and rejected")
    sides = {side: _turns(record[side], "assistant") for side in ("chosen", "rejected")}
    return {**record, **sides, "prompt": _turns(record.get("prompt", []), "user")}


def _turns(value: Any, role: str) -> list[Row]:
    """Return a text as one turn, and a list of turns as it is."""
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    if isinstance(value, list):
        return value
    raise NotHeld("data_type", f"a {type(value).__name__} stands where a text or turns belong")


def _chat(record: Row, entry: Entry) -> Row:
    if "messages" not in record:
        raise _missing(record, "messages")
    return record


def _table(record: Row, entry: Entry) -> Row:
    """A table of other columns than turns is one that `load_dataset` reads as it is."""
    return record if "messages" in record else {"messages": []}


def _alpaca(record: Row, entry: Entry) -> Row:
    if not {"instruction", "output"} <= record.keys():
        raise _missing(record, "instruction and output")
    return record


def _sharegpt(record: Row, entry: Entry) -> Row:
    if not isinstance(record.get("conversations"), list):
        raise _missing(record, "conversations, a list of {from, value}")
    return _conversation(record, COLUMNS, TAGS)


def _llamafactory(record: Row, entry: Entry) -> Row:
    if entry.get("formatting", "sharegpt" if not entry else "alpaca") == "alpaca":
        return _as_conversation(record, entry.get("columns") or {})
    columns = entry.get("columns") or {"messages": "conversations"}
    tags = entry.get("tags") or TAGS
    for part, column in columns.items():
        if column not in record:
            raise _missing(record, f"{column}, which dataset_info.json names as {part}")
    return _conversation(record, columns, tags)


def _as_conversation(record: Row, columns: Mapping[str, str]) -> Row:
    """Return an Alpaca row as turns, by the columns of dataset_info.json."""
    names = {"prompt": "instruction", "query": "input", "response": "output", **columns}
    missing = [names[k] for k in ("prompt", "response") if names[k] not in record]
    if missing:
        raise _missing(record, " and ".join(missing))
    history = record.get(names.get("history", "history")) or []
    pairs = [*history, [record[names["prompt"]], record[names["response"]]]]
    turns = [
        {"from": speaker, "value": text}
        for pair in pairs
        for speaker, text in zip(("human", "gpt"), pair, strict=True)
    ]
    return {"conversations": turns, "system": "", "tools": ""}


def _conversation(record: Row, columns: Mapping[str, str], tags: Mapping[str, str]) -> Row:
    """Return a ShareGPT row under the names of an export, without a system turn at its head."""
    names = {**TAGS, **tags}
    speakers = {names[f"{kind}_tag"]: TAGS[f"{kind}_tag"] for kind in _SPEAKERS}
    spoken = record[columns.get("messages", "conversations")]
    if not isinstance(spoken, list) or not all(isinstance(turn, dict) for turn in spoken):
        raise NotHeld("data_type", "the turns are no list of objects")
    turns = []
    for turn in spoken:
        if not {names["role_tag"], names["content_tag"]} <= turn.keys():
            raise NotHeld(
                "missing_key", f"a turn lacks {names['role_tag']} or {names['content_tag']}"
            )
        role, value = turn[names["role_tag"]], turn[names["content_tag"]]
        if not isinstance(role, str) or role not in speakers:
            raise NotHeld("unrecognized_role", f"there is no speaker {role!r}")
        if not isinstance(value, str):
            raise NotHeld("data_type", "the words of a turn are no text")
        turns.append({"from": speakers[role], "value": value})
    if turns and turns[0]["from"] == TAGS["system_tag"]:
        del turns[0]
    tools = record.get(columns.get("tools", "tools")) or ""
    if not _is_tools(tools):
        raise NotHeld("invalid_tools", "tools are not the JSON text of a list")
    sides = {
        side: record[columns.get(side, side)]
        for side in ("chosen", "rejected")
        if columns.get(side, side) in record
    }
    return {**sides, "conversations": turns, "system": "", "tools": tools}


_SPEAKERS = ("user", "assistant", "observation", "function", "system")


def _is_tools(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return not value or isinstance(orjson.loads(value), list)
    except orjson.JSONDecodeError:
        return False


_READERS: dict[str, Callable[[Row, Entry], Row]] = {
    "trl-preference": _preference,
    "trl-completion": _pair,
    "trl-kto": _judged,
    "trl": _sft,
    "openai": _chat,
    "axolotl": _chat,
    "hf": _table,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
    "llamafactory": _llamafactory,
}
"""Beginning of a format's name → reader of its records, the longest first."""


def entry_of(file: Path) -> tuple[Entry, list[tuple[str, str]]]:
    """Return a file's entry in the dataset_info.json beside it, and the faults of that entry."""
    path = file.with_name("dataset_info.json")
    try:
        info = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, [("dataset_info", "there is no dataset_info.json beside the file")]
    except (OSError, orjson.JSONDecodeError) as error:
        return {}, [("dataset_info", f"dataset_info.json cannot be read: {error}")]
    entries: Iterable[Any] = info.values() if isinstance(info, dict) else ()
    entry = next(
        (e for e in entries if isinstance(e, dict) and e.get("file_name") == file.name), None
    )
    if entry is None:
        return {}, [("dataset_info", f"dataset_info.json has no entry for {file.name}")]
    for part in ("columns", "tags"):
        named = entry.get(part) or {}
        if not isinstance(named, dict) or not all(isinstance(v, str) for v in named.values()):
            return {}, [("dataset_info", f"the entry's {part} are no names by name")]
    tags = entry.get("tags")
    if entry.get("formatting") == "sharegpt" and tags and (missing := TAGS.keys() - tags.keys()):
        names = ", ".join(sorted(missing))
        return entry, [("dataset_info_tags", f"the entry's tags lack {names}")]
    return entry, []


def fault_of(name: str, note: Note) -> tuple[str, str] | None:
    """Return the code and sentence of a note on a file that the trainer of a format does not forgive.

    UTF-8 with a mark at its beginning is read by all but OpenAI.
    """
    if note.key == "encoding":
        plain = ("utf-8", "ascii") if name == "openai" else ("utf-8", "ascii", "utf-8-sig")
        text = f"its encoding is {note.text}, not plain UTF-8"
        return None if note.text in plain else ("encoding", text)
    return (_FAULTS[note.key], note.text) if note.key in _FAULTS else None


def fault_of_lines(file: Path, rows: int) -> tuple[str, str] | None:
    """Return the code and sentence of a file that is not one JSON object a line, as OpenAI reads it.

    rows: those read from it; an import reads compressed files, tables, arrays and records over
    several lines too.
    """
    with open(file, "rb") as stream:
        lines = (line for line in stream if line.strip())
        first = next(lines, b"{").removeprefix(codecs.BOM_UTF8)
        if not first.lstrip().startswith(b"{"):
            return "not_lines", "it is compressed, a table or one JSON array, not JSON Lines"
        if (count := 1 + sum(1 for _ in lines)) != rows:
            return "not_lines", f"its {rows:,} records stand on {count:,} lines, not on one each"
    return None

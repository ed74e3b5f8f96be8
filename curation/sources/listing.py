"""YAML: a list of records, or a mapping that holds one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import yaml

from curation.sources.containers import containers
from curation.sources.limits import Item, Limits, NotData, Note, Refused
from curation.sources.lines import SHOWN, checked, too_long

MOST = 64 * 2**20
"""Bytes of YAML at most: it is parsed as a whole, and slowly."""

NO_RECORDS = "it is YAML without a list of records, such as settings, not data."


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """Loads values as JSON has them; dates, `yes`, `007` and `12:30` stay texts."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping; raises ConstructorError when a key occurs twice."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        double = next((key for key in keys if keys.count(key) > 1), None)
        if double is not None:
            problem = f"the key {double!r} stands twice; keep one of them"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


_PLAIN = {
    "null": (r"(?:null|Null|NULL|~|)", ["n", "N", "~", ""]),
    "bool": (r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    "int": (r"-?(?:0|[1-9][0-9]{0,14})", list("-0123456789")),
    "float": (r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,6}", list("-0123456789")),
}
"""Values that are no texts: those of JSON, with numbers that a float represents exactly."""
for _kind, (_pattern, _first) in _PLAIN.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"{_pattern}\Z"), _first
    )


def yaml_list(chunks: Iterable[bytes], limits: Limits) -> Iterator[Item]:
    """The records of a YAML file; raises Refused for a file that is too long or too deep."""
    text = _whole(chunks)
    try:
        _check(text, limits)
        value = yaml.load(text, _Loader)  # a SafeLoader: plain values, never objects
    except UnicodeDecodeError as error:
        raise Refused(f"byte {error.start + 1} of it is no UTF-8.") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
        what = str(problem or error).split("\n")[0][:200].rstrip(".")
        where = f" in line {mark.line + 1}" if mark else ""
        raise Refused(f"this is not whole YAML{where}: {what}.") from None
    if isinstance(value, dict):
        keys = containers(value)
        if not keys:
            raise NotData(NO_RECORDS)
        lists = [(({} if len(keys) == 1 else {"split": key}), value[key]) for key in keys]
        yield Note("key", f"The records were read from under {', '.join(map(repr, keys))}.")
    else:
        lists = [({}, value)]
    row = 0
    for more, records in lists:
        if not isinstance(records, list) or not any(isinstance(r, dict) for r in records):
            raise NotData(NO_RECORDS)
        for record in records:
            row += 1
            yield _record(record, row, more, limits)


def _whole(chunks: Iterable[bytes]) -> str:
    pieces, size = list[bytes](), 0
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > MOST:
            raise Refused(f"it is YAML of more than {MOST >> 20} MB; save it as JSON Lines.")
    try:
        return b"".join(pieces).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"byte {error.start + 1} of it is no UTF-8.") from None


def _check(text: str, limits: Limits) -> None:
    """Raise Refused for references, by which a few lines become millions, and for deep nesting."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            raise Refused("it refers back to itself by `*`; write out what is meant.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > limits.nesting:
                raise Refused(f"it is nested deeper than {limits.nesting} levels (limit nesting).")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _record(value: Any, row: int, more: dict[str, Any], limits: Limits) -> Item:
    if isinstance(value, dict):
        value = {**value, **{k: v for k, v in more.items() if k not in value}}
    raw = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str)
    if len(raw) > limits.row_bytes:
        return too_long(row, 0, raw[:SHOWN], limits)._replace(offset=None)
    return checked(orjson.loads(raw), row, None, raw, (), limits)

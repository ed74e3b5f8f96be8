"""JSON objects that hold records: the keys of the records, and whether a text is such a document."""

from __future__ import annotations

import re
from typing import Any

from curation import formats
from curation.sources.limits import Limits
from curation.sources.shapes import spread
from curation.sources.strict import Bad, Parser

GENERIC = ("data", "examples", "rows", "items", "records", "instances", "dataset", "samples")
"""General keys under which a file keeps its records."""
CHATS = ("messages", "conversations", "conversation", "turns", "dialogue", "chat", "history")
"""Keys under which a single record keeps its turns."""


def is_document(sample: bytes) -> bool:
    """Whether a text with this beginning is a JSON document rather than JSON lines."""
    text = sample.lstrip(b" \t\r\n\xef\xbb\xbf")
    first, *rest = (line.strip() for line in re.split(rb"[\r\n]+", text, maxsplit=51)[:51])
    rest = [line for line in rest if line]
    if text.startswith(b"["):
        whole = first.endswith(b"]") and first != b"[]"
        return not (whole and rest and rest[0].startswith(b"["))
    if not text.startswith(b"{"):
        return False
    value = _whole_object(first)
    if value is None:  # the first line alone is no object: pretty-printed, or a broken line
        objects = sum(line.startswith(b"{") and line.endswith((b"}", b"},")) for line in rest)
        return objects * 2 < len(rest) or not rest
    return not rest and bool(containers(value) or spread(value))


def _whole_object(line: bytes) -> dict[str, Any] | None:
    try:
        value = Parser(Limits()).parse(line)
    except (Bad, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None


def containers(value: dict[str, Any]) -> list[str]:
    """Keys of an object that hold records; none when the object is a record itself."""
    keys = [
        k
        for k, v in value.items()
        if k not in CHATS
        and isinstance(v, list)
        and v
        and all(isinstance(e, dict | list) for e in v)
    ]
    generic = any(k in GENERIC for k in keys) and "instruction" not in value
    return keys if generic or keys and not formats.recognise(value)[0] else []

"""The kind of a text file: JSON lines, a JSON document, a table, YAML or prose."""

from __future__ import annotations

import re
from pathlib import Path

from curation.sources import tables
from curation.sources.about import CARD, is_card
from curation.sources.containers import is_document
from curation.sources.limits import NotData, Refused

_TABLES = re.compile(r"\.(csv|tsv|tab|psv)\b")
_JSON = re.compile(r"\.(json|jsonl|ndjson)\b")
_YAML = re.compile(r"\.(yaml|yml)\b")
_BINARY = re.compile(r"\.(parquet|arrow|feather)\b")
_OBJECT = re.compile(rb'\s*(?:\[\s*\]\s*\Z|(?:\[\s*)?\{\s*["}])')
"""A beginning of JSON that no table has."""
_MARKUP = (b"<!doctype", b"<html", b"<?xml")


def kind_of(head: bytes, name: str) -> str:
    """The kind of a text by its beginning: lines, document, table, yaml or prose.

    Raises Refused for a web page, NotData for a text that is no data.

    The name decides only between a table and prose, and for a first line that could be either.
    """
    start, ending = head.lstrip(), "".join(Path(name.lower()).suffixes)
    if start[:9].lower().startswith(_MARKUP):
        raise Refused("this is a web page or XML, not a dataset; save the data itself.")
    tabular = _TABLES.search(ending) is not None
    if _OBJECT.match(head) or start[:1] in (b"{", b"[") and not tabular:
        return "document" if is_document(head) else "lines"
    if tabular or not start:
        return "table"
    return "yaml" if _YAML.search(ending) else _kind_of_text(head, ending)


def _kind_of_text(head: bytes, ending: str) -> str:
    if is_card(head):
        raise NotData(CARD)
    first = [line for line in re.split(rb"[\r\n]+", head, maxsplit=50)[:50] if line.strip()]
    objects = sum(line.lstrip().startswith(b"{") for line in first)
    if objects * 2 >= len(first) and objects or _JSON.search(ending) and not _is_header(first[0]):
        return "lines"
    if binary := _BINARY.search(ending):
        raise NotData(
            f"its name says {binary[1].capitalize()}, but it is a text; download it again."
        )
    return "prose" if ".txt" in ending else "table"


def _is_header(line: bytes) -> bool:
    """Whether a line names columns as a table's first line does, one of them known."""
    cells = re.split("[,;|\t]", line.decode("utf-8", "replace"))
    return len(cells) > 1 and tables.has_known([cell.strip(' "') for cell in cells])

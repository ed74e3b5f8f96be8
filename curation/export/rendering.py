"""Rows rendered by the chat templates that TRL brings, where TRL is installed."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

Row = dict[str, Any]
Render = Callable[[Sequence[Row], Any], str]

RENDERED = 1_000
"""Rows that are rendered at most; of more, every so-manieth is."""

_CALL: Row = {
    "id": "a1b2c3d4e",
    "type": "function",
    "function": {"name": "quagga_at", "arguments": {"quagga_place": "Zeeland"}},
}
_TOOL: Row = {
    "type": "function",
    "function": {
        "name": "quagga_at",
        "description": "Whether there is one.",
        "parameters": {"type": "object", "properties": {"quagga_place": {"type": "string"}}},
    },
}
_ASKED: Row = {"role": "user", "content": "Is there a quagga?"}


def survey(rows: Sequence[Row]) -> dict[str, Any]:
    """How chat templates take the rows that carry tools or reasoning.

    Returns what was rendered by which versions, and for each template that knows tools: rows that
    raise, and rows of which a call does not come out with its name, keys and values. Templates that
    know no tools are named; those that mark the same text for training are not rendered again.
    `text` says in a sentence why nothing was rendered.
    """
    carrying = [row for row in rows if _carries(row["messages"]) or row.get("tools")]
    if not carrying:
        return {}
    templates = find_templates()
    if not templates:
        return {"rows": 0, "of": len(carrying), "text": "Not rendered: TRL is not installed."}
    knowing = {name: render for name, render in templates.items() if _knows_tools(render)}
    twins = {name for name in knowing if name.removesuffix("_training") in knowing.keys() - {name}}
    part = carrying[:: -(-len(carrying) // RENDERED)]
    found = {n: _results(part, render) for n, render in knowing.items() if n not in twins}
    return {
        "rows": len(part),
        "of": len(carrying),
        "versions": {name: importlib.metadata.version(name) for name in ("trl", "transformers")},
        "templates": len(found),
        "raise": {name: counts["raise"] for name, counts in found.items() if counts["raise"]},
        "change": {name: counts["change"] for name, counts in found.items() if counts["change"]},
        "without_tools": sorted(templates.keys() - knowing.keys()),
    }


def rendered(found: Mapping[str, Any]) -> str:
    """What `survey` found, in a sentence or two."""
    if not found.get("templates"):
        return str(found.get("text", "Nothing to render."))
    share = (
        f"{found['rows']:,} of {found['of']:,}" if found["rows"] < found["of"] else found["rows"]
    )
    text = (
        f"{share} examples with tools or reasoning were rendered by {found['templates']} chat "
        f"templates of TRL {found['versions']['trl']}"
    )
    for kind, one, none in (
        ("raise", "raise", "none raises"),
        ("change", "change a call", "none changes a call"),
    ):
        said = ", ".join(f"{name} {rows:,}" for name, rows in found[kind].items())
        text += f"; {one}: {said}" if said else f"; {none}"
    names = found["without_tools"]
    without = ", ".join(n for n in names if n.removesuffix("_training") not in {*names} - {n})
    return f"{text}. Templates that cannot show calls: {without or 'none'}."


def _carries(turns: Sequence[Row]) -> bool:
    return any("tool_calls" in turn or "reasoning_content" in turn for turn in turns)


def _results(rows: Sequence[Row], render: Render) -> Counter[str]:
    counts = Counter[str]()
    for row in rows:
        tools = orjson.loads(row["tools"]) if row.get("tools") else None
        try:
            text = render(row["messages"], tools)
        except Exception:  # whatever a template may raise: it is another's program
            counts["raise"] += 1
            continue
        counts["change"] += not all(_stands_in(text, part) for part in _parts(row["messages"]))
    return counts


def _parts(turns: Sequence[Row]) -> Iterator[Any]:
    """Names, keys and values of the calls of a conversation."""
    for turn in turns:
        for call in turn.get("tool_calls") or ():
            yield call["function"]["name"]
            yield from _leaves(call["function"].get("arguments") or {})


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _stands_in(text: str, value: Any) -> bool:
    """Whether a value is written somewhere in a text: as it is, as JSON, or as Python's."""
    if isinstance(value, str):
        return any(
            form in text for form in (value, *(f(value)[1:-1] for f in (_json, ascii, repr)))
        )
    return str(value) in text or _json(value) in text


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


@functools.cache
def find_templates() -> dict[str, Render]:
    """The text templates of the installed TRL by name; empty where it or its renderer is missing.

    TRL itself is not imported. Templates that only training changes, to mark what is an answer, are
    those named `…_training`; a template that cannot show a plain text is for images.
    """
    spec = importlib.util.find_spec("trl")
    if spec is None or not spec.submodule_search_locations:
        return {}
    try:
        from transformers.utils.chat_template_utils import render_jinja_template
    except ImportError:
        return {}

    def renderer(template: str) -> Render:
        def render(turns: Sequence[Row], tools: Any) -> str:
            made = render_jinja_template(
                [list(turns)],
                tools=tools,
                chat_template=template,
                bos_token="<s>",
                eos_token="</s>",
                pad_token="<pad>",
                unk_token="<unk>",
            )
            return str(made[0][0])

        return render

    folder = Path(spec.submodule_search_locations[0]) / "chat_templates"
    found = {path.stem: renderer(path.read_text("utf-8")) for path in folder.glob("*.jinja")}
    return {name: render for name, render in sorted(found.items()) if _is_for_text(render)}


def _is_for_text(render: Render) -> bool:
    answer = {"role": "assistant", "content": "No quagga."}
    try:
        text = render([_ASKED, answer], None)
    except Exception:
        return False
    return _ASKED["content"] in text and answer["content"] in text


def _knows_tools(render: Render) -> bool:
    """Whether a template shows a call and its result, and reads arguments that are objects."""
    turns: list[Row] = [
        _ASKED,
        {"role": "assistant", "content": "", "tool_calls": [_CALL]},
        {"role": "tool", "content": "Hardly.", "tool_call_id": _CALL["id"], "name": "quagga_at"},
        {"role": "assistant", "content": "No."},
    ]
    try:
        text = render(turns, [_TOOL])
    except Exception:
        return False
    return all(word in text for word in ("quagga_at", "quagga_place", "Zeeland", "Hardly."))

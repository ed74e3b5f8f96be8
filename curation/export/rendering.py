"""Check of rows by rendering them with the chat templates of an installed TRL."""

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
"""Rows rendered at most; of more, half or more of so many, evenly spaced, are rendered."""

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


class Rendering:
    """Collects an even part of the records that carry tools or reasoning, and renders them."""

    def __init__(self) -> None:
        self._carrying = 0
        self._part: list[Row] = []
        self._apart = 1

    def add(self, row: Row) -> None:
        """Take note of a record; of more than RENDERED, each second one noted so far is left."""
        if not (_carries(row["messages"]) or row.get("tools")):
            return
        if self._carrying % self._apart == 0:
            self._part.append(row)
        self._carrying += 1
        if len(self._part) > RENDERED:
            self._part, self._apart = self._part[::2], 2 * self._apart

    def result(self) -> dict[str, Any]:
        """Render the records with all chat templates.

        Returns counts, versions, and for each template that supports tools: the number of rows that
        raise, and of rows in which a call's name, keys or values are missing. without_tools names
        the templates without support of tools. Templates that only add training marks are not
        rendered again. `text` gives the reason when nothing was rendered.
        """
        if not self._carrying:
            return {}
        templates = find_templates()
        if not templates:
            return {"rows": 0, "of": self._carrying, "text": "Not rendered: TRL is not installed."}
        knowing = {name: render for name, render in templates.items() if _knows_tools(render)}
        twins = {n for n in knowing if n.removesuffix("_training") in knowing.keys() - {n}}
        results = {n: _results(self._part, r) for n, r in knowing.items() if n not in twins}
        return {
            "rows": len(self._part),
            "of": self._carrying,
            "versions": {n: importlib.metadata.version(n) for n in ("trl", "transformers")},
            "templates": len(results),
            "raise": {name: counts["raise"] for name, counts in results.items() if counts["raise"]},
            "change": {n: counts["change"] for n, counts in results.items() if counts["change"]},
            "without_tools": sorted(templates.keys() - knowing.keys()),
        }


def rendered(survey: Mapping[str, Any]) -> str:
    """Return the result of `Rendering` in one or two sentences."""
    if not survey.get("templates"):
        return str(survey.get("text", "Nothing to render."))
    share = (
        f"{survey['rows']:,} of {survey['of']:,}"
        if survey["rows"] < survey["of"]
        else survey["rows"]
    )
    examples = (
        "example with tools or reasoning was"
        if survey["of"] == 1
        else ("examples with tools or reasoning were")
    )
    text = (
        f"{share} {examples} rendered by {survey['templates']} chat "
        f"templates of TRL {survey['versions']['trl']}"
    )
    for kind, one, none in (
        ("raise", "raise", "none raises"),
        ("change", "change a call", "none changes a call"),
    ):
        counts = ", ".join(f"{name} {rows:,}" for name, rows in survey[kind].items())
        text += f"; {one}: {counts}" if counts else f"; {none}"
    names = survey["without_tools"]
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
        except Exception:  # a template is foreign code and may raise anything
            counts["raise"] += 1
            continue
        counts["change"] += not all(_stands_in(text, part) for part in _parts(row["messages"]))
    return counts


def _parts(turns: Sequence[Row]) -> Iterator[Any]:
    """Yield names, keys and values of the calls of a conversation."""
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
    """Return whether a text holds a value: as it is, as JSON, or in Python's notation."""
    if isinstance(value, str):
        return any(
            form in text for form in (value, *(f(value)[1:-1] for f in (_json, ascii, repr)))
        )
    return str(value) in text or _json(value) in text


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


@functools.cache
def find_templates() -> dict[str, Render]:
    """Return the text templates of the installed TRL by name; empty without TRL or its renderer.

    TRL itself is not imported. Templates named `…_training` differ only in marks of the answers. A
    template that cannot show a plain text is for images and is left out.
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
            outputs = render_jinja_template(
                [list(turns)],
                tools=tools,
                chat_template=template,
                bos_token="<s>",
                eos_token="</s>",
                pad_token="<pad>",
                unk_token="<unk>",
            )
            return str(outputs[0][0])

        return render

    folder = Path(spec.submodule_search_locations[0]) / "chat_templates"
    templates = {path.stem: renderer(path.read_text("utf-8")) for path in folder.glob("*.jinja")}
    return {name: render for name, render in sorted(templates.items()) if _is_for_text(render)}


def _is_for_text(render: Render) -> bool:
    answer = {"role": "assistant", "content": "No quagga."}
    try:
        text = render([_ASKED, answer], None)
    except Exception:
        return False
    return _ASKED["content"] in text and answer["content"] in text


def _knows_tools(render: Render) -> bool:
    """Return whether a template shows a call and its result, and reads arguments as objects."""
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

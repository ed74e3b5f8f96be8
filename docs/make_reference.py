"""Writes docs/reference/operations.md from the registry: `python docs/make_reference.py`."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from curation.registry import PHASES, Operation, Parameter, operations

PAGE = Path(__file__).parent / "reference" / "operations.md"
HEAD = """\
# Operations

Made from the registry; `curate operations NAME` says the same. A line of an example is a row, an arrow,
and what becomes of the row; the tests run every example. Figures are from `python -m benchmarks
operations` where no other benchmark is named."""


def plain(text: str) -> str:
    """Text on one line that shows as it is: outside of code no tag, entity or emphasis."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    pieces[::2] = [re.sub(r"[&<*|\\]", r"\\\g<0>", piece) for piece in pieces[::2]]
    return "".join(pieces)


def accepted(parameter: Parameter) -> str:
    """What a parameter accepts, in a few words."""
    if parameter.choices:
        return " · ".join(f"`{choice}`" for choice in parameter.choices)
    text = {"column": "a column", "list": "a list", "flag": "true · false"}.get(
        parameter.type, parameter.type
    )
    text += f" {parameter.bounds}" if parameter.bounds else ""
    return f"{text}, or nothing" if parameter.optional else text


def described(operation: Operation) -> list[str]:
    """One operation: what its docstring says, the columns it makes, and its parameters."""
    lines = ["", f"### {operation.name}", "", f"*{operation.title}.* {plain(operation.help)}"]
    for title, text in operation.sections.items():
        example = title == "Example"
        lines += ["", f"**{title}.**" + ("" if example else f" {plain(text)}")]
        lines += ["", textwrap.indent(text, "    ")] if example else []
    if operation.makes:
        lines += ["", "Makes " + ", ".join(f"`{name}`" for name in operation.makes) + "."]
    if operation.params:
        lines += ["", "| parameter | default | accepts | |", "|---|---|---|---|"]
    for p in operation.params.values():
        lines.append(f"| {p.name} | `{p.default!r}` | {accepted(p)} | {plain(p.help)} |")
    return lines


def page() -> str:
    """The reference as Markdown: operations by phase."""
    lines = [HEAD]
    for phase in PHASES:
        lines += ["", f"## {phase.capitalize()}"]
        for operation in operations().values():
            lines += described(operation) if operation.phase == phase else []
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

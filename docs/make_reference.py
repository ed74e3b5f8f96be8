"""Writes docs/reference/operations.md from the registry: `python docs/make_reference.py`."""

from __future__ import annotations

from pathlib import Path

from curation.registry import PHASES, Parameter, operations

PAGE = Path(__file__).parent / "reference" / "operations.md"


def accepted(parameter: Parameter) -> str:
    """What a parameter accepts, in a few words."""
    if parameter.choices:
        return " · ".join(f"`{choice}`" for choice in parameter.choices)
    text = {"column": "a column", "list": "a list", "flag": "true · false"}.get(
        parameter.type, parameter.type
    )
    text += f" {parameter.bounds}" if parameter.bounds else ""
    return f"{text}, or nothing" if parameter.optional else text


def page() -> str:
    """The reference as Markdown: operations by phase, each with its parameters."""
    lines = ["# Operations", "", "Made from the registry; `curate operations NAME` says the same."]
    for phase in PHASES:
        lines += ["", f"## {phase.capitalize()}"]
        for operation in operations().values():
            if operation.phase != phase:
                continue
            lines += ["", f"### {operation.name}", "", f"*{operation.title}.* {operation.help}"]
            if operation.details:
                lines += ["", " ".join(operation.details.split())]
            if operation.makes:
                lines += ["", "Makes " + ", ".join(f"`{name}`" for name in operation.makes) + "."]
            if operation.params:
                lines += ["", "| parameter | default | accepts | |", "|---|---|---|---|"]
            for p in operation.params.values():
                lines.append(f"| {p.name} | `{p.default!r}` | {accepted(p)} | {p.help} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

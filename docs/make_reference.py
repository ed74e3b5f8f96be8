"""Writes the pages of the reference and the guide's table of commands: `python docs/make_reference.py`.

Operations come from the registry, commands from what `curate COMMAND --help` prints.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from curation.answers import RULES
from curation.answers.rule import ENOUGH
from curation.cli import app
from curation.cli.agents.folders import Folders
from curation.cli.agents.tools import offered
from curation.export.cures import CURES
from curation.registry import PHASES, Operation, Parameter, operations

FOLDER = Path(__file__).parent
GUIDE = FOLDER / "guide" / "cli.md"
AGENTS = FOLDER / "guide" / "agents.md"
TABLE = re.compile(
    r"(?<=<!-- Made by docs/make_reference.py -->\n\n).*?(?=\n<!-- End -->)", re.DOTALL
)
"""The part of a guide that is made."""

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


def operations_page() -> str:
    """The reference of operations, by phase."""
    lines = [HEAD]
    for phase in PHASES:
        lines += ["", f"## {phase.capitalize()}"]
        for operation in operations().values():
            lines += described(operation) if operation.phase == phase else []
    return "\n".join(lines) + "\n"


def shown(command: Any) -> tuple[list[Any], list[Any]]:
    """A command's arguments and options, but those for the app's own use."""
    params = [p for p in command.params if not getattr(p, "hidden", False)]
    arguments = [p for p in params if p.param_type_name == "argument"]
    return arguments, [p for p in params if p not in arguments]


def usage(name: str, command: Any) -> str:
    """A command as it is typed, without options."""
    return " ".join(["curate", name, *(p.metavar or p.name.upper() for p in shown(command)[0])])


def first_sentence(command: Any) -> str:
    """The first paragraph of a command's help."""
    return plain(command.help.split("\n\n")[0])


def commands() -> dict[str, Any]:
    """Every command by its name, in the order of `curate --help`."""
    return dict(get_command(app).commands)


def commands_table() -> str:
    """Every command with its one line and the names of its options."""
    lines = ["| command | does | options |", "|---|---|---|"]
    for name, command in commands().items():
        options = " ".join(f"`{p.opts[0]}`" for p in shown(command)[1])
        lines.append(f"| `{usage(name, command)}` | {first_sentence(command)} | {options} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """The reference of commands: the help of each, its arguments and its options."""
    lines = [
        "# Commands",
        "",
        "Made from `curate COMMAND --help`; [the guide](../guide/cli.md) tells more.",
    ]
    for name, command in commands().items():
        lines += ["", f"## curate {name}", "", f"    {usage(name, command)}", ""]
        lines += ["\n\n".join(plain(part) for part in command.help.split("\n\n"))]
        arguments, options = shown(command)
        if arguments or options:
            lines += ["", "| argument or option | default | |", "|---|---|---|"]
        for p in arguments + options:
            word = p.opts[0] if p in options else p.metavar or p.name.upper()
            value = "" if p.default in (None, False, "") else f"`{p.default}`"
            value = "required" if p.required and p in options else value
            lines.append(f"| `{word}` | {value} | {plain(p.help or '')} |")
    return "\n".join(lines) + "\n"


def tools_table() -> str:
    """Every tool of `curate mcp` with its first sentence and its arguments."""
    lines = ["| tool | does | arguments | |", "|---|---|---|---|"]
    for offer in offered(Folders([]), "helper"):
        text = plain((inspect.getdoc(offer.method) or "").split("\n\n")[0])
        arguments = ", ".join(
            p.name if p.default is p.empty else f"*{p.name}*"
            for p in inspect.signature(offer.method).parameters.values()
        )
        kind = "reads" if offer.reads else "with `--write`"
        lines.append(f"| `{offer.name}` | {text} | {arguments} | {kind} |")
    return "\n".join(lines) + "\n"


CHECKS = """\
# Codes of checks

Made from `curation.export.cures`. `curate check` and a delivery's manifest give these codes for rows that a
trainer or a format refuses, each with what to do."""


def checks_page() -> str:
    """The reference of the codes for which a row is refused."""
    lines = [CHECKS, "", "| code | what to do |", "|---|---|"]
    lines += [f"| `{code}` | {plain(text)} |" for code, text in CURES.items()]
    return "\n".join(lines) + "\n"


ANSWERS = """\
# Rules for answers

Made from `curation.answers`. The step `answer_checks` names the rules that an answer breaks in the column
`problems`: `--filter problems=refusal` finds them, and `drop_bad_answers` drops by those that you choose.

Each rule was tried on 76,270 answers without planted faults: LIMA (1,029), Dolly (2,000), GSM8K (7,473), Alpaca
(52,002, and 10,021 in Chinese), LLaMA-Factory's Alpaca demos (999 in English, 1,000 in Chinese), FastChat's dummy
conversations (1,000 answers) and Glaive's demo of tools (746). All rows that a rule named were read, or fifty
drawn by chance where there were more; right is what has the fault in a reader's eyes. The reader is the author of the
rules, who mended them on the same data: precision on other data will be lower."""


def answers_page() -> str:
    """The reference of the rules for answers, with their measured precision."""
    lines = [ANSWERS, "", "| rule | named | read | right | precision | by default |"]
    lines += ["|---|---:|---:|---:|---:|---|"]
    for rule in RULES.values():
        precision = "–" if rule.precision is None else f"{rule.precision:.2f}"
        fate = "drops" if rule.drops else "flags"
        lines.append(
            f"| `{rule.name}` | {rule.named} | {rule.read} | {rule.right} | {precision} | {fate} |"
        )
    lines += [
        "",
        f"A rule drops a row by default when its precision is {ENOUGH} or more, or when it named none of the 76,270 "
        "answers, so that its precision is not measured and no false alarm was seen. It only flags a row that a "
        "cleaner can repair.",
    ]
    for rule in RULES.values():
        cure = f" Repaired by `{rule.cured_by}`." if rule.cured_by else ""
        text = " ".join((rule.breaks.__doc__ or "").split())
        lines += ["", f"## {rule.name}", "", f"*{plain(rule.text)}.* {plain(text)}{cure}"]
    return "\n".join(lines) + "\n"


def pages() -> Iterator[tuple[Path, str]]:
    """Every page that is made, whole or in part, with its text."""
    yield FOLDER / "reference" / "operations.md", operations_page()
    yield FOLDER / "reference" / "answers.md", answers_page()
    yield FOLDER / "reference" / "commands.md", commands_page()
    yield FOLDER / "reference" / "checks.md", checks_page()
    yield GUIDE, TABLE.sub(lambda _: commands_table(), GUIDE.read_text("utf-8"))
    yield AGENTS, TABLE.sub(lambda _: tools_table(), AGENTS.read_text("utf-8"))


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, "utf-8")

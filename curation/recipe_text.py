"""Edits of a recipe's YAML text that change only the entries of changed steps.

Guarantee: comments, order, quotes and line breaks of all other entries stay as the person wrote them.
Accepted cost: a text that cannot be edited in this way is written again as a whole.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from curation import registry
from curation.errors import RecipeError
from curation.recipe import Recipe, Step, as_flow, given

Edits = list[tuple[int, int, str]]
"""(start, end, new text) of each replacement; in any order, without overlap."""


def edited(text: str, recipe: Recipe) -> str:
    """Return the text of a recipe, made from a former text by the fewest changes.

    A former text that is no recipe, or has a form that cannot be edited, is replaced as a whole.
    """
    with contextlib.suppress(RecipeError, yaml.YAMLError, _Unusual):
        result = _File(text).with_steps(recipe)
        if Recipe.from_yaml(result) == recipe:
            return result
    return recipe.to_yaml()


def portable(text: str, folder: Path) -> str:
    """Return a recipe's text with each file of the project's folder named from there.

    Recipes written before this rule name such a file by its whole path. Everything else stays as it is,
    also a text that is no recipe.
    """
    files = {
        (use, name)
        for use, operation in registry.operations().items()
        for name, parameter in operation.params.items()
        if parameter.file and name in text
    }
    if not files:
        return text
    places = {os.path.abspath(folder), os.path.realpath(folder)}
    names = dict[tuple[int, int], str]()
    with contextlib.suppress(yaml.YAMLError, RecursionError):
        for use, name, node in given(yaml.compose(text, Loader=yaml.SafeLoader)):
            if (use, name) in files and isinstance(node, yaml.ScalarNode):
                path = Path(node.value)
                inner = [path.relative_to(p) for p in places if path.is_relative_to(p)]
                if inner and path.is_absolute():
                    names[_span(node)] = as_flow([inner[0].as_posix()])[1:-1]
    for (start, end), name in sorted(names.items(), reverse=True):
        text = f"{text[:start]}{name}{text[end:]}"
    return text


class _Unusual(Exception):
    """The text has a form that cannot be edited."""


@dataclass(frozen=True)
class _Entry:
    """A step in the file: its node, and the start and end of its lines.

    loose: text above it up to the last blank line, which belongs to no step. before: comments right
    above it, which move with it.
    """

    step: Step
    node: yaml.Node
    start: int
    end: int
    loose: str
    before: str


class _File:
    """A recipe's text and the places of its steps."""

    def __init__(self, text: str) -> None:
        self.text = text if text.endswith("\n") else f"{text}\n"
        self.recipe = Recipe.from_yaml(text)
        root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        assert isinstance(root, yaml.MappingNode)  # it is a recipe
        self.key, self.steps = next((k, v) for k, v in root.value if k.value == "steps")
        tokens = list(yaml.scan(self.text, Loader=yaml.SafeLoader))
        if any(isinstance(token, yaml.AliasToken) for token in tokens):
            raise _Unusual  # a node does not say where its alias stands
        self._dashes = [t.start_mark for t in tokens if isinstance(t, yaml.BlockEntryToken)]

    def with_steps(self, recipe: Recipe) -> str:
        """The text with the steps of another recipe."""
        if self.recipe.steps == recipe.steps:
            return self.text
        if self.steps.flow_style or not recipe.steps:
            return self._list_anew(recipe)
        entries = self._entries()
        chosen = _matched([entry.step for entry in entries], recipe.steps)
        above, left = dict[int, str](), ""
        moved = len(chosen) == len(entries) and None not in chosen
        for position, entry in enumerate(entries):  # what belongs to no step stays when one goes
            left += entry.loose
            place = chosen[position] if moved else position if position in chosen else None
            if place is not None:
                above[place], left = left + entries[place].before, ""
        parts = [self.text[: entries[0].start - len(entries[0].loose + entries[0].before)]]
        for step, n in zip(recipe.steps, chosen, strict=True):
            if n is None:
                parts.append(_written(step, self.steps.start_mark.column))
            else:
                parts += [above[n], self._changed(entries[n], step)]
        return "".join([*parts, left, self.text[entries[-1].end :]])

    def _list_anew(self, recipe: Recipe) -> str:
        """Return the text with the whole list written again: it is or was empty, or in brackets."""
        colon = self.text.index(":", self.key.end_mark.index) + 1
        end = _end(self.steps) if self.steps.value else self.steps.end_mark.index
        lines = "".join(_written(step, 2) for step in recipe.steps)
        list_text = f"\n{lines.rstrip()}" if lines else " []"
        return self.text[:colon] + list_text + self.text[end:]

    def _entries(self) -> list[_Entry]:
        dashes = self._dashes_of(self.steps)
        if len(dashes) != len(self.recipe.steps):
            raise _Unusual
        entries, former = list[_Entry](), self._line_end(self.key.end_mark.index)
        for dash, node, step in zip(dashes, self.steps.value, self.recipe.steps, strict=True):
            start, end = self._line_start(dash), self._line_end(_end(node))
            gap = self.text[former:start].splitlines(keepends=True)
            blank = max((i + 1 for i, line in enumerate(gap) if not line.strip()), default=0)
            loose, before = "".join(gap[:blank]), "".join(gap[blank:])
            entries.append(_Entry(step, node, start, end, loose, before))
            former = end
        return entries

    def _dashes_of(self, steps: yaml.Node) -> list[int]:
        """Return the positions of the dashes of a list."""
        first, end = steps.start_mark, steps.end_mark.index
        return [
            d.index
            for d in self._dashes
            if d.column == first.column and first.index <= d.index < end
        ]

    def _line_start(self, position: int) -> int:
        return self.text.rfind("\n", 0, position) + 1

    def _line_end(self, position: int) -> int:
        """The place behind the line that ends with, or holds, the letter before a place."""
        return (
            position
            if position and self.text[position - 1] == "\n"
            else self.text.index("\n", position) + 1
        )

    def _changed(self, entry: _Entry, step: Step) -> str:
        """Return the lines of an entry for the new version of its step."""
        if entry.step == step:
            return self.text[entry.start : entry.end]
        node, edits = entry.node, list[tuple[int, int, str]]()
        if isinstance(node, yaml.ScalarNode):
            edits.append((*_span(node), f"{step.use}: {as_flow(step.params)}"))
            if not step.enabled:
                column = self.steps.start_mark.column + 2
                edits.append((entry.end, entry.end, f"{' ' * column}enabled: false\n"))
        else:
            pairs = {key.value: (key, value) for key, value in node.value}
            if dict(entry.step.params) != dict(step.params):
                edits += self._params(*pairs[step.use], entry.step.params, step.params)
            if entry.step.enabled != step.enabled:
                edits += self._enabled(node, pairs.get("enabled"), step.enabled, entry.end)
        return self._with(entry.start, entry.end, edits)

    def _with(self, start: int, end: int, edits: Edits) -> str:
        parts, position = list[str](), start
        for first, last, new in sorted(edits, key=lambda edit: edit[:2]):
            parts += [self.text[position:first], new]
            position = last
        return "".join([*parts, self.text[position:end]])

    def _enabled(
        self, node: yaml.Node, pair: tuple[yaml.Node, yaml.Node] | None, value: bool, end: int
    ) -> Edits:
        """Return the edits that switch a step on or off; a line with only `enabled` is removed."""
        if pair is None:
            if _in_brackets(node):
                return [(_end(node) - 1, _end(node) - 1, ", enabled: false")]
            return [(end, end, f"{' ' * node.start_mark.column}enabled: false\n")]
        first, last = self._line_start(_span(pair[0])[0]), self._line_end(_span(pair[1])[1])
        if value and self.text[first:last].split() == ["enabled:", pair[1].value]:
            return [(first, last, "")]
        return [(*_span(pair[1]), "true" if value else "false")]

    def _params(
        self, key: yaml.Node, node: yaml.Node, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Edits:
        """Return the edits that give a step other parameters."""
        if not isinstance(node, yaml.MappingNode):
            return [(*_span(node), f"{'' if node.value else ' '}{as_flow(new)}")]
        pairs = {k.value: (k, v) for k, v in node.value}
        removed = [name for name in old if name not in new]
        if set(pairs) != set(old) or (removed and node.flow_style):
            return (
                [(*_span(node), as_flow(new))] if node.flow_style else self._block(key, node, new)
            )
        edits = list[tuple[int, int, str]]()
        for name in old:
            if name in removed:
                first, last = _span(pairs[name][0])[0], _end(pairs[name][1])
                edits.append((self._line_start(first), self._line_end(last), ""))
            elif new[name] != old[name]:
                edits += self._value(*pairs[name], new[name])
        added = {name: value for name, value in new.items() if name not in old}
        if added and node.flow_style:
            text = ", ".join(f"{as_flow(n)}: {as_flow(v)}" for n, v in added.items())
            last = _end(node.value[-1][1]) if node.value else _end(node) - 1
            edits.append((last, last, f", {text}" if node.value else text))
        elif added:
            last, space = self._line_end(_end(node)), " " * node.start_mark.column
            lines = "".join(f"{space}{as_flow(n)}: {as_flow(v)}\n" for n, v in added.items())
            edits.append((last, last, lines))
        return edits

    def _block(self, key: yaml.Node, node: yaml.Node, new: Mapping[str, Any]) -> Edits:
        """Return the edit that replaces a mapping of several lines, behind its key."""
        colon = self.text.index(":", key.end_mark.index) + 1
        return [(colon, self._line_end(_end(node)), f" {as_flow(new)}\n")]

    def _value(self, key: yaml.Node, node: yaml.Node, value: Any) -> Edits:
        """Return the edits that give a parameter another value; equal lines of a list are kept."""
        if isinstance(node, yaml.SequenceNode) and not node.flow_style and value:
            ends = [self._line_end(_end(item)) for item in node.value]
            starts = [self._line_start(dash) for dash in self._dashes_of(node)]
            if len(starts) != len(ends):
                raise _Unusual
            lines = {
                item.value: self.text[first:last]
                for item, first, last in zip(node.value, starts, ends, strict=True)
                if isinstance(item, yaml.ScalarNode)
            }
            space = " " * node.start_mark.column
            text = "".join(lines.get(v, f"{space}- {as_flow(v)}\n") for v in value)
            return [(starts[0], ends[-1], text)]
        if getattr(node, "flow_style", True) and getattr(node, "style", None) not in ("|", ">"):
            return [(*_span(node), as_flow(value))]
        return self._block(key, node, value)


def _matched(former: Sequence[Step], steps: Sequence[Step]) -> list[int | None]:
    """Return each step's former position: of an equal step, or else of one of the same use."""
    chosen: list[int | None] = [None] * len(steps)
    same: list[Callable[[Step, Step], bool]] = [
        lambda old, new: old == new,
        lambda old, new: old.use == new.use,
    ]
    for alike in same:
        for n, step in enumerate(steps):
            if chosen[n] is None:
                free = (i for i, old in enumerate(former) if i not in chosen and alike(old, step))
                chosen[n] = next(free, None)
    return chosen


def _written(step: Step, indent: int) -> str:
    """Return the lines of a new step."""
    space = " " * indent
    off = "" if step.enabled else f"{space}  enabled: false\n"
    return f"{space}- {step.use}: {as_flow(dict(step.params))}\n{off}"


def _span(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.index, node.end_mark.index


def _in_brackets(node: yaml.Node) -> bool:
    return bool(getattr(node, "flow_style", False))


def _end(node: yaml.Node) -> int:
    """Return the place behind the last letter of a node; of a block, that of its last item."""
    if isinstance(node, yaml.ScalarNode) or _in_brackets(node) or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)

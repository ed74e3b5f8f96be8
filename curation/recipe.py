"""The recipe: a list of steps that describes all that the program does to the data, as YAML.

Guarantee: a recipe that loads can be run, as far as names, types and order of its steps show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from curation import registry
from curation.errors import RecipeError
from curation.registry import PHASES, Operation

VERSION = 1


class _Loader(yaml.SafeLoader):
    """A loader of plain YAML that refuses a repeated key and an invalid value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise _refused(f"the key {key.value!r} stands twice", key)
                keys.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)  # type: ignore[no-untyped-call]
        except ValueError as error:  # 2024-13-01 looks like a date
            problem = f"{str(node.value)[:40]!r} is not a value ({error}); put it in quotes"
            raise _refused(problem, node) from None


def _load(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of YAML and their values, with texts of parameters as they are written.

    In YAML `yes` is true, `007` is seven and `12:30` is 750; a parameter of texts needs the texts
    themselves.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None, None
        for use, name, value in given(root):
            operation = registry.operations().get(use)
            parameter = operation.params.get(name) if operation else None
            if parameter and parameter.type in ("text", "column", "list", "choice"):
                _as_written(value)
        return root, loader.construct_document(root)
    finally:
        loader.dispose()  # type: ignore[no-untyped-call]


def given(root: yaml.Node | None) -> Iterator[tuple[str, str, yaml.Node]]:
    """Yield operation, parameter and the node of its value, for all given parameters."""
    for entry in _entries(root):
        for use, params in _pairs(entry):
            for name, value in _pairs(params):
                yield use, name, value


def _pairs(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """Yield the keys and values of a mapping, with those merged by `<<`."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.tag == "tag:yaml.org,2002:merge":
            for brought in [value] if isinstance(value, yaml.MappingNode) else value.value:
                yield from _pairs(brought)
        elif isinstance(key, yaml.ScalarNode):
            yield key.value, value


def _entries(root: yaml.Node | None) -> list[yaml.Node]:
    """Return the nodes of the list called `steps`."""
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    steps = [v for k, v in pairs if k.value == "steps" and isinstance(v, yaml.SequenceNode)]
    return list(steps[0].value) if steps else []


def _as_written(node: yaml.Node) -> None:
    """Make a value, or the items of a list, text; quoted and tagged values keep their type."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            if isinstance(item, yaml.ScalarNode) and item.style is None:
                item.tag = "tag:yaml.org,2002:str"
    elif isinstance(node, yaml.ScalarNode) and node.style is None and not node.tag.endswith("null"):
        node.tag = "tag:yaml.org,2002:str"


def _refused(problem: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


@dataclass(frozen=True, init=False)
class Step:
    """One operation with its parameters: `Step("drop_near_duplicates", similarity=0.8)`."""

    use: str
    params: Mapping[str, Any] = field(hash=False)
    enabled: bool = True

    def __init__(self, use: str, /, enabled: bool = True, **params: Any) -> None:
        object.__setattr__(self, "use", use)
        object.__setattr__(self, "params", params)
        object.__setattr__(self, "enabled", enabled)

    @property
    def operation(self) -> Operation:
        """The operation it uses; raises RecipeError when there is none of that name."""
        return registry.operation(self.use)

    @property
    def arguments(self) -> dict[str, Any]:
        """All parameters, defaults included; raises RecipeError naming what is accepted."""
        return self.operation.check(self.params)

    def to_dict(self) -> dict[str, Any]:
        """Return the step as it is in the YAML."""
        entry: dict[str, Any] = {self.use: dict(self.params)}
        return entry if self.enabled else {**entry, "enabled": False}


@dataclass(frozen=True)
class Recipe:
    """Steps in order; adding one gives a new recipe."""

    steps: tuple[Step, ...] = ()

    def __add__(self, step: Step) -> Recipe:
        """The recipe with a step put at the end of its phase; raises RecipeError for a bad step."""
        step.arguments  # noqa: B018 - checked before it can spoil the recipe
        phase = PHASES.index(step.operation.phase)
        place = sum(PHASES.index(s.operation.phase) <= phase for s in self.steps)
        return Recipe((*self.steps[:place], step, *self.steps[place:]))

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def without(self, position: int) -> Recipe:
        """The recipe without the step at a position."""
        return Recipe(self.steps[:position] + self.steps[position + 1 :])

    def changed(self, position: int, step: Step) -> Recipe:
        """The recipe with another step at a position."""
        return Recipe((*self.steps[:position], step, *self.steps[position + 1 :]))

    def moved(self, position: int, by: int) -> Recipe:
        """The recipe with a step moved up (negative) or down; raises RecipeError across phases."""
        steps = list(self.steps)
        step = steps.pop(position)
        steps.insert(max(0, position + by), step)
        moved = Recipe(tuple(steps))
        moved.check()
        return moved

    @property
    def selection(self) -> Step | None:
        """The first step that chooses under a budget; None for a recipe without one."""
        return next((step for step in self.steps if step.operation.kind == "select"), None)

    def with_selection(self, step: Step | None) -> Recipe:
        """The recipe with this selection in place of every other, or with none."""
        plain = Recipe(tuple(s for s in self.steps if s.operation.kind != "select"))
        return plain if step is None else plain + step

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each step that is unique in the recipe: `keep_between`, `keep_between#2`."""
        counts: dict[str, int] = {}
        names = []
        for step in self.steps:
            counts[step.use] = counts.get(step.use, 0) + 1
            names.append(step.use if counts[step.use] == 1 else f"{step.use}#{counts[step.use]}")
        return tuple(names)

    @property
    def revision(self) -> str:
        """Twelve hexadecimal digits that change with any change of the recipe."""
        return hashlib.blake2b(self.to_yaml().encode(), digest_size=6).hexdigest()

    def check(self, lines: Sequence[int] | None = None, source: str = "The recipe") -> None:
        """Raise RecipeError at the first step that is unknown, wrong, or out of order."""
        phase = 0
        for i, step in enumerate(self.steps):
            where = f"{source}, line {lines[i]}" if lines else f"{source}, step {i + 1}"
            try:
                step.arguments  # noqa: B018 - the property raises
            except RecipeError as error:
                raise RecipeError(f"{where}: {_sentence(str(error))}") from None
            own = PHASES.index(step.operation.phase)
            if own < phase:
                raise RecipeError(
                    f"{where}: {step.use} belongs to the {PHASES[own]} phase and must stand before "
                    f"every {PHASES[phase]} step; the order is {', '.join(PHASES)}."
                )
            phase = own

    def to_yaml(self) -> str:
        """The recipe as YAML text."""
        lines = [f"version: {VERSION}", "steps:" if self.steps else "steps: []"]
        for step in self.steps:
            lines.append(f"  - {step.use}: {as_flow(dict(step.params))}")
            if not step.enabled:
                lines.append("    enabled: false")
        return "\n".join(lines) + "\n"

    @classmethod
    def from_yaml(cls, text: str, source: str = "recipe.yaml") -> Recipe:
        """Read and check a recipe; raises RecipeError with the line of the file."""
        try:
            root, data = _load(text)
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            problem = getattr(error, "problem", None) or "not valid"
            raise RecipeError(f"{source}{line}: this is not YAML: {problem}.") from None
        if not isinstance(data, dict) or not isinstance(data.get("steps"), list):
            raise RecipeError(f"{source}: a recipe needs a list called `steps`.")
        if data.get("version", VERSION) != VERSION:
            raise RecipeError(
                f"{source}: this program cannot read version {data['version']!r}; it reads version "
                f"{VERSION}."
            )
        lines = [node.start_mark.line + 1 for node in _entries(root)]
        steps = [
            _step(entry, f"{source}, line {line}")
            for entry, line in zip(data["steps"], lines, strict=True)
        ]
        recipe = cls(tuple(steps))
        recipe.check(lines, source)
        return recipe


def _step(entry: Any, where: str) -> Step:
    """Make a step of one entry of the YAML list: a name, or a mapping of a name to parameters."""
    if isinstance(entry, str):
        return Step(entry)
    if isinstance(entry, dict):
        entry = dict(entry)
        enabled = entry.pop("enabled", True)
        if len(entry) == 1 and isinstance(enabled, bool):
            ((use, params),) = entry.items()
            if params is None or isinstance(params, dict):
                step = Step(str(use))
                return replace_params(step, params or {}, enabled)
    raise RecipeError(
        f"{where}: a step is an operation's name with its parameters, as in "
        "`- drop_near_duplicates: {similarity: 0.8}`."
    )


def as_flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n...\n").strip()


def replace_params(step: Step, params: Mapping[str, Any], enabled: bool | None = None) -> Step:
    """Return the step with other parameters, switched on or off where `enabled` is given."""
    copy = Step(step.use, enabled=step.enabled if enabled is None else enabled)
    object.__setattr__(copy, "params", dict(params))
    return copy


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."

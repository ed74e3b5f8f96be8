"""A person's choices for reading a file, as settings of an import and as options of a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reading:
    """A person's choices for reading a file; whatever they leave out is recognised.

    mapping: field → column, as {"prompt": "question"}. label_names: by the label's number.
    encoding: a Python codec, "" for a guess.
    """

    format: str = "auto"
    mapping: Mapping[str, str] = field(default_factory=dict, hash=False)
    label_names: tuple[str, ...] = ()
    encoding: str = ""

    @classmethod
    def of(
        cls,
        format: str = "auto",
        mapping: Mapping[str, str] | None = None,
        label_names: Sequence[str] | None = None,
        encoding: str | None = None,
    ) -> Reading:
        """The reading of options of which any may be missing."""
        return cls(format, dict(mapping or {}), tuple(label_names or ()), encoding or "")

    @classmethod
    def of_import(cls, entry: Mapping[str, Any]) -> Reading:
        """The reading by which an imported file was read, from its entry."""
        settings = entry["settings"]
        names = ("format", "mapping", "label_names", "encoding")
        return cls.of(**{name: settings[name] for name in names if name in settings})

    def settings(self) -> dict[str, Any]:
        """The reading as an import keeps it, and as keywords of `Project.add`."""
        return {
            "format": self.format,
            "mapping": dict(self.mapping),
            "label_names": list(self.label_names),
            "encoding": self.encoding,
        }

    def options(self) -> list[str]:
        """The reading as options of `curate import`, without label names, which are in a file."""
        options = ["--format", self.format]
        options += [f"--map={name}={column}" for name, column in self.mapping.items()]
        return [*options, "--encoding", self.encoding] if self.encoding else options

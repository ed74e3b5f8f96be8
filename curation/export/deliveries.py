"""The deliveries of a project: folders that were written, newest first, and each as one file."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from curation.errors import CurationError

MANIFEST = "manifest.json"

ENTRIES = {
    "decisions",
    "delivered",
    "excluded",
    "files",
    "leaks",
    "lost",
    "not_in",
    "personal_data",
    "rendering",
    "splits",
}
"""Entries of a manifest that are read again; one of another version may lack some."""


@dataclass(frozen=True)
class Delivery:
    """A folder that an export wrote."""

    folder: Path

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest: its rows, what was left out, and why; raises CurationError when it is unreadable."""
        path = self.folder / MANIFEST
        try:
            manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CurationError(f"{path} cannot be read: {error}. Export again.") from None
        if not isinstance(manifest, dict) or not ENTRIES <= manifest.keys():
            raise CurationError(f"{path} was written by another version of curate. Export again.")
        return manifest

    @property
    def card(self) -> str:
        """Its dataset card as Markdown; "" where somebody took it away."""
        path = self.folder / "README.md"
        return path.read_text("utf-8") if path.exists() else ""

    def zipped(self) -> bytes:
        """All its files as one zip."""
        buffer = io.BytesIO()
        # A copied folder may have lost its times, and a zip knows none before 1980.
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for path in sorted(p for p in self.folder.rglob("*") if p.is_file()):
                archive.write(path, path.relative_to(self.folder.parent))
        return buffer.getvalue()


def folder_of(project: Path) -> Path:
    """Return the folder of the deliveries that pages make."""
    return project / "exports"


def deliveries(project: Path) -> list[Delivery]:
    """The deliveries below a project folder, the newest first."""
    manifests = folder_of(project).glob(f"[!.]*/{MANIFEST}")  # a hidden one is being written
    ordered = sorted(manifests, key=lambda path: path.stat().st_mtime, reverse=True)
    return [Delivery(path.parent) for path in ordered]


def size_text(count: int) -> str:
    """A number of bytes in a unit that people read."""
    if count < 1_000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1_000:.0f} KB"
    return f"{count / 1_000_000:,.1f} MB"

"""Rules of the house: what imports what, what a light import costs, and what the README says."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.conftest import ROOT

ORDER = [
    "cli",
    "ui",
    "doctor",
    "demo",
    "project",
    "imports",
    "looking",
    "settings",
    "export",
    "replay",
    "recipe",
    "engine",
    "registry",
    "dataset",
]
"""Imports point from left to right only; what is not named stands outside the chain."""

LEAVES = {
    "operations": {
        "basis",
        "text",
        "words",
        "dataset",
        "registry",
        "errors",
        "embedding",
        "operations",
        "selection",
        "columns",
        "cache",
        "files",
    },
    "sources": {"text", "dataset", "registry", "errors", "formats", "sources", "files", "process"},
    "formats": {"dataset", "registry", "errors", "formats"},
    "embedding": {"versions", "dataset", "errors", "cache", "files", "embedding"},
    "decisions": {"dataset", "errors", "files", "report", "decisions"},
}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.col_offset == 0
            if node.module == "curation":
                for alias in node.names:
                    yield f"curation.{alias.name}", node.col_offset == 0
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.col_offset == 0


def part_of(module):
    pieces = module.split(".")
    return pieces[1] if pieces[0] == "curation" and len(pieces) > 1 else None


def has_rank(name):
    """Whether a leaf may import it only when told so: packages, and what stands in the chain."""
    return name in ORDER or (ROOT / "curation" / name).is_dir()


def test_imports_point_one_way():
    wrong = []
    for path in sorted((ROOT / "curation").rglob("*.py")):
        own = path.relative_to(ROOT / "curation").parts[0].removesuffix(".py")
        for module, _ in imports_of(path):
            other = part_of(module)
            if other is None or other == own:
                continue
            if own in ORDER and other in ORDER and ORDER.index(other) < ORDER.index(own):
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
            if own in LEAVES and other not in LEAVES[own] and has_rank(other):
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_only_the_interface_knows_streamlit():
    for path in (ROOT / "curation").rglob("*.py"):
        if "ui" not in path.relative_to(ROOT / "curation").parts:
            assert not [m for m, _ in imports_of(path) if m.split(".")[0] == "streamlit"], path


def test_a_light_import_loads_nothing_heavy():
    heavy = "torch streamlit umap plotly sentence_transformers transformers sklearn faiss numba"
    heavy = heavy.split()
    code = (
        "import sys, curation; from curation.registry import operations; operations(); "
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"

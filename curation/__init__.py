"""Curate supervised fine-tuning data: clean, look, decide, choose, deliver.

from curation import Project, Step
project = Project.create("support-bot")
project.add("chats.jsonl")
project.recipe += Step("drop_near_duplicates", similarity=0.8)
dataset = project.replay()
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing it would cost time in which nothing answers Ctrl-C

if TYPE_CHECKING:
    from curation.dataset import Dataset, Message
    from curation.errors import CurationError
    from curation.project import Project
    from curation.recipe import Recipe, Step

__version__ = "0.1.0"
__all__ = ["CurationError", "Dataset", "Message", "Project", "Recipe", "Step", "__version__"]

_HOMES = {
    "CurationError": "errors",
    "Dataset": "dataset",
    "Message": "dataset",
    "Project": "project",
    "Recipe": "recipe",
    "Step": "recipe",
}


def __getattr__(name: str) -> object:
    """Load a name when it is first used, so that a command can be interrupted from its start."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'curation' has no attribute {name!r}")
    return getattr(import_module(f"curation.{_HOMES[name]}"), name)

"""Curate supervised fine-tuning data: clean, look, decide, choose, deliver.

from curation import Project, Step
project = Project.create("support-bot")
project.add("chats.jsonl")
project.recipe += Step("drop_near_duplicates", similarity=0.8)
dataset = project.replay()
"""

from curation.dataset import Dataset, Message
from curation.errors import CurationError
from curation.project import Project
from curation.recipe import Recipe, Step

__version__ = "0.1.0"
__all__ = ["CurationError", "Dataset", "Message", "Project", "Recipe", "Step", "__version__"]

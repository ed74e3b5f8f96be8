"""Small human texts as datasets, and the places real things are found at."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from curation.dataset import (
    BASE_COLUMNS,
    Dataset,
    Message,
    content_hash,
    dump_messages,
    make_ids,
    with_derived,
)
from curation.project import Project
from curation.recipe import Recipe, Step

if TYPE_CHECKING:
    from tests.app_server import App

Files = dict[str, bytes] | Sequence[Mapping[str, Any]]
"""Files of a project by their names, or the rows of its only file."""

ROOT = Path(__file__).resolve().parent.parent

# On a busy machine an input takes as long as it takes; that is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

ALONE = {
    "test_browser",
    "test_doors",
    "test_linear",
    "test_logins",
    "test_logins_browser",
    "test_network",
    "test_packaging",
    "test_process",
    "test_soak",
    "test_train_browser",
}
"""Files whose tests drive a browser of their own, compare times, signal processes or build a package."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark the tests that run one after the other: those of ALONE, and all that ask for `browser`."""
    for item in items:
        if item.path.stem in ALONE or "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.alone)


PAIRS = [
    ("How do I boil an egg?", "Put it in boiling water for eight minutes, then cool it."),
    ("Name a planet.", "Saturn, the one with the rings."),
    ("Why is the sky blue?", "Air scatters short waves of light more than long ones."),
    ("How do I boil an egg?", "Put it in boiling water for eight minutes, then cool it."),
    ("Translate 'bread' into French.", "Pain."),
    ("Was ist ein Fluss?", "Ein Fluss ist flieÃŸendes Wasser in einem Bett."),
    ("Write one line of Python that prints hello.", "print('hello')"),
    ("什么是光合作用？", "植物利用阳光把二氧化碳和水变成糖和氧气。"),
]


def make_dataset(pairs: list[tuple[str, str]], labels: list[str | None] | None = None) -> Dataset:
    """Question and answer pairs as an imported dataset."""
    labels = labels or [None] * len(pairs)
    messages = [
        dump_messages(
            [Message("user", prompt), *([Message("assistant", response)] if response else [])]
        )
        for prompt, response in pairs
    ]
    hashes = [content_hash(m, la) for m, la in zip(messages, labels, strict=True)]
    rows = pd.DataFrame(
        {
            "messages": pd.Series(messages, dtype="str"),
            "label": pd.Series(labels, dtype="str"),
            "tools": pd.Series([""] * len(pairs), dtype="str"),
            "rejected": pd.Series([""] * len(pairs), dtype="str"),
            "source": pd.Series(["made.jsonl"] * len(pairs), dtype="str"),
            "source_row": range(1, len(pairs) + 1),
            "source_offset": 0,
            "format": pd.Series(["messages"] * len(pairs), dtype="str"),
            "metadata": pd.Series([""] * len(pairs), dtype="str"),
            "shape": pd.Series([""] * len(pairs), dtype="str"),
            "repairs": pd.Series([""] * len(pairs), dtype="str"),
        }
    ).set_axis(pd.Index(make_ids(hashes), name="id", dtype="str"))
    rows["dropped_by"] = pd.Series(None, index=rows.index, dtype="str")
    rows["split"] = pd.Series(None, index=rows.index, dtype="str")
    return Dataset(with_derived(rows)[list(BASE_COLUMNS)])


@pytest.fixture(autouse=True)
def guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages draw themselves as behind the app's door, which is tested for itself."""
    monkeypatch.setattr("curation.ui.door.guarded", True)


@pytest.fixture
def main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit makes the page it runs the main module; worker processes of later tests need ours."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def project(
    example_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, main_module: None
) -> Project:
    """A copy of the example in a workspace of its own, and the app pointed at it."""
    folder = shutil.copytree(example_project, tmp_path / "projects" / "example")
    monkeypatch.setenv("CURATION_WORKSPACE", str(folder.parent))
    monkeypatch.setenv("CURATION_PROJECT", str(folder))
    return Project.open(folder)


@pytest.fixture
def dataset() -> Dataset:
    """Eight small examples with a duplicate and a garbled text."""
    return make_dataset(PAIRS)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real datasets; tests that need it skip where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of real datasets is not beside the project")
    return folder


def json_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as JSON Lines."""
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, bytes]], Path]:
    """Find the folder of a project into which some files were read, once, by names and bytes."""
    folders: dict[tuple[tuple[str, bytes], ...], Path] = {}

    def folder_of(files: dict[str, bytes]) -> Path:
        key = tuple(files.items())
        if key not in folders:
            home = tmp_path_factory.mktemp("imported")
            for name, content in files.items():
                (home / name).write_bytes(content)
            project = Project.create(home / "p")
            project.add(*(home / name for name in files))
            folders[key] = project.path
        return folders[key]

    return folder_of


@pytest.fixture
def copy_of(imported: Callable[[dict[str, bytes]], Path]) -> Callable[..., Project]:
    """Make a project in a folder, with files, or with rows, and a recipe."""

    def copy(folder: Path, files: Files, *steps: Step) -> Project:
        files = files if isinstance(files, dict) else {"rows.jsonl": json_lines(files)}
        project = Project.open(shutil.copytree(imported(files), folder))
        if steps:
            project.recipe = Recipe(steps)
        return project

    return copy


@pytest.fixture
def make_project(tmp_path: Path, copy_of: Callable[..., Project]) -> Callable[..., Project]:
    """Make a project called `p` in the test's folder, with files, or with rows, and a recipe."""
    return lambda files, *steps: copy_of(tmp_path / "p", files, *steps)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless browser without WebGL, which would be drawn in software."""
    from tests.browser import running_browser

    with running_browser(webgl=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app over a workspace of its own, while the tests of a module run."""
    from tests.app_server import running_app

    with running_app(tmp_path_factory.mktemp("projects")) as running:
        yield running


@pytest.fixture
def serve(
    app: App, copy_of: Callable[..., Project], request: pytest.FixtureRequest
) -> Callable[..., Project]:
    """Make a project that is called as the test in the workspace of the running app."""
    folder = app.workspace / request.node.name.removeprefix("test_")[:40]
    return lambda files, *steps: copy_of(folder, files, *steps)


@pytest.fixture
def person(browser: Any, app: App) -> Iterator[Callable[..., Any]]:
    """Open a page of the app as somebody, "" for nobody, in a browser of their own.

    address: behind the app's; none is opened for "". options: of Playwright's `new_context`.
    """
    contexts = []

    def open_page(
        who: str = "Ann", address: str = "", width: int = 1440, height: int = 900, **options: Any
    ) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        if who:
            context.add_cookies([{"name": "curation-name", "value": who, "url": app.address}])
        page = context.new_page()
        page.set_default_timeout(60_000)
        if address:
            page.goto(f"{app.address}/{address}")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def example_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled example, imported and run once; a test that changes it works on a copy."""
    from curation.demo import make_demo

    folder = tmp_path_factory.mktemp("example") / "example"
    make_demo(folder).run()
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder with a random BERT of one layer and a small vocabulary."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast, set_seed

    bert = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "bread", "river", "the", "is", "long"]
    (bert / "vocab.txt").write_text("\n".join(words))
    set_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(bert, safe_serialization=True)
    BertTokenizerFast(str(bert / "vocab.txt")).save_pretrained(bert)
    folder = tmp_path_factory.mktemp("model") / "tiny"
    transformer = Transformer(str(bert))
    SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu").save(str(folder))
    assert list(folder.rglob("*.safetensors"))
    return folder

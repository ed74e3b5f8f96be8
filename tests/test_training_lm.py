"""Learners of language modelling: which tokens are answers, their losses, and the real trainer."""

from __future__ import annotations

import dataclasses
import json

import pytest

from curation.chat.template import Unrendered, spans_of
from curation.dataset import Message, silent
from curation.errors import CurationError
from curation.lm.conversations import IGNORED, tokens_of
from curation.training.learners import Data, Part, Work, learner_of, unheard
from tests.tiny_lm import MARKED, PLAIN, byte_tokenizer, save_tiny, tiny_model

pytest.importorskip("trl")

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven"]


def chat(*texts: str) -> tuple[Message, ...]:
    """A conversation that begins with the user and goes in turns."""
    return tuple(Message(("user", "assistant")[n % 2], text) for n, text in enumerate(texts))


def part(conversations) -> Part:
    conversations = tuple(conversations)
    ids = tuple(f"row{number}" for number in range(len(conversations)))
    texts = tuple(turns[0].content for turns in conversations)
    return Part(ids, texts, messages=conversations)


def counting(count: int, first: int = 0) -> Part:
    """Questions about numbers, whose answers follow a rule."""
    numbers = (NUMBERS[(first + n) % len(NUMBERS)] for n in range(count))
    return part(chat(f"Say {number}.", f"{number} is {number}") for number in numbers)


DATA = Data(counting(12), counting(4, 3), counting(5, 2))


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def folder(request, tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp(request.param) / request.param, request.param))


def fit(
    data,
    folder,
    name="causal_lm",
    *,
    report=unheard,
    progress=silent,
    steps=None,
    seed=0,
    **settings,
):
    learner = learner_of(name)
    work = Work(seed, folder, steps, progress, report)
    return learner.fit(data, work, **learner.check(settings))


def learned(tokens, tokenizer) -> str:
    """The text of the learned tokens."""
    return tokenizer.decode([label for label in tokens.labels if label != IGNORED])


# Which tokens are answers.


@pytest.mark.parametrize("template", [PLAIN, MARKED])
def test_answers_are_labelled_token_by_token(template):
    tokenizer = byte_tokenizer(template)
    tokens = tokens_of(tokenizer, chat("Hi?", "Yo", "ok", "日"), 999)
    ids = [*"<user>Hi?", "<|end|>", *"Ċ<assistant>Yo", "<|end|>", *"Ċ<user>ok", "<|end|>"]
    ids += [*"Ċ<assistant>", "æ", "Ĺ", "¥", "<|end|>", "Ċ"]
    answers = [("Y", "o", "<|end|>"), ("æ", "Ĺ", "¥", "<|end|>")]
    starts = [ids.index("Y"), ids.index("æ")]
    expected = [IGNORED] * len(ids)
    for start, answer in zip(starts, answers, strict=True):
        for offset, token in enumerate(answer):
            expected[start + offset] = tokenizer.convert_tokens_to_ids(token)
    assert tokens.ids == tokenizer.convert_tokens_to_ids(ids)
    assert tokens.labels == expected and tokens.answer_tokens == 7 and not tokens.cut


def test_special_tokens_come_from_the_template_alone():
    from tokenizers.processors import TemplateProcessing

    plain, adding = byte_tokenizer(), byte_tokenizer()
    first = ("<|pad|>", 0)
    adding.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|pad|> $A", special_tokens=[first]
    )
    assert adding("a")["input_ids"][0] == 0
    turns = chat("Hi?", "Yo")
    assert tokens_of(adding, turns, 999) == tokens_of(plain, turns, 999)


def test_a_cut_conversation_keeps_its_beginning_and_says_so():
    whole = tokens_of(byte_tokenizer(), chat("Hi?", "Yo"), 999)
    cut = tokens_of(byte_tokenizer(), chat("Hi?", "Yo"), len(whole) - 3)
    assert cut.ids == whole.ids[:-3] and cut.cut and cut.answer_tokens == 1


def test_an_earlier_answer_that_the_template_shows_differently_later_is_not_learned():
    forgetful = PLAIN.replace(
        "{{ m['content'] }}",
        "{{ m['content'] if m['role'] == 'user' or loop.last else m['content'][-2:] }}",
    )
    tokenizer = byte_tokenizer(forgetful)
    tokens = tokens_of(tokenizer, chat("Hi?", "hm… Yo", "ok", "hm… no"), 999)
    assert learned(tokens, tokenizer) == "hm… no<|end|>"


def test_a_template_that_hides_where_answers_begin_is_a_sentence():
    tokenizer = byte_tokenizer(PLAIN.replace("<assistant>{% endif %}", "<bot>{% endif %}"))
    with pytest.raises(CurationError, match="no generation marks"):
        tokens_of(tokenizer, chat("Hi?", "Yo"), 999)


def test_a_conversation_that_the_template_refuses_is_named_and_the_others_are_learned(tmp_path):
    strict = "{% if messages | length > 2 %}{{ raise_exception('one turn only') }}{% endif %}"
    with pytest.raises(Unrendered, match="one turn only"):
        tokens_of(byte_tokenizer(strict + PLAIN), chat("a", "b", "c", "d"), 99)
    model = save_tiny(tmp_path / "model", template=strict + PLAIN)
    rows = part([*DATA.train.messages, chat("a", "b", "c", "d")])
    settings = {"model": str(model), "samples": 0}
    outcome = fit(Data(rows, DATA.validation, DATA.test), tmp_path, steps=1, **settings)
    assert outcome.notes == ("1 training examples do not fit the model's chat template.",)
    with pytest.raises(CurationError, match="one turn only"):
        fit(Data(part([rows.messages[-1]]), DATA.validation, DATA.test), tmp_path, **settings)


def test_content_that_is_missing_is_empty():
    turns = [{"role": "user", "content": ""}, {"role": "assistant", "content": "Yo"}]
    empty = (Message("user", None), Message("assistant", "Yo"))
    tokenizer = byte_tokenizer()
    expected = tokenizer(spans_of(tokenizer, turns)[0], add_special_tokens=False)["input_ids"]
    assert tokens_of(tokenizer, empty, 999).ids == expected


TOOLS = [{"type": "function", "function": {"name": "bus_at", "parameters": {"type": "object"}}}]
WITH_TOOLS = "{% if tools %}{{ tools | tojson }}{% endif %}" + PLAIN


def test_tools_stand_in_the_prompt_and_are_not_learned():
    tokenizer, turns = byte_tokenizer(WITH_TOOLS), chat("When?", "At ten")
    bare, offered = tokens_of(tokenizer, turns, 999), tokens_of(tokenizer, turns, 999, TOOLS)
    added = len(offered) - len(bare)
    assert "bus_at" in tokenizer.decode(offered.ids[:added])
    assert offered.ids[added:] == bare.ids
    assert offered.labels == [IGNORED] * added + bare.labels


def test_each_example_is_trained_and_asked_with_its_own_tools(tmp_path, monkeypatch):
    from curation.training.learners.language import learning, sft

    offered = []
    monkeypatch.setattr(
        sft, "answer_to", lambda m, t, messages, longest, tools: offered.append(tools) or "at ten"
    )
    test = dataclasses.replace(DATA.test, tools=(None, TOOLS, None, None, None))
    model = save_tiny(tmp_path / "model", template=WITH_TOOLS)
    fit(Data(DATA.train, DATA.validation, test), tmp_path, model=str(model), steps=1, samples=2)
    assert offered == [None, TOOLS] * 2  # before and after the training
    rows, _ = learning.encoded(byte_tokenizer(WITH_TOOLS), test, 999, "test")
    assert [len(row) > 100 for row in rows] == [False, True, False, False, False]


# Losses.


@pytest.fixture(params=["llama", "gpt2"])
def model(request):
    return tiny_model(request.param).eval()


ROWS = [chat("Hi?", "Yo", "and?", "nothing more"), chat("a", "b"), chat("Say it.", "It is said.")]


def direct_losses(model, tokens):
    """Losses of the answers of one conversation, computed alone from all logits."""
    import torch

    with torch.no_grad():
        logits = model(torch.tensor([tokens.ids])).logits[0]
    chances = logits.log_softmax(dim=-1)
    pairs = list(enumerate(tokens.labels))
    return [-float(chances[n - 1, label]) for n, label in pairs if label != IGNORED]


def test_losses_are_those_of_a_direct_computation(model):
    from curation.lm.losses import answer_losses

    tokenizer = byte_tokenizer()
    rows = [tokens_of(tokenizer, turns, 999) for turns in ROWS]
    mute = tokens_of(tokenizer, ROWS[0], 5)
    losses = answer_losses(model, [*rows, mute], tokenizer.pad_token_id)
    expected = [sum(direct_losses(model, row)) for row in rows] + [0.0]
    assert losses == pytest.approx(expected, rel=1e-5)
    assert [row.answer_tokens for row in rows] == [len(direct_losses(model, row)) for row in rows]


def test_packed_conversations_do_not_see_each_other(model):
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    from curation.lm.losses import token_losses

    rows = [tokens_of(byte_tokenizer(), turns, 999) for turns in ROWS]
    collate = DataCollatorForLanguageModeling(0, padding_free=True)
    batch = collate([{"input_ids": row.ids, "labels": row.labels} for row in rows])
    assert batch["input_ids"].shape[0] == 1 and "attention_mask" not in batch
    losses, _ = token_losses(model, **batch)
    expected = [loss for row in rows for loss in direct_losses(model, row)]
    assert losses.tolist() == pytest.approx(expected, rel=1e-4)


# The trainer.


def test_lora_learns_from_few_weights_in_exactly_the_steps_that_were_given(folder, tmp_path):
    points = []
    outcome = fit(
        DATA, tmp_path, model=folder, rate=0.03, batch=4, steps=12, report=points.append, rank=4
    )
    assert outcome.cost.steps == 12 and outcome.cost.tokens > 0
    assert 0 < outcome.cost.parameters < 10_000 and outcome.cost.flops > 0
    assert outcome.losses.shape == outcome.losses_before.shape == outcome.tokens.shape == (5,)
    assert outcome.losses.sum() < outcome.losses_before.sum() - 5
    answers = [turns[-1].content for turns in DATA.test.messages]
    assert outcome.tokens.tolist() == [len(answer) + 1 for answer in answers]
    assert [(s.id, s.prompt, s.reference) for s in outcome.samples] == [
        (DATA.test.ids[n], DATA.test.texts[n], answers[n]) for n in (0, 1)
    ]
    assert all(sample.before != sample.after for sample in outcome.samples)
    validated = [p for p in points if p.validation_loss == p.validation_loss]
    assert [p.step for p in validated] == [3, 6, 9, 12]
    assert validated[-1].validation_loss < validated[0].validation_loss


def test_packing_and_all_weights_are_learned_as_well(folder, tmp_path):
    outcome = fit(
        DATA, tmp_path, model=folder, rate=0.01, batch=1, lora=False, packing=True, longest=128,
        answers_only=False, optimizer="rmsprop", schedule="constant", samples=0,
    )  # fmt: skip
    rows = [tokens_of(byte_tokenizer(), turns, 999) for turns in DATA.train.messages]
    assert outcome.cost.tokens == 3 * sum(map(len, rows))
    assert outcome.cost.steps < 3 * len(rows) / 2 and outcome.cost.parameters > 20_000
    assert outcome.losses.sum() < outcome.losses_before.sum()


def test_only_answers_are_learned_unless_everything_is_chosen(folder, tmp_path):
    from curation.training.learners.language.learning import _rows, encoded

    rows, _ = encoded(byte_tokenizer(), DATA.train, 999, "training")
    assert _rows(rows, True)["labels"][0] == rows[0].labels
    assert _rows(rows, False)["labels"][0] == rows[0].ids


class Killed(BaseException):
    """The end of the process, as a test can have it."""


def test_a_fit_that_was_killed_goes_on_from_its_checkpoint_and_ends_the_same(folder, tmp_path):
    settings = {"model": folder, "rate": 0.02, "batch": 4, "steps": 10, "samples": 0}
    undisturbed, points = [], []
    whole = fit(DATA, tmp_path / "whole", report=undisturbed.append, **settings)

    def killing(point):
        points.append(point)
        if point.step == 7:
            raise Killed

    with pytest.raises(Killed):
        fit(DATA, tmp_path / "killed", report=killing, **settings)
    (checkpoint,) = (tmp_path / "killed").glob("checkpoint-*")
    assert checkpoint.name == "checkpoint-6"
    (tmp_path / "killed" / "checkpoint-7").mkdir()  # one that was being written
    points.clear()
    texts = []
    resumed = fit(
        DATA,
        tmp_path / "killed",
        report=points.append,
        progress=lambda _, text: texts.append(text),
        **settings,
    )
    steps = [text for text in texts if text.startswith("step")]
    assert steps == [f"step {step} of 10" for step in (7, 8, 9, 10)]
    assert resumed.losses.tolist() == whole.losses.tolist()
    assert resumed.cost.steps == 10 and resumed.cost.tokens == whole.cost.tokens
    losses = [
        [(p.step, p.train_loss) for p in curve if p.train_loss > 0]
        for curve in (undisturbed, points)
    ]
    assert losses[0] == losses[1]
    again = fit(DATA, tmp_path / "killed", **settings)
    assert again.losses.tolist() == whole.losses.tolist()


def test_early_stopping_takes_the_best_weights(folder, tmp_path):
    wrong = part(chat(turns[0].content, "zzz") for turns in DATA.train.messages)
    settings = {"model": folder, "rate": 0.05, "batch": 4, "epochs": 4, "samples": 0}
    points = []
    stopped = fit(
        Data(wrong, DATA.test, DATA.test),
        tmp_path,
        patience=1,
        report=points.append,
        **settings,
    )
    losses = {p.step: p.validation_loss for p in points if p.validation_loss > 0}
    assert stopped.cost.steps == max(losses) < 12
    best = min(losses.values())
    assert stopped.losses.sum() / stopped.tokens.sum() == pytest.approx(best, rel=1e-4)
    assert best < list(losses.values())[-1]
    data = Data(wrong, DATA.validation, DATA.test)
    assert fit(data, tmp_path / "fixed", patience=1, steps=12, **settings).cost.steps == 12


def test_early_stopping_counts_on_after_a_fit_was_killed(tmp_path):
    wrong = part(chat(turns[0].content, "zzz") for turns in DATA.train.messages)
    data = Data(wrong, DATA.validation, DATA.test)
    model = str(save_tiny(tmp_path / "model"))
    settings = {"model": model, "rate": 0.005, "batch": 4, "epochs": 5, "samples": 0, "patience": 2}
    whole = fit(data, tmp_path / "whole", **settings)

    def killing(point):
        if point.step == whole.cost.steps - 1:
            raise Killed

    with pytest.raises(Killed):
        fit(data, tmp_path / "killed", report=killing, **settings)
    resumed = fit(data, tmp_path / "killed", **settings)
    assert resumed.cost.steps == whole.cost.steps < 15
    assert resumed.losses.tolist() == whole.losses.tolist()


def test_a_tokenizer_without_an_end_is_a_sentence(tmp_path):
    model = save_tiny(tmp_path / "model")
    settings = json.loads((model / "tokenizer_config.json").read_text())
    (model / "tokenizer_config.json").write_text(json.dumps({**settings, "eos_token": None}))
    with pytest.raises(CurationError, match="no token that ends a text"):
        fit(DATA, tmp_path, model=str(model), samples=0)


def test_a_loss_that_is_no_number_is_a_sentence(tmp_path):
    broken = tiny_model("llama")
    for weight in broken.parameters():
        weight.data *= 1e30
    broken.save_pretrained(tmp_path / "model")
    byte_tokenizer().save_pretrained(tmp_path / "model")
    with pytest.raises(CurationError, match="The loss was no number at step"):
        data = Data(DATA.train, part([]), DATA.test)
        fit(data, tmp_path, model=str(tmp_path / "model"), samples=0)


def test_examples_beyond_the_longest_length_are_counted(tmp_path):
    model = str(save_tiny(tmp_path / "model"))
    long = part([*DATA.train.messages, chat("x" * 80, "never read")])
    data = Data(long, DATA.validation, DATA.test)
    outcome = fit(data, tmp_path, model=model, longest=64, samples=0, steps=1)
    assert outcome.notes == (
        "1 of 13 training examples were cut at 64 tokens; 1 of them have no answer left.",
    )
    with pytest.raises(CurationError, match="No example to train on has an answer within 16"):
        fit(data, tmp_path, model=model, longest=16, samples=0)


def test_a_model_without_a_chat_template_gets_a_plain_one_and_a_note(tmp_path):
    model = str(save_tiny(tmp_path / "model", template=""))
    outcome = fit(DATA, tmp_path, model=model, samples=0, steps=1)
    assert "no chat template" in outcome.notes[0]
    answer = DATA.test.messages[0][-1].content
    assert outcome.tokens[0] == len(f" {answer}") + 1


def test_losses_before_training_are_computed_once_for_all_fits(tmp_path, monkeypatch):
    from curation.training.learners.language import learning

    learning._remembered.clear()
    computed, losses = [], learning.answer_losses
    monkeypatch.setattr(
        learning, "answer_losses", lambda *args: computed.append(len(args[1])) or losses(*args)
    )
    model = str(save_tiny(tmp_path / "model"))
    for seed in (0, 1):
        data = Data(DATA.train, part([]), DATA.test)
        fit(data, tmp_path / str(seed), model=model, samples=0, steps=1, seed=seed)
    assert computed == [5, 5, 5]
    fit(Data(DATA.train, part([]), counting(4)), tmp_path / "2", model=model, samples=0, steps=1)
    assert computed == [5, 5, 5, 4, 4]


# A small GPT.

SMALL = {"layers": 1, "width": 32, "heads": 2, "context": 32, "batch": 4, "vocabulary": 300}


def test_a_small_gpt_learns_a_toy_language_in_equal_tokens(tmp_path):
    data = Data(counting(24), DATA.validation, DATA.test)
    settings = {**SMALL, "width": 48, "context": 64}
    outcome = fit(data, tmp_path, "small_gpt", rate=0.01, steps=120, **settings)
    assert outcome.cost.tokens == 120 * 4 * 64 and outcome.losses_before is None
    assert outcome.losses.sum() / outcome.tokens.sum() < 1.0
    assert outcome.notes == ()
    assert outcome.samples[0].after.split()[1:2] == ["is"] and outcome.samples[0].before == ""


def test_all_arms_of_a_small_gpt_count_the_same_tokens_and_chinese_is_written():
    from curation.training.learners.small_gpt import tokenizer_on

    tokenizer = tokenizer_on(part([chat("什么是光合作用？", "植物利用阳光。")] * 9), 400)
    text = "阳光 und 光合 🌱"
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text and len(ids) < len(text.encode())
    assert len(tokenizer_on(part([]), 400)) == 257


def test_small_gpts_of_other_examples_are_measured_in_the_same_tokens(tmp_path):
    others = part([chat("Sing it. " * 9, "La la la la la la la.")])  # longer than a block
    fits = [
        fit(Data(train, DATA.validation, DATA.test), tmp_path / name, "small_gpt", steps=1, **SMALL)
        for name, train in (("a", DATA.train), ("b", others))
    ]
    assert fits[0].tokens.tolist() == fits[1].tokens.tolist()
    assert fits[0].losses.tolist() != fits[1].losses.tolist()

"""Losses of language models on answers, and the scores made of them."""

from __future__ import annotations

import shutil
import sys
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest

from curation.dataset import Message, dump_messages, silent
from curation.embedding import NotRemembered, VectorStore
from curation.errors import MissingExtra
from curation.lm import ngrams
from curation.lm.causal import CausalReader
from curation.lm.conversations import IGNORED, Tokens, tokens_of
from curation.lm.models import load_causal_lm
from curation.lm.reader import Conversation
from curation.registry import operation
from tests.tiny_lm import byte_tokenizer, save_tiny, tiny_model

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

TALK = [
    Message("user", "Name a river."),
    Message("assistant", "The Rhine."),
    Message("user", "And a town on it?"),
    Message("assistant", "Basel, where it turns north."),
]


def by_transformers(model, row) -> float:
    """The summed loss of a row's answers by transformers' own `labels=`, which is their mean."""
    ids, labels = torch.tensor([row.ids]), torch.tensor([row.labels])
    with torch.inference_mode():
        return float(model(input_ids=ids, labels=labels).loss) * row.answer_tokens


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_losses_are_those_of_transformers_alone_in_a_batch_and_in_parts(kind, monkeypatch):
    from curation.lm import losses

    model, tokenizer = tiny_model(kind).eval(), byte_tokenizer()
    rows = [tokens_of(tokenizer, TALK[:2], 250), tokens_of(tokenizer, TALK, 250)]
    expected = [by_transformers(model, row) for row in rows]
    together = losses.answer_losses(model, rows, 0)
    alone = [losses.answer_losses(model, [row], 0)[0] for row in rows]
    monkeypatch.setattr(losses, "AT_ONCE", 7)
    in_parts = losses.answer_losses(model, rows, 0)
    for sums in (together, alone, in_parts):
        assert np.allclose(sums, expected, rtol=1e-5, atol=1e-4)
    assert sum(label != IGNORED for label in rows[1].labels) > sum(
        label != IGNORED for label in rows[0].labels
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("lm") / "tiny"))


@pytest.fixture
def store(tmp_path):
    return VectorStore(tmp_path / "vectors")


def talks(*conversations, tools="", rejected="") -> pd.DataFrame:
    """Rows of conversations as an operation reads them."""
    rows = [dump_messages(turns) for turns in conversations]
    frame = pd.DataFrame({"messages": rows}, dtype="str")
    answers = [
        next((t.content for t in turns[::-1] if t.role == "assistant"), "")
        for turns in conversations
    ]
    return frame.assign(tools=tools, rejected=rejected, response=answers)


def scores(rows, store, **params) -> pd.DataFrame:
    step = operation("ifd")
    return step.run(rows, store, silent, **step.check(params))


def exchange(prompt, answer):
    return [Message("user", prompt), Message("assistant", answer)]


EXCHANGES = [exchange(f"Count to {n}.", " ".join(map(str, range(n)))) for n in range(2, 9)]


def test_ifd_by_a_model_is_the_ratio_of_transformers_own_losses(tiny, store):
    loaded = load_causal_lm(tiny)
    columns = scores(talks(TALK, *EXCHANGES), store, by="model", model=tiny)
    for turns, row in zip([TALK, *EXCHANGES], columns.itertuples(), strict=True):
        given = tokens_of(loaded.tokenizer, turns, 256)
        spoken = [label for label in given.labels if label != IGNORED]
        texts = [f"{turn.content}<|end|>" for turn in turns if turn.role == "assistant"]
        assert loaded.tokenizer.decode(spoken) == "".join(texts), "all turns of the assistant count"
        alone = Tokens([loaded.tokenizer.eos_token_id, *spoken], [IGNORED, *spoken])
        losses = [by_transformers(loaded.model, row) / len(spoken) for row in (given, alone)]
        assert row.perplexity_model == pytest.approx(np.exp(losses[0]), rel=1e-4)
        assert row.ifd_model == pytest.approx(np.exp(losses[0] - losses[1]), rel=1e-4)


def test_a_run_that_was_ended_goes_on_with_what_is_left(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("curation.embedding.texts.PART", 300)
    rows, computed = talks(*EXCHANGES), []

    def until_ended(reader, texts):
        if len(computed) == 2:
            raise KeyboardInterrupt
        computed.append(len(texts))
        return compute(reader, texts)

    compute = CausalReader._compute
    monkeypatch.setattr(CausalReader, "_compute", until_ended)
    with pytest.raises(KeyboardInterrupt):
        scores(rows, VectorStore(tmp_path / "one"), by="model", model=tiny)
    monkeypatch.setattr(CausalReader, "_compute", compute)
    second = VectorStore(tmp_path / "one")
    resumed = scores(rows, second, by="model", model=tiny)
    assert 0 < second.computed == len(rows) - sum(computed)
    fresh = scores(rows, VectorStore(tmp_path / "two"), by="model", model=tiny)
    pd.testing.assert_frame_equal(resumed, fresh, check_exact=True)
    with pytest.raises(NotRemembered):
        scores(talks(TALK), second.remembering(), by="model", model=tiny)
    assert len(scores(rows, second.remembering(), by="model", model=tiny)) == len(rows)


def test_what_was_read_before_changes_no_digit(tiny, tmp_path):
    rows = talks(*EXCHANGES, *(exchange(f"Of {n}", "word " * n) for n in range(1, 9)))
    fresh = scores(rows, VectorStore(tmp_path / "one"), by="model", model=tiny)
    before = VectorStore(tmp_path / "two")
    scores(rows.iloc[[3, 8]], before, by="model", model=tiny)
    again = scores(rows, before, by="model", model=tiny)
    pd.testing.assert_frame_equal(again, fresh, check_exact=True)


@pytest.mark.parametrize("by", ["ngrams", "model"])
def test_rows_without_one_answer_have_no_score_and_a_sentence(by, tiny, store):
    mute = [[Message("user", "Is there anybody?")], exchange("And now?", " \n"), []]
    params = {"by": by, "model": tiny}
    rows = pd.concat([talks(*EXCHANGES[:2], *mute), talks(EXCHANGES[2], rejected='[{"a": 1}]')])
    rows = rows.reset_index(drop=True)
    frame = scores(rows, store, **params)
    assert list(frame[f"ifd_{by}"].notna()) == [True, True, False, False, False, False]
    notes = operation("ifd").notes(operation("ifd").check(params), rows, frame)
    assert "4 of 6 rows have no score" in notes[1]
    nothing = rows.iloc[2:3]
    assert scores(nothing, store, **params).isna().all(axis=None)


def test_what_is_beyond_the_window_is_cut_counted_and_said(tiny, store):
    long = exchange("Say a.", "a" * 400)
    lost, refused = exchange("b" * 400, "No."), exchange("Fine?", "Yes.")
    rows = talks(long, lost, refused)
    frame = scores(rows, store, by="model", model=tiny, longest=1024)
    assert list(frame["ifd_model"].notna()) == [True, False, True]
    window = 256
    whole = len(f"<user>Say a.<|end|>\n<assistant>{'a' * 400}\n".replace("<|end|>", "")) + 2
    assert frame["cut_model"][0] == whole - window and frame["cut_model"][2] == 0
    notes = operation("ifd").notes(
        operation("ifd").check({"by": "model", "model": tiny}), rows, frame
    )
    assert any(
        note.startswith("1 rows have no score, since their answer lies beyond") for note in notes
    )
    assert any(note.startswith("2 rows were longer") for note in notes)
    assert frame["perplexity_model"][2] == pytest.approx(
        scores(talks(refused), VectorStore(store.folder / "other"), by="model", model=tiny)[
            "perplexity_model"
        ][0]
    )


def test_without_the_extra_the_sentence_names_the_command(tiny, store, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r'pip install "curation\[lm\]"'):
        scores(talks(TALK), store, by="model", model=tiny)


def test_another_model_in_the_same_folder_is_another_result(tiny, tmp_path):
    step, folder = operation("ifd"), shutil.copytree(tiny, tmp_path / "copy")
    params = step.check({"by": "model", "model": str(folder)})
    before = step.depends_on(params, None)
    config = folder / "generation_config.json"
    config.write_text(config.read_text().replace("{", '{"max_length": 99,', 1))
    assert before != step.depends_on(params, None) != ""


def test_another_template_or_length_is_another_reading(tiny, store, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "copy")
    params = {"by": "model", "model": str(folder)}
    whole = scores(talks(TALK), store, **params, longest=256)
    cut = scores(talks(TALK), store, **params, longest=40)
    assert (whole["cut_model"] == 0).all() and (cut["cut_model"] > 0).all()
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("role'] }}>", "role'] }}> please "))
    changed = scores(talks(TALK), store, **params, longest=256)
    fresh = scores(talks(TALK), VectorStore(tmp_path / "fresh"), **params, longest=256)
    pd.testing.assert_frame_equal(changed, fresh)
    assert not np.allclose(changed["ifd_model"], whole["ifd_model"], rtol=1e-3)


# Character n-grams.


def foreseen(texts, row: int, with_prompt: bool, learned=None) -> float:
    """The mean loss of a row's answer by all other rows, counted in the plainest way."""
    sides = [side for n, pair in enumerate(texts) if n != row for side in pair]
    sides += [texts[row][0]] if with_prompt else []
    alphabet = {c for pair in learned or texts for side in pair for c in side}
    padded = [["start"] * ngrams.ORDER + [*side, "end"] for side in sides]
    counts = Counter(
        (length, *text[i - length : i + 1])
        for text in padded
        for i in range(ngrams.ORDER, len(text))
        for length in range(ngrams.ORDER)
    )
    followers = defaultdict(list)
    for (length, *gram), count in counts.items():
        followers[(length, *gram[:-1])].append(count)
    losses, text = [], ["start"] * ngrams.ORDER + [*texts[row][1], "end"]
    for i in range(ngrams.ORDER, len(text)):
        p = 1 / len({*alphabet, "start", "end", "unknown"})
        for length in range(ngrams.ORDER):
            after = followers[(length, *text[i - length : i])]
            if after:
                count = counts[(length, *text[i - length : i + 1])]
                p = (count + len(after) * p) / (sum(after) + len(after))
        losses.append(-np.log(p))
    return float(np.mean(losses))


TEXTS = [
    ("Name a river in Peru.", "The Marañón is a river in Peru."),
    ("Name a river in Chad.", "The Shari."),
    ("Name a river.", "The Rhine, a river."),
    ("什么是河？", "河是一条流动的水。"),
    ("", "The Rhine, a river."),
    ("A river as a sign?", "🏞 it is"),
]


@pytest.mark.parametrize("block", [10, 10_000])
def test_a_row_is_read_by_all_others_and_then_by_its_prompt_too(block, monkeypatch):
    monkeypatch.setattr(ngrams, "BLOCK", block)
    reading = ngrams.NgramReader().read([conversation(*pair) for pair in TEXTS], silent)
    for row in range(len(TEXTS)):
        assert reading.alone[row] == pytest.approx(foreseen(TEXTS, row, with_prompt=False))
        assert reading.given[row] == pytest.approx(foreseen(TEXTS, row, with_prompt=True))
    assert reading.given[0] < reading.alone[0] and reading.length[1] == len("The Shari.")


def conversation(prompt, answer):
    return Conversation(dump_messages(exchange(prompt, answer)), "")


def test_of_many_rows_a_sample_teaches_all(monkeypatch):
    monkeypatch.setattr(ngrams, "LEARNED", 40)
    taught = ngrams._sample([prompt + answer for prompt, answer in TEXTS])
    assert 0 < taught.sum() < len(TEXTS)
    sample = [pair for pair, is_taught in zip(TEXTS, taught, strict=True) if is_taught]
    reading = ngrams.NgramReader().read([conversation(*pair) for pair in TEXTS], silent)
    for row in np.flatnonzero(~taught):
        texts = [*sample, TEXTS[row]]
        for number, with_prompt in ((reading.alone, False), (reading.given, True)):
            expected = foreseen(texts, len(sample), with_prompt, sample)
            assert number[row] == pytest.approx(expected)


def test_a_long_text_is_read_to_a_length_and_the_rest_counted(monkeypatch):
    monkeypatch.setattr(ngrams, "LONGEST", 8)
    reading = ngrams.NgramReader().read(
        [conversation("abc", "d" * 20), conversation("e", "f")], silent
    )
    assert list(reading.cut) == [12, 0] and list(reading.length) == [8, 1]

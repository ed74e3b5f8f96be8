"""The languages that an embedding model cannot read: counted, said, and cured."""

from __future__ import annotations

import json
import shutil
import socket

import numpy as np
import pytest
from huggingface_hub import constants

from curation import Project, Step
from curation.cli.data import import_text, run_text
from curation.embedding import bundled_folder, tokenizer_of
from curation.looking.unread import multilingual, unread, unread_by
from curation.recipe import Recipe
from tests.conftest import make_dataset

ENGLISH = ("How do I keep green tea fresh?", "Keep it away from light, heat and damp air.")
CHINESE = ("怎样才能长期保存好新鲜的绿茶？", "绿茶怕光、怕热、怕潮，也怕别的强烈气味。")


def rows(english: int, chinese: int):
    return make_dataset([ENGLISH] * english + [CHINESE] * chinese).rows


def test_the_bundled_model_cannot_read_chinese_and_the_multilingual_one_can():
    counted = unread(rows(30, 10))
    assert [(one.language, one.rows) for one in counted.languages] == [("en", 30), ("zh", 10)]
    english, chinese = counted.languages
    tokenizer = tokenizer_of()
    ids = tokenizer.ids(["\n\n".join(CHINESE)])[0]
    assert chinese.unknown == pytest.approx(ids.count(tokenizer.unknown) / len(ids), abs=1e-4)
    assert english.unknown == 0 and not english.is_unread and chinese.is_unread
    assert english.per_character < 0.5 < chinese.per_character
    assert f"{chinese.unknown:.0%} of the tokens of 10 examples in zh, so their" in counted.sentence
    assert "multilingual" in counted.sentence and "in en" not in counted.sentence
    other = unread(rows(30, 10), "multilingual")
    assert other.sentence == "" and all(one.unknown < 0.05 for one in other.languages)


def test_a_language_that_is_read_letter_by_letter_is_unread_but_not_one_of_characters():
    russian = ("Как правильно сварить гречневую кашу?", "На один стакан крупы возьмите два воды.")
    table = make_dataset(
        [russian] * 2 + [("「は」の違いは？", "それはとてもいいことですよね。")]
    ).rows
    table = table.assign(language=["ru", "ru", "ja"])
    first, second = unread(table).languages
    assert first.unknown == 0 and first.per_character > 0.7 and first.is_unread
    assert "cannot read the words of 2 examples in ru" in unread(table).sentence
    assert unread(table.assign(language="ja")).languages[0].is_unread == (
        unread(table.assign(language="ja")).languages[0].unknown > 0.1
    )
    assert not any(one.is_unread for one in unread(table, "multilingual").languages)


def test_the_multilingual_model_is_offered_only_for_its_own_languages():
    table = make_dataset([("यह किताब अच्छी है?", "मुझे यह बहुत पसंद आई।")] * 3).rows
    hindi = unread(table, "multilingual")
    assert hindi.sentence and "to multilingual" not in hindi.sentence
    greek = unread(make_dataset([("Πού είναι το βιβλίο μου;", "Είναι πάνω στο τραπέζι.")]).rows)
    assert greek.languages[0].is_unread and not greek.multilingual_helps
    assert "to a folder" in greek.sentence and "to multilingual" not in greek.sentence
    assert unread(rows(1, 1)).multilingual_helps


@pytest.mark.parametrize(
    ("english", "chinese", "counts"),
    [(99, 1, True), (101, 1, False), (3_000, 20, True), (0, 1, True)],
)
def test_a_language_counts_from_one_in_a_hundred_or_twenty_rows(english, chinese, counts):
    table = rows(english, chinese).assign(language=["en"] * english + ["zh"] * chinese)
    assert ("zh" in [one.language for one in unread(table).languages]) == counts


def test_only_the_embedded_side_counts_and_the_column_of_languages_goes_first():
    table = make_dataset([("Translate: good morning", CHINESE[1])] * 3).rows
    assert unread(table, of="prompt").sentence == "" != unread(table, of="response").sentence
    assert [one.language for one in unread(table.assign(language="xx")).languages] == ["xx"]


def test_a_recipe_without_embeddings_or_without_its_model_has_no_warning(tmp_path):
    table = rows(1, 1)
    assert unread_by(table, Recipe((Step("lengths"),))) is None
    assert unread_by(table, Recipe((Step("embed", model=str(tmp_path / "none")),))) is None
    assert unread_by(table, Recipe((Step("embed", enabled=False),))) is None
    recipe = Recipe((Step("lengths"), Step("embed", of="prompt", way="draft")))
    counted = unread_by(table, recipe)
    assert counted is not None and counted.sentence
    cured = multilingual(recipe)
    assert dict(cured.steps[1].params) == {"of": "prompt", "model": "multilingual"}
    assert unread_by(table, cured).sentence == ""


def test_nothing_is_fetched_only_to_count_and_a_fetched_model_is_counted(tmp_path, monkeypatch):
    def refuse(*about: object) -> None:
        raise AssertionError(f"network: {about}")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    table, recipe = rows(2, 2), Recipe((Step("embed", model="someone/small"),))
    assert unread_by(table, recipe) is None
    kept = tmp_path / "models--someone--small"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("abc")
    snapshot = kept / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    file = snapshot / "tokenizer.json"
    shutil.copy(next(bundled_folder().rglob("tokenizer.json")), file)
    counted = unread_by(table, recipe)
    assert counted is not None and counted.languages == unread(table).languages
    assert counted.statement == unread(table).statement != ""
    file.write_text("{")
    assert unread_by(table, recipe) is None


def test_the_statement_leaves_what_to_do_to_the_sentence():
    counted = unread(rows(1, 1))
    assert counted.multilingual_helps
    assert counted.statement.endswith("map mean little") and "set the" not in counted.statement
    assert counted.sentence.startswith(f"{counted.statement}; set the model of Embeddings to")
    assert unread(rows(1, 0)).statement == ""


def test_import_and_run_say_it(tmp_path):
    file = tmp_path / "tea.jsonl"
    pairs = [ENGLISH, CHINESE, ("绿茶有几种？", "主要有炒青、烘青、晒青和蒸青四种。")]
    file.write_text("".join(json.dumps({"prompt": p, "response": r}) + "\n" for p, r in pairs))
    project = Project.create(tmp_path / "project", recipe=Recipe((Step("embed"),)))
    entries = project.add(file)
    counted = unread_by(project.examples.rows, project.recipe)
    assert import_text(entries) and "2 examples in zh" in counted.sentence
    summary = {
        "steps": [],
        "encoders": {},
        "examples": 3,
        "kept": 3,
        "dropped": 0,
        "seconds": 0.0,
        "unread": counted.to_dict(),
    }
    assert counted.sentence in run_text(summary) and summary["unread"]["languages"][0]["rows"] == 2


TALKS = [
    ENGLISH,
    ("How do I keep green tea fresh for long?", "Keep it away from light, heat and damp air."),
    CHINESE,
    ("什么是光合作用？", "植物利用阳光把二氧化碳和水变成糖和氧气。"),
    ("怎样学好书法？", "先选一支好毛笔，再每天临摹一位名家的字帖。"),
    ("长城有多长？", "明长城全长约八千八百五十公里。"),
]


def test_rows_that_the_model_cannot_read_are_no_copies_of_each_other(make_project):
    project = make_project(
        [{"prompt": p, "response": r} for p, r in TALKS],
        Step("embed", way="torch-float32"),
        Step("drop_similar", similarity=0.5),
    )
    after = project.run()
    embedded, similar = after.steps
    counted = unread(after.rows).languages
    assert {one.language for one in counted if one.is_unread} == {"zh"}
    unknown = after.rows["tokens_unknown"]
    assert (unknown > 0.1).tolist() == after.rows["prompt"].map(lambda p: not p.isascii()).tolist()
    assert similar.dropped == 1 and after.dropped["prompt"].iloc[0].isascii()
    assert "4 of 6 examples were not compared" in similar.notes[0]
    vectors = after.vectors[(unknown > 0.1).to_numpy()]
    assert (vectors @ vectors.T - np.eye(4)).max() > 0.5, (
        "their vectors alone would make copies of them"
    )
    read = make_copy(project, "multilingual")
    assert read.run().rows["tokens_unknown"].max() < 0.1 and not read.view().dataset.steps[-1].notes


def make_copy(project: Project, model: str) -> Project:
    """The project with another model."""
    embed, similar = project.recipe.steps
    project.recipe = Recipe((Step("embed", model=model), similar))
    return project

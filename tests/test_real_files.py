"""Published files, read whole: how many rows, in which format, and each comes back as it was."""

from __future__ import annotations

import orjson
import pytest

from curation import formats
from tests.reading import opened

FILES = {
    "sft/dolly_train_sdft.json": (2_000, "alpaca"),
    "sft/fastchat_dummy_conversation.json": (500, "sharegpt"),
    "sft/gsm8k_train.jsonl": (7_473, "completion"),
    "sft/lima_train.json": (1_029, "alpaca"),
    "sft/llamafactory_alpaca_en_demo.json": (999, "alpaca"),
    "sft/llamafactory_alpaca_zh_demo.json": (1_000, "alpaca"),
    "sft/llamafactory_dpo_en_demo.json": (300, "preference"),
    "sft/llamafactory_glaive_toolcall_en_demo.json": (300, "sharegpt"),
    "sft/llamafactory_v1_sft_demo.jsonl": (500, "messages"),
    "sft/selfinstruct_seed_tasks.jsonl": (175, "seeds"),
    "classify/ag_news_7600.csv": (7_600, "label"),
    "classify/thucnews_titles_10k.tsv": (10_000, "label"),
    "benchmarks/HumanEval.jsonl.gz": (164, "completion"),
    "benchmarks/gsm8k_test.jsonl": (1_319, "completion"),
    "benchmarks/mt_bench_question.jsonl": (80, "messages"),
    "duplicates/toolformer_at_0.7_3487.json": (3_487, "alpaca"),
    "selected/longismore_filtered_alpaca_1k_longest.json": (1_000, "sharegpt"),
    "privacy/presidio_generated_large.json": (2_109, "text"),
}


@pytest.mark.parametrize("name", FILES)
def test_every_row_loads_and_comes_back_as_it_was(shared_data, name):
    count, format = FILES[name]
    contents = opened(shared_data / name, lines=count)
    assert (contents.rejected, contents.blank) == ([], 0)
    assert {read.example.format for read in contents.examples} == {format}
    for read in contents.examples:
        again = formats.write(*read.example[:5])
        assert orjson.dumps(again) == orjson.dumps(read.raw.value)


def test_a_published_file_that_is_no_json_loads_all_the_same(shared_data):
    contents = opened(shared_data / "zh" / "alpaca_zh_malformed.json", lines=2_801)
    assert len(contents.examples) == 2_801
    assert contents.note("commas").startswith("1 commas or brackets")


def test_pairs_of_text_and_label_under_the_names_of_splits_load(shared_data):
    path = shared_data / "classify" / "clinc150_full.json"
    contents = opened(path, lines=23_700)
    assert len(contents.examples) == 23_700
    splits = {orjson.loads(read.example.metadata)["split"] for read in contents.examples}
    assert splits == {"train", "val", "test", "oos_train", "oos_val", "oos_test"}
    content = path.read_bytes()
    for read in contents.examples[::1_000]:
        assert content[read.raw.offset :].startswith(read.raw.raw)


def test_a_zip_of_tables_without_headers_loads_every_question(shared_data):
    contents = opened(shared_data / "benchmarks" / "mmlu.zip")
    assert contents.rejected == []
    questions = [r for r in contents.examples if r.source.endswith(".csv")]
    assert len(questions) == 15_858  # what a plain reader of CSV counts
    assert {r.example.format for r in questions} == {"label"}


def test_records_of_no_known_format_are_refused_with_their_columns(shared_data):
    contents = opened(shared_data / "duplicates" / "msrp_paraphrase_train.tsv", lines=4_077)
    assert (contents.examples, contents.blank) == ([], 1)
    assert contents.rejected[0].columns == ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")
    mapped = opened(
        shared_data / "duplicates" / "msrp_paraphrase_train.tsv",
        mapping={"prompt": "#1 String", "response": "#2 String"},
    )
    assert len(mapped.examples) == 4_076

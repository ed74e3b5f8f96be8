"""Deliveries: every file is opened by its real reader, and nothing is claimed that is not so."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from curation import Project, Step, export
from curation.dataset import load_messages
from curation.engine import Processes
from curation.errors import Cancelled, CurationError
from curation.export import delivery
from curation.export.card_text import line
from curation.export.delivery_format import check_turns
from curation.export.shards import write_shards
from tests.conftest import ROOT, make_dataset

CALL = {
    "id": "a1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"in":"Oslo"}'},
}
MADE = {**CALL, "function": {"name": "weather", "arguments": {"in": "Oslo"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


def chats():
    talks = [
        ("Was ist ein Fluss?", "Fließendes Wasser in einem Bett."),
        ("什么是光合作用？", "植物把光变成糖。"),
        ("Qu'est-ce qu'une île ?", "Une terre entourée d'eau."),
        ("Name a planet.", "Saturn."),
        ("Say hello\u2028in two lines.", "Hello,\nyou."),
    ]
    rows = [{"messages": [turn("user", q), turn("assistant", a)]} for q, a in talks]
    rows.append(
        {
            "messages": [
                turn("system", "Be brief."),
                turn("user", "Is it cold?"),
                turn("assistant", "Where?"),
                turn("user", "In Oslo."),
                turn("assistant", None, tool_calls=[CALL]),
                turn("tool", "4 degrees", tool_call_id="a1"),
                turn("assistant", "Yes, 4 degrees.", weight=1),
            ],
            "tools": TOOLS,
        }
    )
    return rows


def alpaca():
    rows = [
        {"instruction": f"Write the number {i} as a word.", "input": "", "output": f"-word {i}"}
        for i in range(6)
    ]
    return [
        *rows,
        {"instruction": "Add these.", "input": "2 and 3", "output": "=2+3", "topic": "sums"},
        {
            "instruction": "And in German?",
            "input": "",
            "output": "Brot.",
            "system": "You translate.",
            "history": [["What is bread in French?", "Pain."]],
        },
    ]


LABELS = [{"text": t, "label": la} for t, la in [("Great film", "good"), ("So dull", "bad")]]
FAULTY = [
    {"messages": [turn("user", "Are you there?"), turn("assistant", "")]},
    {"messages": [turn("user", "Go on.")]},
    {"messages": [turn("user", "End."), turn("assistant", "Yes.<|im_end|>")]},
]


def lines(path, rows):
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def make_project(folder: Path, split: bool = True) -> Project:
    source = folder / "in"
    source.mkdir(parents=True)
    project = Project.create(folder / "greetings")
    (source / "alpaca.json").write_bytes(orjson.dumps(alpaca()))
    project.add(
        lines(source / "chats.jsonl", chats()),
        source / "alpaca.json",
        lines(source / "labels.jsonl", LABELS),
        lines(source / "faulty.jsonl", FAULTY),
    )
    if split:
        project.recipe += Step("split", validation=0.2, test=0.1)
    return project


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """A project, the folder of a delivery in every format, and its manifest."""
    folder = tmp_path_factory.mktemp("delivery")
    project = make_project(folder)
    out = folder / "out"
    return project, out, project.export(out, list(export.delivery_formats()))


def records(out: Path, name: str):
    rows_read = []
    for path in sorted((out / name).glob("*.json*")):
        if path.name != "dataset_info.json":
            text = path.read_bytes()
            rows_read += (
                orjson.loads(text)
                if path.suffix == ".json"
                else [orjson.loads(line) for line in text.split(b"\n") if line]
            )
    return rows_read


def original(out: Path):
    return [
        {k: v for k, v in row.items() if k != "curation_id"} for row in records(out, "original")
    ]


def conversations(dataset):
    return sorted(dataset.kept["messages"].tolist())


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_the_manifest_adds_up_and_vouches_for_every_file(delivered):
    project, out, manifest = delivered
    assert json.loads((out / "manifest.json").read_text()) == manifest
    assert manifest["examples"] == manifest["kept"] == 19
    assert manifest["delivered"] == sum(manifest["splits"].values()) == 16
    assert manifest["excluded"] == {
        "an answer is empty": 1,
        "nobody answers": 1,
        "its text holds tokens of a chat template": 1,
    }
    assert set(bytes_of(out)) == {f["path"] for f in manifest["files"]} | {"manifest.json"}
    for entry in manifest["files"]:
        data = (out / entry["path"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    for name in export.delivery_formats():
        rows = sum(f["rows"] or 0 for f in manifest["files"] if f["format"] == name)
        answers = (
            3 if name == "trl-completion" else 0
        )  # a record of each, which two rows have more of
        assert rows == 16 - manifest["did_not_fit"].get(name, 0) + answers, name
    unfit = {"alpaca": 1, "llamafactory-preference": 16, "trl-preference": 16}
    assert manifest["did_not_fit"] == unfit, "a chat with tools; nothing was rejected"
    assert manifest["not_in"]["alpaca"]["calls_tools"]["rows"] == 1
    receipts = pd.read_parquet(out / "receipts.parquet")
    assert len(receipts) == 19 and receipts["delivered"].sum() == 16
    assert (receipts["left_out"] != "").sum() == 3
    assert (out / "recipe.yaml").read_text() == project.recipe.to_yaml()


def test_a_second_export_from_scratch_has_the_same_bytes_on_processes_too(delivered, tmp_path):
    _, out, _ = delivered
    again = make_project(tmp_path)
    engine = Processes(2)
    try:
        again.export(tmp_path / "elsewhere", list(export.delivery_formats()), engine=engine)
    finally:
        engine.close()
    assert bytes_of(tmp_path / "elsewhere") == bytes_of(out)


def test_the_hugging_face_folder_opens_with_its_splits(delivered, tmp_path):
    datasets = pytest.importorskip("datasets")
    _, out, manifest = delivered
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path))
    assert {name: len(part) for name, part in loaded.items()} == manifest["splits"]
    card = yaml.safe_load((out / "README.md").read_text("utf-8").split("---\n")[1])
    assert card["dataset_info"]["features"] == loaded["train"].features._to_yaml_list()
    assert {s["name"]: s["num_examples"] for s in card["dataset_info"]["splits"]} == {
        name: len(part) for name, part in loaded.items()
    }
    rows = [row for part in loaded.values() for row in part]
    talk = next(row for row in rows if row["tools"])
    assert [t["role"] for t in talk["messages"]][-3:] == ["assistant", "tool", "assistant"]
    assert orjson.loads(talk["messages"][4]["tool_calls"]) == [MADE]
    assert orjson.loads(talk["tools"]) == TOOLS
    assert {row["label"] for row in rows} == {None, "good", "bad"}


@pytest.mark.parametrize("name", ["trl", "axolotl"])
def test_chat_lines_open_with_datasets_and_have_the_right_roles(delivered, tmp_path, name):
    datasets = pytest.importorskip("datasets")
    _, out, manifest = delivered
    rows = []
    for split, count in manifest["splits"].items():
        file = str(out / name / f"{split}.jsonl")
        part = datasets.load_dataset(
            "json", data_files=file, split="train", cache_dir=str(tmp_path)
        )
        assert len(part) == count
        rows += part
    assert {t["role"] for r in rows for t in r["messages"]} == {
        "system",
        "user",
        "assistant",
        "tool",
    }
    assert [r["messages"][-1]["content"] for r in rows if "Great" in str(r)] == ["good"]
    (tools,) = [r["tools"] for r in rows if r.get("tools")]
    if name == "axolotl":  # whose own reader takes a list, with schemas as text
        (tool,) = tools
        schema = json.loads(tool["function"]["parameters"])
        tools = [{**tool, "function": {"name": "weather", "parameters": schema}}]
    assert (json.loads(tools) if isinstance(tools, str) else tools) == TOOLS


def test_a_rare_key_deep_in_a_large_file_does_not_keep_it_from_opening(tmp_path):
    datasets = pytest.importorskip("datasets")
    plain = {"messages": [turn("user", "x" * 600), turn("assistant", "y" * 600)]}
    rare = chats()[-1]
    rows = [plain] * 10_000 + [{**rare, "tools": json.dumps(TOOLS)}]
    trl = export.delivery_formats()["trl"]
    (shard,) = write_shards(trl, "train", iter(enumerate(rows)), tmp_path)
    assert list(shard.places) == [0, 10_000, *range(1, 10_000)]
    file = tmp_path / shard.path
    loaded = datasets.load_dataset(
        "json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(loaded) == 10_001
    assert sum(1 for t in loaded["tools"] if t) == 1


def test_axolotl_s_settings_name_files_that_are_there(delivered):
    _, out, _ = delivered
    settings = yaml.safe_load((out / "axolotl" / "axolotl.yaml").read_text())
    for entry in settings["datasets"] + settings["test_datasets"]:
        assert (out / "axolotl" / entry["path"]).is_file()
        assert entry["type"] == "chat_template" and entry["field_messages"] == "messages"
        assert set(entry["message_property_mappings"]) == {"role", "content", "reasoning_content"}
        assert entry["message_field_training"] == "training"
        assert entry["roles_to_train"] == ["assistant"]
    assert "val_set_size" not in settings


def test_llama_factory_gets_all_tags_and_only_rows_that_it_keeps(delivered):
    _, out, manifest = delivered
    folder = out / "llamafactory"
    info = json.loads((folder / "dataset_info.json").read_text())
    settings = yaml.safe_load((folder / "train.yaml").read_text())
    assert settings["dataset"] == "greetings_train"
    assert settings["eval_dataset"] == "greetings_validation" and "val_size" not in settings
    assert set(info) == {f"greetings_{split}" for split in manifest["splits"]}
    for entry in info.values():
        assert set(entry["tags"]) == {
            "role_tag",
            "content_tag",
            "user_tag",
            "assistant_tag",
            "observation_tag",
            "function_tag",
            "system_tag",
        }
        rows = json.loads((folder / entry["file_name"]).read_text("utf-8"))
        for row in rows:
            assert set(entry["columns"].values()) == set(row) - {"curation_id"}
            roles = [t[entry["tags"]["role_tag"]] for t in row["conversations"]]
            assert len(roles) % 2 == 0
            assert set(roles[::2]) <= {"human", "observation"}
            assert set(roles[1::2]) <= {"gpt", "function_call"}
            assert all(isinstance(t["value"], str) for t in row["conversations"])
    talk = next(r for r in records(out, "llamafactory") if r["tools"])
    (tool,) = json.loads(talk["tools"])
    assert (tool["name"], tool["parameters"]) == ("weather", {"type": "object", "properties": {}})
    assert talk["system"] == "Be brief."
    assert json.loads(talk["conversations"][3]["value"]) == {
        "name": "weather",
        "arguments": {"in": "Oslo"},
    }


def test_calls_made_at_once_are_all_delivered_or_the_row_is_counted(make_project, tmp_path):
    second = {**CALL, "id": "a2", "function": {"name": "time", "arguments": "{}"}}
    both = [
        turn("user", "Weather and time?"),
        turn("assistant", None, tool_calls=[CALL, second]),
        turn("tool", "noon", tool_call_id="a2"),
        turn("tool", "4 degrees", tool_call_id="a1"),
        turn("assistant", "4 degrees, and noon."),
    ]
    spoken = [*both[:1], turn("assistant", "I look.", tool_calls=[CALL]), *both[3:]]
    project = make_project([{"messages": both}, {"messages": spoken}])
    manifest = project.export(tmp_path / "out", ["sharegpt", "openai"])
    (row,) = records(tmp_path / "out", "sharegpt")
    names = [call["name"] for call in json.loads(row["conversations"][1]["value"])]
    assert names == ["weather", "time"]
    results = row["conversations"][2]
    assert results["from"] == "observation", "one turn, or the speakers would not alternate"
    assert json.loads(results["value"]) == ["4 degrees", "noon"], "in the order of the calls"
    assert manifest["did_not_fit"] == {"sharegpt": 1}, "words beside a call have no place there"
    for row in records(tmp_path / "out", "openai"):
        assert row["messages"][2]["tool_call_id"] == "a1", "the service wants to know whose result"


def test_images_are_not_lost_in_silence(make_project, tmp_path):
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "x"}},
    ]
    rows = [{"messages": [turn("user", parts), turn("assistant", "A cat.")]}, *chats()[:2]]
    project = make_project(rows)
    manifest = project.export(tmp_path / "out", ["trl", "openai", "alpaca", "hf", "original"])
    assert manifest["did_not_fit"] == {"trl": 1, "alpaca": 1}
    assert manifest["not_in"]["trl"]["media"]["why"] == "it holds an image, audio or a file"
    assert original(tmp_path / "out") == rows
    shown = records(tmp_path / "out", "openai")[0]["messages"][0]["content"]
    assert shown == parts, "the service takes images by their address"


def test_the_original_is_lossless(delivered):
    _, out, _ = delivered
    clean = [*chats(), *alpaca(), *LABELS]
    key = lambda row: json.dumps(row, sort_keys=True)  # noqa: E731
    assert sorted(map(key, original(out))) == sorted(map(key, clean))


@pytest.mark.parametrize("name", ["trl", "openai", "axolotl", "sharegpt", "llamafactory", "alpaca"])
def test_what_is_delivered_comes_back_with_the_same_turns(delivered, tmp_path, name):
    project, out, manifest = delivered
    again = Project.create(tmp_path / "again")
    again.add(*sorted(p for p in (out / name).glob("*.json*") if p.name != "dataset_info.json"))
    back = [load_messages(m) for m in again.examples.rows["messages"]]
    kept = project.replay().kept
    mine = kept[(export.left_out(kept) == "").to_numpy()]
    if name in ("trl", "axolotl"):  # a null has no place in a chat template
        back = [[t if t.content else replace(t, content=None) for t in turns] for turns in back]
    expected = []
    for messages, label in zip(mine["messages"], mine["label"], strict=True):
        turns = load_messages(messages)
        spoken = [(t.role, t.content) for t in turns]
        if isinstance(label, str):
            spoken.append(("assistant", label))
        if name == "alpaca" and any(t.more.get("tool_calls") for t in turns):
            continue
        expected.append(spoken)
    assert sorted(map(str, expected)) == sorted(
        str([(t.role, t.content) for t in turns]) for turns in back
    )
    if name in ("trl", "openai", "axolotl"):
        calls = [t.more["tool_calls"] for turns in back for t in turns if "tool_calls" in t.more]
        assert calls in ([[CALL]], [[MADE]])


def test_the_parquet_files_come_back_and_are_delivered_with_the_same_turns(delivered, tmp_path):
    _, out, _ = delivered
    again = Project.create(tmp_path / "again")
    again.add(*sorted((out / "data").glob("*.parquet")))
    again.export(tmp_path / "out", ["trl"])
    talks = [json.dumps(row["messages"], sort_keys=True) for row in records(out, "trl")]
    returned = records(tmp_path / "out", "trl")
    assert sorted(json.dumps(r["messages"], sort_keys=True) for r in returned) == sorted(talks)


def test_no_cell_of_the_table_for_people_is_a_formula(delivered, tmp_path):
    _, out, manifest = delivered
    rows = []
    for split in manifest["splits"]:
        with open(out / "csv" / f"{split}.csv", encoding="utf-8", newline="") as stream:
            rows += list(csv.DictReader(stream))
    assert len(rows) == 16
    assert {r["response"] for r in rows} >= {"'=2+3", "'-word 0", "植物把光变成糖。"}
    awkward = ["=1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "＋1", "－1", "＠x", "a\rb", 'say "x"']
    data = make_dataset([(f"Question {i}", text) for i, text in enumerate(awkward)])
    format = export.delivery_formats()["csv"]
    with open(tmp_path / "x.csv", "wb") as stream:
        format.dump((format.row(r) for r in export.examples(data.rows)), stream)
    with open(tmp_path / "x.csv", encoding="utf-8", newline="") as stream:
        responses = [r["response"] for r in csv.DictReader(stream)]
    assert responses == [f"'{t}" for t in awkward[:10]] + awkward[10:]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("text", "data_type"),
        ({"messages": []}, "missing_messages_list"),
        ({}, "missing_messages_list"),
        ({"messages": ["hello"]}, "data_type"),
        ({"messages": [{"content": "x"}]}, "message_missing_key"),
        ({"messages": [turn("assistant", "x", mood="good")]}, "message_unrecognized_key"),
        ({"messages": [turn("Assistant", "x")]}, "unrecognized_role"),
        ({"messages": [turn("assistant", "")]}, "missing_content"),
        ({"messages": [turn("assistant", ["x"])]}, "missing_content"),
        ({"messages": [turn("assistant", None)]}, "missing_content"),
        ({"messages": [turn("user", "x")]}, "example_missing_assistant_message"),
    ],
)
def test_each_fault_has_its_code_of_the_cookbook(record, code):
    good = {"messages": [turn("user", "x"), turn("assistant", None, tool_calls=[CALL])]}
    problems = check_turns([good, record])
    assert code in {p.code for p in problems} and {p.row for p in problems} == {2}


def test_a_weight_belongs_to_an_assistant_and_is_0_or_1():
    check = export.delivery_formats()["openai"].check
    for role, weight, wrong in [("assistant", 0, False), ("assistant", 2, True), ("user", 1, True)]:
        rows = [{"messages": [turn(role, "x", weight=weight), turn("assistant", "y")]}]
        assert [p.code for p in check(rows)] == (["data_type"] if wrong else [])


def test_a_training_file_too_small_for_the_service_is_said_and_written(make_project, tmp_path):
    project = make_project(chats())
    manifest = project.export(tmp_path / "out", ["openai"])
    (problems,) = [f["problems"] for f in manifest["files"] if f["split"] == "train"]
    assert problems == ["OpenAI chat asks for at least 10 examples to train on"]


def test_a_row_that_a_trainer_refuses_is_named_and_stops_nothing(tmp_path):
    project = make_project(tmp_path, split=False)
    manifest = project.export(tmp_path / "out", ["hf", "trl", "openai"], allow_attention=True)
    assert manifest["delivered"] == 19 and manifest["excluded"] == {}
    for name in ("trl", "openai"):
        refused = manifest["not_in"][name]
        assert {code: entry["rows"] for code, entry in refused.items()}["missing_content"] == 1
        assert refused["missing_content"]["why"] == "a turn says nothing"
    assert "hf" not in manifest["not_in"]
    receipts = pd.read_parquet(tmp_path / "out" / "receipts.parquet").set_index("id")
    (named,) = manifest["not_in"]["trl"]["missing_content"]["ids"]
    assert receipts.at[named, "not_in"] == "trl: missing_content, openai: missing_content"
    assert receipts.at[named, "delivered"], "it is in the Hugging Face folder"
    assert "missing\\_content" in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_a_row_that_is_in_no_file_is_not_receipted_as_delivered(make_project, tmp_path):
    project = make_project([*chats(), *FAULTY[:1]])
    manifest = project.export(tmp_path / "out", ["alpaca", "alpaca"])
    assert manifest["delivered"] == 5 and manifest["splits"] == {"train": 5}
    assert manifest["did_not_fit"] == {"alpaca": 1}
    assert [f["path"] for f in manifest["files"]].count("alpaca/train.json") == 1
    receipts = pd.read_parquet(tmp_path / "out" / "receipts.parquet").sort_values("source_row")
    assert receipts["delivered"].tolist() == [True] * 5 + [False] * 2
    assert receipts["not_in"].tolist() == [""] * 5 + ["alpaca: calls_tools", ""]
    assert receipts["left_out"].tolist() == [""] * 6 + ["empty_answer"]
    assert "5 examples in train 5" in (tmp_path / "out" / "README.md").read_text("utf-8")
    manifest = project.export(tmp_path / "both", ["alpaca", "trl"])
    receipts = pd.read_parquet(tmp_path / "both" / "receipts.parquet").sort_values("source_row")
    assert receipts["delivered"].tolist() == [True] * 6 + [False]
    assert receipts["not_in"].tolist() == [""] * 5 + ["alpaca: calls_tools", ""]
    manifest = project.export(tmp_path / "all", ["csv"], allow_attention=True)
    receipts = pd.read_parquet(tmp_path / "all" / "receipts.parquet")
    assert receipts["delivered"].all() and (receipts["left_out"] == "").all()


def test_splits_and_leaks_speak_of_what_is_in_the_files(tmp_path):
    talk = chats()[-1]
    data = make_dataset([("One?", "Yes."), ("Two?", "No.")])
    tools = json.dumps([{"role": t["role"], "content": "x", **t} for t in talk["messages"]])
    rows = data.rows.assign(
        split=pd.Series(["train", "test"], index=data.rows.index, dtype="str"),
        messages=[data.rows["messages"].iloc[0], tools],
    )
    origin = export.Origin("p", [], "version: 1\nsteps: []\n")
    manifest = export.export(data.replace(rows=rows), origin, tmp_path / "out", ["alpaca"])
    assert manifest["splits"] == {"train": 1} and not manifest["leaks"]["checked"]
    with pytest.raises(CurationError, match="Alpaca can hold none of the 1 examples"):
        export.export(data.replace(rows=rows.iloc[1:]), origin, tmp_path / "out", ["alpaca"])


def odd_turns(*turns):
    """A dataset of one chat with these turns, as somebody may have made it by hand."""
    data = make_dataset([("Name a planet.", "Saturn.")])
    rows = data.rows.assign(messages=[orjson.dumps(turns).decode()])
    return data.replace(rows=rows), export.Origin("p", [], "version: 1\nsteps: []\n")


def test_names_that_are_numbers_are_texts_in_every_format(make_project, tmp_path):
    record = {"messages": [turn("user", "Name a planet.", name=5), turn("assistant", "Saturn.")]}
    project = make_project([record])
    project.export(tmp_path / "out", list(export.delivery_formats()))
    (row,) = pd.read_parquet(tmp_path / "out/data/train-00000-of-00001.parquet").to_dict("records")
    assert row["messages"][0]["name"] == "5"
    assert original(tmp_path / "out") == [record]
    dataset, origin = odd_turns(*record["messages"])
    export.export(dataset, origin, tmp_path / "other", ["hf", "trl"])
    (row,) = records(tmp_path / "other", "trl")
    assert row["messages"][0]["name"] == "5"


@pytest.mark.parametrize("calls", [["foo"], "foo", '["foo"]', {"name": "foo"}, 5])
def test_calls_that_nobody_can_read_are_counted_and_stop_nothing(tmp_path, calls):
    ask = turn("user", "Name a planet.")
    dataset, origin = odd_turns(ask, turn("assistant", "Saturn.", tool_calls=calls))
    manifest = export.export(dataset, origin, tmp_path / "out", ["csv"])
    assert manifest["delivered"] == 1
    for name in ("hf", "openai", "sharegpt", "trl"):
        with pytest.raises(CurationError, match="can hold none of the 1 examples"):
            export.export(dataset, origin, tmp_path / "out", [name])


def test_a_turn_with_an_empty_list_of_calls_is_delivered_without_it(make_project, tmp_path):
    rows = [{"messages": [turn("user", "Hello?"), turn("assistant", "Hello.", tool_calls=[])]}]
    project = make_project(rows)
    manifest = project.export(tmp_path / "out", list(export.delivery_formats()))
    assert set(manifest["did_not_fit"]) == {"trl-preference", "llamafactory-preference"}
    assert original(tmp_path / "out") == rows
    assert "tool_calls" not in str(records(tmp_path / "out", "trl"))


def test_calls_without_a_function_are_not_delivered_as_empty_ones(make_project, tmp_path):
    calls = [{"type": "function", "arguments": {"in": "Oslo"}}]
    talk = [turn("user", "Cold?"), turn("assistant", None, tool_calls=calls), turn("tool", "4")]
    project = make_project([*chats(), {"messages": [*talk, *talk[1:2], talk[2]]}])
    manifest = project.export(tmp_path / "out", ["sharegpt"], allow_attention=True)
    assert manifest["did_not_fit"] == {"sharegpt": 1}


@pytest.mark.parametrize("weight", ["half", [1], {"a": 1}])
def test_a_weight_that_is_no_number_stops_nothing_and_is_not_lost(tmp_path, weight):
    answer = turn("assistant", "Saturn.", weight=weight)
    dataset, origin = odd_turns(turn("user", "Name a planet."), answer)
    manifest = export.export(dataset, origin, tmp_path / "out", ["hf", "trl", "openai"])
    assert manifest["did_not_fit"] == {}
    assert manifest["lost"] == {
        "hf": {},
        "trl": {"turn key weight": 1},
        "openai": {"turn key weight": 1},
    }
    (row,) = pd.read_parquet(tmp_path / "out/data/train-00000-of-00001.parquet").to_dict("records")
    assert json.loads(row["messages"][1]["more"]) == {"weight": weight}


def test_a_whole_weight_is_one_however_a_table_wrote_it(tmp_path):
    answer = turn("assistant", "Saturn.", weight=1.0)
    dataset, origin = odd_turns(turn("user", "Name a planet."), answer)
    export.export(dataset, origin, tmp_path / "out", ["hf"])
    (row,) = pd.read_parquet(tmp_path / "out/data/train-00000-of-00001.parquet").to_dict("records")
    assert [t["weight"] for t in row["messages"]] == [None, 1]


def test_a_format_that_can_hold_nothing_is_refused(make_project, tmp_path):
    project = make_project(chats()[-1:])
    with pytest.raises(CurationError, match="Alpaca can hold none of the 1 examples"):
        project.export(tmp_path / "out", ["alpaca"])


def test_only_what_an_export_made_is_replaced(delivered, tmp_path):
    project, out, _ = delivered
    mine = tmp_path / "out"
    shutil.copytree(out, mine)
    project.export(mine, ["trl"])
    assert not (mine / "alpaca").exists(), "a former delivery is replaced as a whole"
    (mine / "trl" / "model").mkdir()
    (mine / "trl" / "model" / "weights.bin").write_bytes(b"weeks of work")
    with pytest.raises(CurationError, match=r"trl/model/weights\.bin, which no export made"):
        project.export(mine, ["trl"])
    assert (mine / "trl" / "model" / "weights.bin").exists()
    other = tmp_path / "site"
    other.mkdir()
    (other / "manifest.json").write_text('{"name": "a web page"}')
    (other / "index.html").write_text("<p>")
    with pytest.raises(CurationError, match="which no export made"):
        project.export(other, ["trl"])
    (tmp_path / "file").write_text("x")
    with pytest.raises(CurationError, match="is a file"):
        project.export(tmp_path / "file", ["trl"])
    for formats, message in [(["trl", "word"], "no format 'word'.*trl"), ([], "at least one")]:
        with pytest.raises(CurationError, match=message):
            project.export(tmp_path / "new", formats)


@pytest.mark.parametrize("name", [".git/HEAD", ".env", "trl/.notes.txt"])
def test_hidden_files_are_somebody_s_and_are_never_deleted(delivered, tmp_path, name):
    project, out, _ = delivered
    mine = tmp_path / "out"
    shutil.copytree(out, mine)
    (mine / ".DS_Store").write_bytes(b"desktop")
    (mine / "data" / "Thumbs.db").write_bytes(b"desktop")
    project.export(mine, ["trl"])
    assert not (mine / ".DS_Store").exists(), "a desktop makes it anew"
    (mine / name).parent.mkdir(exist_ok=True)
    (mine / name).write_text("years of work")
    with pytest.raises(CurationError, match=f"{re.escape(name)}, which no export made"):
        project.export(mine, ["trl"])
    assert (mine / name).read_text() == "years of work"


def test_what_is_put_into_the_folder_meanwhile_is_not_deleted(delivered, tmp_path):
    project, _, _ = delivered
    out = tmp_path / "out"
    project.export(out, ["trl"])

    def put(share, text):
        if text.startswith("Writing"):
            (out / "late.txt").write_text("put here while the files were written")

    with pytest.raises(CurationError, match=r"late\.txt, which no export made"):
        project.export(out, ["trl"], progress=put)
    assert (out / "late.txt").exists() and (out / "trl").is_dir()


def test_a_folder_that_has_the_name_of_a_former_delivery_is_not_deleted(delivered, tmp_path):
    project, _, _ = delivered
    (tmp_path / ".out.old").mkdir()
    (tmp_path / ".out.old" / "thesis.txt").write_text("mine")
    with pytest.raises(CurationError, match=r"\.out\.old holds thesis\.txt"):
        project.export(tmp_path / "out", ["trl"])
    assert (tmp_path / ".out.old" / "thesis.txt").exists()


def test_a_cancelled_export_is_cancelled_and_no_failure(delivered, tmp_path):
    project, _, _ = delivered

    def stop(share, text):
        if text.startswith("Writing"):
            raise Cancelled

    with pytest.raises(Cancelled):
        project.export(tmp_path / "out", ["trl"], progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_swap_cut_off_half_way_brings_the_old_delivery_back(delivered, tmp_path):
    project, out, _ = delivered
    shutil.copytree(out, tmp_path / ".out.old")
    with pytest.raises(CurationError):
        project.export(tmp_path / "out", ["alpaca", "no such"])
    project.export(tmp_path / "out", ["trl"])
    assert not (tmp_path / ".out.old").exists() and (tmp_path / "out" / "trl").is_dir()


def test_an_export_into_the_folder_one_stands_in_works(delivered, tmp_path, monkeypatch):
    project, _, _ = delivered
    folder = tmp_path / "here"
    folder.mkdir()
    opened = Project.open(project.path.resolve())
    monkeypatch.chdir(folder)
    opened.export(".", ["trl"])
    assert (folder / "manifest.json").is_file()


NO_SPACE = """
import resource, sys
from curation import Project
from curation.errors import CurationError
from curation import export
project = Project.open(sys.argv[1])
dataset = project.replay()
origin = export.Origin("greetings", project.imports, project.recipe.to_yaml())
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    export.export(dataset, origin, __import__("pathlib").Path(sys.argv[2]), list(export.delivery_formats()))
except CurationError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
@pytest.mark.parametrize("limit", [64, 1_500, 4_000])
def test_no_space_left_leaves_the_old_delivery_untouched(delivered, tmp_path, limit):
    project, out, _ = delivered
    mine = tmp_path / "out"
    shutil.copytree(out, mine)
    before = bytes_of(mine)
    done = subprocess.run(
        [sys.executable, "-c", NO_SPACE, str(project.path), str(mine), str(limit)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stderr == ""
    assert done.stdout.startswith("Nothing was delivered to ") and done.stdout.count("\n") == 1
    assert "File too large" in done.stdout
    assert bytes_of(mine) == before and sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_the_manifest_names_how_embeddings_were_computed_and_what_results_depend_on(tmp_path):
    data = make_dataset([("One?", "Yes."), ("Two?", "No.")])
    backends = {"small-model@53aa": "torch-bfloat16"}
    origin = export.Origin("p", [], "version: 1\nsteps: []\n", encoders=backends)
    manifest = export.export(data, origin, tmp_path / "out", ["trl"])
    assert manifest["encoders"] == backends
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["versions"]["pandas"] == pd.__version__ and "ftfy" in manifest["versions"]
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "Embeddings were computed with small-model\u2060@53aa by torch-bfloat16." in card
    bare = export.Origin("p", [], "version: 1\nsteps: []\n")
    assert export.export(data, bare, tmp_path / "bare", ["trl"])["encoders"] == {}
    assert "Embeddings were" not in (tmp_path / "bare" / "README.md").read_text("utf-8")


def test_one_conversation_never_stands_in_two_splits(make_project, tmp_path):
    rows = [
        {
            "prompt": f"Question {i} of {c}?",
            "completion": f"Answer {i}, {c}.",
            "conversation_id": c,
        }
        for c in range(12)
        for i in range(4)
    ]
    project = make_project(rows, Step("split", validation=0.25, test=0.25))
    manifest = project.export(tmp_path / "out", ["original"])
    assert min(manifest["splits"].values()) >= 8
    where: dict[int, set[str]] = {}
    for split in manifest["splits"]:
        for row in map(orjson.loads, (tmp_path / f"out/original/{split}.jsonl").open()):
            where.setdefault(row["conversation_id"], set()).add(split)
    assert all(len(splits) == 1 for splits in where.values()) and len(where) == 12


def test_a_card_shows_strange_texts_and_does_nothing_else(make_project, tmp_path):
    bad = "![x](https://evil.example/p.png) <img src=x> | `code` # head"
    bad += " www.bad.example a@bad.example &lt;"
    project = make_project(
        [{"prompt": bad, "completion": f"Answer {i}."} for i in (1, 2)],
        Step("drop_exact_duplicates", by="prompt"),
    )
    project.export(tmp_path / "out", ["trl"])
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "evil.example" in card, "the dropped row is the step's example"
    plain = re.sub(r"\\.", "", card)  # what a backslash escapes is shown as it is
    assert not re.search(r"[<>\[\]&]|https://|www\.|a@", plain.split("---\n")[2])
    assert "www\u2060.bad.example" in line(bad) and "a\u2060@bad" in line(bad)
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["size_categories"] == ["n<1K"] and "configs" not in head


def test_an_example_in_the_card_is_nobodys_address_or_number(tmp_path):
    project = Project.create(tmp_path / "p")
    prompts = [
        "Write to karin.aas@posteo.no for me.",
        "Call +47 412 34 567 for me.",
        "Name a fjord.",
    ]
    rows = [{"prompt": text, "completion": f"Answer {i}."} for i in (1, 2) for text in prompts]
    project.add(lines(tmp_path / "x.jsonl", rows))
    project.recipe += Step("drop_exact_duplicates", by="prompt")
    project.export(tmp_path / "out", ["trl"])
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "“Name a fjord.”" in card
    assert "karin" not in card and "412 34" not in card


def test_a_check_names_the_kept_rows_that_no_format_gets(tmp_path):
    project = Project.create(tmp_path / "p")
    rows = [
        {"prompt": "Name a river.", "completion": "The Rhine."},
        {"prompt": "Name a lake.", "completion": ""},
    ]
    (tmp_path / "pairs.jsonl").write_bytes(b"".join(orjson.dumps(r) + b"\n" for r in rows))
    project.add(tmp_path / "pairs.jsonl")
    assert project.check(["trl"])["trl"]["excluded"] == {"an answer is empty": 1}


def test_a_delivery_holds_no_second_copy_of_the_texts(tmp_path, monkeypatch):
    pairs = [(f"{n}? " * 4_000, f"{n}. " * 4_000) for n in range(100, 400)]
    dataset = make_dataset(pairs)
    split = pd.Series(["train", "test"] * 150, index=dataset.rows.index, dtype="str")
    dropped = split.where(
        split.index == split.index[150]
    )  # or the rows are all, which costs nothing
    dataset = dataset.replace(rows=dataset.rows.assign(split=split, dropped_by=dropped))
    texts, begin, sizes = 300 * 2 * 20_000, pa.total_allocated_bytes(), list[int]()

    def noting(function, *arguments, **more):
        sizes.append(pa.total_allocated_bytes() - begin)
        return function(*arguments, **more)

    for module, name in ((delivery, "card"), (delivery.receipts, "write")):
        monkeypatch.setattr(module, name, partial(noting, getattr(module, name)))
    origin = export.Origin("long", [], "version: 1\nsteps: []\n")
    manifest = export.export(dataset, origin, tmp_path / "out", ["trl"], also=["atlas", "dropped"])
    assert manifest["leaks"]["checked"] and manifest["delivered"] == 299
    assert len(sizes) == 5 and max(sizes) < texts / 10


def test_the_root_of_the_file_system_is_no_delivery_folder():
    with pytest.raises(CurationError, match="is the root of the file system; name a folder below"):
        export.check(Path("/"), ["trl"])

"""Every part of an example is in each format, or the export names it as lost."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest

from curation import Project, export
from curation.dataset import ID
from curation.errors import CurationError
from curation.export import sentences
from curation.export.delivery_format import chat_turns
from curation.export.fitting import Fitting
from curation.export.parts import TITLES
from curation.looking.filter import Filter
from tests.conftest import make_dataset
from tests.test_export import turn

ORIGIN = export.Origin("p", [], "version: 1\nsteps: []\n")
TOOL = {"type": "function", "function": {"name": "kiosk", "parameters": {"type": "object"}}}
CALL = {"type": "function", "function": {"name": "kiosk", "arguments": {}}}


def calls(**more):
    """A conversation with a call and its result."""
    call = {**CALL, **more}
    result = {"tool_call_id": call["id"]} if "id" in call else {}
    return [
        turn("user", "Is it open?"),
        turn("assistant", None, tool_calls=[call]),
        turn("tool", "It is.", **result),
        turn("assistant", "Yes."),
    ]


def named(question=None, answer=None):
    return [
        turn("user", "Is it open?", **question or {}),
        turn("assistant", "Yes.", **answer or {}),
    ]


MARKED = {
    "reasoning_content": {"messages": named(answer={"reasoning_content": "marker7"})},
    "name": {"messages": named(question={"name": "marker7"})},
    "tool_calls": {
        "messages": calls(
            function={"name": "kiosk", "arguments": {"place": ["marker7", None, 0.5]}}
        )
    },
    "call_ids": {"messages": calls(id="marker7")},
    "fine_numbers": {
        "messages": calls(function={"name": "kiosk", "arguments": {"at": 0.1234567890123}})
    },
    "weight": {"messages": named(answer={"weight": 0})},
    "weight_of_others": {"messages": named(question={"weight": 0})},
    "weight_in_parts": {"messages": named(answer={"weight": 0.25})},
    "turn:mood": {"messages": named(answer={"mood": "marker7"})},
    "tools": {
        "messages": named(),
        "tools": [{**TOOL, "function": {**TOOL["function"], "description": "marker7"}}],
    },
    "rejected": {"messages": named(), "rejected": [turn("assistant", "marker7")]},
    "label": {"messages": named(), "label": "marker7"},
    "column:rating": {"messages": named(), "metadata": {"rating": "marker7"}},
    "tags": {"messages": named(), "words": {"tags": "marker7"}},
    "rating": {"messages": named(), "words": {"rating": "0.70707"}},
    "note": {"messages": named(), "words": {"note": "marker7"}},
    "flags": {"messages": named(), "words": {"flags": "marker7"}},
    "empty_system": {"messages": [turn("system", ""), *named()]},
    "parts": {
        "messages": [
            turn("user", "marker7", parts=[{"type": "text", "text": "marker7"}]),
            turn("assistant", "Yes."),
        ]
    },
}
"""Each part of an example, in an example of its own, with a value that is found again."""

FINE = {"fine_numbers": ("0.1234567890123",)}
VALUES = {
    **FINE,
    "weight": ("0", "false"),
    "weight_of_others": ("0", "false"),
    "weight_in_parts": ("0.25",),
    "rating": ("0.70707",),
}
MASKS = {"weight", "weight_of_others", "weight_in_parts"}


class Fitted(Fitting):
    """The fitting of some rows, with their records by id."""

    def __init__(self, format, rows, words=None):
        super().__init__(format, rows, words)
        pairs = list(self.records(np.arange(len(rows))))
        self.by_id = {rows.index[place]: record for place, record in pairs}


def dump(format, records):
    """The bytes of a file of records."""
    stream = io.BytesIO()
    format.dump(iter(records), stream)
    return stream.getvalue()


def dataset_of(example, **columns):
    data = make_dataset([("Is it open?", "Yes.")])
    rows = data.rows.assign(
        messages=pd.Series([orjson.dumps(example["messages"]).decode()], dtype="str").to_numpy()
    )
    for name in ("tools", "rejected", "metadata"):
        if example.get(name):
            rows[name] = orjson.dumps(example[name]).decode()
    if "label" in example:
        rows["label"] = example["label"]
    rows = rows.assign(shape="", **columns)
    return data.replace(rows=rows)


def text_of(folder: Path, name: str) -> str:
    """Everything that the data files of a format say."""
    if name == "hf":
        frame = pd.read_parquet(folder / "data/train-00000-of-00001.parquet")
        return str(frame.to_dict("records"))
    return (folder / name / f"train{export.delivery_formats()[name].ending}").read_text("utf-8")


def written(example, name, folder):
    """The parts of an example that a format loses, and the text of its file."""
    words = None
    if name == "original" and {"tools", "rejected"} & set(example):
        project = Project.create(folder / "p")  # it gives back what was read
        (folder / "x.jsonl").write_bytes(orjson.dumps(example) + b"\n")
        project.add(folder / "x.jsonl")
        rows = project.examples.rows
    else:
        rows = dataset_of(example).rows
        words = {rows.index[0]: example.get("words", {})}
    format = export.delivery_formats()[name]
    fitted_rows = Fitted(format, rows, words)
    records = list(fitted_rows.by_id.values())
    if not records:
        return fitted_rows, ""
    data = dump(format, records)
    if name == "hf":
        return fitted_rows, str(pd.read_parquet(io.BytesIO(data)).to_dict("records"))
    return fitted_rows, data.decode()


@pytest.mark.parametrize("part", MARKED)
@pytest.mark.parametrize("name", list(export.delivery_formats()))
def test_each_part_is_in_the_file_or_named_in_the_manifest(tmp_path, name, part):
    example = dict(MARKED[part])
    if name.endswith("preference"):
        example.setdefault("rejected", [turn("assistant", "No.")])
    title = TITLES.get(part) or part.replace("turn:", "turn key ").replace("column:", "column ")
    record, text = written(example, name, tmp_path)
    if len(record.refused):
        calls = ("tool_calls", "call_ids", "fine_numbers")
        refuses = name == "alpaca" and part in calls or (name, part) == ("trl-completion", "weight")
        assert refuses, "only calls, and answers that are all masked"
        return
    lost = record.losses()
    if title in lost or TITLES["tool_calls"] in lost:
        assert set(lost) - {TITLES["call_ids"]} <= {title, TITLES["tool_calls"]}
        assert "marker7" not in text
        return
    assert lost == {}
    if part in MASKS:
        key = "training" if name == "axolotl" else "weight"
        assert key in text and any(value in text for value in VALUES[part])
    elif part == "empty_system":
        assert name in ("hf", "original"), "elsewhere it is left out, with a word"
    else:
        assert any(value in text for value in VALUES.get(part, ("marker7",)))


PLACES = {
    "trl": {"reasoning_content", "name", "tool_calls", "call_ids", "tools"},
    "axolotl": {
        *("reasoning_content", "name", "tool_calls", "call_ids", "tools"),
        *("weight", "weight_of_others"),
    },
    "openai": {"name", "tool_calls", "call_ids", "tools", "weight"},
    "llamafactory": {"reasoning_content", "tool_calls", "tools"},
    "csv": {"rejected", "label", "column:rating", "tags", "rating", "note", "flags"},
    "hf": set(MARKED) - {"parts"},
    "original": set(MARKED) - {"parts"},
}


@pytest.mark.parametrize("name", PLACES)
def test_a_format_has_a_place_for_what_its_trainer_reads(name):
    format = export.delivery_formats()[name]
    assert export.without_place(format, dict.fromkeys(PLACES[name], 1)) == {}
    assert "reasoning" in export.without_place(
        export.delivery_formats()["openai"], {"reasoning_content": 2}
    )


def test_reasoning_stands_where_each_trainer_reads_it(tmp_path):
    example = {"messages": named(answer={"reasoning_content": "It is Monday."})}
    names = ["trl", "axolotl", "llamafactory"]
    export.export(dataset_of(example), ORIGIN, tmp_path / "out", names)
    for name in ("trl", "axolotl"):
        row = json.loads(text_of(tmp_path / "out", name))
        assert row["messages"][1]["reasoning_content"] == "It is Monday."
    (row,) = json.loads(text_of(tmp_path / "out", "llamafactory"))
    assert row["conversations"][1]["value"] == "<think>\nIt is Monday.\n</think>\n\nYes."


def test_a_column_that_says_nothing_is_not_lost(tmp_path):
    example = {"messages": named(), "metadata": {"tools": "[]", "n": None, "zero": 0, "no": False}}
    record, _ = written(example, "trl", tmp_path)
    assert record.losses() == {"column no": 1, "column zero": 1}


@pytest.mark.parametrize(
    ("record", "delivered"),
    [
        ({"text": "hello"}, {"text": "hello", "label": "spam"}),
        ({"messages": named()}, {"messages": named(), "label": "spam"}),
        (
            {"messages": named(), "label": 7},
            {"messages": named(), "label": 7, "curation_label": "spam"},
        ),
        (
            {"prompt": "Open?", "completion": "Yes."},
            {"prompt": "Open?", "completion": "Yes.", "label": "spam"},
        ),
        ({"sentence": "hello", "intent": ""}, {"sentence": "hello", "intent": "spam"}),
        ({"sentence": "hello", "intent": None}, {"sentence": "hello", "intent": "spam"}),
        ({"text": "hello", "label": "ham"}, {"text": "hello", "label": "spam"}),
    ],
)
def test_a_label_that_people_gave_is_in_the_record_as_it_came(tmp_path, record, delivered):
    project = Project.create(tmp_path / "p")
    (tmp_path / "x.jsonl").write_bytes(orjson.dumps(record) + b"\n")
    project.add(tmp_path / "x.jsonl")
    format = export.delivery_formats()["original"]
    rows = project.examples.rows
    (fitted_record,) = Fitted(format, rows).by_id.values()
    assert fitted_record == {**record, ID: rows.index[0]}, "without a label it is as it was"
    (fitted_record,) = Fitted(format, rows.assign(label="spam")).by_id.values()
    assert fitted_record == {**delivered, ID: rows.index[0]}


@pytest.mark.parametrize(
    ("part", "columns", "lost"),
    [
        ("tools", {"Tool-Definitions": "[1]"}, {}),
        ("tools", {"tools": "[1]", "tool": "hammer"}, {"column tool": 1}),
        ("tools", {"tools": "[1]", "functions": "[2]"}, {"column functions": 1}),
        ("tools", {"tools": "", "functions": "[2]"}, {}),
        ("tools", {"apis": "[1]"}, {"column apis": 1}),
        ("rejected", {"response_rejected": "No."}, {}),
    ],
)
def test_only_the_column_that_a_part_was_read_from_is_not_lost(part, columns, lost):
    format = export.delivery_formats()["trl"]
    fitted_rows = Fitted(format, dataset_of({**MARKED[part], "metadata": columns}).rows)
    losses = fitted_rows.losses()
    losses.pop("rejected answers", None)
    assert losses == lost


def test_images_are_not_lost_without_a_word_in_answers_or_columns():
    parts = [{"type": "image_url", "image_url": {"url": "a.jpg"}}, {"type": "text", "text": "No."}]
    example = {"messages": named(), "rejected": [turn("assistant", "No.", parts=parts)]}
    fitted_rows = Fitted(export.delivery_formats()["trl-preference"], dataset_of(example).rows)
    assert set(fitted_rows.refused) == {"media"}
    fitted_rows = Fitted(export.delivery_formats()["trl"], dataset_of(example).rows)
    assert fitted_rows.losses() == {"rejected answers": 1}, "the answer is not in it at all"
    for images, lost in (["b.jpg"], {"column images": 1}), (["a.jpg"], {}):
        example = {
            "messages": named(question={"parts": parts}),
            "metadata": {"images": images},
        }
        fitted_rows = Fitted(export.delivery_formats()["llamafactory"], dataset_of(example).rows)
        assert fitted_rows.losses() == lost


def test_what_is_lost_is_said_in_words():
    losses = {f"column {i}": 9 - i for i in range(9)}
    text = sentences.lost("TRL", {"loss masks": 1_200, **losses})
    assert text.startswith("TRL has no place for loss masks (1,200), column 0 (9)")
    assert text.endswith("column 4 (5), 4 others")
    assert sentences.lost("TRL", {}) == ""


def test_a_pair_of_answers_is_delivered_for_preferences(tmp_path):
    example = {
        "messages": [turn("system", "Be brief."), *named()],
        "rejected": [turn("assistant", "I would say that it might be.")],
    }
    names = ["trl-preference", "llamafactory-preference", "trl"]
    manifest = export.export(dataset_of(example), ORIGIN, tmp_path / "out", names)
    assert manifest["lost"] == {**dict.fromkeys(names, {}), "trl": {"rejected answers": 1}}
    row = json.loads(text_of(tmp_path / "out", "trl-preference"))
    assert [t["role"] for t in row["prompt"]] == ["system", "user"]
    assert row["chosen"] == [turn("assistant", "Yes.")]
    assert row["rejected"] == example["rejected"]
    (row,) = json.loads(text_of(tmp_path / "out", "llamafactory-preference"))
    assert row["conversations"] == [{"from": "human", "value": "Is it open?"}]
    assert row["chosen"] == {"from": "gpt", "value": "Yes."}
    assert row["rejected"] == {"from": "gpt", "value": "I would say that it might be."}
    info = json.loads(
        (tmp_path / "out" / "llamafactory-preference" / "dataset_info.json").read_text()
    )
    (entry,) = info.values()
    assert entry["ranking"] is True
    assert (entry["columns"]["chosen"], entry["columns"]["rejected"]) == ("chosen", "rejected")
    assert "DPOTrainer" in (tmp_path / "out" / "trl-preference" / "train.py").read_text()


def test_a_text_beside_an_image_is_that_of_today(tmp_path):
    parts = [{"type": "image_url", "image_url": {"url": "a.jpg"}}, {"type": "text", "text": "Wht?"}]
    example = {"messages": [turn("user", "What?", parts=parts), turn("assistant", "A buoy.")]}
    export.export(dataset_of(example), ORIGIN, tmp_path / "out", ["llamafactory", "openai"])
    (row,) = json.loads(text_of(tmp_path / "out", "llamafactory"))
    assert row["conversations"][0]["value"] == "<image>\nWhat?"
    row = json.loads(text_of(tmp_path / "out", "openai"))
    assert row["messages"][0]["content"] == [parts[0], {"type": "text", "text": "What?"}]


def test_images_stand_beside_their_places_for_llama_factory(tmp_path):
    parts = [
        {"type": "image_url", "image_url": {"url": "a.jpg"}},
        {"type": "text", "text": "What?"},
    ]
    example = {"messages": [turn("user", "What?", parts=parts), turn("assistant", "A buoy.")]}
    export.export(dataset_of(example), ORIGIN, tmp_path / "out", ["llamafactory"])
    (row,) = json.loads(text_of(tmp_path / "out", "llamafactory"))
    assert row["images"] == ["a.jpg"] and row["conversations"][0]["value"] == "<image>\nWhat?"
    column = {
        "messages": [turn("user", "<image>What?"), turn("assistant", "A buoy.")],
        "metadata": {"images": ["b.jpg"]},
    }
    names = ["llamafactory", "trl", "openai"]
    manifest = export.export(dataset_of(column), ORIGIN, tmp_path / "col", names)
    (row,) = json.loads(text_of(tmp_path / "col", "llamafactory"))
    assert row["images"] == ["b.jpg"] and manifest["lost"]["llamafactory"] == {}
    assert manifest["not_in"]["trl"]["media"]["rows"] == 1
    assert "in a column" in manifest["not_in"]["openai"]["media"]["why"]
    column["metadata"]["images"].append("c.jpg")
    manifest = export.export(dataset_of(column), ORIGIN, tmp_path / "two", ["llamafactory", "hf"])
    assert manifest["not_in"]["llamafactory"]["image_places"]["rows"] == 1


def test_an_image_whose_text_is_null_is_an_image(tmp_path):
    image = {"type": "image_url", "text": None, "image_url": {"url": "a.jpg"}}
    parts = [image, {"type": "text", "text": "What?"}]
    example = {"messages": [turn("user", "What?", parts=parts), turn("assistant", "A buoy.")]}
    export.export(dataset_of(example), ORIGIN, tmp_path / "out", ["llamafactory"])
    (row,) = json.loads(text_of(tmp_path / "out", "llamafactory"))
    assert row["images"] == ["a.jpg"] and row["conversations"][0]["value"] == "<image>\nWhat?"


def test_a_row_of_an_unexpected_shape_is_refused_and_the_others_are_written():
    def row(example):
        if example["turns"][0]["content"] == "odd":
            raise TypeError("no text")
        return example

    rows = make_dataset([("odd", "a"), ("plain", "b")]).rows
    fitted_rows = Fitted(
        replace(export.delivery_formats()["trl"], row=row, check=lambda rows: []), rows
    )
    assert list(fitted_rows.by_id) == [rows.index[1]]
    assert fitted_rows.refused.to_dict() == {rows.index[0]: "unexpected_shape"}
    assert "TypeError: no text" in fitted_rows.reasons["unexpected_shape"]


@pytest.mark.parametrize("name", ["trl", "axolotl", "openai", "hf", "llamafactory"])
def test_rows_of_many_kinds_open_together(tmp_path, name):
    datasets = pytest.importorskip("datasets")
    kinds = [k for k in MARKED if k not in ("label", "rejected", "empty_system", "parts")]
    project = Project.create(tmp_path / "p")
    rows = [{"messages": named(), "n": n} for n in range(3)]
    rows += [
        {k: v for k, v in MARKED[kind].items() if k in ("messages", "tools")} for kind in kinds
    ]
    (tmp_path / "x.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    project.add(tmp_path / "x.jsonl")
    manifest = project.export(tmp_path / "out", [name])
    file = "data/*.parquet" if name == "hf" else f"{name}/train.json*"
    loaded = datasets.load_dataset(
        "parquet" if name == "hf" else "json",
        data_files=str(tmp_path / "out" / file),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert len(loaded) == manifest["delivered"] > 8


def test_a_filter_of_a_delivery_leaves_out_the_other_rows_and_says_so(tmp_path):
    pairs = [("Name a planet.", "Saturn."), ("Name a river.", "Rhine."), ("Name a bread.", "Rye.")]
    dataset = make_dataset(pairs, ["sky", "land", "land"])
    only = Filter.parse(["label=land"], words="bread")
    places, why = export.offer.offered(dataset, only=only)
    rows = dataset.rows.iloc[places]
    assert list(rows["response"]) == ["Rye."] and list(why) == ["filter", "filter", ""]
    manifest = export.export(dataset, ORIGIN, tmp_path / "out", ["trl"], only=only)
    assert (
        manifest["filter"] == ["--filter label=land", "--words bread"]
        and manifest["delivered"] == 1
    )
    assert manifest["excluded"] == {"it does not meet the filter of this delivery": 2}
    assert "filter" not in export.export(dataset, ORIGIN, tmp_path / "all", ["trl"])
    with pytest.raises(CurationError, match="Nothing is kept"):
        export.offer.offered(dataset, only=Filter.parse(["label=land"], words="planet"))


@pytest.mark.parametrize("silent", [{"content": None}, {}])
def test_a_call_without_text_has_an_empty_text_for_templates(silent):
    question, calling = {"content": "Is it open?", "role": "user"}, {"tool_calls": [CALL], **silent}
    turns = chat_turns([question, {**calling, "role": "assistant"}])
    assert turns == [turn("user", "Is it open?"), turn("assistant", "", tool_calls=[CALL])]
    assert [list(t) for t in turns] == [["role", "content"], ["role", "content", "tool_calls"]]

"""Tool calls reach every trainer whole, or the row is refused with its reason."""

from __future__ import annotations

import json

import pytest

from curation import export
from curation.chat.calls import call_problems, settled
from curation.export import rendering
from tests.test_export import turn
from tests.test_export_parts import ORIGIN, dataset_of, text_of

TOOL = {
    "type": "function",
    "function": {
        "name": "bus_at",
        "description": "The next bus.",
        "parameters": {"type": "object", "properties": {"stop": {"type": "string"}}},
    },
}


def call(arguments, id=None, name="bus_at"):
    entry = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"id": id, **entry} if id else entry


def talk(calls, *results, answer="At nine."):
    return [
        turn("user", "When does the bus go?"),
        turn("assistant", None, tool_calls=calls),
        *results,
        *([turn("assistant", answer)] if answer else []),
    ]


GOOD = {
    "final_call": talk([call({"stop": "Mill"}, "a")], answer=None),
    "objects": talk([call({"stop": "Mill"}, "a")], turn("tool", "09:00", tool_call_id="a")),
    "text": talk([call('{"stop":"Mill"}', "a")], turn("tool", "09:00", tool_call_id="a")),
    "no_arguments": talk([call({})], turn("tool", "09:00")),
    "no_ids": talk([call({"stop": "Mill"})], turn("tool", "09:00")),
    "nested": talk([call({"at": {"stop": ["Mill", "Øst"], "n": 0.25, "now": True}}, "a")],
                   turn("tool", '{"time": "09:00"}', tool_call_id="a")),
    "marks": talk([call({"stop": 'say "Mill" <b> \\ 駅'}, "a")],
                  turn("tool", "09:00", tool_call_id="a")),
}  # fmt: skip
PARALLEL = talk(
    [call({"stop": "Mill"}, "a"), call({"stop": "Quay"}, "b")],
    turn("tool", "ten", tool_call_id="b"),
    turn("tool", "nine", tool_call_id="a"),
)
BAD = {
    "dangling_tool_call_id": talk(
        [call({}, "a")], turn("tool", "09:00", tool_call_id="z")
    ),
    "invalid_arguments": talk([call("{stop: Mill}", "a")], turn("tool", "?", tool_call_id="a")),
    "call_without_name": talk([call({}, "a", name="")], turn("tool", "?", tool_call_id="a")),
    "repeated_call_id": talk(
        [call({}, "a"), call({}, "a")], turn("tool", "?", tool_call_id="a")
    ),
}  # fmt: skip


def survey_of(rows):
    collected = rendering.Rendering()
    for row in rows:
        collected.add(row)
    return collected.result()


def rows_of(*talks):
    return [{"messages": messages, "tools": [TOOL]} for messages in talks]


def reads_back(folder, name="trl"):
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(
        "json",
        data_files=str(folder / "out" / name / "train.jsonl"),
        split="train",
        cache_dir=str(folder / "cache"),
    )


def test_trl_reads_arguments_as_objects_and_tools_as_they_were(make_project, tmp_path):
    rows = rows_of(*GOOD.values(), PARALLEL)
    rows.append({"messages": [turn("user", "Hello."), turn("assistant", "Hello.")]})
    make_project(rows).export(tmp_path / "out", ["trl"], allow_attention=True)
    loaded = reads_back(tmp_path)
    assert len(loaded) == len(rows)
    expected = [
        [c["function"]["arguments"] for t in row["messages"] for c in t.get("tool_calls", [])]
        for row in rows
    ]
    expected = [[json.loads(a) if isinstance(a, str) else a for a in listed] for listed in expected]
    loaded_arguments = [
        [
            c["function"]["arguments"]
            for t in row["messages"]
            for c in t.get("tool_calls") or []
        ]
        for row in loaded
    ]  # fmt: skip
    key = json.dumps
    assert sorted(map(key, loaded_arguments)) == sorted(map(key, expected)), (
        "no nulls of other rows' keys"
    )
    tools = [json.loads(row["tools"]) for row in loaded if row["tools"]]
    assert tools == [[TOOL]] * (len(rows) - 1)


def test_every_template_that_knows_tools_shows_every_call_as_it_is(make_project, tmp_path):
    rows = rows_of(*GOOD.values())
    rows[0]["messages"].insert(0, turn("system", "Be brief."))
    manifest = make_project(rows).export(
        tmp_path / "out", ["trl"], allow_attention=True
    )  # fmt: skip
    rendering_entry = manifest["rendering"]["trl"]
    assert rendering_entry["rows"] == rendering_entry["of"] == len(rows)
    assert (
        rendering_entry["templates"] >= 25
        and rendering_entry["raise"] == rendering_entry["change"] == {}
    )
    assert (
        "gemma" in rendering_entry["without_tools"]
        and "qwen3" not in rendering_entry["without_tools"]
    )
    text = rendering.rendered(rendering_entry)
    assert "none raises; none changes a call" in text and "gemma" in text
    loaded = list(reads_back(tmp_path))
    lines = (tmp_path / "out" / "trl" / "train.jsonl").read_text("utf-8").splitlines()
    templates = rendering.find_templates()
    for name in ("qwen3", "llama3_1", "glm4moe", "gptoss", "gemma4", "deepseekv3_training"):
        for line, row in zip(map(json.loads, lines), loaded, strict=True):
            tools = json.loads(row["tools"])
            shown = templates[name](row["messages"], tools)
            assert shown == templates[name](line["messages"], json.loads(line["tools"]))


def test_arguments_that_a_template_would_change_are_counted():
    as_text = [{"messages": talk([call('{"stop":"Mill","a":"\\"b"}')], turn("tool", "9"))}]
    as_text[0]["messages"][1]["content"] = ""
    counts = rendering._results(
        [{"messages": talk([call({"stop": "Mill"})], turn("tool", "9"))}], lambda turns, tools: "no"
    )
    assert counts["change"] == 1 and counts["raise"] == 0

    def raising(turns, tools):
        raise ValueError("Only one call at once!")

    assert rendering._results(as_text, raising)["raise"] == 1


def test_templates_that_raise_or_change_a_call_are_named_with_their_rows(monkeypatch):
    def whole(turns, tools):
        return json.dumps([turns, tools])

    def strict(turns, tools):
        if "Mill" in whole(turns, tools):
            raise ValueError("No mills!")
        return whole(turns, tools)

    templates = {
        "whole": whole,
        "whole_training": whole,
        "strict": strict,
        "dull": lambda turns, tools: whole(turns, tools).replace("Mill", "Hill"),
        "blind": lambda turns, tools: json.dumps([turn["content"] for turn in turns]),
    }
    monkeypatch.setattr(rendering, "find_templates", lambda: templates)
    rows = [
        {"messages": talk([call({"stop": stop})], turn("tool", "9")), "tools": json.dumps([TOOL])}
        for stop in ("Mill", "Bridge", "Mill")
    ]
    survey = survey_of([*rows, {"messages": [turn("user", "Hi.")]}])
    assert (survey["rows"], survey["of"], survey["templates"]) == (3, 3, 3)
    assert (survey["raise"], survey["change"]) == ({"strict": 2}, {"dull": 2})
    assert survey["without_tools"] == ["blind"]
    text = rendering.rendered(survey)
    assert text.startswith("3 examples with tools or reasoning were rendered by 3 chat templates")
    assert text.endswith(
        "; raise: strict 2; change a call: dull 2. Templates that cannot show calls: blind."
    )


def test_without_trl_there_are_no_templates(monkeypatch):
    monkeypatch.setattr(rendering.importlib.util, "find_spec", lambda name: None)
    assert rendering.find_templates.__wrapped__() == {}


def test_without_trl_it_is_said_that_nothing_was_rendered(monkeypatch):
    monkeypatch.setattr(rendering, "find_templates", dict)
    surveyed = survey_of([{"messages": GOOD["objects"]}])
    assert rendering.rendered(surveyed) == "Not rendered: TRL is not installed."
    assert survey_of([{"messages": [turn("user", "Hi.")]}]) == {}


def test_of_many_rows_an_even_part_is_rendered(monkeypatch):
    monkeypatch.setattr(rendering, "RENDERED", 4)
    monkeypatch.setattr(rendering, "find_templates", lambda: {"whole": lambda *args: str(args)})
    monkeypatch.setattr(rendering, "_knows_tools", lambda render: True)
    surveyed = survey_of({"messages": GOOD["objects"]} for _ in range(17))
    assert (surveyed["rows"], surveyed["of"]) == (3, 17), "rows 1, 9 and 17"
    assert rendering.rendered(surveyed).startswith("3 of 17 examples")


def test_openai_gets_text_ids_and_results_that_name_their_calls(make_project, tmp_path):
    talks = [PARALLEL, GOOD["no_ids"], GOOD["final_call"]]
    make_project(rows_of(*talks)).export(
        tmp_path / "out", ["openai"], allow_attention=True
    )  # fmt: skip
    rows = [json.loads(line) for line in text_of(tmp_path / "out", "openai").splitlines()]
    both, plain, final = (row["messages"] for row in rows)
    assert [c["function"]["arguments"] for c in both[1]["tool_calls"]] == [
        '{"stop":"Mill"}',
        '{"stop":"Quay"}',
    ]
    results = [(t["tool_call_id"], t["content"]) for t in both if t["role"] == "tool"]
    assert results == [("a", "nine"), ("b", "ten")]
    assert plain[1]["tool_calls"][0]["id"] == plain[2]["tool_call_id"] == "call_1"
    assert plain[1]["content"] is None and final[-1]["tool_calls"][0]["id"] == "a"
    assert rows[0]["tools"] == [TOOL] and set(rows[0]) == {"messages", "tools"}


@pytest.mark.parametrize("code", BAD)
@pytest.mark.parametrize("name", ["trl", "axolotl", "openai"])
def test_a_call_that_no_trainer_can_read_is_refused_alone(tmp_path, name, code):
    good = dataset_of({"messages": GOOD["objects"]})
    bad = dataset_of({"messages": BAD[code]})
    import pandas as pd

    both = good.replace(rows=pd.concat([good.rows, bad.rows.set_axis(["0" * 16])]))
    manifest = export.export(both, ORIGIN, tmp_path / "out", [name], allow_attention=True)
    assert manifest["delivered"] == 1
    (refused,) = manifest["not_in"][name]
    assert refused == code and manifest["not_in"][name][code]["ids"] == ["0" * 16]


def test_names_that_the_service_refuses_leave_the_row_out_of_its_file_only(make_project, tmp_path):
    speaker = [turn("user", "Hello.", name="Ola Nord"), turn("assistant", "Hello.")]
    function = talk([call({}, "a", name="bus at")], turn("tool", "9", tool_call_id="a"))
    rows = [{"messages": speaker}, {"messages": function}, *rows_of(GOOD["objects"])]
    project = make_project(rows)
    manifest = project.export(tmp_path / "out", ["openai", "trl"], allow_attention=True)
    assert manifest["not_in"] == {
        "openai": {
            "invalid_name": {**manifest["not_in"]["openai"]["invalid_name"], "rows": 2}
        }
    }  # fmt: skip
    assert "'Ola Nord' is no name" in manifest["not_in"]["openai"]["invalid_name"]["why"]
    assert manifest["delivered"] == 3


def test_results_stand_in_the_order_of_their_calls_and_get_the_ids_that_are_missing():
    order = [t.get("tool_call_id") for t in settled(PARALLEL)]
    assert order == [None, None, "a", "b", None]
    half = talk([call({}, "a"), call({})], turn("tool", "1"), turn("tool", "2"))
    settled_call = settled(half)
    ids = [c["id"] for c in settled_call[1]["tool_calls"]]
    assert [t["tool_call_id"] for t in settled_call[2:4]] == ids and len(set(ids)) == 2
    none = talk([call({})], turn("tool", "1"))
    assert settled(none) == none, "where no id is given none is made up"
    assert list(call_problems(settled(half))) == list(call_problems(settled(none))) == []


def test_axolotl_gets_a_list_of_tools_with_schemas_as_text(make_project, tmp_path):
    make_project(rows_of(GOOD["objects"])).export(tmp_path / "out", ["axolotl"])
    row = json.loads(text_of(tmp_path / "out", "axolotl"))
    (tool,) = row["tools"]
    assert json.loads(tool["function"]["parameters"]) == TOOL["function"]["parameters"]
    (tool_call,) = row["messages"][1]["tool_calls"]
    assert json.loads(tool_call["function"]["arguments"]) == {"stop": "Mill"}

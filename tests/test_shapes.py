"""Shapes that files come in: every part reaches the conversation, and comes back as it was."""

from __future__ import annotations

import time

import orjson
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation import sources
from curation.cli.data import columns_told
from curation.dataset import derive
from curation.export.parts import WORDS
from curation.export.trainers.tables import SCHEMA, _hf_row
from curation.formats import FieldError, convert, convert_texts, write
from curation.formats.calls import calls_in_text, listed_calls
from tests.test_formats import OTHERS, TEXT, VALUE, back, same

ASK, TELL = "Where do storks sleep?", "On one leg, in a nest."
USER, ANSWER = {"role": "user", "content": ASK}, {"role": "assistant", "content": TELL}
TALK = [USER, ANSWER]
EARLIER = [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "Yes."}]


def system(text):
    return {"role": "system", "content": text}


def turns_of(record, **options):
    converted = convert(record, **options)
    assert same(write(*converted[:5]), record)
    return converted.turns


# --- every part of a prompt -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "turns"),
    [
        ({"system_prompt": "S", "question": ASK, "response": TELL}, [system("S"), *TALK]),
        ({"System Prompt": "S", "Prompt": ASK, "Completion": TELL}, [system("S"), *TALK]),
        ({"INSTRUCTION": "Where do", "INPUT": "storks", "OUTPUT": TELL}, ["Where do\n\nstorks"]),
        ({"query": "Where do", "context": "storks", "answer": TELL}, ["Where do\n\nstorks"]),
        ({"task": "Where do", "input": "storks", "output": TELL}, ["Where do\n\nstorks"]),
        ({"instruction": "Where", "question": "do?", "answer": TELL}, ["Where\n\ndo?"]),
        ({"question": "Q", "contexts": ["a", "b"], "answer": TELL}, ["Q\n\na\n\nb"]),
        ({"prompt": ASK, "response": TELL, "history": [["Hm?", "Yes."]]}, [*EARLIER, *TALK]),
        ({"query": ASK, "response": TELL, "history": EARLIER}, [*EARLIER, *TALK]),
        (
            {"sys": "S", "query": ASK, "response": TELL, "history": [["Hm?", "Yes."]]},
            [system("S"), *EARLIER, *TALK],
        ),
        ({"system": [{"text": "S"}], "messages": TALK}, [system("S"), *TALK]),
        ({"system": "S", "prompt": [USER], "completion": [ANSWER]}, [system("S"), *TALK]),
        ({"messages": [USER], "answer": TELL}, TALK),
        ({"title": "Where do", "body": "storks", "answer": TELL}, ["Where do\n\nstorks"]),
        ({"title": "Where do", "text": "storks", "answer": TELL}, ["Where do\n\nstorks"]),
        ({"context": "storks", "text": "Where do", "response": TELL}, ["Where do\n\nstorks"]),
        ({"source": "cnn", "article": ASK, "summary": TELL}, TALK),
        ({"title": "T", "article": ASK, "summary": TELL}, TALK),
        ({"source": "cnn", "title": "T", "document": ASK, "summary": TELL}, TALK),
        ({"source": "cnn", "text": ASK, "summary": TELL}, TALK),
    ],
)
def test_every_part_of_a_prompt_is_in_the_conversation(record, turns):
    if isinstance(turns[0], str):
        turns = [{"role": "user", "content": turns[0]}, ANSWER]
    assert turns_of(record) == turns


@pytest.mark.parametrize(
    ("choices", "answer", "expected"),
    [
        (["nest", "bed"], 1, "bed"),
        (["nest", "bed"], 7, "7"),
        (["nest", "bed"], "B", "B"),
        ({"A": "nest", "B": "bed"}, "B", "B"),
        ({"text": ["nest", "bed"], "label": ["A", "B"]}, 0, "nest"),
        ('["nest", "bed"]', 0, "nest"),
    ],
)
def test_choices_follow_the_question_and_a_number_is_the_text_it_stands_for(
    choices, answer, expected
):
    turns = turns_of({"question": ASK, "choices": choices, "answer": answer})
    assert turns[0]["content"] == f"{ASK}\n\nA. nest\nB. bed"
    assert turns[1]["content"] == expected


def test_the_longer_of_two_ways_to_tell_a_conversation_is_taken():
    record = {
        "instruction": "Hm?",
        "output": "Yes.",
        "conversations": [{"from": "human", "value": "Hm?"}, {"from": "gpt", "value": "Yes."}]
        + [{"from": "human", "value": ASK}, {"from": "gpt", "value": TELL}],
    }
    assert turns_of(record) == [*EARLIER, *TALK]
    assert convert(record).columns["instruction"] == "metadata"
    assert turns_of({"messages": TALK, "conversations": [*EARLIER, *TALK]}) == [*EARLIER, *TALK]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"prompt": ASK, "completion": TELL, "stars": 0, "note": None, "tag": ""},
            {"prompt": "prompt", "completion": "response", "stars": "metadata"},
        ),
        (
            {"Input": ASK, "Output": TELL, "thoughts": "T", "Tools": [{"name": "fly"}]},
            {"Input": "prompt", "Output": "response", "thoughts": "reasoning", "Tools": "tools"},
        ),
        (
            {"messages": TALK, "system": "S", "image": "a.png", "tools": "none"},
            {"messages": "messages", "system": "system", "image": "images", "tools": "metadata"},
        ),
        (
            {"messages": [system("S"), *TALK], "system_prompt": "other"},
            {"messages": "messages", "system_prompt": "metadata"},
        ),
    ],
)
def test_what_became_of_each_column_that_holds_something_is_told(record, expected):
    assert convert(record).columns == expected


def test_an_import_and_its_preview_say_what_became_of_each_column(tmp_path):
    path = tmp_path / "rows.jsonl"
    plain = [{"system_prompt": "S", "question": ASK, "response": TELL, "tag": t} for t in "ab"]
    others = [{**plain[0], "stars": 3, "tag": ""}, {"messages": TALK, "response": "?", "stars": 0}]
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in (*plain, *others)))
    expected = {
        "system_prompt": {"system": 3},
        "question": {"prompt": 3},
        "response": {"response": 3, "metadata": 1},
        "tag": {"metadata": 2},
        "stars": {"metadata": 2},
        "messages": {"messages": 1},
    }
    report = sources.parse(path, tmp_path / "out")
    assert report.columns == expected == sources.preview(path).became
    assert (report + report).columns["response"] == {"response": 6, "metadata": 2}
    lines = columns_told(report.to_dict())
    assert lines[0].startswith("  read: system_prompt as the system text, question as the prompt")
    assert lines[1] == ("  left in the metadata: response (1 row), tag (2 rows), stars (2 rows)")
    many = {f"c{i:02}": {"metadata": 1} for i in range(25)}
    assert columns_told({"columns": many})[0].endswith("c19 (1 row) and 5 more")


# --- null and empty mean absent -------------------------------------------------------------

UNION = dict.fromkeys(
    ["instruction", "input", "output", "messages", "conversations", "prompt", "completion"]
    + ["chosen", "rejected", "text", "label"]
)
PARTS = [
    ({"instruction": ASK, "input": "", "output": TELL}, "alpaca", TALK),
    ({"messages": TALK}, "messages", TALK),
    ({"conversations": [{"from": "human", "value": ASK}]}, "sharegpt", [USER]),
    ({"prompt": ASK, "completion": TELL}, "completion", TALK),
    ({"prompt": ASK, "chosen": TELL, "rejected": "No."}, "preference", TALK),
    ({"text": ASK, "label": "birds"}, "label", [USER]),
    ({"text": TELL}, "label", [{**ANSWER, "role": "user"}]),
]


@pytest.mark.parametrize(("part", "format", "turns"), PARTS, ids=lambda p: str(p)[:20])
@pytest.mark.parametrize("absent", [None, "", []])
def test_columns_of_other_rows_hide_nothing(part, format, turns, absent):
    record = {**dict.fromkeys(UNION, absent), **part}
    converted = convert(record)
    assert (converted.format, converted.turns) == (format, turns)
    assert same(back(record), record)
    if absent is None:
        assert set(converted.columns) == {k for k, v in part.items() if v}


@pytest.mark.parametrize("absent", [None, ""])
def test_a_text_is_no_prompt_for_an_answer_that_other_rows_have(absent):
    record = {"prompt": absent, "completion": absent, "text": TELL}
    assert (convert(record).format, turns_of(record)) == ("text", [ANSWER])


def test_a_row_that_lacks_its_answer_is_no_text_to_learn_by_heart():
    converted = convert({"instruction": ASK, "output": "", "text": f"Below is … {ASK}"})
    assert (converted.format, derive(converted.messages)[3]) == ("alpaca", "empty_answer")


def test_nulls_that_a_table_made_are_no_arguments():
    call = {"type": "function", "function": {"name": "fly", "arguments": {"to": "x", "by": None}}}
    record = {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [call]}]}
    assert called(convert(record, table=True).turns[1]) == [("fly", {"to": "x"})]
    assert called(convert(record).turns[1]) == [("fly", {"to": "x", "by": None})]
    tool = {"name": "fly", "parameters": {"properties": {"to": {"type": "string"}}}}
    assert called(convert({**record, "tools": [tool]}).turns[1]) == [("fly", {"to": "x"})]
    tool["parameters"]["properties"]["by"] = {"type": "string"}
    assert called(convert({**record, "tools": [tool]}).turns[1]) == [
        ("fly", {"to": "x", "by": None})
    ]


# --- fields of turns ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "canonical", "expected"),
    [
        ("reasoning_content", "Hm.", "reasoning_content", "Hm."),
        ("thinking", "Hm.", "reasoning_content", "Hm."),
        ("thought", "Hm.", "reasoning_content", "Hm."),
        ("reasoning", {"steps": 2}, "reasoning", {"steps": 2}),
        ("train", False, "weight", 0),
        ("training", True, "weight", 1),
        ("loss", True, "weight", 1),
        ("weight", 1.0, "weight", 1),
        ("weight", 0.5, "weight", 0.5),
        ("weight", "heavy", "weight", "heavy"),
        ("name", "Ada", "name", "Ada"),
        ("colour", [1], "colour", [1]),
    ],
)
def test_fields_of_a_turn_have_one_name_each(key, value, canonical, expected):
    turns = turns_of({"messages": [USER, {**ANSWER, key: value}]})
    assert turns[1] == {**ANSWER, canonical: expected}
    assert type(turns[1][canonical]) is type(expected)


def test_a_null_field_of_a_turn_is_none():
    nothing = dict.fromkeys(["name", "tool_calls", "weight", "train", "thinking", "function_call"])
    assert turns_of({"messages": [{**t, **nothing} for t in TALK]}) == TALK


@pytest.mark.parametrize("column", ["reasoning", "Complex_CoT", "thinking", "chain of thought"])
def test_a_column_of_reasoning_goes_to_the_answer(column):
    expected = [USER, {**ANSWER, "reasoning_content": "Hm."}]
    assert turns_of({"Question": ASK, column: "Hm.", "Response": TELL}) == expected
    assert turns_of({"messages": TALK, column: "Hm."}) == expected


def test_reasoning_between_tags_stays_in_the_text():
    text = "<think>Hm.</think> On one leg."
    assert turns_of({"prompt": ASK, "response": text})[1] == {"role": "assistant", "content": text}


# --- who speaks -----------------------------------------------------------------------------

SPOKEN = [
    [{"type": "human", "content": ASK}, {"type": "ai", "content": TELL}],
    [{"type": "human", "data": {"content": ASK}}, {"type": "ai", "data": {"content": TELL}}],
    [{"role": "user:", "content": ASK}, {"role": " Assistant ", "content": TELL}],
    [{"from": "human", "value": ASK}, {"from": "AI", "value": TELL}],
    [{"sender": "human", "text": ASK}, {"sender": "assistant", "text": TELL}],
    [{"speaker": "Customer", "text": ASK}, {"speaker": "bot", "text": TELL}],
    [{"author": {"role": "user"}, "content": {"parts": [ASK]}}, {"role": "model", "content": TELL}],
    [{"question": ASK, "answer": TELL}],
    [{"prompt": ASK, "response": TELL}],
    [ASK, TELL],
    [[ASK, TELL]],
    {"role": ["user", "assistant"], "content": [ASK, TELL]},
    orjson.dumps(TALK).decode(),
    f"USER: {ASK}\n\n\nASSISTANT: {TELL} <|endoftext|>\n\n",
    f"Human: {ASK}\n\nAssistant: {TELL}",
]


@pytest.mark.parametrize("spoken", SPOKEN, ids=lambda spoken: str(spoken)[:30])
def test_a_conversation_is_one_whoever_speaks(spoken):
    assert turns_of({"conversation": spoken}) == TALK


def test_an_export_of_chatgpt_is_its_newest_branch():
    def node(parent, role=None, *parts):
        message = {"author": {"role": role}, "content": {"content_type": "text", "parts": [*parts]}}
        return {"message": message if role else None, "parent": parent}

    mapping = {
        "root": node(None),
        "hidden": node("root", "system", ""),
        "ask": node("hidden", "user", ASK),
        "old": node("ask", "assistant", "In a tree."),
        "new": node("ask", "assistant", TELL),
    }
    assert turns_of({"title": "Storks", "mapping": mapping, "current_node": "new"}) == TALK
    mapping["root"]["parent"] = "new"  # a tree that bites its tail
    convert({"title": "Storks", "mapping": mapping})


def test_a_system_text_in_parts_is_a_text():
    blocks = [{"role": "user", "content": [{"text": ASK}]}, ANSWER]
    turns = turns_of({"system": [{"text": "A"}, {"text": "B"}], "messages": blocks})
    assert [t["content"] for t in turns] == ["A\nB", ASK, TELL]


@pytest.mark.parametrize("given", [system("S"), [system("S")], {"from": "system", "value": "S"}])
def test_a_system_column_that_holds_a_turn_is_the_systems(given):
    assert turns_of({"system": given, "prompt": ASK, "completion": TELL}) == [system("S"), *TALK]
    assert turns_of({"system": given, "messages": TALK}) == [system("S"), *TALK]


def test_a_system_column_of_which_nothing_can_be_read_is_left_over():
    for record in ({"prompt": ASK, "completion": TELL}, {"messages": TALK}):
        converted = convert({"system": {"tone": "kind"}, **record})
        assert converted.turns == TALK
        assert converted.columns["system"] == "metadata"
        assert orjson.loads(converted.metadata) == {"system": {"tone": "kind"}}


def test_calls_of_other_weight_or_reasoning_are_turns_of_their_own():
    call = {"from": "function_call", "value": '{"name": "f", "arguments": {}}'}
    human = {"from": "human", "value": ASK}
    turns = turns_of({"conversations": [human, call, {**call, "reasoning": "Hm.", "weight": 0}]})
    assert [turn.get("reasoning_content") for turn in turns] == [None, None, "Hm."]
    assert [turn.get("weight") for turn in turns] == [None, None, 0]


def test_thoughts_before_a_call_are_its_reasoning():
    call = '<think>\nHm.\n</think>\n\n{"name": "f", "arguments": {"a": 1}}'
    turns = [{"from": "human", "value": ASK}, {"from": "function_call", "value": call}]
    function = {"name": "f", "arguments": {"a": 1}}
    assert turns_of({"conversations": turns})[1] == {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Hm.",
        "tool_calls": [{"type": "function", "function": function}],
    }


def test_a_row_of_an_exported_parquet_file_is_read_with_all_that_it_holds():
    turns = [USER, {**ANSWER, "emotion": "glad", "parts": [TELL, {"image": "x.png"}]}]
    row = dict.fromkeys(("tools", "source", "metadata", *WORDS))
    row |= {"id": "1", "turns": turns, "label": "true", "rejected": [{**ANSWER, "content": "No."}]}
    record = pa.Table.from_pylist([_hf_row(row)], schema=SCHEMA).to_pylist()[0]
    converted = convert(record, table=True)
    assert converted.turns == turns
    assert (converted.label, orjson.loads(converted.rejected)) == ("true", row["rejected"])
    assert converted.columns["label"] == "label"
    assert converted.columns["rejected"] == "rejected"
    assert same(write(*converted[:5]), record)


def test_all_thoughts_of_a_turn_are_its_reasoning():
    thoughts = [{"type": "thinking", "thinking": text} for text in ("One.", "Two.")]
    message = {"role": "assistant", "content": [*thoughts, {"type": "text", "text": TELL}]}
    assert turns_of({"messages": [USER, message]})[1]["reasoning_content"] == "One.\n\nTwo."


def test_pictures_in_a_content_that_is_an_object_are_parts():
    content = {"text": "q", "image": "x.png"}
    turns = turns_of({"messages": [{"role": "user", "content": content}, ANSWER]})
    assert turns[0] == {"role": "user", "content": "q", "parts": [content]}
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}
    for texts in (["q"], []):
        message = {"author": {"role": "user"}, "content": {"parts": [picture, *texts]}}
        tree = {"a": {"parent": None, "message": message}}
        turns = turns_of({"mapping": tree})
        assert turns == [{"role": "user", "content": "".join(texts), "parts": [picture, *texts]}]


# --- tools and calls ------------------------------------------------------------------------

FLY = [("fly", {"to": "Fez"})]


def called(turn):
    calls = turn["tool_calls"]
    assert all(set(c) <= {"id", "type", "function"} and c["type"] == "function" for c in calls)
    return [(c["function"]["name"], c["function"]["arguments"]) for c in calls]


@pytest.mark.parametrize("speaker", ["function_call", "tool_call"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"name": "fly", "arguments": {"to": "Fez"}}', FLY),
        ('{"name": "fly", "arguments": "{\\"to\\": \\"Fez\\"}"}', FLY),
        ('{"name": "fly", "parameters": {"to": "Fez"}}', FLY),
        ({"name": "fly", "arguments": {"to": "Fez"}}, FLY),
        ('[{"name": "fly", "arguments": {"to": "Fez"}}, {"name": "land"}]', [*FLY, ("land", {})]),
        ('{"name": "land"}', [("land", {})]),
        ('{"name": "land", "arguments": null}', [("land", {})]),
        ('{"name": "fly", "arguments": "to Fez"}', [("fly", "to Fez")]),
        ('{"name": "fly", "arguments": ["Fez"]}', [("fly", '["Fez"]')]),
        ("fly to Fez", [("", "fly to Fez")]),
    ],
)
def test_a_call_of_sharegpt_keeps_name_and_arguments(speaker, value, expected):
    spoken = [{"from": "human", "value": ASK}, {"from": speaker, "value": value}]
    turns = turns_of({"conversations": spoken})
    assert called(turns[1]) == expected and turns[1]["content"] is None
    assert derive(orjson.dumps(turns).decode())[3] == "", "a call may be the answer"


@pytest.mark.parametrize(
    "calls",
    [
        {"tool_calls": [{"id": "a", "function": {"name": "fly", "arguments": '{"to": "Fez"}'}}]},
        {"tool_calls": [{"id": "a", "name": "fly", "args": {"to": "Fez"}, "type": "tool_call"}]},
        {"tool_calls": {"id": "a", "name": "fly", "arguments": {"to": "Fez"}}},
        {"tool_calls": '[{"id": "a", "function": {"name": "fly", "arguments": {"to": "Fez"}}}]'},
        {"content": [{"type": "tool_use", "id": "a", "name": "fly", "input": {"to": "Fez"}}]},
        {"content": [{"toolUse": {"toolUseId": "a", "name": "fly", "input": {"to": "Fez"}}}]},
    ],
)
def test_a_call_of_a_turn_is_one_however_it_is_written(calls):
    turns = turns_of({"messages": [USER, {"role": "assistant", "content": None, **calls}]})
    assert called(turns[1]) == FLY and turns[1]["tool_calls"][0]["id"] == "a"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (calls_in_text, '<tool_call>{"name":"f"}</tool_call>' * 28_000),
        (listed_calls, f"[{' ' * 19_990})]"),
    ],
)
def test_calls_in_long_texts_are_read_in_a_moment(read, text):
    began = time.process_time()
    read(text)
    assert time.process_time() - began < 3


def test_functions_of_old_are_calls_and_tools():
    record = {
        "messages": [
            USER,
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "fly", "arguments": ""},
            },
            {"role": "function", "name": "fly", "content": "done"},
            ANSWER,
        ],
        "functions": [{"name": "fly"}],
    }
    turns = turns_of(record)
    assert called(turns[1]) == [("fly", {})]
    assert turns[2] == {"role": "tool", "content": "done", "name": "fly"}
    assert orjson.loads(convert(record).tools) == [
        {"type": "function", "function": {"name": "fly"}}
    ]


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('<tool_call>\n{"name": "fly", "arguments": {"to": "Fez"}}\n</tool_call>', None),
        ('Wait. <tool_call>{"name": "fly", "arguments": {"to": "Fez"}}</tool_call>', "Wait."),
        ('<functioncall> {"name": "fly", "arguments": \'{"to": "Fez"}\'} <|endoftext|>', None),
    ],
)
def test_calls_within_a_text_are_calls(text, content):
    spoken = [{"from": "human", "value": ASK}, {"from": "gpt", "value": text}]
    result = {"from": "tool", "value": "<tool_response>\ndone\n</tool_response>"}
    turns = turns_of({"conversations": [*spoken, result]})
    assert called(turns[1]) == FLY and turns[1]["content"] == content
    assert turns[2] == {"role": "tool", "content": "done"}


@pytest.mark.parametrize(
    "text",
    [
        'Write `<tool_call>{"name": "fly"}</tool_call>`.',
        'Write\n```\n<tool_call>{"name": "fly"}</tool_call>\n```',
        "<tool_call>fly to Fez</tool_call>",
        "The tag <tool_call> opens a call.",
        "[fly(to='Fez')]",
        "[1, 2, f(3)]",
    ],
)
def test_a_text_about_calls_stays_a_text(text):
    assert turns_of({"messages": [USER, {**ANSWER, "content": text}]})[1]["content"] == text


def test_answers_that_are_lists_of_calls_are_calls_where_tools_answer():
    text = "[Find Nests(near=\"Fez\", of=['stork'], high=true), land()]"
    record = {
        "messages": [USER, {**ANSWER, "content": text}, {"role": "tool", "content": "2"}, ANSWER]
    }
    arguments = {"near": "Fez", "of": ["stork"], "high": True}
    assert called(turns_of(record)[1]) == [("Find Nests", arguments), ("land", {})]
    record["messages"][1]["content"] = f"{text}\n"
    assert called(turns_of(record)[1]) == [("Find Nests", arguments), ("land", {})]
    record["messages"][1]["content"] = "[fly(__import__('os').system('x'))]"
    assert "tool_calls" not in turns_of(record)[1]


def test_calls_and_results_side_by_side_keep_their_order_and_ids():
    spoken = [
        {"from": "human", "value": ASK},
        {"from": "tool_call", "value": '{"name": "fly", "arguments": {"to": "Fez"}}'},
        {"from": "tool_call", "value": '{"name": "land"}'},
        {"from": "tool_response", "value": "up"},
        {"from": "tool_response", "value": "down"},
        {"from": "gpt", "value": TELL},
    ]
    turns = turns_of({"conversations": spoken})
    assert called(turns[1]) == [*FLY, ("land", {})]
    assert [t["content"] for t in turns[2:]] == ["up", "down", TELL]
    assert derive(orjson.dumps(turns).decode())[3] == ""
    blocks = [
        {"type": "tool_result", "tool_use_id": "a", "content": "up"},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "down"}]},
    ]
    turns = turns_of({"messages": [USER, {"role": "user", "content": blocks}]})
    assert turns[1:] == [
        {"role": "tool", "content": "up", "tool_call_id": "a"},
        {"role": "tool", "content": "down", "tool_call_id": "b"},
    ]


def test_tools_within_a_system_turn_are_the_records():
    first = {"role": "system", "content": "", "tools": [{"name": "fly"}]}
    record = {"messages": [first, *TALK]}
    assert turns_of(record) == TALK
    assert orjson.loads(convert(record).tools)[0]["function"] == {"name": "fly"}


# --- good and bad answers -------------------------------------------------------------------


@pytest.mark.parametrize("truth", [False, "false", "False"])
@pytest.mark.parametrize("record", [{"prompt": ASK, "completion": TELL}, {"messages": TALK}])
@pytest.mark.parametrize("column", ["label", "kto_tag"])
def test_an_answer_that_is_marked_as_bad_is_none(record, truth, column):
    bad = {**record, column: truth}
    converted = convert(bad)
    assert (converted.turns, converted.label) == ([USER], None)
    assert orjson.loads(converted.rejected) == [ANSWER]
    assert derive(converted.messages, None, converted.rejected)[3] == "marked_bad"
    assert same(back(bad), bad)
    good = convert({**record, column: not isinstance(truth, str) or "true"})
    assert (good.turns, good.label, good.rejected) == (TALK, None, "")
    mended = orjson.dumps([USER, ANSWER]).decode()
    written = write(converted.format, mended, None, converted.metadata, converted.shape)
    assert str(written[column]).lower() == "true"


@pytest.mark.parametrize(
    ("more", "label", "rejected"),
    [
        ({"label": "birds", "answer": "accept"}, "birds", ""),
        ({"label": "birds", "answer": "reject"}, None, '[{"role":"assistant","content":"birds"}]'),
        ({"label": ["birds"]}, "birds", ""),
        ({"label": ["birds", "nests"]}, "birds, nests", ""),
        ({"options": [{"id": 1, "text": "birds"}], "accept": [], "answer": "accept"}, None, ""),
        ({"options": [{"id": "B", "text": "birds"}], "accept": ["B"]}, "birds", ""),
    ],
)
def test_labels_of_people_are_labels_unless_they_were_refused(more, label, rejected):
    record = {"text": ASK, **more}
    converted = convert(record)
    assert (converted.turns, converted.label, converted.rejected) == ([USER], label, rejected)
    assert same(back(record), record)
    code = derive(converted.messages, converted.label, converted.rejected)[3]
    assert code == ("" if label else "marked_bad" if rejected else "no_answer")


def test_an_annotation_is_the_answer_or_the_label():
    assert turns_of({"text": ASK, "prediction": None, "annotation": TELL}) == TALK
    classified = {"text": ASK, "annotation": "birds", "multi_label": False}
    assert convert(classified).label == "birds"


@pytest.mark.parametrize("record", [{"title": "Storks"}, {"headline": "Storks", "id": 4}])
def test_a_title_is_no_answer(record):
    with pytest.raises(FieldError, match="say which column is which"):
        convert(record)
    assert turns_of({**record, "body": TELL}) == [ANSWER]
    assert convert({**record, "topic": "birds"}).label == "birds"


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": ASK, "chosen": TELL, "rejected": "In bed."},
        {"prompt": [USER], "chosen": [ANSWER], "rejected": [{**ANSWER, "content": "In bed."}]},
        {"chosen": TALK, "rejected": [USER, {**ANSWER, "content": "In bed."}]},
        {"prompt": ASK, "chosen": TALK, "rejected": [USER, {**ANSWER, "content": "In bed."}]},
        {
            "conversations": [{"from": "human", "value": ASK}],
            "chosen": {"from": "gpt", "value": TELL},
        }
        | {"rejected": {"from": "gpt", "value": "In bed."}},
        {"chosen": f"\n\nHuman: {ASK}\n\nAssistant: {TELL}"}
        | {"rejected": f"\n\nHuman: {ASK}\n\nAssistant: In bed."},
        {"input": {"messages": [USER]}, "preferred_output": [ANSWER]}
        | {"non_preferred_output": [{**ANSWER, "content": "In bed."}]},
    ],
)
def test_of_a_preference_the_other_answer_is_kept_apart(record):
    for more, before in (({}, []), ({"system": "S"}, [system("S")])):
        converted = convert({**record, **more})
        assert converted.format == "preference" and converted.turns == [*before, *TALK]
        assert orjson.loads(converted.rejected) == [{**ANSWER, "content": "In bed."}]
        assert same(back({**record, **more}), {**record, **more})


def test_an_edit_of_a_preference_of_whole_conversations_keeps_the_other_turns():
    record = {"system": "S", "chosen": TALK, "rejected": [USER, {**ANSWER, "content": "In bed."}]}
    converted = convert(record)
    edited = [*converted.turns[:-1], {**ANSWER, "content": "Standing."}]
    written = write(
        "preference", orjson.dumps(edited).decode(), None, converted.metadata, converted.shape
    )
    assert written == {**record, "chosen": [USER, {**ANSWER, "content": "Standing."}]}


def test_a_preference_has_a_history():
    record = {"prompt": ASK, "history": [["Hm?", "Yes."]], "chosen": TELL, "rejected": "In bed."}
    assert turns_of(record) == [*EARLIER, *TALK]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"answers": [TELL, "In bed."]}, TELL),
        ({"answers": {"text": [TELL], "answer_start": [3]}}, TELL),
        ({"generations": ["In bed.", TELL], "ratings": [1, 5]}, TELL),
        ({"generations": ["In bed.", TELL], "ratings": [1, None]}, "In bed."),
    ],
)
def test_of_several_answers_the_best_or_the_first_is_taken_and_all_are_kept(answers, expected):
    record = {"question": ASK, **answers}
    assert turns_of(record)[-1]["content"] == expected
    assert answers.items() <= orjson.loads(convert(record).metadata).items()


# --- media ----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["images", "videos", "audios"])
@pytest.mark.parametrize("many", [True, False])
def test_media_are_a_list_in_the_metadata(role, many):
    record = {role: ["a"]} if many else {role[:-1]: "a"}
    converted = convert({**record, "messages": TALK})
    assert orjson.loads(converted.metadata) == {role: ["a"]}
    assert converted.columns[next(iter(record))] == role
    assert same(back({**record, "messages": TALK}), {**record, "messages": TALK})


# --- what comes back ------------------------------------------------------------------------

FIELDS = {
    "name": TEXT,
    "weight": st.sampled_from([0, 1, 0.5, True, False, None, "x"]),
    "train": st.booleans() | st.none(),
    "thinking": TEXT | st.none(),
    "reasoning_content": TEXT,
    "tool_call_id": TEXT | st.integers(0, 9) | st.none(),
}
CALL = st.fixed_dictionaries(
    {"name": TEXT}, optional={"arguments": TEXT | VALUE, "parameters": VALUE, "id": TEXT}
)
CALLS = st.one_of(
    st.lists(CALL, max_size=2),
    CALL,
    CALL.map(lambda c: orjson.dumps(c).decode()),
    st.lists(CALL.map(lambda c: {"function": c, "type": "function"}), max_size=2),
)
TAGGED = CALL.map(lambda c: f"x <tool_call>{orjson.dumps(c).decode()}</tool_call>") | TEXT
ENTRY = st.one_of(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "tool", "ai"]),
            "content": TAGGED | st.none(),
        },
        optional={**FIELDS, "tool_calls": CALLS | st.none(), "function_call": CALL | st.none()},
    ),
    st.fixed_dictionaries(
        {
            "from": st.sampled_from(["human", "gpt", "function_call", "observation"]),
            "value": TAGGED,
        },
        optional=FIELDS,
    ),
)
HISTORY = st.lists(st.tuples(TEXT, TEXT).map(list), max_size=2)
SHAPED = st.one_of(
    st.fixed_dictionaries(
        {"messages": st.lists(ENTRY, max_size=4)},
        optional={"tools": CALLS, "system": TEXT, "reasoning": TEXT, "label": st.booleans()},
    ),
    st.fixed_dictionaries(
        {"prompt": TEXT, "response": TEXT | st.lists(TEXT, max_size=2)},
        optional={
            "system_prompt": TEXT | st.lists(st.fixed_dictionaries({"text": TEXT}), max_size=2),
            "context": TEXT,
            "history": HISTORY,
            "choices": st.lists(TEXT, max_size=2),
            "cot": TEXT,
            "label": st.booleans() | TEXT,
            "image": TEXT | st.lists(TEXT, max_size=2),
        },
    ),
    st.fixed_dictionaries(
        {"Instruction": TEXT, "Output": TEXT, "chosen": TEXT | st.none()},
        optional={
            "Input": TEXT,
            "Rejected": TEXT | st.lists(ENTRY, max_size=2),
            "History": HISTORY,
        },
    ),
)


@settings(max_examples=200, deadline=None)
@example({"prompt": "", "response": "", "system_prompt": [{"text": ""}]}, {}, False)
@given(SHAPED, OTHERS, st.booleans())
def test_a_record_of_any_shape_is_read_and_comes_back(record, others, table):
    record = {**others, **record}
    try:
        converted = convert(record, table=table)
    except FieldError as error:
        assert str(error)
        return
    assert same(write(*converted[:5]), record)
    assert orjson.loads(converted.messages) == converted.turns
    derive(converted.messages, converted.label, converted.rejected)
    for turn in converted.turns:
        assert list(turn)[:2] == ["role", "content"]
        assert list(turn)[2:] == sorted(list(turn)[2:])


def test_an_edit_changes_its_own_turn_and_leaves_the_others_as_they_were():
    call = {"from": "function_call", "value": '{"name":  "fly"}'}
    spoken = [{"from": "human", "value": ASK}, call, {"from": "observation", "value": "up"}]
    record = {"conversations": [*spoken, {"from": "gpt", "value": TELL}], "tools": "[]", "id": 3}
    converted = convert(record)
    edited = [*converted.turns[:-1], {**converted.turns[-1], "content": "Standing."}]
    written = write(
        "sharegpt", orjson.dumps(edited).decode(), None, converted.metadata, converted.shape
    )
    assert written == {
        **record,
        "conversations": [*spoken, {"from": "gpt", "value": "Standing."}],
    }
    record = {"messages": [USER, {**ANSWER, "train": True, "text": "x"}], "system": [{"text": "S"}]}
    converted = convert(record)
    edited = [*converted.turns[:-1], {**converted.turns[-1], "content": "Standing."}]
    written = write(
        "messages", orjson.dumps(edited).decode(), None, converted.metadata, converted.shape
    )
    assert written["messages"][0] == USER and written["messages"][1]["content"] == "Standing."


def test_plain_pairs_with_more_parts_go_the_quick_way():
    columns = ("system_prompt", "question", "context", "cot", "response", "id")
    rows = [dict.fromkeys(columns, "x") | {"context": c, "cot": t} for c in "a " for t in ("", "t")]
    together = convert_texts(columns, rows)
    assert together is not None
    for i, row in enumerate(rows):
        alone = convert(row)
        assert (together.messages[i], together.shapes[i]) == (alone.messages, alone.shape)
        assert same(back(row), row)


# --- attention ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turns", "codes"),
    [
        ([system(""), *TALK], "empty_system"),
        ([system(" "), *TALK], "empty_system"),
        ([USER, {"role": "assistant", "content": None, "tool_calls": [{"function": {}}]}], ""),
        (
            [USER, {"role": "assistant", "content": None, "tool_calls": [{"function": {}}]}]
            + [{"role": "tool", "content": ""}, ANSWER],
            "",
        ),
        ([{"role": "user", "content": "", "parts": [{"type": "image"}]}, ANSWER], ""),
    ],
)
def test_what_a_trainer_cannot_use_has_a_code(turns, codes):
    assert derive(orjson.dumps(turns).decode())[3] == codes

"""Formats: recognised, read, and written back exactly as they came."""

from __future__ import annotations

import json
from collections import Counter

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation import formats
from curation.dataset import derive
from curation.errors import CurationError
from curation.export.trainers.sharegpt import bare
from curation.formats import FieldError, convert, convert_texts, recognise, write
from curation.formats.names import COLUMNS, MEANINGS, speaker
from curation.sources.tables import has_known

TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "",
            " ",
            "\n\n",
            "a\n\nb",
            "\x00",
            "\u202e",
            "👩‍👩‍👧",
            "\ue000",
            "<|im_end|>",
            "null",
            "ﬁ",
            '"',
        ]
    ),
).map(lambda text: text.encode("utf-8", "replace").decode())
VALUE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXT,
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    "instruction", "input", "output", "system", "history", "instances", "messages", "conversations",
    "turns", "prompt", "completion", "question", "answer", "response", "text", "label", "chosen",
    "rejected", "context", "source", "target", "id", "tools", "role", "content", "dropped_by",
]  # fmt: skip
OTHERS = st.dictionaries(
    st.sampled_from(["id", "tools", "meta", "x", "größe", "tags"]), VALUE, max_size=3
)


def turn(role_key, text_key, roles):
    return st.fixed_dictionaries(
        {role_key: st.sampled_from(roles), text_key: TEXT},
        optional={
            "name": TEXT | st.integers(0, 9),
            "weight": st.integers(0, 1),
            "loss": st.booleans(),
        },
    )


MESSAGE = turn("role", "content", ["system", "user", "assistant", "tool", "User", "developer"])
SPOKEN = turn("from", "value", ["human", "gpt", "system", "observation", "function_call", "tool"])
PARTS = st.fixed_dictionaries(
    {
        "role": st.just("user"),
        "content": st.lists(
            st.one_of(
                st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}),
                st.just({"type": "image_url", "image_url": {"url": "x.png"}}),
                TEXT,
            ),
            max_size=3,
        ),
    }
)
CALL = st.fixed_dictionaries(
    {
        "role": st.just("assistant"),
        "content": st.none() | TEXT,
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.just("function"),
                    "function": st.fixed_dictionaries({"name": TEXT, "arguments": TEXT | VALUE}),
                }
            ),
            max_size=2,
        ),
    }
)
TURNS = st.lists(MESSAGE | PARTS | CALL, max_size=4)
RECORDS = {
    "alpaca": st.fixed_dictionaries(
        {"instruction": TEXT, "output": TEXT},
        optional={
            "input": TEXT,
            "system": TEXT,
            "history": st.lists(st.tuples(TEXT, TEXT).map(list), max_size=2),
        },
    ),
    "messages": st.fixed_dictionaries({"messages": TURNS}, optional={"system": TEXT}),
    "sharegpt": st.fixed_dictionaries(
        {"conversations": st.lists(SPOKEN, min_size=1, max_size=4)}, optional={"system": TEXT}
    ),
    "completion": st.one_of(
        *(
            st.fixed_dictionaries({p: TEXT, r: TEXT}, optional={"system": TEXT})
            for p, r in [
                ("prompt", "completion"),
                ("prompt", "response"),
                ("question", "answer"),
                ("query", "response"),
                ("Prompt", "Completion"),
                ("inputs", "targets"),
            ]
        ),
        st.fixed_dictionaries(
            {"prompt": st.lists(MESSAGE, max_size=2), "completion": st.lists(MESSAGE, max_size=2)}
        ),
    ),
    "preference": st.fixed_dictionaries(
        {"prompt": TEXT | TURNS, "chosen": TEXT | MESSAGE, "rejected": TEXT | MESSAGE}
    ),
    "label": st.fixed_dictionaries(
        {"text": TEXT, "label": TEXT | st.integers() | st.booleans()}
    ).filter(lambda record: not isinstance(record["label"], int) or abs(record["label"]) <= 2**53),
    "text": st.fixed_dictionaries({"text": TEXT}),
}


def back(record, **options):
    return write(*convert(record, **options)[:5])


def same(one, two):
    """Equal to the last key's place and the kind of each number."""
    return orjson.dumps(one) == orjson.dumps(two)


@pytest.mark.parametrize("name", RECORDS)
@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_was_read_is_written_back_exactly(name, data):
    record = {**data.draw(RECORDS[name]), **data.draw(OTHERS)}
    record = dict(data.draw(st.permutations(list(record.items()))))
    converted = convert(record)
    assert converted.format == name
    assert same(back(record), record)
    derive(converted.messages, converted.label)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUE | TURNS, min_size=1, max_size=5))
def test_any_record_is_an_example_that_comes_back_or_is_refused_by_name(record):
    for name in ("auto", *formats.names()):
        try:
            converted = convert(record, format=name)
        except FieldError as error:
            assert str(error)
            continue
        assert same(write(*converted[:5]), record)
        assert orjson.loads(converted.messages) == converted.turns
        derive(converted.messages, converted.label)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True).flatmap(
        lambda names: st.lists(
            st.tuples(*[TEXT] * len(names)).map(lambda texts: dict(zip(names, texts, strict=True))),
            min_size=1,
            max_size=3,
        )
    )
)
@example([{"instruction": "a", "instances": "b", "response": "c"}])
def test_records_converted_together_are_as_each_alone(records):
    columns = tuple(records[0])
    together = convert_texts(columns, records)
    if together is None:
        return
    for i, record in enumerate(records):
        alone = convert(record)
        prompt, response, system, _ = derive(alone.messages, alone.label)
        assert (
            together.format,
            together.messages[i],
            together.metadata[i],
            together.shapes[i],
        ) == (alone.format, alone.messages, alone.metadata, alone.shape)
        derived = (together.prompts[i], together.responses[i], together.systems[i])
        assert derived == (prompt, response, system)
        assert ("", "") == (alone.tools, alone.rejected)
        assert alone.label is None
    counts = Counter((c, role) for record in records for c, role in convert(record).columns.items())
    tally = {(c, r): n for c, roles in together.columns.items() for r, n in roles.items() if n}
    assert tally == counts


@pytest.mark.parametrize(
    ("keys", "name", "prompt", "response"),
    [
        ("instruction input output", "alpaca", "instruction\n\ninput", "output"),
        ("instruction output", "alpaca", "instruction", "output"),
        ("instruction context response category", "alpaca", "instruction\n\ncontext", "response"),
        ("instruction input response", "alpaca", "instruction\n\ninput", "response"),
        ("prompt completion", "completion", "prompt", "completion"),
        ("id prompt response", "completion", "prompt", "response"),
        ("question answer", "completion", "question", "answer"),
        ("Question Answer", "completion", "Question", "Answer"),
        ("query response", "completion", "query", "response"),
        ("input output", "completion", "input", "output"),
        ("inputs targets", "completion", "inputs", "targets"),
        ("problem solution", "completion", "problem", "solution"),
        ("user assistant", "completion", "user", "assistant"),
        ("human bot", "completion", "human", "bot"),
        ("source target", "completion", "source", "target"),
        ("task_id prompt canonical_solution", "completion", "prompt", "canonical_solution"),
        ("text label", "label", "text", ""),
        ("sentence intent", "label", "sentence", ""),
        ("source text target", "label", "text", ""),
        ("text", "text", "", "text"),
        ("id content", "text", "", "content"),
    ],
)
def test_formats_are_told_apart_by_the_names_of_columns(keys, name, prompt, response):
    record = {key: key for key in keys.split()}
    converted = convert(record)
    assert converted.format == name
    assert derive(converted.messages, converted.label)[:2] == (prompt, response)


CHAT = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]


@pytest.mark.parametrize(
    ("role", "names", "value", "others"),
    [
        (
            "prompt",
            "prompt instruction question query problem request task input inputs user human q "
            "document article text context source title",
            "Why?",
            {"reply": "So."},
        ),
        (
            "response",
            "completion response answer output outputs solution canonical_solution reply assistant "
            "gpt bot answers answer_key a generations responses completions annotation targets "
            "target summary chosen",
            "So.",
            {"prompt": "Why?"},
        ),
        (
            "input",
            "input context contexts passage passages background body question query problem",
            "Rain.",
            {"instruction": "Why?", "output": "So."},
        ),
        ("input", "text", "Rain.", {"task": "Why?", "output": "So."}),
        (
            "system",
            "system system_prompt system_message system_instruction system_instructions "
            "sys_prompt sys",
            "Be brief.",
            {"prompt": "Why?", "output": "So."},
        ),
        (
            "reasoning",
            "reasoning_content reasoning thinking thought thoughts cot complex_cot "
            "chain_of_thought reasoning_trace rationale",
            "Hm.",
            {"prompt": "Why?", "output": "So."},
        ),
        (
            "history",
            "history chat_history dialog_history conversation_history",
            [["Who?", "Me."]],
            {"prompt": "Why?", "output": "So."},
        ),
        ("choices", "choices options", ["a", "b"], {"prompt": "Why?", "output": "So."}),
        (
            "messages",
            "messages conversations conversation dialogue dialog chat chat_messages turns items "
            "data",
            CHAT,
            {},
        ),
        (
            "tools",
            "tools functions available_tools tool_definitions",
            [{"name": "fly"}],
            {"messages": CHAT},
        ),
        (
            "chosen",
            "chosen preferred_output chosen_response response_chosen",
            "So.",
            {"prompt": "Why?", "rejected": "No."},
        ),
        (
            "rejected",
            "rejected non_preferred_output dispreferred_output rejected_response response_rejected",
            "No.",
            {"prompt": "Why?", "chosen": "So."},
        ),
        ("good", "label kto_tag", True, {"prompt": "Why?", "completion": "So."}),
        (
            "text",
            "text sentence content utterance review document body tweet full_text article "
            "headline title",
            "It rains.",
            {"label": "weather"},
        ),
        (
            "label",
            "label class category intent labels target sentiment label_name topic",
            "weather",
            {"text": "It rains."},
        ),
    ],
)
def test_a_column_plays_its_role_under_each_of_its_names(role, names, value, others):
    for name in names.split():
        assert convert({name: value, **others}).columns[name] == role, name
        assert convert({name.title(): value, **others}).columns[name.title()] == role, name
        assert len(name) == 1 or has_known([name.title()]), "a table's header is known by it"


def test_a_lone_turn_is_no_text():
    assert recognise({"role": "user", "content": "Hello?"}) == ("", 0.0)


def test_a_record_of_no_known_format_says_what_columns_it_has():
    with pytest.raises(FieldError, match="columns colour, size; say which column is which"):
        convert({"colour": "red", "size": "s"})
    with pytest.raises(CurationError, match="no format 'alpacca'; known are: auto, alpaca"):
        convert({"text": "a"}, format="alpacca")


# --- chats ----------------------------------------------------------------------------------


def roles_and_contents(record):
    return [(t["role"], t["content"]) for t in convert(record).turns]


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("user", "human user prompter customer"),
        (
            "assistant",
            "gpt assistant ai bot chatbot chatgpt model bing bard claude function_call tool_call "
            "tool_calls",
        ),
        ("system", "system developer"),
        (
            "tool",
            "observation tool tool_response tool_result tool_output function function_response "
            "function_result ipython",
        ),
    ],
)
def test_roles_go_by_many_names(role, names):
    for name in names.split():
        assert speaker(name) == speaker(f"{name.title()}:") == role, name
        assert speaker(name.replace("_", " ")) == speaker(name.replace("_", "-")) == role, name
        value = [{"from": name.upper(), "value": "x"}]
        assert roles_and_contents({"conversations": value})[0][0] == role, name


@pytest.mark.parametrize(
    "record",
    [
        {"conversations": ["Hello?", "Hello."]},
        {"conversation": [{"human": "Hello?", "assistant": "Hello."}]},
        {
            "messages": [
                {"role": "user", "content": "Hello?"},
                {"role": "assistant", "content": "Hello."},
            ]
        },
        {"dialogue": [{"from": "human", "value": "Hello?"}, {"from": "gpt", "value": "Hello."}]},
        {"chat": [{"role": "prompter", "text": "Hello?"}, {"role": "assistant", "text": "Hello."}]},
    ],
)
def test_a_conversation_is_one_however_it_is_written(record):
    assert roles_and_contents(record) == [("user", "Hello?"), ("assistant", "Hello.")]
    assert same(back(record), record)


def test_turns_of_a_benchmark_are_all_the_users():
    record = {"question_id": 81, "turns": ["Write a post.", "Now shorter."]}
    assert roles_and_contents(record) == [("user", "Write a post."), ("user", "Now shorter.")]


def test_a_system_text_beside_a_chat_becomes_its_first_turn():
    record = {
        "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}],
        "system": "s",
    }
    assert roles_and_contents(record)[0] == ("system", "s")
    assert same(back(record), record)


def test_a_function_call_is_a_tool_call_and_back():
    call = '{"name": "add", "arguments": {"a": 1}}'
    turns = [
        {"from": "human", "value": "1 and 1?"},
        {"from": "function_call", "value": call},
        {"from": "observation", "value": "2"},
        {"from": "gpt", "value": "2."},
    ]
    converted = convert({"conversations": turns, "tools": "[]"})
    assert converted.turns[1]["tool_calls"][0]["function"] == {"name": "add", "arguments": {"a": 1}}
    assert derive(converted.messages)[3] == ""
    assert same(
        back({"conversations": turns, "tools": "[]"}), {"conversations": turns, "tools": "[]"}
    )


@pytest.mark.parametrize("calls", [["foo"], [{}, "foo"], 5, True])
def test_tool_calls_that_are_no_list_of_objects_are_refused_by_name(calls):
    turns = [
        {"role": "user", "content": "1 and 1?"},
        {"role": "assistant", "content": "2", "tool_calls": calls},
    ]
    with pytest.raises(FieldError, match=r"messages\[2\]\.tool_calls should be a list of objects"):
        convert({"messages": turns})


@pytest.mark.parametrize("key", ["name", "tool_call_id"])
def test_names_that_are_numbers_become_texts_and_come_back_as_numbers(key):
    record = {"messages": [{"role": "user", "content": "a", key: 5}]}
    assert convert(record).turns[0][key] == "5"
    assert same(back(record), record)
    with pytest.raises(FieldError, match=rf"messages\[1\]\.{key} should be a text but is a list"):
        convert({"messages": [{"role": "user", "content": "a", key: ["x"]}]})


ADD = {"name": "add", "description": "Add.", "parameters": {"type": "object", "properties": {}}}
WRAPPED = {"type": "function", "function": ADD}


@pytest.mark.parametrize(
    "value",
    [
        [WRAPPED],
        [ADD],
        ADD,
        WRAPPED,
        [json.dumps(ADD)],
        json.dumps([WRAPPED]),
        json.dumps(ADD),
        [
            {
                **{k: v for k, v in ADD.items() if k != "parameters"},
                "input_schema": ADD["parameters"],
            }
        ],
        [{**ADD, "parameters": json.dumps(ADD["parameters"])}],
        [{**ADD, "strict": None}],
    ],
)
def test_tools_are_one_list_however_they_are_written(value):
    record = {"prompt": "1 and 1?", "completion": "2", "tools": value}
    converted = convert(record)
    assert orjson.loads(converted.tools) == [WRAPPED]
    assert same(back(record), record)


def test_nulls_within_tools_are_of_a_table_only():
    tool = {**ADD, "parameters": {**ADD["parameters"], "default": None}}
    record = {"prompt": "1 and 1?", "completion": "2", "tools": [tool]}
    assert orjson.loads(convert(record).tools)[0]["function"] == tool
    assert orjson.loads(convert(record, table=True).tools) == [WRAPPED]


def test_a_column_that_holds_more_than_tools_is_left_over():
    record = {"prompt": "1?", "completion": "2", "tools": [{"name": "f"}, {"type": "web_search"}]}
    converted = convert(record)
    assert [tool["function"] for tool in orjson.loads(converted.tools)] == [{"name": "f"}]
    assert converted.columns["tools"] == "metadata"
    assert orjson.loads(converted.metadata) == {"tools": record["tools"]}


@pytest.mark.parametrize("more", [{"index": 0}, {"extra_content": {"google": "x"}}])
def test_further_keys_of_a_call_stay(more):
    call = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}, **more}
    flat = {"name": "f", "arguments": '{"a": 1}', **more, "none": None}
    for written in (call, flat):
        record = {"messages": [{"role": "assistant", "content": None, "tool_calls": [written]}]}
        assert convert(record).turns[0]["tool_calls"] == [call]
        assert same(back(record), record)


@pytest.mark.parametrize("written", ["{broken", "a: int", ["a"]])
def test_parameters_that_are_no_object_stay_as_they_are(written):
    record = {"prompt": "1?", "completion": "2", "tools": [{"name": "f", "parameters": written}]}
    converted = convert(record)
    assert orjson.loads(converted.tools)[0]["function"] == {"name": "f", "parameters": written}
    assert bare(orjson.loads(converted.tools)[0])["parameters"]["type"] == "object"


@pytest.mark.parametrize("value", [None, "", [], "none", 5, ["x"], [{}], "{broken", [[ADD]]])
def test_what_describes_no_tool_is_none(value):
    assert convert({"prompt": "1 and 1?", "completion": "2", "tools": value}).tools == ""


# --- preference pairs and labels ------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"question": "a", "chosen": "b", "rejected": "c"},
        {"instruction": "a", "input": "", "chosen": "b", "rejected": "c"},
        {
            "prompt": [{"role": "user", "content": "a"}],
            "chosen": [{"role": "assistant", "content": "b"}],
            "rejected": [{"role": "assistant", "content": "c"}],
        },
        {
            "chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
            "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}],
        },
        {
            "conversations": [{"from": "human", "value": "a"}],
            "chosen": {"from": "gpt", "value": "b"},
            "rejected": {"from": "gpt", "value": "c"},
        },
    ],
)
def test_of_a_preference_pair_the_chosen_is_taken_and_the_rejected_kept(record):
    converted = convert(record)
    assert converted.format == "preference"
    assert derive(converted.messages)[:2] == ("a", "b")
    assert orjson.loads(converted.metadata)["rejected"] == record["rejected"]
    assert same(back(record), record)


def test_labels_by_number_get_their_names_and_come_back_as_numbers():
    record = {"text": "good film", "label": 1}
    converted = convert(record, label_names=["neg", "pos"])
    assert converted.label == "pos"
    assert same(write(*converted[:5]), record)
    with pytest.raises(FieldError, match="label 7 has no name; 2 names were given"):
        convert({"text": "a", "label": 7}, label_names=["neg", "pos"])
    assert convert({"text": "a", "label": "²"}, label_names=["neg"]).label == "²"


@pytest.mark.parametrize("label", [None, "", "  "])
def test_a_text_that_has_no_label_yet_is_an_example_to_label(label):
    record = {"text": "good film", "label": label}
    converted = convert(record)
    assert (converted.format, converted.label) == ("label", None)
    assert derive(converted.messages, None)[3] == "no_answer"
    assert same(back(record), record)
    assert (
        write(converted.format, converted.messages, "pos", converted.metadata, converted.shape)[
            "label"
        ]
        == "pos"
    )


# --- mapping by hand ------------------------------------------------------------------------


def test_a_mapping_says_which_column_is_which():
    record = {"q": "Why?", "ctx": "It rains.", "a": "So.", "sys": "Be kind.", "id": 4}
    mapping = {"prompt": "q", "input": "ctx", "response": "a", "system": "sys"}
    converted = convert(record, mapping=mapping)
    assert derive(converted.messages)[:3] == ("Why?\n\nIt rains.", "So.", "Be kind.")
    assert orjson.loads(converted.metadata) == {"id": 4}
    assert same(back(record, mapping=mapping), record)


def test_a_mapping_goes_before_the_names_of_other_columns():
    record = {"instruction": "no", "output": "no", "prompt": "no", "mine": "a", "yours": "b"}
    mapping = {"prompt": "mine", "response": "yours"}
    converted = convert(record, mapping=mapping)
    assert (converted.format, *derive(converted.messages)[:2]) == ("completion", "a", "b")
    assert same(back(record, mapping=mapping), record)
    assert orjson.loads(converted.metadata)["prompt"] == "no"


def test_a_mapping_of_text_and_label_and_of_messages():
    record = {"headline": "x", "topic": "y", "k": "z"}
    converted = convert(record, mapping={"text": "k", "label": "headline"})
    assert (converted.format, converted.label) == ("label", "x")
    record = {"log": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    assert convert(record, mapping={"messages": "log"}).format == "messages"


def test_a_mapping_that_names_what_is_not_there_is_refused():
    with pytest.raises(FieldError, match="no column 'q'; there are: prompt"):
        convert({"prompt": "a"}, mapping={"prompt": "q"})
    with pytest.raises(CurationError, match="A mapping knows .*, not 'answre'"):
        convert({"prompt": "a"}, mapping={"answre": "prompt"})


# --- after people changed it ----------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        {"id": 1, "instruction": "a", "input": "b", "output": "c", "tag": "t"},
        {"instruction": "a", "context": "b", "response": "c"},
        {"id": 2, "question": "a\n\nb", "answer": "c"},
        {
            "messages": [
                {"role": "user", "content": "a\n\nb"},
                {"role": "assistant", "content": "c"},
            ]
        },
        {
            "conversations": [{"from": "human", "value": "a\n\nb"}, {"from": "gpt", "value": "c"}],
            "k": 1,
        },
    ],
)
def test_an_edited_answer_is_written_in_its_place_and_nothing_else_changes(record):
    converted = convert(record)
    turns = [*converted.turns[:-1], {**converted.turns[-1], "content": "better"}]
    written = write(
        converted.format,
        orjson.dumps(turns).decode(),
        converted.label,
        converted.metadata,
        converted.shape,
    )
    assert same(written, json.loads(json.dumps(record).replace('"c"', '"better"')))


def test_an_edit_of_a_record_read_in_a_chosen_format_changes_its_own_column_only():
    chat = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    record = {"question": "a", "answer": ["c"], "messages": chat}
    assert convert(record).format == "messages"
    converted = convert(record, format="completion")
    question, answer = converted.turns
    edited = orjson.dumps([{**question, "content": "better"}, answer]).decode()
    written = write("completion", edited, None, converted.metadata, converted.shape)
    assert same(written, {**record, "question": "better"})


def test_every_role_of_a_column_has_words_for_people():
    assert set(COLUMNS) - set(MEANINGS) == {"instances"}, "seed tasks are read as their answers"
    assert all(words.strip() for words in MEANINGS.values())

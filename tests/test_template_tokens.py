"""Tokens of chat templates are found wherever they stand, and other brackets are left alone."""

from __future__ import annotations

import pandas as pd
import pytest

from curation import export
from curation.operations.clean import remove_special_tokens
from curation.text.tokens import TOKENS, has_token, may_hold_token, token_in, without_tokens
from tests.conftest import make_dataset

FOUND = [
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_sep|>"),
    *("<|begin_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>", "<|eot|>"),
    *("<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[TOOL_CALLS]"),
    *("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "<unk>", "<pad>"),
    *("<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<|turn>", "<turn|>"),
    *("<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", "<｜tool▁calls▁begin｜>"),
    *("<|channel|>", "<|message|>", "<|return|>", "<|call|>", "<|start|>", "<|constrain|>"),
    *("[gMASK]", "<sop>", "<|observation|>", "<|START_OF_TURN_TOKEN|>", "<EOS_TOKEN>"),
    *("<|user|>", "<|assistant|>", "<|end|>", "<|fim_prefix|>", "<|vision_start|>"),
    *("<|header_start|>", "<|header_end|>", "<end_of_utterance>", "<unused17>", "<extra_id_0>"),
    *("<EOP_TOKEN>", "<MASK_TOKEN>", "<seed:bos>", "<fim_middle>", "<start_of_image>"),
    *("[CALL_ID]", "[IMG_BREAK]", "[BEGIN_AUDIO]", "[TOOL_CONTENT]", "[SYSTEM_PROMPT]"),
]
PLAIN = [
    "a <b>bold</b> word and <| no token |>",
    "xs |> List.map (fun x -> x) <| ys",
    "It was <s>9</s> 7 crowns.",
    "vector<size_t> v; v[i] = [x for x in y];",
    "[1] a footnote, [INSTITUTE] a word",
    "if a <b and c> d: pass",
    "<think>Two and two.</think> Four. <tool_call>{}</tool_call> [THINK] <image>",
    "usage: prog [OPTIONS] [ARGS]; fill in [MASK] and <mask>; <unused> <seed>",
]


@pytest.mark.parametrize("place", ["{} The lake.", "The {} lake.", "The lake.{}"])
@pytest.mark.parametrize("token", FOUND)
def test_a_token_of_any_family_is_found_at_any_place_and_taken_out(token, place):
    text = place.format(token)
    assert token_in(text) == token
    assert token_in(without_tokens(text)) == "" and "lake" in without_tokens(text)


@pytest.mark.parametrize("text", PLAIN)
def test_what_only_looks_alike_stays(text):
    assert token_in(text) == "" and without_tokens(text) == text


def test_a_tag_is_no_token_where_html_is_the_subject():
    text = "The <s> element strikes a text through."
    assert token_in(text) == "<s>" and token_in(text, html=True) == ""
    assert token_in("The <|im_end|> token.", html=True) == "<|im_end|>"


def test_tokens_within_turns_leave_a_row_out_of_a_delivery():
    pairs = [
        ("A river?", "The Elbe.</s>"),
        ("<s>A lake?", "Mill."),
        ("A sea?", "The <eos> Baltic."),
    ]
    rows = make_dataset([*pairs, ("A hill?", "The Brocken.")]).rows
    assert export.left_out(rows).tolist() == ["template_tokens"] * 3 + [""]
    messages = pd.Series(['[{"role":"assistant","content":"x [/INST]"}]', "", "", ""], dtype="str")
    rejected = make_dataset([("A hill?", f"{i}.") for i in range(4)]).rows.assign(
        rejected=messages.to_numpy()
    )
    assert export.left_out(rejected).tolist() == ["template_tokens", "", "", ""]
    assert has_token("plain </s>") and not has_token("plain", '["a"]')


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (" <s> hello </s> more", "hello  more"),
        ("It was <s>9</s> 7 crowns.<eos>", "It was <s>9</s> 7 crowns."),
        ("a <|im_<|im_end|>end|> b", "a  b"),
        ("<|im_<|im_<|im_end|>end|>end|>", ""),
    ],
)
def test_nothing_that_would_be_found_is_left(text, left):
    assert without_tokens(text).strip() == left and token_in(without_tokens(text)) == ""


def test_tokens_in_what_tools_are_said_to_do_leave_a_row_out():
    rows = make_dataset([("A hill?", "1."), ("A lake?", "2.")]).rows
    tools = ['[{"function":{"name":"f","description":"Ends at <|im_end|>."}}]', ""]
    rows = rows.assign(tools=pd.Series(tools, dtype="str").to_numpy())
    assert export.left_out(rows).tolist() == ["template_tokens", ""]


def test_the_cleaner_takes_out_what_the_delivery_would_refuse():
    batch = pd.DataFrame({"text": [f"x {token}" for token in FOUND]})
    assert {text.strip() for text in remove_special_tokens(batch)} == {"x"}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "<|im_end|>",
            "a </s> b",
            "[/INST]",
            "<extra_id_12>",
            "<extra_id_٣>",
            "<unused9>",
            "plain",
            "",
        ),
        *(
            "<｜end▁of▁sentence｜>",
            "<｜end of｜>",
            "<｜a\u3000b｜>",
            "<｜a\u00a0b｜>",
            "<｜a\x85b｜>",
        ),
        *("<｜a\x1cb｜>", "<｜a\u2028b｜>", "<|a b|>", "<s", "[INST", "<|ab|>", "<|abc|>"),
    ],
)
def test_many_texts_are_looked_through_at_once_as_one_by_one(text):
    assert may_hold_token(pd.Series([text, None, f"a {text}"], dtype="str")).tolist() == [
        bool(TOKENS.search(text)),
        False,
        bool(TOKENS.search(text)),
    ]

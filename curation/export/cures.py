"""The cure of each code for which a row is refused, for people.

Guarantee: every code that a check or a format gives has a cure; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CURES = {
    "attention": "Edit the example, or drop it with the step `drop_attention`.",
    "call_without_name": "Name the function of the call: {function: {name, arguments}}.",
    "call_without_result": "Add a turn of role tool with the call's id, or end with the call.",
    "calls_tools": "Take a format with a place for calls, such as trl, openai or axolotl.",
    "cut": "Write the file again; its end is missing.",
    "dangling_tool_call_id": "Let tool_call_id name the id of a call in the turn before.",
    "data_type": "Give the key the type of the format's description: texts as text, turns as a list of "
    "objects.",
    "dataset_info": "Write the file's entry into dataset_info.json beside it; an export does so.",
    "dataset_info_tags": "Write all seven tags: once one is given, LLaMA-Factory reads a missing one "
    "as none.",
    "duplicates": "Drop them with the steps `drop_exact_duplicates` and `drop_near_duplicates`, or "
    "allow some: --max-duplicates 1%.",
    "encoding": "Write the file as UTF-8 without a mark at its beginning.",
    "example_missing_assistant_message": "Write an answer of role assistant, or leave the row out.",
    "few_rows": "Add rows, or take another format; --min-rows names the least.",
    "file": "Mend the file before its rows; each problem names its cure.",
    "image_places": "Write <image> once for each image, in the order of the list.",
    "invalid_arguments": "Write arguments as a JSON object, or as the JSON text of one.",
    "invalid_name": "Rename it with at most 64 letters, digits, hyphens and underscores.",
    "invalid_tools": "Write tools as a list of functions, or as the JSON text of one.",
    "long_answer": "Take trl-preference, which holds answers of several turns.",
    "media": "Take a format with a place for images, such as llamafactory, or drop the row.",
    "message_missing_key": "Give every turn role and content; a tool's turn its tool_call_id too.",
    "message_unrecognized_key": "Rename or remove the key; role, content, name, weight, tool_calls and "
    "tool_call_id are known.",
    "missing_content": "Write a text into the turn, or remove the turn.",
    "missing_instruction": "Write the question into instruction.",
    "missing_key": "Rename the column to the format's name for it, or name another format.",
    "missing_messages_list": "Write the turns as a list of objects into messages.",
    "missing_output": "Write the answer into output, or leave the row out.",
    "mixed_columns": "Keep rows of one kind in one file: all with messages, or all with prompt and "
    "completion.",
    "mixed_types": "Write the key with one type in all rows: `datasets` reads a column as one type.",
    "nested": "Write the records as JSON Lines or as one array; a trainer does not look below a key.",
    "no_answer": "Let the last turn be the chosen answer.",
    "no_prompt": "Put a question before the answer.",
    "no_rejected": "Add a rejected answer, or take a format for answers alone.",
    "no_turns": "Write at least a question and an answer, or leave the row out.",
    "not_lines": "Write one JSON object a line, as plain text, into a file that ends in .jsonl.",
    "odd_turns": "Let question and answer come in pairs, so that the last turn is an answer.",
    "one_turn": "Add a question or an answer; the service takes no single turn.",
    "problems": "Each problem names its cure; --max-problems lets some rows pass.",
    "repaired": "Write the file with a JSON library; trainers mend nothing.",
    "repeated_call_id": "Give each call of a turn an id of its own.",
    "result_without_call": "Put the call before its result, or remove the result.",
    "template_tokens": "Remove the tokens with the step `remove_special_tokens`; a model would take "
    "them for the end of a turn.",
    "too_long": "Shorten or drop the longest rows, train with a longer context, or allow some: "
    "--max-tokens 2048:5%.",
    "turn_order": "Let user and assistant take turns after an optional system turn.",
    "unexpected_shape": "Compare the row with the format's description; a value is where none belongs.",
    "unreadable": "Write one whole JSON value a line as UTF-8, or one JSON array.",
    "unreadable_calls": "Write tool_calls as a list of {id, type, function: {name, arguments}}.",
    "unrecognized_role": "Name the speaker as the format does: system, user, assistant and tool, or "
    "human, gpt, observation and function_call.",
    "unrendered": "Mend the order of turns, or take a model whose chat template allows it.",
    "words_beside_call": "Put the words into a turn of their own, or take openai, trl or axolotl.",
}
"""Code → what to do."""


def cure(code: str) -> str:
    """Return what to do about a code; that of `attention` for a code of an example's own."""
    return CURES.get(code, CURES["attention"])


def findings(surveyed: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a line for each format and code of a survey, the most rows first.

    surveyed: see `curation.export.survey`. A line has format, code, rows, why and cure.
    """
    lines = [
        {
            "format": name,
            "code": code,
            "rows": refusal["rows"],
            "why": refusal["why"],
            "cure": cure(code),
        }
        for name, entry in surveyed.items()
        for code, refusal in entry["not_in"].items()
    ]
    return sorted(lines, key=lambda line: -line["rows"])

"""The checker's verdicts are those of LLaMA-Factory and Axolotl, whose rules are written anew here.

Each rule was compared with the trainer's own code: LLaMA-Factory 0.9.5 on all 3,905 conversations of at
most five turns and on 750 pairs, Axolotl 0.19.0 on the rows below. There is one difference: of a pair
with a side that is no answer LLaMA-Factory warns, and trains on it all the same; the checker refuses it.
"""

from __future__ import annotations

import itertools
import json

import pytest

from curation import export
from curation.export.accepted import accepted
from curation.export.parts import NotHeld

SPEAKERS = ("human", "gpt", "observation", "function_call", "system")
ASKING, ANSWERING = ("human", "observation"), ("gpt", "function_call")


def is_taken(name, row):
    """Whether our checker finds nothing wrong with a row."""
    try:
        return export.delivery_formats()[name].check([accepted(name, row, {})]) == []
    except NotHeld:
        return False


def in_turn(speakers):
    """Whether somebody asks at odd places and somebody answers at even ones."""
    return all(s in (ANSWERING if n % 2 else ASKING) for n, s in enumerate(speakers))


def llama_factory_takes(speakers):
    """The rule for one answer: after the system, question and answer alternate, and end in pairs."""
    spoken = speakers[1:] if speakers[:1] == ("system",) else speakers
    return bool(spoken) and in_turn(spoken) and len(spoken) % 2 == 0


def llama_factory_takes_pair(speakers, chosen, rejected):
    """The rule for two answers: the prompt ends with a question, and both sides are answers."""
    spoken = speakers[1:] if speakers[:1] == ("system",) else speakers
    sides = chosen in ANSWERING and rejected in ANSWERING
    return in_turn(spoken) and len(spoken) % 2 == 1 and sides


def conversations(most):
    for length in range(1, most + 1):
        yield from itertools.product(SPEAKERS, repeat=length)


def turns_of(speakers):
    return [{"from": speaker, "value": f"Word {n}."} for n, speaker in enumerate(speakers)]


def test_llama_factory_drops_what_the_checker_refuses():
    wrong = [
        speakers
        for speakers in conversations(4)
        if is_taken(
            "llamafactory", {"conversations": turns_of(speakers), "system": "", "tools": ""}
        )
        != llama_factory_takes(speakers)
    ]
    assert wrong == []
    assert not is_taken("llamafactory", {"conversations": [], "system": "", "tools": ""})


def test_llama_factory_drops_the_pairs_that_the_checker_refuses():
    wrong = []
    for speakers in conversations(2):
        for chosen, rejected in itertools.product(SPEAKERS, repeat=2):
            (first,), (second,) = turns_of([chosen]), turns_of([rejected])
            row = {"conversations": turns_of(speakers), "system": "", "tools": ""}
            row |= {"chosen": first, "rejected": second}
            takes = llama_factory_takes_pair(speakers, chosen, rejected)
            if is_taken("llamafactory-preference", row) != takes:
                wrong.append((speakers, chosen, rejected))
    assert wrong == []


def chat(**call):
    """A conversation with a call whose function has these keys, and tools beside it."""
    function = {"name": "bus_at", **call}
    return [
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": function}]},
        {"role": "tool", "content": "At nine."},
        {"role": "assistant", "content": "At nine."},
    ]


PLAIN = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Yes?"}]
TOOL = {"type": "function", "function": {"name": "bus_at", "parameters": "{}"}}
ROWS = {
    "a chat": {"messages": PLAIN},
    "a trained turn": {"messages": [*PLAIN[:1], {**PLAIN[1], "training": False}]},
    "arguments as text": {"messages": chat(arguments='{"stop": "Mill"}'), "tools": [TOOL]},
    "arguments as an object": {"messages": chat(arguments={"stop": "Mill"})},
    "no arguments": {"messages": chat()},
    "arguments that are no JSON": {"messages": chat(arguments="{stop: Mill}")},
    "no messages": {"text": "Hi."},
    "messages are null": {"messages": None},
    "messages are empty": {"messages": []},
    "messages are an object": {"messages": {"role": "user", "content": "Hi."}},
    "a turn is a text": {"messages": ["Hi.", "Yes?"]},
    "tools are an object": {"messages": PLAIN, "tools": {"bus_at": {}}},
    "tools are no JSON": {"messages": PLAIN, "tools": "[bus_at]"},
    "tools are the text of a list": {"messages": PLAIN, "tools": json.dumps([TOOL])},
    "parameters are no JSON": {
        "messages": PLAIN,
        "tools": [{**TOOL, "function": {"name": "bus_at", "parameters": "{stop"}}],
    },
}


def axolotl_reads(row):
    """The rule of `type: chat_template`: turns in a list; each JSON text in calls and tools is JSON."""
    turns, tools = row.get("messages"), row.get("tools")
    if not isinstance(turns, list) or not turns or not all(isinstance(t, dict) for t in turns):
        return False
    calls = (call for turn in turns for call in turn.get("tool_calls") or ())
    texts = [call["function"].get("arguments") for call in calls]
    if isinstance(tools, str):
        texts.append(tools)
        tools = json.loads(tools) if is_json(tools) else []
    if not isinstance(tools, list | None):
        return False
    texts += [tool["function"].get("parameters") for tool in tools or ()]
    return all(is_json(text) for text in texts if isinstance(text, str))


def is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", ROWS)
def test_axolotl_stops_at_the_rows_that_the_checker_refuses(name):
    assert is_taken("axolotl", ROWS[name]) == axolotl_reads(ROWS[name])

"""Tokens of whole conversations by a chat template, and what a context length cuts."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from curation import Project
from curation.chat.tokens import _places, as_delivered, load_tokenizer
from curation.engine.batches import Batch, run_batch
from curation.errors import CurationError
from curation.looking.context import Contexts, Cut, grouped
from curation.registry import operation
from curation.settings import read_about
from tests.conftest import make_dataset
from tests.tiny_lm import MARKED, PLAIN, byte_tokenizer

TOOLED = (
    "{% if tools %}<tools>{{ tools | tojson }}</tools>{% endif %}"
    "{% for m in messages %}<{{ m['role'] }}>"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] }}"
    "{% for c in m.tool_calls or [] %}<call>{{ c.function.name }} "
    "{{ c.function.arguments | tojson }}</call>{% endfor %}<|end|>{% endgeneration %}"
    "{% else %}{{ m['content'] }}<|end|>{% endif %}{% endfor %}"
)
"""A chat template with tools, calls and generation marks."""

TOOLS = [{"type": "function", "function": {"name": "tide", "parameters": {"type": "object"}}}]
CALL = {"type": "function", "function": {"name": "tide", "arguments": {"port": "Brest"}}}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Template → folder of a tokenizer of bytes with that template."""
    home = tmp_path_factory.mktemp("tokenizers")
    for name, template in (("plain", PLAIN), ("marked", MARKED), ("tooled", TOOLED), ("bare", "")):
        byte_tokenizer(template).save_pretrained(home / name)
    return home


def chats(*conversations, tools=""):
    """A frame with the columns that the step reads."""
    rows = make_dataset([(f"{n}", "x") for n in range(len(conversations))]).rows
    texts = [orjson.dumps(list(turns)).decode() for turns in conversations]
    return rows.assign(messages=texts, tools=tools)


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def measured(rows, folder):
    params = operation("chat_tokens").check({"tokenizer": str(folder)})
    return run_batch(Batch("chat_tokens", params, rows))


def test_tokens_are_those_of_apply_chat_template_with_tools_and_calls(folders):
    turns = [
        {"role": "system", "content": "Be brief."},
        user("High tide at Brest?"),
        assistant(None, tool_calls=[CALL]),
        {"role": "tool", "content": "06:12", "name": "tide"},
        assistant("At 06:12. 满潮 🌊"),
    ]
    rows = chats(turns, tools=json.dumps(TOOLS))
    answer = measured(rows, folders / "tooled").iloc[0]
    delivered, tools = as_delivered(turns, TOOLS)
    tokenizer = byte_tokenizer(TOOLED)
    whole = tokenizer.apply_chat_template(
        delivered, tools=tools, return_dict=True, return_assistant_tokens_mask=True
    )
    assert answer["tokens"] == len(whole["input_ids"])
    assert answer["answer_tokens"] == sum(whole["assistant_masks"])
    places = [tuple(map(int, span.split("-"))) for span in answer["answer_places"].split()]
    mask = np.zeros(len(whole["input_ids"]), dtype=int)
    for first, last in places:
        mask[first : last + 1] = 1
    assert mask.tolist() == whole["assistant_masks"] and len(places) == 2
    bare = measured(rows.assign(tools=""), folders / "tooled").iloc[0]
    assert answer["tokens"] - bare["tokens"] == len(f"<tools>{json.dumps(TOOLS)}</tools>")


def test_calls_stored_as_json_text_are_counted_as_objects(folders):
    turns = [user("Tide?"), assistant(None, tool_calls=[CALL])]
    stored = [user("Tide?"), assistant(None, tool_calls=json.dumps([CALL]))]
    one, two = measured(chats(turns, stored), folders / "tooled").to_numpy().tolist()
    assert one == two and one[1] == len('<call>tide {"port": "Brest"}</call>') + 1


def test_without_marks_an_answer_is_what_follows_the_prompt_of_the_model(folders):
    rows = chats([user("Hi?"), assistant("Yo"), user("And?"), assistant("No — 不")])
    plain, marked = (measured(rows, folders / name).iloc[0] for name in ("plain", "marked"))
    assert plain.to_dict() == marked.to_dict()
    assert plain["answer_places"].split()[0] == "22-24"  # "Yo" and the token that ends the turn


def test_a_label_is_the_answer_and_a_text_without_answer_has_none(folders):
    rows = make_dataset([("It rained.", ""), ("Why?", "")], ["weather", None]).rows
    answers = measured(rows, folders / "marked")["answer_tokens"].tolist()
    assert answers[0] == len("weather") + 1
    assert answers[1] <= 1


def test_a_tokenizer_without_a_template_gets_a_plain_one_and_says_so(folders):
    rows = chats([user("Hi?"), assistant("Yo")])
    step, params = operation("chat_tokens"), {"tokenizer": str(folders / "bare")}
    frame = measured(rows, folders / "bare")
    assert frame["tokens"].iloc[0] == len("User: Hi?\nAssistant: Yo\n") + 1  # <|end|> is one token
    (note,) = step.notes(params, rows, frame)
    assert "a plain template" in note
    (own,) = step.notes({"tokenizer": str(folders / "plain")}, rows, frame)
    assert "its chat template" in own
    assert step.run(rows)["tokens"].iloc[0] > 4, "the bundled one counts too"


def test_a_conversation_that_the_template_refuses_has_no_count_and_is_named(tmp_path):
    strict = "{% if messages | length > 2 %}{{ raise_exception('one turn only') }}{% endif %}"
    byte_tokenizer(strict + PLAIN).save_pretrained(tmp_path)
    rows = chats(
        [user("a"), assistant("b")], [user("a"), assistant("b"), user("c"), assistant("d")]
    )
    frame = measured(rows, tmp_path)
    assert frame["tokens"].isna().tolist() == [False, True]
    notes = operation("chat_tokens").notes({"tokenizer": str(tmp_path)}, rows, frame)
    assert "1 examples have no count" in notes[1] and "one turn only" in notes[1]
    assert Contexts.of(rows.join(frame)).uncounted == 1


def test_a_template_that_hides_where_answers_begin_gives_tokens_and_a_note(tmp_path):
    hiding = PLAIN.replace("<assistant>{% endif %}", "<bot>{% endif %}")
    byte_tokenizer(hiding).save_pretrained(tmp_path)
    rows = chats([user("a"), assistant("b")])
    frame = measured(rows, tmp_path)
    assert frame["tokens"].notna().all() and frame["answer_tokens"].isna().all()
    notes = operation("chat_tokens").notes({"tokenizer": str(tmp_path)}, rows, frame)
    assert "does not show where the answers of 1 examples begin" in notes[1]


def test_a_template_cannot_reach_out_of_its_sandbox(tmp_path):
    attack = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    byte_tokenizer(attack + PLAIN).save_pretrained(tmp_path)
    frame = measured(chats([user("a"), assistant("b")]), tmp_path)
    assert frame["tokens"].isna().all()
    assert (
        "unsafe"
        in next(load_tokenizer(str(tmp_path)).counts([as_delivered([user("a")], None)])).refusal
    )


@pytest.mark.parametrize("name", ["/nowhere/at/all", "no such\nname"])
def test_a_tokenizer_that_is_missing_is_a_sentence(name, monkeypatch):
    monkeypatch.setattr("curation.chat.tokens.hub_answers", lambda: False)
    with pytest.raises(CurationError, match="The tokenizer"):
        load_tokenizer(name)


def test_other_files_of_a_tokenizer_make_other_counts(tmp_path):
    depends = operation("chat_tokens").depends_on
    byte_tokenizer(PLAIN).save_pretrained(tmp_path)
    before = depends({"tokenizer": str(tmp_path)}, None)
    byte_tokenizer(MARKED).save_pretrained(tmp_path)
    assert before and depends({"tokenizer": str(tmp_path)}, None) != before


@pytest.mark.parametrize(
    "span, tokens", [((0, 2), (0, 2)), ((1, 2), (1, 2)), ((1, 3), (1, 3)), ((3, 8), (3, 4))]
)
def test_a_span_of_characters_is_the_tokens_that_it_overlaps(span, tokens):
    assert _places([(0, 1), (1, 2), (2, 3), (3, 8), (8, 9)], [span]) == (tokens,)


# What a context length cuts.

PLACES = [[(2, 5)], [(2, 4), (8, 12)], [(6, 10)], []]
TOKENS = np.array([6, 12, 10, 3])


def brute(length):
    """The tokens of answers at or beyond a length, counted one by one."""
    return sum(t >= length for spans in PLACES for a, b in spans for t in range(a, b))


@pytest.mark.parametrize("length", [1, 3, 5, 6, 9, 10, 12, 99])
def test_lost_tokens_are_those_beyond_the_context(length):
    cut = Contexts.from_counts(TOKENS, PLACES, 4).cut(length)
    assert cut.lost == brute(length) and cut.answer_tokens == brute(0)
    assert cut.cut == (length < TOKENS).sum()
    whole = [not spans or any(a < length for a, _ in spans) for spans in PLACES]
    assert cut.emptied == whole.count(False)
    assert (cut.cut == 0) == ("All 4 examples fit" in cut.sentence)


def test_the_loss_of_groups_adds_up_and_the_greatest_stands_first():
    contexts = Contexts.from_counts(TOKENS, PLACES, 4)
    table = contexts.by(pd.Series(["a", "b", "b", None]), 5)
    assert list(table.index) == ["b", "a"] and table["lost"].tolist() == [8, 0]
    assert table["lost"].sum() == contexts.cut(5).lost
    bars = contexts.histogram()
    assert sum(rows for *_, rows in bars) == 4 and bars[0][0] <= 3 and bars[-1][1] > 12
    assert contexts.lengths() == {"least": 3, "median": 10, "p95": 12, "most": 12, "total": 31}


def test_columns_of_the_step_are_read_back(folders):
    rows = chats([user("Hi?"), assistant("Yo")], [user("Hi?"), assistant("Yo"), user("x")])
    table = rows.join(measured(rows, folders / "marked"))
    assert Contexts.of(rows) is None
    cut = Contexts.of(table).cut(24)
    assert cut == Cut(24, rows=2, cut=2, emptied=0, answer_tokens=6, lost=2)
    assert grouped(table)["conversation"].tolist() == ["one question", "several turns"]


# The page's sections.


def draw_sections(path):
    """The script of a page with the sections of this theme."""
    from curation import Project
    from curation.ui import about, context, delivery_check

    opened = Project.open(path)
    view = opened.view()
    context.draw(opened, view)
    delivery_check.draw(opened, view)
    about.draw(opened)


@pytest.fixture
def small(tmp_path):
    rows = [{"messages": [user(f"Hi {n}?"), assistant("Yo " * 99 * n)]} for n in range(8)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    created = Project.create(tmp_path / "p")
    created.add(tmp_path / "rows.jsonl")
    created.run()
    return created


@pytest.mark.usefixtures("main_module")
def test_the_page_counts_tokens_checks_and_keeps_what_people_state(small, folders):
    app = AppTest.from_function(draw_sections, args=(str(small.path),), default_timeout=60).run()
    app.text_input(key="context-tokenizer").set_value(str(folders / "plain")).run()
    next(b for b in app.button if "Count tokens" in b.label).click().run()
    assert small.recipe.to_yaml().count("chat_tokens") == 1
    small.run()
    app.run()
    app.select_slider(key="context-length").set_value(512).run()
    assert "512 tokens cut 6 of 8 examples" in app.warning[0].value
    by_label = {field.label: field for field in app.text_input}
    by_label["Purpose"].set_value("Teach *fjords*.")
    by_label["Licence"].set_value("MIT")
    next(b for b in app.button if "Keep" in b.label).click().run()
    assert not app.exception
    assert read_about(small.path) == {"purpose": "Teach *fjords*.", "licence": "mit"}

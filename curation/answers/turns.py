"""Answers in which another turn follows, or in which thinking and answer run together."""

from __future__ import annotations

import re

from curation.answers.rule import Pair, Rule

_INSTRUCTION = re.compile(
    r"^[ \t#/]{0,12}(?:\d{1,4}\.[ \t]{0,3})?(?:instruction|指令)[ \t]{0,3}\d{0,4}[ \t]{0,3}[:：]|"
    r"^[ \t]{0,3}#{2,6} ?(?:instruction|response|指令|回答)[ \t]{0,3}[:：]?[ \t]*$|"
    r"^[ \t]{0,3}#{2,6} ?response[ \t]{0,3}[:：]|"
    r"^task: [^\n]{1,300}\ninput: [^\n]{1,300}\noutput: ",
    re.IGNORECASE | re.MULTILINE,
)
_BEGIN, _END = r"^[ \t#*\[【<]{0,6}", r"[\]】>]?\**[ \t]?[:：]|"
_ASKS = r"(?:human|user(?: prompt)?|usr|question|q|prompt|query|用户(?:提问|输入)?|人类|问题?|提问)"
_ANSWERS = (
    r"(?:assistant|ai|bot|chatgpt|gpt|model(?: output)?|completion|answer|a|助手|助理|答案?|回答|回复|"
    r"模型(?:回答|输出|回复)?)"
)
_ASKED_AGAIN = re.compile(
    rf"{_BEGIN}{_ASKS}{_END}^[【\[]用户[】\]]|^user$", re.IGNORECASE | re.MULTILINE
)
_ANSWERED_AGAIN = re.compile(
    rf"{_BEGIN}{_ANSWERS}{_END}^[【\[]助手[】\]]|^assistant$", re.IGNORECASE | re.MULTILINE
)
_TURNS = (
    (_ASKED_AGAIN, _ANSWERED_AGAIN),
    (
        re.compile(r"^<(?:user|human)>", re.IGNORECASE | re.MULTILINE),
        re.compile(r"^<assistant>", re.IGNORECASE | re.MULTILINE),
    ),
)
"""Beginnings of the lines of a question and of its answer: a name, or a tag."""
_HUMAN = re.compile(r"\n\s{0,4}\n[ \t#]{0,4}Human: ?\S")
"""A turn of Anthropic's old template; nobody else writes so."""
_ASKS_DIALOGUE = re.compile(
    r"\b(?:dialog|conversation|chat|script|transcript|interview|scene|play|exchange|discussion|bot|quiz|riddle|"
    r"questions?|q ?& ?a|faqs?|trivia|user|human|assistant|prompt|example|joke|flash ?cards?|template|instructions?)|"
    r"对话|聊天|剧本|会话|问答|问题|测验|谜|指令|采访|笑话|题",
    re.IGNORECASE,
)
_QUESTIONS = re.compile(rf"{_BEGIN}(?:question|q|问题?){_END.rstrip('|')}", re.IGNORECASE)
"""The beginning of an answer that is written as questions and answers from its first line on."""
_LEGEND = re.compile(
    r"^[ \t*•-]{0,6}[Qq] ?[:：] ?[a-z][^\n?？]{0,30}\n(?:[^\n]{0,60}\n){0,3}?"
    r"[ \t*•-]{0,6}[Aa] ?[:：] ?[a-z][^\n]{0,30}$",
    re.MULTILINE,
)
"""Lines that say what the letters Q and A stand for, as below a formula."""
_THOUGHTS = re.compile(r"</?think(?:ing)?>", re.IGNORECASE)


def is_merged(pair: Pair) -> bool:
    """Tell whether another instruction or another speaker's turn follows inside of an answer.

    The same holds for thinking that is opened and not closed, or closed and not opened. A prompt that
    asks for a dialogue, a quiz or a transcript gets one. An answer that explains by questions and
    answers from its first line on, or says what the letters Q and A stand for, is whole.
    """
    answer = pair.response.strip()
    if "think" in answer[:20].lower() or "</think" in answer.lower():
        if _thoughts_open(answer) and "<think" not in pair.prompt.lower():
            return True
    if _INSTRUCTION.search(answer, 1) and not _INSTRUCTION.search(pair.prompt):
        return True
    if _ASKS_DIALOGUE.search(pair.prompt):
        return False
    if _HUMAN.search(answer):
        return True
    if _QUESTIONS.match(answer) or _LEGEND.search(answer):
        return False
    return any(
        (question := asks.search(answer, 1)) and answers.search(answer, question.end())
        for asks, answers in _TURNS
    )


def _thoughts_open(answer: str) -> bool:
    """Whether the tags of thinking do not come in pairs."""
    tags = [tag.group().startswith("</") for tag in _THOUGHTS.finditer(answer)]
    return bool(tags) and tags != [False, True] * (len(tags) // 2)


RULE = Rule(
    "merged_instructions",
    "another turn, or thinking that is not closed, stands inside the answer",
    is_merged,
    named=39,
    read=39,
    right=39,
)

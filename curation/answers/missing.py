"""Answers that are missing: nothing, or a placeholder, stands in their place."""

from __future__ import annotations

import re

from curation.answers.rule import Pair, Rule

_WORDS = set(
    "n/a|na|tbd|tba|tbc|todo|null|nil|nan|undefined|not applicable|not available|not provided|no answer|"
    "no answer provided|no answer given|no response|no response provided|no output|nooutput|no input|noinput|"
    "no data|no content|no result|coming soon|to be completed|to be determined|to be added|to be filled|"
    "under construction|answer|answer here|response|output|placeholder|placeholder text|blank|redacted|xxx|"
    "your answer|your answer here|your response here|answer goes here|response goes here|text goes here|k. a|"
    "sin respuesta|keine antwort|pas de réponse|"
    "无|暂无|略|空|待补充|待定|待填写|待完善|不适用|没有答案|无答案|没有回答|无回答|暂无回答|暂无答案|无内容|无输入|没有输入|"
    "无输出|没有输出|未提供|暂缺|空白|请填写|答案|输出|回答|回复|此处填写答案|在此输入回答|未知答案|なし|該当なし|없음".split(
        "|"
    )
)
"""Whole answers that say nothing, in small letters without brackets and end signs."""
_NOTHING = re.compile(
    r"(?:no|without) (?:answer|response|output|input|data|content|text|result)s?(?: (?:yet|here|available|provided|"
    r"given|found))?|nothing to (?:output|show|display|report)|n\.a|fixme|see above|"
    r"not (?:yet )?(?:given|provided|available|applicable|specified|entered|filled in|answered)|"
    r"(?:the )?(?:answer|response|output|text|content)s?:? (?:is |are )?(?:tb[adc]|pending|missing|omitted|to follow|"
    r"to come|goes here|here|not available)|(?:to be|will be) (?:filled in|completed|added|determined|provided|written)"
    r"(?: later)?|(?:暂时|暂|目前|此处|这里|本题)?(?:没有|无|缺少|缺)(?:答案|回答|内容|输出|输入|数据|回复)|"
    r"(?:此处|这里|答案|内容|回答|以下|其余)(?:省略|从略|略|待补充|待填|缺失|为空)|待(?:填|定|补充|填写|完善|更新|续)",
)
"""Whole answers that say that nothing stands there, in small letters without brackets and end signs."""
_NOTHINGS = {"无", "空"}
"""Empty answers in Chinese that may be right where the prompt asks whether, or which, there is."""
_VALUES = set("n/a|na|tbd|tba|tbc|todo|null|nil|nan|undefined|blank|xxx|无|略|空|空白".split("|"))
"""Empty answers that may be right where the prompt asks for a word or a value."""
_NONE = {"none", "nothing", "empty"}
"""Whole answers that are right where nothing is what was asked for, as of an empty set."""
_TO_FILL = re.compile(
    r"[\[({<【（「]{1,2} ?(?:insert|your|enter|write|type|add|put|fill|please|此处|在此|这里|"
    r"请)[^\])}>】）」\n]{0,60}[\])}>】）」]{1,2}|"
    r"(?:please )?(?:insert|enter|write|type|add|put) (?:your |the )?(?:answer|response|text|output|content|"
    r"reply)(?: here)?|"
    r"\{\{? ?\w{1,30} ?\}?\}|#n/?a|#ref|#value|#name\??|#null",
    re.IGNORECASE,
)
_SIGNS_ONLY = re.compile(r"[\s.…。·•\-–—_*?？!！~、,，]+")
_TAG = re.compile(
    r"<\s{0,3}no[ _-]{0,3}(?:in|out)put\s{0,3}>|\bno(?:in|out)put\b|[<＜](?:无|没有)(?:输入|输出)[>＞]",
    re.IGNORECASE,
)
_PLACEHOLDER_INPUT = re.compile(
    r"\n[ \t]{0,9}\r?\n\s{0,20}(?:<\s{0,3}no[ _-]{0,3}input\s{0,3}>|no ?input\.?|n/a\.?|none\.?|not applicable\.?|"
    r"[<＜]?(?:无|没有)输入[>＞]?。?|&lt;(?:no ?input|无输入)&gt;)\Z|<\s{0,3}no[ _-]{0,3}input\s{0,3}>",
    re.IGNORECASE,
)
_ASKS_FOR_A_WORD = re.compile(
    r"\b(?:words?|keywords?|terms?|abbreviations?|acronyms?|symbols?|signs?|literals?|values?|stands? for|"
    r"short(?:hand)? for|"
    r"(?:what|which|how)\b[^.?!\n]{0,80}\bcalled|constant|classify|category|categori[sz]e|label|"
    r"punctuation|operator|output of|return(?:s|ed)?|"
    r"evaluates?|"
    r"morse|blank|prints?|javascript|python|sql|excel|extract)\b|缩写|关键字|符号|标点|填空|返回|提取|分类",
    re.IGNORECASE,
)
_ASKS_FOR_TEXT = re.compile(
    r"(?:^|[.?!\n] {0,9})(?:please |can you |could you )?(?:"
    r"explain|describe|discuss|compare|why|summari[sz]e|what(?:['’]s| is| are) the (?:\w+ )?differences?|"
    r"how (?:do|does|did|can|could|would|should|to)\b"
    r"(?! (?:(?:i|you|we|one|people) )?(?:write|abbreviate|say|spell|type|denote|express))|"
    r"(?:generate|give|provide|list|write|create|suggest|compose|name|show) (?:me )?"
    r"(?:an example|examples|some|several|a few|two|three|four|five|six|seven|eight|ten|\d{1,3})|"
    r"(?:write|create|compose|generate) an? (?:\w+ ){0,3}"
    r"(?:essay|story|poem|article|paragraph|letter|script|program|function|e-?mail|review|sentence|song))\b|"
    r"解释|描述|讨论|总结|比较|区别|为什么|(?:如何|怎么|怎样)(?![^。？！\n]{0,20}(?:表示|缩写|写|说))",
    re.IGNORECASE,
)
"""Requests for sentences or code, which no single word or sign answers."""
_ASKS_TO_MAKE = re.compile(
    r"(?:please )?(?:(?:write|tell|describe|explain|create|generate|suggest|compose|offer|"
    r"design|make|invent|how|why|devise|summari[sz]e|rewrite|translate)\b|"
    r"(?:name|list|give|provide)(?: me)? (?:an?|one|some|several|two|three|four|five|six|seven|eight|ten|\d{1,3})\b)",
    re.IGNORECASE,
)
_MAY_BE_NONE = re.compile(
    r"\b(?:any|if|whether|none|no|not|errors?|mistakes?|missing|difference|both|either|exceptions?|side effects?|"
    r"remain\w*|left|common|intersection|outputs?|results?|empty)\b|是否|有没有|有无|吗|哪些|交集|剩",
    re.IGNORECASE,
)
_BRACKETS = "[](){}<>【】（）「」“”\"'`*_#|:：;.。!！ \n\t"


def is_placeholder(pair: Pair) -> bool:
    """Tell whether a placeholder (N/A, TBD, [Your answer here], Lorem ipsum, 无) is the whole answer.

    The same holds for a placeholder that stands for the prompt's input (<noinput>). It is none where
    the prompt names that word, or asks for a word, value, symbol or label and not for sentences.
    """
    if _PLACEHOLDER_INPUT.search(pair.prompt.rstrip()[-400:]):
        return True
    answer, prompt = pair.response.strip(), pair.prompt.casefold()
    if answer[:11].casefold() == "lorem ipsum":
        return "lorem" not in prompt
    if not answer or len(answer) > 200:
        return False
    if _TAG.search(answer):
        return True
    asks_for_a_word = bool(_ASKS_FOR_A_WORD.search(prompt) and not _ASKS_FOR_TEXT.search(prompt))
    if _TO_FILL.fullmatch(answer.rstrip(".。!！ ")):
        return answer.casefold() not in prompt
    if _SIGNS_ONLY.fullmatch(answer):
        return not asks_for_a_word
    bare = answer.casefold().strip(_BRACKETS)
    if bare in _WORDS or _said_missing(bare) or answer.casefold() == "k.a.":
        if bare in _NOTHINGS and _MAY_BE_NONE.search(prompt):
            return False
        return bare not in prompt and not (bare in _VALUES and asks_for_a_word)
    return bool(
        bare in _NONE and _ASKS_TO_MAKE.match(prompt.strip()) and not _MAY_BE_NONE.search(prompt)
    )


def _said_missing(bare: str) -> bool:
    """Whether an answer without brackets and end signs says that nothing stands there."""
    return _NOTHING.fullmatch(bare.strip("-–— ")) is not None


def is_empty(pair: Pair) -> bool:
    """Tell whether an answer holds nothing but white space. A call of a tool is an answer."""
    return not pair.response.strip()


EMPTY = Rule("empty_answer", "the answer is empty", is_empty, named=34, read=34, right=34)
PLACEHOLDER = Rule(
    "placeholder_answer",
    "a placeholder stands for the answer or the input",
    is_placeholder,
    named=808,
    read=50,
    right=50,
)

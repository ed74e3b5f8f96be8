"""Rules for answers: what is wrong with one, each rule a function of prompt and response.

A rule may look at what the prompt asks for: an answer that is right because of it is not wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from curation import personal
from curation.text.folding import one_line, plain_quotes
from curation.text.markup import prose
from curation.text.scripts import is_han
from curation.text.tokens import token_in
from curation.text.web import ABOUT_ENCODING, ABOUT_HTML, ENTITY, has_tags
from curation.text.words import words, words_and_signs

# --- nothing, or something that stands for it -----------------------------------------------

_PLACEHOLDER = re.compile(
    r"<\s{0,3}no[ _-]{0,3}(?:in|out)put\s{0,3}>|no ?(?:in|out)put\.?|n/?a\.?|"
    r"null|nil|todo\.?|tbd\.?|\.{2,}|…|-+|"
    r"not applicable\.?|placeholder|\[(?:insert|your) [^\]\n]{0,60}\]|无|暂无|略|k\. ?a\.|output:?|answer:?|response:?",
    re.IGNORECASE,
)
_NONE = re.compile(r"none\.?|nothing\.?", re.IGNORECASE)
_NO_INPUT = re.compile(
    r"<\s{0,3}no[ _-]{0,3}(?:in|out)put\s{0,3}>|\bno(?:in|out)put\b", re.IGNORECASE
)
_PLACEHOLDER_INPUT = re.compile(
    r"\n[ \t]{0,9}\r?\n\s{0,20}(?:<\s{0,3}no[ _-]{0,3}input\s{0,3}>|no ?input\.?|n/a\.?|none\.?|not applicable\.?)\Z|"
    r"<\s{0,3}no[ _-]{0,3}input\s{0,3}>",
    re.IGNORECASE,
)
_ASKS_FOR_A_WORD = re.compile(
    r"\b(?:words?|keywords?|terms?|abbreviations?|acronyms?|symbols?|literals?|values?|stands? for|short(?:hand)? for|"
    r"called|constant|classify|category|label|sign|punctuation)\b|缩写|关键字|符号",
    re.IGNORECASE,
)
_ASKS_TO_MAKE = re.compile(
    r"\s{0,9}(?:please )?(?:name|write|tell|describe|explain|create|generate|suggest|compose|"
    r"design|give me|make|invent)\b",
    re.IGNORECASE,
)
_MAY_BE_NONE = re.compile(
    r"\b(?:any|if|whether|none|no|errors?|mistakes?|missing|difference|both|either)\b",
    re.IGNORECASE,
)


def is_placeholder(prompt: str, response: str) -> bool:
    """Whether something stands in place of the answer, or of the prompt's input."""
    if _PLACEHOLDER_INPUT.search(prompt.rstrip()[-400:]):
        return True
    answer = response.strip()
    if not answer or len(answer) > 200:
        return answer[:11].casefold() == "lorem ipsum" and "lorem" not in prompt.casefold()
    if _NO_INPUT.search(answer):
        return True
    if _PLACEHOLDER.fullmatch(answer):
        return not (
            answer.strip(".").casefold() in prompt.casefold() or _ASKS_FOR_A_WORD.search(prompt)
        )
    return bool(
        _NONE.fullmatch(answer) and _ASKS_TO_MAKE.match(prompt) and not _MAY_BE_NONE.search(prompt)
    )


# --- a refusal ------------------------------------------------------------------------------

_CANNOT = r"i(?: am|'m)? (?:can(?:'?t|not)|could ?n[o']t|won't|will not|unable to|not able to|do not|don't)"
_HELP = (
    r"(?:help|assist|provide|answer|fulfill?|comply|complete|do (?:that|this|so)|create|generate|share|discuss|support|"
    r"process|access|browse|open|view|display|offer|engage|respond|recommend|predict|write|"
    r"see (?:the|any|your|that|this) (?:image|picture|photo|attach|link|file|video)|"
    r"have (?:access|the ability|real-?time|enough))"
)
_AI = r"(?:ai|artificial intelligence)(?: language)?(?: (?:model|assistant|chatbot|program|system|bot))?"
_SPEAKS_AS_AI = re.compile(
    rf"\bas an? (?:{_AI}|(?:large )?language model|chatbot|virtual assistant)(?:, ?| )"
    rf"(?:i\b|my\b|it(?:'s| is) (?:not|im))"
    rf"|(?:^|[.!?,] |\n)as an? (?:{_AI}|(?:large )?language model),"
    rf"|\bi(?:'m| am) (?:just |only |merely )?an? (?:{_AI}|(?:large )?language model)"
    r"(?=[,.;!]| (?:and|so|that|without|developed|trained|created|designed)\b|$)"
    r"|\bas of my (?:last|latest|most recent|current|knowledge|training)\b"
    r"|\bmy (?:knowledge|training)(?: data)? cut-?off\b|\bmy training data\b"
    r"|作为(?:一个|一名|一款)?(?:人工智能|AI|大?语言模型)(?:语言模型|助手|助理|程序|系统|模型)?(?=[，,。我])"
    r"|我(?:只|仅仅|只不过)?是(?:一个|一名|一款)?(?:人工智能|AI|语言模型)"
    r"(?:语言模型|助手|助理|程序|系统|模型)?(?=[，,。！、]|$)"
    r"|\bals (?:ki|künstliche intelligenz|(?:großes )?sprachmodell)(?=[, ]+(?:kann|habe|bin|darf|ist|verfüge)\b)"
    r"|\ben tant qu(?:'ia|'intelligence artificielle|e modèle de lang\w{1,6})(?=[, ])"
    r"|\bcomo (?:una )?(?:ia|inteligencia artificial|modelo de lenguaje)(?=[, ]+(?:no|yo|me)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_CANNOT_HELP = re.compile(
    rf"\b(?:sorry|afraid|apologi[sz]e|apologies|unfortunately|regret)\b[^.\n]{{0,60}}?\b{_CANNOT}"
    rf"(?: \w{{1,15}}){{0,2}} {_HELP}\b"
    r"|\A\W{0,3}i (?:can(?:'?t|not)|am unable to|am not able to|won't|will not|am not programmed to) "
    r"(?:help|assist|provide|fulfill?|comply|do that|create|generate|"
    r"answer (?:that|this|your|the question|such))\b"
    r"|(?:抱歉|对不起|不好意思)[，,！!。 ]{0,2}(?:但是?)?我?(?:无法|不能|没办法).{0,8}"
    r"(?:提供|回答|完成|帮|生成|满足|协助|访问|创建|编写|执行|透露|预测|处理)"
    r"|\btut mir (?:sehr )?leid\b[^.\n]{0,50}\bkann ich?\b[^.\n]{0,60}\bnicht (?:\w{1,20} )?"
    r"(?:helfen|beantworten|unterstützen|bereitstellen|erstellen|weiterhelfen|erfüllen)"
    r"|\btut mir (?:sehr )?leid\b[^.\n]{0,30}\bich kann[^.\n]{0,60}\bnicht (?:\w{1,20} )?"
    r"(?:helfen|beantworten|unterstützen|bereitstellen|erstellen|weiterhelfen|erfüllen)"
    r"|\bdésolée?\b[^.\n]{0,30}\bje (?:ne )?(?:peux|suis pas en mesure)[^.\n]{0,40}"
    r"(?:répondre|aider|fournir|créer|générer|accéder|faire cela|assister)"
    r"|\blo siento\b[^.\n]{0,20}\bno puedo[^.\n]{0,40}"
    r"(?:ayud|respond|proporcion|crear|generar|complet|hacer eso|acceder|asist)"
    r"|\bmi dispiace\b[^.\n]{0,20}\bnon posso[^.\n]{0,40}(?:aiut|rispond|fornir|crear)"
    r"|\b(?:desculpe|lamento|sinto muito)\b[^.\n]{0,20}\bnão posso[^.\n]{0,40}(?:ajud|respond|fornec|criar)"
    r"|(?:извините|к сожалению|простите)[^.\n]{0,30}я не могу[^.\n]{0,30}(?:помочь|ответить|предоставить|выполнить)"
    r"|申し訳(?:ありません|ございません)[^\n]{0,30}(?:お答え|お手伝い|提供|対応)[^\n]{0,8}(?:でき|いたしかね)",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED = re.compile(
    r"\"[^\"\n]{1,200}\"|(?<![\w'])'[^'\n]{1,200}'(?!\w)|「[^」\n]{1,200}」|《[^》\n]{1,200}》"
)
_ASKS_WHO = re.compile(
    r"\b(?:ai|artificial intelligence|chatbot|language model|robot|assistant)\b|人工智能|机器人|語言模型|语言模型|"
    r"\b(?:are|do|did|were|have) you\b|"
    r"\b(?:about|made|created|trained|developed|built|designed) you\b|\byourself\b|"
    r"\byour (?:name|favou?rite|opinion|creators?|developers?|training|purpose|hobb|age)|"
    r"\byou (?:can't|cannot|are|were)\b|"
    r"你是|你叫|您是|介绍.{0,4}自己|你的",
    re.IGNORECASE,
)
"""What asks the model about itself; the right answer is that it is one."""
_ASKS_TO_REFUSE = re.compile(
    r"\b(?:apolog|declin|refus|reject|excus|regret|sorry|turn(?:ing)? (?:it |them |him |her )?down)|拒绝|道歉|婉拒",
    re.IGNORECASE,
)


def is_refusal(prompt: str, response: str) -> bool:
    """Whether an answer refuses, or speaks as an AI; what it quotes is not said by it."""
    beginning = plain_quotes(response[:400])
    if not (_SPEAKS_AS_AI.search(beginning) or _CANNOT_HELP.search(beginning)):
        return False
    unquoted = _QUOTED.sub(" ", beginning)
    if len(words(unquoted)) < 3:
        unquoted = beginning
    if _CANNOT_HELP.search(unquoted) and not _ASKS_TO_REFUSE.search(prompt):
        return True
    return bool(_SPEAKS_AS_AI.search(unquoted)) and not _ASKS_WHO.search(prompt)


# --- an answer that ends too early, or too late -----------------------------------------------

_NEVER_LAST = set(
    "the an and or but because your their my our und oder eine einen einem et les des los las el del "
    "который которая и или".split()
)
"""Words that end no sentence in their language, and mean nothing else in others at a line's end."""
_SELDOM_LAST = set("to of with for by as from into than which is are was were a".split())
"""Words that end a sentence only where they belong to a question word or to one that is left out."""
_ASKING = re.compile(
    r"\b(?:which|what|who|whom|whose|where|when|why|how|that|whatever|whoever|something|someone|anything|nothing|"
    r"everything|things?|options?|answer|choice|letter|grade|type|class|group|variant|vitamin|it|they|he|she|you|we|i)\b",
    re.IGNORECASE,
)
_NEVER_LAST_HAN = {
    "和",
    "与",
    "把",
    "被",
    "但",
    "但是",
    "而",
    "而且",
    "因为",
    "以及",
    "或",
    "或者",
    "及",
    "并且",
    "如果",
    "由于",
}
_ITEM = re.compile(r"\s{0,20}(?:[-*•#>|]|\d{1,4}[.)]|[A-Za-z][.)]|[IVX]{1,6}\.)")
_SENTENCE_END = re.compile(
    r"(?<=[^\W\dA-Z_][.!?])\s+|(?<=\d[.!?])\s+|(?<=\s[!?])\s+|(?<=[^A-Za-z0-9\s][。！？])"
)
_SIGNS = re.compile(r"[#@=(){}<>\[\]|\\]|://|www\.|\s[-–—―~]\s")
"""What prose that breaks off seldom holds: hashtags, formulas, links, the name after a quotation."""
_ASKS_A_LINE = re.compile(
    r"\b(?:lines?|poem|verse|stanza|rhyme|lyrics?|haiku|couplet|letter|greeting|salutation|opening|title|sentence)\b|诗|句",
    re.IGNORECASE,
)
"""What may rightly end with a comma."""

_LAST = 2_000
"""Characters of a last line that are looked at."""


def is_truncated(prompt: str, response: str) -> bool:
    """Whether an answer stops in the middle: an open code block, or prose that ends in a sentence."""
    stripped = response.rstrip()
    if stripped.count("```") % 2:
        return True
    last = stripped[-_LAST:].rsplit("\n", 1)[-1].strip()
    if len(words(last)) < 6 or _ITEM.match(last):
        return False
    fragment = _SENTENCE_END.split(last)[-1].strip() or last
    if _dangles(fragment):
        return not (fragment.endswith((",", "，")) and _ASKS_A_LINE.search(prompt))
    capitals = sum(word[0].isupper() for word in fragment.split())
    return (
        fragment != last
        and fragment[-1:].isalpha()
        and len(words(fragment)) >= 6
        and not _SIGNS.search(fragment)
        and 2 * capitals < max(2, len(fragment.split())) + 1  # not a title
    )


def _dangles(sentence: str) -> bool:
    """Whether a sentence ends with a word or sign that cannot be its last."""
    if sentence[-1:] in ",，、（(" and len(words(sentence)) >= 6:
        return True
    if not sentence[-1:].isalpha():
        return False
    if is_han(sentence[-1]):
        return _last_han_word(sentence) in _NEVER_LAST_HAN
    pieces = sentence.split()
    if pieces[-1] in _NEVER_LAST:
        return True
    before = " ".join(pieces[:-1])
    return len(pieces) > 4 and pieces[-1] in _SELDOM_LAST and not _ASKING.search(before)


def _last_han_word(text: str) -> str:
    if text[-1] not in "和与把被但是而且为及者并果于或":
        return ""
    import logging

    import jieba

    jieba.setLogLevel(logging.ERROR)
    return str(list(jieba.cut(text[-20:]))[-1])


def repetition(text: str) -> float:
    """Share of a text that its longest loop takes up; 0 below 20 words.

    A loop is a phrase that follows itself at least twice. A chorus, or a list whose items begin
    alike, is none: what comes between differs.
    """
    start = text[:20_000].lower()
    pieces = [piece for piece in words_and_signs(start) if any(map(str.isalnum, piece))]
    if len(pieces) < 20:
        return 0.0
    last: dict[tuple[str, str, str], int] = {}
    longest = run = period = 0
    for i, gram in enumerate(zip(pieces, pieces[1:], pieces[2:], strict=False)):
        gap = i - last.get(gram, i)
        run = run + 1 if gap and gap == period else 1
        period = gap
        last[gram] = i
        if gap and run + 2 >= 2 * gap:
            longest = max(longest, run + 2 + gap)
    return longest / len(pieces)


_MERGED = re.compile(
    r"^[ \t#/]{0,12}(?:\d{1,4}\.[ \t]{0,3})?(?:instruction|指令)[ \t]{0,3}\d{0,4}[ \t]{0,3}[:：]|"
    r"^[ \t]{0,3}#{2,6} ?response[ \t]{0,3}[:：]",
    re.IGNORECASE | re.MULTILINE,
)
_ASKED_AGAIN = re.compile(
    r"^[ \t#*]{0,6}(?:human|user|question)\b\**[:：]", re.IGNORECASE | re.MULTILINE
)
_ANSWERED_AGAIN = re.compile(
    r"^[ \t#*]{0,6}(?:assistant|ai|bot|chatgpt|gpt)\b\**[:：]", re.IGNORECASE | re.MULTILINE
)
_ASKS_DIALOGUE = re.compile(
    r"\b(?:dialog|conversation|chat|script|transcript|interview|scene|play|exchange|discussion|bot|"
    r"user|human|assistant|prompt|example)|对话|聊天|剧本|会话",
    re.IGNORECASE,
)


def is_merged(prompt: str, response: str) -> bool:
    """Whether another instruction, or somebody else's next turn, follows inside the answer."""
    answer = response.strip()
    if _MERGED.search(answer, 1) and not _MERGED.search(prompt):
        return True
    again = _ASKED_AGAIN.search(answer, 1)
    return bool(
        again and _ANSWERED_AGAIN.search(answer, again.end()) and not _ASKS_DIALOGUE.search(prompt)
    )


_ASKS_TO_REPEAT = re.compile(
    r"\b(?:repeat|copy|correct|proofread|grammar|spell|punctuat|errors?|mistakes?|extract|quote|find|identify|which|"
    r"select|choose|pick|underline|highlight|edit)|改正|纠正|重复|找出|选出|哪",
    re.IGNORECASE,
)


def is_copy(prompt: str, response: str) -> bool:
    """Whether an answer says what the prompt said, to the comma, and nothing else was asked for."""
    asked, answer = (one_line(text.casefold()) for text in (prompt, response))
    return (
        len(answer) >= 0.8 * len(asked)
        and answer in asked
        and len(words(answer)) >= 8
        and (answer == asked or not _ASKS_TO_REPEAT.search(asked.replace(answer, "")))
    )


# --- characters -----------------------------------------------------------------------------

_GARBLED = re.compile(
    "(?<![A-ZÀ-Þ])Ã[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|Ã[\u0080-\u00a1\u00a4\u00a7\u00a9\u00af\u00b1-\u00b6\u00bc-\u00bf]"
    "|â€[™œ\u009d“”˜¢¦\u0080-\u00bf]|(?<![A-ZÀ-Þ])Â[\u00a0-\u00bf]|ï»¿|\ufffd|ðŸ"
    "|[åäæçèé][\u0080-\u009f\u00a1-\u00bf][\u0080-\u00bf]"
)


def is_garbled(prompt: str, response: str) -> bool:
    """Whether prompt or answer holds letters that came from a wrong encoding and talks of none."""
    if prompt.isascii() and response.isascii():
        return False
    return bool(
        (_GARBLED.search(prompt) or _GARBLED.search(response))
        and not ABOUT_ENCODING.search(prompt)
        and not ABOUT_ENCODING.search(response)
    )


_ASKS_MARKUP = re.compile(
    r"\bweb|\breact\b|\bcode\b|\bpython\b|\bscript\b|link|\bbold|italic|underline|highlight|\bfont|"
    r"\bformat|\bstyle|\bcolou?r|\bform\b|\btemplate\b|\bgradient\b|\bembed|\banimat|\bcomponent\b",
    re.IGNORECASE,
)


def has_html(prompt: str, response: str) -> bool:
    """Whether tags or entities were left in the text where nobody asked for any."""
    return any(
        ("<" in text or "&" in text)
        and not ABOUT_HTML.search(text)
        and not ABOUT_HTML.search(prompt)
        and not _ASKS_MARKUP.search(prompt)
        and (has_tags(text) or bool(ENTITY.search(prose(text))))
        for text in (prompt, response)
    )


def has_special_tokens(prompt: str, response: str) -> bool:
    """Whether tokens of a chat template stand in the text."""
    about_html = bool(ABOUT_HTML.search(prompt))
    return any(token_in(text, about_html) for text in (prompt, response))


# --- links ----------------------------------------------------------------------------------

_URL = re.compile(r"https?://\S{1,2000}")
_ABOUT_URL = re.compile(
    r"\bhtml\b|\bbutton\b|\bdomain\b|\bbroken\b|\bhyperlink|\bregex\b|\burl for\b|\bpython\b|\bjava|\bpars(?:e|ing)\b|"
    r"\bcurl\b|\brequests?\b|\bscript\b|\bfunction\b|\bapi\b|\bhost(?:name)?\b|\bquery string\b|\bcode\b|\bscrap",
    re.IGNORECASE,
)
_CONTENT = re.compile(
    r"\b(?:this|the|following|given|below|linked|attached|article|page|site|website|video|link|document|report|"
    r"summar\w{0,8}|read|watch|visit|open|see|look at|according to)\b|文章|网页|链接|视频",
    re.IGNORECASE,
)
_LINKS = 20
"""Links of a prompt that are looked at."""


def points_to_a_page(prompt: str, response: str) -> bool:
    """Whether a prompt asks about a page behind a link, which nobody can open."""
    if "http" not in prompt or _ABOUT_URL.search(_URL.sub(" ", prompt)):
        return False
    for count, url in enumerate(_URL.finditer(prompt)):
        around = (
            prompt[max(0, url.start() - 80) : url.start()].rpartition("\n")[2],
            prompt[url.end() : url.end() + 80].partition("\n")[0],
        )
        if any(_CONTENT.search(_URL.sub(" ", text)) for text in around):
            return True
        if count + 1 >= _LINKS:
            break
    return False


RULES: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "empty_answer": ("the answer is empty", lambda p, r: not r.strip()),
    "placeholder_answer": ("a placeholder stands for the answer or the input", is_placeholder),
    "refusal": ("the answer refuses, or speaks as an AI", is_refusal),
    "truncated_answer": ("the answer stops in the middle", is_truncated),
    "repetition_loop": ("the answer repeats itself", lambda p, r: repetition(r) > 0.3),
    "merged_instructions": ("another instruction follows inside the answer", is_merged),
    "copies_prompt": ("the answer is a copy of the prompt", is_copy),
    "garbled": ("characters are garbled", is_garbled),
    "html": ("HTML was left in the text", has_html),
    "special_tokens": ("chat-template tokens stand in the text", has_special_tokens),
    "unfollowable_url": ("the prompt points to a page that nobody can open", points_to_a_page),
    "personal_data": (
        "an e-mail address, a phone, card, account or identity number, or a key stands in the text",
        lambda p, r: personal.is_personal(p) or personal.is_personal(r),
    ),
}
"""Rule → its sentence, and a function of prompt and response."""

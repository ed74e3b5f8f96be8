"""Answers that refuse, or excuse themselves as a machine's, in eleven languages."""

from __future__ import annotations

import re

from curation.answers.rule import Pair, Rule
from curation.text.folding import plain_quotes
from curation.text.words import words

_BEGINNING = 400
"""Characters of an answer that are read; a refusal stands at the beginning."""
_LONGEST = 130
"""Words of an answer that refuses; a longer one goes on to answer."""

_CANNOT = (
    r"(?:(?:can(?:'?t|not)|could ?n[o']t|won't|will not|would not|do not|don't|should not|"
    r"shouldn't|must not|may not)|(?:am|'m) (?:unable|not (?:able|capable|allowed|permitted|programmed|designed|"
    r"equipped))"
    r"|(?:am|'m) not (?:comfortable|going to)|(?:do not|don't) feel comfortable)"
)
_DOES = (
    r"(?:help|assist|provid|answer|fulfil|compl|do (?:that|this|so)|creat|generat|shar|discuss|support|access|"
    r"brows|open|view|display|offer|engag|respond|recommend|predict|writ|produc|perform|draw|see|read|"
    r"have (?:access|the (?:ability|capabilit|capacity|necessary|data)|real-?time|enough|personal|emotions|feelings|"
    r"opinions|any information|information|"
    r"sufficient|physical|a physical|an? (?:opinion|body))|know|be able to|"
    r"go into|talk about|process)"
)
_SORRY = r"(?:sorry|afraid|apologi[sz]e|apolog(?:y|ies)|unfortunately|regret(?:tably)?|excuse me)"
_AI = (
    r"(?:ai|a\.i\.|artificial intelligence|(?:large )?language model|machine learning model|"
    r"virtual assistant|chatbot|gpt)"
)
_REFUSES = re.compile(
    # an apology, and an "I cannot" behind it
    rf"\b{_SORRY}\b[^.!?\n]{{0,80}}?\bi(?: (?:really|simply|just|also|currently|personally))? ?{_CANNOT}\b"
    rf"[^.!?\n]{{0,30}}?\b{_DOES}"
    rf"|\bregret that i (?:am|'m) unable"
    # an "I cannot" at the very beginning, about the request itself
    rf"|\A\W{{0,3}}(?:(?:oh|well|no|hmm|thank(?:s|"
    rf" you)[^.,\n]{{0,40}}),? (?:but )?)?i ?(?:{_CANNOT}) (?:really |actually |possibly )?(?:to |be able to )?"
    r"(?:help|assist|fulfil|comply|do (?:that|this|so)\b|creat|generat|produce (?:that|this|such)|"
    r"discuss (?:that|this|such)|"
    r"provid(?:e|ing) (?:\w+ ){0,3}(?:response|answer|ways|information|content|advice|instructions|assistance|"
    r"that|this)|"
    r"(?:answer|respond to|engage (?:with|in)|write) (?:that|this|your|the question|such)|have the (?:ability|"
    r"capability))"
    r"|\bi must (?:decline|refuse)|\bi(?:'d| would) rather not(?:[.!]?\Z| (?:answer|discuss|talk|say|"
    r"share|help|write|do|go|speak|give|provide|get|comment|engage|respond)\b)"
    r"|\b(?:have|need) to (?:decline|refuse|turn down|pass on|say no)\b"
    r"|\A[^.!?\n]{0,30}\bi(?:'m| am) (?:really |just |simply )?(?:not |un)comfortable (?:with )?\w+ing\b"
    r"|\A\W{0,3}(?:sorry,? (?:but )?|unfortunately,? )?i (?:have no (?:access|ability|means|way (?:of|to))|"
    r"lack the (?:ability|capabilit|capacity|means))"
    r"|\A\W{0,3}(?:let's|let us|can we|could we|shall we) (?:please )?(?:talk about|discuss|change|move on)"
    r"[^.\n]{0,20}(?:something else|another|different|the (?:subject|topic))"
    r"|\A\W{0,3}for (?:safety|legal|ethical|privacy|security) reasons,? [^.\n]{0,20}(?:can'?t|cannot|won't|will not)"
    r"|\b(?:that|this|it) is(?: not|n't) something (?:that )?i (?:am|'m|can)\b"
    r"|\b(?:outside|beyond) (?:of )?(?:my (?:capabilities|abilities|scope|remit|training)\b|what i(?:'m| am) "
    r"(?:able|allowed|permitted|designed)|what i can\b)"
    r"|\b(?:against|violates?|breach(?:es)?) (?:my|our) (?:\w+ )?(?:guidelines|programming|polic|rules|terms)"
    r"|\A\W{0,3}it (?:would not|is not|isn't|wouldn't) (?:be )?(?:appropriate|ethical|possible|right) for me to\b"
    # a machine that lacks or cannot
    rf"|\b(?:as|being|i(?:'m| am)(?: (?:just|only|merely|simply))?) an? (?:[\w-]+ ){{0,2}}{_AI}\b[^.!?\n]{{0,60}}"
    r"(?:\bi(?: am|'m)? ?(?:do not|don't|cannot|can't|can not|lack|unable|not|have no|won't|will not|must)\b"
    r"|\bnot something i\b"
    r"|\b(?:and|so) (?:do not|don't|cannot|can't|am not|unable|i)\b|\bunable to\b|\bnot (?:able|possible|within)\b)"
    r"|\bit's not within my programming\b|\A[^.\n]{0,20}\bnot a conversation i can have\b"
    r"|\bmy (?:guidelines|programming|policies) (?:prevents?|prohibits?|forbids?) me\b"
    r"|\bas of my (?:last|latest|most recent|current|knowledge|training)\b"
    r"|\bmy (?:knowledge|training)(?: data)? (?:cut-?off|ends|stops|only (?:goes|extends|reaches))\b"
    r"|\bwhich an? (?:ai|language model) cannot do\b|\bgpt models are not designed\b",
    re.IGNORECASE,
)
_REFUSES_CHINESE = re.compile(
    r"(?:抱歉|对不起|不好意思|很遗憾|十分遗憾|请原谅|恕)[^。！？\n]{0,40}?"
    r"(?:无法|不能|没法|没办法|没有办法|没有足够|没有能力|不便|不可以|不了|还没学习|不方便|拒绝)"
    r"|(?:(?<![你您])作为|由于我是|我(?:只|仅仅|只不过)?是)(?:一个|一名|一款|一位|个|名)?(?:负责任的)?"
    r"(?:AI|人工智能|大?语言模型|文本模型|聊天机器人|虚拟助手)[^。！？\n]{0,24}?"
    r"(?:无法|不能|没法|没有|不具备|并不|不会|不可以|并没有)"
    r"|\A\W{0,3}(?:你好，|您好，)?我(?:暂时|目前|现在)?(?:无法|不能|没办法|不便)(?:回答|提供|给到|完成|满足|帮|"
    r"协助|处理|执行|参与|讨论)"
    r"|\A[^。！？，\n]{0,8}我?(?:帮不了|回答不了|无能为力|爱莫能助)|\A\W{0,3}(?:我们)?换(?:个|一个)话题"
    r"|\A\W{0,3}我(?:没有联网|不能联网|无法联网|不具备[^。\n]{0,16}(?:功能|能力)|(?:必须|只能|不得不)?拒绝回答)"
    r"|\A\W{0,3}我没有权限(?:回答|提供|讨论)|超出了?我的(?:能力|知识|权限)|\A\W{0,3}出于(?:安全|隐私|道德|法律)[^。\n]{0,10}(?:不会|不能|无法|不便)"
    r"|\A\W{0,3}(?:根据|按照|由于)[^。\n]{0,12}(?:政策|规定|法规|准则)[^。\n]{0,12}(?:无法|不能|不予)(?:展示|显示|提供|回答)"
    r"|我不便(?:回答|透露|讨论)|(?:涉及敏感|违反了?(?:使用)?(?:规定|政策|准则))[^\n]{0,20}(?:不便|不能|无法)",
    re.IGNORECASE,
)
_REFUSES_ELSEWHERE = re.compile(
    # Spanish and Portuguese
    r"\b(?:lo siento|lamento|disculp\w{1,4}|desculp\w{1,4}|perdón?|me temo|sinto muito|infelizmente|lamentablemente|"
    r"desafortunadamente)\b[^.\n]{0,30}\b(?:no|não) (?:puedo|posso|pod(?:er|ría)|consigo|estoy|estou|sou capaz|"
    r"soy capaz|tengo|tenho)\b"
    r"|\blamento (?:no|não) poder\b|\A\W{0,3}(?:no|não) me (?:es|é|resulta) (?:posible|possível)\b"
    r"|\b(?:al|por) ser (?:um |uma |un |una )?(?:ia|intelig[eê]ncia artificial|modelo de l[ie]ngua\w+)\b[^.\n]{0,30}"
    r"\b(?:no|não|carezco)\b"
    r"|\bcomo (?:um |uma |un |una )?(?:ia|inteligencia artificial|inteligência artificial|"
    r"modelo de l[ie]ngua\w+)\b[^.\n]{0,30}"
    r"\b(?:no|não)\b"
    # German
    r"|\b(?:tut mir (?:sehr )?leid|leider|entschuldigung|bedauere?)\b[^.\n]{0,60}\bkann ich\b[^.\n]{0,60}\bnicht\b"
    r"|\b(?:tut mir (?:sehr )?leid|leider|entschuldigung|"
    r"bedauere?)\b[^.\n]{0,40}\bich kann\b[^.\n]{0,60}\b(?:nicht|kein\w*)\b"
    r"|\btut mir (?:sehr )?leid\b[^.\n]{0,10}\bdas kann ich nicht\b"
    r"|\A\W{0,3}(?:ich kann|da(?:zu|bei|rauf) kann ich)\b[^.\n]{0,50}\bleider nichts?\b"
    r"|\bals (?:eine? )?(?:ki|künstliche intelligenz|"
    r"(?:großes )?sprachmodell)\b\S{0,20}[, ]+[^.\n]{0,30}\b(?:keine?n?|nicht)\b"
    # French and Italian
    r"|\b(?:désolée?|m'excuse|malheureusement|regrette|navrée?)\b[^.\n]{0,30}\b(?:je (?:ne )?(?:peux|"
    r"suis)[^.\n]{0,12}\bpas\b|"
    r"il m'est impossible|je ne suis pas)"
    r"|\A\W{0,3}il ne m'est pas possible\b|\bétant (?:une? )(?:ia|intelligence artificielle|modèle de lang\w{1,6})\b"
    r"[^.\n]{0,30}\b(?:pas|aucune?)\b"
    r"|\ben tant qu(?:'ia|'intelligence artificielle|e modèle de lang\w{1,6})\b[^.\n]{0,30}\b(?:pas|aucune?)\b"
    r"|\bmi dispiace\b[^.\n]{0,20}\bnon (?:posso|sono)\b"
    # Russian
    r"|(?:извините|прошу прощения|простите|к сожалению)[^.\n]{0,30}\bя не (?:могу|в состоянии|имею)"
    r"|\A\W{0,3}я не могу (?:создавать|помочь|ответить|выполнить|предоставить)"
    r"|\A\W{0,3}я не вправе\b"
    r"|\b(?:как|будучи) (?:языков\w{2,3} модел\w{1,2}|искусственн\w{2,3} интеллект\w{0,2}|ии)\b[^.\n]{0,20}\bне\b"
    # Japanese and Korean
    r"|(?:申し訳(?:ありません|ございません|ない)|すみません|恐れ入りますが|ごめんなさい|恐縮です)[^\n]{0,40}?"
    r"(?:できません|できかねます|いたしかねます|しかねます|対応でき|お答えでき)"
    r"|\A[^。\n]{0,20}お答え(?:しかねます|できません|できかねます)"
    r"|(?:AI|言語モデル|人工知能)[^。\n]{0,8}(?:として|なので|ですので)[^。\n]{0,24}(?:ありません|できません|"
    r"持って(?:い)?ません)"
    r"|(?:죄송(?:하지만|합니다)|미안하지만|유감스럽게도)[^\n]{0,40}(?:없습니다|없어요|어렵습니다|못합니다)"
    r"|\A[^.\n]{0,20}(?:답|도와)(?:변)?(?:해)? ?드리기 (?:어렵|힘들)"
    r"|(?:AI|인공지능|언어 모델)[^.\n]{0,8}(?:로서|이기 때문에|이?라(?:서)?)[^.\n]{0,24}(?:없습니다|않습니다|못합니다)",
    re.IGNORECASE,
)
_TOOL_LIMIT = re.compile(
    r"\bfunctions?\b|\btools?\b|\bexternal tasks?\b|\bcurrent (?:capabilities|function|abilities)\b|"
    r"\btasks? (?:related|that)|函数|工具",
    re.IGNORECASE,
)
"""An assistant with tools that says which it has."""
_ASKS_BACK = re.compile(
    r"\b(?:did(?:n't| not)|have(?:n't| not)|was(?:n't| not)|were(?:n't| not)) (?:provided?|given|includ|specif|any)|"
    r"\b(?:please|could you|can you)(?: please)? (?:provide|share|give|specify|clarify|tell me)|"
    r"\bmore (?:context|details|information)\b|"
    r"\bif you (?:share|provide|can provide|could provide)|"
    r"(?:未|没有|没)(?:有)?(?:提供|给出|说明|指定)|请(?:您)?提供|[您你]能(?:否)?提供|[您你](?:并)?没有|如果(?:您|你)(?:能)?提供|更多(?:信息|上下文)",
    re.IGNORECASE,
)
"""An answer that lacks something and asks for it."""
_GOES_ON = re.compile(
    r"\b(?:however|but|that said|still)\b,?[^.\n]{0,60}\b(?:here (?:is|are)|here's|according to|based on|"
    r"in general|generally|"
    r"can (?:still )?(?:summari|tell you|give you|describe|explain|suggest using)|is believed|appears? to|"
    r"it is (?:clear|likely))"
    r"|\b(?:according to|historical\w* (?:data|weather))\b[^.\n]{0,80}\d"
    r"|(?:不过|但是|但|然而)[^。\n]{0,16}(?:可以(?:提供|给出|描述|告诉|说)(?:一个|一些)?(?:描述|例子|一般|信息|"
    r"大致)|通常|一般来说)|[：:]\n|例如[^。\n]{8}|如果是",
    re.IGNORECASE,
)
"""An answer that says what it lacks and answers all the same."""
_OF_A_SHOP = re.compile(
    r"\brefunds?\b|\breturns?\b|\bexchanges?\b|\bdiscounts?\b|\bwarrant(?:y|ies)\b|\b(?:your|the|an?) (?:order|"
    r"account|booking|"
    r"reservation|invoice|parcel|package|subscription|delivery)\b|退款|退货|换货|订单|账户|保修|快递",
    re.IGNORECASE,
)
"""Matters of customers, in which a "cannot" is the shop's."""
_QUOTED = re.compile(
    r"\"[^\"\n]{1,200}\"|(?<![\w'])'[^'\n]{1,200}'(?!\w)|「[^」\n]{1,200}」|《[^》\n]{1,200}》"
)
_MACHINE = (
    r"(?:\b(?:ai|artificial intelligence|chatbot|language model|robot|assistant)\b|"
    r"人工智能|机器人|語言模型|语言模型)"
)
_ASKS_WHO = re.compile(
    rf"(?:\byou\b|[你您])[^\n]{{0,80}}?{_MACHINE}|{_MACHINE}[^\n]{{0,80}}?(?:\byou\b|[你您])|"
    r"\b(?:about|made|created|trained|developed|built|designed|taught|programmed) you\b|\byourself\b|"
    r"\b(?:can(?:'?t|not)|are|do|did|were|have|could|would) you\b.{0,40}\b(?:human|feel|conscious|real|alive|"
    r"person|born|answer|"
    r"opinion|emotions?)|\b(?:who|what|how) are you\b|\bhow(?:\'s| is) it going\b|"
    r"\byour (?:name|favou?rite|opinion|creators?|developers?|training|purpose|hobb|age)|"
    r"\byou (?:can't|cannot|are|were)\b|你是|你叫|您是|介绍.{0,4}自己|你的",
    re.IGNORECASE,
)
"""Questions about the model itself, whose right answer is that it is one."""
_ASKS_TO_REFUSE = re.compile(
    r"\b(?:apolog|declin|refus|reject|excus|regret|sorry|turn(?:ing)? (?:it |them |him |her )?down|cannot do|"
    r"can't do)|"
    r"\b(?:role-?play|pretend|act as|play the|in character|dialogue|story|scene|screenplay)\b|"
    r"\bwhat (?:should|can|could|would|might|do|does)\b.{0,40}\b(?:tell|say|answer|reply)\b|"
    r"\bhow (?:do|should|can|could|would|might) (?:i|we|one|you)\b.{0,20}\b(?:tell|say|answer|reply|respond)\b|"
    r"怎么(?:说|回|答|讲)|如何(?:说|回|答)|拒绝|道歉|婉拒|"
    r"扮演|抱歉|对不起",
    re.IGNORECASE,
)


def is_refusal(pair: Pair) -> bool:
    """Tell whether an answer begins with a refusal, or with what a machine cannot do, and ends there.

    It is no refusal where the prompt asks for one or for a role, where it is quoted, where an
    assistant names the tools that it has, asks for what is missing, answers all the same, or speaks for
    a shop, where the question is about the model itself, and where more than 130 words follow.
    """
    beginning = plain_quotes(pair.response[:_BEGINNING])
    if not _refuses(beginning):
        return False
    if len(words(unquoted := _QUOTED.sub(" ", beginning))) >= 3 and not _refuses(unquoted):
        return False
    return not (
        len(words(pair.response)) > _LONGEST
        or _TOOL_LIMIT.search(pair.response)
        or _ASKS_BACK.search(pair.response)
        or _GOES_ON.search(pair.response)
        or _OF_A_SHOP.search(beginning)
        or _ASKS_TO_REFUSE.search(pair.prompt)
        or _ASKS_WHO.search(pair.prompt)
    )


_NEEDED = re.compile(
    r"n't|not\b|unable|declin|refus|rather|turn down|capabilit|lack|\bno\b|outside|guideline|can[’']?t|无|不|没|"
    r"comfortable|pass on|else\b|another|violat|breach|beyond|\bends\b|stops|reasons|carezc|换|拒|超出|"
    r"não|keine?|nichts?|\bpas\b|aucun|impossible|\bне\b|ません|かね|없|않|어렵|못|cut-?off|as of my",
    re.IGNORECASE,
)
"""Every refusal holds one of these, and few other answers begin with one."""


def _refuses(text: str) -> bool:
    return _NEEDED.search(text) is not None and any(
        pattern.search(text) for pattern in (_REFUSES, _REFUSES_CHINESE, _REFUSES_ELSEWHERE)
    )


RULE = Rule(
    "refusal",
    "the answer refuses, or says what a machine cannot do",
    is_refusal,
    named=26,
    read=26,
    right=24,
)

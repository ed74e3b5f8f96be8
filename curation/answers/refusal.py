"""Answers that refuse, or speak as an AI, in nine languages."""

from __future__ import annotations

import re

from curation.text.folding import plain_quotes
from curation.text.words import words

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
"""Questions about the model itself, whose right answer is that it is one."""
_ASKS_TO_REFUSE = re.compile(
    r"\b(?:apolog|declin|refus|reject|excus|regret|sorry|turn(?:ing)? (?:it |them |him |her )?down)|拒绝|道歉|婉拒",
    re.IGNORECASE,
)


def is_refusal(prompt: str, response: str) -> bool:
    """Whether an answer refuses, or speaks as an AI. Quotations do not count."""
    beginning = plain_quotes(response[:400])
    if not (_SPEAKS_AS_AI.search(beginning) or _CANNOT_HELP.search(beginning)):
        return False
    unquoted = _QUOTED.sub(" ", beginning)
    if len(words(unquoted)) < 3:
        unquoted = beginning
    if _CANNOT_HELP.search(unquoted) and not _ASKS_TO_REFUSE.search(prompt):
        return True
    return bool(_SPEAKS_AS_AI.search(unquoted)) and not _ASKS_WHO.search(prompt)

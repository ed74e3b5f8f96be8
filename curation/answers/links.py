"""Links that lead nowhere: in a prompt, where a model cannot open them, or in an answer."""

from __future__ import annotations

import re

from curation.answers.rule import Pair, Rule
from curation.text.markup import prose

_URL = re.compile(r"(?:https?://|(?<![\w./@-])www\.)[^\s，。；：！？、）】》]{1,2000}")
_ABOUT_URL = re.compile(
    r"\bhtml\b|\bbutton\b|\bdomain\b|\bbroken\b|\bhyperlink|\bregex\b|\burl for\b|\bpython\b|\bjava|\bpars(?:e|"
    r"ing)\b|"
    r"\bcurl\b|\brequests?\b|\bscript\b|\bfunction\b|\bapi\b|\bhost(?:name)?\b|\bquery string\b|\bcode\b|\bscrap|"
    r"\bprogram\b|\bcrawl|\bformat(?:ted)?\b|\bvalid\b|\bnormali[sz]|\bshorten|"
    r"\b(?:en|de)cod|\bprotocol\b|\bcit(?:e|ation)|损坏|代码|程序|格式|域名",
    re.IGNORECASE,
)
_CONTENT = re.compile(
    r"\b(?:this|the|following|given|below|linked|attached|article|page|site|website|video|link|document|report|"
    r"summar\w{0,8}|read|watch|visit|open|see|look at|according to|based on|list|translate|rewrite|found)\b|"
    r"文章|网页|网站|链接|视频|阅读|看看|总结|摘要|根据|这个|这篇",
    re.IGNORECASE,
)
_PURPOSE = re.compile(
    r"\bwhat(?:['’]s| is| are| does| do)\b[^.?\n]{0,60}\b(?:for|do|offer) ?\?|\bwho (?:owns|runs|founded|made)\b|"
    r"\bwhen was\b[^.?\n]{0,60}\b(?:founded|launched)\b|(?:做|干)什么(?:用)?的|有什么用",
    re.IGNORECASE,
)
"""Questions about a whole site, which a model may know without opening it."""
_SITE = re.compile(r"(?:https?://)?[^/?#\s]+/?[?.,;:!\"')]*")
_LINKS = 20
"""Links of a prompt that are read."""
_PASSAGE = 300
"""Characters beside links from which a prompt holds the text that it asks about."""


def points_to_a_page(pair: Pair) -> bool:
    """Tell whether a prompt asks about a page behind a link, whose text it does not hold."""
    prompt = pair.prompt
    if "http" not in prompt and "www." not in prompt:
        return False
    bare = _URL.sub(" ", prompt)
    if len(bare) > _PASSAGE or '{"' in bare or _ABOUT_URL.search(bare):
        return (
            False  # the text stands in the prompt, a tool has answered, or the link itself is meant
        )
    for count, url in enumerate(_URL.finditer(prompt)):
        around = prompt[max(0, url.start() - 80) : url.start()], prompt[url.end() : url.end() + 80]
        if _PURPOSE.search(bare) and _SITE.fullmatch(url.group()):
            continue
        if any(_CONTENT.search(_URL.sub(" ", text)) for text in around):
            return True
        if count + 1 >= _LINKS:
            break
    return False


_NOWHERE = re.compile(
    r"(?:https?://|(?<![\w./@-])www\.)(?:[\w-]+\.)*(?:example\.(?:com|org|net)|(?:your|my)[\w-]{0,30}\.\w{2,6}|"
    r"(?:website|company(?:name)?|domain|xxx|abc|xyz|insert\w*|link|url)\.(?:com|org|net|cn))\b"
    r"|\[(?:insert )?(?:the |a |your )?(?:link|url|hyperlink|website)(?: (?:here|to [^\]\n]{1,40}))?\]|"
    r"<(?:insert )?(?:link|url)(?: here)?>"
    r"|\]\((?:#|url|link|insert[^)\n]{0,30})\)"
    r"|\[(?:插入|此处)?(?:链接|网址)\]|【(?:链接|网址)】"
    r"|\bclick here (?:to|for)\b(?![^\n]{0,60}(?:https?://|www\.|\]\())"
    r"|点击(?:这里|此处|下面的?链接)(?![^\n]{0,40}(?:https?://|www\.))",
    re.IGNORECASE,
)
_ASKS_FOR_LINKS = re.compile(
    r"\bhtml\b|\bwebsite\b|\bweb ?page\b|\bpage\b|\be-?mail|\bletter\b|\bad(?:s|vert\w*)?\b|\bpost\b|\btweet|"
    r"\burls?\b|\blinks?\b|"
    r"\btemplate\b|\bmessage\b|\bnewsletter|\bexample\b|\bcode\b|\bscript\b|\bprogram\b|\bfunction\b|\bapi\b|"
    r"\bregex|\bresum|"
    r"\bclick|\bbutton|\binvit|\bpress release\b|\bpython\b|\bjava|网页|网站|邮件|信|广告|链接|代码|模板|示例|"
    r"点击|函数|程序",
    re.IGNORECASE,
)


def leads_nowhere(pair: Pair) -> bool:
    """Tell whether an answer sends its reader to a page that there is not: example.com, [link], "click here".

    It is no fault in code, or where the prompt asks for an e-mail, an advertisement, a page or a link.
    """
    text = pair.response
    if not _NOWHERE.search(text) or _ASKS_FOR_LINKS.search(pair.prompt):
        return False
    return _NOWHERE.search(prose(text)) is not None


PAGE = Rule(
    "unfollowable_url",
    "the prompt points to a page that nobody can open",
    points_to_a_page,
    named=326,
    read=50,
    right=48,
)
NOWHERE = Rule(
    "placeholder_link",
    "a link of the answer leads to no page",
    leads_nowhere,
    named=3,
    read=3,
    right=0,
)

"""Words that may name a topic, and names for groups of texts from their most distinctive words."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import regex

from curation.text.scripts import han_count, holds_kana, is_han

WORDS_PER_TEXT = 120
TEXTS_PER_GROUP = 500
"""Most texts that a group's name is made of, evenly spread; more texts change few names."""

TOP = 12
"""Words of a group that its name may hold and that two-word terms may contain."""

PAIRED = 0.4
"""Least share of a word's texts in which another word is next to it, to name both together."""

SHOWN = 3
SEPARATOR = " · "
_LETTERS = r"[\p{L}\p{M}\u200c\u200d]+"
_PIECE = regex.compile(rf"{_LETTERS}(?:['’]{_LETTERS})*|\p{{N}}+|[^\w\s]")
_ENDINGS = {"s", "re", "ve", "ll", "d", "m"}
_STOP = set(
    """
    a about above after again all also am an and any are as at be because been before being below
    between both but by can could did do does doing down during each few for from further get give
    given go had has have having he her here him his how i if in into is it its just like ll make
    many may me more most much must my no not now of off on once one only or other our out over own
    per please re s same she should so some such t than that the their them then there these they
    this those through to too two under until up use used using ve very was way we well were what
    when where which while who whom why will with would you your write create generate provide
    following sentence answer question example list describe explain text word words identify find
    suggest help sure new different need want based include including input output first second
    within without however often around best good great name names type types ways three four five
    ten der die das und ist ein eine einen dem den des mit für von zu im auf nicht sich wie du ich
    sie es er wir man kann auch oder als bei nach wird werden sind hat dass wenn aus aber noch nur
    um zum zur über vor mehr sehr schon dein mein uns einer eines einem diese dieser le la les de un
    une et est en que qui dans pour sur par pas plus au aux ce cette il elle nous vous ils se sa son
    ses ne avec sont ou mais comme être été fait peut leur si tout bien votre vos notre je tu mon ma
    mes quel quelle comment el los las del y por con para como su lo al más o pero sus ya este esta
    sí porque qué cuando muy sin sobre también hasta hay donde quien desde todo nos durante uno ni
    contra otros ese eso ante ellos unos yo otro cómo puede ser tus una mi и в не на я что он с как
    это по но они к у ты из мы за вы так же от бы о для его то все мне было была был или если чтобы
    при able across add added adding allow allowed allows amount another appropriate apart aspect
    aspects available away back become becomes bring called case certain check choose come
    common complete compose consider considered consists contain contains correct correctly current
    design determine develop difference discuss don edit effective end ensure especially etc even
    ever every everyone everything factor factors form found general generated going got group high
    highly ideal ideas important importance improve increase increased information instead
    instruction instructions item items itself keep key kind know last later lead least less let
    level line lines little live long look lot low main makes making mean meaning means method
    methods model modern move multiple nine number numbers original others overall part particular
    people person phrase piece place plan play point points possible potential prompt proper
    provided provides put range rather read really reason reasons recent reduce related required
    result results rewrite right role say says see seem seen set several show shows side similar
    simple since single size six something special specific start state statement step steps still
    strong summarize take takes task tell term terms things think thing third time times together
    top try turn unique useful user uses usually value various version whether whole work world year
    years yes yet classify categorize evaluate rank construct assign convert creating created
    mentioned rest style paragraph summary sentences questions answers passage article day days
    today week old big small large easy hard full brief short noinput none null http https www com
    org html quot amp lt gt nbsp although along ago upon avant puis après abord drei zwei quatre deux
    trois
    against said told inc corp ltd reuters monday tuesday wednesday
    thursday friday saturday sunday january february march april june july august september october
    november december alle allem allen aller alles andere anderen beim bis bist bitte da
    dabei damit dann darf dazu denn deren dessen doch dort durch etwas euch gegen gibt habe haben
    hatte hier hin ihr ihre ihren ihrer immer ins ja jede jeden jeder jetzt kein keine können machen
    mal meine muss müssen ohne sehen sei sein seine seinen seiner seit soll sollte sondern sonst
    viel viele vom war waren warum weil welche welcher wenig wer werde wo wurde wurden zwei zwischen
    aussi autre autres avoir beaucoup car celle celui ces cet chaque chez dont encore entre faire
    font ici jamais jusqu lors lui même moins non où parce peu peux peuvent plusieurs pourquoi quand
    sans selon sera soit sous très toujours tous toute toutes trop vers voici algunos antes aquí así
    aunque cada cual cuál dos eres está están estas estos fue había hace hacer han mientras mismo
    mucho nada otra otras pueden pues quién sea será soy tan tanto tiene tienen toda todas unas
    usted va более будет быть вас весь всего всех где да даже два есть еще ещё здесь им их каждый
    какая какой когда который которые кто ли может можно можете надо нас него нее нет ни них ничего
    ну об один она очень перед под после почему про раз себя сейчас со свой свои сколько также там
    тебя тем теперь тоже только тот три тут уже хотя чем через эта эти этого этой этот
    """.split()
)
_STOP_HAN = set(
    """
    的 了 是 我 你 您 他 她 它 我们 你们 他们 在 和 与 或 及 有 也 就 都 而 要 会 能 可以 可 把 被
    对 从 到 为 为了 上 下 中 里 这 那 这个 那个 一个 一些 一种 什么 怎么 如何 为什么 吗 呢 吧 请 不
    没有 没 很 更 最 并 且 但 但是 如果 因为 所以 以及 其 之 等 让 使 用 通过 进行 使用 需要 应该
    例如 比如 包括 以下 如下 下面 给 写 提供 问题 回答 句子 文本 单词 生成 创建 描述 解释 列出 给定
    一 二 三 个 种 时 后 前 来 去 又 还 自己 这些 那些 非常 方面 可能 不同 帮助 方式 它们 以 于 将
    并且 然后 同时 这样 成为 具有 由 每 多 大 小 好 是否 其中 做 说 一篇 一段 两个 三个 第一 有关
    关于 根据 一下 这是 还是 答案 内容 信息 重要 提高 增加 减少 确保 保持 选择 拥有 得到 得 那么
    还有 之间 之后 之前 任何 各种 许多 很多 多种 多个 某个 某些 相关 具体 主要 特定 适合 有效 良好
    更好 使得 使用者 能够 人们 人 年 月 日 天 地 着 过 给出 编写 撰写 写出 写一篇 写一个 总结 概括
    改写 编辑 分类 确定 识别 比较 列举 找到 找出 输入 输出 指令 任务 段落 文章 词 短语 一句 语句
    想法 想 看 知道 包含 构建 设计 制作 添加 提出 建议 一步 步骤 方法 情况 结果 原因 影响 作用 部分
    类型 特点 目标 事情 东西 时间 时候 今天 现在 正在 已经 开始 首先 其次 最后 此外 另外 尽管 虽然
    然而 无法 不能 不会 不要 不是 只是 只有 仍然 直到 以便 从而 由于 由此 至少 几个 五个 四个 十个
    以上 不仅 而且 成 称为 之一 尽可能 这种 那种 每个 每天 所有 其他 另 另一个 一样 一起 一直 一定
    正确 合适 适当 简单 简短 完整 单个 单位 数 现 下列 上述 提到 描述性 请问 您好 告诉 解释一下 完成
    过程 关键 发现 发展 发生 带来 带 感到 变得 变化 出 作为 作出 做出 做到 意味着 表示 表达 用于
    在于 属于 位于 来自 来说 对于 关系到 一条 一份 一首 一位 一名 一项 一件 一组 一张 一家 两种 三种
    五种 几种 四种 十种 起来 出来 下来 真正 真的 特别 尤其 通常 往往 一般 经常 常常 总是 怎样 或者
    一点 超过
    重写 说出 常见 这句 导致 一天 例子 就是 介绍 一封 一次 一百 一遍 三天 说明 多少 一共 小时 分钟 两分钟 五分钟 几分钟
    容易 快速
    有趣 有用 创造 创建者 之类
    """.split()
)


def topic_words(text: str) -> list[str]:
    """Words of a text that may name a topic: no stop words, no numbers, Chinese cut into words."""
    return [word for word in _pieces(text) if word][:WORDS_PER_TEXT]


def _pieces(text: str) -> Iterator[str]:
    """Yield words that may name a topic, in order, and "" for everything between them."""
    text = text[:2_000]
    if han_count(text) * 5 > len(text) and not holds_kana(text):
        import logging

        import jieba

        jieba.setLogLevel(logging.ERROR)
        for word in jieba.cut(text):
            fits = len(word) > 1 and is_han(word) and word not in _STOP_HAN
            yield word if fits else ""
        return
    for piece in _PIECE.findall(unicodedata.normalize("NFC", text).lower()):
        word = _bare(piece)
        yield word if word not in _STOP and len(word) > 2 or is_han(word) else ""


def _bare(piece: str) -> str:
    """Return a word without its part behind or before an apostrophe; "" if nothing is left."""
    first, mark, last = piece.replace("’", "'").rpartition("'")
    if not mark:
        return piece if piece[0].isalpha() else ""
    if last == "t":  # don't, isn't
        return ""
    return first if last in _ENDINGS else last


def _stem(word: str) -> str:
    """Return one form for singular and plural, as far as endings show it."""
    if not word.isascii() or len(word) < 4:
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


class Naming:
    """Words of texts in groups, from which names of groups and of groups of groups are made.

    texts: one a row. group: their groups, (texts,) integers from 0 to count - 1.
    """

    def __init__(self, texts: Sequence[str], group: np.ndarray, count: int) -> None:
        self.inside = [Counter[str]() for _ in range(count)]
        self.sizes = np.zeros(count)
        self._spelt = Counter[tuple[str, str]]()
        self._read: list[tuple[int, list[str]]] = []
        for i in _evenly(group, count):
            words = list(_pieces(texts[i]))
            stems = [_stem(word) for word in words]
            self._spelt.update(zip(stems, words, strict=True))
            self.inside[group[i]].update(set(stems) - {""})
            self.sizes[group[i]] += 1
            self._read.append((int(group[i]), stems))
        best: dict[str, tuple[int, str]] = {}
        for (stem, word), n in self._spelt.items():
            best[stem] = max(best.get(stem, (0, "")), (n, word))
        self._word = {stem: word for stem, (_, word) in best.items()}

    def terms(self, part: Sequence[int] | np.ndarray) -> list[list[str]]:
        """For each part, the terms that are its own, best first; `part`: of each group, from 0.

        c-TF-IDF (Grootendorst 2022) of words, each counted once a text; a word that mostly stands
        beside the same other one is given together with it.
        """
        count = int(max(part, default=-1)) + 1
        inside = [Counter[str]() for _ in range(count)]
        sizes = np.zeros(count)
        for group, own_part in enumerate(part):
            inside[own_part].update(self.inside[group])
            sizes[own_part] += self.sizes[group]
        total = sum(inside, Counter())
        average = sum(total.values()) / max(1, count)
        ranked = [_ranked(inside[i], sizes[i], total, average) for i in range(count)]
        pairs = self._pairs(part, [set(words[:TOP]) for words in ranked])
        return [
            [self._term(word, inside[i], pairs[i]) for word in words[: 2 * TOP]]
            for i, words in enumerate(ranked)
        ]

    def _pairs(
        self, part: Sequence[int] | np.ndarray, top: list[set[str]]
    ) -> list[Counter[tuple[str, str]]]:
        """Texts of each part in which two words stand side by side, one of them a top word."""
        pairs = [Counter[tuple[str, str]]() for _ in top]
        for group, stems in self._read:
            own = top[part[group]]
            pairs[part[group]].update(
                {
                    (a, b)
                    for a, b in zip(stems, stems[1:], strict=False)
                    if a and b and a != b and (a in own or b in own)
                }
            )
        return pairs

    def _term(self, word: str, inside: Counter[str], pairs: Counter[tuple[str, str]]) -> str:
        beside = [(n, pair) for pair, n in pairs.items() if word in pair]
        n, pair = max(beside, default=(0, ("", "")))
        if n < max(2, PAIRED * inside[word]):
            return self._word[word]
        first, second = (self._word[stem] for stem in pair)
        return first + second if is_han(first) else f"{first} {second}"


def _evenly(group: np.ndarray, count: int) -> list[int]:
    """Positions of up to TEXTS_PER_GROUP texts of each group, in order."""
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=count)
    taken = [
        places[:: max(1, -(-len(places) // TEXTS_PER_GROUP))]
        for places in np.split(order, np.cumsum(sizes)[:-1])
    ]
    return sorted(int(i) for places in taken for i in places)


def _ranked(inside: Counter[str], size: float, total: Counter[str], average: float) -> list[str]:
    """Return words by c-TF-IDF with the square of the idf, because a name has to be distinctive."""
    least = max(2.0, 0.02 * size) if size > 3 else 1
    often = {word: n for word, n in inside.items() if n >= least} or inside
    scores = {word: n * np.log1p(average / total[word]) ** 2 for word, n in often.items()}
    return sorted(scores, key=lambda word: (-scores[word], word))


def names(terms: Sequence[Sequence[str]], taken: Sequence[str] = ()) -> list[str]:
    """A name of up to three terms for each group, no two alike and none that is taken."""
    given = set(taken)
    result = []
    for ranked in terms:
        name = _name(ranked, given)
        given.add(name)
        result.append(name)
    return result


def _name(ranked: Sequence[str], given: set[str]) -> str:
    chosen: list[str] = []
    for term in ranked:
        if not any(_alike(term, other) for other in chosen):
            chosen.append(term)
        if len(chosen) >= SHOWN and SEPARATOR.join(chosen[:SHOWN]) not in given:
            return SEPARATOR.join(chosen[:SHOWN])
        if len(chosen) > SHOWN:  # its first words are another's name: the last gives way
            chosen.pop(SHOWN - 1)
    name = SEPARATOR.join(chosen) or "other"
    if name not in given:
        return name
    number = 2
    while f"{name} ({number})" in given:
        number += 1
    return f"{name} ({number})"


def _alike(term: str, other: str) -> bool:
    """Return whether two terms share a word, or two words with the same beginning."""
    return any(_beginning(a) == _beginning(b) for a in term.split() for b in other.split()) or (
        is_han(term) and (term in other or other in term)
    )


def _beginning(word: str) -> str:
    return word if is_han(word) else word[: max(4, min(6, len(word) - 3))]

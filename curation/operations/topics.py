"""Clusters with names made of their own words."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated

import numpy as np
import pandas as pd

from curation.dataset import Progress
from curation.registry import Range, group

WORDS_PER_TEXT = 120
_LATIN = re.compile(r"[^\W\d_]{2,}")
_HAN = re.compile("[\u4e00-\u9fff]")
_KANA = re.compile("[\u3040-\u30ff]")
_STOP = set(
    """
    a about above after again all also am an and any are as at be because been before being
    below between both but by can could did do does doing down during each few for from further
    get give given go had has have having he her here him his how i if in into is it its just
    like ll make many may me more most much must my no not now of off on once one only or other
    our out over own per please re s same she should so some such t than that the their them
    then there these they this those through to too two under until up use used using ve very
    was way we well were what when where which while who whom why will with would you your write
    create generate provide following sentence answer question example list describe explain
    text word words identify find suggest help sure new different need want based include
    including input output first second within without however often around best good great name
    names type types ways three four five ten der die das und ist ein eine einen dem den des mit
    für von zu im in auf nicht sich wie was du ich sie es er wir man kann auch oder als an bei
    nach wird werden sind hat dass wenn aus aber noch nur so um zum zur über vor mehr sehr schon
    dein mein uns einer eines einem diese dieser le la les de des du un une et est en que qui
    dans pour sur par pas plus au aux ce cette il elle on nous vous ils se sa son ses ne avec
    sont ou mais comme être a été fait peut leur si tout bien votre vos notre je tu mon ma mes
    quel quelle comment el los las del y es por con para como se su lo al más o pero sus le ya
    este esta sí porque qué cuando muy sin sobre también me hasta hay donde quien desde todo nos
    durante uno ni contra otros ese eso ante ellos unos yo otro cómo puede ser tu tus una mi и в
    не на я что он с как это по но они к у ты из мы за вы так же от бы о для его то все мне было
    была был или если чтобы при
    """.split()
)
_STOP_HAN = set(
    """
    的 了 是 我 你 您 他 她 它 我们 你们 他们 在 和 与 或 及 有 也 就 都 而 要 会 能 可以 可 把
    被 对 从 到 为 为了 上 下 中 里 这 那 这个 那个 一个 一些 一种 什么 怎么 如何 为什么 吗 呢
    吧 请 不 没有 没 很 更 最 并 且 但 但是 如果 因为 所以 以及 其 之 等 让 使 用 通过 进行 使用
    需要 应该 例如 比如 包括 以下 如下 下面 给 写 提供 问题 回答 句子 文本 单词 生成 创建 描述
    解释 列出 给定 一 二 三 个 种 时 后 前 来 去 又 还 自己 这些 那些 非常 方面 可能 不同 帮助
    方式 它们 以 于 将 并且 然后 同时 这样 成为 具有 由 每 多 大 小 好 是否 其中 做 说 一篇 一段
    两个 三个 第一 有关 关于 根据 一下 这是 还是
    """.split()
)


def topic_words(text: str) -> list[str]:
    """Words of a text that may name a topic: no stop words, no numbers, Chinese cut into words."""
    text = text[:2_000]
    if len(_HAN.findall(text)) * 5 > len(text) and not _KANA.search(text):
        import logging

        import jieba

        jieba.setLogLevel(logging.ERROR)
        cut = (w for w in jieba.cut(text) if len(w) > 1 and _HAN.match(w))
        return [w for w in cut if w not in _STOP_HAN][:WORDS_PER_TEXT]
    found = [
        w for w in _LATIN.findall(text.lower()) if w not in _STOP and len(w) > 2 or _HAN.match(w)
    ]
    return found[:WORDS_PER_TEXT]


def topic_count(rows: int) -> int:
    """How many topics a dataset of that size gets: the square root of rows / 8, from 2 to 80.

    Chosen by looking at names: 25 for 5,000 rows, 80 for 52,000; more give names that differ in a
    third word only.
    """
    return int(np.clip(round(np.sqrt(rows / 8)), 2, 80))


@group("Topics", makes=("topic",), slow=True)
def topics(
    rows: pd.DataFrame,
    vectors: np.ndarray,
    progress: Progress,
    *,
    topics: Annotated[int, "how many; 0 chooses by the number of examples", Range(0, 1_000)] = 0,
    seed: Annotated[int, "the same seed gives the same topics", Range(0, 2**31 - 1)] = 0,
) -> pd.Series:
    """Group examples into topics, each named by words that are its own.

    k-means on the embeddings; names by c-TF-IDF (Grootendorst 2022): words frequent in the topic and
    rare elsewhere. Needs embeddings.
    """
    if len(rows) == 0:
        return pd.Series([], index=rows.index, dtype="str")
    count = min(
        topics or topic_count(len(rows)),
        len(np.unique(vectors, axis=0)) if len(rows) < 2_000 else len(rows),
    )
    progress(0.1, f"{count} topics of {len(rows):,} examples")
    cluster = _clusters(vectors, count, seed)
    progress(0.6, "naming them")
    names = _names(
        (rows["prompt"].fillna("") + " " + rows["response"].fillna("").str.slice(0, 600)).tolist(),
        cluster,
        count,
    )
    return pd.Series([names[c] for c in cluster], index=rows.index, dtype="str")


def _clusters(vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans, MiniBatchKMeans

    if count <= 1:
        return np.zeros(len(vectors), dtype=np.int64)
    if len(vectors) <= 20_000:
        model = KMeans(count, n_init=2, random_state=seed)
    else:
        model = MiniBatchKMeans(count, n_init=3, random_state=seed, batch_size=8_192, max_iter=60)
    return np.asarray(model.fit_predict(vectors), dtype=np.int64)


def _names(texts: list[str], cluster: np.ndarray, count: int) -> list[str]:
    """A name of up to three words for each cluster, no two alike."""
    inside = [Counter[str]() for _ in range(count)]
    spread = [Counter[str]() for _ in range(count)]
    for text, c in zip(texts, cluster, strict=True):
        found = topic_words(text)
        inside[c].update(found)
        spread[c].update(set(found))
    total = sum(inside, Counter())
    average = max(1.0, sum(total.values()) / max(1, count))
    sizes = np.bincount(cluster, minlength=count)
    names: list[str] = []
    for c in range(count):
        words = max(1, sum(inside[c].values()))
        least = max(2, 0.02 * sizes[c]) if sizes[c] > 3 else 1
        scores = {
            w: n / words * np.log1p(average / total[w]) * np.sqrt(spread[c][w] / max(1, sizes[c]))
            for w, n in inside[c].items()
            if spread[c][w] >= least
        }
        names.append(_name(sorted(scores, key=lambda w: (-scores[w], w))))
    return _unique(names)


def _name(ranked: list[str]) -> str:
    chosen: list[str] = []
    for word in ranked:
        stem = word[: max(4, len(word) - 3)]
        if not any(word.startswith(c[: max(4, len(c) - 3)]) or c.startswith(stem) for c in chosen):
            chosen.append(word)
        if len(chosen) == 3:
            break
    return " · ".join(chosen) or "other"


def _unique(names: list[str]) -> list[str]:
    seen = Counter[str]()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result

"""Clusters at two levels, with names made of their own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa

from curation.basis import (
    FITTED,
    STAYS,
    Basis,
    of_earlier,
    positions,
    shaping,
    vector_keys,
    with_former,
)
from curation.choosing.clusters import means_of, nearest_centre, refined, unit
from curation.dataset import Progress
from curation.errors import CurationError
from curation.registry import SEEDS, Range, group
from curation.topic_names import Naming, names, topic_words
from curation.vectors import Many, Vectors

__all__ = ["rename_topics", "theme_count", "topic_count", "topic_words", "topics"]

Neighbours = Callable[..., tuple[np.ndarray, np.ndarray]]

NEAREST = 15
"""Neighbours that a vector is averaged with, as many as the map takes."""

SMOOTHED = 2
"""Number of averagings; one or five gave agreement with given labels within 0.01 (benchmarks/topics)."""

ROUNDS = 10
BLOCK = 4_096


def topic_count(rows: int) -> int:
    """Number of topics for so many rows: the square root of rows / 8, from 2 to 80.

    Chosen by looking at names: 25 for 5,000 rows, 80 for 52,000; more give names that differ in a
    third word only.
    """
    return int(np.clip(round(np.sqrt(rows / 8)), 2, 80))


def theme_count(topics: int) -> int:
    """Number of themes for so many topics: 1.4 times their square root, at most 15."""
    return int(np.clip(round(1.4 * np.sqrt(topics)), 1, min(15, topics)))


@group("Topics", makes=("topic", "theme"), slow=True, texts=("prompt", "response"))
def topics(
    rows: pd.DataFrame,
    vectors: Vectors,
    neighbours: Neighbours,
    basis: Basis,
    progress: Progress,
    *,
    topics: Annotated[int, "how many; 0 chooses by the number of examples", Range(0, 1_000)] = 0,
    themes: Annotated[
        int, "how many groups of topics; 0 chooses by the number of topics", Range(0, 100)
    ] = 0,
    seed: Annotated[int, "the same seed gives the same topics", Range(0, SEEDS - 1)] = 0,
) -> pd.DataFrame:
    """Group examples into topics, and topics into themes, each named by words that are its own.

    What it does:
        Averages each embedding with its neighbours'. Many small clusters of these (k-means) are
        merged by Ward's criterion into topics, which k-means then sharpens, and topics in the same
        way into themes. Names are words that are frequent in the topic and rare elsewhere. A
        project keeps topics, names and members: rows that come later go to the nearest topic, until
        there are more than twice as many or another seed finds topics anew. Needs embeddings.
    Why:
        Topics say what a dataset is about, and what it has too much or too little of.
    Example:
        with: {topics: 2}
        {prompt: "How do I bake bread at home?"} → {topic: bake · home · loaf}
        {prompt: "Which planet has rings?"} → {topic: made · planet · saturn}
        {prompt: Give me a recipe for a loaf of bread.} → {topic: bake · home · loaf}
        {prompt: "What are the rings of Saturn made of?"} → {topic: made · planet · saturn}
    Measured precision:
        Agreement with given labels (adjusted mutual information): AG News, 7,600 texts, 4 topics,
        0.637 (k-means 0.592); CLINC150, 7,500 questions, 150 topics, 0.870 (k-means 0.871)
        (benchmarks, topics). Names were not measured.
    Source:
        Ward 1963; names by c-TF-IDF (Grootendorst 2022).
    """
    if len(rows) == 0:
        none = pd.Series([], index=rows.index, dtype="str")
        return pd.DataFrame({"topic": none, "theme": none})
    vectors = Vectors.of(vectors)
    keys, first, twin = np.unique(vector_keys(vectors), return_index=True, return_inverse=True)
    current = _Topics.of(basis)
    place = current.places(keys) if current else np.full(len(keys), -1)
    if current is None or current.outgrown(place):
        progress(0.1, "neighbourhoods")
        count, part = topics or topic_count(len(rows)), shaping(first, len(rows))
        whole = len(part) == len(rows)
        among = neighbours if whole else lambda k: neighbours(k, part)
        smooth = smoothed(vectors[part], among, count)
        progress(0.3, f"{count} topics of {len(rows):,} examples")
        centres, near = clusters(smooth, count, seed)
        theme = merged(centres, np.bincount(near), themes or theme_count(len(centres)))
        progress(0.6, "naming them")
        current = _named(rows.iloc[part], near, theme, centres, len(keys))
        place = near[first] if whole else nearest_centre(vectors, centres, first)
        if not whole:
            place[: len(part)] = near
        with basis.locked():
            current.with_rows(keys, place).keep(basis)
    elif (new := np.flatnonzero(place < 0)).size:
        progress(0.1, f"finding the topics of {len(new):,} more examples")
        averaged: Many = vectors
        if len(rows) <= FITTED:
            averaged = smoothed(vectors[:], neighbours, topics or topic_count(len(rows)))
        place[new] = nearest_centre(averaged, current.centres, first[new])
        with basis.locked():
            latest = _Topics.of(basis) or current
            # Other centres are those of another run, which computed the topics anew.
            if np.array_equal(latest.centres, current.centres):
                latest.with_rows(keys, place).keep(basis)
    place = place[twin]
    topic, theme_of = np.array(current.topic, dtype=object), np.array(current.theme, dtype=object)
    return pd.DataFrame(
        {
            "topic": pd.Series(topic[place], index=rows.index, dtype="str"),
            "theme": pd.Series(theme_of[place], index=rows.index, dtype="str"),
        }
    )


@dataclass(frozen=True)
class _Topics:
    """Topics as a project keeps them: names, themes, centres (topics, width), and members.

    keys: the sorted keys of the members' vectors. place: their topics. made_of: the number of rows
    that the topics were computed from.
    """

    topic: Sequence[str]
    theme: Sequence[str]
    centres: np.ndarray
    made_of: int
    keys: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, basis: Basis) -> _Topics | None:
        table = basis.load()
        if table is None:
            return None
        if "members" in table.column_names:
            members = [of_earlier(m) for m in table["members"].to_pylist()]
            keys, sizes = np.concatenate(members), [len(m) for m in members]
        else:
            lists = table["keys"].combine_chunks()
            keys, sizes = lists.flatten().to_numpy(), lists.value_lengths().to_numpy()
        place = np.repeat(np.arange(len(sizes)), sizes)
        order = np.argsort(keys)
        centres = np.array(table["centre"].to_pylist(), dtype=np.float32)
        names = table["topic"].to_pylist(), table["theme"].to_pylist()
        return cls(*names, centres, table["made_of"][0].as_py(), keys[order], place[order])

    def places(self, keys: np.ndarray) -> np.ndarray:
        """The topic of each key; -1 for a key without one."""
        index = positions(keys, self.keys)
        return np.where(index < 0, -1, self.place[index])

    def outgrown(self, place: np.ndarray) -> bool:
        """Whether these rows are too many or too new for the topics.

        Fewer rows never are: a person who tries a filter comes back to the same topics.
        """
        return len(place) > self.made_of * 2 or bool((place >= 0).mean() < STAYS)

    def with_rows(self, keys: np.ndarray, place: np.ndarray) -> _Topics:
        """These topics with new places, and the former places of absent rows, which may come back."""
        keys, place = with_former(keys, place, self.keys, self.place)
        return replace(self, keys=keys, place=place)

    def keep(self, basis: Basis) -> None:
        """Save the topics."""
        sizes = np.bincount(self.place, minlength=len(self.topic))
        ends = np.append(0, np.cumsum(sizes))
        keys = self.keys[np.argsort(self.place, kind="stable")]
        basis.save(
            pa.table(
                {
                    "topic": pa.array(self.topic, pa.string()),
                    "theme": pa.array(self.theme, pa.string()),
                    "made_of": pa.array([self.made_of] * len(self.topic), pa.int64()),
                    "centre": pa.array(self.centres.tolist(), pa.list_(pa.float32())),
                    "keys": pa.LargeListArray.from_arrays(pa.array(ends), pa.array(keys)),
                }
            )
        )


def _named(
    rows: pd.DataFrame, place: np.ndarray, theme: np.ndarray, centres: np.ndarray, made_of: int
) -> _Topics:
    """Topics with names; a theme of a single topic has its name."""
    naming = Naming(naming_texts(rows), place, len(centres))
    topic_names = names(naming.terms(np.arange(len(centres))))
    of_single = {int(t): topic_names[int(np.flatnonzero(theme == t)[0])] for t in _singles(theme)}
    terms = naming.terms(theme)
    theme_names = iter(names([t for i, t in enumerate(terms) if i not in of_single], topic_names))
    of_theme = [of_single[i] if i in of_single else next(theme_names) for i in range(len(terms))]
    no_members = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    return _Topics(topic_names, [of_theme[t] for t in theme], centres, made_of, *no_members)


def naming_texts(rows: pd.DataFrame) -> list[str]:
    """The texts that names are made of: the prompt, and the beginning of the response."""
    texts = rows["prompt"].fillna("") + " " + rows["response"].fillna("").str.slice(0, 600)
    return list(texts)


def _singles(theme: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.bincount(theme) == 1)


def smoothed(vectors: np.ndarray, neighbours: Neighbours, count: int) -> np.ndarray:
    """Vectors averaged with those of their neighbours, (rows, width), unit length.

    Averaging removes what a text says beside its subject, so clusters are more distinct. It takes no
    more neighbours than half a topic of the usual size.
    """
    k = int(np.clip(len(vectors) // (2 * count), 0, NEAREST))
    result = np.ascontiguousarray(vectors, dtype=np.float32)
    indices = neighbours(k)[0] if k else np.zeros((len(result), 0), dtype=np.int32)
    for _ in range(SMOOTHED if indices.shape[1] else 0):
        former, result = result, np.empty_like(result)
        for start in range(0, len(former), BLOCK):
            part = slice(start, start + BLOCK)
            around = unit(former[indices[part]].mean(axis=1))
            result[part] = unit(former[part] + around)
    return result


def clusters(vectors: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit centres of up to `count` clusters, (clusters, width), and the cluster of each row.

    Four times as many cells come first, from random rows. Merging them by Ward's criterion corrects
    a bad start, so that one start is enough.
    """
    draw = np.random.default_rng(seed)
    cells = min(len(vectors), int(np.clip(4 * count, 100, max(600, 2 * count))))
    centres = refined(vectors, vectors[_some(draw, len(vectors), cells)], ROUNDS)
    cell = nearest_centre(vectors, centres)
    used, cell = np.unique(cell, return_inverse=True)
    parts = merged(means_of(vectors, cell, len(used)), np.bincount(cell), count)
    centres = unit(means_of(vectors, parts[cell], int(parts.max()) + 1))
    centres = refined(vectors, centres, ROUNDS)
    place = nearest_centre(vectors, centres)
    used, place = np.unique(place, return_inverse=True)
    return centres[used], place


def _some(draw: np.random.Generator, size: int, count: int) -> np.ndarray:
    return np.sort(draw.choice(size, count, replace=False))


def merged(centres: np.ndarray, sizes: np.ndarray, count: int) -> np.ndarray:
    """The cluster, of `count`, that each smaller cluster goes into, by Ward's criterion.

    The two clusters whose union adds least to the squared distances are merged, again and again.
    """
    centre, size = centres.astype(np.float64), sizes.astype(np.float64)
    part = np.arange(len(size))

    def costs(i: int) -> np.ndarray:
        apart = np.square(centre - centre[i]).sum(axis=1)
        cost = size[i] * size / (size[i] + size) * apart
        return np.where(np.isfinite(size) & (np.arange(len(size)) != i), cost, np.inf)

    table = np.array([costs(i) for i in range(len(size))])
    for _ in range(len(size) - max(1, count)):
        i, j = sorted(divmod(int(table.argmin()), len(size)))
        centre[i] = (size[i] * centre[i] + size[j] * centre[j]) / (size[i] + size[j])
        size[i], size[j] = size[i] + size[j], np.nan
        part[part == j] = i
        table[j], table[:, j] = np.inf, np.inf
        table[i] = table[:, i] = costs(i)
    return np.unique(part, return_inverse=True)[1]


@group("Topics renamed", makes=("topic", "theme"), needs=("topic", "theme"), texts=())
def rename_topics(
    batch: pd.DataFrame,
    *,
    names: Annotated[list[str], "one name a line, as: old name = new name"] = [],  # noqa: B006
) -> pd.DataFrame:
    """Give topics and themes other names; two that are given one name become one.

    What it does:
        Replaces names in the columns `topic` and `theme`. It stands after `topics`. An old name
        that no topic has changes nothing. Raises CurationError for a line that is not "old name =
        new name".
    Why:
        Names made of words are a proposal. The people who know the data have better ones.
    Example:
        with: {names: [bread egg oven = baking]}
        {topic: bread egg oven, theme: bread egg oven} → {topic: baking, theme: baking}
        {topic: planets, theme: space} → {topic: planets, theme: space}
    Measured precision:
        Exact: it replaces names.
    Source:
        None.
    """
    by_old_name = new_names(names)
    return pd.DataFrame(
        {column: batch[column].replace(by_old_name).astype("str") for column in ("topic", "theme")}
    )


def new_names(items: Sequence[str]) -> Mapping[str, str]:
    """New names by old ones, from lines "old name = new name"; raises CurationError for others."""
    by_old_name = {}
    for item in items:
        old, mark, new = (part.strip() for part in item.partition(" = "))
        if not (old and mark and new):
            raise CurationError(
                f"rename_topics: {item!r} names no topic; write it as: old name = new name"
            )
        by_old_name[old] = new
    return by_old_name

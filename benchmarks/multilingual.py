"""The bundled models on texts in more languages than English.

python -m benchmarks multilingual [--data FOLDER] [labels | messages]

labels: Chinese and English texts with labels: the share of the ten nearest with the same label, and
macro-F1 of logistic regression on two thirds of 4,000; beside TF-IDF of character trigrams by SVD.
messages: of the five nearest among 150 messages of GTK in English, the share that is nearest among
their translations too; the messages of Debian's libgtk-4-common lie in /usr/share/locale.
"""

from __future__ import annotations

import argparse
import csv
import gettext
import re
import time
from pathlib import Path
from typing import Any

import numpy as np

from curation.embedding import MULTILINGUAL, load_encoder, tokenizer_of

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LOCALE = Path("/usr/share/locale")
TRANSLATIONS = "zh_CN ja ko th hi ta ru el he ka vi es".split()
ROWS, MESSAGES = 4_000, 150


def encoders() -> dict[str, Any]:
    """The bundled models by name."""
    return {
        "all-MiniLM-L6-v2": load_encoder("", "torch-float32"),
        MULTILINGUAL: load_encoder(MULTILINGUAL, "numpy"),
    }


def nearest(vectors: np.ndarray, count: int) -> np.ndarray:
    """Places of the nearest of each vector, without itself."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -2)
    return np.argsort(-similarity, axis=1, kind="stable")[:, :count]


def trigrams(texts: list[str]) -> np.ndarray:
    """TF-IDF of one to three characters in 256 dimensions."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    vectorizer = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2, max_features=200_000
    )
    vectors: np.ndarray = normalize(
        TruncatedSVD(256, random_state=0).fit_transform(vectorizer.fit_transform(texts))
    )
    return vectors


def labels(data: Path) -> None:
    """Print the figures of labelled texts."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    with (data / "classify/thucnews_titles_10k.tsv").open(encoding="utf-8") as stream:
        titles = [line.rstrip("\n").split("\t") for line in stream]
    with (data / "classify/ag_news_7600.csv").open(encoding="utf-8") as stream:
        news = [(f"{title} {text}", code) for code, title, text in csv.reader(stream)]
    for name, pairs in (("THUCNews titles (zh)", titles), ("AG News (en)", news)):
        rng = np.random.default_rng(0)
        part = [pairs[i] for i in rng.choice(len(pairs), ROWS, replace=False)]
        texts, codes = [text for text, _ in part], np.array([code for _, code in part])
        kinds = {"character trigrams": trigrams, **{n: e.encode for n, e in encoders().items()}}
        for kind, encode in kinds.items():
            begin = time.process_time()
            vectors = encode(texts)
            spent = time.process_time() - begin
            alike = float((codes[nearest(vectors, 10)] == codes[:, None]).mean())
            order = np.random.default_rng(1).permutation(ROWS)
            train, test = order[: ROWS * 2 // 3], order[ROWS * 2 // 3 :]
            model = LogisticRegression(C=10, max_iter=500).fit(vectors[train], codes[train])
            score = f1_score(codes[test], model.predict(vectors[test]), average="macro")
            print(f"{name:22}{kind:20}{alike:8.3f}{score:8.3f}{spent:8.1f} s", flush=True)


def messages(locale: Path) -> None:
    """Print the figures of translated messages."""
    english, multilingual = encoders().values()
    for folder in TRANSLATIONS:
        with (locale / folder / "LC_MESSAGES" / "gtk40.mo").open("rb") as stream:
            catalogue = gettext.GNUTranslations(stream)._catalog
        pairs = sorted(
            (plain(key), plain(text))
            for key, text in catalogue.items()
            if isinstance(key, str) and len(plain(key)) >= 20 and text != key and len(text) > 8
        )
        order = np.random.default_rng(0).permutation(len(pairs))[:MESSAGES]
        texts = [pairs[i][1] for i in order]
        truth = nearest(english.encode([pairs[i][0] for i in order]), 5)
        line = f"{folder:8}"
        for model, encoder in (("", english), (MULTILINGUAL, multilingual)):
            tokens = tokenizer_of(model).ids(texts)
            number, unknown = sum(map(len, tokens)), tokenizer_of(model).unknown
            missed = sum(ids.count(unknown) for ids in tokens) / number
            rows = zip(nearest(encoder.encode(texts), 5), truth, strict=True)
            agreement = np.mean([len({*one} & {*other}) / 5 for one, other in rows])
            line += f"{missed:8.3f}{number / sum(map(len, texts)):8.2f}{agreement:8.3f}"
        print(line, flush=True)


def plain(text: str) -> str:
    """A message without its places for values, marks and options."""
    return " ".join(re.sub(r"%\S+|_|<[^>]+>|--?[a-z-]+", " ", text).split())


def main() -> None:
    """Print both parts, or the one that is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks multilingual")
    parser.add_argument("part", nargs="?", choices=["labels", "messages"])
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    if options.part != "messages":
        labels(options.data)
    if options.part != "labels":
        messages(LOCALE)


if __name__ == "__main__":
    main()

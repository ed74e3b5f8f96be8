"""The uncertain queue beside random labelling: macro-F1 for the number of labels.

python -m benchmarks uncertain [--out FOLDER] [--sets "AG News" …] [--ways random …] [--seeds 10]

AG News (4 classes), CLINC150 (150 intents) and THUCNews titles (10 classes; vectors by the multilingual
model). Each seed splits the rows anew: a third is the test set, the rest waits for labels. A queue is
followed as a person would: the first answers train the model, its order gives the next ones, and after a
tenth of new labels (ten at least) it learns again. Each number of labels is scored by the same classifier
on the labels up to it. Every score is a line of OUT/scores.jsonl, so a run that was ended goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from benchmarks import _planting as planting
from benchmarks._planting import Texts
from curation.embedding import MULTILINGUAL, VectorStore, load_encoder
from curation.embedding.encoder import fastest_backend
from curation.looking import light_model, uncertain
from curation.looking.light_model import Answers
from curation.training.intervals import paired

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "classify"

DRAWS = 5
"""Random labellings of each seed, whose scores are averaged."""

RESAMPLES = 10_000


def all_intents(folder: Path) -> Texts:
    """Return questions of all 150 intents of CLINC150."""
    parts = json.loads((folder / "clinc150_full.json").read_text("utf-8"))
    rows = [row for name in ("train", "val", "test") for row in parts[name]]
    return Texts([text for text, _ in rows], np.array([intent for _, intent in rows]))


SETS: dict[str, tuple[Callable[[Path], Texts], str, tuple[int, ...]]] = {
    "AG News": (
        planting.ag_news,
        "",
        (10, 20, 30, 40, 50, 60, 80, 100, 120, 140, 160, 180, 200, 240, 300),
    ),
    "CLINC150": (all_intents, "", (60, 120, 180, 240, 300, 360, 450, 540, 600)),
    "THUCNews": (
        planting.thucnews,
        MULTILINGUAL,
        (20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 240, 300),
    ),
}
"""Set → its texts, the model of its vectors (empty: all-MiniLM-L6-v2), and the numbers of labels."""


def residuals(probabilities: np.ndarray) -> np.ndarray:
    """Return the gradient of the loss by the logits, if the likeliest class were right."""
    result = probabilities.astype(np.float32)
    result[np.arange(len(result)), probabilities.argmax(axis=1)] -= 1
    return result


def spread(vectors: np.ndarray, residual: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return `count` positions by k-means++ on the products residual ⊗ vector (BADGE).

    The products are never made: a dot product of two is that of the residuals by that of the
    vectors. vectors: (rows, width). residual: (rows, classes). The first has the longest product.
    """
    count = min(count, len(vectors))
    if not count:
        return np.zeros(0, dtype=np.int64)
    rng = np.random.default_rng(seed)
    squares = np.einsum("ij,ij->i", residual, residual) * np.einsum("ij,ij->i", vectors, vectors)
    distance, free = squares.astype(np.float64), np.ones(len(vectors), dtype=bool)
    chosen = [int(squares.argmax())]
    while True:
        last = chosen[-1]
        free[last] = False
        if len(chosen) == count:
            return np.array(chosen, dtype=np.int64)
        alike = (residual @ residual[last]) * (vectors @ vectors[last])
        distance = np.minimum(distance, np.maximum(squares + squares[last] - 2 * alike, 0))
        weights = np.where(free, distance, 0).cumsum()
        if weights[-1] > 0:
            chosen.append(int(np.searchsorted(weights, rng.random() * weights[-1], side="right")))
        else:  # only copies of chosen rows are left
            chosen.append(int(free.argmax()))


Next = Callable[..., np.ndarray]
"""(vectors and probabilities of the unlabelled rows, those of the labelled ones, rows to take, seed) → order."""


def by_score(score: Callable[[np.ndarray], np.ndarray]) -> Next:
    """Return an order by a number made of the probabilities, the lowest first."""
    return lambda vectors, p, learned, its, count, seed: np.argsort(score(p), kind="stable")[:count]


def entropy(p: np.ndarray) -> np.ndarray:
    """Return the negative entropy of each row."""
    return np.asarray((p * np.log(np.maximum(p, 1e-12))).sum(axis=1))


def badge(
    vectors: np.ndarray, p: np.ndarray, learned: np.ndarray, its: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """Return the draw of BADGE from all rows."""
    return spread(vectors, residuals(p), count, seed)


def ours(
    vectors: np.ndarray, p: np.ndarray, learned: np.ndarray, its: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """Return the beginning of the uncertain queue."""
    return uncertain.by_uncertainty(vectors, p, learned, its, seed)[:count]


WAYS: dict[str, tuple[Next | None, bool]] = {
    "random": (None, False),
    "margin": (by_score(uncertain.margins), False),
    "entropy": (by_score(entropy), False),
    "BADGE": (badge, False),
    "ours": (ours, True),
}
"""Way → the order once there is a model (None: random), and whether the first rows are typical ones."""


def labelled(
    vectors: np.ndarray, labels: np.ndarray, manner: str, most: int, seed: int
) -> tuple[np.ndarray, list[light_model.Trust]]:
    """Return the rows in the order in which they get labels, and the trust in each model."""
    order, diverse = WAYS[manner]
    shuffled = np.random.default_rng(seed).permutation(len(vectors))
    if order is None:
        return shuffled[:most], []
    start = uncertain.typical(vectors, seed) if diverse else shuffled
    taken, trusts = list[int](), list[light_model.Trust]()
    while len(taken) < most:
        step = max(light_model.STEP, len(taken) // 10)
        done = np.array(taken, dtype=np.int64)
        if len(set(labels[done])) < 2:
            taken += [int(i) for i in start if i not in set(taken)][:step]
            continue
        model = light_model.fitted(vectors[done], Answers("label", done, labels[done].astype("O")))
        trusts.append(model.trust)
        rest = np.setdiff1d(np.arange(len(vectors)), done)
        p, its = model.probabilities(vectors[rest]), model.probabilities(vectors[done])
        drawn = order(vectors[rest], p, vectors[done], its, step, seed + len(taken))
        taken += rest[drawn].tolist()
    return np.array(taken[:most]), trusts


def score(
    vectors: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    test: tuple[np.ndarray, np.ndarray],
) -> float:
    """Return the macro-F1 on the test set of the queue's own classifier, trained on some rows."""
    if len(set(labels[rows])) < 2:
        guess = np.full(len(test[1]), labels[rows[0]])
    else:
        model = LogisticRegression(C=light_model.STRENGTH, max_iter=300, tol=1e-3)
        guess = model.fit(vectors[rows], labels[rows]).predict(test[0])
    return float(f1_score(test[1], guess, average="macro", zero_division=0))


def embedded(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors and the labels of a set."""
    read, model, _ = SETS[name]
    texts = read(DATA)
    encoder = load_encoder(model, fastest_backend(model))
    return VectorStore(folder / "vectors").embed(texts.texts, encoder), texts.labels


def measured(name: str, ways: list[str], seeds: int, folder: Path) -> dict[str, np.ndarray]:
    """Return the macro-F1 by manner, (seeds, numbers of labels)."""
    path, counts = folder / "scores.jsonl", SETS[name][2]
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    before = {(line["set"], line["way"], line["seed"]): line["scores"] for line in lines}
    missing = [(w, s) for s in range(seeds) for w in ways if (name, w, s) not in before]
    if missing:
        vectors, labels = embedded(name, folder)
    for manner, seed in missing:
        begin = time.perf_counter()
        order = np.random.default_rng((seed, 7)).permutation(len(labels))
        test, pool = order[: len(order) // 3], np.sort(order[len(order) // 3 :])
        scores, trust = list[list[float]](), None
        for draw in range(DRAWS if manner == "random" else 1):
            rows, trusts = labelled(
                vectors[pool], labels[pool], manner, max(counts), 1_000 * seed + draw
            )
            trust = trusts[-1] if trusts else None
            held_out = vectors[test], labels[test]
            scores.append([score(vectors[pool], labels[pool], rows[:n], held_out) for n in counts])
        mean = np.mean(scores, axis=0).tolist()
        before[name, manner, seed] = mean
        line = {"set": name, "way": manner, "seed": seed, "scores": mean}
        line["seconds"] = time.perf_counter() - begin
        if trust is not None:
            line["trust"] = [trust.tested, trust.right, trust.low, trust.high, trust.sure_right]
        with open(path, "a") as stream:
            stream.write(json.dumps(line) + "\n")
    return {w: np.array([before[name, w, s] for s in range(seeds)]) for w in ways}


def labels_needed(counts: np.ndarray, curve: np.ndarray, goal: float) -> float:
    """Return the number of labels at which a curve first reaches a score, between its points."""
    above = np.flatnonzero(curve >= goal)
    if not len(above):
        return float("nan")
    i = int(above[0])
    if i == 0:
        return float(counts[0])
    share = (goal - curve[i - 1]) / (curve[i] - curve[i - 1])
    return float(counts[i - 1] + share * (counts[i] - counts[i - 1]))


def share_needed(counts: np.ndarray, random: np.ndarray, manner: np.ndarray) -> tuple[float, ...]:
    """Return the share of the labels that a manner needs for the last score of random ones, and its interval.

    By the mean curves of both; the interval is a bootstrap over the seeds. A resample that never
    gets that far needs more than all.
    """
    rng = np.random.default_rng(0)
    needed = labels_needed(counts, manner.mean(axis=0), random[:, -1].mean()) / counts[-1]
    draws = rng.integers(0, len(manner), (RESAMPLES, len(manner)))
    shares = [labels_needed(counts, manner[d].mean(axis=0), random[d, -1].mean()) for d in draws]
    ends = np.quantile(np.nan_to_num(np.array(shares) / counts[-1], nan=np.inf), (0.025, 0.975))
    return float(needed), float(ends[0]), float(ends[1])


def report(name: str, results: dict[str, np.ndarray]) -> None:
    """Print the curves and the share of the labels that each manner needs, as Markdown."""
    counts = np.array(SETS[name][2])
    sixty = int(np.flatnonzero(counts <= 0.6 * counts[-1])[-1])
    print(f"\n{name}, {len(results['random'])} seeds; macro-F1 by the number of labels:\n")
    print("| labels | " + " | ".join(results) + " |")
    print("|---:|" + "---:|" * len(results))
    for i, count in enumerate(counts):
        print(
            f"| {count:,} | " + " | ".join(f"{r[:, i].mean():.3f}" for r in results.values()) + " |"
        )
    print(
        f"\n| manner | share of {counts[-1]:,} labels needed | at {counts[sixty]:,} less random at {counts[-1]:,} |"
    )
    print("|---|---:|---:|")
    for manner, scores in results.items():
        if manner != "random":
            needed, low, high = share_needed(counts, results["random"], scores)
            ahead = paired(scores[:, sixty] - results["random"][:, -1])
            print(
                f"| {manner} | {needed:.0%} ({low:.0%} to {high:.0%}) | "
                f"{ahead.mean:+.3f} ({ahead.low:+.3f} to {ahead.high:+.3f}) |"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="keep vectors and scores for another time")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=["AG News", "CLINC150"])
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.sets:
            ways = list(dict.fromkeys(["random", *arguments.ways]))
            report(name, measured(name, ways, arguments.seeds, folder))


if __name__ == "__main__":
    main()

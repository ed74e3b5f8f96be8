"""Duplicates: near-duplicates beside peers, rows of another set, paraphrases, people's judgements.

python -m benchmarks duplicates [--data FOLDER] [--peers FOLDER] [--rows N] [NAME…]

--peers: a folder that holds datasketch, rensa and semhash (`pip install --target FOLDER …`). Prints a row
of a table for each figure; processor seconds, since other work moves the clock.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks._restyled import RESTYLED

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SIMILARITY = 0.8
Line = tuple[str, int, str]
"""Method, rows, figure."""


MOST_COMPARED = 100_000
"""Rows up to which the truth is all pairs compared; beyond them it is the copies that were planted."""

Planted = tuple[list[str], list[tuple[int, int]]]
"""Texts, and the pairs of a text and its copy, the lower row first."""


def answers(data: Path, rows: int) -> Planted:
    """Answers of Alpaca of ten words and more, a tenth of them copies with one to three words changed.

    Beyond the answers that there are, every fifth word of one is another's, so that no two are near.
    """
    draw = random.Random(0)
    records = json.loads((data / "sft/alpaca_en_52k.json").read_text("utf-8"))
    own = [r["output"] for r in records if len(r["output"].split()) >= 10]
    spoken = [word for text in own[:20_000] for word in text.split()]
    texts = own[:rows]
    for i in range(len(texts), rows):
        words = own[i % len(own)].split()
        for place in range(draw.randrange(5), len(words), 5):
            words[place] = draw.choice(spoken)
        texts.append(" ".join(words))
    pairs = []
    for i in range(0, rows, 10):
        source = draw.randrange(rows)
        words = texts[source].split()
        for _ in range(draw.randint(1, 3)):
            words[draw.randrange(len(words))] = draw.choice(("indeed", "also", "very", "quite"))
        texts[i] = " ".join(words)
        pairs.append((min(i, source), max(i, source)))
    return texts, pairs


def near(texts: list[str], pairs: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """The pairs among some whose shingles have a Jaccard similarity of 0.8 or more."""
    from curation.alike import jaccard, shingle_sets

    used = sorted({row for pair in pairs for row in pair})
    sets = dict(zip(used, shingle_sets([texts[row] for row in used]), strict=True))
    return {(a, b) for a, b in pairs if a < b and jaccard(sets[a], sets[b]) >= SIMILARITY - 1e-9}


def all_pairs(texts: list[str]) -> set[tuple[int, int]]:
    """The pairs of a Jaccard similarity of 0.8 or more of the shingles, by comparing all with all."""
    from scipy.sparse import csr_matrix

    from curation.alike import shingle_sets

    sets = shingle_sets(texts)
    sizes = np.array([len(s) for s in sets])
    _, columns = np.unique(sets.values, return_inverse=True)
    ends = np.append(0, np.cumsum(sizes))
    ones = csr_matrix((np.ones(len(columns), dtype=np.int32), columns, ends))
    shared = (ones @ ones.T).tocoo()
    likeness = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    near = (shared.row < shared.col) & (likeness >= SIMILARITY - 1e-9)
    return set(zip(shared.row[near].tolist(), shared.col[near].tolist(), strict=True))


def ours(texts: list[str]) -> set[tuple[int, int]]:
    """The pairs of this project, down to its floor, of which those above the threshold are returned."""
    from curation.alike import Sides, shingle_sets

    sides = Sides([shingle_sets(texts)])
    pairs, _ = sides.pairs(0.6)
    pairs = pairs.where(pairs.similarity >= SIMILARITY - 1e-9)
    members: dict[int, list[int]] = {}
    for row, code in enumerate(sides.codes.tolist()):
        members.setdefault(code, []).append(row)
    joined = [(g[a], g[b]) for g in members.values() for b in range(len(g)) for a in range(b)]
    for one, two in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        joined += [(min(a, b), max(a, b)) for a in members[one] for b in members[two]]
    return set(joined)


def datasketch(texts: list[str]) -> set[tuple[int, int]]:
    """The pairs that datasketch's MinHash LSH proposes, 128 permutations, words in runs of five."""
    from datasketch import MinHash, MinHashLSH

    index, pairs = MinHashLSH(threshold=SIMILARITY, num_perm=128), set()
    for row, text in enumerate(texts):
        words = text.lower().split()
        hashed = MinHash(num_perm=128)
        hashed.update_batch(
            [" ".join(words[i : i + 5]).encode() for i in range(max(1, len(words) - 4))]
        )
        pairs |= {(int(other), row) for other in index.query(hashed)}
        index.insert(row, hashed)
    return pairs


def rensa(texts: list[str]) -> set[tuple[int, int]]:
    """The pairs that rensa's LSH proposes, 128 permutations, words in runs of five."""
    from rensa import RMinHash, RMinHashLSH

    index, pairs = RMinHashLSH(threshold=SIMILARITY, num_perm=128, num_bands=16), set()
    for row, text in enumerate(texts):
        words = text.lower().split()
        hashed = RMinHash(num_perm=128, seed=0)
        hashed.update([" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))])
        pairs |= {(int(other), row) for other in index.query(hashed)}
        index.insert(row, hashed)
    return pairs


def semhash(texts: list[str]) -> set[tuple[int, int]]:
    """The pairs of SemHash at its own threshold of 0.9, by static vectors of the bundled model.

    Its own model is on the Hub only. It compares meanings, which no Jaccard similarity is.
    """
    from semhash import SemHash

    from curation.embedding import load_encoder

    members: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        members.setdefault(text, []).append(row)
    groups, pairs = list(members.values()), set()
    encoder = load_encoder("", "draft")
    index = SemHash.from_records([{"text": t} for t in texts], ["text"], encoder).index
    for one, (others, _) in enumerate(index.query_threshold(index.vectors, 0.9)):
        for other in [*others.tolist(), one]:
            pairs |= {(a, b) for a in groups[one] for b in groups[other] if a < b}
    return pairs


METHODS: dict[str, Callable[[list[str]], set[tuple[int, int]]]] = {
    "ours": ours,
    "datasketch": datasketch,
    "rensa": rensa,
    "semhash": semhash,
}


def one_method(data: Path, name: str, rows: int) -> None:
    """Print processor seconds, peak memory and recall of one method, in a process of its own."""
    texts, planted = answers(data, rows)
    METHODS[name](texts[:50])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    pairs = METHODS[name](texts)
    seconds = time.process_time() - begin
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    truth = all_pairs(texts) if rows <= MOST_COMPARED else near(texts, planted)
    drawn = random.Random(0).sample(sorted(pairs), min(len(pairs), 20_000))
    figure = (
        f"{seconds:.1f} s, {peak:.2f} GiB more, finds {len(pairs & truth) / len(truth):.1%} of {len(truth):,} "
        f"pairs; of its {len(pairs):,}, {len(near(texts, drawn)) / max(1, len(drawn)):.1%} are near"
    )
    print(json.dumps(figure))


def peers(data: Path, folder: Path | None, rows: int) -> Iterator[Line]:
    """Each method in a process of its own."""
    for name in METHODS:
        path = [str(folder)] if folder else []
        command = [sys.executable, "-m", "benchmarks.duplicates", "--data", str(data)]
        environment = {"PYTHONPATH": ":".join([str(Path.cwd()), *path]), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, "--one", name, "--rows", str(rows)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        lines = done.stdout.splitlines()
        yield name, rows, json.loads(lines[-1]) if lines else done.stderr.splitlines()[-1]


def ladder(data: Path) -> Iterator[Line]:
    """The rows that a threshold leaves, beside the author's counts: each side, and answers alone."""
    from curation.alike import nearly
    from tests.conftest import make_dataset

    records = json.loads((data / "duplicates/toolformer_7673.json").read_text("utf-8"))
    texts = [(f"{r['instruction']}\n{r['input']}", r["response"]) for r in records]
    rows = make_dataset(texts).rows.sort_index()
    for by in ("prompt_and_response", "response", "prompt"):
        compared = nearly(rows, by, 0.6)
        for similarity, author in ((0.9, 5_959), (0.7, 3_487)):
            kept = compared.cut(np.arange(len(rows)), similarity)
            left = int((kept.leader == np.arange(len(rows))).sum())
            yield f"by {by}, {similarity}", len(rows), f"{left:,} stay; the author's: {author:,}"


def judgements(data: Path) -> Iterator[Line]:
    """The ROC AUC of ways to tell apart pairs of sentences that people judged."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict

    from curation.alike import jaccard, shingle_sets
    from curation.alike.shingles import character_sets
    from curation.embedding import load_encoder

    text = (data / "duplicates/msrp_paraphrase_train.tsv").read_text("utf-8-sig")
    pairs = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    same = np.array([pair[0] == "1" for pair in pairs])
    sides = [[pair[side] for pair in pairs] for side in (3, 4)]
    one, two = (load_encoder("").encode(side) for side in sides)
    cosine = (one * two).sum(axis=1)
    runs = [shingle_sets(side) for side in sides]
    words = np.array([jaccard(a, b) for a, b in zip(*runs, strict=True)])
    grams = [character_sets([t[:160] for t in side]) for side in sides]
    letters = np.array([jaccard(a, b) for a, b in zip(*grams, strict=True)])
    both = np.stack([cosine, words, letters], axis=1)
    learnt = cross_val_predict(LogisticRegression(), both, same, cv=5, method="predict_proba")[:, 1]
    measures = {"cosine": cosine, "Jaccard of runs of 5 words": words}
    measures |= {"Jaccard of runs of 3 letters": letters, "all by a logistic regression": learnt}
    for name, score in measures.items():
        yield name, len(pairs), f"AUROC {roc_auc_score(same, score):.3f}"


def paraphrases(data: Path) -> Iterator[Line]:
    """Restyled prompts among those of LIMA and Dolly: found, and other pairs that a person would read."""
    from curation.alike import by_nearest
    from curation.embedding import load_encoder, nearest

    others = []
    for file in ("sft/lima_train.json", "sft/dolly_train_sdft.json"):
        records = json.loads((data / file).read_text("utf-8"))
        others += [f"{r['instruction']}\n{r.get('input') or ''}".strip() for r in records]
    texts = [*(text for pair in RESTYLED for text in pair), *others]
    vectors = load_encoder("").encode(texts)
    planted = 2 * len(RESTYLED)
    cosines = np.triu(vectors @ vectors.T, 1)
    own = np.array([cosines[i, i + 1] for i in range(0, planted, 2)])
    alone = by_nearest(vectors, lambda k: nearest(vectors, k)).pairs
    pairs = zip(alone.first.tolist(), alone.second.tolist(), strict=True)
    reworded = np.array([a < planted and a % 2 == 0 and b == a + 1 for a, b in pairs])
    for similarity in (0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6):
        hits = int((own >= similarity).sum())
        more = int((cosines >= similarity).sum()) - hits
        figure = f"{hits} of {len(own)} ({hits / len(own):.0%}) and {more:,} other pairs"
        near = alone.similarity >= similarity
        hits, more = int((near & reworded).sum()), int((near & ~reworded).sum())
        figure += f"; each other's nearest: {hits} and {more:,}"
        yield f"cosine {similarity}", len(texts), figure


def another_set(data: Path) -> Iterator[Line]:
    """Rows of other sets that stand in Alpaca, prompt and answer as one text."""
    from curation.dataset import silent
    from curation.operations.known import copies_in

    def texts(file: str) -> list[str]:
        records = json.loads((data / file).read_text("utf-8"))
        prompts = [f"{r['instruction']}\n{r.get('input') or ''}".strip() for r in records]
        return [f"{p}\n\n{r['output']}" for p, r in zip(prompts, records, strict=True)]

    alpaca = texts("sft/alpaca_en_52k.json")
    for file in (
        "selected/cherry_alpaca_5_percent.json",
        "sft/llamafactory_alpaca_en_demo.json",
        "sft/lima_train.json",
        "sft/dolly_train_sdft.json",
    ):
        own = texts(file)
        pairs = copies_in(own, alpaca, SIMILARITY, silent)
        equal = int((pairs.similarity == 1).sum())
        yield Path(file).stem, len(own), f"{len(pairs.first):,} stand in Alpaca, {equal:,} equal"


PARTS = ("ladder", "judgements", "paraphrases", "another_set", "peers")


def main() -> None:
    """Run the parts that are named, or all, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--rows", type=int, default=52_002)
    parser.add_argument("--one", choices=list(METHODS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one_method(options.data, options.one, options.rows)
        return
    parts: dict[str, Callable[[], Iterator[Line]]] = {
        "ladder": lambda: ladder(options.data),
        "judgements": lambda: judgements(options.data),
        "paraphrases": lambda: paraphrases(options.data),
        "another_set": lambda: another_set(options.data),
        "peers": lambda: peers(options.data, options.peers, options.rows),
    }
    print("| method | rows | figure |\n|---|---:|---|")
    for name in options.names or PARTS:
        for method, rows, figure in parts[name]():
            print(f"| {name}: {method} | {rows:,} | {figure} |", flush=True)


if __name__ == "__main__":
    main()

"""Whose answer counts: seconds of each policy, of a new answer, and how often policies are right.

python -m benchmarks consensus [--examples 100000] [--each 2] [--people 50] [--peer] [--right]

The answers are drawn by code: four labels, people who are right in 50 to 95 of 100, every tenth one a
spammer who always gives the same label. --peer times crowd-kit on the same answers, where it is
installed. --right counts how often each policy gives the right label, a tie as a draw.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from curation.decisions import Consensus, Decision, DecisionStore
from curation.decisions.consensus import POLICIES, by_question
from curation.decisions.dawid_skene import fit

LABELS = [f"label {n}" for n in range(4)]


def drawn(examples: int, each: int, people: int, seed: int, spam: int = 10):
    """Right labels, and (example, person, label) of every answer."""
    draw = np.random.default_rng(seed)
    skill = draw.uniform(0.5, 0.95, people)
    right = draw.integers(0, 4, examples)
    who = np.argsort(draw.random((examples, people)), axis=1)[:, :each] if people <= 100 else None
    correct = draw.random((examples, each)) < skill[who]
    label = np.where(correct, right[:, None], draw.integers(0, 4, (examples, each)))
    label = np.where(who % spam == 0, who % 4, label)
    return right, who, label


def answers_of(who: np.ndarray, label: np.ndarray) -> list[list[tuple[str, str]]]:
    """Each example's answers as the fit takes them."""
    return [
        [(f"p{w}", LABELS[a]) for w, a in zip(ws, given, strict=True)]
        for ws, given in zip(who.tolist(), label.tolist(), strict=True)
    ]


def score(right: np.ndarray, examples: list, weigh) -> float:
    """Share of the examples whose heaviest label is the right one; of a tie a share of one."""
    total = 0.0
    for truth, given in zip(right.tolist(), examples, strict=True):
        weights = weigh(given)
        best = [a for a, w in weights.items() if w >= max(weights.values()) - 1e-5]
        total += (LABELS[truth] in best) / len(best)
    return total / len(examples)


def votes(given) -> dict[str, float]:
    """Label → number of people who gave it."""
    return {a: float(sum(b == a for _, b in given)) for _, a in given}


def peer(examples: list, right: np.ndarray) -> None:
    """Time crowd-kit, and say how often it is right."""
    begun = time.perf_counter()
    from crowdkit.aggregation import MACE, DawidSkene

    print(f"crowd-kit: import {time.perf_counter() - begun:.1f} s")
    table = pd.DataFrame(
        [(n, who, a) for n, given in enumerate(examples) for who, a in given],
        columns=["task", "worker", "label"],
    )
    models = (DawidSkene(n_iter=100), MACE(n_restarts=10, n_iter=50, random_state=0))
    for model in models:
        begun = time.process_time()
        labels = model.fit_predict(table)
        hit = np.mean([labels[n] == LABELS[t] for n, t in enumerate(right.tolist())])
        print(f"  {type(model).__name__}: {time.process_time() - begun:.1f} s, right {hit:.4f}")


def main() -> None:
    """Print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=2)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--spam", type=int, default=10, help="every n-th person is a spammer")
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--right", action="store_true")
    args = parser.parse_args()
    right, who, label = drawn(args.examples, args.each, args.people, 1, args.spam)
    examples = answers_of(who, label)
    begun = time.process_time()
    model = fit(examples)
    assert model is not None
    print(f"fit: {time.process_time() - begun:.1f} s, {model.rounds} rounds")
    if args.right:
        likeliest = score(right, examples, lambda given: model.likelihoods(given) or votes(given))
        print(f"right: majority {score(right, examples, votes):.4f}, dawid-skene {likeliest:.4f}")
    if args.peer:
        peer(examples, right)
    if not args.right:
        seconds(examples)


def seconds(examples: list) -> None:
    """Time the states of a store with these answers."""
    with tempfile.TemporaryDirectory() as folder:
        store = DecisionStore(Path(folder) / "d.db", journal=Path(folder) / "d.jsonl")
        decisions = [
            Decision(f"example-{n:07d}", "label", answer, person)
            for n, given in enumerate(examples)
            for person, answer in given
        ]
        for start in range(0, len(decisions), 50_000):
            store.append(decisions[start : start + 50_000])
        print(f"{len(decisions):,} answers")
        for policy in POLICIES:
            counted = Consensus(store)
            begun = time.process_time()
            state = counted.state(policy)
            first = time.process_time() - begun
            times = []
            for n in range(5):
                store.append([Decision("example-0000000", "label", LABELS[n % 4], f"new {n}")])
                store.state()
                begun = time.process_time()
                state = counted.state(policy)
                times.append(time.process_time() - begun)
            shown = f"{sorted(times)[2] * 1000:.0f} ms after a new answer"
            print(f"{policy}: {first:.2f} s, {shown}, {len(state.unsettled):,} ties")
        begun = time.process_time()
        opinions = state.opinions_frame()
        print(f"opinions as a table: {time.process_time() - begun:.2f} s, {len(opinions):,} rows")
        assert by_question(state.opinions["example-0000000"])
        store.close()


if __name__ == "__main__":
    main()

"""A benchmark of the backends: which one computes a model fastest on this machine.

Guarantee: it chooses a backend only if each vector of the benchmark's texts lies within
EXACT_ENOUGH of plain single precision. A result is remembered for the machine, the code and the
versions of the libraries.

Accepted: it takes some seconds, once. Two machines may choose differently; so a project keeps the
choice, and the benchmark runs only without one.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from curation import files
from curation.cache import key
from curation.embedding.backends import SUPERSEDED, Encode, backends, multiplies_bfloat16
from curation.errors import CurationError
from curation.versions import module_version

EXACT_ENOUGH = 0.9995
"""Least cosine similarity to float32 that a backend must keep on every text of the benchmark."""

WORTH_IT = 1.15
"""Least gain in speed over a plainer backend for a choice, so that noise never decides."""


@dataclass(frozen=True)
class Measurement:
    """Texts per second of a backend, and its least cosine similarity to plain float32."""

    backend: str
    texts_per_second: float
    similarity: float


def measurements(name: str, model: Any, seconds: float = 1.0) -> list[Measurement]:
    """A measurement of each backend on texts as long as instruction data, the plainest first.

    name: of the model. seconds: how long each backend is measured at least. The plainest backend is
    the one that the others are compared with.
    """
    import torch

    remembered, code = _remembered(), module_version(__name__)
    cores = torch.get_num_threads()
    entry = key(name, platform.machine(), _processor(), cores, _versions(), code)
    if entry not in remembered:
        remembered[entry] = [asdict(one) for one in _measured(model, seconds)]
        with contextlib.suppress(CurationError, RuntimeError):  # no home: measured again next time
            files.write_text(_memory(), json.dumps(remembered, indent=1))
    return [Measurement(**fields) for fields in remembered[entry]]


def fastest(results: Sequence[Measurement]) -> str:
    """The fastest backend that is exact enough; a plainer one wins where the gain is small."""
    best = results[0]
    for result in results[1:]:
        if (
            result.similarity >= EXACT_ENOUGH
            and result.texts_per_second > WORTH_IT * best.texts_per_second
        ):
            best = result
    return best.backend


def _measured(model: Any, seconds: float) -> list[Measurement]:
    texts = _texts()
    few, reference, least = texts[::8], None, 0.0
    running: dict[str, tuple[Encode, float]] = {}
    spent: dict[str, list[float]] = {}
    given_up = []
    for backend, prepare in backends().items():
        if backend in SUPERSEDED or ("bfloat16" in backend and not multiplies_bfloat16()):
            continue
        try:
            encode = prepare(model)
            encode(few)
            rate = len(few) / _seconds(encode, few)
            if rate < least:  # such as bfloat16 on a processor without it: not worth the wait
                given_up.append(Measurement(backend, round(rate, 1), 0.0))
                continue
            begin = time.perf_counter()
            vectors = encode(texts)
            spent[backend] = [time.perf_counter() - begin]
        except Exception:
            if reference is None:  # without the plainest backend there is nothing to compare with
                raise
            continue  # a backend whose converter cannot take this model is not offered
        if reference is None:
            reference, least = vectors, rate / 2
        running[backend] = encode, float((vectors * reference).sum(axis=1).min())
    # The run that gave the vectors is the first turn. Backends take turns, and the best turn of each
    # counts, so that other work on the machine favours none.
    while unfinished := [backend for backend in running if sum(spent[backend]) < seconds]:
        for backend in unfinished:
            spent[backend].append(_seconds(running[backend][0], texts))
    return [
        Measurement(backend, round(len(texts) / min(spent[backend]), 1), round(similarity, 6))
        for backend, (_, similarity) in running.items()
    ] + given_up


def _seconds(encode: Encode, texts: Sequence[str]) -> float:
    begin = time.perf_counter()
    encode(texts)
    return time.perf_counter() - begin


def _texts() -> list[str]:
    """64 texts, half of them under 60 tokens, one in ten over 140, the longest 256: as Alpaca is."""
    words = (
        "name three rivers and say where each begins then write a short letter to the council about "
        "the bridge that was closed last winter because its deck had cracked and list what it would "
        "cost to mend it in numbers that a reader without training can follow"
    ).split()
    rng = np.random.default_rng(0)
    normal = NormalDist(np.log(58), 0.64)
    lengths = [min(254, round(np.exp(normal.inv_cdf((i + 0.5) / 64)))) for i in range(64)]
    return [" ".join(rng.choice(words, n)) for n in rng.permutation(lengths)]


def _memory() -> Path:
    return files.machine_folder() / "encoder-trials.json"


def _remembered() -> dict[str, list[dict[str, Any]]]:
    try:
        results: dict[str, list[dict[str, Any]]] = json.loads(_memory().read_text("utf-8"))
        return results
    except (OSError, ValueError, RuntimeError):
        return {}


def _versions() -> list[str]:
    packages = ["torch", "sentence-transformers", "openvino"]
    return [version(p) if importlib.util.find_spec(p.replace("-", "_")) else "" for p in packages]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n")
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("flags"))
    except (OSError, StopIteration):
        return platform.processor()

"""Ways to compute the same model on this machine, and a short trial that tells the fastest.

All ways give nearly the same vectors, but not to the bit; so a project keeps to the way it began
with, and a trial decides only when there is no choice to keep to.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from curation import files
from curation.cache import key
from curation.errors import CurationError

Encode = Callable[[Sequence[str]], np.ndarray]

BATCH = 32
"""Texts computed at once. 32 to 64 were equally quick on two cores; more only cost memory."""

EXACT_ENOUGH = 0.9995
"""Least cosine similarity to float32 that a way must keep on every text of the trial."""

WORTH_IT = 1.15
"""How much quicker a way must be than a plainer one to be chosen, so that noise never decides."""


def ways() -> dict[str, Callable[[Any], Encode]]:
    """The ways that this machine offers, the plainest first: name → (model → encode)."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "torch"
    found: dict[str, Callable[[Any], Encode]] = {
        f"{device}-float32": _torch_float32,
        f"{device}-bfloat16": _torch_bfloat16,
    }
    if device == "torch" and importlib.util.find_spec("openvino"):
        found["openvino-float32"] = lambda model: _openvino(model, "f32")
        found["openvino-bfloat16"] = lambda model: _openvino(model, "bf16")
    return found


def _torch_float32(model: Any) -> Encode:
    def encode(texts: Sequence[str]) -> np.ndarray:
        made = model.encode(
            list(texts),
            batch_size=BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(made, dtype=np.float32)

    return encode


def _torch_bfloat16(model: Any) -> Encode:
    import torch

    plain = _torch_float32(model)

    def encode(texts: Sequence[str]) -> np.ndarray:
        with torch.autocast(model.device.type, dtype=torch.bfloat16):
            return plain(texts)

    return encode


def _openvino(model: Any, precision: str) -> Encode:
    """The whole model, pooling included, as one OpenVINO graph with free batch and length."""
    import openvino
    import torch

    def tensors(texts: Sequence[str]) -> dict[str, torch.Tensor]:
        features = model.preprocess(list(texts))
        return {k: v for k, v in features.items() if isinstance(v, torch.Tensor)}

    example = tensors(["one", "a longer text"])

    class Graph(torch.nn.Module):
        """The model with its inputs by place, as a trace wants them."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: torch.Tensor) -> torch.Tensor:
            features = dict(zip(example, values, strict=True))
            vectors: torch.Tensor = self.model(features)["sentence_embedding"]
            return torch.nn.functional.normalize(vectors, dim=1)

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of branches on shapes, which stay right
        graph = openvino.convert_model(Graph(), example_input=tuple(example.values()))
    settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    compiled = openvino.Core().compile_model(graph, "CPU", settings)

    def encode(texts: Sequence[str]) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
        parts: dict[int, np.ndarray] = {}
        queue = openvino.AsyncInferQueue(compiled)
        queue.set_callback(
            lambda request, at: parts.__setitem__(at, request.get_output_tensor(0).data.copy())
        )
        for at in range(0, len(order), BATCH):
            part = tensors([texts[i] for i in order[at : at + BATCH]])
            queue.start_async([part[name].numpy() for name in example], at)
        queue.wait_all()
        vectors = np.concatenate([parts[at] for at in sorted(parts)])
        result = np.empty_like(vectors, dtype=np.float32)
        result[order] = vectors
        return result

    return encode


@dataclass(frozen=True)
class Tried:
    """How one way did: texts per second, and the least cosine similarity to plain float32."""

    way: str
    texts_per_second: float
    similarity: float


def trial(name: str, model: Any, seconds: float = 1.0) -> list[Tried]:
    """Each way for about a second on texts of mixed length; remembered for this machine.

    name: of the model. The plainest way comes first and is what the others are compared with.
    """
    known = _remembered()
    about = key(name, platform.machine(), _processor(), os.cpu_count(), _versions())
    if about not in known:
        texts = _texts()
        reference: np.ndarray | None = None
        tried = []
        for way, make in ways().items():
            try:
                encode = make(model)
                vectors = encode(texts)
            except Exception:
                if reference is None:  # without the plainest way there is nothing to compare with
                    raise
                continue  # a converter that cannot take this model is a way that is not there
            reference = vectors if reference is None else reference
            likeness = float((vectors * reference).sum(axis=1).min())
            begin, done = time.perf_counter(), 0
            while done == 0 or time.perf_counter() - begin < seconds:
                encode(texts)
                done += len(texts)
            rate = done / (time.perf_counter() - begin)
            tried.append(Tried(way, round(rate, 1), round(likeness, 6)))
        known[about] = [asdict(t) for t in tried]
        with contextlib.suppress(CurationError, RuntimeError):  # no home to write to: try again
            files.write_text(_memory(), json.dumps(known, indent=1))
    return [Tried(**entry) for entry in known[about]]


def fastest(tried: Sequence[Tried]) -> str:
    """The quickest way that is exact enough; a plainer one wins where the gain is small."""
    best = tried[0]
    for one in tried[1:]:
        if (
            one.similarity >= EXACT_ENOUGH
            and one.texts_per_second > WORTH_IT * best.texts_per_second
        ):
            best = one
    return best.way


def _texts() -> list[str]:
    """Thirty-two texts from 6 to about 200 words, as instruction data has them."""
    words = (
        "name three rivers and say where each begins then write a short letter to the council about "
        "the bridge that was closed last winter because its deck had cracked and list what it would "
        "cost to mend it in numbers that a reader without training can follow"
    ).split()
    rng = np.random.default_rng(0)
    lengths = np.linspace(2.0, 5.3, 32)
    return [" ".join(rng.choice(words, int(np.exp(n)))) for n in lengths]


def _memory() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "curation" / "encoder-trials.json"


def _remembered() -> dict[str, list[dict[str, Any]]]:
    try:
        found: dict[str, list[dict[str, Any]]] = json.loads(_memory().read_text("utf-8"))
        return found
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

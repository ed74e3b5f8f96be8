"""Ways to compute the same model on this machine, and a short trial that tells the fastest.

All ways give nearly the same vectors, but not to the bit; so a project keeps to the way it began
with, and a trial decides only when there is no choice to keep to.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.util
import json
import platform
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from statistics import NormalDist
from typing import Any

import numpy as np

from curation import files, process
from curation.cache import key
from curation.errors import CurationError
from curation.versions import module_version

Encode = Callable[[Sequence[str]], np.ndarray]

BATCH = 32
"""Texts computed at once by the ways that count texts."""

OPENVINO_TOKENS = 512
TORCH_TOKENS = 1_024
"""Tokens computed at once by the packed ways: what passes between two layers should stay in the
second-level cache. On Zen 4 (1 MiB a core) OpenVINO in bfloat16 did 75 texts/s a core with 4,096
tokens, 102 with 512 and 91 with 256; torch 67 with 4,096 and 79 with 512 or 1,024."""

GROUP = 256
"""Texts tokenized together, while the group before them is being computed."""

STEP = 8
"""Lengths are rounded up to a multiple of this, so that kernels made for a shape are used again."""

KEPT = frozenset({"torch-bfloat16", "openvino-float32", "openvino-bfloat16"})
"""Ways of before, which projects may hold vectors of; they still work, but the trial passes them by."""

EXACT_ENOUGH = 0.9995
"""Least cosine similarity to float32 that a way must keep on every text of the trial."""

WORTH_IT = 1.15
"""How much quicker a way must be than a plainer one to be chosen, so that noise never decides."""


def ways() -> dict[str, Callable[[Any], Encode]]:
    """The ways that this machine offers, the plainest first: name → (model → encode)."""
    import torch

    if torch.cuda.is_available():
        return {"cuda-float32": _torch_float32, "cuda-bfloat16": _torch_bfloat16}
    found: dict[str, Callable[[Any], Encode]] = {
        "torch-float32": _torch_float32,
        "torch-bfloat16": _torch_bfloat16,
        "torch-packed-float32": lambda model: _torch_packed(model, "float32"),
        "torch-packed-bfloat16": lambda model: _torch_packed(model, "bfloat16"),
    }
    if importlib.util.find_spec("openvino"):
        found["openvino-float32"] = lambda model: _openvino(model, "f32")
        found["openvino-bfloat16"] = lambda model: _openvino(model, "bf16")
        found["openvino-packed-float32"] = lambda model: _openvino_packed(model, "f32")
        found["openvino-packed-bfloat16"] = lambda model: _openvino_packed(model, "bf16")
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


def _tensors(model: Any, texts: Sequence[str]) -> dict[str, Any]:
    """What the model reads of the texts, each (texts, length)."""
    import torch

    features = model.preprocess(list(texts))
    return {k: v for k, v in features.items() if isinstance(v, torch.Tensor)}


def encode_tokens(model: Any, sequences: np.ndarray) -> np.ndarray:
    """Vectors of sequences of token ids of one length, (sequences, width) float32, by torch."""
    import torch

    model.eval()  # torch's switch from training to inference: no dropout; it runs no code
    some = max(1, TORCH_TOKENS // sequences.shape[1])

    def vectors(at: int) -> np.ndarray:
        with torch.inference_mode():
            ids = torch.from_numpy(sequences[at : at + some]).to(model.device)
            features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            found: np.ndarray = model(features)["sentence_embedding"].float().cpu().numpy()
            return found

    return np.concatenate(list(_workers().map(vectors, range(0, len(sequences), some))))


def _packs(
    model: Any, texts: Sequence[str], tokens: int
) -> Iterator[tuple[list[int], dict[str, Any]]]:
    """Rows and what the model reads of them: alike in length, as many as fill up to `tokens`."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
    for at in range(0, len(order), GROUP):
        group = order[at : at + GROUP]
        features = _tensors(model, [texts[i] for i in group])
        mask = features["attention_mask"]
        lengths, right = mask.sum(dim=1).tolist(), bool(mask[:, 0].all())
        ranked = sorted(range(len(group)), key=lambda i: -lengths[i])
        while ranked:
            length = min(mask.shape[1], -(-lengths[ranked[0]] // STEP) * STEP)
            some = ranked[: max(1, tokens // max(1, length))]
            del ranked[: len(some)]
            cut = slice(0, length) if right else slice(mask.shape[1] - length, None)
            yield [group[i] for i in some], {k: v[some][:, cut] for k, v in features.items()}


def _torch_packed(model: Any, precision: str) -> Encode:
    """The weights turned to the precision once, and packs of like lengths, each on one core.

    Two cores at one small pack would wait for each other after every layer: on a busy machine that
    was eight times slower than a core for each.
    """
    import torch

    kind = getattr(torch, precision)
    same = all(p.dtype == kind for p in model.parameters())
    # eval() is torch's switch from training to inference, so that nothing is left to chance.
    own = (model if same else copy.deepcopy(model).to(kind)).eval()
    workers = _workers()

    def vectors(features: dict[str, Any]) -> np.ndarray:
        with torch.inference_mode():
            made = own(features)["sentence_embedding"].float()
            found: np.ndarray = torch.nn.functional.normalize(made, dim=1).numpy()
            return found

    def encode(texts: Sequence[str]) -> np.ndarray:
        packs = _packs(model, texts, TORCH_TOKENS)
        under_way = [(rows, workers.submit(vectors, features)) for rows, features in packs]
        if not under_way:
            return np.zeros((0, 0), dtype=np.float32)
        made = np.concatenate([work.result() for _, work in under_way])
        result = np.empty_like(made)
        result[[row for rows, _ in under_way for row in rows]] = made
        return result

    return encode


@functools.cache
def _workers() -> ThreadPoolExecutor:
    """A thread for each core, in which torch computes on that core alone."""
    import torch

    cores = torch.get_num_threads()
    all_there = threading.Barrier(cores)

    def alone() -> None:
        torch.set_num_threads(1)
        torch.zeros(2).sum()  # what counts for a thread is settled at its first computation

    workers = ThreadPoolExecutor(cores, "encode", alone)
    for work in [workers.submit(all_there.wait) for _ in range(cores)]:
        work.result()
    torch.set_num_threads(cores)  # for this thread and those to come
    return workers


def _openvino_library() -> Any:
    """OpenVINO, which without its telemetry package falls back on a stub that sends nothing.

    The package would post some fifty requests about the first model it converts to an analytics
    host, from a fork of this process.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # as if not installed
    import openvino
    from openvino.tools.ovc import convert_impl, telemetry_stub, telemetry_utils, utils

    for module in (convert_impl, telemetry_utils, utils):  # imported by somebody before
        module.tm = telemetry_stub
    return openvino


@functools.lru_cache(maxsize=1)
def _graph(model: Any) -> tuple[tuple[str, ...], Any]:
    """The whole model, pooling included, as one OpenVINO graph with free batch and length.

    Comes with the names of its inputs, in their order.
    """
    import torch

    openvino = _openvino_library()
    example = _tensors(model, ["one", "a longer text"])

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
        with process.native():
            graph = openvino.convert_model(Graph(), example_input=tuple(example.values()))
    return tuple(example), graph


def _openvino(model: Any, precision: str) -> Encode:
    names, graph = _graph(model)
    settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    compiled = _openvino_library().Core().compile_model(graph, "CPU", settings)

    def encode(texts: Sequence[str]) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
        batches = (order[at : at + BATCH] for at in range(0, len(order), BATCH))
        packs = ((rows, _tensors(model, [texts[i] for i in rows])) for rows in batches)
        return _in_streams(compiled, names, packs, len(texts))

    return encode


def _openvino_packed(model: Any, precision: str) -> Encode:
    """One stream a core: no core waits for another, however many other things the machine does."""
    import torch

    names, graph = _graph(model)
    cores = torch.get_num_threads()
    settings = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": cores,
        "INFERENCE_NUM_THREADS": cores,
    }
    compiled = _openvino_library().Core().compile_model(graph, "CPU", settings)

    def encode(texts: Sequence[str]) -> np.ndarray:
        packs = _packs(model, texts, OPENVINO_TOKENS)
        return _in_streams(compiled, names, packs, len(texts))

    return encode


def _in_streams(
    compiled: Any,
    names: Sequence[str],
    packs: Iterator[tuple[list[int], dict[str, Any]]],
    texts: int,
) -> np.ndarray:
    """Vectors of all packs, (texts, width), each stream fed by a thread of its own.

    OpenVINO's own queue calls back into Python from its threads, and now and then waited for ever.
    """
    result = np.zeros((texts, compiled.output(0).partial_shape[1].get_length()), dtype=np.float32)
    streams = int(compiled.get_property("NUM_STREAMS"))
    free: SimpleQueue[Any] = SimpleQueue()
    for _ in range(streams):
        free.put(compiled.create_infer_request())

    def compute(pack: tuple[list[int], dict[str, Any]]) -> None:
        rows, features = pack
        request = free.get()
        try:
            request.infer([np.ascontiguousarray(features[n].numpy()) for n in names])
            result[rows] = request.get_output_tensor(0).data
        finally:
            free.put(request)

    with ThreadPoolExecutor(streams) as pool:
        for _ in pool.map(compute, packs):
            pass
    return result


@dataclass(frozen=True)
class Tried:
    """How one way did: texts per second, and the least cosine similarity to plain float32."""

    way: str
    texts_per_second: float
    similarity: float


def trial(name: str, model: Any, seconds: float = 1.0) -> list[Tried]:
    """Each way for at least that long on texts as long as instruction data; remembered here.

    name: of the model. The plainest way comes first and is what the others are compared with. What
    is remembered holds for this machine, this code and these versions of the libraries.
    """
    import torch

    known, code = _remembered(), module_version(__name__)
    cores = torch.get_num_threads()
    about = key(name, platform.machine(), _processor(), cores, _versions(), code)
    if about not in known:
        known[about] = [asdict(t) for t in _tried(model, seconds)]
        with contextlib.suppress(CurationError, RuntimeError):  # no home to write to: try again
            files.write_text(_memory(), json.dumps(known, indent=1))
    return [Tried(**entry) for entry in known[about]]


def _tried(model: Any, seconds: float) -> list[Tried]:
    texts = _texts()
    few, reference, least = texts[:: len(texts) // 8], None, 0.0
    running: dict[str, tuple[Encode, float]] = {}
    given_up = []
    for way, make in ways().items():
        if way in KEPT:
            continue
        try:
            encode = make(model)
            encode(few)
            rate = len(few) / _seconds(encode, few)
            if rate < least:  # such as bfloat16 on a processor without it: not worth the wait
                given_up.append(Tried(way, round(rate, 1), 0.0))
                continue
            vectors = encode(texts)
        except Exception:
            if reference is None:  # without the plainest way there is nothing to compare with
                raise
            continue  # a converter that cannot take this model is a way that is not there
        if reference is None:
            reference, least = vectors, rate / 2
        running[way] = encode, float((vectors * reference).sum(axis=1).min())
    spent: dict[str, list[float]] = {way: [] for way in running}
    # In turns, and the best of each: what else the machine does in between is nobody's fault.
    while unfinished := [way for way in running if sum(spent[way]) < seconds]:
        for way in unfinished:
            spent[way].append(_seconds(running[way][0], texts))
    return [
        Tried(way, round(len(texts) / min(spent[way]), 1), round(likeness, 6))
        for way, (_, likeness) in running.items()
    ] + given_up


def _seconds(encode: Encode, texts: Sequence[str]) -> float:
    begin = time.perf_counter()
    encode(texts)
    return time.perf_counter() - begin


def exact() -> str:
    """The quickest way in single precision that needs no trial."""
    known = ways()
    return "torch-packed-float32" if "torch-packed-float32" in known else next(iter(known))


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
    """128 texts, half of them under 60 tokens, one in ten over 140, the longest 256: as Alpaca is."""
    words = (
        "name three rivers and say where each begins then write a short letter to the council about "
        "the bridge that was closed last winter because its deck had cracked and list what it would "
        "cost to mend it in numbers that a reader without training can follow"
    ).split()
    rng = np.random.default_rng(0)
    normal = NormalDist(np.log(58), 0.64)
    lengths = [min(254, round(np.exp(normal.inv_cdf((i + 0.5) / 128)))) for i in range(128)]
    return [" ".join(rng.choice(words, n)) for n in rng.permutation(lengths)]


def _memory() -> Path:
    return files.machine_folder() / "encoder-trials.json"


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

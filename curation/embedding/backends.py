"""Backends: the programs that compute one model on this machine.

Guarantee: one backend gives the same texts the same vectors again on the same machine.

Accepted: vectors of two backends differ in the last digits, so a project keeps to the backend it
began with. Packing texts of like length takes more code than computing them as they come; the gain
is in benchmarks/README.md.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import functools
import importlib.util
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from curation.errors import CurationError

Encode = Callable[[Sequence[str]], np.ndarray]

BATCH = 32
"""Texts computed at once by the backends that count texts."""

OPENVINO_TOKENS = 512
TORCH_TOKENS = 1_024
"""Tokens computed at once by the packed backends. The values between two layers should stay in the
second-level cache. On Zen 4 (1 MiB a core) OpenVINO in bfloat16 did 75 texts/s a core with 4,096
tokens, 102 with 512 and 91 with 256; torch 67 with 4,096 and 79 with 512 or 1,024."""

GROUP = 256
"""Texts tokenized together, while the group before them is being computed."""

STEP = 8
"""Lengths are rounded up to a multiple of this, so that kernels made for a shape are used again."""

PACKED = "torch-packed-float32"
"""The backend for few texts on a machine without a GPU."""

SUPERSEDED = frozenset({"torch-bfloat16", "openvino-float32", "openvino-bfloat16"})
"""Backends that the benchmark leaves out, because a packed one is faster. They still work, since
projects may hold vectors that they computed."""


def backends() -> dict[str, Callable[[Any], Encode]]:
    """The backends that this machine offers, the plainest first: name → (model → encode)."""
    import torch

    if torch.cuda.is_available():
        return {"cuda-float32": _torch_float32, "cuda-bfloat16": _torch_bfloat16}
    available: dict[str, Callable[[Any], Encode]] = {
        "torch-float32": _torch_float32,
        "torch-bfloat16": _torch_bfloat16,
        PACKED: lambda model: _torch_packed(model, "float32"),
        "torch-packed-bfloat16": lambda model: _torch_packed(model, "bfloat16"),
    }
    if importlib.util.find_spec("openvino"):
        available["openvino-float32"] = lambda model: _openvino(model, "f32")
        available["openvino-bfloat16"] = lambda model: _openvino(model, "bf16")
        available["openvino-packed-float32"] = lambda model: _openvino_packed(model, "f32")
        available["openvino-packed-bfloat16"] = lambda model: _openvino_packed(model, "bf16")
    return available


def multiplies_bfloat16() -> bool:
    """Whether this machine multiplies in bfloat16 and does not only imitate it.

    Measured on a CPU with AVX-512 and no bfloat16 of its own: torch took 2 to 3.5 times as long as in
    float32, OpenVINO 27 times.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    abilities = torch.cpu.get_capabilities()
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))


def prepared(model: Any, backend: str) -> Encode:
    """The function by which a backend computes a model; raises CurationError without the backend."""
    available = backends()
    if backend not in available:
        raise CurationError(
            f"Embeddings of this project are computed by {backend}, which this machine does not "
            f"offer (it has {', '.join(available)}); install what is missing, or name another "
            "backend as `way` of the embed step."
        )
    return available[backend](model)


def exact() -> str:
    """The quickest backend in single precision that needs no benchmark.

    torch, which takes seconds to import, is asked only where the machine has the driver of a GPU.
    """
    if has_gpu_driver() and PACKED not in (available := backends()):
        return next(iter(available))
    return PACKED


def has_gpu_driver() -> bool:
    """Whether this machine has a library or device without which torch computes on no GPU."""
    if Path("/dev/kfd").exists():  # AMD
        return True
    for library in ("libcuda.so.1", "nvcuda.dll"):
        with contextlib.suppress(OSError):
            ctypes.CDLL(library)
            return True
    return False


def _torch_float32(model: Any) -> Encode:
    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = model.encode(
            list(texts),
            batch_size=BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(vectors, dtype=np.float32)

    return encode


def _torch_bfloat16(model: Any) -> Encode:
    import torch

    plain = _torch_float32(model)

    def encode(texts: Sequence[str]) -> np.ndarray:
        with torch.autocast(model.device.type, dtype=torch.bfloat16):
            return plain(texts)

    return encode


def _tensors(model: Any, texts: Sequence[str]) -> dict[str, Any]:
    """The model's input tensors for the texts, each (texts, length)."""
    import torch

    features = model.preprocess(list(texts))
    return {k: v for k, v in features.items() if isinstance(v, torch.Tensor)}


def encode_tokens(model: Any, sequences: np.ndarray) -> np.ndarray:
    """Vectors of sequences of token ids of one length, (sequences, width) float32, by torch."""
    import torch

    model.eval()  # torch's switch from training to inference: no dropout; it runs no code
    size = max(1, TORCH_TOKENS // sequences.shape[1])

    def compute(start: int) -> np.ndarray:
        with torch.inference_mode():
            ids = torch.from_numpy(sequences[start : start + size]).to(model.device)
            features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            vectors: np.ndarray = model(features)["sentence_embedding"].float().cpu().numpy()
            return vectors

    return np.concatenate(list(_workers().map(compute, range(0, len(sequences), size))))


def _packs(
    model: Any, texts: Sequence[str], tokens: int
) -> Iterator[tuple[list[int], dict[str, Any]]]:
    """Rows of similar length and their tensors, in packs of at most `tokens` tokens."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
    for start in range(0, len(order), GROUP):
        group = order[start : start + GROUP]
        features = _tensors(model, [texts[i] for i in group])
        mask = features["attention_mask"]
        lengths, right = mask.sum(dim=1).tolist(), bool(mask[:, 0].all())
        ranked = sorted(range(len(group)), key=lambda i: -lengths[i])
        while ranked:
            length = min(mask.shape[1], -(-lengths[ranked[0]] // STEP) * STEP)
            pack = ranked[: max(1, tokens // max(1, length))]
            del ranked[: len(pack)]
            cut = slice(0, length) if right else slice(mask.shape[1] - length, None)
            yield [group[i] for i in pack], {k: v[pack][:, cut] for k, v in features.items()}


def _torch_packed(model: Any, precision: str) -> Encode:
    """Convert the weights to the precision once, and compute packs of like lengths, one a core.

    Two cores at one small pack would wait for each other after every layer: on a busy machine that
    was eight times slower than a core for each.
    """
    import torch

    kind = getattr(torch, precision)
    same = all(p.dtype == kind for p in model.parameters())
    # eval() is torch's switch from training to inference, so that nothing is left to chance.
    own = (model if same else copy.deepcopy(model).to(kind)).eval()
    workers = _workers()

    def compute(features: dict[str, Any]) -> np.ndarray:
        with torch.inference_mode():
            vectors = own(features)["sentence_embedding"].float()
            unit: np.ndarray = torch.nn.functional.normalize(vectors, dim=1).numpy()
            return unit

    def encode(texts: Sequence[str]) -> np.ndarray:
        packs = _packs(model, texts, TORCH_TOKENS)
        submitted = [(rows, workers.submit(compute, features)) for rows, features in packs]
        if not submitted:
            return np.zeros((0, 0), dtype=np.float32)
        packed = np.concatenate([work.result() for _, work in submitted])
        vectors = np.empty_like(packed)
        vectors[[row for rows, _ in submitted for row in rows]] = packed
        return vectors

    return encode


@functools.cache
def _workers() -> ThreadPoolExecutor:
    """A thread for each core, in which torch computes on that core alone."""
    import torch

    cores = torch.get_num_threads()
    all_there = threading.Barrier(cores)

    def alone() -> None:
        torch.set_num_threads(1)
        torch.zeros(2).sum()  # the first computation of a thread fixes its settings

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

    for module in (convert_impl, telemetry_utils, utils):  # modules that were imported before
        module.tm = telemetry_stub
    return openvino


@functools.lru_cache(maxsize=1)
def _graph(model: Any) -> tuple[tuple[str, ...], Any]:
    """The names of a model's inputs, in their order, and the model as one OpenVINO graph.

    The graph includes the pooling; batch size and length are free.
    """
    import torch

    openvino = _openvino_library()
    example = _tensors(model, ["one", "a longer text"])

    class Graph(torch.nn.Module):
        """The model with its inputs by position, as tracing needs them."""

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
    return tuple(example), graph


def _openvino(model: Any, precision: str) -> Encode:
    names, graph = _graph(model)
    settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    compiled = _openvino_library().Core().compile_model(graph, "CPU", settings)

    def encode(texts: Sequence[str]) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
        batches = (order[start : start + BATCH] for start in range(0, len(order), BATCH))
        packs = ((rows, _tensors(model, [texts[i] for i in rows])) for rows in batches)
        return _in_streams(compiled, names, packs, len(texts))

    return encode


def _openvino_packed(model: Any, precision: str) -> Encode:
    """Compute packs in one stream a core, so that no core waits for another on a busy machine."""
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
    """Vectors of all packs, (texts, width). A thread of its own feeds each stream.

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

"""Vectors and numbers on disk by encoder and text, and the backend that a project chose for each model.

Guarantee: equal texts are embedded once. A killed run loses at most one chunk. A damaged file counts
as absent and is written again. A vector is the same whether it was computed or read.

Accepted: vectors keep half precision, which moves a cosine similarity by less than 0.001. All vectors
of an encoder are in memory while they are used: 0.8 GB for a million texts and the bundled model.
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation import files
from curation.cache import key, read_table, write_table
from curation.dataset import Progress, silent
from curation.embedding.backends import exact
from curation.embedding.encoder import Encoder, fastest_backend, load_encoder
from curation.embedding.models import title_of
from curation.embedding.multilingual import MULTILINGUAL
from curation.embedding.static import DESIGN, NEAREST, SAMPLE, STATIC, agreement, static_name
from curation.errors import CurationError

CHUNK = 1_024
"""Texts that are written together: some seconds of work, the most that a kill can cost."""

PART = 64_000
"""Characters whose numbers are written together: half a minute of a language model on two cores."""

Compute = Callable[[list[str]], np.ndarray]
"""Texts → a row of numbers for each, (texts, width)."""

UNDECIDED = "undecided"

FEW = 2_000
"""Texts for which no benchmark is run: it would take longer than the fastest backend could save."""

FOR_FEW = "for_few"
"""Key of a backend in the file of choices that was taken for few texts, without a benchmark."""


class NotRemembered(CurationError):
    """A store that may not compute vectors lacks some of those that are needed."""

    def __init__(self) -> None:
        super().__init__("Some vectors are not there yet; run the recipe.")


class VectorStore:
    """A folder with one file per chunk of vectors, for each model.

    choices: a JSON file with the backend of each model, so that a project keeps to the backend it
    began with. computed: texts that this object embedded; it read the vectors of the others.
    """

    def __init__(self, folder: Path, choices: Path | None = None) -> None:
        self.folder = folder
        self._choices = choices
        self.computed = 0
        self._computes = True
        self._loaded: dict[str, tuple[set[str], np.ndarray, np.ndarray]] = {}

    def encoder(self, model: str = "", backend: str = "auto", texts: int | None = None) -> Encoder:
        """The encoder of a model by a backend.

        backend: "auto" is the one that the project chose before, or else the fastest on this
        machine, which becomes the choice. texts: how many there will be to embed; fewer than `FEW`
        make no benchmark, and a choice for so few is made anew once there are more. Raises
        CurationError when there is no such model.
        """
        if backend == "auto":
            title = title_of(model)
            entry = self._entries().get(title)
            if entry is None and not self._computes:
                raise NotRemembered
            if entry is None or (_is_for_few(entry) and (texts or 0) >= FEW):
                few = texts is not None and texts < FEW and model != MULTILINGUAL
                entry = {FOR_FEW: exact()} if few else fastest_backend(model)
                self._write_entry(title, entry)
            backend = _backend(entry)
        return load_encoder(model, backend)

    def encoder_name(self, model: str = "", backend: str = "auto", texts: int | None = None) -> str:
        """The name of `encoder`, without loading anything; `absent` when there is no such model.

        The name ends in `undecided` while no backend was chosen; with texts, the number that will
        be embedded, the choice is made first.
        """
        try:
            if texts is not None:
                return self.encoder(model, backend, texts).name
            title = title_of(model)
            backend = _backend(self._entries().get(title)) if backend == "auto" else backend
            return static_name(title) if backend == STATIC else f"{title}/{backend}"
        except CurationError:
            return "absent"

    def remembering(self) -> VectorStore:
        """This store, but it raises NotRemembered where it would have to compute."""
        other = copy.copy(self)
        other._computes = False
        return other

    @property
    def computes(self) -> bool:
        """Whether it may compute vectors that are not on disk."""
        return self._computes

    def choices(self) -> dict[str, str]:
        """Model → the backend of this project; for static embeddings, their agreement."""
        return {
            model: f"static vectors, {entry['agreement']:.0%} of {entry['nearest']} nearest"
            if model.endswith(f"/{STATIC}")
            else _backend(entry)
            for model, entry in self._entries().items()
        }

    def used(self, steps: Iterable[Any]) -> dict[str, str]:
        """The choices that the embed steps among some reports followed."""
        choices, used = self.choices(), {}
        for params in (step.params for step in steps if step.kind == "embed"):
            title, backend = title_of(params.get("model", "")), params.get("way", "auto")
            if backend == STATIC:
                used[f"{title}/{STATIC}"] = choices.get(f"{title}/{STATIC}", "static vectors")
            else:
                used[title] = choices.get(title, UNDECIDED) if backend == "auto" else backend
        return used

    def static_agreement(self, model: str = "") -> float | None:
        """Share of the full model's ten nearest texts that static embeddings find; None if unmeasured.

        See `measure_static`.
        """
        entry = self._entries().get(f"{title_of(model)}/{STATIC}")
        return None if entry is None else float(entry["agreement"])

    def measure_static(
        self, texts: Sequence[str], model: str = "", progress: Progress = silent
    ) -> float | None:
        """Embed at most 500 of the texts by the full model too, and keep the agreement of both.

        The sample is the texts with the lowest digests: it stays while the texts stay, and changes
        little when some are added. An agreement that was measured on as many texts before is kept,
        since these texts may be few, or another dataset's. None for fewer than three texts. Raises
        CurationError without the model.
        """
        sample = sorted(set(texts), key=_digest)[:SAMPLE]
        if len(sample) < 3:
            return None
        title = title_of(model)
        before = self._entries().get(f"{title}/{STATIC}")
        if before is None or before.get("design") != DESIGN:
            before = {"texts": 0}
        if before["texts"] >= len(sample):
            return float(before["agreement"])
        entry = self._entries().get(title)
        backend = exact() if entry is None else _backend(entry)
        progress(0.0, f"comparing the draft with {backend} on {len(sample)} texts")
        full = self.embed(sample, load_encoder(model, backend), progress)
        share = agreement(self.embed(sample, load_encoder(model, STATIC)), full)
        entry = {
            "agreement": round(share, 4),
            "texts": len(sample),
            "nearest": min(NEAREST, len(sample) - 1),
            "against": backend,
            "design": DESIGN,
        }
        self._write_entry(f"{title}/{STATIC}", entry)
        return share

    def _write_entry(self, name: str, entry: Any) -> None:
        if self._choices is not None:
            entries = {**self._entries(), name: entry}
            files.write_text(self._choices, json.dumps(entries, indent=1) + "\n")

    def _entries(self) -> dict[str, Any]:
        """The file of choices: model → backend, and static embeddings → their agreement."""
        if self._choices is None or not self._choices.exists():
            return {}
        try:
            entries: dict[str, Any] = json.loads(self._choices.read_text("utf-8"))
            return entries
        except (OSError, ValueError):
            raise CurationError(
                f"{self._choices} cannot be read; remove it to choose anew how to embed."
            ) from None

    def embed(
        self,
        texts: Sequence[str],
        encoder: Encoder,
        progress: Progress = silent,
        chunk: int = CHUNK,
    ) -> np.ndarray:
        """Vectors of the texts, (texts, width) float32 as read back from half precision.

        Missing texts are sorted by length, so that a batch wastes little on padding, and written
        chunk by chunk. A run after a kill cuts the same chunks. Raises NotRemembered where a store
        made by `remembering` lacks a text.
        """
        # Characters beyond a model's limit cost nothing, so they do not count.
        cost = np.array([min(len(text), 1_200) + 20 for text in texts], dtype=float)

        def compute(part: list[str]) -> np.ndarray:
            return encoder.encode(part).astype(np.float16)

        cut = _in_equal_parts(chunk)
        return self._rows(texts, encoder.name, compute, cost, cut, progress).astype(np.float32)

    def measure(
        self, texts: Sequence[str], name: str, compute: Compute, progress: Progress = silent
    ) -> np.ndarray:
        """Numbers of the texts, (texts, width) float64, of which those on disk are not computed.

        name: all that the numbers depend on besides a text. The longest texts come first, and about
        PART characters are computed and written together. Raises NotRemembered as `embed` does.
        """
        cost = np.array([len(text) + 20 for text in texts], dtype=float)

        def exact(part: list[str]) -> np.ndarray:
            return compute(part).astype(np.float64)

        return self._rows(texts, name, exact, cost, _in_costly_parts, progress)

    def _rows(
        self,
        texts: Sequence[str],
        name: str,
        compute: Compute,
        cost: np.ndarray,
        cut: Callable[[list[int], np.ndarray], Iterator[list[int]]],
        progress: Progress,
    ) -> np.ndarray:
        """A row of numbers for each text, after computing those that are not on disk.

        cut: positions, the costliest first, and costs → the parts that are written together.
        """
        keys = np.array([_digest(text) for text in texts], dtype="S16")
        distinct, first = np.unique(keys, return_index=True)
        stored, rows = self._load(name)
        missing = first[~np.isin(distinct, stored)]
        if len(missing) and not self._computes:
            raise NotRemembered
        order = sorted(missing, key=lambda i: (-cost[i], keys[i]))
        total, done, begin, count = float(cost[order].sum()), 0.0, time.perf_counter(), 0
        for part in cut(order, cost):
            self._write(name, keys[part], compute([texts[i] for i in part]))
            self.computed += len(part)
            count += len(part)
            done += float(cost[part].sum())
            spent = time.perf_counter() - begin
            text = f"{count:,} of {len(order):,} texts"
            progress(done / total, f"{text}, {_left(spent * (total - done) / done)}")
        if len(order):
            stored, rows = self._load(name)
        if not len(texts):
            return np.zeros((0, rows.shape[1] if len(rows) else 0))
        return np.asarray(rows[np.searchsorted(stored, keys)])

    def remembered(self, encoder: Encoder) -> int:
        """The number of texts whose vectors are on disk."""
        return len(self._load(encoder.name)[0])

    def _folder(self, name: str) -> Path:
        return self.folder / key(name)[:16]

    def _write(self, encoder: str, keys: np.ndarray, vectors: np.ndarray) -> None:
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
        table = pa.table(
            {
                "key": pa.array([bytes(k).ljust(16, b"\0") for k in keys], pa.binary(16)),
                "vector": lists,
            }
        )
        name = hashlib.blake2b(keys.tobytes(), digest_size=12).hexdigest()
        write_table(self._folder(encoder) / f"{name}.arrow", table)

    def _load(self, encoder: str) -> tuple[np.ndarray, np.ndarray]:
        """All keys on disk, sorted, and their vectors or numbers, by the name of what makes them."""
        folder = self._folder(encoder)
        names, keys, vectors = self._loaded.get(
            encoder, (set(), np.zeros(0, dtype="S16"), np.zeros((0, 0), np.float16))
        )
        names_now = {p.name for p in folder.glob("*.arrow")} if folder.is_dir() else set()
        fresh = sorted(names_now - names)
        if not fresh:
            return keys, vectors
        all_keys, all_vectors = [keys], [vectors] if len(vectors) else []
        for name in fresh:
            table = read_table(folder / name)
            if table is None:  # damaged: absent until the chunk is computed and written again
                names_now.remove(name)
                continue
            all_keys.append(np.array(table["key"].to_pylist(), dtype="S16"))
            flat = table["vector"].combine_chunks().flatten().to_numpy()
            all_vectors.append(flat.reshape(len(table), -1))
        keys = np.concatenate(all_keys)
        vectors = np.concatenate(all_vectors) if all_vectors else vectors
        keys, first = np.unique(keys, return_index=True)
        vectors = vectors[first]
        self._loaded[encoder] = (names | names_now, keys, vectors)
        return keys, vectors


def _is_for_few(entry: Any) -> bool:
    return isinstance(entry, dict) and FOR_FEW in entry


def _backend(entry: Any) -> str:
    """The backend of an entry of the file of choices; `UNDECIDED` without one."""
    return str(entry[FOR_FEW] if _is_for_few(entry) else entry or UNDECIDED)


def _in_equal_parts(size: int) -> Callable[[list[int], np.ndarray], Iterator[list[int]]]:
    def cut(order: list[int], cost: np.ndarray) -> Iterator[list[int]]:
        return (order[start : start + size] for start in range(0, len(order), size))

    return cut


def _in_costly_parts(order: list[int], cost: np.ndarray) -> Iterator[list[int]]:
    """Yield parts that cost PART or little more; a costly text is alone."""
    part, sum_of_part = list[int](), 0.0
    for position in order:
        part.append(position)
        sum_of_part += cost[position]
        if sum_of_part >= PART:
            yield part
            part, sum_of_part = [], 0.0
    if part:
        yield part


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _left(seconds: float) -> str:
    return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"

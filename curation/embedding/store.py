"""Vectors and numbers on disk by encoder and text, and the backend that a project chose for each model.

Guarantee: equal texts are embedded once. A killed run loses at most one chunk. A damaged vector counts
as absent and is written again. A vector is the same whether it was computed or read.

Accepted: vectors keep half precision, which moves a cosine similarity by less than 0.001. Files of
earlier releases, one a chunk, are taken over when they are read.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation import files
from curation.cache import key, read_table
from curation.dataset import Progress, silent
from curation.embedding.backends import exact
from curation.embedding.encoder import Encoder, fastest_backend, load_encoder
from curation.embedding.models import title_of
from curation.embedding.multilingual import MULTILINGUAL
from curation.embedding.row_file import Rows, appended, in_memory, opened
from curation.embedding.static import DESIGN, NEAREST, SAMPLE, STATIC, agreement, static_name
from curation.embedding.texts import (
    Listed,
    Texts,
    in_costly_parts,
    in_equal_parts,
    keys_and_costs,
    lowest,
)
from curation.embedding.workers import Spread, each_of, spread_over
from curation.errors import CurationError
from curation.vectors import Vectors

CHUNK = 1_024
"""Texts that are written together: some seconds of work, the most that a kill can cost."""

Compute = Callable[[list[str]], np.ndarray]
"""Texts → a row of numbers for each, (texts, width)."""

Each = Callable[[Iterable[list[str]]], Iterator[np.ndarray]]
"""Parts of texts → the rows of numbers of each part, in their order."""

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
    """A folder with one file of vectors for each encoder.

    choices: a JSON file with the backend of each model, so that a project keeps to the backend it
    began with. computed: texts that this object embedded; it read the vectors of the others.
    """

    def __init__(self, folder: Path, choices: Path | None = None) -> None:
        self.folder = folder
        self._choices = choices
        self.computed = 0
        self._computes = True
        self._spread: Spread | None = None
        self._loaded: dict[str, Rows] = {}

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
        encoder = load_encoder(model, backend)
        return spread_over(encoder, model, backend, self._spread) if self._spread else encoder

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

    def spread_by(self, spread: Spread) -> VectorStore:
        """This store, but the encoders that it gives have parts of texts embedded by workers."""
        other = copy.copy(self)
        other._spread = spread
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
        self, texts: Texts, model: str = "", progress: Progress = silent
    ) -> float | None:
        """Embed at most 500 of the texts by the full model too, and keep the agreement of both.

        The sample is the texts with the lowest digests: it stays while the texts stay, and changes
        little when some are added. An agreement that was measured on as many texts before is kept,
        since these texts may be few, or another dataset's. None for fewer than three texts. Raises
        CurationError without the model.
        """
        sample = lowest(texts, SAMPLE)
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

        See `vectors_of`, which leaves them on disk.
        """
        return self.vectors_of(Listed(texts), encoder, progress, chunk)[:]

    def vectors_of(
        self,
        texts: Texts,
        encoder: Encoder,
        progress: Progress = silent,
        chunk: int = CHUNK,
    ) -> Vectors:
        """Vectors of the texts, in half precision, after computing those that are not on disk.

        Missing texts are sorted by length, so that a batch wastes little on padding, and written
        chunk by chunk. A run after a kill cuts the same chunks. Raises NotRemembered where a store
        made by `remembering` lacks a text.
        """

        def each(parts: Iterable[list[str]]) -> Iterator[np.ndarray]:
            return each_of(encoder, parts)

        # Characters beyond a model's limit cost nothing, so they do not count.
        cut = in_equal_parts(chunk)
        rows, places = self._rows(texts, encoder.name, each, 1_200, cut, progress)
        return Vectors(rows.values, places, rows.file)

    def measure(
        self, texts: Sequence[str], name: str, compute: Compute, progress: Progress = silent
    ) -> np.ndarray:
        """Numbers of the texts, (texts, width) float64, of which those on disk are not computed.

        name: all that the numbers depend on besides a text. The longest texts come first, and about
        PART characters are computed and written together. Raises NotRemembered as `embed` does.
        """

        def exact(parts: Iterable[list[str]]) -> Iterator[np.ndarray]:
            return (compute(part).astype(np.float64) for part in parts)

        listed = Listed(texts)
        rows, places = self._rows(listed, name, exact, None, in_costly_parts, progress)
        return np.asarray(rows.values[places], dtype=np.float64)

    def _rows(
        self,
        texts: Texts,
        name: str,
        each: Each,
        most: int | None,
        cut: Callable[[list[int], np.ndarray], Iterator[list[int]]],
        progress: Progress,
    ) -> tuple[Rows, np.ndarray]:
        """The rows of numbers on disk, and the place of each text's, after computing the missing ones.

        most: characters of a text that cost time, or all. cut: positions, the costliest first, and
        costs → the parts that are written together.
        """
        keys, cost = keys_and_costs(texts, most)
        rows = self._load(name)
        places = rows.places(keys)
        missing = np.flatnonzero(places < 0)
        if not len(missing):
            return rows, places
        if not self._computes:
            raise NotRemembered
        missing = missing[np.unique(keys[missing], return_index=True)[1]]
        order: list[int] = missing[np.argsort(-cost[missing], kind="stable")].tolist()
        total, done, begin, count = float(cost[order].sum()), 0.0, time.perf_counter(), 0
        parts = list(cut(order, cost))
        for part, values in zip(parts, each(map(texts.pick, parts)), strict=True):
            self.add(name, keys[part], values)
            self.computed += len(part)
            count += len(part)
            done += float(cost[part].sum())
            spent = time.perf_counter() - begin
            text = f"{count:,} of {len(order):,} texts"
            progress(done / total, f"{text}, {_left(spent * (total - done) / done)}")
        rows = self._load(name)
        places = rows.places(keys)
        if (places < 0).any():  # somebody removed the file meanwhile
            raise NotRemembered
        return rows, places

    def remembered(self, encoder: Encoder) -> int:
        """The number of texts whose vectors are on disk."""
        return len(self.all_of(encoder.name)[0])

    def all_of(self, encoder: str) -> tuple[np.ndarray, np.ndarray]:
        """The keys of all texts that the encoder of that name embedded, and their vectors.

        Keys are (texts,) S16, sorted; vectors are (texts, width) in half precision.
        """
        rows = self._load(encoder)
        keys, places = rows.distinct
        return keys, rows.values[places]

    def add(self, encoder: str, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Keep vectors that the encoder of that name computed before, as `all_of` returned them."""
        folder = self._folder(encoder)
        self._loaded[encoder] = appended(folder, keys, vectors, self._loaded.get(encoder))

    def receipt(self, vectors: Vectors) -> dict[str, str]:
        """All that `reopened` needs besides places: the file and the keys; empty for vectors in memory."""
        for name, rows in self._loaded.items():
            if vectors.file and rows.file == vectors.file:
                return {"encoder": name, "keys": rows.digest(vectors.places)}
        return {}

    def reopened(self, places: np.ndarray, receipt: Mapping[str, str]) -> Vectors | None:
        """The vectors at remembered places, without a look at any text; None when they changed."""
        rows = self._load(receipt["encoder"])
        if not rows.file or rows.digest(places) != receipt["keys"]:
            return None
        return Vectors(rows.values, places, rows.file)

    def _folder(self, name: str) -> Path:
        return self.folder / key(name)[:16]

    def _load(self, encoder: str) -> Rows:
        """All rows on disk, by the name of what makes them."""
        folder = self._folder(encoder)
        rows = opened(folder, self._loaded.get(encoder))
        earlier = sorted(folder.glob("*.arrow"))  # earlier releases wrote one file for each part
        if earlier:
            rows = self._taken_over(encoder, rows, earlier)
        self._loaded[encoder] = rows
        return rows

    def _taken_over(self, encoder: str, rows: Rows, earlier: Sequence[Path]) -> Rows:
        """The rows with those of earlier files, which end; in memory where nothing can be written."""
        for number, path in enumerate(earlier):
            keys, values = _of_earlier(path)
            try:
                if len(keys):
                    self.add(encoder, keys, values)
                    rows = self._loaded[encoder]
                path.unlink(missing_ok=True)
            except (CurationError, OSError):
                parts = [p for p in map(_of_earlier, earlier[number:]) if len(p[0])]
                return in_memory(rows, [p[0] for p in parts], [p[1] for p in parts])
        return rows


def _of_earlier(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Keys and rows of a file of an earlier release; none where it is damaged."""
    table = read_table(path)
    if table is None or not len(table):
        return np.zeros(0, dtype="S16"), np.zeros((0, 0))
    keys = np.array(table["key"].to_pylist(), dtype="S16")
    return keys, table["vector"].combine_chunks().flatten().to_numpy().reshape(len(keys), -1)


def _is_for_few(entry: Any) -> bool:
    return isinstance(entry, dict) and FOR_FEW in entry


def _backend(entry: Any) -> str:
    """The backend of an entry of the file of choices; `UNDECIDED` without one."""
    return str(entry[FOR_FEW] if _is_for_few(entry) else entry or UNDECIDED)


def _left(seconds: float) -> str:
    return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"

"""Vectors on disk by model and text: equal texts are embedded once, and a killed run goes on."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation import files
from curation.cache import key, read_table, write_table
from curation.dataset import Progress, silent
from curation.embedding.draft import DESIGN, DRAFT, NEAREST, SAMPLE, agreement, draft_name
from curation.embedding.encoder import Encoder, fastest_way, load_encoder, title_of
from curation.embedding.ways import exact
from curation.errors import CurationError

CHUNK = 1_024
"""Texts that are written together: some seconds of work, the most that a kill can cost."""


UNDECIDED = "undecided"


class NotRemembered(CurationError):
    """Vectors are asked for that are not on disk, of a store that may not compute them."""

    def __init__(self) -> None:
        super().__init__("Some vectors are not there yet; run the recipe.")


class VectorStore:
    """A folder with one file per chunk of vectors, for each model.

    choices: a JSON file that says in which way each model is computed, so that a project keeps to
    the way it began with. computed: texts embedded by this object so far; the others were
    remembered.
    """

    def __init__(self, folder: Path, choices: Path | None = None) -> None:
        self.folder = folder
        self._choices = choices
        self.computed = 0
        self._computes = True
        self._known: dict[str, tuple[set[str], np.ndarray, np.ndarray]] = {}

    def encoder(self, model: str = "", way: str = "auto") -> Encoder:
        """The encoder of a model, computed as chosen before, or else in the fastest way here.

        Raises CurationError when there is no such model.
        """
        if way == "auto":
            known, title = self._kept(), title_of(model)
            if title not in known and not self._computes:
                raise NotRemembered
            if title not in known and self._choices is not None:
                known[title] = fastest_way(model)
                self._keep(title, known[title])
            way = known.get(title) or fastest_way(model)
        return load_encoder(model, way)

    def encoder_name(self, model: str = "", way: str = "auto", decide: bool = False) -> str:
        """The name of `encoder`, without loading anything; `absent` when there is no such model.

        While no way was chosen it ends in `undecided`; with decide the trial is held first.
        """
        try:
            if decide:
                return self.encoder(model, way).name
            title = title_of(model)
            way = self._kept().get(title, UNDECIDED) if way == "auto" else way
            return draft_name(title) if way == DRAFT else f"{title}/{way}"
        except CurationError:
            return "absent"

    def remembering(self) -> VectorStore:
        """The same store, which raises NotRemembered where it would have to compute."""
        other = copy.copy(self)
        other._computes = False
        return other

    @property
    def computes(self) -> bool:
        """Whether it may compute what is not remembered."""
        return self._computes

    def choices(self) -> dict[str, str]:
        """Model → the way in which this project computes it; of a draft, how good it was found."""
        return {
            model: way
            if isinstance(way, str)
            else f"static vectors, {way['agreement']:.0%} of {way['nearest']} nearest"
            for model, way in self._kept().items()
        }

    def used(self, steps: Iterable[Any]) -> dict[str, str]:
        """Of the choices those that the embed steps among some reports went by."""
        choices, found = self.choices(), {}
        for params in (step.params for step in steps if step.kind == "embed"):
            title, way = title_of(params.get("model", "")), params.get("way", "auto")
            if way == DRAFT:
                found[f"{title}/{DRAFT}"] = choices.get(f"{title}/{DRAFT}", "static vectors")
            else:
                found[title] = choices.get(title, UNDECIDED) if way == "auto" else way
        return found

    def draft_agreement(self, model: str = "") -> float | None:
        """Share of the full model's ten nearest texts that the draft names too; None if unmeasured.

        Measured among at most 500 texts, when draft vectors were computed and fewer were measured yet.
        """
        entry = self._kept().get(f"{title_of(model)}/{DRAFT}")
        return None if entry is None else float(entry["agreement"])

    def measure_draft(
        self, texts: Sequence[str], model: str = "", progress: Progress = silent
    ) -> float | None:
        """Embed a sample of the texts by the full model too, and keep how far the draft agrees.

        The sample is the same while the texts are, and mostly so when some are added: those whose
        digests are lowest. What was measured on as many texts stays: these may be a few that came
        back, or another dataset's. None for fewer than three. Raises CurationError without the model.
        """
        sample = sorted(set(texts), key=_digest)[:SAMPLE]
        if len(sample) < 3:
            return None
        title = title_of(model)
        before = self._kept().get(f"{title}/{DRAFT}")
        if before is None or before.get("design") != DESIGN:
            before = {"texts": 0}
        if before["texts"] >= len(sample):
            return float(before["agreement"])
        way = self._kept().get(title) or exact()
        progress(0.0, f"comparing the draft with {way} on {len(sample)} texts")
        full = self.embed(sample, load_encoder(model, way), progress)
        share = agreement(self.embed(sample, load_encoder(model, DRAFT)), full)
        entry = {
            "agreement": round(share, 4),
            "texts": len(sample),
            "nearest": min(NEAREST, len(sample) - 1),
            "against": way,
            "design": DESIGN,
        }
        self._keep(f"{title}/{DRAFT}", entry)
        return share

    def _keep(self, name: str, entry: Any) -> None:
        if self._choices is not None:
            known = {**self._kept(), name: entry}
            files.write_text(self._choices, json.dumps(known, indent=1) + "\n")

    def _kept(self) -> dict[str, Any]:
        if self._choices is None or not self._choices.exists():
            return {}
        try:
            found: dict[str, Any] = json.loads(self._choices.read_text("utf-8"))
            return found
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
        chunk by chunk; a run that was killed goes on at the same borders. Raises NotRemembered
        where texts are missing from a store made by `remembering`.
        """
        keys = np.array([_digest(text) for text in texts], dtype="S16")
        wanted, first = np.unique(keys, return_index=True)
        known, vectors = self._load(encoder)
        missing = first[~np.isin(wanted, known)]
        if len(missing) and not self._computes:
            raise NotRemembered
        # Beyond what a model reads, more characters cost no more; they must not look like it.
        cost = np.array([min(len(text), 1_200) + 20 for text in texts], dtype=float)
        order = sorted(missing, key=lambda i: (-cost[i], keys[i]))
        total, done, begin = float(cost[order].sum()), 0.0, time.perf_counter()
        for at in range(0, len(order), chunk):
            part = order[at : at + chunk]
            fresh = encoder.encode([texts[i] for i in part]).astype(np.float16)
            self._write(encoder, keys[part], fresh)
            self.computed += len(part)
            done += float(cost[part].sum())
            spent = time.perf_counter() - begin
            text = f"{at + len(part):,} of {len(order):,} texts"
            progress(done / total, f"{text}, {_left(spent * (total - done) / done)}")
        if len(order):
            known, vectors = self._load(encoder)
        if not len(texts):
            return np.zeros((0, vectors.shape[1] if len(vectors) else 0), dtype=np.float32)
        return vectors[np.searchsorted(known, keys)].astype(np.float32)

    def remembered(self, encoder: Encoder) -> int:
        """Texts whose vectors are on disk."""
        return len(self._load(encoder)[0])

    def _of(self, encoder: Encoder) -> Path:
        return self.folder / key(encoder.name)[:16]

    def _write(self, encoder: Encoder, keys: np.ndarray, vectors: np.ndarray) -> None:
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
        table = pa.table(
            {
                "key": pa.array([bytes(k).ljust(16, b"\0") for k in keys], pa.binary(16)),
                "vector": lists,
            }
        )
        name = hashlib.blake2b(keys.tobytes(), digest_size=12).hexdigest()
        write_table(self._of(encoder) / f"{name}.arrow", table)

    def _load(self, encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
        """All remembered keys, sorted, and their vectors in half precision."""
        folder = self._of(encoder)
        names, keys, vectors = self._known.get(
            encoder.name, (set(), np.zeros(0, dtype="S16"), np.zeros((0, 0), np.float16))
        )
        names_now = {p.name for p in folder.glob("*.arrow")} if folder.is_dir() else set()
        fresh = sorted(names_now - names)
        if not fresh:
            return keys, vectors
        all_keys, all_vectors = [keys], [vectors] if len(vectors) else []
        for name in fresh:
            table = read_table(folder / name)
            if table is None:  # damaged: a miss, until the chunk is computed and written again
                names_now.remove(name)
                continue
            all_keys.append(np.array(table["key"].to_pylist(), dtype="S16"))
            flat = table["vector"].combine_chunks().flatten().to_numpy()
            all_vectors.append(flat.reshape(len(table), -1))
        keys = np.concatenate(all_keys)
        vectors = np.concatenate(all_vectors) if all_vectors else vectors
        keys, first = np.unique(keys, return_index=True)
        vectors = vectors[first]
        self._known[encoder.name] = (names | names_now, keys, vectors)
        return keys, vectors


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _left(seconds: float) -> str:
    return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"

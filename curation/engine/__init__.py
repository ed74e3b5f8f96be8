"""Engines: they run operations here, in worker processes or on a cluster, with the same results."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from functools import partial
from typing import Any, Protocol

from curation.engine.batches import Batch, module_of, run_batch
from curation.errors import CurationError
from curation.process import end_with

__all__ = ["Batch", "Engine", "Processes", "Serial", "make_engine"]

TRIES = 3
"""Pools that may be lost one after the other before one of them gave a result."""


class Engine(Protocol):
    """Runs batches and yields their results in the order of the batches."""

    name: str
    afar: bool
    """Whether workers may be on other machines, so that they also take what this one does on all cores."""

    def run(self, batches: Iterable[Batch]) -> Iterator[Any]:
        """One answer per batch, in order, as `run_batch` gives it."""

    def close(self) -> None:
        """Stop the workers; unfinished batches are lost."""


class Serial:
    """One batch after the other in this process."""

    name = "serial"
    afar = False

    def run(self, batches: Iterable[Batch]) -> Iterator[Any]:
        """One answer per batch, in order, as `run_batch` gives it."""
        return map(run_batch, batches)

    def close(self) -> None:
        """Nothing was started."""


def _run_in_worker(module: str, batch: Batch) -> Any:
    importlib.import_module(module)  # registers the operation
    return run_batch(batch)


class Processes:
    """Batches spread over worker processes, one a core.

    A worker that is ended from outside takes its pool along. Batches without a result are done again
    by half as many workers, because memory may have run out; the results are the same.

    Workers start on first use and end with the block or the process. They are fresh interpreters, so
    that a page server's threads and locks are never copied. They are started by loky, because the
    standard library would run the caller's main script again in each of them, which may be a page
    or a script without a guard.
    """

    name = "processes"
    afar = False

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._pool: Any = None

    def run(self, batches: Iterable[Batch]) -> Iterator[Any]:
        """One answer per batch, in order; all of one operation.

        Few batches are not worth a start. Raises CurationError when workers are ended again and again.
        """
        todo = list(batches)
        module = module_of(todo[0].operation) if todo else ""
        if len(todo) < 2 * self.workers or module == "__main__":  # workers do not have __main__
            return map(run_batch, todo)
        return self._results(module, todo)

    def _results(self, module: str, todo: list[Batch]) -> Iterator[Any]:
        workers, done, in_vain = self.workers, 0, 0
        while done < len(todo):
            try:
                for columns in self._with(workers).map(
                    partial(_run_in_worker, module), todo[done:]
                ):
                    done, in_vain = done + 1, 0
                    yield columns
            except BrokenExecutor:
                self.close()
                in_vain += 1
                if in_vain == TRIES:
                    raise CurationError(
                        "Workers were ended from outside again and again, often because memory ran "
                        "out. Run it again: what was finished is remembered; --engine serial needs "
                        "the least memory."
                    ) from None
                workers = max(1, workers // 2)

    def _with(self, workers: int) -> Any:
        """The pool, started with that many workers where there is none."""
        if self._pool is None:
            from loky import ProcessPoolExecutor

            self._pool = ProcessPoolExecutor(
                workers, timeout=60, initializer=end_with, initargs=(os.getpid(),)
            )
        return self._pool

    def close(self) -> None:
        """Stop the workers; unfinished batches are lost."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, kill_workers=True)
            self._pool = None


def _on_ray(address: str, note: Note) -> Engine:
    from curation.engine.on_ray import Ray

    return Ray(address, note)


Note = Callable[[str], None]
"""Takes a sentence for a person while an engine lets them wait."""

ENGINES: dict[str, Callable[[str, Note], Engine]] = {
    "auto": lambda *_: Processes() if (os.cpu_count() or 1) > 1 else Serial(),
    "serial": lambda *_: Serial(),
    "processes": lambda *_: Processes(),
    "ray": _on_ray,
}


def make_engine(name: str = "auto", address: str = "", note: Note = lambda text: None) -> Engine:
    """The engine of that name.

    address: of the cluster, for "ray"; see `curation.engine.on_ray`. Raises CurationError with the
    known names for another name.
    """
    if name not in ENGINES:
        raise CurationError(f"There is no engine {name!r}; known are: {', '.join(ENGINES)}.")
    return ENGINES[name](address, note)

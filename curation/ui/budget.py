"""The memory of the app: what pages computed of all projects, within one budget.

When it holds more, the project that nobody used for longest is forgotten whole, then older datasets and
results of the project in use. Accepted cost: what was forgotten is opened or computed again when a page
needs it.
"""

from __future__ import annotations

import functools
import gc
import inspect
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast

import streamlit as st

from curation.errors import CurationError
from curation.footprint import Footprint, bytes_of, footprint

LIMIT_GB = 2.0
"""Most gigabytes that results take; the environment variable CURATION_MEMORY_GB overrules it."""

OWN_SHARE = 0.25
"""Share of the budget that results of the project in use keep, however large the project is itself.

So a project that exceeds the budget alone is not computed again at every drawing of a page.
"""

MAKERS = 2
"""Results that are made at once: what making them needs for a moment is not within the budget."""

P = ParamSpec("P")
T = TypeVar("T")

Key = tuple[Hashable, ...]
"""The path of a project, the name of a function, and its arguments."""


def limit() -> int:
    """Return the bytes of CURATION_MEMORY_GB, or else of LIMIT_GB; raises CurationError for no number."""
    try:
        return int(float(os.environ.get("CURATION_MEMORY_GB") or LIMIT_GB) * 2**30)
    except (ValueError, OverflowError):
        raise CurationError(
            "CURATION_MEMORY_GB must be a number of gigabytes, such as 2; correct or unset it."
        ) from None


@dataclass
class _Result:
    """A remembered result. grows: whether it holds more with time, so that it is measured again.

    spare: has the value forget something that it can do without; False where there is nothing.
    """

    value: Any
    grows: bool
    used: int
    spare: Callable[[Any], bool] | None = None
    measured: int = 0
    pieces: Footprint = field(default_factory=dict)


class Budget:
    """Results by key, the first part of which is a folder; safe for many threads.

    share: of the time that `tidy` takes at most.
    """

    def __init__(self, share: float = 0.05) -> None:
        self._share, self._rested, self._settling = share, 0.0, threading.Lock()
        self._results: dict[Key, _Result] = {}
        self._turns: dict[Key, threading.Lock] = {}
        self._lock = threading.Lock()
        self._clock = count(1)
        self._makers, self._own = threading.Semaphore(MAKERS), threading.local()

    def get(
        self,
        key: Key,
        make: Callable[[], T],
        most: int,
        grows: bool = False,
        spare: Callable[[Any], bool] | None = None,
    ) -> T:
        """Return the result of a key, made by one thread where it is not remembered.

        most: results of the same function; the one unused for longest is forgotten first. grows,
        spare: see `_Result`.
        """
        with self._lock:
            if key in self._results:
                return cast(T, self._use(key))
            turn = self._turns.setdefault(key, threading.Lock())
        # Who makes holds a place before a turn, so that nobody waits for a place with a turn in hand.
        with self._place(), turn:
            with self._lock:
                if key in self._results:
                    return cast(T, self._use(key))
            try:
                result = _Result(make(), grows, 0, spare)
            finally:
                with self._lock:
                    self._turns.pop(key, None)
            with self._lock:
                self._results[key] = result
                value: T = self._use(key)
                alike = [other for other in self._results if other[1] == key[1]]
                for other in sorted(alike, key=self._age)[: max(0, len(alike) - most)]:
                    del self._results[other]
            return value

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Wait until fewer than MAKERS threads make results; a result made for another has its place."""
        if getattr(self._own, "makes", False):
            yield
            return
        with self._makers:
            self._own.makes = True
            try:
                yield
            finally:
                self._own.makes = False

    def forget(self, key: Key) -> None:
        """Forget a result, if it is remembered."""
        with self._lock:
            self._results.pop(key, None)

    def size(self) -> int:
        """Return the bytes of all results together, measured while others go on."""
        with self._lock:
            results = list(self._results.values())
        for result in results:
            if not result.measured or (result.grows and result.measured < result.used):
                used = result.used
                result.pieces, result.measured = footprint(result.value), used
        return bytes_of(result.pieces for result in results)

    def tidy(self, folder: Path) -> None:
        """Settle, unless somebody does just now, or did so lately that it would take more than its share."""
        if time.monotonic() < self._rested or not self._settling.acquire(blocking=False):
            return
        try:
            begin = time.monotonic()
            self.settle(folder)
            end = time.monotonic()
            self._rested = end + (end - begin) / self._share
        finally:
            self._settling.release()

    def settle(self, folder: Path) -> None:
        """Forget what has no room in the budget; of the project in this folder only what exceeds OWN_SHARE."""
        most, freed = limit(), False
        while self.size() > most and self._forget_next(str(folder)):
            freed = True
        if freed:
            gc.collect()  # an open project refers to itself

    def _use(self, key: Key) -> Any:
        result = self._results[key]
        result.used = next(self._clock)
        return result.value

    def _age(self, key: Key) -> int:
        return self._results[key].used

    def _forget_next(self, folder: str) -> bool:
        """Forget another project, else what this one can spare, else its oldest result; return whether."""
        with self._lock:
            names = self._others(folder)
        if not names and self._spared(folder):
            return True
        with self._lock:
            names = names or self._oldest()
            for name in names:
                self._results.pop(name, None)
        return bool(names)

    def _spared(self, folder: str) -> bool:
        """Let growing results of this folder forget what they can do without; return whether one did."""
        with self._lock:
            growing = [r for key, r in self._results.items() if key[0] == folder and r.grows]
        for result in growing:
            if result.spare is not None and result.spare(result.value):
                result.measured = 0
                return True
        return False

    def _others(self, folder: str) -> list[Key]:
        """Return the results of the other project that was unused for longest."""
        ages = dict[str, int]()
        for key in self._results:
            owner = str(key[0])
            ages[owner] = max(ages.get(owner, 0), self._age(key))
        others = [
            owner for owner in ages if owner != folder and not owner.startswith(f"{folder}{os.sep}")
        ]
        oldest = min(others, key=ages.__getitem__, default=None)
        return [key for key in self._results if key[0] == oldest]

    def _oldest(self) -> list[Key]:
        """Return the result unused for longest, if results hold more than their share beyond what grows."""
        pieces = {
            grows: [r.pieces for r in self._results.values() if r.grows == grows]
            for grows in (True, False)
        }
        beyond = bytes_of([*pieces[True], *pieces[False]]) - bytes_of(pieces[True])
        own = [key for key, result in self._results.items() if not result.grows]
        return sorted(own, key=self._age)[:1] if beyond > OWN_SHARE * limit() else []


budget = Budget()
"""The results of this server."""


class Remembered(Generic[P, T]):
    """A function whose results the budget remembers.

    Its first parameter is the path of a project or of a folder in one. The others are the rest of a
    result's key, but for those whose names begin with `_`.
    """

    def __init__(
        self,
        function: Callable[P, T],
        most: int,
        grows: bool,
        spinner: str,
        spare: Callable[[Any], bool] | None,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function, self._most, self._spinner = function, most, spinner
        self._grows, self._spare = grows, spare
        self._signature = inspect.signature(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result, computed where it is not remembered."""

        def make() -> T:
            with st.spinner(self._spinner) if self._spinner else nullcontext():
                return self._function(*args, **kwargs)

        return budget.get(self._key(*args, **kwargs), make, self._most, self._grows, self._spare)

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Forget the result of these arguments."""
        budget.forget(self._key(*args, **kwargs))

    def _key(self, *args: Any, **kwargs: Any) -> Key:
        given = self._signature.bind_partial(*args, **kwargs).arguments
        folder, *others = (value for name, value in given.items() if not name.startswith("_"))
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        return (folder, name, *others)


def remembered(
    most: int,
    *,
    grows: bool = False,
    spinner: str = "",
    spare: Callable[[Any], bool] | None = None,
) -> Callable[[Callable[P, T]], Remembered[P, T]]:
    """Remember a function's results in the budget; see `Remembered`.

    most: results at a time. grows: whether a result comes to hold more after it was made. spinner: a
    text that is shown meanwhile. spare: has a growing result forget what it can do without; see `_Result`.
    """
    return lambda function: Remembered(function, most, grows, spinner, spare)

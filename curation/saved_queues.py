"""Queues that people saved under a name: where their examples come from, and their order.

A queue is a file `queues/NAME.json` of the project folder. Its examples are those that meet a filter,
which follows the data, or chosen ids, which stay. Guarantee: a file is whole or absent, and of two
people who save one name at once the second is refused. A file that cannot be read hides no other.
"""

from __future__ import annotations

import functools
import re
import unicodedata
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import orjson
import pandas as pd

from curation import lock, roles
from curation.dataset import Dataset
from curation.errors import CurationError
from curation.files import write_bytes
from curation.looking.filter import Filter
from curation.looking.orders import DECIDED, ORDERS, Arranged, Order, Scored, by_chance
from curation.looking.queues import ONE, QUEUES, Among, Board
from curation.overlay import with_decisions
from curation.report import ANSWERS, DISAGREEMENT, PEOPLE_COLUMNS
from curation.review import Review
from curation.text.counted import counted

if TYPE_CHECKING:
    from curation.decisions.state import State

Made = TypeVar("Made")

LONGEST = 60
"""Characters of a name."""

LARGEST = 64_000_000
"""Bytes of a file that are read: the ids of three million examples."""

KINDS = {
    "verdict": ("keep", "drop"),
    "tags": ("tag",),
    "flags": ("flag",),
    "rating_by_people": ("rate",),
    DISAGREEMENT: (DISAGREEMENT,),
}
"""Column of people's decisions → the marks of a state that change with it."""

_NAME = re.compile(r"\w(?:[\w .()+&-]*[\w)+])?")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows gives to devices."""


@dataclass(frozen=True)
class SavedQueue:
    """A named queue of examples.

    filter: its conditions, all of which its examples meet. ids: the chosen examples instead, in their
    order. origin: where the ids come from, in words. by: who saved it.
    """

    name: str
    order: Order = Order()
    filter: Filter = Filter()
    ids: tuple[str, ...] | None = None
    origin: str = ""
    by: str = ""

    @classmethod
    def sampled(
        cls, name: str, order: Order, ids: Sequence[str], count: int, seed: int = 0, by: str = ""
    ) -> SavedQueue:
        """Return a queue of a random sample of some examples; it keeps those that were drawn."""
        chosen = np.sort(by_chance(ids, seed)[:count])
        drawn = tuple(str(ids[i]) for i in chosen)
        origin = f"{len(drawn):,} of {len(ids):,} by chance, seed {seed}"
        return cls(name, order, ids=drawn, origin=origin, by=by)

    @property
    def about(self) -> str:
        """Its examples and its order, in words."""
        title = ORDERS[self.order.kind][0].lower()
        detail = " ".join(
            part
            for part in (
                self.order.column,
                "" if self.order.kind != "nearest" else f"{self.order.number:g}",
            )
            if part
        )
        order = f"{title} ({detail})" if detail else title
        if self.ids is not None:
            return f"{self.origin or counted(len(self.ids), 'chosen example')}; {order}"
        options = " ".join(self.filter.options())
        return f"{options or 'all examples'}; {order}"

    def to_json(self) -> bytes:
        """Return the content of its file."""
        value = {
            "order": str(self.order),
            "filter": [str(condition) for condition in self.filter.conditions],
            "words": self.filter.words,
            "ids": None if self.ids is None else list(self.ids),
            "origin": self.origin,
            "by": self.by,
        }
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if self.ids is None else 0) + b"\n"

    @classmethod
    def from_json(cls, name: str, content: bytes) -> SavedQueue:
        """Read the content of a file; raises CurationError when it describes no queue."""
        try:
            value: Any = orjson.loads(content)
            if not isinstance(value, dict):
                raise ValueError
            texts = [value[key] for key in ("order", "words", "origin", "by")]
            conditions, ids = value["filter"], value["ids"]
            if not all(isinstance(text, str) for text in [*texts, *conditions, *(ids or [])]):
                raise ValueError
            order, words, origin, by = texts
            chosen = None if ids is None else tuple(dict.fromkeys(ids))
            return cls(
                name, Order.parse(order), Filter.parse(conditions, words), chosen, origin, by
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CurationError(
                f"The file queues/{name}.json describes no queue. Delete it, or save the queue again."
            ) from None

    def members(self, dataset: Dataset, people: State | None) -> np.ndarray:
        """Return the positions of its examples; chosen ones in their order, without those that are gone.

        Raises CurationError when the filter reads a column that is not in the data.
        """
        index = dataset.rows.index
        if self.ids is not None:
            positions = index.get_indexer(pd.Index(self.ids, dtype=index.dtype))
            return np.asarray(positions[positions >= 0])
        data = dataset
        if names := self._of_people:
            answered = () if people is None else people.answer_columns
            columns = [name for name in names if name in (*PEOPLE_COLUMNS, *answered)]
            data = with_decisions(dataset, people, columns)
        for condition in self.filter.conditions:
            if data.column(condition.column) is None:
                raise CurationError(
                    f"The queue {self.name} filters by {condition.column!r}, which is not in the data. "
                    + (
                        "Nobody has answered that yet."
                        if condition.column in names
                        else "Run the recipe that measures it, or save the queue with another filter."
                    )
                )
        return np.flatnonzero(self.filter.mask(data))

    @property
    def _of_people(self) -> list[str]:
        """The columns of its filter that people's decisions make."""
        names = (condition.column for condition in self.filter.conditions)
        return [n for n in names if n in (*PEOPLE_COLUMNS, DISAGREEMENT) or n.startswith(ANSWERS)]

    def arranged(
        self, dataset: Dataset, people: State | None, suggestions: Scored | None = None
    ) -> Arranged:
        """Return the positions of all its examples in its order, and a remark on the order.

        Raises CurationError when the filter or the order reads what is not in the data.
        """
        mark = self._mark(people), self.order.mark(dataset, people, suggestions)
        return self._remembered(
            ("arranged", *mark),
            dataset,
            lambda: self.order.arranged(
                dataset, self._members(dataset, people), people, suggestions
            ),
        )

    def _mark(self, people: State | None) -> str:
        """Return what its filter reads of people's decisions."""
        names = self._of_people
        if people is None or not names:
            return ""
        kinds = [("answer",) if n.startswith(ANSWERS) else KINDS.get(n) for n in names]
        if None in kinds:  # what any decision may change, such as who decided last
            return str(people.last)
        return people.fingerprint(chain(*filter(None, kinds)))

    def _members(self, dataset: Dataset, people: State | None) -> np.ndarray:
        key = ("members", self._mark(people))
        return self._remembered(key, dataset, lambda: self.members(dataset, people))

    def _remembered(self, about: Hashable, dataset: Dataset, make: Callable[[], Made]) -> Made:
        """Return what was made of this queue and dataset before, or make it."""
        key = replace(self, by="", origin=""), about
        with _turn:
            entry = _memory.get(key)
        if entry is not None and entry[0]() is dataset:
            value: Made = entry[1]
            return value
        value = make()
        with _turn:
            _memory[key] = weakref.ref(dataset), value
            _memory.move_to_end(key)
            while len(_memory) > REMEMBERED:
                _memory.popitem(last=False)
        return value

    def waiting(
        self,
        dataset: Dataset,
        people: State | None,
        who: str = "",
        review: Review = ONE,
        suggestions: Scored | None = None,
    ) -> Arranged:
        """Return the positions of its examples that wait for a person, in order, and the remark.

        who, review: as in `curation.looking.queues.queue`. Raises CurationError as `arranged` does.
        """
        positions, remark = self.arranged(dataset, people, suggestions)
        saved = {self.name: Among(positions, self.decided)}
        look = Board().look(dataset.rows, people, self.name, who, review, saved=saved)
        return Arranged(look.positions, remark)

    def among(self, dataset: Dataset, people: State | None) -> Among:
        """Return its examples for a count: in no order where that holds all of them.

        Raises CurationError as `arranged` does.
        """
        if self.decided:
            return Among(self.arranged(dataset, people).positions, True)
        self.order.check(dataset)
        return Among(self._members(dataset, people))

    @property
    def decided(self) -> bool:
        """Whether decided examples wait in it too."""
        return self.order.kind in DECIDED


REMEMBERED = 128
"""Members and orders that are kept in memory while their datasets are."""

_memory: OrderedDict[Hashable, tuple[weakref.ref[Dataset], Any]] = OrderedDict()
_turn = Lock()


class SavedQueues:
    """The saved queues of a project folder."""

    def __init__(self, project: Path) -> None:
        self.folder = project / "queues"

    def names(self) -> list[str]:
        """Return the names of all files of queues, readable or not, in alphabetical order."""
        try:
            names = [p.stem for p in self.folder.iterdir() if p.suffix == ".json"]
        except OSError:
            return []
        return sorted((n for n in names if not n.startswith(".")), key=str.casefold)

    def all(self) -> tuple[list[SavedQueue], list[str]]:
        """Return the queues, and a sentence on each file that describes none."""
        queues, problems = list[SavedQueue](), list[str]()
        for name in self.names():
            try:
                queues.append(self.get(name))
            except CurationError as error:
                problems.append(str(error))
        return queues, problems

    def get(self, name: str) -> SavedQueue:
        """Return a queue by its name; raises CurationError when there is none, or it cannot be read."""
        path = self._path(name)
        try:
            if path.stat().st_size > LARGEST:
                raise CurationError(f"The file queues/{path.name} is too large to be a queue.")
            content = path.read_bytes()
        except FileNotFoundError:
            raise CurationError(missing(name, self.names())) from None
        except OSError as error:
            raise CurationError(
                f"The file queues/{path.name} cannot be read: {error.strerror or error}."
            ) from None
        return _read(path.stem, content)

    def save(self, queue: SavedQueue) -> SavedQueue:
        """Save a new queue, and return it; raises CurationError when its name is taken or no name."""
        name = checked_name(queue.name)
        with self._alone():
            self._refuse_taken(name)
            write_bytes(self._path(name), replace(queue, name=name).to_json())
        return replace(queue, name=name)

    def rename(self, name: str, to: str) -> SavedQueue:
        """Give a queue another name; raises CurationError when that is taken, or there is no queue."""
        to = checked_name(to)
        with self._alone():
            queue = self.get(name)
            if to.casefold() != name.casefold():
                self._refuse_taken(to)
            write_bytes(self._path(to), replace(queue, name=to).to_json())
            if to != name:
                self._remove(name)
        return replace(queue, name=to)

    def delete(self, name: str) -> None:
        """Delete a queue, also one that cannot be read; raises CurationError when there is none.

        Its examples and people's answers stay.
        """
        with self._alone():
            if name not in self.names():
                raise CurationError(missing(name, self.names()))
            self._remove(name)

    def _path(self, name: str) -> Path:
        """Return the file of a name; raises CurationError for a name that leads elsewhere."""
        name = unicodedata.normalize("NFC", name)
        if Path(name).name != name or "\0" in name or "\\" in name or len(name.encode()) > 240:
            raise CurationError(missing(name, self.names()))
        return self.folder / f"{name}.json"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        roles.need(self.folder.parent, roles.OWNER)
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise CurationError(
                f"Queues cannot be saved in {self.folder}: {error.strerror or error}."
            ) from None
        with lock.locked(self.folder / ".lock"):
            yield

    def _refuse_taken(self, name: str) -> None:
        # some file systems take names for equal that differ by their case
        taken = [other for other in self.names() if other.casefold() == name.casefold()]
        if taken:
            raise CurationError(f"There is a queue {taken[0]} already; choose another name.")

    def _remove(self, name: str) -> None:
        try:
            (self.folder / f"{name}.json").unlink(missing_ok=True)
        except OSError as error:
            raise CurationError(
                f"The queue {name} could not be removed: {error.strerror or error}."
            ) from None


@functools.lru_cache(maxsize=256)
def _read(name: str, content: bytes) -> SavedQueue:
    return SavedQueue.from_json(name, content)


def checked_name(name: str) -> str:
    """Return a name in the form that a file has; raises CurationError for what is no name."""
    plain = unicodedata.normalize("NFC", " ".join(name.split()))
    if not plain:
        raise CurationError("Give the queue a name.")
    if len(plain) > LONGEST or not _NAME.fullmatch(plain) or _RESERVED.fullmatch(plain):
        shown = plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"
        raise CurationError(
            f"{shown!r} is no name of a queue: it has letters, digits, spaces and any of . - + & ( ), "
            f"{LONGEST} at most, and begins with a letter or digit."
        )
    if plain.casefold() in {
        word.casefold() for key, (title, _) in QUEUES.items() for word in (key, title)
    }:
        raise CurationError(
            f"{plain} is the name of a queue that every project has; choose another."
        )
    return plain


def missing(name: str, names: Sequence[str]) -> str:
    """Return the sentence on a queue that is not there."""
    shown = name if len(name) <= LONGEST else f"{name[:LONGEST]}…"
    return f"There is no queue {shown!r}; there are: {', '.join([*QUEUES, *names])}."

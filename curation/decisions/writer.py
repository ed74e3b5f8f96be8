"""One writing thread with a queue in front of it, so that any number of threads may save.

Requests that wait at the same moment are committed together (group commit), with one sync of the
disk. Guarantee: a caller returns only after the commit that holds its own request.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from curation.decisions.event import Decision, Event
from curation.decisions.fold import Fold
from curation.decisions.outcome import Appended, NotSaved


@dataclass
class Request:
    """A request to write decisions, or a function that makes decisions from the fold of that moment.

    done: gets the result of the append, or the error.
    """

    decisions: Sequence[Decision] | Callable[[Fold], list[Decision]]
    done: Future[Appended] = field(default_factory=Future)


def number(
    group: Sequence[Request], fold: Fold
) -> tuple[list[Event], list[tuple[int, list[Event], int]]]:
    """Number a group's new events; also return each request's count, events and last number."""
    now = round(time.time(), 3)
    fresh: list[Event] = []
    taken: set[str] = set()
    sent = []
    last = fold.last
    for request in group:
        source = request.decisions
        decisions = source(fold) if callable(source) else source
        mine = []
        for decision in decisions:
            if decision.op_id not in taken and decision.op_id not in fold:
                taken.add(decision.op_id)
                last += 1
                mine.append(Event.of(decision, last, now))
        fresh += mine
        sent.append((len(decisions), mine, last))
    return fresh, sent


class Writer:
    """The thread and its queue; `write` gets a group of requests and returns a result for each.

    When `write` raises NotSaved, the requests of the group are tried one by one, so that one bad
    request does not fail the others. Any other error goes to the whole group.
    """

    def __init__(self, write: Callable[[list[Request]], list[Appended]], limit: int = 4096) -> None:
        self._write = write
        self._limit = limit
        self._waiting: deque[Request] = deque()
        self._signal = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._process = os.getpid()

    def submit(self, request: Request) -> Appended:
        """Queue a request and wait for its result; raises the errors of its write."""
        if os.getpid() != self._process:
            raise NotSaved("the decisions were opened in another process; open them again")
        with self._signal:
            if self._closed:
                raise NotSaved("the decisions were closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)
                self._thread.start()
            self._waiting.append(request)
            self._signal.notify()
        return request.done.result()

    def close(self) -> None:
        """Write the waiting requests, then end the thread; later requests are refused."""
        with self._signal:
            self._closed = True
            self._signal.notify()
            thread = self._thread
        if thread is not None and os.getpid() == self._process:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._signal:
                while not self._waiting and not self._closed:
                    self._signal.wait()
                if not self._waiting:
                    return
                group = self._take()
            self._serve(group)

    def _take(self) -> list[Request]:
        """Take the next group: plain decisions up to a limit, or one function by itself."""
        group: list[Request] = []
        size = 0
        while self._waiting:
            decisions = self._waiting[0].decisions
            alone = callable(decisions)
            size += 1 if alone or callable(decisions) else len(decisions)
            if group and (alone or size > self._limit):
                break
            group.append(self._waiting.popleft())
            if alone:
                break
        return group

    def _serve(self, group: list[Request]) -> None:
        try:
            results = self._write(group)
        except NotSaved as error:
            if len(group) == 1:
                group[0].done.set_exception(error)
                return
            for request in group:
                self._serve([request])
        except BaseException as error:  # every waiting caller gets the error, of any kind
            for request in group:
                request.done.set_exception(error)
        else:
            for request, result in zip(group, results, strict=True):
                request.done.set_result(result)

"""Batches as tasks of a Ray cluster: one for each, and a bounded number of them at once.

Guarantee: results come in the order of the batches and are those of one process. A worker or a node
that is lost costs its unfinished batches, which are sent again. No decision and no file of a project
goes to a worker: a task is an operation's name, its parameters, and a slice of rows.

Accepted: the node on which the program itself runs must live. The rows of at most two batches a core
lie in that node's shared memory at once.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import pickle
import re
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import Any

from curation import __version__, registry
from curation.engine.batches import Batch, module_of, run_batch
from curation.errors import CurationError, MissingExtra
from curation.process import SIGNALS
from curation.versions import module_version

FEW = 4
"""Batches that this process does by itself: a connection would take longer."""

TRIES = 4
"""Times that a batch is sent before the loss of its worker is an error."""

ANSWER_SECONDS = 10
"""Time in which a cluster's address must take a connection."""

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_py_gcs_connect_timeout_s": str(ANSWER_SECONDS),
    "RAY_NUM_REDIS_GET_RETRIES": "3",
}
"""Environment that Ray reads when it is imported: no statistics, and about a minute for an address that
takes a connection and says nothing."""

PATIENCE_SECONDS = 30
"""Time without a result after which the state of the cluster is looked at."""

RUNNING = "auto"
"""Ray's name for the cluster that runs on this machine."""


class Ray:
    """Batches spread over the cores of a Ray cluster; see the module.

    address: HOST:PORT of a cluster that this machine is a node of; by default that in RAY_ADDRESS, or
    else the one that runs on this machine. No cluster is ever started. note: takes a sentence for a
    person while the cluster lets them wait. Raises CurationError for an address of another form,
    MissingExtra without Ray.
    """

    name = "ray"
    afar = True

    def __init__(self, address: str = "", note: Callable[[str], None] = lambda text: None) -> None:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtra("Ray", "ray")
        self.address = address or os.environ.get("RAY_ADDRESS", "") or RUNNING
        host, _, port = self.address.rpartition(":")
        if self.address != RUNNING and not (
            host and "/" not in host and port.isdecimal() and 0 < int(port) < 2**16
        ):
            raise CurationError(
                f"{self.address!r} is no address of a Ray cluster: give HOST:PORT, as 10.0.0.1:6379, "
                "and run the command on a node of that cluster."
            )
        self._note = note
        self._ray: Any = None
        self._began = False

    def run(self, batches: Iterable[Batch]) -> Iterator[Any]:
        """One answer per batch, in order; all of one operation.

        Few batches are not worth a connection. Raises CurationError where the cluster cannot do them.
        """
        rest = iter(batches)
        first = list(islice(rest, FEW))
        name = first[0].operation if first else ""
        module = module_of(name) if first else ""
        todo = chain(first, rest)
        if len(first) < FEW or module == "__main__":  # workers do not have __main__
            return map(run_batch, todo)
        return self._results(module, name, todo)

    def _results(self, module: str, name: str, todo: Iterator[Batch]) -> Iterator[Any]:
        """The answers of batches, each of which is made when there is room for it in the window."""
        about = (module, name, _version(name))
        ray = self._connected()
        send = ray.remote(_task()).options(
            num_cpus=1, max_retries=0, scheduling_strategy="SPREAD", name=name
        )

        shared: tuple[Any, Any] = (
            None,
            None,
        )  # large parameters go to a node once, and not once a task

        def sent(batch: Batch) -> Any:
            nonlocal shared
            with self._in_a_sentence():
                if shared[0] is not batch.params:
                    shared = batch.params, ray.put(_pickled(batch.params))
                return send.remote(*about, shared[1].hex(), shared[1], _pickled(batch.rows))

        window = deque[tuple[Batch, Any]]()
        while True:
            room = max(FEW, 2 * self._cores()) - len(window)
            window.extend((batch, sent(batch)) for batch in islice(todo, max(0, room)))
            if not window:
                return
            batch, reference = window.popleft()
            tries = 1
            while (answer := self._answer(reference)) is None:
                if tries == TRIES:
                    raise CurationError(
                        f"The worker of a batch was lost {TRIES} times, often because memory ran out. "
                        "Run it again: what was finished is remembered."
                    )
                tries, reference = tries + 1, sent(batch)
            yield _value(answer, about[2])

    def _answer(self, reference: Any) -> Answer | None:
        """The answer of a task; None where its worker or its node was lost.

        Waits as long as the cluster has cores.
        """
        ray, idle = self._ray, 0
        exceptions = ray.exceptions
        lost = (
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.ObjectLostError,
            exceptions.OutOfMemoryError,
        )
        with self._in_a_sentence():
            try:
                while not ray.wait([reference], timeout=PATIENCE_SECONDS)[0]:
                    cores = self._cores()
                    idle = 0 if cores else idle + 1
                    if idle == 2:
                        raise CurationError(
                            f"The Ray cluster has had no core for {2 * PATIENCE_SECONDS} seconds. "
                            "Start a node and run it again: what was finished is remembered."
                        )
                    free = int(ray.available_resources().get("CPU", 0))
                    self._note(
                        f"No result of the Ray cluster for {PATIENCE_SECONDS} seconds; "
                        f"{cores - free} of its {cores} cores are busy."
                    )
                answer: Answer = ray.get(reference)
                return answer
            except lost:
                return None

    def _cores(self) -> int:
        return int(self._ray.cluster_resources().get("CPU", 0))

    @contextmanager
    def _in_a_sentence(self) -> Iterator[None]:
        """Turn the errors of Ray about a machine into sentences; any other is a bug."""
        exceptions = self._ray.exceptions
        try:
            yield
        except exceptions.OutOfDiskError:
            raise CurationError(
                "The disk of a node of the Ray cluster is full: free some space where Ray keeps its "
                "files, by default in /tmp/ray, and run it again: what was finished is remembered."
            ) from None
        except exceptions.ObjectStoreFullError:
            raise CurationError(
                "The shared memory of a node of the Ray cluster is full; give it more by ray start "
                "--object-store-memory, and run it again: what was finished is remembered."
            ) from None

    def _connected(self) -> Any:
        """The module `ray`, connected to the cluster; one that a script connected is used as it is."""
        if self._ray is not None:
            return self._ray
        if self.address != RUNNING:
            _knock(self.address)
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        ray = importlib.import_module("ray")  # by name: its version is no part of any result
        if not ray.is_initialized():
            ray._private.worker._worker_logs_enabled = False  # it prints lost workers on stdout
            with _signals_kept():
                self._init(ray)
            self._began = True
        self._ray = ray
        return ray

    def _init(self, ray: Any) -> None:
        try:
            ray.init(self.address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise CurationError(self._refused(error)) from error

    def _refused(self, error: Exception) -> str:
        """A sentence about a cluster that this program could not join."""
        whole = f"{error} {error.__cause__}"
        if self.address == RUNNING and isinstance(error, ConnectionError):
            return (
                "No Ray cluster runs on this machine: give --address HOST:PORT, start one by ray start "
                "--head, or take --engine processes."
            )
        if "AuthToken" in whole or type(error).__name__ == "AuthenticationError":
            return (
                f"The Ray cluster at {self.address} asks for its token: export RAY_AUTH_MODE=token, and "
                "put the token into ~/.ray/auth_token or RAY_AUTH_TOKEN."
            )
        if "ersion mismatch" in whole:
            versions = re.findall(
                r"(?:Ray|Python): \S+", whole
            )  # the cluster's, then this process's
            theirs, own = " and ".join(versions[:2]), " and ".join(versions[2:4])
            return (
                f"The Ray cluster at {self.address} was started by other versions: {theirs} there, {own} "
                "here. Install the same on every node."
            )
        if "imed out" in whole:
            return f"No Ray cluster answers at {self.address}: what listens there is not Ray, or is stuck."
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return f"The Ray cluster at {self.address} could not be used: {first.rstrip('.:')}."

    def close(self) -> None:
        """Leave the cluster; unfinished batches are lost."""
        if self._began:
            self._ray.shutdown()
        self._ray, self._began = None, False


def _knock(address: str) -> None:
    """Raise CurationError where nothing takes a connection at an address; Ray itself would try long."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except OSError as error:
        why = error.strerror or f"no answer for {ANSWER_SECONDS} seconds"
        raise CurationError(
            f"No Ray cluster answers at {address}: {why}. Start one by ray start --head, or correct "
            "--address."
        ) from None


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep what this program does at a signal, for which Ray sets its own function."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(TypeError):  # one that C code set
                signal.signal(number, handler)


Answer = tuple[str, str, Any]
"""A worker's answer: its kind, the node, and the result as bytes or a text about what is wrong."""


def _task() -> Callable[..., Any]:
    """The function of a task, which is sent whole: a node without this program can run it."""

    def batch(module: str, operation: str, version: str, *data: Any) -> Answer:
        import importlib

        node = importlib.import_module("ray").util.get_node_ip_address()
        try:
            worker = importlib.import_module("curation.engine.on_ray")
        except ImportError as error:
            return "absent", node, str(error)
        answer: Answer = worker.at_worker(node, module, operation, version, *data)
        return answer

    return batch


def at_worker(
    node: str, module: str, operation: str, version: str, name: str, params: Any, rows: Any
) -> Answer:
    """A worker's answer to a task; see `Answer`.

    module: that of the operation. operation: see `Batch`. version: the program's and the code's where
    the task comes from. name: of the parameters, which with the rows are those of a batch, pickled.
    """
    try:
        importlib.import_module(module)  # registers the operation
        mine = _version(operation)
        if mine != version:
            return "other", node, mine
        # Both are pickled by the command itself. Ray runs whatever its drivers send, so this opens no
        # further door.
        if name not in _PARAMS:
            _PARAMS.clear()
            _PARAMS[name] = pickle.loads(params)  # the command's own
        batch = Batch(operation, _PARAMS[name], pickle.loads(rows))  # the command's own
        return "done", node, pickle.dumps(run_batch(batch), protocol=5)
    except ImportError as error:
        return "absent", node, str(error)
    except CurationError as error:
        return "error", node, str(error)
    except MemoryError:
        return "error", node, "memory ran out."
    except OSError as error:
        what = error.filename or "a file"
        return "error", node, f"{what} could not be read or written: {error.strerror}."


_PARAMS: dict[str, Any] = {}
"""The parameters of this worker's last batch, by their name."""


def _pickled(value: Any) -> pickle.PickleBuffer:
    """A value as bytes that a worker of the node reads where they lie."""
    return pickle.PickleBuffer(pickle.dumps(value, protocol=5))


def _version(operation: str) -> str:
    """The program's version and that of the code behind an operation; see `Batch`."""
    other = ":" in operation
    code = module_version(module_of(operation)) if other else registry.operation(operation).version
    return f"{__version__} (code {code})"


def _value(answer: Answer, version: str) -> Any:
    """The columns or arrays of an answer; raises CurationError where a worker had none."""
    kind, node, value = answer
    if kind == "done":
        # Made by `at_worker` on a node of the person's own cluster, which the guide says how to close.
        return pickle.loads(value)  # by our own worker
    if kind == "other":
        raise CurationError(
            f"The Ray worker on {node} has another version of this program or of the packages that it "
            f"uses: {value} there, {version} here. Install the same on every node."
        )
    if kind == "absent":
        raise CurationError(
            f"The Ray worker on {node} does not have this program, or a part of it: {value}. Install "
            "the same on every node."
        )
    raise CurationError(f"On the Ray worker on {node}: {value}")

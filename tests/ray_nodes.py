"""A Ray cluster in a network namespace of its own, which ends with the test whatever happens.

Run as a program it is the namespace's inside: it starts the nodes and does what each line of its
input asks for. Nothing outside the namespace can reach a port of it, and its processes end with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

INSIDE = """
ip link set lo up && mkdir -p /tmp/ray && mount -t tmpfs tmpfs /tmp/ray && mount -t tmpfs tmpfs /dev/shm
"$@"
exit $?
"""
"""Commands of the first process inside: it stays, since the first process has to bury the others."""

ENTER = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc")


def enclosed(*command: str) -> list[str]:
    """A command in namespaces of its own: no network but loopback, and no process left at its end."""
    return [*ENTER, "bash", "-c", INSIDE, "bash", *command]


def environment(**more: str) -> dict[str, str]:
    """Variables for programs inside, without what this machine may have set for Ray."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {
        **ours,
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the node's address is that of loopback
        "RAY_worker_niceness": "0",
        "RAY_health_check_period_ms": "500",  # a killed node is missed sooner
        "OMP_NUM_THREADS": "1",
        **more,
    }


def needs_namespace() -> None:
    """Skip a test where Ray is not installed or the system lends no namespace."""
    pytest.importorskip("ray", reason="Ray is not installed")
    if sys.platform != "linux" or not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("needs unshare and ip")
    done = subprocess.run(enclosed("true"), capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no network namespace: {done.stderr.strip()}")


class Nodes:
    """A cluster of nodes with one core each, beside a first one without any."""

    def __init__(self, path: str, log: Path, **variables: str) -> None:
        self._log = open(log, "w")  # noqa: SIM115
        self._process = subprocess.Popen(
            enclosed(sys.executable, "-m", "tests.ray_nodes"),
            env=environment(PYTHONPATH=os.pathsep.join([str(ROOT), path]), **variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.address = self._reply()

    def ask(self, **what: Any) -> Any:
        """Do one of the things that `main` knows, and wait for its end."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> Any:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("REPLY "):
                return json.loads(line.removeprefix("REPLY "))
        pytest.fail(f"the cluster ended: {Path(self._log.name).read_text()[-3000:]}")

    def run(self, *command: Any, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a Python program inside, by its arguments."""
        done = self.ask(run=[str(word) for word in command], variables=variables)
        return subprocess.CompletedProcess(command, *done)

    def close(self) -> None:
        """End the namespace with every process in it."""
        self._process.kill()
        self._process.wait()
        self._log.close()


def main() -> None:
    """Start a cluster, then answer each line: {"add": …}, {"kill": …}, {"run": …}."""
    from ray.cluster_utils import Cluster

    store = {"object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **store})
    nodes: dict[str, Any] = {}

    def kill(name: str, when: str = "") -> None:
        while when and not Path(when).exists():
            time.sleep(0.02)
        cluster.remove_node(nodes.pop(name), allow_graceful=False)

    def reply(value: Any) -> None:
        print(f"\nREPLY {json.dumps(value)}", flush=True)

    reply(cluster.address)
    for line in sys.stdin:
        what = json.loads(line)
        if "add" in what:
            variables = what.get("variables", {})
            nodes[what["add"]] = cluster.add_node(num_cpus=1, env_vars=variables, **store)
            reply("added")
        elif "kill" in what and "when" in what:
            threading.Thread(target=kill, args=(what["kill"], what["when"]), daemon=True).start()
            reply("waiting")
        elif "kill" in what:
            kill(what["kill"])
            reply("killed")
        else:
            done = subprocess.run(
                [sys.executable, *what["run"]],
                env={**os.environ, **what["variables"]},
                capture_output=True,
                text=True,
                cwd="/",  # Ray lets workers import from there
                stdin=subprocess.DEVNULL,
                timeout=120,
            )
            reply((done.returncode, done.stdout, done.stderr))


if __name__ == "__main__":
    main()

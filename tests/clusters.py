"""A real Ray cluster of two nodes on this machine: two raylets, each with its own workers and object store.

Ray starts threads and leaves sockets open: what uses the cluster runs in a process of its own, as users run it.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from pipeline.system import processes

OBJECT_STORE_BYTES = 100_000_000
_LATEST_S = 60.0


class Node(NamedTuple):
    """One `ray start --block`; killed with all that it has started."""

    process: subprocess.Popen[bytes]
    folder: Path

    def workers(self) -> list[psutil.Process]:
        """The processes that run tasks, or wait for one."""
        found = []
        for pid in processes.descendants(self.process.pid):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                title = " ".join(process.cmdline())
                if title.startswith("ray::") and not title.startswith(("ray::DashboardAgent", "ray::RuntimeEnvAgent")):
                    found.append(process)
        return found

    def kill_workers(self, task: str) -> int:
        """Kill (SIGKILL) the processes that run a task now; how many there were.

        Args:
            task: name of the remote function.
        """
        killed = 0
        for process in self.workers():
            with contextlib.suppress(psutil.Error):
                if f"ray::{task}" in " ".join(process.cmdline()):
                    process.kill()
                    killed += 1
        return killed

    def kill(self) -> None:
        """Kill the node as a power cut does."""
        pids = [self.process.pid, *processes.descendants(self.process.pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


class Cluster(NamedTuple):
    """Its address, the head and the other node (resource `second`) of one CPU each, and the environment where `auto` finds it."""

    address: str
    head: Node
    second: Node
    environment: Mapping[str, str]

    def kill_workers(self, task: str) -> int:
        """`Node.kill_workers` of one node that runs the task, whichever has begun first; how many there were."""
        return self.second.kill_workers(task) or self.head.kill_workers(task)


@contextmanager
def two_nodes(memory: int = 4_000_000_000) -> Iterator[Cluster]:
    """A cluster for the block; takes about 10 s to start.

    Args:
        memory: bytes that tasks may ask of each node.
    """
    # A socket's path has 107 letters at the most, and Ray's own part takes 70 of them.
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    nodes: list[Node] = []
    try:
        head = _node(
            folder / "h",
            "--head",
            "--port=0",
            "--include-dashboard=false",
            f"--ray-client-server-port={_free_port()}",
            memory=memory,
        )
        nodes.append(head)
        address = _until(lambda: _read(folder / "h" / "ray_current_cluster"), head)
        nodes.append(_node(folder / "n", f"--address={address}", '--resources={"second": 1}', memory=memory))
        _until(lambda: "Ray runtime started" in (_read(folder / "n.log") or ""), nodes[1])
        yield Cluster(address, nodes[0], nodes[1], {"RAY_TMPDIR": str(folder / "h")})
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _node(folder: Path, *options: str, memory: int) -> Node:
    folder.mkdir()
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", f"--memory={memory}"),
        *(f"--object-store-memory={OBJECT_STORE_BYTES}", "--disable-usage-stats", "--dashboard-agent-listen-port=0"),
        *("--min-worker-port=0", "--max-worker-port=0", "--include-log-monitor=false", f"--temp-dir={folder}", *options),
    ]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "GIT_", "RAY_", "PYTEST_"))}
    # Nothing of the checkout is on a node's path: what runs there was sent there.
    environment = {key: value for key, value in inherited.items() if key != "PYTHONPATH"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}"
    with folder.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**environment, "PATH": path, "RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0"},
        )
    return Node(process, folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _until(asked: Callable[[], str | bool | None], node: Node) -> str:
    """What is found, as soon as it is."""
    begun = time.monotonic()
    while not (found := asked()):
        log = node.folder.with_suffix(".log")
        assert node.process.poll() is None, f"the node has ended:\n{_read(log)}"
        assert time.monotonic() - begun < _LATEST_S, f"the node does not start:\n{_read(log)}"
        time.sleep(0.1)
    return str(found)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None

import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.cluster import connection
from pipeline.errors import UserError
from tests.clusters import Cluster
from tests.helpers import ROOT, call


def test_ray_is_imported_only_when_a_cluster_is_asked_for() -> None:
    script = "import sys, pipeline.cluster.connection; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_without_the_library_the_message_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^Ray \(auto\): the library `ray` is not installed; run `make extras`$"):
        connection.connected("auto").__enter__()


@pytest.mark.parametrize("address", ["head", "ray://head:10001", ":6379", "head:", "head:ray"])
def test_what_is_no_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(UserError, match=r"expected `auto` or HOST:PORT of the head, such as 192\.0\.2\.1:6379$"):
        connection.connected(address).__enter__()


def test_where_nothing_listens_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UserError, match=rf"^Ray \(127\.0\.0\.1:{port}\): no cluster answers \(.*refused.*\); start one with"):
        connection.connected(f"127.0.0.1:{port}").__enter__()


def test_what_is_no_cluster_is_named_in_a_line() -> None:
    said = connection._reason("Failed to connect to Ray cluster at 192.0.2.2:80\nmore", here="2.60.0")
    assert said.startswith("Failed to connect to Ray cluster at 192.0.2.2:80; is it a Ray cluster, with this machine's token")


@pytest.mark.slow
def test_the_page_shows_options_and_commands_that_there_are() -> None:
    page = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
    for command in sorted({*re.findall(r"^ray ([a-z-]+)", page, re.MULTILINE)}):
        done = call("ray", command, "--help", cwd=ROOT)
        lines = [line for line in page.splitlines() if f"ray {command} " in line]
        named = {option for line in lines for option in re.findall(r"--[a-z-]+", line)} - {"--memory"}  # which Ray does not list
        assert not [option for option in named if option not in done.stdout], command


# With the cluster: each in a process of its own, warnings as errors.
TASKS = """
import os, signal, sys, time
from pathlib import Path
import pipeline
from pipeline.cluster import connection

with connection.connected(sys.argv[1]) as ray:
    @ray.remote(num_cpus=1)
    def slowly(seconds):
        import pipeline
        time.sleep(seconds)
        return pipeline.__file__, os.listdir(), ray.get_runtime_context().get_node_id()

    found = ray.get([slowly.remote(1) for _ in range(4)])
files, folders, nodes = zip(*found)
assert not any(Path(file).is_relative_to(Path(pipeline.__file__).parents[1]) for file in files), files
assert folders == (["pipeline"],) * 4, folders
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
print(len(set(nodes)), "nodes")
"""


def _started(cluster: Cluster, script: str, address: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, address],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **cluster.environment, **environment},
    )


@pytest.mark.slow
def test_tasks_run_on_both_nodes_with_the_code_that_was_sent(cluster: Cluster, tmp_path: Path) -> None:
    # As a stage has it: its temporary files lie in a folder of its own, and the cluster is found all the same.
    with _started(cluster, TASKS, "auto", TMPDIR=str(tmp_path)) as process:
        output, _ = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "2 nodes\n")


@pytest.mark.slow
def test_a_worker_that_dies_is_a_line_and_its_task_is_run_again(cluster: Cluster) -> None:
    with _started(cluster, TASKS, cluster.address) as process:
        begun = time.monotonic()
        while cluster.kill_workers("slowly") == 0:
            assert time.monotonic() - begun < 60
            time.sleep(0.05)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    *told, nodes = output.splitlines()
    assert nodes.endswith("nodes")
    assert len(told) == 2
    assert all(line.startswith(("Ray: A worker died", "Ray: Task slowly failed. There are 3 retries remaining")) for line in told)


@pytest.mark.slow
def test_other_versions_are_named(cluster: Cluster) -> None:
    script = (
        "import sys, ray; ray.__version__ = '2.0.0'\n"
        "from pipeline.cluster import connection\n"
        "from pipeline.errors import run\n"
        "run(connection.connected(sys.argv[1]).__enter__)"
    )
    done = call(sys.executable, "-c", script, cluster.address, cwd=ROOT, check=False, **cluster.environment)
    python = ".".join(map(str, sys.version_info[:3]))
    assert done.returncode == 1
    assert done.stdout == (
        f"error: Ray ({cluster.address}): the cluster runs Ray 2.60.0 with Python {python}, here are Ray 2.0.0 and Python "
        f"{python}; install the same on every node (`make extras`, the same PYTHON)\n"
    )


@pytest.mark.slow
def test_no_cluster_on_this_machine_is_said() -> None:
    # Ray also looks for clusters among all processes, and another test may have started one.
    script = (
        "import ray._private.services as services\n"
        "services.find_gcs_addresses = set\n"
        "from pipeline.cluster import connection\n"
        "from pipeline.errors import run\n"
        "run(connection.connected('auto').__enter__)"
    )
    done = call(sys.executable, "-c", script, cwd=ROOT, check=False, RAY_TMPDIR="/nowhere", RAY_ADDRESS="")
    assert done.returncode == 1
    assert done.stdout.startswith("error: Ray (auto): no cluster runs on this machine, and RAY_ADDRESS names none; start one with")

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import files, paths
from pipeline.cluster import shards
from pipeline.errors import Impossible, UserError
from tests.clusters import Cluster
from tests.helpers import ROOT, call, stages_run

WRITTEN = (paths.REFERENCE, paths.OUTPUTS, paths.ACCURACY, paths.CONVERSION)


@given(
    count=st.integers(1, 10**7),
    bytes_each=st.integers(0, 10**8),
    multiple=st.integers(1, 64),
    cores=st.integers(1, 1000),
)
def test_shards_are_whole_batches_and_no_larger_than_they_may_be(count: int, bytes_each: int, multiple: int, cores: int) -> None:
    length = shards.shard_length(count, bytes_each=bytes_each, multiple=multiple, cores=cores)
    assert length >= multiple
    assert length % multiple == 0
    # One batch is never cut.
    assert length == multiple or length * bytes_each <= shards._SHARD_BYTES
    # Each core gets several, as far as there are batches.
    assert length == multiple or length * 4 * cores <= count + 4 * cores - 1


def _installed(name: str) -> str:
    return "1.0"


def _fails(rows: Any) -> Any:
    raise Impossible("it ends", "leave it out")


def test_a_task_answers_with_what_was_computed_or_what_is_wrong() -> None:
    rows: Mapping[Any, np.ndarray] = {"x": np.arange(3)}
    answered, content, node, _ = shards.shard(lambda rows, add: rows["x"] + add, rows, {"a": "1.0"}, _installed, 2)
    assert answered
    assert content.tolist() == [2, 3, 4]
    answered, content, *_ = shards.shard(_fails, rows, {}, _installed)
    assert not answered
    assert isinstance(content, Impossible)
    answered, content, *_ = shards.shard(_fails, rows, {"a": "2.0"}, _installed)
    assert not answered
    assert str(content) == f"Ray: node {node} has a 1.0, this run 2.0; install the same on every node (requirements.lock)"


def _node(alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"Alive": alive, "Resources": resources}


def test_tasks_are_as_many_as_nodes_have_cores_and_memory_for() -> None:
    nodes = [_node(CPU=4, memory=3e9), _node(CPU=2, memory=64e9), _node(alive=False, CPU=64, memory=64e9), _node(memory=1e12)]
    assert shards._cores(nodes, 10**9) == 3 + 2
    with pytest.raises(
        UserError, match=r"^Ray: a shard needs 1 CPU and 2e\+02 GB of memory, no node offers both \(the largest 1e\+03"
    ):
        shards._cores(nodes, 200 * 10**9)


class _Failed(Exception):
    pass


class _Bug(_Failed):
    pass


def _share(answers: dict[int, Any], nodes: int = 1) -> shards.Share:
    """Ray as far as a share uses it: tasks run when their result is asked for."""

    def get(task: Any) -> Any:
        number, arguments = task
        answer = answers.get(number)
        if isinstance(answer, Exception):
            raise answer
        return answer if answer is not None else shards.shard(*arguments)

    made: list[Any] = []

    def remote(**options: Any) -> Any:
        assert options["num_cpus"] == 1
        assert options["memory"] > 10**6
        return lambda function: SimpleNamespace(remote=started)

    def started(*given: Any) -> Any:
        made.append((len(made), given))
        return made[-1]

    fake = SimpleNamespace(
        nodes=lambda: [_node(CPU=nodes, memory=1e12)],
        put=lambda part: part,
        remote=remote,
        get=get,
        exceptions=SimpleNamespace(RayError=_Failed, RayTaskError=_Bug),
    )
    return shards.Share(fake, {}, _installed)


def _twice(rows: Any, add: int) -> Any:
    return {"y": 2.0 * rows["x"] + add}


def _over(share: shards.Share, x: np.ndarray, **options: Any) -> Iterator[shards.Part]:
    return share.over(_twice, {"x": x}, 1, memory=10**6, **options)


@pytest.mark.parametrize(("count", "multiple"), [(1, 1), (1, 4), (9, 4), (10, 4), (100, 8), (1000, 1)])
def test_what_is_written_is_the_same_however_it_is_cut(count: int, multiple: int, tmp_path: Path) -> None:
    x = np.random.default_rng(count).normal(size=(count, 2, 3)).astype(np.float32)
    told: list[int] = []
    (tmp_path / "cut").mkdir()
    parts = _over(_share({}, nodes=3), x, multiple=multiple)
    shards.stored(parts, count=count, store=files.stored(tmp_path / "cut"), done=told.append)
    files.write_rows(tmp_path / "whole", ({"y": 2.0 * row + 1} for row in x), count=count)
    assert (tmp_path / "cut/y.npy").read_bytes() == (tmp_path / "whole/y.npy").read_bytes()
    assert sum(told) == count
    assert all(part % multiple == 0 for part in told[:-1])


def test_a_worker_that_dies_time_and_again_is_named_by_its_samples_and_a_bug_keeps_its_traceback() -> None:
    x = np.zeros((8, 1))
    with pytest.raises(UserError, match=r"^Ray: samples 4 to 5 could not be computed in 6 attempts: no worker; look at memory and"):
        list(_over(_share({2: _Failed("no worker\nmore")}), x))
    with pytest.raises(_Bug):
        list(_over(_share({2: _Bug()}), x))
    with pytest.raises(Impossible, match="it ends"):
        list(_over(_share({2: (False, Impossible("it ends", "leave it out"), "n", "")}), x))


def test_a_node_with_other_instructions_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    other = (True, {"y": np.zeros(2)}, "old", "x86_64 avx")
    list(_over(_share({1: other, 2: other}), np.zeros((8, 1))))
    assert capsys.readouterr().err == "Ray: old has other instructions than this machine: last bits of its results may differ\n"


def test_nothing_is_shared_unless_the_environment_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, ""):
        if value is None:
            monkeypatch.delenv(shards.ASKED, raising=False)
        else:
            monkeypatch.setenv(shards.ASKED, value)
        with shards.sharing(("numpy",), _installed) as share:
            assert share is None
    monkeypatch.setenv(shards.ASKED, "nowhere")
    with pytest.raises(UserError, match=r"^Ray \(nowhere\): "), shards.sharing(("numpy",), _installed):
        pass


# --- with a cluster


def _run(stage: str, *arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"pipeline.{stage}", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def _hashes(project: Path) -> dict[str, str]:
    found = (path for written in WRITTEN for path in sorted([project / written, *(project / written).rglob("*")]))
    hashes = {path.relative_to(project).as_posix(): files.content_sha256(path) for path in found if path.is_file()}
    assert len(hashes) > 4
    return hashes


@pytest.mark.slow
@pytest.mark.parametrize("killing", [False, True])
def test_stages_in_shards_write_the_same_bytes(finished: Path, cluster: Cluster, tmp_path: Path, killing: bool) -> None:
    """Also when workers are killed while they compute one: `reference` imports TensorFlow there, which is time enough for it."""
    for path in (paths.PARAMS, paths.SOURCE, paths.SOURCE_FACTS, paths.FLOAT32, paths.VARIANTS, paths.EVALUATION):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (finished / path).is_dir() else shutil.copy)(finished / path, tmp_path / path)
    # All of them, so that `evaluate` finds what it compares.
    shutil.copytree(finished / paths.OUTPUTS, tmp_path / paths.OUTPUTS)
    stages = [["reference"]] if killing else [["reference"], ["predict", "float32"], ["predict", "int8"], ["evaluate"]]
    for stage, *arguments in stages:
        with _run(stage, *arguments, cwd=tmp_path, **{shards.ASKED: cluster.address}, **cluster.environment) as process:
            begun = time.monotonic()
            while killing and cluster.kill_workers("shard") == 0:
                assert time.monotonic() - begun < 100
            output, _ = process.communicate(timeout=200)
        assert process.returncode == 0, output
        assert ("Ray: A worker died" in output) == killing
        assert "raylet" not in output
    if killing:
        (tmp_path / paths.ACCURACY).parent.mkdir(exist_ok=True)
        shutil.copy(finished / paths.ACCURACY, tmp_path / paths.ACCURACY)
    assert _hashes(tmp_path) == _hashes(finished)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc (Linux)")
def test_who_asks_holds_no_more_than_a_shard(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the samples (150 MB in, 150 MB out), the same memory here and, while one worker is killed, the same outputs."""
    from tests.test_memory import blurring, peak_anonymous_kb

    for name, value in {shards.ASKED: cluster.address, **cluster.environment}.items():
        monkeypatch.setenv(name, value)
    killed: list[int] = []

    def kill() -> None:
        begun = time.monotonic()
        while not sum(killed) and time.monotonic() - begun < 60:
            killed.append(cluster.kill_workers("shard"))

    peaks = {}
    for count in (200, 2000):
        project = blurring(tmp_path, count)
        killer = threading.Thread(target=kill if count == 2000 else lambda: None)
        killer.start()
        peaks[count] = peak_anonymous_kb([sys.executable, "-m", "pipeline.predict", "float32"], project)
        killer.join()
        outputs = np.load(project / "data/outputs/float32/blurred.npy", mmap_mode="r")
        assert outputs[:, 40, 40, 1].tolist() == list(range(count))
    assert sum(killed) >= 1
    assert peaks[2000] <= 1.2 * peaks[200], peaks


@pytest.mark.slow
def test_dvc_does_not_notice(project: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs/cluster.md has it: the same lock, and nothing to run without the cluster."""
    before = (project / "dvc.lock").read_bytes()
    for name, value in {shards.ASKED: "auto", **cluster.environment}.items():
        monkeypatch.setenv(name, value)
    output = call("dvc", "repro", "--force", "--single-item", "predict@int8", cwd=project).stdout
    assert stages_run(output) == {"predict@int8"}
    assert (project / "dvc.lock").read_bytes() == before
    monkeypatch.delenv(shards.ASKED)
    assert stages_run(call("dvc", "repro", cwd=project).stdout) == set()

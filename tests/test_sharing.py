"""What was computed in one clone is computed in no other: over git and a DVC remote, a folder or an S3 server."""

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import files
from tests.conftest import written
from tests.helpers import call, stages_run

# An experiment that changes a variant and drops others, whose folders lie beside those of the variants that stay.
TUNED = ("-S", "quantization=[float32,int8]", "-S", "variants.int8.algorithm=octav", "-S", "gate.enabled=false")
# One that takes seconds.
LOOSER = ("-S", "select.max_drop=0.02")


class Hub:
    """A git server and a DVC remote, which are all that two clones have in common."""

    def __init__(self, folder: Path, remote: str, experiment: tuple[str, ...], **environment: Any) -> None:
        self.folder, self.remote, self.experiment, self.environment = folder, remote, experiment, environment
        self.git = folder / "hub.git"

    def call(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return call(*command, cwd=cwd, **self.environment)

    def clone(self, name: str) -> Path:
        target = self.folder / name
        call("git", "clone", "-q", str(self.git), str(target), cwd=self.folder)
        call("git", "config", "user.email", "test@example.invalid", cwd=target)
        call("git", "config", "user.name", "test", cwd=target)
        return target

    def repro(self, clone: Path) -> set[str]:
        """The stages that ran."""
        return stages_run(self.call("dvc", "repro", cwd=clone).stdout)


def contents(clone: Path) -> dict[str, str]:
    """SHA-256 of every file of a clone but what git and DVC keep for themselves."""
    return {name: files.content_sha256(clone / name) for name in written(clone)}


@contextlib.contextmanager
def s3() -> Iterator[str]:
    """The address of an S3 server with a bucket `kept`."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/kept", method="PUT")).close()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """With the results of `finished`, which the clone that made them has pushed."""
    folder = tmp_path_factory.mktemp("hub")
    with contextlib.ExitStack() as stack:
        if request.param == "s3":
            keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
            address, found = stack.enter_context(s3()), Hub(folder, "s3://kept/project", LOOSER, **keys)
        else:
            address, found = "", Hub(folder, str(folder / "remote"), TUNED)
        call("git", "clone", "-q", "--bare", str(finished), str(found.git), cwd=folder)
        origin = found.clone("origin")
        # What `finished` has computed comes from its cache.
        found.call("dvc", "remote", "add", "-q", "--local", "computed", str(finished / ".dvc/cache"), cwd=origin)
        found.call("dvc", "pull", "-q", "--remote", "computed", cwd=origin)
        found.call("dvc", "remote", "add", "--default", "kept", found.remote, cwd=origin)
        if address:
            found.call("dvc", "remote", "modify", "kept", "endpointurl", address, cwd=origin)
        found.call("git", "commit", "-qam", "where results are kept", cwd=origin)
        found.call("git", "push", "-q", "origin", "main", cwd=origin)
        found.call("dvc", "push", cwd=origin)
        yield found


@pytest.fixture(scope="module")
def tuned(hub: Hub) -> tuple[Path, dict[str, str]]:
    """A clone that pulled, where nothing had to run, and has run the experiment `tuned`; its contents then."""
    clone = hub.clone("first")
    hub.call("dvc", "pull", cwd=clone)
    assert hub.repro(clone) == set()
    assert call("git", "status", "--porcelain", cwd=clone).stdout == ""
    ran = stages_run(hub.call("dvc", "exp", "run", "--name", "tuned", *hub.experiment, cwd=clone).stdout)
    assert {"select", "report", "gate"} <= ran
    return clone, contents(clone)


here = pytest.mark.parametrize("hub", ["folder"], indirect=True, scope="module")
anywhere = pytest.mark.parametrize("hub", ["folder", "s3"], indirect=True, scope="module")


@pytest.mark.slow
@here
def test_an_experiment_is_applied_byte_for_byte_and_known(hub: Hub, tuned: tuple[Path, dict[str, str]]) -> None:
    clone, after = tuned
    assert "latency_median_ms" in hub.call("dvc", "metrics", "show", cwd=clone).stdout
    hub.call("git", "checkout", "-q", "--", ".", cwd=clone)
    hub.call("dvc", "checkout", cwd=clone)
    assert hub.repro(clone) == set()
    assert contents(clone) != after
    hub.call("dvc", "exp", "apply", "tuned", cwd=clone)
    assert hub.repro(clone) == set()
    assert contents(clone) == after
    record = json.loads(hub.call("python", "-m", "pipeline.cli.provenance", cwd=clone).stdout)
    reference = call("git", "for-each-ref", "--format=%(objectname)", "refs/exps/*/*/tuned", cwd=clone).stdout.strip()
    assert record["git"] == {"commit": reference, "experiment": "tuned", "changed": []}


@pytest.mark.slow
@anywhere
def test_another_clone_gets_it_by_name_and_by_what_it_needs(hub: Hub, tuned: tuple[Path, dict[str, str]]) -> None:
    clone, after = tuned
    hub.call("dvc", "exp", "push", "--run-cache", "origin", "tuned", cwd=clone)
    second = hub.clone("second")
    assert "tuned" in hub.call("dvc", "exp", "list", "origin", cwd=second).stdout
    hub.call("dvc", "exp", "pull", "origin", "tuned", cwd=second)
    hub.call("dvc", "exp", "apply", "tuned", cwd=second)
    assert hub.repro(second) == set()
    assert contents(second) == after

    third = hub.clone("third")
    hub.call("dvc", "pull", "--run-cache", cwd=third)
    assert stages_run(hub.call("dvc", "exp", "run", "--pull", *hub.experiment, cwd=third).stdout) == set()
    assert contents(third) == after


@pytest.mark.slow
@here
def test_an_applied_experiment_is_no_drift_and_another_conf_is(hub: Hub, tuned: tuple[Path, dict[str, str]]) -> None:
    clone, _ = tuned
    hub.call("python", "-m", "pipeline.check", cwd=clone)
    path = clone / "conf/select/default.yaml"
    before = path.read_text(encoding="utf-8")
    path.write_text(f"# edited\n{before}", encoding="utf-8")
    drifted = call("dvc", "repro", cwd=clone, check=False)
    assert drifted.returncode != 0
    assert "error: params.yaml was composed from another conf/; run `make params`" in drifted.stdout
    path.write_text(before, encoding="utf-8")

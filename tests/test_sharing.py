"""What was computed in one clone is computed in no other: over git and a DVC remote, a folder or an S3 server."""

import contextlib
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


@pytest.fixture(scope="module", params=["folder", "s3"])
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


@pytest.mark.slow
def test_nothing_is_computed_twice(hub: Hub) -> None:
    """One story, as each step needs those before: pulled, tuned, applied, shared by its name, shared by what it needs."""
    first = hub.clone("first")
    hub.call("dvc", "pull", cwd=first)
    assert hub.repro(first) == set()
    assert "latency_median_ms" in hub.call("dvc", "metrics", "show", cwd=first).stdout
    assert call("git", "status", "--porcelain", cwd=first).stdout == ""
    before = contents(first)

    ran = stages_run(hub.call("dvc", "exp", "run", "--name", "tuned", *hub.experiment, cwd=first).stdout)
    assert {"select", "report", "gate"} <= ran
    tuned = contents(first)
    assert tuned != before
    hub.call("git", "checkout", "-q", "--", ".", cwd=first)
    hub.call("dvc", "checkout", cwd=first)
    assert hub.repro(first) == set()
    assert contents(first) == before
    hub.call("dvc", "exp", "apply", "tuned", cwd=first)
    assert hub.repro(first) == set()
    assert contents(first) == tuned

    hub.call("dvc", "exp", "push", "--run-cache", "origin", "tuned", cwd=first)
    second = hub.clone("second")
    assert "tuned" in hub.call("dvc", "exp", "list", "origin", cwd=second).stdout
    hub.call("dvc", "exp", "pull", "origin", "tuned", cwd=second)
    hub.call("dvc", "exp", "apply", "tuned", cwd=second)
    assert hub.repro(second) == set()
    assert contents(second) == tuned

    third = hub.clone("third")
    hub.call("dvc", "pull", "--run-cache", cwd=third)
    assert stages_run(hub.call("dvc", "exp", "run", "--pull", *hub.experiment, cwd=third).stdout) == set()
    assert contents(third) == tuned

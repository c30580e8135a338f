"""Real copies of the repository, run with real DVC. Expensive ones are built once a session."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import files, paths
from pipeline.tflite.layers_record import Layers
from tests import networks
from tests.helpers import call, copy_repository

if TYPE_CHECKING:
    from tests.clusters import Cluster
    from tests.made import Made


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the repository after `dvc repro`. Read only, as is checked at the end: who changes something takes `project`."""
    target = copy_repository(tmp_path_factory.mktemp("finished"))
    call("python", "-m", "pipeline.cli.compose", cwd=target)
    call("dvc", "repro", cwd=target)
    call("git", "add", "-A", cwd=target)
    call("git", "commit", "-qm", "results", "--allow-empty", cwd=target)
    before = written(target)
    yield target
    changed = {path for path, _ in before.items() ^ written(target).items()}
    assert not changed, f"a test wrote into `finished`, which others read: {sorted(changed)}"


def written(project: Path) -> dict[str, tuple[int, int]]:
    """Number and time of change of every file of a project, but for what DVC, git and caches keep for themselves."""
    own = {".dvc", ".git", ".cache", "__pycache__"}
    found = (path for path in project.rglob("*") if path.is_file() and not own & {*path.relative_to(project).parts})
    return {path.relative_to(project).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


@pytest.fixture(scope="session")
def nets(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[str], Made]":
    """A network of `certified.NETWORKS` with everything the certificate needs of it."""
    # Keras takes seconds to import: only for the tests that ask for one.
    from tests import certified
    from tests.made import make

    @cache
    def build(name: str) -> "Made":
        return make(certified.randomised(certified.NETWORKS[name]()), tmp_path_factory.mktemp(name) / "source")

    return build


@pytest.fixture(scope="session")
def dying(tmp_path_factory: pytest.TempPathFactory) -> "Made":
    """`certified.dying`."""
    from tests import certified
    from tests.made import make

    return make(certified.dying(), tmp_path_factory.mktemp("dying") / "source")


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of `finished` to change at will, with a cache of its own so that what a test computes stays with it."""
    target = tmp_path / "project"
    shutil.copytree(finished, target, symlinks=True)
    return target


@pytest.fixture(scope="session")
def digits(finished: Path) -> networks.Measured:
    """The shipped network with what the stages before `quantize` know of it."""
    model = files.read_bytes(finished / paths.FLOAT32)
    rows = files.read_record(finished / paths.LAYERS, Layers).operators
    return networks.measured(networks.Made(finished / paths.SOURCE, model, rows), finished)


@pytest.fixture(scope="session")
def scaled(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> networks.Measured:
    """The same function with badly scaled channels: what per-tensor weights cannot hold."""
    made = networks.badly_scaled(tmp_path_factory.mktemp("scaled") / "saved", spread=32)
    return networks.measured(made, finished)


@pytest.fixture(scope="session")
def cluster() -> "Iterator[Cluster]":
    """A Ray cluster of two nodes, for slow tests. Workers may be killed; who kills a node takes `clusters.two_nodes`."""
    from tests.clusters import two_nodes

    with two_nodes() as running:
        yield running

import subprocess
from pathlib import Path

import pytest

from pipeline.sweeping import workers, workspace
from pipeline.sweeping.claims import Claims, Failed
from tests.helpers import copy_repository


def test_an_owner_s_name_goes_with_what_it_asks() -> None:
    claims = Claims()
    first, second = workers.asking(claims, "s-1"), workers.asking(claims, "s-2")
    assert first.ask("key") == "yours"
    assert second.ask("key") == "wait"
    first.leave()
    assert second.ask("key") == "yours"
    second.done("key", "exit code 1")
    with pytest.raises(Failed, match="point s-2 failed at it"):
        first.ask("key")


def test_what_goes_wrong_in_a_worker_ends_the_sweep_and_leaves_nothing(tmp_path: Path) -> None:
    """The oracle of the good case is plain DVC: tests/cli/test_sweep.py."""
    root = copy_repository(tmp_path / "root")
    base = workspace.base(root)
    points: dict[str, tuple[str, ...]] = {"s-1": (), "s-2": ()}
    gone = workspace.Base("0" * 40, base.tree)
    with pytest.raises(subprocess.CalledProcessError):
        workers.run(root, gone, points, workers=2, folder=tmp_path / "clones", logs=tmp_path, tell=lambda name, outcome: None)
    assert not (tmp_path / "clones").exists()

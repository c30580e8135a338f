from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from pipeline.sweeping import lock
from tests.helpers import call

_STAGE = {
    "cmd": "python -m pipeline.report",
    "outs": ["reports/index.html", {"reports/summary.md": {"cache": True}}, "reports/plots"],
}


def test_a_stage_counts_where_the_cache_has_all_of_its_outputs(tmp_path: Path) -> None:
    entry = "  load:\n    cmd: x\n    outs:\n    - path: a\n      md5: aa11\n    - path: b\n      md5: bb22.dir\n"
    assert not lock.cached(entry, tmp_path)
    for name in ("aa/11", "bb/22.dir"):
        path = tmp_path / "files/md5" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert lock.cached(entry, tmp_path)
    (tmp_path / "files/md5/aa/11").unlink()
    assert not lock.cached(entry, tmp_path)


def test_what_is_left_out_says_so_in_files_that_dvc_checks_out(tmp_path: Path) -> None:
    """DVC is the oracle: it brings back what the entry names, and runs the stage nevertheless."""
    call("git", "init", "-q", cwd=tmp_path)
    with Repo.init(str(tmp_path)):
        pass
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"report": {**_STAGE, "cmd": "exit 3", "deps": ["data"]}}}))
    (tmp_path / "data").write_text("1")
    entry = lock.left_out("report", {**_STAGE, "cmd": "exit 3"}, tmp_path / ".dvc/cache")
    (tmp_path / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n{entry}")
    call("dvc", "checkout", cwd=tmp_path)
    assert "`dvc repro` makes it" in (tmp_path / "reports/summary.md").read_text()
    assert "<title>No report yet</title>" in (tmp_path / "reports/index.html").read_text()
    assert list((tmp_path / "reports/plots").iterdir()) == []
    assert "changed deps" in call("dvc", "status", cwd=tmp_path).stdout
    done = call("dvc", "repro", cwd=tmp_path, check=False)
    assert "Running stage 'report'" in done.stdout
    assert done.returncode != 0


@pytest.mark.parametrize("name", lock.LEFT_OUT)
def test_the_stages_that_are_left_out_are_there(name: str) -> None:
    stages = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert {lock.TARGET, name} <= set(stages)

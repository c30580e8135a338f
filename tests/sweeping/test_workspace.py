import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.sweeping import workspace
from tests.helpers import call, committed


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for name in ("conf/config.yaml", "models/m.keras", "params.yaml", "dvc.lock", "README.md", ".dvc/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / ".dvc/config").write_text("")
    return committed(root)


def test_points_are_made_from_the_workspace_without_what_a_run_writes(repository: Path) -> None:
    clean = workspace.base(repository)
    assert clean.commit == call("git", "rev-parse", "HEAD", cwd=repository).stdout.strip()
    assert clean.tree == call("git", "rev-parse", "HEAD^{tree}", cwd=repository).stdout.strip()
    (repository / "params.yaml").write_text("another run's")
    assert workspace.base(repository) == clean
    (repository / "conf/config.yaml").write_text("changed")
    before = call("git", "status", "--porcelain", cwd=repository).stdout
    changed = workspace.base(repository)
    assert changed.tree != clean.tree
    assert call("git", "show", f"{changed.tree}:conf/config.yaml", cwd=repository).stdout == "changed"
    assert call("git", "show", f"{changed.tree}:params.yaml", cwd=repository).stdout == "params.yaml"
    assert call("git", "status", "--porcelain", cwd=repository).stdout == before
    assert clean.name("s", ("a=1",)) != changed.name("s", ("a=1",))


def test_a_name_stands_for_overrides_in_any_order(repository: Path) -> None:
    base = workspace.base(repository)
    assert base.name("s", ("a=1", "b=2")) == base.name("s", ("b=2", "a=1"))
    assert base.name("s", ("a=1", "b=2")) != base.name("s", ("a=2", "b=1"))
    assert base.name("s", ("a=1",)).startswith("s-")


def test_a_file_that_git_does_not_know_is_named(repository: Path) -> None:
    (repository / "notes.txt").touch()
    (repository / "conf/sweep").mkdir()
    (repository / "conf/sweep/mine.yaml").touch()
    workspace.base(repository)
    (repository / "models/new.keras").touch()
    with pytest.raises(UserError, match=r"models/new\.keras: git does not know this file, .* run `git add models/new\.keras`"):
        workspace.base(repository)
    call("git", "add", "models/new.keras", cwd=repository)
    tree = workspace.base(repository).tree
    assert "new.keras" in call("git", "ls-tree", "--name-only", tree, "models/", cwd=repository).stdout


def test_without_a_commit_there_is_nothing_to_start_from(tmp_path: Path) -> None:
    call("git", "init", "-q", cwd=tmp_path)
    with pytest.raises(UserError, match="git has no commit here"):
        workspace.base(tmp_path)


def test_an_experiment_is_taken_over_from_a_clone_and_from_a_bundle(repository: Path, tmp_path: Path) -> None:
    base = workspace.base(repository)
    clone = tmp_path / "clone"
    call("git", "clone", "-q", str(repository), str(clone), cwd=tmp_path)
    commit = call("git", "rev-parse", "HEAD", cwd=clone).stdout.strip()
    for name in ("s-1", "s-2"):
        who = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t"}
        made = workspace.git(clone, "commit-tree", base.tree, "-p", commit, "-m", name, **who)
        workspace.git(clone, "update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/{name}", made)
    workspace.collect(repository, base, "s-1", source=clone)
    assert workspace.experiments(repository, base) == {"s-1"}
    bundle = tmp_path / "bundle"
    bundle.write_bytes(workspace.bundle(clone, base, "s-2"))
    shutil.rmtree(clone)
    workspace.collect(repository, base, "s-2", source=bundle)
    assert workspace.experiments(repository, base) == {"s-1", "s-2"}
    workspace.git(repository, "fsck", "--connectivity-only")
    with pytest.raises(subprocess.CalledProcessError):
        workspace.collect(repository, base, "s-3", source=bundle)


def test_what_neither_git_nor_dvc_brings_into_a_clone(repository: Path) -> None:
    (repository / ".gitignore").write_text("data/\n")
    (repository / "data").mkdir()
    (repository / "data/images.dvc").write_text("outs: []")
    call("git", "add", "-f", "data/images.dvc", cwd=repository)
    paths = ["models/m.keras", "models", "data/images", "data/images/a.png", "data/other.npz", "/elsewhere/data.npz"]
    assert workspace.ignored(repository, paths) == ["data/other.npz"]


def test_the_cache_is_where_dvc_has_it(repository: Path, tmp_path: Path) -> None:
    assert workspace.cache(repository) == repository / ".dvc/cache"
    (repository / ".dvc/config.local").write_text("[cache]\n    dir = ../../shared\n")
    assert workspace.cache(repository) == tmp_path / "shared"


def test_a_remote_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    from dvc.repo import Repo

    call("git", "init", "-q", cwd=tmp_path)
    with Repo.init(str(tmp_path)):
        pass
    with pytest.raises(UserError, match=r"RAY: .*, and `dvc push --run-cache` failed: .*no remote specified"):
        workspace.push(tmp_path)

"""The folder that a sweep starts from: what of it the points are made from, and the experiments that git has of them."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.errors import UserError
from pipeline.sweeping.grid import Point

# Of the files in git these are what a point itself writes: it starts from those of the commit.
_WRITTEN = (paths.PARAMS, paths.LOCK, paths.METRICS)
# What a point could need and git does not know is an error, as DVC's queue would not have it either. Grids are read here alone.
_NEEDED = ("conf", "data", "models", "pipeline", "hydra_plugins", ":!conf/sweep")


@dataclass(frozen=True)
class Base:
    """What the points of a sweep have in common.

    Attributes:
        commit: the commit that is checked out.
        tree: that commit with the changes of the workspace that are not committed, as a tree of git.
    """

    commit: str
    tree: str

    def name(self, sweep: str, point: Point) -> str:
        """The name of the experiment of a point: the same for the same files and overrides, so that a sweep can go on."""
        made_from = "\n".join((self.tree, *sorted(point)))
        return f"{sweep}-{hashlib.sha256(made_from.encode()).hexdigest()[:8]}"


def base(root: Path) -> Base:
    """Of a repository as it is now; nothing of it is changed.

    Raises:
        UserError: when it has no commit, or holds files that the points would not have.
    """
    try:
        commit = git(root, "rev-parse", "HEAD")
    except subprocess.CalledProcessError:
        raise UserError(f"{root}: git has no commit here, and experiments are kept beside one; run `git commit`") from None
    unknown = git(root, "ls-files", "--others", "--exclude-standard", "--", *_NEEDED).splitlines()
    if unknown:
        raise UserError(f"{unknown[0]}: git does not know this file, so that no point would have it; run `git add {unknown[0]}`")
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        shutil.copyfile(git(root, "rev-parse", "--path-format=absolute", "--git-path", "index"), index["GIT_INDEX_FILE"])
        git(root, "add", "--update", **index)
        git(root, "reset", "--quiet", "HEAD", "--", *map(str, _WRITTEN), **index)
        return Base(commit, git(root, "write-tree", **index))


def experiments(root: Path, base: Base) -> set[str]:
    """The names of all experiments that were made from a commit."""
    prefix = _ref(base, "")
    return {ref.removeprefix(prefix) for ref in git(root, "for-each-ref", "--format=%(refname)", prefix).split()}


def collect(root: Path, base: Base, name: str, *, source: Path) -> None:
    """Take over an experiment, which appears at once and whole.

    Args:
        source: a repository, or a bundle of git's, that has it.
    """
    ref = _ref(base, name)
    git(root, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(source), f"+{ref}:{ref}")


def ignored(root: Path, files: Iterable[str]) -> list[str]:
    """Which of these paths neither git nor DVC brings into another clone, though they are inside this one."""
    tracked = git(root, "ls-files").splitlines()
    by_dvc = [name.removesuffix(".dvc") for name in tracked if name.endswith(".dvc")]

    def known(path: str) -> bool:
        return any(path == name or name.startswith(f"{path}/") or path.startswith(f"{name}/") for name in (*tracked, *by_dvc))

    return [path for path in files if not Path(path).is_absolute() and not known(path)]


def bundle(root: Path, base: Base, name: str) -> bytes:
    """An experiment as a bundle of git's, for a repository that has the commit it was made from."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle"
        git(root, "bundle", "create", "--quiet", str(path), _ref(base, name), f"^{base.commit}")
        return path.read_bytes()


def cache(root: Path) -> Path:
    """DVC's cache of a repository, which may lie elsewhere."""
    return Path(dvc_config(root).get("cache", {}).get("dir") or root / ".dvc/cache")


def dvc_config(root: Path) -> Mapping[str, Any]:
    """DVC's configuration of a repository, all levels merged, paths absolute."""
    from dvc.config import Config

    return Config(str(root / ".dvc"))


def private_config(root: Path) -> str:
    """The text of .dvc/config.local, in which remotes are configured that are not for everybody."""
    path = root / ".dvc/config.local"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def push(root: Path) -> None:
    """What this repository has of the data and of earlier runs, to its remote.

    Raises:
        UserError: when the remote cannot be written.
    """
    command = [sys.executable, "-m", "dvc", "push", "--run-cache"]
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"RAY: points share results by the remote, and `dvc push --run-cache` failed: {complaint(done.stderr)}")


def complaint(stderr: str) -> str:
    """The reason that a command of DVC gives, in a line; all that it printed where it gives none."""
    said = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return said[0] if said else stderr.strip()


def fetch_runs(root: Path, keys: Iterable[str]) -> None:
    """What other machines have made, from the remote into this repository's cache, as if it had been made here.

    Args:
        keys: of the run cache.
    """
    from dvc.repo import Repo

    from pipeline.sweeping import remote_runs

    with Repo(str(root)) as repo:
        for key in keys:
            remote_runs.fetch(repo, key, outputs=True)


def git(root: Path, *arguments: str, **environment: str) -> str:
    """What a command of git prints.

    Raises:
        subprocess.CalledProcessError: when it fails.
    """
    done = subprocess.run(
        ["git", *arguments], cwd=root, check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return done.stdout.strip()


def _ref(base: Base, name: str) -> str:
    """Where DVC keeps an experiment (https://dvc.org/doc/user-guide/experiment-management/experiments-overview)."""
    return f"refs/exps/{base.commit[:2]}/{base.commit[2:]}/{name}"

"""The folder that a worker runs its points in: a clone of its own, so that workers do not meet in params.yaml or dvc.lock."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pipeline.sweeping.workspace import Base, git

# What DVC shares of one clone with others under /var/tmp: kept inside, so that it goes with it.
_SITE = ".dvc/tmp/site"


def make(source: Path, folder: Path, base: Base, *, cache: Path, local: str, remotes: Mapping[str, str] | None = None) -> None:
    """A clone with the files of the sweep's base, and the data that DVC keeps.

    Args:
        source: a repository, whose objects are used where they are, or a bundle of git's.
        folder: does not exist yet.
        cache: DVC's cache to work in.
        local: the text of .dvc/config.local, in which remotes are configured that are not for everybody.
        remotes: URL by name, where a path that is relative in .dvc/config would lead elsewhere from the clone.
    """
    from dvc.config import Config

    shared = ("--shared",) if source.is_dir() else ()
    command = ["git", "clone", "--quiet", "--no-checkout", *shared, str(source), str(folder)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    git(folder, "update-ref", "--no-deref", "HEAD", base.commit)
    reset(folder, base)
    (folder / ".dvc/tmp").mkdir(parents=True, exist_ok=True)
    (folder / ".dvc/config.local").write_text(local, encoding="utf-8")
    with Config(str(folder / ".dvc")).edit("local") as config:
        config.setdefault("core", {})["site_cache_dir"] = str(folder / _SITE)
        config.setdefault("cache", {})["dir"] = str(cache)
        for name, url in (remotes or {}).items():
            config.setdefault("remote", {}).setdefault(name, {})["url"] = url


def reset(folder: Path, base: Base) -> None:
    """Have the files of git as a point starts from them; what DVC wrote for the point before stays, and is checked by DVC."""
    git(folder, "checkout", "--quiet", "--detach", "--force", base.commit)
    git(folder, "read-tree", "--reset", "-u", base.tree)


def remove(folder: Path) -> None:
    """The clone and all in it, also where DVC has made its files read-only."""
    shutil.rmtree(folder, ignore_errors=True)

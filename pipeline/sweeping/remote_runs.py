"""Single entries of DVC's run cache to and from its remote, with the outputs that they name.

`dvc push --run-cache` and `dvc pull --run-cache` go through all entries each time, and a sweep asks before each stage.
"""

from typing import Any

from dvc.stage import Stage
from dvc.stage.cache import _get_cache_hash, _get_stage_hash
from dvc.stage.serialize import to_single_stage_lockfile


def fetch(repo: Any, key: str, *, outputs: bool = False) -> None:
    """Entries for a key.

    Args:
        repo: `dvc.repo.Repo`.
        key: of a stage, as `_get_stage_hash` gives it.
        outputs: whether to fetch what they name as well; DVC does when it restores the stage (`pull=True`).
    """
    here, there = repo.cache.legacy, _remote(repo)
    folder = there.fs.join(there.path, *_parts(key))
    if not there.fs.exists(folder):
        return
    for entry in there.fs.find(folder):
        target = here.fs.join(here.path, *_parts(key), there.fs.name(entry))
        if not here.fs.exists(target):
            here.fs.makedirs(here.fs.parent(target), exist_ok=True)
            there.fs.get_file(entry, target)
        if outputs:
            for objects in repo.stage_cache.get_used_objs([(key, there.fs.name(entry))]).values():
                repo.cloud.pull(objects)


def push(stage: Stage) -> None:
    """A stage that has run or was restored: its outputs, then its entry, so that who finds an entry finds what it names."""
    repo, key = stage.repo, _get_stage_hash(stage)
    value = _get_cache_hash(to_single_stage_lockfile(stage))
    here, there = repo.cache.legacy, _remote(repo)
    target = there.fs.join(there.path, *_parts(key), value)
    if there.fs.exists(target):
        return
    for objects in repo.stage_cache.get_used_objs([(key, value)]).values():
        repo.cloud.push(objects)
    there.fs.makedirs(there.fs.parent(target), exist_ok=True)
    there.fs.put_file(here.fs.join(here.path, *_parts(key), value), target)


def _remote(repo: Any) -> Any:
    return repo.cloud.get_remote_odb(None, "run cache", hash_name="md5-dos2unix")


def _parts(key: str) -> tuple[str, str, str]:
    return "runs", key[:2], key

"""The points of a sweep as tasks of a Ray cluster: code and experiments travel by Ray, results by a cache that all nodes see, or by
DVC's remote."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.cluster.connection import connected
from pipeline.errors import UserError
from pipeline.sweeping import clone, lock, point_process, workspace
from pipeline.sweeping.claims import Claims
from pipeline.sweeping.grid import Point
from pipeline.sweeping.point_process import Asking, Outcome
from pipeline.sweeping.workers import Tell, asking
from pipeline.sweeping.workspace import Base, git
from pipeline.system import leftovers

# What a task asks of its node. A point runs one stage at a time; TensorFlow's take most.
CPUS, MEMORY_BYTES = 1, 2_000_000_000
# How often Ray starts a point again whose worker has died.
_RETRIES = 3
_LOOK_EVERY_S = 1.0


class Sources(NamedTuple):
    """What a node needs to run a point.

    Attributes:
        bundle: git's, of the commit and the tree.
        base: what the points have in common.
        cache: DVC's, which all nodes see; None when there is only a remote.
        remotes: URL by name, as this machine understands them.
        local: the text of .dvc/config.local.
    """

    bundle: bytes
    base: Base
    cache: Path | None
    remotes: Mapping[str, str]
    local: str


class Brought(NamedTuple):
    """What comes back: what came of the point, its experiment as a bundle of git's, and its log."""

    outcome: Outcome
    bundle: bytes
    log: str


def run(root: Path, base: Base, points: Mapping[str, Point], *, address: str, logs: Path, tell: Tell) -> None:
    """Run points as experiments of a repository on a cluster; returns when all have ended, and the repository has what they made.

    Args:
        points: by the names of their experiments.
        address: of the cluster, as `connected` takes it.
        logs: a file each.
        tell: called when a point begins and when it has ended.

    Raises:
        UserError: when there is no such cluster, or its nodes would have no way to share results.
    """
    sources = _sources(root, base)
    if sources.cache is None:
        workspace.push(root)
        lock.notes(workspace.cache(root))
    with connected(address) as ray:
        claims = ray.remote(num_cpus=0)(Claims).remote()
        sent = ray.put(sources)
        task = ray.remote(num_cpus=CPUS, memory=MEMORY_BYTES, max_retries=_RETRIES)(point_of_sweep)
        names = {task.remote(sent, claims, name, point): name for name, point in points.items()}
        begun: set[str] = set()
        try:
            while names:
                ended, _ = ray.wait(list(names), timeout=_LOOK_EVERY_S)
                for name in ray.get(claims.owners.remote()) - begun:
                    begun.add(name)
                    tell(name, None)
                for reference in ended:
                    name = names.pop(reference)
                    tell(name, _take(root, base, name, _result(ray, reference), logs))
        finally:  # after Ctrl-C too: the points that were finished are here
            if sources.cache is None:
                workspace.fetch_runs(root, ray.get(claims.made.remote()))


def _result(ray: Any, reference: Any) -> Brought:
    try:
        return Brought(*ray.get(reference))
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError) as error:
        said = " ".join(str(error).split())[:300]
        return Brought(Outcome(f"its worker died {_RETRIES + 1} times: {said}", ()), b"", said)


def _take(root: Path, base: Base, name: str, brought: Brought, logs: Path) -> Outcome:
    (logs / f"{name}.log").write_text(brought.log, encoding="utf-8")
    if brought.outcome.failed is None:
        with tempfile.TemporaryDirectory() as folder:
            bundle = Path(folder) / "experiment.bundle"
            bundle.write_bytes(brought.bundle)
            workspace.collect(root, base, name, source=bundle)
    return brought.outcome


def _sources(root: Path, base: Base) -> Sources:
    """What the nodes need of a repository.

    Raises:
        UserError: when it has neither a cache that they may see nor a remote.
    """
    config = workspace.dvc_config(root)
    cache, remote = config.get("cache", {}).get("dir"), config.get("core", {}).get("remote")
    if not cache and not remote:
        raise UserError(
            "RAY: nodes share results by a cache that all of them see (`dvc cache dir /a/folder/that/all/nodes/see`) "
            "or by a remote (`dvc remote add --default NAME URL`); .dvc/config names neither"
        )
    remotes = {name: str(settings["url"]) for name, settings in config.get("remote", {}).items()}
    return Sources(_bundle(root, base), base, Path(cache) if cache else None, remotes, workspace.private_config(root))


def _bundle(root: Path, base: Base) -> bytes:
    """Git's bundle of a commit with the changes that are not committed; made beside the repository, of which nothing changes."""
    with tempfile.TemporaryDirectory() as folder:
        beside, bundle = Path(folder) / "git", Path(folder) / "bundle"
        command = ["git", "clone", "--quiet", "--bare", "--shared", str(root), str(beside)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        who = {f"GIT_{role}_{what}": "sweep" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        changed = git(beside, "commit-tree", base.tree, "-p", base.commit, "-m", "workspace", **who)
        git(beside, "update-ref", "refs/heads/sweep", changed)
        git(beside, "bundle", "create", "--quiet", str(bundle), "refs/heads/sweep")
        return bundle.read_bytes()


def point_of_sweep(sources: Sources, claims: Any, name: str, point: Point) -> tuple[Outcome, bytes, str]:
    """On a node: run a point in a clone of its own, which is gone afterwards."""
    leftovers.remove()  # of tasks that were killed
    if sources.cache is not None and not sources.cache.is_dir():
        unseen = f"node {socket.gethostname()} does not see the cache {sources.cache}; mount it, or use a remote alone"
        return Outcome(unseen, ()), b"", unseen
    folder = leftovers.SHARED / f"tflite-pipeline-{os.getuid()}-{os.getpid()}"
    clone.remove(folder)
    folder.mkdir(mode=0o700)
    try:
        bundle, place, log = folder / "sweep.bundle", folder / "clone", folder / "log"
        bundle.write_bytes(sources.bundle)
        # Of one node's own, kept for its next points.
        cache = sources.cache or leftovers.SHARED / f"tflite-pipeline-cache.{os.getuid()}"
        clone.make(bundle, place, sources.base, cache=cache, local=sources.local, remotes=sources.remotes)
        remote = sources.cache is None
        outcome = point_process.run(place, name, point, log=log, asking=_asking(claims, name), remote=remote, stop=None)
        brought = workspace.bundle(place, sources.base, name) if outcome.failed is None else b""
        return outcome, brought, log.read_text(encoding="utf-8", errors="replace")
    finally:
        clone.remove(folder)


def _asking(claims: Any, name: str) -> Asking:
    """As on one machine, with each method called in the actor that holds the claims."""
    import ray

    class Remote:
        def __getattr__(self, method: str) -> Any:
            return lambda *arguments: ray.get(getattr(claims, method).remote(*arguments))

    return asking(Remote(), name)

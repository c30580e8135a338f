"""A finished project: what has to be in it after a kill and one completing run, and how one stage of it is made to run again."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml

from pipeline import paths
from tests.helpers import call, copy_repository

# Small, and every kind of stage is in it.
OVERRIDES = (
    "quantization=[float32,int8,mixed]",
    "search=[mixed]",
    "select=tflite_micro",
    "select.drop_bound=estimate",
    "searches.mixed.steps=3",
    "benchmark.runs=20",
)
# What is measured on this machine, and what has it inside: other bytes in each run.
MEASURED = ("reports/benchmark", "reports/latency.json", "reports/index.html", "reports/plots", "reports/pictures")
_CACHE = Path(".dvc/cache")
_OBJECTS = _CACHE / "files/md5"
# What DVC, git and the search keep for themselves, and the command's own records.
_THEIRS = {".git", ".dvc", ".cache", "__pycache__"}


class Project(NamedTuple):
    """A project, with a folder for what its processes would put into /tmp and one for what DVC keeps in /var/tmp.

    Attributes:
        folder: holds the project, and beside it `tmp` and `site`.
    """

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "project"

    @property
    def environment(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "GIT_", "TFLITE_PIPELINE_"))}
        return {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}",
            "PYTHONPATH": str(self.root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.folder / "tmp"),
            "DVC_SITE_CACHE_DIR": str(self.folder / "site"),
        }

    def start(self, *command: str, log: str) -> subprocess.Popen[bytes]:
        """A command in a process group of its own, what it prints in a file beside the project."""
        with (self.folder / log).open("wb") as stream:
            return subprocess.Popen(
                command, cwd=self.root, env=self.environment, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )

    def complete(self, *, compose: bool = True) -> subprocess.CompletedProcess[str]:
        """What `make repro` does, set up already."""
        ready = f"python -m pipeline.cli.compose {' '.join(map(_quoted, OVERRIDES))} && python -m pipeline.cli.preflight && "
        command = ["python", "-m", "pipeline.cli.unlock", "sh", "-c", f"{ready if compose else ''}dvc repro"]
        return subprocess.run(
            command, cwd=self.root, env=self.environment, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )


def _quoted(text: str) -> str:
    return f"'{text}'"


def make(folder: Path) -> Project:
    """Run the pipeline once in a copy of the repository, and commit."""
    project = Project(folder)
    for name in ("project", "tmp", "site"):
        (folder / name).mkdir(parents=True)
    copy_repository(project.root)
    done = project.complete()
    if done.returncode:
        raise RuntimeError(done.stdout[-4000:])
    call("git", "add", "-A", cwd=project.root)
    call("git", "commit", "-qm", "results", cwd=project.root)
    return project


class State(NamedTuple):
    """What is compared.

    Attributes:
        files: digests by path, None of what is measured.
        lock: the entries of dvc.lock by stage, without those of what is measured.
        branch: what is checked out.
        kept: what else is in git: commits by reference, the stash and lines of `git status` of files that DVC does not write.
    """

    files: dict[str, str | None]
    lock: dict[str, Any]
    branch: str
    kept: str


def state(project: Project) -> State:
    """The state of a project that nothing runs in."""
    found: dict[str, str | None] = {}
    for top, folders, names in os.walk(project.root):
        folders[:] = [name for name in folders if name not in _THEIRS]
        # Of folders, those of temporary names, which may be empty.
        for path in (Path(top, name) for name in (*names, *(name for name in folders if name.endswith(".tmp")))):
            name = path.relative_to(project.root).as_posix()
            if name != "dvc.lock":
                found[name] = None if path.is_dir() or name.startswith(MEASURED) else hashlib.sha256(path.read_bytes()).hexdigest()
    lock = yaml.load((project.root / paths.LOCK).read_bytes(), Loader=yaml.CSafeLoader)["stages"]
    for stage in lock.values():
        for kind in ("deps", "outs"):
            stage[kind] = [entry for entry in stage.get(kind, []) if not entry["path"].startswith(MEASURED)]
    branch = call("git", "rev-parse", "--abbrev-ref", "HEAD", cwd=project.root).stdout
    kept = call("git", "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/stash", cwd=project.root).stdout
    return State(found, lock, branch, kept + _exec(project))


def _exec(project: Project) -> str:
    return call("git", "for-each-ref", "refs/exps/exec", cwd=project.root).stdout


def differences(project: Project, expected: State) -> list[str]:
    """What is not as it was before the kill, apart from what is measured; empty when all is right."""
    now = state(project)
    wrong = [f"{path}: missing" for path in sorted(expected.files.keys() - now.files.keys())]
    wrong += [f"{path}: left over" for path in sorted(now.files.keys() - expected.files.keys())]
    wrong += [f"{path}: other bytes" for path in expected.files if path in now.files and now.files[path] != expected.files[path]]
    wrong += [f"dvc.lock: {stage}" for stage in {*expected.lock, *now.lock} if expected.lock.get(stage) != now.lock.get(stage)]
    wrong += [f"git: {now.branch.strip()} is checked out"] if now.branch != expected.branch else []
    wrong += [f"git: {now.kept}"] if now.kept != expected.kept else []
    return [*wrong, *_spoilt(project.root), *_left(project)]


def _spoilt(root: Path) -> Iterator[str]:
    """What of DVC's cache is not what it is named after, and what is half-written or half-copied there."""
    for path in (root / _CACHE).rglob("*"):
        if path.is_dir():
            if path.parent.parent == root / _CACHE / "runs" and not any(path.iterdir()):
                yield f"{path.relative_to(root)}: empty, which DVC takes for a run"
            continue
        name = path.relative_to(root)
        if name.suffix == ".tmp":
            yield f"{name}: left over"
        elif name.is_relative_to(_OBJECTS):
            digest = f"{path.parent.name}{path.name}".removesuffix(".dir")
            if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != digest:
                yield f"{name}: other bytes than its name says"
        elif "runs" in name.parts and not isinstance(yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader), dict):
            yield f"{name}: no record of a run"


def _left(project: Project) -> Iterator[str]:
    """What is left in /tmp and of processes."""
    for path in (project.folder / "tmp").iterdir():
        if path.name != "tflite-pipeline-benchmark.lock":
            yield f"/tmp/{path.name}: left over"
    for process in living(project):
        yield f"process {process.pid} still runs"
    if (project.root / ".git/index.lock").exists():
        yield ".git/index.lock: left over"


def living(project: Project) -> list[psutil.Process]:
    """The processes that work in a project."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(project.root):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def all_gone(project: Project, *, within_s: float) -> bool:
    """Whether no process works in a project any more, soon."""
    end = time.monotonic() + within_s
    while living(project) and time.monotonic() < end:
        time.sleep(0.05)
    return not living(project)


def forget(project: Project, stage: str) -> None:
    """Make DVC forget that it ever ran a stage: in dvc.lock, in its cache of runs, its outputs here and in the cache."""
    lock = project.root / paths.LOCK
    content = yaml.load(lock.read_bytes(), Loader=yaml.CSafeLoader)
    entry = content["stages"].pop(stage)
    for path in (project.root / _CACHE / "runs").glob("*/*/*"):
        if yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)["cmd"] == entry["cmd"]:
            path.unlink()
            # DVC refuses the stage where it remembers no run in a folder that there is.
            path.parent.rmdir()
    others = [out for other in content["stages"].values() for out in other.get("outs", [])]
    own = set(_objects(project.root, entry.get("outs", []))) - set(_objects(project.root, others))
    for path in own:
        path.chmod(0o644)
        path.unlink(missing_ok=True)
    for out in entry.get("outs", []):
        _remove(project.root / out["path"])
    text = lock.read_text(encoding="utf-8")
    # The text as DVC wrote it, without the stage.
    pieces = text.split(f"\n  {stage}:\n", 1)
    rest = pieces[1].split("\n")
    end = next((place for place, line in enumerate(rest) if line.startswith("  ") and line[2] not in " -"), len(rest) - 1)
    lock.write_text("\n".join([pieces[0], *rest[end:]]), encoding="utf-8")


def _objects(root: Path, outs: Iterable[Mapping[str, Any]]) -> Iterator[Path]:
    for out in outs:
        path = root / _OBJECTS / out["md5"][:2] / out["md5"][2:]
        if path.exists():
            yield path
            if path.suffix == ".dir":
                yield from _objects(root, json.loads(path.read_bytes()))


def _remove(path: Path) -> None:
    if path.is_dir():
        for entry in path.iterdir():
            _remove(entry)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)

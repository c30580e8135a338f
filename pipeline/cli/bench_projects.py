"""What the bench measures in: copies of this repository, DVC's graph with empty stages, and MobileNetV2; and how it measures."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline import files, paths
from pipeline.errors import UserError

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "bench"
LOCK = Path("dvc.lock")
# Outputs as they were, a folder for each stage, for graphs whose stages only put them back.
_KEPT = Path(".cache/outs")

# Composed with these, a clone that `add_mobilenetv2` has prepared runs on it.
MOBILENETV2 = ("model=mobilenetv2", "data=mobilenetv2", "gate.enabled=false")
# 100 to calibrate, 200 to evaluate, and the few without which `sample` has no tuning set.
SETS = {"calibration": 100, "tuning": 10, "evaluation": 200}
# From uint8 to -1..1, as MobileNetV2 wants it.
SCALE, OFFSET = 1 / 127.5, -1.0


def clone(target: Path) -> Path:
    """The files of the working tree that git tracks or would track as a new repository, without what a run has left in git."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and name not in (LOCK.as_posix(), paths.METRICS.as_posix()):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    commit(target)
    return target


def commit(target: Path) -> None:
    """A repository with one commit of all files in `target`."""
    _git("init", "-q", "-b", "main", cwd=target)
    _git("add", "-A", cwd=target)
    _git("-c", "user.name=bench", "-c", "user.email=bench@example.invalid", "commit", "-qm", "copy", cwd=target)


def _git(*arguments: str, cwd: Path) -> str:
    return run("git", *arguments, cwd=cwd)


def run(*command: str, cwd: Path) -> str:
    """Run a command in a project, with this Python first on the path. Returns what it printed.

    Raises:
        UserError: when it fails, with the end of what it said.
    """
    done = subprocess.run(command, cwd=cwd, env=_environment(cwd), check=False, text=True, capture_output=True)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise UserError(f"bench: {' '.join(command)} ended with {done.returncode} in {cwd}:\n{said}".replace("\n", "\n  "))
    return done.stdout


def seconds(*command: str, cwd: Path) -> float:
    """Wall time of `run`."""
    begun = time.perf_counter()
    run(*command, cwd=cwd)
    return time.perf_counter() - begun


def peak_megabytes(*command: str, cwd: Path) -> dict[str, float]:
    """The most memory that a command held, or a process that it started: stages wait for one which runs the file.

    Linux only: /proc is read while it runs, as the maximum that `wait4` reports begins with the memory of the parent.

    Returns:
        `resident` with and `anonymous` without pages of mapped files, which the system takes back when it must; in 10^6 bytes.

    Raises:
        UserError: when the command fails.
    """
    peak = {"VmHWM": 0, "RssAnon": 0}
    with subprocess.Popen(command, cwd=cwd, env=_environment(cwd), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for pid in (process.pid, *children(process.pid)):
                for line in _status(pid):
                    name, _, value = line.partition(":")
                    if name in peak:
                        peak[name] = max(peak[name], int(value.split()[0]))
            time.sleep(0.002)
    if process.returncode != 0:
        raise UserError(f"bench: {' '.join(command)} ended with {process.returncode} in {cwd}")
    return {"resident": peak["VmHWM"] * 1024 / 1e6, "anonymous": peak["RssAnon"] * 1024 / 1e6}


def children(process: int) -> list[int]:
    """The processes that a process has started (Linux)."""
    return [int(child) for line in _lines(f"/proc/{process}/task/{process}/children") for child in line.split()]


def _status(process: int) -> list[str]:
    return _lines(f"/proc/{process}/status")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):  # it has ended between the two calls
        return []


def _environment(cwd: Path) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "GIT_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}"
    # DVC's record of what it has hashed goes beside the project, and is gone with it.
    return {**inherited, "PATH": path, "PYTHONPATH": str(cwd), "DVC_SITE_CACHE_DIR": str(cwd.parent / f"{cwd.name}-site")}


def stages_run(output: str) -> set[str]:
    """The stages that DVC really ran, not those it skipped or restored, from what it printed."""
    marker = "Running stage '"
    return {line.split(marker)[1].split("'")[0] for line in output.splitlines() if line.startswith(marker)}


def synchronize(source: Path, target: Path) -> None:
    """Make a folder hold what another holds.

    A file of the same length and time is left alone, so that DVC, which goes by inode and time, knows it still. Compiled Python
    stays, too: it belongs to the sources, not to a run.
    """
    wanted = {path.relative_to(source) for path in source.rglob("*")}
    for path in sorted(target.rglob("*"), reverse=True):  # what is in a folder before the folder
        if path.relative_to(target) not in wanted and "__pycache__" not in path.parts:
            if path.is_symlink() or not path.is_dir():
                path.unlink()
            elif not any(path.iterdir()):
                path.rmdir()
    target.mkdir(parents=True, exist_ok=True)
    for name in sorted(wanted):
        old, new = source / name, target / name
        if old.is_dir():
            new.mkdir(exist_ok=True)
        elif not new.exists() or _identity(old) != _identity(new):
            new.unlink(missing_ok=True)
            shutil.copy2(old, new)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def lock(project: Path) -> dict[str, dict[str, Any]]:
    """The stages of the graph as dvc.lock has them, in the order of dvc.yaml; those of a foreach as `NAME@KEY`."""
    known = yaml.safe_load((project / LOCK).read_text(encoding="utf-8"))["stages"]
    return {name: known[name] for name in run("dvc", "stage", "list", "--name-only", cwd=project).split()}


def empty_graph(project: Path, target: Path) -> Path:
    """DVC's graph of a finished project with the same stages and edges, and nothing in them.

    The outputs are tiny files of the same names, commands only put them there, and the only deps are what another stage makes: no
    code, no data of the user's, no params. A stage that has no other dep gets a file, as DVC would run it each time.

    Args:
        project: after `dvc repro`.
        target: does not exist yet; a repository of its own.
    """
    stages = lock(project)
    outs = {name: [entry["path"] for entry in stage.get("outs", [])] for name, stage in stages.items()}
    made = [Path(path) for found in outs.values() for path in found]
    deps = {
        name: [entry["path"] for entry in stage.get("deps", []) if _of(Path(entry["path"]), made)] for name, stage in stages.items()
    }
    read = {Path(path) for found in deps.values() for path in found}
    for name, found in outs.items():
        (target / _KEPT / name).mkdir(parents=True)
        for path in map(Path, found):
            # A folder where a stage reads a file inside it.
            inside = [other for other in read if path in other.parents] or [path]
            for file in inside:
                files.write_text(target / _KEPT / name / file, f"{file.as_posix()}\n")
    files.write_text(target / "input", "the user's data\n")
    files.write_text(target / paths.DVC, yaml.safe_dump({"stages": _written(deps, outs)}, sort_keys=False))
    shutil.copytree(project / ".dvc", target / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    shutil.copy2(project / ".dvcignore", target / ".dvcignore")
    settings = (target / ".dvc" / "config").read_text(encoding="utf-8").splitlines()
    end = settings.index("[hydra]") if "[hydra]" in settings else len(settings)
    files.write_text(target / ".dvc" / "config", "\n".join([*settings[:end], ""]))
    files.write_text(target / ".gitignore", "\n".join([".cache/", *sorted(f"/{path.as_posix()}" for path in made), ""]))
    commit(target)
    run("dvc", "repro", cwd=target)
    return target


def _of(path: Path, made: Sequence[Path]) -> bool:
    """Whether a dep is an output, lies in one, or holds some."""
    return any(path == other or path in other.parents or other in path.parents for other in made)


def _written(deps: Mapping[str, Sequence[str]], outs: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The stages of a dvc.yaml. Those named `NAME@KEY` become one foreach, whose items hold the paths."""
    stages: dict[str, Any] = {}
    for name in deps:
        stem, _, key = name.partition("@")
        body = {"cmd": _putting_back(name), "deps": list(deps[name]) or ["input"], "outs": list(outs[name])}
        if not key:
            stages[stem] = {part: value for part, value in body.items() if value}
            continue
        item = {f"{part}{i}": path for part in ("deps", "outs") for i, path in enumerate(body[part])}
        each = stages.setdefault(stem, {"foreach": {}, "do": {"cmd": _putting_back(f"{stem}@${{key}}")}})
        each["foreach"][key] = item
        each["do"] |= {part: [f"${{item.{part}{i}}}" for i in range(len(body[part]))] for part in ("deps", "outs") if body[part]}
    return stages


def _putting_back(stage: str) -> str:
    return f"cp -R {(_KEPT / stage).as_posix()}/. ."


def restoring_graph(project: Path) -> None:
    """Replace the commands in dvc.yaml of a finished project by ones that put the outputs back; deps, params and outs stay."""
    for name, stage in lock(project).items():
        (project / _KEPT / name).mkdir(parents=True)
        for out in (Path(entry["path"]) for entry in stage.get("outs", [])):
            kept = project / _KEPT / name / out
            kept.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (project / out).is_dir() else shutil.copy2)(project / out, kept)
    content = yaml.safe_load((project / paths.DVC).read_text(encoding="utf-8"))
    for name, stage in content["stages"].items():
        stage.get("do", stage)["cmd"] = _putting_back(f"{name}@${{key}}" if "foreach" in stage else name)
    files.write_text(project / paths.DVC, yaml.safe_dump(content, sort_keys=False))


def mobilenetv2() -> Path:
    """The folder of MobileNetV2 as `network.keras` and of its `data.npz`, made once for the installed versions.

    Random weights, activations of unit size as in a trained network. The images are smooth, and their labels what the network
    itself says of them: it is a benchmark of time.
    """
    known = yaml.safe_load((ROOT / paths.PARAMS).read_text(encoding="utf-8"))["versions"]
    versions = "-".join(known[library] for library in ("tensorflow", "keras", "numpy"))
    folder = CACHE / f"mobilenetv2-{versions}"
    if folder.exists():
        return folder
    import keras

    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2(weights=None, input_tensor=keras.Input((224, 224, 3), name="image"))
    normalizations = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in normalizations:
        layer.momentum = 0.0  # the statistics of one batch, then
    network({"image": np.random.default_rng(0).normal(size=(8, 224, 224, 3)).astype(np.float32)}, training=True)
    images = smooth_images(2 * sum(SETS.values()), side=224, seed=1)
    labels = network.predict(images.astype(np.float32) / np.float32(127.5) - 1, verbose=0).argmax(1)
    # Each set wants samples of each class.
    common = np.flatnonzero(np.bincount(labels, minlength=1000)[labels] >= 10)[: sum(SETS.values())]
    with files.replacing(folder) as temporary:
        temporary.mkdir()
        network.save(temporary / "network.keras")
        np.savez(temporary / "data.npz", images=images[common], labels=labels[common].astype(np.int64))
    return folder


def smooth_images(count: int, *, side: int, seed: int) -> np.ndarray:
    """uint8 [count, side, side, 3]: 4 by 4 random colours, blended linearly between their places."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3)).astype(np.float32)
    place = np.linspace(0, 3, side)
    weights = np.clip(1 - np.abs(place[:, None] - np.arange(4)), 0, 1).astype(np.float32)
    rows = np.einsum("sa,nabc->nsbc", weights, coarse)
    return np.round(np.einsum("tb,nsbc->nstc", weights, rows)).astype(np.uint8)


def add_mobilenetv2(project: Path) -> None:
    """Put MobileNetV2, its data and their configuration into a clone."""
    made = mobilenetv2()
    shutil.copy2(made / "network.keras", project / "models" / "mobilenetv2.keras")
    shutil.copy2(made / "data.npz", project / "data" / "mobilenetv2.npz")
    write_conf(project, name="mobilenetv2", sets=SETS)


def write_conf(project: Path, *, name: str, sets: Mapping[str, int]) -> None:
    """conf/model and conf/data of a network `name` with an input `image`, and of uint8 images in an .npz of that name."""
    model = {"defaults": ["_base"], "name": name, "path": f"models/{name}.keras"}
    data = {
        "defaults": ["_base"],
        "name": name,
        "path": f"data/{name}.npz",
        "reader": {"name": "npz", "options": {"inputs": {"image": "images"}, "labels": "labels"}},
        "preprocess": [{"name": "rescale", "options": {"scale": SCALE, "offset": OFFSET}}],
        "duplicates": "drop",
        "splits": {part: {"take": count} for part, count in sets.items()},
    }
    for group, content in (("model", model), ("data", data)):
        files.write_text(project / paths.CONF / group / f"{name}.yaml", yaml.safe_dump(content, sort_keys=False))

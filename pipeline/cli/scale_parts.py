"""The parts that a long sweep and a large evaluation set are made of, measured on one finished project."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline import files, paths
from pipeline.cli import bench_projects as projects
from pipeline.evaluation import paired_comparison, tasks
from pipeline.evaluation.metric_type import Undefined
from pipeline.evaluation.registry import METRICS
from pipeline.runtime import interpreter

# What a point of a sweep over calibration and quantization runs.
POINT_STAGES = ("calibrate", "quantize", "predict", "verify", "benchmark", "evaluate", "select")
OF_VARIANTS = ("quantize", "predict", "verify", "benchmark")
VARIANT = "int8"
# A point of its own, which no sweep of the project has.
_POINT = "calibrate.samples=61"
_RESAMPLES = 100


class Parts(NamedTuple):
    """Seconds and bytes.

    Attributes:
        stages: seconds of each stage of a point, started without DVC.
        dvc_stage: DVC's own seconds for a stage of this graph.
        point: seconds of one point, `dvc exp run --temp` from start to end.
        point_bytes: that DVC's cache grows by for it.
        push, pull: seconds for the experiment and its outputs, to and from a remote that is a folder.
        samples: a second, of LiteRT by variant and of the original network.
        input_bytes, output_bytes, evidence_bytes: of a sample: on disk; on disk for each network; in memory of `evaluate` for each.
        compare: seconds a sample of comparing one variant by decisions.
        resample: seconds a sample and resample of the bootstrap, of one variant.
        cores, memory, disk: of this machine: cores, bytes of memory, bytes free.
    """

    stages: dict[str, float]
    dvc_stage: float
    point: float
    point_bytes: float
    push: float
    pull: float
    samples: dict[str, float]
    input_bytes: float
    output_bytes: float
    evidence_bytes: float
    compare: float
    resample: float
    cores: int
    memory: float
    disk: float


def measure(project: Path, folder: Path) -> Parts:
    """Measure all parts; takes some minutes.

    Args:
        project: after `dvc repro`; an experiment is added to it.
        folder: an empty one for everything else.
    """
    per_stage = {stage: _seconds_of_stage(stage, project) for stage in POINT_STAGES}
    empty = projects.empty_graph(project, folder / "empty")
    dvc_stage = projects.seconds("dvc", "repro", "--force", cwd=empty) / len(projects.lock(project))
    point = _point(project, folder)
    return Parts(
        stages=per_stage, dvc_stage=dvc_stage, **point, **_samples(project, folder), **_judgement(project), **_machine(folder)
    )


def _seconds_of_stage(stage: str, project: Path) -> float:
    return projects.seconds("python", "-m", f"pipeline.{stage}", *([VARIANT] if stage in OF_VARIANTS else []), cwd=project)


def _point(project: Path, folder: Path) -> dict[str, Any]:
    projects.run("dvc", "repro", cwd=project)  # what running stages by hand has changed, such as latencies
    git, remote, second = folder / "git", folder / "remote", folder / "second"
    projects.run("git", "clone", "--quiet", "--bare", str(project), str(git), cwd=folder)
    projects.run("git", "remote", "add", "scale", str(git), cwd=project)
    projects.run("dvc", "remote", "add", "--local", "--default", "scale", str(remote), cwd=project)
    projects.run("dvc", "push", "--quiet", cwd=project)
    before = _bytes(project / ".dvc/cache")
    seconds = projects.seconds("dvc", "exp", "run", "--temp", "--name", "scale-point", "-S", _POINT, cwd=project)
    grown = _bytes(project / ".dvc/cache") - before
    push = projects.seconds("dvc", "exp", "push", "scale", "scale-point", cwd=project)
    projects.run("git", "clone", "--quiet", str(git), str(second), cwd=folder)
    projects.run("dvc", "remote", "add", "--local", "--default", "scale", str(remote), cwd=second)
    pull = projects.seconds("dvc", "exp", "pull", "origin", "scale-point", cwd=second)
    return {"point": seconds, "point_bytes": grown, "push": push, "pull": pull}


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _samples(project: Path, folder: Path, *, least_s: float = 1.0) -> dict[str, Any]:
    """How many samples a second, of the evaluation set as often as it takes to measure it."""
    inputs = {name: np.asarray(array) for name, array in files.read_samples(project / paths.EVALUATION).items()}
    count = len(next(iter(inputs.values())))
    outputs = files.read_arrays(project / paths.OUTPUTS / VARIANT)

    def predict(variant: str) -> Callable[[dict[str, np.ndarray]], object]:
        model = files.read_bytes(project / paths.variant_model(variant))
        store = files.stored(folder)
        return lambda samples: interpreter.predict(model, samples, workers=os.cpu_count() or 1, store=store)

    from pipeline.source import reference_run  # TensorFlow

    def reference(samples: dict[str, np.ndarray]) -> object:
        rows = reference_run.run_saved_model(project / paths.SOURCE, samples, batch=1, workers=os.cpu_count() or 1)
        return sum(1 for _ in rows)

    ran = {"float32": predict("float32"), VARIANT: predict(VARIANT), "original": reference}
    return {
        "samples": {name: _rate(run, inputs, count, least_s) for name, run in ran.items()},
        "input_bytes": sum(array.nbytes for array in inputs.values()) / count,
        "output_bytes": sum(array.nbytes for array in outputs.values()) / count,
    }


def _rate(run: Callable[[dict[str, np.ndarray]], object], inputs: dict[str, np.ndarray], count: int, least_s: float) -> float:
    times = 1
    while True:
        samples = {name: np.concatenate([array] * times) for name, array in inputs.items()}
        begun = time.perf_counter()
        run(samples)
        taken = time.perf_counter() - begun
        if taken >= least_s:
            return count * times / taken
        times *= 4


def _judgement(project: Path) -> dict[str, Any]:
    """What `evaluate` takes for a sample: by decisions (accuracy) and by the bootstrap (log loss), on repeated samples."""
    labels = files.read_targets(project / paths.EVALUATION)
    found = [files.read_arrays(folder) for folder in (project / paths.REFERENCE, project / paths.OUTPUTS / VARIANT)]
    head: dict[str, Any] = {"options": {"logits": False}, "output": None, "target": None}

    def evidence(times: int) -> list[tasks.Evidence]:
        many = {name: np.concatenate([array] * times) for name, array in labels.items()}
        made = []
        for outputs in found:
            tiled = {name: np.concatenate([array] * times) for name, array in outputs.items()}
            one = tasks.evidence("classification", many, tiled, {}, **head)
            assert not isinstance(one, Undefined)
            made.append(one)
        return made

    def compare(metric: str, options: dict[str, Any], times: int) -> tuple[float, int]:
        before, after = evidence(times)
        begun = time.perf_counter()
        paired_comparison.compare(METRICS[metric], options, before, {VARIANT: after}, level=0.95, resamples=_RESAMPLES, seed=0)
        return time.perf_counter() - begun, len(before[0])

    compare("accuracy", {}, 1)  # imports
    one_by_decisions, n = compare("accuracy", {}, 200)
    by_bootstrap, m = compare("log_loss", {"floor": 1e-6}, 20)
    (target, scores), _ = evidence(1)
    return {
        "evidence_bytes": (target.nbytes + scores.nbytes) / len(target),
        "compare": one_by_decisions / n,
        "resample": by_bootstrap / m / _RESAMPLES,
    }


def _machine(folder: Path) -> dict[str, Any]:
    import psutil

    return {"cores": os.cpu_count() or 1, "memory": psutil.virtual_memory().total, "disk": shutil.disk_usage(folder).free}

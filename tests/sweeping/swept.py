"""A sweep of the shipped example, and what came of it."""

import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.sweeping import workspace
from tests.helpers import call

_OPTIONS = ("quantization=[float32,int8]", "variants.int8.algorithm=min_max,mse,octav")
GRID = [(_OPTIONS[0], f"variants.int8.algorithm={algorithm}") for algorithm in ("min_max", "mse", "octav")]
SWEEP = ("python", "-m", "pipeline.cli.sweep", *(part for option in _OPTIONS for part in ("-S", option)))

# What a sweep says at its end: points done and failed, stages that ran and how many of them are distinct pieces of work.
SUMMARY = re.compile(r"(\d+) points done, (\d+) failed; (\d+) stages ran, (\d+) distinct pieces of work")


def names(project: Path) -> list[str]:
    """The names that the points of this grid have."""
    base = workspace.base(project)
    return [base.name("sweep", point) for point in GRID]


def refs(project: Path) -> dict[str, str]:
    """All experiments by name, as git has them."""
    found = call("git", "for-each-ref", "--format=%(refname)", "refs/exps", cwd=project).stdout.split()
    # refs/exps/exec and refs/exps/apply are DVC's own notes.
    return {ref.rsplit("/", 1)[1]: ref for ref in found if len(ref.split("/")) == 5}


def made(project: Path, name: str, path: str) -> str:
    """A file of an experiment."""
    return call("git", "show", f"{refs(project)[name]}:{path}", cwd=project).stdout


def figures(project: Path, name: str) -> dict[str, Any]:
    """The metrics of an experiment."""
    return dict(yaml.safe_load(made(project, name, "reports/metrics.json")))


def swept_lock(text: str) -> dict[str, Any]:
    """What a dvc.lock says of the stages of a point, without what a clock has a part in."""
    stages = {}
    for name, stage in yaml.safe_load(text)["stages"].items():
        if name in ("report", "gate") or name.endswith(("@float16", "@dynamic_int8", "@int16x8")):
            continue
        stages[name] = {
            **stage,
            "deps": [dep for dep in stage.get("deps", ()) if "benchmark" not in dep["path"]],
            "outs": [out for out in stage.get("outs", ()) if "benchmark" not in out["path"] and "latency" not in out["path"]],
        }
    return stages

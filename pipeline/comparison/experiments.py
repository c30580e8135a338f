"""What git knows of DVC's experiments: parameters and figures of each, whatever their number, with three processes of git.

`dvc exp show` reads the same, and takes seconds for each experiment with a pipeline of this size.
"""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pipeline import paths
from pipeline.comparison import parameters, yaml_blocks
from pipeline.errors import UserError
from pipeline.selection.metrics_report import Metrics

# DVC keeps an experiment at refs/exps/BASELINE/NAME, with the baseline's hash parted as 2 and 38 digits, and other things beside.
_REF = re.compile(r"(?P<commit>[0-9a-f]+) refs/exps/(?P<first>[0-9a-f]{2})/(?P<rest>[0-9a-f]{38,})/(?P<name>[^/]+)")
# What its queue says of experiments that failed, in the log of this reference.
_FAILED_REF = "refs/exps/celery/failed"
_FAILED = re.compile(r"(?:commit: )?dvc-exp:[0-9a-f]+:(?P<baseline>[0-9a-f]+):(?P<name>[^:]+)")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An experiment's name, its commit, and the commit that it is based on."""

    name: str
    commit: str
    baseline: str


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What one experiment was made with, and what came of it.

    Attributes:
        reference: where it is.
        params: its parameters by dotted name (`parameters.flat`).
        primary_metric: the metric that decides.
        confidence: of intervals.
        metrics: reports/metrics.json.
        latency_md5: of reports/latency.json in DVC's cache; None when DVC did not record it.
    """

    reference: Reference
    params: dict[str, Any]
    primary_metric: str
    confidence: float
    metrics: Metrics
    latency_md5: str | None


def references(root: Path) -> tuple[str, list[Reference], list[Reference]]:
    """The commit that is checked out, all experiments, and those that DVC's queue says failed (their `commit` is empty).

    Raises:
        UserError: when there is no git repository or no commit.
    """
    head = _git(root, "rev-parse", "--verify", "HEAD").strip()
    lines = _git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").splitlines()
    found = [
        Reference(name=match["name"], commit=match["commit"], baseline=match["first"] + match["rest"])
        for line in lines
        if (match := _REF.fullmatch(line))
    ]
    failed: list[Reference] = []
    if any(line.endswith(f" {_FAILED_REF}") for line in lines):
        log = _git(root, "reflog", "show", "--format=%gs", _FAILED_REF).splitlines()
        there = {(reference.baseline, reference.name) for reference in found}
        tried = dict.fromkeys((match["baseline"], match["name"]) for line in log if (match := _FAILED.match(line)))
        failed = [Reference(name=name, commit="", baseline=base) for base, name in tried if (base, name) not in there]
    return head, found, failed


def read(root: Path, wanted: Sequence[Reference]) -> tuple[list[Experiment], dict[str, str]]:
    """The experiments, and for each that has no figures or does not fit together: why not, by name."""
    read: list[Experiment] = []
    unread: dict[str, str] = {}
    names = (paths.PARAMS, paths.METRICS, paths.LOCK)
    prefix = _git(root, "rev-parse", "--show-prefix").strip()
    blobs = _blobs(root, [f"{reference.commit}:{prefix}{name.as_posix()}" for reference in wanted for name in names])
    for place, reference in enumerate(wanted):
        try:
            read.append(_experiment(reference, *blobs[len(names) * place : len(names) * (place + 1)]))
        except ValueError as error:
            unread[reference.name] = str(error)
    return read, unread


def committed(root: Path, commit: str) -> dict[str, Any]:
    """The parameters of a commit by dotted name; none when it has none that can be read."""
    (content,) = _blobs(root, [f"{commit}:{_git(root, 'rev-parse', '--show-prefix').strip()}{paths.PARAMS.as_posix()}"])
    try:
        return parameters.flat(_of(paths.PARAMS, content, yaml_blocks.mapping))
    except ValueError:
        return {}


def _experiment(reference: Reference, params: bytes | None, metrics: bytes | None, lock: bytes | None) -> Experiment:
    """From the contents of the three files.

    Raises:
        ValueError: when one is missing or not what it should be, or is of another run than the others.
    """
    content = _of(paths.PARAMS, params, yaml_blocks.mapping)
    known = _of(paths.METRICS, metrics, lambda text: msgspec.json.decode(text, type=Metrics))
    names = [*content.get("variants", {})]
    stages = _of(paths.LOCK, lock, lambda text: yaml_blocks.locked(text, ["select", *(f"quantize@{name}" for name in names)]))
    if "select" not in stages:
        raise ValueError("it did not get as far as `select`, which gathers the figures")
    outs = {out["path"]: out for out in stages["select"].get("outs", [])}
    # Figures of another run: parameters were edited and saved, and nothing ran.
    other = sorted({part for stage in stages.values() for part in _changed(stage, content)})
    if other or {*known.variants} != {*names}:
        raise ValueError(
            f"its figures are those of other parameters ({', '.join(other[:3]) or 'other variants'}); `dvc repro` was not run"
        )
    if outs.get(paths.METRICS.as_posix(), {}).get("md5") != hashlib.md5(metrics or b"", usedforsecurity=False).hexdigest():
        raise ValueError(f"{paths.METRICS} is not the one that {paths.LOCK} names")
    latency = outs.get(paths.LATENCY.as_posix(), {})
    try:
        metric, confidence = str(content["task"]["primary_metric"]), float(content["task"]["confidence"])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{paths.PARAMS}: no task.primary_metric or task.confidence") from None
    return Experiment(
        reference=reference,
        params=parameters.flat(content),
        primary_metric=metric,
        confidence=confidence,
        metrics=known,
        latency_md5=latency.get("md5") if latency.get("hash") == "md5" else None,
    )


def _of(path: Path, content: bytes | None, read: Callable[[str], Any]) -> Any:
    if content is None:
        raise ValueError(f"no {path} in its commit")
    try:
        return read(content.decode())
    except (ValueError, msgspec.DecodeError) as error:
        raise ValueError(f"{path}: {error}") from None


def _changed(stage: dict[str, Any], params: dict[str, Any]) -> list[str]:
    """The parameters that a stage ran with and that are others now."""
    recorded: dict[str, Any] = stage.get("params", {}).get(paths.PARAMS.as_posix(), {})
    return [name for name, value in recorded.items() if _at(params, name) != value]


def _at(params: dict[str, Any], name: str) -> Any:
    node: Any = params
    for part in name.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def latency(cache: Path, md5: str | None) -> dict[str, float] | None:
    """Median latency in milliseconds by variant, from DVC's cache; None when it is not there."""
    if md5 is None:
        return None
    try:
        content = json.loads((cache / "files" / "md5" / md5[:2] / md5[2:]).read_bytes())
        return {name: float(row["latency_median_ms"]) for name, row in content["variants"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _blobs(root: Path, names: Sequence[str]) -> list[bytes | None]:
    """Contents of `COMMIT:PATH`, None where there is no such file, by one process."""
    done = subprocess.run(
        ["git", "cat-file", "--batch"],
        cwd=root,
        input="".join(f"{name}\n" for name in names).encode(),
        capture_output=True,
        check=False,
    )
    found: list[bytes | None] = []
    at = 0
    for _ in names:
        end = done.stdout.index(b"\n", at)
        head, at = done.stdout[at:end].rsplit(b" ", 2), end + 1
        if head[-1] == b"missing" or len(head) != 3 or not head[-1].isdigit():
            found.append(None)
            continue
        found.append(done.stdout[at : at + int(head[-1])])
        at += int(head[-1]) + 1
    return found


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(
            f"git {arguments[0]}: {done.stderr.strip() or 'failed'}; run it in a clone of this repository that has a commit"
        )
    return done.stdout

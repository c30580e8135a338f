"""Experiments as DVC leaves them in git, without running anything: many of them in a moment, by `git fast-import`."""

import copy
import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

LATENCY = "reports/latency.json"
METRICS = "reports/metrics.json"


@dataclass(frozen=True, kw_only=True)
class Made:
    """What one experiment holds: parameters by dotted name that are others than HEAD's, and the figures of its variants.

    `stale`: its figures were made with HEAD's parameters. `cached`: its latencies are in DVC's cache. `without`: files that its
    commit lacks. `instead`: files with this content.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]]
    latency: Mapping[str, float] = field(default_factory=dict)
    selected: str | None = None
    stale: bool = False
    cached: bool = True
    without: Sequence[str] = ()
    instead: Mapping[str, str] = field(default_factory=dict)


def figures(**changed: Any) -> dict[str, Any]:
    """The row of a variant as `select` writes it."""
    row = {"accuracy": 0.98, "baseline": 0.982, "bytes": 1000, "drop": 0.002, "drop_low": -0.004, "drop_high": 0.009}
    return {**row, "n": 450, "sqnr_db": 40.0, "verified": True, "agreement": 0.99, "max_abs_error": 0.1, **changed}


def add(project: Path, made: Sequence[Made]) -> dict[str, str]:
    """The commit of each experiment by its name, based on HEAD."""
    head = _git(project, "rev-parse", "HEAD").decode().strip()
    params, lock = (yaml.load(_git(project, "show", f"HEAD:{name}"), yaml.CSafeLoader) for name in ("params.yaml", "dvc.lock"))
    stream = bytearray()
    for number, one in enumerate(made, start=1):
        stream += f"commit refs/exps/{head[:2]}/{head[2:]}/{one.name}\nmark :{number}\n".encode()
        stream += b"committer t <t@example.invalid> 0 +0000\ndata 0\n" + f"from {head}\n".encode()
        for name, content in {**_files(project, one, params, lock), **one.instead}.items():
            if name in one.without:
                stream += f"D {name}\n".encode()
            else:
                data = content.encode()
                stream += f"M 100644 inline {name}\ndata {len(data)}\n".encode() + data + b"\n"
    marks = project / ".git" / "marks"
    subprocess.run(["git", "fast-import", "--quiet", f"--export-marks={marks}"], cwd=project, input=bytes(stream), check=True)
    commits = dict(line.split() for line in marks.read_text().splitlines())
    return {one.name: commits[f":{number}"] for number, one in enumerate(made, start=1)}


def _files(project: Path, one: Made, params: dict[str, Any], lock: dict[str, Any]) -> dict[str, str]:
    mine = copy.deepcopy(params)
    mine["variants"] = {name: {**mine["variants"].get(name, mine["variants"]["int8"])} for name in one.variants}
    mine["variant_names"] = list(one.variants)
    ran = copy.deepcopy(mine)
    for path, value in one.params.items():
        for into in (mine,) if one.stale else (mine, ran):
            node = into
            for part in path.split(".")[:-1]:
                node = node.setdefault(part, {})
            node[path.split(".")[-1]] = value
    flat = {} if one.selected is None else one.variants[one.selected]
    metrics = json.dumps({**flat, "selected": one.selected, "conversion_verified": True, "variants": one.variants}, indent=2)
    latency = json.dumps({"variants": {name: {"latency_median_ms": value} for name, value in one.latency.items()}})
    md5 = {METRICS: _md5(metrics), LATENCY: _md5(latency)}
    if one.cached:
        cached = project / ".dvc" / "cache" / "files" / "md5" / md5[LATENCY][:2] / md5[LATENCY][2:]
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_text(latency)
    select = lock["stages"]["select"]
    stages: dict[str, Any] = {
        "select": {
            "cmd": select["cmd"],
            "deps": [{"path": "models", "hash": "md5", "md5": "0" * 32, "size": 1}],
            "params": {"params.yaml": {name: _at(ran, name) for name in select["params"]["params.yaml"]}},
            "outs": [{"path": name, "hash": "md5", "md5": value, "size": 1} for name, value in md5.items()],
        },
        **{
            f"quantize@{name}": {"cmd": "q", "params": {"params.yaml": {f"variants.{name}": ran["variants"][name]}}}
            for name in one.variants
        },
    }
    dumped = {
        name: yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False)
        for name, content in (("params.yaml", mine), ("dvc.lock", {"schema": "2.0", "stages": stages}))
    }
    return {**dumped, METRICS: metrics}


def _at(content: Any, name: str) -> Any:
    for part in name.split("."):
        content = content[part]
    return content


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _git(project: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=project, check=True, capture_output=True).stdout

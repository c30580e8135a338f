"""Stages run inside the test's own process, in a project folder of their own: TensorFlow is imported once for all of them."""

import copy
import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline import config, errors
from pipeline.runtime import apart
from pipeline.system import watch

ROOT = Path(__file__).parents[1]

MODEL: dict[str, Any] = {
    "name": "network",
    "format": "auto",
    "signature": None,
    "inputs": {},
    "input_dtypes": {},
    "trust_code": False,
}
DATA: dict[str, Any] = {
    "name": "data",
    "preprocess": [],
    "classes": None,
    "duplicates": "error",
    "limit": None,
    "splits": {
        "training": [],
        "calibration": {"source": None, "take": 0.5},
        "tuning": {"source": None, "take": 0.2},
        "evaluation": {"source": None, "take": "rest"},
    },
}


def configure(
    folder: Path,
    *,
    model: dict[str, Any],
    data: dict[str, Any],
    variants: Iterable[str] = ("float32", "int8"),
    convert: dict[str, Any] | None = None,
    samples: int = 15,
) -> None:
    """Write params.yaml: the committed one with another model, other data, and fewer variants."""
    content = copy.deepcopy(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))
    content["convert"] |= convert or {}
    content["model"] = {**MODEL, "batch": content["convert"]["batch"], **model}
    content["data"] = {**DATA, **data}
    content["calibrate"]["samples"] = samples
    content["variants"] = {name: content["variants"][name] for name in variants}
    content["variant_names"] = list(variants)
    config.validate(content, source="test")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


@contextmanager
def one_process() -> Iterator[None]:
    """What stages run in a process of its own is run in this one, which has TensorFlow imported: a copy of it might hang."""
    before, watches = apart.run, watch.run
    apart.run = lambda function, *arguments, library, remedy: function(*arguments)
    watch.run = lambda main, *, refused=1: errors.run(main)
    try:
        yield
    finally:
        apart.run, watch.run = before, watches


def stage(folder: Path, name: str, *arguments: str) -> None:
    """Run `python -m pipeline.NAME ARGUMENTS` in the folder; a UserError stays one."""
    before, argv = Path.cwd(), sys.argv
    os.chdir(folder)
    sys.argv = [f"pipeline.{name}", *arguments]
    try:
        with one_process():
            importlib.import_module(f"pipeline.{name}").main()
    finally:
        os.chdir(before)
        sys.argv = argv


def until_verified(folder: Path, *, variants: Iterable[str] = ("float32", "int8")) -> None:
    """Run load to verify, for each variant."""
    for name in ("load", "sample", "convert", "reference", "calibrate"):
        stage(folder, name)
    for variant in variants:
        for name in ("quantize", "predict", "verify"):
            stage(folder, name, variant)


def save_arrays(path: Path, **arrays: np.ndarray) -> dict[str, Any]:
    """Write an .npz of inputs by name, `labels` and `split`, and return the configuration that reads it."""
    np.savez(path, allow_pickle=False, **arrays)
    options: dict[str, Any] = {"inputs": {name: name for name in arrays if name not in ("labels", "split")}}
    options |= {name: name for name in ("labels", "split") if name in arrays}
    return {"path": str(path), "reader": {"name": "npz", "options": options}}


def leftovers(folder: Path) -> list[str]:
    """Temporary and half-written files of the pipeline below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.tmp"))

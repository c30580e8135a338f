"""What reads the files: the commands of users, each with what must be true of what it wrote when it says that all is well."""

import runpy
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import yaml

from pipeline import config, files, paths, sample
from pipeline.dataset.split_record import Split
from pipeline.source.source_record import Source

_PAIR = ("--model", "model.keras", "--tflite", "file.tflite")


class Command(NamedTuple):
    """`run` as a process would, in the project's folder; `insane` tells what cannot be of its outputs when it ended well."""

    run: Callable[[], None]
    insane: Callable[[], Iterator[str]]


def _as_typed(module: str, *arguments: str) -> Callable[[], None]:
    """`python -m MODULE ARGUMENTS` in this process."""

    def typed() -> None:
        sys.argv = [module, *arguments]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* found in sys.modules after import of package", RuntimeWarning)
            runpy.run_module(module, run_name="__main__", alter_sys=False)

    return typed


def _loaded() -> Iterator[str]:
    source = files.read_record(paths.SOURCE_FACTS, Source)
    weights = files.read_variables(paths.SOURCE_WEIGHTS)
    if len(weights) != source.counts.variables:
        yield f"{len(weights)} weights are written, {source.counts.variables} are counted"
    if not source.signature.inputs or not source.signature.outputs:
        yield "the network has no inputs or no outputs"
    for tensor in source.signature.inputs:
        if tensor.shape is None or None in tensor.shape or any(length <= 0 for length in tensor.shape if length is not None):
            yield f"input {tensor.name} has shape {tensor.shape}"
    if not (paths.SOURCE / "saved_model.pb").stat().st_size or not paths.SOURCE_GRAPH.stat().st_size:
        yield "an output is empty"


def _sampled() -> Iterator[str]:
    split = files.read_record(paths.SPLIT, Split)
    inputs = {tensor.name: tensor for tensor in files.read_record(paths.SOURCE_FACTS, Source).signature.inputs}
    for name, folder in sample.FOLDERS.items():
        count = getattr(split.sets, name).n
        stored = files.read_samples(folder)
        if count < 1 or set(stored) != set(inputs):
            yield f"{name}: {count} samples of {sorted(stored)}"
        for key, array in stored.items():
            wanted = (count, *(inputs[key].shape or [])[1:])
            if array.shape != wanted or array.dtype.name != inputs[key].dtype:
                yield f"{name}: {key} is {array.dtype} {array.shape}, not {inputs[key].dtype} {wanted}"
            if not np.isfinite(array).all():
                yield f"{name}: {key} holds NaN or infinity"
        for key, labels in files.read_targets(folder).items():
            if len(labels) != count:
                yield f"{name}: {len(labels)} {key} of {count} samples"
            if labels.dtype.kind == "f" and not np.isfinite(labels).all():
                yield f"{name}: {key} holds NaN or infinity"


def _composed() -> Iterator[str]:
    content = yaml.safe_load(paths.PARAMS.read_text(encoding="utf-8"))
    config.validate(msgspec.to_builtins(content), source="params.yaml")
    if not Path("conf").is_dir():
        yield "conf/ is gone"


def _nothing() -> Iterator[str]:
    yield from ()


COMMANDS = {
    "load": Command(_as_typed("pipeline.load"), _loaded),
    "sample": Command(_as_typed("pipeline.sample"), _sampled),
    "audit": Command(_as_typed("pipeline.cli.audit", *_PAIR), _nothing),
    "audit --data": Command(_as_typed("pipeline.cli.audit", *_PAIR, "--data", "data.npz"), _nothing),
    "compose": Command(_as_typed("pipeline.cli.compose"), _composed),
}

"""Faults planted into the int8 variant of a finished project, and what the pipeline then says of it.

The stages are run in this process, in copies of the project: what a fault changes is made anew, everything else is as it was.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline import files, paths
from tests import faults
from tests.inprocess import stage
from tests.trained import outcome
from tests.trained.network import Network

VARIANT = "int8"
_MADE = ("quantize", "predict", "verify")
_KERNELS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault: `plant` changes files of a project, and `stages` make anew what depends on them."""

    plant: Callable[[Path], None]
    stages: tuple[str, ...]


def _inputs(factor: float) -> Fault:
    """Calibration samples in another unit than those that follow, as when a preprocessing step is forgotten."""

    def plant(project: Path) -> None:
        for file in sorted((project / paths.CALIBRATION).rglob("*.npy")):
            values = np.load(file)
            if np.issubdtype(values.dtype, np.floating):
                np.save(file, (values * factor).astype(values.dtype))

    return Fault(plant=plant, stages=("calibrate", *_MADE))


def _ranges(factor: float) -> Fault:
    """Every range cut to a share of it."""

    def plant(project: Path) -> None:
        content = files.read_json(project / paths.RANGES)
        content["bits"] = {
            bits: {name: [factor * low, factor * high] for name, (low, high) in rows.items()}
            for bits, rows in content["bits"].items()
        }
        files.write_json(project / paths.RANGES, content)

    return Fault(plant=plant, stages=_MADE)


def _configured(value: object, *keys: str, stages: tuple[str, ...]) -> Fault:
    """Something that a user may ask for in params.yaml, and should not here."""

    def plant(project: Path) -> None:
        content = yaml.safe_load((project / paths.PARAMS).read_text(encoding="utf-8"))
        section = content
        for key in keys[:-1]:
            section = section[key]
        section[keys[-1]] = value
        files.write_text(project / paths.PARAMS, yaml.safe_dump(content))

    return Fault(plant=plant, stages=stages)


def _file(edit: faults.Edit) -> Fault:
    def plant(project: Path) -> None:
        path = project / paths.variant_model(VARIANT)
        files.write_bytes(path, faults.edited(path.read_bytes(), edit))

    return Fault(plant=plant, stages=_MADE[1:])


def _constants(content: Any, place: int, dtype: str) -> list[tuple[Any, np.ndarray]]:
    """The kernels (1) or biases (2) that operators read, with their values to be changed in place."""
    found = []
    for operator in content.subgraphs[0].operators:
        if faults.kind(content, operator) in _KERNELS and len(operator.inputs) > place and operator.inputs[place] >= 0:
            tensor = content.subgraphs[0].tensors[operator.inputs[place]]
            if content.buffers[tensor.buffer].data is not None:
                found.append((tensor, faults.array(content, tensor, dtype)))
    return found


def _bias_negated(content: Any) -> None:
    """That of the last layer that has one."""
    _, values = _constants(content, 2, "int32")[-1]
    values[:] = -values


def _channels_reversed(content: Any) -> None:
    """The channels of the first kernel, first to last."""
    tensor, values = _constants(content, 1, "int8")[0]
    kernel = values.reshape(tensor.shape)
    kernel[:] = kernel[..., ::-1].copy() if kernel.shape[0] == 1 else kernel[::-1].copy()


FAULTS: Mapping[str, Fault] = {
    "calibrated on inputs × 255": _inputs(255.0),
    "calibrated on inputs ÷ 16": _inputs(1 / 16),
    "calibrated on one sample": _configured(1, "calibrate", "samples", stages=("calibrate", *_MADE)),
    "one scale for all channels": _configured("tensor", "variants", VARIANT, "granularity", stages=_MADE),
    "ranges × 0.9": _ranges(0.9),
    "ranges × 0.8": _ranges(0.8),
    "ranges × 0.7": _ranges(0.7),
    "ranges × 0.5": _ranges(0.5),
    "ranges × 0.3": _ranges(0.3),
    "bias of the last layer negated": _file(_bias_negated),
    "channels of the first kernel reversed": _file(_channels_reversed),
}


# Those that leave nothing of a network.
GROSS = (
    "calibrated on inputs × 255",
    "calibrated on inputs ÷ 16",
    "ranges × 0.3",
    "channels of the first kernel reversed",
)


def judged(project: Path, name: str, folder: Path) -> outcome.Outcome:
    """The outcome of a project with a fault.

    Args:
        project: after `dvc repro`; stays as it is.
        name: of the fault.
        folder: for the copy; does not exist yet.
    """
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".git", ".dvc", "pipeline", "tests", ".cache"))
    fault = FAULTS[name]
    fault.plant(folder)
    for part in fault.stages:
        stage(folder, part, *([] if part == "calibrate" else [VARIANT]))
    for part in ("evaluate", "select"):
        stage(folder, part)
    return outcome.read(folder)


def possible(network: Network, sound: outcome.Outcome) -> list[str]:
    """Names of faults: none where int8 is no sound file, and only those that change what the network reads."""
    if VARIANT in network.refused or sound.variants.get(VARIANT, {}).get("bytes") is None:
        return []
    return [name for name in FAULTS if network.floats or "inputs" not in name]


def harmful(found: outcome.Outcome, sound: outcome.Outcome) -> bool:
    """An expert would not ship it: it loses more than the budget and more than the sound file does; without labels, noise of more
    than a tenth of the signal (20 dB)."""
    row, before = found.variants[VARIANT], sound.variants[VARIANT]
    if found.metric is None:
        return row["sqnr_db"] is None or row["sqnr_db"] < 20
    return row["drop"] is None or row["drop"] > max(sound.max_drop, before["drop"])

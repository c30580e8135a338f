"""What a trained network of the table is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

# The override for a classifier that ends without a softmax.
LOGITS = "task.heads.main.task_type.options.logits=true"
# The default variants and TFLiteConverter's int8, which goes on where litert-quantizer does not.
WITH_CONVERTER = "quantization=[float32,float16,dynamic_int8,int8,int16x8,converter_int8]"


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network that is trained here, and what a user would configure for it.

    Attributes:
        name: of its files and of its row.
        what: it is, in a few words.
        train: (file to write) to the arrays [n, ...] of samples it has not seen: those in `inputs` and `labels`, and `split` where
            it matters which sample is in which set.
        file: that `train` writes; its ending tells the format.
        inputs: of the network; arrays of the same names.
        labels: an array, several for several heads, or None without labels.
        task: a name in conf/task, or a task of its own.
        preprocess: steps between the arrays and the network.
        sets: samples for calibration and tuning; the rest is evaluated.
        options: further overrides.
        ships: the variant that is expected to be shipped.
        refused: variants that are expected to be refused, and words of the reason.
        unseen: faults that do harm and that verification lets pass: noise within its limit, which the budget refuses.
        floats: its inputs are no integers.
        quick: judged in every test run.
    """

    name: str
    what: str
    train: Callable[[Path], dict[str, np.ndarray]]
    ships: str
    refused: Mapping[str, str] = field(default_factory=dict)
    file: str = "network.keras"
    inputs: tuple[str, ...] = ("x",)
    labels: str | tuple[str, ...] | None = "y"
    task: str | Mapping[str, Any] = "classification"
    preprocess: tuple[Mapping[str, Any], ...] = ()
    sets: tuple[int, int] = (100, 60)
    options: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    floats: bool = True
    quick: bool = False


def head(output: str, labels: str, kind: str, metrics: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """A head of a task with several."""
    return {"output": output, "labels": labels, "task_type": {"name": kind, "options": options}, "metrics": dict(metrics)}


def heads(primary: str, **rows: Mapping[str, Any]) -> dict[str, Any]:
    """A task with several heads."""
    return {"name": "heads", "heads": rows, "primary_metric": primary, "confidence": 0.95, "resamples": 2000}

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from pipeline import files, paths
from pipeline.evaluation import tasks
from pipeline.evaluation.accuracy_report import Accuracy, Head
from pipeline.evaluation.registry import METRICS


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.ACCURACY
    record = files.read_record(path, Accuracy)
    files.write_json(tmp_path / "again.json", msgspec.to_builtins(record))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert record.baseline() == record.variants["float32"].metrics["accuracy"]


def test_a_record_is_as_strict_as_params_yaml(finished: Path) -> None:
    content = files.read_json(finished / paths.ACCURACY)
    content["variants"]["int8"]["lossed"] = 3
    with pytest.raises(msgspec.ValidationError, match="unknown field `lossed`"):
        msgspec.convert(content, Accuracy)


_CLASSES, _YES = np.arange(6) % 3, np.arange(6) % 2
_COUNTS = np.arange(54).reshape(6, 3, 3)
EVIDENCE: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "classification": ((_CLASSES, np.eye(3)[_CLASSES]), "accuracy", {}),
    "binary": ((_YES, _YES / 2), "f1", {"threshold": 0.4}),
    "multilabel": ((np.eye(2, dtype=np.int64)[_YES], np.eye(2)[_YES]), "roc_auc", {}),
    "regression": ((np.arange(6.0)[:, None], np.arange(6.0)[:, None] + 1), "mae", {}),
    "segmentation": ((_COUNTS.sum(2), _COUNTS), "mean_iou", {}),
    "anomaly": ((_YES, _YES / 2), "roc_auc", {}),
}


@pytest.mark.parametrize("task_type", tasks.TASK_TYPES)
def test_what_every_task_type_says_fits_the_record(task_type: str) -> None:
    evidence, metric, options = EVIDENCE[task_type]
    head = tasks.breakdown(task_type, {metric: (METRICS[metric], options)}, evidence, {"v": evidence})
    assert msgspec.json.decode(msgspec.json.encode(head), type=Head, strict=True) == head

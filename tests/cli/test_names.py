import re
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from pipeline import config
from pipeline.cli import names
from pipeline.errors import UserError
from tests.helpers import ROOT


def changed(path: str, value: Any) -> config.Config:
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    *parents, last = path.split(".")
    node = content
    for parent in parents:
        node = node[int(parent) if parent.isdigit() else parent]
    node[last] = value
    return config.validate(content, source="test")


def test_accepts_the_shipped_configuration() -> None:
    names.check(changed("seed", 0))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("data.reader.name", "xyz", "data.reader.name: unknown 'xyz'; allowed:"),
        (
            "data.reader.options",
            {"inputs": {}, "colour": 1},
            "npz takes no 'colour'; allowed: inputs, labels, split",
        ),
        ("data.reader.options", {}, "data.reader.options: npz needs 'inputs'"),
        ("data.preprocess.0.name", "blur", "data.preprocess.0.name: unknown 'blur'; allowed:"),
        ("data.preprocess.0.options", {"offset": 1.0}, "data.preprocess.0.options: rescale needs 'scale'"),
        ("calibrate.method", "guess", "calibrate.method: unknown 'guess'; allowed:"),
        ("task.heads.main.metrics", {"accuracy": {}, "luck": {}}, "task.heads.main.metrics: unknown 'luck'; allowed:"),
        (
            "task.heads.main.task_type.name",
            "regression",
            "task.heads.main.task_type.options: regression takes no 'logits'",
        ),
    ],
)
def test_refuses_a_name_or_option_that_does_not_exist(path: str, value: Any, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        names.check(changed(path, value))


@pytest.mark.parametrize("task", [path.stem for path in (ROOT / "conf" / "task").glob("*.yaml")])
def test_every_task_of_conf_fits_its_functions(task: str) -> None:
    content = yaml.safe_load((ROOT / "conf" / "task" / f"{task}.yaml").read_text(encoding="utf-8"))
    names.check(changed("task", content))


def test_accuracy_per_byte_wants_a_metric_of_which_more_is_better() -> None:
    content = yaml.safe_load((ROOT / "conf" / "task" / "regression.yaml").read_text(encoding="utf-8"))
    settings = changed("task", content)
    bad = replace(settings, select=replace(settings.select, objective="accuracy_per_byte"))
    with pytest.raises(UserError, match="accuracy_per_byte makes no sense for rmse: less of it is better"):
        names.check(bad)


def test_several_heads_report_their_metrics_under_their_own_names() -> None:
    content = yaml.safe_load((ROOT / "conf" / "task" / "classification.yaml").read_text(encoding="utf-8"))
    content["heads"]["other"] = content["heads"]["main"]
    content["primary_metric"] = "other.macro_f1"
    task = changed("task", content).task
    assert config.reported(task)["other.macro_f1"] == ("other", "macro_f1")
    with pytest.raises(UserError, match=r"primary_metric: 'macro_f1' is not among metrics: main.accuracy"):
        changed("task", {**content, "primary_metric": "macro_f1"})

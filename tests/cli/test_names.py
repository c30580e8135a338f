import re
from typing import Any

import pytest
import yaml

from pipeline import config
from pipeline.cli import names
from pipeline.lib.errors import UserError
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
        ("task.metrics", ["accuracy", "luck"], "task.metrics.1: unknown 'luck'; allowed:"),
    ],
)
def test_refuses_a_name_or_option_that_does_not_exist(path: str, value: Any, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        names.check(changed(path, value))

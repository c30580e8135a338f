import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline import files, paths
from pipeline.equivalence.conversion_record import DIFFERS, SAME, Conversion
from pipeline.tflite import flatbuffer
from tests import faults
from tests.helpers import ROOT, call


def test_holds_what_keras_itself_predicts(finished: Path) -> None:
    samples = files.read_samples(finished / paths.EVALUATION)["image"]
    expected = keras.models.load_model(ROOT / "models" / "digits_cnn.keras").predict(np.asarray(samples), verbose=0)
    reference = files.read_arrays(finished / paths.REFERENCE)
    assert list(reference) == ["probabilities"]
    # Keras runs batches of 32, the stage one sample at a time: the order of summation may differ, no more.
    np.testing.assert_allclose(reference["probabilities"], expected, atol=2e-6)


def test_each_operator_of_the_float32_file_was_run_beside_the_network(finished: Path) -> None:
    found = files.read_record(finished / paths.CONVERSION, Conversion)
    assert (found.samples, found.generated, found.not_compared) == (2, False, "")
    assert {part.verdict for part in found.parts} == {SAME}
    operators = flatbuffer.read(files.read_bytes(finished / paths.FLOAT32)).operators
    assert sorted(index for part in found.parts for index in part.operators) == list(range(len(operators)))
    assert found.kernels.keys() == {"probabilities"}


def relu6_for_relu(content: Any) -> None:
    faults.operators(content, "CONV_2D")[0].builtinOptions.fusedActivationFunction = 3


@pytest.mark.parametrize("edit", [relu6_for_relu, lambda content: faults.removed(content, faults.operators(content, "SOFTMAX")[0])])
def test_a_float32_file_that_is_something_else_is_found_and_refused(finished: Path, tmp_path: Path, edit: faults.Edit) -> None:
    """A fault of the converter itself: `reference` writes what it found, `verify` judges it."""
    for path in (paths.SOURCE, paths.EVALUATION, paths.REFERENCE, paths.OUTPUTS / "float32"):
        shutil.copytree(finished / path, tmp_path / path)
    for path in (paths.PARAMS, paths.SOURCE_FACTS, paths.SOURCE_GRAPH, paths.SOURCE_WEIGHTS, paths.SPLIT, paths.RANGES):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(finished / path, tmp_path / path)
    wrong = faults.edited(files.read_bytes(finished / paths.FLOAT32), edit)
    for path in (paths.FLOAT32, paths.variant_model("float32")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(wrong)
    call("python", "-m", "pipeline.reference", cwd=tmp_path, PYTHONPATH=str(ROOT))
    found = files.read_record(tmp_path / paths.CONVERSION, Conversion)
    assert DIFFERS in {part.verdict for part in found.parts}
    call("python", "-m", "pipeline.verify", "float32", cwd=tmp_path, PYTHONPATH=str(ROOT))
    report = files.read_json(tmp_path / paths.VERIFY_REPORTS / "float32.json")
    assert not report["passed"]
    assert "architecture" in {check["name"] for check in report["checks"] if not check["passed"]}

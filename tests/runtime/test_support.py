from pathlib import Path

import pytest

from pipeline import files, paths
from pipeline.errors import UserError
from pipeline.runtime import support
from pipeline.source.tensorflow_setup import tf


def test_a_file_that_runs_passes(finished: Path) -> None:
    support.require(files.read_bytes(finished / paths.FLOAT32), name="m", stage="predict")


@pytest.mark.parametrize("stage", support.SKIPPED)
def test_a_custom_operator_is_named(stage: str) -> None:
    traced = tf.function(tf.math.erfinv).get_concrete_function(tf.TensorSpec([1, 2], tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
    converter.allow_custom_ops = True
    message = f"m: {stage} cannot run it: no kernel here for Erfinv. Skipped, as it comes after: {support.SKIPPED[stage]}. The file"
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        support.require(converter.convert(), name="m", stage=stage)

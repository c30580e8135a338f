from pathlib import Path

import pytest

from pipeline import files, paths
from pipeline.errors import UserError
from pipeline.runtime import support
from pipeline.source.tensorflow_setup import tf


def test_a_file_that_runs_passes(finished: Path) -> None:
    support.require(files.read_bytes(finished / paths.FLOAT32), name="m")


def test_a_custom_operator_is_named() -> None:
    traced = tf.function(tf.math.erfinv).get_concrete_function(tf.TensorSpec([1, 2], tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
    converter.allow_custom_ops = True
    message = r"m: cannot be run here, nor can what needs its results: no kernel here for Erfinv; the file itself is complete"
    with pytest.raises(UserError, match=message):
        support.require(converter.convert(), name="m")

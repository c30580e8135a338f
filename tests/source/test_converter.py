from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.source import converter
from pipeline.source.tensorflow_setup import SIGNATURE, tf


def saved(folder: Path, function: object, shape: list[int]) -> Path:
    module = tf.Module()
    traced = tf.function(function).get_concrete_function(x=tf.TensorSpec(shape, tf.float32, name="x"))
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: traced})
    return folder


def test_a_static_scheme_without_samples_is_a_bug_not_a_guess(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", lambda x: {"y": x * 2.0}, [1, 4])
    with pytest.raises(ValueError, match="static_wi8_ai8 needs samples"):
        converter.convert_saved_model(folder, scheme="static_wi8_ai8")


def test_an_operation_without_a_kernel_is_named(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", lambda x: {"y": tf.linalg.logdet(x)}, [1, 3, 3])
    with pytest.raises(UserError, match="the converter cannot translate the network"):
        converter.convert_saved_model(folder)


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", lambda x: {"y": tf.nn.relu(x @ np.eye(4, dtype=np.float32))}, [1, 4])
    assert converter.convert_saved_model(folder) == converter.convert_saved_model(folder)


def test_a_diagnostic_names_the_operation_without_the_calls_that_led_there() -> None:
    said = (
        'loc(callsite(fused["BiasAdd:", "net/conv/BiasAdd@__inference_infer_83"] at callsite(fused["StatefulPartitionedCall:", '
        '"StatefulPartitionedCall@__inference_signature_wrapper"] at fused["StatefulPartitionedCall:", "StatefulPartitionedCall"]'
        "))): error: 'tf.Transpose' op x should be of the same rank with y"
    )
    assert converter.explain(said) == "net/conv/BiasAdd: 'tf.Transpose' op x should be of the same rank with y"
    assert converter.explain("something: error: that is all") == "that is all"

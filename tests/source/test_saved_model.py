from pathlib import Path

import numpy as np
import pytest

from pipeline.source import saved_model
from pipeline.source.tensorflow_setup import tf


def test_weights_and_scopes_of_a_signature(tmp_path: Path) -> None:
    module = tf.Module()
    module.weight = tf.Variable(np.ones((3, 2), np.float32), name="block/weight")
    module.loose = tf.Variable(1.0, name="loose")
    traced = tf.function(lambda b, a: {"z": tf.matmul(b, module.weight) * module.loose, "y": a})
    specs = [tf.TensorSpec([None, 3], tf.float32, "b"), tf.TensorSpec([None], tf.int64, "a")]
    tf.saved_model.save(module, str(tmp_path / "m"), signatures={"run": traced.get_concrete_function(*specs)})
    network = saved_model.load(tmp_path / "m", signature=None)
    assert set(network.weights) == {"block/weight", "loose"}
    assert network.layers == [{"path": "block", "class": "name scope", "parameters": 6}]
    assert {name: (spec.shape.as_list(), spec.dtype.name) for name, spec in network.inputs.items()} == {
        "a": ([None], "int64"),
        "b": ([None, 3], "float32"),
    }
    # The order of the inputs is that of the frozen graph's tensors.
    assert [tensor.dtype.name for tensor in network.frozen.inputs] == [spec.dtype.name for spec in network.inputs.values()]


@pytest.mark.parametrize("resource", [True, False])
def test_variables_of_tensorflow_1(tmp_path: Path, resource: bool) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 2])
        weight = v1.get_variable("dense/w", initializer=np.array([[1.0], [2.0]], np.float32), use_resource=resource)
        y = tf.matmul(x, weight)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "m"), {"x": x}, {"y": y})
    network = saved_model.load(tmp_path / "m", signature=None)
    assert {name: array.tolist() for name, array in network.weights.items()} == {"dense/w": [[1.0], [2.0]]}

from typing import Any

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.source import rewrite
from pipeline.source.tensorflow_setup import tf


def test_shapes_are_inferred_again_and_precision_becomes_float32() -> None:
    weight = tf.Variable(np.array([[1.0], [2.0]]), dtype=tf.float64)
    traced = tf.function(lambda x: tf.cast(tf.matmul(x, weight) > 4.0, tf.float64) + tf.matmul(x, weight))
    frozen = rewrite.freeze(traced.get_concrete_function(tf.TensorSpec([None, 2], tf.float64)))
    assert rewrite.dtypes(frozen) == {"float64"}
    call = rewrite.reshaped(frozen, [tf.TensorSpec([3, 2], tf.float32)])
    (result,) = call(tf.constant([[1.0, 1.0], [1.0, 2.0], [0.5, 0.25]]))
    assert (result.dtype, result.shape.as_list()) == (tf.float32, [3, 1])
    assert result.numpy().ravel().tolist() == [3.0, 6.0, 1.0]


def test_loops_are_rewritten_inside_too() -> None:
    def double(x: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * tf.constant(2.0, tf.float16)), (0, x))[1]

    frozen = rewrite.freeze(tf.function(double).get_concrete_function(tf.TensorSpec([None], tf.float16)))
    (result,) = rewrite.reshaped(frozen, [tf.TensorSpec([2], tf.float32)])(tf.constant([1.0, 3.0]))
    assert result.numpy().tolist() == [8.0, 24.0]


def test_tables_are_refused() -> None:
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1, 2], [3.0, 4.0]), 0.0)
    traced = tf.function(table.lookup).get_concrete_function(tf.TensorSpec([None], tf.int32))
    with pytest.raises(UserError, match="the network looks up a table"):
        rewrite.freeze(traced)


def test_a_loop_of_tensorflow_1_is_a_cycle_and_computes_the_same() -> None:
    tf.compat.v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default() as graph:
            x = tf.compat.v1.placeholder(tf.float32, [2], name="x")
            tf.identity(tf.compat.v1.while_loop(lambda y: tf.reduce_sum(y) < 10.0, lambda y: y + x, [x]), name="y")
    finally:
        tf.compat.v1.enable_control_flow_v2()
    content = graph.as_graph_def()
    assert "NextIteration" in {node.op for node in content.node}

    def imported(x: Any) -> Any:
        return tf.graph_util.import_graph_def(content, input_map={"x:0": x}, return_elements=["y:0"], name="")

    looped = tf.compat.v1.wrap_function(imported, [tf.TensorSpec([2], tf.float32)])
    again = rewrite.reshaped(looped, [tf.TensorSpec([2], tf.float32)])
    np.testing.assert_array_equal(again(tf.constant([1.0, 2.0]))[0], [4.0, 8.0])

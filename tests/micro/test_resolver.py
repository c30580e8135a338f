import importlib.util
import re
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.micro import resolver


@pytest.mark.parametrize(
    ("operator", "method"),
    [
        ("CONV_2D", "AddConv2D"),
        ("DEPTHWISE_CONV_2D", "AddDepthwiseConv2D"),
        ("ADD_N", "AddAddN"),
        ("L2_NORMALIZATION", "AddL2Normalization"),
        ("L2_POOL_2D", "AddL2Pool2D"),
        ("BATCH_MATMUL", "AddBatchMatMul"),
        ("BATCH_TO_SPACE_ND", "AddBatchToSpaceNd"),
        ("CUMSUM", "AddCumSum"),
        ("PADV2", "AddPadV2"),
        ("RELU6", "AddRelu6"),
        ("SELECT_V2", "AddSelectV2"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
        ("TFLite_Detection_PostProcess", "AddDetectionPostprocess"),
    ],
)
def test_methods_are_those_of_tflm(operator: str, method: str) -> None:
    """As tensorflow/lite/micro/micro_mutable_op_resolver.h declares them."""
    assert resolver.method(operator) == method


def test_a_line_for_each_type() -> None:
    assert resolver.lines(["SOFTMAX", "CONV_2D", "CONV_2D"]) == ["resolver.AddConv2D();", "resolver.AddSoftmax();"]


# Parsers of options that several operators share; that of CUMSUM is the one that is not named as the method is.
_SHARED = {
    "Pool": {"AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D"},
    "Reducer": {"MEAN", "SUM", "REDUCE_ALL", "REDUCE_MAX", "REDUCE_MIN"},
    "Cumsum": {"CUMSUM"},
}


def test_methods_are_named_as_the_parsers_in_tflms_binary() -> None:
    """`AddBuiltin(BuiltinOperator_X, Register_X(), ParseX)`: of each kernel in the binary the parser is there under the name."""
    package = importlib.util.find_spec("tflite_micro")
    assert package is not None
    assert package.origin is not None
    binary = (Path(package.origin).parent / "python" / "tflite_micro" / "_runtime.so").read_bytes()
    kernels = {name.decode() for name in re.findall(rb"Register_([A-Z0-9_]+)Ev", binary)} & set(vars(schema.BuiltinOperator))
    parsers = {name.decode() for name in re.findall(rb"_ZN6tflite5micro\d+Parse([A-Za-z0-9]+)EPKNS_8Operator", binary)}
    assert len(kernels) > 90
    assert {name for name in kernels if resolver.method(name).removeprefix("Add") not in parsers} == set().union(*_SHARED.values())
    assert set(_SHARED) <= parsers

import pytest

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

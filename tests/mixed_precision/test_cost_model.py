from pipeline.mixed_precision import cost_model
from pipeline.tflite import flatbuffer
from tests.networks import Measured


def test_multiply_accumulates_by_hand(digits: Measured) -> None:
    found = [cost_model.values(digits.graph, operator) for operator in digits.graph.operators]
    assert found == [
        8 * 8 * 16 * 3 * 3 * 1,  # CONV_2D 3x3, 1 to 16
        8 * 8 * 16 * 3 * 3,  # DEPTHWISE_CONV_2D 3x3
        8 * 8 * 32 * 16,  # CONV_2D 1x1, 16 to 32
        4 * 4 * 32,  # MAX_POOL_2D: values written
        512,  # RESHAPE
        512 * 32,  # FULLY_CONNECTED
        32 * 10,
        10,  # SOFTMAX
    ]


def test_weighted_by_scheme_and_conversions_counted(digits: Measured) -> None:
    tensors = [row.tensor for row in digits.rows]
    everything = sum(cost_model.values(digits.graph, operator) for operator in digits.graph.operators)
    assert cost_model.weighted_macs(digits.graph, digits.model, {}, {}) == everything
    cheaper = cost_model.weighted_macs(digits.graph, digits.model, {tensors[5]: "dynamic_wi8_afp32"}, {"dynamic_wi8_afp32": 0.25})
    assert cheaper == everything - 0.75 * 512 * 32
    static = digits.quantized("static_wi8_ai8", "min_max", "channel", "float32")
    assert [operator.name for operator in flatbuffer.read(static).operators].count("QUANTIZE") == 1
    assert cost_model.weighted_macs(digits.graph, static, {}, {}) == everything + 64 + 10


def test_a_weight_only_dequantize_of_constants_is_no_work_of_an_inference(digits: Measured) -> None:
    made = digits.quantized("weightonly_wi8_afp32", "min_max", "channel", "float32")
    assert cost_model.weighted_macs(digits.graph, made, {}, {}) == cost_model.weighted_macs(digits.graph, digits.model, {}, {})

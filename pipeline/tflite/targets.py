"""What a runtime other than LiteRT can run: one function and one row in `TARGETS` each."""

from collections.abc import Callable

from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph, Operator

# The Add... methods of tensorflow/lite/micro/micro_mutable_op_resolver.h in tensorflow/tflite-micro, builtin operators only.
_OPERATORS = """
ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO
CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTH_TO_SPACE DEPTHWISE_CONV_2D DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE
ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER
GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG LOG_SOFTMAX LOGICAL_AND LOGICAL_NOT
LOGICAL_OR LOGISTIC MAX_POOL_2D MAXIMUM MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE
READ_VARIABLE REDUCE_MAX RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR ROUND RSQRT SELECT_V2 SHAPE SIN SLICE
SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF
TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""
_MICRO = frozenset(_OPERATORS.split())


def tflite_micro(graph: Graph) -> list[str]:
    """Why TFLite Micro cannot run a file; nothing when it can.

    It has no kernels for some operators, none for float activations with integer weights (hybrid, dynamic range), and
    does not dequantize float16.
    """
    reasons = [f"no operator {name}" for name in sorted({operator.name for operator in graph.operators} - _MICRO)]
    if any(_hybrid(graph, operator) for operator in graph.operators):
        reasons.append("no kernels for integer weights with float activations (dynamic range)")
    if any(tensor.dtype == "float16" for tensor in graph.tensors):
        reasons.append("no float16")
    return reasons


def _hybrid(graph: Graph, operator: Operator) -> bool:
    row = operators.of(operator.name)
    if row.kernel is None or row.macs is None:  # a look-up of weights computes nothing with them
        return False
    weights, output = graph.tensors[operator.inputs[row.kernel]], graph.tensors[operator.outputs[0]]
    return weights.dtype in ("int8", "int4") and output.dtype == "float32"


TARGETS: dict[str, Callable[[Graph], list[str]]] = {"tflite_micro": tflite_micro}

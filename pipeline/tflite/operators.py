"""The operators of TFLite that are treated specially anywhere, one row each: what every other module asks about an operator.

Names are those of the schema (`BuiltinOperator`), as files, layers.json, quantization.json and `exclude` have them. The quantizer
has names of its own; only `quantization.quantizer_support` speaks them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

# How multiply-accumulates are counted: by what meets the kernel's weights.
PER_OUTPUT, PER_INPUT, PER_PRODUCT, PER_STEP = "output", "input", "product", "step"


@dataclass(frozen=True, kw_only=True)
class OperatorType:
    """What is known of one type of operator. Slots are positions among its inputs.

    Attributes:
        name: in the schema.
        quantizer: the quantizer's name, None when it does not know the operator.
        data: slot of the values that flow through the network, where there is one.
        kernel: slot of the weights, None without; a constant, or for BATCH_MATMUL maybe another activation.
        bias: slot of the bias, None when the operator takes none.
        axis: of the kernel, that of the output channels, each of which may have a scale of its own; None where the layout varies.
        layout: the order of the kernel's axes that TensorFlow has, () without kernel.
        macs: PER_OUTPUT (each output value meets the kernel of its channel), PER_INPUT (each data value the kernel of its
            channel, the last axis), PER_PRODUCT (of matrices), PER_STEP (each of the weights once a step); None: it makes none.
        moves: only moves values, so that LiteRT wants one scale for input and output.
        joins: puts values of several tensors together, so that LiteRT wants one scale for all of them.
        shares: inputs and outputs may have one scale, and need not.
        fixed: output scale with 8 and with 16 bits and zero point with 8 that LiteRT's kernels take for granted.
        converts: only brings values into another format; quantizing adds it and nothing of the network is lost with it.
        structure: slots that say how to compute, not with what: shapes, axes, permutations, paddings, indices.
        zeros: a constant of zeros among its inputs is the converter's: a loop's start, a filler.
        recurrent: a loop over steps that the converter fused, with the gates' activations within.
        subgraphs: runs other subgraphs of the file.
    """

    name: str
    quantizer: str | None = None
    data: int = 0
    kernel: int | None = None
    bias: int | None = None
    axis: int | None = None
    layout: tuple[int, ...] = ()
    macs: str | None = None
    moves: bool = False
    joins: bool = False
    shares: bool = False
    fixed: tuple[float, float, int] | None = None
    converts: bool = False
    structure: tuple[int, ...] = ()
    zeros: bool = False
    recurrent: bool = False
    subgraphs: bool = False


class Linear(NamedTuple):
    """Columns of an operator that has a kernel and a bias."""

    kernel: int
    bias: int
    data: int
    layout: tuple[int, ...]


_T = OperatorType


def _q(name: str, **columns: object) -> OperatorType:
    """An operator that the quantizer calls as the schema does."""
    return OperatorType(name=name, quantizer=name, **columns)  # type: ignore[arg-type]


# Columns `moves`, `joins`, `shares` and `fixed`: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec
_ROWS = (
    # With weights. Layouts of kernels: [out, height, width, in], depthwise [1, height, width, out], dense [out, in],
    # in three dimensions [depth, height, width, in, out], transposed [depth, height, width, out, in].
    _q("CONV_2D", kernel=1, bias=2, axis=0, layout=(1, 2, 3, 0), macs=PER_OUTPUT),
    _q("DEPTHWISE_CONV_2D", kernel=1, bias=2, axis=3, layout=(0, 1, 2, 3), macs=PER_OUTPUT),
    _q("FULLY_CONNECTED", kernel=1, bias=2, axis=0, layout=(1, 0), macs=PER_OUTPUT),
    _T(
        name="TRANSPOSE_CONV", quantizer="CONV_2D_TRANSPOSE", data=2, kernel=1, bias=3, axis=0, layout=(1, 2, 0, 3),
        macs=PER_INPUT, structure=(0,),
    ),
    _T(name="CONV_3D", kernel=1, bias=2, axis=4, layout=(0, 1, 2, 3, 4), macs=PER_OUTPUT),
    _T(
        name="CONV_3D_TRANSPOSE", data=2, kernel=1, bias=3, axis=3, layout=(0, 1, 2, 3, 4),
        macs=PER_INPUT, structure=(0,),
    ),
    _q("BATCH_MATMUL", kernel=1, macs=PER_PRODUCT),
    _q("EMBEDDING_LOOKUP", kernel=1, axis=0),
    # Loops and branches.
    _T(name="UNIDIRECTIONAL_SEQUENCE_LSTM", macs=PER_STEP, zeros=True, recurrent=True),
    _T(name="BIDIRECTIONAL_SEQUENCE_LSTM", recurrent=True),
    _T(name="UNIDIRECTIONAL_SEQUENCE_RNN", recurrent=True),
    _T(name="WHILE", zeros=True, subgraphs=True),
    _T(name="IF", subgraphs=True),
    # Conversions. Not CAST, which is the network's own.
    _T(name="QUANTIZE", shares=True, converts=True),
    _T(name="DEQUANTIZE", converts=True),
    # With an output of a scale that is given.
    _q("SOFTMAX", fixed=(1 / 256, 1 / 32768, -128)),
    _q("LOGISTIC", fixed=(1 / 256, 1 / 32768, -128)),
    _q("TANH", fixed=(1 / 128, 1 / 32768, 0)),
    # That move or join values.
    _q("RESHAPE", moves=True, structure=(1,)),
    _q("TRANSPOSE", moves=True, structure=(1,)),
    _q("SLICE", moves=True, structure=(1, 2)),
    _q("STRIDED_SLICE", moves=True, structure=(1, 2, 3)),
    _q("GATHER", moves=True),
    _q("MAX_POOL_2D", moves=True),
    _T(name="SQUEEZE", moves=True),
    _T(name="EXPAND_DIMS", moves=True, structure=(1,)),
    _T(name="REVERSE_V2", moves=True, structure=(1,)),
    _q("CONCATENATION", joins=True),
    _q("PACK", joins=True),
    # That choose or repeat values, or stay between them.
    _q("AVERAGE_POOL_2D", shares=True),
    _q("BROADCAST_TO", shares=True, structure=(1,)),
    _q("DYNAMIC_UPDATE_SLICE", shares=True, structure=(2,)),
    _q("GATHER_ND", shares=True, structure=(1,)),
    _q("MAXIMUM", shares=True),
    _T(name="MINIMUM", shares=True),
    _q("MIRROR_PAD", shares=True, structure=(1,)),
    _q("PAD", shares=True, structure=(1,)),
    _q("PADV2", shares=True, structure=(1,), zeros=True),
    _T(name="REDUCE_MAX", shares=True, structure=(1,)),
    _q("REDUCE_MIN", shares=True, structure=(1,)),
    _q("RESIZE_BILINEAR", shares=True, structure=(1,)),
    _q("RESIZE_NEAREST_NEIGHBOR", shares=True, structure=(1,)),
    _q("SELECT", shares=True, zeros=True),
    _q("SELECT_V2", shares=True, zeros=True),
    _q("SPACE_TO_DEPTH", shares=True),
    _q("SPLIT", data=1, shares=True, structure=(0,)),
    _q("UNPACK", shares=True),
    # That compute new values, with inputs that say how.
    _q("MEAN", structure=(1,)),
    _q("SUM", structure=(1,)),
    _T(name="REDUCE_PROD", structure=(1,)),
    _T(name="ARG_MAX", structure=(1,)),
    _T(name="ARG_MIN", structure=(1,)),
    _T(name="BATCH_TO_SPACE_ND", structure=(1, 2)),
    _T(name="CUMSUM", structure=(1,)),
    _T(name="FILL", structure=(0,), zeros=True),
    _T(name="ONE_HOT", structure=(1,)),
    _T(name="RANGE", structure=(0, 1, 2)),
    _T(name="SPACE_TO_BATCH_ND", structure=(1, 2)),
    _T(name="SPLIT_V", structure=(1, 2)),
    _T(name="TILE", structure=(1,)),
    _T(name="TOPK_V2", structure=(1,)),
    # Of which only the quantizer's name is needed.
    *map(_q, ("ADD", "DIV", "EQUAL", "GELU", "HARD_SWISH", "MUL", "NOT_EQUAL", "RELU", "RSQRT", "SQRT", "SQUARED_DIFFERENCE",
              "STABLEHLO_COMPOSITE", "SUB")),
)  # fmt: skip

OPERATORS = {row.name: row for row in _ROWS}
_UNKNOWN = OperatorType(name="")


def of(name: str) -> OperatorType:
    """The row of an operator type; one that says nothing for a type, or a custom operator, that is nowhere special."""
    return OPERATORS.get(name, _UNKNOWN)


def _names(rows: Iterable[OperatorType]) -> frozenset[str]:
    return frozenset(row.name for row in rows)


# Answers that several modules want, by name.
LINEAR = {
    row.name: Linear(kernel=row.kernel, bias=row.bias, data=row.data, layout=row.layout)
    for row in _ROWS
    if row.kernel is not None and row.bias is not None
}
QUANTIZABLE = _names(row for row in _ROWS if row.quantizer is not None)
QUANTIZABLE_WEIGHTS = tuple(row.name for row in _ROWS if row.quantizer is not None and row.kernel is not None)
CONVERSIONS = _names(row for row in _ROWS if row.converts)
MOVES = _names(row for row in _ROWS if row.moves)
JOINS = _names(row for row in _ROWS if row.joins)
SHARES = _names(row for row in _ROWS if row.moves or row.joins or row.shares)
RECURRENT = _names(row for row in _ROWS if row.recurrent)
SUBGRAPHS = _names(row for row in _ROWS if row.subgraphs)
# Options that number the subgraphs an operator runs.
SUBGRAPH_OPTIONS = (
    "condSubgraphIndex", "bodySubgraphIndex", "thenSubgraphIndex", "elseSubgraphIndex", "subgraph", "initSubgraphIndex"
)  # fmt: skip
# Of what they read they only take the shape.
OF_SHAPES = frozenset(("SHAPE", "RANK"))
# They look up rows of their first input by position.
LOOKS_UP = frozenset(("GATHER", "GATHER_ND"))
# They hand on some of the values they read, as they are; the largest of several; the smallest. So what they make may have a smaller
# range than what they read.
CHOOSES = frozenset(
    ("DYNAMIC_UPDATE_SLICE", "GATHER", "GATHER_ND", "SELECT", "SELECT_V2", "SLICE", "SPLIT", "SPLIT_V", "STRIDED_SLICE", "UNPACK")
)
LARGEST = frozenset(("MAXIMUM", "MAX_POOL_2D", "REDUCE_MAX"))
SMALLEST = frozenset(("MINIMUM", "REDUCE_MIN"))
# Each entry of what they make comes from one entry of what they read, or is the largest of some: entries do not meet in a sum.
ENTRYWISE = (
    MOVES
    | JOINS
    | frozenset(
        ("ABS", "ADD", "CAST", "CEIL", "COS", "DIV", "ELU", "EQUAL", "EXP", "FLOOR", "FLOOR_DIV", "FLOOR_MOD", "GATHER_ND", "GELU",
         "GREATER", "GREATER_EQUAL", "HARD_SWISH", "LEAKY_RELU", "LESS", "LESS_EQUAL", "LOG", "LOGICAL_AND", "LOGICAL_NOT",
         "LOGICAL_OR", "LOGISTIC", "MAXIMUM", "MINIMUM", "MIRROR_PAD", "MUL", "NEG", "NOT_EQUAL", "PAD", "PADV2", "POW", "PRELU",
         "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "RESIZE_NEAREST_NEIGHBOR", "ROUND", "RSQRT", "SELECT", "SELECT_V2", "SIGN",
         "SIN", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SUB", "TANH", "TILE", "UNPACK")
    )
)  # fmt: skip

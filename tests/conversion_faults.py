"""Faults of a converter: edits of float32 files of the networks in `conversions`, each of which changes what they compute."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.faults import Edit, array, operators, removed, tensor_of


def option(operator: str, number: int, **values: Any) -> Edit:
    def edit(content: Any) -> None:
        options = operators(content, operator)[number].builtinOptions
        for name, value in values.items():
            assert getattr(options, name) != value
            setattr(options, name, value)

    return edit


def replaced(operator: str, number: int, other: str) -> Edit:
    """Another operator in its place, without options."""

    def edit(content: Any) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode, code.version = getattr(schema.BuiltinOperator, other), 1
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        one = operators(content, operator)[number]
        one.opcodeIndex = len(content.operatorCodes)
        content.operatorCodes.append(code)
        one.builtinOptionsType, one.builtinOptions = 0, None

    return edit


def dropped(operator: str, number: int) -> Edit:
    return lambda content: removed(content, operators(content, operator)[number])


def twice(operator: str, number: int) -> Edit:
    """The operator applied to its own result, of the same shape."""

    def edit(content: Any) -> None:
        graph = content.subgraphs[0]
        one = operators(content, operator)[number]
        first, again, between = one, schema.OperatorT(), schema.TensorT()
        again.__dict__.update(one.__dict__)
        between.__dict__.update(graph.tensors[one.outputs[0]].__dict__)
        between.name = b"between"
        again.outputs = one.outputs
        first.outputs = [len(graph.tensors)]
        again.inputs = np.where(np.asarray(one.inputs) == _data(content, one), len(graph.tensors), one.inputs)
        graph.tensors.append(between)
        graph.operators.insert(graph.operators.index(one) + 1, again)

    return edit


def _data(content: Any, operator: Any) -> int:
    return next(
        int(number) for number in operator.inputs if content.buffers[content.subgraphs[0].tensors[number].buffer].data is None
    )


def constant(operator: str, number: int, place: int, values: Any, dtype: str = "int32") -> Edit:
    """Other values in a constant, entry by entry; None keeps one."""

    def edit(content: Any) -> None:
        found = array(content, tensor_of(content, operators(content, operator)[number], place), dtype)
        before = found.copy()
        for at, value in enumerate(values):
            found[at] = found[at] if value is None else value
        assert not np.array_equal(before, found)

    return edit


def negated(operator: str, number: int, place: int) -> Edit:
    def edit(content: Any) -> None:
        array(content, tensor_of(content, operators(content, operator)[number], place), "float32")[:] *= -1

    return edit


def exchanged(operator: str, number: int, one: int = 0, other: int = 1) -> Edit:
    """Two inputs of an operator in the other order."""

    def edit(content: Any) -> None:
        inputs = list(operators(content, operator)[number].inputs)
        inputs[one], inputs[other] = inputs[other], inputs[one]
        operators(content, operator)[number].inputs = inputs

    return edit


def rewired(operator: str, number: int, place: int, other: tuple[str, int]) -> Edit:
    """An input read from another operator's output instead."""

    def edit(content: Any) -> None:
        one = operators(content, operator)[number]
        inputs = list(one.inputs)
        inputs[place] = operators(content, other[0])[other[1]].outputs[0]
        assert list(one.inputs) != inputs
        one.inputs = inputs

    return edit


def biased(operator: str, number: int) -> Edit:
    """The bias of a layer twice as large."""

    def edit(content: Any) -> None:
        array(content, tensor_of(content, operators(content, operator)[number], 2), "float32")[:] *= 2

    return edit


def entry(operator: str, number: int, place: int, at: int, factor: float) -> Edit:
    """One entry of a constant."""

    def edit(content: Any) -> None:
        array(content, tensor_of(content, operators(content, operator)[number], place), "float32")[at] *= factor

    return edit


def clipped(bound: float) -> Edit:
    """A MINIMUM between the first input and what reads it."""

    def edit(content: Any) -> None:
        graph = content.subgraphs[0]
        given, code = int(graph.inputs[0]), schema.BuiltinOperator.MINIMUM
        readers = [operator for operator in graph.operators if given in operator.inputs]
        content.buffers.append(schema.BufferT(data=np.array([bound], np.float32).view(np.uint8)))
        graph.tensors.append(schema.TensorT(shape=np.zeros(0, np.int32), buffer=len(content.buffers) - 1, name="bound"))
        graph.tensors.append(schema.TensorT(shape=graph.tensors[given].shape, name="clipped"))
        content.operatorCodes.append(schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=1))
        last = len(graph.tensors) - 1
        for operator in readers:
            operator.inputs = np.where(np.asarray(operator.inputs) == given, last, operator.inputs).astype(np.int32)
        numbers = np.array([given, last - 1], np.int32), np.array([last], np.int32)
        added = schema.OperatorT(opcodeIndex=len(content.operatorCodes) - 1, inputs=numbers[0], outputs=numbers[1])
        added.builtinOptions = schema.MaximumMinimumOptionsT()
        added.builtinOptionsType = schema.BuiltinOptions.MaximumMinimumOptions
        graph.operators.insert(0, added)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(content: Any) -> None:
        for one in edits:
            one(content)

    return edit


_NONE, _RELU, _RELU6, _TANH = 0, 1, 3, 4
_SAME, _VALID = 0, 1

# By network and fault: the edit, and the operator or layer that the first line of the refusal names.
FAULTS: dict[tuple[str, str], tuple[Edit, str]] = {
    ("mobile", "RELU6 -> RELU"): (option("CONV_2D", 0, fusedActivationFunction=_RELU), "conv"),
    ("mobile", "RELU -> RELU6"): (option("DEPTHWISE_CONV_2D", 0, fusedActivationFunction=_RELU6), "depthwise"),
    ("mobile", "activation removed"): (option("DEPTHWISE_CONV_2D", 0, fusedActivationFunction=_NONE), "depthwise|dilated"),
    ("mobile", "activation added"): (option("CONV_2D", 1, fusedActivationFunction=_RELU), "dilated"),
    ("mobile", "activation of a dense layer removed"): (option("FULLY_CONNECTED", 0, fusedActivationFunction=_NONE), "wide|end"),
    ("mobile", "TANH added"): (option("FULLY_CONNECTED", 1, fusedActivationFunction=_TANH), "end"),
    ("mobile", "dilation"): (option("DEPTHWISE_CONV_2D", 0, dilationWFactor=1), "depthwise"),
    ("mobile", "dilation lost, shape kept"): (option("DEPTHWISE_CONV_2D", 0, dilationHFactor=3, dilationWFactor=3), "depthwise"),
    ("mobile", "strides and padding"): (option("CONV_2D", 2, padding=_VALID), "strided"),
    ("mobile", "padding of a pooling"): (option("MAX_POOL_2D", 0, padding=_SAME), "pool"),
    ("mobile", "window of a pooling"): (option("MAX_POOL_2D", 0, padding=_SAME, filterWidth=1), "pool"),
    ("mobile", "clip at 100 for 1000"): (constant("MINIMUM", 0, 1, [100.0], "float32"), "MINIMUM"),
    ("mobile", "clip at 1300 for 1000"): (constant("MINIMUM", 0, 1, [1300.0], "float32"), "MINIMUM"),
    ("mobile", "input clipped at 300"): (clipped(300.0), "MINIMUM"),
    ("pointwise", "input clipped at 300"): (clipped(300.0), "MINIMUM"),
    ("pointwise", "input clipped at 20000"): (clipped(20000.0), "MINIMUM"),
    ("mobile", "MINIMUM -> MAXIMUM"): (replaced("MINIMUM", 0, "MAXIMUM"), "MINIMUM|MAXIMUM"),
    ("mobile", "clip dropped"): (dropped("MINIMUM", 0), "clip"),
    ("mobile", "axes of a mean"): (constant("MEAN", 0, 1, [1, 1]), "mean|clip"),
    ("mobile", "softmax dropped"): (dropped("SOFTMAX", 0), "end"),
    ("mobile", "softmax twice"): (twice("SOFTMAX", 0), "SOFTMAX"),
    ("mobile", "softmax steeper"): (option("SOFTMAX", 0, beta=2.0), "SOFTMAX|end"),
    ("mobile", "softmax -> LOGISTIC"): (replaced("SOFTMAX", 0, "LOGISTIC"), "LOGISTIC|end"),
    ("mobile", "bias doubled"): (biased("CONV_2D", 0), "conv"),
    ("mobile", "one bias of a dense layer"): (entry("FULLY_CONNECTED", 0, 2, 10, 0.5), "wide"),
    ("mobile", "one weight of a dense layer"): (entry("FULLY_CONNECTED", 0, 1, 40, -30.0), "wide"),
    ("shapes", "paddings exchanged"): (constant("PAD", 0, 1, [None, None, 0, 1]), "pad"),
    ("shapes", "paddings of the other axis"): (constant("PAD", 0, 1, [None, None, None, None, 1, 2]), "pad"),
    ("shapes", "half pixel centers"): (option("RESIZE_BILINEAR", 0, halfPixelCenters=False), "RESIZE_BILINEAR"),
    ("shapes", "align corners"): (
        option("RESIZE_BILINEAR", 0, halfPixelCenters=False, alignCorners=True),
        "RESIZE_BILINEAR",
    ),
    ("shapes", "bilinear -> nearest"): (replaced("RESIZE_BILINEAR", 0, "RESIZE_NEAREST_NEIGHBOR"), "RESIZE_NEAREST_NEIGHBOR"),
    ("shapes", "order of a concatenation"): (exchanged("CONCATENATION", 0), "CONCATENATION"),
    ("shapes", "one branch twice"): (rewired("CONCATENATION", 0, 1, ("CONV_2D", 0)), "CONCATENATION|right"),
    ("shapes", "begin and end of a slice"): (
        both(constant("STRIDED_SLICE", 0, 1, [None, 2]), constant("STRIDED_SLICE", 0, 2, [None, -1])),
        "STRIDED_SLICE",
    ),
    ("shapes", "begin mask, and the end for it"): (
        both(option("STRIDED_SLICE", 0, beginMask=11), constant("STRIDED_SLICE", 0, 2, [None, -3])),
        "STRIDED_SLICE",
    ),
    ("shapes", "kept axes of the last mean"): (option("MEAN", 0, keepDims=True), "MEAN"),
    ("shapes", "MEAN -> REDUCE_MAX"): (replaced("MEAN", 0, "REDUCE_MAX"), "REDUCE_MAX"),
    ("shapes", "MEAN -> SUM"): (replaced("MEAN", 0, "SUM"), "SUM"),
    ("pointwise", "sign of a subtracted constant"): (negated("ADD", 2, 1), "norm"),
    ("pointwise", "scale of a rescaling"): (constant("MUL", 0, 1, [0.25], "float32"), "rescaling"),
    ("pointwise", "RSQRT -> SQRT"): (replaced("RSQRT", 0, "SQRT"), "SQRT"),
    ("pointwise", "epsilon"): (constant("ADD", 1, 1, [1e-5], "float32"), "norm"),
    ("pointwise", "NEG dropped"): (dropped("NEG", 0), "norm"),
    ("pointwise", "axis of the mean"): (constant("MEAN", 0, 1, [-2]), "MEAN|norm"),
    ("pointwise", "EXP twice"): (twice("EXP", 0), "EXP"),
    ("pointwise", "LOG -> SQRT"): (replaced("LOG", 0, "SQRT"), "SQRT|softplus"),
    ("pointwise", "GELU dropped"): (dropped("GELU", 0), "gelu|elu"),
    ("pointwise", "ELU -> RELU"): (replaced("ELU", 0, "RELU"), "RELU"),
    ("pointwise", "ELU -> TANH"): (replaced("ELU", 0, "TANH"), "TANH"),
    ("pointwise", "order of a subtraction"): (exchanged("SUB", 0), "SUB|subtract"),
    ("pointwise", "subtracts itself"): (rewired("SUB", 0, 1, ("GELU", 0)), "SUB|elu"),
    ("pointwise", "slope"): (option("LEAKY_RELU", 0, alpha=0.1), "LEAKY_RELU|leaky"),
    ("pointwise", "LEAKY_RELU twice"): (twice("LEAKY_RELU", 0), "LEAKY_RELU"),
    ("pointwise", "activation of a hard sigmoid"): (option("FULLY_CONNECTED", 3, fusedActivationFunction=_RELU), "hard"),
    ("pointwise", "transposed not back"): (constant("TRANSPOSE", 0, 1, [0, 1, 2]), "TRANSPOSE|softmax"),
    ("tails", "EXP twice"): (twice("EXP", 0), "EXP"),
    ("tails", "LOG -> SQRT"): (replaced("LOG", 0, "SQRT"), "SQRT|softplus"),
    ("tails", "so much that all overflows"): (constant("ADD", 0, 1, [3e38], "float32"), "ADD|LOG|softplus"),
    ("tails", "half of one"): (constant("ADD", 0, 1, [0.5], "float32"), "ADD|LOG|softplus"),
    ("masked", "NOT_EQUAL -> EQUAL"): (replaced("NOT_EQUAL", 0, "EQUAL"), "EQUAL|heads"),
    ("masked", "LOGICAL_AND -> LOGICAL_OR"): (replaced("LOGICAL_AND", 1, "LOGICAL_OR"), "LOGICAL|heads"),
    ("masked", "masked by nought"): (constant("SELECT_V2", 0, 2, [0.0], "float32"), "SELECT_V2"),
    ("masked", "scale of attention"): (constant("MUL", 0, 1, [0.25], "float32"), "MUL|heads"),
    ("masked", "a row of the table"): (entry("GATHER", 0, 0, 399, 1.02), "embedding"),
    ("masked", "one weight of the queries"): (entry("FULLY_CONNECTED", 0, 1, 31, 3.0), "heads"),
    ("recurrent", "time and batch"): (constant("WHILE", 0, 3, [0.5], "float32"), "WHILE|lstm"),
}

# What reading alone did not see (measured with nothing run): running sees it.
UNREAD = {
    ("mobile", "clip dropped"),
    ("shapes", "kept axes of the last mean"),
    ("mobile", "RELU -> RELU6"),
    ("mobile", "dilation"),
    ("mobile", "dilation lost, shape kept"),
    ("mobile", "MINIMUM -> MAXIMUM"),
    ("mobile", "axes of a mean"),
    ("mobile", "softmax steeper"),
    ("shapes", "paddings exchanged"),
    ("shapes", "paddings of the other axis"),
    ("shapes", "half pixel centers"),
    ("shapes", "align corners"),
    ("shapes", "bilinear -> nearest"),
    ("shapes", "order of a concatenation"),
    ("shapes", "begin and end of a slice"),
    ("shapes", "begin mask, and the end for it"),
    ("shapes", "MEAN -> REDUCE_MAX"),
    ("shapes", "MEAN -> SUM"),
    ("pointwise", "sign of a subtracted constant"),
    ("pointwise", "RSQRT -> SQRT"),
    ("pointwise", "NEG dropped"),
    ("pointwise", "axis of the mean"),
    ("pointwise", "EXP twice"),
    ("pointwise", "LOG -> SQRT"),
    ("pointwise", "GELU dropped"),
    ("pointwise", "order of a subtraction"),
    ("pointwise", "LEAKY_RELU twice"),
    ("pointwise", "transposed not back"),
    ("masked", "NOT_EQUAL -> EQUAL"),
    ("masked", "LOGICAL_AND -> LOGICAL_OR"),
    ("masked", "masked by nought"),
}

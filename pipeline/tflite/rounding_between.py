"""A float file whose operators round otherwise: behind each stands a product with numbers that are one but for rounding.

Kernels that add in another order differ by the rounding of each operator's result, not of the network's input alone: where an
instance normalisation divides a flat picture by what little it varies, the rounding of the sums before it is what comes out.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import flatbuffer

# MUL spreads constants over so many dimensions.
_MOST = 4


def rounded_otherwise(float32: bytes, steps: Sequence[float], rng: np.random.Generator) -> bytes:
    """The file with each result of an operator up or down by a share of itself.

    Numbers are drawn for the last two dimensions of a result, and are the same along those before: as many as a picture has would
    take the memory of all activations together. Bodies of loops and branches stay as they are.

    Args:
        float32: .tflite file.
        steps: the share for each operator of the main subgraph.
        rng: which go up.
    """
    expected, content = flatbuffer.read(float32), flatbuffer.editable(float32)
    graph = content.subgraphs[expected.main]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.MUL
    code.version = 1
    content.operatorCodes.append(code)
    order: list[Any] = []
    for operator, step in zip(graph.operators, steps, strict=True):
        order.append(operator)
        for slot, index in enumerate(map(int, operator.outputs)):
            if (
                index < 0
                or graph.tensors[index].type != schema.TensorType.FLOAT32
                or len(_dimensions(graph.tensors[index])) > _MOST
            ):
                continue
            shape = _dimensions(graph.tensors[index])[-2:]
            factors = np.where(rng.random(shape) < 0.5, 1 + step, 1 - step).astype(np.float32)
            exact = _tensor(graph, graph.tensors[index].shape, graph.tensors[index].shapeSignature, 0)
            constant = _tensor(graph, np.array(shape, np.int32), None, len(content.buffers))
            content.buffers.append(schema.BufferT())
            content.buffers[-1].data = np.frombuffer(factors.tobytes(), np.uint8)
            # The number stays that of what is read, so that readers, outputs and signatures need no change.
            operator.outputs = [exact if at == slot else int(old) for at, old in enumerate(operator.outputs)]
            order.append(_product(len(content.operatorCodes) - 1, exact, constant, index))
    graph.operators = order
    return flatbuffer.packed(content)


def _dimensions(tensor: Any) -> list[int]:
    """Of a tensor; one where only a run tells."""
    shape = [] if tensor.shape is None else [int(n) for n in tensor.shape]
    signature = shape if tensor.shapeSignature is None else [int(n) for n in tensor.shapeSignature]
    return [n if free >= 0 else 1 for n, free in zip(shape, signature, strict=True)]


def _tensor(graph: Any, shape: Any, signature: Any, buffer: int) -> int:
    tensor = schema.TensorT()
    tensor.name = b"rounded;%d" % len(graph.tensors)
    tensor.shape, tensor.shapeSignature, tensor.hasRank = shape, signature, True
    tensor.type, tensor.buffer = schema.TensorType.FLOAT32, buffer
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _product(code: int, one: int, other: int, result: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, [one, other], [result]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.MulOptions, schema.MulOptionsT()
    return operator

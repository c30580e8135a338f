"""What a .tflite file says of itself: tensors, operators, signatures. Read from the flatbuffer, nothing is run."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

_DTYPES = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
_OPERATORS = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One tensor of the main subgraph. `data` are the raw bytes uint8 [n] of a constant, None for an activation."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: np.ndarray | None
    scales: np.ndarray | None
    zero_points: np.ndarray | None
    quantized_dimension: int


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator: its name and the numbers of its tensors (-1: an optional input left out)."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The subgraph a signature runs. `inputs` and `outputs` are tensor numbers by signature name."""

    signature: str
    inputs: dict[str, int]
    outputs: dict[str, int]
    tensors: list[Tensor]
    operators: list[Operator]


def read(model: bytes) -> Graph:
    """Parse the first signature's subgraph.

    Raises:
        ValueError: when these are no bytes of a .tflite file, or there is no signature.
    """
    if model[4:8] != b"TFL3":
        raise ValueError("not a .tflite file: the identifier TFL3 is missing")
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    if not content.signatureDefs:
        raise ValueError("the .tflite file has no signature")
    chosen = content.signatureDefs[0]
    subgraph = content.subgraphs[chosen.subgraphIndex]
    codes = [_operator_name(code) for code in content.operatorCodes]
    return Graph(
        signature=_text(chosen.signatureKey),
        inputs={_text(entry.name): entry.tensorIndex for entry in chosen.inputs},
        outputs={_text(entry.name): entry.tensorIndex for entry in chosen.outputs},
        tensors=[_tensor(tensor, content.buffers) for tensor in subgraph.tensors],
        operators=[
            Operator(name=codes[entry.opcodeIndex], inputs=tuple(map(int, entry.inputs)), outputs=tuple(map(int, entry.outputs)))
            for entry in subgraph.operators
        ],
    )


def activations(graph: Graph) -> list[Tensor]:
    """The tensors that hold no constant."""
    return [tensor for tensor in graph.tensors if tensor.data is None]


def constants(graph: Graph) -> list[Tensor]:
    """The tensors that hold a constant."""
    return [tensor for tensor in graph.tensors if tensor.data is not None]


def _operator_name(code: Any) -> str:
    # Files of before 2020 hold the code in the one-byte field.
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    return _text(code.customCode) if builtin == schema.BuiltinOperator.CUSTOM else _OPERATORS[builtin]


def _tensor(tensor: Any, buffers: list[Any]) -> Tensor:
    data = buffers[tensor.buffer].data
    quantization = tensor.quantization
    scaled = quantization is not None and quantization.scale is not None
    return Tensor(
        name=_text(tensor.name),
        shape=() if tensor.shape is None else tuple(map(int, tensor.shape)),
        dtype=_DTYPES[tensor.type],
        data=None if data is None or len(data) == 0 else np.asarray(data, np.uint8),
        scales=np.asarray(quantization.scale, np.float32) if scaled else None,
        zero_points=np.asarray(quantization.zeroPoint, np.int64) if scaled else None,
        quantized_dimension=int(quantization.quantizedDimension) if scaled else 0,
    )


def _text(value: bytes | str | None) -> str:
    return "" if value is None else value.decode() if isinstance(value, bytes) else value

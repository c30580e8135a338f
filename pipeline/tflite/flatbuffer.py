"""What a .tflite file says of itself: tensors, operators, signatures. Read from the flatbuffer, nothing is run."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

_DTYPES = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
_ACTIVATIONS = {value: name for name, value in vars(schema.ActivationFunctionType).items() if not name.startswith("_")}
_OPERATORS = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_NOTHING = SimpleNamespace()


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One tensor. `data` are the raw bytes uint8 [n] of a constant, None for an activation.

    `scales` float32 and `zero_points` int64: one, one for each entry of `quantized_dimension`, or with `block` > 0 one for each
    block of that many entries along that dimension, in the order of the tensor.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: np.ndarray | None
    scales: np.ndarray | None
    zero_points: np.ndarray | None
    quantized_dimension: int
    block: int = 0


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator: its name, the numbers of its tensors (-1: an optional input left out), and its options."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Subgraph:
    """A graph that an operator of another runs, such as the body of a WHILE. `inputs` and `outputs` are tensor numbers."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensors: list[Tensor]
    operators: list[Operator]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The subgraph a signature runs. `inputs` and `outputs` are tensor numbers by signature name; `subgraphs` are all of the
    file's, to which options such as `bodySubgraphIndex` point, and `main` is the number of this one among them."""

    signature: str
    inputs: dict[str, int]
    outputs: dict[str, int]
    tensors: list[Tensor]
    operators: list[Operator]
    subgraphs: list[Subgraph] = field(default_factory=list)
    main: int = 0


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
    codes = [_operator_name(code) for code in content.operatorCodes]
    buffers = [_bytes(buffer, model) for buffer in content.buffers]
    subgraphs = [_subgraph(entry, buffers, codes) for entry in content.subgraphs]
    main = subgraphs[chosen.subgraphIndex]
    return Graph(
        signature=_text(chosen.signatureKey),
        inputs={_text(entry.name): entry.tensorIndex for entry in chosen.inputs},
        outputs={_text(entry.name): entry.tensorIndex for entry in chosen.outputs},
        tensors=main.tensors,
        operators=main.operators,
        subgraphs=subgraphs,
        main=chosen.subgraphIndex,
    )


def activations(graph: Graph) -> list[Tensor]:
    """The tensors that hold no constant."""
    return [tensor for tensor in graph.tensors if tensor.data is None]


def constants(graph: Graph) -> list[Tensor]:
    """The tensors that hold a constant."""
    return [tensor for tensor in graph.tensors if tensor.data is not None]


def values(tensor: Tensor) -> np.ndarray:
    """A constant as it is stored: in its own dtype and shape; int4 and int2 unpacked to int8.

    Raises:
        ValueError: when the tensor holds no constant.
    """
    if tensor.data is None:
        raise ValueError(f"{tensor.name} holds no constant")
    count = int(np.prod(tensor.shape, dtype=np.int64))
    if tensor.dtype in ("int4", "int2"):
        bits = int(tensor.dtype[3:])
        shifts = np.arange(0, 8, bits, dtype=np.uint8)
        codes = (tensor.data[:, None] >> shifts & (2**bits - 1)).astype(np.int8).ravel()[:count]
        return np.where(codes >= 2 ** (bits - 1), codes - 2**bits, codes).astype(np.int8).reshape(tensor.shape)
    return np.frombuffer(tensor.data, np.dtype(tensor.dtype)).reshape(tensor.shape)


def spread(tensor: Tensor, parameters: np.ndarray) -> np.ndarray:
    """Scales or zero points in a shape that broadcasts against the tensor."""
    if parameters.size == 1:
        return parameters.reshape([1] * len(tensor.shape))
    if tensor.block:
        shape = [*tensor.shape]
        shape[tensor.quantized_dimension] //= tensor.block
        return np.repeat(parameters.reshape(shape), tensor.block, axis=tensor.quantized_dimension)
    return parameters.reshape([-1 if axis == tensor.quantized_dimension else 1 for axis in range(len(tensor.shape))])


def real(tensor: Tensor) -> np.ndarray:
    """A constant in real units, float64: (code - zero point) * scale, or the stored value when it is not quantized."""
    stored = values(tensor)
    if tensor.scales is None or tensor.zero_points is None:
        return stored.astype(np.float64)
    return (stored.astype(np.float64) - spread(tensor, tensor.zero_points)) * spread(tensor, tensor.scales).astype(np.float64)


def _operator_name(code: Any) -> str:
    # Files of before 2020 hold the code in the one-byte field.
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    return _text(code.customCode) if builtin == schema.BuiltinOperator.CUSTOM else _OPERATORS[builtin]


def _subgraph(entry: Any, buffers: list[np.ndarray | None], codes: list[str]) -> Subgraph:
    return Subgraph(
        name=_text(entry.name),
        inputs=tuple(map(int, entry.inputs)),
        outputs=tuple(map(int, entry.outputs)),
        tensors=[_tensor(tensor, entry.tensors, buffers) for tensor in entry.tensors],
        operators=[
            Operator(
                name=codes[operator.opcodeIndex],
                inputs=() if operator.inputs is None else tuple(map(int, operator.inputs)),
                outputs=tuple(map(int, operator.outputs)),
                options=_options(operator),
            )
            for operator in entry.operators
        ],
    )


def _options(operator: Any) -> dict[str, Any]:
    """Plain values by the schema's own names."""
    found = {**vars(operator.builtinOptions or _NOTHING), **vars(operator.builtinOptions2 or _NOTHING)}
    plain = {}
    for key, value in found.items():
        if isinstance(value, np.ndarray):
            plain[key] = value.tolist()
        elif value is None or isinstance(value, (bool, int, float, str, np.integer)):
            plain[key] = value.item() if isinstance(value, np.integer) else value
    if operator.customOptions is not None:
        plain["customOptions"] = np.asarray(operator.customOptions, np.uint8).tolist()
    if "fusedActivationFunction" in plain:
        plain["fusedActivationFunction"] = _ACTIVATIONS[plain["fusedActivationFunction"]]
    return plain


def _bytes(buffer: Any, model: bytes) -> np.ndarray | None:
    """A buffer's content; a writer may put it behind the flatbuffer, where `offset` points."""
    if buffer.offset > 1:
        return np.frombuffer(model, np.uint8, buffer.size, buffer.offset)
    return None if buffer.data is None or len(buffer.data) == 0 else np.asarray(buffer.data, np.uint8)


def _tensor(tensor: Any, tensors: list[Any], buffers: list[np.ndarray | None]) -> Tensor:
    data = buffers[tensor.buffer]
    quantization = tensor.quantization
    scales = zero_points = None
    block = dimension = 0
    if quantization is not None and quantization.scale is not None:
        scales, zero_points = np.asarray(quantization.scale, np.float32), np.asarray(quantization.zeroPoint, np.int64)
        dimension = int(quantization.quantizedDimension)
    elif quantization is not None and quantization.detailsType == schema.QuantizationDetails.BlockwiseQuantization:
        # The scales are a constant of their own, float16.
        stored = tensors[quantization.details.scales]
        scales = np.frombuffer(buffers[stored.buffer].tobytes(), np.float16).astype(np.float32)
        zero_points, block = np.zeros(1, np.int64), int(quantization.details.blockSize)
        # `quantizedDimension` does not say along which axis the blocks lie; the shape of the scales does.
        dimension = next((axis for axis, (a, b) in enumerate(zip(stored.shape, tensor.shape, strict=True)) if a != b), 0)
    return Tensor(
        name=_text(tensor.name),
        shape=() if tensor.shape is None else tuple(map(int, tensor.shape)),
        dtype=_DTYPES[tensor.type],
        data=data,
        scales=scales,
        zero_points=zero_points,
        quantized_dimension=dimension,
        block=block,
    )


def _text(value: bytes | str | None) -> str:
    return "" if value is None else value.decode() if isinstance(value, bytes) else value

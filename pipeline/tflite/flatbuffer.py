"""What a .tflite file says of itself: tensors, operators, signatures. Read from the flatbuffer, nothing is run."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import flatbuffer_verifier, well_formed

_DTYPES = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
_ACTIVATIONS = {value: name for name, value in vars(schema.ActivationFunctionType).items() if not name.startswith("_")}
_NOTHING = SimpleNamespace()
_text = well_formed.text


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One tensor. `data` are the raw bytes uint8 [n] of a constant, None for an activation.

    `scales` float32 and `zero_points` int64: one, one for each entry of `quantized_dimension`, or with `block` > 0 one for each
    block of that many entries along that dimension, in the order of the tensor. `free`: dimensions whose length only a run tells.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: np.ndarray | None
    scales: np.ndarray | None
    zero_points: np.ndarray | None
    quantized_dimension: int
    block: int = 0
    free: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator: its name, the numbers of its tensors (-1: an optional input left out), its options, and whose they are."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)
    options_type: str = ""


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
    file's, to which options such as `bodySubgraphIndex` point, and `main` is the number of this one among them.

    Files of before TensorFlow 2.5 have no signature: `signature` is empty, and inputs and outputs go by the names of their tensors.
    """

    signature: str
    inputs: dict[str, int]
    outputs: dict[str, int]
    tensors: list[Tensor]
    operators: list[Operator]
    subgraphs: list[Subgraph] = field(default_factory=list)
    main: int = 0


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that was parsed once: its content as the schema has it (`schema.ModelT`, not to be changed), and as a graph."""

    content: Any
    graph: Graph


def opened(model: bytes) -> File:
    """A file for all who look at it.

    Raises:
        ValueError: as `read`.
    """
    content = parse(model)
    return File(content=content, graph=_graph(content, model))


def read(model: bytes) -> Graph:
    """Parse the first signature's subgraph, or the first subgraph of a file without signatures.

    Raises:
        ValueError: when these are no bytes of a .tflite file, or LiteRT could not read them (`parse`).
    """
    return opened(model).graph


def _graph(content: Any, model: bytes) -> Graph:
    codes = [well_formed.operator_name(code) for code in content.operatorCodes or ()]
    buffers = [_bytes(buffer, model) for buffer in content.buffers]
    subgraphs = [_subgraph(entry, buffers, codes) for entry in content.subgraphs]
    signature, number, inputs, outputs = _ends(content, subgraphs)
    return Graph(
        signature=signature,
        inputs=inputs,
        outputs=outputs,
        tensors=subgraphs[number].tensors,
        operators=subgraphs[number].operators,
        subgraphs=subgraphs,
        main=number,
    )


def parse(model: bytes) -> Any:
    """The content as the schema has it (`schema.ModelT`), which hangs together.

    Raises:
        ValueError: in one line, when the file is damaged, or holds what LiteRT refuses or what is not read here.
    """
    flatbuffer_verifier.verify(model)
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    well_formed.check(content, len(model))
    for entry in content.signatureDefs or ():
        # To LiteRT a list left out is an empty one.
        entry.inputs, entry.outputs = entry.inputs or [], entry.outputs or []
    return content


def editable(model: bytes) -> Any:
    """The content of a file that is in order, to be changed and `packed`: schema.ModelT whose buffers hold their bytes.

    From 256 KiB of constants on litert-quantizer writes them behind the flatbuffer, at places that no longer hold once it is
    packed anew.
    """
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    for buffer in content.buffers:
        buffer.data, buffer.offset, buffer.size = _bytes(buffer, model), 0, 0
    return content


def packed(content: Any) -> bytes:
    """The bytes of a file with this content, of `editable`."""
    builder = flatbuffers.Builder(1024 + sum(len(buffer.data) for buffer in content.buffers if buffer.data is not None))
    builder.Finish(content.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def end_shapes(file: File) -> tuple[dict[str, list[int | None]], dict[str, list[int | None]]]:
    """The shapes of inputs and of outputs by name, None for a length that is free; old files only say what they were made for."""
    graph = file.graph
    tensors = file.content.subgraphs[graph.main].tensors

    def shape(number: int) -> list[int | None]:
        free = _numbers(tensors[number].shapeSignature) or _numbers(tensors[number].shape)
        return [None if length < 0 else length for length in free]

    inputs, outputs = ({name: shape(number) for name, number in side.items()} for side in (graph.inputs, graph.outputs))
    return inputs, outputs


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


def _ends(content: Any, subgraphs: list[Subgraph]) -> tuple[str, int, dict[str, int], dict[str, int]]:
    """Key and subgraph of the first signature, and its inputs and outputs: tensor numbers by name.

    Without a signature: no key, the first subgraph, its tensors by their own names, with their place where a name comes twice.
    """
    if content.signatureDefs:
        chosen = content.signatureDefs[0]
        sides = [{_text(entry.name): int(entry.tensorIndex) for entry in side} for side in (chosen.inputs, chosen.outputs)]
        return _text(chosen.signatureKey), int(chosen.subgraphIndex), sides[0], sides[1]
    return "", 0, _by_tensor(subgraphs[0], subgraphs[0].inputs), _by_tensor(subgraphs[0], subgraphs[0].outputs)


def _by_tensor(subgraph: Subgraph, numbers: tuple[int, ...]) -> dict[str, int]:
    names = [subgraph.tensors[number].name for number in numbers]
    return {
        name if names.count(name) == 1 and name else f"{name}[{place}]": number
        for place, (name, number) in enumerate(zip(names, numbers, strict=True))
    }


def _subgraph(entry: Any, buffers: list[np.ndarray | None], codes: list[str]) -> Subgraph:
    return Subgraph(
        name=_text(entry.name),
        inputs=_numbers(entry.inputs),
        outputs=_numbers(entry.outputs),
        tensors=[_tensor(tensor, entry.tensors, buffers) for tensor in entry.tensors],
        operators=[
            Operator(
                name=codes[operator.opcodeIndex],
                inputs=_numbers(operator.inputs),
                outputs=_numbers(operator.outputs),
                options=_options(operator),
                options_type=_options_type(operator),
            )
            for operator in entry.operators or ()
        ],
    )


def _numbers(values: Any) -> tuple[int, ...]:
    return () if values is None else tuple(map(int, values))


def _options(operator: Any) -> dict[str, Any]:
    """Plain values by the schema's own names."""
    found = {**vars(operator.builtinOptions or _NOTHING), **vars(operator.builtinOptions2 or _NOTHING)}
    plain = {}
    for key, value in found.items():
        if isinstance(value, np.ndarray):
            plain[key] = value.tolist()
        elif isinstance(value, bytes):
            plain[key] = value.decode(errors="backslashreplace")
        elif value is None or isinstance(value, (bool, int, float, str, np.integer)):
            plain[key] = value.item() if isinstance(value, np.integer) else value
    if operator.customOptions is not None:
        plain["customOptions"] = np.asarray(operator.customOptions, np.uint8).tolist()
    if "fusedActivationFunction" in plain:
        plain["fusedActivationFunction"] = _ACTIVATIONS[plain["fusedActivationFunction"]]
    return plain


def _options_type(operator: Any) -> str:
    """Names of the tables that hold the options, such as Conv2DOptions; "" without."""
    tables = (table for table in (operator.builtinOptions, operator.builtinOptions2) if table is not None)
    return " and ".join(type(table).__name__.removesuffix("T") for table in tables)


def _bytes(buffer: Any, model: bytes) -> np.ndarray | None:
    """A buffer's content as LiteRT finds it: `data`, or where there is none what `offset` points to, behind the flatbuffer."""
    if buffer.data is not None:
        return np.asarray(buffer.data, np.uint8)
    return np.frombuffer(model, np.uint8, buffer.size, buffer.offset) if buffer.offset > 1 else None


def _held(tensor: Any, buffers: list[np.ndarray | None]) -> np.ndarray | None:
    """The bytes of a constant: as many as its shape needs. Buffer 0 is empty, whatever it holds."""
    data = buffers[tensor.buffer] if tensor.buffer else None
    return None if data is None else data[: well_formed.needed(tensor)]


def _tensor(tensor: Any, tensors: list[Any], buffers: list[np.ndarray | None]) -> Tensor:
    quantization = tensor.quantization
    scales = zero_points = None
    block = dimension = 0
    # Blocks come before plain scales, and a float tensor has none, whatever is written there.
    if quantization is not None and quantization.detailsType == schema.QuantizationDetails.BlockwiseQuantization:
        # The scales are a constant of their own, float16.
        stored = tensors[quantization.details.scales]
        held = _held(stored, buffers)
        scales = np.frombuffer(b"" if held is None else held.tobytes(), np.float16).astype(np.float32)
        zero_points, block = np.zeros(1, np.int64), int(quantization.details.blockSize)
        # `quantizedDimension` does not say along which axis the blocks lie; the shape of the scales does.
        dimension = next((axis for axis, (a, b) in enumerate(zip(stored.shape, tensor.shape, strict=True)) if a != b), 0)
    elif well_formed.quantized(tensor):
        scales, zero_points = np.asarray(quantization.scale, np.float32), np.asarray(quantization.zeroPoint, np.int64)
        dimension = int(quantization.quantizedDimension)
    return Tensor(
        name=_text(tensor.name),
        shape=() if tensor.shape is None else tuple(map(int, tensor.shape)),
        dtype=_DTYPES[tensor.type],
        data=_held(tensor, buffers),
        scales=scales,
        zero_points=zero_points,
        quantized_dimension=dimension,
        block=block,
        free=tuple(place for place, length in enumerate(_numbers(tensor.shapeSignature)) if length < 0),
    )

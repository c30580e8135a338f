"""What quantization costs this very network: the float32 file with the formats of a quantized one put between its operators.

Simulated quantization (Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
CVPR 2018, section 3): each constant is rounded to the codes its bits allow, and behind each operator whose output is quantized in
the other file stand a QUANTIZE and a DEQUANTIZE. Dtypes are those of the other file, scales those of given ranges: the noise of the
formats flows through the network as it does in a sound file, whatever the other file's own scales are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor
from pipeline.verification import activation_scales, graph_alignment, stored_layout
from pipeline.verification.stored_values import ACTIVATIONS, FIXED

Slot = tuple[int, int]
Ranges = Mapping[int, tuple[float, float]]


class Codes(NamedTuple):
    """What the codes of an activation mean."""

    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True, kw_only=True)
class Formats:
    """What a file stores in fewer bits, by tensor of the float32 file.

    Attributes:
        constants: dtype, and the axis along which scales may differ (None: one scale), by (subgraph, tensor).
        stored: the (subgraph, tensor) of the other file that holds each of these.
        dtypes: of the activations of the main subgraph that are quantized, by number.
        groups: those of them that have one scale together, with the operator for which LiteRT fixes it ("" where it does not). One
            that is brought from the scale of one group to that of another is in both.
        read: (operator, slot) of the main subgraph where a kernel rounds a float activation as it reads it (dynamic range).
        unknown: why the file as a whole cannot be simulated; None: it can.
    """

    constants: dict[Slot, tuple[str, int | None]]
    stored: dict[Slot, Slot]
    dtypes: dict[int, str]
    groups: list[tuple[str, list[int]]]
    read: list[tuple[int, int]]
    unknown: str | None


def formats(expected: Graph, found: Graph) -> Formats:
    """What to simulate.

    Args:
        expected: the float32 file.
        found: the file in question.
    """
    aligned = graph_alignment.align(expected, found)
    constants: dict[Slot, tuple[str, int | None]] = {}
    held: dict[Slot, Slot] = {}
    for (number, index, place), (sub, tensor) in aligned.constants.items():
        stored = found.subgraphs[sub].tensors[tensor]
        operator = expected.subgraphs[number].operators[index]
        ours = expected.subgraphs[number].tensors[operator.inputs[place]]
        if ours.dtype == "float32" and (stored.dtype == "float16" or (stored.scales is not None and _bits(stored) <= 16)):
            constants[number, operator.inputs[place]] = (stored.dtype, _axis(operator, place))
            held[number, operator.inputs[place]] = (sub, tensor)
    dtypes, groups, known = _groups(expected, found, aligned)
    read = _read(expected, found, aligned)
    return Formats(
        constants=constants,
        stored=held,
        dtypes=dtypes,
        groups=groups,
        read=[(index, slot) for number, index, slot in read if number == expected.main],
        unknown=_unknown(expected, found, known, [number for number, _, _ in read]),
    )


def measured(expected: Graph, wanted: Formats) -> set[int]:
    """The tensors of the main subgraph whose ranges `simulate` needs, by number."""
    return {index for _, group in wanted.groups for index in group} | {
        expected.operators[index].inputs[slot] for index, slot in wanted.read
    }


def simulate(float32: bytes, expected: Graph, wanted: Formats, ranges: Ranges, stored: Mapping[Slot, np.ndarray]) -> bytes:
    """The float32 file with these formats.

    Args:
        float32: .tflite file.
        expected: the same, read.
        wanted: of `formats`.
        ranges: least and greatest value of the activations of the main subgraph by number, as far as known; others stay in float.
        stored: constants in real units, by (subgraph, tensor), that are taken as they are instead of being rounded here.
    """
    content = flatbuffer.editable(float32)
    for (number, index), (dtype, axis) in wanted.constants.items():
        tensor = content.subgraphs[number].tensors[index]
        values = stored.get((number, index))
        if values is None:
            values = _rounded(expected.subgraphs[number].tensors[index], dtype, axis)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
        tensor.buffer = len(content.buffers)
        content.buffers.append(buffer)
    graph = content.subgraphs[expected.main]
    editor = _Editor(content, graph)
    behind = {index: codes for index, codes in _codes(wanted, ranges).items() if expected.tensors[index].dtype == "float32"}
    made = {int(index): place for place, operator in enumerate(graph.operators) for index in operator.outputs}
    reads: dict[int, list[tuple[int, int]]] = {}
    for place, slot in wanted.read:
        reads.setdefault(place, []).append((place, slot))
    order: list[Any] = []
    for index in [number for number in behind if number not in made]:
        rounded = editor.rounded(index, behind[index], order)
        for operator in graph.operators:
            operator.inputs = [rounded if int(old) == index else int(old) for old in operator.inputs]
    for place, operator in enumerate(graph.operators):
        for _, slot in reads.get(place, ()):
            index = expected.operators[place].inputs[slot]
            if index in ranges:
                scale, zero = activation_scales.parameters(*ranges[index], "int8")
                operator.inputs = list(map(int, operator.inputs))
                operator.inputs[slot] = editor.rounded(int(operator.inputs[slot]), Codes("int8", scale, zero), order)
        order.append(operator)
        for slot, index in enumerate(map(int, operator.outputs)):
            if index in behind:
                # The number stays that of what is read, so that readers, outputs and signatures need no change.
                exact = editor.tensor(graph.tensors[index], schema.TensorType.FLOAT32)
                operator.outputs = [exact if at == slot else int(old) for at, old in enumerate(operator.outputs)]
                editor.rounded(exact, behind[index], order, into=index)
    graph.operators = order
    return flatbuffer.packed(content)


class _Editor:
    """Adds tensors and conversions to a subgraph."""

    def __init__(self, content: Any, graph: Any) -> None:
        self._content, self._graph = content, graph
        self._codes: dict[int, int] = {}

    def tensor(self, like: Any, dtype: int, codes: Codes | None = None) -> int:
        tensor = schema.TensorT()
        tensor.name = b"%s;%d" % (like.name or b"", len(self._graph.tensors))
        tensor.shape, tensor.shapeSignature, tensor.hasRank = like.shape, like.shapeSignature, like.hasRank
        tensor.type, tensor.buffer = dtype, 0
        if codes is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [codes.scale], [codes.zero_point]
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def rounded(self, index: int, codes: Codes, order: list[Any], *, into: int | None = None) -> int:
        """The number of a tensor, new unless it is given, that holds what another does in these codes."""
        like = self._graph.tensors[index]
        held = self.tensor(like, getattr(schema.TensorType, codes.dtype.upper()), codes)
        back = self.tensor(like, schema.TensorType.FLOAT32) if into is None else into
        order.append(self._operator(schema.BuiltinOperator.QUANTIZE, index, held))
        order.append(self._operator(schema.BuiltinOperator.DEQUANTIZE, held, back))
        return back

    def _operator(self, code: int, before: int, after: int) -> Any:
        if code not in self._codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode = entry.deprecatedBuiltinCode = code
            # Newer versions take int16.
            entry.version = 2
            self._codes[code] = len(self._content.operatorCodes)
            self._content.operatorCodes.append(entry)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self._codes[code], [before], [after]
        return operator


def _codes(wanted: Formats, ranges: Ranges) -> dict[int, Codes]:
    """What each activation's codes mean; of two scales it passes through, the coarser decides."""
    found: dict[int, Codes] = {}
    for writer, group in wanted.groups:
        known = [ranges[index] for index in group if index in ranges]
        between = min((low for low, _ in known), default=0.0), max((high for _, high in known), default=0.0)
        for index in group if known else ():
            codes = _fixed(writer, wanted.dtypes[index])
            if codes is None:
                codes = Codes(wanted.dtypes[index], *activation_scales.parameters(*between, wanted.dtypes[index]))
            if index not in found or codes.scale > found[index].scale:
                found[index] = codes
    return found


def _fixed(writer: str, dtype: str) -> Codes | None:
    """The codes that LiteRT fixes for what an operator writes."""
    if writer not in FIXED:
        return None
    narrow, wide, zero = FIXED[writer]
    return Codes(dtype, wide, 0) if dtype == "int16" else Codes(dtype, narrow, zero + 128 * (dtype == "uint8"))


def _groups(
    expected: Graph, found: Graph, aligned: graph_alignment.Alignment
) -> tuple[dict[int, str], list[tuple[str, list[int]]], set[Slot]]:
    """`dtypes` and `groups` of `Formats`, and which tensors of the found file these are."""
    names = activation_scales.names(expected, found, aligned.tensors)
    ours = {tensor.name: number for number, tensor in enumerate(expected.tensors) if tensor.data is None}
    # Those of the found file: what a QUANTIZE brings to another scale is no longer fixed.
    writers = {(found.main, index): operator.name for operator in found.operators for index in operator.outputs}
    of: dict[Slot, int] = {slot: ours[name] for slot, name in names.items() if slot[0] == found.main and name in ours}
    dtypes: dict[int, str] = {}
    for slot, number in of.items():
        tensor = found.tensors[slot[1]]
        if tensor.scales is not None and tensor.dtype in ACTIVATIONS:
            # A tensor may be there in two widths: what reads the narrow one has its noise.
            dtypes[number] = min(tensor.dtype, dtypes.get(number, tensor.dtype), key=lambda dtype: np.iinfo(dtype).bits)
    groups: list[tuple[str, list[int]]] = []
    known: set[Slot] = set()
    for slots in activation_scales.groups(found):
        members = list(dict.fromkeys(of[slot] for slot in slots if slot in of and of[slot] in dtypes))
        known.update(slot for slot in slots if slot in of)
        if members:
            groups.append((next((writers[slot] for slot in slots if writers.get(slot) in FIXED), ""), members))
    return dtypes, groups, known


def _quantized(found: Graph) -> set[Slot]:
    weights = {(number, index) for number, sub in enumerate(found.subgraphs) for index in stored_layout.of_constants(sub)}
    return {
        (number, index)
        for number, subgraph in enumerate(found.subgraphs)
        for index, tensor in enumerate(subgraph.tensors)
        if tensor.data is None and tensor.scales is not None and tensor.dtype in ACTIVATIONS
    } - weights


def _unknown(expected: Graph, found: Graph, known: set[Slot], reading: Iterable[int]) -> str | None:
    """Why the noise of a file cannot be simulated; None: it can."""
    names = {operator.name for subgraph in found.subgraphs for operator in subgraph.operators}
    if fused := sorted(names & operators.RECURRENT):
        return f"{fused[0]} rounds between its own steps"
    if any(number != expected.main for number in reading):
        return "a loop rounds what it reads at each step"
    if _quantized(found) - known:
        return "it has quantized tensors that the float32 file does not have"
    return None


def _read(expected: Graph, found: Graph, aligned: graph_alignment.Alignment) -> list[tuple[int, int, int]]:
    """(subgraph, operator, slot) of the float32 file where a kernel of the other rounds a float activation as it reads it."""
    rows = []
    for (number, index), (sub, at) in aligned.operators.items():
        theirs, row = found.subgraphs[sub].operators[at], operators.of(expected.subgraphs[number].operators[index].name)
        if row.kernel is None or len(theirs.inputs) <= max(row.kernel, row.data):
            continue
        kernel, data = (found.subgraphs[sub].tensors[theirs.inputs[slot]] for slot in (row.kernel, row.data))
        if kernel.scales is not None and kernel.dtype.startswith("int") and data.dtype == "float32":
            rows.append((number, index, row.data))
    return rows


def _axis(operator: Operator, place: int) -> int | None:
    row = operators.of(operator.name)
    return row.axis if place == row.kernel else None


def _bits(tensor: Tensor) -> int:
    return stored_layout.bits_of(tensor.dtype)


def steps(values: np.ndarray, dtype: str, axis: int | None) -> np.ndarray:
    """The steps of symmetric codes that hold the largest value: float64, for each channel along `axis`, or one."""
    others = tuple(at for at in range(values.ndim) if at != axis) if axis is not None else None
    peak = np.abs(values).max(axis=others, keepdims=True, initial=0).astype(np.float64)
    return np.where(peak > 0, peak / stored_layout.limits(f"int{stored_layout.bits_of(dtype)}")[1], 1.0)


def _rounded(tensor: Tensor, dtype: str, axis: int | None) -> np.ndarray:
    """A constant as these bits hold it: symmetric codes, each channel with its own scale."""
    values = flatbuffer.real(tensor).astype(np.float32)
    if dtype == "float16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16).astype(np.float32)
    scale = steps(values, dtype, axis)
    return (np.rint(values / scale) * scale).astype(np.float32)

"""Does what a .tflite file says of itself fit together: every number points at something, every constant has its bytes.

These are LiteRT's own conditions for building an interpreter (`interpreter_builder.cc`, `subgraph.cc`), and a few of which it takes
for granted what would end the process. A file that breaks one of them cannot be run, and what it holds cannot be said.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import operators

VERSION = 3
# Bits of an entry, for the dtypes whose constants can be read.
BITS = {
    "FLOAT32": 32, "FLOAT16": 16, "FLOAT64": 64, "COMPLEX64": 64, "COMPLEX128": 128, "BOOL": 8,
    "INT64": 64, "INT32": 32, "INT16": 16, "INT8": 8, "INT4": 4, "INT2": 2, "UINT64": 64, "UINT32": 32, "UINT16": 16, "UINT8": 8,
}  # fmt: skip
_TYPES = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
_ACTIVATIONS = {value for name, value in vars(schema.ActivationFunctionType).items() if not name.startswith("_")}
_OPERATORS = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
# No memory holds more entries; beyond it sizes overflow.
_MOST_ENTRIES = 2**40


def check(content: Any, size: int) -> None:
    """Check the content of a .tflite file.

    Args:
        content: schema.ModelT of a verified file.
        size: its bytes.

    Raises:
        ValueError: with the first thing that does not fit, in one line.
    """
    for reason in _reasons(content, size):
        raise ValueError(reason)


def _reasons(content: Any, size: int) -> Iterator[str]:
    if content.version != VERSION:
        yield f"the file has schema version {content.version}; LiteRT reads {VERSION}"
    if not content.subgraphs or content.buffers is None:
        yield "the file is damaged: it has no subgraph, or no list of buffers"
    yield from _texts(content)
    for number, buffer in enumerate(content.buffers):
        if buffer.data is None and buffer.offset > 1 and buffer.offset + buffer.size > size:
            yield f"the file is damaged or cut off: buffer {number} ends at byte {buffer.offset + buffer.size:,} of {size:,}"
    for number, code in enumerate(content.operatorCodes or ()):
        builtin = operator_code(code)
        if builtin not in _OPERATORS:
            yield f"operator code {number} is {builtin}, which the schema does not know"
        elif builtin == schema.BuiltinOperator.CUSTOM and not code.customCode:
            yield f"operator code {number} is a custom operator without a name"
    for number, entry in enumerate(content.subgraphs):
        yield from _subgraph(content, number, entry)
    yield from _circle(content)
    for entry in content.signatureDefs or ():
        yield from _signature(content, entry)
    for entry in content.metadata or ():
        if entry.buffer >= len(content.buffers):
            yield f"metadata {text(entry.name)!r} lies in buffer {entry.buffer} of {len(content.buffers)}"


def operator_code(code: Any) -> int:
    """The number of an operator's type; files of before 2020 hold it in the one-byte field."""
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def operator_name(code: Any) -> str:
    """An operator's type by the schema's name, or by its own when it is a custom one."""
    builtin = operator_code(code)
    return text(code.customCode) if builtin == schema.BuiltinOperator.CUSTOM else _OPERATORS[builtin]


def text(value: bytes | str | None) -> str:
    """A name of the schema, "" when there is none."""
    return "" if value is None else value.decode() if isinstance(value, bytes) else value


def _texts(content: Any) -> Iterator[str]:
    """Names must be text without a zero byte, at which LiteRT ends them."""
    named: list[tuple[str, Any]] = [("the description", content.description)]
    named += [("a custom operator's name", code.customCode) for code in content.operatorCodes or ()]
    named += [("a name of metadata", entry.name) for entry in content.metadata or ()]
    for subgraph in content.subgraphs:
        named.append(("a subgraph's name", subgraph.name))
        named += [("a tensor's name", tensor.name) for tensor in subgraph.tensors or ()]
    for signature in content.signatureDefs or ():
        named.append(("a signature's key", signature.signatureKey))
        named += [("a name of the signature", entry.name) for entry in (*(signature.inputs or ()), *(signature.outputs or ()))]
    for what, value in named:
        if isinstance(value, bytes):
            if b"\0" in value:
                yield f"the file is damaged: {what} holds a zero byte: {value[:40]!r}"
            try:
                value.decode()
            except UnicodeDecodeError:
                yield f"the file is damaged: {what} is no text: {value[:40]!r}"


def _subgraph(content: Any, number: int, subgraph: Any) -> Iterator[str]:
    where = f"subgraph {number}"
    if subgraph.tensors is None:
        yield f"the file is damaged: {where} has no tensors"
    count = len(subgraph.tensors)
    yield from _numbers(subgraph.inputs, count, f"an input of {where}")
    yield from _numbers(subgraph.outputs, count, f"an output of {where}")
    for index, tensor in enumerate(subgraph.tensors):
        yield from _tensor(content, subgraph, tensor, f"tensor {index} of {where} ({text(tensor.name)})")
    for index, operator in enumerate(subgraph.operators or ()):
        yield from _operator(content, operator, subgraph.tensors, f"operator {index} of {where}")


def _numbers(numbers: Sequence[int] | None, count: int, what: str, *, least: int = 0) -> Iterator[str]:
    for number in () if numbers is None else numbers:
        if not least <= number < count:
            yield f"{what} is tensor {number}; there are {count}"


def _operator(content: Any, operator: Any, tensors: Sequence[Any], what: str) -> Iterator[str]:
    codes, count = content.operatorCodes or (), len(tensors)
    if not 0 <= operator.opcodeIndex < len(codes):
        yield f"{what} is of type {operator.opcodeIndex}; there are {len(codes)}"
    # -1 is an optional input left out.
    yield from _numbers(operator.inputs, count, f"an input of {what}", least=-1)
    yield from _numbers(operator.outputs, count, f"an output of {what}")
    yield from _numbers(operator.intermediates, count, f"an intermediate of {what}", least=-1)
    name = operator_name(codes[operator.opcodeIndex])
    yield from _shapes(content, operator, tensors, operators.of(name), f"{what}, {name},")
    for union in ("builtinOptions", "builtinOptions2"):
        options = getattr(operator, union)
        if getattr(options, "fusedActivationFunction", 0) not in _ACTIVATIONS:
            yield f"{what}, {name}, has activation {options.fusedActivationFunction}, which the schema does not know"
    for key, target in runs(operator):
        if not 0 <= target < len(content.subgraphs):
            yield f"{what}, {name}, has {key} {target}; there are {len(content.subgraphs)} subgraphs"


def _shapes(content: Any, operator: Any, tensors: Sequence[Any], row: operators.OperatorType, what: str) -> Iterator[str]:
    """The tensors that an operator cannot do without, and the rank of its kernel."""
    inputs = () if operator.inputs is None else operator.inputs
    needed = (row.data, row.kernel or 0) if row.kernel is not None or row.converts or row.moves or row.recurrent else ()
    if any(slot >= len(inputs) or inputs[slot] < 0 for slot in needed):
        yield f"{what} lacks an input it cannot do without"
    if row.name and not row.subgraphs and (operator.outputs is None or not len(operator.outputs)):
        yield f"{what} has no output"
    if row.kernel is not None:
        # That of a kernel which is computed need not be known.
        kernel = tensors[inputs[row.kernel]]
        if stored(content, kernel) is not None and row.layout and len(_shape(kernel)) != len(row.layout):
            yield f"{what} has a kernel of shape {_shape(kernel)}"


def _shape(tensor: Any) -> list[int]:
    return [] if tensor.shape is None else [int(length) for length in tensor.shape]


def runs(operator: Any) -> Iterator[tuple[str, int]]:
    """The subgraphs that an operator runs, by the name of its option; -1, where the schema has it for none, is left out."""
    for options in (operator.builtinOptions, operator.builtinOptions2):
        for key, value in {} if options is None else vars(options).items():
            if "ubgraphInd" in key or key == "subgraph":
                yield from ((key, int(number)) for number in np.atleast_1d([] if value is None else value))


def _circle(content: Any) -> Iterator[str]:
    """A subgraph that runs itself would never end."""
    below = [{target for operator in subgraph.operators or () for _, target in runs(operator)} for subgraph in content.subgraphs]
    for start in range(len(below)):
        reached: set[int] = set()
        todo = list(below[start])
        while todo:
            number = todo.pop()
            if number not in reached and 0 <= number < len(below):
                reached.add(number)
                todo += below[number]
        if start in reached:
            yield f"subgraph {start} runs itself"


def _signature(content: Any, entry: Any) -> Iterator[str]:
    if not 0 <= entry.subgraphIndex < len(content.subgraphs):
        yield f"a signature runs subgraph {entry.subgraphIndex}; there are {len(content.subgraphs)}"
    if entry.signatureKey is None:
        yield "the file is damaged: a signature has no key"
    count = len(content.subgraphs[entry.subgraphIndex].tensors)
    for row in (*(entry.inputs or ()), *(entry.outputs or ())):
        if row.name is None:
            yield "the file is damaged: an input or output of the signature has no name"
        if not 0 <= row.tensorIndex < count:
            yield f"{text(row.name)} of the signature is tensor {row.tensorIndex}; there are {count}"


def _tensor(content: Any, subgraph: Any, tensor: Any, what: str) -> Iterator[str]:
    if tensor.type not in _TYPES:
        yield f"{what} has dtype {tensor.type}, which the schema does not know"
    if not 0 <= tensor.buffer < len(content.buffers):
        yield f"{what} lies in buffer {tensor.buffer}; there are {len(content.buffers)}"
    if tensor.externalBuffer:
        yield f"{what} lies in another file, which is not read"
    shape = _shape(tensor)
    if any(length < 0 for length in shape) or math.prod(shape) > _MOST_ENTRIES:
        yield f"{what} has shape {shape}"
    held = stored(content, tensor)
    if held is not None:
        yield from _constant(tensor, held, what)
    yield from _quantization(content, subgraph, tensor, shape, what)


def stored(content: Any, tensor: Any) -> int | None:
    """Bytes of the constant that LiteRT sees in a tensor, None for none: buffer 0 is empty, and `data` comes before `offset`."""
    buffer = content.buffers[tensor.buffer]
    if tensor.buffer == 0 or (buffer.data is None and buffer.offset <= 1):
        return None
    return int(buffer.size) if buffer.data is None else len(buffer.data)


def needed(tensor: Any) -> int:
    """Bytes that a constant of this dtype and shape has; int4 and int2 are packed."""
    return -(-math.prod(_shape(tensor)) * BITS[_TYPES[tensor.type]] // 8)


def quantized(tensor: Any) -> bool:
    """Whether a tensor has scales that LiteRT looks at: those of floats it does not."""
    scale = None if tensor.quantization is None else tensor.quantization.scale
    return scale is not None and len(scale) > 0 and _TYPES[tensor.type].startswith(("INT", "UINT"))


def _constant(tensor: Any, held: int, what: str) -> Iterator[str]:
    if tensor.sparsity is not None:
        yield f"{what} is stored sparsely, which is not read"
    name = _TYPES[tensor.type]
    if name not in BITS:
        yield f"{what} is a constant of dtype {name.lower()}, which is not read"
    elif held < needed(tensor):
        yield f"{what} has {held:,} bytes; {name.lower()} {_shape(tensor)} needs {needed(tensor):,}"


def _quantization(content: Any, subgraph: Any, tensor: Any, shape: list[int], what: str) -> Iterator[str]:
    quantization = tensor.quantization
    if quantization is None:
        return
    if quantization.detailsType:
        yield from _blocks(content, subgraph, quantization, shape, what)
        return
    if quantization.scale is None or not len(quantization.scale):
        return
    scales, zeros = len(quantization.scale), 0 if quantization.zeroPoint is None else len(quantization.zeroPoint)
    axis = quantization.quantizedDimension
    if scales != zeros:
        yield f"{what} has {scales} scales and {zeros} zero points"
    if axis < 0 or axis >= max(len(shape), 1):
        yield f"{what} has scales along axis {axis} of {len(shape)}"
    elif scales != 1 and (not shape or scales != shape[axis]):
        yield f"{what} has {scales} scales along axis {axis} of shape {shape}"


def _blocks(content: Any, subgraph: Any, quantization: Any, shape: list[int], what: str) -> Iterator[str]:
    """Scales of blocks are a constant of their own, float16, with one entry for each block."""
    details = quantization.details
    if quantization.detailsType != schema.QuantizationDetails.BlockwiseQuantization or details is None:
        yield f"{what} is quantized in a way that is not read"
    if not 0 <= details.scales < len(subgraph.tensors) or not -1 <= details.zeroPoints < len(subgraph.tensors):
        yield f"{what} has its scales in tensor {details.scales} and its zero points in {details.zeroPoints}"
    scales = subgraph.tensors[details.scales]
    count = _shape(scales)
    blocks = [axis for axis, (a, b) in enumerate(zip(count, shape, strict=False)) if a * details.blockSize == b and a != b]
    same = sum(a == b for a, b in zip(count, shape, strict=False))
    readable = scales.buffer < len(content.buffers) and stored(content, scales) is not None
    if _TYPES.get(scales.type) != "FLOAT16" or not readable or scales.sparsity is not None:
        yield f"{what} has no constant of float16 for the scales of its blocks"
    if details.blockSize < 1 or len(count) != len(shape) or not (len(blocks) == 1 and same == len(shape) - 1):
        yield f"{what} has blocks of {details.blockSize} and scales of shape {count} for its shape {shape}"

"""What is wrong with a .tflite file by itself, whatever network it holds: order of execution, ends, and what can be read two ways.

LiteRT runs such a file, or one of its interfaces does; each fault changes what comes out, or will on another runtime. Conditions
without which nothing can be read at all are in `tflite.well_formed`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import operators, well_formed
from pipeline.tflite.flatbuffer import Graph, Subgraph

# Operators with a state that lives from one call to the next; the others must not read what an earlier call has left.
_STATEFUL = frozenset(
    ("UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN",
     "BIDIRECTIONAL_SEQUENCE_RNN", "RNN", "SVDF")
)  # fmt: skip

Row = tuple[str | None, str]


def faults(content: Any, found: Graph, expected: Graph) -> list[Row]:
    """What is wrong with a file: name of the tensor (None: the file as a whole) and reason of each, causes first.

    Args:
        content: of the file in question, as `flatbuffer.parse` has it.
        found: the same, of `flatbuffer.read`.
        expected: the float32 file, whose order of inputs and outputs is the right one.
    """
    rows = [*_buffers(content), *_signatures(content, found), *_options(found, expected, content)]
    for number, subgraph in enumerate(content.subgraphs):
        rows += _tensors(subgraph, content)
        rows += order(found.subgraphs[number], _given(found, number), _held(content, number))
    if content.signatureDefs:
        rows += [*_plain(found, expected)]
        if all(entry.subgraphIndex for entry in content.signatureDefs):
            rows.append((None, f"the signature runs subgraph {found.main}, and LiteRT without the signature subgraph 0"))
    return list(dict.fromkeys(rows))


def _buffers(content: Any) -> Iterator[Row]:
    for number, buffer in enumerate(content.buffers):
        inside = 0 if buffer.data is None else len(buffer.data)
        outside = buffer.size if buffer.offset > 1 else 0
        if number == 0 and (inside or outside):
            yield None, f"buffer 0 holds {inside + outside:,} bytes; LiteRT takes it as empty, and so what is stored there is lost"
        elif buffer.data is not None and buffer.offset > 1:
            users = [tensor for subgraph in content.subgraphs for tensor in subgraph.tensors if tensor.buffer == number]
            name = well_formed.text(users[0].name) if users else None
            yield (
                name,
                f"buffer {number} holds {inside:,} bytes inside and {outside:,} behind the file's tables: which counts is not said",
            )


def _signatures(content: Any, found: Graph) -> Iterator[Row]:
    keys = [well_formed.text(entry.signatureKey) for entry in content.signatureDefs or ()]
    if keys.count(found.signature) > 1:
        yield None, f"{keys.count(found.signature)} signatures have the key {found.signature}"
    for entry in (content.signatureDefs or ())[:1]:
        for side, rows in (("input", entry.inputs), ("output", entry.outputs)):
            for name, count in Counter(well_formed.text(row.name) for row in rows).items():
                if count > 1:
                    yield None, f"the signature has {count} {side}s with the name {name}: only one of them can be asked for"
        if not entry.outputs:
            yield None, "the signature has no output"


def _options(found: Graph, expected: Graph, content: Any) -> Iterator[Row]:
    """Options of another type of operator: LiteRT takes the defaults instead."""
    right = {(operator.name, operator.options_type) for graph in expected.subgraphs for operator in graph.operators}
    known = {name for name, _ in right}
    for number, subgraph in enumerate(found.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            kind = operator.options_type
            if kind and operator.name in known and (operator.name, kind) not in right:
                yield _name(subgraph, operator.outputs), f"{operator.name} has {kind}, the options of another operator"
            raw = content.subgraphs[number].operators[index]
            if raw.customOptions is not None and len(raw.customOptions) and _builtin(content, raw):
                yield _name(subgraph, operator.outputs), f"{operator.name} has custom options, which only a custom operator reads"


def _builtin(content: Any, operator: Any) -> bool:
    return well_formed.operator_code(content.operatorCodes[operator.opcodeIndex]) != schema.BuiltinOperator.CUSTOM


def _name(subgraph: Subgraph, numbers: Sequence[int]) -> str | None:
    return subgraph.tensors[numbers[0]].name if numbers else None


def _tensors(subgraph: Any, content: Any) -> Iterator[Row]:
    stateful = {
        int(number)
        for operator in subgraph.operators or ()
        if _type(content, operator) in _STATEFUL and operator.inputs is not None
        for number in operator.inputs
    }
    for number, tensor in enumerate(subgraph.tensors):
        name = well_formed.text(tensor.name)
        shape = [] if tensor.shape is None else list(map(int, tensor.shape))
        free = [] if tensor.shapeSignature is None else list(map(int, tensor.shapeSignature))
        held = well_formed.stored(content, tensor)
        if tensor.isVariable and (held is not None or number not in stateful):
            yield name, "is marked as a variable, which keeps its values from call to call; no operator that reads it has a state"
        if free and (len(free) != len(shape) or any(a not in (-1, b) for a, b in zip(free, shape, strict=True))):
            yield name, f"has shape {shape}, and {free} where its free lengths are said"
        if held is not None and held > well_formed.needed(tensor):
            yield name, f"has {held:,} bytes where its shape {shape} needs {well_formed.needed(tensor):,}"
        yield from ((name, reason) for reason in _scales(tensor))


def _scales(tensor: Any) -> Iterator[str]:
    quantization = tensor.quantization
    scale = None if quantization is None or quantization.scale is None else np.asarray(quantization.scale)
    if scale is None or not scale.size:
        return
    if quantization.detailsType:
        yield "has scales of its own and scales of blocks: which count is not said"
    elif not well_formed.quantized(tensor):
        yield "is no integer, but has a scale"
    elif not (np.isfinite(scale).all() and (scale >= 0).all()):
        # Of a channel without weights some quantizers write the scale 0.
        yield f"has the scale {scale[~(np.isfinite(scale) & (scale >= 0))][0]:.6g}"


def _type(content: Any, operator: Any) -> str:
    return well_formed.operator_name(content.operatorCodes[operator.opcodeIndex])


def _given(found: Graph, number: int) -> set[int]:
    """Tensors of a subgraph that hold values before it runs: its inputs."""
    return {*found.subgraphs[number].inputs, *(found.inputs.values() if number == found.main else ())}


def _held(content: Any, number: int) -> set[int]:
    """Tensors that nobody needs to write: variables, those of no entries, and those that buffer 0 should have filled."""
    return {
        index
        for index, tensor in enumerate(content.subgraphs[number].tensors)
        if tensor.isVariable or (tensor.shape is not None and 0 in tensor.shape) or (not tensor.buffer and _lost(content))
    }


def _lost(content: Any) -> bool:
    first = content.buffers[0] if content.buffers else None
    return first is not None and (bool(first.data is not None and len(first.data)) or first.offset > 1)


def order(subgraph: Subgraph, given: set[int], held: set[int]) -> Iterator[Row]:
    """Operators run in the order of the list: each may read what is given or was written before, and a tensor is written once.

    Args:
        subgraph: any of the file's.
        given: its inputs.
        held: tensors that are no constant and need no writer.
    """
    name = [tensor.name for tensor in subgraph.tensors]
    constants = {index for index, tensor in enumerate(subgraph.tensors) if tensor.data is not None}
    writers: dict[int, str] = {}
    for operator in subgraph.operators:
        for number in operator.outputs:
            writers.setdefault(number, operator.name)
    written: set[int] = set()
    for operator in subgraph.operators:
        for number in operator.inputs:
            if number < 0 or number in constants | given | held | written:
                continue
            late = f" before {writers[number]} has written it" if number in writers else ", and no operator writes it"
            yield name[number], f"{operator.name} reads it{late}"
        for number in operator.outputs:
            if number in written:
                yield name[number], f"{operator.name} writes it, and so does {writers[number]}"
            elif number in constants:
                yield name[number], f"{operator.name} writes it, and it is a constant"
            elif number in given:
                yield name[number], f"{operator.name} writes it, and it is an input"
            written.add(number)
    for number in subgraph.inputs:
        if number in constants:
            yield name[number], "is an input, and a constant"
    if len(set(subgraph.inputs)) < len(subgraph.inputs):
        yield None, "one tensor is two inputs"
    for number in subgraph.outputs:
        if number not in constants | given | held | written:
            yield name[number], "is an output, and no operator writes it"


def _plain(found: Graph, expected: Graph) -> Iterator[Row]:
    """LiteRT's plain interface goes by the lists of the subgraph, the signature by its own: both must mean the same values."""
    main = found.subgraphs[found.main]
    written = {number for operator in main.operators for number in operator.outputs} | {*main.inputs, *found.inputs.values()}
    for name, number in found.outputs.items():
        if number not in written and main.tensors[number].data is None:
            yield main.tensors[number].name, f"is output {name} of the signature, and no operator writes it"
    for side in ("inputs", "outputs"):
        named: dict[str, int] = getattr(found, side)
        listed: tuple[int, ...] = getattr(main, side)
        order, wanted = _order(found, side), _order(expected, side)
        values = {_value(found, number) for number in named.values()}
        if {_value(found, number) for number in listed} != values or len(listed) not in (len(named), len(values)):
            theirs, ours = ([main.tensors[number].name for number in numbers] for numbers in (listed, named.values()))
            yield None, f"{side} without the signature are {', '.join(theirs)}; by the signature {', '.join(ours)}"
        elif set(named) == set(getattr(expected, side)) and order != wanted:
            yield None, f"{side} without the signature come in the order {', '.join(order)}; expected {', '.join(wanted)}"


def _order(graph: Graph, side: str) -> list[str]:
    """Names of the signature in the order of the subgraph's list; a tensor may have several."""
    named: dict[str, int] = getattr(graph, side)
    return [
        " or ".join(sorted(name for name, at in named.items() if _value(graph, at) == _value(graph, number)))
        for number in getattr(graph.subgraphs[graph.main], side)
    ]


def _value(graph: Graph, number: int) -> int:
    """The tensor whose values, in another format, a tensor of the main graph holds."""
    made = {output: operator for operator in graph.operators for output in operator.outputs}
    seen: set[int] = set()
    while number in made and made[number].name in operators.CONVERSIONS and number not in seen:
        seen.add(number)
        number = made[number].inputs[0]
    return number

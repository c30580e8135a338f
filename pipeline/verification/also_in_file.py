"""What else a .tflite file holds beside the network that was compared: in plain words, one line each."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import idle_state, operators, well_formed
from pipeline.tflite.flatbuffer import Graph


def lines(content: Any, found: Graph, expected: Graph) -> list[str]:
    """Everything that no check speaks of; "not compared" where it can change what somebody runs.

    Args:
        content: of the file in question, as `flatbuffer.parse` has it.
        found: the same, of `flatbuffer.read`.
        expected: the float32 file.
    """
    return [
        *_signatures(content, found, expected),
        *_operators(content),
        *_state(found),
        *_unused(content),
        *_notes(content),
    ]


def reached(content: Any, start: int) -> set[int]:
    """Numbers of the subgraphs that one runs, itself among them."""
    found, todo = {start}, [start]
    while todo:
        for operator in content.subgraphs[todo.pop()].operators or ():
            fresh = {target for _, target in well_formed.runs(operator)} - found
            found |= fresh
            todo += fresh
    return found


def _signatures(content: Any, found: Graph, expected: Graph) -> Iterator[str]:
    for entry in (content.signatureDefs or ())[1:]:
        yield f"signature {well_formed.text(entry.signatureKey)}, which runs subgraph {entry.subgraphIndex}: not compared"
    inside = reached(content, found.main)
    for number, subgraph in enumerate(content.subgraphs):
        if number not in inside:
            count = len(subgraph.operators or ())
            without = ", which LiteRT runs without a signature" if number == 0 else ""
            yield f"subgraph {number} {well_formed.text(subgraph.name)} of {count} operators{without}: not compared"
    for side in ("inputs", "outputs"):
        if set(getattr(found, side)) != set(getattr(expected, side)):
            yield from _order(found, side)


def orders(found: Graph) -> Iterator[str]:
    """The orders of inputs and of outputs without the signature, for a float32 file: the network does not say which is right."""
    for side in ("inputs", "outputs"):
        yield from _order(found, side)


def _order(found: Graph, side: str) -> Iterator[str]:
    named: dict[str, int] = getattr(found, side)
    if found.signature and len(named) > 1:
        places = getattr(found.subgraphs[found.main], side)
        order = [next((name for name, at in named.items() if at == number), "another") for number in places]
        yield f"without the signature, {side} come in the order {', '.join(order)}: not compared"


def _operators(content: Any) -> Iterator[str]:
    codes = content.operatorCodes or ()
    used = Counter(operator.opcodeIndex for subgraph in content.subgraphs for operator in subgraph.operators or ())
    for number, code in enumerate(codes):
        if well_formed.operator_code(code) == schema.BuiltinOperator.CUSTOM and used[number]:
            yield f"custom operator {well_formed.operator_name(code)}, {used[number]} of them: what it computes is not compared"
    unused = [well_formed.operator_name(code) for number, code in enumerate(codes) if not used[number]]
    if unused:
        yield f"operator types that are not used: {', '.join(unused)}"
    state = sorted(
        {
            _name(content, operator)
            for subgraph in content.subgraphs
            for operator in subgraph.operators or ()
            if len(_numbers(operator.intermediates)) and _name(content, operator) in operators.RECURRENT
        }
    )
    if state:
        yield f"scales between the gates of {', '.join(state)}: not compared"
    versions = {f"{well_formed.operator_name(code)} {code.version}" for code in codes if code.version != 1}
    if versions:
        yield f"operator versions: {', '.join(sorted(versions))}"


def _state(found: Graph) -> Iterator[str]:
    count = len(idle_state.operators(found))
    if count:
        yield f"{count} operators for variables that no output depends on"


def _name(content: Any, operator: Any) -> str:
    return well_formed.operator_name(content.operatorCodes[operator.opcodeIndex])


def _unused(content: Any) -> Iterator[str]:
    used = {tensor.buffer for subgraph in content.subgraphs for tensor in subgraph.tensors}
    used |= {0, *(entry.buffer for entry in content.metadata or ()), *map(int, _numbers(content.metadataBuffer))}
    sizes = [_size(buffer) for number, buffer in enumerate(content.buffers) if number not in used]
    if sum(sizes):
        yield f"{sum(size > 0 for size in sizes)} buffers that nothing uses: {sum(sizes):,} bytes"
    idle = 0
    for subgraph in content.subgraphs:
        seen = {int(number) for side in (subgraph.inputs, subgraph.outputs) for number in _numbers(side)}
        for operator in subgraph.operators or ():
            for numbers in (operator.inputs, operator.outputs, operator.intermediates):
                seen |= {int(number) for number in _numbers(numbers)}
        for tensor in subgraph.tensors:
            if tensor.quantization is not None and tensor.quantization.details is not None:
                seen.add(tensor.quantization.details.scales)
        idle += sum(number not in seen for number in range(len(subgraph.tensors)))
    if idle:
        yield f"{idle} tensors that no operator uses"
    sparse = sum(tensor.sparsity is not None for subgraph in content.subgraphs for tensor in subgraph.tensors)
    if sparse:
        yield f"{sparse} tensors without a constant that are said to be sparse, which LiteRT does not read"
    external = len(content.externalBuffers or ())
    if external:
        yield f"{external} buffers of other files, which nothing uses"


def _notes(content: Any) -> Iterator[str]:
    if content.description:
        yield f"description: {well_formed.text(content.description)}"
    for entry in content.metadata or ():
        name, size = well_formed.text(entry.name), _size(content.buffers[entry.buffer])
        yield f"metadata {name}, {size:,} bytes"


def _numbers(values: Any) -> Any:
    return () if values is None else values


def _size(buffer: Any) -> int:
    return int(buffer.size) if buffer.data is None else len(buffer.data)

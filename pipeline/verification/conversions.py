"""Operators that only bring values into another format: does each have a purpose, and does its format hold what it is given?

They are looked through when files are laid beside each other, so nothing else judges them. What sound files have (1,100 files of
litert-quantizer 0.11 and TensorFlow 2.21, all schemes) and why:

- float to integers where an operator wants integers, and back where one, or the caller, wants float: at the ends, and around
  operators without an integer kernel. There and back again with nothing between is only in networks trained with fake
  quantization, to the integers that their float32 file brings the same values to (`trained_rounding`);
- int8 to uint8 or back, of one scale: at the ends;
- integers of one scale to another: in front of operators that put values together or choose among them (CONCATENATION, MAXIMUM)
  and want one scale for all; the other readers of the tensor then read it, too. And between 8 and 16 bits. The new format holds the
  range of the old one, unless all readers give values of a smaller range (SELECT, slices; MAXIMUM never the lower part, MINIMUM
  never the upper one), which is that of their own output; or the old one is no range of values, but what a kernel prescribes: a
  fixed scale (TANH), or that of an input whose values were chosen or averaged;
- constants to float.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor
from pipeline.verification import number_words, stored_layout, trained_rounding
from pipeline.verification.graph_alignment import Alignment, Place

# A range may be short of another by this many of its steps: both were rounded.
_STEPS = 1.0
# What they make has the scale of what they read, and may have a smaller range.
_NARROWS = operators.CHOOSES | operators.LARGEST | operators.SMALLEST | {"AVERAGE_POOL_2D", "RESIZE_BILINEAR"}


def needless(expected: Graph, found: Graph, aligned: Alignment) -> Iterator[tuple[Place, str]]:
    """Conversions without a purpose, and those that clip.

    Args:
        expected: the float32 file.
        found: the file in question.
        aligned: what corresponds.

    Yields:
        (subgraph, operator) of the conversion, and what is wrong with it.
    """
    trained = trained_rounding.held(expected, found, aligned)
    for number, subgraph in enumerate(found.subgraphs):
        graph = _Readers(subgraph=subgraph, readers=_readers(subgraph))
        yield from (((number, index), reason) for index, reason in _twice(graph))
        for index, operator in enumerate(subgraph.operators):
            if operator.name not in operators.CONVERSIONS or not operator.inputs:
                continue
            for reason in _faults(graph, operator, {tensor for other, tensor in trained if other == number}):
                yield (number, index), reason


@dataclass(frozen=True, kw_only=True)
class _Readers:
    """A subgraph, and the operators that read each of its tensors; None stands for the caller."""

    subgraph: Subgraph
    readers: dict[int, list[Operator | None]]


def _readers(subgraph: Subgraph) -> dict[int, list[Operator | None]]:
    found: dict[int, list[Operator | None]] = {}
    for operator in subgraph.operators:
        for tensor in dict.fromkeys(operator.inputs):
            found.setdefault(tensor, []).append(operator)
    for tensor in subgraph.outputs:
        found.setdefault(tensor, []).append(None)
    return found


def _faults(graph: _Readers, operator: Operator, trained: Set[int]) -> Iterator[str]:
    """What is wrong with a conversion; `trained` tensors are what the network's own rounding makes."""
    tensors = graph.subgraph.tensors
    before, after = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
    again = [
        reader
        for reader in graph.readers.get(operator.outputs[0], [])
        if reader is not None
        and reader.name in operators.CONVERSIONS
        and not trained & {operator.inputs[0], operator.outputs[0], reader.outputs[0]}
    ]
    there = before.scales is None and after.scales is not None
    back = before.scales is not None and after.scales is None
    if before.data is not None:
        yield from (f"{operator.name} of a constant is followed by {reader.name}" for reader in again)
    elif there or back:
        turns = [reader for reader in again if (tensors[reader.outputs[0]].scales is None) == (before.scales is None)]
        if turns:
            yield f"{before.name} is brought to {after.dtype} and back with nothing between: {operator.name}, {turns[0].name}"
    elif before.scales is not None and after.scales is not None:
        yield from _requantized(graph, operator, before, after)


def _twice(graph: _Readers) -> Iterator[tuple[int, str]]:
    """Float tensors that are quantized in two ways to one dtype, though no operator asks for one of them."""
    tensors = graph.subgraph.tensors
    seen: dict[tuple[int, str], Tensor] = {}
    for index, operator in enumerate(graph.subgraph.operators):
        if operator.name != "QUANTIZE" or not operator.inputs:
            continue
        before, after = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
        if before.scales is not None or any(
            reader is not None and _asks(reader, tensors, after) for reader in _ends(graph, operator.outputs[0])
        ):
            continue
        first = seen.setdefault((operator.inputs[0], after.dtype), after)
        if stored_layout.value_range(first) != stored_layout.value_range(after):
            yield index, f"{before.name} is quantized twice: {_words(first)} and {_words(after)}"


def _words(tensor: Tensor) -> str:
    low, high = stored_layout.value_range(tensor)
    return f"{low:.6g} to {high:.6g}"


def _requantized(graph: _Readers, operator: Operator, before: Tensor, after: Tensor) -> Iterator[str]:
    """Integers to integers."""
    low, high = stored_layout.value_range(before)
    least, most = stored_layout.value_range(after)
    short = _STEPS * max(_step(before), _step(after))
    readers = _ends(graph, operator.outputs[0])
    if _step(before) == _step(after) and abs(low - least) <= short and abs(high - most) <= short:
        return
    asking = [reader for reader in readers if reader is not None and _asks(reader, graph.subgraph.tensors, after)]
    if stored_layout.bits_of(before.dtype) == stored_layout.bits_of(after.dtype) and not asking:
        words = number_words.distinct(_step(after), _step(before))
        yield f"{before.name} gets another scale, {words[0]} instead of {words[1]}, and nothing that reads it asks for one"
        return
    if _is_prescribed(graph.subgraph, operator.inputs[0]):
        return
    # What is smaller is a range that they have themselves.
    names = {reader.name for reader in asking} if len(asking) == len(readers) else {""}
    unused = {
        "below": names <= operators.CHOOSES | operators.LARGEST,
        "above": names <= operators.CHOOSES | operators.SMALLEST,
    }
    clips = []
    if before.dtype == "int16":
        # 16 bits are symmetric around zero: values may reach so far on one side only.
        if max(-least, most) < high - short and not any(unused.values()):
            clips = [f"beyond {max(-least, most):.6g}"]
    else:
        clips += [f"below {least:.6g}"] if least > low + short and not unused["below"] else []
        clips += [f"above {most:.6g}"] if most < high - short and not unused["above"] else []
    if clips:
        yield f"{before.name}, {low:.6g} to {high:.6g}, is clipped {' and '.join(clips)}"


def _is_prescribed(subgraph: Subgraph, tensor: int) -> bool:
    """Whether a tensor's scale is what a kernel asks for, and not made for its values."""
    makers = {output: operator for operator in subgraph.operators for output in operator.outputs}
    maker = makers.get(tensor)
    # A damaged file's operators may go in a circle.
    for _ in subgraph.operators:
        if maker is None or maker.name not in operators.MOVES - _NARROWS or not maker.inputs:
            break
        maker = makers.get(maker.inputs[0])
    return maker is not None and (maker.name in _NARROWS or operators.of(maker.name).fixed is not None)


def _asks(reader: Operator, tensors: Sequence[Tensor], after: Tensor) -> bool:
    """Whether an operator wants this scale and zero point: it has them in its output, too."""
    return reader.name in operators.SHARES and any(
        stored_layout.value_range(tensors[output]) == stored_layout.value_range(after) for output in reader.outputs
    )


def _ends(graph: _Readers, tensor: int) -> list[Operator | None]:
    """The operators that read a tensor, conversions looked through."""
    found: list[Operator | None] = []
    todo = [tensor]
    # A damaged file's conversions may go in a circle.
    seen = {tensor}
    while todo:
        for reader in graph.readers.get(todo.pop(), []):
            if reader is not None and reader.name in operators.CONVERSIONS:
                fresh = [output for output in reader.outputs if output not in seen]
                todo += fresh
                seen.update(fresh)
            else:
                found.append(reader)
    return found


def _step(tensor: Tensor) -> float:
    return 0.0 if tensor.scales is None else float(tensor.scales[0])

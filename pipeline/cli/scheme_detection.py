"""Which scheme a .tflite file is of, by its dtypes alone: for a file of which nothing is said."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from pipeline.quantization.schemes import Scheme
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph
from pipeline.verification import file_format, stored_values

MIXED = "mixed"
_FORMATTING = ("QUANTIZE", "DEQUANTIZE")


class Format(NamedTuple):
    """How an operator with a kernel is stored and computed: what `Scheme` says of a network."""

    weights: str
    activations: str
    computes: str


_FLOAT = Format("float32", "float32", "float")


def detect(found: Graph, known: Mapping[str, Scheme]) -> tuple[str | None, str]:
    """The scheme whose formats the file has.

    A file is of a scheme when operators with a kernel have its formats and the others those that the scheme allows beside them
    (float32, and int8 where there is no int4 kernel). Operators of several schemes make a mixed file.

    Args:
        found: the file.
        known: schemes by name; of those with the same formats the first is taken, or the one that allows float operators where the
            file has some.

    Returns:
        The name, None when there is no such scheme; and how it was found or why not, in words.
    """
    found = _without_rounding(found)
    present = _formats(found)
    if not present:
        return None, "it has no operator with a kernel, and its dtypes alone do not say"
    fits = [
        name
        for name, scheme in known.items()
        if _of(scheme) in present
        and all(_allowed(scheme, form) for form in present)
        and not file_format.faults(found, scheme, None)
    ]
    # A scheme that promises integers leaves no operator in float; where there is none the promise was kept.
    fits.sort(key=lambda name: known[name].integer_only == (_FLOAT in present))
    if fits:
        others = f" (the same as those of {', '.join(fits[1:])})" if fits[1:] else ""
        return fits[0], f"found from its dtypes{others}"
    names = {form: next((name for name, scheme in known.items() if _of(scheme) == form), None) for form in sorted(present)}
    stranger = next((form for form, name in names.items() if name is None), None)
    if stranger is not None:
        return None, f"no scheme has {stranger.weights} weights with {stranger.activations} activations"
    if len(names) > 1 and MIXED in known and not file_format.faults(found, known[MIXED], None):
        return MIXED, f"its operators are of {', '.join(str(name) for name in names.values())}"
    return None, "what its operators with a kernel are and what else it holds are of different schemes"


def _without_rounding(found: Graph) -> Graph:
    """The file without float values that are brought to integers and straight back: training with fake quantization leaves that.

    It says nothing of how operators are stored; whether it is the network's is not asked here.
    """
    subgraphs = [_straight(subgraph) for subgraph in found.subgraphs]
    return replace(found, subgraphs=subgraphs, tensors=subgraphs[found.main].tensors, operators=subgraphs[found.main].operators)


def _straight(subgraph: Subgraph) -> Subgraph:
    tensors = list(subgraph.tensors)
    start = {
        one.outputs[0]: one.inputs[0]
        for one in subgraph.operators
        if one.name == "QUANTIZE" and tensors[one.inputs[0]].scales is None
    }
    readers = [(one, number) for one in subgraph.operators for number in one.inputs if number in start]
    kept = {number for one, number in readers if one.name != "DEQUANTIZE"} | set(subgraph.outputs)
    pairs = {one.outputs[0]: start[number] for one, number in readers if number not in kept}
    gone = {number for one, number in readers if one.outputs[0] in pairs}
    for number in gone:
        tensors[number] = replace(tensors[number], dtype="float32", scales=None, zero_points=None)
    operators = []
    for one in subgraph.operators:
        if not {*one.outputs} & (gone | pairs.keys()):
            operators.append(replace(one, inputs=tuple(pairs.get(number, number) for number in one.inputs)))
    return replace(subgraph, tensors=tensors, operators=operators)


def _of(scheme: Scheme) -> Format:
    return Format(scheme.weights, scheme.activations, scheme.computes)


def _allowed(scheme: Scheme, form: Format) -> bool:
    """Whether an operator of this format may stand in a file of the scheme."""
    if form in (_of(scheme), _FLOAT):
        return True
    wider = file_format.WIDER.get(scheme.weights, ())
    return form.weights in wider and (form.activations, form.computes) == (scheme.activations, scheme.computes)


def _formats(found: Graph) -> set[Format]:
    """Of all operators with a constant kernel; of a file without any, its one format where that is plain."""
    forms = set()
    for subgraph in found.subgraphs:
        makers = {output: operator for operator in subgraph.operators for output in operator.outputs}
        for operator in subgraph.operators:
            form = _format(operator, subgraph, makers)
            if form is not None:
                forms.add(form)
    return forms or _without_kernels(found)


def _format(operator: Operator, subgraph: Subgraph, makers: Mapping[int, Operator]) -> Format | None:
    if operator.name not in stored_values.KERNELS:
        return None
    at, _, data = stored_values.KERNELS[operator.name]
    kernel = operator.inputs[at]
    # float16 and weight-only files bring their weights to float32 first.
    stored = makers[kernel].inputs[0] if kernel in makers and makers[kernel].name == "DEQUANTIZE" else kernel
    weights, activations = subgraph.tensors[stored], subgraph.tensors[operator.inputs[data]].dtype
    if weights.data is None:
        return None
    integer = subgraph.tensors[kernel].scales is not None and stored == kernel
    return Format(weights.dtype, activations, "integer" if integer else "float")


def _without_kernels(found: Graph) -> set[Format]:
    """Only moving, adding and activating: static when every operator makes integers of one kind, else float."""
    tensors = [tensor for subgraph in found.subgraphs for tensor in subgraph.tensors]
    halves = any(tensor.dtype == "float16" for tensor in tensors)
    if not any(tensor.scales is not None for tensor in tensors):
        return {Format("float16", "float32", "float")} if halves else {_FLOAT}
    made = {
        subgraph.tensors[output].dtype
        for subgraph in found.subgraphs
        for operator in subgraph.operators
        if operator.name not in _FORMATTING
        for output in operator.outputs
    }
    return {Format("int8", made.pop(), "integer")} if made in ({"int8"}, {"int16"}) else set()

"""Is a file what its name says: dtypes of weights, activations, inputs and outputs."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from pipeline.quantization.schemes import Scheme
from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Subgraph
from pipeline.verification import stored_layout, stored_values
from pipeline.verification.graph_alignment import Place
from pipeline.verification.tensor_origin import Slot

# What has no int4 kernel gets an int8 one, and a search may choose any.
WIDER = {"int4": ("int8",), "any": ("int4", "int8", "float16")}


def faults(found: Graph, scheme: Scheme | None, io_dtype: str | None, *, already: Set[str] = frozenset()) -> list[tuple[str, str]]:
    """Tensors whose dtype is not what the variant says: name and reason of each.

    Args:
        found: the file in question.
        scheme: what it is meant to be; None: not said, and so not checked.
        io_dtype: dtype of inputs and outputs it is meant to have; None: not said.
        already: names of tensors that are quantized in the network itself, by fake quantization.
    """
    rows = [] if io_dtype is None else list(_ends(found, io_dtype))
    rows += [row for subgraph in found.subgraphs for row in _between(subgraph)]
    if scheme is None:
        return rows
    for number, subgraph in enumerate(found.subgraphs):
        rows += [*_weights(subgraph, scheme), *_hybrid(subgraph, scheme)]
        # An operator that the engine cannot quantize may stay in float: those without a kernel, and three-dimensional convolutions.
        if scheme.integer_only and io_dtype in ("int8", "int16"):
            rows += _left_with_kernel(subgraph)
        ends = {*found.inputs.values(), *found.outputs.values()} if number == found.main else set()
        rows += [row for row in _tensors(subgraph, scheme, ends) if row[0] not in already]
    return rows


def _ends(found: Graph, io_dtype: str) -> Iterator[tuple[str, str]]:
    for name, number in {**found.inputs, **found.outputs}.items():
        dtype = found.tensors[number].dtype
        # Integer inputs such as tokens have no real units and keep their dtype.
        if dtype != io_dtype and (dtype in ("float32", "float16") or found.tensors[number].scales is not None):
            yield found.tensors[number].name, f"{name} is {dtype}; the variant says {io_dtype}"


def _between(subgraph: Subgraph) -> Iterator[tuple[str, str]]:
    """Operators that read numbers as if they were of another format: no kernel converts on the way."""
    for operator in subgraph.operators:
        row = operators.of(operator.name)
        if row.converts or row.subgraphs or row.recurrent or operator.name == "CAST":
            continue
        outputs = [subgraph.tensors[number] for number in operator.outputs]
        if not any(tensor.dtype == "float32" or tensor.scales is not None for tensor in outputs):
            continue
        for number in operator.inputs:
            tensor = None if number < 0 else subgraph.tensors[number]
            if tensor is None or tensor.dtype not in ("float16", "float32", *stored_values.ACTIVATIONS):
                continue
            # Weights may be integers beside float data; data may not.
            mixed = tensor.data is None and (tensor.dtype == "float32") != (outputs[0].dtype == "float32")
            if (tensor.dtype == "float16" and outputs[0].dtype != "float16") or (
                mixed and (tensor.scales is not None or outputs[0].scales is not None)
            ):
                yield outputs[0].name, f"{operator.name} reads {tensor.dtype} and writes {outputs[0].dtype}"


def _weights(subgraph: Subgraph, scheme: Scheme) -> Iterator[tuple[str, str]]:
    allowed = {scheme.weights, "float32", *WIDER.get(scheme.weights, ())}
    for operator in subgraph.operators:
        if operator.name in stored_values.KERNELS:
            kernel = subgraph.tensors[operator.inputs[stored_values.KERNELS[operator.name][0]]]
            if kernel.data is not None and kernel.dtype not in allowed:
                yield kernel.name, f"weights are {kernel.dtype}; the variant says {scheme.weights}"


def _hybrid(subgraph: Subgraph, scheme: Scheme) -> Iterator[tuple[str, str]]:
    """Operators that quantize their data as it comes, where weights are to be brought to float32 first."""
    if scheme.computes != "float":
        return
    for operator in subgraph.operators:
        if operator.name in stored_values.KERNELS:
            place, _, data = stored_values.KERNELS[operator.name]
            kernel = subgraph.tensors[operator.inputs[place]]
            if kernel.scales is not None and subgraph.tensors[operator.inputs[data]].dtype == "float32":
                yield kernel.name, f"{operator.name} computes with {kernel.dtype} weights; the variant says in float"


def _left_with_kernel(subgraph: Subgraph) -> Iterator[tuple[str, str]]:
    for operator in subgraph.operators:
        if operator.name in stored_values.KERNELS and operators.of(operator.name).quantizer is not None:
            data = subgraph.tensors[operator.inputs[stored_values.KERNELS[operator.name][2]]]
            if data.dtype.startswith("float"):
                output = subgraph.tensors[operator.outputs[0]]
                yield output.name, f"{operator.name} computes in {data.dtype}; the variant says integers"


def _tensors(subgraph: Subgraph, scheme: Scheme, ends: set[int]) -> Iterator[tuple[str, str]]:
    stored = stored_layout.of_constants(subgraph)
    for index, tensor in enumerate(subgraph.tensors):
        if tensor.scales is None or (index in stored and scheme.weights.startswith("int")):
            continue
        if scheme.activations == "float32" and index not in ends and tensor.data is None:
            yield tensor.name, f"an activation is {tensor.dtype}; the variant says float32"
        elif scheme.weights in ("float32", "float16") and tensor.data is not None:
            yield tensor.name, f"is quantized to {tensor.dtype}; the variant says {scheme.weights}"


def without_scale(expected: Graph, found: Graph, tensors: Mapping[Slot, Slot]) -> list[tuple[str, str]]:
    """Integers that stand for real numbers, and do not say by which scale: name and reason of each.

    Args:
        expected, found: the float32 file, and the file in question.
        tensors: what corresponds (`graph_alignment.Alignment.tensors`).
    """
    rows = []
    # An end may be read through operators that change its format: it is no tensor of those that were laid beside each other.
    ends = {
        (expected.main, ours[name]): (found.main, theirs[name])
        for ours, theirs in ((expected.inputs, found.inputs), (expected.outputs, found.outputs))
        for name in ours
        if name in theirs
    }
    for (subgraph, number), (other, place) in (*ends.items(), *tensors.items()):
        wanted, tensor = expected.subgraphs[subgraph].tensors[number], found.subgraphs[other].tensors[place]
        if wanted.dtype == "float32" and tensor.scales is None and not tensor.dtype.startswith(("float", "bfloat")):
            rows.append((tensor.name, f"is {tensor.dtype} without a scale; expected real numbers"))
    return list(dict.fromkeys(rows))


def left_in_float(found: Graph, layers: Mapping[Place, Sequence[str]]) -> list[dict[str, Any]]:
    """Operators that compute in float between integers: the engine knows no integer kernel for them.

    Args:
        found: the file in question.
        layers: paths of layers by its operators.

    Returns:
        `operator` and `layers` of each.
    """
    rows = []
    for number, subgraph in enumerate(found.subgraphs):
        integers = any(tensor.scales is not None and tensor.data is None for tensor in subgraph.tensors)
        for index, operator in enumerate(subgraph.operators):
            dtypes = {subgraph.tensors[output].dtype for output in operator.outputs}
            if integers and dtypes & {"float32", "float16"} and operator.name not in operators.CONVERSIONS:
                rows.append({"operator": operator.name, "layers": layers.get((number, index), [])})
    return rows


def dtypes(graph: Graph) -> dict[str, Any]:
    """What the file holds: entries of constants and number of activations by dtype, and the dtype of each input and output."""
    stored: dict[str, int] = {}
    between: dict[str, int] = {}
    for subgraph in graph.subgraphs:
        for tensor in subgraph.tensors:
            if tensor.data is not None:
                stored[tensor.dtype] = stored.get(tensor.dtype, 0) + int(np.prod(tensor.shape, dtype=np.int64))
            else:
                between[tensor.dtype] = between.get(tensor.dtype, 0) + 1
    ends = {name: graph.tensors[number].dtype for name, number in {**graph.inputs, **graph.outputs}.items()}
    return {
        "constants": dict(sorted(stored.items())),
        "activations": dict(sorted(between.items())),
        "io_dtypes": dict(sorted(ends.items())),
    }


def histogram(graph: Graph) -> dict[str, int]:
    """How many operators of each name the file holds, all subgraphs."""
    counts: dict[str, int] = {}
    for subgraph in graph.subgraphs:
        for operator in subgraph.operators:
            counts[operator.name] = counts.get(operator.name, 0) + 1
    return dict(sorted(counts.items()))


def narrowest(found: Graph) -> tuple[str, str]:
    """The narrowest weights and activations of operators with a kernel; without one, float32."""
    pairs = []
    for subgraph in found.subgraphs:
        for operator in subgraph.operators:
            if operator.name in stored_values.KERNELS:
                kernel, _, data = stored_values.KERNELS[operator.name]
                pairs.append((subgraph.tensors[operator.inputs[kernel]], subgraph.tensors[operator.inputs[data]]))
    order = ("int2", "int4", "int8", "float16", "int16", "float32")
    weights = {kernel.dtype for kernel, _ in pairs} | {t.dtype for t in flatbuffer.constants(found) if t.dtype == "float16"}
    between = {data.dtype for _, data in pairs}
    return next((d for d in order if d in weights), "float32"), next((d for d in order if d in between), "float32")

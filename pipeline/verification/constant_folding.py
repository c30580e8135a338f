"""What the constants of a converted file must be: the constant parts of the network's graph, recomputed in float64.

A converter evaluates what depends on constants only. It is done here again, from gamma, beta, mean, variance and epsilon, with a
bound on how far float32 arithmetic may be from the exact result (`rounded_arithmetic`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.verification import fake_quantization
from pipeline.verification.rounded_arithmetic import ARITHMETIC, UNIT, Constant


def evaluate(
    nodes: Sequence[Mapping[str, Any]], constants: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]
) -> dict[str, Constant]:
    """Every tensor of the graph that depends on constants and variables only.

    Args:
        nodes: of `inference_graph.read`, each behind what it reads.
        constants: its second result.
        weights: variables by path.

    Returns:
        Constants by reference "node:output". Operations unknown here are left out, and what reads them.
    """
    found: dict[str, Constant] = {}
    for node in nodes:
        name, op = node["name"], node["op"]
        if op in ("Variable", "Const"):
            array = weights[node["path"]] if op == "Variable" else constants[name]
            variables = frozenset([node["path"]]) if op == "Variable" else frozenset()
            found[f"{name}:0"] = Constant(value=_wide(array), variables=variables, nodes=())
        elif node["inputs"] and all(reference in found for reference in node["inputs"]):
            inputs = [found[reference] for reference in node["inputs"]]
            for number, constant in enumerate(_apply(node, inputs)):
                found[f"{name}:{number}"] = constant
    return found


def _apply(node: Mapping[str, Any], inputs: Sequence[Constant]) -> Iterator[Constant]:
    """The results of an operation on constants; nothing when it is unknown."""
    variables = frozenset().union(*(constant.variables for constant in inputs))
    made = (*(name for constant in inputs for name in constant.nodes), node["name"])
    for value, error in _results(node, inputs):
        yield Constant(value=value, error=error if np.any(error) else 0.0, variables=variables, nodes=made)


def _results(node: Mapping[str, Any], inputs: Sequence[Constant]) -> Iterator[tuple[np.ndarray, Any]]:
    """Value and error of each result."""
    op = node["op"]
    if op in ARITHMETIC and all(np.issubdtype(constant.value.dtype, np.number) for constant in inputs):
        value, error = ARITHMETIC[op](*inputs)
        yield value, error if np.issubdtype(value.dtype, np.floating) else 0.0
    elif op in fake_quantization.OPS:
        yield fake_quantization.rounded(node, inputs)
    elif op in _REDUCTIONS and np.issubdtype(inputs[0].value.dtype, np.number):
        yield _reduced(node, inputs)
    elif op in ("ConcatV2", "Pack"):
        yield _joined(node, inputs)
    elif op in ("Split", "SplitV", "Unpack"):
        yield from _parts(node, inputs)
    else:
        arrays = [constant.value for constant in inputs]
        moved = _moved(arrays[0], arrays, node)
        if moved is not None:
            error = inputs[0].error
            if np.ndim(error):
                spread = np.broadcast_to(error, arrays[0].shape)
                error = _moved(spread, [spread, *arrays[1:]], node)
            yield moved, error


# What the ranges of fake quantization may be computed with.
_REDUCTIONS: dict[str, Callable[..., Any]] = {"Max": np.max, "Min": np.min, "Sum": np.sum, "Mean": np.mean}


def _reduced(node: Mapping[str, Any], inputs: Sequence[Constant]) -> tuple[np.ndarray, np.ndarray | float]:
    """A reduction over axes. The largest is off by no more than any is; a sum of n by n roundings (Higham, section 4.2)."""
    data, op = inputs[0], node["op"]
    how: dict[str, Any] = {
        "axis": tuple(int(axis) for axis in np.ravel(inputs[1].value)),
        "keepdims": bool(node["attributes"].get("keep_dims")),
    }
    value = np.asarray(_REDUCTIONS[op](data.value, **how))
    if not np.issubdtype(value.dtype, np.floating):
        return value, 0.0
    errors = np.broadcast_to(data.error, data.value.shape)
    if op in ("Max", "Min"):
        return value, np.asarray(np.max(errors, **how))
    count = data.value.size / max(1, value.size)
    return value, np.asarray(_REDUCTIONS[op](errors + count * UNIT * np.abs(data.value), **how))


def _joined(node: Mapping[str, Any], inputs: Sequence[Constant]) -> tuple[np.ndarray, np.ndarray]:
    parts = inputs[:-1] if node["op"] == "ConcatV2" else inputs
    axis = int(inputs[-1].value) if node["op"] == "ConcatV2" else int(node["attributes"].get("axis", 0))
    join = np.concatenate if node["op"] == "ConcatV2" else np.stack
    errors = [np.broadcast_to(constant.error, constant.value.shape) for constant in parts]
    return join([constant.value for constant in parts], axis=axis), join(errors, axis=axis)


def _parts(node: Mapping[str, Any], inputs: Sequence[Constant]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    op = node["op"]
    data = inputs[1] if op == "Split" else inputs[0]
    if op == "Split":
        axis, spots = int(inputs[0].value), node["attributes"]["num_split"]
    elif op == "SplitV":
        axis, spots = int(inputs[2].value), np.cumsum(inputs[1].value)[:-1]
    else:
        axis = int(node["attributes"].get("axis", 0))
        spots = data.value.shape[axis]
    errors = np.broadcast_to(data.error, data.value.shape)
    for value, error in zip(np.split(data.value, spots, axis), np.split(errors, spots, axis), strict=True):
        yield (value.squeeze(axis), error.squeeze(axis)) if op == "Unpack" else (value, error)


def _moved(value: Any, inputs: Sequence[Any], node: Mapping[str, Any]) -> np.ndarray | None:
    """Operations that only move entries about: `value` and `inputs[1:]` as arrays; None where the operation is another."""
    op, attributes = node["op"], node["attributes"]
    if op == "Reshape":
        return value.reshape([int(entry) for entry in inputs[1]])
    if op == "Fill":
        return np.full([int(length) for length in value], inputs[1])
    if op == "Squeeze":
        return np.squeeze(value, tuple(attributes.get("squeeze_dims") or ()) or None)
    if op == "ExpandDims":
        return np.expand_dims(value, int(inputs[1]))
    if op == "Transpose":
        return np.transpose(value, inputs[1])
    if op == "BroadcastTo":
        return np.broadcast_to(value, inputs[1])
    if op == "Tile":
        return np.tile(value, inputs[1])
    if op in ("GatherV2", "Gather"):
        return np.take(value, inputs[1], axis=int(inputs[2]) if len(inputs) > 2 else 0)
    if op == "StridedSlice":
        return _strided_slice(value, *inputs[1:], **attributes)
    if op == "Cast":
        return value.astype(np.dtype("float64" if "float" in attributes["DstT"] else attributes["DstT"]))
    return None


def _strided_slice(value: np.ndarray, begin: Any, end: Any, strides: Any, **masks: Any) -> np.ndarray | None:
    if masks.get("ellipsis_mask") or masks.get("new_axis_mask"):
        return None
    index: list[Any] = []
    for i, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        if masks.get("shrink_axis_mask", 0) >> i & 1:
            index.append(int(first))
        else:
            low = None if masks.get("begin_mask", 0) >> i & 1 else int(first)
            high = None if masks.get("end_mask", 0) >> i & 1 else int(last)
            index.append(slice(low, high, int(step)))
    return value[tuple(index)]


def _wide(array: np.ndarray) -> np.ndarray:
    """Floats of any width as float64; views of the network's own float32 are made wide only where they are computed with."""
    return array.astype(np.float64) if array.dtype.kind == "f" and array.size <= 65536 else array

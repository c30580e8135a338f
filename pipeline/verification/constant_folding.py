"""What the constants of a converted file must be: the constant parts of the network's graph, recomputed in float64.

A converter evaluates what depends on constants only, and moves multiplications and additions by constants into the kernel
and bias of the linear operation beside them. Both are done here again, from gamma, beta, mean, variance and epsilon, with a
bound on how far float32 arithmetic may be from the exact result.

The bound is the running error analysis of Higham, Accuracy and Stability of Numerical Algorithms (2nd ed., section 3.3):
each float32 operation adds half a unit in the last place of its result to what its operands carry.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Unit roundoff of float32, doubled: the order of operations is the converter's choice.
UNIT = 2.0**-23
# Eigen's vectorised reciprocal square root is within two units of the exact result.
_RSQRT_UNITS = 2

_PASS = ("Reshape", "Squeeze", "ExpandDims", "BatchToSpaceND", "SpaceToBatchND", "Identity")
_LONGEST_RUN = 8


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A constant of the graph: `value` in its own shape (float64 for floats), the bound `error` of the same shape on what float32
    arithmetic does to it (0: bit for bit), the variables it depends on and the operations that made it."""

    value: np.ndarray
    error: np.ndarray | float = 0.0
    variables: frozenset[str] = frozenset()
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Affine:
    """y = scale * x + offset by channel, both float64 [channels] or [1], with error bounds, variables and operations."""

    scale: Constant
    offset: Constant
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A linear operation with a constant kernel, and what stands before and after it: one entry for each way to fold.

    `kernel` has TensorFlow's layout; `axes` are the kernel's axes that make up the output channels, in order.
    """

    node: str
    op: str
    kernel: Constant
    axes: tuple[int, ...]
    before: list[Affine]
    after: list[Affine]


@dataclass(frozen=True, kw_only=True)
class Operand:
    """A constant that an operation reads as it is, or after merging a run of operations of the same kind (`steps`)."""

    constant: Constant
    steps: tuple[str, ...]


def _unary(
    function: Callable[[np.ndarray], np.ndarray], slope: Callable[[np.ndarray, np.ndarray], np.ndarray], units: float
) -> Any:
    def apply(a: Constant) -> tuple[np.ndarray, Any]:
        with np.errstate(divide="ignore", invalid="ignore"):
            value = function(a.value)
            return value, np.abs(slope(a.value, value)) * a.error + units * UNIT * np.abs(value)

    return apply


def _add(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    value = a.value + b.value
    return value, a.error + b.error + UNIT * np.abs(value)


def _subtract(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    value = a.value - b.value
    return value, a.error + b.error + UNIT * np.abs(value)


def _multiply(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    value = a.value * b.value
    return value, np.abs(a.value) * b.error + np.abs(b.value) * a.error + UNIT * np.abs(value)


def _divide(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = a.value / b.value
        return value, (a.error + np.abs(value) * b.error) / np.abs(b.value) + UNIT * np.abs(value)


def _larger(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    return np.maximum(a.value, b.value), np.maximum(a.error, b.error)


def _smaller(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    return np.minimum(a.value, b.value), np.maximum(a.error, b.error)


_ARITHMETIC: dict[str, Callable[..., tuple[np.ndarray, Any]]] = {
    "Add": _add,
    "AddV2": _add,
    "BiasAdd": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "RealDiv": _divide,
    "Maximum": _larger,
    "Minimum": _smaller,
    "Neg": lambda a: (-a.value, a.error),
    "Abs": lambda a: (np.abs(a.value), a.error),
    "Rsqrt": _unary(lambda x: 1 / np.sqrt(x), lambda x, y: y / (2 * x), _RSQRT_UNITS),
    "Sqrt": _unary(np.sqrt, lambda x, y: 1 / (2 * y), 1),
    "Square": _unary(np.square, lambda x, y: 2 * x, 1),
    "Exp": _unary(np.exp, lambda x, y: y, 2),
    "Reciprocal": _unary(lambda x: 1 / x, lambda x, y: y / x, 1),
    "Pow": lambda a, b: (np.power(a.value, b.value), 4 * UNIT * np.abs(np.power(a.value, b.value))),
}


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


def evaluate(
    nodes: Sequence[Mapping[str, Any]], constants: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]
) -> dict[str, Constant]:
    """Every tensor of the graph that depends on constants and variables only.

    Args:
        nodes: of `graphdef.read`, each behind what it reads.
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
    variables = frozenset().union(*(constant.variables for constant in inputs))
    made = (*(name for constant in inputs for name in constant.nodes), node["name"])
    op = node["op"]
    if op in _ARITHMETIC and all(np.issubdtype(constant.value.dtype, np.number) for constant in inputs):
        value, error = _ARITHMETIC[op](*inputs)
        if not np.issubdtype(value.dtype, np.floating):
            error = 0.0
        yield Constant(value=value, error=error, variables=variables, nodes=made)
        return
    arrays = [constant.value for constant in inputs]
    if op in ("ConcatV2", "Pack"):
        parts = inputs[:-1] if op == "ConcatV2" else inputs
        axis = int(arrays[-1]) if op == "ConcatV2" else int(node["attributes"].get("axis", 0))
        join = np.concatenate if op == "ConcatV2" else np.stack
        values = join([constant.value for constant in parts], axis=axis)
        errors = join([np.broadcast_to(constant.error, constant.value.shape) for constant in parts], axis=axis)
        yield Constant(value=values, error=errors if errors.any() else 0.0, variables=variables, nodes=made)
    elif op in ("Split", "SplitV", "Unpack"):
        data = inputs[1] if op == "Split" else inputs[0]
        if op == "Split":
            axis, spots = int(arrays[0]), node["attributes"]["num_split"]
        elif op == "SplitV":
            axis, spots = int(arrays[2]), np.cumsum(arrays[1])[:-1]
        else:
            axis = int(node["attributes"].get("axis", 0))
            spots = data.value.shape[axis]
        errors = np.broadcast_to(data.error, data.value.shape)
        for value, error in zip(np.split(data.value, spots, axis), np.split(errors, spots, axis), strict=True):
            if op == "Unpack":
                value, error = value.squeeze(axis), error.squeeze(axis)
            yield Constant(value=value, error=error if error.any() else 0.0, variables=variables, nodes=made)
    else:
        moved = _moved(arrays[0], arrays, node)
        if moved is not None:
            carried: Any = inputs[0].error
            if np.ndim(carried):
                spread = np.broadcast_to(carried, arrays[0].shape)
                carried = _moved(spread, [spread, *arrays[1:]], node)
            yield Constant(value=moved, error=carried, variables=variables, nodes=made)


def _wide(array: np.ndarray) -> np.ndarray:
    """Floats of any width as float64; views of the network's own float32 are made wide only where they are computed with."""
    return array.astype(np.float64) if array.dtype.kind == "f" and array.size <= 65536 else array


def linears(nodes: Sequence[Mapping[str, Any]], known: Mapping[str, Constant]) -> list[Linear]:
    """Every linear operation whose kernel is constant, with the ways to fold its neighbours into it."""
    graph = _Neighbours(nodes)
    rows = []
    for node in nodes:
        found = _kernel(node, known)
        if found is None or f"{node['name']}:0" in known:
            continue
        kernel, axes, data = found
        channels = int(np.prod([kernel.value.shape[axis] for axis in axes]))
        after = list(_downstream(graph, known, f"{node['name']}:0", channels))
        before = [_IDENTITY]
        if node["op"] in ("MatMul", "BatchMatMulV2", "BatchMatMul", "Conv2D", "Conv3D"):
            before = list(_upstream(graph, known, data, kernel.value.shape[-2]))
        if node["op"] in ("Conv2D", "Conv3D"):
            # An offset would meet the zeros of the padding: only scales move into a convolution.
            before = [way for way in before if not np.any(way.offset.value)]
        rows.append(Linear(node=node["name"], op=node["op"], kernel=kernel, axes=axes, before=before, after=after))
    return rows


def folded(linear: Linear, before: Affine, after: Affine) -> tuple[Callable[[], Constant], Constant]:
    """Kernel and bias of a linear operation with its neighbours folded in.

    Returns:
        A function that computes the kernel, in TensorFlow's layout, as it may be large; and the bias [channels].
    """
    kernel = linear.kernel
    channels = [kernel.value.shape[axis] if axis in linear.axes else 1 for axis in range(kernel.value.ndim)]

    def spread(constant: Constant, shape: Sequence[int]) -> Constant:
        if constant.value.size == 1:
            return constant
        error = constant.error if np.ndim(constant.error) == 0 else np.reshape(constant.error, shape)
        return Constant(value=constant.value.reshape(shape), error=error, variables=constant.variables, nodes=constant.nodes)

    def compute() -> Constant:
        result = kernel
        if before.steps:
            result = _product(result, spread(before.scale, (-1, 1)))
        if after.steps:
            result = _product(result, spread(after.scale, channels))
        return result

    bias = after.offset
    if before.steps and np.any(before.offset.value):
        matrix = kernel.value.astype(np.float64)
        vector = np.broadcast_to(before.offset.value, matrix.shape[-2:-1])
        value = vector @ matrix
        error = np.broadcast_to(before.offset.error, vector.shape) @ np.abs(matrix)
        error = error + matrix.shape[-2] * UNIT * (np.abs(vector) @ np.abs(matrix))
        carried = Constant(value=value, error=error, variables=before.offset.variables | kernel.variables)
        bias = _sum(_product(carried, after.scale), after.offset)
    return compute, bias


def operands(nodes: Sequence[Mapping[str, Any]], known: Mapping[str, Constant]) -> list[Operand]:
    """Constants that an operation reads, and products or sums of those that operations in a row read."""
    graph = _Neighbours(nodes)
    rows = []
    for node in nodes:
        if f"{node['name']}:0" in known:
            continue
        for reference in node["inputs"]:
            if reference in known:
                rows.append(Operand(constant=known[reference], steps=(node["name"],)))
                constant = known[reference]
                if node["op"] == "RealDiv" and reference == node["inputs"][1]:
                    value, error = _divide(Constant(value=np.ones(())), constant)
                    rows.append(
                        Operand(constant=Constant(value=value, error=error, variables=constant.variables), steps=(node["name"],))
                    )
            elif _step(node, reference, known) is not None:
                rows += _runs(graph, known, reference, node)
    return rows


def _runs(graph: "_Neighbours", known: Mapping[str, Constant], reference: str, first: Mapping[str, Any]) -> Iterator[Operand]:
    """Merged constants of runs of two and more operations that begin with `first` and only scale, or only shift."""
    step = _step(first, reference, known)
    if step is None:
        return
    states: list[tuple[Affine, str, tuple[str, ...]]] = [(step, f"{first['name']}:0", (first["name"],))]
    while states:
        so_far, at, steps = states.pop()
        for node in graph.readers.get(at, ()):
            following = _step(node, at, known)
            if following is None or len(steps) == _LONGEST_RUN:
                continue
            try:
                joined = _compose(so_far, following)
            except ValueError:  # shapes that do not broadcast: no run
                continue
            names = (*steps, node["name"])
            states.append((joined, f"{node['name']}:0", names))
            for constant in (joined.scale, joined.offset):
                if constant.variables or constant.nodes:
                    yield Operand(constant=constant, steps=names)


_ONE = Constant(value=np.ones(1))
_ZERO = Constant(value=np.zeros(1))
_IDENTITY = Affine(scale=_ONE, offset=_ZERO)


class _Neighbours:
    """Who makes and who reads each tensor."""

    def __init__(self, nodes: Sequence[Mapping[str, Any]]) -> None:
        self.makers = {node["name"]: node for node in nodes}
        self.readers: dict[str, list[Mapping[str, Any]]] = {}
        for node in nodes:
            for reference in dict.fromkeys(node["inputs"]):
                self.readers.setdefault(reference, []).append(node)


def _kernel(node: Mapping[str, Any], known: Mapping[str, Constant]) -> tuple[Constant, tuple[int, ...], str] | None:
    """Kernel in TensorFlow's layout, its output axes, and the reference of the data; None for another operation."""
    op, inputs, attributes = node["op"], node["inputs"], node["attributes"]
    if op in ("Conv2D", "Conv3D", "DepthwiseConv2dNative") and inputs[1] in known:
        kernel = known[inputs[1]]
        return kernel, (2, 3) if op == "DepthwiseConv2dNative" else (kernel.value.ndim - 1,), inputs[0]
    if op in ("Conv2DBackpropInput", "Conv3DBackpropInputV2") and inputs[1] in known:
        return known[inputs[1]], (known[inputs[1]].value.ndim - 2,), inputs[2]
    if op in ("MatMul", "BatchMatMulV2", "BatchMatMul") and inputs[1] in known and known[inputs[1]].value.ndim >= 2:
        kernel = known[inputs[1]]
        if attributes.get("transpose_b") or attributes.get("adj_y"):
            kernel = Constant(value=np.swapaxes(kernel.value, -1, -2), variables=kernel.variables, nodes=kernel.nodes, error=0.0)
        return kernel, (kernel.value.ndim - 1,), inputs[0]
    return None


def _downstream(graph: _Neighbours, known: Mapping[str, Constant], start: str, channels: int) -> Iterator[Affine]:
    """What may be folded into an operation from behind it: nothing, one operation, two, and so on."""
    yield _IDENTITY
    states = [(_IDENTITY, start, 0)]
    while states:
        affine, at, passed = states.pop()
        for node in graph.readers.get(at, ()):
            if node["op"] in _PASS and node["inputs"][0] == at:
                if passed < _LONGEST_RUN:
                    states.append((affine, f"{node['name']}:0", passed + 1))
                continue
            step = _step(node, at, known, channels=channels)
            if step is not None and len(affine.steps) < _LONGEST_RUN:
                joined = _compose(affine, step)
                yield joined
                states.append((joined, f"{node['name']}:0", passed))


def _upstream(graph: _Neighbours, known: Mapping[str, Constant], reference: str, channels: int) -> Iterator[Affine]:
    yield _IDENTITY
    affine = _IDENTITY
    for _ in range(2 * _LONGEST_RUN):
        node = graph.makers.get(reference.split(":")[0])
        if node is None:
            return
        if node["op"] in (*_PASS, "Pad"):
            reference = node["inputs"][0]
            continue
        data = [entry for entry in node["inputs"] if entry not in known]
        step = _step(node, data[0], known, channels=channels) if len(data) == 1 else None
        if step is None:
            return
        affine = _compose(step, affine)
        yield affine
        reference = data[0]


def _step(node: Mapping[str, Any], data: str, known: Mapping[str, Constant], *, channels: int | None = None) -> Affine | None:
    """An operation as scale and offset of `data`, or None when it is no such thing.

    With `channels`, its constants are flattened to that many entries, or one; without, they keep their shape.
    """
    op, inputs = node["op"], node["inputs"]
    others = [entry for entry in inputs if entry != data]
    if any(entry not in known for entry in others) or len(others) != len(inputs) - 1:
        return None
    name = node["name"]
    if op == "Neg":
        return Affine(scale=Constant(value=-np.ones(1)), offset=_ZERO, steps=(name,))
    if op == "FusedBatchNormV3" and inputs[0] == data and not node["attributes"].get("is_training"):
        gamma, beta, mean, variance = (known[entry] for entry in inputs[1:5])
        epsilon = Constant(value=np.asarray(np.float32(node["attributes"]["epsilon"]), np.float64))
        root = _made(*_ARITHMETIC["Rsqrt"](_sum(variance, epsilon)), variance)
        scale = _product(root, gamma)
        return Affine(scale=scale, offset=_made(*_subtract(beta, _product(mean, scale)), beta, mean, scale), steps=(name,))
    if op not in ("Add", "AddV2", "BiasAdd", "Sub", "Mul", "RealDiv") or len(others) != 1:
        return None
    constant = known[others[0]]
    if not np.issubdtype(constant.value.dtype, np.floating):
        return None
    if channels is not None:
        # Leading axes of one broadcast; what is left must be one value, or one for each channel.
        if constant.value.size not in (1, channels) or (constant.value.ndim > 3 and max(constant.value.shape[:-2]) > 1):
            return None
        error = constant.error if np.ndim(constant.error) == 0 else np.ravel(constant.error)
        constant = Constant(value=constant.value.reshape(-1), error=error, variables=constant.variables, nodes=constant.nodes)
    first = inputs[0] == data
    if op in ("Add", "AddV2", "BiasAdd"):
        return Affine(scale=_ONE, offset=constant, steps=(name,))
    if op == "Sub":
        negative = Constant(value=-constant.value, error=constant.error, variables=constant.variables, nodes=constant.nodes)
        return (
            Affine(scale=_ONE, offset=negative, steps=(name,))
            if first
            else Affine(scale=Constant(value=-np.ones(1)), offset=constant, steps=(name,))
        )
    if op == "Mul":
        return Affine(scale=constant, offset=_ZERO, steps=(name,))
    if not first:
        return None
    return Affine(scale=_made(*_divide(_ONE, constant), constant), offset=_ZERO, steps=(name,))


def _compose(first: Affine, second: Affine) -> Affine:
    """`second` after `first`."""
    return Affine(
        scale=_product(first.scale, second.scale),
        offset=_sum(_product(first.offset, second.scale), second.offset),
        steps=(*first.steps, *second.steps),
    )


def _made(value: np.ndarray, error: Any, *sources: Constant) -> Constant:
    variables = frozenset().union(*(source.variables for source in sources))
    return Constant(value=value, error=error, variables=variables, nodes=tuple(name for source in sources for name in source.nodes))


def _product(a: Constant, b: Constant) -> Constant:
    if a is _ONE or b is _ONE:
        return b if a is _ONE else a
    if a is _ZERO or b is _ZERO:
        return _ZERO
    return _made(*_multiply(a, b), a, b)


def _sum(a: Constant, b: Constant) -> Constant:
    if a is _ZERO or b is _ZERO:
        return b if a is _ZERO else a
    return _made(*_add(a, b), a, b)

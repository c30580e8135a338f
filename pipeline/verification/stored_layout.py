"""Can a constant be read as its tensor says: shape, bytes, scales and where they lie."""

import numpy as np

from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Subgraph, Tensor


def malformed(found: Tensor) -> str | None:
    """What keeps the codes of a constant from being read as real numbers, in words; None: nothing.

    Args:
        found: a tensor with a constant.
    """
    width = bits_of(found.dtype)
    held = 0 if found.data is None else found.data.size
    wanted = -(-int(np.prod(found.shape, dtype=np.int64)) * width // 8)
    if width and held != wanted:
        return f"holds {held} bytes; {list(found.shape)} of {found.dtype} are {wanted}"
    if found.scales is None:
        return None
    if not width or found.dtype.startswith("float"):
        return f"is {found.dtype} and has scales; expected integers"
    if found.zero_points is None or found.zero_points.size not in (1, found.scales.size):
        count = 0 if found.zero_points is None else found.zero_points.size
        return f"has {found.scales.size} scales and {count} zero points"
    if not np.isfinite(found.scales).all() or (found.scales < 0).any():
        return "has a scale that is not a positive number"
    axis = found.quantized_dimension
    if found.scales.size == 1 and not found.block:
        return None
    if not 0 <= axis < len(found.shape):
        return f"has scales along axis {axis} of {len(found.shape)}"
    length = found.shape[axis]
    if found.block and (length % found.block or found.scales.size * found.block != int(np.prod(found.shape, dtype=np.int64))):
        return f"has {found.scales.size} scales for blocks of {found.block} in {list(found.shape)}"
    if not found.block and found.scales.size != length:
        return f"has {found.scales.size} scales for {length} entries of axis {axis}"
    return None


def same_shape(expected: tuple[int, ...], found: tuple[int, ...], *, broadcasts: bool) -> bool:
    """Whether two shapes hold the same; a single number may be written with any number of axes of one."""
    if expected == found or (set(expected) <= {1} and set(found) <= {1} and max(len(expected), len(found)) <= 1):
        return True
    return broadcasts and _without_ones(expected) == _without_ones(found)


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = next((axis for axis, length in enumerate(shape) if length != 1), len(shape))
    return shape[first:]


def of_constants(subgraph: Subgraph) -> set[int]:
    """Tensors that hold what is looked up in quantized constants, or only moved: weights on their way."""
    found: set[int] = set()
    for operator in subgraph.operators:
        quantized = [number for number in operator.inputs if number >= 0 and subgraph.tensors[number].scales is not None]
        constant = quantized and all(subgraph.tensors[number].data is not None or number in found for number in quantized)
        if operator.name in operators.MOVES | operators.LOOKS_UP and constant:
            found.update(operator.outputs)
    return found


def limits(dtype: str) -> tuple[int, int]:
    """The least and the greatest code of an integer dtype, such as "int4" or "uint8"."""
    bits = bits_of(dtype)
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def value_range(tensor: Tensor) -> tuple[float, float]:
    """The least and the greatest value that a quantized activation can have; zeros without a scale."""
    low, high = limits(tensor.dtype)
    scale = 0.0 if tensor.scales is None else float(tensor.scales[0])
    zero = 0 if tensor.zero_points is None else int(tensor.zero_points[0])
    # 16 bits leave out the least code.
    low = -high if tensor.dtype == "int16" else low
    return (low - zero) * scale, (high - zero) * scale


def bits_of(dtype: str) -> int:
    """Bits of an entry; 0 for what is no number."""
    return int("".join(filter(str.isdigit, dtype)) or 0)

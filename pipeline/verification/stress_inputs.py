"""Values to feed to a part of a network so that a difference shows: like those it meets, far beyond them, and zeros."""

from collections.abc import Iterator, Mapping

import numpy as np

# How far beyond what a tensor holds on samples: past the bounds of clipping activations (6, 20), short of the overflow of exp.
_WIDE = 12.0


def draws(found: Mapping[int, np.ndarray], shapes: Mapping[int, tuple[int, ...]], *, seed: int) -> Iterator[dict[int, np.ndarray]]:
    """Values for each tensor, of which the last are needed only where the first made something that is not finite.

    Args:
        found: entries that each tensor held on samples, by number: any number of floats, all of other dtypes.
        shapes: of the tensors.
        seed: of the draw.

    Yields:
        Arrays by number: zeros; entries drawn from those found, each a little off, and every fourth from a normal distribution of width
        `_WIDE` instead; entries drawn from those found alone. Tensors of other dtypes, whose values may be positions in others, keep
        what was found.
    """
    rng = np.random.default_rng(seed)
    fixed = {number: values for number, values in found.items() if values.dtype.kind != "f"}
    floats = {number: values for number, values in found.items() if number not in fixed}
    yield fixed | {number: np.zeros(shapes[number], values.dtype) for number, values in floats.items()}
    like = {number: _like(values, shapes[number], rng) for number, values in floats.items()}
    yield fixed | {number: _wide(values, rng) for number, values in like.items()}
    yield fixed | like


def _like(values: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return rng.standard_normal(shape, np.float32).astype(values.dtype)
    # Of a tensor that held one value only, that value alone would show little.
    drawn = finite[rng.integers(0, finite.size, shape, np.int32)]
    return np.asarray(drawn * (1 + 0.1 * rng.standard_normal(shape, np.float32)), values.dtype)


def _wide(like: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    far = rng.random(like.shape, np.float32) < 0.25
    return np.where(far, _WIDE * rng.standard_normal(like.shape, np.float32), like).astype(like.dtype)

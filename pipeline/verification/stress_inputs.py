"""Values to feed to a part of a network so that a difference shows: like those it meets, far beyond them, and zeros."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

# How far beyond what a tensor holds on samples: past the bounds of clipping activations (6, 20), short of the overflow of exp.
_WIDE = 12.0
# Powers of ten between which magnitudes are drawn where entries do not meet.
_MAGNITUDES = (-4.0, 4.0)
# Between which shares of a number that a tensor may be compared with.
_NEAR = (0.3, 3.0)


# So many entries are drawn and then repeated: drawing takes longer than computing with them. A prime falls in with no shape.
_POOL = 65521


class Draw(NamedTuple):
    """Values by tensor number; `apart`: they differ in size by so much that each result must be judged by itself; `spare`: needed
    only where no draw before but zeros made what is finite everywhere."""

    values: dict[int, np.ndarray]
    apart: bool = False
    spare: bool = False


def draws(
    found: Mapping[int, np.ndarray],
    shapes: Mapping[int, tuple[int, ...]],
    *,
    seed: int,
    meeting: bool,
    around: Sequence[float] = (),
    bending: bool = True,
    choosing: bool = True,
) -> Iterator[Draw]:
    """Values for each tensor.

    Args:
        found: entries that each tensor held on samples, by number: any number of floats, all of other dtypes.
        shapes: of the tensors.
        seed: of the draw.
        meeting: entries of a tensor meet in a sum or a product.
        around: numbers that a tensor may be compared with, such as the bounds of a clip.
        bending: what is made of the values may be flat where they are large or of one sign, so that these show little.
        choosing: truth values may be others than those found.

    Yields:
        Zeros; unless they meet, magnitudes of all sizes and both signs, half of them near those of `around`; entries drawn from
        those found, each a little off, and every fourth from a normal distribution of width `_WIDE` instead; the same with the
        other sign; entries drawn from those found alone. Truth values are drawn but in the first, if they may be. Integers, whose
        values may be positions in others, keep what was found but in the last, where they are off by one or near `around`.
    """
    rng = np.random.default_rng(seed)
    fixed = {number: values for number, values in found.items() if values.dtype.kind != "f"}
    floats = {number: values for number, values in found.items() if number not in fixed}
    integers = {number: values for number, values in fixed.items() if values.dtype.kind in "iu"}
    truths = {number: rng.random(values.shape) < 0.5 for number, values in fixed.items() if choosing and values.dtype.kind == "b"}

    def spread(pools: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        return (
            fixed
            | truths
            | {number: np.resize(pool.astype(floats[number].dtype), shapes[number]) for number, pool in pools.items()}
        )

    yield Draw(fixed | {number: np.zeros(shapes[number], values.dtype) for number, values in floats.items()})
    if not meeting:
        sizes = {number: _magnitudes(_count(shapes[number]), around, rng) for number in floats}
        yield Draw(spread(sizes), apart=True)
    like = {number: _like(values, _count(shapes[number]), rng) for number, values in floats.items()}
    wide = {number: _wide(pool, rng) for number, pool in like.items()}
    yield Draw(spread(wide))
    if bending and floats:
        yield Draw(spread({number: -pool for number, pool in wide.items()}))
    yield Draw(spread(like), spare=not bending)
    if integers:
        yield Draw(spread(like) | {number: _other(values, around, rng) for number, values in integers.items()})


def _count(shape: tuple[int, ...]) -> int:
    return min(_POOL, int(np.prod(shape, dtype=np.int64)))


def _magnitudes(count: int, around: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    sizes = 10 ** rng.uniform(*_MAGNITUDES, count)
    if len(around):
        near = np.abs(rng.choice(around, count)) * rng.uniform(*_NEAR, count)
        sizes = np.where(rng.random(count) < 0.5, near, sizes)
    return np.where(rng.random(count) < 0.5, -1, 1) * sizes


def _other(values: np.ndarray, around: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Integers that are not those found."""
    drawn = values.astype(np.int64)
    if len(around):
        drawn = np.where(rng.random(values.shape) < 0.5, rng.choice(around, values.shape), drawn)
    drawn = drawn + rng.integers(-1, 2, values.shape)
    limits = np.iinfo(values.dtype)
    # Where kernels agree below zero is no question for what is never there.
    least = limits.min if values.size and values.min() < 0 else 0
    return np.asarray(np.clip(drawn, least, limits.max), values.dtype)


def _like(values: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return rng.standard_normal(count)
    # Of a tensor that held one value only, that value alone would show little.
    return np.asarray(finite[rng.integers(0, finite.size, count)] * (1 + 0.1 * rng.standard_normal(count)))


def _wide(like: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(like.size) < 0.25, _WIDE * rng.standard_normal(like.size), like)

"""Values to feed to a part of a network so that a difference shows: like those it meets, far beyond them, and zeros."""

from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple

import numpy as np

# How far beyond what a tensor holds on samples: past the bounds of clipping activations (6, 20), short of the overflow of exp.
_WIDE = 12.0
# Powers of ten between which magnitudes are drawn where entries do not meet.
_MAGNITUDES = (-4.0, 4.0)


# So many entries are drawn and then repeated: drawing takes longer than computing with them. A prime falls in with no shape.
_POOL = 65521


class Draw(NamedTuple):
    """Values by tensor number; `apart`: they differ in size by so much that each result must be judged by itself."""

    values: dict[int, np.ndarray]
    apart: bool = False


def draws(
    found: Mapping[int, np.ndarray],
    shapes: Mapping[int, tuple[int, ...]],
    *,
    seed: int,
    meeting: bool,
    numbers: Set[int] = frozenset(),
    choosing: bool = True,
    given: Set[int] = frozenset(),
) -> Iterator[Draw]:
    """Values for each tensor, of which the last are needed only where the others made something that is not finite.

    Args:
        found: entries that each tensor held on samples, by number: any number of floats, all of other dtypes.
        shapes: of the tensors.
        seed: of the draw.
        meeting: entries of a tensor meet in a sum or a product.
        numbers: which of the integers are numbers like others, not positions or lengths.
        choosing: truth values may be others than those found.
        given: tensors that no input's values change: floats hold what was found, of which there is all; whole numbers are lengths.

    Yields:
        Zeros; unless they meet, magnitudes of all sizes and both signs; entries drawn from those found, each a little off, and
        every fourth from a normal distribution of width `_WIDE` instead; entries drawn from those found alone. Truth values and
        `numbers` are drawn anew each time, the former if `choosing`; other integers stay what was found.
    """
    rng = np.random.default_rng(seed)
    floats = {number: values for number, values in found.items() if values.dtype.kind == "f" and number not in given}
    whole = {
        number: values
        for number, values in found.items()
        if (choosing and values.dtype.kind == "b") or number in numbers - set(floats)
    }
    fixed = {number: values for number, values in found.items() if number not in floats and number not in whole}

    def spread(pools: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        drawn = {number: np.resize(pool.astype(floats[number].dtype), shapes[number]) for number, pool in pools.items()}
        return (
            fixed
            | drawn
            | {number: _whole(values, shapes[number], rng, lengths=number in given) for number, values in whole.items()}
        )

    yield Draw(spread({number: np.zeros(_count(shapes[number])) for number in floats}))
    if not meeting:
        yield Draw(spread({number: _magnitudes(_count(shapes[number]), rng) for number in floats}), apart=True)
    like = {number: _like(values, _count(shapes[number]), rng) for number, values in floats.items()}
    yield Draw(spread({number: _wide(pool, rng) for number, pool in like.items()}))
    yield Draw(spread(like))


def _count(shape: tuple[int, ...]) -> int:
    return min(_POOL, int(np.prod(shape, dtype=np.int64)))


def _whole(values: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator, *, lengths: bool) -> np.ndarray:
    if values.dtype.kind == "b":
        return np.resize(rng.random(_count(shape)) < 0.5, shape)
    most = min(int(np.abs(values).max(initial=0)) + 1, np.iinfo(values.dtype).max)
    # TensorFlow ends the process where a length of a transposed convolution is negative (oneDNN, TensorFlow 2.21).
    least = 1 if lengths else -most if values.dtype.kind == "i" else 0
    return np.resize(rng.integers(least, most, _count(shape), endpoint=True).astype(values.dtype), shape)


def _magnitudes(count: int, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(count) < 0.5, -1, 1) * 10 ** rng.uniform(*_MAGNITUDES, count)


def _like(values: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return rng.standard_normal(count)
    # Of a tensor that held one value only, that value alone would show little.
    return np.asarray(finite[rng.integers(0, finite.size, count)] * (1 + 0.1 * rng.standard_normal(count)))


def _wide(like: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(like.size) < 0.25, _WIDE * rng.standard_normal(like.size), like)

"""LiteRT's kernels against each other: with XNNPACK, which reorders and rewrites operators, and the built-in ones alone."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from pipeline.equivalence import local_comparison
from pipeline.runtime import interpreter


def compare(model: bytes, samples: Sequence[Mapping[int, np.ndarray]], outputs: Mapping[str, int]) -> dict[str, float | None]:
    """How far the outputs with XNNPACK are from those without, in units of what rounding allows (`local_comparison.excess`).

    Args:
        model: a float file.
        samples: inputs by tensor number, in the tensors' own dtypes.
        outputs: tensor numbers by name.

    Returns:
        The largest of all samples by output; None where the two differ by something that is not finite, or XNNPACK refuses the
        file.
    """
    shapes = {number: array.shape for number, array in samples[0].items()}
    plain = interpreter.opened(model, delegate=False, shapes=shapes)
    try:
        default = interpreter.opened(model, delegate=True, shapes=shapes)
    except (ValueError, RuntimeError):
        return dict.fromkeys(outputs)
    worst = dict.fromkeys(outputs, 0.0)
    reopened = cache(partial(_rounded, model, shapes))
    for sample in samples:
        found, expected = _run(default, sample, outputs), _run(plain, sample, outputs)
        moved = _run(plain, {number: local_comparison.nudged(array) for number, array in sample.items()}, outputs)
        otherwise = cache(partial(_again, reopened, sample, outputs))
        for name in outputs:
            excess = local_comparison.excess(
                found[name],
                expected[name],
                nudged=partial(moved.__getitem__, name),
                rounded=partial(_of, otherwise, name),
            )
            worst[name] = max(worst[name], excess)
    return {name: value if np.isfinite(value) else None for name, value in worst.items()}


def _run(opened: Any, sample: Mapping[int, np.ndarray], outputs: Mapping[str, int]) -> dict[str, np.ndarray]:
    opened.reset_all_variables()
    for number, array in sample.items():
        opened.set_tensor(number, array)
    opened.invoke()
    return {name: opened.get_tensor(number) for name, number in outputs.items()}


def _rounded(model: bytes, shapes: Mapping[int, tuple[int, ...]]) -> Any:
    """The file opened with rounding between its operators; None where LiteRT refuses that."""
    try:
        return interpreter.opened(local_comparison.between(model), delegate=False, shapes=shapes)
    except (ValueError, RuntimeError):
        return None


def _again(
    reopened: Callable[[], Any], sample: Mapping[int, np.ndarray], outputs: Mapping[str, int]
) -> dict[str, np.ndarray] | None:
    opened = reopened()
    return None if opened is None else _run(opened, sample, outputs)


def _of(found: Callable[[], dict[str, np.ndarray] | None], name: str) -> np.ndarray | None:
    values = found()
    return None if values is None else values[name]

"""The whole file beside the network, where it leaves a batch or lengths free: on several samples at once, or other lengths."""

from collections.abc import Mapping, Sequence
from functools import cache, partial

import numpy as np

from pipeline.equivalence import local_comparison
from pipeline.equivalence.cut_points import Network
from pipeline.runtime import plain


def compare(
    network: Network,
    model: bytes,
    samples: Sequence[Mapping[str, np.ndarray]],
    *,
    inputs: Mapping[str, int],
    outputs: Mapping[str, int],
) -> dict[str, float | None]:
    """How far the file's outputs for all samples at once, perhaps one, are from the network's (`local_comparison.excess`).

    Args:
        network: the original network.
        model: a float file with a free batch, or free lengths.
        samples: inputs [1, ...] by the network's names.
        inputs, outputs: tensor numbers of the file by the network's names.

    Returns:
        The difference by output; None where it is not finite or the shapes differ. Empty when the network does not take them.

    Raises:
        plain.Refused: when LiteRT does not run the file on them.
    """
    together = {name: np.concatenate([sample[name] for sample in samples]) for name in samples[0]}

    def computed(given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        feeds = {network.inputs[name]: array for name, array in given.items()}
        return dict(zip(outputs, network.run([network.outputs[name] for name in outputs], feeds), strict=True))

    try:
        expected = computed(together)
    except RuntimeError:
        return {}

    def run(file: bytes) -> dict[int, np.ndarray | None]:
        given = {inputs[name]: array for name, array in together.items()}
        return plain.tensors(file, given, lambda number, values: values.copy() if number in outputs.values() else None)

    made = run(model)

    @cache
    def moved() -> dict[str, np.ndarray]:
        """Once for all outputs, and only if one needs it."""
        return computed({name: local_comparison.nudged(array) for name, array in together.items()})

    def nudged(name: str) -> np.ndarray:
        return moved()[name]

    @cache
    def rounded() -> dict[int, np.ndarray | None]:
        try:
            return run(local_comparison.between(model))
        except plain.Refused:
            return {}

    def otherwise(number: int) -> np.ndarray | None:
        return rounded().get(number)

    found: dict[str, float | None] = {}
    for name, number in outputs.items():
        values = made[number]
        assert values is not None
        excess = (
            local_comparison.excess(values, expected[name], nudged=partial(nudged, name), rounded=partial(otherwise, number))
            if values.shape == expected[name].shape
            else float("inf")
        )
        found[name] = excess if np.isfinite(excess) else None
    return found

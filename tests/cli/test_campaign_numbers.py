"""Faults of several numbers at once."""

from collections.abc import Callable

import numpy as np

from pipeline.cli import campaign_mutations, campaign_numbers
from pipeline.cli.campaign_files import File
from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph


def both(files: Callable[[str], list[File]], scheme: str, fault: Callable[..., str | None]) -> tuple[Graph, Graph]:
    model = next(file.content for file in files("dense") if (file.engine, file.scheme) == ("litert", scheme))
    content = campaign_mutations.parse(model)
    assert fault(content, np.random.default_rng(0)) is not None
    return flatbuffer.read(model), flatbuffer.read(campaign_mutations.written(content))


def test_a_kernel_keeps_what_it_stands_for_when_its_scale_changes(files: Callable[[str], list[File]]) -> None:
    before, after = both(files, "static_wi8_ai8", campaign_numbers.kernel_rescaled)
    changed = [
        (a, b)
        for a, b in zip(before.tensors, after.tensors, strict=True)
        if a.scales is not None and b.scales is not None and not np.array_equal(a.scales, b.scales)
    ]
    assert changed
    assert all(a.dtype == b.dtype and a.shape == b.shape for a, b in changed)


def test_rows_of_a_constant_are_rolled(files: Callable[[str], list[File]]) -> None:
    before, after = both(files, "float32", campaign_numbers.rows_rolled)
    different = [
        (flatbuffer.values(a), flatbuffer.values(b))
        for a, b in zip(before.tensors, after.tensors, strict=True)
        if a.data is not None and b.data is not None and not np.array_equal(a.data, b.data)
    ]
    ((a, b),) = different
    np.testing.assert_array_equal(np.roll(a, 1, axis=0), b)

from typing import Any

import numpy as np

from pipeline.cli import probes

INPUTS: list[dict[str, Any]] = [
    {"name": "image", "shape": [None, 4, 4, 3], "dtype": "float32"},
    {"name": "tokens", "shape": [1, 50], "dtype": "int32"},
    {"name": "mask", "shape": [1, 50], "dtype": "bool"},
]


def test_two_samples_of_every_input_in_its_shape_and_dtype() -> None:
    found = probes.draw(INPUTS, bound=7)
    assert len(found) == 2
    for sample in found:
        assert {name: (array.shape, array.dtype.name) for name, array in sample.items()} == {
            "image": ((1, 4, 4, 3), "float32"),
            "tokens": ((1, 50), "int32"),
            "mask": ((1, 50), "bool"),
        }
        assert sample["tokens"].min() >= 0
        assert sample["tokens"].max() == 6
    assert np.abs(found[0]["image"]).max() < 6 < found[1]["image"].max() <= 255


def test_the_last_row_of_a_table_is_looked_up() -> None:
    """A file that clips what it looks up makes something else of it."""
    for shape in ([1], [None, 3], [1, 2000]):
        entry = {"name": "tokens", "shape": shape, "dtype": "int64"}
        first, second = (sample["tokens"] for sample in probes.draw([entry], bound=100_000))
        assert second.max() == 99_999
        assert first.shape == second.shape


def test_the_same_every_time() -> None:
    for one, other in zip(probes.draw(INPUTS, bound=7), probes.draw(INPUTS, bound=7), strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_integers_stay_within_the_smallest_table() -> None:
    def lookup(table: str) -> dict[str, object]:
        return {"name": f"of_{table}", "op": "GatherV2", "inputs": [f"{table}:0", "tokens:0"], "attributes": {}}

    nodes = [{"name": "words", "op": "Variable", "path": "words", "inputs": []}, lookup("words"), lookup("kinds")]
    weights, constants = {"words": np.zeros((50, 4))}, {"kinds": np.zeros((3, 4))}
    assert probes.bound({"nodes": nodes}, constants, weights) == 3
    assert probes.bound({"nodes": nodes[:2]}, {}, weights) == 50
    assert probes.bound({"nodes": []}, {}, {}) == 2


def test_free_lengths_and_floats_that_are_positions() -> None:
    inputs: list[dict[str, Any]] = [{"name": "words", "shape": [None, None], "dtype": "float32"}]
    for sample in probes.draw(inputs, bound=7, length=32, positions=True):
        assert sample["words"].shape == (1, 32)
        assert set(np.unique(sample["words"])) == set(range(7))

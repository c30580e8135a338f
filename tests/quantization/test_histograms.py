import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.quantization import histograms

VALUES = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=60)


@given(VALUES, st.integers(1, 40))
def test_counts_are_those_of_numpy(values: list[float], bins: int) -> None:
    """Values a rounding away from an edge may fall on either side of it, so the counts up to each edge differ by those alone."""
    array = np.array(values)
    low, high = array.min(), array.max() + 1
    found = histograms.count(array, low=low, high=high, bins=bins)
    assert found.sum() == len(values)
    edges = np.linspace(low, high, bins + 1)[1:-1]
    near = 1e-9 * (1 + np.abs(edges))
    reached = np.cumsum(found)[:-1]
    assert (reached >= [(array < edge - gap).sum() for edge, gap in zip(edges, near, strict=True)]).all()
    assert (reached <= [(array <= edge + gap).sum() for edge, gap in zip(edges, near, strict=True)]).all()


def test_values_outside_count_for_the_nearest_end() -> None:
    assert histograms.count(np.array([-9.0, 0.1, 9.0, 9.5]), low=0, high=1, bins=2).tolist() == [2, 2]


def test_a_constant_tensor_is_in_the_first_bin() -> None:
    assert histograms.count(np.full((2, 3), 4.0), low=4, high=4, bins=3).tolist() == [6, 0, 0]


def test_streaming_is_the_same_as_all_at_once() -> None:
    rng = np.random.default_rng(0)
    samples = [{"t": rng.normal(size=(5, 5)).astype(np.float32)} for _ in range(7)]
    everything = np.stack([sample["t"] for sample in samples])
    low, high = float(everything.min()), float(everything.max())
    first, second = histograms.collect(iter(samples), {"t": (low, high)}, samples=7, bins=16)["t"]
    assert first.counts.tolist() == histograms.count(everything[:3], low=low, high=high, bins=16).tolist()
    assert second.counts.tolist() == histograms.count(everything[3:], low=low, high=high, bins=16).tolist()
    both = histograms.total((first, second))
    assert both.counts.tolist() == np.histogram(everything, bins=16, range=(low, high))[0].tolist()


def test_memory_does_not_grow_with_the_samples() -> None:
    """A thousand samples of a million values go through; what is kept are two arrays of 16 counts."""
    sample = {"t": np.zeros(1000, np.float32)}
    found = histograms.collect((sample for _ in range(1000)), {"t": (0.0, 1.0)}, samples=1000, bins=16)
    assert [half.counts.nbytes for half in found["t"]] == [128, 128]
    assert histograms.total(found["t"]).counts[0] == 1_000_000


def test_centres_and_width() -> None:
    seen = histograms.Histogram(low=-1, high=1, counts=np.zeros(4, np.int64))
    assert seen.width == 0.5
    np.testing.assert_allclose(seen.centres, [-0.75, -0.25, 0.25, 0.75])
    assert histograms.Histogram(low=2, high=2, counts=np.zeros(4, np.int64)).width == pytest.approx(0)

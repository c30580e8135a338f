import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.batches import batches, side_by_side


@given(n=st.integers(1, 30), batch=st.integers(1, 8), count=st.integers(1, 30))
def test_every_sample_comes_once_in_order_and_batches_are_full(n: int, batch: int, count: int) -> None:
    count = min(n, count)
    data = {"x": np.arange(n * 2).reshape(n, 2)}
    seen = []
    for rows, inputs in batches(data, batch=batch, count=count):
        assert len(inputs["x"]) == batch
        kept = inputs["x"][: rows.stop - rows.start]
        # What fills the batch up is the last sample, never invented data.
        assert (inputs["x"][len(kept) :] == kept[-1]).all()
        seen.append(kept)
    np.testing.assert_array_equal(np.concatenate(seen), data["x"][:count])


def test_a_free_batch_is_one_sample_at_a_time() -> None:
    assert [rows for rows, _ in batches({"x": np.zeros((3, 1))}, batch=None)] == [slice(0, 1), slice(1, 2), slice(2, 3)]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order_and_few_items_are_taken_ahead(workers: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for i in range(30):
            taken.append(i)
            yield i

    def slow_at_first(i: int) -> int:
        time.sleep(0.02 if i % 7 == 0 else 0)
        return i * i

    for number, result in enumerate(side_by_side(slow_at_first, items(), workers=workers)):
        assert result == number**2
        assert len(taken) <= number + 1 + 2 * workers


def test_an_error_of_a_worker_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda i: 1 // i, [2, 1, 0], workers=2))

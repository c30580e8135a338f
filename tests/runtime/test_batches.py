import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.batches import batches


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

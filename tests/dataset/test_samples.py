import numpy as np
import pytest

from pipeline.dataset.samples import Dataset


def test_classes_are_optional_and_the_rest_is_not() -> None:
    dataset = Dataset(ids=["a"], labels=None, split=None, read=lambda i: {"x": np.zeros(i)})
    assert dataset.classes is None
    assert dataset.read(2)["x"].shape == (2,)
    with pytest.raises(TypeError, match="missing"):
        Dataset(ids=["a"])  # type: ignore[call-arg]
